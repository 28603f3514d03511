#include "session/held_sessions.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <string_view>
#include <thread>
#include <variant>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/paths.h"
#include "base/text.h"
#include "fstab/from_profile.h"
#include "mount/host_view.h"
#include "session/session.h"

namespace unionroot::session {

using base::concat;

namespace {

// The targets of the session's own file systems, relative to its root. Leaves out those that a later mount covers.
std::vector<std::string> own_filesystems(const definition::Definition& definition) {
  std::vector<std::string> targets;
  if (definition.has_union()) targets.emplace_back();
  const auto plan = fstab::plan_inner_mounts(definition);
  if (plan.private_dev) targets.emplace_back("dev");
  for (auto entry = plan.mounts.begin(); entry != plan.mounts.end(); ++entry) {
    const auto covers = [&](const auto& later) { return base::is_or_is_beneath(entry->target, later.target); };
    const bool own = entry->kind == mount::InnerMount::Kind::filesystem && entry->type == "tmpfs";
    if (own && std::none_of(std::next(entry), plan.mounts.end(), covers)) targets.push_back(entry->target);
  }
  return targets;
}

struct DisksOf {
  std::vector<std::string> operator()(const definition::ImageSource& source) const { return {source.file}; }
  std::vector<std::string> operator()(const definition::LoopbackSource& source) const { return {source.file}; }
  std::vector<std::string> operator()(const definition::BlockDeviceSource& source) const { return {source.device}; }
  std::vector<std::string> operator()(const definition::LvmSnapshotSource& source) const { return {source.device}; }
  std::vector<std::string> operator()(const auto&) const { return {}; }
};

std::vector<std::string> disks_of(const definition::Definition& definition) {
  auto disks = std::visit(DisksOf{}, definition.source);
  if (!definition.union_.device.empty()) disks.push_back(definition.union_.device);
  return disks;
}

std::string describe_holders(const kernel::HeldThings& things, const std::function<bool(uid_t)>& may_be_told) {
  auto holders = kernel::holders_of(things);
  for (auto& holder : holders) {
    if (may_be_told(holder.uid)) continue;
    holder.command = "another user's";
    holder.how = "an open file or folder";
  }
  return holders.empty() ? "held by something that /proc does not show" : kernel::describe(holders);
}

void add(kernel::HeldThings& to, const kernel::HeldThings& from) {
  to.devices.insert(to.devices.end(), from.devices.begin(), from.devices.end());
  to.mounts.insert(to.mounts.end(), from.mounts.begin(), from.mounts.end());
  to.files.insert(to.files.end(), from.files.begin(), from.files.end());
}

}  // namespace

HeldSessions::HeldSessions()
    : inotify_(base::check(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC), "making an inotify instance")) {}

HeldSessions::Watched HeldSessions::watch(Operation& operation) {
  Watched watched;
  if (!operation->space) return watched;
  try {
    watched.things.files.push_back(kernel::file_number(operation->space->descriptor()));
    if (operation->view_mount != 0) watched.things.mounts.push_back(operation->view_mount);
    for (const auto& root : operation->space->open_mounts(own_filesystems(operation.definition()))) {
      watched.things.devices.push_back(kernel::file_number(root.get()).device);
      if (const auto number = kernel::unique_mount_id(root.get()); number != 0) watched.things.mounts.push_back(number);
      const std::lock_guard guard(mutex_);
      const int added = ::inotify_add_watch(inotify_.get(), concat("/proc/self/fd/", root.get()).c_str(),
                                            IN_DELETE_SELF | IN_ONLYDIR);
      if (added < 0) {
        const int problem = errno;
        throw base::SystemError(problem, "adding an inotify watch",
                                problem == ENOSPC ? "raise the sysctl fs.inotify.max_user_watches" : "");
      }
      live_.insert(added);
      watched.watches.push_back(added);
    }
  } catch (const base::Error& error) {
    base::log::warning(concat("session ", operation.id(),
                              ": whether its files are held after its end is not known: ", error.with_hint()));
  }
  return watched;
}

void HeldSessions::count_while_held(const Operation& operation, Watched watched) {
  if (watched.watches.empty()) return;
  // A killed process, or a thread that only inspects the session, lets go within milliseconds.
  constexpr int attempts = 20;
  for (int attempt = 0; still_held(watched); ++attempt) {
    if (attempt < attempts) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      continue;
    }
    const auto& identity = operation.identity();
    base::log::info(
        concat("session ", operation.id(), " has ended, but its files are ",
               describe_holders(watched.things, [](uid_t) { return true; }),
               "; until they are closed, its memory and disk space stay in use, and it counts as a session of ",
               identity.owner_name));
    const std::lock_guard guard(mutex_);
    held_.push_back(
        {operation.id(), identity.owner, identity.owner_name, disks_of(operation.definition()), std::move(watched)});
    return;
  }
}

unsigned HeldSessions::count(uid_t owner) {
  const std::lock_guard guard(mutex_);
  read_events();
  return static_cast<unsigned>(
      std::count_if(held_.begin(), held_.end(), [owner](const Held& held) { return held.owner == owner; }));
}

std::string HeldSessions::describe(uid_t owner) {
  std::vector<std::string> names;
  kernel::HeldThings things;
  {
    const std::lock_guard guard(mutex_);
    read_events();
    for (const auto& held : held_) {
      if (held.owner != owner) continue;
      names.push_back(held.id);
      add(things, held.watched.things);
    }
  }
  if (names.empty()) return {};
  const auto count = names.size();
  constexpr std::size_t most = 5;
  if (count > most) names.resize(most);
  return concat(count, count == 1 ? " ended session (" : " ended sessions (", base::join(names, ", "),
                count > most ? ", ..." : "", count == 1 ? ") is still " : ") are still ",
                describe_holders(things, [owner](uid_t uid) { return owner == 0 || uid == owner; }));
}

std::string HeldSessions::describe_on(const std::string& disk) {
  std::vector<std::string> names;
  kernel::HeldThings things;
  {
    const std::lock_guard guard(mutex_);
    read_events();
    for (const auto& held : held_) {
      if (std::find(held.disks.begin(), held.disks.end(), disk) == held.disks.end()) continue;
      names.push_back(concat("session ", held.id, " of ", held.owner_name));
      add(things, held.watched.things);
    }
  }
  if (names.empty()) return {};
  return concat(base::join(names, ", "), ", which has ended, is ",
                describe_holders(things, [](uid_t) { return false; }));
}

std::string HeldSessions::holders_of_former(const Operation& operation) {
  constexpr std::chrono::seconds patience{5};
  if (!operation->overlay_watched) return "whether something still has files of its overlay open is not known";
  const auto& session = operation.identity();
  const auto end = std::chrono::steady_clock::now() + patience;
  for (;;) {
    kernel::HeldThings things;
    {
      const std::lock_guard guard(mutex_);
      read_events();
      for (const auto& held : held_)
        if (held.id == session.id) add(things, held.watched.things);
    }
    if (things.files.empty()) return {};
    if (std::chrono::steady_clock::now() >= end)
      return describe_holders(things, [&](uid_t uid) { return session.owner == 0 || uid == session.owner; });
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

std::string HeldSessions::holders_now(const Operation& operation) {
  if (!operation->space) return {};
  kernel::HeldThings things;
  if (const auto view = operation.services().views.mount_number(operation.id()); view != 0)
    things.mounts.push_back(view);
  for (const auto& root : operation->space->open_mounts({""})) {
    things.devices.push_back(kernel::file_number(root.get()).device);
    if (const auto number = kernel::unique_mount_id(root.get()); number != 0) things.mounts.push_back(number);
  }
  if (kernel::holders_of(things).empty()) return {};
  const auto owner = operation.identity().owner;
  return describe_holders(things, [owner](uid_t uid) { return owner == 0 || uid == owner; });
}

bool HeldSessions::is_held(const Watched& watched) const {
  return std::any_of(watched.watches.begin(), watched.watches.end(),
                     [this](int watch) { return live_.contains(watch); });
}

bool HeldSessions::still_held(const Watched& watched) {
  const std::lock_guard guard(mutex_);
  read_events();
  return is_held(watched);
}

void HeldSessions::read_events() {
  alignas(inotify_event) std::array<char, 4096> buffer{};
  for (;;) {
    const auto length = ::read(inotify_.get(), buffer.data(), buffer.size());
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) break;  // EAGAIN
    for (ssize_t at = 0; at < length;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
      if ((event->mask & IN_Q_OVERFLOW) != 0) forget_all_but_listed();
      if ((event->mask & (IN_UNMOUNT | IN_IGNORED)) != 0) live_.erase(event->wd);
      at += static_cast<ssize_t>(sizeof *event + event->len);
    }
  }
  std::erase_if(held_, [this](const Held& held) { return !is_held(held.watched); });
}

// Events were lost. proc_pid_fdinfo(5) lists the watches that still exist: "inotify wd:1f ino:...", in hexadecimal.
void HeldSessions::forget_all_but_listed() {
  std::set<int> listed;
  for (const auto& line : base::split(base::read_file(concat("/proc/self/fdinfo/", inotify_.get())), '\n'))
    if (constexpr std::string_view begin = "inotify wd:"; line.starts_with(begin))
      listed.insert(static_cast<int>(std::strtol(line.c_str() + begin.size(), nullptr, 16)));
  std::erase_if(live_, [&](int watch) { return !listed.contains(watch); });
}

}  // namespace unionroot::session
