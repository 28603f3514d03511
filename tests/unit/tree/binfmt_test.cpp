#include "tree/binfmt.h"

#include <catch2/catch.hpp>

#include "base/elf_machine.h"
#include "base/error.h"

using namespace unionroot;
using namespace unionroot::tree;
using base::ElfMachine;

namespace {

const std::string arm =
    "enabled\ninterpreter /usr/bin/qemu-arm-static\nflags: OCF\noffset 0\n"
    "magic 7f454c4601010100000000000000000002002800\nmask ffffffffffffff00fffffffffffffffffeffffff\n";

std::string elf(char word, char order, char low, char high) {
  std::string start(
      "\x7f"
      "ELF",
      4);
  start += {word, order, 1};
  start.resize(16, '\0');
  return start + std::string({2, 0, low, high});
}

}  // namespace

TEST_CASE("an entry of binfmt_misc as the kernel writes it") {
  const auto entry = parse_binfmt("qemu-arm", arm);
  CHECK(entry.enabled);
  CHECK(entry.interpreter == "/usr/bin/qemu-arm-static");
  CHECK(entry.flags == "OCF");
  CHECK(entry.fixed());
  CHECK(entry.magic.size() == 20);
  CHECK(entry.mask.size() == 20);
  CHECK(entry.matches(elf(1, 1, 40, 0)));
  std::string shared = elf(1, 1, 40, 0);
  shared[7] = 3;   // the mask leaves the ABI out
  shared[16] = 3;  // and makes ET_DYN of ET_EXEC
  CHECK(entry.matches(shared + "more"));
  CHECK_FALSE(entry.matches(elf(2, 1, 40, 0)));
  CHECK_FALSE(entry.matches(elf(1, 1, 62, 0)));
  CHECK_FALSE(
      entry.matches("\x7f"
                    "ELF"));
  CHECK_FALSE(entry.matches(""));
}

TEST_CASE("flags, offsets and extensions") {
  CHECK_FALSE(parse_binfmt("a", "enabled\ninterpreter /a\nflags: \noffset 0\nmagic 23\n").fixed());
  CHECK_FALSE(parse_binfmt("a", "disabled\ninterpreter /a\nflags: F\noffset 0\nmagic 23\n").matches("#"));
  const auto far = parse_binfmt("a", "enabled\ninterpreter /a\nflags: P\noffset 255\nmagic 00\n");
  CHECK(far.matches("short"));  // the kernel's buffer ends in zeros
  CHECK_FALSE(far.matches(std::string(300, 'x')));
  CHECK_FALSE(
      parse_binfmt("a", "enabled\ninterpreter /a\nflags: P\noffset 250\nmagic 00000000000000\n").matches("short"));
  const auto extension = parse_binfmt("exe", "enabled\ninterpreter /usr/bin/wine\nflags: \nextension .exe\n");
  CHECK(extension.extension == ".exe");
  CHECK_FALSE(extension.matches("MZ"));
}

TEST_CASE("what is no entry is refused, with its name") {
  for (const char* text :
       {"", "on\n", "enabled\n", "enabled\ninterpreter a\nmagic 00\n", "enabled\ninterpreter /a\n",
        "enabled\ninterpreter /a\noffset 256\nmagic 00\n", "enabled\ninterpreter /a\noffset -1\nmagic 00\n",
        "enabled\ninterpreter /a\nmagic 0\n", "enabled\ninterpreter /a\nmagic 0g\n",
        "enabled\ninterpreter /a\nmagic 0A\n", "enabled\ninterpreter /a\nmagic 00\nmask 0000\n",
        "enabled\ninterpreter /a\nmagic 00\nextension .a\n", "enabled\ninterpreter /a\nflags: 1\nmagic 00\n",
        "enabled\ninterpreter /a\nmagic 00\nmore\n"}) {
    INFO(text);
    CHECK_THROWS_WITH(parse_binfmt("name\n", text), Catch::StartsWith("the binfmt_misc entry name\\x0a: "));
  }
}

TEST_CASE("a folder that is not there has no entries") {
  std::vector<std::string> notes;
  CHECK(read_binfmt("/nonexistent/binfmt", notes).empty());
  CHECK(notes.empty());
  CHECK(read_binfmt("/proc/self/stat", notes).empty());
  CHECK(notes.size() == 1);
}

TEST_CASE("machines by their programs") {
  const auto of = [](const std::string& start) { return base::elf_machine(start.data(), start.size()); };
  const ElfMachine amd64{EM_X86_64, ELFCLASS64, ELFDATA2LSB}, arm64{EM_AARCH64, ELFCLASS64, ELFDATA2LSB};
  CHECK(of(elf(2, 1, 62, 0)) == amd64);
  CHECK(of(elf(2, 2, 0, 22)) == ElfMachine{EM_S390, ELFCLASS64, ELFDATA2MSB});
  for (const auto& broken : {elf(0, 1, 62, 0), elf(3, 1, 62, 0), elf(2, 0, 62, 0), elf(2, 3, 62, 0),
                             elf(2, 1, 62, 0).substr(0, 19), std::string("#!/bin/sh\n and more of it"), std::string()})
    CHECK(of(broken).machine == EM_NONE);
  CHECK(base::runs_on(amd64, amd64));
  CHECK(base::runs_on({EM_386, ELFCLASS32, ELFDATA2LSB}, amd64));     // i386 on amd64
  CHECK(base::runs_on({EM_X86_64, ELFCLASS32, ELFDATA2LSB}, amd64));  // x32
  CHECK(base::runs_on({EM_ARM, ELFCLASS32, ELFDATA2LSB}, arm64));
  CHECK_FALSE(base::runs_on(arm64, amd64));
  CHECK_FALSE(base::runs_on(amd64, {EM_386, ELFCLASS32, ELFDATA2LSB}));
  CHECK_FALSE(base::runs_on({EM_PPC64, ELFCLASS64, ELFDATA2MSB}, {EM_PPC64, ELFCLASS64, ELFDATA2LSB}));
  CHECK(base::runs_on({}, amd64));  // a script: not for us to say
  CHECK(std::string(base::architecture_name(arm64)) == "arm64");
  CHECK(base::architecture_name({0x7a7a, ELFCLASS64, ELFDATA2LSB}) == nullptr);
}
