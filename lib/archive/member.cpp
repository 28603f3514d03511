#include "archive/member.h"

#include <algorithm>
#include <utility>

#include "archive/archive.h"
#include "base/error.h"
#include "base/text.h"

namespace unionroot::archive {

Limits limits_for(std::uint64_t bytes) {
  Limits limits;
  if (bytes == 0) return limits;
  constexpr std::uint64_t fewest = 65536;
  limits.bytes = bytes;
  limits.members = std::max(fewest, bytes / 4096);
  return limits;
}

namespace detail {

void refuse(const std::string& archive, std::string_view member, std::string_view why) {
  refuse(archive, member, why,
         "such an archive may be malicious and is not unpacked; make it again (tar -C TREE -c .)");
}

void refuse(const std::string& archive, std::string_view member, std::string_view why, std::string hint) {
  throw base::Error(base::ErrorCode::failed,
                    base::concat("member '", base::printable(member), "' of ", base::printable(archive), " ", why),
                    std::move(hint));
}

std::string clean_name(const std::string& archive, std::string_view name) {
  if (name.empty()) refuse(archive, name, "has no name");
  if (name.front() == '/') refuse(archive, name, "has an absolute name");
  std::string clean;
  for (const auto& part : base::split(name, '/')) {
    if (part == ".") continue;
    if (part == "..") refuse(archive, name, "has '..' in its name");
    if (!clean.empty()) clean += '/';
    clean += part;
  }
  return clean;
}

}  // namespace detail

}  // namespace unionroot::archive
