// A definition as schroot writes one. What is expected was recorded from schroot 1.6.13.
#include "definition/schroot_keys.h"

#include <catch2/catch.hpp>

using namespace unionroot::definition;

namespace {

Definition sid() {
  Definition definition;
  definition.name = "sid";
  definition.type = "directory";
  definition.description = "Unstable";
  definition.source = DirectorySource{"/srv/tree", false};
  definition.union_.type = UnionType::overlay;
  definition.access.users = {"games", "news"};
  definition.source_access.root_users = {"games"};
  definition.aliases = {"unstable", "default"};
  definition.environment_filter = "^X$";
  definition.profile_name = "minimal";
  definition.user_data = {{"my.key", "7"}};
  return definition;
}

}  // namespace

TEST_CASE("a chroot has all its keys, the empty ones too") {
  CHECK(schroot_section("sid", schroot_keys(sid())) == R"([sid]
aliases=unstable,default
command-prefix=
description=Unstable
directory=/srv/tree
environment-filter=^X$
groups=
message-verbosity=normal
my.key=7
preserve-environment=false
profile=minimal
root-groups=
root-modifiable-keys=
root-users=
setup.config=minimal/config
setup.copyfiles=minimal/copyfiles
setup.fstab=minimal/fstab
setup.nssdatabases=minimal/nssdatabases
shell=
source-clone=true
source-groups=
source-root-groups=
source-root-users=games
source-users=
type=directory
union-mount-options=
union-overlay-directory=/var/lib/schroot/union/overlay
union-type=overlay
union-underlay-directory=/var/lib/schroot/union/underlay
user-modifiable-keys=
users=games,news
)");
}

TEST_CASE("a session says where it is and is its owner's alone") {
  const auto keys =
      schroot_keys(sid(), {"job", "sid", "chroot:unstable", "root", "/run/schroot/mount/job", "/over/job"});
  CHECK(keys.at("name") == "job");
  CHECK(keys.at("original-name") == "sid");
  CHECK(keys.at("selected-name") == "unstable");
  CHECK(keys.at("mount-location") == "/run/schroot/mount/job");
  CHECK(keys.at("users") == "root");
  CHECK(keys.at("root-users").empty());
  CHECK(keys.at("source-root-users").empty());
  CHECK(keys.at("aliases").empty());
  CHECK(keys.at("description") == "Unstable (session chroot)");
  CHECK(keys.at("union-overlay-directory") == "/over/job");
  CHECK(keys.at("union-underlay-directory") == "/var/lib/schroot/union/underlay/job");
}

TEST_CASE("whom the lists let be root is a session's root user") {
  const auto keys = schroot_keys(sid(), {"job", "sid", "sid", "games", "/x", "", true});
  CHECK(keys.at("users").empty());
  CHECK(keys.at("root-users") == "games");
}

TEST_CASE("a source is described as one") {
  CHECK(schroot_keys(source_variant(sid())).at("description") == "Unstable (source chroot)");
}

TEST_CASE("a session on a source has no union, and says what it is of") {
  const auto keys = schroot_keys(source_variant(sid()), {"job", "sid", "source:sid", "root", "/x", ""});
  CHECK(keys.at("union-type") == "none");
  CHECK_FALSE(keys.contains("union-overlay-directory"));
  CHECK_FALSE(keys.contains("source-clone"));
  CHECK(keys.at("description") == "Unstable (source chroot) (session chroot)");
}

TEST_CASE("a script-config has no profile beside it, and no value makes a line of its own") {
  auto definition = sid();
  definition.script_config = "minimal/config";
  definition.user_data["my.key"] = "a\nb=c";
  const auto keys = schroot_keys(definition);
  CHECK(keys.at("profile").empty());
  CHECK(keys.at("script-config") == "minimal/config");
  CHECK_FALSE(keys.contains("setup.fstab"));
  CHECK(schroot_section("sid", keys).find("\nb=c") == std::string::npos);
}
