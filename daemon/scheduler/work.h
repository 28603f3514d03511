// The classes of work, and their limits.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <string_view>

#include "definition/settings.h"

namespace unionroot::daemon {

// Work of one class never waits for work of another.
enum class Work : unsigned char {
  lookup,         // asking the name service who the caller is, and what the caller may do
  begin,          // begin and recover: stages, hooks, unpacking
  start,          // starting a command in an active session
  end,            // ends that take milliseconds
  slow_end,       // ends that run scripts, pack a source or remove a snapshot
  list,           // queries that are answered from memory
  listing,        // one look at all sessions, for all who ask
  query,          // queries that read trees and disks
  objects,        // keeping the objects on the bus up to date
  configuration,  // reading the configuration
  locks,          // checking whether a tree is free that a begin waits for
  signal,         // sending signals to commands
};
inline constexpr std::size_t work_classes = static_cast<std::size_t>(Work::signal) + 1;

struct Limit {
  std::string_view name;     // for messages: "sessions being begun"
  std::size_t at_once = 1;   // of all users but root
  std::size_t per_user = 1;  // of one user who is not root
  std::size_t for_root = 0;  // additional places for root's work alone
  std::size_t queued = 0;    // of one user who is not root, beyond those at once; 0: no limit
};

struct Limits {
  std::array<Limit, work_classes> of;
  std::size_t parked_per_user = 16;          // requests of one user who is not root that wait without a thread
  std::chrono::seconds authentication{300};  // time that a user has to authenticate

  [[nodiscard]] Limit& operator[](Work work) { return of[static_cast<std::size_t>(work)]; }
  [[nodiscard]] const Limit& operator[](Work work) const { return of[static_cast<std::size_t>(work)]; }
};

Limits limits_of(const definition::Settings& settings);

}  // namespace unionroot::daemon
