#include "mount/namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "base/log.h"
#include "base/own_thread.h"
#include "base/text.h"
#include "mount/host_mounts.h"
#include "mount/places.h"
#include "mount/visit.h"

namespace unionroot::mount {

using base::UniqueFd;

namespace {

UniqueFd open_path(const char* path) {
  return UniqueFd(base::check(::open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), "opening", path));
}

constexpr int folder_flags = O_PATH | O_DIRECTORY;

// Runs in a thread of its own, which ends afterwards, so the thread does not have to return.
UniqueFd make_template(kernel::Mounts& mounts) {
  mounts.unshare_fs();
  UniqueFd descriptor = mounts.new_mount_namespace();
  const UniqueFd host_copy = open_root();
  // Changes to this copy of the host's mounts must not reach the host.
  mounts.set_attributes(host_copy.get(), 0, 0, MS_PRIVATE, true);
  const UniqueFd small = mounts.new_filesystem("tmpfs", "unionroot", {{"mode", "0755"}, {"size", "1m"}},
                                               MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  for (const char* name : {"root", "lower", "store", "scratch"}) mounts.make_folder(small.get(), name, 0755);
  const UniqueFd lower = mounts.open_in_root(small.get(), "lower", folder_flags, 0);
  for (std::size_t i = 0; i < most_lowers; ++i) mounts.make_folder(lower.get(), std::to_string(i), 0755);
  // Any folder can be the mount point, because the new mount becomes the root at once.
  const UniqueFd place = mounts.open_in_root(host_copy.get(), "proc", folder_flags, 0);
  mounts.attach(small.get(), place.get());
  mounts.pivot_root_here(small.get());
  return descriptor;
}

// Newer kernels number namespaces in batches for each processor (seen on 6.18), so a later namespace may have a lower
// number. Then a bind could not keep it. This only happens to a daemon outside the machine's first mount namespace, as
// in a container. One processor always helps: the one that numbered the daemon's own namespace.
void renumber(const NamespaceFactory::Impl& factory, UniqueFd& descriptor) {
  cpu_set_t before;
  base::check(::sched_getaffinity(0, sizeof before, &before), "reading the thread's processors");
  for (std::size_t processor = 0; processor < CPU_SETSIZE; ++processor) {
    if (!CPU_ISSET(processor, &before)) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    if (::sched_setaffinity(0, sizeof one, &one) != 0) continue;  // the processor was taken offline meanwhile
    try {
      descriptor = factory.mounts.new_mount_namespace();
    } catch (...) {
      ::sched_setaffinity(0, sizeof before, &before);
      throw;
    }
    if (factory.mounts.namespace_number(descriptor.get()) >= factory.host_number) break;
  }
  base::check(::sched_setaffinity(0, sizeof before, &before), "giving the thread its processors back");
}

}  // namespace

UniqueFd open_root() { return open_path("/"); }

Visit::Visit(const NamespaceFactory::Impl& factory, int descriptor) : factory_(factory) {
  factory.mounts.unshare_fs();
  factory.mounts.enter_mount_namespace(descriptor);
  try {
    root_ = open_root();
  } catch (...) {
    leave();
    throw;
  }
}

Visit::~Visit() { leave(); }

void Visit::leave() noexcept {
  const int error =
      factory_.mounts.go_home(factory_.host_namespace.get(), factory_.host_root.get(), factory_.host_directory.get());
  if (error == 0) return;
  char buffer[128];
  base::log::error(base::concat(
      "a thread could not return to the host's mount namespace: ", strerror_r(error, buffer, sizeof buffer),
      "; ending the daemon, since it must not go on in a session's namespace"));
  std::abort();
}

NamespaceFactory::NamespaceFactory(kernel::Mounts& mounts) : impl_(std::make_shared<Impl>(mounts)) {
  impl_->host_namespace = mounts.current_mount_namespace();
  impl_->host_number = mounts.namespace_number(impl_->host_namespace.get());
  impl_->host_root = open_root();
  impl_->host_directory = open_path(".");
  base::in_own_thread([&] { impl_->template_namespace = make_template(mounts); });
}

NamespaceFactory::~NamespaceFactory() = default;

Namespace NamespaceFactory::create() {
  auto made = std::make_unique<Namespace::Impl>();
  made->factory = impl_;
  const Visit visit(*impl_, impl_->template_namespace.get());
  made->descriptor = impl_->mounts.new_mount_namespace();
  if (impl_->mounts.namespace_number(made->descriptor.get()) < impl_->host_number) renumber(*impl_, made->descriptor);
  return Namespace(std::move(made));
}

Namespace NamespaceFactory::adopt(UniqueFd descriptor) {
  auto made = std::make_unique<Namespace::Impl>();
  made->factory = impl_;
  made->descriptor = std::move(descriptor);
  const Visit visit(*impl_, made->descriptor.get());
  made->made_root = true;
  made->open_root(visit);
  return Namespace(std::move(made));
}

int Namespace::Impl::open_root(const Visit& visit) {
  if (!root) root = factory->mounts.open_in_root(visit.root(), "/", folder_flags, 0);
  return root.get();
}

Namespace::Namespace(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Namespace::Namespace(Namespace&&) noexcept = default;
Namespace& Namespace::operator=(Namespace&&) noexcept = default;
Namespace::~Namespace() = default;

void Namespace::lay_overlay(const OverlayPlan& plan, std::vector<UniqueFd> lowers, UniqueFd store) {
  if (lowers.size() != plan.lowers)
    throw base::Error(base::ErrorCode::invalid_argument,
                      base::concat("the plan has ", plan.lowers, " lower trees, but ", lowers.size(), " were opened"));
  const std::string data = overlay_data(lowers.size(), plan.upper, plan.work, plan.options, plan.volatile_upper);
  kernel::Mounts& mounts = impl_->factory->mounts;
  const Visit visit(*impl_->factory, impl_->descriptor.get());
  mount_overlay(mounts, visit.root(), lowers, store, "root", data);
  impl_->root = mounts.open_in_root(visit.root(), "root", folder_flags, 0);
}

void Namespace::lay_tree(UniqueFd tree) {
  kernel::Mounts& mounts = impl_->factory->mounts;
  const Visit visit(*impl_->factory, impl_->descriptor.get());
  const UniqueFd place = mounts.open_in_root(visit.root(), "root", folder_flags, 0);
  mounts.attach(tree.get(), place.get());
  impl_->root = mounts.open_in_root(visit.root(), "root", folder_flags, 0);
}

UniqueFd Namespace::copy_layers() const {
  kernel::Mounts& mounts = impl_->factory->mounts;
  const Visit visit(*impl_->factory, impl_->descriptor.get());
  UniqueFd copy = mounts.new_mount_namespace();
  if (mounts.namespace_number(copy.get()) < impl_->factory->host_number) renumber(*impl_->factory, copy);
  mounts.unmount("/root", MNT_DETACH);
  return copy;
}

std::vector<std::string> Namespace::mount_inner(const MountPlan& plan, std::vector<OpenedSource> sources) {
  if (sources.size() != plan.mounts.size())
    throw base::Error(base::ErrorCode::invalid_argument,
                      base::concat("the plan has ", plan.mounts.size(), " inner mounts, but ", sources.size(),
                                   " sources were opened"));
  const Visit visit(*impl_->factory, impl_->descriptor.get());
  const auto in_pieces = [this](const InnerMount& entry) {
    OpenedSource opened;
    base::in_own_thread([&] {
      const Visit host(*impl_->factory, impl_->factory->host_namespace.get());
      HostMounts mounts({});
      opened = open_in_pieces(impl_->factory->mounts, entry, mounts);
    });
    return opened;
  };
  return execute_inner_mounts(impl_->factory->mounts, visit.root(), impl_->root.get(), plan, sources, in_pieces);
}

void Namespace::make_root() {
  const Visit visit(*impl_->factory, impl_->descriptor.get());
  impl_->factory->mounts.pivot_root_here(impl_->root.get());
  impl_->made_root = true;
}

void Namespace::rest() {
  if (impl_->made_root) impl_->root.reset();
}

UniqueFd Namespace::root() const {
  if (impl_->root) return impl_->root.duplicate();
  // Not kept, because several threads may start commands at once.
  const Visit visit(*impl_->factory, impl_->descriptor.get());
  return impl_->factory->mounts.open_in_root(visit.root(), "/", folder_flags, 0);
}

UniqueFd Namespace::clone_view() {
  const Visit visit(*impl_->factory, impl_->descriptor.get());
  return impl_->factory->mounts.clone_tree(impl_->open_root(visit), "", true);
}

View Namespace::clone_view(const std::vector<InnerMount>& shown) {
  kernel::Mounts& mounts = impl_->factory->mounts;
  const Visit visit(*impl_->factory, impl_->descriptor.get());
  const int root = impl_->open_root(visit);
  View view;
  view.tree = mounts.clone_tree(root, "", false);
  for (const InnerMount& mount : shown) {
    const UniqueFd place = try_open_in_root(mounts, root, mount.target, O_PATH);
    if (!place || !is_mount_root(place.get())) continue;
    view.parts.push_back({mount.target, mounts.clone_tree(place.get(), "", mount.recursive)});
  }
  return view;
}

std::vector<UniqueFd> Namespace::open_mounts(const std::vector<std::string>& targets) const {
  std::vector<UniqueFd> opened;
  if (targets.empty()) return opened;
  const Visit visit(*impl_->factory, impl_->descriptor.get());
  const int root = impl_->root ? impl_->root.get() : visit.root();
  for (const std::string& target : targets) {
    UniqueFd place = try_open_in_root(impl_->factory->mounts, root, target.empty() ? "/" : target, folder_flags);
    if (place && is_mount_root(place.get())) opened.push_back(std::move(place));
  }
  return opened;
}

void Namespace::share_mounts() {
  const Visit visit(*impl_->factory, impl_->descriptor.get());
  impl_->factory->mounts.set_attributes(impl_->open_root(visit), 0, 0, MS_SHARED, true);
}

void Namespace::unshare_mounts() {
  const Visit visit(*impl_->factory, impl_->descriptor.get());
  // A shared mount without peers becomes a slave of its former master, or private if it had none: mount_namespaces(7).
  impl_->factory->mounts.set_attributes(impl_->open_root(visit), 0, 0, MS_SLAVE, true);
}

void Namespace::visit(const std::function<void()>& action) const {
  const Visit visit(*impl_->factory, impl_->descriptor.get());
  action();
}

int Namespace::descriptor() const { return impl_->descriptor.get(); }

ino_t Namespace::inode() const {
  struct stat status {};
  base::check(::fstat(impl_->descriptor.get(), &status), "looking at a mount namespace");
  return status.st_ino;
}

bool Namespace::read_only() const {
  struct statvfs status {};
  base::check(::fstatvfs(impl_->root.get(), &status), "looking at the session's root");
  return (status.f_flag & ST_RDONLY) != 0;
}

std::string overlay_data(std::size_t lowers, const std::string& upper, const std::string& work,
                         const std::vector<std::pair<std::string, std::string>>& options, bool volatile_upper) {
  const auto refuse = [](std::string message) {
    return base::Error(base::ErrorCode::invalid_argument, std::move(message));
  };
  if (lowers == 0 || lowers > most_lowers)
    throw refuse(base::concat("an overlay has 1 to ", most_lowers, " lower trees, not ", lowers));
  std::string data = "lowerdir=";
  for (std::size_t i = 0; i < lowers; ++i) data += (i == 0 ? "" : ":") + std::to_string(i);
  // The meaning of these characters differs between kernels, so they are refused and not escaped.
  for (const std::string* path : {&upper, &work})
    if (path->find_first_of(",:\\\n") != std::string::npos)
      throw refuse(base::concat("a comma, colon or backslash in an overlay's folder: ", base::printable(*path)));
  if (!upper.empty()) data += base::concat(",upperdir=/store/", upper, ",workdir=/store/", work);
  for (const auto& [key, value] : options) {
    if (key.empty() || (key + value).find_first_of(",\\\n") != std::string::npos)
      throw refuse(base::concat("not an overlay option: ", base::printable(base::concat(key, "=", value))));
    data += base::concat(",", key);
    if (!value.empty()) data += base::concat("=", value);
  }
  if (volatile_upper) data += ",volatile";
  if (data.size() >= 4096) throw refuse("the overlay's options are longer than the 4 KiB that mount(2) takes");
  return data;
}

void mount_overlay(kernel::Mounts& mounts, int template_root, const std::vector<UniqueFd>& lowers,
                   const UniqueFd& store, const std::string& target, const std::string& data) {
  const UniqueFd lower = mounts.open_in_root(template_root, "lower", folder_flags, 0);
  for (std::size_t i = 0; i < lowers.size(); ++i) {
    const UniqueFd place = mounts.open_in_root(lower.get(), std::to_string(i), folder_flags, 0);
    mounts.attach(lowers[i].get(), place.get());
  }
  if (store) {
    const UniqueFd place = mounts.open_in_root(template_root, "store", folder_flags, 0);
    mounts.attach(store.get(), place.get());
  }
  mounts.change_root(template_root, lower.get());
  try {
    mounts.mount_at("overlay", "/" + target, "overlay", 0, data);
  } catch (const base::SystemError& error) {
    if (error.error_number() != ELOOP) throw;
    throw base::Error(base::ErrorCode::stage_failed,
                      "mounting an overlay: two of its folders are the same one, or one lies in another",
                      "overlayfs refuses that; correct the list of the lower folders, or where the upper one is");
  }
}

}  // namespace unionroot::mount
