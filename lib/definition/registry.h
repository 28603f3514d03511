// All definitions, and what is wrong with those that are not there. Follows edits.
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

// One reading of the configuration: immutable, shared by whoever looks at it.
struct Snapshot {
  std::vector<DefinitionPtr> chroots;  // by name; the built-in `host` among them unless a file defines it
  std::map<std::string, DefinitionPtr, std::less<>> aliases;  // those that count: no two chroots have the same
  Problems problems;
  SchrootWarnings schroot_warnings;  // of its files

  // By name or alias; nullptr if there is none.
  [[nodiscard]] DefinitionPtr find(const std::string& name) const;
  // The problem that took out the definition of that name, if one did.
  [[nodiscard]] const Problem* broken(const std::string& name) const;
  // What took out definitions that would be there otherwise, the first of each, and files that were refused as a whole.
  [[nodiscard]] std::vector<const Problem*> broken() const;
};

// Reads every file that the settings name. Never throws for what is in the files: that is in problems.
Snapshot load(const Settings& settings);

// Reads the given files alone (for `unionroot check FILE`).
Snapshot load_files(const std::vector<std::string>& files, const Settings& settings);

// Thread-safe. Watches the configuration with inotify.
class Registry {
 public:
  explicit Registry(Settings settings);
  ~Registry();

  [[nodiscard]] const Settings& settings() const;
  [[nodiscard]] std::shared_ptr<const Snapshot> snapshot() const;

  // Readable (poll) when files changed; then call on_readable(), which drains it and reloads when needed and says
  // whether the snapshot changed. -1 where inotify is not to be had (logged); then only reload() helps.
  [[nodiscard]] int watch_fd() const;
  bool on_readable();
  bool reload();

  // The definition, or throws Error(no_such_chroot) naming near misses and what to do, or Error(definition_invalid)
  // with FILE:LINE if it is defined but broken.
  [[nodiscard]] DefinitionPtr require(const std::string& name) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace unionroot::definition
