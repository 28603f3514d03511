#include "kernel/mountinfo.h"

#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/files.h"
#include "kernel/proc_options.h"

using namespace unionroot::kernel;

TEST_CASE("mountinfo lines as proc(5) shows them") {
  const auto entries = parse_mountinfo(
      "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue\n"
      "40 36 0:38 / /a\\040b\\011c\\134d rw - tmpfs  rw,size=4k\n"
      "41 36 0:4 mnt:[4026532273] /run/ns/s1 rw - nsfs nsfs rw\n");
  REQUIRE(entries.size() == 3);
  CHECK(entries[0].id == 36);
  CHECK(entries[0].parent == 35);
  CHECK(entries[0].device == "98:0");
  CHECK(entries[0].root == "/mnt1");
  CHECK(entries[0].target == "/mnt2");
  CHECK(entries[0].options == "rw,noatime");
  CHECK(entries[0].propagation == std::vector<std::string>{"master:1", "shared:7"});
  CHECK(entries[0].type == "ext3");
  CHECK(entries[0].source == "/dev/root");
  CHECK(entries[0].super_options == "rw,errors=continue");
  CHECK(entries[1].target == "/a b\tc\\d");
  CHECK(entries[1].propagation.empty());
  CHECK(entries[1].source.empty());
  CHECK(entries[1].super_options == "rw,size=4k");
  CHECK(entries[2].root == "mnt:[4026532273]");
  CHECK(parse_mountinfo("").empty());
}

TEST_CASE("lines that are not mountinfo are named, and never read past") {
  for (const char* bad :
       {"x", "36", "36 35 98:0 / /mnt rw", "36 35 98:0 / /mnt rw -", "36 35 98:0 / /mnt rw - ext3 /dev",
        "a 35 98:0 / /mnt rw - ext3 /dev rw", "36 35 98:0 - ext3 /dev rw", "- - - - - - -"}) {
    INFO(bad);
    CHECK_THROWS_WITH(parse_mountinfo(bad), Catch::Contains("not as proc(5) says"));
  }
  CHECK_THROWS_WITH(parse_mountinfo("\x1b[31m"), Catch::Contains("\\x1b"));
}

TEST_CASE("octal escapes") {
  CHECK(unescape_octal("\\040") == " ");
  CHECK(unescape_octal("\\377") == "\xff");
  CHECK(unescape_octal("\\400") == "\\400");
  CHECK(unescape_octal("\\08a") == "\\08a");
  CHECK(unescape_octal("\\04") == "\\04");
  CHECK(unescape_octal("a\\") == "a\\");
}

TEST_CASE("this machine's own mountinfo is understood") {
  const auto entries = parse_mountinfo(unionroot::base::read_file("/proc/self/mountinfo"));
  bool root = false;
  for (const MountEntry& entry : entries) root = root || entry.target == "/";
  CHECK(root);
}

TEST_CASE("what a /proc hides is told from its options, and a line's own options go before") {
  CHECK(proc_options_in("rw").empty());
  CHECK(proc_options_in("rw,hidepid=invisible,gid=4,subset=pid") ==
        MountOptions{{"hidepid", "invisible"}, {"gid", "4"}, {"subset", "pid"}});
  const MountOptions host{{"hidepid", "invisible"}, {"gid", "4"}};
  CHECK(with_options_of({}, host) == host);
  CHECK(with_options_of({{"hidepid", "0"}}, host) == MountOptions{{"hidepid", "0"}, {"gid", "4"}});
  CHECK(with_options_of({{"gid", "0"}}, {}) == MountOptions{{"gid", "0"}});
}
