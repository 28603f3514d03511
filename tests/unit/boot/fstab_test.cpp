#include "boot/fstab.h"

#include <catch2/catch.hpp>

using namespace unionroot::boot;

namespace {

const std::string comment =
    "# This fstab is in memory, as all changes of this machine are: unionroot-boot(7).\n"
    "# The real one is /ro/etc/fstab. To change it, or anything else beneath the overlay:\n"
    "#   mount -o remount,rw /ro\n"
    "# and afterwards:\n"
    "#   mount -o remount,ro /ro\n";

std::string shown(const std::string& text, Layout layout = Layout::boundary) {
  const auto out = shown_fstab(text, layout, "/ro");
  REQUIRE(out.starts_with(comment));
  return out.substr(comment.size());
}

}  // namespace

TEST_CASE("the fstab of a root in memory: the root's entry and swap, and all else in its order") {
  const std::string text =
      "# by hand\n"
      "UUID=1\t/  ext4 defaults,errors=remount-ro,x-systemd.growfs 0 1\n"
      "/dev/sda3 none swap sw 0 0\n"
      "\n"
      "/swap none swap sw 0 0\n"
      " LABEL=data /srv ext4 nofail 0 2\n"
      "tmpfs /swap tmpfs defaults\n";
  const std::string rest = "\n LABEL=data /srv ext4 nofail 0 2\ntmpfs /swap tmpfs defaults\n";
  const std::string root = "# by hand\nUUID=1\t/ro\text4\tro,noauto,errors=remount-ro\t0\t0\n";
  CHECK(shown(text) == root + rest);
  // Elsewhere only what cannot work goes.
  CHECK(shown(text, Layout::br2) == root + "/dev/sda3 none swap sw 0 0\n" + rest);
  CHECK(swap_files(text) == std::vector<std::string>{"/swap"});
}

TEST_CASE("an fstab that is not as fstab(5) says") {
  CHECK(shown("") == "");
  CHECK(shown("\n") == "\n");
  CHECK(shown("/dev/root /") == "/dev/root\t/ro\tauto\tro,noauto\t0\t0\n");
  CHECK(shown("/dev/root / ext2 rw,noauto 0 1\n") == "/dev/root\t/ro\text2\tro,noauto\t0\t0\n");
  CHECK(shown("nonsense\n#/dev/a none swap\n") == "nonsense\n#/dev/a none swap\n");
  CHECK(swap_files("/a none\n#/b none swap\n/dev/c none swap\nLABEL=d none swap\n").empty());
}

TEST_CASE("the name of a unit, as systemd-escape(1) makes it") {
  CHECK(unit_of_path("/swapfile", ".swap") == "swapfile.swap");
  CHECK(unit_of_path("//var/swap/file 1", ".swap") == "var-swap-file\\x201.swap");
  CHECK(unit_of_path("/.swap-a", ".swap") == "\\x2eswap\\x2da.swap");
  CHECK(unit_of_path("/", ".mount") == "-.mount");
}
