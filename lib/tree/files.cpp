#include "tree/files.h"

#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <sstream>

#include "base/error.h"
#include "base/file_lock.h"
#include "base/names.h"
#include "base/text.h"
#include "tree/account_files.h"
#include "tree/file_writer.h"
#include "tree/name_service.h"

namespace unionroot::tree {

namespace {

using definition::NssMode;

constexpr std::string_view resolv_conf = "etc/resolv.conf";

// Hash of the written content: FNV-1a. A forged mark only makes the daemon keep resolv.conf up to date.
std::string mark_of(std::string_view content) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : content) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return base::concat(content.size(), "-", hash);
}

void write_marked(TreeAccess& tree, const std::string& content) {
  const std::string path(resolv_conf);
  const FileOwner owner;
  tree.write(path, content, owner.mode, owner.uid, owner.gid);
  tree.set_mark(path, mark_of(content));
}

// True if a line of hosts(5) has the name.
bool has_address(const std::string& hosts, const std::string& name) {
  for (const auto& line : base::split(hosts, '\n')) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string word;
    words >> word;  // the address
    while (words >> word)
      if (word == name) return true;
  }
  return false;
}

class Writer {
 public:
  Writer(int root, const FilesRequest& request)
      : writer_(root, request.host_root, request.temporary, request.own_tree), request_(request) {
    if (request.only) writer_.write_only(*request.only);
  }

  std::vector<std::string> run() {
    if (request_.nss != NssMode::none) {
      write_accounts(writer_, request_);
      write_other_databases();
    }
    write_copyfiles();
    if (request_.follow_resolv_conf) write_resolv_conf();
    write_names();
    return writer_.take_notes();
  }

 private:
  // from: a path on the host. to: a path in the tree. Both without the leading '/'.
  void copy(const HostFile& source, const std::string& from, const std::string& to) {
    // Compares inodes, not names: the path may be a symlink.
    if (is_account_file(writer_, source.version))
      return writer_.skip(from,
                          "account files are not copied, because of their passwords; the key nss adds the accounts");
    writer_.put(to, writer_.tree().read(to), source.content, {source.mode, source.uid, source.gid});
  }

  void write_other_databases() {
    for (const auto& database : request_.databases) {
      if (std::any_of(all_databases.begin(), all_databases.end(),
                      [&](Database account) { return name_of(account) == database; }))
        continue;
      if (!base::valid_name(database))
        writer_.skip(database, "this is not the name of a database");
      else if (const auto path = "etc/" + database; const auto source = writer_.host_file(path))
        copy(*source, path, path);
    }
  }

  void write_copyfiles() {
    for (const auto& copied : request_.copyfiles) {
      const auto source = parts_of_file(copied.source), target = parts_of_file(copied.target);
      const auto up = [](const std::string& part) { return part == ".."; };
      if (source.empty() || target.empty() || std::any_of(target.begin(), target.end(), up)) {
        writer_.skip(source.empty() ? copied.source : copied.target, "this is not the absolute path of a file");
        continue;
      }
      const auto to = base::join(target, "/");
      if (to == resolv_conf) continue;  // the key resolv-conf of the definition decides about it
      const auto from = base::join(source, "/");
      if (const auto file = copied_file(from, copied)) copy(*file, from, to);
    }
  }

  // Returns null, with a note, for a file that the host lacks or that cannot be read now. Throws for a file that can
  // never be copied.
  std::shared_ptr<const HostFile> copied_file(const std::string& from, const definition::CopiedFile& copied) {
    std::string why;
    auto file = host_files().read(writer_.on_host(from), why);
    if (file) return file;
    const auto path = base::concat("/", base::printable(from));
    const auto line = base::concat(copied.file, ":", copied.line);
    struct stat status {};
    const int problem = ::stat(writer_.on_host(from).c_str(), &status) == 0 ? 0 : errno;
    if (problem == 0 && (!S_ISREG(status.st_mode) || static_cast<std::uint64_t>(status.st_size) > largest_file))
      throw base::Error(
          base::ErrorCode::stage_failed, base::concat("copyfiles: ", path, " cannot be copied: ", why),
          base::concat("remove it from ", line, "; to use it in sessions, bind it in the profile's fstab"));
    if (problem == ENOENT && request_.require_copyfiles)
      throw base::Error(base::ErrorCode::stage_failed, base::concat("copyfiles: the host has no file ", path),
                        base::concat("make it, or remove it from ", line));
    writer_.skip(path, why);
    return nullptr;
  }

  // Returns nothing if this is not the absolute path of a file.
  static std::vector<std::string> parts_of_file(const std::string& path) {
    auto parts = base::split(path, '/');
    const bool here = std::find(parts.begin(), parts.end(), ".") != parts.end();
    if (path.empty() || path.front() != '/' || path.back() == '/' || here) parts.clear();
    return parts;
  }

  void write_resolv_conf() {
    const std::string path(resolv_conf);
    const auto source = writer_.host_file(path);
    if (!source) return;
    const TreeFile old = writer_.tree().read(path);
    if (!request_.mark_resolv_conf) return writer_.put(path, old, source->content, {});
    // An identical file is written too: follow_resolv_conf only updates a file with the mark.
    if (writer_.can_write(path, old)) write_marked(writer_.tree(), source->content);
  }

  void write_names() {
    if (request_.write_hostname) write_hostname();
    if (!request_.chroot_name.empty()) put_name("etc/debian_chroot", request_.chroot_name);
  }

  void write_hostname() {
    std::string host_name = request_.hostname;
    if (host_name.empty()) {
      utsname names{};
      base::check(::uname(&names), "asking for the host's name");
      host_name = names.nodename;
    }
    put_name("etc/hostname", host_name);
    if (!request_.hostname.empty()) write_own_address();
  }

  // Gives the session's own hostname an address, as the host's name has one. sudo and `hostname -f` need it.
  void write_own_address() {
    const std::string path = "etc/hosts";
    const TreeFile old = writer_.tree().read(path);
    if (old.found == Found::no_folder || has_address(old.content, request_.hostname)) return;
    auto content = old.content.empty() ? std::string("127.0.0.1\tlocalhost\n") : old.content;
    if (!content.ends_with('\n')) content += '\n';
    content += base::concat("127.0.1.1\t", request_.hostname);
    if (const auto dot = request_.hostname.find('.'); dot != std::string::npos)
      content += base::concat(" ", request_.hostname.substr(0, dot));
    const FileOwner usual;
    const bool there = old.found == Found::file;
    writer_.put(path, old, content + "\n", there ? FileOwner{old.mode, old.uid, old.gid} : usual);
  }

  void put_name(const std::string& path, const std::string& name) {
    const TreeFile old = writer_.tree().read(path);
    if (old.found != Found::no_folder) writer_.put(path, old, name + "\n", {});
  }

  FileWriter writer_;
  const FilesRequest& request_;
};

}  // namespace

FilesRequest files_request(const definition::Definition& definition, std::optional<User> owner) {
  FilesRequest request;
  request.nss = definition.nss;
  request.databases = definition.profile.nssdatabases;
  request.copyfiles = definition.profile.copyfiles;
  request.follow_resolv_conf = definition.resolv_conf == "follow";
  request.hostname = definition.hostname;
  request.chroot_name = definition.name;
  request.user = std::move(owner);
  return request;
}

bool follow_resolv_conf(int root, const std::string& host_root, FileVersion& seen, const std::string& temporary) {
  const std::string path(resolv_conf);
  std::string why;
  const auto source = host_files().read(base::concat(host_root, "/", path), why);
  if (!source || source->version == seen) return false;
  TreeAccess tree(root, temporary);
  if (seen == FileVersion() && !temporary.empty()) tree.remove_half_written(path);
  const TreeFile now = tree.read(path);
  // A user who makes the file immutable wants to keep it.
  const bool ours =
      now.found == Found::file && !now.symlink && !now.is_protected && tree.mark(path) == mark_of(now.content);
  const bool write = ours && now.content != source->content;
  if (write) write_marked(tree, source->content);
  seen = source->version;
  return write;
}

std::vector<std::string> write_files(int root, const FilesRequest& request) { return Writer(root, request).run(); }

UserAdded add_user(int root, const User& user, const std::string& temporary,
                   const std::function<void()>& before_writing) {
  FilesRequest request;
  request.user = user;
  request.own_tree = false;
  request.all_groups = true;
  request.in_use = true;
  request.before_writing = before_writing;
  FileWriter writer(root, {}, temporary, false);
  // The lock belongs to an open file description. It excludes lckpwdf(3) and other threads, and ends when the
  // descriptor is closed.
  const std::string path = "etc/.pwd.lock";
  bool made = false;
  const base::UniqueFd lock = writer.tree().open_lock(path, made);
  if (!lock) {
    writer.skip(path, "the accounts cannot be locked: this is not a regular file that belongs to the session");
    return {.is_locked = false, .notes = writer.take_notes(), .written = {}};
  }
  if (!base::try_lock(lock.get(), base::LockType::write, path)) return {.is_locked = true, .notes = {}, .written = {}};
  if (made) {
    WrittenFile file{.path = path, .status = {}, .was_absent = true};
    base::check(::fstat(lock.get(), &file.status), "looking at", path);
    writer.wrote(std::move(file));
  }
  write_accounts(writer, request);
  return {.is_locked = false, .notes = writer.take_notes(), .written = writer.take_written()};
}

void remove_half_written(int root, const FilesRequest& request) {
  if (request.temporary.empty()) return;
  TreeAccess tree(root, request.temporary);
  for (const auto& path : file_paths(request)) tree.remove_half_written(path);
}

}  // namespace unionroot::tree
