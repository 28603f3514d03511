// The parts of unpacking that need no archive: names, limits, lists, and what is passed on to libarchive.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstring>

#include "archive/archive.h"
#include "archive/member.h"
#include "archive/raw_names.h"
#include "base/error.h"

using namespace unionroot;
using namespace unionroot::archive;
using namespace unionroot::archive::detail;

namespace {

std::string header(char type, std::size_t size) {
  std::string block(512, '\0');
  block.replace(0, 4, "name");
  char text[16];
  std::snprintf(text, sizeof text, "%011zo", size);
  block.replace(124, 12, text, 12);
  block[156] = type;
  unsigned sum = 8 * ' ';
  for (const char c : block) sum += static_cast<unsigned char>(c);
  std::snprintf(text, sizeof text, "%06o", sum);
  block.replace(148, 8, std::string(text, 7) + " ");
  return block;
}

std::string padded(std::string data) {
  data.resize((data.size() + 511) / 512 * 512);
  return data;
}

std::string passed_on(const std::string& archive) {
  std::size_t at = 0;
  RawNames names([&](char* data, std::size_t wanted) {
    const auto size = std::min(wanted, archive.size() - at);
    std::memcpy(data, archive.data() + at, size);
    at += size;
    return size;
  });
  std::string all;
  for (auto piece = names.next(); !piece.empty(); piece = names.next()) all += piece;
  return all;
}

const std::string path_record = "15 path=e\xcc\x81name\n";

}  // namespace

TEST_CASE("names of members") {
  CHECK(clean_name("a", "./usr//bin/./true/") == "usr/bin/true");
  CHECK(clean_name("a", "./").empty());
  CHECK(clean_name("a", "..a/b..") == "..a/b..");
  for (const auto* bad : {"", "/etc", "..", "a/../b", "a/..", "./../x"}) {
    INFO(bad);
    CHECK_THROWS_AS(clean_name("some.tar", bad), base::Error);
  }
  try {
    clean_name("some.tar", "x\x1b/../y");
    FAIL();
  } catch (const base::Error& error) {
    CHECK(std::string(error.what()) == "member 'x\\x1b/../y' of some.tar has '..' in its name");
    CHECK_FALSE(error.hint().empty());
  }
}

TEST_CASE("limits") {
  CHECK(limits_for(0).bytes == std::uint64_t{16} << 30);
  CHECK(limits_for(1000).members == 65536);
  CHECK(limits_for(std::uint64_t{1} << 40).members == std::uint64_t{1} << 28);
}

TEST_CASE("compression by name") {
  CHECK(compression_of_name("/a/b.tar.gz") == Compression::gzip);
  CHECK(compression_of_name("b.tzst") == Compression::zstd);
  CHECK(compression_of_name("b.tar") == Compression::none);
  CHECK_FALSE(compression_of_name("b.zip"));
  CHECK_FALSE(compression_of_name(".tar"));
}

TEST_CASE("access control lists to the kernel's attribute and back") {
  const Acl acl{{AclEntry::other, 4, 0xffffffff},
                {AclEntry::user, 6, 1234},
                {AclEntry::user_owner, 7, 0xffffffff},
                {AclEntry::user, 5, 12}};
  const auto back = acl_from_attribute(acl_to_attribute(acl));
  REQUIRE(back);
  REQUIRE(back->size() == 4);
  CHECK(back->at(0).tag == AclEntry::user_owner);  // in the order that the kernel wants
  CHECK(back->at(1).id == 12);
  CHECK(back->at(2).id == 1234);
  CHECK(back->at(2).permissions == 6);
  CHECK_FALSE(acl_from_attribute(""));
  CHECK_FALSE(acl_from_attribute(std::string("\2\0\0\0half", 8)));
  CHECK_FALSE(acl_from_attribute(std::string("\1\0\0\0", 4)));
}

TEST_CASE("extended headers say that names are bytes, and all else stays") {
  const auto member = header('0', 700) + padded(std::string(700, 'd'));
  const auto extended = header('x', path_record.size()) + padded(path_record);
  const std::string end(1024, '\0');
  const auto out = passed_on(member + extended + member + end);
  const auto longer = path_record + "21 hdrcharset=BINARY\n";
  CHECK(out == member + header('x', longer.size()) + padded(longer) + member + end);
  CHECK(passed_on(member + header('g', path_record.size()) + padded(path_record) + end) ==
        member + header('g', path_record.size()) + padded(path_record) + end);
}

TEST_CASE("the size of a member may be in its extended header") {
  const std::string size_record = "12 size=700\n";
  // What looks like an extended header is that member's data.
  const auto data = padded(header('x', path_record.size()) + std::string(188, 'd'));
  const auto out = passed_on(header('x', size_record.size()) + padded(size_record) + header('0', 0) + data);
  CHECK(out.substr(out.size() - data.size()) == data);
}

TEST_CASE("what is no archive, or is cut off, is passed on as it is") {
  const auto extended = header('x', path_record.size()) + padded(path_record);
  for (std::size_t size : {0u, 1u, 511u, 512u, 520u})
    CHECK(passed_on(extended.substr(0, size)) == extended.substr(0, size));
  const std::string text(5000, 't');
  CHECK(passed_on(text) == text);
  CHECK(passed_on(header('x', std::size_t{1} << 30)) == header('x', std::size_t{1} << 30));
}
