#include "session/overlay_support.h"

#include <map>
#include <mutex>
#include <optional>

#include "base/error.h"
#include "base/text.h"

namespace unionroot::session {

using base::concat;

namespace {

using Options = std::vector<std::pair<std::string, std::string>>;

// What is wrong with them; nullopt if nothing is.
std::optional<std::string> attempt(Services& services, const Options& options) {
  auto lower = services.mounts.new_filesystem("tmpfs", "unionroot-probe", {{"mode", "0755"}}, 0);
  auto store = services.mounts.new_filesystem("tmpfs", "unionroot-probe", {{"mode", "0755"}}, 0);
  for (const char* name : {"upper", "work"}) services.mounts.make_folder(store.get(), name, 0755);
  mount::OverlayPlan plan;
  plan.options = options;
  std::vector<base::UniqueFd> lowers;
  lowers.push_back(std::move(lower));
  try {
    services.namespaces.create().lay_overlay(plan, std::move(lowers), std::move(store));
  } catch (const base::Error& error) {
    return error.what();
  }
  return std::nullopt;
}

std::string text_of(const Options& options) {
  std::vector<std::string> words;
  for (const auto& [key, value] : options) words.push_back(value.empty() ? key : concat(key, '=', value));
  return base::join(words, ",");
}

// The first that does not work alone, or all of them.
std::string culprit(Services& services, const Options& options) {
  for (const auto& option : options)
    if (attempt(services, {option})) return text_of({option});
  return text_of(options);
}

}  // namespace

void require_options(Services& services, const Options& options) {
  static std::mutex mutex;
  static std::map<std::string, std::string> known;  // options -> what is wrong, empty if nothing is
  const auto text = text_of(options);
  const std::lock_guard guard(mutex);
  auto found = known.find(text);
  if (found == known.end()) {
    const auto wrong = attempt(services, options);
    found = known.emplace(text, wrong ? concat(culprit(services, options), " (", *wrong, ")") : std::string()).first;
  }
  if (found->second.empty()) return;
  throw base::Error(base::ErrorCode::not_supported,
                    concat("union-mount-options: this kernel's overlayfs does not take ", found->second),
                    "change union-mount-options; some options exclude each other (metacopy=on needs redirect_dir=on)");
}

}  // namespace unionroot::session
