// A folder on a real file system, and a session's namespace over a small tree in it.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <functional>
#include <string>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "eventually.h"
#include "kernel/files.h"
#include "kernel/mountinfo.h"
#include "kernel/mounts.h"
#include "mount/host_mounts.h"
#include "mount/namespace.h"
#include "skip.h"

namespace unionroot::tests {

using base::concat;
using base::UniqueFd;

// A copy of the machine's mount table for this program alone: whatever others mount meanwhile does not disturb the
// comparisons, and a test that dies leaves nothing behind. Before the first thread is started. What other tests had
// mounted is not kept: it would hold their loop devices and file systems after they have unmounted them.
inline bool leave_the_others() {
  if (::geteuid() != 0) return false;
  base::check(::unshare(CLONE_NEWNS), "making a mount namespace");
  base::check(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "making the mounts private");
  const auto table = kernel::parse_mountinfo(base::read_file("/proc/self/mountinfo"));
  for (auto entry = table.rbegin(); entry != table.rend(); ++entry)
    if (entry->target.rfind("/var/tmp/unionroot", 0) == 0 || entry->target.rfind("/tmp/unionroot", 0) == 0)
      ::umount2(entry->target.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);  // it may have gone with one above it
  return true;
}

// Skips the test case where real mounts are not possible.
inline void require_mounts() {
  require_root("for real mounts");
  static const bool possible = leave_the_others();
  static_cast<void>(possible);
}

inline std::string mount_table() { return base::read_file("/proc/self/mountinfo"); }

// What is mounted now and was not then. Not the other way round: the copy was taken with what other programs had
// mounted, and that goes from it when they remove the folders that it stood in.
inline std::string mounted_since(const std::string& table) {
  std::string added;
  for (const auto& line : base::split(mount_table(), '\n'))
    if (("\n" + table).find("\n" + line + "\n") == std::string::npos) added += line + "\n";
  return added;
}

inline void write_file(const std::string& path, const std::string& content) {
  const UniqueFd file(
      base::check(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), "making", path));
  base::write_all(file.get(), content, path);
}

// <folder>/lower (the tree), <folder>/store/{upper,work}. Its end removes all, and checks that no mount is left.
class Place {
 public:
  Place() : table_(mount_table()), parent_(kernel::open_directory("/var/tmp")) {
    name_ = concat("unionroot-test-", base::random_token());
    for (const char* sub : {"", "/lower", "/lower/etc", "/lower/proc", "/lower/sys", "/lower/dev", "/lower/tmp",
                            "/store", "/store/upper", "/store/work"})
      base::check(::mkdir((path() + sub).c_str(), 0755), "making", sub);
    write_file(path() + "/lower/etc/issue", "lower\n");
  }
  ~Place() {
    CHECK(mounted_since(table_).empty());
    CHECK(kernel::remove_tree(parent_.get(), name_));
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  [[nodiscard]] std::string path(const std::string& sub = "") const { return concat("/var/tmp/", name_, sub); }
  void link(const std::string& target, const std::string& at) const {
    base::check(::symlink(target.c_str(), path(at).c_str()), "making the link", at);
  }

 private:
  std::string table_;
  UniqueFd parent_;
  std::string name_;
};

// own: the daemon's folders.
inline std::vector<mount::Namespace::OpenedSource> open_sources(const mount::MountPlan& plan,
                                                                std::vector<std::string> own = {}) {
  mount::HostMounts host(std::move(own));
  return mount::open_sources(kernel::real_mounts(), plan, host);
}

inline mount::NamespaceFactory& factory() {
  static mount::NamespaceFactory instance(kernel::real_mounts());
  return instance;
}

inline mount::Namespace lay(const Place& place, const std::string& lower = "") {
  mount::Namespace made = factory().create();
  std::vector<UniqueFd> lowers;
  lowers.push_back(
      mount::open_tree_clone(kernel::real_mounts(), lower.empty() ? place.path("/lower") : lower, false, true));
  made.lay_overlay(mount::OverlayPlan{}, std::move(lowers),
                   mount::open_tree_clone(kernel::real_mounts(), place.path("/store"), false, false));
  return made;
}

// proc, sys and a private /dev.
inline mount::MountPlan usual_plan() {
  mount::MountPlan plan;
  plan.private_dev = true;
  const auto add = [&](const char* type, const char* target, kernel::MountOptions options) {
    mount::InnerMount entry;
    entry.type = entry.source = type;
    entry.target = target;
    entry.options = std::move(options);
    entry.origin = "test:1";
    plan.mounts.push_back(entry);
  };
  add("proc", "proc", {});
  add("sysfs", "sys", {});
  add("devpts", "dev/pts", {{"newinstance", ""}, {"ptmxmode", "0666"}, {"mode", "620"}, {"gid", "5"}});
  add("tmpfs", "dev/shm", {{"mode", "1777"}});
  return plan;
}

inline mount::InnerMount bind_entry(const std::string& source, const std::string& target) {
  mount::InnerMount entry;
  entry.kind = mount::InnerMount::Kind::bind;
  entry.source = source;
  entry.target = target;
  entry.origin = "fstab:7";
  return entry;
}

inline std::vector<std::string> mount_all(mount::Namespace& space, const mount::MountPlan& plan) {
  return space.mount_inner(plan, open_sources(plan));
}

// A child in the namespace runs `body`; its exit status.
inline int in_namespace(const mount::Namespace& space, const std::function<int()>& body) {
  const pid_t child = base::check(::fork(), "forking");
  if (child == 0) {
    if (::setns(space.descriptor(), CLONE_NEWNS) != 0) ::_exit(99);
    ::_exit(body());
  }
  int status = 0;
  base::check(::waitpid(child, &status, 0), "waiting");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

inline int run_in(const mount::Namespace& space, std::vector<std::string> arguments, uid_t uid = 0) {
  return in_namespace(space, [&] {
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    if (uid != 0 && ::setresuid(uid, uid, uid) != 0) return 98;
    ::execv(argv[0], argv.data());
    return 97;
  });
}

}  // namespace unionroot::tests
