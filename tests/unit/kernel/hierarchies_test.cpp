#include "kernel/hierarchies.h"

#include <catch2/catch.hpp>

#include "base/error.h"

using namespace unionroot;
using kernel::Hierarchies;
using kernel::Membership;

TEST_CASE("the groups of a process are read") {
  const auto groups =
      kernel::parse_memberships("4:memory:/job/1\n3:cpu,cpuacct:/\n1:name=systemd:/a:b\n0::/user.slice\n");
  REQUIRE(groups.size() == 4);
  CHECK(groups[0] == Membership{"memory", "/job/1"});
  CHECK(groups[1] == Membership{"cpu,cpuacct", "/"});
  CHECK(groups[2] == Membership{"name=systemd", "/a:b"});
  CHECK(groups[3] == Membership{"", "/user.slice"});
  CHECK(kernel::parse_memberships("").empty());
  for (const char* bad : {"4\n", "4:memory\n", "4:memory:\n", "4:memory:job\n"})
    CHECK_THROWS_AS(kernel::parse_memberships(bad), base::Error);
}

TEST_CASE("a group is found where its hierarchy is mounted") {
  const Hierarchies hierarchies(
      kernel::parse_mountinfo("30 22 0:27 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
                              "31 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
                              "32 30 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                              "33 30 0:30 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
                              "34 30 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n"));
  CHECK(hierarchies.folder({"", "/"}) == "/sys/fs/cgroup/unified");
  CHECK(hierarchies.folder({"", "/user.slice/a b"}) == "/sys/fs/cgroup/unified/user.slice/a b");
  CHECK(hierarchies.folder({"memory", "/job"}) == "/sys/fs/cgroup/memory/job");
  CHECK(hierarchies.folder({"cpuacct,cpu", "/job"}) == "/sys/fs/cgroup/cpu,cpuacct/job");
  CHECK(hierarchies.folder({"name=systemd", "/job"}) == "/sys/fs/cgroup/systemd/job");
  CHECK_FALSE(hierarchies.folder({"pids", "/job"}));
  CHECK_FALSE(hierarchies.folder({"cpu,memory", "/job"}));
}

TEST_CASE("a group is found at the usual place, whatever is mounted elsewhere") {
  const Hierarchies hierarchies(
      kernel::parse_mountinfo("33 30 0:31 / /srv/first/cgroup rw - cgroup2 cgroup2 rw\n"
                              "34 30 0:31 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
                              "35 30 0:31 / /srv/last/cgroup rw - cgroup2 cgroup2 rw\n"));
  CHECK(hierarchies.folder({"", "/job"}) == "/sys/fs/cgroup/job");
}

TEST_CASE("a group outside of what is shown is not found") {
  const Hierarchies part(kernel::parse_mountinfo("34 30 0:31 /box /cgroup rw - cgroup2 cgroup2 rw\n"));
  CHECK(part.folder({"", "/box"}) == "/cgroup");
  CHECK(part.folder({"", "/box/a"}) == "/cgroup/a");
  CHECK_FALSE(part.folder({"", "/boxes"}));
  CHECK_FALSE(part.folder({"", "/"}));
  // As the kernel shows a process that is outside of the reader's cgroup namespace.
  const Hierarchies whole(kernel::parse_mountinfo("34 30 0:31 / /cgroup rw - cgroup2 cgroup2 rw\n"));
  CHECK_FALSE(whole.folder({"", "/../job"}));
  CHECK_FALSE(whole.folder({"", "/.."}));
  CHECK(whole.folder({"", "/..a"}) == "/cgroup/..a");
}
