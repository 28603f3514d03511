// Backings: where a session's upper and work directories are.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/unique_fd.h"
#include "session/stage.h"

namespace unionroot::session {

// There is one object for each union-backing. It has no state of its own, so all threads share it.
class Backing {
 public:
  virtual ~Backing() = default;
  [[nodiscard]] virtual const char* name() const = 0;

  // Returns a detached tree that holds `upper` and `work` in its folder(). New sessions get new ones. A recovered
  // session gets its old ones with the work directory cleared, unless union-reset asks for new ones. Sets the path of
  // the upper layer if the host can see it. Throws Error.
  virtual base::UniqueFd set_up(Operation& operation, UnionData& data) const = 0;

  // The folder inside the tree that set_up returns; empty: the tree's root.
  [[nodiscard]] virtual std::string folder(const std::string& /*session*/) const { return {}; }

  // True if the upper layer has a file system of its own, so that its size and use are known.
  [[nodiscard]] virtual bool measurable() const { return true; }

  // Called when the namespace that used it is gone. Idempotent; see Stage::tear_down.
  virtual void tear_down(Operation& operation, const UnionData& data, TearDown mode) const = 0;

  // Called after a restart of the daemon if the namespace is intact. Sets the path of the upper layer.
  virtual void recover(Operation& operation, const UnionData& data) const = 0;
};

// The backing that a definition asks for. For `auto` it is the folder of sessions, or memory if that folder cannot hold
// upper layers. Throws Error(not_supported).
const Backing& backing_for(const Operation& operation);
// If `auto` led to memory, adds a note that says why.
void note_memory(Operation& operation, const Backing& backing);
// Finds a backing by its name in the journal; nullptr: no backing has that name.
const Backing* backing_named(const std::string& name);

// The backings. Each is in the file of its name.
const Backing& directory_backing();
const Backing& tmpfs_backing();
const Backing& image_backing();
const Backing& device_backing();

// Makes `upper` and `work`; shared by the backings. store: a descriptor of the folder for both. lower: the root of the
// top layer. The upper directory gets its owner, mode, times and attributes, because the root of an overlay shows those
// of its upper directory. Throws SystemError.
void make_upper_and_work(int store, int lower);

// Whether the existing upper layer is used: the session is recovered, and there is no union-reset.
bool keeps_upper(const Operation& operation);
// Whether it must stand on the trees that its layers were made on: it keeps its upper layer, or begins with the frozen
// layers of another session.
bool keeps_trees(const Operation& operation);

// The session's folder. It is made if it is missing. Throws Error(session_exists or stage_failed) if the existing
// folder belongs to somebody else.
base::UniqueFd session_folder(const Operation& operation);

// Tears down the session's folder: moves it to the trash with everything in it, unless its data is kept.
void discard_session_folder(const Operation& operation, TearDown mode);

// Removes what overlayfs left in work/work. With `incompat/volatile` there the next mount fails. With leftovers three
// or more levels deep the next mount succeeds, but is read-only. overlayfs makes the folder anew.
void clear_work(int store);

}  // namespace unionroot::session
