#include "layers/properties.h"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/text.h"
#include "layers/marks.h"

namespace unionroot::layers {

void set_time(int file, const Facts& facts) {
  const timespec times[2] = {{0, UTIME_OMIT},
                             {static_cast<time_t>(facts.seconds), static_cast<long>(facts.nanoseconds)}};
  base::check(::futimens(file, times), "setting the time of a folder");
}

void set_properties(int folder, const Facts& facts, const std::map<std::string, std::string>* attributes,
                    const Options& options) {
  base::check(::fchown(folder, facts.uid, facts.gid), "setting the owner of a folder");
  base::check(::fchmod(folder, facts.mode & 07777), "setting the mode of a folder");
  if (attributes != nullptr) {
    struct stat status {};
    base::check(::fstat(folder, &status), "looking at a folder");
    for (const auto& name : read_marks(folder, status, options).others)
      if (!attributes->contains(name) && ::fremovexattr(folder, name.c_str()) != 0 && errno != ENODATA)
        base::throw_errno("removing the attribute", base::printable(name));
    for (const auto& [name, value] : *attributes)
      base::check(::fsetxattr(folder, name.c_str(), value.data(), value.size(), 0), "setting the attribute",
                  base::printable(name));
  }
}

}  // namespace unionroot::layers
