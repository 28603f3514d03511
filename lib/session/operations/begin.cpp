#include "session/operations/begin.h"

#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/names.h"
#include "base/rollback.h"
#include "base/text.h"
#include "definition/parse_definition.h"
#include "definition/schroot_keys.h"
#include "definition/values.h"
#include "owned/place.h"
#include "session/attempts.h"
#include "session/definition_text.h"
#include "session/hooks/hooks.h"
#include "session/journal.h"
#include "session/listing.h"
#include "session/operations/end.h"
#include "session/operations/locks.h"
#include "session/operations/run.h"
#include "session/operations/state.h"
#include "session/reserve.h"
#include "session/session_events.h"
#include "session/session_file.h"
#include "session/storage.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;

namespace {

// One that no session has now. schroot's callers get what schroot's ids look like.
std::string new_id(const SessionTable& table, const BeginRequest& request, const std::string& chroot) {
  for (;;) {
    auto id = base::name_after_chroot(chroot, "-" + (request.front_end ? base::random_uuid() : base::random_letters()));
    if (!table.find(id)) return id;
  }
}

store::SessionRecord record_of(const SessionTable& table, const BeginRequest& request,
                               const definition::DefinitionPtr& definition) {
  store::SessionRecord record;
  record.chroot = definition->name;
  record.id = request.name.empty() ? new_id(table, request, record.chroot) : request.name;
  base::require_valid_name("session name", record.id);
  record.selected_name = request.selected_name;
  record.kind = request.kind;
  record.source = request.source;
  record.front_end = request.front_end;
  record.owner = request.owner.uid;
  record.owner_name = request.owner.name;
  record.created = base::now_microseconds();
  record.boot_id = base::boot_id();
  record.options = nlohmann::json(request.options).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  record.definition = definition_text(definition);
  return record;
}

// Others than root choose among the files that lie in the folders of profiles.
void require_profile_file(const BeginRequest& request, const std::string& key, const std::string& path) {
  const auto parts = base::split(path, '/');
  const bool leads_out = path.starts_with('/') || std::find(parts.begin(), parts.end(), "..") != parts.end();
  const auto fault = definition::host_path_fault(concat("/", path));
  if (fault.empty() && (!leads_out || request.owner.uid == 0)) return;
  throw Error(ErrorCode::invalid_argument,
              fault.empty() ? concat(key, ": only root names a file outside of the folders of profiles")
                            : concat(key, ": '", base::printable(path), "' ", fault),
              "name it as PROFILE/FILE, such as default/fstab");
}

// The user data that the caller sets, for this session alone. The profile is read anew where it names other files.
definition::DefinitionPtr with_user_data(const BeginRequest& request, const definition::Settings& settings) {
  if (request.options.empty()) return request.definition;
  auto changed = std::make_shared<definition::Definition>(*request.definition);
  bool another_profile = false;
  for (const auto& [key, value] : request.options) {
    changed->user_data[key] = value;
    if (!definition::names_profile_file(key)) continue;
    require_profile_file(request, key, value);
    another_profile = true;
  }
  if (!another_profile) return changed;
  std::vector<std::string> faults;
  const bool from_schroot = definition::is_of_schroot(*changed, settings);
  changed->profile =
      definition::ProfileStore(settings).load(definition::profile_request(*changed, from_schroot), faults);
  if (faults.empty()) return changed;
  throw Error(ErrorCode::invalid_argument, concat("the profile of this session cannot be used: ", faults.front()),
              "mend it, or leave out the option that names it");
}

// Where the session's layers lie stays so, wherever a link of the definition's leads later.
definition::DefinitionPtr with_real_overlay_directory(const definition::DefinitionPtr& definition) {
  const auto& given = definition->union_.overlay_directory;
  const auto real = given.empty() ? given : owned::real_path_of_place(given);
  if (real == given) return definition;
  auto changed = std::make_shared<definition::Definition>(*definition);
  changed->union_.overlay_directory = real;
  return changed;
}

definition::DefinitionPtr variant_of(const definition::DefinitionPtr& definition, bool source) {
  if (!source) return definition;
  if (!definition->clonable())
    throw Error(ErrorCode::invalid_argument,
                concat("chroot ", definition->name, " has no source: its sessions work on the tree itself"),
                concat("begin a session on ", definition->name, " instead"));
  return std::make_shared<const definition::Definition>(definition::source_variant(*definition));
}

// USER.NAME, so that no user has a name that another's scripts use. A user's name with a dot in it, or one that is no
// name for a session or looks like a uid, would not tell its owner apart: then it is the uid.
void require_own_name(const BeginRequest& request) {
  if (request.owner.uid == 0 || request.name.empty()) return;
  const auto& user = request.owner.name;
  const bool usable =
      base::valid_name(user) && user.find('.') == std::string::npos && !base::parse_unsigned(user).has_value();
  const auto prefix = concat(usable ? user : concat(request.owner.uid), ".");
  if (request.name.starts_with(prefix) && request.name.size() > prefix.size()) return;
  throw Error(
      ErrorCode::invalid_argument,
      concat("a session of user ", base::printable(user), " cannot be named '", base::printable(request.name), "'"),
      concat("its name has to begin with ", prefix, ", such as ", prefix, "build; or leave it out"));
}

// An undo of begin. If it fails twice, the next start of the daemon does it.
std::function<void()> undo_step(const std::string& session, std::function<void()> step) {
  return [session, step = std::move(step)] {
    Attempts attempts;
    attempts.run(step);
    for (const auto& problem : attempts.problems())
      base::log::error(concat("removing session ", session, ", which could not be begun: ", problem,
                              "; it is done when the daemon starts next"));
  };
}

// The current exception. Whoever waits for a session that somebody else ended is told so.
[[noreturn]] void rethrow(const Session& session) {
  try {
    throw;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::cancelled || !session.end_wanted) throw;
    throw Error(ErrorCode::cancelled, concat("session ", session.id(), " was ended while it was being begun"),
                "somebody used `unionroot end --force`, or its time was over; begin another");
  }
}

// A session file of that name is of a session that is not known: of a lost database, or put there by hand. It must not
// be written over, nor go when this session goes.
void refuse_session_file(const Parts& parts, const Operation& operation) {
  for (const auto& folder : {parts.folders.own(), sessions_folder(parts.settings, operation.definition())}) {
    const auto path = session_file_path(folder, operation.id());
    if (::access(path.c_str(), F_OK) != 0) continue;
    const auto sessions = owned::open_place("the folder of sessions", folder);
    const bool ours = sessions && is_ours(parts.settings, parts.daemon, sessions->get(), folder, operation.id());
    throw Error(ErrorCode::session_exists, concat("there is a session file ", path, " already"),
                ours ? "choose another name; when the daemon starts next it sets that folder aside as an orphan"
                     : "choose another name; that folder is not this daemon's, which leaves it as it is");
  }
}

}  // namespace

SessionPtr make_session(Parts& parts, const BeginRequest& request) {
  if (parts.settings.session_names == definition::SessionNames::owner) require_own_name(request);
  const auto definition =
      with_setup_scripts(with_real_overlay_directory(with_user_data(request, parts.settings)), parts.settings);
  auto variant = variant_of(definition, request.source);
  return std::make_shared<Session>(parts.services, record_of(parts.table, request, definition), std::move(variant));
}

Beginning::Beginning(Parts& parts, BeginRequest request)
    : parts_(parts), request_(std::move(request)), session_(make_session(parts, request_)), operation_(session_) {
  operation_->cancelled = [this] { return is_cancelled(); };
  operation_->owner_may_be_root = request_.owner_may_be_root;
}

void Beginning::reserve() {
  try {
    enter();
  } catch (...) {
    if (step_ == Step::locks) undo();
    rethrow(*session_);
  }
}

void Beginning::stand_on(FrozenStack layers, std::shared_ptr<const std::string> beginning, TreeData tree) {
  operation_->cloned_beginning = std::move(beginning);
  operation_->cloned_tree = std::move(tree);
  session_->shown.lock()->frozen = std::move(layers);
}

Beginning::~Beginning() {
  if (step_ == Step::locks) undo();
}

bool Beginning::is_cancelled() const { return session_->end_wanted || (request_.cancelled && request_.cancelled()); }

bool Beginning::go_on() {
  try {
    if (step_ == Step::none) enter();
    if (!locks_->take()) return false;
    set_up();
  } catch (...) {
    if (step_ == Step::locks) undo();
    rethrow(*session_);
  }
  operation_->cancelled = {};
  reporting_.reset();
  log_notes(operation_);
  if (!session_->automatic()) {  // those are told of with their command
    auto event = session_event(events::Kind::session_begun, *session_);
    event.who = event.owner;
    parts_.tell(event);
  }
  parts_.tell_changed(operation_);
  return true;
}

void Beginning::give_up() {
  try {
    if (is_cancelled() || !locks_) throw_wait_cancelled();
    throw locks_->give_up();
  } catch (...) {
    if (step_ == Step::locks) undo();
    rethrow(*session_);
  }
}

void Beginning::enter() {
  const auto& id = operation_.id();
  require_room(parts_, *session_);
  rollback_.emplace();
  parts_.table.add(session_, parts_.settings.sessions_per_user, parts_.held_sessions);
  step_ = Step::locks;
  rollback_->add([this] { parts_.table.remove(*session_); });
  reporting_.emplace(parts_, operation_, request_.progress);
  if (!request_.name.empty()) refuse_session_file(parts_, operation_);
  try {
    parts_.store.add_session(session_record(*session_));
  } catch (...) {
    // The record may be there all the same. One of another session of that name stays.
    rollback_->add(undo_step(id, [this, id] {
      const auto record = parts_.store.session(id);
      if (record && record->created == session_->identity.created) parts_.store.remove_session(id);
    }));
    throw;
  }
  rollback_->add([this] { parts_.remove(operation_); });
  rollback_->add(undo_step(id, [this, id] { parts_.store.remove_session(id); }));
  parts_.tell_added(operation_);
  rollback_->add(undo_step(id, [this] { release_locks(parts_, operation_); }));
  locks_.emplace(parts_, operation_, request_);
}

void Beginning::set_up() {
  const auto id = operation_.id();
  if (const auto folder = sessions_folder(parts_.settings, operation_.definition()); folder != parts_.folders.own()) {
    ensure_sessions_folder(folder);
    parts_.folders.remember(folder);
  }
  parts_.pipeline.set_up(operation_, TearDown::everything, journal_of(operation_));
  rollback_->add(undo_step(id, [this] { remove_session_file(parts_.folders.own(), operation_.token()); }));
  activate(parts_, operation_);
  rollback_->commit();
  step_ = Step::done;
}

void Beginning::undo() noexcept {
  step_ = Step::none;
  try {
    log_notes(operation_);
    // Undoes what the stages did, where they have not undone it themselves.
    if (const auto left = parts_.pipeline.tear_down(operation_, TearDown::everything); !left.empty()) {
      // What is still there stays locked and listed, so that it can be ended once that is mended.
      rollback_->commit();
      mark_failed(
          parts_, operation_,
          concat("it could not be begun, and what was set up could not all be undone: ", base::join(left, "; ")));
    }
  } catch (const BrokenOff& error) {
    rollback_->commit();
    base::log::warning(concat("undoing the begin of session ", session_->id(), ": ", error.what()));
  } catch (const std::exception& error) {
    base::log::error(concat("undoing the begin of session ", session_->id(), ": ", error.what()));
  }
  operation_->cancelled = {};
  locks_.reset();
  reporting_.reset();
  rollback_.reset();
}

SessionView Beginning::view() const { return view_of(parts_, *session_); }

Started Beginning::run(const RunRequest& request) {
  try {
    return session::run(parts_, operation_, request);
  } catch (...) {
    try {
      end_unused(parts_, operation_);
    } catch (const std::exception& error) {
      base::log::error(
          concat("ending automatic session ", session_->id(), " whose command could not be run: ", error.what()));
    }
    throw;
  }
}

}  // namespace unionroot::session
