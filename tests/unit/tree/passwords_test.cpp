#include "tree/passwords.h"

#include <catch2/catch.hpp>

using namespace unionroot::tree;

TEST_CASE("fields that no password fits") {
  for (const char* field : {"*", "!", "!!", "!*"}) CHECK(is_locked(field));
  for (const char* field : {"", "x", "!$y$j9T$abc", "$y$j9T$abc", "*a"}) CHECK_FALSE(is_locked(field));
}

TEST_CASE("a table of the host without its passwords") {
  CHECK(without_passwords(Table(Database::shadow, "a:$y$h:1::::::\nb:!$y$h:2::::::\nc:*:3::::::\nd::4::::::\n# x\n")) ==
        "a:*:1::::::\nb:*:2::::::\nc:*:3::::::\nd:*:4::::::\n# x\n");
  CHECK(without_passwords(Table(Database::passwd, "a:x:1:1:::\nb:$1$h:2:2:::\nc::3:3:::\n")) ==
        "a:x:1:1:::\nb:*:2:2:::\nc:*:3:3:::\n");
  CHECK(without_passwords(Table(Database::gshadow, "a:$1$h:b:c\nd:!::\n")) == "a:*:b:c\nd:!::\n");
  CHECK(without_passwords(Table(Database::group, "a:$1$h:1:c\nd:x:2:\n")) == "a:*:1:c\nd:x:2:\n");
  CHECK(without_passwords(Table(Database::shadow, "not an entry")) == "not an entry");
}

TEST_CASE("a user's password on the host") {
  const Table passwd(Database::passwd, "a:x:1:1:::\nb:IN:2:2:::\nc:x:3:3:::\ne::5:5:::\n");
  const Table shadow(Database::shadow, "a:HA:1::::::\nd::1::::::\n");
  CHECK(password_of("a", &passwd, &shadow) == "HA");
  CHECK(password_of("b", &passwd, &shadow) == "IN");
  for (const char* name : {"c", "d", "e", "nobody"}) CHECK(password_of(name, &passwd, &shadow) == "*");
  CHECK(password_of("a", nullptr, nullptr) == "*");
}
