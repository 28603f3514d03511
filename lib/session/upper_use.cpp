#include "session/upper_use.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/text.h"
#include "base/unique_fd.h"
#include "session/storage.h"

namespace unionroot::session {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t shown = 3;
constexpr std::chrono::milliseconds patience{300};

base::UniqueFd folder_of(const Parts& parts, const Session& session) {
  const auto path = base::concat(sessions_folder(parts.settings, *session.definition), "/", session.id());
  return base::UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

}  // namespace

std::vector<UpperUse> largest_uppers(const Parts& parts, const std::string& folder, Amount amount) {
  struct stat wanted {};
  if (::stat(folder.c_str(), &wanted) != 0) return {};
  const auto end = Clock::now() + patience;
  std::vector<UpperUse> all;
  for (const auto& session : parts.table.all()) {
    auto own = folder_of(parts, *session);
    struct stat found {};
    if (!own || ::fstat(own.get(), &found) != 0 || found.st_dev != wanted.st_dev) continue;
    all.push_back({use_of(std::move(own), end), session->id(), session->identity.owner_name});
    if (Clock::now() > end) break;
  }
  std::sort(all.begin(), all.end(), [amount](const UpperUse& a, const UpperUse& b) {
    return amount == Amount::bytes ? a.bytes > b.bytes : a.inodes > b.inodes;
  });
  if (all.size() > shown) all.resize(shown);
  return all;
}

}  // namespace unionroot::session
