// The daemon's start: what the store remembers, and what is really there, compared and put right. docs/recovery.md has
// the outcome of every combination.
#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/text.h"
#include "kernel/files.h"
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
  if (const auto& aside = store.set_aside()) {
    base::log::error(concat("the database was corrupt and is set aside as ", *aside, "; sessions are rebuilt from what is on disk"));
    rebuild_from_disk();
  }
  for (const auto& record : store.sessions()) attempt(concat("taking up session ", record.id), [&] { adopt(record); });
  for (const auto& run : store.runs()) attempt(concat("taking up run ", run.id), [&] { adopt_run(run); });
  for (const auto& session : table.all())
    attempt(concat("settling session ", session->record.id), [&] { settle(session); });
  remove_strangers();
  recover_in_background();
}

void Manager::Impl::rebuild_from_disk() {
  const auto folder = settings.state_directory + "/sessions";
  kernel::ensure_directories(folder, 0711);
  const auto sessions = kernel::open_directory(folder);
  for (const auto& id : kernel::list_directory(sessions.get())) {
    const auto file = read_session_file(folder, id);
    if (!file) continue;  // set aside as an orphan later
    attempt(concat("rebuilding session ", id), [&] {
      store.add_session(file->record);
      store.put_stages(id, file->stages);
      base::log::info(concat("session ", id, " is rebuilt from ", folder, "/", id));
    });
  }
}

void Manager::Impl::adopt(const store::SessionRecord& record) {
  std::string problem;
  const auto session =
      std::make_shared<LiveSession>(services, stages, record, shape_of(record, problem), store.stages(record.id));
  table.add(session, 0);
  table.publish(*session);
  if (!problem.empty()) mark_failed(*session, problem);
}

void Manager::Impl::hold_locks_again(LiveSession& session) {
  // A source change whose daemon died is over; it is taken up again only where its session is.
  if (session.record.source) {
    take_locks(session, {}, {});
    return;
  }
  locks::LockOwner owner;
  owner.process = base::this_process();
  owner.uid = session.record.owner;
  owner.user = session.record.owner_name;
  owner.session = session.record.id;
  owner.chroot = session.record.chroot;
  owner.purpose = session.record.kind == SessionKind::automatic ? "automatic session" : "session";
  owner.since = session.record.created;
  for (const auto& tree : source_trees(*session.definition)) {
    owner.tree = tree.path;
    bool created = false;
    owner.preserved = session.record.kind == SessionKind::preserved && !tree.exclusive;
    session.locks.push_back(tree.exclusive ? lock_directory.lock_source(tree.key, owner, {})
                                           : lock_directory.reown_session(tree.key, owner, created));
    if (created) base::log::warning(concat("session ", owner.session, ": its lock on ", tree.path, " was missing and is made again"));
  }
}

void Manager::Impl::settle(const LiveSessionPtr& session) {
  const std::unique_lock operation(session->operation);
  switch (table.state(*session)) {
    case SessionState::beginning:  // `begin` never returned: no trace of it may stay
    case SessionState::ending:     // `end` was accepted: it is finished
      session->pipeline.recover(session->context);
      end_locked(session, true);
      return;
    case SessionState::failed:
      session->pipeline.recover(session->context);
      table.publish(*session);
      attempt(concat("locking the tree of failed session ", session->record.id), [&] { hold_locks_again(*session); });
      return;
    case SessionState::recovering:
    case SessionState::active: settle_active(session); return;
  }
}

void Manager::Impl::settle_active(const LiveSessionPtr& session) {
  const auto& id = session->record.id;
  const bool same_boot = session->record.boot_id == base::boot_id();
  const bool automatic = session->record.kind == SessionKind::automatic;
  auto found = session->pipeline.recover(session->context);
  table.publish(*session);
  if (automatic) {
    if (same_boot && table.runs_of(id) != 0) {
      hold_locks_again(*session);  // its command runs on; the session ends with it
    } else {
      end_locked(session, true);
    }
    return;
  }
  if (!same_boot && session->definition->on_boot == definition::OnBoot::end) {
    end_locked(session, true);
    return;
  }
  try {
    hold_locks_again(*session);
  } catch (const std::exception& error) {
    mark_failed(*session, concat("its tree cannot be locked again: ", error.what()));
    return;
  }
  if (found == Recovery::intact && same_boot && table.state(*session) == SessionState::active) return;
  if (!same_boot && session->definition->on_boot == definition::OnBoot::leave) {
    mark_failed(*session, "the machine was restarted, and on-boot = leave; `unionroot recover` sets it up again");
    return;
  }
  table.change(*session, [](auto& record) { record.state = SessionState::recovering; });
  to_recover.push_back(session);
}

void Manager::Impl::remove_strangers() {
  for (const auto& name : views.views())
    if (!table.find(name)) attempt(concat("detaching the host view ", name), [&] { views.detach_view(name); });
  for (const auto& name : views.namespaces())
    if (!table.find(name)) attempt(concat("dropping the namespace ", name), [&] { views.drop_namespace(name); });
  for (const auto& name : cgroups->sessions())
    if (!table.find(name))
      attempt(concat("ending the processes of ", name), [&] { cgroups->kill(name, "", std::chrono::seconds(10)); });
  attempt("removing stale locks", [&] {
    for (const auto& lock : lock_directory.list()) {
      const bool ours = lock.kind == locks::LockKind::session && lock.state == locks::LockState::preserved;
      if (ours && !table.find(lock.owner.session)) lock_directory.remove_session(lock.key, lock.owner.session);
    }
    lock_directory.clean();
  });
  attempt("unmounting sources that nobody uses", [&] { source_mounts.remove_strangers(); });
  attempt("looking after the cached trees", [&] {
    TreeCache(services).clean([&](const auto& name) { return table.find(name) != nullptr; });
  });
  std::set<std::string> folders{settings.state_directory + "/sessions"}, trashes{settings.state_directory + "/trash"};
  for (const auto& session : table.all()) {
    folders.insert(sessions_folder(settings, *session->definition));
    trashes.insert(trash_folder(settings, *session->definition));
  }
  for (const auto& folder : folders) attempt(concat("looking for orphans in ", folder), [&] { set_aside_orphans(folder); });
  for (const auto& folder : trashes) attempt(concat("emptying ", folder), [&] { trash.adopt(folder); });
}

void Manager::Impl::set_aside_orphans(const std::string& sessions_folder) {
  kernel::ensure_directories(sessions_folder, 0711);
  const auto sessions = kernel::open_directory(sessions_folder);
  // Beside the sessions, on the same file system, so that nothing needs to be copied.
  const bool own = sessions_folder == settings.state_directory + "/sessions";
  for (const auto& name : kernel::list_directory(sessions.get())) {
    if (table.find(name) || name.front() == '.') continue;
    const auto orphans = own ? orphans_folder(settings) : sessions_folder + "/.unionroot-orphans";
    kernel::ensure_directories(orphans, 0700);
    const auto target = kernel::open_directory(orphans);
    const auto kept_as = concat(name, "-", base::random_token());
    kernel::rename_to(sessions.get(), name, target.get(), kept_as);
    base::log::warning(concat("no session is known for ", sessions_folder, "/", name, "; it is set aside as ", orphans, "/", kept_as,
                              "; look at it and delete it"));
  }
}

void Manager::Impl::recover_in_background() {
  constexpr std::size_t most = 4;
  for (std::size_t i = 0; i < std::min(most, to_recover.size()); ++i) {
    recoverers.emplace_back([this] {
      while (!stopping) {
        const auto index = next_to_recover++;
        if (index >= to_recover.size()) return;
        const auto& session = to_recover[index];
        attempt(concat("recovering session ", session->record.id), [&] {
          const std::unique_lock operation(session->operation);
          if (table.state(*session) == SessionState::recovering) recover_locked(session);
        });
      }
    });
  }
}

}  // namespace unionroot::session
