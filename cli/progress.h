// A progress line on stderr: "unpacking /srv/base.tar.zst [=====>    ] 45% 203 of 450 MiB".
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace unionroot::cli {

// The progress of an operation, in bytes. total: 0 if it is not known. done and total: 0 if no bytes are counted.
struct Advance {
  std::string what;
  std::uint64_t done = 0, total = 0;
};

// The line, at most `columns` wide. It has a bar and a percentage if the total is known, the bytes alone if it is not,
// and the time passed if no bytes are counted.
std::string progress_line(const Advance& advance, std::chrono::seconds passed, std::size_t columns);

// Shows nothing in the first second, and nothing at all if stderr is not a terminal. The destructor erases the line; so
// does a signal that ends the process.
class Progress {
 public:
  explicit Progress(std::string doing);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { clear(); }

  // Call it repeatedly. It draws at most ten times a second.
  void tick();
  // Sets the progress, and draws as tick() does.
  void advance(Advance advance);
  void clear() noexcept;

 private:
  Advance advance_;
  std::chrono::steady_clock::time_point start_, drawn_{};
  std::string line_;  // the line on the screen; empty: none
  bool terminal_;
};

// True if stderr is a terminal: then Progress shows a line.
bool progress_is_shown();

}  // namespace unionroot::cli
