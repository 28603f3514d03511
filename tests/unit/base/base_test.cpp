#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/names.h"
#include "base/process_identity.h"
#include "base/rollback.h"
#include "base/text.h"
#include "base/unique_fd.h"

using namespace unionroot::base;

TEST_CASE("names follow schroot's pattern") {
  CHECK(valid_name("sid"));
  CHECK(valid_name("9-x_y.z"));
  for (const char* bad : {"", ".", "..", "-a", "_a", "a/b", "a b", "a\n", "a:b", "\xc3\xa4"}) {
    INFO(bad);
    CHECK_FALSE(valid_name(bad));
  }
  CHECK(valid_name(std::string(200, 'a')));
  CHECK_FALSE(valid_name(std::string(201, 'a')));
  CHECK(valid_name(std::string(1000, 'a'), longest_chroot_name));
  CHECK_FALSE(valid_name(std::string(1001, 'a'), longest_chroot_name));
  CHECK(parse_qualified_name("source:" + std::string(1000, 'a')).name.size() == 1000);
  CHECK_THROWS(parse_qualified_name("session:" + std::string(201, 'a')));
  CHECK(name_after_chroot("sid", "-1") == "sid-1");
  const auto cut = name_after_chroot(std::string(1000, 'a'), "-1");
  CHECK(valid_name(cut));
  CHECK(cut.size() == longest_session_name);
  CHECK(cut.ends_with("aa-1"));
}

TEST_CASE("a qualified name has one of three namespaces") {
  CHECK(parse_qualified_name("sid").space == Namespace::none);
  CHECK(parse_qualified_name("source:sid").space == Namespace::source);
  CHECK(parse_qualified_name("session:x-1").name == "x-1");
  CHECK_THROWS_AS(parse_qualified_name("foo:sid"), Error);
  CHECK_THROWS_AS(parse_qualified_name("session:../x"), Error);
  CHECK_THROWS_AS(parse_qualified_name("session:"), Error);
}

TEST_CASE("text for people has no control characters") {
  CHECK(printable("a\x1b[31mb\n") == "a\\x1b[31mb\\x0a");
  CHECK(printable("\xc3\xa4") == "\xc3\xa4");
  CHECK(printable("\xff") == "\\xff");
  CHECK(printable("\xc2\x9b") == "\\xc2\\x9b");
  CHECK(printable(std::string(1000, 'a')).size() < 220);
}

TEST_CASE("text for people has nothing that makes it look like other text") {
  CHECK(printable("\xd8\x9c") == "\\xd8\\x9c");  // U+061C
  CHECK(printable("a\xe2\x80\xae"
                  "b") ==
        "a\\xe2\\x80\\xae"
        "b");  // U+202E, right to left
  for (const char* mark : {"\xe2\x80\x8e", "\xe2\x80\x8f", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaa",
                           "\xe2\x81\xa6", "\xe2\x81\xa9", "\xf3\xa0\x81\x81"})
    CHECK(printable(mark).find(mark) == std::string::npos);
  const std::string harmless = "\xe2\x80\x8d \xe2\x80\xa7 \xe2\x80\xaf \xd7\xa9 \xd8\xb9 \xc2\xa0 \xf0\x9f\x98\x80";
  CHECK(printable(harmless) == harmless);
  CHECK(printable(printable("\xe2\x80\xae\x1b")) == printable("\xe2\x80\xae\x1b"));
}

TEST_CASE("only real UTF-8 counts as such") {
  CHECK(valid_utf8("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"));
  for (const char* bad :
       {"\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80"}) {
    INFO(bad);
    CHECK_FALSE(valid_utf8(bad));
    CHECK(valid_utf8(printable(bad)));
  }
}

TEST_CASE("what is not UTF-8 is escaped for JSON and the bus") {
  const std::string plain = "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80\n\t";
  CHECK(as_utf8(plain) == plain);
  CHECK(as_utf8(std::string("a\0b", 3)) == "a\\x00b");
  CHECK(as_utf8("\x80") == "\\x80");
  CHECK(as_utf8("\xc3") == "\\xc3");                    // cut short
  CHECK(as_utf8("\xc0\xaf") == "\\xc0\\xaf");           // overlong
  CHECK(as_utf8("\xed\xa0\x80") == "\\xed\\xa0\\x80");  // a surrogate
  CHECK(as_utf8("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");
  CHECK(as_utf8("").empty());
  CHECK(as_utf8("\\xff") == "\\xff");
}

TEST_CASE("names that are not UTF-8 can be had back") {
  CHECK(name_as_utf8("a\xff") == "a\\xff");
  CHECK(name_as_utf8("a\\xff") == "a\\x5cxff");
  CHECK(name_as_utf8("C:\\new \\x4 \\xFF") == "C:\\new \\x4 \\xFF");
  // All short strings of the bytes that matter to it.
  const std::string bytes("\\x5cf\xff\xc3\xa4\0", 8);
  std::vector<std::string> names{""};
  for (int length = 0; length < 5; ++length) {
    std::vector<std::string> longer;
    for (const auto& name : names)
      for (const char byte : bytes) longer.push_back(name + byte);
    for (const auto& name : longer) {
      const auto text = name_as_utf8(name);
      if (!valid_utf8(text) || name_from_utf8(text) != name) FAIL_CHECK(printable(name));
    }
    names = std::move(longer);
  }
}

TEST_CASE("split, join, trim and numbers") {
  CHECK(split("a,,b", ',') == std::vector<std::string>{"a", "b"});
  CHECK(split("a,,b", ',', true) == std::vector<std::string>{"a", "", "b"});
  CHECK(join({"a", "b"}, ", ") == "a, b");
  CHECK(trim("  a b\t") == "a b");
  CHECK(parse_unsigned("17") == 17u);
  CHECK_FALSE(parse_unsigned("-1"));
  CHECK_FALSE(parse_unsigned("1x"));
  CHECK_FALSE(parse_unsigned(""));
}

TEST_CASE("rollback undoes in reverse unless committed") {
  std::string order;
  {
    Rollback rollback;
    rollback.add([&] { order += 'a'; });
    rollback.add([&] { order += 'b'; });
  }
  CHECK(order == "ba");
  {
    Rollback rollback;
    rollback.add([&] { order += 'c'; });
    rollback.commit();
  }
  CHECK(order == "ba");
}

TEST_CASE("a process is told from a later one with its pid") {
  const auto self = this_process();
  CHECK(is_alive(self));
  auto other = self;
  other.start_time += 1;
  CHECK_FALSE(is_alive(other));
  other = self;
  other.boot_id = "another";
  CHECK_FALSE(is_alive(other));
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  siginfo_t info{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) == 0);
  CHECK_FALSE(identify(child));  // a zombie has ended
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  CHECK_FALSE(command_of(::getpid()).empty());
}

TEST_CASE("descriptors close themselves and errors say what was being done") {
  int number = -1;
  {
    const UniqueFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    number = file.get();
    const auto copy = file.duplicate();
    CHECK((::fcntl(copy.get(), F_GETFD) & FD_CLOEXEC) != 0);
  }
  CHECK(::fcntl(number, F_GETFD) == -1);
  try {
    read_file("/nonexistent/x");
    FAIL("no error");
  } catch (const SystemError& error) {
    CHECK(error.error_number() == ENOENT);
    CHECK(std::string(error.what()).find("opening /nonexistent/x: No such file") == 0);
  }
  CHECK_FALSE(try_read_file("/nonexistent/x"));
}

TEST_CASE("an error of the system says what to do where that does not hang on what was being done") {
  CHECK(SystemError(ENOSPC, "writing").hint().find("make room") == 0);
  CHECK(SystemError(ENOSPC, "writing").code() == ErrorCode::no_space);
  CHECK_FALSE(SystemError(EROFS, "writing").hint().empty());
  CHECK(SystemError(ENOSPC, "writing", "as the caller says").hint() == "as the caller says");
  CHECK(SystemError(ENOENT, "opening").hint().empty());
}

TEST_CASE("ids are of their form and differ") {
  const auto letters = random_letters();
  CHECK(letters.size() == 8);
  CHECK(letters.find_first_not_of("abcdefghijkmnpqrstuvwxyz23456789") == std::string::npos);
  CHECK(letters != random_letters());
  const auto id = random_uuid();
  CHECK(id.size() == 36);
  CHECK(id[14] == '4');
  CHECK(id != random_uuid());
  CHECK(random_token().size() == 8);
}
