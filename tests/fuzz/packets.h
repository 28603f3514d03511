// An input as packets over a control socket: each is two bytes of length, one that says whether a descriptor goes
// along, and the packet.
#pragma once

#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "input.h"

namespace unionroot::fuzz {

struct Packet {
  std::string bytes;
  bool with_descriptor = false;
};

std::vector<Packet> take_packets(Input& input);

struct SocketPair {
  SocketPair();
  // False where the socket is full.
  [[nodiscard]] bool send(const Packet& packet) const;
  base::UniqueFd ours, theirs;
};

// The lowest number that a descriptor can have now. A leak raises it.
int next_descriptor();

}  // namespace unionroot::fuzz
