#include "cli/bus/connection.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <thread>

#include "base/hex.h"
#include "base/text.h"
#include "cli/bus/address.h"
#include "cli/caller.h"
#include "cli/host_names.h"

namespace unionroot::cli::bus {

namespace {

constexpr std::uint32_t hello_serial = 1;
constexpr std::size_t most_descriptors = 64;

[[noreturn]] void broken(std::string_view what) {
  throw base::Error(base::ErrorCode::failed, std::string(what),
                    "try again; if it happens again, see the log of the bus: journalctl -u dbus");
}

base::UniqueFd connect_to(const SocketAddress& place) {
  base::UniqueFd socket(base::check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "making a socket"));
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  const std::size_t start = place.abstract ? 1 : 0;
  std::memcpy(name.sun_path + start, place.path.data(), place.path.size());
  const auto length = offsetof(sockaddr_un, sun_path) + place.path.size() + 1;
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&name), static_cast<socklen_t>(length)) < 0)
    return base::UniqueFd();
  return socket;
}

base::UniqueFd connect_to_any(const std::string& address) {
  int error = 0;
  for (const auto& place : parse_address(address)) {
    auto socket = connect_to(place);
    if (socket) return socket;
    error = errno;
  }
  throw base::SystemError(error, base::concat("connecting to the bus at ", base::printable(address)),
                          error == EACCES || error == EPERM
                              ? "you may not use that bus: ask the administrator, or set `bus` in unionroot.conf(5)"
                              : "the bus is not running: start it (systemctl start dbus, or apt-get install dbus), or "
                                "set `bus` in unionroot.conf(5), or name another file with --config");
}

}  // namespace

// dbus-daemon closes the connection of a user without an account, because its policy needs the user's groups. It says
// so in its own log only.
void Connection::closed() const {
  const auto uid = ::geteuid();
  if (!greeted_ && host_user_name(uid) == std::to_string(uid))
    throw base::Error(base::ErrorCode::access_denied,
                      base::concat("the bus does not let you in: this machine has no account with the uid ", uid),
                      base::concat("make one (useradd --uid ", uid,
                                   " NAME), or correct the name service; `getent passwd ", uid, "` shows it then"));
  broken("the bus closed the connection");
}

Connection::Connection(const std::string& address) : socket_(connect_to_any(address)) {
  if (authenticate(Identity::uid)) return;
  // In a user namespace, the bus sees another uid than this process does.
  const bool again = in_user_namespace();
  if (again) socket_ = connect_to_any(address);
  buffer_.clear();
  if (!again || !authenticate(Identity::none))
    throw base::Error(base::ErrorCode::access_denied, "the bus does not let you in",
                      "its policy may keep your user out: see dbus-daemon(1), and the log of the bus");
}

bool Connection::authenticate(Identity identity) {
  const bool by_uid = identity == Identity::uid;
  const Call hello{"org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello", {}};
  std::string opening(1, '\0');  // the byte that carries the credentials
  // Without a uid the bus answers DATA. After an empty DATA it takes the uid from the socket.
  opening += by_uid ? base::concat("AUTH EXTERNAL ", base::to_hex(std::to_string(::geteuid())), "\r\n")
                    : std::string("AUTH EXTERNAL\r\nDATA\r\n");
  opening += "NEGOTIATE_UNIX_FD\r\nBEGIN\r\n";
  send(opening + encode(hello, hello_serial), {});

  // The bus answers OK <guid> and AGREE_UNIX_FD. Descriptors may be sent only after that: the broker accepts only bytes
  // until it has read BEGIN. By then it has, because BEGIN came in the same packet.
  for (const char* const expected : {"DATA", "OK", "AGREE_UNIX_FD"}) {
    if (by_uid && expected == std::string_view("DATA")) continue;
    std::size_t end;
    while ((end = buffer_.find("\r\n")) == std::string::npos) {
      if (buffer_.size() > 4096) broken("the bus does not speak D-Bus");
      receive({});
    }
    const std::string line = buffer_.substr(0, end);
    buffer_.erase(0, end + 2);
    if (line.starts_with(expected)) continue;
    if (line.starts_with("REJECTED")) return false;
    if (line.starts_with("ERROR"))
      throw base::Error(base::ErrorCode::not_supported, "the bus cannot pass file descriptors",
                        "unionroot needs a bus on a unix socket on the same machine");
    broken(base::concat("the bus does not speak D-Bus: it said '", base::printable(line), "'"));
  }
  return true;
}

void Connection::send(std::string_view bytes, const std::vector<int>& descriptors) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 8)] = {};
  bool first = true;
  while (!bytes.empty()) {
    iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    if (first && !descriptors.empty()) {
      const auto size = sizeof(int) * descriptors.size();
      header.msg_control = control;
      header.msg_controllen = CMSG_SPACE(size);
      cmsghdr* const entry = CMSG_FIRSTHDR(&header);
      entry->cmsg_level = SOL_SOCKET;
      entry->cmsg_type = SCM_RIGHTS;
      entry->cmsg_len = CMSG_LEN(size);
      std::memcpy(CMSG_DATA(entry), descriptors.data(), size);
    }
    const auto count = ::sendmsg(socket_.get(), &header, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EPIPE || errno == ECONNRESET)) closed();
    bytes.remove_prefix(static_cast<std::size_t>(base::check(count, "sending to the bus")));
    first = false;
  }
}

void Connection::wait_until_readable(const Waiting& waiting) {
  pollfd ready{socket_.get(), POLLIN, 0};
  while (true) {
    const int count = ::poll(&ready, 1, waiting_interval);
    if (count > 0) return;
    if (count < 0 && errno != EINTR) base::throw_errno("waiting for the bus");
    if (waiting) waiting();
    // A policy keeps answers from us, or the other end is not a bus.
    if (!greeted_ && std::chrono::steady_clock::now() - opened_ > std::chrono::seconds(greeting_limit))
      throw base::Error(base::ErrorCode::timed_out, "the bus does not answer",
                        "its policy may keep its answers from you: see dbus-daemon(1), and the log of the bus");
  }
}

void Connection::receive(const Waiting& waiting) {
  wait_until_readable(waiting);
  char bytes[16384];
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * most_descriptors)];
  iovec part{bytes, sizeof bytes};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  const auto count = ::recvmsg(socket_.get(), &header, MSG_CMSG_CLOEXEC);
  if (count < 0 && errno == EINTR) return;
  if (count == 0 || (count < 0 && errno == ECONNRESET)) closed();
  base::check(count, "receiving from the bus");
  for (cmsghdr* entry = CMSG_FIRSTHDR(&header); entry != nullptr; entry = CMSG_NXTHDR(&header, entry)) {
    if (entry->cmsg_level != SOL_SOCKET || entry->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t at = CMSG_LEN(0); at + sizeof(int) <= entry->cmsg_len; at += sizeof(int)) {
      int descriptor;
      std::memcpy(&descriptor, reinterpret_cast<const char*>(entry) + at, sizeof descriptor);
      received_.emplace_back(descriptor);
    }
  }
  if ((header.msg_flags & MSG_CTRUNC) != 0) broken("descriptors were lost on the bus (too many open?)");
  buffer_.append(bytes, static_cast<std::size_t>(count));
}

std::vector<base::UniqueFd> Connection::take_descriptors(std::size_t count) {
  if (count > received_.size()) broken("descriptors were lost on the bus");
  const auto end = received_.begin() + static_cast<std::ptrdiff_t>(count);
  std::vector<base::UniqueFd> taken(std::make_move_iterator(received_.begin()), std::make_move_iterator(end));
  received_.erase(received_.begin(), end);
  return taken;
}

// The bus holds a limited number of messages and descriptors for the daemon, from all users together. A flood of
// another user's calls can use them up. Then the bus did not deliver the call, so it is made again.
Answer Connection::call(const Call& call, const std::vector<int>& descriptors, const Waiting& waiting,
                        const Signalled& signalled) {
  using std::chrono::milliseconds;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(room_limit);
  for (milliseconds pause(10);; pause = std::min(2 * pause, milliseconds(waiting_interval))) {
    try {
      return call_once(call, descriptors, waiting, signalled);
    } catch (const RemoteError& error) {
      const bool no_room = greeted_ && error.name() == "org.freedesktop.DBus.Error.LimitsExceeded";
      if (!no_room || std::chrono::steady_clock::now() + pause > end) throw;
    }
    std::this_thread::sleep_for(pause);
    if (waiting) waiting();
  }
}

Answer Connection::call_once(Call call, const std::vector<int>& descriptors, const Waiting& waiting,
                             const Signalled& signalled) {
  const auto serial = ++serial_;
  call.descriptors = static_cast<std::uint32_t>(descriptors.size());
  send(encode(call, serial), descriptors);
  while (true) {
    const auto length = message_length(buffer_);
    if (length == 0 || buffer_.size() < length) {
      receive(waiting);
      continue;
    }
    Message message = decode(std::string_view(buffer_).substr(0, length));
    buffer_.erase(0, length);
    auto attached = take_descriptors(message.descriptors);
    if (message.type == MessageType::signal && signalled) signalled(message);
    const bool ours = message.reply_serial == serial;
    if (message.type == MessageType::error && (ours || message.reply_serial == hello_serial)) {
      const bool has_text = !message.body.empty() && message.body[0].is_string();
      throw RemoteError(message.error_name, has_text ? message.body[0].get<std::string>() : message.error_name);
    }
    if (message.type == MessageType::reply && message.reply_serial == hello_serial) greeted_ = true;
    if (message.type == MessageType::reply && ours)
      return Answer{std::move(message.body), std::move(attached), std::move(message.sender)};
  }
}

void Connection::wait_for_signal(const Signalled& signalled) {
  const auto next = [this] {
    const auto length = message_length(buffer_);
    return buffer_.size() < length ? 0 : length;
  };
  if (next() == 0) {
    pollfd ready{socket_.get(), POLLIN, 0};
    const int count = ::poll(&ready, 1, waiting_interval);
    if (count < 0 && errno != EINTR) base::throw_errno("waiting for the bus");
    if (count > 0) receive({});
  }
  while (const auto length = next()) {
    const Message message = decode(std::string_view(buffer_).substr(0, length));
    buffer_.erase(0, length);
    static_cast<void>(take_descriptors(message.descriptors));
    if (message.type == MessageType::signal) signalled(message);
  }
}

}  // namespace unionroot::cli::bus
