// Programs of the host's that mount in a session's tree.
#include "mount/host_copy.h"

#include <signal.h>

#include "fixture.h"

using namespace unionroot;
using namespace unionroot::tests;

namespace {

void mount_tmpfs(const std::string& at) {
  base::check(::mkdir(at.c_str(), 0755), "making", at);
  base::check(::mount("none", at.c_str(), "tmpfs", 0, nullptr), "mounting on", at);
}

// Nothing new anywhere, and nothing gone of the test's own; other programs' mounts may go.
bool as_before(const std::string& table, const Place& place) {
  for (const auto& line : base::split(table, '\n'))
    if (line.find(place.path()) != std::string::npos && mount_table().find(line) == std::string::npos) return false;
  return mounted_since(table).empty();
}

std::string table_of(const mount::Namespace& space) {
  int ends[2];
  base::check(::pipe2(ends, O_CLOEXEC), "making a pipe");
  const UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  CHECK(in_namespace(space, [&] {
          base::write_all(writing.get(), mount_table(), "pipe");
          return 0;
        }) == 0);
  writing.reset();
  return base::read_all(reading.get(), "pipe");
}

}  // namespace

TEST_CASE("what is mounted in a copy of the host reaches the session it shares mounts with, and nobody else") {
  require_mounts();
  const Place place;
  mount::Namespace space = lay(place);
  mount::MountPlan plan = usual_plan();
  plan.mounts.push_back(bind_entry(place.path("/lower/etc"), "tmp"));
  mount_all(space, plan);
  space.make_root();
  base::check(::mkdir(place.path("/view").c_str(), 0755), "making the place");
  const std::string host_before = mount_table();
  const std::string session_before = table_of(space);

  space.share_mounts();
  {
    const mount::HostCopy copy(factory(), space.clone_view(), place.path("/view"));
    copy.visit([&] {
      CHECK(base::read_file(place.path("/view/etc/issue")) == "lower\n");
      mount_tmpfs(place.path("/view/srv"));
      mount_tmpfs(place.path("/view/gone"));
      write_file(place.path("/view/srv/file"), "from the host\n");
      base::check(::umount2(place.path("/view/gone").c_str(), 0), "unmounting");
      mount_tmpfs(place.path("/only-here"));
      // A file's mode shows the mask.
      base::check(::mkdir(place.path("/view/mode").c_str(), 0777), "making a folder");
    });
    CHECK(as_before(host_before, place));
    CHECK(::access(place.path("/view/etc").c_str(), F_OK) != 0);
  }
  space.unshare_mounts();

  const std::string after = table_of(space);
  CHECK(after.find(" /srv ") != std::string::npos);
  CHECK(after.find(" /gone ") == std::string::npos);
  CHECK(after.find("shared:") == std::string::npos);
  for (const auto& line : base::split(session_before, '\n'))
    CHECK(after.find(line) != std::string::npos);  // as private as before
  CHECK(as_before(host_before, place));
  const UniqueFd root = space.root();
  CHECK(in_namespace(space, [] { return base::read_file("/srv/file") == "from the host\n" ? 0 : 1; }) == 0);
  struct stat facts {};
  CHECK(::stat(place.path("/store/upper/mode").c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777) == 0755);
  CHECK(::rmdir(place.path("/only-here").c_str()) == 0);
}

TEST_CASE("what was mounted over the place is what the clone shows, with all beneath") {
  require_mounts();
  const Place place;
  base::check(::mkdir(place.path("/view").c_str(), 0755), "making the place");
  UniqueFd tree;
  {
    const mount::HostCopy copy(factory(),
                               mount::open_tree_clone(kernel::real_mounts(), place.path("/lower"), false, false),
                               place.path("/view"));
    copy.visit([&] {
      base::check(::mount("none", place.path("/view").c_str(), "tmpfs", 0, nullptr), "mounting over the place");
      write_file(place.path("/view/top"), "top\n");
      mount_tmpfs(place.path("/view/deep"));
      write_file(place.path("/view/deep/file"), "deep\n");
    });
    tree = copy.clone_place();
  }
  mount::Namespace space = factory().create();
  space.lay_tree(std::move(tree));
  space.make_root();
  CHECK(in_namespace(space, [] {
          return base::read_file("/top") == "top\n" && base::read_file("/deep/file") == "deep\n" ? 0 : 1;
        }) == 0);
}

TEST_CASE("an unmount on the host reaches the copies") {
  require_mounts();
  const Place place;
  for (const char* sub : {"/view", "/shared"}) base::check(::mkdir(place.path(sub).c_str(), 0755), "making", sub);
  base::check(::mount("none", place.path("/shared").c_str(), "tmpfs", 0, nullptr), "mounting");
  base::check(::mount(nullptr, place.path("/shared").c_str(), nullptr, MS_SHARED, nullptr), "sharing");
  mount_tmpfs(place.path("/shared/view"));
  const mount::HostCopy copy(factory(),
                             mount::open_tree_clone(kernel::real_mounts(), place.path("/lower"), false, false),
                             place.path("/view"));
  const auto sees = [&] {
    bool found = false;
    copy.visit([&] {
      found = base::read_file("/proc/thread-self/mountinfo").find(place.path("/shared/view")) != std::string::npos;
    });
    return found;
  };
  CHECK(sees());
  base::check(::umount2(place.path("/shared/view").c_str(), 0), "unmounting");
  CHECK_FALSE(sees());
  base::check(::umount2(place.path("/shared").c_str(), 0), "unmounting");
}
