// All definitions, and the problems of those that could not be used. Follows edits of the files.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "definition/definition.h"
#include "definition/problem.h"
#include "definition/schroot_warnings.h"
#include "definition/settings.h"

namespace unionroot::definition {

using DefinitionPtr = std::shared_ptr<const Definition>;

// The result of one reading of the configuration. Immutable and shared.
struct Snapshot {
  std::vector<DefinitionPtr> chroots;  // sorted by name; includes the built-in `host` unless a file defines it
  std::map<std::string, DefinitionPtr, std::less<>> aliases;  // valid aliases; each belongs to one chroot
  Problems problems;
  SchrootWarnings schroot_warnings;  // about schroot's files

  // Looks up a name or an alias; nullptr if there is none.
  [[nodiscard]] DefinitionPtr find(const std::string& name) const;
  // The problem that made the definition of that name unusable, or nullptr.
  [[nodiscard]] const Problem* broken(const std::string& name) const;
  // The first problem of each unusable definition, and the problems of files that were refused as a whole.
  [[nodiscard]] std::vector<const Problem*> broken() const;
};

// Reads all files that the settings name. Never throws for errors in the files: they are in `problems`.
Snapshot load(const Settings& settings);

// Reads only the given files (for `unionroot check FILE`).
Snapshot load_files(const std::vector<std::string>& files, const Settings& settings);

// Thread-safe. Watches the configuration with inotify.
class Registry {
 public:
  explicit Registry(Settings settings);
  ~Registry();

  [[nodiscard]] const Settings& settings() const;
  [[nodiscard]] std::shared_ptr<const Snapshot> snapshot() const;

  // Becomes readable (poll) when files changed. Then call on_readable(): it drains the descriptor, reloads if needed,
  // and returns true if the snapshot changed. -1 if inotify is not available (logged); then call reload().
  [[nodiscard]] int watch_fd() const;
  bool on_readable();
  bool reload();

  // Returns the definition. Throws Error(no_such_chroot) with similar names and advice, or Error(definition_invalid)
  // with FILE:LINE if the definition is broken.
  [[nodiscard]] DefinitionPtr require(const std::string& name) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace unionroot::definition
