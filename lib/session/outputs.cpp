#include "session/outputs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "kernel/files.h"
#include "owned/place.h"

namespace unionroot::session {

using base::concat;
using base::UniqueFd;

namespace {

constexpr const char* folder_name = "output";
// An empty file takes an inode, and a place in its folder.
constexpr std::uint64_t least_of_file = std::uint64_t{64} << 10;

UniqueFd made_folder(const std::string& state_directory) {
  const auto state = owned::ensure_place("the state directory", state_directory, 0755);
  return owned::ensure_own_folder(state.get(), state_directory, folder_name, 0700);
}

// Emptied first: whoever reads it still must not keep its blocks.
void remove_output(int folder, const std::string& run) {
  const UniqueFd file(::openat(folder, run.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
  if (file && ::ftruncate(file.get(), 0) != 0) base::throw_errno("emptying the output of run", run);
  kernel::remove_file(folder, run);
}

}  // namespace

Outputs::Outputs(const std::string& state_directory, const Limits& limits, Runs runs)
    : limits_(limits), runs_(std::move(runs)), folder_(made_folder(state_directory)) {}

UniqueFd Outputs::folder_of(uid_t caller) const {
  const auto name = std::to_string(caller);
  UniqueFd folder(::openat(folder_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder && errno != ENOENT) base::throw_errno("opening the folder of the output of uid", name);
  return folder;
}

// running: how many of the files are of commands that run.
std::vector<Outputs::File> Outputs::ended_files(int folder, unsigned& running) const {
  std::vector<File> files;
  const auto names = kernel::list_directory(folder);
  if (names.empty()) return files;
  const auto runs = runs_();
  for (const auto& run : names) {
    struct stat facts {};
    if (starting_.contains(run) || runs(run)) {
      ++running;
    } else if (::fstatat(folder, run.c_str(), &facts, AT_SYMLINK_NOFOLLOW) == 0) {
      const auto bytes = static_cast<std::uint64_t>(facts.st_blocks) * 512;
      const std::chrono::nanoseconds time =
          std::chrono::seconds(facts.st_mtim.tv_sec) + std::chrono::nanoseconds(facts.st_mtim.tv_nsec);
      files.push_back({run, time, std::max(bytes, least_of_file)});
    }
  }
  std::sort(files.begin(), files.end(), [](const File& one, const File& other) { return one.time < other.time; });
  return files;
}

void Outputs::make_room(int folder, uid_t caller) {
  unsigned running = 0;
  const auto files = ended_files(folder, running);
  const auto most = limits_.of_user / limits_.of_run;
  if (caller != 0 && running > most)
    throw base::Error(base::ErrorCode::limit_exceeded,
                      concat("starting a detached command: uid ", caller, " has ", running - 1, " that run, and ", most,
                             " are possible"),
                      "wait for one (`unionroot wait`) or end one (`unionroot kill`); an administrator may raise "
                      "detached-output-per-user");
  std::uint64_t bytes = running * limits_.of_run;
  for (const auto& file : files) bytes += file.bytes;
  for (const auto& file : files) {
    if (bytes <= limits_.of_user) return;
    remove_output(folder, file.run);
    bytes -= file.bytes;
  }
}

UniqueFd Outputs::create(uid_t caller, const std::string& run) {
  const std::lock_guard lock(mutex_);
  prune_if_due();
  starting_.insert(run);
  try {
    const auto name = std::to_string(caller);
    kernel::ensure_directory(folder_.get(), name, 0700);
    const auto folder = folder_of(caller);
    UniqueFd file(::openat(folder.get(), run.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file) base::throw_errno("making the file for the output of run", run);
    try {
      make_room(folder.get(), caller);
    } catch (...) {
      remove_output(folder.get(), run);
      throw;
    }
    return file;
  } catch (...) {
    starting_.erase(run);
    throw;
  }
}

void Outputs::started(const std::string& run) {
  const std::lock_guard lock(mutex_);
  starting_.erase(run);
}

UniqueFd Outputs::open(uid_t caller, const std::string& run) const {
  const auto folder = folder_of(caller);
  if (!folder) return {};
  UniqueFd file(::openat(folder.get(), run.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!file && errno != ENOENT) base::throw_errno("opening the output of run", run);
  return file;
}

bool Outputs::has(uid_t caller, const std::string& run) const {
  const auto folder = folder_of(caller);
  return folder && kernel::exists_at(folder.get(), run);
}

void Outputs::ended(uid_t caller, const std::string& run) noexcept {
  if (limits_.age == std::chrono::hours::zero()) remove(caller, run);
}

void Outputs::remove(uid_t caller, const std::string& run) noexcept try {
  const auto folder = folder_of(caller);
  if (folder && kernel::exists_at(folder.get(), run)) remove_output(folder.get(), run);
} catch (const std::exception& error) {
  base::log::warning(concat("removing the output of run ", run, ": ", error.what()));
}

void Outputs::prune_folder(int folder) const {
  unsigned running = 0;
  const auto oldest = std::chrono::seconds(::time(nullptr)) - limits_.age;
  for (const auto& file : ended_files(folder, running))
    if (limits_.age == std::chrono::hours::zero() || file.time < oldest) remove_output(folder, file.run);
}

void Outputs::prune() {
  const std::lock_guard lock(mutex_);
  prune_if_due();
}

// Once an hour is enough for what is kept for days.
void Outputs::prune_if_due() noexcept try {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_prune_) return;
  next_prune_ = now + std::chrono::hours(1);
  for (const auto& user : kernel::list_directory(folder_.get(), kernel::Listed::folders)) {
    prune_folder(kernel::open_directory_at(folder_.get(), user).get());
    if (::unlinkat(folder_.get(), user.c_str(), AT_REMOVEDIR) != 0 && errno != ENOTEMPTY)
      base::throw_errno("removing the folder of the output of uid", user);
  }
} catch (const std::exception& error) {
  base::log::warning(concat("removing old output of commands: ", error.what()));
}

}  // namespace unionroot::session
