#include "locks/messages.h"

#include <algorithm>
#include <ctime>
#include <set>

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
  return concat(", since ", base::local_time(since), ", ", age_text(base::now_microseconds() - since), " ago");
}

std::string name_of_user(const LockOwner& owner) {
  return owner.user.empty() ? concat("uid ", owner.uid) : printable(owner.user);
}

// Such a source lock does not mean a change of the source tree. A session needs something exclusively: what an overlay
// inside it writes to, or a file system without a union.
bool has_for_itself(const LockOwner& owner) {
  return owner.holder == LockHolder::session || owner.holder == LockHolder::automatic_session;
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

namespace {

// "session w1 (root, since ...)". The process is left out: it is only the daemon.
std::string describe_session(const LockInfo& info) {
  const auto& owner = info.owner;
  const bool changes = info.kind == LockKind::source && !has_for_itself(owner);
  const bool alone = info.state != LockState::preserved && !base::is_alive(owner.process);
  return concat(changes ? "source session " : "session ", printable(owner.session), " (", name_of_user(owner),
                since_text(owner.since), info.state == LockState::preserved ? "; preserved, no daemon has it" : "",
                alone ? "; its commands still run without a daemon" : "", ")");
}

// "root's `unionroot lock sid -- make` (pid 12, since ...)". Only root and the lock's owner see the command line.
std::string describe_change(const LockInfo& info, uid_t reader) {
  const auto& owner = info.owner;
  auto command = reader == 0 || reader == owner.uid ? base::command_of(owner.process.pid) : std::string();
  if (command.empty()) command = printable(owner.purpose);
  return concat(name_of_user(owner), "'s `", command, "` (pid ", owner.process.pid, since_text(owner.since), ")");
}

std::string describe(const LockInfo& info, uid_t reader) {
  if (info.owner.process.pid <= 0 && !info.owner.session.empty())
    return concat("session ", printable(info.owner.session), ", whose lock file ", printable(info.file),
                  " cannot be read");
  if (info.owner.process.pid <= 0) return concat("a change whose lock file ", printable(info.file), " cannot be read");
  return info.owner.session.empty() ? describe_change(info, reader) : describe_session(info);
}

// Names the sessions for which a waiting change waits. Only some are named, to keep the message short.
std::string waited_for(const std::vector<Entry>& standing, uid_t reader) {
  constexpr std::size_t most = 3;
  std::vector<std::string> texts;
  for (const auto& entry : standing) {
    if (texts.size() == most) break;
    texts.push_back(describe(entry.info, reader));
  }
  const auto more = standing.size() - texts.size();
  return concat(" for ", base::join(texts, " and "), more == 0 ? "" : concat(" and ", more, " more"));
}

}  // namespace

std::string in_the_way(const std::vector<Entry>& holders, const std::vector<Entry>& standing, uid_t reader) {
  std::vector<std::string> using_it, waiting;
  for (const auto& holder : holders)
    (holder.info.state == LockState::waiting ? waiting : using_it).push_back(describe(holder.info, reader));
  std::vector<std::string> texts;
  if (!using_it.empty()) texts.push_back(concat("it is in use by ", base::join(using_it, "; ")));
  if (!waiting.empty())
    texts.push_back(concat(base::join(waiting, "; "), waiting.size() == 1 ? " waits" : " wait",
                           standing.empty() ? "" : waited_for(standing, reader), "; later sessions have to wait for ",
                           waiting.size() == 1 ? "it" : "them"));
  return base::join(texts, "; ");
}

namespace {

// The sessions' names as arguments of `unionroot end`. A session with two lock files is named once.
std::string sessions_among(const std::vector<Entry>& holders, const std::vector<Entry>& standing) {
  std::string names;
  std::set<std::string> added;
  const auto add = [&](const Entry& entry) {
    const auto& session = entry.info.owner.session;
    if (!session.empty() && added.insert(session).second) names += concat(" ", printable(session));
  };
  std::for_each(holders.begin(), holders.end(), add);
  std::for_each(standing.begin(), standing.begin() + std::min<std::ptrdiff_t>(std::ssize(standing), 3), add);
  return names;
}

}  // namespace

LockedError refusal(std::string_view what, const LockOwner& owner, const std::vector<Entry>& holders,
                    std::chrono::milliseconds waited, const std::vector<Entry>& standing) {
  std::vector<LockInfo> infos;
  for (const auto& holder : holders) infos.push_back(holder.info);
  const auto& named = owner.chroot.empty() && owner.tree.empty() && !infos.empty() ? infos.front().owner : owner;
  const auto subject = !named.chroot.empty() ? concat("chroot ", quoted(named.chroot)) : quoted(named.tree);
  auto message = what == "changing" && has_for_itself(owner)
                     ? concat("beginning a session on ", subject, ", which needs ", quoted(owner.tree), " to itself: ")
                     : concat(what, " the source tree of ", subject, ": ");
  if (waited.count() > 0)
    message += concat("after waiting for ", waited.count() / 1000, ".", waited.count() % 1000 / 100, " s, ");
  const bool one_waits = std::any_of(holders.begin(), holders.end(),
                                     [](const Entry& holder) { return holder.info.state == LockState::waiting; });
  const auto behind = one_waits ? standing : std::vector<Entry>();
  message += in_the_way(holders, behind, owner.uid);
  const auto sessions = sessions_among(holders, behind);
  const auto end = sessions.empty() ? std::string() : concat("`unionroot end", sessions, "`, ");
  const auto wait = waited.count() > 0 ? "wait longer" : "wait with --wait";
  return {std::move(message), concat(end, wait, ", or see who holds what with `unionroot locks`"), std::move(infos)};
}

}  // namespace unionroot::locks::detail
