// The files and folders of the lower layers that have another name now.
//
// An attribute of a renamed folder holds its former path (redirect_dir=on). The origin attribute of a file tells which
// file of a lower layer it was. A rename counts only if it is clear: the former place no longer shows it, nothing else
// claims it, a file has one name, and the limit of renames is not reached. All else is listed as deleted and added,
// which is right too.
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "layers/view.h"

namespace unionroot::layers {

class Renames {
 public:
  // The former path of the entry at `path`; nullptr: it was not renamed.
  [[nodiscard]] const std::string* former(const std::string& path) const;
  // The present path of the entry that was at `former`; nullptr: it was not renamed.
  [[nodiscard]] const std::string* present(const std::string& former) const;
  [[nodiscard]] const std::map<std::string, std::string>& all() const { return present_; }  // former path, present one

  // Drops entries that were moved out of a renamed folder and back.
  void drop_returned();
  // False: one of the two paths is taken, or there are too many.
  bool add(const std::string& former, const std::string& present);

 private:
  std::map<std::string, std::string> former_, present_;
  std::size_t bytes_ = 0;
};

// Throws SystemError.
Renames find_renames(View& view, const Options& options);

}  // namespace unionroot::layers
