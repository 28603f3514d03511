// What the client makes of the messages of a supervisor and of the daemon.
#include <fcntl.h>

#include <cstddef>
#include <optional>

#include "base/text.h"
#include "fuzz.h"
#include "launch/control.h"
#include "packets.h"
#include "terminal/control_channel.h"

namespace unionroot::fuzz {

namespace {

using launch::control::Message;
using launch::control::Type;
using terminal::Outcome;

// What the client must know after these packets. Each counts by itself, and the last one wins.
struct Expected {
  std::optional<std::uint32_t> kind, value;
  std::string text, not_ended;
  std::optional<bool> packed;
  bool stopped = false;

  void take(const Packet& packet) {
    constexpr std::size_t head = offsetof(Message, text);
    if (packet.bytes.size() < head) return;
    Message message{};
    std::memcpy(&message, packet.bytes.data(), std::min(packet.bytes.size(), sizeof message));
    const std::string words(message.text, ::strnlen(message.text, sizeof message.text - 1));
    switch (message.type) {
      case Type::exited:
      case Type::killed:
      case Type::failed:
        kind = static_cast<std::uint32_t>(message.type);
        value = message.value;
        text = message.type == Type::failed ? words : "";
        not_ended.clear();
        break;
      case Type::not_ended:
        if (kind) not_ended = words;
        break;
      case Type::stopped: stopped = true; break;
      case Type::source: packed = message.value == 1; break;
      default: break;
    }
  }
};

std::string joined(const std::string& line, const std::string& rest, const std::string& whole) {
  return whole.find('\n') == whole.npos ? line : line + "\n" + rest;
}

void compare(const Expected& expected, terminal::ControlChannel& channel) {
  const auto outcome = channel.outcome();
  require(outcome.has_value() == expected.kind.has_value(), "the client knows whether the command has ended");
  require(channel.source_is_packed() == expected.packed, "the client knows of the source");
  require(channel.take_stop() == expected.stopped, "the client knows of a stop");
  if (!outcome) return;
  require(outcome->value == static_cast<int>(*expected.value), "the client knows the status");
  require(joined(outcome->text, outcome->hint, expected.text) == expected.text, "the client knows why", outcome->text);
  require(joined(outcome->not_ended, outcome->not_ended_hint, expected.not_ended) == expected.not_ended,
          "the client knows what was not ended", outcome->not_ended);
}

bool receive(terminal::ControlChannel& channel, const Packet& packet) {
  // A stop by another signal than SIGSTOP is passed over.
  if (planted && packet.bytes.size() >= 8) {
    std::uint32_t words[2];
    std::memcpy(words, packet.bytes.data(), sizeof words);
    if (words[0] == static_cast<std::uint32_t>(Type::stopped) && words[1] != 19)
      return channel.receive() && channel.take_stop();
  }
  return channel.receive();
}

}  // namespace

void run(std::string_view input) {
  Input bytes(input);
  const auto packets = take_packets(bytes);
  const int lowest = next_descriptor();
  {
    SocketPair pair;
    const terminal::Warn warn = [](std::string_view text) {
      require(text.size() < launch::control::longest_text, "a warning has an end");
    };
    const terminal::Tell tell = [](const terminal::Detail& detail) {
      require(detail.text.size() < launch::control::longest_text, "a detail has an end");
    };
    terminal::ControlChannel channel(std::move(pair.theirs), warn, tell, {});
    Expected expected;
    for (const auto& packet : packets) {
      if (packet.bytes.empty()) continue;  // the end of the socket
      if (!pair.send(packet)) break;
      expected.take(packet);
      require(receive(channel, packet), "the socket has not ended");
      channel.show_warning();
      channel.show_progress({[](std::string_view what, std::uint64_t, std::uint64_t) {
                               require(what.size() < launch::control::longest_text, "a progress has an end");
                             },
                             {}});
      if (const auto master = channel.take_master())
        require((::fcntl(master.get(), F_GETFD) & FD_CLOEXEC) != 0, "a terminal is closed by exec");
    }
    compare(expected, channel);
  }
  require(next_descriptor() == lowest, "no descriptor is left open");
}

}  // namespace unionroot::fuzz
