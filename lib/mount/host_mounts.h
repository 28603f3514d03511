// The mounts of the host that are not the daemon's own.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "kernel/mountinfo.h"

namespace unionroot::mount {

// Every session may have mounts in the daemon's folders. Looking at each of them would make a begin slower with each
// session that lives. So the unique ids of such mounts are remembered, and only the others are looked at. Without
// listmount(2) the whole of mountinfo is read. Any thread in the host's mount namespace may use it.
class HostMounts {
 public:
  // own: the daemon's folders, absolute.
  explicit HostMounts(std::vector<std::string> own) : own_(std::move(own)) {}

  [[nodiscard]] const std::vector<std::string>& own() const { return own_; }

  // All mounts of the calling thread's namespace whose mount point is not in one of the daemon's folders, in the
  // kernel's order: an outer one before those within. A mount that was found in one of these folders does not come
  // again, even if somebody moves it. Throws SystemError, Error.
  std::vector<kernel::Mount> others();

 private:
  [[nodiscard]] bool is_own(const std::string& target) const;
  // False if the kernel does not tell.
  bool look(std::vector<kernel::Mount>& found);

  const std::vector<std::string> own_;
  std::mutex mutex_;
  std::vector<std::uint64_t> known_;  // in ascending order
};

}  // namespace unionroot::mount
