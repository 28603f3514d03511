#include "session/schroot_places.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/file_lock.h"
#include "base/files.h"
#include "base/log.h"
#include "base/names.h"
#include "base/text.h"
#include "definition/schroot_sessions.h"
#include "kernel/files.h"
#include "owned/place.h"
#include "session/owner_lists.h"

namespace unionroot::session {

using base::concat;
using base::UniqueFd;

namespace {

constexpr const char* schroot_program = "/usr/bin/schroot";
constexpr std::size_t longest_record = std::size_t{1} << 20;
constexpr const char* lock_name = ".unionroot.lock";

enum class Installed : unsigned char { nothing, schroot, front_end };

// unionroot's front end has no set-uid bit.
Installed installed_as_schroot() {
  struct stat facts {};
  if (::stat(schroot_program, &facts) != 0) return Installed::nothing;
  return (facts.st_mode & S_ISUID) != 0 ? Installed::schroot : Installed::front_end;
}

// A test daemon with its own folders must not take these places from the machine's daemon.
bool are_wanted(const definition::Settings& settings) {
  return settings.schroot_places.value_or(settings.runtime_directory == definition::Settings().runtime_directory &&
                                          installed_as_schroot() == Installed::front_end);
}

// schroot prints /var/run, even if that is a link to /run. Scripts compare that path.
std::string as_schroot_calls(const std::string& folder) {
  const auto called = "/var" + folder;
  struct stat one {
  }, other{};
  const bool same =
      ::stat(folder.c_str(), &one) == 0 && ::stat(called.c_str(), &other) == 0 && base::is_same_file(one, other);
  return same ? called : folder;
}

template <typename Step>
void or_log(const std::string& doing, Step step) noexcept {
  try {
    step();
  } catch (const std::exception& error) {
    base::log::warning(concat(doing, ": ", error.what()));
  }
}

}  // namespace

definition::SchrootSession schroot_session(const store::SessionIdentity& session,
                                           const definition::Definition& definition, const std::string& location,
                                           const std::string& upper) {
  return {session.id,
          session.chroot,
          session.selected_name,
          session.owner_name,
          location,
          upper,
          is_listed_for_root(session.owner, definition.access)};
}

SchrootPlaces::SchrootPlaces(const definition::Settings& settings)
    : views_(settings.runtime_directory + "/mount/"), run_mounts_(settings.schroot_run_directory + "/mount/") {
  if (!are_wanted(settings)) return;
  or_log("schroot-places", [&] { open(settings); });
}

void SchrootPlaces::open(const definition::Settings& settings) {
  const auto folder = owned::ensure_place("schroot-run-directory", settings.schroot_run_directory, 0755);
  lock_.reset(base::check(::openat(folder.get(), lock_name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600), "opening",
                          concat(settings.schroot_run_directory, "/", lock_name)));
  if (!base::try_lock(lock_.get(), base::LockType::write, lock_name)) {
    lock_.reset();
    throw base::Error(
        base::ErrorCode::failed,
        concat(settings.schroot_run_directory, " is used by another daemon; sessions are not shown there"),
        "set schroot-places=yes only for one daemon");
  }
  auto run = owned::ensure_place("schroot-run-directory", settings.schroot_run_directory + "/mount", 0755);
  auto state = owned::ensure_place("schroot-state-directory", settings.schroot_state_directory + "/mount", 0755);
  called_ = as_schroot_calls(run_mounts_);
  remove_all_ours(run.get(), views_);
  remove_all_ours(state.get(), run_mounts_);
  if (installed_as_schroot() != Installed::schroot)
    records_ = owned::ensure_place("schroot-state-directory", settings.schroot_state_directory + "/session", 0755);
  remove_all_records();
  run_ = std::move(run);
  state_ = std::move(state);
}

// The target of the link; empty if it is not a link.
std::string SchrootPlaces::target_in(int folder, const std::string& name) const {
  char target[PATH_MAX];
  const auto size = ::readlinkat(folder, name.c_str(), target, sizeof target);
  if (size < 0 && errno != ENOENT && errno != EINVAL) base::throw_errno("reading the link", name);
  return size < 0 ? std::string() : std::string(target, static_cast<std::size_t>(size));
}

void SchrootPlaces::link(int folder, const std::string& name, const std::string& target) const {
  if (target_in(folder, name) == target) return;
  base::check(::symlinkat(target.c_str(), folder, name.c_str()), "making the link", name);
}

void SchrootPlaces::remove_ours(int folder, const std::string& name, const std::string& beneath) const {
  if (target_in(folder, name).starts_with(beneath)) kernel::remove_file(folder, name);
}

void SchrootPlaces::remove_all_ours(int folder, const std::string& beneath) const {
  for (const auto& name : kernel::list_directory(folder)) remove_ours(folder, name, beneath);
}

std::string SchrootPlaces::mark() const { return concat(definition::mark_of_view, views_, "\n"); }

bool SchrootPlaces::is_our_record(const std::string& name) const {
  const UniqueFd file(::openat(records_.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file) return false;
  struct stat facts {};
  if (::fstat(file.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) return false;
  return base::read_all(file.get(), name, longest_record).starts_with(mark());
}

void SchrootPlaces::remove_all_records() const {
  if (!records_) return;
  for (const auto& name : kernel::list_directory(records_.get()))
    if (is_our_record(name)) kernel::remove_file(records_.get(), name);
}

void SchrootPlaces::write_record(const std::string& session, const std::string& text) const {
  if (!records_ || (kernel::exists_at(records_.get(), session) && !is_our_record(session))) return;
  kernel::write_file_atomically(records_.get(), session, mark() + text, 0644, false);
}

void SchrootPlaces::show(const std::string& session, const std::string& view, const Record& record) noexcept {
  if (!run_) return;
  or_log(concat("showing session ", session, " at ", run_mounts_, session), [&] {
    base::require_valid_name("session name", session);
    link(run_.get(), session, view);
    link(state_.get(), session, run_mounts_ + session);
    shown_.lock()->insert(session);
    write_record(session, record(called_ + session));
  });
}

void SchrootPlaces::withdraw(const std::string& session) noexcept {
  if (!run_) return;
  or_log(concat("withdrawing ", run_mounts_, session), [&] {
    base::require_valid_name("session name", session);
    shown_.lock()->erase(session);
    if (records_ && is_our_record(session)) kernel::remove_file(records_.get(), session);
    remove_ours(state_.get(), session, run_mounts_);
    remove_ours(run_.get(), session, views_);
  });
}

void SchrootPlaces::withdraw_all() noexcept {
  if (!run_) return;
  or_log(concat("withdrawing what is in ", run_mounts_), [&] {
    shown_.lock()->clear();
    remove_all_records();
    remove_all_ours(state_.get(), run_mounts_);
    remove_all_ours(run_.get(), views_);
  });
}

std::optional<std::string> SchrootPlaces::path_of(const std::string& session) const {
  if (!run_ || !shown_.lock()->contains(session)) return std::nullopt;
  return called_ + session;
}

}  // namespace unionroot::session
