#include "session/operations/reset.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/paths.h"
#include "base/text.h"
#include "kernel/files.h"
#include "kernel/open_beneath.h"
#include "layers/reset_plan.h"
#include "session/attempts.h"
#include "session/beginning_record.h"
#include "session/journal.h"
#include "session/layer_places.h"
#include "session/operations/diff.h"
#include "session/operations/state.h"
#include "session/recovery/recover.h"
#include "session/stages/stages.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;
using store::SessionState;

namespace {

constexpr const char* plan_name = "reset";
constexpr std::size_t longest_plan = std::size_t{1} << 30;

// nullopt: there is none.
std::optional<layers::ResetPlan> plan_in(int store, const std::string& folder = {}) {
  const auto path = folder.empty() ? std::string(plan_name) : concat(folder, "/", plan_name);
  const UniqueFd file(::openat(store, path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!file && (errno == ENOENT || errno == ENOTDIR)) return std::nullopt;
  if (!file) base::throw_errno("opening the plan of a reset");
  return layers::reset_plan_of(base::read_all(file.get(), "the plan of a reset", longest_plan));
}

std::string described(const Run& run) {
  return concat("pid ", run.record.supervisor.pid, " (", base::printable(run.record.command), ") of ",
                base::printable(run.record.user), run.left_processes ? ", whose command has left processes" : "");
}

void require_at_rest(const Session& session) {
  const auto& id = session.id();
  const auto runs = session.runs.lock();
  if (runs->empty()) return;
  std::vector<std::string> texts;
  for (const auto& [run, about] : *runs) texts.push_back(described(about));
  throw Error(ErrorCode::session_busy, concat("commands run in session ", id, ": ", base::join(texts, "; ")),
              "let them come to their end, or end them, and reset it then");
}

void require_possible(const Operation& operation) {
  const auto& id = operation.id();
  const auto& definition = operation.definition();
  const auto begin_another = concat("`unionroot end ", id, "` and begin another");
  const auto state = operation.session().state();
  if (state != SessionState::active)
    throw Error(ErrorCode::session_not_active, concat("session ", id, " is ", store::to_string(state), ", not active"),
                concat("`unionroot info ", id, "` says why"));
  require_at_rest(operation.session());
  const auto refuse = [&](const char* why) {
    throw Error(ErrorCode::not_supported, concat("session ", id, " cannot be reset: ", why), begin_another);
  };
  if (!definition.has_union()) refuse("it works on its tree itself, and has no layer of its own");
  if (operation.automatic()) refuse("it is a command's own");
  if (definition.union_.reset) refuse("its definition has union-reset=yes, and keeps nothing");
  const auto shown = operation.session().shown.lock();
  for (const auto& stage : shown->stages)
    if (const auto* const data = std::get_if<UnionData>(&stage.data); data != nullptr && data->backing == "tmpfs")
      refuse("its layer is in memory, and would be lost if the machine or the daemon failed meanwhile");
}

layers::ResetPlan plan_of(Parts& parts, const Operation& operation, const ResetRequest& request,
                          const std::function<bool()>& cancelled) {
  const auto opened = open_layers(parts, operation.session(), *operation.operator->());
  layers::Layers given;
  given.options = layers::options_of(operation.definition().union_.mount_options);
  given.upper = opened.upper.get();
  for (const auto& lower : opened.lowers) given.lowers.push_back(lower.get());
  const layers::Beginning beginning(opened.beginning ? read_beginning(opened.beginning.get()) : std::string());
  return layers::plan_reset(given, beginning, {request.paths, request.keep}, [&] {
    return operation.session().end_wanted || parts.stopping || (cancelled && cancelled());
  });
}

void set_state(Parts& parts, Operation& operation, SessionState state) {
  operation.session().shown.lock()->state = state;
  parts.store.update_session(session_record(operation.session()));
}

void write_plan(Operation& operation, const layers::ResetPlan& plan) {
  in_store(operation.services(), operation.session(), [&](const std::string& store) {
    kernel::write_file_atomically(kernel::open_directory(store).get(), plan_name, layers::as_text(plan), 0600, true);
  });
}

// done: it was carried out, which is to be on disk before the plan goes; else nobody has acted on it yet.
void remove_plan(const Operation& operation, bool done) {
  in_store(operation.services(), operation.session(), [&](const std::string& path) {
    const auto store = kernel::open_directory(path);
    if (done) base::check(::syncfs(store.get()), "syncing an upper layer that was reset");
    kernel::remove_file(store.get(), plan_name);
    kernel::sync_directory(store.get());
  });
}

// What the record of the beginning has is another now, and as good.
std::vector<std::string> paths_again(const layers::ResetPlan& plan) {
  std::vector<std::string> paths;
  for (const auto& step : plan)
    if (step.kind == layers::ResetStep::Kind::again) paths.push_back(step.path);
  return paths;
}

// Files that were written anew have changed the times of their folders. Nobody is in the session yet.
void set_times_again(int root, const layers::ResetPlan& plan, const std::vector<std::string>& written) {
  for (const auto& step : plan) {
    const bool has_time = step.kind == layers::ResetStep::Kind::restore || step.kind == layers::ResetStep::Kind::time;
    const auto is_in_it = [&](const std::string& path) { return base::parent_path(path) == step.path; };
    if (!has_time || std::none_of(written.begin(), written.end(), is_in_it)) continue;
    const UniqueFd folder(kernel::try_open_beneath(root, step.path.empty() ? "." : step.path,
                                                   O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0,
                                                   kernel::resolve_as_named | RESOLVE_NO_XDEV));
    if (!folder) continue;
    const timespec times[2] = {{0, UTIME_OMIT},
                               {static_cast<time_t>(step.facts.seconds), static_cast<long>(step.facts.nanoseconds)}};
    base::check(::futimens(folder.get(), times), "setting the time of a folder");
  }
}

}  // namespace

bool reset(Parts& parts, Operation& operation, const ResetRequest& request, const std::function<bool()>& cancelled,
           TellProgress progress) {
  require_possible(operation);
  const auto plan = plan_of(parts, operation, request, cancelled);
  if (plan.empty()) return false;
  // They hold what is to be unmounted, and would read what is half done.
  parts.layer_readers.end_all(operation.id(), std::chrono::seconds(10));
  // From now on the next daemon sets it up again, whether there is a plan or not.
  try {
    set_state(parts, operation, SessionState::recovering);
    write_plan(operation, plan);
  } catch (...) {
    // Should the store not take this either, the next daemon sets it up again as it is.
    Attempts attempts;
    attempts.run([&] { remove_plan(operation, false); });
    if (attempts.problems().empty())
      attempts.run([&] { set_state(parts, operation, SessionState::active); });
    else  // `recover` carries it out: later changes must not be taken back by it
      mark_failed(parts, operation, concat("its reset was broken off: ", attempts.problems().front()));
    throw;
  }
  parts.tell_changed(operation);
  base::log::info(concat("session ", operation.id(), " is reset, ",
                         request.paths.empty() ? std::string("all of it") : concat(request.paths.size(), " paths")));
  recover(parts, operation, {}, std::move(progress));
  return true;
}

void carry_out_reset(const Operation& operation, int store, const std::string& folder) {
  const auto plan = plan_in(store, folder);
  if (!plan) return;
  const auto own = kernel::open_directory_at(store, folder.empty() ? "." : folder);
  const auto upper = kernel::open_directory_at(own.get(), "upper");
  layers::carry_out(*plan, upper.get(), layers::options_of(operation.definition().union_.mount_options));
  // The plan goes later, and must not go first.
  base::check(::syncfs(upper.get()), "syncing an upper layer that was reset");
}

void finish_reset(Operation& operation, int root) {
  std::optional<layers::ResetPlan> plan;
  in_store(operation.services(), operation.session(),
           [&](const std::string& store) { plan = plan_in(kernel::open_directory(store).get()); });
  if (!plan) return;
  const auto again = paths_again(*plan);
  auto request = files_request(operation, root);
  request.only = again;
  request.temporary = half_written_file(operation.token());
  if (!again.empty()) {
    tree::remove_half_written(root, request);  // of a daemon that died here
    operation.notes(tree::write_files(root, request));
    set_times_again(root, *plan, again);
  }
  note_again(operation, again);
  remove_plan(operation, true);
}

}  // namespace unionroot::session
