#include "daemon/operations.h"

#include <exception>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/names.h"
#include "base/process_identity.h"
#include "base/text.h"

namespace unionroot::daemon {

namespace {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::Namespace;
using base::printable;

constexpr std::string_view source_suffix = "-source";

// "session:ID" or "ID".
std::string session_name(const std::string& text) {
  const auto name = base::parse_qualified_name(text);
  if (name.space != Namespace::none && name.space != Namespace::session) {
    throw Error(ErrorCode::invalid_argument, concat("'", printable(text), "' names a chroot, not a session"),
                "`unionroot list --sessions` lists the sessions");
  }
  return name.name;
}

std::string chroot_title(const SelectedChroot& chroot) {
  return concat(chroot.source ? "the source of chroot '" : "chroot '", chroot.definition->name, "'");
}

// Why a chroot has no source:NAME, and how its tree is changed instead.
std::string change_without_source(const definition::Definition& definition) {
  const auto in_lock = concat("`unionroot lock ", definition.name, "` keeps sessions away meanwhile");
  if (!definition.clonable()) return concat("its sessions work on the tree itself: use chroot:", definition.name);
  if (definition.type == "layers") return concat("a stack has no one tree to change: change its folders; ", in_lock);
  if (definition.type == "oci")
    return "its layers are what their digests say: make another image, and a new session stands on that";
  if (definition.type == "custom")
    return concat("its definition does not say custom-source-cloneable=yes (", place_of(definition), ")");
  if (definition.line == 0) return "change the machine itself, without a session";
  return concat("its definition says source-clone=no (", place_of(definition), ")");
}

}  // namespace

bool Operations::is_chroot(const std::string& name) const {
  const auto snapshot = registry_.snapshot();
  return snapshot->find(name) != nullptr || snapshot->broken(name) != nullptr;
}

// Names without a namespace mean chroots first. A session of a chroot's name could only mislead.
void Operations::require_free_name(const std::string& name) const {
  base::require_valid_name("session name", name);
  if (is_chroot(name))
    throw Error(ErrorCode::invalid_argument,
                concat("a session cannot be named '", name, "': that is the name of a chroot"),
                "choose another name, or leave it out");
}

// What a name without a namespace may be for run and info.
SelectedChroot Operations::select_after_sessions(Namespace space, const std::string& name) const {
  try {
    return select(space, name);
  } catch (const Error& error) {
    if (space != Namespace::none || error.code() != ErrorCode::no_such_chroot || is_chroot(name)) throw;
    throw Error(error.code(), concat(error.what(), ", and no session"),
                concat(error.hint(), "; `unionroot list --sessions` shows the sessions"));
  }
}

SelectedChroot Operations::select(Namespace space, const std::string& name) const {
  const auto snapshot = registry_.snapshot();
  SelectedChroot selected;
  selected.source = space == Namespace::source;
  selected.definition = snapshot->find(name);
  // As in schroot, a source chroot is also to be had as NAME-source and ALIAS-source.
  if (!selected.definition && !selected.source && name.size() > source_suffix.size() &&
      std::string_view(name).substr(name.size() - source_suffix.size()) == source_suffix) {
    selected.definition = snapshot->find(name.substr(0, name.size() - source_suffix.size()));
    selected.source = selected.definition && selected.definition->clonable() && selected.definition->source_clone;
    if (!selected.source) selected.definition = nullptr;
  }
  if (!selected.definition) selected.definition = registry_.require(name);
  if (!selected.source) return selected;
  if (!selected.definition->clonable() || !selected.definition->source_clone) {
    throw Error(ErrorCode::no_such_chroot, concat("chroot '", selected.definition->name, "' has no source to change"),
                change_without_source(*selected.definition));
  }
  return selected;
}

void Operations::require_chroot_access(AccessQuestion question, const SelectedChroot& chroot) const {
  question.definition = chroot.definition.get();
  question.source = chroot.source;
  std::optional<definition::Definition> variant;  // has the source- lists in the place of the others
  if (chroot.source) question.definition = &variant.emplace(definition::source_variant(*chroot.definition));
  require_access(question, users_, authority_);
}

session::Caller Operations::describe(CallerId caller, const HostUser& user) const {
  return {caller.uid, user.name, caller.pid, caller.pid > 0 ? base::command_of(caller.pid) : std::string(),
          caller.start_time};
}

session::SessionView Operations::begin(CallerId id, const BeginCall& call, std::function<bool()> cancelled,
                                       session::TellProgress progress) {
  const auto wanted = base::parse_qualified_name(call.chroot);
  if (wanted.space == Namespace::session) {
    throw Error(ErrorCode::invalid_argument, concat("'", printable(call.chroot), "' is a session already"),
                "give a chroot; `unionroot list --chroots` lists them");
  }
  if (!call.name.empty()) require_free_name(call.name);
  const SelectedChroot chroot = select(wanted.space, wanted.name);
  const HostUser user = users_.by_uid(id.uid);
  require_chroot_access({user, id.pid, id.uid, user.name, concat("begin a session on ", chroot_title(chroot))}, chroot);
  require_user_data(user, *chroot.definition, call.user_data);

  session::BeginRequest request;
  request.definition = chroot.definition;
  request.selected_name = call.chroot;
  request.name = call.name;
  request.source = chroot.source;
  request.kind = store::SessionKind::preserved;
  request.options = call.user_data;
  request.owner = describe(id, user);
  request.wait = call.wait;
  request.cancelled = std::move(cancelled);
  request.progress = std::move(progress);
  return core_.begin(request);
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

session::RunRequest Operations::run_request(const RunCall& call, const session::Caller& caller, uid_t target) const {
  session::RunRequest request;
  request.command = call.arguments;
  request.user = call.user;
  request.target_uid = target;
  request.directory = call.directory;
  request.directory_required = call.directory_required;
  request.preserve_environment = call.preserve_environment;
  request.environment = call.environment;
  request.shell = call.shell;
  request.terminal = call.terminal;
  request.terminal_type = call.terminal_type;
  request.rows = call.rows;
  request.columns = call.columns;
  request.caller = caller;
  for (int i = 0; i < 3; ++i) request.standard[i] = call.standard[i].get();
  return request;
}

// The command takes its limits and its umask from the calling process, so that must still be there, and be itself.
void Operations::require_living(const CallerId& id) {
  if (id.pid > 0 && id.start_time && base::process_start_time(id.pid) == id.start_time) return;
  throw Error(ErrorCode::access_denied,
              id.pid > 0 ? concat("the process that connected to the bus (pid ", id.pid, ") has gone")
                         : std::string("the bus does not tell the caller's process"),
              "call from the process that made the connection: the command takes its limits from it");
}

session::Manager::Started Operations::run(CallerId id, const RunCall& call, std::function<bool()> cancelled,
                                          session::TellProgress progress) {
  require_living(id);
  const auto wanted = base::parse_qualified_name(call.name);
  const HostUser user = users_.by_uid(id.uid);
  const Target target = target_of(user, call.user);
  const std::string doing =
      target.uid == id.uid ? "run a command in " : concat("run a command as ", printable(target.name), " in ");
  session::RunRequest request = run_request(call, describe(id, user), target.uid);

  std::optional<session::SessionView> session;
  if (wanted.space == Namespace::session) session = core_.require(wanted.name);
  if (wanted.space == Namespace::none && !is_chroot(wanted.name)) session = core_.find(wanted.name);
  if (session) {
    const std::string what = concat(doing, "session '", wanted.name, "'");
    require_owner(user, what, wanted.name, session->record.owner, session->record.owner_name);
    require_access(
        {user, id.pid, target.uid, target.name, what, session->definition.get(), session->record.source, true}, users_,
        authority_);
    request.session = wanted.name;
    request.session_created = session->record.created;
    return core_.run(request);
  }

  const SelectedChroot chroot = select_after_sessions(wanted.space, wanted.name);
  require_chroot_access({user, id.pid, target.uid, target.name, concat(doing, chroot_title(chroot))}, chroot);
  require_user_data(user, *chroot.definition, call.user_data);
  session::BeginRequest begin;
  begin.definition = chroot.definition;
  begin.selected_name = call.name;
  begin.source = chroot.source;
  begin.kind = store::SessionKind::automatic;
  begin.options = call.user_data;
  begin.owner = request.caller;
  begin.wait = call.wait;
  begin.cancelled = std::move(cancelled);
  begin.progress = std::move(progress);
  return core_.run_automatic(begin, std::move(request));
}

session::SessionView Operations::owned(CallerId id, const std::string& session, const char* verb) const {
  session::SessionView view = core_.require(session_name(session));
  if (id.uid == 0 || id.uid == view.record.owner) return view;
  require_owner(users_.by_uid(id.uid), concat(verb, " session '", view.record.id, "'"), view.record.id,
                view.record.owner, view.record.owner_name);
  return view;
}

std::vector<std::string> Operations::end(CallerId id, const std::string& session, bool force,
                                         std::function<bool()> cancelled, session::TellProgress progress) {
  return core_
      .end(session::SessionId(owned(id, session, "end").record), force, std::move(progress), std::move(cancelled))
      .could_not_undo;
}

session::SessionView Operations::recover(CallerId id, const std::string& session, std::function<bool()> cancelled,
                                         session::TellProgress progress) {
  return core_.recover(session::SessionId(owned(id, session, "recover").record), std::move(cancelled),
                       std::move(progress));
}

void Operations::take_back(const session::SessionId& session) noexcept {
  try {
    base::log::info(concat("ending session '", session.id, "': its client has gone before it could be told"));
    core_.end(session, false, {}, {});
  } catch (const Error& error) {
    if (error.code() == ErrorCode::no_such_session) return;
    base::log::warning(concat("ending session '", session.id, "', whose client has gone: ", error.what()));
  } catch (const std::exception& error) {
    base::log::warning(concat("ending session '", session.id, "', whose client has gone: ", error.what()));
  }
}

Operations::Found Operations::info(const std::string& name) const {
  const auto wanted = base::parse_qualified_name(name);
  Found found;
  if (wanted.space == Namespace::session) found.session = core_.require(wanted.name);
  if (wanted.space == Namespace::none && !is_chroot(wanted.name)) found.session = core_.find(wanted.name);
  if (found.session) return found;
  found.chroot = select_after_sessions(wanted.space, wanted.name);
  found.source_trouble = core_.source_trouble(*found.chroot.definition);
  return found;
}

std::string Operations::location(const std::string& session) const {
  session::SessionView view = core_.require(session_name(session));
  if (view.location.empty() && view.definition && !view.definition->host_view) {
    throw Error(
        ErrorCode::not_supported, concat("session '", view.record.id, "' cannot be seen from the host"),
        concat("its definition says host-view=no (", place_of(*view.definition), "): go through `unionroot run ",
               view.record.id, "`, or set host-view=yes there for the sessions to come"));
  }
  if (view.location.empty()) {
    throw Error(ErrorCode::session_not_active,
                concat("session '", view.record.id, "' cannot be seen from the host: it is ",
                       store::to_string(view.record.state)),
                "`unionroot info` says more");
  }
  return view.location;
}

}  // namespace unionroot::daemon
