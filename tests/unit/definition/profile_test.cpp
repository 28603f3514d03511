#include <catch2/catch.hpp>
#include <iterator>

#include "configuration_folder.h"
#include "definition/built_in.h"
#include "definition/fstab_line.h"
#include "definition/profile_store.h"

using namespace unionroot::definition;
using Catch::Contains;

namespace {

Profile parse(ProfileFile kind, const std::string& text, std::string& problems) {
  Profile profile;
  Problems found;
  parse_profile_file(kind, text, "f", profile, found);
  problems = texts(found);
  return profile;
}

}  // namespace

TEST_CASE("fstab is read with line numbers") {
  std::string problems;
  const auto fstab =
      parse(ProfileFile::fstab,
            "# comment\n\nproc /proc proc defaults 0 0\n/a\\040b\t/c\\040d none rw,bind,x-unionroot.optional\n"
            "tmpfs /t tmpfs size=10%,context=\"a,b\"\n/home /home none bind",
            problems)
          .fstab;
  INFO(problems);
  REQUIRE(fstab.size() == 4);
  CHECK(problems.empty());
  CHECK(fstab[0] == FstabEntry{"proc", "/proc", "proc", {"defaults"}, "f", 3});
  CHECK(fstab[1] == FstabEntry{"/a b", "/c d", "none", {"rw", "bind", "x-unionroot.optional"}, "f", 4});
  CHECK(fstab[2].options == std::vector<std::string>{"size=10%", "context=\"a,b\""});
  CHECK(fstab[3].line == 6);
}

// What libmount 2.38 makes of each was recorded; "" where it refuses the line.
TEST_CASE("odd lines of fstab are read as libmount reads them") {
  const std::pair<std::string, std::string> lines[] = {
      {"a /b c", "a|/b|c"},
      {"a\t \t/b\tc\td", "a|/b|c|d"},
      {"a /b c d 0 0 more words", "a|/b|c|d"},
      {"a /b c d 0", "a|/b|c|d"},
      {"a /b c d -1 +2", "a|/b|c|d"},
      {"a /b c d 99999999999", "a|/b|c|d"},
      {"a /b c d x", ""},
      {"a /b c d 0 x", ""},
      {"a /b c d 0x", ""},
      {"a /b c ro #comment", ""},
      {"a /b", ""},
      {"a", ""},
      {"a /b\\040", ""},
      {"a\\040b /c\\134d\\134e none x=\\054y", "a b|/c\\d\\e|none|x=|y"},
      {"a\\04 /b\\999 c\\ d\\", "a\\04|/b\\999|c\\|d\\"},
      {"a /b c ,,ro,,rw,", "a|/b|c|ro|rw"},
      {"a /b c x=,y==z", "a|/b|c|x=|y==z"},
      {"a /b c x=\"1,2\",y", "a|/b|c|x=\"1,2\"|y"},
      {"a /b c x=\\0421\\0542\\042,y", "a|/b|c|x=\"1,2\"|y"},
      {"a /b c \"\"", "a|/b|c|\"\""},
      {"UUID=1-2 /b ext4 ro#x", "UUID=1-2|/b|ext4|ro#x"},
      {"LABEL=\"x\" /b ext4 ro", "LABEL=\"x\"|/b|ext4|ro"},
      {"none /b tmpfs", "none|/b|tmpfs"},
      {"a none swap sw 0 0", "a|none|swap|sw"},
      {"//server/share\\040x /b cifs user=a\\134b", "//server/share x|/b|cifs|user=a\\b"},
  };
  for (const auto& [line, read] : lines) {
    INFO(line);
    const auto fields = parse_fstab_line(line);
    std::string found;
    if (fields) found = fields->source + "|" + fields->target + "|" + fields->type;
    if (fields)
      for (const auto& option : fields->options) found += "|" + option;
    CHECK(found == read);
  }
}

TEST_CASE("options of fstab that libmount would leave out are refused") {
  CHECK_FALSE(parse_fstab_line("a /b c ro,x=\"1,2,nosuid"));
  CHECK_FALSE(parse_fstab_line("a /b c ro,=x"));
}

TEST_CASE("fstab from another system, and without an end") {
  std::string problems;
  const auto fstab =
      parse(ProfileFile::fstab, "\tproc /proc proc defaults\r\n \t# x\r\n\r\n/a /b none bind \r", problems).fstab;
  CHECK(problems.empty());
  REQUIRE(fstab.size() == 2);
  CHECK(fstab[0] == FstabEntry{"proc", "/proc", "proc", {"defaults"}, "f", 1});
  CHECK(fstab[1] == FstabEntry{"/a", "/b", "none", {"bind"}, "f", 4});
}

TEST_CASE("relative paths of fstab are those of schroot, which mounts from / beneath the root") {
  std::string problems;
  const auto fstab =
      parse(ProfileFile::fstab,
            "srv/a mnt/relative none rw,bind\ntmpfs tmp tmpfs defaults\n/s b none rbind\nnone none swap sw\n", problems)
          .fstab;
  CHECK(problems.empty());
  REQUIRE(fstab.size() == 4);
  CHECK(fstab[0] == FstabEntry{"/srv/a", "/mnt/relative", "none", {"rw", "bind"}, "f", 1});
  CHECK(fstab[1] == FstabEntry{"tmpfs", "/tmp", "tmpfs", {"defaults"}, "f", 2});
  CHECK(fstab[2] == FstabEntry{"/s", "/b", "none", {"rbind"}, "f", 3});
  CHECK(fstab[3].target == "none");
}

TEST_CASE("a bad line of fstab") {
  const struct {
    std::string line, says;
  } cases[] = {
      {"proc", "f:2: 'proc' is not a line of fstab"},
      {"/a b/../../c none bind", "has '..' in it"},
      {"/a /b/../../c none bind", "has '..' in it"},
      {"/a /\\056\\056/c none bind", "has '..' in it"},
      {"tmpfs / tmpfs defaults", "it would hide the session's tree"},
      {"tmpfs /. tmpfs defaults", "it would hide the session's tree"},
      {"/../a /b none rbind", "has '..' in it"},
      {"/a\\012b /c none bind", "behind an escape"},
      {"/a\\377 /c none bind", "behind an escape"},
      {"/a\x01 /c none bind", "control character"},
      {"/a\xff /c none bind", "not valid UTF-8"},
  };
  for (const auto& bad : cases) {
    std::string problems;
    const auto profile =
        parse(ProfileFile::fstab, "proc /proc proc defaults\n" + bad.line + "\nsysfs /sys sysfs defaults\n", problems);
    INFO(bad.line << "\n" << problems);
    CHECK(profile.fstab.size() == 2);
    CHECK_THAT(problems, Contains("error: f:2: ") && Contains(bad.says));
  }
}

TEST_CASE("copyfiles and nssdatabases") {
  std::string problems;
  CHECK(parse(ProfileFile::copyfiles, "#x\n/etc/hosts \n\n/etc/hosts\n/etc/a\\ b\n", problems).copyfiles ==
        std::vector<CopiedFile>{{"/etc/hosts", "/etc/hosts", "f", 2}, {"/etc/a b", "/etc/a b", "f", 5}});
  CHECK(problems.empty());
  CHECK(parse(ProfileFile::copyfiles, "etc/hosts\n/etc/../x\n", problems).copyfiles.empty());
  CHECK_THAT(problems, Contains("warning: f:1: 'etc/hosts' is not an absolute path") &&
                           Contains("error: f:2: '/etc/../x' has '..'"));
  CHECK(parse(ProfileFile::nssdatabases, "passwd\n shadow\npasswd\n", problems).nssdatabases ==
        std::vector<std::string>{"passwd", "shadow"});
  CHECK(parse(ProfileFile::nssdatabases, "../x\nsudoers\n", problems).nssdatabases.empty());
  CHECK_THAT(problems, Contains("f:1: '../x' is not a known") && Contains("f:2: 'sudoers'"));
}

TEST_CASE("a line of copyfiles may say where the file goes") {
  std::string problems;
  const auto copied = parse(ProfileFile::copyfiles,
                            "/etc/hosts /etc/hosts.host\n/etc/hosts\t \t/etc/h t \n/srv/../x /y\n"
                            "/etc/hosts /etc/hosts.host\n/a\\ b /c\\\\d\n",
                            problems)
                          .copyfiles;
  CHECK(problems.empty());
  CHECK(copied == std::vector<CopiedFile>{{"/etc/hosts", "/etc/hosts.host", "f", 1},
                                          {"/etc/hosts", "/etc/h t", "f", 2},
                                          {"/srv/../x", "/y", "f", 3},
                                          {"/a b", "/c\\d", "f", 5}});
  CHECK(
      parse(ProfileFile::copyfiles, "/etc/hosts etc/hosts\n/etc/hosts # why\n/x /../y\n", problems).copyfiles.empty());
  CHECK_THAT(problems, Contains("warning: f:1: 'etc/hosts' is not an absolute path; nothing is copied") &&
                           Contains("warning: f:2: '# why' is not") && Contains("error: f:3: '/../y' has '..'"));
}

TEST_CASE("the built-in profiles are there and right") {
  const ConfigurationFolder folder;
  ProfileStore store(folder.settings());
  for (const std::string name : {"default", "minimal", "sbuild", "buildd", "desktop", "host"}) {
    std::vector<std::string> faults;
    const auto profile = store.load({name, false, {}}, faults);
    INFO(name);
    CHECK(faults.empty());
    CHECK(profile.fstab.size() >= 2);
    CHECK(profile.nssdatabases.empty() == (name == "host"));
  }
  CHECK(store.problems().empty());
  CHECK_FALSE(built_in_profile_file("nope", ProfileFile::fstab));
}

TEST_CASE("a profile of the configuration comes before the built-in one, whole") {
  const ConfigurationFolder folder;
  folder.write("profiles/minimal/fstab", "tmpfs /x tmpfs defaults\n");
  ProfileStore store(folder.settings());
  std::vector<std::string> faults;
  const auto profile = store.load({"minimal", false, {}}, faults);
  CHECK(faults.empty());
  REQUIRE(profile.fstab.size() == 1);
  CHECK(profile.fstab[0].file == folder / "profiles/minimal/fstab");
  CHECK(profile.nssdatabases.empty());
}

TEST_CASE("setup keys name other files") {
  const ConfigurationFolder folder;
  folder.write("profiles/mine/fstab", "tmpfs /x tmpfs defaults\n");
  const auto absolute = folder.write("elsewhere", "/etc/hosts\n");
  ProfileStore store(folder.settings());
  std::vector<std::string> faults;
  const auto profile = store.load(
      {"default",
       false,
       {{ProfileFile::fstab, "mine/fstab"}, {ProfileFile::copyfiles, absolute}, {ProfileFile::nssdatabases, ""}}},
      faults);
  CHECK(faults.empty());
  CHECK(profile.fstab.size() == 1);
  CHECK(profile.copyfiles == std::vector<CopiedFile>{{"/etc/hosts", "/etc/hosts", absolute, 1}});
  CHECK(profile.nssdatabases.empty());
  CHECK(store.load({"mine", false, {{ProfileFile::fstab, "minimal/fstab"}}}, faults).fstab.size() == 2);
  CHECK(faults.empty());
}

TEST_CASE("a profile that is not root's alone is refused, and no other one takes its place") {
  const ConfigurationFolder folder;
  folder.write("profiles/default/fstab", "tmpfs /x tmpfs defaults\n", 0666);
  std::vector<std::string> faults;
  ProfileStore files(folder.settings());
  CHECK(files.load({"default", false, {}}, faults).fstab.empty());
  REQUIRE(faults.size() == 1);
  CHECK_THAT(faults[0], Contains("writable by others") && Contains("chmod go-w"));

  REQUIRE(::chmod((folder / "profiles/default").c_str(), 0777) == 0);
  faults.clear();
  ProfileStore folders(folder.settings());
  CHECK(folders.load({"default", false, {}}, faults).fstab.empty());
  CHECK(faults.size() == 1);
  CHECK(folders.problems().size() == 1);
}

TEST_CASE("definitions of schroot use schroot's profiles") {
  const ConfigurationFolder folder;
  folder.write("schroot/default/fstab", "tmpfs /x tmpfs defaults\n");
  ProfileStore store(folder.settings());
  std::vector<std::string> faults;
  CHECK(store.load({"default", true, {}}, faults).fstab.size() == 1);
  CHECK(store.load({"default", false, {}}, faults).fstab.size() > 1);
  CHECK(store.load({"sbuild", true, {}}, faults).fstab.size() > 1);
  CHECK(faults.empty());
}
