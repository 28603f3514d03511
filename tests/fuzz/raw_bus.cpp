#include "raw_bus.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <systemd/sd-bus.h>

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/unique_fd.h"

namespace unionroot::fuzz {

namespace {

using base::UniqueFd;

// A connection without a broker: sd-bus is the server, which reads what we write.
class Server {
 public:
  Server() {
    int pair[2];
    base::check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), "making a socket");
    ours_.reset(pair[0]);
    null_.reset(base::check(::open("/dev/null", O_RDWR | O_CLOEXEC), "opening /dev/null"));
    check(::sd_bus_new(&bus_));
    check(::sd_bus_set_fd(bus_, pair[1], pair[1]));
    check(::sd_bus_set_server(bus_, 1, sd_id128_t{}));
    check(::sd_bus_set_anonymous(bus_, 1));
    check(::sd_bus_negotiate_fds(bus_, 1));
    check(::sd_bus_start(bus_));
    using namespace std::string_view_literals;
    base::write_all(ours_.get(), "\0AUTH ANONYMOUS\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n"sv, "a socket");
    while (::sd_bus_is_ready(bus_) == 0) check(::sd_bus_process(bus_, nullptr));
    std::array<char, 256> answers{};
    base::check(::read(ours_.get(), answers.data(), answers.size()), "reading from a socket");
  }
  ~Server() { ::sd_bus_close_unref(bus_); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  sd_bus_message* pass(const std::string& bytes, unsigned descriptors) {
    send(bytes, descriptors);
    sd_bus_message* message = nullptr;
    while (message == nullptr)
      if (check(::sd_bus_process(bus_, &message)) == 0) throw std::runtime_error("sd-bus did not take a message");
    return message;
  }

 private:
  static int check(int result) {
    if (result < 0) throw base::SystemError(-result, "sd-bus");
    return result;
  }

  void send(const std::string& bytes, unsigned descriptors) const {
    iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(3 * sizeof(int))> room{};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    if (descriptors != 0) {
      header.msg_control = room.data();
      header.msg_controllen = CMSG_SPACE(descriptors * sizeof(int));
      cmsghdr* const attached = CMSG_FIRSTHDR(&header);
      attached->cmsg_level = SOL_SOCKET;
      attached->cmsg_type = SCM_RIGHTS;
      attached->cmsg_len = CMSG_LEN(descriptors * sizeof(int));
      const std::vector<int> copies(descriptors, null_.get());
      std::memcpy(CMSG_DATA(attached), copies.data(), descriptors * sizeof(int));
    }
    if (::sendmsg(ours_.get(), &header, MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size()))
      throw std::runtime_error("the input does not fit into a socket");
  }

  sd_bus* bus_ = nullptr;
  UniqueFd ours_, null_;
};

template <typename Number>
void put(std::string& out, Number number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

void align(std::string& out, std::size_t to) { out.resize((out.size() + to - 1) / to * to); }

void put_field(std::string& out, char field, char type, std::string_view text) {
  align(out, 8);
  out.append({field, '\1', type, '\0'});
  if (type == 'g')
    out.push_back(static_cast<char>(text.size()));
  else
    put(out, static_cast<std::uint32_t>(text.size()));
  out.append(text).push_back('\0');
}

std::string message_of(std::string_view signature, std::string_view body, unsigned descriptors) {
  static std::uint32_t serial = 0;
  std::string fields;
  put_field(fields, 1, 'o', "/org/unionroot1");
  put_field(fields, 3, 's', "Fuzz");
  put_field(fields, 8, 'g', signature);
  align(fields, 8);
  fields.append({'\11', '\1', 'u', '\0'});
  put(fields, std::uint32_t{descriptors});
  std::string out{__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 'l' : 'B', '\1', '\0', '\1'};
  put(out, static_cast<std::uint32_t>(body.size()));
  put(out, ++serial == 0 ? ++serial : serial);
  put(out, static_cast<std::uint32_t>(fields.size()));
  out.append(fields);
  align(out, 8);
  return out.append(body);
}

}  // namespace

RawMessage::RawMessage(std::string_view signature, std::string_view body, unsigned descriptors) {
  static Server server;
  message_ = server.pass(message_of(signature, body, descriptors), descriptors);
  lent_.lend(message_);
}

RawMessage::~RawMessage() {
  lent_.lend(nullptr);
  ::sd_bus_message_unref(message_);
}

}  // namespace unionroot::fuzz
