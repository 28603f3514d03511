// The host's mounts by listmount(2) and statmount(2), compared with mountinfo.
#include "mount/host_mounts.h"

#include <memory>

#include "fixture.h"
#include "kernel/mount_list.h"
#include "kernel/mountinfo.h"

using namespace unionroot;
using namespace unionroot::tests;

namespace {

bool has(const std::vector<kernel::Mount>& mounts, const std::string& target) {
  return std::any_of(mounts.begin(), mounts.end(), [&](const auto& mount) { return mount.target == target; });
}

// A tmpfs for as long as it lives.
class Mounted {
 public:
  explicit Mounted(std::string path, const char* source = "small") : path_(std::move(path)) {
    if (::mkdir(path_.c_str(), 0755) != 0 && errno != EEXIST) base::throw_errno("making", path_);
    base::check(::mount(source, path_.c_str(), "tmpfs", 0, nullptr), "mounting on", path_);
  }
  ~Mounted() { ::umount2(path_.c_str(), MNT_DETACH); }
  Mounted(const Mounted&) = delete;
  Mounted& operator=(const Mounted&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] UniqueFd open() const { return UniqueFd(::open(path_.c_str(), O_PATH | O_CLOEXEC)); }

 private:
  std::string path_;
};

// A path whose text does not fit in the first buffer.
std::string long_path(const Place& place) {
  std::string path = place.path("/deep");
  while (path.size() < 3700) {
    base::check(::mkdir(path.c_str(), 0755), "making", path);
    path += "/" + std::string(200, 'x');
  }
  return path;
}

}  // namespace

TEST_CASE("a mount is what mountinfo says of it") {
  require_mounts();
  const Place place;
  std::vector<std::unique_ptr<Mounted>> mounted;
  const auto add = [&](const std::string& path, const char* source) -> const Mounted& {
    return *mounted.emplace_back(std::make_unique<Mounted>(path, source));
  };
  add(place.path("/plain"), "small");
  add(place.path("/nameless"), "");
  add(long_path(place), "small");
  const Mounted& odd = add(place.path("/a b\t\\040\n\xff"), "source with\tblanks\\");
  const Mounted& outer = add(place.path("/bound"), "small");
  REQUIRE(::mount(place.path("/lower/etc").c_str(), outer.path().c_str(), nullptr, MS_BIND, nullptr) == 0);
  for (const auto& each : mounted) {
    CAPTURE(each->path());
    const auto descriptor = each->open();
    const auto found = kernel::mount_of(descriptor.get());
    const auto entry = kernel::read_mount(kernel::mount_id(descriptor.get(), "a mount"));
    REQUIRE(found);
    REQUIRE(entry);
    CHECK(*found == static_cast<const kernel::Mount&>(*entry));
    CHECK(found->target == each->path());
  }
  CHECK(kernel::mount_of(odd.open().get())->source == "source with\tblanks\\");
  CHECK(kernel::mount_of(outer.open().get())->root != "/");
  ::umount2(outer.path().c_str(), MNT_DETACH);
}

TEST_CASE("a mount that is in no namespace is not found") {
  require_mounts();
  const UniqueFd clone = kernel::real_mounts().clone_tree(AT_FDCWD, "/", false);
  CHECK_FALSE(kernel::mount_of(clone.get()));
}

TEST_CASE("the kernel's list has every mount of mountinfo") {
  require_mounts();
  const Place place;
  const Mounted plain(place.path("/plain"));
  const auto ids = kernel::list_mounts();
  if (!ids) skip("this kernel has no listmount(2)");
  std::vector<kernel::Mount> listed;
  for (const auto id : *ids) {
    kernel::Mount mount;
    if (kernel::look_at_mount(id, mount) == kernel::MountAnswer::found) listed.push_back(std::move(mount));
  }
  CHECK(has(listed, plain.path()));
  CHECK(has(listed, "/"));
  kernel::Mount mount;
  CHECK(kernel::look_at_mount(~std::uint64_t{0} - 1, mount) == kernel::MountAnswer::gone);
}

TEST_CASE("the daemon's own mounts are left out, and only new mounts are looked at") {
  require_mounts();
  const Place place;
  const Mounted own(place.path("/own"));
  const Mounted within(place.path("/own/ns"));
  const Mounted beside(place.path("/owner"));
  mount::HostMounts host({own.path(), place.path("/missing")});
  for (int turn = 0; turn < 2; ++turn) {
    const auto others = host.others();
    CHECK(has(others, "/"));
    CHECK(has(others, beside.path()));
    CHECK_FALSE(has(others, own.path()));
    CHECK_FALSE(has(others, within.path()));
  }
  const Mounted later(place.path("/later"));
  const Mounted inner(place.path("/own/later"));
  CHECK(has(host.others(), later.path()));
  CHECK_FALSE(has(host.others(), inner.path()));
}

TEST_CASE("without a folder of the daemon's every mount is another's") {
  require_mounts();
  const Place place;
  const Mounted plain(place.path("/plain"));
  CHECK(has(mount::HostMounts({}).others(), plain.path()));
}
