#include "tree/files.h"

#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/error.h"
#include "base/names.h"
#include "base/text.h"
#include "tree/host_files.h"
#include "tree/merge.h"
#include "tree/tree_access.h"

namespace unionroot::tree {

namespace {

using definition::NssMode;

constexpr std::string_view resolv_conf = "etc/resolv.conf";

struct Owner {
  mode_t mode = 0644;
  uid_t uid = 0;
  gid_t gid = 0;
};

// Which content it had when it was written: FNV-1a. Nobody gains by a forgery but a resolv.conf that is kept up to
// date.
std::string mark_of(std::string_view content) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : content) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return base::concat(content.size(), "-", hash);
}

void write_marked(TreeAccess& tree, const std::string& content) {
  const std::string path(resolv_conf);
  const Owner owner;
  tree.write(path, content, owner.mode, owner.uid, owner.gid);
  tree.set_mark(path, mark_of(content));
}

class Writer {
 public:
  Writer(int root, const FilesRequest& request) : tree_(root, request.temporary), request_(request) {}

  std::vector<std::string> run() {
    if (request_.nss != NssMode::none) {
      write_accounts();
      write_other_databases();
    }
    write_copyfiles();
    if (request_.follow_resolv_conf) write_resolv_conf();
    write_names();
    return std::move(notes_);
  }

 private:
  [[nodiscard]] std::string on_host(std::string_view path) const { return base::concat(request_.host_root, "/", path); }

  void skip(std::string_view path, std::string_view why) {
    notes_.push_back(base::concat(base::printable(path), ": skipped: ", why));
  }

  // A file of the host, or null with a note.
  std::shared_ptr<const HostFile> host_file(std::string_view path) {
    std::string why;
    auto file = host_files().read(on_host(path), why);
    if (!file) skip(base::concat("/", path), why);
    return file;
  }

  // Writes what is not there yet. A symlink is replaced even where it leads to the same content: what it leads to may
  // change, or go.
  void put(const std::string& path, const TreeFile& old, std::string_view content, const Owner& owner) {
    if (!old.is_writable()) return skip(path, describe(old.found));
    if (old.found == Found::file && !old.symlink && old.content == content && old.mode == owner.mode &&
        old.uid == owner.uid && old.gid == owner.gid)
      return;
    tree_.write(path, content, owner.mode, owner.uid, owner.gid);
  }

  void copy(const std::string& path) {
    const auto source = host_file(path);
    if (!source) return;
    put(path, tree_.read(path), source->content, {source->mode, source->uid, source->gid});
  }

  [[nodiscard]] bool is_listed(std::string_view database) const {
    return std::find(request_.databases.begin(), request_.databases.end(), database) != request_.databases.end();
  }

  static std::string path_of(Database database) { return base::concat("etc/", name_of(database)); }

  struct Account {
    TreeFile inside;
    std::shared_ptr<const HostFile> outside;
    bool listed = false;
  };

  void read_accounts(MergeInput& input) {
    for (const Database database : all_databases) {
      const std::size_t i = index_of(database);
      Account& account = accounts_[i];
      account.listed = is_listed(name_of(database));
      std::string why;
      account.outside = host_files().read(on_host(path_of(database)), why);
      if (account.outside)
        input.host[i] = host_files().table(database, on_host(path_of(database)), account.outside);
      else if (account.listed)
        skip("/" + path_of(database), why);
      account.inside = tree_.read(path_of(database));
      if (!account.inside.is_writable()) {
        // One note is enough where the whole folder is missing.
        if (account.listed || database == Database::passwd) skip(path_of(database), describe(account.inside.found));
      } else if (account.inside.found == Found::file || account.listed) {
        input.tree[i] = std::make_shared<const Table>(database, account.inside.content);
      }
      input.listed[i] = account.listed && account.outside != nullptr;
      if (request_.nss == NssMode::copy && input.listed[i] && input.tree[i]) {
        // The host's file takes the place of the tree's; the user alone may still be added to it.
        input.tree[i] = std::move(input.host[i]);
        input.host[i] = nullptr;
        input.listed[i] = false;
      }
    }
  }

  void write_accounts() {
    MergeInput input;
    input.user = request_.user;
    read_accounts(input);
    const MergeOutput merged = merge(input);
    notes_.insert(notes_.end(), merged.notes.begin(), merged.notes.end());
    // passwd last: who is not in passwd yet counts as new, and after a crash everything is done again for them.
    for (const Database database : {Database::shadow, Database::gshadow, Database::group, Database::passwd}) {
      const std::size_t i = index_of(database);
      if (!input.tree[i]) continue;
      const std::string& text = merged.text[i] ? *merged.text[i] : input.tree[i]->text();
      const Account& account = accounts_[i];
      if (account.inside.found == Found::absent && text.empty()) continue;
      if (!merged.text[i] && text == account.inside.content) continue;
      put(path_of(database), account.inside, text, owner_of(database, merged, input));
    }
  }

  // The tree's own mode and owner stay; a copy has the host's; a new file what Debian gives it.
  [[nodiscard]] Owner owner_of(Database database, const MergeOutput& merged, const MergeInput& input) const {
    const Account& account = accounts_[index_of(database)];
    if (request_.nss == NssMode::copy && account.listed && account.outside)
      return {account.outside->mode, account.outside->uid, account.outside->gid};
    if (account.inside.found == Found::file) return {account.inside.mode, account.inside.uid, account.inside.gid};
    if (database == Database::passwd || database == Database::group) return {};
    const auto& groups = merged.text[index_of(Database::group)];
    const auto& before = input.tree[index_of(Database::group)];
    gid_t shadow = 0;
    if (groups) {
      const Table table(Database::group, *groups);
      if (const Line* line = table.by_name("shadow")) shadow = line->id;
    } else if (before) {
      if (const Line* line = before->by_name("shadow")) shadow = line->id;
    }
    return {0640, 0, shadow};
  }

  void write_other_databases() {
    for (const auto& database : request_.databases) {
      if (std::any_of(all_databases.begin(), all_databases.end(),
                      [&](Database account) { return name_of(account) == database; }))
        continue;
      if (!base::valid_name(database))
        skip(database, "this is no name of a database");
      else
        copy("etc/" + database);
    }
  }

  void write_copyfiles() {
    for (const auto& path : request_.copyfiles) {
      const auto parts = base::split(path, '/');
      const bool escapes = std::find(parts.begin(), parts.end(), "..") != parts.end();
      const bool here = std::find(parts.begin(), parts.end(), ".") != parts.end();
      if (path.empty() || path.front() != '/' || path.back() == '/' || parts.empty() || escapes || here) {
        skip(path, "this is no absolute path of a file");
        continue;
      }
      const std::string relative = base::join(parts, "/");
      if (relative != resolv_conf) copy(relative);  // that one goes by the definition's own key
    }
  }

  void write_resolv_conf() {
    const std::string path(resolv_conf);
    const auto source = host_file(path);
    if (!source) return;
    const TreeFile old = tree_.read(path);
    if (!request_.mark_resolv_conf || !old.is_writable()) return put(path, old, source->content, {});
    // Written also where it is the same already: only what bears the mark is followed.
    write_marked(tree_, source->content);
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
  }

  void put_name(const std::string& path, const std::string& name) {
    const TreeFile old = tree_.read(path);
    if (old.found != Found::no_folder) put(path, old, name + "\n", {});
  }

  TreeAccess tree_;
  const FilesRequest& request_;
  std::vector<std::string> notes_;
  std::array<Account, all_databases.size()> accounts_;
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
  const bool ours = now.found == Found::file && !now.symlink && tree.mark(path) == mark_of(now.content);
  const bool write = ours && now.content != source->content;
  if (write) write_marked(tree, source->content);
  seen = source->version;
  return write;
}

std::vector<std::string> write_files(int root, const FilesRequest& request) { return Writer(root, request).run(); }

void remove_half_written(int root, const FilesRequest& request) {
  if (request.temporary.empty()) return;
  TreeAccess tree(root, request.temporary);
  for (const auto& path : file_paths(request)) tree.remove_half_written(path);
}

}  // namespace unionroot::tree
