// image, loopback and block-device: a file system in a file or on a device. Under an overlay it is mounted read-only,
// once for all sessions. Without an overlay, each session mounts it for itself and writes to it.
#include <fcntl.h>

#include <string_view>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "session/backings/backing.h"
#include "session/disks.h"
#include "session/sources/archives.h"
#include "session/sources/source.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;

namespace {

struct DiskSource {
  Disk disk;
  std::string location;
};

DiskSource source_of(const definition::Definition& definition) {
  if (const auto* image = std::get_if<definition::ImageSource>(&definition.source))
    return {{"image", image->file, false, image->partition, "", false}, image->location};
  if (const auto* file = std::get_if<definition::LoopbackSource>(&definition.source))
    return {{"file", file->file, false, 0, file->mount_options, false}, file->location};
  const auto& device = std::get<definition::BlockDeviceSource>(definition.source);
  return {{"device", device.device, true, 0, device.mount_options, false}, device.location};
}

class MountedSourceKind : public SourceKind {
 public:
  std::vector<std::string> set_up(Operation& operation, TreeData& data) const override {
    const auto source = source_of(operation.definition());
    const bool shared = operation.definition().has_union();
    const auto now = looked_at(operation, source.disk);
    if (keeps_trees(operation) && !operation->accept_source) require_same(operation, source.disk, data, now);
    data.mount = now.mount;
    data.content = now.content;
    const auto path = operation.services().source_mounts.acquire(
        now.mount, operation.id(), [&] { return mount_disk(operation, source.disk, shared); });
    return {located(operation, path, source.location)};
  }

  void tear_down(Operation& operation, const TreeData&, TearDown) const override {
    operation.services().source_mounts.release(operation.id());
  }

  Recovery recover(Operation& operation, const TreeData& data) const override {
    // The session's namespace has a copy of the mount, so it does not depend on this one.
    const auto name = data.mount.empty() ? concat("own.", operation.id()) : data.mount;
    const bool mounted = operation.services().source_mounts.adopt(name, operation.id());
    // If the location is not in the mount, nothing can have been written to it, and the layers stay unknown.
    if (mounted) {
      try {
        operation->directories = {located(operation, operation.services().source_mounts.path(name),
                                          source_of(operation.definition()).location)};
      } catch (const base::Error& error) {
        base::log::debug(concat("session ", operation.id(), ": ", error.what()));
      }
    }
    return Recovery::intact;
  }

 private:
  static TreeData looked_at(const Operation& operation, const Disk& disk) {
    TreeData now;
    const auto opened = open_disk(operation.definition().name, disk, true);
    now.mount = operation.definition().has_union() ? disk_identity(opened.get(), disk) : concat("own.", operation.id());
    // Only a session that may be set up again needs this.
    if (!operation.automatic()) now.content = disk_content(opened.get(), disk);
    return now;
  }

  // The part of a file's mount name that is the same after a restart. The name is
  // "file-DEVICE-INODE-SIZE-TIME.pN.OPTIONS".
  static std::string file_part(const std::string& mount) {
    constexpr std::string_view start = "file-";
    const auto end = mount.starts_with(start) ? mount.find('-', start.size()) : std::string::npos;
    return end == std::string::npos ? std::string() : mount.substr(end, mount.find('.') - end);
  }

  // An upper layer may only be used on the file system on which it was made. Unknown facts are not compared: there may
  // be no UUID, or a former version wrote none.
  static void require_same(const Operation& operation, const Disk& disk, const TreeData& then, const TreeData& now) {
    const auto refuse = [&](const std::string& was, const std::string& is) {
      throw Error(
          ErrorCode::stage_failed,
          concat(disk.path, " is not the ", disk.what, " that this session began on: that was ", was, ", this is ", is),
          back_or_accept(operation));
    };
    if (!then.content.empty() && then.content != now.content)
      refuse(then.content, now.content.empty() ? "without a UUID" : now.content);
    if (const auto was = file_part(then.mount), is = file_part(now.mount); !was.empty() && was != is)
      refuse(then.mount, now.mount);
  }
};

}  // namespace

const SourceKind& mounted_source() {
  static const MountedSourceKind kind;
  return kind;
}

}  // namespace unionroot::session
