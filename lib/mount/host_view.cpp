#include "mount/host_view.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "base/error.h"
#include "base/log.h"
#include "base/names.h"
#include "base/rollback.h"
#include "base/text.h"
#include "kernel/files.h"
#include "kernel/holders.h"
#include "mount/places.h"

namespace unionroot::mount {

using base::UniqueFd;

namespace {

constexpr const char* tree_name = "tree";
// The name of a session never contains '+'.
constexpr char suffix_start = '+';
constexpr const char* network_suffix = "+network";
constexpr const char* layers_suffix = "+layers";

UniqueFd open_folder(const std::string& runtime, const char* name) {
  return kernel::open_directory(base::concat(runtime, "/", name));
}

std::vector<std::string> names_in(const std::string& runtime, const char* folder) {
  std::vector<std::string> names = kernel::list_directory(open_folder(runtime, folder).get());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

HostViews::HostViews(kernel::Mounts& mounts, std::string runtime_directory)
    : mounts_(mounts), runtime_(std::move(runtime_directory)) {
  kernel::ensure_directories(runtime_, 0755);
  const UniqueFd runtime(
      base::check(::open(runtime_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "opening", runtime_));
  make_place(mounts_, runtime, runtime_, {"mount", 0755, MS_SHARED, true});
  make_place(mounts_, runtime, runtime_, {"ns", 0700, MS_PRIVATE});
}

UniqueFd HostViews::writable_folder() const { return writable_clone(mounts_, open_folder(runtime_, "mount")); }

void HostViews::make_folder(const std::string& session, const ViewAccess& access) {
  base::require_valid_name("session name", session);
  const UniqueFd folder = writable_folder();
  kernel::ensure_directory(folder.get(), session, 0700);
  const UniqueFd own = open_place(folder.get(), session, O_DIRECTORY);
  kernel::ensure_directory(own.get(), tree_name, 0700);
  base::check(::fchmodat(folder.get(), session.c_str(), access.for_all ? 0755 : 0700, 0),
              "setting the mode of the folder of", view_path(session));
  base::check(::fchownat(folder.get(), session.c_str(), access.owner, 0, AT_SYMLINK_NOFOLLOW),
              "setting the owner of the folder of", view_path(session));
}

void HostViews::remove_folders(const std::string& session) const {
  const UniqueFd folder = writable_folder();
  if (!kernel::exists_at(folder.get(), session)) return;
  kernel::remove_directory(open_place(folder.get(), session, O_DIRECTORY).get(), tree_name);
  kernel::remove_directory(folder.get(), session);
}

void HostViews::remove_folder(const std::string& session) {
  if (!has_former_view(session) && !has_view(session)) remove_folders(session);
}

void HostViews::attach_view(const std::string& session, const ViewAccess& access, const View& view) {
  if (has_former_view(session) || has_view(session))
    throw base::Error(base::ErrorCode::failed, base::concat("something is mounted at ", view_path(session), " already"),
                      base::concat("unmount it: umount -l ", view_path(session)));
  base::Rollback rollback;
  rollback.add([&] {
    try {
      detach_view(session);
    } catch (const base::Error& error) {
      base::log::warning(error.what());
    }
  });
  make_folder(session, access);
  const std::string path = view_path(session);
  mounts_.attach(view.tree.get(), open_place(AT_FDCWD, path, O_DIRECTORY).get());
  const UniqueFd root = view.parts.empty() ? UniqueFd() : open_place(AT_FDCWD, path, O_DIRECTORY);
  for (const View::Part& part : view.parts)
    if (const UniqueFd place = try_open_in_root(mounts_, root.get(), part.target, O_PATH))
      mounts_.attach(part.tree.get(), place.get());
  rollback.commit();
}

void HostViews::detach_view(const std::string& session) {
  base::require_valid_name("session name", session);
  const UniqueFd folder = open_folder(runtime_, "mount");
  unmount_all(mounts_, folder.get(), session, base::concat(runtime_, "/mount/", session));
  if (!kernel::exists_at(folder.get(), session)) return;
  unmount_all(mounts_, open_place(folder.get(), session, O_DIRECTORY).get(), tree_name, view_path(session));
  remove_folders(session);
}

void HostViews::keep(const std::string& name, int descriptor) {
  const UniqueFd folder = open_folder(runtime_, "ns");
  if (is_mount_point(folder.get(), name))
    throw base::Error(base::ErrorCode::failed,
                      base::concat("a namespace is kept at ", runtime_, "/ns/", name, " already"));
  base::Rollback rollback;
  if (kernel::ensure_file(folder.get(), name, 0400)) {
    rollback.add([&] {
      try {
        kernel::remove_file(folder.get(), name);
      } catch (const base::Error& error) {
        base::log::warning(error.what());
      }
    });
  }
  const UniqueFd place = open_place(folder.get(), name, 0);
  const UniqueFd tree = mounts_.clone_tree(descriptor, "", false);
  mounts_.attach(tree.get(), place.get());
  rollback.commit();
}

void HostViews::drop(const std::string& name) {
  const UniqueFd folder = open_folder(runtime_, "ns");
  unmount_all(mounts_, folder.get(), name, base::concat(runtime_, "/ns/", name));
  kernel::remove_file(folder.get(), name);
}

UniqueFd HostViews::open_kept(const std::string& name) const {
  const UniqueFd folder = open_folder(runtime_, "ns");
  UniqueFd opened(::openat(folder.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!opened) {
    if (errno == ENOENT) return {};
    base::throw_errno("opening the namespace", name);
  }
  // The file exists, but no namespace is bound on it: the daemon died in between.
  struct statfs found {};
  base::check(::fstatfs(opened.get(), &found), "looking at the namespace", name);
  if (found.f_type != NSFS_MAGIC) return {};
  return opened;
}

void HostViews::keep_namespace(const std::string& session, int ns_descriptor) {
  base::require_valid_name("session name", session);
  keep_mount_namespace(session, ns_descriptor);
}

void HostViews::keep_mount_namespace(const std::string& name, int descriptor) {
  try {
    keep(name, descriptor);
  } catch (const base::SystemError& error) {
    if (error.error_number() != ELOOP) throw;
    throw base::Error(base::ErrorCode::not_supported,
                      base::concat("keeping the namespace of ", name, ": the daemon's own mount namespace is too new"),
                      "run the daemon in the machine's own mount namespace, without unshare or PrivateMounts=");
  }
}

void HostViews::drop_namespace(const std::string& session) {
  base::require_valid_name("session name", session);
  drop(session);
}

UniqueFd HostViews::open_namespace(const std::string& session) const {
  base::require_valid_name("session name", session);
  return open_kept(session);
}

void HostViews::keep_network(const std::string& session, int descriptor) {
  base::require_valid_name("session name", session);
  keep(base::concat(session, network_suffix), descriptor);
}

void HostViews::drop_network(const std::string& session) {
  base::require_valid_name("session name", session);
  drop(base::concat(session, network_suffix));
}

UniqueFd HostViews::open_network(const std::string& session) const {
  base::require_valid_name("session name", session);
  return open_kept(base::concat(session, network_suffix));
}

void HostViews::keep_layers(const std::string& session, int ns_descriptor) {
  base::require_valid_name("session name", session);
  keep_mount_namespace(base::concat(session, layers_suffix), ns_descriptor);
}

void HostViews::drop_layers(const std::string& session) {
  base::require_valid_name("session name", session);
  drop(base::concat(session, layers_suffix));
}

UniqueFd HostViews::open_layers(const std::string& session) const {
  base::require_valid_name("session name", session);
  return open_kept(base::concat(session, layers_suffix));
}

std::string HostViews::network_path(const std::string& session) const {
  return base::concat(runtime_, "/ns/", session, network_suffix);
}

std::string HostViews::view_path(const std::string& session) const {
  return base::concat(runtime_, "/mount/", session, "/", tree_name);
}

bool HostViews::has_former_view(const std::string& session) const {
  base::require_valid_name("session name", session);
  return is_mount_point(open_folder(runtime_, "mount").get(), session);
}

bool HostViews::has_view(const std::string& session) const {
  base::require_valid_name("session name", session);
  const UniqueFd folder = open_folder(runtime_, "mount");
  // In a view of an earlier version, `tree` is a name in the session's own tree.
  if (!kernel::exists_at(folder.get(), session) || is_mount_point(folder.get(), session)) return false;
  return is_mount_point(open_place(folder.get(), session, O_DIRECTORY).get(), tree_name);
}

std::uint64_t HostViews::mount_number(const std::string& session) const {
  return has_view(session) ? kernel::unique_mount_id(open_place(AT_FDCWD, view_path(session), O_DIRECTORY).get()) : 0;
}

std::vector<std::string> HostViews::views() const { return names_in(runtime_, "mount"); }

std::vector<std::string> HostViews::namespaces() const {
  auto names = names_in(runtime_, "ns");
  for (auto& name : names) name.resize(std::min(name.size(), name.find(suffix_start)));
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

void HostViews::release_if_empty() {
  if (!views().empty() || !namespaces().empty()) return;
  const UniqueFd runtime(
      base::check(::open(runtime_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "opening", runtime_));
  for (const char* name : {"mount", "ns"}) {
    unmount_all(mounts_, runtime.get(), name, base::concat(runtime_, "/", name));
    kernel::remove_directory(runtime.get(), name);
  }
}

}  // namespace unionroot::mount
