// What was applied to a tree is taken back, and leaves the upper layer that it came from.
#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/text.h"
#include "kernel/files.h"
#include "layers/apply.h"
#include "layers/plan_text.h"
#include "layers/reset_plan.h"
#include "locks/unfinished.h"
#include "session/beginning_record.h"
#include "session/operations/apply.h"
#include "session/operations/reset.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;

namespace {

AppliedView view_of(const UndoRecord& record) {
  return {record.id, record.chroot, record.session, record.tree, record.since};
}

// Those of `paths` that can leave the layer: the tree has all of them, but a folder above may be the layer's own. Then
// what is in it may stay, for it is as the tree's.
layers::ResetPlan plan_leaving(const layers::Layers& given, const layers::Beginning& beginning,
                               const std::vector<std::string>& paths) {
  std::vector<std::string> possible;
  layers::ResetPlan plan;
  for (const auto& path : paths) {
    try {
      plan = layers::plan_reset(given, beginning, {{path}, {}});
      possible.push_back(path);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::invalid_argument) throw;
    }
  }
  return possible.empty() ? layers::ResetPlan() : layers::plan_reset(given, beginning, {possible, {}});
}

// One entry for each path: noting the same twice changes nothing.
void note_written(int own, const std::string& entries) {
  const layers::Beginning all(read_record_beside(own, written_name) + entries);
  std::string text;
  for (const auto& [path, facts] : all.entries()) text += layers::beginning_entry(path, facts);
  kernel::write_file_atomically(own, written_name, text, 0600, true);
}

void require_untouched(const UndoRecord& record, const layers::ApplyStore& store) {
  const auto obstacles = layers::obstacles_to_undo(store);
  if (obstacles.empty()) return;
  constexpr std::ptrdiff_t most = 100;
  const auto end = obstacles.begin() + std::min<std::ptrdiff_t>(most, std::ssize(obstacles));
  throw Error(ErrorCode::invalid_argument,
              concat("apply ", record.id, " to ", record.tree, " cannot be undone: ",
                     base::join({obstacles.begin(), end}, "; "), std::ssize(obstacles) > most ? "; and more" : ""),
              "bring these back to what was applied, or leave the tree as it is");
}

void require_untouched(const UndoLayers& undo_layers, const UndoRecord& record) {
  const auto place = undo_layers.open(record);
  require_untouched(record, layers::ApplyStore(place.folder.get(), place.tree.get()));
}

// session_stands: settle_apply() follows.
void take_back(const UndoLayers& undo_layers, UndoRecord record, bool session_stands) {
  const auto place = undo_layers.open(record);
  layers::ApplyStore store(place.folder.get(), place.tree.get());
  require_untouched(record, store);
  record.state = UndoState::pending;
  undo_layers.write(record);
  try {
    layers::undo(store);
  } catch (...) {
    if (store.phase() == layers::ApplyPhase::applied) {
      record.state = UndoState::applied;
      undo_layers.write(record);
    }
    throw;
  }
  // The tree has it again, whatever becomes of the layer: the next daemon deletes what is left.
  try {
    if (session_stands)
      undo_layers.drop_undone(record, layers::restored_by(store));
    else
      undo_layers.drop(record);
  } catch (const Error& error) {
    base::log::warning(concat("deleting the undo layer ", record.id, ": ", error.what()));
  }
}

bool is_of(const Operation& operation, const UndoRecord& record) {
  return record.session == operation.id() && record.session_created == operation.identity().created;
}

// Of this session: what failed on the way comes to its end, and what the tree has again is no change of somebody
// else's.
void settle_undone(const Operation& operation, const UndoLayers& undo_layers, int own) {
  for (const auto& record : undo_layers.all())
    if (is_of(operation, record) && record.state == UndoState::pending) finish_apply(undo_layers, record);
  for (const auto& record : undo_layers.all()) {
    if (!is_of(operation, record)) continue;
    if (record.state == UndoState::undone) note_written(own, record.restored);
    if (record.state == UndoState::undone || record.state == UndoState::dropped) undo_layers.drop(record);
  }
}

}  // namespace

void settle_apply(const Operation& operation, int store, const std::string& folder) {
  const UndoLayers undo_layers(operation.services().settings.state_directory);
  const auto records = undo_layers.all();
  const bool has_record =
      std::any_of(records.begin(), records.end(), [&](const auto& record) { return is_of(operation, record); });
  const auto mark = base::read_file_at(store, folder.empty() ? mark_name : concat(folder, "/", mark_name));
  if (!has_record && !mark) return;
  const auto own = kernel::open_directory_at(store, folder.empty() ? "." : folder);
  settle_undone(operation, undo_layers, own.get());
  if (!mark) return;
  layers::PlanReader reader(*mark, "the mark of an apply");
  const auto id = reader.next();
  std::vector<std::string> leaving;
  for (auto left = reader.number<std::size_t>(); left > 0; --left) leaving.push_back(reader.next());
  const auto record = undo_layers.find(id);
  if (record && record->state == UndoState::pending)
    throw Error(ErrorCode::failed, concat("its tree is in the middle of apply ", id),
                "the daemon's journal says why; it tries again when it starts");
  if (record && record->state == UndoState::applied) {
    const auto place = undo_layers.open(*record);
    note_written(own.get(), layers::written_by(layers::ApplyStore(place.folder.get(), place.tree.get())));
    const auto upper = kernel::open_directory_at(own.get(), "upper");
    const layers::Layers given{
        {place.tree.get()}, upper.get(), {}, layers::options_of(operation.definition().union_.mount_options)};
    const auto beginning_text = read_record_beside(own.get(), "beginning");
    const layers::Beginning beginning(beginning_text);
    const auto plan = plan_leaving(given, beginning, leaving);
    if (!plan.empty()) write_reset_plan(own.get(), plan);
  }
  kernel::remove_file(own.get(), mark_name);
  kernel::sync_directory(own.get());
}

AppliedView applied(const Parts& parts, const std::string& name,
                    const std::function<bool(const AppliedView&)>& may_undo) {
  std::vector<UndoRecord> found;
  for (auto& record : UndoLayers(parts.settings.state_directory).all())
    if (record.state == UndoState::applied && (name.empty() || record.id == name || record.session == name) &&
        may_undo(view_of(record)))
      found.push_back(std::move(record));
  if (found.empty())
    throw Error(ErrorCode::invalid_argument,
                name.empty() ? std::string("nothing was applied that you can undo")
                             : concat("nothing was applied as, or from session, '", base::printable(name),
                                      "' that you can undo"),
                "`unionroot apply` prints the id; a later apply to the same tree takes the place of the former; undo "
                "is for who may be root in source:CHROOT");
  if (found.size() == 1 || !name.empty()) return view_of(found.back());
  std::vector<std::string> texts;
  for (const auto& record : found)
    texts.push_back(concat(record.id, " (session ", record.session, ", chroot ", record.chroot, ")"));
  throw Error(ErrorCode::invalid_argument, concat("several can be undone: ", base::join(texts, ", ")), "name one");
}

void undo(Parts& parts, Operation* operation, const UndoRecord& record, const Caller& caller, TellProgress progress) {
  const UndoLayers undo_layers(parts.settings.state_directory);
  if (operation != nullptr) require_changeable(*operation, "undo what was applied from");
  auto lock = lock_tree(parts, record.key, record.tree, operation != nullptr ? record.session : std::string(),
                        record.chroot, caller, "undo");
  locks::require_finished(parts.settings.state_directory, record.key);
  const auto now = undo_layers.find(record.id);
  if (!now || now->state != UndoState::applied)
    throw Error(ErrorCode::invalid_argument, concat("apply ", record.id, " was undone meanwhile"));
  require_nothing_mounted(record.tree);
  require_untouched(undo_layers, record);
  bool done = false;
  const auto work = [&] {
    take_back(undo_layers, record, operation != nullptr);
    done = true;
  };
  const auto what = concat("what was applied to ", record.tree, " as ", record.id, " is undone");
  try {
    if (operation == nullptr)
      work();
    else
      while_unmounted(
          parts, *operation, "undo", [&](int, const std::string&) { work(); }, std::move(progress));
  } catch (...) {
    release_tree(lock);
    if (done) rethrow_after(std::current_exception(), what, record.session);
    throw;
  }
  release_tree(lock);
  base::log::info(what);
}

}  // namespace unionroot::session
