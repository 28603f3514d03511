// What a program for a machine's start would use, as one static file: it links, it runs, and it is small.
#include <fcntl.h>
#include <sys/stat.h>

#include <cstdio>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/unique_fd.h"
#include "kernel/block_probe.h"
#include "kernel/mounts.h"
#include "mount/namespace.h"
#include "mount/overlay_entry.h"

using namespace unionroot;

namespace {

constexpr off_t most_bytes = off_t{2} << 20;

int failed(const char* what) {
  std::fprintf(stderr, "%s\n", what);
  return 1;
}

}  // namespace

// The log of such a program. With these the linker leaves out lib/base/log.cpp, whose library has no static form.
namespace unionroot::base::log {
namespace {
void write(std::string_view message) {
  std::fprintf(stderr, "%.*s\n", static_cast<int>(message.size()), message.data());
}
}  // namespace
void set_level(Level) {}
void debug(std::string_view) {}
void info(std::string_view message) { write(message); }
void warning(std::string_view message) { write(message); }
void error(std::string_view message) { write(message); }
}  // namespace unionroot::base::log

int main(int count, char** words) {
  if (count == 2) {  // never run by the test: it makes the linker take the code for mounts and disks
    mount::NamespaceFactory factory(kernel::real_mounts());
    factory.create();
    const base::UniqueFd disk(::open(words[1], O_RDONLY | O_CLOEXEC));
    kernel::probe_content(disk.get(), {}, words[1]);
  }
  if (mount::overlay_options("index=off").size() != 1) return failed("the options of an overlay are not read");
  struct stat self {};
  base::check(::stat("/proc/self/exe", &self), "looking at this program");
  std::printf("%lld bytes\n", static_cast<long long>(self.st_size));
  if (self.st_size > most_bytes) return failed("it is larger than 2 MiB");
  if (base::read_file("/proc/self/maps").find(".so") != std::string::npos) return failed("it loads shared libraries");
  return 0;
}
