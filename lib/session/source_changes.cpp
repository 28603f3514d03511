// Source sessions that did not come to a good end: remembered with the tree, until a later one does.
#include <array>
#include <chrono>
#include <ctime>
#include <mutex>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "session/manager_state.h"
#include "session/sources/source.h"

namespace unionroot::session {

using base::concat;
using store::Store;

namespace {

std::string time_for_people(std::int64_t microseconds) {
  const auto seconds = static_cast<std::time_t>(microseconds / 1'000'000);
  std::tm parts{};
  std::array<char, 32> text{};
  if (::localtime_r(&seconds, &parts) == nullptr) return "an unknown time";
  return {text.data(), std::strftime(text.data(), text.size(), "%F %T", &parts)};
}

// A session that was taken up again has its keys once its locks are had; its tree may be away.
std::vector<std::string> trees_of(LiveSession& session) {
  const std::lock_guard guard(session.trees_mutex);
  if (session.trees.empty())
    for (const auto& tree : locked_trees(*session.definition)) session.trees.push_back(tree.key);
  return session.trees;
}

}  // namespace

void Manager::Impl::note_source_trouble(LiveSession& session, const std::string& what) {
  for (const auto& tree : trees_of(session))
    store.put_source_trouble({tree, session.record.id, session.record.owner_name, base::now_microseconds(), what});
  base::log::warning(concat("source session ", session.record.id, " of chroot ", session.record.chroot, ": ", what));
}

void Manager::Impl::note_command_in_source(LiveSession& session, const std::string& command,
                                           const kernel::ProcessEnd& end) {
  if (table.state(session) == store::SessionState::ending) return;  // killed by that: note_source_end says so
  if (end.succeeded()) {
    for (const auto& tree : trees_of(session))
      store.remove_source_trouble(tree, session.record.id, Store::Whose::that_session);
    return;
  }
  if (end.how == kernel::ProcessEnd::How::unknown)
    note_source_trouble(session,
                        concat("how '", command, "' in it ended is not known: the daemon did not run then, or ",
                               "the command's supervisor was killed"));
  else
    note_source_trouble(session, concat("'", command, "' in it ", describe(end)));
}

void Manager::Impl::note_source_end(LiveSession& session) {
  if (const auto running = table.runs_of(session.record.id); running != 0)
    note_source_trouble(session,
                        concat("it was ended while ", running, running == 1 ? " command" : " commands", " ran in it"));
  // Its own trouble stays; that of those before it is over.
  for (const auto& tree : trees_of(session))
    store.remove_source_trouble(tree, session.record.id, Store::Whose::other_sessions);
}

std::optional<std::string> Manager::source_trouble(const definition::Definition& definition) const {
  std::vector<SourceTree> trees;
  try {
    trees = locked_trees(definition);
  } catch (const base::Error&) {
    return std::nullopt;  // no tree, no trouble with it
  }
  for (const auto& tree : trees)
    if (const auto trouble = impl_->store.source_trouble(tree.key))
      return concat(time_for_people(trouble->at), ": the source session ", trouble->session, " of ", trouble->owner,
                    " did not come to a good end: ", trouble->what);
  return std::nullopt;
}

}  // namespace unionroot::session
