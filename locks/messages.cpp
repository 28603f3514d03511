#include "locks/messages.h"

#include <algorithm>
#include <ctime>

#include "base/clock.h"
#include "base/text.h"
#include "base/time_text.h"

namespace unionroot::locks {

LockedError::LockedError(std::string message, std::string hint, std::vector<LockInfo> holders)
    : Error(base::ErrorCode::source_locked, std::move(message), std::move(hint)), holders_(std::move(holders)) {}

}  // namespace unionroot::locks

namespace unionroot::locks::detail {

using base::concat;
using base::printable;

namespace {

std::string since_text(std::int64_t since) {
  if (since <= 0) return {};
  return concat(" since ", base::local_time(since), " (", age_text(base::now_microseconds() - since), " ago)");
}

std::string process_text(const LockInfo& info, bool with_command) {
  const auto& process = info.owner.process;
  if (process.pid <= 0) return ", held by an unknown process (the content of its lock file cannot be read)";
  if (base::is_alive(process)) {
    const auto command = with_command ? base::command_of(process.pid) : std::string();
    return concat(", pid ", process.pid, command.empty() ? "" : concat(" (", command, ")"));
  }
  if (info.state == LockState::preserved) return ", which nobody runs now";
  return concat(", begun by pid ", process.pid, ", which is gone while its commands still run");
}

// A change that is no change of a source tree: a session has something to itself, such as what an overlay inside it
// writes to, or a file system without a union.
bool has_for_itself(const LockOwner& owner) {
  return owner.holder == LockHolder::session || owner.holder == LockHolder::automatic_session;
}

// Who asked the daemon for the session, in the file of a former version.
std::string begun_by(const std::string& purpose) {
  const auto found = purpose.find(", begun by: ");
  return found == std::string::npos ? std::string() : printable(std::string_view(purpose).substr(found));
}

std::string quoted(std::string_view text) { return concat("'", printable(text), "'"); }

}  // namespace

std::string age_text(std::int64_t microseconds) {
  const auto seconds = std::max<std::int64_t>(microseconds, 0) / 1'000'000;
  if (seconds < 120) return concat(seconds, " s");
  if (seconds < 7200) return concat(seconds / 60, " min");
  if (seconds < 172'800) return concat(seconds / 3600, " h ", seconds % 3600 / 60, " min");
  return concat(seconds / 86'400, " days");
}

std::string describe(const LockInfo& info, uid_t reader) {
  const auto& owner = info.owner;
  const bool with_command = reader == 0 || reader == owner.uid;
  const bool known = owner.process.pid > 0;
  std::string who;
  if (info.kind == LockKind::session)
    who = concat(info.state == LockState::preserved ? "preserved session " : "session ", quoted(owner.session));
  else if (!owner.session.empty())
    who = concat(has_for_itself(owner) ? "session " : "source session ", quoted(owner.session));
  else
    who = known ? concat("source change ", quoted(owner.purpose)) : concat("source change ", quoted(info.file));
  if (known) who += owner.user.empty() ? concat(" of uid ", owner.uid) : concat(" of user ", printable(owner.user));
  if (!owner.session.empty() && with_command) who += begun_by(owner.purpose);
  who += process_text(info, with_command);
  if (known) who += concat(info.state == LockState::waiting ? ", waiting" : ",", since_text(owner.since));
  return who;
}

namespace {

// For whom a change waits that holds back others. Its first words may be all that is read. The names go to `sessions`.
std::string waited_for(const std::vector<Entry>& standing, uid_t reader, std::string& sessions) {
  constexpr std::size_t most = 3;
  std::vector<std::string> texts;
  for (const auto& entry : standing) {
    if (texts.size() == most) break;
    texts.push_back(describe(entry.info, reader));
    if (!entry.info.owner.session.empty()) sessions += concat(" ", printable(entry.info.owner.session));
  }
  const auto more = standing.size() - texts.size();
  return concat("; which waits for ", base::join(texts, "; "), more == 0 ? "" : concat(" and ", more, " more"));
}

}  // namespace

LockedError refusal(std::string_view what, const LockOwner& owner, const std::vector<Entry>& holders,
                    std::chrono::milliseconds waited, const std::vector<Entry>& standing) {
  std::vector<LockInfo> infos;
  std::vector<std::string> texts;
  std::string sessions;
  for (const auto& holder : holders) {
    infos.push_back(holder.info);
    texts.push_back(describe(holder.info, owner.uid));
    if (const auto& session = holder.info.owner.session; !session.empty()) sessions += concat(" ", printable(session));
  }
  const auto& named = owner.chroot.empty() && owner.tree.empty() && !infos.empty() ? infos.front().owner : owner;
  const auto subject = !named.chroot.empty() ? concat("chroot ", quoted(named.chroot)) : quoted(named.tree);
  auto message = what == "changing" && has_for_itself(owner)
                     ? concat("beginning a session on ", subject, ", which needs ", quoted(owner.tree), " to itself: ")
                     : concat(what, " the source tree of ", subject, ": ");
  if (waited.count() > 0)
    message += concat("after waiting for ", waited.count() / 1000, ".", waited.count() % 1000 / 100, " s, ");
  message += concat("it is locked by ", base::join(texts, "; "));
  const bool one_waits = std::any_of(holders.begin(), holders.end(),
                                     [](const Entry& holder) { return holder.info.state == LockState::waiting; });
  if (one_waits && !standing.empty()) message += waited_for(standing, owner.uid, sessions);
  const auto end = sessions.empty() ? std::string() : concat("`unionroot end", sessions, "`, ");
  const auto wait = waited.count() > 0 ? "wait longer" : "wait with --wait";
  return {std::move(message), concat(end, wait, ", or see who holds what with `unionroot locks`"), std::move(infos)};
}

}  // namespace unionroot::locks::detail
