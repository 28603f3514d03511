// One line on stderr for what takes its time: "unpacking /srv/base.tar.zst [=====>    ] 45% 203 of 450 MiB".
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace unionroot::cli {

// How far something is. total: 0 if it is not known; done and total: 0 if no bytes are counted.
struct Advance {
  std::string what;
  std::uint64_t done = 0, total = 0;
};

// The line, `columns` wide at most: with a bar and a percentage where the total is known, with the bytes alone where it
// is not, with the time that has passed where there are no bytes.
std::string progress_line(const Advance& advance, std::chrono::seconds passed, std::size_t columns);

// Shows nothing for the first second, and nothing at all unless stderr is a terminal. The line is gone when this is,
// and also if a signal ends the process.
class Progress {
 public:
  explicit Progress(std::string doing);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { clear(); }

  // To be called now and then; draws ten times a second at most.
  void tick();
  // What is being done, as far as is known by now. Draws as tick() does.
  void advance(Advance advance);
  void clear() noexcept;

 private:
  Advance advance_;
  std::chrono::steady_clock::time_point start_, drawn_{};
  std::string line_;  // as it is shown; empty: none is
  bool terminal_;
};

// Whether Progress shows anything.
bool progress_is_shown();

}  // namespace unionroot::cli
