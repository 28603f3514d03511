// Decodes the bytes of message.h into values. The broker has checked them, and they are checked again here: nothing
// reads past the end, whatever the bytes are.
#include <cstring>

#include "base/error.h"
#include "cli/bus/message.h"

namespace unionroot::cli::bus {

namespace {

using nlohmann::json;

constexpr std::size_t longest_message = std::size_t{128} << 20;  // the specification's limit
constexpr std::size_t fixed_header = 16;
constexpr unsigned deepest = 64;
constexpr char byte_order = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 'l' : 'B';

[[noreturn]] void unsound(std::string_view why) {
  throw base::Error(base::ErrorCode::failed, std::string("the bus sent a message that cannot be read: ").append(why),
                    "check that the address of the bus is right; see `bus` in unionroot.conf(5)");
}

// The length of the first complete type of a signature.
std::size_t type_length(std::string_view signature, unsigned depth = 0) {
  if (signature.empty() || depth > deepest) unsound("a bad signature");
  const char c = signature[0];
  if (c == 'a') return 1 + type_length(signature.substr(1), depth + 1);
  if (c != '(' && c != '{') return 1;
  std::size_t length = 1;
  while (length < signature.size() && signature[length] != ')' && signature[length] != '}')
    length += type_length(signature.substr(length), depth + 1);
  if (length >= signature.size()) unsound("a bad signature");
  return length + 1;
}

std::size_t alignment_of(char type) {
  switch (type) {
    case 'y':
    case 'g':
    case 'v': return 1;
    case 'n':
    case 'q': return 2;
    case 'x':
    case 't':
    case 'd':
    case '(':
    case '{': return 8;
    default: return 4;
  }
}

class Reader {
 public:
  Reader(std::string_view bytes, std::size_t position) : bytes_(bytes), position_(position) {}

  void align(std::size_t to) {
    position_ = (position_ + to - 1) / to * to;
    if (position_ > bytes_.size()) unsound("it is cut short");
  }

  template <typename Number>
  Number number() {
    align(sizeof(Number));
    Number value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }

  std::string text() {
    const auto length = number<std::uint32_t>();
    std::string value(take(length));
    take(1);
    return value;
  }

  std::string signature() {
    const auto length = number<std::uint8_t>();
    std::string value(take(length));
    take(1);
    return value;
  }

  // One value of the complete type `type`.
  json value(std::string_view type, unsigned depth = 0) {
    if (depth > deepest) unsound("it is nested too deep");
    switch (type[0]) {
      case 'y': return number<std::uint8_t>();
      case 'b': return number<std::uint32_t>() != 0;
      case 'n': return number<std::int16_t>();
      case 'q': return number<std::uint16_t>();
      case 'i': return number<std::int32_t>();
      case 'u':
      case 'h': return number<std::uint32_t>();
      case 'x': return number<std::int64_t>();
      case 't': return number<std::uint64_t>();
      case 'd': return number<double>();
      case 's':
      case 'o': return text();
      case 'g': return signature();
      case 'v': return variant(depth);
      case 'a': return array(type.substr(1), depth);
      case '(': return structure(type, depth);
      default: unsound("an unknown type");
    }
  }

  [[nodiscard]] std::size_t position() const { return position_; }

 private:
  std::string_view take(std::size_t count) {
    if (count > bytes_.size() - position_) unsound("it is cut short");
    const auto part = bytes_.substr(position_, count);
    position_ += count;
    return part;
  }

  json variant(unsigned depth) {
    const auto type = signature();
    if (type_length(type) != type.size()) unsound("a bad signature");
    return value(type, depth + 1);
  }

  json structure(std::string_view type, unsigned depth) {
    align(8);
    json fields = json::array();
    for (std::size_t at = 1; at + 1 < type.size();) {
      const auto length = type_length(type.substr(at));
      fields.push_back(value(type.substr(at, length), depth + 1));
      at += length;
    }
    return fields;
  }

  json array(std::string_view element, unsigned depth) {
    const auto length = number<std::uint32_t>();
    align(alignment_of(element[0]));
    if (length > bytes_.size() - position_) unsound("it is cut short");
    const auto end = position_ + length;
    const bool dictionary = element[0] == '{';
    json out = dictionary ? json::object() : json::array();
    while (position_ < end) {
      const auto before = position_;
      if (dictionary)
        entry(out, element, depth);
      else
        out.push_back(value(element, depth + 1));
      if (position_ == before) unsound("an element without a size");
    }
    if (position_ != end) unsound("an array that does not end where it says");
    return out;
  }

  void entry(json& out, std::string_view type, unsigned depth) {
    align(8);
    if (type.size() < 4 || type_length(type.substr(1)) != 1) unsound("a bad signature");
    const json key = value(type.substr(1, 1), depth + 1);
    const auto rest = type.substr(2, type.size() - 3);
    if (type_length(rest) != rest.size()) unsound("a bad signature");
    out[key.is_string() ? key.get<std::string>() : key.dump()] = value(rest, depth + 1);
  }

  std::string_view bytes_;
  std::size_t position_;
};

std::uint32_t number_at(std::string_view bytes, std::size_t offset) {
  std::uint32_t value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

}  // namespace

std::size_t message_length(std::string_view start) {
  if (start.size() < fixed_header) return 0;
  if (start[0] != byte_order) unsound("another byte order");
  const std::size_t body = number_at(start, 4);
  const std::size_t fields = number_at(start, 12);
  if (body > longest_message || fields > longest_message) unsound("it is too long");
  const std::size_t length = (fixed_header + fields + 7) / 8 * 8 + body;
  if (length > longest_message) unsound("it is too long");
  return length;
}

Message decode(std::string_view bytes) {
  if (message_length(bytes) != bytes.size()) unsound("its length is wrong");
  Message message;
  message.type = static_cast<MessageType>(bytes[1]);
  std::string signature;
  Reader reader(bytes, 12);
  for (const auto& field : reader.value("a(yv)")) {
    const auto& value = field[1];
    switch (field[0].get<int>()) {
      case 2:
        if (value.is_string()) message.interface = value;
        break;
      case 3:
        if (value.is_string()) message.member = value;
        break;
      case 4:
        if (value.is_string()) message.error_name = value;
        break;
      case 5:
        if (value.is_number_unsigned()) message.reply_serial = value;
        break;
      case 7:
        if (value.is_string()) message.sender = value;
        break;
      case 8:
        if (value.is_string()) signature = value;
        break;
      case 9:
        if (value.is_number_unsigned()) message.descriptors = value;
        break;
      default: break;  // destination, path: not needed for an answer
    }
  }
  reader.align(8);
  message.body = json::array();
  for (std::string_view rest = signature; !rest.empty();) {
    const auto length = type_length(rest);
    message.body.push_back(reader.value(rest.substr(0, length)));
    rest.remove_prefix(length);
  }
  return message;
}

}  // namespace unionroot::cli::bus
