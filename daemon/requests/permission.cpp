#include "daemon/requests/permission.h"

#include <memory>
#include <optional>
#include <utility>

#include "base/error.h"
#include "events/journal.h"

namespace unionroot::daemon {

namespace {

// One question to enter another user's session, one to be another user in it.
constexpr std::size_t most_questions = 2;

[[noreturn]] void throw_changed() {
  throw base::Error(base::ErrorCode::access_denied, "what polkit was asked about has changed meanwhile", "try again");
}

}  // namespace

void Permission::look_up(const PeerPtr& peer, const OwedPtr& reply, bool interactive, Job job,
                         const Consents& consents) {
  intake_.submit(Work::lookup, peer, reply, [=, this, job = std::move(job)] {
    try {
      job(consents);
    } catch (const Liftable& refusal) {
      if (consents.size() == most_questions) throw_changed();
      Polkit::Asking asking;
      asking.client = peer->name;
      asking.question = refusal.question();
      asking.interactive = interactive;
      asking.user = operations_.user_of_polkit();
      intake_.loop().post([=, this] { answering(reply, [&] { ask(peer, reply, asking, refusal, job, consents); }); });
    }
  });
}

void Permission::ask(const PeerPtr& peer, const OwedPtr& reply, Polkit::Asking asking, const Liftable& refusal, Job job,
                     const Consents& consents) {
  asking.id = polkit_.new_id();
  asking.limit = limit_;
  auto answer = std::make_shared<std::optional<PolkitAnswer>>();
  Parking::Request request;
  request.uid = peer->uid;
  request.ready = [answer, peer] { return answer->has_value() || peer->gone; };
  request.until = Parking::Clock::now() + limit_;
  request.resume = [=, this, id = asking.id, interactive = asking.interactive, job = std::move(job)](Parking::Why why) {
    answering(reply, [&] {
      const auto given = answer->value_or(PolkitAnswer{PolkitAnswer::Kind::not_in_time, {}});
      if (!*answer) polkit_.cancel(id);
      if (why == Parking::Why::stopped) throw_stopping();
      if (peer->gone) throw_left();
      if (given.kind != PolkitAnswer::Kind::permitted) throw refusal_after(refusal, given);
      events::Event event{events::Kind::request_permitted};
      event.who = events::User{peer->uid, {}};
      event.request = refusal.question().action;
      events::tell_journal(event);
      Consents more = consents;
      more.add(refusal.question());
      look_up(peer, reply, interactive, job, more);
    });
  };
  // Before polkit is asked: the limit of parked requests may refuse this one.
  intake_.parking().park(std::move(request));
  polkit_.ask(std::move(asking), [this, answer](PolkitAnswer given) {
    *answer = std::move(given);
    intake_.parking().look();
  });
}

void Permission::require(const PeerPtr& peer, const OwedPtr& reply, bool interactive,
                         const session::SessionView& session, Operations::Verb verb, std::function<void()> work) {
  // Root needs no lookup, and never waits for a name service.
  if (peer->uid == 0) return work();
  look_up(peer, reply, interactive,
          [this, peer, reply, session, verb, work = std::move(work)](const Consents& consents) {
            operations_.require_session_access(identity(*peer), session, verb, consents);
            intake_.loop().post([reply, work] { answering(reply, work); });
          });
}

}  // namespace unionroot::daemon
