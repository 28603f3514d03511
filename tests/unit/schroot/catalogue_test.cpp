// Which names there are, and what they mean.
#include "schroot/catalogue.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "schroot/messages.h"

using namespace unionroot;
using namespace unionroot::schroot;
using base::Namespace;
using nlohmann::json;

namespace {

const json chroots = json::array({
    {{"name", "sid"}, {"type", "directory"}, {"aliases", {"unstable"}}, {"source-clone", true}, {"file", "/c:1"}},
    {{"name", "bare"}, {"type", "plain"}, {"aliases", {"b"}}, {"source-clone", false}, {"file", "/c:9"}},
    {{"name", "host"},
     {"type", "directory"},
     {"aliases", json::array()},
     {"source-clone", false},
     {"file", "built-in"}},
});
const json sessions = json::array({
    {{"id", "job-1"}, {"front-end", true}},
    {{"id", "other"}, {"front-end", false}},
});

std::vector<std::string> names(bool with_aliases) {
  const Catalogue catalogue(chroots, sessions);
  std::vector<std::string> names;
  for (const auto& entry : catalogue.entries())
    if (with_aliases || !entry.alias) names.push_back(qualified(entry.space, entry.name));
  return names;
}

}  // namespace

TEST_CASE("what schroot lists: chroots, aliases, sources, what the front end began; nothing that is in no file") {
  CHECK(names(true) == std::vector<std::string>{"chroot:b", "chroot:bare", "chroot:sid", "chroot:unstable",
                                                "chroot:unstable-source", "session:bare", "session:job-1", "source:sid",
                                                "source:unstable"});
  CHECK(names(false) == std::vector<std::string>{"chroot:bare", "chroot:sid", "session:job-1", "source:sid"});
}

TEST_CASE("NAME-source is there for aliases alone, and a plain chroot has a session by its name alone") {
  const Catalogue catalogue(chroots, sessions);
  CHECK(catalogue.find(Namespace::chroot, "unstable-source") != nullptr);
  CHECK(catalogue.find(Namespace::chroot, "sid-source") == nullptr);
  REQUIRE(catalogue.find(Namespace::session, "bare") != nullptr);
  CHECK(catalogue.find(Namespace::session, "bare")->plain);
  CHECK(catalogue.find(Namespace::session, "b") == nullptr);
  CHECK(catalogue.find(Namespace::session, "sid") == nullptr);
}

TEST_CASE("a name's namespace is what it says, or what the action has for usual") {
  CHECK(split_name("source:sid", Namespace::chroot).space == Namespace::source);
  CHECK(split_name("sid", Namespace::session).space == Namespace::session);
  CHECK(split_name(":b", Namespace::chroot).name == "b");
  CHECK_THROWS_WITH(split_name("foo:sid", Namespace::chroot), "foo: No such namespace");
  CHECK_THROWS_WITH(split_name("a:b:c", Namespace::chroot), "a: No such namespace");
}
