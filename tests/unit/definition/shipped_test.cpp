// What is shipped agrees with what the program reads.
#include <catch2/catch.hpp>
#include <sstream>

#include "base/files.h"
#include "configuration_folder.h"
#include "definition/keys.h"
#include "definition/profile_files.h"

using namespace unionroot::definition;
using Catch::Contains;

namespace {

std::string shipped(const std::string& name) {
  return unionroot::base::read_file(std::string(UNIONROOT_SOURCE_DIR "/") + name);
}

}  // namespace

TEST_CASE("the default configuration is good, as it is and with its examples uncommented") {
  const ConfigurationFolder folder;
  const std::string text = shipped("etc/unionroot.conf");
  CHECK(load_files({folder.write("a.conf", text)}, folder.settings()).problems.empty());

  std::istringstream lines(text);
  std::string uncommented;
  for (std::string line; std::getline(lines, line);)
    uncommented += line.size() > 1 && line[0] == '#' && line[1] != ' ' ? line.substr(1) + "\n" : "\n";
  const auto snapshot = load_files({folder.write("b.conf", uncommented)}, folder.settings());
  INFO(texts(snapshot.problems));
  CHECK(snapshot.problems.empty());
  CHECK(snapshot.chroots.size() == 3);
}

TEST_CASE("the manual page has every key, and its examples are good") {
  const std::string page = shipped("docs/unionroot.conf.5");
  for (const auto& key : key_words()) CHECK_THAT(page, Contains(key));
  for (const auto& type : type_words()) CHECK_THAT(page, Contains(type));

  const ConfigurationFolder folder;
  std::string examples;
  std::istringstream lines(page.substr(page.find(".Sh EXAMPLES")));
  bool literal = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind(".Bd", 0) == 0 || line == ".Ed")
      literal = line.rfind(".Bd -literal", 0) == 0;  // scripts are unfilled
    else if (literal)
      examples += line + "\n";
  }
  const auto snapshot = load_files({folder.write("a.conf", examples)}, folder.settings());
  INFO(texts(snapshot.problems));
  CHECK(snapshot.problems.empty());
  CHECK(snapshot.chroots.size() == 5);
}

TEST_CASE("the shipped profiles are good") {
  for (const std::string profile : {"default", "minimal", "sbuild", "buildd", "desktop"}) {
    for (const auto kind : profile_files) {
      Profile parsed;
      Problems problems;
      const std::string name = "etc/profiles/" + profile + "/" + std::string(file_name(kind));
      parse_profile_file(kind, shipped(name), name, parsed, problems);
      CHECK(texts(problems).empty());
    }
  }
}
