// The folders of upper layers that were frozen, and which sessions stand on which.
//
// <state>/layers, or .unionroot-layers in a union-overlay-directory, has a folder for each:
//
//   <id>/upper        the layer; nobody writes to it any more
//   <id>/beginning    the record of the beginning (beginning_record.h) as it was then
//   <id>/users/       an empty file for each session that stands on it, called by its token
//
// It has the mark of the session that froze it, which may have ended: a layer goes with the last session that stands on
// it. A session's own list, top first, is the file `layers` in its folder.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "definition/settings.h"
#include "owned/token.h"
#include "session/frozen_layer.h"
#include "session/trash.h"

namespace unionroot::session {

// The frozen layers of one folder of sessions. Keeps no state. Thread-safe. Methods throw SystemError.
class FrozenLayers {
 public:
  FrozenLayers(const definition::Settings& settings, Trash& trash, std::string sessions_folder);

  [[nodiscard]] const std::string& place() const { return place_; }
  [[nodiscard]] std::string folder_of(const std::string& layer) const;
  [[nodiscard]] std::string upper_of(const std::string& layer) const;

  // The layer's folder, made if it is missing, for a session that stands on it. On the disk when this returns.
  void ensure(const std::string& layer, const owned::Token& session);
  // More sessions stand on it. Only while another one does. On the disk when this returns.
  void hold(const std::string& layer, const std::vector<owned::Token>& sessions);
  // Idempotent. The layer goes to the trash with the last one.
  void release(const std::string& layer, const owned::Token& session);
  // Those that have the session among their users. Looks at all layers.
  [[nodiscard]] std::vector<std::string> used_by(const owned::Token& session) const;
  [[nodiscard]] bool has_content(const std::string& layer) const;

  // At the daemon's start.
  enum class User {
    stands,   // it stands on the layer
    unclear,  // its files do not say
    other,    // its files say that it does not
    unknown,  // there is no such session
  };
  // A layer without content goes unless a session stands on it. One with content is set aside as an orphan if it has
  // users, and none of them may stand on it.
  void clean(const std::string& daemon, const std::function<User(const owned::Token&, const std::string&)>& look);

 private:
  base::UniqueFd ensure_folder(int layers, const std::string& layer, const owned::Token& session);
  void clean_one(int layers, const std::string& layer, const std::string& daemon,
                 const std::function<User(const owned::Token&, const std::string&)>& look);
  void discard(const std::string& layer);
  void set_aside(int layers, const std::string& layer);

  const definition::Settings& settings_;
  Trash& trash_;
  const std::string sessions_;
  const std::string place_;
};

// What is to become of a session's layers. It is kept as the file `restack` in the session's folder from the moment
// when it is decided on until it is done.
struct Restack {
  std::string freeze;                // the layer that the upper one becomes; empty: the upper one is thrown away
  FrozenStack layers;                // that the session stands on then
  std::vector<std::string> dropped;  // that it does not stand on any more
};

// folder: the session's. Throw Error(failed) for files that are damaged, SystemError.
FrozenStack read_frozen(int folder);  // none if there is no list
bool has_frozen_list(int folder);
void write_frozen(int folder, const FrozenStack& layers);
std::optional<Restack> read_restack(int folder);
void write_restack(int folder, const Restack& plan);
void remove_restack(int folder);

}  // namespace unionroot::session
