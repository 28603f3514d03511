#include "session/operations/source_changes.h"

#include <chrono>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "base/time_text.h"
#include "session/sources/source.h"

namespace unionroot::session {

using base::concat;

namespace {

// A session of a former daemon gets its keys when its locks are held again. Its tree may be missing.
std::vector<std::string> trees_of(Session& session) {
  const auto known = session.trees.lock();
  if (known->empty())
    for (const auto& tree : locked_trees(*session.definition)) known->push_back(tree.key);
  return *known;
}

}  // namespace

void note_source_trouble(Parts& parts, Session& session, const std::string& what) {
  for (const auto& tree : trees_of(session))
    parts.store.put_source_trouble(
        {tree, session.identity.id, session.identity.owner_name, base::now_microseconds(), what});
  base::log::warning(
      concat("source session ", session.identity.id, " of chroot ", session.identity.chroot, ": ", what));
}

void note_command_in_source(Parts& parts, Session& session, const std::string& command, const kernel::ProcessEnd& end) {
  if (session.state() == store::SessionState::ending) return;  // the end killed it: note_source_end reports that
  if (end.succeeded()) {
    for (const auto& tree : trees_of(session)) parts.store.remove_source_trouble_of(tree, session.id());
    return;
  }
  if (end.how == kernel::ProcessEnd::How::unknown)
    note_source_trouble(parts, session,
                        concat("how '", command, "' in it ended is not known: the daemon did not run then, or ",
                               "the command's supervisor was killed"));
  else
    note_source_trouble(parts, session, concat("'", command, "' in it ", describe(end)));
}

void note_source_end(Parts& parts, Session& session) {
  if (const auto running = session.running_count(); running != 0)
    note_source_trouble(parts, session,
                        concat("it was ended while ", running, running == 1 ? " command" : " commands", " ran in it"));
  // The session's own trouble stays. That of earlier sessions no longer matters.
  for (const auto& tree : trees_of(session)) parts.store.remove_source_trouble_of_others(tree, session.id());
}

std::optional<std::string> source_trouble(const Parts& parts, const definition::Definition& definition, bool whole) {
  std::vector<SourceTree> trees;
  try {
    trees = locked_trees(definition);
  } catch (const base::Error&) {
    return std::nullopt;  // no tree, no trouble
  }
  for (const auto& tree : trees)
    if (const auto trouble = parts.store.source_trouble(tree.key))
      return concat(base::local_time(trouble->at), ": the source session ", trouble->session, " of ", trouble->owner,
                    " did not come to a good end", whole ? concat(": ", trouble->what) : "");
  return std::nullopt;
}

}  // namespace unionroot::session
