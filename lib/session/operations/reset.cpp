#include "session/operations/reset.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string_view>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/paths.h"
#include "base/text.h"
#include "kernel/files.h"
#include "kernel/open_beneath.h"
#include "layers/reset_plan.h"
#include "session/beginning_record.h"
#include "session/layer_places.h"
#include "session/operations/at_rest.h"
#include "session/operations/diff.h"
#include "session/stages/stages.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;

namespace {

constexpr const char* plan_name = "reset";
constexpr std::size_t longest_plan = std::size_t{1} << 30;

// nullopt: there is none.
std::optional<layers::ResetPlan> plan_in(int store, const std::string& folder = {}) {
  const auto text =
      base::read_file_at(store, folder.empty() ? plan_name : concat(folder, "/", plan_name), longest_plan);
  if (!text) return std::nullopt;
  return layers::reset_plan_of(*text);
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

void write_plan(Operation& operation, const layers::ResetPlan& plan) {
  in_store(operation.services(), operation.session(),
           [&](const std::string& store) { write_reset_plan(kernel::open_directory(store).get(), plan); });
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

void require_changeable(const Operation& operation, const char* verb) {
  const auto& id = operation.id();
  const auto& definition = operation.definition();
  const auto begin_another = concat("`unionroot end ", id, "` and begin another");
  require_at_rest(operation.session(), verb);
  const auto refuse = [&](const char* why) {
    throw Error(ErrorCode::not_supported, concat("cannot ", verb, " session ", id, ": ", why), begin_another);
  };
  if (!definition.has_union()) refuse("it works on its tree itself, and has no layer of its own");
  if (operation.automatic()) refuse("it is a command's own");
  if (definition.union_.reset) refuse("its definition has union-reset=yes, and keeps nothing");
  const auto shown = operation.session().shown.lock();
  if (!shown->frozen.empty())
    throw Error(ErrorCode::not_supported, concat("cannot ", verb, " session ", id, ": it stands on snapshots"),
                std::string_view(verb) == "reset"
                    ? concat("`unionroot rollback ", id, " ", shown->frozen.back().snapshot,
                             "` takes it back to the first one; or ", begin_another)
                    : begin_another);
  for (const auto& stage : shown->stages)
    if (const auto* const data = std::get_if<UnionData>(&stage.data); data != nullptr && data->backing == "tmpfs")
      refuse("its layer is in memory, and would be lost if the machine or the daemon failed meanwhile");
}

void write_reset_plan(int own, const layers::ResetPlan& plan) {
  kernel::write_file_atomically(own, plan_name, layers::as_text(plan), 0600, true);
}

bool reset(Parts& parts, Operation& operation, const ResetRequest& request, const std::function<bool()>& cancelled,
           TellProgress progress) {
  require_changeable(operation, "reset");
  const auto plan = plan_of(parts, operation, request, cancelled);
  if (plan.empty()) return false;
  const auto write = [&] {
    write_plan(operation, plan);
    base::log::info(concat("session ", operation.id(), " is reset, ",
                           request.paths.empty() ? std::string("all of it") : concat(request.paths.size(), " paths")));
  };
  set_up_anew(
      parts, operation, "reset", write, [&] { remove_plan(operation, false); }, std::move(progress));
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
