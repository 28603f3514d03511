#include "definition/keyfile.h"

#include <catch2/catch.hpp>

#include "configuration_folder.h"

using namespace unionroot::definition;
using Catch::Contains;

namespace {

Keyfile parse(const std::string& text) { return parse_keyfile(text, "f"); }

const KeyfileSection& section(const Keyfile& keyfile, const std::string& name) {
  for (const auto& candidate : keyfile.sections)
    if (candidate.name == name) return candidate;
  throw std::runtime_error("no section " + name);
}

}  // namespace

TEST_CASE("a keyfile is sections of keys, with line numbers") {
  const auto keyfile =
      parse("# comment\n\n[a]\nk=v\nlist=x, y\nempty=\neq=a=b\n \t\n[b-1.c] text after it\n#k=no\nk=w");
  CHECK(keyfile.problems.empty());
  REQUIRE(keyfile.sections.size() == 2);
  CHECK(keyfile.sections[0].line == 3);
  CHECK(keyfile.sections[0].find("k")->value == "v");
  CHECK(keyfile.sections[0].find("k")->line == 4);
  CHECK(keyfile.sections[0].find("list")->value == "x, y");
  CHECK(keyfile.sections[0].find("empty")->value.empty());
  CHECK(keyfile.sections[0].find("eq")->value == "a=b");
  CHECK(keyfile.sections[1].name == "b-1.c");
  CHECK(keyfile.sections[1].entries.size() == 1);
}

TEST_CASE("white space around '=' is trimmed, with one notice a section") {
  const auto keyfile = parse("[a]\nk = v\nl= w \n[b]\nk=v\n");
  CHECK(section(keyfile, "a").find("k")->value == "v");
  CHECK(section(keyfile, "a").find("l")->value == "w");
  REQUIRE(keyfile.problems.size() == 1);
  CHECK(keyfile.problems[0].severity == Problem::Severity::notice);
  CHECK_THAT(keyfile.problems[0].text(), Contains("f:2: ") && Contains("1 more line of") && Contains("schroot"));
}

TEST_CASE("a bad line takes out its section and no other") {
  const struct {
    std::string line, says;
  } cases[] = {
      {"nonsense", "f:5: 'nonsense' has no '='"},
      {" [b]", "f:5: ' [b]' has no '='; expected [NAME] to begin in the first column"},
      {"  # comment", "begin in the first column"},
      {"=v", "has no key"},
      {"k=again", "was given in line 4"},
      {"x=a\x01"
       "b",
       "control character in 'x=a\\x01b'"},
      {std::string("x=a\0b", 5), "control character"},
      {"x=\x1b[31m", "control character"},
      {"x=\xff", "not valid UTF-8"},
      {"descriptions=\xff", "not valid UTF-8"},
      {"description\xff=x", "not valid UTF-8"},
      {"description[\xff]=x", "not valid UTF-8"},
      {"x=\xc0\xaf", "not valid UTF-8"},
      {"x=\xed\xa0\x80", "not valid UTF-8"},
      {"x=v\r", "carriage return"},
      {"x=" + std::string(70000, 'y'), "at most 65536"},
  };
  for (const auto& bad : cases) {
    const auto keyfile = parse("[before]\nk=v\n[bad]\nk=v\n" + bad.line + "\n[after]\nk=v\n");
    INFO(texts(keyfile.problems));
    REQUIRE(keyfile.problems.size() == 1);
    CHECK(keyfile.problems[0].severity == Problem::Severity::error);
    CHECK(keyfile.problems[0].section == "bad");
    CHECK(keyfile.problems[0].line == 5);
    CHECK_THAT(keyfile.problems[0].text(), Contains(bad.says));
    CHECK(section(keyfile, "bad").broken);
    CHECK_FALSE(section(keyfile, "before").broken);
    CHECK_FALSE(section(keyfile, "after").broken);
  }
}

TEST_CASE("a bad header takes out what follows it, not what stands before") {
  for (const std::string header :
       {"[bad", "[]", "[a/b]", "[../x]", "[a b]", "[-a]", "[a]b]", "[caf\xc3\xa9]", "[a\x01]"}) {
    const auto keyfile = parse("[before]\nk=v\n" + header + "\nk=w\nk=x\n[after]\nk=v\n");
    INFO(header);
    CHECK_FALSE(section(keyfile, "before").broken);
    CHECK_FALSE(section(keyfile, "after").broken);
    CHECK(section(keyfile, "before").find("k")->value == "v");
    REQUIRE(keyfile.sections.size() == 3);
    CHECK(keyfile.sections[1].broken);
    CHECK(keyfile.problems.front().line == 3);
  }
}

TEST_CASE("what stands before the first section is reported and takes out nothing") {
  const auto keyfile = parse("k=v\n[a]\nk=v\n");
  CHECK_THAT(texts(keyfile.problems), Contains("error: f:1: 'k=v' stands before the first section"));
  CHECK(keyfile.problems[0].section.empty());
  CHECK_FALSE(section(keyfile, "a").broken);
}

TEST_CASE("of two sections with one name the first stays") {
  const auto keyfile = parse("[a]\nk=1\n[b]\n[a]\nk=2\n");
  REQUIRE(keyfile.sections.size() == 3);
  CHECK_FALSE(keyfile.sections[0].broken);
  CHECK(keyfile.sections[2].broken);
  CHECK_THAT(texts(keyfile.problems), Contains("f:4: [a] is already defined at f:1"));
}
