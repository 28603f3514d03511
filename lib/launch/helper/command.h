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

struct Failure {
  Step step = Step::none;
  int error_number = 0;
  Found found;                      // execute
  const char* directory = nullptr;  // the one that was taken; directory: the first that was tried
  bool fell_back = false;           // it was not the first
  int directory_error = 0;          // of the first, if it was not taken
  const char* group = nullptr;      // joined_groups: the one that cannot be joined
};

// Starts the command, and takes the daemon's word that it may. False if it could not be executed: then `problem` says
// why, and `status` is the exit status for the client (125, 126 or 127). `warning` is filled in if it runs in another
// directory than the wanted one.
bool start_command(const Spec& spec, const Terminal& terminal, Child& child, Text& problem, Text& warning,
                   unsigned& status);

}  // namespace unionroot::helper
