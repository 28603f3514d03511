#include "archive/metadata.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/text.h"

namespace unionroot::archive::detail {

namespace {

using base::concat;
using base::printable;
using base::SystemError;

// For calls that take no O_PATH descriptor. The path leads to the file itself, even if that is a symbolic link.
std::string path_of(int file) { return concat("/proc/self/fd/", file); }

[[noreturn]] void fail(std::string_view doing, const Member& member) {
  const int saved = errno;
  throw SystemError(saved, concat(doing, " '", printable(member.name), "'"));
}

// overlayfs sets these attributes itself and trusts them. A layer that brings its own could lead into other layers.
bool belongs_to_overlay(std::string_view attribute) { return attribute.starts_with("trusted.overlay."); }

void set_attribute(const std::string& path, const Member& member, const std::string& name, const std::string& value,
                   std::vector<std::string>& notes) {
  if (::setxattr(path.c_str(), name.c_str(), value.data(), value.size(), 0) == 0) return;
  const int saved = errno;
  // A symbolic link or a device cannot have user attributes (EPERM, xattr(7)). Some file systems have no attributes.
  const bool cannot = saved == ENOTSUP || (saved == EPERM && name.starts_with("user."));
  if (!cannot)
    throw SystemError(saved, concat("setting the attribute ", printable(name), " of '", printable(member.name), "'"));
  add_note(notes,
           concat("the file system cannot keep the attribute ", printable(name), " of '", printable(member.name), "'"));
}

std::string attribute_of(const std::string& path, const std::string& name, const Member& member) {
  std::string value(256, '\0');
  for (;;) {
    const auto size = ::getxattr(path.c_str(), name.c_str(), value.data(), value.size());
    if (size >= 0) {
      value.resize(static_cast<std::size_t>(size));
      return value;
    }
    if (errno != ERANGE || value.size() > 65536) fail("reading an attribute of", member);
    value.resize(value.size() * 16);
  }
}

}  // namespace

void add_note(std::vector<std::string>& notes, std::string note) {
  constexpr std::size_t most = 20;
  if (notes.size() < most)
    notes.push_back(std::move(note));
  else if (notes.size() == most)
    notes.emplace_back("... and more of the kind");
}

void apply_metadata(int file, const Member& member, std::vector<std::string>& notes) {
  const auto path = path_of(file);
  if (::fchownat(file, "", member.uid, member.gid, AT_EMPTY_PATH) != 0) fail("setting the owner of", member);
  // symlink(7): a symbolic link has no mode of its own.
  if (member.type != Type::symlink && ::chmod(path.c_str(), member.mode) != 0) fail("setting the mode of", member);
  for (const auto& [name, value] : member.attributes) {
    if (belongs_to_overlay(name))
      add_note(notes, concat("the attribute ", printable(name), " of '", printable(member.name),
                             "' is left out: it is overlayfs's own"));
    else
      set_attribute(path, member, name, value, notes);
  }
  if (!member.access_acl.empty())
    set_attribute(path, member, access_attribute, acl_to_attribute(member.access_acl), notes);
  if (!member.default_acl.empty())
    set_attribute(path, member, default_attribute, acl_to_attribute(member.default_acl), notes);
  const timespec times[2] = {{0, UTIME_OMIT}, member.modified};
  if (::utimensat(file, "", times, AT_EMPTY_PATH) != 0) fail("setting the time of", member);
}

void read_attributes(int file, Member& member) {
  const auto path = path_of(file);
  std::string names(1024, '\0');
  for (;;) {
    const auto size = ::listxattr(path.c_str(), names.data(), names.size());
    if (size >= 0) {
      names.resize(static_cast<std::size_t>(size));
      break;
    }
    if (errno == ENOTSUP) return;
    if (errno != ERANGE || names.size() > 65536) fail("listing the attributes of", member);
    names.resize(names.size() * 16);
  }
  for (const auto& name : base::split(names, '\0')) {
    auto value = attribute_of(path, name, member);
    if (name == access_attribute || name == default_attribute) {
      auto acl = acl_from_attribute(value);
      if (!acl)
        throw base::Error(base::ErrorCode::failed,
                          concat("the access control list of '", printable(member.name), "' cannot be read"));
      (name == access_attribute ? member.access_acl : member.default_acl) = std::move(*acl);
    } else {
      member.attributes.emplace_back(name, std::move(value));
    }
  }
}

}  // namespace unionroot::archive::detail
