#include "layers/beginning.h"

#include <fcntl.h>
#include <sys/sysmacros.h>

#include <array>
#include <charconv>
#include <vector>

#include "base/error.h"
#include "base/paths.h"
#include "base/text.h"
#include "layers/folder.h"

namespace unionroot::layers {

using base::concat;

namespace {

// Each entry is two texts that end with NUL: its path, and these numbers with a blank between them.
std::string numbers_of(const Facts& facts) {
  return concat(facts.mode, " ", facts.uid, " ", facts.gid, " ", facts.device, " ", facts.inode, " ", facts.seconds,
                " ", facts.nanoseconds, " ", facts.changed_seconds, " ", facts.changed_nanoseconds);
}

[[noreturn]] void throw_malformed() {
  throw base::Error(base::ErrorCode::failed, "the record of what an upper layer held at its beginning is damaged");
}

template <typename Number>
void read(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) throw_malformed();
}

Facts facts_in(std::string_view text) {
  const auto parts = base::split(text, ' ');
  if (parts.size() != 9) throw_malformed();
  Facts facts;
  read(parts[0], facts.mode);
  read(parts[1], facts.uid);
  read(parts[2], facts.gid);
  read(parts[3], facts.device);
  read(parts[4], facts.inode);
  read(parts[5], facts.seconds);
  read(parts[6], facts.nanoseconds);
  read(parts[7], facts.changed_seconds);
  read(parts[8], facts.changed_nanoseconds);
  return facts;
}

bool is_whiteout(const Facts& facts) { return S_ISCHR(facts.mode) && facts.device == makedev(0, 0); }

// What unionroot and its hooks write is far less. A larger record would take the daemon's time and memory.
constexpr std::size_t most_entries = 100'000;
constexpr std::size_t most_bytes = std::size_t{16} << 20;

struct Place {
  FolderPtr folder;
  std::string path;
};

}  // namespace

std::string beginning_entry(const std::string& path, const Facts& facts) {
  auto entry = path;
  entry += '\0';
  entry += numbers_of(facts);
  entry += '\0';
  return entry;
}

std::optional<std::string> record_beginning(int upper, const std::function<bool()>& stop) {
  std::string record;
  std::size_t entries = 0;
  OpenFolders open;
  std::vector<Place> left{{open.root(upper, 0), ""}};
  while (!left.empty()) {
    const auto [folder, path] = std::move(left.back());
    left.pop_back();
    for (const auto& [name, type] : list(*folder, most_entries + 1)) {
      if (++entries > most_entries || record.size() > most_bytes || stop()) return std::nullopt;
      const int above = folder->descriptor();
      const base::UniqueFd handle(above < 0 ? -1 : ::openat(above, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
      if (!handle) continue;  // it has gone meanwhile
      struct stat status {};
      base::check(::fstat(handle.get(), &status), "looking at", base::printable(name));
      const auto below = path.empty() ? name : concat(path, "/", name);
      record += beginning_entry(below, facts_of(status));
      if (!S_ISDIR(status.st_mode)) continue;
      if (auto child = open.child(folder, name, handle.get(), status)) left.push_back({std::move(child), below});
    }
  }
  return record;
}

Beginning::Beginning(std::string_view record) {
  while (!record.empty()) {
    std::array<std::string_view, 2> texts;
    for (auto& text : texts) {
      const auto end = record.find('\0');
      if (end == std::string_view::npos) throw_malformed();
      text = record.substr(0, end);
      record.remove_prefix(end + 1);
    }
    const auto facts = facts_in(texts[1]);
    if (facts.mode != 0)
      entries_.insert_or_assign(std::string(texts[0]), facts);
    else
      entries_.erase(std::string(texts[0]));
  }
}

const Facts* Beginning::find(std::string_view path) const {
  const auto found = entries_.find(path);
  return found == entries_.end() ? nullptr : &found->second;
}

bool Beginning::has_beneath(const std::string& folder) const {
  const auto start = concat(folder, "/");
  const auto found = entries_.lower_bound(start);
  return found != entries_.end() && found->first.starts_with(start);
}

// Whiteouts are names of one device: its time changes with each that is made.
bool Beginning::is_unchanged(const Facts& then, const Facts& now) {
  if (is_whiteout(then) || is_whiteout(now)) return is_whiteout(then) && is_whiteout(now);
  return then.inode == now.inode && then.mode == now.mode && then.uid == now.uid && then.gid == now.gid &&
         then.changed_seconds == now.changed_seconds && then.changed_nanoseconds == now.changed_nanoseconds;
}

bool Beginning::had_deleted(std::string_view path) const {
  for (; !path.empty(); path = base::parent_path(path)) {
    const auto found = entries_.find(path);
    if (found != entries_.end() && is_whiteout(found->second)) return true;
  }
  return false;
}

bool Beginning::had(const Change& change) const {
  if (change.kind == Kind::renamed) return false;
  if (change.kind == Kind::deleted) return had_deleted(change.path);
  const auto found = entries_.find(change.path);
  if (found == entries_.end() || !change.now) return false;
  const auto &then = found->second, &now = *change.now;
  if (then.mode != now.mode || then.uid != now.uid || then.gid != now.gid) return false;
  // Copied up again above a frozen layer: its times tell nothing.
  if (change.first_inode != 0 && then.inode == change.first_inode) return (change.differences & attributes_differ) == 0;
  if (then.inode != now.inode) return false;
  const bool untouched =
      then.changed_seconds == now.changed_seconds && then.changed_nanoseconds == now.changed_nanoseconds;
  const bool same_time = then.seconds == now.seconds && then.nanoseconds == now.nanoseconds;
  if (untouched || !S_ISDIR(now.mode)) return untouched;
  // The record has no attributes: those that differ may have come since.
  return !same_time && (change.differences & attributes_differ) == 0;
}

}  // namespace unionroot::layers
