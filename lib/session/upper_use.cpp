#include "session/upper_use.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "base/text.h"
#include "base/unique_fd.h"
#include "session/listing.h"
#include "session/restack.h"
#include "session/storage.h"

namespace unionroot::session {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t shown = 3;
constexpr std::chrono::milliseconds patience{300};
constexpr std::chrono::seconds long_patience{5};
constexpr std::uint64_t most_looked_at = 20'000;
constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max();

base::UniqueFd folder_of(const Parts& parts, const Session& session) {
  const auto path = base::concat(sessions_folder(parts.settings, *session.definition), "/", session.id());
  return base::UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

// With the frozen layers that the session stands on. What several stand on counts for each.
FolderUse use_of_all(const Parts& parts, const Session& session, base::UniqueFd folder, Clock::time_point end,
                     std::uint64_t most) {
  auto use = use_of(std::move(folder), end, most);
  for (const auto& path : frozen_folders(parts.services, session)) {
    const auto frozen = use_of(base::UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)), end, most);
    use.bytes += frozen.bytes;
    use.inodes += frozen.inodes;
    use.whole = use.whole && frozen.whole;
  }
  return use;
}

UpperUse used_by(const Session& session, FolderUse use) {
  return {use, session.id(), session.definition->name, session.identity.owner_name, std::nullopt};
}

std::optional<UpperUse> look_at(const Parts& parts, const SessionPtr& session, Clock::time_point end) {
  if (const auto facts = upper_file_system(session)) {
    const std::uint64_t block = facts->f_frsize;
    UpperUse use =
        used_by(*session, {(facts->f_blocks - facts->f_bfree) * block, facts->f_files - facts->f_ffree, true});
    use.limit = facts->f_blocks * block;
    return use;
  }
  auto folder = folder_of(parts, *session);
  if (!folder) return std::nullopt;
  return used_by(*session, use_of_all(parts, *session, std::move(folder), end, no_limit));
}

}  // namespace

std::vector<UpperUse> use_of_uppers(const Parts& parts, const std::function<bool(const SessionView&)>& wanted) {
  const auto end = Clock::now() + long_patience;
  std::vector<UpperUse> all;
  for (const auto& session : parts.table.all())
    if (wanted(view_of(parts, *session)))
      if (auto use = look_at(parts, session, end)) all.push_back(std::move(*use));
  std::sort(all.begin(), all.end(), [](const UpperUse& a, const UpperUse& b) { return a.session < b.session; });
  return all;
}

std::vector<UpperUse> largest_uppers(const Parts& parts, const std::string& folder, Amount amount) {
  struct stat wanted {};
  if (::stat(folder.c_str(), &wanted) != 0) return {};
  const auto end = Clock::now() + patience;
  std::vector<UpperUse> all;
  for (const auto& session : parts.table.all()) {
    auto own = folder_of(parts, *session);
    struct stat found {};
    if (!own || ::fstat(own.get(), &found) != 0 || found.st_dev != wanted.st_dev) continue;
    all.push_back(used_by(*session, use_of_all(parts, *session, std::move(own), end, most_looked_at)));
    if (Clock::now() > end) break;
  }
  std::sort(all.begin(), all.end(), [amount](const UpperUse& a, const UpperUse& b) {
    return amount == Amount::bytes ? a.bytes > b.bytes : a.inodes > b.inodes;
  });
  if (all.size() > shown) all.resize(shown);
  return all;
}

}  // namespace unionroot::session
