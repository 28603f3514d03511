// The daemon's settings. They are in the file named by --config: a keyfile with one section, [unionroot].
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace unionroot::definition {

// Limits of concurrent work: for all users except root together, and per user.
struct WorkLimits {
  unsigned begins = 12, begins_per_user = 4;
  unsigned starts = 8, starts_per_user = 4;
  unsigned ends = 8, ends_per_user = 4;
  unsigned slow_ends = 8, slow_ends_per_user = 2;
  unsigned queries = 4, queries_per_user = 1;
  unsigned lookups = 8, lookups_per_user = 2;
  unsigned waiting_per_user = 16;
  unsigned root_reserve = 4;  // additional places in each class, for root only
};

// The part of a file system that is kept free for root.
struct Reserve {
  unsigned percent = 5;     // of the file system's size
  std::uint64_t most = 0;   // upper limit of `percent`, in bytes or inodes; 0: none
  std::uint64_t least = 0;  // used if `percent` is 0
};

// The session names that users other than root may choose.
enum class SessionNames : unsigned char { any, owner };  // owner: only USER.NAME

struct Settings {
  std::string config_directory = "/etc/unionroot";            // chroot.d/*.conf, profiles/ and the settings file
  std::string config_file = "/etc/unionroot/unionroot.conf";  // settings and definitions
  std::string state_directory = "/var/lib/unionroot";
  std::string runtime_directory = "/run/unionroot";
  std::string bus = "system";  // system | session | a D-Bus address
  std::string helper;          // the launch helper; empty: the installed one
  bool read_schroot = true;    // also read /etc/schroot/schroot.conf and chroot.d
  std::string schroot_directory = "/etc/schroot";
  // Show the sessions of the `schroot` front end in schroot's folders. nullopt: only if this is the machine's own
  // daemon and `schroot` is unionroot's.
  std::optional<bool> schroot_places;
  std::string schroot_run_directory = "/run/schroot", schroot_state_directory = "/var/lib/schroot";
  std::string log_level = "info";
  unsigned sessions_per_user = 1000;  // live sessions of one user other than root; 0: no limit
  WorkLimits limits;
  SessionNames session_names = SessionNames::any;
  // In seconds from the begin, for sessions of users other than root. 0: no limit.
  unsigned session_time_limit = 0, source_session_time_limit = 0;
  // In seconds: how long a waiting source change holds back later sessions. 0: as long as it waits.
  unsigned hold_back_time_limit = 600;
  // In seconds: how long the schroot front end waits for a tree that is in use or being changed. 0: it does not wait.
  unsigned schroot_wait_limit = 3600;
  unsigned authentication_time_limit = 300;  // in seconds: how long polkit may wait for the user
  // For the file systems of the state directory and of upper layers. With less free space only root's sessions can
  // begin.
  Reserve reserve_space{5, std::uint64_t{1} << 30, 0};
  Reserve reserve_inodes{2, 20000, 0};
  unsigned history_days = 30;  // in days: how long the record of commands is kept; 0: none is kept
  // In bytes: how much is kept of the output of one detached command, and of all those of one user.
  std::uint64_t detached_output_limit = std::uint64_t{16} << 20;
  std::uint64_t detached_output_per_user = std::uint64_t{512} << 20;
  bool built_in_host = true;
  std::string working_directory;  // for definitions without this key; empty: the profile decides
};

// A client uses only the folders and the bus, so errors in other settings do not concern it. In the user namespace of
// an unprivileged user, root's files seem to belong to nobody, and that user can mount any file at any path. So the
// owner of the settings file is not checked there.
enum class SettingsFor : unsigned char { daemon, client, client_in_user_namespace };

// Reads the settings from `file`. A missing file gives the defaults if `optional`. Throws Error(definition_invalid)
// with FILE:LINE. The default of config-directory is the folder of the file.
Settings read_settings(const std::string& file, bool optional, SettingsFor whom = SettingsFor::daemon);

// The settings file: `given` if not empty, else $UNIONROOT_CONFIG (ignored for a set-id caller), else the default.
std::string settings_file(const std::string& given);

// Throws Error(access_denied) unless the open file is a regular file that belongs to root and that group and others
// cannot write to. The check uses the descriptor, so the checked file is the one that is read.
void require_trusted(int fd, const std::string& path);

}  // namespace unionroot::definition
