#include "base/error.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>

#include "base/unique_fd.h"

namespace unionroot::base {

namespace {

std::string describe(int error_number) {
  char buffer[128];
  return strerror_r(error_number, buffer, sizeof buffer);  // the GNU variant: thread-safe, returns the text
}

ErrorCode code_for(int error_number) {
  return error_number == ENOSPC || error_number == EDQUOT ? ErrorCode::no_space : ErrorCode::failed;
}

// Hints for errors whose cause does not depend on the operation.
std::string usual_hint(int error_number) {
  switch (error_number) {
    case ENOSPC: return "make room on that file system (df -h, df -i), for example by ending sessions";
    case EDQUOT: return "the quota on that file system is used up: make room, or have it raised";
    case EROFS:
      return "that file system is read-only: make it writable, or see in the kernel's log (dmesg) why it became so";
    case EIO: return "the disk may be failing: look at the kernel's log (dmesg)";
    case ENOMEM: return "the machine is short of memory: end what uses it (free -h), then try again";
    case EMFILE:
    case ENFILE:
      return "too many files are open: end some sessions, or raise the limit (LimitNOFILE= of the service, "
             "fs.file-max)";
    default: return {};
  }
}

}  // namespace

std::string_view error_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::failed: return "Failed";
    case ErrorCode::invalid_argument: return "InvalidArgument";
    case ErrorCode::no_such_chroot: return "NoSuchChroot";
    case ErrorCode::no_such_session: return "NoSuchSession";
    case ErrorCode::no_such_user: return "NoSuchUser";
    case ErrorCode::no_such_run: return "NoSuchRun";
    case ErrorCode::session_exists: return "SessionExists";
    case ErrorCode::definition_invalid: return "DefinitionInvalid";
    case ErrorCode::access_denied: return "AccessDenied";
    case ErrorCode::authentication_required: return "AuthenticationRequired";
    case ErrorCode::authentication_failed: return "AuthenticationFailed";
    case ErrorCode::source_locked: return "SourceLocked";
    case ErrorCode::session_busy: return "SessionBusy";
    case ErrorCode::session_not_active: return "SessionNotActive";
    case ErrorCode::stage_failed: return "StageFailed";
    case ErrorCode::not_supported: return "NotSupported";
    case ErrorCode::no_space: return "NoSpace";
    case ErrorCode::command_not_found: return "CommandNotFound";
    case ErrorCode::command_not_executable: return "CommandNotExecutable";
    case ErrorCode::timed_out: return "TimedOut";
    case ErrorCode::cancelled: return "Cancelled";
    case ErrorCode::limit_exceeded: return "LimitExceeded";
  }
  return "Failed";
}

std::string Error::with_hint() const { return hint_.empty() ? what() : std::string(what()) + "; " + hint_; }

Error::Error(ErrorCode code, std::string message, std::string hint)
    : std::runtime_error(std::move(message)), code_(code), hint_(std::move(hint)) {}

SystemError::SystemError(int error_number, std::string doing, std::string hint)
    : Error(code_for(error_number), std::move(doing) + ": " + describe(error_number),
            hint.empty() ? usual_hint(error_number) : std::move(hint)),
      error_number_(error_number) {}

void throw_errno(std::string_view doing) {
  const int saved = errno;
  throw SystemError(saved, std::string(doing));
}

void throw_errno(std::string_view doing, std::string_view on) {
  const int saved = errno;
  throw SystemError(saved, std::string(doing).append(" ").append(on));
}

UniqueFd UniqueFd::duplicate() const {
  return UniqueFd(check(::fcntl(fd_, F_DUPFD_CLOEXEC, 3), "duplicating a descriptor"));
}

}  // namespace unionroot::base
