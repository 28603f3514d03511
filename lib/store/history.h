// Which commands were run, and how they ended. A database of its own, which may be lost: what it takes up must not be
// missing where sessions are recorded (store.h).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.h"

namespace unionroot::store {

enum class PastEnd {
  exited,         // value: the exit status
  killed,         // value: the signal
  not_started,    // the command was never executed; value: the status that a shell would have for it (125 to 127)
  unknown,        // nobody saw it
  session_ended,  // it was ended with its session
};
std::string_view to_string(PastEnd end);

struct PastRun {
  std::uint64_t number = 0;  // in the order of their ends; given by the history
  RunRecord run;             // without its supervisor and cgroup; a long command is cut
  std::string chroot;
  bool source = false;  // in a source session
  uid_t owner = 0;      // of the session
  std::string owner_name;
  PastEnd end = PastEnd::unknown;
  int value = 0;
  bool out_of_memory = false;
  bool timed_out = false;
  std::int64_t until = 0;  // microseconds since the epoch
};

struct HistoryUser {
  uid_t uid = 0;
  std::string name;
};

struct HistoryWish {
  std::optional<HistoryUser> of;  // who asked for the run, or owns its session; nullopt: anybody
  std::string name;               // of a session or a chroot; empty: any
  std::uint64_t before = 0;       // those with a smaller number; 0: any
  unsigned limit = 1;
};

// Thread-safe.
class History {
 public:
  // Makes the file where there is none. age: what is older is dropped; zero: nothing is kept, and the file is removed.
  // Whatever is wrong with the file is logged; a damaged one is renamed to <file>.corrupt and made anew. Does not
  // throw.
  History(std::string file, std::chrono::hours age);
  ~History();
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  // The first that is told of a run counts. What fails is logged. Nothing is added on a disk that is almost full.
  void add(const PastRun& past) noexcept;
  // The newest first. Throws Error(not_supported) if nothing is kept, DatabaseError.
  // Others are let in between while it looks through many.
  [[nodiscard]] std::vector<PastRun> find(const HistoryWish& wish) const;
  // The run of that id; nullopt if it is not known (any more). Throws as find() does.
  [[nodiscard]] std::optional<PastRun> find_run(const std::string& run) const;
  [[nodiscard]] bool keeps() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace unionroot::store
