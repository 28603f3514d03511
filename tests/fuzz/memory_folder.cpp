#include "memory_folder.h"

#include <sys/mount.h>
#include <unistd.h>

#include <boost/filesystem.hpp>

#include "base/error.h"
#include "fuzz.h"

namespace unionroot::fuzz {

MemoryFolder::MemoryFolder() {
  if (::geteuid() != 0) throw Skip("needs root to mount a file system in memory");
  const base::UniqueFd configuration(base::check(::fsopen("tmpfs", FSOPEN_CLOEXEC), "making a tmpfs"));
  for (const auto& [key, value] : {std::pair("mode", "0755"), std::pair("size", "256m")})
    base::check(::fsconfig(configuration.get(), FSCONFIG_SET_STRING, key, value, 0), "setting an option of a tmpfs");
  base::check(::fsconfig(configuration.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0), "making a tmpfs");
  root_.reset(base::check(::fsmount(configuration.get(), FSMOUNT_CLOEXEC, 0), "mounting a tmpfs"));
}

std::string MemoryFolder::path() const { return "/proc/self/fd/" + std::to_string(root_.get()); }

void MemoryFolder::clear() const {
  for (const auto& entry : boost::filesystem::directory_iterator(path() + "/"))
    boost::filesystem::remove_all(entry.path());
}

}  // namespace unionroot::fuzz
