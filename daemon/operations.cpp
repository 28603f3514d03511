#include "daemon/operations.h"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <utility>

#include "base/error.h"
#include "base/process_identity.h"
#include "base/text.h"
#include "daemon/take_over.h"

namespace unionroot::daemon {

namespace {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::printable;

const definition::AccessLists& lists_of(const definition::Definition& chroot, bool source) {
  return source ? chroot.source_access : chroot.access;
}

}  // namespace

void Operations::require_chroot_access(AccessQuestion question, const SelectedChroot& chroot,
                                       const Consents& consents) const {
  question.definition = chroot.definition.get();
  question.source = chroot.source;
  std::optional<definition::Definition> variant;  // has the source- lists in the place of the others
  if (chroot.source) question.definition = &variant.emplace(definition::source_variant(*chroot.definition));
  require_access(question, users_, consents);
}

bool Operations::may_be_root(const HostUser& user, const definition::AccessLists& lists) const {
  return judge(user, 0, lists, users_) == Verdict::allowed;
}

bool Operations::owner_may_be_root(const session::SessionView& session) const {
  const HostUser owner = users_.by_uid(session.record.owner);
  if (!session.definition || !may_be_root(owner, session.definition->access)) return false;
  const auto today = resolver_.today(session.record.chroot);
  return !today || may_be_root(owner, lists_of(*today, session.record.source));
}

session::Caller Operations::describe(CallerId caller, const HostUser& user) const {
  return {caller.uid, user.name, caller.pid, caller.start_time};
}

std::optional<std::string> Operations::used_as_it_is(CallerId id, const BeginCall& call) const {
  if (!call.request.front_end) return std::nullopt;
  const SelectedChroot chroot = resolver_.chroot(call.request.selected_name);
  if (!chroot.definition->is_plain() || chroot.source) return std::nullopt;
  const HostUser user = users_.by_uid(id.uid);
  require_chroot_access({user, id.uid, user.name, concat("use ", chroot_title(chroot))}, chroot);
  return chroot.definition->name;
}

session::BeginRequest Operations::begin(CallerId id, const BeginCall& call, std::function<bool()> cancelled,
                                        session::TellProgress progress) const {
  session::BeginRequest request = call.request;
  if (!request.name.empty()) resolver_.require_free(request.name, request.front_end);
  const SelectedChroot chroot = resolver_.chroot(request.selected_name);
  const HostUser user = users_.by_uid(id.uid);
  require_chroot_access({user, id.uid, user.name, concat("begin a session on ", chroot_title(chroot))}, chroot);
  require_user_data(user, *chroot.definition, request.options);
  request.definition = chroot.definition;
  request.source = chroot.source;
  request.owner_may_be_root = may_be_root(user, lists_of(*chroot.definition, chroot.source));
  request.kind = store::SessionKind::preserved;
  request.owner = describe(id, user);
  request.cancelled = std::move(cancelled);
  request.progress = std::move(progress);
  return request;
}

session::CloneRequest Operations::clone(CallerId id, const session::SessionView& session, const CloneCall& call,
                                        std::function<bool()> cancelled, session::TellProgress progress) const {
  session::CloneRequest request{session::SessionId(session.record), call.snapshot, call.count, {}};
  auto& begin = request.begin;
  begin.name = call.name;
  if (!begin.name.empty())
    for (unsigned number = 1; number <= std::min(call.count, session::most_clones); ++number)
      resolver_.require_free(session::clone_name(request, number), false);
  begin.definition = session.definition;
  begin.selected_name = session.record.selected_name;
  begin.kind = store::SessionKind::preserved;
  const HostUser user = users_.by_uid(id.uid);
  begin.owner = describe(id, user);
  begin.owner_may_be_root = id.uid == 0 || owner_may_be_root(session);
  begin.cancelled = std::move(cancelled);
  begin.progress = std::move(progress);
  return request;
}

session::TakeOverRequest Operations::take_over(CallerId caller, const std::string& session) const {
  if (caller.uid != 0)
    throw Error(ErrorCode::access_denied,
                concat("taking over schroot's session '", printable(session), "': only root may"),
                "run it as root, or with sudo");
  return take_over_request(registry_, users_, session);
}

Operations::Target Operations::target_of(const HostUser& caller, const std::string& user) const {
  if (user.empty()) return {caller.uid, caller.name};
  if (user == "root" || user == "0") return {0, "root"};
  // Root may be anyone, and a user may be known to the tree alone.
  if (caller.uid == 0) return {any_uid, user};
  const auto uid = users_.uid_of(user);
  if (uid) return {*uid, user};
  throw Error(ErrorCode::no_such_user, concat("there is no user '", printable(user), "' on this machine"),
              "only root may run as a user whom the session's tree alone knows");
}

// The command takes its limits and its umask from the calling process, so that must still be there, and be itself.
void Operations::require_living(const CallerId& id) {
  if (id.pid > 0 && id.start_time && base::process_start_time(id.pid) == id.start_time) return;
  throw Error(ErrorCode::access_denied,
              id.pid > 0 ? concat("the process that connected to the bus (pid ", id.pid, ") has gone")
                         : std::string("the bus does not tell the caller's process"),
              "call from the process that made the connection: the command takes its limits from it");
}

// A chroot that is not defined for a while leaves its name to anybody's session: a command that root means for the
// chroot must not go there.
void Operations::require_meant(const HostUser& user, const std::string& name, const session::SessionView& session,
                               const std::string& doing) {
  const auto& record = session.record;
  if (base::parse_qualified_name(name).space != base::Namespace::none) return;
  if (owns(user, record.owner, record.owner_name)) return;
  throw Error(
      ErrorCode::access_denied,
      concat(printable(user.name), " does not ", doing, " by its name alone: it belongs to ",
             printable(record.owner_name), " (uid ", record.owner, ')'),
      concat("if that session is meant, say session:", record.id, "; `unionroot list --chroots` lists the chroots"));
}

Operations::RunPlan Operations::run(CallerId id, const RunCall& call, const Consents& consents,
                                    std::function<bool()> cancelled, session::TellProgress progress) const {
  require_living(id);
  const auto found = resolver_.target(call.name());
  const HostUser user = users_.by_uid(id.uid);
  const Target target = target_of(user, call.request.user);
  const std::string doing =
      target.uid == id.uid ? "run a command in " : concat("run a command as ", printable(target.name), " in ");
  session::RunRequest request = call.request;
  request.caller = describe(id, user);
  request.target_uid = target.uid;

  if (const auto* const session = std::get_if<session::SessionView>(&found)) {
    const auto& record = session->record;
    const std::string what = concat(doing, "session '", record.id, "'");
    // Who did not say that a session is meant is not asked for a password: it might be for another's by mistake.
    if (base::parse_qualified_name(call.name()).space == base::Namespace::none)
      require_owner(user, what, record.id, record.owner, record.owner_name);
    require_consent(user, *session, action::run_in_session, what, consents);
    require_list_access(user, target, *session, what, consents);
    require_meant(user, call.name(), *session, what);
    request.owner_may_be_root = owner_may_be_root(*session);
    request.session = record.id;
    request.session_created = record.created;
    return {std::move(request), std::nullopt};
  }

  const auto& chroot = std::get<SelectedChroot>(found);
  require_chroot_access({user, target.uid, target.name, concat(doing, chroot_title(chroot))}, chroot, consents);
  session::BeginRequest begin = call.automatic;
  require_user_data(user, *chroot.definition, begin.options);
  begin.definition = chroot.definition;
  begin.source = chroot.source;
  begin.owner_may_be_root = request.owner_may_be_root = may_be_root(user, lists_of(*chroot.definition, chroot.source));
  begin.kind = store::SessionKind::automatic;
  begin.owner = request.caller;
  begin.cancelled = std::move(cancelled);
  begin.progress = std::move(progress);
  return {std::move(request), std::move(begin)};
}

// The lists that count are those of today, and they are in the configuration alone: neither a session's own copy of its
// definition nor a file beside its upper layer can give anybody more.
definition::DefinitionPtr Operations::present_definition(const HostUser& user, const session::SessionView& session,
                                                         const std::string& doing) const {
  const auto& record = session.record;
  const auto configuration = registry_.snapshot();
  if (auto found = configuration->find(record.chroot)) return found;
  const auto* const problem = configuration->broken(record.chroot);
  throw Error(ErrorCode::access_denied,
              concat(printable(user.name), " (uid ", user.uid, ") may not ", doing, ": its chroot '", record.chroot,
                     problem != nullptr ? "' has an error in its definition" : "' is not defined any more",
                     ", so no list says who may use it"),
              problem != nullptr
                  ? concat("mend ", problem->file, ':', problem->line, ": ", printable(problem->message))
                  : concat("root may; or root defines it again", record.source ? "" : "; its owner may end it"));
}

void Operations::require_consent(const HostUser& user, const session::SessionView& session, const char* wanted,
                                 const std::string& doing, const Consents& consents) {
  const auto& record = session.record;
  if (user.uid == 0 || owns(user, record.owner, record.owner_name)) return;
  Question question{wanted,
                    {{"place", concat("session ", record.id)},
                     {"session", record.id},
                     {"chroot", printable(record.chroot, 2000)},
                     {"source", record.source ? "yes" : "no"},
                     {"owner", printable(record.owner_name)}},
                    record.created};
  if (consents.has(question)) return;
  throw Liftable(refusal_of_other(user, doing, record.id, record.owner, record.owner_name), std::move(question));
}

// Of who owns the session, or is permitted to enter it.
void Operations::require_list_access(const HostUser& user, const Target& target, const session::SessionView& session,
                                     const std::string& doing, const Consents& consents) const {
  const auto& record = session.record;
  if (user.uid == 0) return;
  auto present = present_definition(user, session, doing);
  if (record.source) present = std::make_shared<definition::Definition>(definition::source_variant(*present));
  static const definition::AccessLists nobody;
  const auto& begun_with = session.definition ? session.definition->access : nobody;
  AccessQuestion question{user, target.uid, target.name, doing, present.get(), record.source, &begun_with};
  question.session = SessionMeant{record.id, record.created};
  question.permitted_to_enter = !owns(user, record.owner, record.owner_name);
  require_access(question, users_, consents);
}

namespace {

const char* words_of(Operations::Verb verb) {
  using Verb = Operations::Verb;
  switch (verb) {
    case Verb::end: return "end";
    case Verb::recover: return "recover";
    case Verb::diff: return "list the changes of";
    case Verb::reset: return "reset";
    case Verb::apply: return "apply";
    case Verb::snapshot: return "take a snapshot of";
    case Verb::snapshots: return "list the snapshots of";
    case Verb::rollback: return "roll back";
    case Verb::clone: return "clone";
    case Verb::kill: return "send a signal to the commands of";
  }
  return "use";
}

}  // namespace

void Operations::require_session_access(CallerId id, const session::SessionView& session, Verb verb,
                                        const Consents& consents) const {
  if (id.uid == 0) return;
  const auto& record = session.record;
  const HostUser user = users_.by_uid(id.uid);
  const bool ends = verb == Verb::end || verb == Verb::kill;
  const auto doing = concat(words_of(verb), " session '", record.id, "'");
  // Nobody else is asked for a password: what is in it is its owner's.
  if (!ends && verb != Verb::recover)
    require_owner(user, doing, record.id, record.owner, record.owner_name);
  else
    require_consent(user, session, ends ? action::end_session : action::recover_session, doing, consents);
  if (!owns(user, record.owner, record.owner_name)) return;
  // What has no list any more is still its owner's to take away; but not where its end changes what others stand on.
  if (ends && !record.source && !registry_.snapshot()->find(record.chroot)) return;
  require_list_access(user, {user.uid, user.name}, session, doing, consents);
  if (verb == Verb::apply) require_source_root(user, record.chroot, doing);
}

void Operations::require_source_root(const HostUser& user, const std::string& chroot, const std::string& doing) const {
  const auto today = registry_.snapshot()->find(chroot);
  if (today && today->source_clone && may_be_root(user, today->source_access)) return;
  throw Error(ErrorCode::access_denied,
              concat(printable(user.name), " (uid ", user.uid, ") may not ", doing, ": it changes the tree of chroot '",
                     chroot, "', and that is for who may be root in source:", chroot),
              "source-root-users and source-root-groups in the definition name them; root may");
}

void Operations::require_undo(CallerId id, const session::AppliedView& applied) const {
  if (id.uid == 0) return;
  require_source_root(users_.by_uid(id.uid), applied.chroot, concat("undo apply '", applied.id, "'"));
}

void Operations::require_reload(CallerId id, const Consents& consents) const {
  if (id.uid == 0) return;
  Question question{action::reload, {}};
  if (consents.has(question)) return;
  throw Liftable({ErrorCode::access_denied,
                  concat(printable(users_.by_uid(id.uid).name), " (uid ", id.uid, ") may not reload the configuration"),
                  "only root may; the daemon follows edits by itself"},
                 std::move(question));
}

std::function<bool(const session::SessionView&)> Operations::owner_or_root(CallerId id) const {
  if (id.uid == 0) return [](const auto&) { return true; };
  return [user = users_.by_uid(id.uid)](const session::SessionView& session) {
    return owns(user, session.record.owner, session.record.owner_name);
  };
}

std::function<bool(const session::SessionView&, const session::RunView&)> Operations::sees_run(CallerId id) const {
  if (id.uid == 0) return [](const auto&, const auto&) { return true; };
  return [user = users_.by_uid(id.uid)](const session::SessionView& session, const session::RunView& run) {
    return owns(user, run.caller, run.caller_name) || owns(user, session.record.owner, session.record.owner_name);
  };
}

const session::RunView* Operations::FoundRun::running() const {
  if (!session) return nullptr;
  const auto found = std::find_if(session->runs.begin(), session->runs.end(),
                                  [this](const session::RunView& run) { return run.id == id; });
  return found == session->runs.end() ? nullptr : &*found;
}

void Operations::require_knows(CallerId caller, const store::PastRun& past) const {
  if (caller.uid == 0) return;
  const auto user = users_.by_uid(caller.uid);
  if (owns(user, past.run.caller, past.run.caller_name) || owns(user, past.owner, past.owner_name)) return;
  throw Error(ErrorCode::no_such_run,
              concat("there is no run '", printable(past.run.id), "' of ", printable(user.name)),
              "`unionroot runs` lists what runs, `unionroot history` what has ended");
}

// One that ends goes into the history before it leaves its session: so it is found in one of them.
Operations::FoundRun Operations::find_run(CallerId caller, const std::string& id) const {
  HostUser user{0, "root", true, {}};
  if (caller.uid != 0) user = users_.by_uid(caller.uid);
  const auto is_callers = [&](const store::RunRecord& run) {
    return user.uid == 0 || owns(user, run.caller, run.caller_name);
  };
  std::string hint = "`unionroot runs` lists what runs, `unionroot history` what has ended";
  FoundRun found;
  found.id = id;
  if (base::valid_name(id)) {
    found.session = core_.find_by_run(id);
    if (const auto* const run = found.running()) {
      found.is_callers = is_callers(*run);
      if (sees_run(caller)(*found.session, *run)) return found;
    }
    found.session.reset();
    try {
      found.past = core_.past_run(id);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::not_supported) throw;
      hint = "`unionroot runs` lists what runs; of what has ended nothing is kept (history-days in unionroot.conf)";
    }
    if (found.past) {
      found.is_callers = is_callers(found.past->run);
      if (found.is_callers || owns(user, found.past->owner, found.past->owner_name)) return found;
    }
  }
  throw Error(ErrorCode::no_such_run,
              user.uid == 0 ? concat("there is no run '", printable(id), "'")
                            : concat("there is no run '", printable(id), "' of ", printable(user.name)),
              hint);
}

std::optional<store::HistoryUser> Operations::reader_of_history(CallerId caller) const {
  if (caller.uid == 0) return std::nullopt;
  auto user = users_.by_uid(caller.uid);
  return store::HistoryUser{user.uid, std::move(user.name)};
}

std::function<bool(const session::SessionView&)> Operations::owner_is_known() const {
  return [this, names = std::map<uid_t, std::string>()](const session::SessionView& session) mutable {
    const auto [found, is_new] = names.try_emplace(session.record.owner);
    if (is_new) found->second = users_.by_uid(session.record.owner).name;
    return found->second == session.record.owner_name;
  };
}

Operations::Usable Operations::usable_chroots(CallerId caller) const {
  const HostUser user = users_.by_uid(caller.uid);
  const auto may = [&](const definition::AccessLists& lists) {
    return judge(user, user.uid, lists, users_) == Verdict::allowed;
  };
  Usable usable;
  for (const auto& chroot : registry_.snapshot()->chroots) {
    const auto name = base::name_as_utf8(chroot->name);
    if (may(chroot->access)) usable.chroots.push_back(name);
    if (chroot->clonable() && chroot->source_clone && may(chroot->source_access)) usable.sources.push_back(name);
  }
  return usable;
}

Operations::Found Operations::info(CallerId caller, const std::string& name) const {
  auto target = resolver_.target(name);
  Found found;
  if (auto* const session = std::get_if<session::SessionView>(&target)) {
    found.session = std::move(*session);
    core_.measure(*found.session);
    return found;
  }
  found.chroot = std::get<SelectedChroot>(std::move(target));
  found.source_trouble = core_.source_trouble(*found.chroot.definition, caller.uid == 0);
  return found;
}

std::string Operations::location(const std::string& session) const {
  session::SessionView view = resolver_.session(session);
  const auto unseen = [&](std::string hint) {
    return Error(ErrorCode::not_supported, concat("session '", view.record.id, "' cannot be seen from the host"),
                 std::move(hint));
  };
  if (view.record.kind == store::SessionKind::automatic)
    throw unseen(
        concat("it goes with its command, and such sessions have no host view: begin one that stays, with "
               "`unionroot begin ",
               view.record.chroot, "`"));
  if (view.location.empty() && view.definition && view.definition->host_view == definition::HostView::no)
    throw unseen(concat("its definition says host-view=no (", place_of(*view.definition),
                        "): go through `unionroot run ", view.record.id,
                        "`, or set host-view=tree there for the sessions to come"));
  if (view.location.empty()) {
    throw Error(ErrorCode::session_not_active,
                concat("session '", view.record.id, "' cannot be seen from the host: it is ",
                       store::to_string(view.record.state)),
                "`unionroot info` says more");
  }
  return view.location;
}

}  // namespace unionroot::daemon
