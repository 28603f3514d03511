// The daemon's start: what the store remembers, and what is really there, compared and put right. docs/recovery.md has
// the outcome of every combination.
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

  // Once. Goes on in the background with what may take long.
  void run();
  // Waits until nothing of it is under way; parts.stopping makes it stop soon.
  void stop();

 private:
  void rebuild_from_disk(const std::string& folder);
  void adopt(const store::SessionRecord& record);

  void mark_former(Operation& operation);

  // reconcile.cpp: one session
  void reconcile(Operation& operation);
  void reconcile_active(Operation& operation);
  void recover_later(Operation& operation);
  void finish(Operation& operation);  // ends it: at once, or where that may take long, in the background
  Recovery look_at(Operation& operation);

  // leftovers.cpp: what belongs to no session
  [[nodiscard]] bool is_unknown(const std::string& name) const;
  void remove_leftovers();
  void remove_unknown_processes_and_mounts();
  void remove_unknown_locks();
  void drop_unknown_namespace(const std::string& name);
  void set_aside_orphans(const std::string& sessions_folder);
  void remove_stale_locks_later();

  // background.cpp
  void recover_in_background();
  bool recover_next();  // false: there is no more

  Parts& parts_;
  std::set<std::string> not_taken_up_;  // in the store, but something went wrong with them
  std::vector<SessionPtr> to_recover_;  // or to end, by their states; filled by run, worked off in the background
  std::atomic<std::size_t> next_to_recover_{0};
  // Each ends by itself; once parts.stopping, when what it is at is done, cancelled or broken off.
  std::vector<std::thread> background_;
};

// One thing that cannot be put right must not keep the daemon from serving everybody else.
void try_to(const std::string& what, const std::function<void()>& step);

}  // namespace unionroot::session
