// Sessions: begin, run, end, list, recover. The one door to the core for the bus layer. No D-Bus in here.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "definition/registry.h"
#include "definition/settings.h"
#include "session/requests.h"

namespace unionroot::session {

// Thread-safe; every method blocks its calling thread and may be called from any. Operations on one session exclude
// each other: the second fails with Error(session_busy), except `run`, which only needs the session to stay active.
class Manager {
 public:
  Manager(definition::Settings settings, Events events);
  ~Manager();

  // Whether processes are counted and killed by control groups, not by a scan of /proc.
  [[nodiscard]] bool has_control_groups() const;

  // Compares the store, lock files, namespaces, host views, control groups, upper layers and the trash with each
  // other, and puts them right; recovers preserved sessions in parallel. Call once, before anything else.
  void reconcile();

  SessionView begin(const BeginRequest& request);

  using Started = session::Started;
  Started run(const RunRequest& request);
  // For automatic sessions: begin and run; when the run ends the session ends. If the run cannot be started the
  // session is ended before this throws.
  Started run_automatic(const BeginRequest& begin, const RunRequest& run);
  // Its supervisor has ended.
  void run_ended(const std::string& run);

  // What is to be known of the last change of the definition's source tree, if it did not come to a good end: for
  // people.
  [[nodiscard]] std::optional<std::string> source_trouble(const definition::Definition& definition) const;

  // cancelled: asked while a changed tree is packed into its tarball; the session is `failed` then, with the tree, and
  // the tarball as it was. Nothing else is cancelled, and nothing is with `force`.
  EndResult end(const SessionId& session, bool force, TellProgress progress = {}, std::function<bool()> cancelled = {});
  SessionView recover(const SessionId& session, std::function<bool()> cancelled = {}, TellProgress progress = {});

  [[nodiscard]] std::vector<SessionView> sessions() const;
  [[nodiscard]] std::optional<SessionView> find(const std::string& session) const;
  [[nodiscard]] SessionView require(const std::string& session) const;  // throws Error(no_such_session)

  // Stops the background workers; sessions stay as they are. `final`: the machine shuts down (on-shutdown applies).
  void stop(bool final);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace unionroot::session
