#include "boot/parameters.h"

#include <sys/mount.h>

#include <catch2/catch.hpp>

#include "boot/mount_options.h"

using namespace unionroot::boot;

namespace {

std::string shown(const std::vector<Setting>& settings) {
  std::string out;
  for (const auto& setting : settings) out += setting.key + "=" + setting.value + ";";
  return out;
}

}  // namespace

TEST_CASE("the kernel's command line is read word by word") {
  CHECK(shown(settings_of_command_line("root=/dev/sda ro  rootrw=LABEL=a\n")) == "root=/dev/sda;ro=;rootrw=LABEL=a;");
  CHECK(shown(settings_of_command_line("rootrw=\"LABEL=my data\" \"debug\"")) == "rootrw=LABEL=my data;debug=;");
  CHECK(shown(settings_of_command_line("a=\"open x=1")) == "a=open x=1;");
  CHECK(shown(settings_of_command_line("a -- rootrw=x")) == "a=;");  // what follows is init's
  CHECK(shown(settings_of_command_line("")).empty());
  CHECK(shown(settings_of_command_line("   \t ")).empty());
  CHECK(settings_of_command_line("a")[0].origin == "kernel command line");
}

TEST_CASE("boot.conf is read line by line") {
  const auto file =
      settings_of_file("# comment\n\n rootrw = LABEL=my data \r\nnonsense\n= x\nrootrwfail=read-only", "b");
  CHECK(shown(file.settings) == "rootrw=LABEL=my data;rootrwfail=read-only;");
  CHECK(file.settings[0].origin == "b:3");
  REQUIRE(file.problems.size() == 2);
  CHECK(file.problems[0] == "b:4: nonsense: expected \"key = value\"; the line is ignored");
  CHECK(file.problems[1] == "b:5: = x: expected \"key = value\"; the line is ignored");
}

TEST_CASE("a device has a path, or a name of its own") {
  for (const char* text : {"/dev/sda2", "/dev/disk/by-id/x", "LABEL=my data", "LABEL=größe", "UUID=12-ab",
                           "PARTUUID=0001-01", "PARTLABEL=data"}) {
    const auto name = parse_device_name(text);
    REQUIRE(name);
    CHECK(name->text() == text);
  }
  for (const char* text : {"", "sda2", "/etc/passwd", "/dev/", "/dev/../etc/x", "LABEL=", "UUID=", "UUID=a b",
                           "PARTUUID=", "PARTLABEL=", "ID=1", "LABEL=\x01", "LABEL=\xff", "/dev/a b", "/dev/\xc3\xa4"})
    CHECK_FALSE(parse_device_name(text));
}

TEST_CASE("mount options are told apart: of the mount, of the file system, of mount(8)") {
  const auto words = parse_mount_options("rw,noatime,mode=755,defaults,x-initrd.mount,nofail,nodev,commit=5,discard");
  REQUIRE(words);
  CHECK(words->attributes == (MOUNT_ATTR_NOATIME | MOUNT_ATTR_NODEV));
  CHECK(words->text() == "rw,nodev,noatime,mode=755,commit=5,discard");
  CHECK(parse_mount_options("ro")->read_only);
  CHECK_FALSE(parse_mount_options("ro,rw")->read_only);
  CHECK(parse_mount_options("noatime,relatime")->attributes == 0);
  CHECK(parse_mount_options("noatime,strictatime")->attributes == MOUNT_ATTR_STRICTATIME);
  CHECK(parse_mount_options("nosuid,suid")->attributes == 0);
  CHECK(parse_mount_options("")->text() == "rw");
  CHECK_FALSE(parse_mount_options("a b"));
  CHECK_FALSE(parse_mount_options("=x"));
  CHECK_FALSE(parse_mount_options("a\x01"));
  CHECK_FALSE(parse_mount_options(std::string(300, 'a')));
}
