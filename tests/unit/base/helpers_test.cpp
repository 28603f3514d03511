#include <fcntl.h>
#include <stdlib.h>
#include <time.h>

#include <catch2/catch.hpp>
#include <limits>

#include "base/error.h"
#include "base/file_lock.h"
#include "base/hex.h"
#include "base/paths.h"
#include "base/time_text.h"
#include "base/unique_fd.h"
#include "temporary_folder.h"

using namespace unionroot::base;

TEST_CASE("hexadecimal digits, there and back") {
  CHECK(to_hex(std::string_view("\0a\xff", 3)) == "0061ff");
  CHECK(to_hex(std::string_view()).empty());
  CHECK(to_hex(std::uint64_t{0}) == "0");
  CHECK(to_hex(std::uint64_t{0x1f}) == "1f");
  CHECK(to_hex(std::numeric_limits<std::uint64_t>::max()) == "ffffffffffffffff");
  for (unsigned byte = 0; byte < 256; ++byte) {
    std::string text;
    append_hex(text, static_cast<std::uint8_t>(byte));
    CHECK(byte_of_hex(text) == byte);
  }
  CHECK(byte_of_hex("Af", HexCase::any) == 0xaf);
  CHECK(byte_of_hex("12rest") == 0x12);
  for (const char* text : {"", "1", "g0", "0g", " 1", "-1", "+1", "0x", "0A"}) CHECK_FALSE(byte_of_hex(text));
}

TEST_CASE("times as text") {
  constexpr std::int64_t time = 1'796'000'000'999'999;  // the microseconds are cut off
  CHECK(utc_time(time) == "2026-11-30 00:53:20 UTC");
  CHECK(time_stamp(time) == "20261130T005320Z");
  ::setenv("TZ", "TST-2:30", 1);
  ::tzset();
  CHECK(local_time(time) == "2026-11-30 03:23:20");
  ::unsetenv("TZ");
  ::tzset();
  CHECK(utc_time(0) == "1970-01-01 00:00:00 UTC");
}

TEST_CASE("paths taken apart") {
  CHECK(file_name("/a/b") == "b");
  CHECK(file_name("a") == "a");
  CHECK(file_name("/a/").empty());
  CHECK(parent_path("/a/b") == "/a");
  CHECK(parent_path("/a") == "/");
  CHECK(parent_path("a/b") == "a");
  CHECK(parent_path("a").empty());
  CHECK(parent_path("a/b/") == "a/b");
}

TEST_CASE("what lies beneath a folder") {
  for (const auto& [path, folder] :
       {std::pair{"/a", "/a"}, {"/a/b", "/a"}, {"/a", "/"}, {"/", "/"}, {"a/b", "a"}, {"a", ""}, {"", ""}})
    CHECK(is_or_is_beneath(path, folder));
  for (const auto& [path, folder] :
       {std::pair{"/ab", "/a"}, {"/a", "/a/b"}, {"/b", "/a"}, {"a", "/"}, {"/a", ""}, {"", "/"}, {"ab", "a"}})
    CHECK_FALSE(is_or_is_beneath(path, folder));
}

TEST_CASE("locks of a file description") {
  const unionroot::tests::TemporaryFolder folder;
  const std::string path = folder / "lock";
  const auto opened = [&path] {
    return UniqueFd(check(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600), "opening", path));
  };
  UniqueFd one = opened();
  const UniqueFd other = opened();
  CHECK(try_lock(one.get(), LockType::read, path));
  CHECK(try_lock(other.get(), LockType::read, path));
  CHECK_FALSE(try_lock(one.get(), LockType::write, path));
  CHECK(try_lock(other.get(), LockType::none, path));
  CHECK(try_lock(one.get(), LockType::write, path));
  CHECK(try_lock(one.get(), LockType::write, path));  // its own is not in the way
  CHECK_FALSE(try_lock(other.get(), LockType::read, path, 7, 1));
  CHECK(try_lock(one.get(), LockType::none, path, 7, 1));
  CHECK(try_lock(other.get(), LockType::write, path, 7, 1));
  CHECK_FALSE(try_lock(other.get(), LockType::write, path));
  // Other descriptors of the same description keep it; the last one takes it along.
  UniqueFd copy = one.duplicate();
  one.reset();
  CHECK_FALSE(try_lock(other.get(), LockType::write, path));
  copy.reset();
  CHECK(try_lock(other.get(), LockType::write, path));
  const UniqueFd reads(check(::open(path.c_str(), O_RDONLY | O_CLOEXEC), "opening", path));
  CHECK_THROWS_AS(try_lock(reads.get(), LockType::write, path), SystemError);
}
