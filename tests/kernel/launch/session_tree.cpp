#include "session_tree.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/filesystem.hpp>
#include <cerrno>
#include <cstring>
#include <thread>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "skip.h"

namespace test {

using namespace unionroot;

namespace {

void require(bool good, const char* what) {
  if (good) return;
  std::perror(what);
  ::_exit(1);
}

void make_node(const char* path, unsigned minor, unsigned major) {
  require(::mknod(path, S_IFCHR | 0666, ::makedev(major, minor)) == 0 && ::chmod(path, 0666) == 0, path);
}

// In the child: everything happens in its own namespace.
void build() {
  ::umask(022);
  require(::unshare(CLONE_NEWNS) == 0, "unshare");
  require(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "private");
  require(::mount("tmpfs", "/mnt", "tmpfs", 0, nullptr) == 0 && ::mkdir("/mnt/root", 0755) == 0, "tmpfs");
  require(::mount("/", "/mnt/root", nullptr, MS_BIND, nullptr) == 0, "bind");
  require(::mount(nullptr, "/mnt/root", nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr) == 0, "read-only");
  require(::mount("proc", "/mnt/root/proc", "proc", 0, nullptr) == 0, "proc");
  require(::mount("tmpfs", "/mnt/root/tmp", "tmpfs", 0, "mode=1777") == 0, "tmp");
  require(::mount("tmpfs", "/mnt/root/dev", "tmpfs", 0, "mode=0755") == 0, "dev");
  make_node("/mnt/root/dev/null", 3, 1);
  make_node("/mnt/root/dev/zero", 5, 1);
  make_node("/mnt/root/dev/tty", 0, 5);
  require(::mkdir("/mnt/root/dev/pts", 0755) == 0, "pts");
  require(::mount("devpts", "/mnt/root/dev/pts", "devpts", 0, "newinstance,ptmxmode=0666,mode=620,gid=5") == 0,
          "devpts");
  require(::symlink("pts/ptmx", "/mnt/root/dev/ptmx") == 0, "ptmx");
  require(::chdir("/mnt/root") == 0 && ::syscall(SYS_pivot_root, ".", ".") == 0 && ::umount2(".", MNT_DETACH) == 0,
          "pivot_root");
}

}  // namespace

SessionTree::SessionTree() {
  tests::require_root("for real mounts");
  int ready[2];
  int done[2];
  REQUIRE(::pipe2(ready, O_CLOEXEC) == 0);
  REQUIRE(::pipe2(done, O_CLOEXEC) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  char byte = 0;
  if (child == 0) {
    ::close(ready[0]);
    ::close(done[1]);
    build();
    require(::write(ready[1], "x", 1) == 1, "write");
    ::_exit(::read(done[0], &byte, 1) == 0 ? 0 : 1);
  }
  ::close(ready[1]);
  ::close(done[0]);
  const bool built = ::read(ready[0], &byte, 1) == 1;
  const std::string process = base::concat("/proc/", child);
  if (built) {
    namespace_.reset(::open((process + "/ns/mnt").c_str(), O_RDONLY | O_CLOEXEC));
    root_.reset(::open((process + "/root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  }
  ::close(ready[0]);
  ::close(done[1]);
  ::waitpid(child, nullptr, 0);
  REQUIRE(built);
  REQUIRE(namespace_);
  REQUIRE(root_);
}

void SessionTree::write(const std::string& path, const std::string& content, mode_t mode) const {
  const base::UniqueFd file(::openat(root_.get(), path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  REQUIRE(file);
  base::write_all(file.get(), content, path);
  REQUIRE(::fchmod(file.get(), mode) == 0);
}

std::string SessionTree::read(const std::string& path) const {
  const base::UniqueFd file(::openat(root_.get(), path.c_str(), O_RDONLY | O_CLOEXEC));
  return file ? base::read_all(file.get(), path) : std::string();
}

namespace {

std::string cgroup_root() {
  const char* const hybrid = "/sys/fs/cgroup/unified";
  return ::access(hybrid, F_OK) == 0 ? hybrid : "/sys/fs/cgroup";
}

}  // namespace

Cgroup::Cgroup() : path_(base::concat(cgroup_root(), "/unionroot-launch-test-", ::getpid())) {
  if (::mkdir(path_.c_str(), 0755) != 0) {
    missing_ = base::concat("no control groups here: ", std::strerror(errno));
    return;
  }
  if (::access((path_ + "/cgroup.kill").c_str(), W_OK) != 0) {
    ::rmdir(path_.c_str());
    missing_ = "no control groups of version 2 here";
    return;
  }
  directory_.reset(::open(path_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

void Cgroup::require() const {
  if (!available()) tests::skip(missing_);
}

Cgroup::~Cgroup() {
  if (!available()) return;
  kill();
  eventually([&] { return ::rmdir(path_.c_str()) == 0; });
}

void Cgroup::kill() const {
  const base::UniqueFd file(::open((path_ + "/cgroup.kill").c_str(), O_WRONLY | O_CLOEXEC));
  base::write_all(file.get(), "1", "cgroup.kill");
}

std::string Cgroup::processes() const { return base::read_file(path_ + "/cgroup.procs"); }

namespace {

// The fields of /proc/PID/stat from the state on (the third of proc(5)); none if the process has gone.
std::vector<std::string> stat_fields(const std::string& pid) {
  const auto text = base::try_read_file("/proc/" + pid + "/stat");
  if (!text) return {};
  auto fields = base::split(text->substr(text->rfind(')') + 1), ' ');
  fields.erase(std::remove(fields.begin(), fields.end(), std::string()), fields.end());
  return fields;
}

}  // namespace

char state_of(pid_t pid) {
  const auto fields = stat_fields(std::to_string(pid));
  return fields.empty() ? '\0' : fields[0][0];
}

bool in_foreground(const std::string& command) {
  std::string wanted = command + ' ';
  std::replace(wanted.begin(), wanted.end(), ' ', '\0');
  const auto is_it = [&](const boost::filesystem::directory_entry& entry) {
    const std::string pid = entry.path().filename().string();
    if (pid.find_first_not_of("0123456789") != std::string::npos) return false;
    if (base::try_read_file("/proc/" + pid + "/cmdline") != wanted) return false;
    // The third, fifth and eighth: its state, its process group, the one in the terminal's foreground.
    const auto fields = stat_fields(pid);
    return fields.size() > 5 && fields[0] != "T" && fields[2] == fields[5];
  };
  using Iterator = boost::filesystem::directory_iterator;
  return std::any_of(Iterator("/proc"), Iterator(), is_it);
}

launch::LaunchSpec command(std::vector<std::string> arguments) {
  launch::LaunchSpec spec;
  spec.session = "test";
  spec.run = "1";
  spec.arguments = std::move(arguments);
  spec.environment = {"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME=/root", "LC_ALL=C"};
  spec.directories = {"/"};
  spec.groups = {0};
  return spec;
}

launch::Launcher& launcher() {
  static launch::Launcher instance(HELPER);
  return instance;
}

launch::LaunchedRun start(const launch::LaunchSpec& spec, const launch::LaunchDescriptors& descriptors) {
  auto launched = launcher().launch(spec, descriptors);
  launched.go();
  return launched;
}

Result run(const SessionTree& tree, const launch::LaunchSpec& spec, const RunOptions& options) {
  int input[2];
  int output[2];
  REQUIRE(::pipe2(input, O_CLOEXEC) == 0);
  REQUIRE(::pipe2(output, O_CLOEXEC) == 0);
  base::UniqueFd feed(input[1]);
  base::UniqueFd from(output[0]);
  base::UniqueFd in(input[0]);
  base::UniqueFd out(output[1]);
  launch::LaunchDescriptors descriptors;
  descriptors.standard[0] = in.get();
  descriptors.standard[1] = out.get();
  descriptors.standard[2] = out.get();
  descriptors.mount_namespace = tree.descriptor();
  descriptors.root = tree.root();
  if (options.cgroup != nullptr) descriptors.cgroup = options.cgroup->descriptor();
  descriptors.network = options.network;
  launch::LaunchedRun launched = start(spec, descriptors);
  launched.hold.reset();
  in.reset();
  out.reset();
  base::write_all(feed.get(), options.input, "input");
  feed.reset();
  Result result;
  std::thread reader([&] { result.output = base::read_all(from.get(), "output"); });
  result.outcome =
      terminal::relay_run(std::move(launched.control), false, [&](std::string_view text) { result.warnings += text; });
  reader.join();
  const auto end = ended(launched);
  REQUIRE(end);
  result.end = *end;
  return result;
}

bool has_ended(const launch::LaunchedRun& launched, int milliseconds) {
  pollfd watched{launched.pidfd.get(), POLLIN, 0};
  if (::poll(&watched, 1, milliseconds) != 1) return false;
  launch::reap(launched.pidfd.get());
  return true;
}

std::optional<kernel::ProcessEnd> ended(const launch::LaunchedRun& launched, int milliseconds) {
  if (!has_ended(launched, milliseconds)) return std::nullopt;
  return launch::read_end(launched.end.get()).how;
}

}  // namespace test
