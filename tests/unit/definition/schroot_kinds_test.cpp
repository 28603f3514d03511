// Kinds of definitions that schroot 1.6.13 takes, and what becomes of them here. Recorded beside it.
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "configuration_folder.h"

using namespace unionroot::definition;
using Catch::Contains;

namespace {

const std::string tree = "type=directory\ndirectory=/srv/t\n";

class SchrootFolder : public ConfigurationFolder {
 public:
  // Reads the text as a file of schroot's chroot.d.
  Snapshot read(const std::string& text) {
    write("schroot/chroot.d/x", text);
    return load(settings());
  }
  [[nodiscard]] Settings settings() const {
    auto settings = ConfigurationFolder::settings();
    settings.read_schroot = true;
    settings.built_in_host = false;
    return settings;
  }
};

std::string without_notices(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at) + 1;
    if (text.compare(at, 7, "notice:") != 0) out += text.substr(at, end - at);
    at = end;
  }
  return out;
}

}  // namespace

TEST_CASE("what schroot takes without a word") {
  const std::string cases[] = {
      "[x] # a comment\n" + tree,
      "[x]\n" + tree + "description=a=b # c\n",
      "[x]\n" + tree + "description=a\ndescription[de]=b\n",
      "[x]\n" + tree + "description[de_DE]=b\n",
      "[x]\n" + tree + "foo.bar=baz\na1.b2.c-d=\n",
      "[x]\ntype=directory\ndirectory=/srv/../srv/t\n",
      "[x]\ntype=directory\ndirectory=/srv//t/\n",
      "[x]\ntype=plain\ndirectory=/srv/../t\n",
      "[x]\n" + tree + "union-type=overlay\nunion-overlay-directory=/srv/../o\nunion-underlay-directory=/srv/u\n",
      "[x]\n" + tree + "union-type=overlayfs\n",
      "[x]\ntype=file\nfile=/srv/../a.tar\nlocation=/x\n",
      "[x]\ntype=loopback\nfile=/srv/../a.img\nmount-options=\nunion-type=overlay\n",
      "[x]\ntype=block-device\ndevice=/dev/disk/../x\nmount-options=-o atime,sync\n",
      "[x]\ntype=lvm-snapshot\ndevice=/dev/a/b\nlvm-snapshot-options=--size 4G -n x\nmount-options=-o atime -t ext3\n",
      "[x]\ntype=btrfs-snapshot\nbtrfs-source-subvolume=/a/../b\nbtrfs-snapshot-directory=/b\nsource-clone=false\n",
      "[x]\ntype=zfs-snapshot\nzfs-dataset=pool/a\nzfs-snapshot-options=-o x\n",
      "[x]\n" + tree + "profile=minimal\nsetup.fstab=\nsetup.copyfiles=\nsetup.nssdatabases=\nsetup.config=\n",
      "[x]\n" + tree + "profile=../schroot/mine\n",
      "[x]\n" + tree + "profile=sub/mine\n",
      "[x]\n" + tree + "setup.fstab=sub/../mine/fstab\n",
      "[x]\n" + tree + "command-prefix=env,A=1,nice\n",
      "[x]\n" + tree + "users=\ngroups=\naliases=\ncommand-prefix=\npersonality=\nshell=\nscript-config=\n",
      "[" + std::string(300, 'a') + "]\n" + tree + "aliases=" + std::string(250, 'b') + "\n",
      "[default]\n" + tree,
      "[x]\n" + tree + "message-verbosity=quiet\npreserve-environment=1\nsetup.config=none/config\n",
      "[host]\n" + tree,
      "[x]\n" + tree + "users=u" + std::string(4000, ',') + "v\n",
  };
  for (const auto& text : cases) {
    SchrootFolder folder;
    folder.write("schroot/mine/fstab", "proc /proc proc\n");
    folder.write("schroot/sub/mine/fstab", "proc /proc proc\n");
    const auto snapshot = folder.read(text);
    INFO(text << texts(snapshot.problems));
    CHECK(snapshot.chroots.size() == 1);
    CHECK(without_notices(texts(snapshot.problems)).empty());
  }
}

TEST_CASE("what schroot takes with a warning, and what it takes silently to no effect") {
  const struct {
    std::string text;
    const char* says;
  } cases[] = {
      {"[x]\n" + tree + "aliases=x\n", "x:4: aliases: 'x' is the chroot's own name"},
      {"[x]\n" + tree + "active=true\nrun-setup-scripts=true\n", "x:4: 'active' is obsolete"},
      {"[x]\n" + tree + "priority=2\n", "x:4: 'priority' is obsolete"},
      {"[x]\ntype=directory\nlocation=/b\n", "x:3: 'location' is the old name of 'directory'"},
      {"[x]\nlocation=/b\n", "x:2: 'location' is the old name of 'directory'"},
      {"[x]\n" + tree + "foo=bar\n", "x:4: 'foo' is not a known key"},
      {"[x]\n" + tree + "root_users=joe\n",
       "x:4: 'root_users' is not a known key and has no effect; did you mean 'root-users'?"},
      {"[x]\n" + tree + "Users=joe\n", "x:4: 'Users' is not a known key"},
      {"[x]\n" + tree + "users[de]=joe\n", "x:4: 'users[de]' is not a known key"},
      {"[x]\n" + tree + "foo.Bar=baz\n", "x:4: 'foo.Bar' is not a valid key of user data and has no effect"},
      {"[x]\n" + tree + "mount.x=baz\n", "x:4: 'mount.x' is reserved"},
      {"[x]\n" + tree + "preserve-environment=maybe\n", "x:4: preserve-environment: 'maybe' is neither true"},
      {"[x]\n" + tree + "shell=bash\n", "x:4: shell: 'bash' is not an absolute path"},
      {"[x]\n" + tree + "user-modifiable-keys=directory\n",
       "x:4: user-modifiable-keys: 'directory' is not a key of user data"},
      {"[x]\n" + tree + "root-modifiable-keys=x y\n", "x:4: root-modifiable-keys: 'x y' is not a key"},
      {"[x]\n" + tree + "users=a, b\n", "x:4: users: ' b' begins or ends with a blank"},
      {"[x]\n" + tree + "file=/x\ndevice=/dev/x\nsource-users=a\n",
       "x:4: 'file' has no effect for a chroot of type directory"},
      {"[x]\n" + tree + "union-overlay-directory=/srv/o\n", "x:4: 'union-overlay-directory' has no effect without"},
      {"[x]\ntype=plain\ndirectory=/srv/t\nunion-type=overlay\n",
       "x:4: 'union-type' has no effect for a chroot of type plain"},
      {"[x]\n" + tree + "union-type=aufs\nunion-mount-options=br:/a:/b=ro\n",
       "x:4: union-type: 'aufs' is not in today's kernels; an overlay"},
      {"[x]\n" + tree + "union-type=unionfs\nunion-mount-options=dirs=/a=rw\n",
       "x:5: union-mount-options: these are options of unionfs"},
      {"[x]\n" + tree + "script-config=minimal/config\n", "x:4: script-config is deprecated; use profile=minimal"},
      {"[x]\n" + tree + "profile=sbuild\nscript-config=minimal/config\n",
       "x:5: script-config is deprecated; use profile=minimal"},
      {"[x]\n" + tree + "description=caf\xE9\n", "x:4: the description is not valid UTF-8, and is shown changed"},
      {"[x]\n" + tree + "copyfiles.x=1\nname=foo\n", "x:5: 'name' belongs to a session"},
      {"[x]\n" + tree + "profile=lines\n", "lines/copyfiles:2: 'etc/hosts' is not an absolute path; nothing is copied"},
  };
  for (const auto& [text, says] : cases) {
    SchrootFolder folder;
    folder.write("schroot/lines/copyfiles", "/etc/hosts /etc/h\netc/hosts\n");
    const auto snapshot = folder.read(text);
    const auto problems = texts(snapshot.problems, folder.path());
    INFO(text << problems);
    CHECK(snapshot.chroots.size() == 1);
    CHECK_THAT(problems, Contains("warning: ") && Contains(says) && !Contains("error: "));
  }
}

TEST_CASE("what schroot refuses for all is refused here for itself") {
  const std::string cases[] = {
      "[x]\r\ntype=directory\r\n",
      "  [x]\n  type=directory\n",
      "[x]\n" + tree + "users=a\nusers=b\n",
      "[x]\n" + tree + "foo\n",
      "[x]\n" + tree + "=b\n",
      "[]\n" + tree,
      "[.x]\n" + tree,
      "[a b]\n" + tree,
      "[a:b]\n" + tree,
      "[x]]\n" + tree,
      "[x]\n" + tree + "aliases=b c\n",
      "[x]\n" + tree + "environment-filter=(\n",
      "[x]\n" + tree + "message-verbosity=loud\n",
      "[x]\n" + tree + "personality=linux128\n",
      "[x]\n" + tree + "union-type=foofs\n",
      "[x]\n" + tree + "union-type=overlay\nunion-overlay-directory=srv/o\n",
      "[x]\ntype=setup\ndirectory=/srv/t\n",
      "[x]\ntype=directory\n",
      "[x]\ntype=directory\ndirectory=\n",
      "[x]\ntype=directory\ndirectory=srv/t\n",
      "[x]\n" + tree + "location=/b\n",
      "[x]\ntype=file\nfile=a.tar\n",
      "[x]\ntype=lvm-snapshot\ndevice=/dev/a/b\n",
      "[x]\ntype=btrfs-snapshot\nbtrfs-source-subvolume=/a\n",
      "[x]\ntype=lvm-snapshot\ndevice=/dev/a/b\nlvm-snapshot-options=--size 1G\nlocation=inside\n",
  };
  for (const auto& text : cases) {
    SchrootFolder folder;
    folder.write("schroot/schroot.conf", "[other]\n" + tree);
    const auto snapshot = folder.read(text);
    const auto problems = texts(snapshot.problems, folder.path());
    INFO(text << problems);
    CHECK(snapshot.chroots.size() == 1);
    CHECK(snapshot.find("other"));
    CHECK_THAT(problems, Contains("error: schroot/chroot.d/x:"));
  }
}

TEST_CASE("where two chroots have an alias the first has it, and both stay") {
  SchrootFolder folder;
  const auto snapshot = folder.read("[b]\n" + tree + "aliases=z,q\n[a]\n" + tree +
                                    "aliases=z,b,c\n[bad]\nnonsense\n[c]\n" + tree + "aliases=bad\n");
  const auto problems = texts(snapshot.problems, folder.path());
  INFO(problems);
  CHECK(snapshot.chroots.size() == 3);
  CHECK(snapshot.find("z")->name == "b");  // the one that is read first
  CHECK(snapshot.find("q")->name == "b");
  CHECK(snapshot.find("b")->name == "b");
  CHECK(snapshot.find("c")->name == "c");
  CHECK_FALSE(snapshot.find("bad"));
  CHECK(snapshot.find("a")->aliases == std::vector<std::string>{"z", "b", "c"});  // as written: --config shows them
  CHECK_THAT(problems, Contains("warning: schroot/chroot.d/x:8: the alias 'z' is already one of the chroot at"));
}
