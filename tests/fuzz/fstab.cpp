// The files of a profile, and the mounts that an fstab asks for.
#include <sys/mount.h>

#include "base/text.h"
#include "definition/definition.h"
#include "definition/profile_files.h"
#include "fstab/from_profile.h"
#include "fuzz.h"
#include "mount/overlay_entry.h"

namespace unionroot::fuzz {

namespace {

using namespace definition;

mount::MountPlan plan_of(const Definition& made) {
  auto plan = fstab::plan_inner_mounts(made);
  if (!planted) return plan;
  // A bind that can be written to keeps the times of access in two ways at once.
  for (auto& each : plan.mounts)
    if ((each.attributes & MOUNT_ATTR_NOATIME) != 0 && (each.attributes & MOUNT_ATTR_RDONLY) == 0)
      each.attributes |= MOUNT_ATTR_STRICTATIME;
  return plan;
}

std::string escaped(std::string_view field) {
  std::string out;
  for (const char c : field) {
    if (c != ' ' && c != '\t' && c != '\\' && c != '#') {
      out.push_back(c);
      continue;
    }
    out.push_back('\\');
    for (const int shift : {6, 3, 0}) out.push_back(static_cast<char>('0' + ((c >> shift) & 7)));
  }
  return out;
}

void check_written(const FstabEntry& entry) {
  const auto line = base::concat(escaped(entry.source), "\t", escaped(entry.target), " ", escaped(entry.type), " ",
                                 escaped(base::join(entry.options, ",")), "\n");
  if (line.size() > 16384) return;
  Profile again;
  Problems problems;
  parse_profile_file(ProfileFile::fstab, line, entry.file, again, problems);
  require(problems.empty() && again.fstab.size() == 1, "an entry that is written can be read", line);
  again.fstab[0].line = entry.line;
  require(again.fstab[0] == entry, "an entry is read as it was written", line);
}

void check_mount(const mount::InnerMount& made) {
  require(!made.target.starts_with('/'), "a mount point is relative to the root", made.target);
  require_inside(made.target, "a mount point is inside the tree");
  require_text(made.target + made.source + made.type, "a mount is text");
  if (made.kind == mount::InnerMount::Kind::bind)
    require(made.source.starts_with('/'), "what is bound has an absolute path", made.source);
  const auto times = made.attributes & MOUNT_ATTR__ATIME;
  require(times == MOUNT_ATTR_RELATIME || times == MOUNT_ATTR_NOATIME || times == MOUNT_ATTR_STRICTATIME,
          "times of access are kept in one way", made.text());
  if (made.kind != mount::InnerMount::Kind::overlay) return;
  const auto overlay = mount::overlay_entry(made);
  for (const auto& lower : overlay.lowers) require(lower.starts_with('/'), "a lower folder is absolute", lower);
  require(overlay.store.empty() == overlay.upper.empty(), "an upper folder lies in a store", overlay.upper);
  require_inside(overlay.upper, "the upper folder lies in its store");
  require_inside(overlay.work, "the work folder lies in its store");
}

// One entry at a time: one that is refused must not hide the others.
void check_plan(const FstabEntry& entry) {
  Definition made;
  made.name = made.profile_name = "fuzz";
  made.profile.fstab = {entry};
  for (const auto device : {DeviceMode::host, DeviceMode::private_dev}) {
    made.dev = device;
    try {
      for (const auto& each : plan_of(made).mounts) check_mount(each);
      for (const auto& folder : fstab::folders_written_by_overlays(made))
        require(folder.starts_with('/'), "a folder of an overlay is absolute", folder);
    } catch (const base::Error& refusal) {
      require_showable(refusal);
    }
  }
}

}  // namespace

void run(std::string_view input) {
  for (const auto kind : profile_files) {
    Profile profile;
    Problems problems;
    parse_profile_file(kind, input, "f", profile, problems);
    for (const auto& problem : problems) require_showable(problem.text(), "a problem can be shown");
    for (const auto& file : profile.copyfiles) {
      require(file.source.starts_with('/'), "a file to copy is absolute", file.source);
      require(file.target.starts_with('/'), "where a file is copied is absolute", file.target);
      require_inside(file.target, "where a file is copied has no '..'");
    }
    for (const auto& name : profile.nssdatabases) require(name.find('/') == name.npos, "a database is a name", name);
    for (const auto& entry : profile.fstab) {
      check_written(entry);
      check_plan(entry);
    }
  }
}

}  // namespace unionroot::fuzz
