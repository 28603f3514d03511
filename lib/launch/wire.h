// How the launcher hands a run to the helper: descriptor numbers, and the layout of the spec's memory file.
// Both are of one build (the launcher opened the helper when the daemon started), so there is no compatibility to keep;
// the magic number catches a helper of another version.
#pragma once

#include <stdint.h>  // NOLINT(modernize-deprecated-headers)

namespace unionroot::launch::wire {

inline constexpr uint32_t magic = 0x75724c36;

// Numbers that the descriptors have in the helper. One that is missing is /dev/null, as 0 to 2 are: no number is ever
// free for something else.
inline constexpr int spec_descriptor = 3;
inline constexpr int control_descriptor = 4;
inline constexpr int namespace_descriptor = 5;
inline constexpr int root_descriptor = 6;
inline constexpr int cgroup_descriptor = 7;
inline constexpr int lock_descriptor = 8;
inline constexpr int end_descriptor = 9;
// A socket with one message, to which the caller's three streams are attached. The command's process takes them from
// there, and the supervisor never has them. To close a user's descriptor may take for ever. Nothing for a terminal.
inline constexpr int streams_descriptor = 10;
// The run's folder in the daemon's own control group: for ended_attribute. It may be the group of cgroup_descriptor.
inline constexpr int record_descriptor = 11;
// With `detached` alone: the reading end of the pipe that the command writes to, which does not block, and the file
// that keeps what comes out of it, open for appending.
inline constexpr int output_descriptor = 12;
inline constexpr int kept_descriptor = 13;
inline constexpr int first_free_descriptor = 14;
// The network namespace to enter, with has_network alone: else the number is free.
inline constexpr int network_descriptor = 14;

// What the supervisor adds to the event counter (eventfd(2)) at end_descriptor when the run has ended: how, as in the
// message for the client (control::Type exited, killed or failed, and its value), and marks.
constexpr uint64_t run_end(uint32_t how, uint32_t value, uint64_t marks = 0) {
  return marks | uint64_t{how} << 32 | value;
}
// The command has left processes, and the supervisor stays with them.
inline constexpr uint64_t has_left = uint64_t{1} << 63;
// The command was killed, and the kernel has killed in its control group for lack of memory.
inline constexpr uint64_t out_of_memory = uint64_t{1} << 62;
// It took longer than it may: the client said so (control::Type timed_out), or the supervisor found it
// (Header::timeout).
inline constexpr uint64_t timed_out = uint64_t{1} << 61;
constexpr uint32_t how_of(uint64_t run_end) { return static_cast<uint32_t>(run_end >> 32) & 0xffffU; }
constexpr uint32_t value_of(uint64_t run_end) { return static_cast<uint32_t>(run_end); }

// An extended attribute of the folder of record_descriptor: a RecordedEnd. The supervisor sets it when its command has
// ended. A run whose supervisor has gone and whose folder does not have it was left by a supervisor that
// was killed. Former versions left it empty.
inline constexpr char ended_attribute[] = "user.unionroot.ended";
struct RecordedEnd {
  uint64_t end;           // run_end()
  uint64_t microseconds;  // since the epoch
};

enum Flag : uint32_t {
  terminal = 1,
  directory_fallback = 2,
  has_network = 4,
  has_cgroup = 8,
  no_new_privileges = 16,
  has_scheduling = 32,
  detached = 64,  // it goes on without a client, once that has said so (control::Type detach)
};

inline constexpr uint64_t keep_personality = 0xffffffffUL;

// The most processors that a mask has: what the kernel can be built for.
inline constexpr uint32_t longest_mask = 1024;

struct Scheduling {
  uint32_t policy;
  int32_t nice;
  uint32_t priority;
  int32_t io_priority;
  int32_t oom_score_adjust;
  uint32_t mask_size;  // bytes of `mask` that count; 0: the supervisor's own
  uint8_t mask[longest_mask];
};

// At the start of the file. After it: `limits` times Limit, Scheduling if there is one, `groups` times uint32, then
// NUL-terminated strings: session, run, host name (empty: the host's), place of the first directory, the file to
// execute, arguments, environment, directories, joined (folders of control groups of version 1).
struct Header {
  uint32_t magic;
  uint32_t size;  // of the whole file
  uint64_t personality;
  // With `detached` alone.
  uint64_t timeout;       // milliseconds until SIGTERM; 0: none
  uint64_t grace;         // and from there until SIGKILL
  uint64_t output_limit;  // bytes that are kept at most
  uint32_t flags;
  uint32_t uid;
  uint32_t gid;
  uint32_t umask;
  uint16_t rows;
  uint16_t columns;
  uint32_t limits;
  uint32_t groups;
  uint32_t arguments;
  uint32_t environment;
  uint32_t directories;
  uint32_t joined;
  uint32_t unused;
};

struct Limit {
  uint64_t soft;
  uint64_t hard;
  uint32_t resource;
  uint32_t unused;
};

}  // namespace unionroot::launch::wire
