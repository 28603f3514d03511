#include "daemon/error_reply.h"

#include <cstddef>
#include <stdexcept>

#include "base/error.h"
#include "base/text.h"

namespace unionroot::daemon {

namespace {

constexpr std::size_t longest_message = 16 * 1024;

sdbus::Error make(base::ErrorCode code, std::string message, const std::string& hint) {
  if (!hint.empty()) message.append("\n").append(hint);
  if (message.size() > longest_message) message.resize(longest_message);
  return {base::concat("org.unionroot1.Error.", base::error_name(code)), valid_text(message)};
}

// Length of the valid UTF-8 sequence at the start of `text`, 0 if there is none. NUL does not count as valid.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first == 0) return 0;
  if (first < 0x80) return 1;
  std::size_t length = 0;
  unsigned value = 0;
  if ((first & 0xe0) == 0xc0)
    length = 2, value = first & 0x1f;
  else if ((first & 0xf0) == 0xe0)
    length = 3, value = first & 0x0f;
  else if ((first & 0xf8) == 0xf0)
    length = 4, value = first & 0x07;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    value = value << 6 | (byte(i) & 0x3fU);
  }
  constexpr unsigned smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xd800 && value <= 0xdfff;
  return value < smallest[length] || value > 0x10ffff || surrogate ? 0 : length;
}

}  // namespace

sdbus::Error error_to_reply(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const base::Error& known) {
    return make(known.code(), known.what(), known.hint());
  } catch (const sdbus::Error& known) {
    return known;
  } catch (const std::exception& other) {
    return make(base::ErrorCode::failed, other.what(), {});
  } catch (...) {
    return make(base::ErrorCode::failed, "something failed that gives no reason", {});
  }
}

std::string valid_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    if (length == 0) {
      out.append("\xef\xbf\xbd");
      text.remove_prefix(1);
    } else {
      out.append(text.substr(0, length));
      text.remove_prefix(length);
    }
  }
  return out;
}

}  // namespace unionroot::daemon
