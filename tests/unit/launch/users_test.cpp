#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/error.h"
#include "base/files.h"
#include "base/process_identity.h"
#include "base/unique_fd.h"
#include "launch/caller.h"
#include "launch/spec.h"
#include "temporary_folder.h"

using namespace unionroot;
using namespace unionroot::launch;
using Catch::Matchers::Contains;

namespace {

class Tree {
 public:
  Tree() {
    root_.reset(::open(folder_.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    write("passwd",
          "root:x:0:0:root:/root:/bin/bash\n"
          "broken line\n+::::::\nx:x:-1:0::/:/bin/sh\nno:x:4294967295:0::/:/bin/sh\n"
          "ann:x:1000:1001:Ann,,,:/home/ann:/bin/zsh\n1000:x:77:77::/n:/bin/sh\nbob:x:1002:1002::/home/bob:");
    write("group", "root:x:0:\nann:x:1001:\nsudo:x:27:bob,ann\nvideo:x:44:annabel\nbad:x:zz:ann\nsudo2:x:27:ann\n");
  }
  void write(const std::string& name, const std::string& content) const { folder_.write("etc/" + name, content); }
  [[nodiscard]] std::string file(const std::string& name) const { return folder_ / ("etc/" + name); }
  [[nodiscard]] int root() const { return root_.get(); }

 private:
  tests::TemporaryFolder folder_;
  base::UniqueFd root_;
};

std::string refusal(const Tree& tree, const std::string& name) {
  try {
    tree_user(tree.root(), name);
  } catch (const base::Error& error) {
    return std::string(base::error_name(error.code())) + ": " + error.what() + " / " + error.hint();
  }
  return "found";
}

}  // namespace

TEST_CASE("the host's users are found by name and by number") {
  CHECK(host_user("root").uid == 0);
  CHECK(host_user("0").name == "root");
  CHECK(host_user(0).home == "/root");
  const User root = host_user("root");
  CHECK(std::find(root.groups.begin(), root.groups.end(), 0U) != root.groups.end());
  for (const char* bad : {"", "no-such-user-here", "4294967295", "4294967296", "-1", "root:x"}) {
    INFO(bad);
    CHECK_THROWS_AS(host_user(bad), base::Error);
  }
  CHECK_THROWS_AS(host_user(std::string("root\0x", 6)), base::Error);
  CHECK_THROWS_WITH(host_user("x\x1b[2J"), Contains("'x\\x1b[2J'"));
}

TEST_CASE("a tree's users are found by name, then by number") {
  const Tree tree;
  const User ann = tree_user(tree.root(), "ann");
  CHECK(ann.uid == 1000);
  CHECK(ann.gid == 1001);
  CHECK(ann.home == "/home/ann");
  CHECK(ann.shell == "/bin/zsh");
  CHECK(ann.groups == std::vector<gid_t>{1001, 27});
  CHECK(tree_user(tree.root(), "1000").uid == 77);  // a name that is a number
  CHECK(tree_user(tree.root(), "1002").name == "bob");
  CHECK(tree_user(tree.root(), "bob").shell.empty());
  CHECK_THAT(refusal(tree, "nobody"), Contains("NoSuchUser") && Contains("no such user") && Contains("nss=merge"));
  CHECK_THAT(refusal(tree, "x"), Contains("NoSuchUser"));
  CHECK_THAT(refusal(tree, "no"), Contains("NoSuchUser"));
  CHECK_THAT(refusal(tree, ""), Contains("NoSuchUser"));
}

TEST_CASE("a tree without users, or with something else in their place, is refused without blocking") {
  const Tree tree;
  REQUIRE(::unlink(tree.file("passwd").c_str()) == 0);
  CHECK_THAT(refusal(tree, "ann"), Contains("no readable /etc/passwd") && Contains("complete system"));
  REQUIRE(::mkfifo(tree.file("passwd").c_str(), 0644) == 0);
  CHECK_THAT(refusal(tree, "ann"), Contains("no readable /etc/passwd"));
  REQUIRE(::unlink(tree.file("passwd").c_str()) == 0);
  REQUIRE(::symlink("/etc/passwd", tree.file("passwd").c_str()) == 0);  // itself, as the tree sees it: a loop
  CHECK_THAT(refusal(tree, "root"), Contains("no readable /etc/passwd"));
  REQUIRE(::unlink(tree.file("passwd").c_str()) == 0);
  tree.write("real", "root:x:0:0::/tree-root:/bin/sh\n");
  REQUIRE(::symlink("/../../etc/real", tree.file("passwd").c_str()) == 0);
  CHECK(tree_user(tree.root(), "root").home == "/tree-root");
  tree.write("real", std::string((std::size_t{8} << 20) + 1, '\n'));
  CHECK_THAT(refusal(tree, "root"), Contains("8388609 bytes"));
}

TEST_CASE("the text of a process's limits is understood, and what is strange in it passed over") {
  const auto limits = parse_limits(
      "Limit                     Soft Limit           Hard Limit           Units     \n"
      "Max cpu time              unlimited            unlimited            seconds   \n"
      "Max open files            1024                 4096                 files     \n"
      "Max of the future         1                    2                    things    \n"
      "Max nice priority         0                    x                    \n"
      "Max\n");
  REQUIRE(limits.size() == 2);
  CHECK(limits[0].first == RLIMIT_CPU);
  CHECK(limits[0].second.rlim_max == RLIM_INFINITY);
  CHECK(limits[1].first == RLIMIT_NOFILE);
  CHECK(limits[1].second.rlim_cur == 1024);
  CHECK(limits[1].second.rlim_max == 4096);
  CHECK(parse_limits("").empty());
}

TEST_CASE("a caller's limits and umask are read") {
  const mode_t former = ::umask(0137);
  const auto inherited = inherited_from(::getpid(), base::process_start_time(::getpid()), ::getuid(), true);
  ::umask(former);
  CHECK(inherited.umask == 0137);
  const auto& limits = inherited.limits;
  CHECK(limits.size() == RLIM_NLIMITS);
  rlimit own{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &own) == 0);
  const auto files =
      std::find_if(limits.begin(), limits.end(), [](const auto& each) { return each.first == RLIMIT_NOFILE; });
  REQUIRE(files != limits.end());
  CHECK(files->second.rlim_cur == own.rlim_cur);
  CHECK(files->second.rlim_max == own.rlim_max);
  CHECK(inherited.control_groups == base::read_file("/proc/self/cgroup"));
  CHECK_FALSE(inherited.network);
  REQUIRE(inherited.scheduling);
  CHECK(inherited.scheduling->nice == ::getpriority(PRIO_PROCESS, 0));
  CHECK_FALSE(inherited.scheduling->processors.empty());
  CHECK_THROWS_WITH(inherited_from(0x3fffffff, std::nullopt, 0, true), Contains("has gone"));
  CHECK_THROWS_WITH(inherited_from(::getpid(), 1, ::getuid(), true), Contains("has gone"));
  CHECK_THROWS_WITH(inherited_from(::getpid(), std::nullopt, 4711, true), Contains("other rights than user 4711"));
}

TEST_CASE("a process is a user's if each of its uids is") {
  const auto status = [](const std::string& uids) { return "Name:\tx\nUid:\t" + uids + "\nGid:\t5\t5\t5\t5\n"; };
  CHECK(is_all(status("1000\t1000\t1000\t1000"), 1000));
  for (const char* other : {"0\t1000\t1000\t1000", "1000\t0\t1000\t1000", "1000\t1000\t0\t1000", "1000\t1000\t1000\t0",
                            "1000\t1000\t1000", "1000 1000 1000 1000", ""})
    CHECK_FALSE(is_all(status(other), 1000));
  CHECK_FALSE(is_all("Name:\tx\n", 1000));
}
