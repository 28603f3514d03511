// What the operations on sessions share. Made once by the manager.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>

#include "launch/launcher.h"
#include "session/files_layers.h"
#include "session/held_sessions.h"
#include "session/layer_readers.h"
#include "session/outputs.h"
#include "session/pipeline.h"
#include "session/requests.h"
#include "session/schroot_places.h"
#include "session/services.h"
#include "session/session_table.h"
#include "session/storage.h"
#include "store/history.h"

namespace unionroot::session {

struct Parts {
  Parts(definition::Settings given, Events given_events);
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  // Events of one session are told by the holder of its operation alone, so they are in order.
  void tell_added(const Operation& operation) const;
  void tell(const events::Event& event) const;
  void tell_changed(const Operation& operation) const;  // nothing once it was removed
  // Takes it out of the table, and says so.
  void remove(Operation& operation);

  const definition::Settings settings;
  const Events events;
  store::Store store;
  store::History history;
  const std::string daemon;  // its id
  kernel::Mounts& mounts;
  std::unique_ptr<kernel::Cgroups> cgroups;
  mount::NamespaceFactory namespaces;
  mount::HostViews views;
  mount::HostMounts host_mounts;
  mount::SourceMounts source_mounts;
  locks::LockDirectory lock_directory;
  Trash trash;
  SessionFolders folders;
  launch::Launcher launcher;
  const Pipeline pipeline;
  SessionTable table;
  Outputs outputs;
  FilesLayers files_layers;
  HeldSessions held_sessions;
  LayerReaders layer_readers;
  SchrootPlaces schroot_places;
  Services services;
  std::atomic<bool> stopping{false};
  StopClock stop;
};

}  // namespace unionroot::session
