// Lock files: their names, and the owner that is written in them.
#include "locks/lock_file.h"

#include "base/names.h"
#include "base/text.h"
#include "fuzz.h"

namespace unionroot::fuzz {

namespace {

using namespace locks;

std::optional<LockOwner> parse(std::string_view text) {
  auto owner = detail::parse_owner(text);
  if (planted && owner && owner->uid > 65535) owner->uid = static_cast<std::uint16_t>(owner->uid);
  return owner;
}

bool same(const LockOwner& one, const LockOwner& other) {
  return one.process.pid == other.process.pid && one.process.start_time == other.process.start_time &&
         one.process.boot_id == other.process.boot_id && one.uid == other.uid && one.user == other.user &&
         one.session == other.session && one.chroot == other.chroot && one.tree == other.tree &&
         one.holder == other.holder && one.purpose == other.purpose && one.preserved == other.preserved &&
         one.since == other.since;
}

// The last line of that key is the one that counts.
std::optional<std::string> value_of(std::string_view text, std::string_view key) {
  std::optional<std::string> value;
  for (const auto& line : base::split(text, '\n'))
    if (line.starts_with(key) && line[key.size()] == '=') value = line.substr(key.size() + 1);
  return value;
}

void check_number(std::string_view text, const char* key, std::uint64_t number) {
  const auto written = value_of(text, key);
  require(written && base::parse_unsigned(*written) == number, "a number is the one that is written", key);
}

void check_owner(std::string_view text) {
  const auto owner = parse(text);
  if (!owner) return;
  check_number(text, "pid", static_cast<std::uint64_t>(owner->process.pid));
  check_number(text, "start-time", owner->process.start_time);
  check_number(text, "uid", owner->uid);
  check_number(text, "since", static_cast<std::uint64_t>(owner->since));
  const auto written = detail::format_owner(*owner);
  for (const char c : written)
    require(c == '\n' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f), "a lock file can be shown", written);
  for (const auto* value :
       {&owner->user, &owner->session, &owner->chroot, &owner->tree, &owner->purpose, &owner->process.boot_id})
    if (value->size() > 4096) return;  // is cut
  const auto again = detail::parse_owner(written);
  require(again && same(*again, *owner), "an owner is read as it was written", written);
  require(!detail::parse_owner(std::string_view(written).substr(0, written.size() - 1)), "a cut file is not believed");
}

void check_name(std::string_view text) {
  if (const auto name = detail::parse_file_name(text)) {
    require(detail::file_name(*name) == text, "a name is read as it is written", text);
    require(base::valid_name(name->holder), "a holder has a valid name", text);
    detail::require_valid_key(name->key);
  }
  if (const auto key = detail::key_of_manage(text)) {
    require(detail::manage_name(*key) == text, "the name of a manage file is read as it is written", text);
    detail::require_valid_key(*key);
  }
  if (const auto key = detail::key_of_temporary(text)) detail::require_valid_key(*key);
}

}  // namespace

void run(std::string_view input) {
  check_owner(input);
  check_name(input);
}

}  // namespace unionroot::fuzz
