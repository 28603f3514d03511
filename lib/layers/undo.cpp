// Whether what was applied to a tree can be taken back.
#include <fcntl.h>
#include <sys/stat.h>

#include <optional>
#include <set>

#include "base/error.h"
#include "base/paths.h"
#include "base/text.h"
#include "kernel/files.h"
#include "layers/apply.h"

namespace unionroot::layers {

using base::concat;

namespace {

using StepKind = ApplyStep::Kind;

std::string folder_of(const std::string& path) { return std::string(base::parent_path(path)); }
std::string name_of(const std::string& path) { return std::string(base::file_name(path)); }
std::string shown(const std::string& path) { return concat("/", base::printable(path)); }

bool is_untouched(const Facts& then, const Facts& now) {
  return then.inode == now.inode && then.changed_seconds == now.changed_seconds &&
         then.changed_nanoseconds == now.changed_nanoseconds;
}

class Examiner {
 public:
  explicit Examiner(const ApplyStore& store)
      : store_(store), steps_(store.steps()), after_(written_by(store)), folders_(store.tree()) {}

  std::vector<std::string> obstacles() {
    for (const auto& step : steps_)
      if (step.kind == StepKind::fresh || step.kind == StepKind::moved) applied_.insert(step.path);
    for (const auto& step : steps_)
      if (step.kind == StepKind::folder && step.has_before && step.has_now) present_.emplace(step.former, step.path);
    for (const auto& step : steps_) {
      if (applied_.contains(step.path) && step.kind != StepKind::folder) look_at_applied(step);
      if (step.kind == StepKind::folder && step.has_before && step.has_now) look_at_folder(step);
      if (step.kind == StepKind::detach) look_at_former(step);
    }
    store_.write("times-of-others", times_of_others_);
    return std::move(found_);
  }

 private:
  std::optional<Facts> facts_at(const std::string& path) {
    struct stat status {};
    const int folder = folders_.find(folder_of(path));
    const auto name = path.empty() ? std::string(".") : name_of(path);
    if (folder < 0 || ::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return std::nullopt;
    return facts_of(status);
  }

  void tell(const std::string& path, const char* what) { found_.push_back(concat(shown(path), " ", what)); }

  void look_at_applied(const ApplyStep& step) {
    const auto* const then = after_.find(step.path);
    const auto now = facts_at(step.path);
    if (!now) return tell(step.path, "is gone");
    if (then == nullptr || then->inode != now->inode) return tell(step.path, "is another one now");
    if (!S_ISDIR(now->mode)) {
      if (!is_untouched(*then, *now)) tell(step.path, "was changed since");
      return;
    }
    if (then->mode != now->mode || then->uid != now->uid || then->gid != now->gid)
      return tell(step.path, "was changed since");
    if (step.kind != StepKind::fresh || is_untouched(*then, *now)) return;
    for (const auto& name : kernel::list_directory(folders_.open(step.path)))
      if (const auto path = concat(step.path, "/", name); !applied_.contains(path)) tell(path, "was made since");
  }

  void look_at_folder(const ApplyStep& step) {
    const auto* const then = after_.find(step.path);
    const auto now = facts_at(step.path);
    if (!now || !S_ISDIR(now->mode)) return tell(step.path, "is gone");
    if (then != nullptr && is_untouched(*then, *now)) return;
    const bool same = then != nullptr && then->mode == now->mode && then->uid == now->uid && then->gid == now->gid;
    if (step.whole && !same) return tell(step.path, "was changed since");
    times_of_others_ += step.former + '/' + '\0';
  }

  // Its place must be free.
  void look_at_former(const ApplyStep& step) {
    const auto folder = present_.find(folder_of(step.former));
    if (folder == present_.end()) return;  // one that comes back as well
    const auto path = folder->second.empty() ? name_of(step.former) : concat(folder->second, "/", name_of(step.former));
    if (!applied_.contains(path) && facts_at(path)) tell(path, "was made since");
  }

  const ApplyStore& store_;
  const std::vector<ApplyStep> steps_;
  const Beginning after_;
  TreeFolders folders_;
  std::set<std::string> applied_;
  std::map<std::string, std::string> present_;  // of folders that stay, by their former path
  std::string times_of_others_;
  std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> obstacles_to_undo(const ApplyStore& store) { return Examiner(store).obstacles(); }

}  // namespace unionroot::layers
