// Walks the present tree and the former tree side by side, in the byte order of paths.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "layers/renames.h"
#include "layers/view.h"

namespace unionroot::layers {

// A path that grows with the depth. It is not copied at each level.
class Trail {
 public:
  Trail(std::shared_ptr<Trail> above, std::string part) : above_(std::move(above)), part_(std::move(part)) {}
  Trail(const Trail&) = delete;
  Trail& operator=(const Trail&) = delete;
  ~Trail();
  [[nodiscard]] std::string text() const;

 private:
  std::shared_ptr<Trail> above_;
  const std::string part_;
};
using TrailPtr = std::shared_ptr<Trail>;

// Called for each place where the two may differ. Paths are relative to the root, which is "".
class Visitor {
 public:
  virtual ~Visitor() = default;
  // True: the walk may skip a name that both show as a file or link in the same folder.
  [[nodiscard]] virtual bool only_added() const { return false; }
  // Nothing was there before, or what was there has moved.
  virtual void added(const std::string& path, const EntryPtr& now) = 0;
  // It no longer exists. `path` is where it was.
  virtual void deleted(const std::string& path, const EntryPtr& before) = 0;
  // What is at `path` now was at `former` before. Both are the same unless it was renamed or lies in a renamed folder.
  // renamed: it was renamed itself, not only a folder above it. The two may have different types.
  virtual void kept(const std::string& path, const EntryPtr& now, const std::string& former, const EntryPtr& before,
                    bool renamed) = 0;
};

class Walk {
 public:
  // All are borrowed. wanted: true if a path, or something beneath it, matters; may be empty.
  Walk(View& view, const Renames& renames, Visitor& visitor, std::function<bool(const std::string&)> wanted = {})
      : view_(view), renames_(renames), visitor_(visitor), wanted_(std::move(wanted)) {}
  void run();

 private:
  // What a folder shows now, and what it showed before. Without trail, `before` was at the same path.
  struct Present {
    FolderStack now;
    std::optional<FolderStack> before;
    TrailPtr trail;
  };
  // What a folder showed before, and what became of it. Without trail, `now` is at the same path.
  struct Past {
    FolderStack before;
    std::optional<FolderStack> now;
    TrailPtr trail;
  };
  struct Later;
  // A folder in progress. A folder that kept its path has `both`, which is a Present without trail.
  struct Level {
    std::optional<Present> both, present;
    std::optional<Past> past;
    std::size_t path_size = 0;  // of the folder, with a slash
    std::vector<std::string> names;
    std::size_t next = 0;
    std::vector<Later> folders;
  };
  // A folder that is walked after the names that sort before "NAME/".
  struct Later {
    std::string name;
    Level level;
  };

  void enter(Level level);
  void visit(Level& level, const std::string& name);
  void visit_both(Level& level, const std::string& name, Level& below);
  void visit_past(const Past& past, const std::string& name, Level& below);
  void visit_present(const Present& present, const std::string& name, Level& below);
  void tell_present(const EntryPtr& now, const EntryPtr& before, const std::string& former, bool renamed);

  View& view_;
  const Renames& renames_;
  Visitor& visitor_;
  std::function<bool(const std::string&)> wanted_;
  std::string path_;
  std::vector<Level> levels_;
};

}  // namespace unionroot::layers
