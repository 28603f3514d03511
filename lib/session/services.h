// What all sessions share. The manager makes it once; the stages borrow it.
#pragma once

#include <string>

#include "definition/settings.h"
#include "kernel/cgroups.h"
#include "kernel/mounts.h"
#include "locks/source_lock.h"
#include "mount/host_mounts.h"
#include "mount/host_view.h"
#include "mount/namespace.h"
#include "mount/source_mounts.h"
#include "session/progress.h"
#include "session/stop_clock.h"
#include "session/trash.h"
#include "store/store.h"

namespace unionroot::session {

class FilesLayers;
class HeldSessions;
class SchrootPlaces;

// The path of the program that supervises commands.
std::string helper_path(const definition::Settings& settings);

struct Services {
  const definition::Settings& settings;
  kernel::Mounts& mounts;
  kernel::Cgroups& cgroups;
  mount::NamespaceFactory& namespaces;
  mount::HostViews& views;
  mount::HostMounts& host_mounts;
  locks::LockDirectory& locks;
  store::Store& store;
  Trash& trash;
  mount::SourceMounts& source_mounts;
  FilesLayers& files_layers;
  HeldSessions& held_sessions;
  const std::string& daemon;  // the daemon's id: owned/daemon_id.h
  Unpackings unpackings = {};
  SchrootPlaces* schroot_places = nullptr;
  const StopClock* stop = nullptr;  // nullptr: nothing is ever interrupted
};

}  // namespace unionroot::session
