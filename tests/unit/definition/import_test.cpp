#include "definition/import.h"

#include <catch2/catch.hpp>

#include "configuration_folder.h"

using namespace unionroot::definition;
using Catch::Contains;

namespace {

const std::string tree = "type=directory\ndirectory=/srv/t\n";

std::string text_of(const Imported& imported, const std::string& name) {
  for (const auto& chroot : imported.chroots)
    if (chroot.name == name) return chroot.text;
  return "there is none";
}

}  // namespace

TEST_CASE("definitions of schroot's are written as our own, with what they lose in comments") {
  const ConfigurationFolder folder;
  const auto file = folder.write("x",
                                 "# ours\n[a] # one\nlocation=/srv/../t\npriority=2\nusers=joe\ngroups=\nfoo=bar\n"
                                 "description = blank \n\n[b]\n" +
                                     tree +
                                     "union-type=aufs\nunion-mount-options=br:/x\naliases=c\n"
                                     "command-prefix=nice,-n\nuser-modifiable-keys=directory\nsite.key=v\n");
  const auto imported = import_definitions({file}, folder.settings(), ImportProfiles::named);
  INFO(texts(imported.problems));
  CHECK(imported.problems.empty());
  CHECK(text_of(imported, "a") ==
        "# From " + file +
            ":2\n[a]\ntype=plain\ndirectory=/srv/../t\n"
            "# Not carried: 'priority' is obsolete and has no effect; remove it\n#priority=2\nusers=joe\n"
            "# Not carried: 'foo' is not a known key and has no effect\n#foo=bar\ndescription=blank\n");
  CHECK(text_of(imported, "b") ==
        "# From " + file +
            ":10\n[b]\ntype=directory\ndirectory=/srv/t\nunion-type=overlay\n"
            "# Not carried: union-mount-options: these are options of aufs, and have no effect on an "
            "overlay\n#union-mount-options=br:/x\n"
            "aliases=c\ncommand-prefix=nice,-n\nuser-modifiable-keys=directory\nsite.key=v\n");
}

TEST_CASE("what cannot be carried is all comments, with the reason") {
  const ConfigurationFolder folder;
  const auto file = folder.write("x", "[bad]\ntype=setup\n[twice]\n" + tree + "users=a\nusers=b\n[good]\n" + tree);
  const auto again = folder.write("y", "[good]\n" + tree);
  const auto imported = import_definitions({file, again, folder / "none"}, folder.settings(), ImportProfiles::named);
  const auto problems = texts(imported.problems, folder.path());
  INFO(problems);
  REQUIRE(imported.chroots.size() == 4);
  CHECK(imported.chroots[0].text.starts_with("# From " + file + ":1\n# Not carried:\n#   " + file +
                                             ":2: type: 'setup' is not known"));
  CHECK_THAT(imported.chroots[0].text, Contains("\n#[bad]\n#type=setup\n"));
  CHECK_FALSE(imported.chroots[1].carried);
  CHECK(imported.chroots[2].carried);
  CHECK_FALSE(imported.chroots[3].carried);
  CHECK_THAT(problems, Contains("error: x:2: ") && Contains("error: x:7: 'users' is given again") &&
                           Contains("error: y:1: [good] was already taken from another file") &&
                           Contains("error: none: there is no such file"));
  for (const auto& chroot : imported.chroots)
    if (!chroot.carried)
      for (const auto& line : {chroot.text}) CHECK(line.find("\n[") == std::string::npos);
}

TEST_CASE("a profile that only schroot has is named by its files, or goes with its chroots") {
  const ConfigurationFolder folder;
  folder.write("schroot/site/fstab", "proc /proc proc\n");
  folder.write("schroot/site/copyfiles", "/etc/hosts /etc/h\n");
  folder.write("schroot/sbuild/fstab", "proc /only-here proc\n");
  folder.write("schroot/word", "FSTAB=\"$SYSCONF_DIR/site/fstab\"\nNSSDATABASES=\n");
  const auto file = folder.write("schroot/schroot.conf",
                                 "[a]\n" + tree + "profile=site\n[b]\n" + tree + "profile=site\n[c]\n" + tree +
                                     "profile=sbuild\n[d]\n" + tree + "script-config=word\n[e]\n" + tree +
                                     "profile=minimal\n[f]\n" + tree + "profile=site\nsetup.copyfiles=\n[g]\n" + tree +
                                     "[h]\n" + tree + "profile=site\nsetup.fstab=\n");
  auto imported = import_definitions({}, folder.settings(), ImportProfiles::named);
  CHECK(imported.problems.empty());
  CHECK(imported.profiles.empty());
  const std::string site = folder / "schroot/site";
  CHECK_THAT(text_of(imported, "a"), Contains("\nsetup.fstab=" + site + "/fstab\nsetup.copyfiles=" + site +
                                              "/copyfiles\nsetup.nssdatabases=\n"));
  CHECK_THAT(text_of(imported, "d"), Contains("\nsetup.fstab=" + site + "/fstab\n"));
  CHECK_THAT(text_of(imported, "e"), Contains("\nprofile=minimal\n"));
  CHECK_THAT(text_of(imported, "g"), !Contains("profile") && !Contains("setup"));

  imported = import_definitions({}, folder.settings(), ImportProfiles::copied);
  CHECK(imported.problems.empty());
  CHECK_THAT(text_of(imported, "a"), Contains("\nprofile=site\n"));
  CHECK_THAT(text_of(imported, "b"), Contains("\nprofile=site\n"));
  CHECK_THAT(text_of(imported, "c"), Contains("\nprofile=schroot-sbuild\n"));
  CHECK_THAT(text_of(imported, "d"), Contains("\nprofile=schroot-d\n"));
  CHECK_THAT(text_of(imported, "f"), Contains("\nprofile=schroot-d\n"));  // the same files
  CHECK_THAT(text_of(imported, "h"), Contains("\nprofile=site-2\n"));
  REQUIRE(imported.profiles.size() == 4);
  CHECK(imported.profiles[0].name == "site");
  CHECK(imported.profiles[0].texts.at(ProfileFile::copyfiles) == "/etc/hosts /etc/h\n");
  CHECK(imported.profiles[0].texts.at(ProfileFile::nssdatabases).empty());
  CHECK(imported.profiles[1].texts.at(ProfileFile::fstab) == "proc /only-here proc\n");
  // Read again they are the same.
  const ConfigurationFolder own;
  for (const auto& profile : imported.profiles)
    for (const auto& [kind, text] : profile.texts)
      own.write("profiles/" + profile.name + "/" + std::string(file_name(kind)), text);
  for (const auto& chroot : imported.chroots) own.write("chroot.d/" + chroot.name + ".conf", chroot.text);
  const auto there = load(own.settings());
  auto settings = folder.settings();
  settings.read_schroot = true;
  const auto before = load(settings);
  INFO(texts(there.problems));
  CHECK(there.problems.empty());
  for (const std::string name : {"a", "b", "c", "d", "e", "f", "g", "h"}) {
    INFO(name);
    REQUIRE(there.find(name));
    auto made = there.find(name)->profile, was = before.find(name)->profile;
    for (auto* profile : {&made, &was}) {
      for (auto& entry : profile->fstab) entry.file.clear(), entry.line = 0;
      for (auto& copied : profile->copyfiles) copied.file.clear(), copied.line = 0;
    }
    CHECK(made == was);
  }
}
