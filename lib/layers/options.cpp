#include "layers/options.h"

#include "base/text.h"

namespace unionroot::layers {

Options options_of(std::string_view mount_options) {
  Options options;
  bool redirects_named = false;
  for (const auto& option : base::split(mount_options, ',')) {
    if (option == "userxattr") options.user_attributes = true;
    if (option.starts_with("metacopy=")) options.metacopy = option == "metacopy=on";
    if (option.starts_with("index=")) options.index = option == "index=on";
    if (option.starts_with("redirect_dir=")) {
      redirects_named = true;
      options.follow_redirects = option != "redirect_dir=nofollow";
    }
  }
  if (options.user_attributes && !redirects_named) options.follow_redirects = false;
  return options;
}

}  // namespace unionroot::layers
