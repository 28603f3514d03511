#include "boot/plan.h"

#include <catch2/catch.hpp>

using namespace unionroot::boot;

namespace {

Plan plan_of(const std::string& command_line, const std::string& file = "") {
  return make_plan(settings_of_file(file, "boot.conf").settings, settings_of_command_line(command_line));
}

std::string text_of(const std::string& command_line, const std::string& file = "") {
  return plan_of(command_line, file).text();
}

std::string line(const std::string& text, const std::string& word) {
  const auto start = text.find(word + " ");
  return start == std::string::npos ? "" : text.substr(start, text.find('\n', start) - start);
}

}  // namespace

TEST_CASE("without parameters: the root that there is, and memory") {
  CHECK(text_of("") ==
        "asked no\n"
        "lower current auto rw,noatime,nodiratime\n"
        "upper memory auto rw,noatime,mode=755,size=50%\n"
        "fail tmpfs, memory 50%, wait 10, layout by-partition\n"
        "base keep, check auto\n"
        "init /sbin/init\n");
}

// Each parameter of the table: what it changes, and only that.
TEST_CASE("each parameter") {
  const struct {
    const char *given, *line, *expected;
  } rows[] = {
      {"root=/dev/sda1", "lower", "lower /dev/sda1 auto rw,noatime,nodiratime"},
      {"root=PARTUUID=12-01", "lower", "lower PARTUUID=12-01 auto rw,noatime,nodiratime"},
      {"root=", "lower", "lower current auto rw,noatime,nodiratime"},
      {"rootfstype=squashfs", "lower", "lower current squashfs rw,noatime,nodiratime"},
      {"rootfstype=ext4,xfs", "lower", "lower current ext4,xfs rw,noatime,nodiratime"},
      {"rootoptions=data=journal,nodev", "lower", "lower current auto rw,nodev,data=journal"},
      {"rootinit=/lib/systemd/systemd", "init", "init /lib/systemd/systemd"},
      {"init=/init rootinit=/bin/sh", "init", "init /bin/sh, /init"},
      {"rootrw=", "upper", "upper memory auto rw,noatime,mode=755,size=50%"},
      {"rootrw=tmpfs", "upper", "upper memory auto rw,noatime,mode=755,size=50%"},
      {"rootrw=/dev/sda2", "upper", "upper /dev/sda2 auto rw,noatime"},
      {"rootrw=LABEL=data", "upper", "upper LABEL=data auto rw,noatime"},
      {"rootrw=\"LABEL=my data\"", "upper", "upper LABEL=my data auto rw,noatime"},
      {"rootrw=UUID=1-2", "upper", "upper UUID=1-2 auto rw,noatime"},
      {"rootrw=PARTUUID=1-2", "upper", "upper PARTUUID=1-2 auto rw,noatime"},
      {"rootrw=PARTLABEL=data", "upper", "upper PARTLABEL=data auto rw,noatime"},
      {"rootrw=/dev/a rootrwfstype=xfs", "upper", "upper /dev/a xfs rw,noatime"},
      {"rootrw=/dev/a overlayrootfstype=ext4", "upper", "upper /dev/a ext4 rw,noatime"},
      {"rootrw=/dev/a rootrwoptions=rw,commit=5", "upper", "upper /dev/a auto rw,commit=5"},
      {"rootrw=/dev/a overlayrootfsflags=nodev", "upper", "upper /dev/a auto rw,nodev"},
      {"rootrwoptions=rw,mode=700,size=1m", "upper", "upper memory auto rw,mode=700,size=1m"},
      {"rootrwreset=yes", "upper", "upper memory auto rw,noatime,mode=755,size=50% reset"},
      {"rootrwreset=no", "upper", "upper memory auto rw,noatime,mode=755,size=50%"},
      {"ofs-size=20", "upper", "upper memory auto rw,noatime,mode=755,size=20%"},
      {"ofs-size=100%", "upper", "upper memory auto rw,noatime,mode=755,size=100%"},
      {"rootrwfail=read-only", "fail", "fail read-only, memory 50%, wait 10, layout by-partition"},
      {"rootrwfail=ro", "fail", "fail read-only, memory 50%, wait 10, layout by-partition"},
      {"rootrwfail=tmpfs", "fail", "fail tmpfs, memory 50%, wait 10, layout by-partition"},
      {"rootrwbase=discard", "base", "base discard, check auto"},
      {"rootrwbase=accept", "base", "base accept, check auto"},
      {"rootrwbase=accept rootrwbase=keep", "base", "base keep, check auto"},
      {"rootrwsize=20%", "upper", "upper memory auto rw,noatime,mode=755,size=20%"},
      {"rootrwsize=512M", "fail", "fail tmpfs, memory 512M, wait 10, layout by-partition"},
      {"rootrw=/dev/a rootrwimage=/dir/changes.img", "upper", "upper /dev/a/dir/changes.img auto rw,noatime"},
      {"fsck.mode=force", "base", "base keep, check force"},
      {"fsck.mode=skip", "base", "base keep, check skip"},
      {"fsck.mode=skip fsck.mode=auto", "base", "base keep, check auto"},
      {"rootrwwait=0", "fail", "fail tmpfs, memory 50%, wait 0, layout by-partition"},
      {"unionroot.layout=yocto", "fail", "fail tmpfs, memory 50%, wait 10, layout yocto"},
      {"overlayfs=yes", "asked", "asked yes"},
      {"overlayfs=yes", "fail", "fail tmpfs, memory 50%, wait 10, layout boundary"},
      {"unionroot.layout=br2 overlayfs=yes", "fail", "fail tmpfs, memory 50%, wait 10, layout br2"},
      {"overlayfs=no", "asked", "asked no, refused"},
      {"debug", "init", "init /sbin/init, debug"},
      {"quiet splash other=1 rootwait", "asked", "asked no"},
  };
  for (const auto& row : rows) {
    INFO(row.given);
    const auto plan = plan_of(row.given);
    CHECK(line(plan.text(), row.line) == row.expected);
    CHECK(plan.problems.empty());
  }
}

// Nonsense: what is taken instead is what holds without the word, and the problem names word and remedy.
TEST_CASE("each parameter's bad input") {
  const struct {
    const char *given, *why;
  } rows[] = {
      {"root=nfs", "expected a path in /dev, LABEL="},
      {"root=LABEL=", "the current root is used"},
      {"rootfstype=", "expected the name of a file system"},
      {"rootfstype=Ext4/x", "the type found on the device is used"},
      {"rootoptions=\"a b\"", "this is not a list of mount options"},
      {"rootinit=sh", "/sbin/init is used"},
      {"rootinit=/bin/sh;reboot", "expected the absolute path of a program"},
      {"rootinit=", "/sbin/init is used"},
      {"init=", "it is ignored"},
      {"rootrwfstype=ext4,xfs", "expected the name of a file system"},
      {"overlayrootfstype=", "expected the name of a file system"},
      {"rootrwoptions==", "the default is used"},
      {"rootrwoptions=noatime,mode=755,ro", "ro is ignored"},
      {"overlayrootfsflags=\"a b\"", "the default is used"},
      {"rootrwreset=1", "expected yes or no; nothing is deleted"},
      {"rootrwreset", "nothing is deleted"},
      {"rootrwfail=panic", "expected tmpfs or read-only; tmpfs is used"},
      {"rootrwbase=", "expected keep, discard or accept; keep is used"},
      {"rootrwbase=migrate", "expected keep, discard or accept; keep is used"},
      {"rootrwsize=", "expected a percentage of the memory, such as 20%, or a size, such as 512m; 50% is used"},
      {"rootrwsize=0", "50% is used"},
      {"rootrwsize=101%", "50% is used"},
      {"rootrwsize=%", "50% is used"},
      {"rootrwsize=5x", "50% is used"},
      {"rootrwsize=99999999999999999999m", "50% is used"},
      {"fsck.mode=yes", "expected auto, force or skip; it is ignored"},
      {"rootrwwait=-1", "expected a number of seconds, at most 3600; 10 is used"},
      {"rootrwwait=99999999999999999999", "10 is used"},
      {"overlayfs=maybe", "expected yes or no; it is ignored"},
      {"overlayfs", "expected yes or no"},
      {"ofs-size=0", "expected a percentage of the memory, 1 to 100; 50% is used"},
      {"ofs-size=101", "50% is used"},
      {"ofs-size=half", "50% is used"},
      {"unionroot.layout=debian", "expected br2, yocto or boundary"},
  };
  for (const auto& row : rows) {
    INFO(row.given);
    auto plan = plan_of(row.given);
    REQUIRE(plan.problems.size() == 1);
    CHECK(plan.problems[0].find(row.why) != std::string::npos);
    CHECK(plan.problems[0].starts_with("kernel command line: "));
    plan.problems.clear();
    CHECK(plan.text() == text_of(""));
  }
}

TEST_CASE("a rootrw that names nothing asks for an overlay, which rootrwfail then decides on") {
  const auto plan = plan_of("rootrw=sda2");
  CHECK(plan.asked);
  CHECK_FALSE(plan.upper.device);
  CHECK(plan.upper.unusable.find("kernel command line: rootrw=sda2: expected tmpfs, a path in /dev") == 0);
  CHECK(plan_of("rootrw=sda2 rootrw=/dev/sda2").upper.unusable.empty());
}

TEST_CASE("an image that is named without a device, or not at all, is no upper layer") {
  CHECK(plan_of("rootrwimage=/a.img").upper.unusable.find("rootrw= does not say on which device") != std::string::npos);
  for (const char* word : {"rootrwimage=", "rootrwimage=/", "rootrwimage=/a/../b", "rootrwimage=\"/a b\""}) {
    INFO(word);
    const auto plan = plan_of(std::string("rootrw=/dev/a ") + word);
    CHECK(plan.upper.unusable.find("expected the path of a file on the device of rootrw=") != std::string::npos);
  }
  CHECK(plan_of("rootrw=/dev/a rootrwimage= rootrwimage=/b").upper.unusable.empty());
}

TEST_CASE("the file system of the root is none of the upper layer's business") {
  const auto plan = plan_of("rootfstype=squashfs rootflags=x rootoptions=y rootrw=/dev/a");
  CHECK(line(plan.text(), "upper") == "upper /dev/a auto rw,noatime");
  CHECK(line(plan_of("rootrwfstype=xfs rootrwoptions=z rootrw=/dev/a").text(), "lower") ==
        "lower current auto rw,noatime,nodiratime");
}

TEST_CASE("br2's documented default of rootrwoptions, with which no partition can be mounted") {
  const auto plan = plan_of("rootrw=/dev/a rootrwoptions=rw,noatime,mode=755");
  CHECK(line(plan.text(), "upper") == "upper /dev/a auto rw,noatime");
  CHECK(plan.notes.size() == 1);
  CHECK(plan.problems.empty());
  CHECK(plan_of("rootrwoptions=rw,noatime,mode=755").notes.empty());
}

TEST_CASE("the command line wins over the file, and the last word over the first") {
  const std::string file = "rootrw = LABEL=data\nrootrwfail = read-only\nofs-size = 30\nlayout = yocto\n";
  CHECK(line(text_of("", file), "upper") == "upper LABEL=data auto rw,noatime");
  CHECK(line(text_of("", file), "fail") == "fail read-only, memory 30%, wait 10, layout yocto");
  CHECK(line(text_of("rootrw=/dev/b rootrwfail=tmpfs ofs-size=7", file), "fail") ==
        "fail tmpfs, memory 7%, wait 10, layout yocto");
  CHECK(line(text_of("rootrw=/dev/b", file), "upper") == "upper /dev/b auto rw,noatime");
  CHECK(line(text_of("rootrw=/dev/b rootrw=/dev/c", file), "upper") == "upper /dev/c auto rw,noatime");
  // Nonsense leaves what the file says.
  CHECK(line(text_of("ofs-size=x rootrwfail=x", file), "fail") == "fail read-only, memory 30%, wait 10, layout yocto");
}

TEST_CASE("overlayfs=no wins over every other parameter, for the boot that has it") {
  CHECK(plan_of("overlayfs=no rootrw=/dev/a rootrwreset=yes").refused);
  CHECK(plan_of("rootrw=/dev/a overlayfs=no", "overlayfs = yes").refused);
  CHECK(plan_of("", "overlayfs = no\nrootrw = /dev/a").refused);
  CHECK_FALSE(plan_of("overlayfs=yes", "overlayfs = no").refused);
}

TEST_CASE("the file cannot say what is needed to find it, and unknown settings in it are problems") {
  const auto plan =
      plan_of("", "root = /dev/a\nrootfstype = ext4\ninit = /x\nrootwr = /dev/b\nunionroot.layout = br2\n");
  REQUIRE(plan.problems.size() == 5);
  CHECK(plan.problems[0] == "boot.conf:1: root=/dev/a: only the kernel command line can have it; it is ignored");
  CHECK(plan.problems[3] == "boot.conf:4: rootwr=/dev/b: there is no such setting; it is ignored");
  CHECK_FALSE(plan.asked);
}

TEST_CASE("what others wrote is shown without control characters") {
  const auto plan = plan_of("ofs-size=\x1b[31m rootrw=\x1b[2J");
  for (const char c : plan.text()) CHECK((c == '\n' || c >= ' '));
  CHECK(plan.upper.unusable.find('\x1b') == std::string::npos);
}
