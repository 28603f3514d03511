// The session and chroot objects on the bus, and their signals. Bus thread only.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "daemon/bus_objects.h"

namespace unionroot::daemon {

class Exports {
 public:
  Exports(BusLoop& loop, Requests& requests, ManagerObject& manager)
      : loop_(loop), requests_(requests), manager_(manager) {}

  // Exports the session, or updates its object.
  void session(const session::SessionView& view);
  void progress(const std::string& id, const session::Progress& progress);  // no-op for one that is not exported
  void session_gone(const std::string& id);                                 // no-op for one that is not exported
  [[nodiscard]] bool has_session(const std::string& id) const { return sessions_.count(id) != 0; }

  // Makes the chroot objects match the snapshot.
  void chroots(const definition::Snapshot& snapshot);

 private:
  BusLoop& loop_;
  Requests& requests_;
  ManagerObject& manager_;
  std::unordered_map<std::string, std::shared_ptr<SessionObject>> sessions_;
  // Objects of ended sessions with pending replies: their paths are still in use.
  std::unordered_map<std::string, std::weak_ptr<SessionObject>> owing_;
  std::unordered_map<std::string, std::unique_ptr<ChrootObject>> chroots_;
};

}  // namespace unionroot::daemon
