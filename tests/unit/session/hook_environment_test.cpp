// What a hook finds in its environment.
#include <algorithm>
#include <catch2/catch.hpp>

#include "session/hooks/environment.h"
#include "session_fixture.h"

using namespace unionroot;

namespace {

struct Fixture : test::SessionFixture {
  std::vector<std::string> notes;

  std::vector<std::string> environment(const definition::Definition& shape, const std::string& selected = "sid",
                                       bool source = false) {
    store::SessionRecord record;
    record.source = source;
    record.selected_name = selected;
    record.owner = 1000;
    const auto operation = operate("s", record, std::make_shared<definition::Definition>(shape));
    launch::User owner;
    owner.name = "alice";
    owner.uid = 1000;
    owner.gid = 0;
    owner.home = "/home/alice";
    owner.shell = "/bin/sh";
    return session::hook_environment(operation, owner, {"/run/mount", "/run/mount/s"}, notes);
  }
};

bool has(const std::vector<std::string>& environment, const std::string& line) {
  return std::count(environment.begin(), environment.end(), line) == 1;
}

bool names(const std::vector<std::string>& environment, const std::string& name) {
  return std::any_of(environment.begin(), environment.end(),
                     [&](const auto& line) { return line.rfind(name + "=", 0) == 0; });
}

}  // namespace

TEST_CASE("keys become variables") {
  CHECK(session::variable_of_key("setup.fstab") == "SETUP_FSTAB");
  CHECK(session::variable_of_key("site.a-b.c9") == "SITE_A_B_C9");
}

TEST_CASE("what changes how programs work is no user data") {
  for (const char* bad : {"PATH", "LD_PRELOAD", "LD_LIBRARY_PATH", "BASH_ENV", "BASH_FUNC_x", "ENV", "IFS",
                          "GLIBC_TUNABLES", "GCONV_PATH", "PERL5LIB", "PYTHONPATH", "RUBYOPT", "GIT_SSH", "NLSPATH",
                          "KRB5_CONFIG", "HOME", "TMPDIR", "RES_OPTIONS"})
    CHECK_FALSE(session::may_be_user_data(bad));
  for (const char* good : {"SETUP_FSTAB", "SITE_MIRROR", "PATH_X", "ENVIRONMENT_X", "MY_LD_PRELOAD"})
    CHECK(session::may_be_user_data(good));
}

TEST_CASE_METHOD(
    Fixture, "a hook's environment is the definition's, the owner's and the session's, and nothing of the daemon's") {
  auto shape = *definition();
  shape.description = "a tree";
  shape.profile_name = "buildd";
  shape.user_data = {
      {"site.mirror", "a\nPATH=/tmp"}, {"ld.preload", "/tmp/x.so"}, {"auth.user", "root"}, {"session.id", "other"}};
  ::setenv("UNIONROOT_TEST_SECRET", "x", 1);
  const auto found = environment(shape, "source:alias");
  ::unsetenv("UNIONROOT_TEST_SECRET");
  CHECK(has(found, "AUTH_USER=alice"));  // not what user data says
  CHECK(has(found, "SESSION_ID=s"));
  CHECK(has(found, "AUTH_RUID=1000"));
  CHECK(has(found, "AUTH_RGROUP=root"));
  CHECK(has(found, "AUTH_HOME=/home/alice"));
  CHECK(has(found, "CHROOT_NAME=sid"));
  CHECK(has(found, "CHROOT_ALIAS=alias"));
  CHECK(has(found, "CHROOT_PATH=/run/mount/s"));
  CHECK(has(found, "CHROOT_MOUNT_LOCATION=/run/mount/s"));
  CHECK(has(found, "CHROOT_DIRECTORY=" + folder.path + "/tree"));
  CHECK(has(found, "CHROOT_UNION_TYPE=overlay"));
  CHECK(has(found, "CHROOT_SESSION_PURGE=true"));
  CHECK(has(found, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
  CHECK(has(found, "SITE_MIRROR=a\nPATH=/tmp"));
  CHECK_FALSE(names(found, "LD_PRELOAD"));
  CHECK_FALSE(names(found, "UNIONROOT_TEST_SECRET"));
  CHECK(notes.size() == 1);
  CHECK(std::is_sorted(found.begin(), found.end()));
}

TEST_CASE_METHOD(Fixture, "a description says that it is a session's, as schroot's does") {
  auto shape = *definition();
  shape.description = "a tree";
  CHECK(has(environment(shape), "CHROOT_DESCRIPTION=a tree (session chroot)"));
  CHECK(has(environment(shape, "source:sid", true), "CHROOT_DESCRIPTION=a tree (source chroot) (session chroot)"));
  shape.description = "";
  CHECK(has(environment(shape), "CHROOT_DESCRIPTION= (session chroot)"));
}

TEST_CASE_METHOD(Fixture, "each type tells where its tree is from") {
  auto shape = *definition();
  shape.union_ = {};
  shape.type = "lvm-snapshot";
  shape.source = definition::LvmSnapshotSource{"/dev/vg/base", "-L 1G", "noatime", "/in"};
  auto found = environment(shape);
  CHECK(has(found, "CHROOT_LVM_SNAPSHOT_DEVICE=/dev/vg/s"));
  CHECK(has(found, "CHROOT_LVM_SNAPSHOT_NAME=s"));
  CHECK(has(found, "CHROOT_MOUNT_OPTIONS=noatime"));
  CHECK(has(found, "CHROOT_LOCATION=/in"));
  CHECK_FALSE(names(found, "CHROOT_UNION_TYPE"));
  shape.source = definition::BtrfsSnapshotSource{"/pool/base", "/pool/snap", ""};
  CHECK(has(environment(shape), "CHROOT_BTRFS_SNAPSHOT_NAME=/pool/snap/s"));
  shape.source = definition::FileSource{"/a.tar", ""};
  CHECK(has(environment(shape), "CHROOT_FILE=/a.tar"));
  shape.source = definition::CustomSource{};
  CHECK(has(environment(shape), "CHROOT_SESSION_PURGE=false"));
}
