#include "cli/lock_listing.h"

#include <nlohmann/json.hpp>

#include "base/process_identity.h"
#include "base/text.h"
#include "cli/output.h"

namespace unionroot::cli {

namespace {

std::string_view word_of(locks::LockKind kind) { return kind == locks::LockKind::source ? "source" : "session"; }

std::string_view word_of(locks::LockState state) {
  switch (state) {
    case locks::LockState::held: return "held";
    case locks::LockState::waiting: return "waiting";
    case locks::LockState::stale: return "stale";
    case locks::LockState::preserved: return "preserved";
  }
  return "held";
}

bool owner_lives(const locks::LockInfo& lock) {
  return lock.state == locks::LockState::held || lock.state == locks::LockState::waiting;
}

std::string command_of(const locks::LockInfo& lock) {
  return owner_lives(lock) ? base::command_of(lock.owner.process.pid) : std::string();
}

// The lock file of a change names no command, since everybody may read it. The process shows its command to those who
// may see it.
std::string purpose_of(const locks::LockInfo& lock) {
  const auto command = lock.owner.session.empty() ? command_of(lock) : std::string();
  return command.empty() ? lock.owner.purpose : command;
}

std::string user_of(const locks::LockOwner& owner) {
  return owner.user.empty() ? std::to_string(owner.uid) : owner.user;
}

}  // namespace

std::string lock_table(const std::vector<locks::LockInfo>& held) {
  std::vector<std::vector<std::string>> rows = {
      {"TREE", "KIND", "STATE", "CHROOT", "SESSION", "USER", "PID", "SINCE", "PURPOSE"}};
  for (const auto& lock : held)
    rows.push_back({lock.owner.tree.empty() ? lock.key : lock.owner.tree, std::string(word_of(lock.kind)),
                    std::string(word_of(lock.state)), lock.owner.chroot, lock.owner.session, user_of(lock.owner),
                    std::to_string(lock.owner.process.pid), format_time(lock.owner.since), purpose_of(lock)});
  return table(rows);
}

nlohmann::json locks_json(const std::vector<locks::LockInfo>& held) {
  auto list = nlohmann::json::array();
  for (const auto& lock : held)
    list.push_back({{"kind", word_of(lock.kind)},
                    {"state", word_of(lock.state)},
                    {"key", lock.key},
                    {"file", base::name_as_utf8(lock.file)},
                    {"tree", base::name_as_utf8(lock.owner.tree)},
                    {"chroot", lock.owner.chroot},
                    {"session", lock.owner.session},
                    {"user", base::name_as_utf8(user_of(lock.owner))},
                    {"uid", lock.owner.uid},
                    {"pid", lock.owner.process.pid},
                    {"command", command_of(lock)},
                    {"purpose", base::as_utf8(lock.owner.purpose)},
                    {"since", lock.owner.since}});
  return {{"locks", std::move(list)}};
}

}  // namespace unionroot::cli
