#include "launch/waiting_client.h"

#include <sys/socket.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstddef>
#include <cstring>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"
#include "launch/control.h"
#include "launch/helper/messages.h"

using namespace unionroot;
using launch::control::Message;
using launch::control::Type;

namespace {

struct Pair {
  Pair() {
    std::array<int, 2> ends{-1, -1};
    base::check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()), "a socket pair");
    client.reset(ends[0]);
    hold.reset(ends[1]);
  }
  void send(Type type, std::uint32_t value = 0) const {
    Message message{};
    message.type = type;
    message.value = value;
    REQUIRE(::send(client.get(), &message, offsetof(Message, text) + 1, MSG_NOSIGNAL) > 0);
  }
  // With a descriptor, as kernels before 6.16 let it through.
  void send_descriptor(Type type) const {
    Message message{};
    iovec part{&message, launch::control::fill(message, type)};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> buffer{};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = buffer.data();
    header.msg_controllen = buffer.size();
    cmsghdr* attached = CMSG_FIRSTHDR(&header);
    attached->cmsg_level = SOL_SOCKET;
    attached->cmsg_type = SCM_RIGHTS;
    attached->cmsg_len = CMSG_LEN(sizeof(int));
    const int own = client.get();
    std::memcpy(CMSG_DATA(attached), &own, sizeof own);
    REQUIRE(::sendmsg(client.get(), &header, MSG_NOSIGNAL) > 0);
  }
  base::UniqueFd client, hold;
};

}  // namespace

TEST_CASE("a client cancels by saying so, and not by a signal for its command or by leaving") {
  const Pair pair;
  launch::WaitingClient client(pair.hold.get());
  CHECK_FALSE(client.cancels());
  pair.send(Type::signal, 2);
  pair.send(Type::window_size, 24 << 16 | 80);
  CHECK_FALSE(client.cancels());
  REQUIRE(::send(pair.client.get(), "\4", 1, 0) == 1);  // too short
  CHECK_FALSE(client.cancels());

  SECTION("it says so, among much else") {
    for (int i = 0; i < 50; ++i) pair.send(Type::signal, 2);
    pair.send(Type::cancel);
    for (int i = 0; i < 50; ++i) pair.send(Type::signal, 2);
    CHECK(client.cancels());
    CHECK(client.cancels());
  }
  SECTION("it leaves") {
    ::shutdown(pair.client.get(), SHUT_RDWR);
    CHECK_FALSE(client.cancels());
    client.tell_progress("packing", 1, 2);  // no SIGPIPE
    client.tell_not_ended("so");
  }
}

TEST_CASE("a client is told, and one that does not listen holds nobody up") {
  const Pair pair;
  const launch::WaitingClient client(pair.hold.get());
  client.tell_progress("packing /srv/base.tar", 5, 70);
  client.tell_ended();
  client.tell_not_ended(std::string(2000, 'x'));
  Message message{};
  REQUIRE(::recv(pair.client.get(), &message, sizeof message, 0) > 0);
  CHECK(message.type == Type::progress);
  CHECK(std::string(message.text) == "5 70 packing /srv/base.tar");
  REQUIRE(::recv(pair.client.get(), &message, sizeof message, 0) > 0);
  CHECK(message.type == Type::ended);
  message = {};
  REQUIRE(::recv(pair.client.get(), &message, sizeof message, 0) == sizeof message);
  CHECK(message.type == Type::not_ended);
  CHECK(std::strlen(message.text) == launch::control::longest_text - 1);
  for (int i = 0; i < 100'000; ++i) client.tell_progress("packing", 1, 2);

  const launch::WaitingClient nobody(-1);
  nobody.tell_progress("packing", 1, 2);
  nobody.tell_ended();
  nobody.tell_not_ended("so");
}

TEST_CASE("a packet with a descriptor is not taken, by the daemon and by a supervisor") {
  const Pair pair;
  pair.send(Type::signal, 2);
  pair.send_descriptor(Type::cancel);
  launch::WaitingClient client(pair.hold.get());
  Message message{};
  SECTION("by the daemon") { CHECK_FALSE(client.cancels()); }
  SECTION("by a supervisor") {
    CHECK(helper::receive_message(pair.hold.get(), message) == helper::Received::message);
    CHECK(helper::receive_message(pair.hold.get(), message) == helper::Received::hang_up);
    CHECK(helper::receive_message(pair.hold.get(), message) == helper::Received::hang_up);
  }
  REQUIRE(::recv(pair.hold.get(), &message, sizeof message, 0) > 0);
  CHECK(message.type == Type::cancel);
}
