// A chroot definition as a value: the tree, how sessions use it, and who may use it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "definition/profile.h"

namespace unionroot::definition {

enum class UnionType { none, overlay };
enum class UnionBacking { automatic, directory, tmpfs, image, device };
enum class Choice { automatic, yes, no };
enum class NssMode { merge, copy, none };
enum class DeviceMode { host, private_dev };
// The numbers are stored in session records. 0 and 1 are the "no" and "yes" of former versions.
enum class HostView { no = 0, all = 1, tree = 2 };
enum class ViewAccess { owner, all };
// The control groups of commands: those of the callers, or the daemon's own.
enum class ControlGroup { caller, own };
enum class OnBoot { recover, end, leave };
enum class OnShutdown { leave, end };

// The sources, one struct per type. All paths are absolute.
struct DirectorySource {
  std::string directory;
  bool plain = false;
};  // plain, directory
struct FileSource {
  std::string file;
  std::string location;
};  // file: a tarball
struct ImageSource {
  std::string file;
  unsigned partition = 0;
  std::string location;
};  // image; partition 0: the whole image is one file system
struct LoopbackSource {
  std::string file;
  std::string mount_options;
  std::string location;
};
struct BlockDeviceSource {
  std::string device;
  std::string mount_options;
  std::string location;
};
struct BtrfsSnapshotSource {
  std::string source_subvolume;
  std::string snapshot_directory;
  std::string location;
};
struct LvmSnapshotSource {
  std::string device;
  std::string snapshot_options;
  std::string mount_options;
  std::string location;
};
struct ZfsSnapshotSource {
  std::string dataset;
  std::string snapshot_options;
  std::string location;
};
struct LayersSource {
  std::vector<std::string> lower_directories;
};  // layers: top first
struct OciSource {
  std::string directory;
  std::string reference;
};
struct CustomSource {
  bool session_cloneable = true;
  bool session_purgeable = false;
  bool source_cloneable = false;
};

using Source =
    std::variant<DirectorySource, FileSource, ImageSource, LoopbackSource, BlockDeviceSource, BtrfsSnapshotSource,
                 LvmSnapshotSource, ZfsSnapshotSource, LayersSource, OciSource, CustomSource>;

struct AccessLists {
  std::vector<std::string> users, groups, root_users, root_groups;
  bool operator==(const AccessLists&) const = default;
};

// A size: bytes, or a percentage of memory (tmpfs only).
struct Size {
  std::uint64_t bytes = 0;
  unsigned percent = 0;  // 1 to 100; 0: `bytes` counts
};

struct Union {
  UnionType type = UnionType::none;
  UnionBacking backing = UnionBacking::automatic;  // automatic: directory, or tmpfs if the state cannot hold an upper
  std::optional<Size> size;
  std::string filesystem;     // image and device: ext4 (default), xfs, btrfs
  std::string mount_options;  // for the overlay itself
  std::string device;         // backing device
  std::string device_options;
  bool reset = false;
  Choice volatile_upper = Choice::automatic;  // automatic: yes for automatic sessions, no for preserved ones
  std::string overlay_directory;              // empty: <state>/sessions
  std::string underlay_directory;             // accepted for compatibility with schroot
};

struct Definition {
  std::string name;
  std::string type;  // the word in the file: "directory", "btrfs-snapshot" ...
  std::string description;
  std::vector<std::string> aliases;
  Source source;
  Union union_;
  AccessLists access;
  AccessLists source_access;
  bool source_clone = true;
  std::string environment_filter;  // POSIX extended regular expression
  std::vector<std::string> command_prefix;
  std::string message_verbosity = "normal";
  bool preserve_environment = false;
  std::string shell;        // empty: the user's shell
  std::string personality;  // empty: undefined
  std::vector<std::string> user_modifiable_keys, root_modifiable_keys;
  std::map<std::string, std::string> user_data;  // dotted keys

  HostView host_view = HostView::tree;  // for preserved sessions; automatic ones have no view
  ViewAccess host_view_access = ViewAccess::owner;
  bool hide_state = false;  // hide the state and runtime folders: the tree is the machine's own root
  DeviceMode dev = DeviceMode::private_dev;
  NssMode nss = NssMode::merge;
  Choice no_new_privileges = Choice::automatic;  // automatic: yes if the tree would let its user become root
  std::string resolv_conf = "follow";            // follow | none
  std::string hostname;                          // written to etc/hostname; empty: the host's
  // For commands without a given directory: caller | home | a path inside. The loader replaces an empty value by a
  // default. In a session of a former version an empty value means caller.
  std::string working_directory;
  std::string network = "caller";  // caller | host | none | private
  ControlGroup control_group = ControlGroup::caller;
  std::uint64_t unpack_limit = 0;  // bytes; 0: the default
  OnBoot on_boot = OnBoot::recover;
  OnShutdown on_shutdown = OnShutdown::leave;
  std::vector<std::string> hook_directories;
  unsigned hook_time_limit = 60;  // seconds, per script

  // True for a source variant (source_variant): a session writes to the source tree itself.
  bool is_source = false;

  std::string script_config;  // the deprecated key, unchanged; profile_name is then its folder
  std::string profile_name = "default";
  Profile profile;  // as it was when the definition was loaded

  std::string file;  // where it was read: the file and the line of the section header; "built-in" and 0
  unsigned line = 0;
  std::map<std::string, unsigned, std::less<>>
      key_lines;  // the line of each key; for messages, not stored with sessions

  // True if sessions do not change the source tree: with an overlay, a snapshot or a tarball. Never true for a source
  // variant.
  [[nodiscard]] bool clonable() const;
  // True if the tree is used as it is, including mounts in it. The set-up mounts and writes nothing in it.
  [[nodiscard]] bool is_plain() const;
  [[nodiscard]] bool has_own_network() const { return network == "none" || network == "private"; }
  [[nodiscard]] bool has_union() const { return union_.type == UnionType::overlay; }
  // True if ending a session removes its data, as schroot's "Session Purged" says.
  [[nodiscard]] bool purgeable() const;
};

// schroot's default environment filter.
extern const char* const default_environment_filter;

// The whole definition with its profile as text, stored with each session that begins on it. deserialize throws
// Error(definition_invalid).
std::string serialize(const Definition& definition);
Definition deserialize(const std::string& text);

// Returns the source variant of a definition, `source:NAME`. It has the source access lists and no union. As in
// schroot, a btrfs snapshot becomes the subvolume's directory, and an LVM snapshot becomes the block device. The
// description stays the same.
Definition source_variant(const Definition& definition);

}  // namespace unionroot::definition
