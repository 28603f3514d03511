#include "terminal/control_channel.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <tuple>

#include "base/error.h"
#include "base/text.h"

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

// The first line says what was wrong, the rest what to do.
std::pair<std::string, std::string> first_line_and_rest(const std::string& text) {
  const auto end = text.find('\n');
  return {text.substr(0, end), end == std::string::npos ? std::string() : text.substr(end + 1)};
}

// Removes the first word of "DONE TOTAL WHAT", and returns it as a number.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  const auto end = text.find(' ');
  if (end == std::string_view::npos) return std::nullopt;
  const auto number = base::parse_unsigned(text.substr(0, end));
  text.remove_prefix(end + 1);
  return number;
}

std::optional<Detail> detail_in(const Message& message) {
  using Kind = Detail::Kind;
  const auto detail = [&](Kind kind) {
    return Detail{.kind = kind, .error = static_cast<int>(message.value), .text = message.text};
  };
  switch (message.type) {
    case Type::no_directory: return detail(Kind::no_directory);
    case Type::other_directory: return detail(Kind::other_directory);
    case Type::no_command: return detail(Kind::no_command);
    case Type::no_shell: return detail(Kind::no_shell);
    case Type::verbosity: return detail(Kind::verbosity);
    case Type::the_shell:
      return Detail{Kind::the_shell, 0, (message.value & launch::control::is_login_shell) != 0,
                    (message.value & launch::control::is_another_shell) != 0, message.text};
    default: return std::nullopt;
  }
}

}  // namespace

bool ControlChannel::show_progress(const Ending& ending) {
  const auto told = std::exchange(progress_, {});
  std::string_view what = told;
  const auto done = take_number(what);
  const auto total = take_number(what);
  if (!done || !total || !ending.advance) return false;
  ending.advance(what, *done, *total);
  return true;
}

bool ControlChannel::time_is_up() {
  if (!alarm_.has_limit()) return false;
  if (outcome_) return true;
  if (alarm_.begin_grace()) {
    send(Type::timed_out, 0);
    send(Type::signal, SIGTERM);
    send(Type::signal, SIGCONT);  // a stopped command does not handle SIGTERM before it continues
    return true;
  }
  send(Type::kill_all, 0);
  ::shutdown(socket_.get(), SHUT_WR);  // older supervisors kill everything when the client is gone
  return true;
}

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
    // The supervisor ended without reading everything that was sent to it. The kernel reports that once, before the
    // supervisor's last messages.
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
      auto [text, hint] = first_line_and_rest(message.text);
      outcome_ = Outcome{Outcome::Kind::failed, value, std::move(text), std::move(hint)};
      break;
    }
    case Type::warning: warning_ = message.text; break;
    case Type::started: started_ = true; break;
    case Type::stopped: stopped_ = true; break;
    case Type::source: source_is_packed_ = value == 1; break;
    case Type::progress: progress_ = message.text; break;
    case Type::ended:
      if (outcome_) outcome_->session_ended = true;
      break;
    case Type::not_ended:
      if (outcome_) std::tie(outcome_->not_ended, outcome_->not_ended_hint) = first_line_and_rest(message.text);
      break;
    case Type::no_directory:
    case Type::other_directory:
    case Type::no_command:
    case Type::no_shell:
    case Type::the_shell:
    case Type::verbosity: detail_ = detail_in(message); break;
    case Type::cancel:
    case Type::kill_all:
    case Type::timed_out:
    case Type::detach:
    case Type::signal:
    case Type::window_size:
    case Type::go: break;
  }
}

void ControlChannel::send(Type type, std::uint32_t value) {
  Message message{};
  const auto size = launch::control::fill(message, type, value);
  // Never blocks. If a supervisor does not read hundreds of messages, one more does not help it.
  (void)::send(socket_.get(), &message, size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace unionroot::terminal
