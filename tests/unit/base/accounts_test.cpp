#include "base/accounts.h"

#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <catch2/catch.hpp>

using namespace unionroot::base;

TEST_CASE("an account is what the name services say") {
  const auto root = account_of(uid_t{0});
  REQUIRE(root);
  const passwd* expected = ::getpwuid(0);
  REQUIRE(expected != nullptr);
  CHECK(root->name == expected->pw_name);
  CHECK(root->home == expected->pw_dir);
  CHECK(root->shell == expected->pw_shell);
  CHECK(root->full_name == expected->pw_gecos);
  CHECK(root->gid == expected->pw_gid);
  CHECK(root->group == group_name(root->gid));
  CHECK(std::find(root->groups.begin(), root->groups.end(), root->gid) != root->groups.end());
  const auto by_name = account_of(root->name);
  REQUIRE(by_name);
  CHECK(by_name->uid == 0);
}

TEST_CASE("who is found is remembered, who is not found is asked for again") {
  CHECK(account_of(uid_t{0}) == account_of(uid_t{0}));  // the very same object
  CHECK_FALSE(account_of(uid_t{4000000001}));
  CHECK_FALSE(account_of(std::string("no-such-user-here")));
}

TEST_CASE("a name is never cut short") {
  CHECK_FALSE(account_of(std::string()));
  CHECK_FALSE(account_of(std::string("root\0x", 6)));
}

TEST_CASE("a group without a name is its number") { CHECK(group_name(4000000002) == "4000000002"); }
