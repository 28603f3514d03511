#include "locks/held_lock.h"

#include "locks/manage.h"

namespace unionroot::locks {

using detail::ManageLock;

HeldLock::Impl::Impl(std::shared_ptr<const detail::Directory> in, const detail::FileName& file, base::UniqueFd lock,
                     bool outlives)
    : directory(std::move(in)),
      key(file.key),
      name(detail::file_name(file)),
      full(directory->full(name)),
      descriptor(std::move(lock)),
      inode(detail::inode_of(descriptor.get())),
      preserved(outlives) {}

HeldLock::Impl::~Impl() {
  if (!descriptor || preserved || taker != ::getpid()) return;
  try {
    release();
  } catch (const std::exception&) {
    // A destructor cannot report an error. Removing one's own file is safe without the manage lock: nobody else changes
    // a locked file. A file that remained would count as held as long as this process lives.
    if (::unlinkat(directory->descriptor(), name.c_str(), 0) < 0) return;
  }
}

void HeldLock::Impl::release() {
  if (!descriptor) return;
  {
    const ManageLock manage(*directory, key);
    if (detail::inode_of(*directory, name) == inode) detail::remove_file(*directory, name);
  }
  descriptor.reset();
}

HeldLock::HeldLock(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HeldLock::HeldLock(HeldLock&&) noexcept = default;
HeldLock& HeldLock::operator=(HeldLock&&) noexcept = default;
HeldLock::~HeldLock() = default;

void HeldLock::release() {
  if (impl_) impl_->release();
}

void HeldLock::abandon() {
  if (impl_) impl_->descriptor.reset();
}

int HeldLock::descriptor() const { return impl_ ? impl_->descriptor.get() : -1; }

const std::string& HeldLock::file() const {
  static const std::string none;
  return impl_ ? impl_->full : none;
}

}  // namespace unionroot::locks
