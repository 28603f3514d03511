#include "layers/origin.h"

#include <fcntl.h>

#include <array>

#include "base/text.h"

namespace unionroot::layers {

using base::concat;

namespace {

// The kernel stores the file handle in an origin attribute as struct ovl_fb. Its fixed part has 21 bytes.
constexpr std::size_t origin_header = 21;

std::string handle_in_origin(const std::string& origin) {
  if (origin.size() <= origin_header) return {};
  return concat(static_cast<unsigned>(static_cast<unsigned char>(origin[4])), ":", origin.substr(origin_header));
}

}  // namespace

std::string origin_of(const Entry& entry) {
  if (entry.marks.origin.empty()) return {};
  const auto values = read_values(entry.handle.get(), {entry.marks.origin});
  return values.empty() ? std::string() : handle_in_origin(values.begin()->second);
}

std::string handle_of(int file) {
  struct {
    file_handle head;
    std::array<unsigned char, MAX_HANDLE_SZ> bytes;
  } handle{};
  handle.head.handle_bytes = MAX_HANDLE_SZ;
  int mount = 0;
  if (::name_to_handle_at(file, "", &handle.head, &mount, AT_EMPTY_PATH) != 0) return {};
  return concat(static_cast<unsigned>(handle.head.handle_type), ":",
                std::string(reinterpret_cast<const char*>(handle.head.f_handle), handle.head.handle_bytes));
}

}  // namespace unionroot::layers
