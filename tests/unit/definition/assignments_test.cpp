#include "definition/assignments.h"

#include <catch2/catch.hpp>

#include "base/text.h"
#include "configuration_folder.h"

using namespace unionroot::definition;
using Catch::Contains;

namespace {

// What was assigned, as NAME=VALUE@LINE, one a line; what is wrong goes to `wrong`.
std::string assigned(const std::string& text, std::string& wrong, std::map<std::string, std::string> known = {}) {
  Problems problems;
  std::string out;
  for (const auto& [name, value, line] : parse_assignments(text, "f", std::move(known), problems))
    out += unionroot::base::concat(name, "=", value, "@", line, "\n");
  wrong = texts(problems);
  return out;
}

}  // namespace

TEST_CASE("a file of assignments is read as a shell would") {
  const struct {
    const char *text, *values;
  } cases[] = {
      {"A=1\n", "A=1@1\n"},
      {"A=1", "A=1@1\n"},
      {"", ""},
      {"# A=1\n\n  # B=2\n\t\nC=3 # D=4\n", "C=3@5\n"},
      {"A='x y'\nB=\"x y\"\nC=x\\ y\n", "A=x y@1\nB=x y@2\nC=x y@3\n"},
      {"A=a'b'\"c\"d\n", "A=abcd@1\n"},
      {"A=\nB=''\nC=\"\"\n", "A=@1\nB=@2\nC=@3\n"},
      {"A=x#y\n", "A=x#y@1\n"},
      {"A='$B `c` \\'\n", "A=$B `c` \\@1\n"},
      {"A=\"\\$B \\\" \\\\ \\x\"\n", "A=$B \" \\ \\x@1\n"},
      {"A=1 B=2; C=3;D=4\n", "A=1@1\nB=2@1\nC=3@1\nD=4@1\n"},
      {"export A=1\n  export\tB=$A\n", "A=1@1\nB=1@2\n"},
      {"A=/etc\nB=$A/x\nC=${A}x\nD=\"$A-${B}\"\n", "A=/etc@1\nB=/etc/x@2\nC=/etcx@3\nD=/etc-/etc/x@4\n"},
      {"A=1\nA=$A$A\n", "A=1@1\nA=11@2\n"},
      {"A=x\\\ny\nB=2\n", "A=xy@1\nB=2@3\n"},
      {"A=1 \\\n B=2\n", "A=1@1\nB=2@2\n"},
      {"A=$KNOWN\n", "A=value@1\n"},
      {"A=5$\nB=\"$\"\n", "A=5$@1\nB=$@2\n"},
      {"A=*?[a]{b,c}\n", "A=*?[a]{b,c}@1\n"},
  };
  for (const auto& [text, values] : cases) {
    std::string wrong;
    INFO(text);
    CHECK(assigned(text, wrong, {{"KNOWN", "value"}}) == values);
    CHECK(wrong.empty());
  }
}

TEST_CASE("what is not an assignment is an error with its line, and nothing of it is run") {
  const struct {
    const char *text, *says;
  } cases[] = {
      {"A=1\ncase ${CHROOT_NAME} in *.rh-*) ext=.rh ;; esac\n",
       "error: f:2: 'case ${CHROOT_NAME} in *.rh-*) ext=.rh ;; esac' is not an assignment"},
      {"if true; then\n", "f:1: 'if true; then' is not an assignment; this file is parsed, not executed"},
      {"A=$(id)\n", "f:1: 'A=$(id)' is not an assignment"},
      {"A=`id`\n", "f:1: 'A=`id`' is not an assignment"},
      {"A=\"`id`\"\n", "is not an assignment"},
      {"A=\"$(id)\"\n", "is not an assignment"},
      {"A=${B:-x}\n", "is not an assignment"},
      {"A=$1\n", "is not an assignment"},
      {"A=$((1+1))\n", "is not an assignment"},
      {"A=1 touch /x\n", "f:1: 'A=1 touch /x' is not an assignment"},
      {". /etc/other\n", "is not an assignment"},
      {"A=1 && B=2\n", "is not an assignment"},
      {"A=1 > /x\n", "is not an assignment"},
      {"A=1|B\n", "is not an assignment"},
      {"A=1;;\n", "is not an assignment"},
      {"A[1]=2\n", "is not an assignment"},
      {"A+=2\n", "is not an assignment"},
      {"1A=2\n", "is not an assignment"},
      {"A = 2\n", "is not an assignment"},
      {"=2\n", "is not an assignment"},
      {"export A\n", "is not an assignment"},
      {"export -p\n", "is not an assignment"},
      {"f() { :; }\n", "is not an assignment"},
      {"A=~/x\n", "f:1: '~' would have to be expanded by a shell"},
      {"A=$UNKNOWN\n", "f:1: '$UNKNOWN' is not defined here"},
      {"A='x\ny'\n", "f:1: the quote ' is not closed in its line"},
      {"A=\"x\n", "f:1: the quote \" is not closed in its line"},
      {"A=1\r\n", "f:1: there is a control character in the line"},
      {"A=1\nB=\xE9\n", "f:2: the line is not valid UTF-8"},
      {"A=1\n\n\nfoo\n", "f:4: 'foo' is not an assignment"},
  };
  for (const auto& [text, says] : cases) {
    std::string wrong;
    (void)assigned(text, wrong);
    INFO(text << "\n" << wrong);
    CHECK_THAT(wrong, Contains(says));
    CHECK_THAT(wrong, Contains("error: "));
  }
}

TEST_CASE("a file of assignments cannot fill the memory") {
  std::string text = "A=x\n", wrong;
  for (int i = 0; i < 40; ++i) text += "A=$A$A\n";
  (void)assigned(text, wrong);
  CHECK_THAT(wrong, Contains("the value is longer than 4096 bytes"));
  text.clear();
  for (int i = 0; i < 1100; ++i) text += "A=1\n";
  (void)assigned(text, wrong);
  CHECK_THAT(wrong, Contains("f:1001: more than 1000 assignments"));
}
