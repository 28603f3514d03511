// Whatever is done to one section, the others stay.
#include <catch2/catch.hpp>
#include <random>

#include "base/text.h"
#include "configuration_folder.h"
#include "definition/keyfile.h"
#include "definition/profile_files.h"

using namespace unionroot::definition;

namespace {

const std::vector<std::string>& sections() {
  // Names and aliases so far apart that one changed byte makes none of them another one's.
  static const std::vector<std::string> all{
      "[first-section]\ntype=directory\ndirectory=/srv/first\nusers=anna,bert\naliases=alias-one\n",
      "# in between\n[second-section] trailing\ntype=file\nfile=/srv/second.tar\nprofile=minimal\nprofile.x=1\n",
      "[third-section]\ntype=directory\ndirectory=/srv/"
      "third\nunion-type=overlay\nunion-backing=tmpfs\nunion-size=50%\n",
      "[fourth-section]\ntype=layers\nlower-directories=/a,/b\ndescription=caf\xc3\xa9\n"};
  return all;
}

const std::vector<std::string> names{"first-section", "second-section", "third-section", "fourth-section"};

Snapshot load_text(const ConfigurationFolder& folder, const std::string& text) {
  return load_files({folder.write("fuzz.conf", text)}, folder.settings());
}

}  // namespace

TEST_CASE("every beginning of a good file") {
  const ConfigurationFolder folder;
  std::string whole;
  std::vector<std::size_t> ends;
  for (const auto& section : sections()) {
    whole += section;
    ends.push_back(whole.size());
  }
  REQUIRE(load_text(folder, whole).problems.empty());
  for (std::size_t length = 0; length <= whole.size(); ++length) {
    const auto snapshot = load_text(folder, whole.substr(0, length));
    for (std::size_t i = 0; i < names.size(); ++i)
      if (ends[i] <= length && !snapshot.find(names[i])) FAIL("a file of " << length << " bytes lost " << names[i]);
  }
}

TEST_CASE("random damage to one section") {
  const ConfigurationFolder folder;
  const unsigned seed = 20240607;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const auto below = [&](std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
  };
  for (int round = 0; round < 3000; ++round) {
    auto parts = sections();
    const std::size_t hit = below(parts.size());
    std::string& part = parts[hit];
    for (std::size_t count = 1 + below(3); count > 0; --count) {
      // Not the last byte, the line end: without it the next header would not be in a line of its own.
      const std::size_t at = below(part.size() - 1);
      const auto byte = static_cast<char>(below(256));
      switch (below(3)) {
        case 0: part[at] = byte; break;
        case 1: part.insert(at, 1, byte); break;
        default: part.erase(at, 1); break;
      }
    }
    std::string text;
    for (const auto& each : parts) text += each;
    const auto snapshot = load_text(folder, text);
    // Damage to a header, or before it, may add lines to the section above: that one is not intact then.
    const std::size_t body = sections()[hit].find('\n', sections()[hit].find('[')) + 1;
    const bool header_intact = part.compare(0, body, sections()[hit], 0, body) == 0;
    for (std::size_t i = 0; i < names.size(); ++i) {
      const bool intact = i != hit && (header_intact || i + 1 != hit);
      if (intact && !snapshot.find(names[i]))
        FAIL("round " << round << " lost " << names[i] << " in:\n" << text << texts(snapshot.problems));
    }
  }
}

TEST_CASE("random bytes") {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string text(random() % 200, '\0');
    for (char& c : text) c = random() % 3 == 0 ? "[]=\n# /."[random() % 8] : static_cast<char>(random() % 256);
    const auto keyfile = parse_keyfile(text, "f");
    for (const auto& problem : keyfile.problems) CHECK(unionroot::base::valid_utf8(problem.text()));
    for (const auto kind : profile_files) {
      Profile profile;
      Problems problems;
      parse_profile_file(kind, text, "f", profile, problems);
      for (const auto& entry : profile.fstab) CHECK(entry.target.front() == '/');
    }
  }
}
