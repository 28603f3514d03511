// The daemon on the bus: connects the parts of this folder with a core and a registry.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "daemon/bus_loop.h"
#include "daemon/bus_objects.h"
#include "daemon/exports.h"
#include "daemon/operations.h"
#include "daemon/reader_watch.h"
#include "daemon/requests/requests.h"
#include "daemon/run_watch.h"

namespace unionroot::daemon {

class Service;

// Passes the core's events, from any thread, to the Service. Events from before attach() wait in the io_context.
class EventRelay {
 public:
  explicit EventRelay(asio::io_context& io) : io_(io) {}
  session::Events events();
  // Before the io_context runs, or on its thread.
  void attach(Service* service) { service_ = service; }

 private:
  template <typename Tell>
  void post(Tell tell);
  asio::io_context& io_;
  Service* service_ = nullptr;
};

class Service {
 public:
  Service(asio::io_context& io, sdbus::IConnection& connection, session::Sessions& core, definition::Registry& registry,
          const UserDatabase& users, std::vector<std::string> capabilities, const Limits& limits,
          std::function<void(const std::string&)> lost);
  ~Service();

  // Exports all objects and takes the bus name. Throws Error if the name is not available.
  void start();
  // Releases the name, cancels what is under way, sends the pending replies. The io_context must not be running.
  void stop();
  void reload();
  void end_overdue(const session::SessionView& view) { requests_.end_overdue(view); }

  // Bus thread only.
  void session_changed(const std::string& id);
  void session_removed(const std::string& id);
  void session_progress(const std::string& id, const session::Progress& progress);
  void happened(const events::Event& event);
  void run_told(const store::PastRun& past);
  void reader_started(std::uint64_t number, base::UniqueFd pidfd);
  void run_started(const session::StartedRun& run, base::UniqueFd pidfd, base::UniqueFd end);

 private:
  void refresh();
  void watch_configuration();
  void show_configuration();

  asio::io_context& io_;
  session::Sessions& core_;
  definition::Registry& registry_;
  BusLoop loop_;
  Operations operations_;
  Requests requests_;
  ManagerObject manager_;
  Exports exports_;
  RunWatch runs_;
  ReaderWatch readers_;
  std::shared_ptr<const definition::Snapshot> shown_;
  asio::posix::stream_descriptor configuration_;
  asio::steady_timer refresh_timer_;
  std::unordered_set<std::string> dirty_;      // sessions to look at again
  std::unordered_set<std::string> overtaken_;  // removed since the current look began
  bool refreshing_ = false;
  bool stopped_ = false;
};

}  // namespace unionroot::daemon
