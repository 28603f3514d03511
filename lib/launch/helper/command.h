// The command's process: what it becomes between its birth and its exec.
#pragma once

#include "launch/helper/child.h"
#include "launch/helper/execute.h"
#include "launch/helper/spec_reader.h"
#include "launch/helper/terminal.h"
#include "launch/helper/text.h"

namespace unionroot::helper {

enum class Step {
  none,  // it has been executed
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

// The caller's working directory, two homes and "/".
inline constexpr unsigned most_directories = 4;

struct Failure {
  Step step = Step::none;
  int error_number = 0;
  Found found;                                  // execute
  const char* directory = nullptr;              // the one that was taken; directory: the first that was tried
  bool fell_back = false;                       // it was not the first
  bool root_is_closed = false;                  // directory: no other would do, either
  int directory_errors[most_directories] = {};  // of those that were not taken; 0: it is another than the caller's
  unsigned directories_tried = 0;               // so many were not
  const char* group = nullptr;                  // joined_groups: the one that cannot be joined
};

// Starts the command, and takes the daemon's word that it may. False if it could not be executed: then `problem` says
// why, and `status` is the exit status for the client (125, 126 or 127). `warning` is filled in if it runs in another
// directory than the wanted one.
bool start_command(const Spec& spec, const Terminal& terminal, Child& child, Text& problem, Text& warning,
                   unsigned& status);

}  // namespace unionroot::helper
