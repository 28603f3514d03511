// The methods themselves, on worker threads: find, authorize, and ask the core. No D-Bus in here.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/names.h"
#include "daemon/authorization.h"
#include "daemon/calls.h"
#include "daemon/core.h"
#include "daemon/users.h"
#include "definition/registry.h"

namespace unionroot::daemon {

struct CallerId {
  uid_t uid = 0;
  pid_t pid = 0;                            // 0: the bus does not tell
  std::optional<std::uint64_t> start_time;  // of that process, when it was first seen
};

// A chroot or the source of one, found by what the caller wrote.
struct SelectedChroot {
  definition::DefinitionPtr definition;
  bool source = false;
};

// Thread-safe; every method may block, and throws base::Error.
class Operations {
 public:
  Operations(Core& core, const definition::Registry& registry, const UserDatabase& users, Authority& authority)
      : core_(core), registry_(registry), users_(users), authority_(authority) {}

  // cancelled: the caller has gone, or the daemon stops. progress: for the caller; empty: it does not ask for it.
  session::SessionView begin(CallerId caller, const BeginCall& call, std::function<bool()> cancelled,
                             session::TellProgress progress);
  session::Manager::Started run(CallerId caller, const RunCall& call, std::function<bool()> cancelled,
                                session::TellProgress progress);
  std::vector<std::string> end(CallerId caller, const std::string& session, bool force, std::function<bool()> cancelled,
                               session::TellProgress progress);
  session::SessionView recover(CallerId caller, const std::string& session, std::function<bool()> cancelled,
                               session::TellProgress progress);
  // Takes away a session that was begun for a client which is not there to learn of it.
  void take_back(const session::SessionId& session) noexcept;

  // Listings need no authorization: exactly one of the two is set.
  struct Found {
    std::optional<session::SessionView> session;
    SelectedChroot chroot;
    std::optional<std::string> source_trouble;  // of the chroot: session::Manager::source_trouble
  };
  [[nodiscard]] Found info(const std::string& name) const;
  [[nodiscard]] std::vector<session::SessionView> sessions() const { return core_.sessions(); }
  [[nodiscard]] std::string location(const std::string& session) const;

 private:
  [[nodiscard]] SelectedChroot select(base::Namespace space, const std::string& name) const;
  [[nodiscard]] SelectedChroot select_after_sessions(base::Namespace space, const std::string& name) const;
  [[nodiscard]] bool is_chroot(const std::string& name) const;  // or the name of one whose definition is broken
  void require_free_name(const std::string& name) const;        // for a session
  void require_chroot_access(AccessQuestion question, const SelectedChroot& chroot) const;
  static void require_living(const CallerId& id);
  [[nodiscard]] session::Caller describe(CallerId caller, const HostUser& user) const;
  [[nodiscard]] session::SessionView owned(CallerId caller, const std::string& session, const char* verb) const;
  struct Target {
    uid_t uid;
    std::string name;
  };
  [[nodiscard]] Target target_of(const HostUser& caller, const std::string& user) const;
  session::RunRequest run_request(const RunCall& call, const session::Caller& caller, uid_t target) const;

  Core& core_;
  const definition::Registry& registry_;
  const UserDatabase& users_;
  Authority& authority_;
};

// RunRequest::target_uid when root asks for a user by name: whoever the tree says that is.
inline constexpr uid_t any_uid = static_cast<uid_t>(-1);

}  // namespace unionroot::daemon
