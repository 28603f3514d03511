#include "session/sources/snapshot_commands.h"

#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/text.h"

using namespace unionroot;
using session::LvmSnapshot;
using session::ZfsSnapshot;

namespace {
std::string line(const session::Words& words) { return base::join(words, "|"); }
}  // namespace

TEST_CASE("what is run for a session on an LVM snapshot") {
  const definition::LvmSnapshotSource source{"/dev/vg/base", "--size 2G  $(id)", "", ""};
  const LvmSnapshot snapshot(source, "sid-1");
  CHECK(snapshot.path == "/dev/vg/sid-1");
  CHECK(line(snapshot.create(source)) ==
        "lvcreate|--quiet|--yes|--snapshot|--name|sid-1|--addtag|unionroot.session|--size|2G|$(id)|/dev/vg/base");
  CHECK(line(snapshot.remove()) == "lvremove|--quiet|--force|--yes|vg/sid-1");
  CHECK(line(snapshot.tags()) == "lvs|--noheadings|--options|lv_tags|vg/sid-1");
}

TEST_CASE("names and devices that LVM does not have") {
  const definition::LvmSnapshotSource source{"/dev/vg/base", "-L1G", "", ""};
  for (const char* name : {"snapshot1", "pvmove0", "a_mlog", "x_tmeta"})
    CHECK_THROWS_AS(LvmSnapshot(source, name), base::Error);
  CHECK_THROWS_AS(LvmSnapshot(source, std::string(121, 'a')), base::Error);
  for (const char* device : {"/dev/sda1", "/dev/mapper/vg-base", "/srv/vg/base", "/dev/vg/a/b"})
    CHECK_THROWS_WITH(LvmSnapshot({device, "-L1G", "", ""}, "sid"), Catch::Contains("does not name a logical volume"));
}

TEST_CASE("what is run for a session on a ZFS snapshot") {
  const definition::ZfsSnapshotSource source{"pool/base", "-o atime=off", ""};
  const ZfsSnapshot names(source, "sid-1");
  CHECK(line(names.make_snapshot("sid-1")) == "zfs|snapshot|-o|unionroot:session=sid-1|pool/base@unionroot-sid-1");
  CHECK(line(names.make_clone(source, "sid-1")) ==
        "zfs|clone|-o|unionroot:session=sid-1|-o|atime=off|-o|mountpoint=legacy|pool/base@unionroot-sid-1|pool/base/"
        "unionroot-sid-1");
  CHECK(line(ZfsSnapshot::owner(names.clone)) == "zfs|get|-H|-o|value|unionroot:session|pool/base/unionroot-sid-1");
  CHECK(line(ZfsSnapshot::destroy(names.snapshot)) == "zfs|destroy|pool/base@unionroot-sid-1");
}
