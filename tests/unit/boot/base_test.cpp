// Which base an upper layer belongs to: what is recorded, and what comes of another.
#include "boot/base.h"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/unique_fd.h"
#include "temporary_folder.h"

using namespace unionroot;
using namespace unionroot::boot;

namespace {

const Base old_base{{"ext4", "11", "1", "", "", "", ""}, "BUILD_ID=7"};
const Base new_base{{"ext4", "22", "2", "", "", "", ""}, "BUILD_ID=7"};

struct Store {
  tests::TemporaryFolder folder;
  base::UniqueFd open{::open(folder.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};

  std::string settle(const Base& now, OnOtherBase policy = OnOtherBase::keep) const {
    return settle_base(open.get(), "upperdir", now, policy, "/dev/vdb");
  }
  [[nodiscard]] bool kept() const { return ::access((folder / "upperdir/etc/kept").c_str(), F_OK) == 0; }
};

}  // namespace

TEST_CASE("an upper layer of this base, of another, and of nobody") {
  const Store store;
  CHECK(store.settle(old_base) == "new");
  record_base(store.open.get(), old_base);
  // Emptied by hand: a fresh one, whatever the record says.
  CHECK(store.settle(new_base) == "new");
  CHECK(::mkdir((store.folder / "upperdir").c_str(), 0755) == 0);
  CHECK(store.settle(new_base) == "new");
  store.folder.write("upperdir/etc/kept", "x");
  CHECK(store.settle(old_base) == "same");
  CHECK_THROWS_WITH(store.settle(new_base),
                    "the changes on /dev/vdb belong to another root (ext4, UUID=11, made 1, BUILD_ID=7) than this one "
                    "(ext4, UUID=22, made 2, BUILD_ID=7)");
  CHECK(store.kept());
  CHECK(store.settle(Base{}) == "unknown");
  CHECK(store.settle(new_base, OnOtherBase::accept) == "accepted");
  CHECK(store.kept());
  CHECK(store.settle(old_base, OnOtherBase::discard) == "same");
  CHECK(store.kept());
  CHECK(store.settle(new_base, OnOtherBase::discard) == "discarded");
  CHECK_FALSE(store.kept());
}

TEST_CASE("a root of which nothing can be found out leaves the record as it is") {
  const Store store;
  record_base(store.open.get(), old_base);
  record_base(store.open.get(), Base{{}, "BUILD_ID=8"});
  CHECK(base::read_file(store.folder / "unionroot/base") == old_base.text());
}

TEST_CASE("another image in the same file system is another base") {
  const Store store;
  record_base(store.open.get(), old_base);
  store.folder.write("upperdir/etc/kept", "x");
  CHECK_THROWS_AS(store.settle({old_base.tree, "BUILD_ID=8"}), base::Error);
  CHECK(store.settle({old_base.tree, ""}) == "same");
}

TEST_CASE("a record that says nothing counts as none, and is written anew") {
  const Store store;
  store.folder.write("upperdir/etc/kept", "x");
  for (const std::string text : {"", "\n\n", "nonsense", "\x01\xff"}) {
    store.folder.write("unionroot/base", text);
    CHECK(store.settle(new_base) == "new");
  }
  // Left by a power cut.
  store.folder.write("unionroot/base.new", "half");
  record_base(store.open.get(), new_base);
  CHECK(base::read_file(store.folder / "unionroot/base") == new_base.text());
  CHECK(::access((store.folder / "unionroot/base.new").c_str(), F_OK) != 0);
  CHECK(store.settle(new_base) == "same");
  CHECK(parse_base(new_base.text()) == new_base);
  // Where it cannot be written the boot goes on.
  CHECK(::unlink((store.folder / "unionroot/base").c_str()) == 0);
  CHECK(::rmdir((store.folder / "unionroot").c_str()) == 0);
  store.folder.write("unionroot", "a file");
  record_base(store.open.get(), old_base);
}

TEST_CASE("the image is what os-release calls it") {
  const tests::TemporaryFolder lower;
  const base::UniqueFd open(::open(lower.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  CHECK(base_of(open.get()).image.empty());
  lower.write("usr/lib/os-release", "NAME=x\nIMAGE_ID=\"kiosk\"\nVERSION_ID=12\nIMAGE_VERSION=3\n");
  CHECK(::mkdir((lower / "etc").c_str(), 0755) == 0);
  CHECK(::symlink("../usr/lib/os-release", (lower / "etc/os-release").c_str()) == 0);
  CHECK(base_of(open.get()).image == "IMAGE_ID=kiosk IMAGE_VERSION=3");
}
