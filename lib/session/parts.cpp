#include "session/parts.h"

#include <set>

#include "base/error.h"
#include "base/log.h"
#include "base/paths.h"
#include "base/text.h"
#include "kernel/attributes.h"
#include "kernel/files.h"
#include "owned/daemon_id.h"
#include "owned/place.h"

namespace unionroot::session {

using base::concat;

namespace {

// Runs before the members that need the folders.
definition::Settings with_folders(definition::Settings settings) {
  const auto state = owned::ensure_place("the state directory", settings.state_directory, 0755);
  owned::ensure_place("the runtime directory", settings.runtime_directory, 0755);
  // What is in them is believed, or deleted: none may be of a time in which somebody else could make it. The folder
  // "files" is looked at where it is used: sessions can do without it.
  for (const char* name : {"sessions", "layers", "trash", "orphans", "cache"})
    // The roots of trees and layers would get its default ACL.
    if (const auto folder = owned::open_own_folder(state.get(), settings.state_directory, name))
      kernel::drop_inherited_acl(folder->get());
  kernel::spread_folders(settings.state_directory);
  return settings;
}

// Several daemons may run side by side; each has a folder of its own among the control groups.
std::string cgroup_name(const std::string& daemon) { return concat("unionroot-", daemon); }

// Where a former version had them. Commands of that time may run on.
std::string former_cgroup_name(const definition::Settings& settings) {
  const definition::Settings defaults;
  if (settings.state_directory == defaults.state_directory) return "unionroot";
  return concat("unionroot-", std::hash<std::string>{}(settings.state_directory));
}

// Beside the helper.
std::string layers_program(const std::string& helper) { return concat(base::parent_path(helper), "/unionroot-layers"); }

}  // namespace

std::string helper_path(const definition::Settings& settings) {
  return settings.helper.empty() ? UNIONROOT_HELPER : settings.helper;
}

Parts::Parts(definition::Settings given, Events given_events)
    : settings(with_folders(std::move(given))),
      events(std::move(given_events)),
      store(settings.state_directory + "/state.db"),
      history(settings.state_directory + "/history.db", std::chrono::hours(24) * settings.history_days),
      daemon(owned::agree_daemon_id(settings.state_directory, store)),
      mounts(kernel::real_mounts()),
      cgroups(kernel::real_cgroups(cgroup_name(daemon), former_cgroup_name(settings))),
      namespaces(mounts),
      views(mounts, settings.runtime_directory),
      host_mounts(
          {owned::real_path_of_place(settings.state_directory), owned::real_path_of_place(settings.runtime_directory)}),
      source_mounts(mounts, settings.runtime_directory),
      lock_directory(settings.state_directory + "/locks"),
      folders(settings),
      launcher(helper_path(settings)),
      pipeline(session_stages(), store),
      outputs(settings.state_directory,
              {settings.detached_output_limit, settings.detached_output_per_user,
               std::chrono::hours(24) * settings.history_days},
              [this] {
                // Also of sessions that could not be taken up.
                std::set<std::string> recorded;
                for (const auto& run : store.runs())
                  if (!table.find(run.session)) recorded.insert(run.id);
                return [this, recorded = std::move(recorded)](const std::string& run) {
                  return recorded.contains(run) || table.session_of_run(run) != nullptr;
                };
              }),
      files_layers(settings, trash),
      layer_readers(layers_program(helper_path(settings))),
      schroot_places(settings),
      services{settings, mounts, *cgroups,      namespaces,   views,         host_mounts, lock_directory,
               store,    trash,  source_mounts, files_layers, held_sessions, daemon} {
  services.stop = &stop;
  services.schroot_places = &schroot_places;
  if (cgroups->available())
    base::log::debug(concat("control groups are in ", cgroups->description()));
  else
    base::log::warning(concat("processes are killed by a scan of /proc, since ", cgroups->description()));
}

void Parts::tell_added(const Operation& operation) const {
  if (events.session_added) events.session_added(operation.id());
}

void Parts::tell(const events::Event& event) const {
  if (events.happened) events.happened(event);
}

void Parts::tell_changed(const Operation& operation) const {
  if (!operation->removed && events.session_changed) events.session_changed(operation.id());
}

void Parts::remove(Operation& operation) {
  table.remove(operation.session());
  operation->removed = true;
  if (events.session_removed) events.session_removed(operation.id());
}

}  // namespace unionroot::session
