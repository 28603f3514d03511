// The program as the first process.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "boot/after_boot.h"
#include "boot/check.h"
#include "boot/console_log.h"
#include "boot/devices.h"
#include "boot/fstab.h"
#include "boot/layers.h"
#include "boot/new_root.h"
#include "boot/open_folder.h"
#include "boot/shutdown.h"
#include "boot/start.h"
#include "boot/workshop.h"
#include "kernel/files.h"

namespace unionroot::boot {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;

namespace {

constexpr auto least_wait_for_root = std::chrono::seconds(30);

// Starts the init. Returns only if that fails; the error is logged.
void become_init(const std::string& init, char** arguments) {
  std::string name = init;
  arguments[0] = name.data();
  base::log::info(concat("starting ", init));
  ::execv(init.c_str(), arguments);
  const int saved = errno;
  base::log::error(base::SystemError(saved, concat("starting ", init)).what());
}

class Boot {
 public:
  Boot(kernel::Mounts& mounts, Workshop& workshop) : mounts_(mounts), workshop_(workshop), self_(this_program()) {}

  // Makes the new root. Returns the init to start in it; empty: there is none.
  std::string run() {
    find_lower();
    auto candidates = inits(plan_, workshop_.in_memory());
    if (plan_.refused && !from_device_) {
      workshop_.leave();
      return find_init(workshop_.old_root(), candidates, self_.get());
    }
    // This program itself is looked up in the lower layer: an overlay shows the same file with another device number.
    std::erase_if(candidates, [&](const std::string& path) { return is_program(lower_.get(), path, self_.get()); });
    const Site site{run_folder, "/new"};
    if (plan_.refused)
      mounts_.attach(lower_.get(), open_folder(site.stage).get());
    else
      lay(site, candidates);
    const auto init = find_init(open_folder(site.stage).get(), candidates, -1);
    if (init.empty())
      throw Error(ErrorCode::command_not_found, "there is no init in the root", "name one with rootinit=");
    if (!(workshop_.in_memory() && plan_.other_init) && init != plan_.init)
      base::log::error(concat("rootinit=", plan_.init, " cannot be started; starting ", init, " instead"));
    workshop_.make_root(site, from_device_);
    return init;
  }

 private:
  void find_lower() {
    const auto mounter = workshop_.in_memory() ? RootMounter::this_program : RootMounter::another;
    plan_ = read_plan(-1, mounter);
    if (workshop_.in_memory() && plan_.lower.device) {
      try {
        lower_ = mount_lower();
        from_device_ = true;
        plan_ = read_plan(lower_.get(), mounter);
        tell_plan(plan_);
        if (!lower_errors_.empty()) plan_.problems.push_back(lower_errors_);
        return;
      } catch (const Error& error) {
        // br2 does the same: the initial file system may be a whole system.
        if (find_init(workshop_.old_root(), inits(plan_, true), self_.get()).empty()) throw;
        base::log::error(concat("root=", plan_.lower.device->text(), " cannot be mounted: ", error.with_hint(),
                                "; the root in memory is used instead"));
      }
    }
    plan_ = read_plan(workshop_.old_root(), mounter);
    tell_plan(plan_);
    if (plan_.refused) return;
    make_read_only(mounts_, concat("/proc/self/fd/", workshop_.old_root()));
    lower_ = lower_of(mounts_, workshop_.old_root(), plan_);
  }

  UniqueFd mount_lower() {
    const auto wait = std::max(plan_.wait, least_wait_for_root);
    const Device device = wait_for_device(*plan_.lower.device, wait, Several::first);
    auto words = plan_.lower.options;
    words.read_only = true;
    try {
      check_file_system(device, plan_.check);
    } catch (const Error& error) {
      lower_errors_ = error.with_hint();
      base::log::error(concat(lower_errors_, "; it is mounted nevertheless"));
    }
    return mount_device(mounts_, device.path, device.type, plan_.lower.types, words);
  }

  void lay(const Site& site, const std::vector<std::string>& candidates) {
    kernel::ensure_directories(run_folder, 0755);
    keep_log(concat(run_folder, "/messages"));
    const Laid laid = lay_for_init(mounts_, site, plan_, lower_, candidates);
    show_layers(mounts_, site, laid);
    show_fstab(mounts_, site, "/run", laid);
    prepare_shutdown(mounts_, "/run");
    leave_for_after_boot("/run", laid, plan_, lower_.get());
    tell_laid(laid);
  }

  kernel::Mounts& mounts_;
  Workshop& workshop_;
  UniqueFd self_;
  Plan plan_;
  UniqueFd lower_;
  std::string lower_errors_;  // result of the file system check; empty: no errors
  bool from_device_ = false;
};

// Called if init= names this program in a root that it has mounted already.
int start_once_more(char** arguments) {
  const UniqueFd root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  const Plan plan = read_plan(root.get(), RootMounter::another);
  const auto init = find_init(root.get(), inits(plan, false), this_program().get());
  if (!init.empty()) become_init(init, arguments);
  base::log::error("there is no init to start; name one with rootinit=");
  return 1;
}

}  // namespace

int run_as_init(char** arguments) {
  if (::access(status_file, F_OK) == 0) return start_once_more(arguments);
  auto& mounts = kernel::real_mounts();
  std::string init;
  try {
    Workshop workshop(mounts);
    try {
      init = Boot(mounts, workshop).run();
    } catch (const Error& error) {
      base::log::error(concat("the root cannot be laid: ", error.with_hint()));
      // If the kernel mounted the root, the machine may still start in it. It may be read-only by now.
      workshop.leave();
      if (!workshop.in_memory()) init = find_init(workshop.old_root(), inits(Plan{}, false), this_program().get());
    }
  } catch (const Error& error) {
    base::log::error(error.with_hint());
  }
  if (!init.empty()) become_init(init, arguments);
  base::log::error("no init can be started; the kernel will panic because process 1 ends");
  return 1;
}

}  // namespace unionroot::boot
