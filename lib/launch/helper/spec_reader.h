// The run's spec, as the launcher wrote it (launch/wire.h).
#pragma once

#include "launch/wire.h"

namespace unionroot::helper {

struct Spec {
  const launch::wire::Header* header = nullptr;
  const launch::wire::Limit* limits = nullptr;
  const launch::wire::Scheduling* scheduling = nullptr;  // nullptr: the supervisor's own
  const uint32_t* groups = nullptr;
  const char* session = nullptr;
  const char* run = nullptr;
  const char* host_name = nullptr;     // empty: the host's
  const char* place = nullptr;         // of directories[0] on the host (launch/working_directory.h); empty: not known
  const char* file = nullptr;          // what to execute
  char** arguments = nullptr;          // NULL-terminated; arguments[-1] is writable too: room for an interpreter
  char** environment = nullptr;        // NULL-terminated
  const char** directories = nullptr;  // header->directories of them
  const char** joined = nullptr;       // header->joined folders of control groups of version 1

  [[nodiscard]] bool has(launch::wire::Flag flag) const { return (header->flags & flag) != 0; }
};

// Maps the file and points `spec` into it; the mapping lives as long as the process. False if it is not a spec of
// this build.
bool read_spec(int descriptor, Spec& spec);

}  // namespace unionroot::helper
