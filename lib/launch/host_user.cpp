#include "base/accounts.h"
#include "base/error.h"
#include "base/text.h"
#include "launch/spec.h"

namespace unionroot::launch {

namespace {

[[noreturn]] void no_such_user(const std::string& name_or_uid) {
  throw base::Error(
      base::ErrorCode::no_such_user,
      base::concat("looking up the user '", base::printable(name_or_uid), "': there is none on this machine"),
      "'getent passwd' lists the users of this machine");
}

}  // namespace

User host_user(const std::string& name_or_uid) {
  if (const auto account = base::account_of(name_or_uid)) return *account;
  const auto number = base::parse_unsigned(name_or_uid);
  // The kernel reserves 2^32-1 for "no uid".
  if (number && *number < 0xffffffffU)
    if (const auto account = base::account_of(static_cast<uid_t>(*number))) return *account;
  no_such_user(name_or_uid);
}

User host_user(uid_t uid) {
  const auto account = base::account_of(uid);
  if (!account) no_such_user(std::to_string(uid));
  return *account;
}

}  // namespace unionroot::launch
