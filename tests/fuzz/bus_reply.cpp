// What the client makes of the bytes that come over the bus. First byte of the input: 0: a call is encoded and decoded;
// else the rest is a message whose lengths are put right.
#include <cstring>

#include "base/text.h"
#include "bus_values.h"
#include "cli/bus/address.h"
#include "fuzz.h"

namespace unionroot::fuzz {

namespace {

using namespace cli::bus;
using nlohmann::json;

Message decode(std::string_view bytes) {
  auto message = cli::bus::decode(bytes);
  if (planted)
    for (auto& argument : message.body)
      if (argument.is_object() && argument.size() > 3) argument.erase(argument.begin());
  return message;
}

json json_of(const Variant& value) {
  if (const auto* const bytes = std::get_if<Bytes>(&value)) {
    json list = json::array();
    for (const char c : bytes->value) list.push_back(static_cast<std::uint8_t>(c));
    return list;
  }
  if (const auto* const lists = std::get_if<ByteLists>(&value)) {
    json all = json::array();
    for (const auto& each : lists->values) all.push_back(json_of(Bytes{each}));
    return all;
  }
  return std::visit(
      [](const auto& plain) -> json {
        if constexpr (std::is_constructible_v<json, decltype(plain)>) return plain;
        return {};
      },
      value);
}

void check_encoded(Input input) {
  static const std::vector<std::string> keys{"name", "wait", "user-data", "environment", "a", ""};
  const auto name = take_text(input);
  Options options;
  json expected = json::object();
  for (auto count = input.number() % 8; count > 0; --count) {
    const auto option = take_option(input, keys);
    options.emplace_back(option.key, option.value);
    expected[option.key] = json_of(option.value);
  }
  std::vector<std::string> words;
  while (!input.empty() && words.size() < 8) words.push_back(take_text(input));
  Call call{"org.unionroot1", "/org/unionroot1", "org.unionroot1.Manager", "Run", {}};
  call.body.text(name).texts(words).options(options).descriptor(0);
  call.descriptors = 1;
  const auto bytes = encode(call, 7);
  require(message_length(bytes) == bytes.size(), "a message tells its length");
  const auto message = decode(bytes);
  require(message.type == MessageType::call && message.member == "Run" && message.descriptors == 1,
          "a header is read as it was written");
  require(message.body == json::array({name, words, expected, 0}), "a body is read as it was written",
          message.body.dump(-1, ' ', true, json::error_handler_t::replace));
}

void check_message(std::string_view input) {
  std::string bytes(input);
  const std::size_t fixed = 16;
  if (bytes.size() >= fixed) {
    bytes[0] = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 'l' : 'B';
    std::uint32_t fields = 0;
    std::memcpy(&fields, bytes.data() + 12, sizeof fields);
    const auto head = (fixed + std::size_t{fields} + 7) / 8 * 8;
    const auto body = static_cast<std::uint32_t>(bytes.size() < head ? 0 : bytes.size() - head);
    std::memcpy(bytes.data() + 4, &body, sizeof body);
  }
  const auto message = decode(bytes);
  require(message.body.is_array(), "a body is a list of arguments");
  require(!message.body.dump(-1, ' ', false, json::error_handler_t::replace).empty(), "a body can be shown");
}

}  // namespace

void run(std::string_view input) {
  try {
    for (const auto& place : parse_address(input)) require(!place.path.empty(), "a place has a path");
  } catch (const base::Error& refusal) {
    require_showable(refusal);
  }
  Input bytes(input);
  try {
    if (bytes.number() == 0)
      check_encoded(bytes);
    else
      check_message(bytes.rest());
  } catch (const base::Error& refusal) {
    require_showable(refusal);
  }
}

}  // namespace unionroot::fuzz
