// plain, directory and layers: directories on the host, used as they are.
#include <fcntl.h>
#include <stdlib.h>

#include <boost/filesystem.hpp>
#include <cerrno>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/paths.h"
#include "base/text.h"
#include "session/backings/backing.h"
#include "session/sources/directory_identity.h"
#include "session/sources/source.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;

namespace {

std::vector<std::string> directories_of(const definition::Definition& definition) {
  if (const auto* layers = std::get_if<definition::LayersSource>(&definition.source)) return layers->lower_directories;
  return {std::get<definition::DirectorySource>(definition.source).directory};
}

// The path without symbolic links, for comparisons; the path itself if it cannot be resolved.
std::string canonical(const std::string& path) {
  boost::system::error_code missing;
  const auto resolved = boost::filesystem::canonical(path, missing);
  return missing ? path : resolved.string();
}

// overlayfs accepts an upper layer in use as a lower layer of another overlay. It only writes a line to the kernel's
// log, and the result is undefined.
void refuse_upper_layers(const Operation& operation, const std::string& path) {
  const auto sessions = operation.services().settings.state_directory + "/sessions";
  if (!base::is_or_is_beneath(canonical(path), canonical(sessions))) return;
  throw Error(ErrorCode::stage_failed,
              concat("chroot ", operation.definition().name, ": its directory ", path,
                     " is inside a session's own upper layer"),
              "copy the tree to a place outside the state directory first");
}

class DirectorySourceKind : public SourceKind {
 public:
  std::vector<std::string> set_up(Operation& operation, TreeData& data) const override {
    auto directories = directories_of(operation.definition());
    for (const auto& path : directories) {
      source::open_directory(operation.definition().name, path);
      refuse_upper_layers(operation, path);
    }
    if (operation.automatic()) return directories;  // an automatic session is never set up again
    auto now = identify_directories(directories);
    if (keeps_trees(operation) && !operation->accept_source) require_same(operation, data.trees, now);
    data.trees = std::move(now);
    return directories;
  }

  void tear_down(Operation&, const TreeData&, TearDown) const override {}  // set_up makes nothing

  Recovery recover(Operation& operation, const TreeData&) const override {
    operation->directories = directories_of(operation.definition());
    return Recovery::intact;
  }

 private:
  // An upper layer may only be used on the trees on which it was made.
  static void require_same(const Operation& operation, const std::string& then, const std::string& now) {
    const auto difference = other_directory(then, now);
    if (difference.empty()) return;
    throw Error(ErrorCode::stage_failed,
                concat("the tree of chroot ", operation.definition().name,
                       " is not the one that this session began on: ", difference),
                back_or_accept(operation));
  }
};

}  // namespace

const SourceKind& directory_source() {
  static const DirectorySourceKind kind;
  return kind;
}

}  // namespace unionroot::session
