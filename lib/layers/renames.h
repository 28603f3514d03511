// Which files and folders of the lower layers have another name now.
//
// A renamed folder has its former path in an attribute (redirect_dir=on); of a file the origin attribute tells which
// file of a lower layer it was. Only what is clear counts: the former place does not show it any more, nothing else
// claims it, a file has one name, and there are not too many. All else is listed as deleted and added, which is right
// as well.
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "layers/view.h"

namespace unionroot::layers {

class Renames {
 public:
  // The former path of what is at `path`; nullptr: it has not been renamed.
  [[nodiscard]] const std::string* former(const std::string& path) const;
  // Where that is which was at `former`; nullptr: it has not been renamed.
  [[nodiscard]] const std::string* present(const std::string& former) const;
  [[nodiscard]] const std::map<std::string, std::string>& all() const { return present_; }  // former path, present one

  // Without what is in a renamed folder where it was: it went out and came back.
  void drop_returned();
  // False: one of both is taken, or there are too many.
  bool add(const std::string& former, const std::string& present);

 private:
  std::map<std::string, std::string> former_, present_;
  std::size_t bytes_ = 0;
};

// Throws SystemError.
Renames find_renames(View& view, const Options& options);

}  // namespace unionroot::layers
