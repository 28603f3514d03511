// Computes what a session's files depend on, without reading them.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "tree/enumeration.h"
#include "tree/files.h"
#include "tree/host_files.h"
#include "tree/name_service.h"
#include "tree/tree_access.h"

namespace unionroot::tree {

namespace {

using base::concat;

// Cannot occur in a path or a name. So two different requests never give the same text.
constexpr char separator = '\0';

void add(std::string& text, std::string_view part) {
  text.append(part);
  text.push_back(separator);
}

std::optional<std::string> host_version(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return concat("errno ", errno);
  const auto version = base::version_of(status);
  if (!base::is_settled(version)) return std::nullopt;
  return concat(base::text_of(version), ":", status.st_mode, ":", status.st_uid, ":", status.st_gid);
}

std::string request_text(const FilesRequest& request) {
  std::string text;
  add(text, concat(static_cast<int>(request.nss), request.follow_resolv_conf, request.mark_resolv_conf,
                   request.write_hostname));
  for (const auto& database : request.databases) add(text, database);
  add(text, "copyfiles");
  for (const auto& copied : request.copyfiles) {
    add(text, copied.source);
    add(text, copied.target);
  }
  add(text, "names");
  if (request.write_hostname && request.hostname.empty()) {
    utsname names{};
    base::check(::uname(&names), "asking for the host's name");
    add(text, names.nodename);
  }
  add(text, request.hostname);
  add(text, request.chroot_name);
  add(text, request.host_root);
  add(text, concat(request.own_tree, request.lock, request.password, request.require_copyfiles));
  if (const auto& user = request.user) {
    add(text, concat(user->uid, ":", user->gid));
    for (const gid_t gid : user->groups) add(text, concat(gid));
    for (const auto* part : {&user->name, &user->full_name, &user->home, &user->shell, &user->group}) add(text, *part);
  }
  return text;
}

// The folders that the files are written into. An overlay also shows the owner, mode and attributes of the folders of
// its top layer.
std::set<std::string> folders_above(const std::vector<std::string>& paths) {
  std::set<std::string> folders;
  for (const auto& path : paths)
    for (auto slash = path.rfind('/'); slash != std::string::npos && slash != 0; slash = path.rfind('/', slash - 1))
      if (!folders.insert(path.substr(0, slash)).second) break;
  return folders;
}

}  // namespace

std::vector<std::string> file_paths(const FilesRequest& request) {
  std::vector<std::string> paths;
  if (request.nss != definition::NssMode::none) {
    for (const auto database : all_databases) paths.push_back(concat("etc/", name_of(database)));
    for (const auto& database : request.databases) paths.push_back("etc/" + database);
  }
  for (const auto& copied : request.copyfiles) {
    const auto parts = base::split(copied.target, '/');
    const bool refused =
        std::any_of(parts.begin(), parts.end(), [](const auto& part) { return part == "." || part == ".."; });
    if (!parts.empty() && !refused) paths.push_back(base::join(parts, "/"));
  }
  for (const char* path : {"etc/resolv.conf", "etc/hostname", "etc/debian_chroot"}) paths.emplace_back(path);
  if (!request.hostname.empty()) paths.emplace_back("etc/hosts");
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  return paths;
}

std::optional<std::string> files_version(int root, const FilesRequest& request) {
  // Nothing tells whether a name service would list the same accounts again.
  if (enumerates(request, Database::passwd) || enumerates(request, Database::group)) return std::nullopt;
  struct stat status {};
  base::check(::fstatat(root, "", &status, AT_EMPTY_PATH), "looking at the tree's root");
  auto text = request_text(request);
  // An overlay's root shows the owner, mode and times of its top layer.
  add(text, concat(status.st_dev, ":", status.st_ino, ":", status.st_mode, ":", status.st_uid, ":", status.st_gid, ":",
                   status.st_mtim.tv_sec, ".", status.st_mtim.tv_nsec));
  TreeAccess tree(root);
  const auto paths = file_paths(request);
  for (const auto& folder : folders_above(paths)) {
    const auto inside = tree.version(folder);
    if (!inside) return std::nullopt;
    add(text, *inside);
  }
  for (const auto& copied : request.copyfiles) {
    const auto host = host_version(concat(request.host_root, "/", copied.source));
    if (!host) return std::nullopt;
    add(text, *host);
  }
  for (const auto& path : paths) {
    const auto host = host_version(concat(request.host_root, "/", path));
    const auto inside = tree.version(path);
    if (!host || !inside) return std::nullopt;
    add(text, *host);
    add(text, *inside);
  }
  return text;
}

}  // namespace unionroot::tree
