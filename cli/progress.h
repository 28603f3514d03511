// One line on stderr for what takes its time: "beginning a session on sid ... 3 s".
#pragma once

#include <chrono>
#include <string>

namespace unionroot::cli {

// Shows nothing for the first second, and nothing at all unless stderr is a terminal. The line is gone when this is.
class Progress {
 public:
  explicit Progress(std::string doing);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { clear(); }

  // To be called now and then.
  void tick();
  void clear() noexcept;

 private:
  std::string doing_;
  std::chrono::steady_clock::time_point start_;
  std::chrono::seconds shown_{0};
  bool terminal_;
};

}  // namespace unionroot::cli
