#include "daemon/options.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "base/text.h"

namespace unionroot::daemon {

namespace {

using base::concat;
using base::Error;
using base::ErrorCode;

constexpr std::size_t most_pairs = 64;
constexpr std::size_t longest_pair = 4096;

template <typename Integer>
std::optional<std::int64_t> read_integer(const sdbus::Variant& value) {
  if (!value.containsValueOfType<Integer>()) return std::nullopt;
  const auto number = value.get<Integer>();
  if constexpr (sizeof(Integer) == sizeof(std::int64_t)) {
    if (number > static_cast<Integer>(std::numeric_limits<std::int64_t>::max())) {
      return std::numeric_limits<std::int64_t>::max();
    }
  }
  return static_cast<std::int64_t>(number);
}

}  // namespace

Options::Options(std::string_view method, const Dictionary& values, std::vector<std::string_view> known)
    : method_(method), values_(values) {
  for (const auto& [key, value] : values) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    std::string names;
    for (const auto name : known) names.append(names.empty() ? "" : ", ").append(name);
    throw Error(ErrorCode::invalid_argument, concat(method_, " does not know the option '", base::printable(key), "'"),
                known.empty() ? std::string("it takes no options") : concat("it knows: ", names));
  }
}

const sdbus::Variant* Options::find(const char* key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

void Options::wrong_type(const char* key, const sdbus::Variant& value, const char* expected) const {
  throw Error(ErrorCode::invalid_argument,
              concat(method_, ": the option '", key, "' is of type '", base::printable(value.peekValueType()), "'"),
              concat("it must be ", expected));
}

void Options::wrong_value(const char* key, std::string_view why) const {
  throw Error(ErrorCode::invalid_argument, concat(method_, ": the option '", key, "' ", why));
}

std::optional<bool> Options::boolean(const char* key) const {
  const auto* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->containsValueOfType<bool>()) wrong_type(key, *value, "a boolean (b)");
  return value->get<bool>();
}

std::optional<std::int64_t> Options::integer(const char* key, std::int64_t least, std::int64_t most) const {
  const auto* value = find(key);
  if (value == nullptr) return std::nullopt;
  std::optional<std::int64_t> number = read_integer<std::int64_t>(*value);
  if (!number) number = read_integer<std::int32_t>(*value);
  if (!number) number = read_integer<std::uint32_t>(*value);
  if (!number) number = read_integer<std::uint64_t>(*value);
  if (!number) number = read_integer<std::uint16_t>(*value);
  if (!number) number = read_integer<std::int16_t>(*value);
  if (!number) wrong_type(key, *value, "an integer (x)");
  if (*number < least || *number > most) {
    wrong_value(key, concat("is ", *number, "; it must be from ", least, " to ", most));
  }
  return number;
}

std::string Options::bytes(const char* key, const std::vector<std::uint8_t>& value) const {
  if (std::find(value.begin(), value.end(), std::uint8_t{0}) != value.end()) wrong_value(key, "has a NUL byte in it");
  return {value.begin(), value.end()};
}

std::string Options::text(const char* key, std::size_t longest) const {
  const auto* value = find(key);
  if (value == nullptr) return {};
  std::string text;
  if (value->containsValueOfType<std::string>()) {
    text = value->get<std::string>();
  } else if (value->containsValueOfType<std::vector<std::uint8_t>>()) {
    text = bytes(key, value->get<std::vector<std::uint8_t>>());
  } else {
    wrong_type(key, *value, "a string (s), or bytes (ay)");
  }
  if (text.size() > longest) wrong_value(key, concat("has ", text.size(), " bytes; at most ", longest, " are taken"));
  return text;
}

std::vector<std::string> Options::texts(const char* key) const {
  const auto* value = find(key);
  if (value == nullptr) return {};
  if (value->containsValueOfType<std::vector<std::string>>()) return value->get<std::vector<std::string>>();
  if (!value->containsValueOfType<std::vector<std::vector<std::uint8_t>>>()) {
    wrong_type(key, *value, "strings (as), or bytes (aay)");
  }
  std::vector<std::string> texts;
  for (const auto& each : value->get<std::vector<std::vector<std::uint8_t>>>()) texts.push_back(bytes(key, each));
  return texts;
}

std::map<std::string, std::string> Options::pairs(const char* key) const {
  const auto* value = find(key);
  if (value == nullptr) return {};
  if (!value->containsValueOfType<std::map<std::string, std::string>>()) {
    wrong_type(key, *value, "a dictionary of strings (a{ss})");
  }
  auto pairs = value->get<std::map<std::string, std::string>>();
  if (pairs.size() > most_pairs) wrong_value(key, concat("has ", pairs.size(), " keys; at most ", most_pairs));
  for (const auto& [name, text] : pairs) {
    if (name.size() > longest_pair || text.size() > longest_pair) {
      wrong_value(key, concat("has a key or value of more than ", longest_pair, " bytes"));
    }
  }
  return pairs;
}

}  // namespace unionroot::daemon
