// Trees whose /bin/sh is for another machine, or is whatever a hostile tree puts there.
#include "tree/foreign.h"

#include <sys/sysmacros.h>

#include <catch2/catch.hpp>

#include "base/elf_machine.h"
#include "copy_file.h"
#include "support.h"

using namespace tree_test;

namespace {

// A file that begins as a program for a machine that there is not.
std::string program(unsigned machine) {
  const auto own = base::own_machine();
  std::string start(
      "\x7f"
      "ELF",
      4);
  start += {static_cast<char>(own.word), static_cast<char>(own.order), 1};
  start.resize(16, '\0');
  const char low = static_cast<char>(machine & 0xff), high = static_cast<char>(machine >> 8);
  return start + (own.order == ELFDATA2LSB ? std::string({2, 0, low, high}) : std::string({0, 2, high, low}));
}

constexpr unsigned nobody = 0x7a7a;

struct Foreigner : Place {
  Foreigner() {
    fs::create_directories(tree("bin"));
    fs::create_directories(path("binfmt"));
    write(path("binfmt/status"), "enabled\n");
    write(path("binfmt/register"), "");
  }

  void entry(const std::string& name, const std::string& interpreter, const std::string& flags,
             unsigned machine = nobody) {
    static constexpr const char* digits = "0123456789abcdef";
    std::string magic;
    for (const char c : program(machine)) {
      magic += digits[static_cast<unsigned char>(c) >> 4];
      magic += digits[static_cast<unsigned char>(c) & 15];
    }
    write(path("binfmt/" + name),
          "enabled\ninterpreter " + interpreter + "\nflags: " + flags + "\noffset 0\nmagic " + magic + "\n");
  }

  [[nodiscard]] Foreign look() const {
    const base::UniqueFd root(
        base::check(::open(tree().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "opening the tree"));
    return look_for_foreign_programs(root.get(), path("binfmt"));
  }
};

}  // namespace

TEST_CASE_METHOD(Foreigner, "a tree of the machine's own kind, or without a shell, is no matter of this") {
  entry("other", "/usr/bin/other", "");
  SECTION("own") { tests::copy_file("/proc/self/exe", tree("bin/sh")); }
  SECTION("none") {}
  SECTION("a script") { write(tree("bin/sh"), "#!/bin/bash\n"); }
  SECTION("empty") { write(tree("bin/sh"), ""); }
  SECTION("cut off") { write(tree("bin/sh"), program(nobody).substr(0, 19)); }
  const auto found = look();
  CHECK(found.interpreters.empty());
  CHECK(found.notes.empty());
}

TEST_CASE_METHOD(Foreigner, "a foreign tree gets the interpreter that the kernel would look for in it") {
  write(tree("bin/dash"), program(nobody) + std::string(4096, 'x'));
  fs::create_symlink("/bin/dash", tree("bin/sh"));  // inside the tree
  write(path("interpreter"), "#!/bin/sh\n", 0755);

  SECTION("without F it has to be there") {
    entry("other", path("interpreter"), "OC");
    entry("unrelated", "/usr/bin/unrelated", "", nobody + 1);
    CHECK(look().interpreters == std::vector<std::string>{path("interpreter")});
    CHECK(look().notes.empty());
  }
  SECTION("with F it has not") {
    entry("other", path("interpreter"), "OCF");
    CHECK(look().interpreters.empty());
    CHECK(look().notes.empty());
  }
  SECTION("without C set-uid programs do not work, and that is said") {
    for (const auto* const flags : {"F", "POF", ""}) {
      entry("other", path("interpreter"), flags);
      REQUIRE(look().notes.size() == 1);
      CHECK_THAT(look().notes[0], Catch::Contains("sudo") && Catch::Contains("entry other has no flag C") &&
                                      Catch::Contains("flags OCF"));
    }
  }
  SECTION("none, and what to install") {
    const auto found = look();
    CHECK(found.interpreters.empty());
    REQUIRE(found.notes.size() == 1);
    CHECK_THAT(found.notes[0], Catch::Contains("another machine (ELF 31354)") &&
                                   Catch::Contains("apt-get install qemu-user-static binfmt-support"));
  }
  SECTION("one that is switched off") {
    entry("other", path("interpreter"), "");
    write(path("binfmt/status"), "disabled\n");
    CHECK(look().interpreters.empty());
    CHECK(mentions(look().notes, "nothing on this machine runs them"));
  }
  SECTION("one that is not there") {
    entry("other", path("gone"), "");
    CHECK(look().interpreters.empty());
    CHECK(mentions(look().notes, "gone of the binfmt_misc entry other cannot be used"));
    CHECK(mentions(look().notes, "apt-get install"));
  }
  SECTION("one with dots in its path") {
    entry("other", path("../x/./y"), "");
    CHECK(look().interpreters.empty());
    CHECK(mentions(look().notes, "in its path"));
  }
  SECTION("one that needs a dynamic loader") {
    REQUIRE(needs_loader("/proc/self/exe"));
    CHECK_FALSE(needs_loader(path("interpreter")));
    tests::copy_file("/proc/self/exe", path("dynamic"));
    entry("other", path("dynamic"), "");
    CHECK(look().interpreters.empty());
    CHECK(mentions(look().notes, "needs a dynamic loader"));
  }
  SECTION("an entry that makes no sense does not hide the others") {
    write(path("binfmt/broken"), "enabled\ninterpreter nowhere\n");
    entry("other", path("interpreter"), "");
    CHECK(look().interpreters == std::vector<std::string>{path("interpreter")});
    CHECK(mentions(look().notes, "the binfmt_misc entry broken: "));
  }
}

TEST_CASE_METHOD(Foreigner, "a hostile /bin/sh neither blocks nor leads out of the tree") {
  entry("other", "/usr/bin/other", "");
  write(path("outside"), program(nobody));
  SECTION("a link to the host") { fs::create_symlink(path("outside"), tree("bin/sh")); }
  SECTION("a link upwards") { fs::create_symlink("../../../../.." + path("outside"), tree("bin/sh")); }
  SECTION("a link through this process") { fs::create_symlink("/proc/self/cwd/" + path("outside"), tree("bin/sh")); }
  SECTION("a circle") { fs::create_symlink("sh", tree("bin/sh")); }
  SECTION("a folder") { fs::create_directories(tree("bin/sh")); }
  SECTION("a FIFO") { REQUIRE(::mkfifo(tree("bin/sh").c_str(), 0666) == 0); }
  SECTION("a device") { REQUIRE(::mknod(tree("bin/sh").c_str(), S_IFCHR | 0666, ::makedev(5, 1)) == 0); }
  SECTION("bin is a file") {
    fs::remove_all(tree("bin"));
    write(tree("bin"), "x");
  }
  SECTION("bin leads out") {
    fs::remove_all(tree("bin"));
    fs::create_directories(path("away"));
    write(path("away/sh"), program(nobody));
    fs::create_symlink(path("away"), tree("bin"));
  }
  const auto found = look();
  CHECK(found.interpreters.empty());
  CHECK(found.notes.empty());
}

TEST_CASE("the segments of a hostile interpreter are not believed") {
  Foreigner place;
  auto header = program(base::own_machine().machine);
  header.resize(64, '\xff');  // as many segments as there can be, far behind the end
  Place::write(place.path("huge"), header);
  CHECK_FALSE(needs_loader(place.path("huge")));
  CHECK_THROWS_AS(needs_loader(place.path("binfmt")), base::SystemError);
}
