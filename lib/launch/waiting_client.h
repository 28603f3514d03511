// The client of a run in an automatic session. This is the daemon's side of the control socket, by LaunchedRun::hold.
#pragma once

#include <cstdint>
#include <string>

namespace unionroot::launch {

// Not thread-safe. A message that the client does not or cannot take is lost: no work waits or fails because of it.
class WaitingClient {
 public:
  explicit WaitingClient(int hold) : hold_(hold) {}  // borrowed; -1: no client

  void tell_progress(const std::string& what, std::uint64_t done, std::uint64_t total) const;
  // Call this before the command starts in a source session. packed: the source is a tarball, which is packed at the
  // end.
  void tell_source(bool packed) const noexcept;
  // Call these before a shell starts that the client did not name. The first is for each preferred shell that cannot be
  // used, the second for the chosen one.
  void tell_no_shell(const std::string& shell, int error) const noexcept;
  void tell_the_shell(const std::string& shell, bool login, bool another) const noexcept;
  void tell_verbosity(const std::string& word) const noexcept;
  // The session has ended.
  void tell_ended() const noexcept;
  // The session could not be ended. The first line of `text` is the reason, the rest says what to do.
  void tell_not_ended(const std::string& text) const noexcept;
  // True if the client has asked to cancel. A client that is gone has not asked.
  [[nodiscard]] bool cancels() noexcept;

 private:
  int hold_;
  bool cancels_ = false;
};

}  // namespace unionroot::launch
