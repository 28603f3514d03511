// How an overlay was mounted, as far as it says what its layers mean.
#pragma once

#include <string_view>

namespace unionroot::layers {

struct Options {
  bool user_attributes = false;  // userxattr: user.overlay.* instead of trusted.overlay.*
  bool follow_redirects = true;  // not with redirect_dir=nofollow, or userxattr
  bool metacopy = false;         // metacopy=on
  bool index = false;            // index=on
};

// Of overlay's mount options as one text, "redirect_dir=on,index=off". Those that do not matter here are passed over.
Options options_of(std::string_view mount_options);

}  // namespace unionroot::layers
