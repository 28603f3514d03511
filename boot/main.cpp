// unionroot-boot mounts an overlay over the root of a machine before its init starts. See docs/unionroot-boot.7.
#include <unistd.h>

#include <cstdio>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/log.h"
#include "base/paths.h"
#include "boot/folders.h"
#include "boot/shutdown.h"
#include "boot/start.h"

using namespace unionroot;

namespace {

constexpr int usage_error = 125;

int usage(std::FILE* out, int status) {
  std::fputs(
      "usage: unionroot-boot lay ROOT   lays an overlay over the root that an initrd mounted at ROOT\n"
      "       unionroot-boot prepare|release FOLDER   layers of the overlay over a folder, for systemd's units\n"
      "       unionroot-boot --version\n"
      "As the first process of a machine (init=, or /init of an initrd) it lays the overlay and starts the real init.\n"
      "See unionroot-boot(7).\n",
      out);
  return status;
}

void tell(const std::string& message) {
  if (::getpid() == 1)
    base::log::error(message);
  else
    std::fprintf(stderr, "unionroot-boot: %s\n", message.c_str());
}

// Whether the program was started by its link in the folder of systemd's generators.
bool is_generator(const char* name) {
  return name != nullptr && base::file_name(name) == std::string_view("unionroot-overlay-generator");
}

}  // namespace

int main(int count, char** words) {
  try {
    // The arguments of process 1 are not parsed: the kernel passes on every parameter that it does not know.
    if (::getpid() == 1) return boot::is_shutdown(words) ? boot::run_shutdown(words) : boot::run_as_init(words);
    if (is_generator(words[0])) return boot::run_generator(words);
    const std::string_view verb = count > 1 ? words[1] : "";
    if (verb == "--version" && count == 2) {
      std::puts("unionroot-boot " UNIONROOT_VERSION);
      return 0;
    }
    if (verb == "--help" && count == 2) return usage(stdout, 0);
    if (verb == "lay" && count == 3) return boot::run_lay(words[2]);
    if (verb == "prepare" && count == 3) return boot::prepare_folder(kernel::real_mounts(), words[2], "/run"), 0;
    if (verb == "release" && count == 3) return boot::release_folder(kernel::real_mounts(), words[2]), 0;
    return usage(stderr, usage_error);
  } catch (const base::Error& error) {
    tell(error.with_hint());
  } catch (const std::exception& error) {
    tell(error.what());
  }
  return usage_error;
}
