// Private to archive: makes the members of an archive beneath a folder, and nowhere else.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "archive/below.h"
#include "archive/member.h"
#include "base/unique_fd.h"

namespace unionroot::archive::detail {

// Each path is resolved beneath the folder by openat2(2), without following symbolic links. So a member can neither
// leave the folder nor be written through a link that an earlier member made. Nothing that exists is ever replaced.
class TreeWriter {
 public:
  // `folder` is borrowed. `layer` and `below` are as in Options.
  TreeWriter(std::string archive, int folder, bool layer, std::vector<int> below = {});

  // For a member of a layer that lies on others. Call it first. It replaces the member's path, and the target of a hard
  // link, by paths without the symbolic links of the layers below.
  void place(Member& member);

  // Adds any member but a file with content. Throws Error(failed) with the member's name, or SystemError.
  void add(const Member& member);

  // Makes a file, open for writing, and completes it. Empty if nothing is to be written: the member was a mark of a
  // layer.
  base::UniqueFd create_file(const Member& member);
  void finish_file(int file, const Member& member);

  // Sets owner, mode, access control lists and time of the folders. This comes last, because making something in a
  // folder would change them or inherit them.
  void finish();

  [[nodiscard]] std::vector<std::string>& notes() { return notes_; }

 private:
  struct Folder {
    Member member;
    bool listed = false;  // the archive lists it; else it was only needed
    bool opaque = false;
    bool inherits = false;  // not listed, but the layers below have it: its metadata is from there
  };

  [[nodiscard]] bool below_whiteout(std::string path) const;
  int parent_of(const Member& member, std::string& name);
  base::UniqueFd open_folder(const Member& member, const std::string& path);
  void make_folder(const Member& member, const std::string& path, bool listed);
  void inherit(Folder& folder, const std::string& path) const;
  [[nodiscard]] bool hides_below(const std::string& path) const;
  std::string without_links(const Member& member, const std::string& path);
  std::optional<std::string> link_below(const std::string& path) const;
  std::string placed(const Member& member, const std::string& path);
  void add_directory(const Member& member);
  void add_hard_link(const Member& member);
  void add_device(Member member, mode_t type);
  void add_node(const Member& member, mode_t type);
  [[noreturn]] void refuse_device(const Member& member, std::string_view is, mode_t type, dev_t device) const;
  void add_symlink(const Member& member);
  bool take_mark(const Member& member);
  void take_back_mark(int parent, const std::string& name, const Member& member);
  void finish_node(int parent, const std::string& name, const Member& member);
  [[noreturn]] void fail(const Member& member, std::string_view doing) const;

  std::string archive_;
  int folder_;
  bool layer_;
  Below below_;
  std::map<std::string, Folder> folders_;                           // by path: a folder comes before what is in it
  std::set<std::string> whiteouts_;                                 // paths
  std::optional<std::pair<std::string, std::string>> last_placed_;  // a folder, and its path without links
  std::string last_parent_;
  base::UniqueFd last_descriptor_;
  std::vector<std::string> notes_;
  bool limited_devices_ = false;  // there is a note about it
};

}  // namespace unionroot::archive::detail
