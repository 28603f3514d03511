#include "kernel/cgroups.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/files.h"
#include "base/log.h"
#include "base/text.h"
#include "kernel/caller_limits.h"
#include "kernel/cgroup_folder.h"
#include "kernel/files.h"
#include "kernel/hierarchies.h"
#include "kernel/mountinfo.h"

namespace unionroot::kernel {

namespace {

using base::concat;
using base::fault_point;
using base::SystemError;
using base::UniqueFd;

// On a run's folder in the daemon's subtree: the path of the run's group beneath its caller's group.
constexpr char outside_attribute[] = "user.unionroot.group";
// The same of a run that has limits of its caller's unit beside that: the unit's path.
constexpr char unit_attribute[] = "user.unionroot.unit";

// The files of a group ("cgroup.procs", "cpu.stat") are in the same folder as its children, so a name with a dot could
// clash with a file. Such a name gets an underscore in front, as systemd does it. Our own names never begin with one.
std::string folder_of(const std::string& name) {
  if (name.empty() || name.front() == '_' || name == "." || name == ".." || name.find('/') != std::string::npos ||
      name.find('\n') != std::string::npos)
    throw base::Error(base::ErrorCode::invalid_argument,
                      concat("not a name for a control group: ", base::printable(name)));
  return name.find('.') == std::string::npos ? name : "_" + name;
}

std::string name_of(const std::string& folder) { return folder.front() == '_' ? folder.substr(1) : folder; }

[[noreturn]] void refuse_caller(const std::string& why) {
  throw base::Error(base::ErrorCode::access_denied,
                    concat("the command cannot be in its caller's control group: ", why),
                    "in another group it would not have its caller's limits; ask from a process in another group, or "
                    "have cgroup=own set for the chroot");
}

// The groups of version 1 to join: the caller's, without those that a child of this process is in anyway. `outlives`:
// as for create_run.
std::vector<std::string> groups_to_join(const Hierarchies& hierarchies, const std::vector<Membership>& callers,
                                        const std::vector<Membership>& own, bool outlives) {
  std::vector<std::string> folders;
  for (const Membership& group : callers) {
    if (group.hierarchy.empty() || std::find(own.begin(), own.end(), group) != own.end()) continue;
    // By those of a name systemd(1) finds what it ends with a unit. They limit nothing.
    if (outlives && group.hierarchy.starts_with("name=")) continue;
    auto folder = hierarchies.folder(group);
    if (!folder)
      refuse_caller(concat(group.hierarchy, ":", base::printable(group.path), " is not visible to the daemon"));
    folders.push_back(std::move(*folder));
  }
  return folders;
}

std::optional<std::string> second_version_in(const std::vector<Membership>& groups) {
  const auto found =
      std::find_if(groups.begin(), groups.end(), [](const Membership& group) { return group.hierarchy.empty(); });
  return found == groups.end() ? std::nullopt : std::optional(found->path);
}

// The mounted hierarchies, read once: they rarely change while a machine runs, and reading them takes long.
class Mounted {
 public:
  std::optional<std::string> folder(const Membership& group) { return hierarchies().folder(group); }
  Hierarchies& hierarchies() {
    std::call_once(read_, [this] { hierarchies_ = Hierarchies(read_mountinfo()); });
    return hierarchies_;
  }

 private:
  std::once_flag read_;
  Hierarchies hierarchies_;
};

std::vector<Membership> own_groups() { return parse_memberships(base::read_file("/proc/self/cgroup")); }

class RealCgroups final : public Cgroups {
 public:
  RealCgroups(UniqueFd own, std::string folder, std::string former, std::string description)
      : own_(std::move(own)), folder_(std::move(folder)), folders_{folder_}, description_(std::move(description)) {
    if (!former.empty()) folders_.push_back(std::move(former));
  }
  RealCgroups(const RealCgroups&) = delete;
  RealCgroups& operator=(const RealCgroups&) = delete;
  ~RealCgroups() override {
    // With live sessions the folder is not empty. Then it stays.
    for (const std::string& folder : folders_)
      if (::unlinkat(own_.get(), folder.c_str(), AT_REMOVEDIR) != 0 && errno != EBUSY && errno != ENOTEMPTY &&
          errno != ENOENT)
        base::log::warning(concat("the control group ", folder, " could not be removed"));
  }

  [[nodiscard]] bool available() const override { return true; }
  [[nodiscard]] std::string description() const override { return description_; }

  UniqueFd create(const std::string& session, const std::string& run) override {
    const std::string session_folder = folder_of(session);
    const std::string run_folder = folder_of(run);
    // Whoever removes the session's last run also removes the session's group. It may disappear here, so try again.
    for (int attempt = 0;; ++attempt) {
      make(own_.get(), folder_);
      const UniqueFd base_group = try_open_group(own_.get(), folder_);
      if (base_group) make(base_group.get(), session_folder);
      const UniqueFd group = base_group ? try_open_group(base_group.get(), session_folder) : UniqueFd();
      if (group) {
        fault_point("cgroup mkdir");
        if (::mkdirat(group.get(), run_folder.c_str(), 0755) == 0) {
          UniqueFd leaf(::openat(group.get(), run_folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
          if (!leaf) base::throw_errno("opening the control group", run_folder);
          fault_point("cgroup mkdir done");
          return leaf;
        }
        if (errno != ENOENT && errno != ENODEV) base::throw_errno("making the control group", run_folder);
      }
      if (attempt == 100) throw SystemError(ENOENT, concat("making the control group ", run_folder));
    }
  }

  RunGroup create_run(const std::string& session, const std::string& run, const std::optional<std::string>& callers,
                      bool outlives) override {
    RunGroup made;
    std::string path;
    CallerLimits limits;
    std::string unit;
    if (callers) {
      const auto groups = parse_memberships(*callers);
      made.joined = groups_to_join(mounted_.hierarchies(), groups, own_groups(), outlives);
      auto second = second_version_in(groups);
      if (!second) refuse_caller("it has no control group of version 2");
      if (outlives) second = beside_unit(*second, limits, unit);
      made.path = concat(*second == "/" ? "" : *second, "/", folder_, "-", run);
      const auto parent = mounted_.folder({"", *second});
      if (!parent) refuse_caller(concat(base::printable(*second), " is not visible to the daemon"));
      path = concat(*parent, "/", folder_, "-", run);
    }
    made.record = limits.empty() ? create(session, run) : create_alone(session, run, unit);
    if (callers) made.outside = make_outside(made.record.get(), path);
    if (!limits.empty()) {
      made.outside = limited(made.outside.get(), limits);
      made.path += concat("/", limited_group_name);
    }
    return made;
  }

  [[nodiscard]] UniqueFd open(const std::string& session, const std::string& run) const override {
    for (const std::string& base : folders_) {
      const UniqueFd group = open_session(base, session);
      UniqueFd found = group ? try_open_group(group.get(), folder_of(run)) : UniqueFd();
      if (found) return found;
    }
    return {};
  }

  void kill(const std::string& session, const std::string& run, std::chrono::milliseconds limit) override {
    const auto end = KillClock::now() + limit;
    with_group(session, run, [&](int parent, const std::string& folder) {
      const auto outside = outside_groups(parent, folder, run.empty());
      for (const auto& path : outside) kill_in(AT_FDCWD, path);
      kill_in(parent, folder);
      for (const auto& path : outside) end_group(AT_FDCWD, path, session, end);
      end_group(parent, folder, session, end);
    });
  }

  void remove(const std::string& session, const std::string& run) override {
    with_group(session, run, [&](int parent, const std::string& folder) {
      const auto outside = outside_groups(parent, folder, run.empty());
      // An exited process leaves its group a little after its parent was told.
      for (int attempt = 0; attempt < 50; ++attempt) {
        const bool gone = std::all_of(outside.begin(), outside.end(),
                                      [](const std::string& path) { return remove_groups(AT_FDCWD, path); });
        if (gone && remove_groups(parent, folder)) return;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      }
      throw SystemError(EBUSY, concat("removing the control group ", folder));
    });
  }

  [[nodiscard]] std::vector<std::string> sessions() const override {
    std::set<std::string> names;
    for (const std::string& base : folders_)
      if (const UniqueFd base_group = try_open_group(own_.get(), base))
        for (const std::string& folder : children_of(base_group.get())) names.insert(name_of(folder));
    return {names.begin(), names.end()};
  }

  [[nodiscard]] std::vector<std::string> runs_outside(const std::string& session) const override {
    std::vector<std::string> names;
    const UniqueFd group = open_session(folder_, session);
    if (!group) return names;
    for (const std::string& run : children_of(group.get()))
      if (!outside_groups(group.get(), run, false).empty()) names.push_back(name_of(run));
    return names;
  }

  [[nodiscard]] std::vector<pid_t> processes(const std::string& session) const override {
    std::vector<pid_t> pids;
    for (const std::string& base : folders_) {
      const UniqueFd group = open_session(base, session);
      if (!group) continue;
      collect_processes(group.get(), pids);
      for (const auto& path : outside_groups_in(group.get()))
        if (const UniqueFd outside = try_open_group(AT_FDCWD, path)) collect_processes(outside.get(), pids);
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

  // Only root makes anything in these folders, and a control group is never a symbolic link, so the path is safe.
  static UniqueFd make_outside(int record, const std::string& path) {
    fault_point("outside cgroup note");
    if (::fsetxattr(record, outside_attribute, path.c_str(), path.size(), 0) != 0)
      base::throw_errno("noting the control group", path);
    fault_point("outside cgroup mkdir");
    if (::mkdir(path.c_str(), 0755) != 0)
      refuse_caller(SystemError(errno, concat("making ", base::printable(path))).what());
    fault_point("outside cgroup mkdir done");
    UniqueFd group(::open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!group) refuse_caller(SystemError(errno, concat("opening ", base::printable(path))).what());
    return group;
  }

  // Where the group of a run is that may outlive its caller, in the hierarchy; and what holds on the way to its caller.
  // unit: the first group that is no slice.
  std::string beside_unit(const std::string& callers, CallerLimits& limits, std::string& unit) {
    const auto lasting = lasting_part(callers);
    std::string above = lasting;
    std::vector<std::string> folders;
    for (const auto& name : base::split(callers.substr(lasting == "/" ? 0 : lasting.size()), '/')) {
      above = concat(above == "/" ? "" : above, "/", name);
      if (unit.empty()) unit = above;
      const auto folder = mounted_.folder({"", above});
      if (!folder) refuse_caller(concat(base::printable(above), " is not visible to the daemon"));
      folders.push_back(*folder);
    }
    try {
      limits = limits_of(folders);
      require_no_programs(folders);
    } catch (const base::Error& error) {
      refuse_caller(error.what());
    }
    return lasting;
  }

  // The limits of a unit hold for all of it together. Two runs beside it would each have all of them.
  UniqueFd create_alone(const std::string& session, const std::string& run, const std::string& unit) {
    const std::lock_guard lock(limited_);
    if (const auto other = run_beside(unit))
      throw base::Error(base::ErrorCode::limit_exceeded,
                        concat("starting a detached command from ", base::printable(unit), ", which has limits: run ",
                               *other, " is detached from there"),
                        "such limits hold for one detached command at a time: wait for it (`unionroot wait`), end it "
                        "(`unionroot kill`), or have cgroup=own set for the chroot");
    UniqueFd record = create(session, run);
    if (::fsetxattr(record.get(), unit_attribute, unit.c_str(), unit.size(), 0) != 0) {
      const SystemError error(errno, concat("noting the unit of run ", run));
      remove(session, run);
      throw error;
    }
    return record;
  }

  // The run that has the limits of that unit.
  [[nodiscard]] std::optional<std::string> run_beside(const std::string& unit) const {
    for (const std::string& base : folders_) {
      const UniqueFd base_group = try_open_group(own_.get(), base);
      if (!base_group) continue;
      for (const auto& session : children_of(base_group.get())) {
        const UniqueFd group = try_open_group(base_group.get(), session);
        if (!group) continue;
        for (const auto& run : children_of(group.get()))
          if (const UniqueFd record = try_open_group(group.get(), run))
            if (attribute(record.get(), unit_attribute) == unit) return name_of(run);
      }
    }
    return std::nullopt;
  }

  static UniqueFd limited(int group, const CallerLimits& limits) {
    try {
      return limited_group(group, limits);
    } catch (const base::Error& error) {
      refuse_caller(error.what());
    }
  }

  // Empty if it has none.
  static std::string attribute(int group, const char* name) {
    std::array<char, PATH_MAX> path{};
    const auto length = ::fgetxattr(group, name, path.data(), path.size());
    if (length < 0 && errno != ENODATA && errno != ENOTSUP) base::throw_errno("reading where a run's control group is");
    return length > 0 ? std::string(path.data(), static_cast<std::size_t>(length)) : std::string();
  }

  static void add_outside(int group, std::vector<std::string>& paths) {
    if (auto path = attribute(group, outside_attribute); !path.empty()) paths.push_back(std::move(path));
  }

  // `base` is one of folders_. Empty if the session has no group there.
  [[nodiscard]] UniqueFd open_session(const std::string& base, const std::string& session) const {
    const UniqueFd base_group = try_open_group(own_.get(), base);
    return base_group ? try_open_group(base_group.get(), folder_of(session)) : UniqueFd();
  }

  // Paths of the groups outside the daemon's subtree, for all runs. `session`: the session's folder.
  static std::vector<std::string> outside_groups_in(int session) {
    std::vector<std::string> paths;
    for (const std::string& run : children_of(session))
      if (const UniqueFd each = try_open_group(session, run)) add_outside(each.get(), paths);
    return paths;
  }

  // The same for a run's folder, or for all runs in a session's folder.
  static std::vector<std::string> outside_groups(int parent, const std::string& folder, bool whole_session) {
    std::vector<std::string> paths;
    const UniqueFd group = try_open_group(parent, folder);
    if (group && whole_session) return outside_groups_in(group.get());
    if (group) add_outside(group.get(), paths);
    return paths;
  }

  static void kill_in(int parent, const std::string& folder) {
    if (const UniqueFd group = try_open_group(parent, folder)) kill_group(group.get());
  }

  // Calls `act` with the folder that contains the group and the group's name in it. An empty `run` means the whole
  // session. The session's group is removed with its last run.
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

  UniqueFd own_;                      // the group of this process at start-up
  std::string folder_;                // the daemon's folder in own_
  std::vector<std::string> folders_;  // all folders that may contain groups of ours
  std::string description_;
  std::mutex limited_;  // held while a run is made that has limits of its caller's unit
  Mounted mounted_;
};

// For a machine without control groups of version 2. Sessions work without them. A run in its caller's groups is
// possible if those of version 1 can be joined and the one of version 2 is this process's own.
class NoCgroups final : public Cgroups {
 public:
  explicit NoCgroups(std::string why) : why_(std::move(why)) {}
  [[nodiscard]] bool available() const override { return false; }
  [[nodiscard]] std::string description() const override { return why_; }
  UniqueFd create(const std::string&, const std::string&) override { return {}; }
  RunGroup create_run(const std::string&, const std::string&, const std::optional<std::string>& callers,
                      bool outlives) override {
    RunGroup none;
    if (!callers) return none;
    const auto groups = parse_memberships(*callers);
    const auto own = own_groups();
    const auto second = second_version_in(groups);
    if (second != second_version_in(own))
      refuse_caller(concat(second ? base::printable(*second) : std::string("it has no control group of version 2"),
                           ", because ", why_));
    none.joined = groups_to_join(mounted_.hierarchies(), groups, own, outlives);
    return none;
  }
  [[nodiscard]] UniqueFd open(const std::string&, const std::string&) const override { return {}; }
  void kill(const std::string&, const std::string&, std::chrono::milliseconds) override {}
  void remove(const std::string&, const std::string&) override {}
  [[nodiscard]] std::vector<std::string> sessions() const override { return {}; }
  [[nodiscard]] std::vector<std::string> runs_outside(const std::string&) const override { return {}; }
  [[nodiscard]] std::vector<pid_t> processes(const std::string&) const override { return {}; }

 private:
  std::string why_;
  Mounted mounted_;
};

// The folder of this process's own group of version 2; nullopt if no such hierarchy is mounted here.
std::optional<std::string> own_group_folder() {
  const auto path = second_version_in(own_groups());
  if (!path) return std::nullopt;
  return Hierarchies(read_mountinfo()).folder({"", *path});
}

}  // namespace

std::unique_ptr<Cgroups> real_cgroups(const std::string& name, const std::string& former) {
  const std::string folder = folder_of(name);
  try {
    const auto path = own_group_folder();
    if (!path) return std::make_unique<NoCgroups>("no cgroup version 2 hierarchy is mounted");
    UniqueFd own = open_directory(*path);
    const std::string description = concat(*path == "/" ? "" : *path, "/", folder);
    ensure_directory(own.get(), folder, 0755);
    const UniqueFd group = open_directory_at(own.get(), folder);
    if (!exists_at(group.get(), "cgroup.kill")) {  // since Linux 5.14
      remove_directory(own.get(), folder);
      return std::make_unique<NoCgroups>(concat(description, " has no cgroup.kill"));
    }
    const bool has_former = !former.empty() && exists_at(own.get(), folder_of(former));
    return std::make_unique<RealCgroups>(std::move(own), folder, has_former ? folder_of(former) : std::string(),
                                         description);
  } catch (const SystemError& error) {
    // The hierarchy is read-only or belongs to others, as in a container. Sessions work by the fall-back.
    return std::make_unique<NoCgroups>(error.what());
  }
}

bool remove_if_empty(Cgroups& cgroups, const std::string& session, const std::string& run) try {
  cgroups.remove(session, run);
  return true;
} catch (const SystemError& error) {
  if (error.error_number() != EBUSY) throw;
  return false;
}

}  // namespace unionroot::kernel
