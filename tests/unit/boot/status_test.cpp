#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "base/files.h"
#include "boot/after_boot.h"
#include "boot/devices.h"
#include "boot/new_root.h"
#include "temporary_folder.h"

using namespace unionroot;
using namespace unionroot::boot;

namespace {

base::UniqueFd open_folder(const std::string& path) {
  return base::UniqueFd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

Laid laid_as(State state, const std::string& reason) {
  Laid laid;
  laid.state = state;
  laid.upper = "/dev/vdb";
  laid.reason = reason;
  return laid;
}

}  // namespace

TEST_CASE("the status is one line for each value") {
  Plan plan;
  CHECK(status_text(laid_as(State::overlay, ""), plan) == "state=overlay\ndegraded=no\nupper=/dev/vdb\nlayout=br2\n");
  CHECK(status_text(laid_as(State::temporary, "two\nlines"), plan) ==
        "state=temporary\ndegraded=yes\nupper=/dev/vdb\nlayout=br2\nreason=two\\x0alines\n");
  plan.problems = {"p"};
  CHECK(status_text(laid_as(State::overlay, ""), plan) ==
        "state=overlay\ndegraded=yes\nupper=/dev/vdb\nlayout=br2\nproblem=p\n");
}

TEST_CASE("who logs in is told, but only where something is wrong") {
  const tests::TemporaryFolder run, lower;
  leave_for_after_boot(run.path(), laid_as(State::overlay, ""), Plan{}, open_folder(lower.path()).get());
  CHECK(exists(run / "unionroot/boot/status"));
  CHECK(base::read_file(run / "systemd/system/systemd-remount-fs.service.d/unionroot.conf") ==
        "[Unit]\nConditionPathExists=!/run/unionroot/boot/status\n");
  CHECK_FALSE(exists(run / "issue.d/unionroot.issue"));

  leave_for_after_boot(run.path(), laid_as(State::read_only, "no such device"), Plan{},
                       open_folder(lower.path()).get());
  for (const char* file : {"issue.d/unionroot.issue", "motd.d/unionroot"}) {
    const auto text = base::read_file(run / file);
    CHECK(text.find("The root of this machine is read-only.") != std::string::npos);
    CHECK(text.find("no such device") != std::string::npos);
  }
}

TEST_CASE("the layers are shown at the places of each system") {
  auto laid = laid_as(State::overlay, "");
  laid.upper_folder = "upper";
  const auto places = [&](Layout layout) {
    laid.layout = layout;
    std::string out;
    for (const auto& shown : shown_layers(laid)) out += shown.source + "@" + shown.place + " ";
    return out;
  };
  CHECK(places(Layout::br2) == "lower@/media/rfs/ro rw@/media/rfs/rw ");
  CHECK(places(Layout::yocto) == "lower@/rofs lower@/overlay/rofs rw/upper@/overlay/upper rw/work@/overlay/work ");
  CHECK(places(Layout::boundary) == "lower@/mnt/root-RO rw@/mnt/root-RW ");
  laid.upper.clear();
  CHECK(places(Layout::br2) == "lower@/media/rfs/ro ");
  // What is shown has a mount point, whatever the lower layer has.
  for (const auto layout : {Layout::br2, Layout::yocto, Layout::boundary}) {
    laid.layout = layout;
    laid.upper = "memory";
    const auto points = mount_points(layout);
    for (const auto& shown : shown_layers(laid))
      CHECK(std::find(points.begin(), points.end(), shown.place) != points.end());
  }
}

TEST_CASE("init is a program in the root, and not this one") {
  const tests::TemporaryFolder root;
  root.write("sbin/boot", "x", 0755);
  root.write("bin/sh", "x", 0755);
  root.write("etc/init", "x", 0644);
  REQUIRE(::symlink("/bin/sh", (root / "sbin/init").c_str()) == 0);
  const auto folder = open_folder(root.path());
  const base::UniqueFd self(::open((root / "sbin/boot").c_str(), O_PATH | O_CLOEXEC));
  CHECK(find_init(folder.get(), {"/sbin/none", "/etc/init", "/sbin", "/sbin/init"}, -1) == "/sbin/init");
  CHECK(find_init(folder.get(), {"/sbin/boot", "/bin/sh"}, self.get()) == "/bin/sh");
  CHECK(find_init(folder.get(), {"/sbin/boot"}, -1) == "/sbin/boot");
  CHECK(find_init(folder.get(), {"/etc/init"}, -1).empty());

  Plan plan;
  plan.init = "/x";
  plan.other_init = "/y";
  CHECK(inits(plan, true).front() == "/y");
  CHECK(inits(plan, false).front() == "/x");
}

TEST_CASE("a device is meant by any of its names") {
  const Device device{"/dev/vdb1", 0, "ext4", "", "data", "AbCd", "12-01", "part"};
  for (const char* name : {"/dev/vdb1", "LABEL=data", "UUID=abcd", "PARTUUID=12-01", "PARTLABEL=part"})
    CHECK(is_meant(*parse_device_name(name), device));
  for (const char* name : {"/dev/vdb", "LABEL=Data", "UUID=abc", "PARTUUID=12-02", "PARTLABEL=data"})
    CHECK_FALSE(is_meant(*parse_device_name(name), device));
  CHECK_FALSE(is_meant({DeviceName::Kind::uuid, ""}, Device{}));
  CHECK(list_devices(
            {device, {"/dev/vdc", 0, "", "", "", "", "", ""}, {"/dev/vdd", 0, "", "crypto_LUKS", "", "", "", ""}}) ==
        "/dev/vdb1 (ext4, LABEL=data, PARTLABEL=part), /dev/vdc (no file system), /dev/vdd (crypto_LUKS)");
  CHECK(list_devices({}) == "none");
}

TEST_CASE("a device that does not come is told with those that there are") {
  try {
    wait_for_device(*parse_device_name("/dev/unionroot-is-not-there"), std::chrono::seconds(0), Several::refused);
    FAIL("it was found");
  } catch (const base::Error& error) {
    CHECK(error.code() == base::ErrorCode::timed_out);
    CHECK(std::string(error.what()) == "device /dev/unionroot-is-not-there did not appear within 0 seconds");
    CHECK(error.hint().starts_with("there are: "));
  }
  CHECK_THROWS_WITH(wait_for_device(*parse_device_name("/dev/null"), std::chrono::seconds(0), Several::refused),
                    "/dev/null is not a block device");
}
