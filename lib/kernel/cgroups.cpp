#include "kernel/cgroups.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <optional>
#include <set>
#include <thread>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/files.h"
#include "base/log.h"
#include "base/process_identity.h"
#include "base/text.h"
#include "kernel/files.h"
#include "kernel/mountinfo.h"

namespace unionroot::kernel {

namespace {

using base::fault_point;
using base::SystemError;
using base::UniqueFd;
using Clock = std::chrono::steady_clock;

// A group's files ("cgroup.procs", "cpu.stat") share the folder with its children, so a name with a dot could clash
// with one of them. As systemd does, such a name gets an underscore in front; our names never begin with one.
std::string folder_of(const std::string& name) {
  if (name.empty() || name.front() == '_' || name == "." || name == ".." || name.find('/') != std::string::npos ||
      name.find('\n') != std::string::npos)
    throw base::Error(base::ErrorCode::invalid_argument,
                      base::concat("not a name for a control group: ", base::printable(name)));
  return name.find('.') == std::string::npos ? name : "_" + name;
}

std::string name_of(const std::string& folder) { return folder.front() == '_' ? folder.substr(1) : folder; }

// The group's folder, or empty if there is none.
UniqueFd try_open_group(int parent, const std::string& folder) {
  UniqueFd group(::openat(parent, folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!group && errno != ENOENT) base::throw_errno("opening the control group", folder);
  return group;
}

// Each group has some twenty files, so they are told by what the listing says of them.
std::vector<std::string> children_of(int group) { return list_directory(group, Listed::folders); }

void collect_processes(int group, std::vector<pid_t>& pids) {
  const UniqueFd file(::openat(group, "cgroup.procs", O_RDONLY | O_CLOEXEC));
  if (!file) {
    if (errno == ENOENT || errno == ENODEV) return;  // removed meanwhile
    base::throw_errno("opening cgroup.procs");
  }
  for (const std::string& line : base::split(base::read_all(file.get(), "cgroup.procs"), '\n'))
    if (const auto pid = base::parse_unsigned(line)) pids.push_back(static_cast<pid_t>(*pid));
  for (const std::string& child : children_of(group))
    if (const UniqueFd opened = try_open_group(group, child)) collect_processes(opened.get(), pids);
}

// False if there are groups in it, or processes.
bool remove_group(int parent, const std::string& folder) {
  fault_point("cgroup rmdir");
  if (::unlinkat(parent, folder.c_str(), AT_REMOVEDIR) != 0) {
    if (errno == EBUSY || errno == ENOTEMPTY) return false;
    if (errno != ENOENT) base::throw_errno("removing the control group", folder);
  }
  fault_point("cgroup rmdir done");
  return true;
}

// False if it is not empty yet (a killed process may take a moment to leave).
bool remove_groups(int parent, const std::string& folder) {
  if (remove_group(parent, folder)) return true;  // as a run's, which has none beneath
  if (const UniqueFd group = try_open_group(parent, folder))
    for (const std::string& child : children_of(group.get()))
      if (!remove_groups(group.get(), child)) return false;
  return remove_group(parent, folder);
}

// Waits until the group and all beneath it have no process: cgroup.events, "populated", kernel's cgroup-v2 manual.
bool wait_until_empty(int group, Clock::time_point end) {
  const UniqueFd events(::openat(group, "cgroup.events", O_RDONLY | O_CLOEXEC));
  if (!events) {
    if (errno == ENOENT || errno == ENODEV) return true;
    base::throw_errno("opening cgroup.events");
  }
  for (;;) {
    char buffer[256];
    const auto count = ::pread(events.get(), buffer, sizeof buffer, 0);
    if (count < 0 && errno == ENODEV) return true;
    const std::string_view text(buffer, static_cast<std::size_t>(base::check(count, "reading cgroup.events")));
    if (text.find("populated 0") != std::string_view::npos) return true;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    if (left <= 0) return false;
    pollfd wait{events.get(), POLLPRI, 0};
    if (::poll(&wait, 1, static_cast<int>(std::min<std::int64_t>(left, 1000))) < 0 && errno != EINTR)
      base::throw_errno("waiting for a control group to become empty");
  }
}

[[noreturn]] void give_up(int group, const std::string& session) {
  std::vector<pid_t> pids;
  collect_processes(group, pids);
  std::string names;
  for (const pid_t pid : pids) names += base::concat(names.empty() ? "" : ", ", pid, " (", base::command_of(pid), ")");
  throw base::Error(base::ErrorCode::timed_out,
                    base::concat("killing the processes of ", base::printable(session),
                                 ": these remain: ", names.empty() ? "none that can be named" : names),
                    "they may wait for a device or a network file system; try again when it answers");
}

class RealCgroups final : public Cgroups {
 public:
  RealCgroups(UniqueFd own, std::string folder, std::string former, std::string description)
      : own_(std::move(own)), folder_(std::move(folder)), folders_{folder_}, description_(std::move(description)) {
    if (!former.empty()) folders_.push_back(std::move(former));
  }
  RealCgroups(const RealCgroups&) = delete;
  RealCgroups& operator=(const RealCgroups&) = delete;
  ~RealCgroups() override {
    // With live sessions it is not empty, and stays.
    for (const std::string& folder : folders_)
      if (::unlinkat(own_.get(), folder.c_str(), AT_REMOVEDIR) != 0 && errno != EBUSY && errno != ENOTEMPTY &&
          errno != ENOENT)
        base::log::warning(base::concat("the control group ", folder, " could not be removed"));
  }

  [[nodiscard]] bool available() const override { return true; }
  [[nodiscard]] std::string description() const override { return description_; }

  UniqueFd create(const std::string& session, const std::string& run) override {
    const std::string session_folder = folder_of(session);
    const std::string run_folder = folder_of(run);
    // Whoever removes the session's last run removes the session's group too, so it may go under our feet.
    for (int attempt = 0;; ++attempt) {
      make(own_.get(), folder_);
      const UniqueFd base_group = try_open_group(own_.get(), folder_);
      if (base_group) make(base_group.get(), session_folder);
      const UniqueFd group = base_group ? try_open_group(base_group.get(), session_folder) : UniqueFd();
      if (group) {
        fault_point("cgroup mkdir");
        if (::mkdirat(group.get(), run_folder.c_str(), 0755) == 0) {
          UniqueFd leaf(::openat(group.get(), run_folder.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
          if (!leaf) base::throw_errno("opening the control group", run_folder);
          fault_point("cgroup mkdir done");
          return leaf;
        }
        if (errno != ENOENT && errno != ENODEV) base::throw_errno("making the control group", run_folder);
      }
      if (attempt == 100) throw SystemError(ENOENT, base::concat("making the control group ", run_folder));
    }
  }

  [[nodiscard]] UniqueFd open(const std::string& session, const std::string& run) const override {
    for (const std::string& base : folders_) {
      const UniqueFd base_group = try_open_group(own_.get(), base);
      const UniqueFd group = base_group ? try_open_group(base_group.get(), folder_of(session)) : UniqueFd();
      UniqueFd found = group ? try_open_group(group.get(), folder_of(run)) : UniqueFd();
      if (found) return found;
    }
    return {};
  }

  void kill(const std::string& session, const std::string& run, std::chrono::milliseconds limit) override {
    const auto end = Clock::now() + limit;
    with_group(session, run, [&](int parent, const std::string& folder) {
      const UniqueFd group = try_open_group(parent, folder);
      if (!group) return;
      kill_all(group.get());
      for (;;) {
        if (!wait_until_empty(group.get(), end)) give_up(group.get(), session);
        if (remove_groups(parent, folder)) return;
        if (Clock::now() >= end) give_up(group.get(), session);
        kill_all(group.get());
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    });
  }

  void remove(const std::string& session, const std::string& run) override {
    with_group(session, run, [&](int parent, const std::string& folder) {
      // An exited process leaves its group a moment after its parent heard of it.
      for (int attempt = 0; attempt < 50; ++attempt) {
        if (remove_groups(parent, folder)) return;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      }
      throw SystemError(EBUSY, base::concat("removing the control group ", folder));
    });
  }

  [[nodiscard]] std::vector<std::string> sessions() const override {
    std::set<std::string> names;
    for (const std::string& base : folders_)
      if (const UniqueFd base_group = try_open_group(own_.get(), base))
        for (const std::string& folder : children_of(base_group.get())) names.insert(name_of(folder));
    return {names.begin(), names.end()};
  }

  [[nodiscard]] std::vector<pid_t> processes(const std::string& session) const override {
    std::vector<pid_t> pids;
    for (const std::string& base : folders_) {
      const UniqueFd base_group = try_open_group(own_.get(), base);
      const UniqueFd group = base_group ? try_open_group(base_group.get(), folder_of(session)) : UniqueFd();
      if (group) collect_processes(group.get(), pids);
    }
    std::sort(pids.begin(), pids.end());
    return pids;
  }

 private:
  static void make(int parent, const std::string& folder) {
    fault_point("cgroup mkdir");
    if (::mkdirat(parent, folder.c_str(), 0755) != 0 && errno != EEXIST && errno != ENOENT && errno != ENODEV)
      base::throw_errno("making the control group", folder);
    fault_point("cgroup mkdir done");
  }

  static void kill_all(int group) {
    fault_point("cgroup.kill");
    const UniqueFd file(::openat(group, "cgroup.kill", O_WRONLY | O_CLOEXEC));
    if (!file) {
      if (errno == ENOENT || errno == ENODEV) return;
      base::throw_errno("opening cgroup.kill");
    }
    if (::write(file.get(), "1", 1) != 1 && errno != ENODEV) base::throw_errno("writing cgroup.kill");
    fault_point("cgroup.kill done");
  }

  // Calls `act` with the folder that holds the group, and the group's name in it; not at all if there is none. An
  // empty `run` is the whole session. A session's group without runs goes with the last of them.
  void with_group(const std::string& session, const std::string& run,
                  const std::function<void(int parent, const std::string& folder)>& act) {
    for (const std::string& base : folders_) with_group_in(base, session, run, act);
  }

  void with_group_in(const std::string& base, const std::string& session, const std::string& run,
                     const std::function<void(int parent, const std::string& folder)>& act) {
    const std::string session_folder = folder_of(session);
    const UniqueFd base_group = try_open_group(own_.get(), base);
    if (!base_group) return;
    if (run.empty()) {
      act(base_group.get(), session_folder);
      return;
    }
    const std::string run_folder = folder_of(run);
    if (const UniqueFd group = try_open_group(base_group.get(), session_folder)) act(group.get(), run_folder);
    fault_point("cgroup rmdir");
    if (::unlinkat(base_group.get(), session_folder.c_str(), AT_REMOVEDIR) != 0 && errno != EBUSY &&
        errno != ENOTEMPTY && errno != ENOENT)
      base::throw_errno("removing the control group", session_folder);
    fault_point("cgroup rmdir done");
  }

  UniqueFd own_;                      // the group that this process was in at start-up
  std::string folder_;                // beneath it
  std::vector<std::string> folders_;  // all in which there may be groups of ours
  std::string description_;
};

class NoCgroups final : public Cgroups {
 public:
  explicit NoCgroups(std::string why) : why_(std::move(why)) {}
  [[nodiscard]] bool available() const override { return false; }
  [[nodiscard]] std::string description() const override { return why_; }
  UniqueFd create(const std::string&, const std::string&) override { return {}; }
  [[nodiscard]] UniqueFd open(const std::string&, const std::string&) const override { return {}; }
  void kill(const std::string&, const std::string&, std::chrono::milliseconds) override {}
  void remove(const std::string&, const std::string&) override {}
  [[nodiscard]] std::vector<std::string> sessions() const override { return {}; }
  [[nodiscard]] std::vector<pid_t> processes(const std::string&) const override { return {}; }

 private:
  std::string why_;
};

// Where this process's own version 2 group is in the file system; nullopt if there is no such hierarchy here.
std::optional<std::string> own_group_path() {
  std::optional<std::string> mounted;
  std::string root;
  for (const MountEntry& entry : parse_mountinfo(base::read_file("/proc/self/mountinfo"))) {
    if (entry.type != "cgroup2") continue;
    mounted = entry.target;
    root = entry.root;
  }
  if (!mounted) return std::nullopt;
  for (const std::string& line : base::split(base::read_file("/proc/self/cgroup"), '\n')) {
    if (line.rfind("0::", 0) != 0) continue;
    std::string group = line.substr(3);
    // A bind of a part of the hierarchy shows that part alone.
    if (root != "/" && group.rfind(root, 0) == 0) group.erase(0, root.size());
    return group == "/" ? *mounted : *mounted + group;
  }
  return std::nullopt;
}

}  // namespace

std::unique_ptr<Cgroups> real_cgroups(const std::string& name, const std::string& former) {
  const std::string folder = folder_of(name);
  try {
    const auto path = own_group_path();
    if (!path) return std::make_unique<NoCgroups>("no cgroup version 2 hierarchy is mounted");
    UniqueFd own = open_directory(*path);
    const std::string description = base::concat(*path == "/" ? "" : *path, "/", folder);
    ensure_directory(own.get(), folder, 0755);
    const UniqueFd group = open_directory_at(own.get(), folder);
    if (!exists_at(group.get(), "cgroup.kill")) {  // since Linux 5.14
      remove_directory(own.get(), folder);
      return std::make_unique<NoCgroups>(base::concat(description, " has no cgroup.kill"));
    }
    const bool has_former = !former.empty() && exists_at(own.get(), folder_of(former));
    return std::make_unique<RealCgroups>(std::move(own), folder, has_former ? folder_of(former) : std::string(),
                                         description);
  } catch (const SystemError& error) {
    // A read-only or foreign hierarchy, as in a container: sessions work all the same, by the fall-back.
    return std::make_unique<NoCgroups>(error.what());
  }
}

}  // namespace unionroot::kernel
