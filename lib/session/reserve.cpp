#include "session/reserve.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "session/storage.h"
#include "session/upper_use.h"

namespace unionroot::session {

using base::concat;

namespace {

struct Free {
  std::uint64_t free = 0, whole = 0;
};

std::uint64_t kept_of(const definition::Reserve& reserve, std::uint64_t whole) {
  if (reserve.percent == 0) return reserve.least;
  const auto part = whole / 100 * reserve.percent;
  return reserve.most == 0 ? part : std::min(part, reserve.most);
}

// A file system without a fixed number of inodes reports 0.
bool has_too_little(const Free& there, const definition::Reserve& reserve) {
  return there.whole != 0 && there.free < kept_of(reserve, there.whole);
}

std::string in_megabytes(std::uint64_t bytes) { return concat(bytes >> 20, " MiB"); }

std::string largest_sessions(const Parts& parts, const std::string& folder, Amount amount) {
  std::vector<std::string> texts;
  for (const auto& use : largest_uppers(parts, folder, amount)) {
    const auto many = amount == Amount::bytes ? in_megabytes(use.bytes) : concat(use.inodes, " inodes");
    texts.push_back(concat(use.session, " of ", base::printable(use.owner), use.whole ? " (" : " (over ", many, ")"));
  }
  return texts.empty() ? std::string() : concat("; the largest sessions there: ", base::join(texts, ", "));
}

[[noreturn]] void refuse(const Parts& parts, const Session& session, const std::string& folder, Amount amount,
                         const std::string& rest, std::string_view setting) {
  throw base::Error(
      base::ErrorCode::no_space,
      concat("beginning a session for user ", base::printable(session.identity.owner_name), ": the file system of ",
             folder, " has only ", rest, " (", setting, ")", largest_sessions(parts, folder, amount)),
      "end sessions that are not needed, or ask an administrator for room");
}

void require_room_in(const Parts& parts, const Session& session, const std::string& folder) {
  struct statvfs facts {};
  if (::statvfs(folder.c_str(), &facts) != 0) return;  // the code that needs the folder reports its error
  const Free space{std::uint64_t{facts.f_bavail} * facts.f_frsize, std::uint64_t{facts.f_blocks} * facts.f_frsize};
  const auto& settings = parts.settings;
  if (has_too_little(space, settings.reserve_space))
    refuse(parts, session, folder, Amount::bytes,
           concat(in_megabytes(space.free), " left, and ", in_megabytes(kept_of(settings.reserve_space, space.whole)),
                  " are kept for root"),
           "reserve-space");
  const Free inodes{facts.f_favail, facts.f_files};
  if (has_too_little(inodes, settings.reserve_inodes))
    refuse(
        parts, session, folder, Amount::inodes,
        concat(inodes.free, " inodes left, and ", kept_of(settings.reserve_inodes, inodes.whole), " are kept for root"),
        "reserve-inodes");
}

}  // namespace

void require_room(const Parts& parts, const Session& session) {
  if (session.identity.owner == 0) return;
  require_room_in(parts, session, parts.settings.state_directory);
  if (const auto sessions = sessions_folder(parts.settings, *session.definition); sessions != parts.folders.own())
    require_room_in(parts, session, sessions);
}

}  // namespace unionroot::session
