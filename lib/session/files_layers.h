// The files that automatic sessions get from the host, written once and shared.
//
// What the files stage writes is the same for every session of one user on one tree, until the host's files or the
// tree's change. For sessions that live as long as one command, seven files made and deleted again cost more than all
// their mounts. So they are written into a layer of their own, which lies between the tree and the upper layers of all
// sessions that would get the same. What a session changes of them goes into its own upper layer, as with every file of
// the tree.
//
// <state>/files/<name>/upper    the layer: the upper directory of an overlay over the tree, into which the files were
// written
//
// Preserved sessions have the files in their own upper layer: they outlive the machine's next start, and the layers do
// not.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "session/stage.h"
#include "tree/files.h"

namespace unionroot::session {

// Thread-safe.
class FilesLayers {
 public:
  FilesLayers(const definition::Settings& settings, Trash& trash);  // borrowed

  // A layer for this session, which holds it until `release`. `lower`: the tree's root. nullptr if it is to write its
  // files itself: nothing would be saved, a mount may lie over them, files have just changed, or a layer could not be
  // made (a warning in the log).
  std::shared_ptr<const FilesLayer> take(const Operation& operation, int lower);

  // Of a session that a former daemon set up: the layer stays.
  std::shared_ptr<const FilesLayer> hold_again(const std::string& name, const std::string& session);
  // Idempotent. A layer that later sessions do not get, and that none holds, goes to the trash.
  void release(const std::string& name, const std::string& session);

  // At the daemon's start, when living sessions hold theirs again: the others go.
  void clean();

 private:
  struct Slot {
    std::mutex making;    // two at once make it once
    std::string version;  // of the layer, or of the attempt that failed
    std::shared_ptr<const FilesLayer> layer;
    bool dropped = false;  // to make room: what is made in it goes with those that hold it
  };
  std::shared_ptr<Slot> slot_of(const Operation& operation);
  void drop_one();
  std::shared_ptr<const FilesLayer> current(Slot& slot, const Operation& operation, int lower);
  std::shared_ptr<const FilesLayer> make(const Operation& operation, const tree::FilesRequest& request, int lower);
  void retire_locked(const std::string& name);  // the caller holds mutex_
  void discard(const std::string& name);
  [[nodiscard]] std::string path_of(const std::string& name) const;

  const definition::Settings& settings_;
  const std::string folder_;
  Trash& trash_;
  std::mutex mutex_;                                      // of what follows
  std::map<std::string, std::shared_ptr<Slot>> slots_;    // by chroot and user
  std::map<std::string, std::set<std::string>> holders_;  // sessions, by layer
  std::set<std::string> retired_;                         // layers that go with their last holder
};

}  // namespace unionroot::session
