#include "kernel/caller_limits.h"

#include <catch2/catch.hpp>

#include "base/error.h"
#include "temporary_folder.h"

using namespace unionroot;
using kernel::CallerLimits;
using kernel::limits_of;

TEST_CASE("what lasts of a group's path is of slices alone") {
  using kernel::lasting_part;
  CHECK(lasting_part("/") == "/");
  CHECK(lasting_part("/init.scope") == "/");
  CHECK(lasting_part("/system.slice/cron.service") == "/system.slice");
  CHECK(lasting_part("/user.slice/user-1000.slice/session-3.scope") == "/user.slice/user-1000.slice");
  CHECK(lasting_part("/user.slice/user-1000.slice/user@1000.service/app.slice/a.scope") ==
        "/user.slice/user-1000.slice");
  CHECK(lasting_part("/job/step.slice") == "/");
}

TEST_CASE("the tightest limits on the way to a group are taken") {
  const tests::TemporaryFolder folder;
  folder.write("a/memory.max", "max\n");
  folder.write("a/pids.max", "500\n");
  folder.write("a/cpu.max", "max 100000\n");
  folder.write("a/cpu.uclamp.max", "max\n");
  folder.write("a/hugetlb.2MB.max", "max\n");
  folder.write("a/hugetlb.1GB.max", "9223372036854771712\n");
  folder.write("a/io.max", "8:0 rbps=max wbps=1000 riops=max wiops=max\n");
  folder.write("a/memory.current", "1\n");
  const auto a = folder / "a", b = folder / "a/b", c = folder / "a/b/c";
  CHECK(limits_of({a}) == CallerLimits{{"pids.max", "500"}, {"io.max", "8:0 wbps=1000\n"}});
  folder.write("a/b/memory.max", "67108864\n");
  folder.write("a/b/memory.high", "33554432\n");
  folder.write("a/b/pids.max", "700\n");
  folder.write("a/b/cpu.max", "50000 100000\n");
  folder.write("a/b/hugetlb.2MB.max", "0\n");
  folder.write("a/b/io.max", "8:0 rbps=7 wbps=2000 riops=max wiops=max\n8:16 rbps=max wbps=max riops=max wiops=5\n");
  folder.write("a/b/cpuset.cpus", "0-1\n");
  folder.write("a/b/c/memory.max", "134217728\n");
  folder.write("a/b/c/cpu.max", "400 1000\n");
  folder.write("a/b/c/cpuset.cpus", "\n");
  folder.write("a/b/c/cpuset.cpus.effective", "1\n");
  CHECK(limits_of({a, b, c}) == CallerLimits{{"pids.max", "500"},
                                             {"memory.max", "67108864"},
                                             {"memory.high", "33554432"},
                                             {"cpu.max", "400 1000"},
                                             {"cpuset.cpus", "1"},
                                             {"hugetlb.2MB.max", "0"},
                                             {"io.max", "8:0 rbps=7 wbps=1000\n8:16 wiops=5\n"}});
  CHECK(limits_of({}).empty());
}

TEST_CASE("a limit that another group cannot have is refused") {
  const tests::TemporaryFolder folder;
  folder.write("a/misc.max", "res_a max\nres_b 5\n");
  CHECK_THROWS_WITH(limits_of({folder / "a"}), Catch::Contains("misc.max"));
  folder.write("b/rdma.max", "mlx4_0 hca_handle=2 hca_object=max\n");
  CHECK_THROWS_WITH(limits_of({folder / "b"}), Catch::Contains("rdma.max"));
  folder.write("c/cpuset.cpus", "0\n");
  CHECK_THROWS_WITH(limits_of({folder / "c"}), Catch::Contains("cpuset.cpus"));
  for (const auto& [name, value] : {std::pair{"memory.swap.high", "4096"},
                                    {"cpu.uclamp.max", "50.00"},
                                    {"memory.max", "1M"},
                                    {"cpu.max", "half 100000"},
                                    {"io.max", "8:0 rbps=7 wnew=1x"},
                                    {"new.max", "0-3"}}) {
    const tests::TemporaryFolder one;
    one.write(std::string("a/") + name, std::string(value) + "\n");
    CHECK_THROWS_WITH(limits_of({one / "a"}), Catch::Contains(name));
    one.write(std::string("a/") + name, std::string(name) == "cpu.max" ? "max 100000\n" : "max\n");
    CHECK(limits_of({one / "a"}).empty());
  }
}
