#include "fake_kernel.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/error.h"
#include "base/text.h"
#include "kernel/files.h"

namespace unionroot::tests {

using base::concat;
using base::UniqueFd;

void FakeMounts::fail_at(unsigned call) {
  const std::lock_guard guard(lock_);
  count_ = 0;
  fail_at_ = call;
}

void FakeMounts::fail_going_home(bool fails) {
  const std::lock_guard guard(lock_);
  fail_going_home_ = fails;
}

std::vector<std::string> FakeMounts::calls() const {
  const std::lock_guard guard(lock_);
  return calls_;
}

unsigned FakeMounts::count() const {
  const std::lock_guard guard(lock_);
  return count_;
}

void FakeMounts::clear() {
  const std::lock_guard guard(lock_);
  calls_.clear();
  count_ = 0;
  fail_at_ = 0;
}

void FakeMounts::record(const std::string& call) {
  const std::lock_guard guard(lock_);
  ++count_;
  if (count_ == fail_at_) {
    calls_.push_back(call + " fails");
    throw base::SystemError(EIO, concat("fake: ", call));
  }
  calls_.push_back(call);
}

UniqueFd FakeMounts::descriptor(const std::string& label) {
  UniqueFd made(base::check(::open("/dev/null", O_RDWR | O_CLOEXEC), "opening /dev/null"));
  const std::lock_guard guard(lock_);
  labels_[made.get()] = label;
  return made;
}

std::string FakeMounts::label(int fd) const {
  if (fd == AT_FDCWD) return "here";
  const std::lock_guard guard(lock_);
  const auto found = labels_.find(fd);
  return found == labels_.end() ? "a descriptor" : found->second;
}

UniqueFd FakeMounts::clone_tree(int dirfd, const std::string& path, bool recursive) {
  const std::string what = path.empty() ? label(dirfd) : path;
  record(concat("clone ", what, recursive ? " recursively" : ""));
  struct stat found {};
  if (path.empty() && ::fstat(dirfd, &found) == 0 && S_ISDIR(found.st_mode))
    return UniqueFd(base::check(::fcntl(dirfd, F_DUPFD_CLOEXEC, 0), "duplicating a folder"));
  return descriptor(concat("clone of ", what));
}

void FakeMounts::attach(int tree, int target) { record(concat("attach ", label(tree), " on ", label(target))); }

UniqueFd FakeMounts::new_filesystem(const std::string& type, const std::string& source,
                                    const kernel::MountOptions& options, std::uint64_t attributes) {
  std::string text;
  for (const auto& [key, value] : options)
    text += concat(text.empty() ? " " : ",", key, value.empty() ? "" : "=", value);
  record(concat("new ", type, " ", source, text, " attributes ", attributes));
  return descriptor(type);
}

void FakeMounts::mount_at(const std::string& source, const std::string& target, const std::string& type, unsigned long,
                          const std::string& data) {
  record(concat("mount ", type, " ", source, " at ", target, " with ", data));
}

void FakeMounts::set_attributes(int mount, std::uint64_t set, std::uint64_t clear, std::uint64_t propagation,
                                bool recursive) {
  record(concat("attributes of ", label(mount), " set ", set, " clear ", clear, " propagation ", propagation,
                recursive ? " recursively" : ""));
}

bool FakeMounts::unmount(const std::string& path, int) {
  record(concat("unmount ", path));
  return true;
}

void FakeMounts::pivot_root_here(int new_root) { record(concat("pivot to ", label(new_root))); }
void FakeMounts::unshare_fs() { record("unshare fs"); }

UniqueFd FakeMounts::new_mount_namespace() {
  record("new namespace");
  return descriptor("namespace");
}

UniqueFd FakeMounts::current_mount_namespace() {
  record("current namespace");
  return descriptor("namespace");
}

std::uint64_t FakeMounts::namespace_number(int) {
  const std::lock_guard guard(lock_);
  if (numbers_.empty()) return 0;
  const std::uint64_t number = numbers_.front();
  numbers_.erase(numbers_.begin());
  return number;
}

void FakeMounts::set_namespace_numbers(std::vector<std::uint64_t> numbers) {
  const std::lock_guard guard(lock_);
  numbers_ = std::move(numbers);
}

void FakeMounts::enter_mount_namespace(int descriptor) { record(concat("enter ", label(descriptor))); }
void FakeMounts::change_root(int, int working_directory) {
  record(concat("change directory to ", label(working_directory)));
}

int FakeMounts::go_home(int, int, int) noexcept {
  const std::lock_guard guard(lock_);
  calls_.push_back("go home");
  return fail_going_home_ ? EIO : 0;
}

UniqueFd FakeMounts::open_in_root(int, const std::string& path, int, unsigned) {
  record(concat("open ", path));
  return descriptor(path);
}

void FakeMounts::make_device(int, const std::string& name, unsigned major, unsigned minor, unsigned) {
  record(concat("device ", name, " ", major, ":", minor));
}

void FakeMounts::make_link(int, const std::string& name, const std::string& target) {
  record(concat("link ", name, " to ", target));
}

void FakeMounts::make_folder(int, const std::string& name, unsigned) { record(concat("folder ", name)); }

std::size_t open_descriptors() {
  const UniqueFd folder = kernel::open_directory("/proc/self/fd");
  return kernel::list_directory(folder.get()).size();
}

}  // namespace unionroot::tests
