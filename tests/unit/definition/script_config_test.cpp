// Profiles with a file of assignments: `config` in their folder, setup.config, and the old key script-config.
#include <catch2/catch.hpp>

#include "configuration_folder.h"

using namespace unionroot::definition;
using Catch::Contains;

namespace {

const std::string tree = "type=directory\ndirectory=/srv\n";

class ScriptFolder : public ConfigurationFolder {
 public:
  ScriptFolder() {
    write("schroot/mine/fstab", "proc /mine proc\n");
    write("schroot/mine/copyfiles", "/etc/mine\n");
    write("schroot/mine/nssdatabases", "passwd\n");
    write("schroot/other/fstab", "proc /other proc\n");
    write("schroot/other/fstab.x", "proc /other-x proc\n");
    write("schroot/other/copyfiles", "/etc/other\n");
    write("schroot/other/nssdatabases", "group\n");
  }
  // "the fstab's mount points;the copied files;the databases", or what is wrong.
  std::string profile(const std::string& keys) {
    write("schroot/schroot.conf", "[x]\n" + tree + keys);
    auto settings = ConfigurationFolder::settings();
    settings.read_schroot = true;
    const auto snapshot = load(settings);
    problems = texts(snapshot.problems, path());
    const auto found = snapshot.find("x");
    if (!found) return problems;
    std::string out;
    for (const auto& entry : found->profile.fstab) out += entry.target;
    out += ";";
    for (const auto& copied : found->profile.copyfiles) out += copied.source;
    out += ";";
    for (const auto& database : found->profile.nssdatabases) out += database;
    return out;
  }
  std::string problems;
};

}  // namespace

TEST_CASE("the assignments in a profile's config say where its files are") {
  ScriptFolder folder;
  CHECK(folder.profile("profile=mine\n") == "/mine;/etc/mine;passwd");
  folder.write("schroot/mine/config", "# which\next=.x\nSETUP_FSTAB=\"other/fstab$ext\"\n");
  CHECK(folder.profile("profile=mine\n") == "/other-x;/etc/mine;passwd");
  CHECK(folder.problems.find("warning") == std::string::npos);
  CHECK_THAT(folder.problems, Contains("notice: schroot/mine/config:2: 'ext' is used only inside this file"));
  folder.write("schroot/mine/config",
               "SETUP_FSTAB=\nSETUP_COPYFILES=other/copyfiles; SETUP_NSSDATABASES='other/nssdatabases'\n");
  CHECK(folder.profile("profile=mine\n") == ";/etc/other;group");
  folder.write("schroot/mine/config",
               "FSTAB=" + (folder / "schroot/other/fstab") + "\nSETUP_FSTAB=mine/fstab\nCOPYFILES=\n");
  CHECK(folder.profile("profile=mine\n") == "/other;/etc/mine;passwd");
  folder.write("schroot/mine/config", "SETUP_FSTAB=$SYSCONF_DIR/$CHROOT_NAME/fstab\n");
  folder.write("schroot/x/fstab", "proc /of-x proc\n");
  CHECK(folder.profile("profile=mine\n") == "/of-x;/etc/mine;passwd");
  folder.write("schroot/mine/config", "SETUP_FSTAB=${SETUP_FSTAB}.${SITE_KIND}\n");
  folder.write("schroot/mine/fstab.big", "proc /big proc\n");
  CHECK(folder.profile("profile=mine\nsite.kind=big\n") == "/big;/etc/mine;passwd");
}

TEST_CASE("setup.config names another, or none") {
  ScriptFolder folder;
  folder.write("schroot/mine/config", "SETUP_FSTAB=other/fstab\n");
  folder.write("schroot/other/config", "SETUP_COPYFILES=other/copyfiles\n");
  CHECK(folder.profile("profile=mine\nsetup.config=\n") == "/mine;/etc/mine;passwd");
  CHECK(folder.profile("profile=mine\nsetup.config=other/config\n") == "/mine;/etc/other;passwd");
  CHECK(folder.profile("profile=mine\nsetup.config=none/config\n") == "/mine;/etc/mine;passwd");
  CHECK(folder.profile("profile=mine\nsetup.config=other\n") == "/mine;/etc/mine;passwd");
}

TEST_CASE("script-config is such a file, with the files beside it where it says nothing") {
  ScriptFolder folder;
  CHECK(folder.profile("script-config=mine/config\n") == "/mine;/etc/mine;passwd");
  folder.write("schroot/mine/config", "FSTAB=$SYSCONF_DIR/other/fstab\n");
  CHECK(folder.profile("script-config=mine/config\n") == "/other;/etc/mine;passwd");
  folder.write("schroot/mine/config", "FSTAB=$FSTAB.y\nCOPYFILES=\n");
  folder.write("schroot/mine/fstab.y", "proc /y proc\n");
  CHECK(folder.profile("script-config=mine/config\n") == "/y;;passwd");
  // The oldest form: a file that lies in schroot's own folder.
  folder.write("schroot/word",
               "FSTAB=\"" + (folder / "schroot/other/fstab") + "\"\nCOPYFILES=\"$SYSCONF_DIR/mine/copyfiles\"\n");
  CHECK(folder.profile("script-config=word\n") == "/other;/etc/mine;");
  CHECK(folder.profile("script-config=../schroot/word\n") == "/other;/etc/mine;");
  CHECK(folder.profile("profile=mine\nscript-config=word\n") == "/other;/etc/mine;");
  CHECK_THAT(
      folder.profile("script-config=nosuch\n"),
      Contains("schroot.conf:4: its profile cannot be used: there is no file 'nosuch', which script-config names"));
  CHECK_THAT(folder.profile("script-config=nosuch/config\n"), Contains("there is no profile 'nosuch'"));
}

TEST_CASE("a script that would have to be run takes out the definition, and is said once") {
  ScriptFolder folder;
  folder.write("schroot/mine/config", "A=1\ncase $A in esac\n");
  folder.write("schroot/chroot.d/two", "[y]\n" + tree + "profile=mine\n");
  const auto said = folder.profile("profile=mine\n");
  CHECK_THAT(said, Contains("error: schroot/schroot.conf:4: its profile cannot be used: schroot/mine/config:2: 'case "
                            "$A in esac' is not an assignment"));
  const std::string own = "\nerror: schroot/mine/config:2: ";
  const auto first = said.find(own);
  REQUIRE(first != std::string::npos);
  CHECK(said.find(own, first + 1) == std::string::npos);
  folder.write("schroot/mine/config", "A=1\n", 0666);
  CHECK_THAT(folder.profile("profile=mine\n"),
             Contains("its profile cannot be used: schroot/mine/config: ") && Contains("writable by others"));
  folder.write("schroot/mine/config", "SETUP_FSTAB=gone/fstab\n", 0644);
  CHECK_THAT(folder.profile("profile=mine\n"),
             Contains("there is no file 'gone/fstab', which is to be the fstab of its profile"));
}

TEST_CASE("a check of a file finds the profiles that the daemon would") {
  ScriptFolder folder;
  const auto of_schroot = folder.write("schroot/chroot.d/own", "[a]\n" + tree + "profile=mine\n");
  const auto elsewhere = folder.write("away/file", "[b]\n" + tree + "profile=other\n");
  const auto missing = folder.write("away/missing", "[c]\n" + tree + "profile=nosuch\n");
  const auto snapshot = load_files({of_schroot, elsewhere, missing}, folder.settings());
  INFO(texts(snapshot.problems));
  REQUIRE(snapshot.find("a"));
  CHECK(snapshot.find("a")->profile.fstab.front().target == "/mine");
  REQUIRE(snapshot.find("b"));
  CHECK(snapshot.find("b")->profile.fstab.front().target == "/other");
  CHECK_FALSE(snapshot.find("c"));
  // A definition of our own that is the daemon's has a profile of schroot's where those are read.
  folder.write("chroot.d/d.conf", "[d]\n" + tree + "profile=other\n");
  auto settings = folder.settings();
  CHECK_FALSE(load(settings).find("d"));
  settings.read_schroot = true;
  CHECK(load(settings).find("d"));
}
