#include "fstab/from_profile.h"

#include <sys/mount.h>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/text.h"
#include "mount/overlay_entry.h"

using namespace unionroot;
using namespace unionroot::fstab;
using namespace unionroot::mount;
using definition::Definition;
using definition::DeviceMode;

namespace {

// Lines of an fstab: "source target type options".
Definition with(const std::vector<std::string>& lines, DeviceMode dev = DeviceMode::private_dev) {
  Definition definition;
  definition.dev = dev;
  unsigned number = 0;
  for (const std::string& line : lines) {
    const auto words = base::split(line, ' ');
    definition.profile.fstab.push_back(
        {words.at(0), words.at(1), words.at(2), base::split(words.at(3), ','), "fstab", ++number});
  }
  return definition;
}

std::string planned(const std::vector<std::string>& lines, DeviceMode dev = DeviceMode::private_dev) {
  return plan_inner_mounts(with(lines, dev)).text();
}

const std::string own_terminals = "devpts on /dev/pts with newinstance,ptmxmode=0666,mode=620,gid=5 as nosuid,noexec";
const std::string own_memory = "tmpfs on /dev/shm with mode=1777 as nosuid,nodev,noexec [built-in]\n";

}  // namespace

TEST_CASE("schroot's default profile") {
  const std::vector<std::string> lines = {"/proc /proc none rw,bind", "/sys /sys none rw,bind",
                                          "/dev /dev none rw,bind",   "/dev/pts /dev/pts none rw,bind",
                                          "/home /home none rw,bind", "/tmp /tmp none rw,bind"};
  const std::string ends = "bind of /home on /home [fstab:5]\nbind of /tmp on /tmp [fstab:6]\n";
  CHECK(planned(lines) == "private /dev\n" + own_memory + "proc on /proc as nosuid,nodev,noexec [fstab:1]\n" +
                              "sysfs on /sys as nosuid,nodev,noexec [fstab:2]\n" + own_terminals + " [fstab:4]\n" +
                              ends);
  CHECK(planned(lines, DeviceMode::host) ==
        "proc on /proc as nosuid,nodev,noexec [fstab:1]\n"
        "sysfs on /sys as nosuid,nodev,noexec [fstab:2]\n"
        "rbind of /dev on /dev [fstab:3]\n" +
            own_terminals + " [fstab:4]\n" + ends);
}

TEST_CASE("schroot's sbuild, buildd and minimal profiles") {
  CHECK(planned({"/proc /proc none rw,bind", "/sys /sys none ro,bind"}) ==
        "proc on /proc as nosuid,nodev,noexec [fstab:1]\nsysfs on /sys as ro,nosuid,nodev,noexec [fstab:2]\n");
  CHECK(planned({"/dev/pts /dev/pts none rw,bind", "tmpfs /dev/shm tmpfs defaults",
                 "/var/lib/sbuild/build /build none rw,bind"}) ==
        "private /dev\n" + own_terminals + " [fstab:1]\n" +
            "tmpfs on /dev/shm [fstab:2]\nbind of /var/lib/sbuild/build on /build [fstab:3]\n");
  CHECK(planned({"devpts /dev/pts devpts rw,newinstance,ptmxmode=666,mode=620,gid=9"}, DeviceMode::host) ==
        "devpts on /dev/pts with newinstance,ptmxmode=666,mode=620,gid=9 as nosuid,noexec [fstab:1]\n");
  CHECK(planned({}) == "");
}

TEST_CASE("a /dev alone gets terminals and shared memory of its own") {
  const std::string expected = "private /dev\n" + own_terminals + " [built-in]\n" + own_memory;
  CHECK(planned({"/dev /dev none rw,bind"}) == expected);
  CHECK(planned({"/dev/ //dev/. none rbind"}) == expected);
  CHECK(planned({"udev /dev devtmpfs defaults"}) == expected);
  CHECK(planned({"/dev /dev none rw,rbind"}, DeviceMode::host) ==
        "rbind of /dev on /dev [fstab:1]\n" + own_terminals + " [fstab:1]\n");
  // Somebody's own folder of devices is bound as it is.
  CHECK(planned({"/srv/dev /dev none bind"}) == "bind of /srv/dev on /dev [fstab:1]\n");
}

TEST_CASE("options become attributes, and the rest goes to the file system") {
  const auto first = [](const std::string& line) { return plan_inner_mounts(with({line})).mounts.at(0); };
  CHECK(first("/a /b none ro,nosuid,nodev,noexec,noatime,bind").attributes ==
        (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOATIME));
  CHECK(first("/a /b none bind,ro,rw").attributes == 0);
  CHECK(first("/a /b none bind,noatime,strictatime").attributes == MOUNT_ATTR_STRICTATIME);
  CHECK(first("/a /b none bind,defaults,comment=x,x-systemd.requires=y,_netdev").attributes == 0);
  CHECK(first("/a /b none bind,users").attributes == (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
  CHECK(first("/a /b none bind,users,exec,suid,dev").attributes == 0);
  CHECK(first("/a /b none bind,owner").attributes == (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
  CHECK(first("/a /b none rbind,rslave").recursive);
  CHECK_FALSE(first("/a /b none bind").optional);
  CHECK(first("/a /b none bind,x-unionroot.optional").optional);
  CHECK(first("/a /b none bind,nofail").optional);
  // Only what the built-in profiles have as well is usual, wherever it was read.
  CHECK_FALSE(first("/a /b none bind,x-unionroot.optional").usual);
  CHECK(first("/var/lib/sbuild/build /build none rw,rbind,x-unionroot.optional,x-unionroot.view").usual);
  CHECK_FALSE(first("/var/lib/sbuild/build /mnt none rw,rbind,x-unionroot.optional").usual);
  CHECK_FALSE(first("proc /proc proc defaults").usual);
  CHECK(first("tmpfs /tmp tmpfs size=1g,mode=1777").text() == "tmpfs on /tmp with size=1g,mode=1777 [fstab:1]");
  CHECK(first("none /srv/shm tmpfs rw,nosuid,noexec").text() == "tmpfs on /srv/shm as nosuid,noexec [fstab:1]");
  CHECK(first("tmpfs /build tmpfs nosuid,exec,dev,noatime").attributes == (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOATIME));
  CHECK(first("proc /proc proc hidepid=2,ro").text() ==
        "proc on /proc with hidepid=2 as ro,nosuid,nodev,noexec [fstab:1]");
  CHECK(first("/proc /host/proc none bind").text() == "bind of /proc on /host/proc [fstab:1]");
  CHECK(planned({"/swap none swap sw"}) == "");
}

TEST_CASE("what schroot's users write, and mount(8) takes") {
  CHECK(planned({"/a /b none bind,noauto", "tmpfs /c tmpfs noauto"}) ==
        "bind of /a on /b [fstab:1]\ntmpfs on /c [fstab:2]\n");
  // The type of a bind means nothing; of the kernel's own places a new instance is mounted whatever it is.
  CHECK(planned({"/a /b proc bind", "/c /d ext4 rw,bind", "/proc /proc proc rw,bind"}) ==
        "bind of /a on /b [fstab:1]\nbind of /c on /d [fstab:2]\nproc on /proc as nosuid,nodev,noexec [fstab:3]\n");
  CHECK(planned({"/a /b none bind,slave", "/a /c none bind,rslave", "/a /d none rbind", "/a /e none rbind,slave",
                 "/a /f none rbind,private", "/a /g none bind,private", "/a /h none bind,unbindable"}) ==
        "bind of /a on /b, a slave of the host's [fstab:1]\nbind of /a on /c, a slave of the host's [fstab:2]\n"
        "rbind of /a on /d [fstab:3]\nrbind of /a on /e [fstab:4]\nrbind of /a on /f, private [fstab:5]\n"
        "bind of /a on /g [fstab:6]\nbind of /a on /h [fstab:7]\n");
  CHECK(planned({"/sys /sys none rw,rbind"}) == "rbind of /sys on /sys [fstab:1]\n");
  CHECK(planned({"/sys /sys none rw,bind"}) == "sysfs on /sys as nosuid,nodev,noexec [fstab:1]\n");
  const auto definition = with({"/a /b none ro,bind,uid=1000,sync", "/a /c none bind,nosuid", "tmpfs /d tmpfs uid=1"});
  CHECK(plan_inner_mounts(definition).text() ==
        "bind of /a on /b as ro [fstab:1]\nbind of /a on /c as nosuid [fstab:2]\ntmpfs on /d with uid=1 [fstab:3]\n");
  CHECK(options_without_effect(definition) == std::vector<std::string>{"fstab:1: option uid has no effect on a bind",
                                                                       "fstab:1: option sync has no effect on a bind"});
}

TEST_CASE("entries that cannot be honoured name their line and what is expected") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"/a b none bind", "fstab:1: target b: expected an absolute path"},
      {"/a /b/../../c none bind", "expected an absolute path without .."},
      {"/a / none bind", "target /"},
      {"a /b none bind", "source a of a bind"},
      {"/a/.. /b none bind", "source /a/.. of a bind"},
      {"/a /b none rw", "type none without bind"},
      {"/dev/sda1 /b ext4 rw", "unknown type ext4"},
      {"tmpfs /b tmpfs sise=1", "unknown option sise for the type tmpfs"},
      {"/a /b none bind,shared", "option shared"},
      {"/a /b none rbind,rshared", "option rshared: what is mounted in a session would be mounted on the host"},
      {"/a /b none bind,remount", "option remount"},
      {"/a /b none move", "option move"},
      {"overlay /b overlay rw", "needs the option lowerdir"},
      {"overlay /b overlay lowerdir=/a,upperdir=/u", "upperdir and workdir go together"},
      {"overlay /b overlay lowerdir=a", "lowerdir=a: expected an absolute path"},
      {"overlay /b overlay lowerdir=/a,upperdir=/u,workdir=/u/w", "one inside the other"},
      {"overlay /b overlay lowerdir=/a,colour=red", "unknown overlay option colour"},
      {"overlay /b overlay lowerdir=/a,upperdir=/u:v/a,workdir=/u:v/../w", "expected an absolute path"},
      {"overlay /b overlay lowerdir=/a,upperdir=/s/u:v,workdir=/s/w", "comma, colon"},
      {"overlay /b overlay lowerdir=\"a\"", "lowerdir=a: expected an absolute path"},
  };
  for (const auto& [line, message] : cases) {
    INFO(line);
    try {
      planned({line});
      FAIL_CHECK("no error");
    } catch (const base::Error& error) {
      CHECK(error.code() == base::ErrorCode::definition_invalid);
      CHECK_THAT(error.what(), Catch::StartsWith("fstab:1: ") && Catch::Contains(message));
    }
  }
}

TEST_CASE("an overlay's upper and work come as one tree") {
  const auto entry =
      plan_inner_mounts(with({"overlay /c overlay lowerdir=/a:/b,upperdir=/srv/x/up,workdir=/srv/x/wk/1,index=off"}))
          .mounts.at(0);
  const OverlayEntry overlay = overlay_entry(entry);
  CHECK(overlay.lowers == std::vector<std::string>{"/a", "/b"});
  CHECK(overlay.store == "/srv/x");
  CHECK(overlay.upper == "up");
  CHECK(overlay.work == "wk/1");
  CHECK(overlay.options.size() == 1);
  const auto top = plan_inner_mounts(with({"overlay /c overlay lowerdir=/a,upperdir=/up,workdir=/upper"})).mounts.at(0);
  CHECK(overlay_entry(top).store == "/");
  CHECK(overlay_entry(top).upper == "up");
  CHECK(overlay_entry(top).work == "upper");
}

TEST_CASE("an overlay over what the session has itself, and folders that serve one session at a time") {
  const auto definition =
      with({"overlay /var overlay upperdir=/srv/s/up,workdir=/srv/s/./work", "overlay /c overlay lowerdir=/a"});
  const OverlayEntry overlay = overlay_entry(plan_inner_mounts(definition).mounts.at(0));
  CHECK(overlay.lowers.empty());
  CHECK(overlay.store == "/srv/s");
  CHECK(folders_written_by_overlays(definition) == std::vector<std::string>{"/srv/s/up", "/srv/s/work"});
  CHECK_THROWS_WITH(planned({"overlay /a overlay upperdir=/s/u,workdir=/s/w",
                             "overlay /b overlay lowerdir=/x,upperdir=/s//u,workdir=/s/w2"}),
                    "fstab:2: the overlay of fstab:1 writes to /s/u too");
  CHECK_THROWS_WITH(
      planned({"overlay /a overlay upperdir=/s/u,workdir=/s/w", "overlay /b overlay upperdir=/s/w,workdir=/s/w2"}),
      "fstab:2: the overlay of fstab:1 writes to /s/w too");
}

TEST_CASE("options of the session's own overlay") {
  CHECK(overlay_options("redirect_dir=on, index=off,default_permissions") ==
        std::vector<std::pair<std::string, std::string>>{
            {"redirect_dir", "on"}, {"index", "off"}, {"default_permissions", ""}});
  CHECK(overlay_options("").empty());
  for (const char* ours : {"lowerdir=/x", "upperdir=/x", "workdir=/x", "userxattr", "volatile", "lowerdir+=/x"})
    CHECK_THROWS_WITH(overlay_options(ours), Catch::Contains("sets it itself"));
  CHECK_THROWS_WITH(overlay_options("colour=red"), Catch::Contains("unknown overlay option colour"));
  CHECK_THROWS_WITH(overlay_options("index=maybe"), Catch::Contains("index=maybe"));
  CHECK_THROWS_WITH(overlay_options("index"), Catch::Contains("index="));
  CHECK_THROWS_WITH(overlay_options("default_permissions=on"), Catch::Contains("default_permissions=on"));
}
