#include "locks/lock_file.h"

#include <algorithm>
#include <ctime>
#include <limits>
#include <utility>

#include "base/hex.h"
#include "base/ids.h"
#include "base/names.h"
#include "base/text.h"
#include "base/time_text.h"

namespace unionroot::locks::detail {

namespace {

constexpr std::string_view source_part = "source";
constexpr std::string_view session_part = "session";
constexpr std::string_view manage_suffix = ".manage";
constexpr std::string_view temporary_prefix = ".new-";
constexpr std::string_view last_line = "complete=yes";
constexpr std::size_t longest_value = 4096;  // `purpose` may hold a long command line

bool valid_key(std::string_view key) {
  return !key.empty() && key.size() <= 34 && key.front() != '-' && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == '-';
  });
}

void append_escaped(std::string& out, std::string_view value) {
  for (const char c : value.substr(0, longest_value)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f && c != '\\') {
      out.push_back(c);
      continue;
    }
    base::append_hex(out.append("\\x"), byte);
  }
}

void append_line(std::string& out, std::string_view key, std::string_view value) {
  out.append(key).push_back('=');
  append_escaped(out, value);
  out.push_back('\n');
}

std::optional<std::string> unescape(std::string_view value) {
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] != '\\') {
      out.push_back(value[i]);
      continue;
    }
    if (value.size() - i < 4 || value[i + 1] != 'x') return std::nullopt;
    const auto byte = base::byte_of_hex(value.substr(i + 2));
    if (!byte) return std::nullopt;
    out.push_back(static_cast<char>(*byte));
    i += 3;
  }
  return out;
}

constexpr std::pair<std::string_view, LockHolder> holder_words[] = {
    {"session", LockHolder::session},
    {"automatic-session", LockHolder::automatic_session},
    {"source-session", LockHolder::source_session},
    {"command", LockHolder::command},
};

std::string_view word_of(LockHolder holder) {
  for (const auto& [word, value] : holder_words)
    if (value == holder) return word;
  return {};
}

// A former version writes no holder. The first words of the purpose tell it.
LockHolder holder_by_purpose(const LockOwner& owner) {
  if (owner.session.empty()) return LockHolder::command;
  if (owner.purpose.starts_with("automatic session")) return LockHolder::automatic_session;
  return owner.purpose.starts_with("session") ? LockHolder::session : LockHolder::source_session;
}

template <typename Number>
bool read_number(std::string_view value, Number& number) {
  const auto parsed = base::parse_unsigned(value);
  if (!parsed || *parsed > static_cast<std::uint64_t>(std::numeric_limits<Number>::max())) return false;
  number = static_cast<Number>(*parsed);
  return true;
}

constexpr unsigned required = 63, holder_seen = 64;

bool read_field(std::string_view key, std::string_view value, LockOwner& owner, unsigned& seen) {
  const auto text = [&](std::string& field, unsigned bit) {
    auto plain = unescape(value);
    if (!plain) return false;
    field = std::move(*plain);
    seen |= bit;
    return true;
  };
  const auto number = [&](auto& field, unsigned bit) {
    seen |= bit;
    return read_number(value, field);
  };
  if (key == "pid") return number(owner.process.pid, 1);
  if (key == "start-time") return number(owner.process.start_time, 2);
  if (key == "boot-id") return text(owner.process.boot_id, 4);
  if (key == "uid") return number(owner.uid, 8);
  if (key == "since") return number(owner.since, 16);
  if (key == "preserved") {
    seen |= 32;
    owner.preserved = value == "yes";
    return value == "yes" || value == "no";
  }
  if (key == "user") return text(owner.user, 0);
  if (key == "session") return text(owner.session, 0);
  if (key == "chroot") return text(owner.chroot, 0);
  if (key == "tree") return text(owner.tree, 0);
  if (key == "purpose") return text(owner.purpose, 0);
  if (key == "holder") {
    for (const auto& [word, holder] : holder_words) {
      if (word != value) continue;
      owner.holder = holder;
      seen |= holder_seen;
    }
    return true;
  }
  return true;  // a field of a later version, or one for people only
}

}  // namespace

std::optional<FileName> parse_file_name(std::string_view name) {
  const auto first = name.find('.');
  if (first == std::string_view::npos) return std::nullopt;
  const auto second = name.find('.', first + 1);
  if (second == std::string_view::npos || !valid_key(name.substr(0, first))) return std::nullopt;
  const auto kind = name.substr(first + 1, second - first - 1);
  if (kind != source_part && kind != session_part) return std::nullopt;
  FileName parsed;
  parsed.key = name.substr(0, first);
  parsed.kind = kind == source_part ? LockKind::source : LockKind::session;
  auto holder = name.substr(second + 1);
  const auto plus = holder.find('+');  // no valid name has a '+'
  if (plus != std::string_view::npos) {
    parsed.token = holder.substr(plus + 1);
    holder = holder.substr(0, plus);
    if (!base::valid_name(parsed.token)) return std::nullopt;
  }
  if (!base::valid_name(holder)) return std::nullopt;
  parsed.holder = holder;
  return parsed;
}

std::string file_name(const FileName& name) {
  auto text = base::concat(name.key, '.', name.kind == LockKind::source ? source_part : session_part, '.', name.holder);
  if (!name.token.empty()) text.append("+").append(name.token);
  return text;
}

std::string manage_name(std::string_view key) { return base::concat(key, manage_suffix); }

std::optional<std::string> key_of_manage(std::string_view name) {
  if (!name.ends_with(manage_suffix)) return std::nullopt;
  name.remove_suffix(manage_suffix.size());
  if (!valid_key(name)) return std::nullopt;
  return std::string(name);
}

std::string temporary_name(std::string_view key) {
  return base::concat(temporary_prefix, key, '-', base::random_token());
}

std::optional<std::string> key_of_temporary(std::string_view name) {
  if (!name.starts_with(temporary_prefix)) return std::nullopt;
  name.remove_prefix(temporary_prefix.size());
  const auto dash = name.rfind('-');
  if (dash == std::string_view::npos || !valid_key(name.substr(0, dash))) return std::nullopt;
  return std::string(name.substr(0, dash));
}

void require_valid_key(std::string_view key) {
  if (valid_key(key)) return;
  throw base::Error(base::ErrorCode::invalid_argument, base::concat("invalid lock key '", base::printable(key), "'"),
                    "keys come from tree_key or file_key");
}

std::string format_process(const base::ProcessIdentity& process) {
  constexpr std::size_t longest = 10 + 20 + 36;  // the most digits of a pid and of a start time, and a boot id
  std::string out;
  out.reserve(512);
  const auto pid = std::to_string(process.pid), start_time = std::to_string(process.start_time);
  append_line(out, "pid", pid);
  append_line(out, "start-time", start_time);
  append_line(out, "boot-id", process.boot_id);
  const auto size = pid.size() + start_time.size() + process.boot_id.size();
  append_line(out, "fill", std::string(size < longest ? longest - size : 0, '.'));
  return out;
}

std::string format_owner(const LockOwner& owner) {
  std::string out = format_process(owner.process);
  const auto line = [&](std::string_view key, std::string_view value) { append_line(out, key, value); };
  line("uid", std::to_string(owner.uid));
  line("user", owner.user);
  line("session", owner.session);
  line("chroot", owner.chroot);
  line("tree", owner.tree);
  line("holder", word_of(owner.holder));
  line("purpose", owner.purpose);
  line("preserved", owner.preserved ? "yes" : "no");
  line("since", std::to_string(owner.since));
  line("since-text", base::utc_time(owner.since));
  return out.append(last_line).append("\n");
}

std::optional<LockOwner> parse_owner(std::string_view text) {
  LockOwner owner;
  unsigned seen = 0;
  bool complete = false;
  while (!text.empty()) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos || complete) return std::nullopt;
    const auto line = text.substr(0, end);
    text.remove_prefix(end + 1);
    complete = line == last_line;
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    if (!read_field(line.substr(0, equals), line.substr(equals + 1), owner, seen)) return std::nullopt;
  }
  if ((seen & holder_seen) == 0) owner.holder = holder_by_purpose(owner);
  if (!complete || (seen & required) != required || owner.process.pid <= 0) return std::nullopt;
  return owner;
}

}  // namespace unionroot::locks::detail
