#include "daemon/requests/subscriptions.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace unionroot::daemon {

namespace {

// Of one user who is not root. Each is a message for each event.
constexpr std::ptrdiff_t most_readers = 16;

bool is_of(const std::optional<events::User>& user, uid_t uid, const std::string& name) {
  return user && user->uid == uid && user->name == name;
}

}  // namespace

void Subscriptions::subscribe(const std::string& sender, const ReplyPtr<>& reply) {
  intake_.identified(sender, reply, [this, reply](const PeerPtr& peer) {
    const auto of_user = std::count_if(readers_.begin(), readers_.end(),
                                       [&](const auto& reader) { return reader.second.uid == peer->uid; });
    if (peer->uid != 0 && of_user >= most_readers && !readers_.contains(peer->name))
      throw base::Error(base::ErrorCode::limit_exceeded,
                        base::concat("uid ", peer->uid, " has ", of_user, " programs that are told of events"),
                        "end one of them");
    intake_.submit(Work::lookup, peer, reply, [this, reply, peer] {
      auto user = operations_.name_of(peer->uid);
      reply->send([this, peer, user] {
        if (peer->gone) return false;
        readers_.insert_or_assign(peer->name, Reader{peer->uid, user});
        wanted_ = true;
        return true;
      });
    });
  });
}

void Subscriptions::left(const std::string& client) {
  readers_.erase(client);
  wanted_ = !readers_.empty();
}

std::vector<std::string> Subscriptions::readers(const events::Event& event) const {
  std::vector<std::string> names;
  for (const auto& [name, reader] : readers_)
    if (reader.uid == 0 || is_of(event.owner, reader.uid, reader.user) || is_of(event.who, reader.uid, reader.user))
      names.push_back(name);
  return names;
}

}  // namespace unionroot::daemon
