// What a command line was perhaps meant to be.
#include "cli/misread_command.h"

#include <catch2/catch.hpp>

using unionroot::cli::in_place_of_command;

TEST_CASE("options behind the name") {
  CHECK(in_place_of_command("sid", {"-t", "x"}) ==
        "'-t' comes after the name, so it was taken as the command; options come before the name: unionroot run -t "
        "... sid -- "
        "COMMAND");
}

TEST_CASE("a line in quotes") {
  CHECK(in_place_of_command("sid", {"ls -la"}) ==
        "it was taken as one word; without the quotes: unionroot run sid -- ls -la; as a line of the shell: unionroot "
        "run sid -- "
        "sh -c 'ls -la'");
}

TEST_CASE("an assignment") {
  CHECK(in_place_of_command("sid", {"FOO=1", "make"}) ==
        "to set a variable for a command: unionroot run sid -- env FOO=1 make");
  CHECK(in_place_of_command("sid", {"dir/a=b"}).empty());
  CHECK(in_place_of_command("sid", {"=b"}).empty());
}

TEST_CASE("a command of the shell") {
  CHECK(in_place_of_command("sid", {"cd", "/"}) ==
        "it is a command of the shell, not a program: unionroot run sid -- sh -c 'cd /'");
}

TEST_CASE("anything else") {
  CHECK(in_place_of_command("sid", {}).empty());
  CHECK(in_place_of_command("sid", {"gcc", "-c"}).empty());
}
