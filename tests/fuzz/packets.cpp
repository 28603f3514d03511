#include "packets.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>

#include "base/error.h"

namespace unionroot::fuzz {

std::vector<Packet> take_packets(Input& input) {
  std::vector<Packet> packets;
  while (!input.empty() && packets.size() < 100) {
    const auto length = input.number<std::uint16_t>() % 2048;
    const bool with_descriptor = input.number() % 2 == 1;
    packets.push_back({std::string(input.take(length)), with_descriptor});
  }
  return packets;
}

SocketPair::SocketPair() {
  int pair[2];
  base::check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), "making a socket");
  ours.reset(pair[0]);
  theirs.reset(pair[1]);
}

bool SocketPair::send(const Packet& packet) const {
  iovec part{const_cast<char*>(packet.bytes.data()), packet.bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> room{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (packet.with_descriptor) {
    header.msg_control = room.data();
    header.msg_controllen = room.size();
    cmsghdr* const attached = CMSG_FIRSTHDR(&header);
    attached->cmsg_level = SOL_SOCKET;
    attached->cmsg_type = SCM_RIGHTS;
    attached->cmsg_len = CMSG_LEN(sizeof(int));
    const int descriptor = ours.get();
    std::memcpy(CMSG_DATA(attached), &descriptor, sizeof descriptor);
  }
  return ::sendmsg(ours.get(), &header, MSG_NOSIGNAL) >= 0;
}

int next_descriptor() {
  const base::UniqueFd next(base::check(::open("/dev/null", O_RDONLY | O_CLOEXEC), "opening /dev/null"));
  return next.get();
}

}  // namespace unionroot::fuzz
