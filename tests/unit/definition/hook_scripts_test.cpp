// Which files in a hook directory are run.
#include "definition/hook_scripts.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/text.h"
#include "configuration_folder.h"
#include "skip.h"

using namespace unionroot;
using Catch::Contains;
using definition::list_hook_scripts;

namespace {

std::string refusal(const std::string& folder) {
  try {
    list_hook_scripts(folder);
  } catch (const base::Error& error) {
    return base::concat(error.what(), "; ", error.hint());
  }
  return "not refused";
}

}  // namespace

TEST_CASE("names are those of run-parts") {
  for (const char* good : {"10mount", "a", "Z_9-x", "99_last"}) CHECK(definition::valid_hook_name(good));
  for (const char* bad : {"", "10mount.sh", "10mount~", "10mount.dpkg-old", "#10#", "a b", "a/b", "ä", ".hidden"})
    CHECK_FALSE(definition::valid_hook_name(bad));
}

TEST_CASE("executable files in the order of their names; the rest is named with its reason") {
  tests::require_root("to own the scripts");
  const ConfigurationFolder folder;
  for (const char* name : {"90z", "10a", "B", "a", "no.sh", ".hidden"})
    folder.write(base::concat("hooks/", name), "x", 0755);
  folder.write("hooks/20plain", "x", 0644);
  REQUIRE(::symlink("10a", (folder / "hooks/30link").c_str()) == 0);
  REQUIRE(::mkfifo((folder / "hooks/40fifo").c_str(), 0755) == 0);
  REQUIRE(::mkdir((folder / "hooks/50folder").c_str(), 0755) == 0);
  const auto found = list_hook_scripts(folder / "hooks");
  CHECK(found.paths ==
        std::vector<std::string>{folder / "hooks/10a", folder / "hooks/90z", folder / "hooks/B", folder / "hooks/a"});
  const auto skipped = base::join(found.skipped, "\n");
  CHECK(found.skipped.size() == 5);
  CHECK_THAT(skipped, Contains("20plain' is not run: it is not executable") &&
                          Contains("30link' is not run: it is not a regular"));
  CHECK_THAT(skipped, Contains("no.sh' is not run: its name") && !Contains("hidden"));
}

TEST_CASE("of schroot's setup.d all but those of schroot's own package") {
  tests::require_root("to own the scripts");
  const ConfigurationFolder folder;
  const auto scripts = folder / "setup.d";
  CHECK(definition::setup_scripts_folder("/etc/schroot") == "/etc/schroot/setup.d");
  CHECK(definition::list_setup_scripts(scripts).paths.empty());  // no such folder
  for (const char* name : {"00check", "05btrfs", "05file", "05lvm", "05union", "05zfs", "10mount", "15binfmt",
                           "15killprocs", "20copyfiles", "20nssdatabases", "50chrootname", "70services", "99check"})
    folder.write(base::concat("setup.d/", name), "x", 0755);
  const auto only_schroots = definition::list_setup_scripts(scripts);
  CHECK(only_schroots.paths.empty());
  CHECK(only_schroots.skipped.empty());
  folder.write("setup.d/98local", "x", 0755);
  folder.write("setup.d/04tmpfs", "x", 0755);
  folder.write("setup.d/98local.dpkg-old", "x", 0755);
  folder.write("elsewhere/script", "x", 0755);
  REQUIRE(::symlink("../elsewhere/script", (scripts + "/60link").c_str()) == 0);
  REQUIRE(::symlink("../elsewhere/none", (scripts + "/61nothing").c_str()) == 0);
  const auto found = definition::list_setup_scripts(scripts);
  CHECK(found.paths == std::vector<std::string>{scripts + "/04tmpfs", scripts + "/60link", scripts + "/98local"});
  const auto skipped = base::join(found.skipped, "\n");
  CHECK(found.skipped.size() == 2);
  CHECK_THAT(skipped, Contains("61nothing' is not run: it leads to '") && Contains("98local.dpkg-old' is not run"));

  const auto refused = [&] {
    try {
      definition::list_setup_scripts(scripts);
    } catch (const base::Error& error) {
      return std::string(error.what());
    }
    return std::string("not refused");
  };
  // What anybody else could put in the place of the script that a link leads to.
  REQUIRE(::chmod((folder / "elsewhere").c_str(), 0777) == 0);
  CHECK_THAT(refused(), Contains("elsewhere' is writable by others than root"));
  REQUIRE(::chmod((folder / "elsewhere").c_str(), 0755) == 0);
  REQUIRE(::chown((folder / "elsewhere/script").c_str(), 65534, 0) == 0);
  CHECK_THAT(refused(), Contains("60link' is owned by uid 65534"));
  REQUIRE(::chown((folder / "elsewhere/script").c_str(), 0, 0) == 0);
  REQUIRE(::symlink("script", (folder / "elsewhere/again").c_str()) == 0);
  REQUIRE(::symlink("../elsewhere/again", (scripts + "/62twice").c_str()) == 0);
  CHECK_THAT(base::join(definition::list_setup_scripts(scripts).skipped, "\n"), Contains("62twice' is not run"));
}

TEST_CASE("what anybody but root could change is refused, with what to do") {
  tests::require_root("to own the scripts");
  const ConfigurationFolder folder;
  const auto script = folder.write("way/hooks/10a", "x", 0755);
  const auto hooks = folder / "way/hooks";
  CHECK(list_hook_scripts(hooks).paths.size() == 1);
  CHECK_THAT(refusal(folder / "way/none"), Contains("does not exist"));
  CHECK_THAT(refusal(script), Contains("is not a directory"));
  REQUIRE(::symlink("way", (folder / "link").c_str()) == 0);
  CHECK_THAT(refusal(folder / "link/hooks"), Contains("/link' is a symbolic link"));
  for (const auto& path : {folder / "way", hooks, script}) {
    REQUIRE(::chmod(path.c_str(), 0775) == 0);
    CHECK_THAT(refusal(hooks), Contains("is writable by others than root") && Contains("chmod go-w " + path));
    REQUIRE(::chmod(path.c_str(), 0755) == 0);
    REQUIRE(::chown(path.c_str(), 65534, 0) == 0);
    CHECK_THAT(refusal(hooks), Contains("is owned by uid 65534") && Contains("chown root:root " + path));
    REQUIRE(::chown(path.c_str(), 0, 0) == 0);
  }
  // Others can make their own files in a sticky folder, but not replace root's.
  REQUIRE(::chmod((folder / "way").c_str(), 01777) == 0);
  CHECK(list_hook_scripts(hooks).paths.size() == 1);
  REQUIRE(::chmod(hooks.c_str(), 01777) == 0);
  CHECK_THAT(refusal(hooks), Contains("is writable by others than root"));
}
