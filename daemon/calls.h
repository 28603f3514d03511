// What the arguments of the methods say, in the session library's own requests: read on the bus thread, carried out on
// a worker. What only the daemon knows (definition, owner, authorized user) is filled in there.
#pragma once

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "daemon/message_arguments.h"
#include "session/requests.h"
#include "store/history.h"

namespace unionroot::daemon {

// The caller wants to be told of progress, with this number to know its call by; nullopt: it does not.
using ProgressWish = std::optional<std::uint32_t>;

struct BeginCall {
  session::BeginRequest request;  // selected_name, name, options, wait, front_end
  ProgressWish progress;
  bool confirm = false;   // its client is to say that it has passed the id on
  std::size_t bytes = 0;  // what its strings take
};

struct RunCall {
  session::RunRequest request;      // what is to be run; its descriptors are the message's
  session::BeginRequest automatic;  // the session for it, if a chroot is meant: selected_name, options, wait, front_end
  ProgressWish progress;
  bool interactive = false;  // somebody may be asked to authenticate
  std::size_t bytes = 0;

  // What the caller wrote: a session or a chroot.
  [[nodiscard]] const std::string& name() const { return automatic.selected_name; }
};

struct EndCall {
  std::string session;
  session::EndWish wish;
  bool interactive = false;
  ProgressWish progress;
};

struct RecoverCall {
  std::string session;
  bool interactive = false;
  bool accept_source = false;
  ProgressWish progress;
};

struct DiffCall {
  std::string session;
  std::vector<std::string> paths;  // relative to the session's root
  int output = -1;                 // the message's own
  std::size_t bytes = 0;
};

struct ResetCall {
  std::string session;
  std::vector<std::string> paths, keep;  // as in session::ResetRequest
  ProgressWish progress;
  std::size_t bytes = 0;
};

struct SnapshotCall {
  std::string session, name;
  ProgressWish progress;
};

struct RollbackCall {
  std::string session, snapshot;
  ProgressWish progress;
};

struct CloneCall {
  std::string session, snapshot, name;
  unsigned count = 1;
  ProgressWish progress;
};

struct KillCall {
  std::string name;  // of a run, or a session
  int signal = SIGTERM;
  bool interactive = false;
};

struct ApplyCall {
  session::ApplyRequest request;  // without its caller; the session by its name alone
  ProgressWish progress;
  std::size_t bytes = 0;
};

struct UndoCall {
  std::string name;  // of what was applied, or of a session; empty: the one that there is
  ProgressWish progress;
};

inline constexpr std::size_t longest_path = 4096;  // also of what names a chroot or a session

// Each throws Error(invalid_argument).
BeginCall read_begin(const sdbus::Message& message);
RunCall read_run(const sdbus::Message& message);
// session: that whose object was called; nullopt: the message names it.
EndCall read_end(const sdbus::Message& message, const std::optional<std::string>& session);
DiffCall read_diff(const sdbus::Message& message);
// Without whom it is for.
store::HistoryWish read_history(const sdbus::Message& message);
KillCall read_kill(const sdbus::Message& message);
ResetCall read_reset(const sdbus::Message& message);
SnapshotCall read_snapshot(const sdbus::Message& message);
RollbackCall read_rollback(const sdbus::Message& message);
CloneCall read_clone(const sdbus::Message& message);
ApplyCall read_apply(const sdbus::Message& message);
UndoCall read_undo(const sdbus::Message& message);
RecoverCall read_recover(const sdbus::Message& message, const std::optional<std::string>& session);

}  // namespace unionroot::daemon
