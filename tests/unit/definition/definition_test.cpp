#include "definition/definition.h"

#include <catch2/catch.hpp>

#include "base/error.h"
#include "configuration_folder.h"
#include "definition/registry.h"

using namespace unionroot::definition;
using Catch::Contains;
using unionroot::base::Error;

namespace {

struct Parsed {
  DefinitionPtr definition;
  std::string problems;
};

Parsed parse(const std::string& keys) {
  const ConfigurationFolder folder;
  const auto file = folder.write("a.conf", "[x]\n" + keys);
  const auto snapshot = load_files({file}, folder.settings());
  return {snapshot.find("x"), texts(snapshot.problems, folder.path())};
}

// Definition with every member different from its default.
Definition unusual() {
  Definition d;
  d.name = "n";
  d.type = "lvm-snapshot";
  d.description = "caf\xc3\xa9 \"quoted\" \\ ";
  d.aliases = {"a", "b"};
  d.source = LvmSnapshotSource{"/dev/vg/lv", "-L 2G", "ro", "/tree"};
  d.union_ = {UnionType::overlay,
              UnionBacking::image,
              Size{1ull << 40, 0},
              "xfs",
              "index=on",
              "/dev/x",
              "noatime",
              true,
              Choice::no,
              "/over",
              "/under"};
  d.access = {{"u"}, {"g"}, {"ru"}, {"rg"}};
  d.source_access = {{"su"}, {"sg"}, {"sru"}, {"srg"}};
  d.source_clone = false;
  d.environment_filter = "^A$";
  d.command_prefix = {"nice", "-n"};
  d.message_verbosity = "quiet";
  d.preserve_environment = true;
  d.shell = "/bin/dash";
  d.personality = "linux32";
  d.user_modifiable_keys = {"a.b"};
  d.root_modifiable_keys = {"c.d"};
  d.user_data = {{"a.b", "1"}, {"c.d", ""}};
  d.host_view = HostView::all;
  d.host_view_access = ViewAccess::all;
  d.hide_state = true;
  d.dev = DeviceMode::host;
  d.nss = NssMode::copy;
  d.no_new_privileges = Choice::yes;
  d.resolv_conf = "none";
  d.hostname = "box";
  d.network = "none";
  d.control_group = ControlGroup::own;
  d.unpack_limit = ~0ull;
  d.on_boot = OnBoot::leave;
  d.on_shutdown = OnShutdown::end;
  d.hook_directories = {"/hooks"};
  d.hook_time_limit = 7;
  d.is_source = true;
  d.script_config = "p/config";
  d.profile_name = "p";
  d.profile = {{{"tmpfs", "/t", "tmpfs", {"rw", "size=1M"}, "f", 3}}, {{"/etc/hosts", "/etc/h", "f", 4}}, {"passwd"}};
  d.file = "/f";
  d.line = 7;
  return d;
}

}  // namespace

TEST_CASE("a definition of type directory, with schroot's defaults") {
  const auto parsed = parse("type=directory\ndirectory=/srv//tree\n");
  INFO(parsed.problems);
  REQUIRE(parsed.definition);
  const Definition& d = *parsed.definition;
  CHECK(parsed.problems.empty());
  CHECK(std::get<DirectorySource>(d.source).directory == "/srv//tree");
  CHECK_FALSE(d.has_union());
  CHECK_FALSE(d.clonable());
  CHECK(d.profile_name == "default");
  CHECK(d.environment_filter == default_environment_filter);
  CHECK(d.message_verbosity == "normal");
  CHECK(d.user_data.at("setup.fstab") == "default/fstab");
  CHECK(d.source_clone);
  CHECK(d.host_view == HostView::tree);
  CHECK(d.host_view_access == ViewAccess::owner);
  CHECK(d.line == 1);
  CHECK_FALSE(d.profile.fstab.empty());
  CHECK(d.access == AccessLists{});
}

TEST_CASE("all keys of a union") {
  const auto parsed = parse(
      "type=directory\ndirectory=/"
      "srv\nunion-type=overlayfs\nunion-backing=image\nunion-size=10G\nunion-filesystem=btrfs\n"
      "union-mount-options=redirect_dir=on\nunion-reset=yes\nunion-volatile=no\nunion-overlay-directory=/over\n"
      "users=a,,b\ngroups=g\nroot-users=r\nroot-groups=rg\nsource-users=su\nsource-groups=sg\nsource-root-users=sr\n"
      "source-root-groups=srg\naliases=y,z,y\nhost-view=no\nhost-view-access=all\ndev=host\nnss=copy\n"
      "no-new-privileges=no\nresolv-conf=none\nhostname=box-1."
      "example\n"
      "network=none\ncgroup=own\non-boot=end\non-shutdown=end\ncommand-prefix=nice,-n\npersonality=linux32\nshell=/bin/"
      "sh\n"
      "preserve-environment=1\nmessage-verbosity=verbose\nsbuild.resolver=apt\nuser-modifiable-keys=sbuild.resolver\n");
  INFO(parsed.problems);
  REQUIRE(parsed.definition);
  CHECK(parsed.problems.empty());
  const Definition& d = *parsed.definition;
  CHECK(d.clonable());
  CHECK(d.union_.backing == UnionBacking::image);
  CHECK(d.union_.size->bytes == 10ull << 30);
  CHECK(d.union_.filesystem == "btrfs");
  CHECK(d.union_.reset);
  CHECK(d.union_.volatile_upper == Choice::no);
  CHECK(d.access == AccessLists{{"a", "b"}, {"g"}, {"r"}, {"rg"}});
  CHECK(d.source_access == AccessLists{{"su"}, {"sg"}, {"sr"}, {"srg"}});
  CHECK(d.aliases == std::vector<std::string>{"y", "z"});
  CHECK(d.dev == DeviceMode::host);
  CHECK(d.nss == NssMode::copy);
  CHECK(d.no_new_privileges == Choice::no);
  CHECK(d.on_boot == OnBoot::end);
  CHECK(d.on_shutdown == OnShutdown::end);
  CHECK(d.network == "none");
  CHECK(d.control_group == ControlGroup::own);
  CHECK(d.personality == "linux32");
  CHECK(d.user_data.at("sbuild.resolver") == "apt");
  CHECK(d.host_view == HostView::no);
  CHECK(d.host_view_access == ViewAccess::all);
}

TEST_CASE("every type") {
  CHECK(std::get<DirectorySource>(parse("directory=/a\n").definition->source).plain);
  const auto file = parse("type=file\nfile=/a.tar\nlocation=/x\nunpack-limit=2T\n").definition;
  CHECK(std::get<FileSource>(file->source).location == "/x");
  CHECK(file->unpack_limit == 2ull << 40);
  CHECK(file->has_union());
  CHECK(std::get<ImageSource>(parse("type=image\nfile=/a\npartition=2\n").definition->source).partition == 2);
  CHECK_FALSE(parse("type=image\nfile=/a\nunion-type=none\n").definition->has_union());
  CHECK(
      std::get<LoopbackSource>(parse("type=loopback\nfile=/a\nmount-options=ro\n").definition->source).mount_options ==
      "ro");
  CHECK(std::get<BlockDeviceSource>(parse("type=block-device\ndevice=/dev/a\n").definition->source).device == "/dev/a");
  const auto btrfs = parse("type=btrfs-snapshot\nbtrfs-source-subvolume=/a\nbtrfs-snapshot-directory=/b\n").definition;
  CHECK(std::get<BtrfsSnapshotSource>(btrfs->source).snapshot_directory == "/b");
  CHECK(btrfs->clonable());
  CHECK(parse("type=lvm-snapshot\ndevice=/dev/a\nlvm-snapshot-options=-L 1G\n").definition->clonable());
  CHECK(std::get<ZfsSnapshotSource>(parse("type=zfs-snapshot\nzfs-dataset=pool/a\n").definition->source).dataset ==
        "pool/a");
  const auto with_commas = parse("type=layers\nlower-directories=\"/a,b\",/c d,\"/e\"\n").definition;
  REQUIRE(with_commas);
  CHECK(std::get<LayersSource>(with_commas->source).lower_directories ==
        std::vector<std::string>{"/a,b", "/c d", "/e"});
  const auto layers = parse("type=layers\nlower-directories=/a,/b\n").definition;
  CHECK(std::get<LayersSource>(layers->source).lower_directories == std::vector<std::string>{"/a", "/b"});
  CHECK(layers->has_union());
  CHECK_FALSE(layers->source_clone);
  CHECK(std::get<OciSource>(parse("type=oci\ndirectory=/a\nreference=latest\n").definition->source).reference ==
        "latest");
  CHECK_FALSE(parse("type=custom\nhook-directories=/h\ncustom-session-cloneable=no\n").definition->clonable());
}

TEST_CASE("a custom chroot has a source session, and is purged, only if it says so") {
  const auto plain = parse("type=custom\nhook-directories=/h\n").definition;
  REQUIRE(plain);
  CHECK(plain->clonable());
  CHECK_FALSE(plain->purgeable());
  CHECK_FALSE(plain->source_clone);
  CHECK_FALSE(plain->has_union());
  CHECK(plain->hook_time_limit == 60);
  const auto rich = parse(
      "type=custom\nhook-directories=/h,/i\nhook-time-limit=600\ncustom-session-purgeable=yes\n"
      "custom-source-cloneable=yes\nunion-type=overlay\n");
  REQUIRE(rich.definition);
  CHECK(rich.problems.empty());
  CHECK(rich.definition->purgeable());
  CHECK(rich.definition->source_clone);
  CHECK(rich.definition->has_union());
  CHECK(rich.definition->hook_time_limit == 600);
  const auto source = source_variant(*rich.definition);
  CHECK_FALSE(source.purgeable());
  CHECK_FALSE(source.has_union());
}

TEST_CASE("what is wrong with a definition takes it out, and says the line and what is expected") {
  const std::string good = "type=directory\ndirectory=/srv\n";
  const std::string overlay = good + "union-type=overlay\n";
  const struct {
    std::string keys, says;
  } cases[] = {
      {"type=dir\ndirectory=/srv\n", "a.conf:2: type: 'dir' is not known; expected one of: plain, directory, file"},
      {"type=dir\ndirectory=/srv\n", "custom; did you mean 'directory'?"},
      {good + "union-type=overly\n", "expected one of: none, overlay; did you mean 'overlay'?"},
      {"type=directory\n", "a.conf:1: the key 'directory' is missing; type directory needs it"},
      {"type=directory\ndirectory=\n", "a.conf:3: the key 'directory' is empty"},
      {"type=directory\ndirectory=srv\n", "a.conf:3: directory: 'srv' is not an absolute path"},
      {"type=directory\ndirectory=/a\nlocation=/b\n", "both 'directory' and its old name 'location'"},
      {"type=file\n", "the key 'file' is missing"},
      {"type=image\nfile=/a\npartition=0\n", "partition: '0'"},
      {"type=btrfs-snapshot\nbtrfs-source-subvolume=/a\n", "'btrfs-snapshot-directory' is missing"},
      {"type=lvm-snapshot\ndevice=/a\n", "'lvm-snapshot-options' is missing"},
      {"type=zfs-snapshot\nzfs-dataset=-rf\n", "not the name of a data set"},
      {"type=layers\nlower-directories=,\n", "the list is empty"},
      {"type=layers\nlower-directories=/a,/b,/a\n", "lower-directories: '/a' is there twice"},
      {"type=layers\nlower-directories=\"/a,b\n", "has an unclosed quote"},
      {"type=layers\nlower-directories=\"/a\"b,/c\n", "text after a closing quote"},
      {"type=layers\nlower-directories=/a,b\n", "lower-directories: 'b' is not an absolute path"},
      {good + "union-type=zip\n", "expected one of: none, overlay"},
      {overlay + "union-backing=ram\n", "union-backing: 'ram' is not known; expected one of: auto, directory, tmpfs"},
      {overlay + "union-backing=image\n", "needs union-size"},
      {overlay + "union-backing=image\nunion-size=50%\n", "a percentage is of memory"},
      {overlay + "union-backing=image\nunion-size=10M\nunion-filesystem=xfs\n",
       "union-size: 10M is too little for xfs; expected at least 300M"},
      {overlay + "union-backing=tmpfs\nunion-size=0\n", "is not a size"},
      {overlay + "union-backing=tmpfs\nunion-size=101%\n", "is not a size"},
      {overlay + "union-backing=tmpfs\nunion-size=-1G\n", "is not a size"},
      {overlay + "union-backing=tmpfs\nunion-size=99999999T\n", "is not a size"},
      {overlay + "union-backing=device\n", "needs union-device"},
      {overlay + "union-mount-options=index=on,upperdir=/x\n", "'upperdir' is set by unionroot itself"},
      {overlay + "union-mount-options=volatile\n", "union-volatile=yes"},
      {overlay + "union-volatile=perhaps\n", "expected one of: auto, yes, no"},
      {overlay + "union-volatile=always\n",
       "(auto, yes: automatic sessions do not sync (faster, lost in a crash); no: they do; preserved sessions always "
       "sync)"},
      {overlay + "union-backing=tempfs\n", "did you mean 'tmpfs'?"},
      {overlay + "no-new-privileges=sudo\n", "expected one of: auto, yes, no"},
      {overlay + "cgroup=callers\n", "expected one of: caller, own"},
      {good + "environment-filter=(\n", "not a POSIX extended regular expression"},
      {good + "hostname=a_b\n", "is not a host name"},
      {good + "dev=none\n", "expected one of: private, host"},
      {good + "personality=amiga\n", "personality: 'amiga'"},
      {good + "aliases=a/b\n", "'a/b' is not a valid name; expected a letter or digit, then letters, digits, '_', '.'"},
      {good + "profile=../../tmp/none\n", "there is no profile '../../tmp/none'"},
      {good + "profile=nope\n", "there is no profile 'nope'"},
      {good + "setup.fstab=../fstab\n", "there is no file '../fstab', which is to be the fstab of its profile"},
      {good + "setup.fstab=nope/fstab\n", "there is no file 'nope/fstab', which is to be the fstab"},
      {good + "hook-directories=hooks\n", "hook-directories: 'hooks'"},
      {good + "hook-time-limit=1h\n", "hook-time-limit: '1h' is not a number of seconds; expected 1 to 86400"},
      {good + "hook-time-limit=86401\n", "expected 1 to 86400"},
      {"type=custom\n", "type custom needs hook-directories="},
  };
  for (const auto& bad : cases) {
    const auto parsed = parse(bad.keys);
    INFO(bad.keys << parsed.problems);
    CHECK_FALSE(parsed.definition);
    CHECK_THAT(parsed.problems, Contains("error: a.conf:") && Contains(bad.says));
  }
}

TEST_CASE("what is only worth a word leaves the definition there") {
  const std::string good = "type=directory\ndirectory=/srv\n";
  const struct {
    std::string keys, says;
  } cases[] = {
      {good + "descripton=x\n",
       "warning: a.conf:4: 'descripton' is not a known key and has no effect; did you mean 'description'?"},
      {good + "preserve-environment=maybe\n", "warning: a.conf:4: preserve-environment: 'maybe' is neither"},
      {good + "priority=3\n", "'priority' is obsolete"},
      {good + "original-name=x\n", "belongs to a session and has no effect in a definition; remove it"},
      {good + "file=/x\n", "'file' has no effect for a chroot of type directory; it is for file, image, loopback"},
      {good + "union-size=1G\n",
       "'union-size' has no effect without union-type=overlay; add union-type=overlay or remove this key"},
      {good + "source-users=x\n",
       "'source-users' has no effect without union-type=overlay: sessions use the source tree itself; add union-type"},
      {good + "users=a, b\n", "' b' begins or ends with a blank"},
      {good + "script-config=sbuild/config\n", "script-config is deprecated"},
      {"type=plain\ndirectory=/srv\nhook-directories=/h\n",
       "'hook-directories' has no effect for a chroot of type plain"},
      {"directory=/srv\nunion-type=overlay\n",
       "'union-type' has no effect: type is missing, so this is a plain chroot without an overlay; add type=directory"},
      {"directory=/srv\nfile=/srv/x.tar\n", "'file' has no effect: type is missing"},
      {"directory=/srv\nlvm-snapshot-options=-s\n", "add type=lvm-snapshot"},
      {"type=plain\ndirectory=/srv\nunion-type=overlay\n", "has no effect for a chroot of type plain"},
      {good + "union-type=aufs\n",
       "warning: a.conf:4: union-type: 'aufs' is not in today's kernels; an overlay is used"},
      {good + "shell=sh\n", "warning: a.conf:4: shell: 'sh' is not an absolute path"},
      {good + "session.id=1\n", "warning: a.conf:4: 'session.id' is reserved"},
      {good + "setup.data.dir=/x\n", "is reserved"},
      {good + "Bad.key=1\n", "not a valid key of user data"},
      {good + "user-modifiable-keys=nodot\n", "not a key of user data"},
      {good + "aliases=x\n", "aliases: 'x' is the chroot's own name"},
      {good + "union-type=overlay\nunion-backing=tmpfs\nunion-device=/dev/x\n", "no effect with union-backing=tmpfs"},
      {"type=directory\nlocation=/srv\n", "'location' is the old name of 'directory'"},
      {"type=file\nfile=/x\nunion-type=none\n", "always has an overlay"},
      {good + "description = x\n", "notice: a.conf:4: white space around '='"},
  };
  for (const auto& odd : cases) {
    const auto parsed = parse(odd.keys);
    INFO(odd.keys << parsed.problems);
    CHECK(parsed.definition);
    CHECK_THAT(parsed.problems, Contains(odd.says));
    CHECK_THAT(parsed.problems, !Contains("error: "));
  }
  CHECK(parse(good + "script-config=sbuild/config\n").definition->profile_name == "sbuild");
}

TEST_CASE("serialize and deserialize keep every member") {
  const Definition d = unusual();
  const std::string text = serialize(d);
  const Definition back = deserialize(text);
  CHECK(serialize(back) == text);
  CHECK(text != serialize(Definition()));
  CHECK(back.description == d.description);
  CHECK(std::get<LvmSnapshotSource>(back.source).snapshot_options == "-L 2G");
  CHECK(back.union_.size->bytes == 1ull << 40);
  CHECK(back.unpack_limit == ~0ull);
  CHECK(back.profile == d.profile);
  CHECK(back.access == d.access);
  CHECK(back.user_data == d.user_data);
  CHECK(back.on_boot == OnBoot::leave);
  CHECK(back.is_source);

  // No member is the default one, so every member has been written and read.
  const std::string plain = serialize(Definition());
  for (std::size_t at = plain.find("\":"); at != std::string::npos; at = plain.find("\":", at + 1)) {
    const auto begin = plain.rfind('"', at - 1);
    const std::string key = plain.substr(begin, at + 2 - begin);
    const auto value = [&](const std::string& in) { return in.substr(in.find(key), key.size() + 2); };
    if (key == "\"format\":" || key == "\"directory\":" || key == "\"plain\":") continue;
    INFO(key);
    CHECK(text.find(key) != std::string::npos);
    if (key == "\"name\":" || key == "\"shell\":" || key == "\"nss\":" || key == "\"line\":")
      CHECK(value(text) != value(plain));
  }
}

TEST_CASE("every source goes there and back") {
  for (const Source& source :
       {Source(DirectorySource{"/a", true}), Source(FileSource{"/a", "/b"}), Source(ImageSource{"/a", 3, "/c"}),
        Source(LoopbackSource{"/a", "b", "/c"}), Source(BlockDeviceSource{"/a", "b", "/c"}),
        Source(BtrfsSnapshotSource{"/a", "/b", "/c"}), Source(LvmSnapshotSource{"/a", "b", "c", "/d"}),
        Source(ZfsSnapshotSource{"a", "b", "/c"}), Source(LayersSource{{"/a", "/b"}}), Source(OciSource{"/a", "b"}),
        Source(CustomSource{false, true, true})}) {
    Definition d;
    d.source = source;
    const Definition back = deserialize(serialize(d));
    CHECK(back.source.index() == source.index());
    CHECK(serialize(back) == serialize(d));
  }
}

TEST_CASE("deserialize refuses what it did not write") {
  const std::string good = serialize(unusual());
  for (std::size_t length = 0; length < good.size(); length += 7)
    CHECK_THROWS_AS(deserialize(good.substr(0, length)), Error);
  for (const std::string bad :
       {"", "[]", "null", "{}", "{\"format\":2}", "{\"format\":1,\"dev\":9}", "{\"format\":1,\"dev\":-1}",
        "{\"format\":1,\"source\":{\"kind\":99}}", "{\"format\":1,\"name\":3}", "{\"format\":1,\"union\":[]}",
        "{\"format\":1,\"profile\":{\"fstab\":[1]}}", "{\"format\":1,\"dev\":4294967296}",
        "{\"format\":1,\"unpack-limit\":-1}", "{\"format\":1,\"hook-time-limit\":1e30}",
        "{\"format\":1,\"source\":{\"kind\":0.5}}"}) {
    INFO(bad);
    CHECK_THROWS_AS(deserialize(bad), Error);
  }
  CHECK(deserialize("{\"format\":1,\"profile\":{\"copyfiles\":[\"/etc/x\"]}}").profile.copyfiles ==
        std::vector<CopiedFile>{{"/etc/x", "/etc/x"}});
  CHECK_THROWS_AS(deserialize("{\"format\":1,\"profile\":{\"copyfiles\":[3]}}"), Error);
  CHECK(deserialize("{\"format\":1,\"name\":\"x\"}").name == "x");  // from an earlier version: the rest is the default
  Definition binary;
  binary.description = "\xff";
  CHECK_THROWS_AS(serialize(binary), Error);
}

TEST_CASE("a definition seen as its source") {
  const auto variant =
      source_variant(*parse("type=directory\ndirectory=/a\nunion-type=overlay\nusers=u\nsource-users=s\n").definition);
  CHECK(variant.access.users == std::vector<std::string>{"s"});
  CHECK_FALSE(variant.has_union());
  CHECK_FALSE(variant.clonable());
  CHECK(variant.name == "x");
  CHECK(source_variant(variant).access.users == std::vector<std::string>{"s"});  // twice is once

  const auto file = source_variant(*parse("type=file\nfile=/a\n").definition);
  CHECK_FALSE(file.clonable());
  CHECK(file.type == "file");
  const auto btrfs = source_variant(
      *parse("type=btrfs-snapshot\nbtrfs-source-subvolume=/a\nbtrfs-snapshot-directory=/b\n").definition);
  CHECK(btrfs.type == "directory");
  CHECK(std::get<DirectorySource>(btrfs.source).directory == "/a");
  const auto lvm = source_variant(*parse("type=lvm-snapshot\ndevice=/dev/a\nlvm-snapshot-options=x\n").definition);
  CHECK(std::get<BlockDeviceSource>(lvm.source).device == "/dev/a");
}
