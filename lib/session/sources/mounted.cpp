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
  std::vector<std::string> set_up(SessionContext& context, StageData& data) const override {
    const auto source = source_of(*context.definition);
    const bool shared = context.definition->has_union();
    const auto name = mount_name(context, source.disk);
    data["mount"] = name;
    const auto path = context.services.source_mounts.acquire(
        name, context.id, [&] { return mount_disk(context.services, context.definition->name, source.disk, shared); });
    return {located(context, path, source.location)};
  }

  void tear_down(SessionContext& context, const StageData&, TearDown) const override {
    context.services.source_mounts.release(context.id);
  }

  Recovery recover(SessionContext& context, const StageData& data) const override {
    // The session's namespace has a copy of the mount, so it does not depend on it.
    const auto known = data.find("mount");
    const auto name = known != data.end() ? known->second : concat("own.", context.id);
    const bool mounted = context.services.source_mounts.adopt(name, context.id);
    // Where it cannot be found in the mount, nothing can have been written to it.
    if (mounted && !context.definition->has_union()) {
      try {
        context.directories = {
            located(context, context.services.source_mounts.path(name), source_of(*context.definition).location)};
      } catch (const base::Error& error) {
        base::log::debug(concat("session ", context.id, ": ", error.what()));
      }
    }
    return Recovery::intact;
  }

 private:
  static std::string mount_name(const SessionContext& context, const Disk& disk) {
    if (!context.definition->has_union()) return concat("own.", context.id);
    return disk_identity(open_disk(context.definition->name, disk, true).get(), disk);
  }
};

}  // namespace

const SourceKind& mounted_source() {
  static const MountedSourceKind kind;
  return kind;
}

}  // namespace unionroot::session
