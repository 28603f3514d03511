// The files that automatic sessions get from the host, written once and shared.
//
// The files stage writes the same files for every session of one user on one tree, until the host's files or the tree
// change. Seven files made and deleted again cost a session for one command more than all its mounts. So they are
// written into a layer of their own, between the tree and the upper layers of all sessions that would get the same
// files. A session that changes one of them writes to its own upper layer, as with every file of the tree.
//
// <state>/files/<name>/upper    the layer: the upper directory of an overlay over the tree
//
// Preserved sessions have the files in their own upper layer: they survive a reboot, and these layers do not.
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

  // A layer for this session, which holds it until `release`. lower: the tree's root. nullptr: the session must write
  // its files itself. Then sharing would save nothing, a mount may lie over the files, or files have just changed. Or a
  // layer could not be made, which the log warns of.
  std::shared_ptr<const FilesLayer> take(const Operation& operation, int lower);

  // For a session that a former daemon set up. New sessions do not get this layer.
  std::shared_ptr<const FilesLayer> hold_again(const std::string& name, const std::string& session);
  // Idempotent. A retired layer without holders goes to the trash.
  void release(const std::string& name, const std::string& session);

  // Removes all layers without holders. Call this when the daemon starts, after living sessions hold their layers
  // again.
  void clean();

 private:
  struct Slot {
    std::mutex making;    // the layer is made once if two sessions need it
    std::string version;  // of the layer, or of the last attempt that failed
    std::shared_ptr<const FilesLayer> layer;
    bool dropped = false;  // to make room: a layer made in it goes with its holders
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
  std::mutex mutex_;                                      // protects the members below
  std::map<std::string, std::shared_ptr<Slot>> slots_;    // by chroot and user
  std::map<std::string, std::set<std::string>> holders_;  // sessions, by layer
  std::set<std::string> retired_;                         // layers that go with their last holder
};

}  // namespace unionroot::session
