#include "bus_values.h"

#include "base/text.h"

namespace unionroot::fuzz {

using namespace cli::bus;

std::string take_text(Input& input) { return base::as_utf8(input.text()); }

BusOption take_option(Input& input, const std::vector<std::string>& keys) {
  const auto key = keys[input.number() % keys.size()];
  switch (input.number() % 7) {
    case 0: return {key, input.number() % 2 == 1};
    case 1: return {key, input.number<std::uint16_t>()};
    case 2: return {key, input.number<std::int64_t>()};
    case 3: return {key, take_text(input)};
    case 4: return {key, Bytes{input.word()}};
    case 5: {
      ByteLists lists;
      for (auto count = input.number() % 4; count > 0; --count) lists.values.push_back(input.word());
      return {key, lists};
    }
    default: {
      std::map<std::string, std::string> pairs;
      for (auto count = input.number() % 4; count > 0; --count) {
        auto name = take_text(input);
        pairs[std::move(name)] = take_text(input);
      }
      return {key, pairs};
    }
  }
}

}  // namespace unionroot::fuzz
