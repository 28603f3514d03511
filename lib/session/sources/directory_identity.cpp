#include "session/sources/directory_identity.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <boost/filesystem.hpp>

#include "base/text.h"
#include "base/unique_fd.h"
#include "identity/tree_identity.h"
#include "kernel/mount_list.h"

namespace unionroot::session {

using base::concat;

namespace {

// Ends the text of one folder. That text has no empty line.
constexpr std::string_view end_of_folder = "\n\n";

std::vector<std::string> folders_of(std::string_view text) {
  std::vector<std::string> folders;
  while (!text.empty()) {
    const auto end = text.find(end_of_folder);
    folders.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + end_of_folder.size());
  }
  return folders;
}

std::string value_of(const std::string& folder, std::string_view key) {
  for (const auto& line : base::split(folder, '\n'))
    if (line.starts_with(key)) return line.substr(key.size());
  return {};
}

std::string described(const std::string& folder) {
  const auto identity = identity::parse_identity(folder);
  return concat(value_of(folder, "folder="), " (inode ", value_of(folder, "inode="), " of ",
                identity && !identity->type.empty() ? identity->described() : value_of(folder, "filesystem="), ")");
}

// ext2, ext3 and ext4 count as one type, because one driver can mount another's file systems.
std::string file_system(const std::string& folder) {
  auto type = value_of(folder, "filesystem=");
  return type.starts_with("ext") ? "ext" : type;
}

bool is_another(const std::string& then, const std::string& now) {
  const auto system = file_system(then), system_now = file_system(now);
  if (!system.empty() && !system_now.empty() && system != system_now) return true;
  const auto was = identity::parse_identity(then), is = identity::parse_identity(now);
  if (!was || !is) return false;
  if (identity::compare(*was, *is) == identity::Comparison::different) return true;
  // If there are no file handles, as on network file systems, only the paths tell folders apart.
  return was->handle.empty() && is->handle.empty() && value_of(then, "folder=") != value_of(now, "folder=");
}

}  // namespace

std::string identify_directories(const std::vector<std::string>& directories) {
  std::string text;
  for (const auto& path : directories) {
    const base::UniqueFd folder(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    struct stat status {};
    if (!folder || ::fstat(folder.get(), &status) != 0) return {};  // the stage that uses it reports the error
    const auto mount = kernel::mount_of(folder.get());
    boost::system::error_code missing;
    const auto real = boost::filesystem::canonical(path, missing);
    text += concat("folder=", base::printable(missing ? path : real.string(), std::string::npos),
                   "\ninode=", status.st_ino, "\nfilesystem=", mount ? base::printable(mount->type) : "", "\n",
                   identity::identify(folder.get()).text(), "\n");
  }
  return text;
}

std::string other_directory(std::string_view then, std::string_view now) {
  const auto was = folders_of(then), is = folders_of(now);
  if (was.empty() || is.empty()) return {};
  for (std::size_t i = 0; i < was.size() && i < is.size(); ++i)
    if (is_another(was[i], is[i])) return concat("that was ", described(was[i]), ", this is ", described(is[i]));
  return {};
}

}  // namespace unionroot::session
