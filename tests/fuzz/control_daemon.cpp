// What the daemon and the supervisor make of the messages of a client.
#include <cstddef>

#include "base/text.h"
#include "fuzz.h"
#include "launch/control.h"
#include "launch/helper/messages.h"
#include "launch/waiting_client.h"
#include "packets.h"

namespace unionroot::fuzz {

namespace {

using launch::control::Message;
using launch::control::Type;

constexpr std::size_t head = offsetof(Message, text);
constexpr std::size_t most_at_once = 64;

std::optional<Message> message_of(const Packet& packet) {
  if (packet.bytes.size() < head) return std::nullopt;
  Message message{};
  std::memcpy(&message, packet.bytes.data(), std::min(packet.bytes.size(), sizeof message));
  return message;
}

// Sends as many as the socket has room for; how many that were.
std::size_t send(const std::vector<Packet>& packets, const SocketPair& pair) {
  std::size_t sent = 0;
  while (sent < packets.size() && pair.send(packets[sent])) ++sent;
  return sent;
}

bool cancels(const SocketPair& pair, const std::vector<Packet>& packets) {
  const bool cancels = launch::WaitingClient(pair.theirs.get()).cancels();
  if (planted && cancels && packets.size() > 3) return false;
  return cancels;
}

void check_daemon(const std::vector<Packet>& packets) {
  const SocketPair pair;
  const auto sent = send(packets, pair);
  bool expected = false;
  for (std::size_t i = 0; i < std::min(sent, most_at_once) && !expected && !packets[i].bytes.empty(); ++i) {
    if (packets[i].with_descriptor) break;  // it is not taken: to close the descriptor could block
    const auto message = message_of(packets[i]);
    expected = message && message->type == Type::cancel;
  }
  require(cancels(pair, packets) == expected, "the daemon knows whether the client cancels");
}

void check_supervisor(const std::vector<Packet>& packets) {
  const SocketPair pair;
  const auto sent = send(packets, pair);
  for (std::size_t i = 0; i < sent; ++i) {
    Message message{};
    const auto expected = message_of(packets[i]);
    const auto received = helper::receive_message(pair.theirs.get(), message);
    if (packets[i].with_descriptor)
      return require(received == helper::Received::hang_up, "a packet with a descriptor ends the conversation");
    require((received == helper::Received::message) == expected.has_value(), "a whole message is one");
    if (expected)
      require(message.type == expected->type && message.value == expected->value, "a message is read as it was sent");
  }
  Message message{};
  require(helper::receive_message(pair.theirs.get(), message) == helper::Received::nothing, "there are no more");
}

}  // namespace

void run(std::string_view input) {
  Input bytes(input);
  const auto packets = take_packets(bytes);
  const int lowest = next_descriptor();
  check_daemon(packets);
  check_supervisor(packets);
  require(next_descriptor() == lowest, "no descriptor is left open");
}

}  // namespace unionroot::fuzz
