#include "session/recovery/reconcile.h"

#include "base/error.h"
#include "base/log.h"
#include "base/process_identity.h"
#include "base/text.h"
#include "kernel/files.h"
#include "session/hooks/hooks.h"
#include "session/operations/apply.h"
#include "session/operations/end.h"
#include "session/operations/locks.h"
#include "session/operations/run.h"
#include "session/operations/source_changes.h"
#include "session/operations/state.h"
#include "session/session_file.h"
#include "session/storage.h"

namespace unionroot::session {

using base::concat;
using store::SessionKind;
using store::SessionState;

namespace {

// A session whose definition cannot be read is still listed, and can be ended.
std::shared_ptr<const definition::Definition> definition_of(const store::SessionRecord& record, std::string& problem) {
  try {
    auto definition = definition::deserialize(record.definition);
    if (record.source) definition = definition::source_variant(definition);
    return std::make_shared<const definition::Definition>(std::move(definition));
  } catch (const std::exception& error) {
    problem = concat("the definition it was begun with cannot be read: ", error.what());
    auto unknown = std::make_shared<definition::Definition>();
    unknown->name = record.chroot;
    unknown->type = "unknown";
    // With this type, the end of the session undoes everything that a session may have. A source session has no upper
    // layer: its folder holds a tree that was unpacked to be changed. The next start sets that aside.
    unknown->union_.type = record.source ? definition::UnionType::none : definition::UnionType::overlay;
    return unknown;
  }
}

}  // namespace

void try_to(const std::string& what, const std::function<void()>& step) {
  try {
    step();
  } catch (const base::Error& error) {
    base::log::error(concat(what, ": ", error.with_hint()));
  } catch (const std::exception& error) {
    base::log::error(concat(what, ": ", error.what()));
  }
}

void Reconciliation::run() {
  if (const auto& aside = parts_.store.set_aside())
    base::log::error(
        concat("the database was corrupt and is set aside as ", *aside, "; sessions are rebuilt from what is on disk"));
  try_to("reading the list of folders with sessions", [&] { parts_.folders.load(); });
  // The database itself says whether it is complete. So if a rebuild crashes, the missing sessions do not become
  // orphans.
  if (!parts_.store.complete()) {
    for (const auto& folder : parts_.folders.all())
      try_to(concat("looking for sessions in ", folder), [&] { rebuild_from_disk(folder); });
    parts_.store.set_complete();
  }
  // Before anybody stands on the trees again.
  try_to("finishing what was being applied to trees", [&] { finish_applies(parts_); });
  for (const auto& record : parts_.store.sessions()) {
    try_to(concat("taking up session ", record.id), [&] { adopt(record); });
    if (!parts_.table.find(record.id)) not_taken_up_.insert(record.id);  // so its parts are not removed as leftovers
  }
  for (const auto& run : parts_.store.runs()) try_to(concat("taking up run ", run.id), [&] { adopt_run(parts_, run); });
  for (const auto& session : parts_.table.all())
    try_to(concat("reconciling session ", session->id()), [&] {
      Operation operation(session);
      try_to(concat("marking what session ", session->id(), " made outside"), [&] { mark_former(operation); });
      reconcile(operation);
    });
  remove_leftovers();
  recover_in_background();
  try_to("looking for stale locks", [&] { remove_stale_locks_later(); });
}

void Reconciliation::stop() {
  for (auto& thread : background_) thread.join();
  background_.clear();
}

void Reconciliation::rebuild_from_disk(const std::string& folder) {
  const auto sessions = ensure_sessions_folder(folder);
  for (const auto& id : kernel::list_directory(sessions.get())) {
    std::optional<SessionFile> file;
    try_to(concat("reading ", session_file_path(folder, id)),
           [&] { file = read_session_file(sessions.get(), folder, id); });
    if (!file) continue;  // it is set aside as an orphan later
    if (!is_ours(parts_.settings, parts_.daemon, sessions.get(), folder, id) ||
        (!file->daemon.empty() && file->daemon != parts_.daemon)) {
      base::log::warning(concat(folder, "/", id, " belongs to another daemon, and is not touched"));
      continue;
    }
    try_to(concat("rebuilding session ", id), [&] {
      if (!parts_.store.session(id)) parts_.store.add_session(file->record);
      parts_.store.put_stages(id, file->stages);
      base::log::info(concat("session ", id, " is rebuilt from ", folder, "/", id));
    });
  }
}

void Reconciliation::adopt(const store::SessionRecord& record) {
  std::string problem;
  auto definition = definition_of(record, problem);
  const auto session = std::make_shared<Session>(parts_.services, record, std::move(definition),
                                                 parts_.pipeline.read(parts_.store.stages(record.id)), true);
  parts_.table.add(session, 0, parts_.held_sessions);
  if (problem.empty()) return;
  Operation operation(session);
  mark_failed(parts_, operation, problem);
}

Recovery Reconciliation::look_at(Operation& operation) {
  auto found = Recovery::gone;  // if looking fails, it counts as gone
  try_to(concat("looking at session ", operation.id()), [&] { found = parts_.pipeline.recover(operation); });
  return found;
}

void Reconciliation::reconcile(Operation& operation) {
  switch (operation.session().state()) {
    case SessionState::beginning:  // `begin` never returned: everything is removed
    case SessionState::ending:     // `end` was accepted: the end is completed
      look_at(operation);
      finish(operation);
      return;
    case SessionState::failed:
      look_at(operation);
      try_to(concat("locking the tree of failed session ", operation.id()),
             [&] { hold_locks_again(parts_, operation); });
      return;
    case SessionState::recovering:
    case SessionState::active: reconcile_active(operation); return;
  }
}

void Reconciliation::finish(Operation& operation) {
  if (!has_hooks(operation.definition()) && !is_put_back(operation)) {
    end(parts_, operation, true);
    return;
  }
  // Its tree must not be changed until then, so it is locked. A session that did not have its locks yet, or had
  // released them, is not locked.
  try_to(concat("locking the tree of session ", operation.id(), ", which ends"), [&] {
    if (had_its_locks(parts_, operation)) hold_locks_again(parts_, operation);
  });
  {
    const auto shown = operation.session().shown.lock();
    if (shown->state != SessionState::beginning) shown->state = SessionState::ending;
  }
  to_recover_.push_back(operation.pointer());
}

void Reconciliation::recover_later(Operation& operation) {
  operation.session().shown.lock()->state = SessionState::recovering;
  to_recover_.push_back(operation.pointer());
}

void Reconciliation::reconcile_active(Operation& operation) {
  auto& session = operation.session();
  const auto& id = session.id();
  const bool same_boot = session.shown.lock()->boot_id == base::boot_id();
  const auto found = look_at(operation);
  if (operation.is_source() && !same_boot && session.state() == SessionState::active)
    note_source_trouble(parts_, session, "it was interrupted by a restart of the machine");
  if (session.automatic()) {
    if (same_boot && session.run_count() != 0)
      hold_locks_again(parts_, operation);  // its command still runs; the session ends with it
    else
      finish(operation);
    return;
  }
  if (!same_boot && session.definition->on_boot == definition::OnBoot::end) {
    finish(operation);
    return;
  }
  try {
    hold_locks_again(parts_, operation);
  } catch (const std::exception& error) {
    if (!stands_without_owner(parts_, operation, error)) {
      mark_failed(parts_, operation, concat("its tree cannot be locked again: ", error.what()));
      return;
    }
    base::log::warning(concat("session ", id, " keeps the lock of the former daemon: ", error.what()));
  }
  if (found == Recovery::intact && same_boot && session.state() == SessionState::active) return;
  if (!same_boot && session.definition->on_boot == definition::OnBoot::leave) {
    mark_failed(parts_, operation,
                "the machine was restarted, and on-boot = leave; `unionroot recover` sets it up again");
    return;
  }
  recover_later(operation);
}

}  // namespace unionroot::session
