#include "session/manager.h"

#include <fcntl.h>
#include <sys/vfs.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "kernel/files.h"
#include "session/attempts.h"
#include "session/manager_state.h"

namespace unionroot::session {

using base::concat;

namespace {

// Runs before the members that need the folders.
definition::Settings with_folders(definition::Settings settings) {
  kernel::ensure_directories(settings.state_directory, 0755);
  kernel::ensure_directories(settings.runtime_directory, 0755);
  kernel::spread_folders(settings.state_directory);
  return settings;
}

bool can_be_upper(const std::string& directory) {
  constexpr long overlayfs_magic = 0x794c7630;  // linux/magic.h: OVERLAYFS_SUPER_MAGIC
  struct statfs facts {};
  base::check(::statfs(directory.c_str(), &facts), "looking at the file system of", directory);
  return facts.f_type != overlayfs_magic;
}

// Several daemons may run side by side; each has a folder of its own among the control groups.
std::string cgroup_name(const definition::Settings& settings) {
  const definition::Settings defaults;
  if (settings.state_directory == defaults.state_directory) return "unionroot";
  return concat("unionroot-", std::hash<std::string>{}(settings.state_directory));
}

std::string helper_path(const definition::Settings& settings) {
  return settings.helper.empty() ? UNIONROOT_HELPER : settings.helper;
}

}  // namespace

Manager::Impl::Impl(definition::Settings given, Events given_events)
    : settings(with_folders(std::move(given))),
      events(std::move(given_events)),
      mounts(kernel::real_mounts()),
      cgroups(kernel::real_cgroups(cgroup_name(settings))),
      namespaces(mounts),
      views(mounts, settings.runtime_directory),
      source_mounts(mounts, settings.runtime_directory),
      lock_directory(settings.state_directory + "/locks"),
      store(settings.state_directory + "/state.db"),
      folders(settings),
      launcher(helper_path(settings)),
      stages(session_stages()),
      files_layers(settings, trash),
      services{settings,
               mounts,
               *cgroups,
               namespaces,
               views,
               lock_directory,
               store,
               trash,
               source_mounts,
               files_layers,
               can_be_upper(settings.state_directory)} {
  if (cgroups->available())
    base::log::debug(concat("control groups are in ", cgroups->description()));
  else
    base::log::warning(concat("processes are killed by a scan of /proc, since ", cgroups->description()));
}

Manager::Manager(definition::Settings settings, Events events)
    : impl_(std::make_unique<Impl>(std::move(settings), std::move(events))) {}

Manager::~Manager() {
  impl_->stopping = true;
  for (auto& thread : impl_->background) thread.join();
  // Without stop(), as when the daemon cannot be had by the bus: sessions live on, and so do their locks.
  for (const auto& session : impl_->table.all())
    for (auto& lock : session->locks) lock.abandon();
}

bool Manager::has_control_groups() const { return impl_->cgroups->available(); }

void Manager::reconcile() { impl_->reconcile(); }

SessionView Manager::begin(const BeginRequest& request) { return impl_->view(*impl_->begin(request)); }

Manager::Started Manager::run(const RunRequest& request) {
  return impl_->run(impl_->table.require({request.session, request.session_created}), request);
}

Manager::Started Manager::run_automatic(const BeginRequest& begin, RunRequest run) {
  const auto session = impl_->begin(begin);
  run.session = session->record.id;
  try {
    return impl_->run(session, run);
  } catch (...) {
    try {
      impl_->end_unasked(session);
    } catch (const std::exception& error) {
      base::log::error(
          concat("ending automatic session ", run.session, " whose command could not be run: ", error.what()));
    }
    throw;
  }
}

void Manager::run_ended(const std::string& run) { impl_->run_ended(run); }

EndResult Manager::end(const SessionId& session, bool force, TellProgress progress, std::function<bool()> cancelled) {
  return impl_->end(impl_->table.require(session), force, std::move(progress), std::move(cancelled));
}

SessionView Manager::recover(const SessionId& wanted, std::function<bool()> cancelled, TellProgress progress) {
  const auto session = impl_->table.require(wanted);
  const std::unique_lock operation(session->operation, a_moment);
  if (!operation)
    throw base::Error(base::ErrorCode::session_busy,
                      concat("another operation on session ", wanted.id, " is under way: it is ",
                             store::to_string(impl_->table.state(*session))),
                      concat("`unionroot info ", wanted.id, "` shows what becomes of it; try again then"));
  if (impl_->table.find(wanted.id) != session)
    throw base::Error(base::ErrorCode::no_such_session, concat("session ", wanted.id, " has ended already"));
  impl_->recover_locked(session, cancelled, std::move(progress));
  return impl_->view(*session);
}

std::vector<SessionView> Manager::sessions() const {
  std::vector<SessionView> list;
  for (const auto& session : impl_->table.all()) list.push_back(impl_->view(*session));
  return list;
}

std::optional<SessionView> Manager::find(const std::string& id) const {
  const auto session = impl_->table.find(id);
  if (!session) return std::nullopt;
  auto view = impl_->view(*session);
  impl_->table.measure(*session, view);
  return view;
}

SessionView Manager::require(const std::string& id) const {
  const auto session = impl_->table.require(id);
  auto view = impl_->view(*session);
  impl_->table.measure(*session, view);
  return view;
}

void Manager::stop(bool final) {
  impl_->stopping = true;
  for (auto& thread : impl_->background) thread.join();
  impl_->background.clear();
  for (const auto& session : impl_->table.all()) {
    const bool ends = final && session->definition->on_shutdown == definition::OnShutdown::end;
    try {
      if (ends) impl_->end(session, false);
    } catch (const std::exception& error) {
      base::log::error(concat("ending session ", session->record.id, " at shutdown: ", error.what()));
    }
    const std::unique_lock operation(session->operation);
    for (auto& lock : session->locks) lock.abandon();
  }
  Attempts attempts;  // nothing of it is lost if it fails: the next start finds it
  attempts.run([&] { impl_->source_mounts.release_if_empty(); });
  attempts.run([&] { impl_->views.release_if_empty(); });
  attempts.run([&] { impl_->store.checkpoint(); });
  for (const auto& problem : attempts.problems()) base::log::warning(concat("stopping: ", problem));
}

}  // namespace unionroot::session
