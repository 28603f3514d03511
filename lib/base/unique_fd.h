// A file descriptor that closes itself.
#pragma once

#include <unistd.h>

#include <utility>

namespace unionroot::base {

// Owns one file descriptor, or none (-1). Movable, not copyable. Whoever creates the descriptor makes it close-on-exec.
class UniqueFd {
 public:
  UniqueFd() noexcept = default;
  explicit UniqueFd(int fd) noexcept : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
  void reset(int fd = -1) noexcept {
    // close(2): on Linux the descriptor is closed even after EINTR, so close is never retried.
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

  // A close-on-exec duplicate on the same open file description. Throws Error.
  [[nodiscard]] UniqueFd duplicate() const;

 private:
  int fd_ = -1;
};

}  // namespace unionroot::base
