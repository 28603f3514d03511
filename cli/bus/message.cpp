#include "cli/bus/message.h"

#include <cstring>

#include "base/error.h"
#include "base/text.h"

namespace unionroot::cli::bus {

namespace {

// Header fields. See "Message Format" in the D-Bus specification.
enum Field : char {
  path_field = 1,
  interface_field = 2,
  member_field = 3,
  destination_field = 6,
  signature_field = 8,
  descriptors_field = 9
};

// A flag: polkit may ask the user, if the daemon calls polkit.
constexpr char allow_interactive_authorization = 4;
constexpr char byte_order = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 'l' : 'B';

void align(std::string& out, std::size_t to) { out.resize((out.size() + to - 1) / to * to); }

template <typename Number>
void put(std::string& out, Number number) {
  align(out, sizeof number);
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

void put_text(std::string& out, std::string_view text) {
  if (!valid_text(text))
    throw base::Error(base::ErrorCode::invalid_argument,
                      base::concat("cannot send '", base::printable(text), "': it is not valid UTF-8"),
                      "give it as UTF-8: only commands, variables, directories, users and shells may be other bytes");
  put(out, static_cast<std::uint32_t>(text.size()));
  out.append(text).push_back('\0');
}

void put_signature(std::string& out, std::string_view signature) {
  out.push_back(static_cast<char>(signature.size()));
  out.append(signature).push_back('\0');
}

// Writes an array; `fill` writes its elements. Its length does not count the padding before the first element.
template <typename Fill>
void put_array(std::string& out, std::size_t alignment, Fill fill) {
  put(out, std::uint32_t{0});
  const auto length_at = out.size() - 4;
  align(out, alignment);
  const auto start = out.size();
  fill();
  const auto length = static_cast<std::uint32_t>(out.size() - start);
  std::memcpy(out.data() + length_at, &length, sizeof length);
}

void put_bytes(std::string& out, std::string_view bytes) {
  put(out, static_cast<std::uint32_t>(bytes.size()));
  out.append(bytes);
}

struct PutVariant {
  std::string& out;
  void operator()(bool value) const {
    put_signature(out, "b");
    put(out, std::uint32_t{value});
  }
  void operator()(std::uint16_t value) const {
    put_signature(out, "q");
    put(out, value);
  }
  void operator()(std::int64_t value) const {
    put_signature(out, "x");
    put(out, value);
  }
  void operator()(const std::string& value) const {
    put_signature(out, "s");
    put_text(out, value);
  }
  void operator()(const Bytes& bytes) const {
    put_signature(out, "ay");
    put_bytes(out, bytes.value);
  }
  void operator()(const ByteLists& lists) const {
    put_signature(out, "aay");
    put_array(out, 4, [&] {
      for (const auto& value : lists.values) put_bytes(out, value);
    });
  }
  void operator()(const std::map<std::string, std::string>& values) const {
    put_signature(out, "a{ss}");
    put_array(out, 8, [&] {
      for (const auto& [key, value] : values) {
        align(out, 8);
        put_text(out, key);
        put_text(out, value);
      }
    });
  }
};

void put_field(std::string& out, Field field, std::string_view signature, std::string_view value) {
  align(out, 8);
  out.push_back(field);
  put_signature(out, signature);
  if (signature == "g")
    put_signature(out, value);
  else
    put_text(out, value);
}

}  // namespace

bool valid_text(std::string_view text) { return text.find('\0') == std::string_view::npos && base::valid_utf8(text); }

Body& Body::text(std::string_view value) {
  signature_ += 's';
  put_text(bytes_, value);
  return *this;
}

Body& Body::texts(const std::vector<std::string>& values) {
  signature_ += "as";
  put_array(bytes_, 4, [&] {
    for (const auto& value : values) put_text(bytes_, value);
  });
  return *this;
}

Body& Body::options(const Options& values) {
  signature_ += "a{sv}";
  put_array(bytes_, 8, [&] {
    for (const auto& [key, value] : values) {
      align(bytes_, 8);
      put_text(bytes_, key);
      std::visit(PutVariant{bytes_}, value);
    }
  });
  return *this;
}

Body& Body::descriptor(std::uint32_t index) {
  signature_ += 'h';
  put(bytes_, index);
  return *this;
}

std::string encode(const Call& call, std::uint32_t serial) {
  std::string out{byte_order, static_cast<char>(MessageType::call),
                  call.interactive ? allow_interactive_authorization : '\0', 1};
  put(out, static_cast<std::uint32_t>(call.body.bytes().size()));
  put(out, serial);
  put_array(out, 8, [&] {
    put_field(out, path_field, "o", call.path);
    put_field(out, interface_field, "s", call.interface);
    put_field(out, member_field, "s", call.member);
    put_field(out, destination_field, "s", call.destination);
    if (!call.body.signature().empty()) put_field(out, signature_field, "g", call.body.signature());
    if (call.descriptors != 0) {
      align(out, 8);
      out.push_back(descriptors_field);
      put_signature(out, "u");
      put(out, call.descriptors);
    }
  });
  align(out, 8);
  return out + call.body.bytes();
}

}  // namespace unionroot::cli::bus
