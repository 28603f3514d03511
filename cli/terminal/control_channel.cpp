#include "terminal/control_channel.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "base/error.h"

namespace unionroot::terminal {

using launch::control::Message;
using launch::control::Type;

namespace {

base::UniqueFd attached_descriptor(msghdr& header) {
  base::UniqueFd first;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int descriptor = -1;
      std::memcpy(&descriptor, CMSG_DATA(part) + i * sizeof(int), sizeof descriptor);
      base::UniqueFd owned(descriptor);
      if (!first) first = std::move(owned);
    }
  }
  return first;
}

}  // namespace

bool ControlChannel::receive() {
  Message message{};
  iovec part{&message, sizeof message};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(4 * sizeof(int))> attachments{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = attachments.data();
  header.msg_controllen = attachments.size();
  const ssize_t size = ::recvmsg(socket_.get(), &header, MSG_CMSG_CLOEXEC);
  if (size < 0) {
    // The supervisor ended without reading all that was sent to it: told once, before what it sent last.
    if (errno == EINTR || errno == EAGAIN || errno == ECONNRESET) return true;
    base::throw_errno("reading from the run's control socket");
  }
  if (size == 0) return false;
  base::UniqueFd descriptor = attached_descriptor(header);
  if (static_cast<std::size_t>(size) < offsetof(Message, text)) return true;
  message.text[sizeof message.text - 1] = '\0';
  if (message.type == Type::started && descriptor) master_ = std::move(descriptor);
  handle(message);
  return true;
}

void ControlChannel::handle(const Message& message) {
  const auto value = static_cast<int>(message.value);
  switch (message.type) {
    case Type::exited: outcome_ = Outcome{Outcome::Kind::exited, value, {}, {}}; break;
    case Type::killed: outcome_ = Outcome{Outcome::Kind::killed, value, {}, {}}; break;
    case Type::failed: {
      // The first line says what was wrong, the rest what to do.
      const std::string text = message.text;
      const auto line_end = text.find('\n');
      outcome_ = Outcome{Outcome::Kind::failed, value, text.substr(0, line_end),
                         line_end == std::string::npos ? std::string() : text.substr(line_end + 1)};
      break;
    }
    case Type::warning: warning_ = message.text; break;
    case Type::stopped: stopped_ = true; break;
    case Type::started:
    case Type::signal:
    case Type::window_size:
    case Type::go: break;
  }
}

void ControlChannel::send(Type type, std::uint32_t value) {
  Message message{};
  message.type = type;
  message.value = value;
  // Never waits: a supervisor that does not read for hundreds of messages cannot be helped by another.
  (void)::send(socket_.get(), &message, offsetof(Message, text) + 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace unionroot::terminal
