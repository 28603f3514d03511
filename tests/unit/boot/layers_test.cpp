// The executor on the fake kernel: what it calls, and that each failure leads to the next best thing.
#include "boot/layers.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "base/error.h"
#include "boot/new_root.h"
#include "fake_kernel.h"
#include "temporary_folder.h"

using namespace unionroot;
using namespace unionroot::boot;

namespace {

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

struct Machine {
  tests::TemporaryFolder folder;
  tests::FakeMounts kernel;
  Site site{folder / "run", folder / "new"};
  base::UniqueFd lower;
  unsigned accepted = 0;

  Machine() {
    for (const char* name : {"run", "new", "lower"}) REQUIRE(::mkdir((folder / name).c_str(), 0755) == 0);
    for (const char* name : {"dev", "proc", "sys", "run", "tmp", "media"})
      REQUIRE(::mkdir((folder / ("lower/" + std::string(name))).c_str(), 0755) == 0);
    lower.reset(::open((folder / "lower").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  }
  Laid lay(const std::string& words) {
    const auto plan = make_plan({}, settings_of_command_line(words));
    return lay_layers(kernel, site, plan, lower, [&](int) { ++accepted; });
  }
  // Calls that begin with the words, of those that did not fail.
  [[nodiscard]] long count(const std::string& begin) const {
    const auto calls = kernel.calls();
    return std::count_if(calls.begin(), calls.end(),
                         [&](const std::string& call) { return call.starts_with(begin) && !call.ends_with(" fails"); });
  }
};

}  // namespace

TEST_CASE("an overlay in memory: what is mounted, in this order") {
  Machine machine;
  const auto laid = machine.lay("ofs-size=20");
  CHECK(laid.state == State::overlay);
  CHECK(laid.upper == "memory");
  CHECK(laid.upper_folder == "upperdir");
  CHECK(laid.reason.empty());
  CHECK(machine.accepted == 1);
  const auto calls = machine.kernel.calls();
  REQUIRE(calls.size() == 7);
  const auto run = machine.site.run;
  CHECK(calls[1] == "new tmpfs unionroot mode=755,size=20% attributes 16");  // noatime
  CHECK(calls[3] == "new tmpfs unionroot mode=755,size=1m attributes 0");
  CHECK(calls[6] == "mount overlay unionroot at " + machine.site.stage + " with lowerdir=" + run + "/lower:" + run +
                        "/missing,upperdir=" + run + "/rw/upperdir,workdir=" + run +
                        "/rw/work,redirect_dir=on,index=off");
  // The mount points that the lower layer lacks, and no other.
  CHECK(exists(run + "/missing/media/rfs/ro"));
  CHECK(exists(run + "/missing/media/rfs/rw"));
  CHECK_FALSE(exists(run + "/missing/proc"));
}

TEST_CASE("a lower layer that has every mount point gets no layer beneath it") {
  Machine machine;
  for (const char* name : {"lower/media/rfs", "lower/media/rfs/ro", "lower/media/rfs/rw"})
    REQUIRE(::mkdir((machine.folder / name).c_str(), 0755) == 0);
  machine.lay("");
  CHECK(machine.count("new tmpfs") == 1);
  CHECK(machine.kernel.calls().back().find("missing") == std::string::npos);
}

TEST_CASE("a partition of another system goes on with its folders") {
  Machine machine;
  REQUIRE(::mkdir((machine.folder / "run/rw").c_str(), 0755) == 0);
  REQUIRE(::mkdir((machine.folder / "run/rw/upper").c_str(), 0755) == 0);
  const auto laid = machine.lay("");
  CHECK(laid.layout == Layout::yocto);
  CHECK(laid.upper_folder == "upper");
  // Both: br2's, whose folder is the default.
  REQUIRE(::mkdir((machine.folder / "run/rw/upperdir").c_str(), 0755) == 0);
  CHECK(machine.lay("").upper_folder == "upperdir");
}

TEST_CASE("left-overs in the work folder go, and with rootrwreset=yes everything") {
  Machine machine;
  machine.folder.write("run/rw/work/work/a/b/c", "x");
  machine.folder.write("run/rw/upperdir/etc/kept", "x");
  machine.folder.write("run/rw/trash/old", "x");
  machine.lay("");
  CHECK_FALSE(exists(machine.folder / "run/rw/work/work"));
  CHECK(exists(machine.folder / "run/rw/upperdir/etc/kept"));
  CHECK(exists(machine.folder / "run/rw/trash/old"));
  machine.lay("rootrwreset=yes");
  CHECK_FALSE(exists(machine.folder / "run/rw/upperdir/etc/kept"));
  CHECK_FALSE(exists(machine.folder / "run/rw/trash"));
  CHECK(exists(machine.folder / "run/rw/upperdir"));
}

TEST_CASE("a new upper folder has the mode of the lower layer's root") {
  Machine machine;
  REQUIRE(::chmod((machine.folder / "lower").c_str(), 0711) == 0);
  machine.lay("");
  struct stat facts {};
  REQUIRE(::stat((machine.folder / "run/rw/upperdir").c_str(), &facts) == 0);
  CHECK((facts.st_mode & 07777) == 0711);
}

TEST_CASE("an upper layer that cannot be used: memory, or read-only, and why") {
  for (const char* upper : {"rootrw=sda2", "rootrw=/dev/unionroot-is-not-there rootrwwait=0", "rootrw=/dev/null"}) {
    INFO(upper);
    Machine memory;
    const auto temporary = memory.lay(upper);
    CHECK(temporary.state == State::temporary);
    CHECK(temporary.upper == "memory");
    CHECK_FALSE(temporary.reason.empty());
    CHECK(memory.count("mount overlay") == 1);

    Machine plain;
    const auto read_only = plain.lay(std::string(upper) + " rootrwfail=read-only");
    CHECK(read_only.state == State::read_only);
    CHECK(read_only.upper.empty());
    CHECK_FALSE(read_only.reason.empty());
    CHECK(plain.count("mount overlay") == 0);
    CHECK(plain.count("new tmpfs") == 0);
  }
}

// Each call fails once. Whatever fails, what is mounted at the end is an overlay or the lower layer, once; what was
// mounted for an attempt that failed is unmounted; and a failure is always told.
TEST_CASE("each call fails: the machine still gets a root") {
  Machine whole;
  whole.lay("rootrw=tmpfs");
  const unsigned calls = whole.kernel.count();
  REQUIRE(calls == 7);
  for (const std::string words : {"rootrw=tmpfs", "rootrw=tmpfs rootrwfail=read-only"}) {
    for (unsigned number = 1; number <= calls; ++number) {
      INFO(words << " call " << number);
      Machine machine;
      machine.kernel.fail_at(number);
      if (number == 1) {  // not even the lower layer can be mounted
        CHECK_THROWS_AS(machine.lay(words), base::Error);
        CHECK(machine.count("attach") == 0);
        continue;
      }
      const auto laid = machine.lay(words);
      CHECK(laid.state == (words == "rootrw=tmpfs" ? State::temporary : State::read_only));
      CHECK(laid.reason.find("fake: ") == 0);
      const long attached = machine.count("attach") + machine.count("mount overlay");
      const long standing = laid.state == State::read_only ? 2 : 4;
      CHECK(attached - machine.count("unmount") == standing);
    }
  }
}

TEST_CASE("a root without an init is no root: the next best thing is tried") {
  Machine machine;
  unsigned asked = 0;
  const auto plan = make_plan({}, {});
  const auto laid = lay_layers(machine.kernel, machine.site, plan, machine.lower, [&](int) {
    if (++asked == 1) throw base::Error(base::ErrorCode::command_not_found, "no init", "name one");
  });
  CHECK(asked == 2);
  CHECK(laid.state == State::temporary);
  CHECK(laid.reason == "no init; name one");
  // Nowhere: then nothing stays mounted.
  Machine empty;
  CHECK_THROWS_AS(lay_layers(empty.kernel, empty.site, plan, empty.lower,
                             [](int) { throw base::Error(base::ErrorCode::failed, "no init"); }),
                  base::Error);
  CHECK(empty.count("attach") + empty.count("mount overlay") == empty.count("unmount"));
}

TEST_CASE("a file system is mounted by its own type, or by each that is named") {
  tests::FakeMounts kernel;
  MountWords words;
  words.read_only = true;
  mount_device(kernel, "/dev/x", "ext4", {}, words);
  CHECK(kernel.calls().back() == "new ext4 /dev/x ro attributes 1");
  kernel.clear();
  kernel.fail_at(1);
  mount_device(kernel, "/dev/x", "", {"xfs", "btrfs"}, {});
  CHECK(kernel.calls().back() == "new btrfs /dev/x attributes 0");
  CHECK_THROWS_WITH(mount_device(kernel, "/dev/x", "", {}, {}), "/dev/x has no file system on it");
  kernel.fail_at(1);
  CHECK_THROWS_WITH(mount_device(kernel, "/dev/x", "ext4", {"xfs"}, {}),
                    Catch::Matchers::StartsWith("/dev/x (ext4): fake: new xfs"));
}
