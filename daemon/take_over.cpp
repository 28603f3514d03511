#include "daemon/take_over.h"

#include <map>

#include "base/error.h"
#include "base/paths.h"
#include "base/text.h"
#include "definition/schroot_keys.h"
#include "definition/schroot_sessions.h"

namespace unionroot::daemon {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::printable;

namespace {

// The upper layer fits only the tree that it was made on.
void require_same_tree(const definition::SchrootSessionFile& file, const definition::Definition& definition) {
  const auto keys = definition::schroot_keys(definition);
  for (const char* const key : {"type", "directory", "file", "device", "location"}) {
    const auto before = file.keys.find(key);
    const auto now = keys.find(key);
    const std::string was = before == file.keys.end() ? "" : before->second;
    const std::string is = now == keys.end() ? "" : now->second;
    if (was == is) continue;
    throw Error(ErrorCode::invalid_argument,
                concat("schroot's session '", file.id, "' was begun on a chroot ", file.chroot, " with ", key, "=",
                       printable(was), "; it has ", key, "=", printable(is), " today"),
                concat("its files belong to the tree from before: define that as ", file.chroot,
                       ", or end it: schroot -e -c ", file.id));
  }
}

// The user data that was set for this session only.
std::map<std::string, std::string> own_user_data(const definition::SchrootSessionFile& file,
                                                 const definition::Definition& definition) {
  const auto usual = definition::schroot_keys(definition);
  std::map<std::string, std::string> own;
  for (const auto& [key, value] : file.keys) {
    if (key.find('.') == std::string::npos) continue;
    const auto found = usual.find(key);
    if (found == usual.end() || found->second != value) own[key] = value;
  }
  return own;
}

}  // namespace

session::TakeOverRequest take_over_request(const definition::Registry& registry, const UserDatabase& users,
                                           const std::string& session) {
  const auto doing = concat("taking over schroot's session '", printable(session), "'");
  const auto file = definition::schroot_session_file(registry.settings(), session);
  if (file.union_type != "overlay" || file.overlay.empty())
    throw Error(ErrorCode::not_supported,
                concat(doing, ": it is of type ", printable(file.type), " with union-type=", printable(file.union_type),
                       "; only those on an overlay can be taken over"),
                concat("save what is in it, and end it: schroot -e -c ", session));
  session::TakeOverRequest request;
  request.file = file.path;
  request.overlay = file.overlay;
  request.location = file.location;
  if (const auto underlay = file.keys.find("union-underlay-directory"); underlay != file.keys.end())
    request.underlay = underlay->second;
  for (const auto& path : {request.overlay, request.underlay, request.location})
    if (!path.empty() && (!path.starts_with('/') || base::file_name(path) != session))
      throw Error(ErrorCode::invalid_argument,
                  concat(doing, ": its file ", file.path, " names the place ", printable(path), ", which is not of it"),
                  "schroot writes union-overlay-directory and mount-location with the session's name at their end");
  auto& begin = request.begin;
  begin.definition = registry.require(file.chroot);
  require_same_tree(file, *begin.definition);
  begin.name = session;
  begin.selected_name = concat("chroot:", file.chroot);
  begin.front_end = true;
  begin.options = own_user_data(file, *begin.definition);
  const auto owner = users.uid_of(file.owner);
  if (!owner)
    throw Error(ErrorCode::no_such_user,
                concat(doing, ": its owner '", printable(file.owner), "' is no user of this machine"),
                concat("end it: schroot -e -c ", session));
  begin.owner.uid = *owner;
  begin.owner.name = file.owner;
  begin.owner_may_be_root = *owner == 0 || file.as_root;
  return request;
}

}  // namespace unionroot::daemon
