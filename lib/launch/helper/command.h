// The preparation of the command's process between fork and exec.
#pragma once

#include "launch/helper/child.h"
#include "launch/helper/execute.h"
#include "launch/helper/spec_reader.h"
#include "launch/helper/terminal.h"
#include "launch/helper/text.h"

namespace unionroot::helper {

enum class Step {
  none,  // the command was executed
  streams,
  cgroup,
  joined_groups,
  scheduling,
  mount_namespace,
  network,
  host_name,
  session,
  terminal,
  personality,
  limits,
  groups,
  gid,
  uid,
  capabilities,
  no_new_privileges,
  directory,
  parent,
  go,
  descriptors,
  execute,
};

// The caller's working directory, two home directories and "/".
inline constexpr unsigned most_directories = 4;

struct Failure {
  Step step = Step::none;
  int error_number = 0;
  Found found;                                  // execute
  const char* directory = nullptr;              // the directory in use; Step::directory: the first that was tried
  bool fell_back = false;                       // it is not the first
  bool root_is_closed = false;                  // Step::directory: no other directory would work either
  int directory_errors[most_directories] = {};  // of the skipped ones; 0: it is not the caller's directory
  unsigned directories_tried = 0;               // the number of skipped directories
  const char* group = nullptr;                  // joined_groups: the group that cannot be joined
};

// Starts the command once the daemon allows it. False if it could not be executed. Then `problem` has the reason, and
// `status` the exit status for the client (125, 126 or 127). `warning` is set if the command runs in another directory
// than the wanted one.
bool start_command(const Spec& spec, const Terminal& terminal, Child& child, Text& problem, Text& warning,
                   unsigned& status);

}  // namespace unionroot::helper
