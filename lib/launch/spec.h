// What is to be run in a session, as a plain value.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/accounts.h"

namespace unionroot::launch {

// How the kernel shares processors, disks and memory out to a process.
struct Scheduling {
  std::uint32_t policy = 0;  // SCHED_OTHER and so on: sched(7)
  std::int32_t nice = 0;
  std::uint32_t priority = 0;         // of a real-time policy
  std::int32_t io_priority = 0;       // class and level: ioprio_set(2)
  std::int32_t oom_score_adjust = 0;  // proc(5)
  std::string processors;             // a mask: sched_setaffinity(2); empty: those of this process
};

// A run that goes on without a client.
struct Detached {
  std::chrono::milliseconds timeout{0};  // until SIGTERM; 0: none
  std::chrono::milliseconds grace{0};    // and from there until SIGKILL
  std::uint64_t output_limit = 0;        // bytes of its output that are kept at most
};

struct LaunchSpec {
  std::string session;
  std::string run;                       // id of the run
  std::vector<std::string> arguments;    // argv; never empty
  bool login_shell = false;              // argv[0] gets a leading '-'
  std::vector<std::string> environment;  // NAME=VALUE, final
  std::vector<std::string> directories;  // tried in order inside; the first that works; none: error
  bool directory_fallback = false;       // warn when it is not the first (login shells)
  std::string place;                     // of the first of them on the host: place_of_directory(); empty: not known
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
  mode_t umask = 022;
  std::vector<std::pair<int, rlimit>> limits;  // RLIMIT_* of the calling process
  std::vector<std::string> joined_groups;      // folders of control groups of version 1
  std::optional<Scheduling> scheduling;        // nullopt: this process's own
  std::optional<Detached> detached;            // nullopt: it ends with its client
  bool terminal = false;                       // a pseudo-terminal from the session's devpts
  unsigned short rows = 24, columns = 80;
  bool no_new_privileges = false;            // prctl(2), PR_SET_NO_NEW_PRIVS: set-uid programs give nothing
  std::string host_name;                     // the kernel's, for this command and what it starts; empty: the host's
  unsigned long personality = 0xffffffffUL;  // personality(2); 0xffffffff: leave it
};

// A user as a session sees it.
using User = base::Account;

// The user as the *host* knows it (getpwnam, getgrouplist), by name or decimal uid: the only source for
// authorization. Throws Error(no_such_user).
User host_user(const std::string& name_or_uid);
User host_user(uid_t uid);

// The user as the tree's own etc/passwd and etc/group have it, read with openat2 beneath `root`; throws
// Error(no_such_user).
User tree_user(int root, const std::string& name_or_uid);

struct EnvironmentRequest {
  bool preserve = false;
  std::vector<std::string> callers;          // NAME=VALUE of the caller
  std::string filter;                        // extended regular expression of names to drop
  std::map<std::string, std::string> extra;  // SCHROOT_* and UNIONROOT_* names
  std::string terminal_type;                 // TERM; empty: none
  std::string language;                      // LANG; empty: none
  std::vector<std::string> set;              // NAME=VALUE: wins over all but `extra`
};

// The final environment: HOME LANG LOGNAME PATH SHELL TERM USER, the extra names, and the caller's if preserved, less
// the filter; PATH is reset for root. Then what is set, with any value. Throws Error(invalid_argument), naming the
// variable, for a malformed name, a control character in a value that was not set, or one that is set and begins with
// SCHROOT_ or is UNIONROOT_SESSION.
std::vector<std::string> compose_environment(const User& user, const EnvironmentRequest& request);

// Throws Error(invalid_argument): empty argv, more than 128 KiB in one argument, 2 MiB in all, a NUL inside.
void check_arguments(const std::vector<std::string>& arguments, const std::vector<std::string>& environment);

}  // namespace unionroot::launch
