#include <sys/mount.h>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "mount/visit.h"

using namespace unionroot;
using namespace unionroot::mount;

TEST_CASE("plans as text") {
  OverlayPlan overlay;
  CHECK(overlay.text() == "overlay on / from 1 lower tree, upper upper, work work");
  overlay.lowers = 3;
  overlay.options = {{"redirect_dir", "on"}, {"default_permissions", ""}};
  overlay.volatile_upper = true;
  CHECK(overlay.text() ==
        "overlay on / from 3 lower trees, upper upper, work work, redirect_dir=on,default_permissions, volatile");

  InnerMount entry;
  entry.kind = InnerMount::Kind::bind;
  entry.source = "/home";
  entry.target = "home";
  entry.recursive = true;
  entry.slave = true;
  entry.optional = true;
  entry.attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOATIME;
  entry.origin = "fstab:3";
  CHECK(entry.text() == "rbind of /home on /home as ro,noatime, optional [fstab:3]");
  MountPlan plan;
  plan.private_dev = true;
  plan.mounts.push_back(entry);
  plan.hidden = {"/var/lib/unionroot"};
  CHECK(plan.text() ==
        "private /dev\nrbind of /home on /home as ro,noatime, optional [fstab:3]\nhidden /var/lib/unionroot\n");
}

TEST_CASE("overlay data for mount(2)") {
  CHECK(overlay_data(2, "upper", "work", {{"index", "off"}, {"default_permissions", ""}}, true) ==
        "lowerdir=0:1,upperdir=/store/upper,workdir=/store/work,index=off,default_permissions,volatile");
  CHECK(overlay_data(1, "", "", {}, false) == "lowerdir=0");
  CHECK(overlay_data(500, "upper", "work", {}, false).size() < 4096);
  CHECK_THROWS_AS(overlay_data(0, "upper", "work", {}, false), base::Error);
  CHECK_THROWS_AS(overlay_data(501, "upper", "work", {}, false), base::Error);
  CHECK_THROWS_AS(overlay_data(1, "a,lowerdir=/", "work", {}, false), base::Error);
  CHECK_THROWS_AS(overlay_data(1, "upper", "a:b", {}, false), base::Error);
  CHECK_THROWS_AS(overlay_data(1, "upper", "work", {{"index", "on,upperdir=/"}}, false), base::Error);
  CHECK_THROWS_WITH(overlay_data(1, std::string(4096, 'x'), "work", {}, false), Catch::Contains("4 KiB"));
}
