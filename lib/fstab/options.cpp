#include "fstab/options.h"

#include <sys/mount.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/text.h"

namespace unionroot::fstab {

namespace {

constexpr std::uint64_t quiet = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

struct Attribute {
  std::uint64_t set;
  std::uint64_t cleared;
};

const std::map<std::string, Attribute>& attribute_words() {
  static const std::map<std::string, Attribute> words = {
      {"ro", {MOUNT_ATTR_RDONLY, 0}},
      {"rw", {0, MOUNT_ATTR_RDONLY}},
      {"nosuid", {MOUNT_ATTR_NOSUID, 0}},
      {"suid", {0, MOUNT_ATTR_NOSUID}},
      {"nodev", {MOUNT_ATTR_NODEV, 0}},
      {"dev", {0, MOUNT_ATTR_NODEV}},
      {"noexec", {MOUNT_ATTR_NOEXEC, 0}},
      {"exec", {0, MOUNT_ATTR_NOEXEC}},
      {"noatime", {MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME}},
      {"strictatime", {MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME}},
      {"relatime", {0, MOUNT_ATTR__ATIME}},
      {"nodiratime", {MOUNT_ATTR_NODIRATIME, 0}},
      {"diratime", {0, MOUNT_ATTR_NODIRATIME}},
      {"nosymfollow", {MOUNT_ATTR_NOSYMFOLLOW, 0}},
      {"symfollow", {0, MOUNT_ATTR_NOSYMFOLLOW}},
      {"user", {quiet, 0}},
      {"users", {quiet, 0}},
      {"owner", {MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, 0}},
      {"group", {MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, 0}},
  };
  return words;
}

// Words of fstab(5) that have no effect here. noauto is for `mount -a`; a session mounts everything that its profile
// lists.
bool without_effect(const std::string& word) {
  static const std::set<std::string> words = {"defaults", "auto",    "noauto",  "async",   "nouser",
                                              "nousers",  "noowner", "nogroup", "_netdev", "atime"};
  return words.contains(word) || word.rfind("x-", 0) == 0 || word.rfind("comment=", 0) == 0;
}

[[noreturn]] void refuse(const definition::FstabEntry& entry, const std::string& what, const std::string& hint = {}) {
  throw base::Error(base::ErrorCode::definition_invalid, base::concat(origin_of(entry), ": ", what), hint);
}

// As in mount(8), a value with commas is in quotes, which are not part of it.
std::string without_quotes(std::string value) {
  const bool quoted = value.size() > 1 && value.front() == '"' && value.back() == '"';
  return quoted ? value.substr(1, value.size() - 2) : std::move(value);
}

// Mounts in a session must not reach the host. Any other propagation may be chosen.
bool is_propagation(const definition::FstabEntry& entry, const std::string& word, EntryOptions& sorted) {
  if (word == "shared" || word == "rshared")
    refuse(entry, base::concat("option ", word, ": what is mounted in a session would be mounted on the host"),
           "use slave or rslave: what the host mounts arrives, and nothing leaves");
  const bool slave = word == "slave" || word == "rslave";
  const bool known = slave || word == "private" || word == "rprivate" || word == "unbindable" || word == "runbindable";
  if (known) sorted.slave = slave;
  return known;
}

}  // namespace

std::string origin_of(const definition::FstabEntry& entry) { return base::concat(entry.file, ":", entry.line); }

EntryOptions sort_options(const definition::FstabEntry& entry) {
  EntryOptions sorted;
  const auto has = [&](const char* word) {
    return std::find(entry.options.begin(), entry.options.end(), word) != entry.options.end();
  };
  sorted.recursive = has("rbind");
  sorted.bind = sorted.recursive || has("bind");
  sorted.slave = sorted.recursive;
  for (const std::string& word : entry.options) {
    if (word.empty() || word == "bind" || word == "rbind") continue;
    if (word == "x-unionroot.optional" || word == "nofail") {
      sorted.optional = true;
    } else if (word == "x-unionroot.view") {
      sorted.shown = true;
    } else if (const auto known = attribute_words().find(word); known != attribute_words().end()) {
      sorted.set = (sorted.set & ~known->second.cleared) | known->second.set;
      sorted.cleared = (sorted.cleared & ~known->second.set) | known->second.cleared;
    } else if (word == "move" || word == "remount" || word == "loop" || word.rfind("loop=", 0) == 0) {
      refuse(entry, base::concat("option ", word, ": not possible in a session"));
    } else if (!without_effect(word) && !is_propagation(entry, word, sorted)) {
      const std::size_t equals = word.find('=');
      if (equals == std::string::npos)
        sorted.others.emplace_back(word, "");
      else
        sorted.others.emplace_back(word.substr(0, equals), without_quotes(word.substr(equals + 1)));
    }
  }
  return sorted;
}

void check_filesystem_options(const definition::FstabEntry& entry, const std::string& type,
                              const std::vector<std::pair<std::string, std::string>>& options) {
  static const std::map<std::string, std::set<std::string>> known = {
      {"proc", {"hidepid", "gid", "subset"}},
      {"sysfs", {}},
      {"tmpfs",
       {"size", "nr_blocks", "nr_inodes", "mode", "uid", "gid", "huge", "mpol", "inode32", "inode64", "noswap"}},
      {"devpts", {"newinstance", "mode", "uid", "gid", "ptmxmode", "max"}},
      {"mqueue", {}},
  };
  for (const auto& [key, value] : options) {
    if (known.at(type).contains(key)) continue;
    std::string expected;
    for (const std::string& name : known.at(type)) expected += (expected.empty() ? "" : ", ") + name;
    refuse(entry, base::concat("unknown option ", base::printable(key), " for the type ", type),
           expected.empty() ? "" : base::concat("its own options are ", expected));
  }
}

}  // namespace unionroot::fstab
