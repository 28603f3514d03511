#include "session/sources/snapshot_commands.h"

#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/text.h"

using namespace unionroot;
using owned::Found;
using owned::Token;
using session::LvmSnapshot;
using session::ZfsSnapshot;

namespace {

std::string line(const session::Words& words) { return base::join(words, "|"); }

kernel::CommandResult result(int status, const std::string& output, const std::string& errors) {
  return {{kernel::ProcessEnd::How::exited, status}, output, errors};
}

const Token ours{"00000000000000aa", 5, "sid-1"};
const std::string text = "1.00000000000000aa.5.sid-1";
const definition::LvmSnapshotSource lvm{"/dev/vg/base", "--size 2G  $(id)", "", ""};
const definition::ZfsSnapshotSource zfs{"pool/base", "-o atime=off", ""};

}  // namespace

TEST_CASE("what is run for a session on an LVM snapshot") {
  const LvmSnapshot snapshot(lvm, ours);
  CHECK(snapshot.path == "/dev/vg/sid-1");
  CHECK(line(snapshot.create(lvm)) == "lvcreate|--quiet|--yes|--snapshot|--name|sid-1|--addtag|unionroot.owner." +
                                          text + "|--size|2G|$(id)|/dev/vg/base");
  CHECK(line(snapshot.remove()) == "lvremove|--quiet|--force|--yes|vg/sid-1");
  CHECK(line(snapshot.tags()) == "lvs|--noheadings|--options|lv_tags|vg/sid-1");
  CHECK(line(snapshot.mark()) ==
        "lvchange|--quiet|--addtag|unionroot.owner." + text + "|--deltag|unionroot.session|vg/sid-1");
}

TEST_CASE("whose an LVM volume is") {
  const LvmSnapshot snapshot(lvm, ours);
  const auto found = [&](const std::string& output) { return snapshot.owner(result(0, output, "")).found; };
  CHECK(found("  unionroot.owner." + text + "\n") == Found::ours);
  CHECK(found("  backup,unionroot.owner." + text + ",x\n") == Found::ours);
  for (const char* other :
       {"  \n", "", "  unionroot.session\n", "  unionroot.owner.1.00000000000000bb.5.sid-1\n",
        "  unionroot.owner.1.00000000000000aa.6.sid-1\n", "  unionroot.owner.1.00000000000000aa.5.sid-10\n",
        "  unionroot.owner.1.00000000000000aa.5.sid-\n", "  unionroot.owner.2.x\n",
        "  xunionroot.owner.1.00000000000000aa.5.sid-1\n"}) {
    INFO(other);
    CHECK(found(other) == Found::foreign);
  }
  CHECK(snapshot.owner(result(0, "unionroot.owner.1.00000000000000bb.5.six", "")).owner ==
        "session six of the daemon 00000000000000bb");
  CHECK(snapshot.owner(result(5, "", "Failed to find logical volume \"vg/sid-1\"")).found == Found::nothing);
  CHECK(snapshot.owner(result(5, "", "Volume group \"vg\" not found; Cannot process volume group vg")).found ==
        Found::nothing);
  CHECK_THROWS_AS(snapshot.owner(result(5, "", "/run/lock/lvm/V_vg: open failed")), base::Error);
}

TEST_CASE("a volume of a former version is marked, and no other") {
  CHECK(LvmSnapshot::is_former(result(0, "  unionroot.session\n", "")));
  CHECK_FALSE(
      LvmSnapshot::is_former(result(0, "  unionroot.session,unionroot.owner.1.00000000000000bb.5.sid-1\n", "")));
  CHECK_FALSE(LvmSnapshot::is_former(result(0, "  \n", "")));
  CHECK_FALSE(LvmSnapshot::is_former(result(5, "", "not found")));
}

TEST_CASE("names and devices that LVM does not have") {
  for (const auto& name : {std::string("snapshot1"), std::string("pvmove0"), std::string("a_mlog"),
                           std::string("x_tmeta"), std::string(121, 'a')})
    CHECK_THROWS_AS(LvmSnapshot(lvm, {"00000000000000aa", 5, name}), base::Error);
  for (const char* device : {"/dev/sda1", "/dev/mapper/vg-base", "/srv/vg/base", "/dev/vg/a/b"})
    CHECK_THROWS_WITH(LvmSnapshot({device, "-L1G", "", ""}, ours), Catch::Contains("does not name a logical volume"));
}

TEST_CASE("what is run for a session on a ZFS snapshot") {
  const ZfsSnapshot names(zfs, ours);
  CHECK(line(names.make_snapshot()) == "zfs|snapshot|-o|unionroot:owner=" + text + "|pool/base@unionroot-sid-1");
  CHECK(line(names.make_clone(zfs)) == "zfs|clone|-o|unionroot:owner=" + text +
                                           "|-o|atime=off|-o|mountpoint=legacy|pool/base@unionroot-sid-1|pool/base/"
                                           "unionroot-sid-1");
  CHECK(line(ZfsSnapshot::owner_of(names.clone)) ==
        "zfs|get|-H|-o|value|-s|local|unionroot:owner|pool/base/unionroot-sid-1");
  CHECK(line(ZfsSnapshot::destroy(names.snapshot)) == "zfs|destroy|pool/base@unionroot-sid-1");
  CHECK(line(names.mark(names.clone)) == "zfs|set|unionroot:owner=" + text + "|pool/base/unionroot-sid-1");
}

TEST_CASE("whose a ZFS data set is") {
  const ZfsSnapshot names(zfs, ours);
  CHECK(names.owner(result(0, text + "\n", "")).found == Found::ours);
  for (const char* other : {"", "\n", "-\n", "sid-1\n", "1.00000000000000bb.5.sid-1\n", "1.00000000000000aa.5.sid\n"}) {
    INFO(other);
    CHECK(names.owner(result(0, other, "")).found == Found::foreign);
  }
  CHECK(names.owner(result(1, "", "cannot open 'pool/x': dataset does not exist")).found == Found::nothing);
  CHECK_THROWS_AS(names.owner(result(1, "", "The ZFS modules cannot be auto-loaded.")), base::Error);
}

TEST_CASE("a snapshot that could not be made is another's, or was not made at all, or may have been made") {
  const auto fails = [](base::ErrorCode code) { return [code] { throw base::Error(code, "lvcreate failed"); }; };
  const auto answers = [](Found found) { return [found] { return session::OwnerAnswer{found, "somebody"}; }; };
  {
    session::TreeData data;
    CHECK_NOTHROW(session::make_snapshot([] {}, answers(Found::foreign), "vg/x", data));
    CHECK_FALSE(data.untouched);
  }
  {
    session::TreeData data;
    CHECK_THROWS_WITH(session::make_snapshot(fails(base::ErrorCode::failed), answers(Found::foreign), "vg/x", data),
                      Catch::Contains("vg/x already") && Catch::Contains("somebody"));
    CHECK(data.untouched);
  }
  for (const auto found : {Found::nothing, Found::ours}) {
    session::TreeData data;
    CHECK_THROWS_WITH(session::make_snapshot(fails(base::ErrorCode::failed), answers(found), "vg/x", data),
                      "lvcreate failed");
    CHECK_FALSE(data.untouched);
  }
  {
    session::TreeData data;
    const auto cannot = []() -> session::OwnerAnswer { throw base::Error(base::ErrorCode::failed, "lvs failed"); };
    CHECK_THROWS_WITH(session::make_snapshot(fails(base::ErrorCode::failed), cannot, "vg/x", data), "lvcreate failed");
    CHECK(data.untouched);
  }
  {
    session::TreeData data;
    CHECK_THROWS_AS(session::make_snapshot(fails(base::ErrorCode::timed_out), answers(Found::foreign), "vg/x", data),
                    base::Error);
    CHECK_FALSE(data.untouched);
  }
}
