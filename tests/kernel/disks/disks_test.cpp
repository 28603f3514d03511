// Loop devices, what libblkid finds on them, and shared mounts, on the running kernel.
#include <fcntl.h>
#include <sys/mount.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "../mount/fixture.h"
#include "kernel/block_probe.h"
#include "kernel/command.h"
#include "kernel/loop.h"
#include "mount/source_mounts.h"

using namespace unionroot;
using tests::Place;
using tests::require_mounts;

namespace {

void require_loop() {
  require_mounts();
  if (::access("/dev/loop-control", F_OK) != 0) tests::skip("needs loop devices (/dev/loop-control)");
  if (kernel::find_program("mkfs.ext4").empty()) tests::skip("needs mkfs.ext4");
}

std::string make_image(const Place& place, const std::string& name) {
  const auto path = place.path("/" + name);
  tests::write_file(path, "");
  REQUIRE(::truncate(path.c_str(), 8 << 20) == 0);
  kernel::run_or_throw({{"mkfs.ext4", "-q", "-F", path}, std::chrono::seconds(60), {}, ""});
  return path;
}

base::UniqueFd open_file(const std::string& path, int flags = O_RDONLY) {
  return base::UniqueFd(base::check(::open(path.c_str(), flags | O_CLOEXEC), "opening", path));
}

std::string backing_of(const std::string& device) {
  const auto text = base::try_read_file("/sys/block/" + device.substr(5) + "/loop/backing_file");
  return text ? *text : "";
}

}  // namespace

TEST_CASE("a loop device goes with its last holder") {
  require_loop();
  const Place place;
  const auto path = make_image(place, "image");
  std::string device;
  {
    const auto loop = kernel::attach_loop(open_file(path).get(), path, {4096, 8192}, true);
    device = loop.path;
    CHECK(backing_of(device) == path + "\n");
    CHECK(*base::try_read_file("/sys/block/" + device.substr(5) + "/size") == "16\n");
    CHECK(*base::try_read_file("/sys/block/" + device.substr(5) + "/ro") == "1\n");
    CHECK((::fcntl(loop.descriptor.get(), F_GETFD) & FD_CLOEXEC) != 0);
  }
  // Whoever looks for a free device, or for who has a file, may have it open for a moment.
  CHECK(tests::eventually([&] { return backing_of(device) != path + "\n"; }));
}

TEST_CASE("a file system is known by its label, and a whole disk is no partition") {
  require_loop();
  const Place place;
  const auto image = make_image(place, "image");
  kernel::Command label;
  label.words = {"tune2fs", "-L", "some data", image};
  kernel::run_or_throw(label);
  const auto file = open_file(image);
  const auto found = kernel::probe_content(file.get(), {}, image);
  CHECK(found.label == "some data");
  CHECK(found.uuid.size() == 36);
  const auto entry = kernel::partition_entry(file.get(), image);
  CHECK(entry.uuid.empty());
  CHECK(entry.label.empty());
}

TEST_CASE("what a disk holds") {
  require_loop();
  const Place place;
  const auto image = make_image(place, "image");
  const auto found = kernel::probe_content(open_file(image).get(), {}, image);
  CHECK(found.type == "ext4");
  CHECK(found.filesystem);
  CHECK_FALSE(found.empty());
  const auto zeros = place.path("/zeros");
  tests::write_file(zeros, std::string(1 << 20, '\0'));
  CHECK(kernel::probe_content(open_file(zeros).get(), {}, zeros).empty());
  CHECK_THROWS_WITH(kernel::find_partition(open_file(zeros).get(), 1, zeros),
                    Catch::Contains("has no partition table"));
  // A DOS partition table with one primary partition.
  std::string disk(1 << 20, '\0');
  const unsigned char entry[] = {0, 0, 0, 0, 0x83, 0, 0, 0, 0x10, 0, 0, 0, 0x20, 0, 0, 0};
  disk.replace(446, sizeof entry, reinterpret_cast<const char*>(entry), sizeof entry);
  disk.replace(510, 2, "\x55\xaa");
  tests::write_file(zeros, disk);
  const auto table = kernel::probe_content(open_file(zeros).get(), {}, zeros);
  CHECK(table.partitions);
  CHECK_FALSE(table.empty());
  const auto part = kernel::find_partition(open_file(zeros).get(), 1, zeros);
  CHECK(part.offset == 16 * 512);
  CHECK(part.size == 32 * 512);
  CHECK_THROWS_WITH(kernel::find_partition(open_file(zeros).get(), 2, zeros), Catch::Contains("has no partition 2"));
}

TEST_CASE("one mount serves all its users and goes with the last") {
  require_mounts();
  const Place place;
  auto& kernel_mounts = kernel::real_mounts();
  int made = 0;
  const auto make = [&] {
    ++made;
    return kernel_mounts.new_filesystem("tmpfs", "test", {}, 0);
  };
  const auto mounted = [&](const std::string& path) {
    return tests::mount_table().find(" " + path + " ") != std::string::npos;
  };
  {
    mount::SourceMounts mounts(kernel_mounts, place.path());
    mounts.remove_unused();
    const auto path = mounts.acquire("image", "one", make);
    CHECK(mounted(path));
    CHECK(mounts.acquire("image", "two", make) == path);
    CHECK(made == 1);
    mounts.release("one");
    CHECK(mounted(path));
    // Another daemon: the first has died.
    mount::SourceMounts later(kernel_mounts, place.path());
    CHECK(later.adopt("image", "two"));
    CHECK_FALSE(later.adopt("other", "two"));
    CHECK(later.acquire("stranger", "x", make) == later.path("stranger"));
    later.release("x");
    CHECK(mounted(later.path("stranger")));  // more sessions may be taken up
    later.acquire("own.x", "x", make);
    later.release("x");
    CHECK_FALSE(mounted(later.path("own.x")));  // this was one session's alone
    later.remove_unused();
    CHECK_FALSE(mounted(later.path("stranger")));
    CHECK(mounted(path));
    later.release_if_empty();
    CHECK(mounted(path));
    later.release("two");
    later.release("two");
    CHECK_FALSE(mounted(path));
    later.release_if_empty();
  }
  CHECK_FALSE(mounted(place.path("/sources")));
}

TEST_CASE("a mount that cannot be made leaves nothing, and is tried again by the next") {
  require_mounts();
  const Place place;
  mount::SourceMounts mounts(kernel::real_mounts(), place.path());
  mounts.remove_unused();
  CHECK_THROWS_AS(mounts.acquire("image", "one", []() -> base::UniqueFd { throw base::SystemError(EIO, "reading"); }),
                  base::SystemError);
  CHECK(kernel::list_directory(kernel::open_directory(place.path("/sources")).get()).empty());
  mounts.acquire("image", "one", [] { return kernel::real_mounts().new_filesystem("tmpfs", "test", {}, 0); });
  mounts.release("one");
  mounts.release_if_empty();
}

TEST_CASE("many at once make one mount") {
  require_mounts();
  const Place place;
  mount::SourceMounts mounts(kernel::real_mounts(), place.path());
  mounts.remove_unused();
  std::atomic<int> made = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i)
    threads.emplace_back([&, i] {
      for (int round = 0; round < 20; ++round) {
        const auto name = "s" + std::to_string(i);
        mounts.acquire("image", name, [&] {
          ++made;
          return kernel::real_mounts().new_filesystem("tmpfs", "test", {}, 0);
        });
        mounts.release(name);
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(made >= 1);
  mounts.release_if_empty();
  CHECK(tests::mount_table().find(place.path("/sources")) == std::string::npos);
}
