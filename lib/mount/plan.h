// What is mounted in a session, as plain values that can be printed, compared and tested without a kernel.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace unionroot::mount {

// The overlay that is a session's root. The lower trees, and the tree with upper and work, are passed as detached trees
// (see namespace.h), in the same order.
struct OverlayPlan {
  unsigned lowers = 1;          // how many, top first
  std::string upper = "upper";  // relative to the store tree
  std::string work = "work";
  std::vector<std::pair<std::string, std::string>> options;  // "redirect_dir" -> "on"; "" for a flag
  bool volatile_upper = false;

  [[nodiscard]] std::string text() const;  // one line, for logs and tests
};

enum class TargetKind { directory, file };

// One mount inside a session. `target` is relative to the session's root and does not contain "..".
struct InnerMount {
  enum class Kind { filesystem, bind, overlay };
  Kind kind = Kind::filesystem;
  std::string target;
  std::string type;    // filesystem: proc, sysfs, tmpfs, devpts, mqueue
  std::string source;  // bind: an absolute path on the host. filesystem: the source name that is shown
  std::vector<std::pair<std::string, std::string>> options;  // filesystem or overlay options; "" for a flag
  std::uint64_t attributes = 0;                              // MOUNT_ATTR_*: mount_setattr(2)
  bool recursive = false;                                    // rbind
  bool slave = false;  // of a bind: receives the host's later mounts, sends none; otherwise private
  TargetKind target_kind = TargetKind::directory;  // what to make if the target is missing
  bool optional = false;                           // x-unionroot.optional: a missing source is no error
  bool shown = false;                              // x-unionroot.view: the host view contains it
  bool usual = false;                              // no note if the source is missing
  std::string origin;                              // "FILE:LINE" or "built-in", for messages

  [[nodiscard]] std::string text() const;
  bool operator==(const InnerMount&) const = default;
};

// A private /dev is more than a mount: a tmpfs with device nodes and links, made before the mounts beneath it.
struct MountPlan {
  bool private_dev = false;
  // False: the root is nodev, so no device node in the tree works, whoever made it.
  bool devices = true;
  std::vector<InnerMount> mounts;   // in order
  std::vector<std::string> hidden;  // absolute host paths that an empty read-only tmpfs covers, if they exist

  [[nodiscard]] std::string text() const;
};

}  // namespace unionroot::mount
