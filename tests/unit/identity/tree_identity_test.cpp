#include "identity/tree_identity.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>

#include "base/unique_fd.h"
#include "identity/superblock.h"
#include "temporary_folder.h"

using namespace unionroot;
using namespace unionroot::identity;

namespace {

TreeIdentity ext4() { return {"ext4", "11-22", "1700000000", "", "1:0200000000000000", "", ""}; }
TreeIdentity network() { return {"nfs4", "", "", "", "", "server:/srv", "/tree"}; }

}  // namespace

TEST_CASE("what is compared") {
  const auto changed = [](TreeIdentity of, auto TreeIdentity::*field, const char* value) {
    of.*field = value;
    return of;
  };
  const auto zeros = changed(ext4(), &TreeIdentity::uuid, "");
  const struct {
    const char* what;
    TreeIdentity one, other;
    Comparison expected;
  } rows[] = {
      {"itself", ext4(), ext4(), Comparison::same},
      {"another file system", ext4(), changed(ext4(), &TreeIdentity::uuid, "33"), Comparison::different},
      {"made anew with its UUID", ext4(), changed(ext4(), &TreeIdentity::made, "1800000000"), Comparison::different},
      {"another folder of it", ext4(), changed(ext4(), &TreeIdentity::handle, "1:03"), Comparison::different},
      {"no handles to be had", ext4(), changed(ext4(), &TreeIdentity::handle, ""), Comparison::same},
      {"tune2fs -j", changed(ext4(), &TreeIdentity::type, "ext2"), ext4(), Comparison::same},
      {"the UUID is gone", ext4(), zeros, Comparison::different},
      {"two with a UUID of zeros, made in one second", changed(zeros, &TreeIdentity::partition, "p1"),
       changed(zeros, &TreeIdentity::partition, "p2"), Comparison::different},
      {"one with a UUID of zeros", zeros, zeros, Comparison::same},
      {"a device that cannot be read", ext4(), TreeIdentity{}, Comparison::unknown},
      {"a network", network(), network(), Comparison::same},
      {"another server", network(), changed(network(), &TreeIdentity::source, "other:/srv"), Comparison::different},
      {"another folder of a server", network(), changed(network(), &TreeIdentity::path, "/v2"), Comparison::different},
      {"a disk in the place of a network", network(), ext4(), Comparison::different},
      {"nothing but a type", {"vfat", "", "", "", "", "", ""}, {"vfat", "", "", "", "", "", ""}, Comparison::unknown},
  };
  for (const auto& row : rows) {
    INFO(row.what);
    CHECK(compare(row.one, row.other) == row.expected);
    CHECK(compare(row.other, row.one) == row.expected);
  }
}

TEST_CASE("an identity as text, and back") {
  for (const auto& one : {ext4(), network()}) CHECK(parse_identity(one.text()) == one);
  CHECK(parse_identity("other=1\nuuid=11\n\nnothing\n") == TreeIdentity{"", "11", "", "", "", "", ""});
  for (const char* nonsense : {"", "\n", "uuid", "other=1\n", "uuid=\n"}) CHECK_FALSE(parse_identity(nonsense));
  CHECK(parse_identity("type=a\x01z\n")->type == "a\\x01z");
  CHECK(ext4().described() == "ext4, UUID=11-22, made 1700000000");
}

TEST_CASE("what a superblock has of its making") {
  const tests::TemporaryFolder folder;
  std::string bytes(4096, '\0');
  const auto read = [&](const char* type) {
    const base::UniqueFd file(::open(folder.write("image", bytes).c_str(), O_RDONLY | O_CLOEXEC));
    return read_superblock(file.get(), type);
  };
  CHECK(read("ext4").made.empty());  // genext2fs writes none
  bytes.replace(1024 + 0x108, 4, std::string("\x01\x02\x00\x00", 4));
  CHECK(read("ext4").made == "513");
  CHECK(read("ext4").written);
  bytes.replace(4, 1, "\x07").replace(8, 1, "\x08").replace(40, 1, "\x09");
  CHECK(read("squashfs").made == "8-9-7");
  CHECK_FALSE(read("squashfs").written);
  CHECK(read("xfs").made.empty());
  bytes.clear();
  CHECK(read("ext4").made.empty());  // a device that cannot be read
}

TEST_CASE("two folders of a file system are two trees") {
  const tests::TemporaryFolder folder;
  folder.write("one/file", "");
  folder.write("two/file", "");
  const auto open = [&](const char* name) {
    return base::UniqueFd(::open((folder / name).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  };
  const auto one = identify(open("one").get()), two = identify(open("two").get());
  CHECK(compare(one, identify(open("one").get())) != Comparison::different);
  // Also where the device cannot be read. What a file system in memory is known by is its mount.
  if (!one.handle.empty()) CHECK(compare(one, two) == Comparison::different);
}

TEST_CASE("a tree is itself, by whatever path") {
  const base::UniqueFd one(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
  const base::UniqueFd again(::open("/proc/../proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  CHECK(identify(one.get()).type == "proc");
  CHECK(compare(identify(one.get()), identify(again.get())) == Comparison::same);
  CHECK(identify(-1) == TreeIdentity{});
}
