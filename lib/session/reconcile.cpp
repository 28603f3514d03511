// The daemon's start: what the store remembers, and what is really there, compared and put right. docs/recovery.md has
// the outcome of every combination.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/rollback.h"
#include "base/text.h"
#include "kernel/files.h"
#include "session/hooks/hooks.h"
#include "session/manager_state.h"
#include "session/session_file.h"
#include "session/sources/cache.h"
#include "session/sources/source.h"
#include "session/storage.h"

namespace unionroot::session {

using base::concat;
using store::SessionKind;
using store::SessionState;

namespace {

// A session whose definition cannot be read any more is still listed, and can be ended.
std::shared_ptr<const definition::Definition> shape_of(const store::SessionRecord& record, std::string& problem) {
  try {
    auto definition = definition::deserialize(record.definition);
    if (record.source) definition = definition::source_variant(definition);
    return std::make_shared<const definition::Definition>(std::move(definition));
  } catch (const std::exception& error) {
    problem = concat("the definition it was begun with cannot be read: ", error.what());
    auto unknown = std::make_shared<definition::Definition>();
    unknown->name = record.chroot;
    unknown->type = "unknown";
    // So that ending it undoes all that sessions are made of. A source session has no upper layer; what is in its
    // folder is a tree that was unpacked to be changed: the next start sets it aside.
    unknown->union_.type = record.source ? definition::UnionType::none : definition::UnionType::overlay;
    return unknown;
  }
}

template <typename Step>
void attempt(const std::string& doing, const Step& step) {
  try {
    step();
  } catch (const std::exception& error) {
    // One thing that cannot be put right must not keep the daemon from serving everybody else.
    base::log::error(concat(doing, ": ", error.what()));
  }
}

}  // namespace

void Manager::Impl::reconcile() {
  if (const auto& aside = store.set_aside())
    base::log::error(
        concat("the database was corrupt and is set aside as ", *aside, "; sessions are rebuilt from what is on disk"));
  attempt("reading the list of folders with sessions", [&] { folders.load(); });
  // Asked of the database itself, so that a crash while it is rebuilt does not make orphans of the sessions that are
  // missing.
  if (!store.complete()) {
    for (const auto& folder : folders.all())
      attempt(concat("looking for sessions in ", folder), [&] { rebuild_from_disk(folder); });
    store.set_complete();
  }
  for (const auto& record : store.sessions()) {
    attempt(concat("taking up session ", record.id), [&] { adopt(record); });
    if (!table.find(record.id)) not_taken_up.insert(record.id);  // its parts are no strangers for that
  }
  for (const auto& run : store.runs()) attempt(concat("taking up run ", run.id), [&] { adopt_run(run); });
  for (const auto& session : table.all())
    attempt(concat("settling session ", session->record.id), [&] { settle(session); });
  remove_strangers();
  recover_in_background();
  attempt("looking for stale locks", [&] { remove_stale_locks_soon(); });
}

void Manager::Impl::rebuild_from_disk(const std::string& folder) {
  kernel::ensure_directories(folder, 0711);
  const auto sessions = kernel::open_directory(folder);
  for (const auto& id : kernel::list_directory(sessions.get())) {
    const auto file = read_session_file(folder, id);
    if (!file) continue;  // set aside as an orphan later
    attempt(concat("rebuilding session ", id), [&] {
      if (!store.session(id)) store.add_session(file->record);
      store.put_stages(id, file->stages);
      base::log::info(concat("session ", id, " is rebuilt from ", folder, "/", id));
    });
  }
}

void Manager::Impl::adopt(const store::SessionRecord& record) {
  std::string problem;
  const auto session =
      std::make_shared<LiveSession>(services, stages, record, shape_of(record, problem), store.stages(record.id));
  session->taken_up = true;
  table.add(session, 0);
  table.publish(*session);
  if (!problem.empty()) mark_failed(*session, problem);
}

Recovery Manager::Impl::look_at(LiveSession& session) {
  auto found = Recovery::gone;  // what cannot even be looked at is not there
  attempt(concat("looking at session ", session.record.id), [&] { found = session.pipeline.recover(session.context); });
  table.publish(session);
  return found;
}

void Manager::Impl::settle(const LiveSessionPtr& session) {
  const std::unique_lock operation(session->operation);
  switch (table.state(*session)) {
    case SessionState::beginning:  // `begin` never returned: no trace of it may stay
    case SessionState::ending:     // `end` was accepted: it is finished
      look_at(*session);
      finish(session);
      return;
    case SessionState::failed:
      look_at(*session);
      attempt(concat("locking the tree of failed session ", session->record.id), [&] { hold_locks_again(*session); });
      return;
    case SessionState::recovering:
    case SessionState::active: settle_active(session); return;
  }
}

// Ends it: at once, or where that may take long, when everybody is served again.
void Manager::Impl::finish(const LiveSessionPtr& session) {
  if (!has_hooks(*session->definition) && !is_put_back(*session)) {
    end_locked(session, true);
    return;
  }
  // Until then its tree is not to be changed. One that had not come to its locks, or had let go of them, stands in
  // nobody's way.
  attempt(concat("locking the tree of session ", session->record.id, ", which ends"), [&] {
    if (had_its_locks(*session)) hold_locks_again(*session);
  });
  if (table.state(*session) != SessionState::beginning)
    table.change(*session, [](auto& record) { record.state = SessionState::ending; });
  to_recover.push_back(session);
}

void Manager::Impl::settle_active(const LiveSessionPtr& session) {
  const auto& id = session->record.id;
  const bool same_boot = session->record.boot_id == base::boot_id();
  const bool automatic = session->record.kind == SessionKind::automatic;
  const auto found = look_at(*session);
  if (session->record.source && !same_boot && table.state(*session) == SessionState::active)
    note_source_trouble(*session, "it was cut off when the machine was restarted");
  if (automatic) {
    if (same_boot && table.runs_of(id) != 0) {
      hold_locks_again(*session);  // its command runs on; the session ends with it
    } else {
      finish(session);
    }
    return;
  }
  if (!same_boot && session->definition->on_boot == definition::OnBoot::end) {
    finish(session);
    return;
  }
  try {
    hold_locks_again(*session);
  } catch (const std::exception& error) {
    if (!stands_without_owner(*session, error)) {
      mark_failed(*session, concat("its tree cannot be locked again: ", error.what()));
      return;
    }
    base::log::warning(concat("session ", id, " keeps the lock of the former daemon: ", error.what()));
  }
  if (found == Recovery::intact && same_boot && table.state(*session) == SessionState::active) return;
  if (!same_boot && session->definition->on_boot == definition::OnBoot::leave) {
    mark_failed(*session, "the machine was restarted, and on-boot = leave; `unionroot recover` sets it up again");
    return;
  }
  table.change(*session, [](auto& record) { record.state = SessionState::recovering; });
  to_recover.push_back(session);
}

void Manager::Impl::drop_strange_namespace(const std::string& name) {
  if (const auto kept = views.open_namespace(name)) {
    struct stat facts {};
    base::check(::fstat(kept.get(), &facts), "looking at the namespace of", name);
    kernel::kill_mount_namespace(facts.st_ino, std::chrono::seconds(10));
  }
  views.drop_namespace(name);
}

void Manager::Impl::remove_strangers() {
  for (const auto& name : cgroups->sessions())
    if (is_strange(name))
      attempt(concat("ending the processes of ", name), [&] { cgroups->kill(name, "", std::chrono::seconds(10)); });
  for (const auto& name : views.namespaces())
    if (is_strange(name)) attempt(concat("dropping the namespace ", name), [&] { drop_strange_namespace(name); });
  for (const auto& name : views.views())
    if (is_strange(name)) attempt(concat("detaching the host view ", name), [&] { views.detach_view(name); });
  attempt("removing stale locks", [&] {
    std::set<std::string> strangers;
    for (const auto& lock : lock_directory.list()) {
      const bool ours = lock.kind == locks::LockKind::session && !lock.owner.session.empty();
      if (ours && is_strange(lock.owner.session)) strangers.insert(lock.owner.session);
    }
    for (const auto& name : strangers)
      attempt(concat("removing the locks of session ", name), [&] { remove_locks_left(name); });
    lock_directory.clean();
  });
  attempt("unmounting sources that nobody uses", [&] { source_mounts.remove_strangers(); });
  attempt("looking after the cached trees",
          [&] { TreeCache(services).clean([&](const auto& name) { return !is_strange(name); }); });
  attempt("looking after the layers of files", [&] { files_layers.clean(); });
  for (const auto& folder : folders.all()) {
    attempt(concat("looking for orphans in ", folder), [&] { set_aside_orphans(folder); });
    const auto trash_of_folder = trash_folder(settings, folder);
    attempt(concat("emptying ", trash_of_folder), [&] { trash.adopt(trash_of_folder); });
  }
}

void Manager::Impl::set_aside_orphans(const std::string& sessions_folder) {
  kernel::ensure_directories(sessions_folder, 0711);
  const auto sessions = kernel::open_directory(sessions_folder);
  // Beside the sessions, on the same file system, so that nothing needs to be copied.
  const bool own = sessions_folder == folders.own();
  if (own) kernel::spread_folders(sessions_folder);
  for (const auto& name : kernel::list_directory(sessions.get())) {
    if (name.front() == '.' || !is_strange(name)) continue;
    if (!own && !is_marked(settings, sessions_folder, name)) continue;  // somebody else's
    const auto orphans = own ? orphans_folder(settings) : sessions_folder + "/.unionroot-orphans";
    kernel::ensure_directories(orphans, 0700);
    const auto target = kernel::open_directory(orphans);
    const auto kept_as = concat(name, "-", base::random_token());
    kernel::rename_to(sessions.get(), name, target.get(), kept_as);
    base::log::warning(concat("no session is known for ", sessions_folder, "/", name, "; it is set aside as ", orphans,
                              "/", kept_as, "; look at it and delete it"));
  }
}

// Commands that nobody knows, since the daemon died right after it started them, are being ended by their supervisors.
// Those hold their session's lock under names of their own, which are stale in a moment.
void Manager::Impl::remove_stale_locks_soon() {
  const auto second_ones = [this] {
    const auto locks = lock_directory.list();
    return std::any_of(locks.begin(), locks.end(),
                       [](const auto& lock) { return lock.file.find('+') != std::string::npos; });
  };
  if (!second_ones()) return;
  background.emplace_back([this, second_ones] {
    constexpr int rounds = 60;
    for (int round = 0; round < rounds && !stopping; ++round) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      bool more = false;
      attempt("removing stale locks", [&] {
        lock_directory.clean();
        more = second_ones();
      });
      if (!more) return;
    }
  });
}

}  // namespace unionroot::session
