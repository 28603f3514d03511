#include "tree/name_service.h"

#include <catch2/catch.hpp>

#include "tree/enumeration.h"

using namespace unionroot::tree;

TEST_CASE("entries of each database are found by name and id") {
  const Table passwd(Database::passwd, "root:x:0:0:root:/root:/bin/sh\nbob:x:1000:1000::/home/bob:\n");
  REQUIRE(passwd.lines().size() == 2);
  CHECK(passwd.by_name("bob")->id == 1000);
  CHECK(passwd.by_id(0)->name == "root");
  CHECK(passwd.by_name("alice") == nullptr);
  CHECK(passwd.by_id(1) == nullptr);
  const Table shadow(Database::shadow, "root:*:19000:0:99999:7:::\n");
  CHECK(shadow.by_name("root") != nullptr);
  CHECK(shadow.by_id(0) == nullptr);
  CHECK(Table(Database::group, "adm:x:4:a,b").by_id(4)->name == "adm");
  CHECK(Table(Database::gshadow, "adm:*::a").by_name("adm") != nullptr);
}

TEST_CASE("what is no entry is kept as a line, and found by nobody") {
  for (const char* line : {"# bob:x:1:1:::", "+bob:x:1:1:::", "-bob:x:1:1:::", "+::::::", "bob",
                           "bob:x:1:1::", "bob:x:1:1::::x", ":x:1:1:::", "bob:x::1:::", "bob:x:-1:1:::",
                           "bob:x:1a:1:::", "bob:x:4294967295:1:::", "bob:x:99999999999999999999:1:::", " "}) {
    INFO(line);
    const Table table(Database::passwd, line);
    REQUIRE(table.lines().size() == 1);
    CHECK(table.lines()[0].text == line);
    CHECK_FALSE(table.lines()[0].is_entry());
    CHECK(table.by_name("bob") == nullptr);
    CHECK(table.by_id(1) == nullptr);
  }
  const Table zero(Database::passwd, std::string("bo\0b:x:1:1:::", 13));
  CHECK_FALSE(zero.lines()[0].is_entry());
  CHECK(Table(Database::passwd, "").lines().empty());
  CHECK(Table(Database::passwd, "\n\n").lines().size() == 2);
  CHECK(Table(Database::passwd, "bob:x:4294967294:1:::").by_id(4294967294) != nullptr);
}

TEST_CASE("of two entries the first one counts") {
  const Table table(Database::passwd, "a:x:1:1:first::\na:x:2:1:second::\nb:x:1:1:::\n");
  CHECK(table.by_name("a")->id == 1);
  CHECK(table.by_id(1)->name == "a");
  CHECK(table.by_name("b")->id == 1);
}

TEST_CASE("fields and members") {
  CHECK(field("a:b::d", 0) == "a");
  CHECK(field("a:b::d", 2).empty());
  CHECK(field("a:b::d", 3) == "d");
  CHECK(field("a:b::d", 4).empty());
  CHECK(with_field("a:b::d", 2, "c") == "a:b:c:d");
  CHECK(with_field("a:b::d", 3, "") == "a:b::");
  CHECK(with_field("a:b::d", 0, "x") == "x:b::d");
  CHECK(members("").empty());
  CHECK(members("a") == std::vector<std::string_view>{"a"});
  CHECK(members(",a,,b,") == std::vector<std::string_view>{"a", "b"});
}

TEST_CASE("an edit changes what it was told to, and nothing else") {
  const Table table(Database::group, "# top\na:x:1:\nbroken\nb:x:2:m");
  Edit nothing(table);
  CHECK_FALSE(nothing.text());
  Edit same(table);
  same.replace(*table.by_name("a"), "a:x:1:");
  CHECK_FALSE(same.text());
  Edit edit(table);
  edit.replace(*table.by_name("a"), "a:x:1:n");
  edit.append("c:x:3:");
  CHECK(edit.text() == "# top\na:x:1:n\nbroken\nb:x:2:m\nc:x:3:\n");
}

TEST_CASE("what a name service lists comes after the file's own, and never twice") {
  const Table file(Database::passwd, "# ours\nroot:x:0:0:root:/root:/bin/sh");
  const Table listed(Database::passwd, "root:*:0:0:other:/:/bin/false\nbob:x:1000:1000::/:\nno entry\n+::::::\n");
  CHECK(with_listed(file, listed) == "# ours\nroot:x:0:0:root:/root:/bin/sh\nbob:x:1000:1000::/:\n");
  CHECK(with_listed(Table(Database::group, ""), Table(Database::group, "staff:x:50:\n")) == "staff:x:50:\n");
}
