#include "layers/apply.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/paths.h"
#include "base/text.h"
#include "kernel/files.h"
#include "layers/beginning.h"
#include "layers/copy_entry.h"
#include "layers/properties.h"
#include "layers/view.h"

namespace unionroot::layers {

using base::concat;
using base::Error;
using base::ErrorCode;

namespace {

using StepKind = ApplyStep::Kind;

std::string folder_of(const std::string& path) { return std::string(base::parent_path(path)); }
std::string name_of(const std::string& path) { return std::string(base::file_name(path)); }
bool is_attaching(const ApplyStep& step) { return step.kind == StepKind::fresh || step.kind == StepKind::moved; }

int source_of(const ApplyStore& store, const ApplyStep& step) {
  return step.kind == StepKind::fresh ? store.fresh() : store.former();
}

// Somebody who pays no heed to the lock may have written to the tree since the plan was made.
void require_same(int folder, const ApplyStep& step) {
  struct stat status {};
  const bool there = ::fstatat(folder, name_of(step.former).c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
  const auto facts = facts_of(status);
  const bool same =
      there && facts.inode == step.before.inode && facts.mode == step.before.mode &&
      (S_ISDIR(facts.mode) || (facts.seconds == step.before.seconds && facts.nanoseconds == step.before.nanoseconds));
  if (!same)
    throw Error(ErrorCode::failed,
                concat("the tree was changed meanwhile: /", base::printable(step.former), " is another now"),
                "try again");
}

void detach(const ApplyStore& store, const std::vector<ApplyStep>& steps) {
  TreeFolders folders(store.tree());
  for (const auto& step : steps) {
    const auto name = std::to_string(step.number);
    if (step.kind != StepKind::detach || kernel::exists_at(store.former(), name)) continue;
    const int folder = folders.open(folder_of(step.former));
    require_same(folder, step);
    kernel::rename_to(folder, name_of(step.former), store.former(), name);
  }
}

void attach(const ApplyStore& store, const std::vector<ApplyStep>& steps) {
  TreeFolders folders(store.tree());
  for (const auto& step : steps) {
    const auto name = std::to_string(step.number);
    if (!is_attaching(step) || !kernel::exists_at(source_of(store, step), name)) continue;
    kernel::rename_to(source_of(store, step), name, folders.open(folder_of(step.path)), name_of(step.path));
  }
}

// What others put in its place since is not taken along. after: empty if it is not known yet.
void require_own(int folder, const std::string& path, const Beginning& after) {
  const auto* const then = after.find(path);
  struct stat status {};
  if (then == nullptr) return;
  const bool there = ::fstatat(folder, name_of(path).c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
  const auto now = facts_of(status);
  // Not its ctime: another name of it may have been renamed already.
  const bool same = there && now.inode == then->inode && now.mode == then->mode &&
                    (S_ISDIR(now.mode) || (now.seconds == then->seconds && now.nanoseconds == then->nanoseconds));
  if (!same)
    throw Error(ErrorCode::failed, concat("/", base::printable(path), " is not what was applied any more"),
                "bring it back to what was applied, and try again");
}

void unattach(const ApplyStore& store, const std::vector<ApplyStep>& steps) {
  TreeFolders folders(store.tree());
  const auto record = store.read("after").value_or("");
  const Beginning after(record);
  for (auto next = steps.rbegin(); next != steps.rend(); ++next) {
    const auto name = std::to_string(next->number);
    if (!is_attaching(*next) || kernel::exists_at(source_of(store, *next), name)) continue;
    const int folder = folders.open(folder_of(next->path));
    require_own(folder, next->path, after);
    kernel::rename_to(folder, name_of(next->path), source_of(store, *next), name);
  }
}

void undetach(const ApplyStore& store, const std::vector<ApplyStep>& steps) {
  TreeFolders folders(store.tree());
  for (auto next = steps.rbegin(); next != steps.rend(); ++next) {
    const auto name = std::to_string(next->number);
    if (next->kind != StepKind::detach || !kernel::exists_at(store.former(), name)) continue;
    kernel::rename_to(store.former(), name, folders.open(folder_of(next->former)), name_of(next->former));
  }
}

// `back`: as they were before. What is at an old time was not touched by others.
void set_folders(const ApplyStore& store, const std::vector<ApplyStep>& steps, bool back) {
  TreeFolders folders(store.tree());
  const auto options = store.options();
  const auto left_alone = base::split(store.read("times-of-others").value_or(""), '\0', true);
  for (const auto& step : steps) {
    if (step.kind != StepKind::folder || !(back ? step.has_before : step.has_now)) continue;
    const auto& path = back ? step.former : step.path;
    const int folder = folders.open(path);
    const auto& facts = back ? step.before : step.now;
    base::fault_point("set a folder's properties");
    if (step.whole) set_properties(folder, facts, back ? &step.attributes_before : &step.attributes_now, options);
    if (!back || std::find(left_alone.begin(), left_alone.end(), path + '/') == left_alone.end())
      set_time(folder, facts);
  }
}

// At these paths, as Beginning reads it.
std::string record_of(const ApplyStore& store, const std::vector<std::string>& paths) {
  TreeFolders folders(store.tree());
  std::string record;
  for (const auto& path : paths) {
    struct stat status {};
    if (path.empty())
      base::check(::fstat(store.tree(), &status), "looking at the tree");
    else
      base::check(::fstatat(folders.open(folder_of(path)), name_of(path).c_str(), &status, AT_SYMLINK_NOFOLLOW),
                  "looking at what was applied");
    record += beginning_entry(path, facts_of(status));
  }
  return record;
}

std::string facts_written(const ApplyStore& store, const std::vector<ApplyStep>& steps) {
  std::vector<std::string> paths;
  for (const auto& step : steps)
    if (is_attaching(step) || (step.kind == StepKind::folder && step.has_now)) paths.push_back(step.path);
  return record_of(store, paths);
}

void go_forward(ApplyStore& store, const std::vector<ApplyStep>& steps) {
  if (store.phase() == ApplyPhase::detaching) {
    detach(store, steps);
    store.set_phase(ApplyPhase::attaching);
  }
  attach(store, steps);
  set_folders(store, steps, false);
  store.write("after", facts_written(store, steps));
  store.set_phase(ApplyPhase::applied);
}

void go_back(ApplyStore& store, const std::vector<ApplyStep>& steps) {
  if (store.phase() == ApplyPhase::unattaching) {
    unattach(store, steps);
    store.set_phase(ApplyPhase::undetaching);
  }
  undetach(store, steps);
  set_folders(store, steps, true);
  store.set_phase(ApplyPhase::undone);
}

using Way = void (*)(ApplyStore&, const std::vector<ApplyStep>&);

// other: where to from a phase if it cannot go on.
void go(ApplyStore& store, Way way, Way other_way, const std::map<ApplyPhase, ApplyPhase>& other) {
  const auto steps = store.steps();
  try {
    way(store, steps);
  } catch (const std::exception& error) {
    const auto turn = other.find(store.phase());
    if (turn == other.end()) return;  // it has come to its end all the same
    try {
      store.set_phase(turn->second);
      other_way(store, steps);
    } catch (const std::exception& second) {
      throw Error(ErrorCode::failed,
                  concat(error.what(), "; and the tree could not be brought back to what it was: ", second.what()),
                  "the undo layer has all that is missing; restart the daemon, and it tries again");
    }
    throw;
  }
}

}  // namespace

void prepare(const ApplyPlan& plan, const Layers& layers, ApplyStore& store, const std::function<bool()>& stop) {
  View view(layers.lowers, layers.upper, layers.options);
  std::map<std::pair<dev_t, ino_t>, std::string> copied;  // what has several names
  for (const auto& step : plan.steps) {
    if (step.kind != StepKind::fresh) continue;
    if (stop && stop()) throw Error(ErrorCode::cancelled, "it was cancelled");
    const auto name = std::to_string(step.number);
    const auto entry = view.resolve(view.upper_root(), step.path);
    if (!entry)
      throw Error(ErrorCode::failed, concat("/", base::printable(step.path), " has gone from the session meanwhile"),
                  "let what writes to it come to its end, and try again");
    const auto& status = entry->status;
    if (!entry->is_folder() && status.st_nlink > 1) {
      const auto [known, is_new] = copied.try_emplace({status.st_dev, status.st_ino}, name);
      if (!is_new) {
        base::check(::linkat(store.fresh(), known->second.c_str(), store.fresh(), name.c_str(), 0), "linking a copy");
        continue;
      }
    }
    copy_entry(*entry, store.fresh(), name, stop);
  }
}

void carry_forward(ApplyStore& store) {
  go(store, go_forward, go_back,
     {{ApplyPhase::detaching, ApplyPhase::undetaching}, {ApplyPhase::attaching, ApplyPhase::unattaching}});
}

void undo(ApplyStore& store) {
  if (store.phase() == ApplyPhase::applied) store.set_phase(ApplyPhase::unattaching);
  go(store, go_back, go_forward,
     {{ApplyPhase::unattaching, ApplyPhase::attaching}, {ApplyPhase::undetaching, ApplyPhase::detaching}});
}

void finish(ApplyStore& store) {
  switch (store.phase()) {
    case ApplyPhase::detaching:
    case ApplyPhase::attaching: return carry_forward(store);
    case ApplyPhase::unattaching:
    case ApplyPhase::undetaching: return undo(store);
    default: return;
  }
}

std::string restored_by(const ApplyStore& store) {
  std::vector<std::string> paths;
  for (const auto& step : store.steps())
    if (step.kind == StepKind::detach || (step.kind == StepKind::folder && step.has_before))
      paths.push_back(step.former);
  return record_of(store, paths);
}

std::string written_by(const ApplyStore& store) { return store.read("after").value_or(""); }

}  // namespace unionroot::layers
