#include "session/hooks/hooks.h"

#include <sys/mount.h>

#include <algorithm>
#include <boost/filesystem.hpp>
#include <deque>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "definition/hook_scripts.h"
#include "session/hooks/environment.h"
#include "session/hooks/program.h"
#include "session/stages/stages.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;

namespace {

constexpr std::size_t most_notes = 100;     // of what one script writes to standard output, and to standard error
constexpr std::size_t most_last_lines = 5;  // in an error

// The notes of one script, and its last words.
class Notes {
 public:
  Notes(Operation& operation, std::string script) : operation_(operation), script_(std::move(script)) {}

  void add(bool errors, const std::string& line) {
    if (errors) {
      last_.push_back(line);
      if (last_.size() > most_last_lines) last_.pop_front();
    }
    const auto count = ++count_[errors ? 1 : 0];
    if (count <= most_notes)
      operation_.note(concat(errors ? "E: " : "I: ", script_, ": ", line));
    else if (count == most_notes + 1)
      operation_.note(concat("W: ", script_, ": it wrote more lines, which are dropped"));
  }
  [[nodiscard]] std::string last_words() const {
    std::string words;
    for (const auto& line : last_) words += concat(words.empty() ? ": " : "; ", line);
    return words;
  }

 private:
  Operation& operation_;
  const std::string script_;
  std::deque<std::string> last_;
  std::size_t count_[2] = {};
};

std::string name_of(const std::string& path) { return boost::filesystem::path(path).filename().string(); }

std::string how_it_ended(const ProgramEnd& end, unsigned limit) {
  switch (end.how) {
    case ProgramEnd::How::ended: return describe(end.end);
    case ProgramEnd::How::over_limit: return concat("took longer than ", limit, " s (hook-time-limit) and was killed");
    case ProgramEnd::How::cancelled: return "was cancelled";
  }
  return "did not end";
}

// exec's errno for a file that is there says something of its first line: execve(2).
Error not_executable(const std::string& path, const base::SystemError& error) {
  const bool interpreter = error.error_number() == ENOENT || error.error_number() == ENOTDIR;
  return {ErrorCode::stage_failed,
          concat("the hook ", base::printable(path), " cannot be run: ",
                 interpreter ? "the interpreter that its first line names does not exist" : error.what()),
          interpreter || error.error_number() == ENOEXEC ? "mend its first line, such as #!/bin/sh" : error.hint()};
}

void run_one(Operation& operation, HookStage stage, const HookSpace& space, const std::string& path,
             const std::vector<std::string>& environment) {
  const auto limit = operation.definition().hook_time_limit;
  Notes notes(operation, name_of(path));
  Program program;
  program.path = path;
  const bool failed = stage == HookStage::stop && !operation->begun;  // of a session that never came to be
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
    end = run_program(program, space.copy(), operation.services().cgroups);
  } catch (const base::SystemError& error) {
    throw not_executable(path, error);
  }
  if (end.how == ProgramEnd::How::ended && end.end.succeeded()) return;
  if (end.how == ProgramEnd::How::cancelled && stage == HookStage::stop)
    throw BrokenOff(ErrorCode::cancelled, concat("the hook ", path, " was broken off, since unionrootd stops"),
                    "it is run again when unionrootd starts");
  if (end.how == ProgramEnd::How::cancelled)
    throw Error(ErrorCode::cancelled, concat("the hook ", path, " was cancelled"));
  throw Error(ErrorCode::stage_failed,
              concat("the hook ", base::printable(path), ' ', how_it_ended(end, limit), " in ", to_string(stage),
                     notes.last_words()),
              "mend the script, or hook-directories in the chroot's definition");
}

std::vector<std::string> scripts_of(Operation& operation) {
  std::vector<std::string> scripts;
  for (const auto& folder : operation.definition().hook_directories) {
    auto found = definition::list_hook_scripts(folder);
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
    // Often the one that has just failed. There is no session that anybody could end once it is mended.
    for (const auto& problem : problems) operation.note(concat("W: ", problem));
    return;
  }
  throw Error(ErrorCode::stage_failed, base::join(problems, "; "),
              concat("undo by hand what they did not, mend them, and `unionroot end ", operation.id(), "`"));
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
