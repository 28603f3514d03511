// image, loopback and block-device: a file system in a file or on a device. Under an overlay it is mounted read-only,
// once for all sessions; without one, each session has it to itself and writes to it.
#include <fcntl.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "session/disks.h"
#include "session/sources/archives.h"
#include "session/sources/source.h"

namespace unionroot::session {

using base::concat;

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
    const auto name = mount_name(operation, source.disk);
    data.mount = name;
    const auto path = operation.services().source_mounts.acquire(name, operation.id(), [&] {
      return mount_disk(operation.services(), operation.definition().name, source.disk, shared);
    });
    return {located(operation, path, source.location)};
  }

  void tear_down(Operation& operation, const TreeData&, TearDown) const override {
    operation.services().source_mounts.release(operation.id());
  }

  Recovery recover(Operation& operation, const TreeData& data) const override {
    // The session's namespace has a copy of the mount, so it does not depend on it.
    const auto name = data.mount.empty() ? concat("own.", operation.id()) : data.mount;
    const bool mounted = operation.services().source_mounts.adopt(name, operation.id());
    // Where it cannot be found in the mount, nothing can have been written to it.
    if (mounted && !operation.definition().has_union()) {
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
  static std::string mount_name(const Operation& operation, const Disk& disk) {
    if (!operation.definition().has_union()) return concat("own.", operation.id());
    return disk_identity(open_disk(operation.definition().name, disk, true).get(), disk);
  }
};

}  // namespace

const SourceKind& mounted_source() {
  static const MountedSourceKind kind;
  return kind;
}

}  // namespace unionroot::session
