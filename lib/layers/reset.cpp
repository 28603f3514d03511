// Plans of resets as text, and how they are carried out.
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/paths.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "kernel/files.h"
#include "layers/plan_text.h"
#include "layers/properties.h"
#include "layers/reset_plan.h"

namespace unionroot::layers {

using base::concat;
using base::UniqueFd;

namespace {

using StepKind = ResetStep::Kind;

// nullopt-like -1: it is not there any more. Each component by itself: a path may be longer than PATH_MAX.
UniqueFd open_folder(int upper, const std::string& path) {
  UniqueFd folder(base::check(::openat(upper, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "opening the upper layer"));
  for (const auto& name : base::split(path, '/')) {
    UniqueFd next(::openat(folder.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next && errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
      base::throw_errno("opening a folder of the upper layer", base::printable(name));
    if (!next) return {};
    folder = std::move(next);
  }
  return folder;
}

void remove(int upper, const std::string& path) {
  const auto folder = open_folder(upper, std::string(base::parent_path(path)));
  const std::string name(base::file_name(path));
  if (folder && kernel::exists_at(folder.get(), name)) kernel::remove_tree(folder.get(), name);
}

void forget_origin(int upper, const ResetStep& step) {
  const auto folder = open_folder(upper, std::string(base::parent_path(step.path)));
  if (!folder) return;
  const auto place = concat("/proc/self/fd/", folder.get(), "/", base::file_name(step.path));
  for (const auto& [name, value] : step.attributes)
    if (::lremovexattr(place.c_str(), name.c_str()) != 0 && errno != ENODATA && errno != ENOENT)
      base::throw_errno("removing the attribute", base::printable(name));
}

void restore(int upper, const ResetStep& step, const Options& options) {
  const auto folder = open_folder(upper, step.path);
  if (!folder) return;
  base::fault_point("restore a folder");
  set_properties(folder.get(), step.facts, step.has_attributes ? &step.attributes : nullptr, options);
  set_time(folder.get(), step.facts);
  base::fault_point("restore a folder done");
}

void restore_time(int upper, const ResetStep& step) {
  const auto folder = open_folder(upper, step.path);
  if (!folder) return;
  base::fault_point("set a folder's time");
  set_time(folder.get(), step.facts);
}

}  // namespace

std::string as_text(const ResetPlan& plan) {
  PlanWriter text;
  for (const auto& step : plan) {
    text.put(std::string(1, static_cast<char>(step.kind)));
    text.put(step.path);
    text.put_facts(step.facts);
    text.put(step.has_attributes ? 1 : 0);
    text.put_attributes(step.attributes);
  }
  text.put(".");
  return text.take();
}

ResetPlan reset_plan_of(std::string_view text) {
  ResetPlan plan;
  PlanReader reader(text, "the plan of a reset");
  while (true) {
    const auto kind = reader.next();
    if (kind == ".") break;
    if (kind.size() != 1 || std::string_view("rstoa").find(kind.front()) == std::string_view::npos)
      reader.throw_malformed();
    ResetStep step;
    step.kind = static_cast<StepKind>(kind.front());
    step.path = reader.next();
    step.facts = reader.facts();
    step.has_attributes = reader.number<int>() != 0;
    step.attributes = reader.attributes();
    plan.push_back(std::move(step));
  }
  if (!reader.done()) reader.throw_malformed();
  return plan;
}

void carry_out(const ResetPlan& plan, int upper, const Options& options) {
  for (const auto& step : plan) {
    if (step.kind == StepKind::strange) forget_origin(upper, step);
    if (step.kind == StepKind::remove) remove(upper, step.path);
  }
  // A folder's time changes with what is in it.
  for (const auto& step : plan) {
    if (step.kind == StepKind::restore) restore(upper, step, options);
    if (step.kind == StepKind::time) restore_time(upper, step);
  }
}

}  // namespace unionroot::layers
