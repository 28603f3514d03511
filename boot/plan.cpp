#include "boot/plan.h"

#include <sys/mount.h>

#include "base/text.h"
#include "boot/plan_reading.h"

namespace unionroot::boot {

using base::concat;

std::string_view layout_name(Layout layout) {
  switch (layout) {
    case Layout::by_partition: return "by-partition";
    case Layout::br2: return "br2";
    case Layout::yocto: return "yocto";
    case Layout::boundary: return "boundary";
  }
  return "";
}

std::string_view base_policy_name(OnOtherBase policy) {
  for (const auto& [name, named] : base_policies)
    if (named == policy) return name;
  return "";
}

std::string_view check_mode_name(CheckMode mode) {
  switch (mode) {
    case CheckMode::automatic: return "auto";
    case CheckMode::forced: return "force";
    case CheckMode::skipped: return "skip";
  }
  return "";
}

UpperPlan memory_upper(const std::string& size) {
  UpperPlan upper;
  upper.options = {MOUNT_ATTR_NOATIME, {{"mode", "755"}, {"size", size}}, false};
  return upper;
}

Plan make_plan(const std::vector<Setting>& file, const std::vector<Setting>& command_line) {
  Plan plan;
  plan.lower.options.attributes = MOUNT_ATTR_NOATIME | MOUNT_ATTR_NODIRATIME;
  Reading reading(plan);
  for (const auto& setting : file) reading.take(setting, true);
  for (const auto& setting : command_line) reading.take(setting, false);
  reading.finish();
  return plan;
}

std::string Plan::text() const {
  std::string out = concat("asked ", asked ? "yes" : "no", refused ? ", refused" : "", "\n");
  out += concat("lower ", lower.device ? lower.device->text() : "current", " ",
                lower.types.empty() ? "auto" : base::join(lower.types, ","), " ", lower.options.text(), "\n");
  out += concat("upper ", upper.device ? upper.device->text() : "memory", upper.image, " ",
                upper.type.empty() ? "auto" : upper.type, " ", upper.options.text(), upper.reset ? " reset" : "",
                upper.unusable.empty() ? "" : " unusable", "\n");
  out += concat("fail ", on_failure == OnFailure::temporary ? "tmpfs" : "read-only", ", memory ", memory_size,
                ", wait ", static_cast<std::uint64_t>(wait.count()), ", layout ", layout_name(layout), "\n");
  out += concat("base ", base_policy_name(on_other_base), ", check ", check_mode_name(check), "\n");
  out += concat("init ", init, other_init ? concat(", ", *other_init) : "", debug ? ", debug" : "", "\n");
  if (!folders.empty()) out += concat("folders ", base::join(folders, " "), "\n");
  for (const auto& problem : problems) out += concat("problem ", problem, "\n");
  for (const auto& note : notes) out += concat("note ", note, "\n");
  return out;
}

}  // namespace unionroot::boot
