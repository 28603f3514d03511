#include "mount/plan.h"

#include <sys/mount.h>

#include "base/text.h"

namespace unionroot::mount {

namespace {

using Options = std::vector<std::pair<std::string, std::string>>;

void add(std::string& list, const std::string& word) {
  if (!list.empty()) list += ',';
  list += word;
}

std::string attributes_text(std::uint64_t attributes) {
  std::string out;
  if (attributes & MOUNT_ATTR_RDONLY) add(out, "ro");
  if (attributes & MOUNT_ATTR_NOSUID) add(out, "nosuid");
  if (attributes & MOUNT_ATTR_NODEV) add(out, "nodev");
  if (attributes & MOUNT_ATTR_NOEXEC) add(out, "noexec");
  if (attributes & MOUNT_ATTR_NODIRATIME) add(out, "nodiratime");
  if (attributes & MOUNT_ATTR_NOSYMFOLLOW) add(out, "nosymfollow");
  if ((attributes & MOUNT_ATTR__ATIME) == MOUNT_ATTR_NOATIME) add(out, "noatime");
  if ((attributes & MOUNT_ATTR__ATIME) == MOUNT_ATTR_STRICTATIME) add(out, "strictatime");
  return out;
}

std::string options_text(const Options& options) {
  std::string out;
  for (const auto& [key, value] : options) add(out, value.empty() ? key : base::concat(key, "=", value));
  return out;
}

}  // namespace

std::string OverlayPlan::text() const {
  std::string out = base::concat("overlay on / from ", lowers, lowers == 1 ? " lower tree" : " lower trees", ", upper ",
                                 upper, ", work ", work);
  if (!options.empty()) out += base::concat(", ", options_text(options));
  if (volatile_upper) out += ", volatile";
  return out;
}

std::string InnerMount::text() const {
  std::string out;
  switch (kind) {
    case Kind::filesystem: out = type; break;
    case Kind::bind: out = base::concat(recursive ? "rbind of " : "bind of ", source); break;
    case Kind::overlay: out = "overlay"; break;
  }
  out += base::concat(" on /", target);
  if (target_kind == TargetKind::file) out += " (a file)";
  const std::string all = options_text(options);
  if (!all.empty()) out += base::concat(" with ", all);
  const std::string set = attributes_text(attributes);
  if (!set.empty()) out += base::concat(" as ", set);
  if (slave != recursive) out += slave ? ", a slave of the host's" : ", private";
  if (optional) out += ", optional";
  if (shown) out += ", shown on the host";
  return base::concat(out, " [", origin, "]");
}

std::string MountPlan::text() const {
  std::string out;
  if (private_dev) out += "private /dev\n";
  if (!devices) out += "no devices in the tree\n";
  for (const InnerMount& entry : mounts) out += entry.text() + "\n";
  for (const std::string& path : hidden) out += base::concat("hidden ", path, "\n");
  return out;
}

}  // namespace unionroot::mount
