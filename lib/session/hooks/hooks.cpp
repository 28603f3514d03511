#include "session/hooks/hooks.h"

#include <sys/mount.h>

#include <algorithm>
#include <boost/filesystem.hpp>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "definition/hook_scripts.h"
#include "definition/schroot_keys.h"
#include "session/hooks/environment.h"
#include "session/hooks/program.h"
#include "session/hooks/program_notes.h"
#include "session/stages/stages.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;

namespace {

std::string name_of(const std::string& path) { return boost::filesystem::path(path).filename().string(); }

// If the file exists, execve(2) may report an error about the interpreter in its first line.
Error not_executable(const std::string& path, const base::SystemError& error) {
  const bool interpreter = error.error_number() == ENOENT || error.error_number() == ENOTDIR;
  return {ErrorCode::stage_failed,
          concat("the hook ", base::printable(path), " cannot be run: ",
                 interpreter ? "the interpreter that its first line names does not exist" : error.what()),
          interpreter || error.error_number() == ENOEXEC ? "correct its first line, such as #!/bin/sh" : error.hint()};
}

void run_one(Operation& operation, HookStage stage, const HookSpace& space, const std::string& path,
             const std::vector<std::string>& environment) {
  const auto limit = operation.definition().hook_time_limit;
  ProgramNotes notes(operation, name_of(path));
  Program program;
  program.path = path;
  const bool failed = stage == HookStage::stop && !operation->begun;  // the session failed to begin
  program.arguments = {std::string(to_string(stage)), failed ? "fail" : "ok"};
  program.environment = environment;
  program.session = operation.id();
  program.limit = std::chrono::seconds(limit);
  if (stage == HookStage::stop)
    program.cancelled = [stop = operation.services().stop] { return stop != nullptr && stop->is_over(); };
  else
    program.cancelled = operation->cancelled;
  program.line = [&](bool errors, const std::string& line) { notes.add(errors, line); };
  operation.report({concat("running the hook ", name_of(path)), 0, 0});
  ProgramEnd end;
  try {
    end = run_program(program, {[&](const auto& action) { space.copy().visit(action); }, space.copy().inode()},
                      operation.services().cgroups);
  } catch (const base::SystemError& error) {
    throw not_executable(path, error);
  }
  if (end.how == ProgramEnd::How::ended && end.end.succeeded()) return;
  if (end.how == ProgramEnd::How::cancelled && stage == HookStage::stop)
    throw BrokenOff(ErrorCode::cancelled, concat("the hook ", path, " was interrupted, because unionrootd stops"),
                    "it is run again when unionrootd starts");
  if (end.how == ProgramEnd::How::cancelled)
    throw Error(ErrorCode::cancelled, concat("the hook ", path, " was cancelled"));
  throw Error(ErrorCode::stage_failed,
              concat("the hook ", base::printable(path), ' ', how_it_ended(end, program.limit), " in ",
                     to_string(stage), notes.last_words()),
              "correct the script, or hook-directories in the chroot's definition");
}

std::vector<std::string> scripts_of(Operation& operation) {
  std::vector<std::string> scripts;
  for (const auto& folder : operation.definition().hook_directories) {
    const bool of_schroot = folder == definition::setup_scripts_folder(operation.services().settings.schroot_directory);
    auto found = of_schroot ? definition::list_setup_scripts(folder) : definition::list_hook_scripts(folder);
    for (auto& skipped : found.skipped) operation.note(concat("W: ", skipped));
    std::move(found.paths.begin(), found.paths.end(), std::back_inserter(scripts));
  }
  return scripts;
}

void stop_all(Operation& operation, const HookSpace& space, const std::vector<std::string>& scripts,
              const std::vector<std::string>& environment) {
  std::vector<std::string> problems;
  for (auto script = scripts.rbegin(); script != scripts.rend(); ++script) {
    try {
      run_one(operation, HookStage::stop, space, *script, environment);
    } catch (const BrokenOff&) {
      throw;
    } catch (const Error& error) {
      problems.emplace_back(error.what());
    }
  }
  if (problems.empty()) return;
  if (!operation->begun) {
    // Often this is the script that failed before. No session is left that anybody could end later.
    for (const auto& problem : problems) operation.note(concat("W: ", problem));
    return;
  }
  throw Error(ErrorCode::stage_failed, base::join(problems, "; "),
              concat("undo by hand what they left, correct them, and run `unionroot end ", operation.id(), "`"));
}

}  // namespace

std::string_view to_string(HookStage stage) {
  switch (stage) {
    case HookStage::start: return "setup-start";
    case HookStage::recover: return "setup-recover";
    case HookStage::stop: return "setup-stop";
  }
  return "unknown";
}

bool has_hooks(const definition::Definition& definition) { return !definition.hook_directories.empty(); }

namespace {

// An untrusted folder is not a matter of the caller's access rights, so the error gets another code.
bool has_setup_scripts(const std::string& folder, const definition::Definition& definition) {
  try {
    return !definition::list_setup_scripts(folder).paths.empty();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::access_denied) throw;
    throw Error(ErrorCode::stage_failed, concat("chroot ", definition.name, ": ", error.what()), error.hint());
  }
}

}  // namespace

definition::DefinitionPtr with_setup_scripts(definition::DefinitionPtr definition,
                                             const definition::Settings& settings) {
  if (!definition::is_of_schroot(*definition, settings) || definition->is_plain()) return definition;
  auto folder = definition::setup_scripts_folder(settings.schroot_directory);
  const auto& own = definition->hook_directories;
  if (std::find(own.begin(), own.end(), folder) != own.end() || !has_setup_scripts(folder, *definition))
    return definition;
  auto changed = std::make_shared<definition::Definition>(*definition);
  changed->hook_directories.insert(changed->hook_directories.begin(), std::move(folder));
  return changed;
}

HookSpace::HookSpace(Operation& operation, base::UniqueFd tree) : operation_(operation) {
  auto& views = operation.services().views;
  try {
    views.make_folder(operation.id(), view_access(operation));
    copy_.emplace(operation.services().namespaces, std::move(tree), views.view_path(operation.id()));
  } catch (...) {
    try {
      views.remove_folder(operation.id());
    } catch (const std::exception& error) {
      base::log::warning(concat("session ", operation.id(), ": ", error.what()));
    }
    throw;
  }
}

void HookSpace::close() {
  if (!copy_) return;
  copy_.reset();
  operation_.services().views.remove_folder(operation_.id());
}

HookSpace::~HookSpace() {
  try {
    close();
  } catch (const std::exception& error) {
    base::log::warning(concat("session ", operation_.id(), ": ", error.what()));
  }
}

base::UniqueFd empty_tree(Operation& operation) {
  return operation.services().mounts.new_filesystem(
      "tmpfs", "unionroot", {{"mode", "0755"}, {"size", "4k"}, {"nr_inodes", "2"}},
      MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

void run_hooks(Operation& operation, HookStage stage, const HookSpace& space, bool& never_ran) {
  never_ran = true;
  const auto scripts = scripts_of(operation);
  const auto& path = space.copy().place();
  std::vector<std::string> notes;
  const auto environment = hook_environment(operation, hook_owner(operation),
                                            {boost::filesystem::path(path).parent_path().string(), path}, notes);
  operation.notes(std::move(notes));
  never_ran = false;
  if (stage == HookStage::stop) {
    stop_all(operation, space, scripts, environment);
    return;
  }
  for (const auto& script : scripts) run_one(operation, stage, space, script, environment);
}

}  // namespace unionroot::session
