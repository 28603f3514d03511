// The undo layers of trees. Each apply has one, which holds what it replaced (layers/apply_store.h). It lies beside the
// tree, on the same mount, so that everything is done by renames. The state directory has a record of it in `applies`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace unionroot::session {

enum class UndoState : char {
  pending = 'p',  // it is being applied, or taken back
  applied = 'a',
  dropped = 'd',  // it is being made, and nothing is changed yet; or it is being deleted
  undone = 'u',   // it is deleted; the session is to know what the tree has again
};

struct UndoRecord {
  std::string id;
  UndoState state = UndoState::pending;
  std::string tree;  // its path
  std::string key;   // of its lock
  std::string chroot;
  std::string session;
  std::int64_t session_created = 0;
  std::int64_t since = 0;  // microseconds since the epoch
  std::string restored;    // undone: layers::restored_by()
};

// An undo layer and its tree, by descriptors.
struct UndoPlace {
  base::UniqueFd tree, parent, folder;
};

// Keeps only the path of the state directory. Throws SystemError.
class UndoLayers {
 public:
  explicit UndoLayers(const std::string& state_directory);

  [[nodiscard]] std::vector<UndoRecord> all() const;  // the oldest first; what cannot be read is left out, and logged
  [[nodiscard]] std::optional<UndoRecord> find(const std::string& id) const;
  [[nodiscard]] UndoRecord require(const std::string& id) const;  // throws Error(invalid_argument)
  void write(const UndoRecord& record) const;                     // on the disk when it returns

  // Makes record and folder. The record says `dropped`; write() another before the tree is changed. Throws
  // Error(not_supported) if the tree is the root of a mount.
  [[nodiscard]] UndoPlace make(const UndoRecord& record) const;
  // Throws Error(failed) if it is not there, or not ours.
  [[nodiscard]] UndoPlace open(const UndoRecord& record) const;
  // Deletes both.
  void drop(UndoRecord record) const;
  // Deletes the folder, and keeps `restored` in the record for the session.
  void drop_undone(UndoRecord record, std::string restored) const;

 private:
  void remove_record(const UndoRecord& record) const;
  void delete_layer(const UndoRecord& record) const;
  [[nodiscard]] base::UniqueFd records() const;  // -1: there are none
  std::string state_directory_;
};

}  // namespace unionroot::session
