// The parameters of the overlay at boot: the first line is the kernel's command line, what follows is boot.conf.
// Whatever they are, the machine gets a plan.
#include <algorithm>

#include "base/text.h"
#include "boot/plan.h"
#include "fuzz.h"

namespace unionroot::fuzz {

namespace {

using boot::Plan;
using boot::Setting;

Plan make(const std::vector<Setting>& file, std::vector<Setting> command_line) {
  if (planted) {  // the first word wins over the second
    const auto is_size = [](const Setting& setting) { return setting.key == "ofs-size"; };
    const auto first = std::find_if(command_line.begin(), command_line.end(), is_size);
    if (first != command_line.end()) {
      const auto second = std::find_if(first + 1, command_line.end(), is_size);
      if (second != command_line.end()) std::swap(first->value, second->value);
    }
  }
  return boot::make_plan(file, command_line);
}

std::string quoted(const std::string& key, const std::string& value) {
  return base::concat(" \"", key, "=", value, "\"");
}

// The plan as a command line. A name with a quote in it cannot be written there.
std::string written(const Plan& plan) {
  std::string out = quoted("unionroot.layout", std::string(boot::layout_name(plan.layout)));
  if (plan.layout == boot::Layout::by_partition) out.clear();
  if (plan.refused) out += " overlayfs=no";
  if (plan.lower.device) out += quoted("root", plan.lower.device->text());
  if (!plan.lower.types.empty()) out += quoted("rootfstype", base::join(plan.lower.types, ","));
  out += quoted("rootoptions", plan.lower.options.text());
  if (plan.asked) out += quoted("rootrw", plan.upper.device ? plan.upper.device->text() : "");
  if (!plan.upper.type.empty()) out += quoted("rootrwfstype", plan.upper.type);
  out += quoted("rootrwoptions", plan.upper.options.text());
  out += plan.upper.reset ? " rootrwreset=yes" : "";
  if (!plan.upper.image.empty()) out += quoted("rootrwimage", plan.upper.image);
  out += quoted("rootrwsize", plan.memory_size);
  out += quoted("rootrwbase", std::string(boot::base_policy_name(plan.on_other_base)));
  out += quoted("fsck.mode", std::string(boot::check_mode_name(plan.check)));
  out += quoted("rootrwfail", plan.on_failure == boot::OnFailure::temporary ? "tmpfs" : "read-only");
  out += quoted("rootrwwait", std::to_string(plan.wait.count()));
  out += quoted("rootinit", plan.init);
  if (plan.other_init) out += quoted("init", *plan.other_init);
  return out + (plan.debug ? " debug" : "");
}

bool can_be_written(const Plan& plan) {
  // Whatever "rw" and the others mean twice, an option that has "=" and no value is written without it.
  for (const auto* words : {&plan.lower.options, &plan.upper.options})
    for (const auto& [key, value] : words->options)
      if (key == "ro" || key == "rw") return false;
  const auto text = written(plan);
  return std::count(text.begin(), text.end(), '"') % 2 == 0 &&
         (!plan.lower.device || plan.lower.device->value.find('"') == std::string::npos) &&
         plan.upper.image.find('"') == std::string::npos &&
         (!plan.upper.device || plan.upper.device->value.find('"') == std::string::npos) &&
         plan.lower.options.text().find('"') == std::string::npos &&
         plan.upper.options.text().find('"') == std::string::npos && plan.upper.unusable.empty();
}

std::string without_messages(Plan plan) {
  plan.problems.clear();
  plan.notes.clear();
  plan.folders.clear();  // the command line has no word for them
  return plan.text();
}

bool is_device(const std::optional<boot::DeviceName>& name) {
  return !name || boot::parse_device_name(name->text()) == *name;
}

// 1 to 100, without the reader's own code; 0: none.
unsigned long percentage(std::string text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos) return 0;
  text.erase(0, std::min(text.find_first_not_of('0'), text.size()));
  if (text.empty() || text.size() > 3) return 0;
  const auto percent = std::stoul(text);
  return percent > 100 ? 0 : percent;
}

// The last word of ofs-size that means something; nothing where rootrwsize says something too.
std::optional<std::string> percent_of(const std::vector<Setting>& command_line, const std::string& otherwise) {
  for (auto setting = command_line.rbegin(); setting != command_line.rend(); ++setting) {
    if (setting->key == "rootrwsize") return std::nullopt;
    if (setting->key != "ofs-size") continue;
    auto text = setting->value;
    if (!text.empty() && text.back() == '%') text.pop_back();
    if (const auto percent = percentage(text); percent != 0) return std::to_string(percent) + "%";
  }
  return otherwise;
}

bool is_size(const std::string& text) {
  if (text.ends_with('%')) return percentage(text.substr(0, text.size() - 1)) != 0;
  const auto unit = text.find_first_not_of("0123456789");
  return unit != 0 && text.find_first_not_of('0') != std::string::npos &&
         (unit == std::string::npos ||
          (unit == text.size() - 1 && std::string("kKmMgG").find(text[unit]) != std::string::npos));
}

}  // namespace

void run(std::string_view input) {
  const auto end = input.find('\n');
  const auto command_line = boot::settings_of_command_line(input.substr(0, end));
  const auto file =
      boot::settings_of_file(end == std::string_view::npos ? std::string_view{} : input.substr(end + 1), "boot.conf");
  const Plan plan = make(file.settings, command_line);

  require_text(plan.text(), "a plan");
  for (const auto& problem : file.problems) require_showable(problem, "a problem");
  for (const auto& problem : plan.problems) require_showable(problem, "a problem");
  for (const auto& note : plan.notes) require_showable(note, "a note");
  require_showable(plan.upper.unusable, "why there is no upper layer");
  require(is_size(plan.memory_size), "a size", plan.memory_size);
  require((plan.upper.image + "/").find("/../") == std::string::npos && !plan.upper.image.starts_with("../"),
          "an image is on its device", plan.upper.image);
  for (const auto& folder : plan.folders) {
    require(folder.starts_with('/') && !folder.starts_with("/etc") && !folder.ends_with('/'), "a folder", folder);
    require(folder.find_first_of(" \t\n:,\\\"'$%") == std::string::npos, "a folder that a unit can name", folder);
  }
  require(plan.wait.count() >= 0 && plan.wait.count() <= 3600, "a wait that ends");
  require(plan.init.starts_with('/'), "init is an absolute path", plan.init);
  // initramfs-tools' script writes it into a file that a shell reads.
  require(plan.init.find_first_of(" \t\n;&|<>$`\"'\\()*?[]#~{}!") == std::string::npos, "init is one plain word",
          plan.init);
  require(is_device(plan.lower.device) && is_device(plan.upper.device), "a device is read as it was written");
  require(!plan.upper.options.read_only, "an upper layer is written to");
  const auto percent = percent_of(command_line, boot::make_plan(file.settings, {}).memory_size);
  require(!percent || plan.memory_size == *percent, "the last word counts, and the command line before the file");
  if (!can_be_written(plan)) return;
  const auto again = boot::make_plan({}, boot::settings_of_command_line(written(plan)));
  require(without_messages(again) == without_messages(plan), "a plan is read as it was written", written(plan));
}

}  // namespace unionroot::fuzz
