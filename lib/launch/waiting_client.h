// The client of a run in an automatic session: the daemon's side of the control socket, by LaunchedRun::hold.
#pragma once

#include <cstdint>
#include <string>

namespace unionroot::launch {

// One thread at a time. What the client does not take, or cannot, is lost: nobody's work is to wait or to fail for it.
class WaitingClient {
 public:
  explicit WaitingClient(int hold) : hold_(hold) {}  // borrowed; -1: there is none

  void tell_progress(const std::string& what, std::uint64_t done, std::uint64_t total) const;
  // Before its command is started: its session is on a source. packed: that is a tarball, which is packed at the end.
  void tell_source(bool packed) const noexcept;
  // Before a shell is started that it did not name: those that would have been are not there; the one that is taken.
  void tell_no_shell(const std::string& shell, int error) const noexcept;
  void tell_the_shell(const std::string& shell, bool login, bool another) const noexcept;
  void tell_verbosity(const std::string& word) const noexcept;
  // Its session has ended.
  void tell_ended() const noexcept;
  // Its session could not be ended. The first line of `text` says why, what follows says what to do.
  void tell_not_ended(const std::string& text) const noexcept;
  // Whether it has asked to cancel what can be cancelled. One that has gone has not.
  [[nodiscard]] bool cancels() noexcept;

 private:
  int hold_;
  bool cancels_ = false;
};

}  // namespace unionroot::launch
