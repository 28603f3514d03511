// What is asked for, and whether the caller may: the requests for the session library come out. No D-Bus in here.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "daemon/authorization.h"
#include "daemon/calls.h"
#include "daemon/resolver.h"
#include "daemon/users.h"
#include "session/sessions.h"

namespace unionroot::daemon {

struct CallerId {
  uid_t uid = 0;
  pid_t pid = 0;                            // 0: the bus does not tell
  std::optional<std::uint64_t> start_time;  // of that process, when it was first seen
};

// Thread-safe; every method throws base::Error.
class Operations {
 public:
  Operations(session::Sessions& core, const definition::Registry& registry, const UserDatabase& users)
      : core_(core), registry_(registry), resolver_(core, registry), users_(users) {}

  // These ask the name service, and so may block. What polkit may permit is Liftable, unless `consents` has it: then
  // all is asked for again.
  // cancelled: the caller has gone, or the daemon stops. progress: for the caller; empty: it does not ask for it.
  // A chroot of type plain that the schroot front end asks a session on: it has none, and is used as it is. Its name,
  // if it is for the caller; nullopt for every other.
  [[nodiscard]] std::optional<std::string> used_as_it_is(CallerId caller, const BeginCall& call) const;
  [[nodiscard]] session::BeginRequest begin(CallerId caller, const BeginCall& call, std::function<bool()> cancelled,
                                            session::TellProgress progress) const;
  // Once the caller may: for new sessions of his own that begin with what this one has.
  [[nodiscard]] session::CloneRequest clone(CallerId id, const session::SessionView& session, const CloneCall& call,
                                            std::function<bool()> cancelled, session::TellProgress progress) const;
  // Of a session of schroot's, by its file. For root alone.
  [[nodiscard]] session::TakeOverRequest take_over(CallerId caller, const std::string& session) const;
  struct RunPlan {
    session::RunRequest run;
    std::optional<session::BeginRequest> begin;  // of the session for it, if it is not to run in one that stands
  };
  [[nodiscard]] RunPlan run(CallerId caller, const RunCall& call, const Consents& consents,
                            std::function<bool()> cancelled, session::TellProgress progress) const;
  // Its owner, if today's lists still name him, and root may. Throws Error(access_denied).
  enum class Verb { end, recover, diff, reset, apply, snapshot, snapshots, rollback, clone, kill };
  void require_session_access(CallerId caller, const session::SessionView& session, Verb verb,
                              const Consents& consents) const;
  // Root, and who may be root in the tree itself. Throws Error(access_denied).
  void require_undo(CallerId id, const session::AppliedView& applied) const;
  void require_reload(CallerId caller, const Consents& consents) const;
  // A run that the caller may know of: he asked for it, or it is in a session of his; root knows of all. Exactly one of
  // the two is set. Throws Error(no_such_run). May read the disk.
  struct FoundRun {
    std::optional<session::SessionView> session;  // it is in, still
    std::optional<store::PastRun> past;
    bool is_callers = false;  // he asked for it; so for root of every one

    // Of `session`. nullptr: its command has ended, and the history does not say how.
    [[nodiscard]] const session::RunView* running() const;
    std::string id;
  };
  [[nodiscard]] FoundRun find_run(CallerId caller, const std::string& id) const;
  // The same of one that has ended: throws if the caller may not know of it.
  void require_knows(CallerId caller, const store::PastRun& past) const;
  // Of all sessions: those that the caller may know of.
  [[nodiscard]] std::function<bool(const session::SessionView&, const session::RunView&)> sees_run(CallerId id) const;
  // Asks the name service, unless it is root.
  [[nodiscard]] std::string name_of(uid_t uid) const { return uid == 0 ? "root" : users_.by_uid(uid).name; }
  // Whose answers are polkit's, beside root's.
  [[nodiscard]] std::optional<uid_t> user_of_polkit() const { return users_.uid_of("polkitd"); }
  // Whether what only a session's owner and root are to read is for this caller.
  [[nodiscard]] std::function<bool(const session::SessionView&)> owner_or_root(CallerId caller) const;
  // nullopt: all of it.
  [[nodiscard]] std::optional<store::HistoryUser> reader_of_history(CallerId caller) const;
  // Whether the uid that owns a session still has the name that it had at its begin. Asks the name service once for
  // each uid.
  [[nodiscard]] std::function<bool(const session::SessionView&)> owner_is_known() const;

  // These do not block.
  [[nodiscard]] session::SessionView session(const std::string& name) const { return resolver_.session(name); }

  // On which the caller may begin a session without being asked for anything. Asks the name service.
  struct Usable {
    std::vector<std::string> chroots, sources;
  };
  [[nodiscard]] Usable usable_chroots(CallerId caller) const;

  // Listings need no authorization. May look at disks. Exactly one of the two is set.
  struct Found {
    std::optional<session::SessionView> session;
    SelectedChroot chroot;
    std::optional<std::string> source_trouble;  // of the chroot: session::Manager::source_trouble
  };
  [[nodiscard]] Found info(CallerId caller, const std::string& name) const;
  [[nodiscard]] std::string location(const std::string& session) const;

 private:
  void require_chroot_access(AccessQuestion question, const SelectedChroot& chroot,
                             const Consents& consents = {}) const;
  [[nodiscard]] bool may_be_root(const HostUser& user, const definition::AccessLists& lists) const;
  // By the definition that it was begun on, and by that of its chroot today.
  [[nodiscard]] bool owner_may_be_root(const session::SessionView& session) const;
  struct Target {
    uid_t uid;
    std::string name;
  };
  // polkit has permitted the action on that session of another's.
  static void require_consent(const HostUser& user, const session::SessionView& session, const char* wanted,
                              const std::string& doing, const Consents& consents);
  void require_list_access(const HostUser& user, const Target& target, const session::SessionView& session,
                           const std::string& doing, const Consents& consents) const;
  [[nodiscard]] definition::DefinitionPtr present_definition(const HostUser& user, const session::SessionView& session,
                                                             const std::string& doing) const;
  // Who may change the tree of that chroot as root.
  void require_source_root(const HostUser& user, const std::string& chroot, const std::string& doing) const;
  static void require_living(const CallerId& id);
  static void require_meant(const HostUser& user, const std::string& name, const session::SessionView& session,
                            const std::string& doing);
  [[nodiscard]] session::Caller describe(CallerId caller, const HostUser& user) const;
  [[nodiscard]] Target target_of(const HostUser& caller, const std::string& user) const;

  session::Sessions& core_;
  const definition::Registry& registry_;
  Resolver resolver_;
  const UserDatabase& users_;
};

// RunRequest::target_uid when root asks for a user by name: whoever the tree says that is.
inline constexpr uid_t any_uid = static_cast<uid_t>(-1);

}  // namespace unionroot::daemon
