// Where a session's upper and work directories lie.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/unique_fd.h"
#include "session/stage.h"

namespace unionroot::session {

// One per union-backing; without state of its own, so shared by all threads.
class Backing {
 public:
  virtual ~Backing() = default;
  [[nodiscard]] virtual const char* name() const = 0;

  // A detached tree that holds `upper` and `work`, in its folder(); made anew, or, when the session is recovered,
  // found again with its work directory cleared, unless union-reset wants it anew. Sets the upper layer's place where
  // the host can see it.
  virtual base::UniqueFd set_up(Operation& operation, UnionData& data) const = 0;

  // Of the tree that set_up returns; empty: its root.
  [[nodiscard]] virtual std::string folder(const std::string& /*session*/) const { return {}; }

  // True if the upper layer has a file system of its own, so that its size and use are known.
  [[nodiscard]] virtual bool measurable() const { return true; }

  // The namespace that used it has gone by now. Idempotent; see Stage::tear_down.
  virtual void tear_down(Operation& operation, const UnionData& data, TearDown mode) const = 0;

  // After a restart of the daemon, the namespace being intact: sets the upper layer's place.
  virtual void recover(Operation& operation, const UnionData& data) const = 0;
};

// The backing that a definition asks for, `auto` resolved: where the folder of sessions cannot hold upper layers that
// is memory. Throws Error(not_supported).
const Backing& backing_for(const Operation& operation);
// Notes why it is memory, if nobody asked for that.
void note_memory(Operation& operation, const Backing& backing);
// By its name in the journal; nullptr if there is none of that name.
const Backing* backing_named(const std::string& name);

// The backings. Each is in the file of its name.
const Backing& directory_backing();
const Backing& tmpfs_backing();
const Backing& image_backing();
const Backing& device_backing();

// Shared by the backings. `store`: a descriptor of the folder that is to hold both; `lower`: the top layer's root,
// whose owner, mode, times and attributes the upper directory gets, since an overlay's root shows those of its upper
// directory.
void make_upper_and_work(int store, int lower);

// Whether what is there from before is to be used: the session is recovered, and there is no union-reset.
bool keeps_upper(const Operation& operation);

// The session's folder, made if it is missing and the session is begun. Throws Error(session_exists or stage_failed) if
// what is there is not the session's.
base::UniqueFd session_folder(const Operation& operation);

// Tear-down of what lies in the session's folder: to the trash with all of it, unless it is kept.
void discard_session_folder(const Operation& operation, TearDown mode);

// What overlayfs left in work/work: `incompat/volatile` refuses the next mount, and left-overs three or more levels
// deep make it succeed read-only. It makes the folder anew.
void clear_work(int store);

}  // namespace unionroot::session
