// The methods themselves, on worker threads: find, authorize, and ask the core. No D-Bus in here.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "daemon/authorization.h"
#include "daemon/calls.h"
#include "daemon/core.h"
#include "daemon/resolver.h"
#include "daemon/users.h"

namespace unionroot::daemon {

struct CallerId {
  uid_t uid = 0;
  pid_t pid = 0;                            // 0: the bus does not tell
  std::optional<std::uint64_t> start_time;  // of that process, when it was first seen
};

// Thread-safe; every method may block, and throws base::Error.
class Operations {
 public:
  Operations(Core& core, const definition::Registry& registry, const UserDatabase& users, Authority& authority)
      : core_(core), resolver_(core, registry), users_(users), authority_(authority) {}

  // cancelled: the caller has gone, or the daemon stops. progress: for the caller; empty: it does not ask for it.
  session::SessionView begin(CallerId caller, const BeginCall& call, std::function<bool()> cancelled,
                             session::TellProgress progress);
  struct StartedRun {
    session::Manager::Started run;
    bool source = false;  // in a session that was begun for it on the source of a chroot
    bool packed = false;  // and that is a tarball, which is packed when the command has ended
  };
  StartedRun run(CallerId caller, const RunCall& call, std::function<bool()> cancelled, session::TellProgress progress);
  std::vector<std::string> end(CallerId caller, const std::string& session, bool force, std::function<bool()> cancelled,
                               session::TellProgress progress);
  // False if there was nothing to do, since the session is active.
  bool recover(CallerId caller, const std::string& session, std::function<bool()> cancelled,
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
  void require_chroot_access(AccessQuestion question, const SelectedChroot& chroot) const;
  static void require_living(const CallerId& id);
  [[nodiscard]] session::Caller describe(CallerId caller, const HostUser& user) const;
  [[nodiscard]] session::SessionView owned(CallerId caller, const std::string& session, const char* verb) const;
  struct Target {
    uid_t uid;
    std::string name;
  };
  [[nodiscard]] Target target_of(const HostUser& caller, const std::string& user) const;

  Core& core_;
  Resolver resolver_;
  const UserDatabase& users_;
  Authority& authority_;
};

// RunRequest::target_uid when root asks for a user by name: whoever the tree says that is.
inline constexpr uid_t any_uid = static_cast<uid_t>(-1);

}  // namespace unionroot::daemon
