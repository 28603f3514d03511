// Where a daemon keeps its things: the file named by --config, a keyfile with one section, [unionroot].
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace unionroot::definition {

// How much the daemon does at once: for all users but root, and for one of them.
struct WorkLimits {
  unsigned begins = 12, begins_per_user = 4;
  unsigned starts = 8, starts_per_user = 4;
  unsigned ends = 8, ends_per_user = 4;
  unsigned slow_ends = 8, slow_ends_per_user = 2;
  unsigned queries = 4, queries_per_user = 1;
  unsigned lookups = 8, lookups_per_user = 2;
  unsigned waiting_per_user = 16;
  unsigned root_reserve = 4;  // of each, more for root alone
};

// What is kept free of a file system for root.
struct Reserve {
  unsigned percent = 5;     // of the whole
  std::uint64_t most = 0;   // bytes or inodes; 0: `percent` alone counts
  std::uint64_t least = 0;  // in the place of `percent`, if that is 0
};

// How a user who is not root may name sessions.
enum class SessionNames : unsigned char { any, owner };  // owner: USER.NAME alone

struct Settings {
  std::string config_directory = "/etc/unionroot";  // chroot.d/*.conf, profiles/ ; and the settings file itself
  std::string config_file = "/etc/unionroot/unionroot.conf";  // settings, and definitions too
  std::string state_directory = "/var/lib/unionroot";
  std::string runtime_directory = "/run/unionroot";
  std::string bus = "system";  // system | session | a D-Bus address
  std::string helper;          // the launch helper; empty: the installed one
  bool read_schroot = true;    // also /etc/schroot/schroot.conf and chroot.d
  std::string schroot_directory = "/etc/schroot";
  // Show the front end's sessions where schroot does. None: this is the machine's own daemon, and `schroot` is ours.
  std::optional<bool> schroot_places;
  std::string schroot_run_directory = "/run/schroot", schroot_state_directory = "/var/lib/schroot";
  std::string log_level = "info";
  unsigned sessions_per_user = 1000;  // live sessions of one user who is not root; 0: no limit
  WorkLimits limits;
  SessionNames session_names = SessionNames::any;
  // In seconds; 0: no limit. Of sessions of users who are not root, from their begin.
  unsigned session_time_limit = 0, source_session_time_limit = 0;
  // For so many seconds a source change that waits keeps later sessions from the tree; 0: as long as it waits.
  unsigned hold_back_time_limit = 600;
  // For so many seconds the schroot front end waits for a tree that is being changed, or that it is to change; 0: not.
  unsigned schroot_wait_limit = 3600;
  unsigned authentication_time_limit = 300;  // for so many seconds polkit may ask somebody
  // Of the file systems of the state directory and of upper layers: below it only root's sessions begin.
  Reserve reserve_space{5, std::uint64_t{1} << 30, 0};
  Reserve reserve_inodes{2, 20000, 0};
  unsigned history_days = 30;  // for so long it is known which commands were run; 0: that is not kept
  bool built_in_host = true;
  std::string working_directory;  // of definitions that do not say it; empty: as their profile is
};

// A client uses the folders and the bus alone. What is wrong with other settings is the daemon's affair.
// In the user namespace of a user root's files look like nobody's, and whoever made it has any file at any path: whose
// the settings are does not count there.
enum class SettingsFor : unsigned char { daemon, client, client_in_user_namespace };

// The settings from `file`; a file that is not there gives the defaults if `optional`. Throws
// Error(definition_invalid) with FILE:LINE. Unless the file sets config-directory, that is the folder it lies in.
Settings read_settings(const std::string& file, bool optional, SettingsFor whom = SettingsFor::daemon);

// The file to read: `given` if not empty, else $UNIONROOT_CONFIG (ignored for a set-id caller), else the default one.
std::string settings_file(const std::string& given);

// Throws Error(access_denied) unless the open file is a regular file owned by root and not writable by group or
// others. fstat on the descriptor, so that what was checked is what is read.
void require_trusted(int fd, const std::string& path);

}  // namespace unionroot::definition
