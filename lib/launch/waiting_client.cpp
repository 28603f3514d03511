#include "launch/waiting_client.h"

#include <sys/socket.h>

#include <cstddef>

#include "launch/control.h"

namespace unionroot::launch {

namespace {

void send_text(int socket, control::Type type, const std::string& text, std::uint32_t value = 0) noexcept {
  control::Message message{};
  (void)::send(socket, &message, control::fill(message, type, value, text.c_str()), MSG_NOSIGNAL | MSG_DONTWAIT);
}

// Receiving such a packet would close its descriptors here, which may take as long as the client wants. So it stays in
// the socket.
bool brings_descriptors(int socket) noexcept {
  char byte = 0;
  iovec part{&byte, sizeof byte};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  return ::recvmsg(socket, &header, MSG_PEEK | MSG_DONTWAIT) >= 0 && (header.msg_flags & MSG_CTRUNC) != 0;
}

}  // namespace

void WaitingClient::tell_progress(const std::string& what, std::uint64_t done, std::uint64_t total) const {
  if (hold_ < 0) return;
  send_text(hold_, control::Type::progress, std::to_string(done) + ' ' + std::to_string(total) + ' ' + what);
}

void WaitingClient::tell_source(bool packed) const noexcept {
  if (hold_ >= 0) send_text(hold_, control::Type::source, {}, packed ? 1 : 0);
}

void WaitingClient::tell_no_shell(const std::string& shell, int error) const noexcept {
  if (hold_ >= 0) send_text(hold_, control::Type::no_shell, shell, static_cast<std::uint32_t>(error));
}

void WaitingClient::tell_the_shell(const std::string& shell, bool login, bool another) const noexcept {
  const auto what = (login ? control::is_login_shell : 0) | (another ? control::is_another_shell : 0);
  if (hold_ >= 0) send_text(hold_, control::Type::the_shell, shell, what);
}

void WaitingClient::tell_verbosity(const std::string& word) const noexcept {
  if (hold_ >= 0) send_text(hold_, control::Type::verbosity, word);
}

void WaitingClient::tell_ended() const noexcept {
  if (hold_ >= 0) send_text(hold_, control::Type::ended, {});
}

void WaitingClient::tell_not_ended(const std::string& text) const noexcept {
  if (hold_ >= 0) send_text(hold_, control::Type::not_ended, text);
}

bool WaitingClient::cancels() noexcept {
  // The socket also has messages that the supervisor did not read. The limit stops a client that never stops sending.
  constexpr int most_at_once = 64;
  for (int i = 0; i < most_at_once && hold_ >= 0 && !cancels_ && !brings_descriptors(hold_); ++i) {
    control::Message message{};
    const auto size = ::recv(hold_, &message, sizeof message, MSG_DONTWAIT);
    if (size <= 0) break;
    cancels_ =
        static_cast<std::size_t>(size) >= offsetof(control::Message, text) && message.type == control::Type::cancel;
  }
  return cancels_;
}

}  // namespace unionroot::launch
