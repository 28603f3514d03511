#include "daemon/message_arguments.h"

#include <systemd/sd-bus.h>

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "base/text.h"
#include "daemon/bus/raw_message.h"

namespace unionroot::daemon {

namespace {

using base::concat;
using base::Error;
using base::ErrorCode;

constexpr std::size_t most_pairs = 64;
constexpr std::size_t longest_pair = 4096;

}  // namespace

// Reads with sd-bus: sdbus-c++ 1.2 can neither read an array of bytes at once nor leave a descriptor in the message.
Arguments::Arguments(std::string_view method, const sdbus::Message& message)
    : method_(method), message_(raw_message(message)) {}

int Arguments::check(int result) const {
  if (result >= 0) return result;
  throw Error(ErrorCode::invalid_argument, concat(method_, ": the message cannot be read"),
              "org.unionroot1.xml says what it takes");
}

bool Arguments::enter(char type, const char* contents) {
  return check(::sd_bus_message_enter_container(message_, type, contents)) > 0;
}

void Arguments::leave() { check(::sd_bus_message_exit_container(message_)); }

bool Arguments::at_end() const { return check(::sd_bus_message_at_end(message_, 0)) > 0; }

void Arguments::basic(char type, void* value) {
  if (check(::sd_bus_message_read_basic(message_, type, value)) == 0) check(-1);
}

void Arguments::count(std::size_t bytes) {
  const auto whole = bytes + bytes_of_a_string;
  if (whole > left_)
    throw Error(ErrorCode::invalid_argument,
                concat(method_, ": its arguments take more than ", most_bytes_of_a_call >> 20, " MiB"),
                "pass long data in a file or on standard input");
  left_ -= whole;
}

std::string Arguments::string() {
  const char* text = nullptr;
  basic('s', &text);
  const std::string_view found(text);
  count(found.size());
  return std::string(found);
}

std::string_view Arguments::byte_array() {
  const void* bytes = nullptr;
  std::size_t size = 0;
  check(::sd_bus_message_read_array(message_, 'y', &bytes, &size));
  count(size);
  return size == 0 ? std::string_view() : std::string_view(static_cast<const char*>(bytes), size);
}

std::string Arguments::text(std::size_t longest) {
  auto text = string();
  if (text.size() > longest)
    throw Error(ErrorCode::invalid_argument,
                concat(method_, ": an argument has ", text.size(), " bytes; at most ", longest, " are taken"));
  return text;
}

std::vector<std::string> Arguments::texts() {
  std::vector<std::string> texts;
  if (!enter('a', "s")) check(-1);
  while (!at_end()) texts.push_back(string());
  leave();
  return texts;
}

int Arguments::descriptor() {
  int descriptor = -1;
  basic('h', &descriptor);
  return descriptor;
}

bool Arguments::interactive() const { return ::sd_bus_message_get_allow_interactive_authorization(message_) > 0; }

void Arguments::options(const std::vector<std::pair<std::string_view, Read>>& known) {
  std::vector<bool> seen(known.size());
  if (!enter('a', "{sv}")) check(-1);
  while (enter('e', "sv")) {
    const std::string key = string();
    const auto found = std::find_if(known.begin(), known.end(), [&](const auto& each) { return each.first == key; });
    if (found == known.end()) {
      std::string names;
      for (const auto& each : known) names.append(names.empty() ? "" : ", ").append(each.first);
      throw Error(ErrorCode::invalid_argument,
                  concat(method_, " does not know the option '", base::printable(key), "'"),
                  concat("it knows: ", names));
    }
    const auto index = static_cast<std::size_t>(found - known.begin());
    if (seen[index])
      throw Error(ErrorCode::invalid_argument, concat(method_, ": the option '", key, "' is there twice"));
    seen[index] = true;
    const char* type = nullptr;
    check(::sd_bus_message_peek_type(message_, nullptr, &type));
    const std::string contents = type == nullptr ? "" : type;
    if (!enter('v', contents.c_str())) check(-1);
    found->second(OptionValue(*this, key, contents));
    leave();
    leave();
  }
  leave();
}

void OptionValue::wrong_type(const char* expected) const {
  throw Error(ErrorCode::invalid_argument,
              concat(arguments_.method_, ": the option '", key_, "' is of type '", base::printable(type_), "'"),
              concat("it must be ", expected));
}

void OptionValue::wrong_value(std::string_view why) const {
  throw Error(ErrorCode::invalid_argument, concat(arguments_.method_, ": the option '", key_, "' ", why));
}

bool OptionValue::boolean() const {
  if (type_ != "b") wrong_type("a boolean (b)");
  int value = 0;
  arguments_.basic('b', &value);
  return value != 0;
}

std::int64_t OptionValue::integer(std::int64_t least, std::int64_t most) const {
  const auto read = [this]<typename Integer>(Integer value) {
    arguments_.basic(type_[0], &value);
    if constexpr (sizeof value == sizeof(std::int64_t) && !std::is_signed_v<Integer>)
      return static_cast<std::int64_t>(std::min(value, Integer{std::numeric_limits<std::int64_t>::max()}));
    else
      return static_cast<std::int64_t>(value);
  };
  std::int64_t number = 0;
  if (type_ == "x")
    number = read(std::int64_t{});
  else if (type_ == "t")
    number = read(std::uint64_t{});
  else if (type_ == "i")
    number = read(std::int32_t{});
  else if (type_ == "u")
    number = read(std::uint32_t{});
  else if (type_ == "n")
    number = read(std::int16_t{});
  else if (type_ == "q")
    number = read(std::uint16_t{});
  else
    wrong_type("an integer (x)");
  if (number < least || number > most) wrong_value(concat("is ", number, "; it must be from ", least, " to ", most));
  return number;
}

std::string OptionValue::bytes() const {
  const auto value = arguments_.byte_array();
  if (value.find('\0') != std::string_view::npos) wrong_value("has a NUL byte in it");
  return std::string(value);
}

std::string OptionValue::text(std::size_t longest) const {
  if (type_ != "s" && type_ != "ay") wrong_type("a string (s), or bytes (ay)");
  auto text = type_ == "s" ? arguments_.string() : bytes();
  if (text.size() > longest) wrong_value(concat("has ", text.size(), " bytes; at most ", longest, " are taken"));
  return text;
}

std::vector<std::string> OptionValue::texts() const {
  if (type_ == "as") return arguments_.texts();
  if (type_ != "aay") wrong_type("strings (as), or bytes (aay)");
  std::vector<std::string> texts;
  if (!arguments_.enter('a', "ay")) arguments_.check(-1);
  while (!arguments_.at_end()) texts.push_back(bytes());
  arguments_.leave();
  return texts;
}

std::map<std::string, std::string> OptionValue::pairs() const {
  if (type_ != "a{ss}") wrong_type("a dictionary of strings (a{ss})");
  std::map<std::string, std::string> pairs;
  if (!arguments_.enter('a', "{ss}")) arguments_.check(-1);
  while (arguments_.enter('e', "ss")) {
    auto name = arguments_.string();
    auto text = arguments_.string();
    arguments_.leave();
    if (pairs.size() == most_pairs && !pairs.contains(name))
      wrong_value(concat("has too many keys; at most ", most_pairs, " are taken"));
    if (name.size() > longest_pair || text.size() > longest_pair)
      wrong_value(concat("has a key or value of more than ", longest_pair, " bytes"));
    pairs[std::move(name)] = std::move(text);
  }
  arguments_.leave();
  return pairs;
}

}  // namespace unionroot::daemon
