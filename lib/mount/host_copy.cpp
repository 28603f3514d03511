#include "mount/host_copy.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/error.h"
#include "mount/visit.h"

namespace unionroot::mount {

using base::UniqueFd;

namespace {

UniqueFd open_folder(const std::string& path) {
  return UniqueFd(base::check(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "opening", path));
}

}  // namespace

HostCopy::HostCopy(NamespaceFactory& factory, UniqueFd tree, std::string place)
    : factory_(factory.impl_), place_(std::move(place)) {
  auto& mounts = factory_->mounts;
  const Visit visit(*factory_, factory_->host_namespace.get());
  descriptor_ = mounts.new_mount_namespace();
  // Not private: an unmount on the host must reach this copy. Otherwise the copy would keep busy what the host has
  // unmounted.
  mounts.set_attributes(open_root().get(), 0, 0, MS_SLAVE, true);
  mounts.attach(tree.get(), open_folder(place_).get());
}

void HostCopy::visit(const std::function<void()>& action) const {
  const Visit visit(*factory_, descriptor_.get());
  // The umask is the thread's own until the end of the visit, because a visit unshares it: unshare(2), CLONE_FS.
  struct Umask {
    mode_t former = ::umask(022);
    ~Umask() { ::umask(former); }
  } const umask_as_promised;
  action();
}

UniqueFd HostCopy::clone_place() const {
  const Visit visit(*factory_, descriptor_.get());
  return factory_->mounts.clone_tree(open_folder(place_).get(), "", true);
}

ino_t HostCopy::inode() const {
  struct stat status {};
  base::check(::fstat(descriptor_.get(), &status), "looking at a mount namespace");
  return status.st_ino;
}

}  // namespace unionroot::mount
