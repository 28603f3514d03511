// Errors of the core. Each says what was being done, what was wrong, and what to do about it.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace unionroot::base {

// The kinds of failure that a caller can distinguish. The bus maps each to org.unionroot1.Error.<name> (see
// error_name); the command line maps each to an exit status.
enum class ErrorCode {
  failed,            // anything else, such as a system call that should have worked
  invalid_argument,  // the request itself is malformed
  no_such_chroot,
  no_such_session,
  no_such_user,
  no_such_run,  // none that the caller may know of
  session_exists,
  definition_invalid,  // the chroot exists, but its definition is broken
  access_denied,
  authentication_required,  // may be permitted if the call allows a password prompt
  authentication_failed,    // would have been permitted after a successful authentication
  source_locked,            // the source tree is being changed, or sessions use it
  session_busy,             // another operation on the session is in progress
  session_not_active,       // the session is failed, ending or beginning
  stage_failed,             // a set-up stage failed; the message names it
  not_supported,            // this kernel, machine or version cannot do it
  no_space,                 // ENOSPC or EDQUOT
  command_not_found,        // exit status 127
  command_not_executable,   // exit status 126
  timed_out,
  cancelled,
  limit_exceeded,  // a per-user or global limit
};

// "NoSuchChroot", "SourceLocked" ...: the last part of the D-Bus error name.
std::string_view error_name(ErrorCode code);

class Error : public std::runtime_error {
 public:
  // message: what was being done and what was wrong, without a trailing full stop.
  // hint: what to do about it; may be empty.
  Error(ErrorCode code, std::string message, std::string hint = {});

  [[nodiscard]] ErrorCode code() const noexcept { return code_; }
  [[nodiscard]] const std::string& hint() const noexcept { return hint_; }
  // "what(); hint" on one line, for logs and lists.
  [[nodiscard]] std::string with_hint() const;

 private:
  ErrorCode code_;
  std::string hint_;
};

// A failed system call. what() is "<doing>: <strerror>".
class SystemError : public Error {
 public:
  // error_number: an errno value, positive. ENOSPC and EDQUOT give ErrorCode::no_space, everything else `failed`.
  SystemError(int error_number, std::string doing, std::string hint = {});
  [[nodiscard]] int error_number() const noexcept { return error_number_; }

 private:
  int error_number_;
};

// Throws SystemError(errno, doing). Nothing between the failed call and this one may change errno: build `doing` from
// literals and views only, or save errno first.
[[noreturn]] void throw_errno(std::string_view doing);
[[noreturn]] void throw_errno(std::string_view doing, std::string_view on);

// Returns `result` if it is not negative, else throws SystemError(errno, "doing on").
template <typename Result>
Result check(Result result, std::string_view doing, std::string_view on = {}) {
  if (result < 0) {
    if (on.empty()) throw_errno(doing);
    throw_errno(doing, on);
  }
  return result;
}

}  // namespace unionroot::base
