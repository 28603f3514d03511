// A kernel that does nothing but write down what it was asked for, and fails when it is told to.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "kernel/mounts.h"

namespace unionroot::tests {

// Descriptors are duplicates of /dev/null with a label ("tmpfs", "/root" ...). The clone of a real folder is the folder
// itself. Thread-safe.
class FakeMounts final : public kernel::Mounts {
 public:
  // The N-th call from now (from 1) throws SystemError(EIO), and those after it work again; 0: none.
  void fail_at(unsigned call);
  // The way home fails: the process is expected to end.
  void fail_going_home(bool fails);

  // What the next namespaces are numbered, the host's first; 0 when there are no more.
  void set_namespace_numbers(std::vector<std::uint64_t> numbers);

  [[nodiscard]] std::vector<std::string> calls() const;
  [[nodiscard]] unsigned count() const;  // of calls that can fail
  void clear();

  base::UniqueFd clone_tree(int dirfd, const std::string& path, bool recursive) override;
  void attach(int tree, int target) override;
  base::UniqueFd new_filesystem(const std::string& type, const std::string& source, const kernel::MountOptions& options,
                                std::uint64_t attributes) override;
  void mount_at(const std::string& source, const std::string& target, const std::string& type, unsigned long flags,
                const std::string& data) override;
  void set_attributes(int mount, std::uint64_t set, std::uint64_t clear, std::uint64_t propagation,
                      bool recursive) override;
  bool unmount(const std::string& path, int flags) override;
  void pivot_root_here(int new_root) override;
  void unshare_fs() override;
  base::UniqueFd new_mount_namespace() override;
  base::UniqueFd current_mount_namespace() override;
  std::uint64_t namespace_number(int descriptor) override;  // set_namespace_numbers(); not written down
  void enter_mount_namespace(int descriptor) override;
  void change_root(int root, int working_directory) override;
  int go_home(int mount_namespace, int root, int working_directory) noexcept override;
  base::UniqueFd open_in_root(int root, const std::string& path, int flags, unsigned mode) override;
  void make_device(int dir, const std::string& name, unsigned major, unsigned minor, unsigned mode) override;
  void make_link(int dir, const std::string& name, const std::string& target) override;
  void make_folder(int dir, const std::string& name, unsigned mode) override;

 private:
  void record(const std::string& call);
  base::UniqueFd descriptor(const std::string& label);
  std::string label(int fd) const;

  mutable std::mutex lock_;
  std::vector<std::string> calls_;
  std::map<int, std::string> labels_;  // of the descriptor that last had the number
  std::vector<std::uint64_t> numbers_;
  unsigned count_ = 0;
  unsigned fail_at_ = 0;
  bool fail_going_home_ = false;
};

// How many descriptors this process has open.
std::size_t open_descriptors();

}  // namespace unionroot::tests
