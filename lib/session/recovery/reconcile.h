// The daemon's start: compares what the store remembers with what really exists, and repairs the difference.
// docs/recovery.md has the outcome of every combination.
#pragma once

#include <atomic>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "session/parts.h"

namespace unionroot::session {

class Reconciliation {
 public:
  explicit Reconciliation(Parts& parts) : parts_(parts) {}
  ~Reconciliation() { stop(); }
  Reconciliation(const Reconciliation&) = delete;
  Reconciliation& operator=(const Reconciliation&) = delete;

  // Called once. What may take long continues in the background.
  void run();
  // Waits until the background work has ended. parts.stopping makes it end soon.
  void stop();

 private:
  void rebuild_from_disk(const std::string& folder);
  void adopt(const store::SessionRecord& record);

  void mark_former(Operation& operation);

  // reconcile.cpp: one session
  void reconcile(Operation& operation);
  void reconcile_active(Operation& operation);
  void recover_later(Operation& operation);
  void finish(Operation& operation);  // ends it: at once, or in the background if it may take long
  Recovery look_at(Operation& operation);

  // leftovers.cpp: what belongs to no session
  [[nodiscard]] bool is_unknown(const std::string& name) const;
  void remove_leftovers();
  void remove_unknown_processes_and_mounts();
  void remove_unknown_locks();
  void drop_unknown_namespace(const std::string& name);
  void clean_frozen_layers(const std::string& sessions_folder);
  void set_aside_orphans(const std::string& sessions_folder);
  void remove_stale_locks_later();

  // background.cpp
  void recover_in_background();
  bool recover_next();  // false: nothing is left to do

  Parts& parts_;
  std::set<std::string> not_taken_up_;  // in the store, but could not be adopted
  std::vector<SessionPtr> to_recover_;  // or to end, by their states; filled by run(), handled in the background
  std::atomic<std::size_t> next_to_recover_{0};
  // Each thread ends by itself. Once parts.stopping is set, it ends when its present work is done or cancelled.
  std::vector<std::thread> background_;
};

// Runs a step, and logs its error. One thing that cannot be repaired must not keep the daemon from serving others.
void try_to(const std::string& what, const std::function<void()>& step);

}  // namespace unionroot::session
