#include "layers/entries.h"

#include "layers/compare.h"

namespace unionroot::layers {

namespace {

std::string joined(const std::string& folder, const std::string& name) {
  return folder.empty() ? name : folder + '/' + name;
}

}  // namespace

bool entries_changed(View& view, const Renames& renames, const std::string& path, const Entry& now,
                     const std::string& former, const Entry& before) {
  const bool alike = now.folders.same_lowers(before.folders);
  auto names = View::names(now.folders, alike);
  if (!alike) {
    auto more = View::names(before.folders, false);
    names.insert(names.end(), more.begin(), more.end());
  }
  for (const bool contents : {false, true})
    for (const auto& name : names) {
      const auto one = view.look(now.folders, name), two = view.look(before.folders, name);
      if (!one && !two) continue;
      if (!one || !two || one->type() != two->type() || renames.former(joined(path, name)) != nullptr ||
          renames.present(joined(former, name)) != nullptr)
        return true;
      if (contents && !one->is_folder() && !same_content(*one, *two)) return true;
    }
  return false;
}

}  // namespace unionroot::layers
