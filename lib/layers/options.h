// The mount options of an overlay that decide how its layers are read.
#pragma once

#include <string_view>

namespace unionroot::layers {

struct Options {
  bool user_attributes = false;  // userxattr: user.overlay.* instead of trusted.overlay.*
  bool follow_redirects = true;  // false with redirect_dir=nofollow, or userxattr without redirect_dir
  bool metacopy = false;         // metacopy=on
  bool index = false;            // index=on
};

// mount_options: overlay's options as one text, "redirect_dir=on,index=off". Ignores all other options.
Options options_of(std::string_view mount_options);

}  // namespace unionroot::layers
