// Reads the run's spec from the file that the launcher wrote (launch/wire.h).
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
  const char* place = nullptr;         // of directories[0] on the host (launch/working_directory.h); empty: unknown
  const char* file = nullptr;          // what to execute
  char** arguments = nullptr;          // NULL-terminated; arguments[-1] is writable too, for an interpreter
  char** environment = nullptr;        // NULL-terminated
  const char** directories = nullptr;  // header->directories entries
  const char** joined = nullptr;       // header->joined folders of control groups of version 1

  [[nodiscard]] bool has(launch::wire::Flag flag) const { return (header->flags & flag) != 0; }
};

// Maps the file and points `spec` into the mapping, which lasts as long as the process. False if the file is not a spec
// of this build.
bool read_spec(int descriptor, Spec& spec);

}  // namespace unionroot::helper
