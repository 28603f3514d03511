#include "session/listing.h"

#include "session/stages/stages.h"

namespace unionroot::session {

std::optional<struct statvfs> upper_file_system(const SessionPtr& session) {
  const auto operation = SharedOperation::at_once(session);
  if (!operation || !(*operation)->measurable || !(*operation)->space) return std::nullopt;
  const auto root = (*operation)->space->root();
  struct statvfs facts {};
  if (::fstatvfs(root.get(), &facts) != 0) return std::nullopt;
  return facts;
}

void measure(const SessionPtr& session, SessionView& view) {
  const auto facts = upper_file_system(session);
  if (!facts) return;
  view.upper_size = std::uint64_t{facts->f_blocks} * facts->f_frsize;
  view.upper_used = std::uint64_t{facts->f_blocks - facts->f_bfree} * facts->f_frsize;
}

SessionView view_of(const Parts& parts, const Session& session) {
  SessionView view;
  {
    const auto shown = session.shown.lock();
    static_cast<ShownDetails&>(view) = *shown;
    view.record = {session.identity, *shown, "[]"};
  }
  view.definition = session.definition;
  view.type = session.definition->type;
  if (has_host_view(session) && view.record.state == store::SessionState::active)
    view.location = parts.schroot_places.path_of(session.id()).value_or(parts.views.view_path(session.id()));
  const auto runs = session.runs.lock();
  for (const auto& [id, run] : *runs) view.runs.push_back({run.record, run.left_processes, run.detached});
  return view;
}

}  // namespace unionroot::session
