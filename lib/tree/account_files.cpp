#include "tree/account_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/accounts.h"
#include "base/error.h"
#include "base/text.h"
#include "tree/enumeration.h"
#include "tree/merge.h"
#include "tree/passwords.h"

namespace unionroot::tree {

namespace {

using definition::NssMode;

std::string path_of(Database database) { return base::concat("etc/", name_of(database)); }

bool has_passwords(Database database) { return database == Database::shadow || database == Database::gshadow; }

class AccountFiles {
 public:
  AccountFiles(FileWriter& writer, const FilesRequest& request) : writer_(writer), request_(request) {}

  void run() {
    MergeInput input;
    input.user = request_.user;
    input.own = request_.own_tree;
    input.all_groups = request_.all_groups;
    input.lock = request_.lock;
    read(input);
    input.groups = groups_of_user(input);
    input.password = password(input);
    if (request_.nss == NssMode::copy) replace_by_hosts(input);
    const MergeOutput merged = merge(input);
    for (const auto& note : merged.notes) writer_.note(note);
    if (request_.before_writing) request_.before_writing();
    write(input, merged);
  }

 private:
  struct Account {
    TreeFile inside;
    std::shared_ptr<const HostFile> outside;
    bool listed = false;
  };

  [[nodiscard]] bool is_listed(std::string_view database) const {
    return std::find(request_.databases.begin(), request_.databases.end(), database) != request_.databases.end();
  }

  void read(MergeInput& input) {
    for (const Database database : all_databases) {
      const std::size_t i = index_of(database);
      Account& account = accounts_[i];
      account.listed = is_listed(name_of(database));
      std::string why;
      account.outside = host_files().read(writer_.on_host(path_of(database)), why);
      if (account.outside) {
        input.host[i] = host_files().table(database, writer_.on_host(path_of(database)), account.outside);
        if (account.listed && enumerates(request_, database)) input.host[i] = enumerated(input.host[i]);
      } else if (account.listed)
        writer_.skip("/" + path_of(database), why);
      account.inside = writer_.tree().read(path_of(database));
      if (!account.inside.is_writable()) {
        // If the whole folder is missing, one note is enough.
        if (account.listed || database == Database::passwd)
          writer_.skip(path_of(database), describe(account.inside.found));
      } else if (account.inside.found == Found::file || account.listed) {
        input.tree[i] = std::make_shared<const Table>(database, account.inside.content);
      }
      input.listed[i] = account.listed && account.outside != nullptr;
    }
  }

  // A name service that fails is no reason to refuse the session. The session gets the accounts of the host's file, and
  // a note.
  std::shared_ptr<const Table> enumerated(const std::shared_ptr<const Table>& file) {
    try {
      const Table listed(file->database(), enumerate(file->database(), request_.cancelled));
      const Table all(file->database(), with_listed(*file, listed));
      return std::make_shared<const Table>(file->database(), without_passwords(all));
    } catch (const base::Error& error) {
      if (error.code() == base::ErrorCode::cancelled) throw;
      writer_.note(base::concat("listing the host's ", name_of(file->database()), ": ", error.what(),
                                "; the session has only the entries of the host's file"));
      return file;
    }
  }

  // The host's file replaces the tree's. After that only the user may be added.
  static void replace_by_hosts(MergeInput& input) {
    for (std::size_t i = 0; i < all_databases.size(); ++i) {
      if (!input.listed[i] || !input.tree[i]) continue;
      input.tree[i] = std::move(input.host[i]);
      input.host[i] = nullptr;
      input.listed[i] = false;
    }
  }

  // The name service is asked only for groups that are not in the host's file.
  [[nodiscard]] std::vector<Group> groups_of_user(const MergeInput& input) const {
    std::vector<Group> groups;
    if (!request_.user) return groups;
    const Table* const hosts = input.host[index_of(Database::group)].get();
    for (const gid_t gid : request_.user->groups) {
      const Line* const line = hosts != nullptr ? hosts->by_id(gid) : nullptr;
      auto name = line != nullptr ? std::string(line->name) : base::find_group_name(gid);
      if (name && !name->empty()) groups.push_back({*std::move(name), gid});
    }
    return groups;
  }

  // This is the only password of the host that is ever copied. A user of a directory service (LDAP) has none in the
  // files.
  [[nodiscard]] std::string password(const MergeInput& input) const {
    const auto& passwd = accounts_[index_of(Database::passwd)].outside;
    const auto& shadow = accounts_[index_of(Database::shadow)].outside;
    const Table* const users = input.host[index_of(Database::passwd)].get();
    const Line* const line = request_.user && users != nullptr ? users->by_name(request_.user->name) : nullptr;
    if (!request_.password || line == nullptr || line->id != request_.user->uid) return "*";
    const auto table = [](Database database, const auto& file) {
      return std::make_unique<const Table>(database, file ? file->content : std::string());
    };
    return password_of(request_.user->name, table(Database::passwd, passwd).get(),
                       table(Database::shadow, shadow).get());
  }

  void write(const MergeInput& input, const MergeOutput& merged) {
    // passwd comes last: a user who is not in passwd counts as new. After a crash everything is done again for that
    // user.
    for (const Database database : {Database::shadow, Database::gshadow, Database::group, Database::passwd}) {
      const std::size_t i = index_of(database);
      if (!input.tree[i]) continue;
      const std::string& text = merged.text[i] ? *merged.text[i] : input.tree[i]->text();
      const Account& account = accounts_[i];
      if (account.inside.found == Found::absent && text.empty()) continue;
      const bool same = !merged.text[i] && text == account.inside.content;
      // In the session's own tree the mode and owner of password files are corrected even if the content is right.
      if (same && !(request_.own_tree && has_passwords(database))) continue;
      const auto owner = owner_of(database, merged, input);
      if (!request_.in_use)
        writer_.put(path_of(database), account.inside, text, owner);
      else if (!writer_.replace(path_of(database), account.inside, text, owner))
        return;  // the remaining texts were computed for this one
    }
  }

  // An existing file keeps its mode and owner. A copy gets those of the host's file. A new file gets Debian's defaults.
  [[nodiscard]] FileOwner owner_of(Database database, const MergeOutput& merged, const MergeInput& input) const {
    const Account& account = accounts_[index_of(database)];
    if (has_passwords(database)) {
      const auto wanted = owner_of_passwords(merged, input);
      return is_kept(account.inside, wanted) ? owner_of(account.inside) : wanted;
    }
    if (request_.nss == NssMode::copy && account.listed && account.outside)
      return {account.outside->mode, account.outside->uid, account.outside->gid};
    if (account.inside.found == Found::file) return owner_of(account.inside);
    return {};
  }

  static FileOwner owner_of(const TreeFile& inside) { return {inside.mode, inside.uid, inside.gid}; }

  // In a tree that is not the session's own, a password file keeps its mode and owner if these admit no additional
  // readers.
  [[nodiscard]] bool is_kept(const TreeFile& inside, const FileOwner& wanted) const {
    return !request_.own_tree && inside.found == Found::file && inside.uid == 0 && (inside.mode & 037) == 0 &&
           (inside.gid == 0 || inside.gid == wanted.gid);
  }

  static FileOwner owner_of_passwords(const MergeOutput& merged, const MergeInput& input) {
    const std::size_t groups = index_of(Database::group);
    const auto gid_in = [](const Table& table) {
      const Line* const line = table.by_name("shadow");
      return line != nullptr ? line->id : 0;
    };
    gid_t shadow = 0;
    if (merged.text[groups])
      shadow = gid_in(Table(Database::group, *merged.text[groups]));
    else if (input.tree[groups])
      shadow = gid_in(*input.tree[groups]);
    if (shadow == 0) return {0600, 0, 0};
    return {0640, 0, shadow};
  }

  FileWriter& writer_;
  const FilesRequest& request_;
  std::array<Account, all_databases.size()> accounts_;
};

}  // namespace

void write_accounts(FileWriter& writer, const FilesRequest& request) { AccountFiles(writer, request).run(); }

bool is_account_file(const FileWriter& writer, const FileVersion& file) {
  static constexpr std::array names{"etc/passwd",  "etc/shadow", "etc/group",    "etc/gshadow",         "etc/passwd-",
                                    "etc/shadow-", "etc/group-", "etc/gshadow-", "etc/security/opasswd"};
  return std::any_of(names.begin(), names.end(), [&](const char* name) {
    struct stat status {};
    if (::stat(writer.on_host(name).c_str(), &status) != 0) return false;
    const auto version = base::version_of(status);
    return version.device == file.device && version.inode == file.inode;
  });
}

}  // namespace unionroot::tree
