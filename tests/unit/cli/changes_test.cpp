// The list of changes, out of the daemon's pipe and onto a terminal.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/unique_fd.h"
#include "cli/change_list.h"
#include "cli/change_printer.h"

using namespace unionroot;
using namespace unionroot::cli;
using namespace std::string_literals;
using Catch::Matchers::Contains;

namespace {

// It fits into a pipe.
std::size_t read_from(const std::string& bytes, const std::function<void(const ListedChange&)>& take) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const base::UniqueFd reading(ends[0]);
  base::UniqueFd writing(ends[1]);
  base::write_all(writing.get(), bytes, "the pipe");
  writing.reset();
  return read_changes(reading.get(), take);
}

const std::string whole =
    "D\0old/gone\0\0\0000\0file 420 0 0 7 1 1.000000000 0\0\0"
    "R\0new\nname\0old/name\0\0000\0file 420 0 0 7 1 1.000000000 0\0file 420 0 0 7 1 1.000000000 0\0"
    "P\0new\nname\0\0mode,time\0000\0file 420 0 0 7 1 1.000000000 0\0file 384 0 0 7 1 -5.000000002 0\0"
    "A\0z\xff\0\0\00012\0\0character-device 384 0 0 0 1 9.000000000 259\0"
    ".\0\0\0\0\0\0\0"s;

std::string printed(ChangeFormat format, const std::string& bytes = whole) {
  std::string text;
  ChangePrinter printer(format, [&](std::string_view piece) { text += piece; });
  read_from(bytes, [&](const ListedChange& change) { printer.add(change); });
  printer.finish();
  return text;
}

std::string refusal(const std::string& bytes) {
  try {
    read_from(bytes, [](const ListedChange&) {});
  } catch (const base::Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a list of changes as lines") {
  CHECK(printed(ChangeFormat::lines) == "D /old/gone\nR /old/name -> /new\\x0aname\nP /new\\x0aname\nA /z\\xff\n");
  CHECK(printed(ChangeFormat::nul) == "D /old/gone\0R /old/name\0/new\nname\0P /new\nname\0A /z\xff\0"s);
  CHECK(printed(ChangeFormat::names) == "/old/gone\n/new\\x0aname\n/z\\xff\n");
  CHECK(printed(ChangeFormat::names_nul) == "/old/gone\0/new\nname\0/z\xff\0"s);
}

TEST_CASE("a list of changes as JSON") {
  const auto changes = nlohmann::json::parse(printed(ChangeFormat::json));
  REQUIRE(changes.size() == 4);
  CHECK(changes[0]["before"]["size"] == 7);
  CHECK_FALSE(changes[0].contains("now"));
  CHECK(changes[1]["former"] == "/old/name");
  CHECK(changes[2]["what"] == nlohmann::json({"mode", "time"}));
  CHECK(changes[2]["now"]["mode"] == 0600);
  CHECK(changes[2]["now"]["time"] == "-5.000000002");
  CHECK_FALSE(changes[2].contains("group"));
  CHECK(changes[3]["path"] == "/z\\xff");
  CHECK(changes[3]["group"] == 12);
  CHECK(changes[3]["now"]["device"] == 259);
  CHECK(printed(ChangeFormat::json, ".\0\0\0\0\0\0\0"s) == "[]\n");
}

TEST_CASE("a list of changes, counted") {
  CHECK(
      printed(ChangeFormat::stat) ==
      "FOLDER  ADDED  CHANGED  DELETED  BYTES\n/       1      2        0        0\n/old    0      0        1        0\n"
      "all     1      2        1        0\n");
  CHECK(printed(ChangeFormat::stat, ".\0\0\0\0\0\0\0"s).empty());
}

TEST_CASE("a list of changes that is not whole") {
  CHECK_THAT(refusal(whole.substr(0, whole.size() - 3)), Contains("broken off"));
  CHECK_THAT(refusal(""), Contains("broken off"));
  CHECK(refusal("!\0reading a folder: no\0\0\0\0\0\0"s) == "listing the changes: reading a folder: no");
}
