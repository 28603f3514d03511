#include "tree/file_writer.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace unionroot::tree {

std::string FileWriter::on_host(std::string_view path) const { return base::concat(host_root_, "/", path); }

void FileWriter::skip(std::string_view path, std::string_view why) {
  notes_.push_back(base::concat(base::printable(path), ": skipped: ", why));
}

std::shared_ptr<const HostFile> FileWriter::host_file(std::string_view path) {
  std::string why;
  auto file = host_files().read(on_host(path), why);
  if (!file) skip(base::concat("/", path), why);
  return file;
}

bool FileWriter::can_write(const std::string& path, const TreeFile& old) {
  if (only_ && std::find(only_->begin(), only_->end(), path) == only_->end()) return false;
  if (!old.is_writable()) {
    skip(path, describe(old.found));
    return false;
  }
  if (!old.is_protected) return true;
  if (!own_tree_) {
    skip(path, "it or its folder is immutable or append-only in the tree: chattr -i -a");
    return false;
  }
  try {
    tree_.unprotect(path);
    return true;
  } catch (const base::SystemError& error) {
    if (error.code() == base::ErrorCode::no_space) throw;
    skip(path, base::concat("it or its folder is immutable or append-only in the tree: ", error.what()));
    return false;
  }
}

namespace {

bool is_there(const TreeFile& old, std::string_view content, const FileOwner& owner) {
  return old.found == Found::file && !old.symlink && old.content == content && old.mode == owner.mode &&
         old.uid == owner.uid && old.gid == owner.gid;
}

}  // namespace

void FileWriter::put(const std::string& path, const TreeFile& old, std::string_view content, const FileOwner& owner) {
  if (is_there(old, content, owner) || !can_write(path, old)) return;
  tree_.write(path, content, owner.mode, owner.uid, owner.gid);
}

bool FileWriter::replace(const std::string& path, const TreeFile& old, std::string_view content,
                         const FileOwner& owner) {
  if (is_there(old, content, owner) || !can_write(path, old)) return true;
  const auto status = tree_.replace(path, old, content, owner.mode, owner.uid, owner.gid);
  if (status)
    wrote({path, *status});
  else
    skip(path, "somebody changed it meanwhile");
  return status.has_value();
}

}  // namespace unionroot::tree
