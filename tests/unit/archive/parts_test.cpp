// The parts of unpacking that need no archive: names, limits, lists, and what is passed on to libarchive.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstring>

#include "archive/archive.h"
#include "archive/member.h"
#include "archive/raw_names.h"
#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "temporary_folder.h"

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
  for (std::size_t size : {0u, 1u, 511u, 512u, 520u, 540u, 1023u})
    CHECK(passed_on(extended.substr(0, size)) == extended.substr(0, size));
  const std::string text(5000, 't');
  CHECK(passed_on(text) == text);
  CHECK(passed_on(header('x', std::size_t{1} << 30)) == header('x', std::size_t{1} << 30));
}

namespace {

// So many bytes has this process read.
std::uint64_t bytes_read() {
  const auto text = base::read_file("/proc/self/io");
  const auto at = text.find("rchar: ");
  return base::parse_unsigned(text.substr(at + 7, text.find('\n', at) - at - 7)).value_or(0);
}

}  // namespace

TEST_CASE("holes of a file are not read when it is packed, and are holes again") {
  constexpr off_t size = off_t{3} << 30;
  const tests::TemporaryFolder place;
  place.write("tree/before", "x");
  const auto sparse = place.write("tree/sparse", "start");
  place.write("unpacked/none", "");
  base::UniqueFd file(base::check(::open(sparse.c_str(), O_RDWR | O_CLOEXEC), "opening", sparse));
  REQUIRE(::ftruncate(file.get(), size) == 0);
  REQUIRE(::pwrite(file.get(), "middle", 6, size / 2) == 6);
  struct stat facts {};
  REQUIRE(::fstat(file.get(), &facts) == 0);
  if (facts.st_blocks * 512 > size / 2) return;  // a file system without holes
  const auto folder = [&](const char* name) {
    return base::UniqueFd(::open((place / name).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  };
  const base::UniqueFd packed(::open((place / "packed.tar").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  const auto before = bytes_read();
  std::uint64_t told = 0;
  Options options;
  options.name = "packed.tar";
  options.progress = [&](std::uint64_t done, std::uint64_t) { told = done; };
  archive::pack(folder("tree").get(), packed.get(), Compression::none, options);
  CHECK(bytes_read() - before < (16U << 20));
  CHECK(told == static_cast<std::uint64_t>(size) + 1);
  REQUIRE(::lseek(packed.get(), 0, SEEK_SET) == 0);
  archive::unpack(packed.get(), folder("unpacked").get(), {});
  const auto again = place / "unpacked/sparse";
  REQUIRE(::stat(again.c_str(), &facts) == 0);
  CHECK(facts.st_size == size);
  CHECK(facts.st_blocks * 512 < (16 << 20));
  const base::UniqueFd made(::open(again.c_str(), O_RDONLY | O_CLOEXEC));
  char text[6];
  REQUIRE(::pread(made.get(), text, 5, 0) == 5);
  CHECK(std::string(text, 5) == "start");
  REQUIRE(::pread(made.get(), text, 6, size / 2) == 6);
  CHECK(std::string(text, 6) == "middle");
}
