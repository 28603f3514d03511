// Every call of the kernel fails once: nothing leaks, and what was begun is undone.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/ids.h"
#include "base/text.h"
#include "fake_kernel.h"
#include "kernel/files.h"
#include "mount/host_mounts.h"
#include "mount/host_view.h"
#include "mount/namespace.h"
#include "skip.h"

using namespace unionroot;
using namespace unionroot::tests;
using base::UniqueFd;

namespace {

mount::MountPlan plan() {
  mount::MountPlan made;
  made.private_dev = true;
  const auto add = [&](mount::InnerMount::Kind kind, const char* type, const char* source, const char* target) {
    mount::InnerMount entry;
    entry.kind = kind;
    entry.type = type;
    entry.source = source;
    entry.target = target;
    entry.origin = "fstab:1";
    made.mounts.push_back(entry);
  };
  add(mount::InnerMount::Kind::filesystem, "proc", "proc", "proc");
  add(mount::InnerMount::Kind::bind, "", "/home", "home");
  made.mounts.back().attributes = 1;
  made.mounts.back().target_kind = mount::TargetKind::file;
  add(mount::InnerMount::Kind::overlay, "overlay", "overlay", "cache");
  made.mounts.back().options = {{"lowerdir", "/a:/b"}, {"upperdir", "/s/u"}, {"workdir", "/s/w"}};
  made.hidden = {"/var/lib/unionroot"};
  return made;
}

// What a session's stages ask for, in their order.
void build(mount::NamespaceFactory& factory, FakeMounts& kernel) {
  mount::Namespace space = factory.create();
  std::vector<UniqueFd> lowers;
  lowers.push_back(mount::open_tree_clone(kernel, "/srv/tree", false, true));
  lowers.push_back(mount::open_tree_clone(kernel, "/srv/other", false, true));
  mount::OverlayPlan overlay;
  overlay.lowers = 2;
  space.lay_overlay(overlay, std::move(lowers), mount::open_tree_clone(kernel, "/state/s1", false, false));
  static_cast<void>(space.copy_layers());
  const mount::MountPlan inner = plan();
  mount::HostMounts host({});
  space.mount_inner(inner, mount::open_sources(kernel, inner, host));
  space.make_root();
  static_cast<void>(space.clone_view());
}

}  // namespace

TEST_CASE("a namespace is built by these calls, each visit ending at home") {
  FakeMounts kernel;
  mount::NamespaceFactory factory(kernel);
  kernel.clear();
  build(factory, kernel);
  const std::vector<std::string> calls = kernel.calls();
  const auto at = [&](const std::string& call) { return std::find(calls.begin(), calls.end(), call) - calls.begin(); };
  const auto size = std::ssize(calls);
  CHECK(std::count(calls.begin(), calls.end(), "go home") == std::count(calls.begin(), calls.end(), "enter namespace"));
  CHECK(calls.back() == "go home");
  CHECK(at("attach clone of /srv/tree on 0") < at("attach clone of /srv/other on 1"));
  CHECK(at("attach clone of /state/s1 on store") <
        at("mount overlay overlay at /root with lowerdir=0:1,upperdir=/store/upper,workdir=/store/work"));
  CHECK(at("attach tmpfs on dev") < at("attach proc on proc"));
  CHECK(at("attach proc on proc") < at("attach clone of /home on home"));
  CHECK(at("attach clone of /home on home") < at("attach scratch on cache"));
  CHECK(at("attach scratch on cache") < at("attach tmpfs on /var/lib/unionroot"));
  CHECK(at("attach tmpfs on /var/lib/unionroot") < at("pivot to root"));
  CHECK(at("pivot to root") < size);
  // The lower trees can never be written through.
  CHECK(at("attributes of clone of /srv/tree set 1 clear 0 propagation 262144") < at("attach clone of /srv/tree on 0"));
}

TEST_CASE("any call that fails while a namespace is built leaves no descriptor, and the thread at home") {
  FakeMounts kernel;
  mount::NamespaceFactory factory(kernel);
  kernel.fail_at(0);
  build(factory, kernel);
  const unsigned calls = kernel.count();
  REQUIRE(calls > 50);
  const std::size_t before = open_descriptors();
  for (unsigned n = 1; n <= calls; ++n) {
    INFO("call " << n << " of " << calls);
    kernel.clear();
    kernel.fail_at(n);
    CHECK_THROWS_AS(build(factory, kernel), base::Error);
    CHECK(open_descriptors() == before);
    const std::vector<std::string> done = kernel.calls();
    CHECK(std::count(done.begin(), done.end(), "enter namespace") == std::count(done.begin(), done.end(), "go home"));
    // Nothing is asked of the kernel after a failure but the way home.
    const auto failed = std::find_if(done.begin(), done.end(),
                                     [](const std::string& call) { return call.find(" fails") != std::string::npos; });
    REQUIRE(failed != done.end());
    CHECK(std::all_of(failed + 1, done.end(), [](const std::string& call) { return call == "go home"; }));
  }
  kernel.fail_at(calls + 1);
  CHECK_NOTHROW(build(factory, kernel));
}

TEST_CASE("any call that fails while the template is made leaves no descriptor") {
  FakeMounts kernel;
  { const mount::NamespaceFactory factory(kernel); }
  const unsigned calls = kernel.count();
  const std::size_t before = open_descriptors();
  for (unsigned n = 1; n <= calls; n += (n > 12 && n + 12 < calls ? 37 : 1)) {
    INFO("call " << n << " of " << calls);
    kernel.fail_at(n);
    CHECK_THROWS_AS(mount::NamespaceFactory(kernel), base::SystemError);
    CHECK(open_descriptors() == before);
  }
}

TEST_CASE("a namespace that is numbered too low to be kept is made again") {
  FakeMounts kernel;
  kernel.set_namespace_numbers({5000, 800, 5001});
  mount::NamespaceFactory factory(kernel);
  kernel.clear();
  const std::size_t before = open_descriptors();
  { const mount::Namespace space = factory.create(); }
  CHECK(open_descriptors() == before);
  const std::vector<std::string> calls = kernel.calls();
  CHECK(std::count(calls.begin(), calls.end(), "new namespace") == 2);
  kernel.clear();
  kernel.set_namespace_numbers({5002});
  { const mount::Namespace space = factory.create(); }
  CHECK(std::ranges::count(kernel.calls(), "new namespace") == 1);
  // A failure on the way gives the thread its processors back.
  cpu_set_t own, after;
  REQUIRE(::sched_getaffinity(0, sizeof own, &own) == 0);
  kernel.set_namespace_numbers({1});
  kernel.fail_at(4);  // unshare fs, enter, new namespace, and the second one
  CHECK_THROWS_AS(factory.create(), base::SystemError);
  REQUIRE(::sched_getaffinity(0, sizeof after, &after) == 0);
  CHECK(CPU_EQUAL(&own, &after));
}

TEST_CASE("a thread that cannot return to the host ends the process") {
  FakeMounts kernel;
  mount::NamespaceFactory factory(kernel);
  int output[2];
  base::check(::pipe2(output, O_CLOEXEC), "making a pipe");
  const UniqueFd reading(output[0]);
  UniqueFd writing(output[1]);
  const pid_t child = base::check(::fork(), "forking");
  if (child == 0) {
    ::dup2(writing.get(), 2);
    ::signal(SIGABRT, SIG_DFL);
    kernel.fail_going_home(true);
    try {
      static_cast<void>(factory.create());
    } catch (...) {
      ::_exit(2);
    }
    ::_exit(1);
  }
  writing.reset();
  char buffer[1024];
  const auto length = ::read(reading.get(), buffer, sizeof buffer);
  int status = 0;
  base::check(::waitpid(child, &status, 0), "waiting");
  REQUIRE(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGABRT);
  REQUIRE(length > 0);
  CHECK(std::string(buffer, static_cast<std::size_t>(length)).find("could not return to the host's mount namespace") !=
        std::string::npos);
}

TEST_CASE("any call that fails while a view stands leaves no descriptor, file or folder of its own") {
  if (::geteuid() != 0) tests::skip("needs root to give a folder to its owner");
  const UniqueFd tmp = kernel::open_directory("/tmp");
  const std::string name = base::concat("unionroot-views-", base::random_token());
  const std::string runtime = "/tmp/" + name;
  FakeMounts kernel;
  const auto use = [&] {
    mount::HostViews views(kernel, runtime);
    const UniqueFd tree(::open("/dev/null", O_RDWR | O_CLOEXEC));
    const auto undo = [&] {
      views.detach_view("s1");
      views.drop_namespace("s1");
    };
    try {
      views.keep_namespace("s1", tree.get());
      views.attach_view("s1", {::getuid(), false}, {tree.duplicate(), {}});
    } catch (...) {
      undo();
      throw;
    }
    undo();
    views.release_if_empty();
  };
  use();
  const unsigned calls = kernel.count();
  REQUIRE(calls > 6);
  const std::size_t before = open_descriptors();
  for (unsigned n = 1; n <= calls; ++n) {
    INFO("call " << n << " of " << calls);
    kernel.fail_at(n);
    CHECK_THROWS_AS(use(), base::SystemError);
    CHECK(open_descriptors() == before);
    kernel.fail_at(0);
    CHECK_NOTHROW(use());  // and nothing is left that stands in the way of a second try
  }
  CHECK(kernel::list_directory(kernel::open_directory(runtime).get()).empty());
  CHECK(kernel::remove_tree(tmp.get(), name));
}
