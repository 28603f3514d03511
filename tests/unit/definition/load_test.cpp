#include <catch2/catch.hpp>
#include <csignal>

#include "base/error.h"
#include "configuration_folder.h"
#include "definition/check.h"

using namespace unionroot::definition;
using Catch::Contains;

namespace {

const std::string tree = "type=directory\ndirectory=/srv\n";

std::vector<std::string> names(const Snapshot& snapshot) {
  std::vector<std::string> result;
  for (const auto& chroot : snapshot.chroots) result.push_back(chroot->name);
  return result;
}

}  // namespace

TEST_CASE("without any configuration there is host") {
  const ConfigurationFolder folder;
  const auto snapshot = load(folder.settings());
  INFO(texts(snapshot.problems));
  CHECK(snapshot.problems.empty());
  REQUIRE(names(snapshot) == std::vector<std::string>{"host"});
  const Definition& host = *snapshot.find("host");
  CHECK(std::get<DirectorySource>(host.source).directory == "/");
  CHECK(host.has_union());
  CHECK(host.hide_state);
  CHECK(host.nss == NssMode::none);
  CHECK(host.access == AccessLists{});
  CHECK(host.file == "built-in");
  CHECK(host.profile.copyfiles.empty());
  for (const auto& entry : host.profile.fstab) CHECK(entry.target != "/tmp");

  auto settings = folder.settings();
  settings.built_in_host = false;
  CHECK(load(settings).chroots.empty());
}

TEST_CASE("a file may define host itself, even badly") {
  const ConfigurationFolder folder;
  folder.write("unionroot.conf", "[host]\ntype=directory\ndirectory=//\nunion-type=overlay\n");
  CHECK(load(folder.settings()).find("host")->hide_state);
  folder.write("unionroot.conf", "[host]\n" + tree);
  CHECK_FALSE(load(folder.settings()).find("host")->hide_state);
  CHECK(std::get<DirectorySource>(load(folder.settings()).find("host")->source).directory == "/srv");
  folder.write("unionroot.conf", "[host]\ntype=nonsense\n");
  const auto snapshot = load(folder.settings());
  CHECK_FALSE(snapshot.find("host"));
  CHECK(snapshot.broken("host"));
}

TEST_CASE("which files are read") {
  const ConfigurationFolder folder;
  folder.write("unionroot.conf", "[unionroot]\nlog-level=debug\n[main]\n" + tree);
  folder.write("chroot.d/b.conf", "[b]\n" + tree);
  folder.write("chroot.d/a.conf", "[a]\n" + tree + "aliases=first\n");
  folder.write("chroot.d/other.txt", "[other]\n" + tree);
  folder.write("chroot.d/b.conf.dpkg-old", "[old]\n" + tree);
  folder.write("chroot.d/.hidden.conf", "[hidden]\n" + tree);
  folder.write("chroot.d/b.conf~", "[backup]\n" + tree);
  folder.write("chroot.d/sp ace.conf", "[space]\n" + tree);
  folder.write("chroot.d/\xed\xa0\x80.conf", "[name]\n" + tree);
  folder.write("schroot/schroot.conf", "[s1]\n" + tree);
  folder.write("schroot/chroot.d/s2", "[s2]\n" + tree + "[b]\n" + tree);
  auto settings = folder.settings();
  auto snapshot = load(settings);
  INFO(texts(snapshot.problems, folder.path()));
  CHECK(names(snapshot) == std::vector<std::string>{"a", "b", "host", "main"});
  CHECK(snapshot.find("first") == snapshot.find("a"));
  CHECK_FALSE(snapshot.find("nope"));
  CHECK(texts(snapshot.problems, folder.path()) ==
        "notice: chroot.d/other.txt: is not read: the name does not end in .conf\n"
        "notice: chroot.d/sp ace.conf: is not read: the name does not begin with a letter or digit, or has other "
        "characters "
        "than letters, digits, '_', '.' and '-'\n"
        "notice: chroot.d: a file whose name is not valid UTF-8 is not read\n");

  settings.read_schroot = true;
  snapshot = load(settings);
  CHECK(names(snapshot) == std::vector<std::string>{"a", "b", "host", "main", "s1", "s2"});
  CHECK(snapshot.find("b")->file == folder / "chroot.d/b.conf");
  CHECK_THAT(texts(snapshot.problems, folder.path()),
             Contains("notice: schroot/chroot.d/s2:4: [b] is already defined at chroot.d/b.conf:1"));
}

TEST_CASE("files that root alone did not write are not read") {
  const ConfigurationFolder folder;
  folder.write("chroot.d/good.conf", "[good]\n" + tree);
  const auto grouped = folder.write("chroot.d/group.conf", "[group]\n" + tree, 0664);
  REQUIRE(::chown(grouped.c_str(), 0, 1000) == 0);
  folder.write("chroot.d/world.conf", "[world]\n" + tree, 0646);
  const auto owned = folder.write("chroot.d/owned.conf", "[owned]\n" + tree);
  REQUIRE(::chown(owned.c_str(), 1000, 0) == 0);
  REQUIRE(::symlink(owned.c_str(), (folder / "chroot.d/link.conf").c_str()) == 0);
  REQUIRE(::mkfifo((folder / "chroot.d/fifo.conf").c_str(), 0600) == 0);
  REQUIRE(::mkdir((folder / "chroot.d/folder.conf").c_str(), 0755) == 0);
  folder.write("chroot.d/large.conf", std::string(5 << 20, '#'));
  const auto snapshot = load(folder.settings());
  const auto problems = texts(snapshot.problems, folder.path());
  INFO(problems);
  CHECK(names(snapshot) == std::vector<std::string>{"good", "host"});
  CHECK_THAT(problems, Contains("error: chroot.d/group.conf: 'chroot.d/group.conf' is writable by the group 1000"));
  CHECK_THAT(problems, Contains("error: chroot.d/world.conf: ") && Contains("chmod go-w"));
  CHECK_THAT(problems, Contains("owned by uid 1000, not by root") && Contains("chown root:root"));
  CHECK_THAT(
      problems,
      Contains("error: chroot.d/link.conf: 'chroot.d/link.conf' is not read: its path contains a symbolic link, and "
               "'chroot.d/owned.conf' is owned by uid 1000"));
  CHECK_THAT(problems, Contains("'chroot.d/fifo.conf' is not a regular file"));
  CHECK_THAT(problems, Contains("'chroot.d/folder.conf' is not a regular file"));
  CHECK_THAT(problems, Contains("'chroot.d/large.conf' is larger than 4194304 bytes"));

  REQUIRE(::chmod((folder / "chroot.d").c_str(), 0777) == 0);
  CHECK(names(load(folder.settings())) == std::vector<std::string>{"host"});
}

TEST_CASE("names and aliases that clash") {
  const ConfigurationFolder folder;
  folder.write("chroot.d/1.conf", "[a]\n" + tree + "aliases=x\n[takes-name]\n" + tree + "aliases=b\n");
  folder.write("chroot.d/2.conf", "[b]\n" + tree + "[a]\ntype=plain\ndirectory=/other\n[c]\n" + tree + "aliases=x\n");
  folder.write("chroot.d/3.conf", "[broken]\nnonsense\n[takes-broken]\n" + tree + "aliases=broken\n");
  const auto snapshot = load(folder.settings());
  const auto problems = texts(snapshot.problems, folder.path());
  INFO(problems);
  CHECK(names(snapshot) == std::vector<std::string>{"a", "b", "c", "host", "takes-broken", "takes-name"});
  CHECK(snapshot.find("a")->type == "directory");
  CHECK(snapshot.find("x")->name == "a");
  CHECK(snapshot.find("b")->name == "b");
  CHECK_FALSE(snapshot.find("broken"));
  CHECK_THAT(problems, Contains("error: chroot.d/2.conf:4: [a] is already defined at chroot.d/1.conf:1"));
  CHECK_THAT(problems,
             Contains("warning: chroot.d/2.conf:10: the alias 'x' is already one of the chroot at chroot.d/1.conf:1"));
  CHECK_THAT(problems,
             Contains("warning: chroot.d/1.conf:8: the alias 'b' is the name of the chroot at chroot.d/2.conf:1"));
  CHECK_THAT(problems,
             Contains("warning: chroot.d/3.conf:6: the alias 'broken' is the name of the chroot at chroot.d/3.conf:1"));
  CHECK(snapshot.broken("broken")->line == 2);
}

TEST_CASE("a broken profile takes out the definitions that use it, and is itself said once") {
  const ConfigurationFolder folder;
  folder.write("profiles/bad/fstab", "nonsense\n");
  folder.write("chroot.d/a.conf", "[a]\n" + tree + "profile=bad\n[b]\n" + tree + "profile=bad\n[c]\n" + tree);
  const auto snapshot = load(folder.settings());
  const auto problems = texts(snapshot.problems, folder.path());
  INFO(problems);
  CHECK(names(snapshot) == std::vector<std::string>{"c", "host"});
  CHECK_THAT(problems, Contains("chroot.d/a.conf:4: its profile cannot be used: profiles/bad/fstab:1: 'nonsense'"));
  CHECK_THAT(problems, Contains("\nerror: profiles/bad/fstab:1: 'nonsense'"));
  CHECK(snapshot.problems.size() == 3);
}

TEST_CASE("the settings' section elsewhere, or wrong on a later reading") {
  const ConfigurationFolder folder;
  folder.write("unionroot.conf", "[unionroot]\nlog-level=loud\nfoo=1\n[a]\n" + tree);
  folder.write("chroot.d/x.conf", "[unionroot]\nbus=session\n");
  const auto snapshot = load(folder.settings());
  const auto problems = texts(snapshot.problems, folder.path());
  INFO(problems);
  CHECK(snapshot.find("a"));
  CHECK_THAT(problems, Contains("error: unionroot.conf:2: log-level: 'loud'") &&
                           Contains("warning: unionroot.conf:3: 'foo' is not a known setting"));
  CHECK_THAT(problems, Contains("error: chroot.d/x.conf:1: [unionroot] holds the settings"));
}

TEST_CASE("checking given files") {
  const ConfigurationFolder folder;
  const auto good = folder.write("good", "[unionroot]\nlog-level=info\n[a]\n" + tree);
  const auto loose = folder.write("loose", "[b]\n" + tree + "[c]\nnonsense\n", 0666);
  const auto snapshot = load_files({good, loose, folder / "missing"}, folder.settings());
  const auto problems = texts(snapshot.problems, folder.path());
  INFO(problems);
  CHECK(names(snapshot) == std::vector<std::string>{"a"});
  CHECK_THAT(problems, Contains("error: loose: 'loose' is writable by others"));
  CHECK_THAT(problems, Contains("error: loose:5: 'nonsense' has no '='"));
  CHECK_THAT(problems, Contains("error: missing: there is no such file"));
}

TEST_CASE("checking what is on disk") {
  const ConfigurationFolder folder;
  const auto file = folder.write("file", "");
  ::mkdir((folder / "state").c_str(), 0755);
  ::mkdir((folder / "state/tree").c_str(), 0755);
  ::mkdir((folder / "open").c_str(), 0755);
  REQUIRE(::chmod((folder / "open").c_str(), 0777) == 0);
  folder.write("profiles/p/fstab", "/nowhere /x none bind\n/nowhere /y none bind,x-unionroot.optional\n");
  const auto conf = folder.write(
      "a.conf",
      "[none]\ntype=directory\ndirectory=" + (folder / "none") + "\n[file]\ntype=directory\ndirectory=" + file +
          "\n[own]\ntype=directory\ndirectory=" + (folder / "state/tree") +
          "\n[open]\ntype=directory\ndirectory=" + (folder / "open") +
          "\nusers=no-such-user,root\ngroups=no-such-group\n[above]\ntype=directory\ndirectory=" + folder.path() +
          "\nprofile=p\n[dev]\ntype=block-device\ndevice=" + file + "\n[tar]\ntype=file\nfile=/tmp\n");
  const auto snapshot = load_files({conf}, folder.settings());
  INFO(texts(snapshot.problems));
  CHECK(snapshot.chroots.size() == 7);
  const auto is_root = [](const std::string& name) { return name == "root"; };
  const HostNames names{is_root, is_root};
  const auto problems = texts(check_on_disk(snapshot, folder.settings(), names), folder.path());
  INFO(problems);
  CHECK_THAT(problems,
             Contains("error: a.conf:3: directory: 'none': No such file or directory; make it, or correct the path"));
  CHECK_THAT(problems, Contains("error: a.conf:6: directory: 'file' is not a directory"));
  CHECK_THAT(problems, Contains("error: a.conf:9: directory: 'state/tree' is inside unionroot's own"));
  CHECK_THAT(problems, Contains("warning: a.conf:12: directory: 'open' is writable by everybody"));
  CHECK_THAT(problems, Contains("a.conf:13: users: there is no user 'no-such-user'") &&
                           Contains("a.conf:14: groups: there is no group 'no-such-group'"));
  CHECK_THAT(problems, !Contains("'root'"));
  CHECK_THAT(problems, Contains("contains unionroot's own"));
  CHECK_THAT(problems, Contains("a.conf:18: profile: binds '/nowhere' (profiles/p/fstab:1)") && !Contains("fstab:2"));
  CHECK_THAT(problems, Contains("a.conf:21: device: 'file' is not a block device") &&
                           Contains("a.conf:24: file: '/tmp' is not a regular file"));
}
