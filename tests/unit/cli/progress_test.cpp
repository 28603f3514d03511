// The line that shows progress, at any width.
#include "cli/progress.h"

#include <catch2/catch.hpp>

#include "base/text.h"
#include "cli/output.h"

using namespace unionroot;
using namespace unionroot::cli;
using namespace std::chrono_literals;

constexpr std::uint64_t mib = std::uint64_t{1} << 20;

TEST_CASE("a bar, a percentage and the bytes where the total is known") {
  CHECK(progress_line({"unpacking /srv/base.tar.zst", 203 * mib, 450 * mib}, 3s, 79) ==
        "unpacking /srv/base.tar.zst [=============>                ] 45% 203 of 450 MiB");
  CHECK(progress_line({"unpacking /srv/base.tar.zst", 203 * mib, 450 * mib}, 3s, 60) ==
        "unpacking /srv/base.tar.zst [====>      ] 45% 203 of 450 MiB");
  // The name is cut before the bar is given up, and the bar before the numbers are.
  CHECK(progress_line({"unpacking /srv/base.tar.zst", 203 * mib, 450 * mib}, 3s, 50) ==
        "unpac...se.tar.zst [====>     ] 45% 203 of 450 MiB");
  CHECK(progress_line({"unpacking /srv/base.tar.zst", 203 * mib, 450 * mib}, 3s, 40) ==
        "unpack...base.tar.zst 45% 203 of 450 MiB");
  CHECK(progress_line({"unpacking /srv/base.tar.zst", 203 * mib, 450 * mib}, 3s, 20) == "45% 203 of 450 MiB");
  CHECK(progress_line({"unpacking /srv/base.tar.zst", 203 * mib, 450 * mib}, 3s, 5) == "45% 2");
  CHECK(progress_line({"a", 450, 450}, 3s, 60) == "a [==============================] 100% 450 of 450 B");
}

TEST_CASE("units of which there are few have a decimal") {
  CHECK(progress_line({"a", 1280 * mib, 4608 * mib}, 3s, 100).ends_with(" 27% 1.2 of 4.5 GiB"));
  CHECK(progress_line({"a", 512, 10'200}, 3s, 100).ends_with(" 5% 0.5 of 9.9 KiB"));
  CHECK(progress_line({"a", 1024 * 1024 * mib, 20 * 1024 * 1024 * mib}, 3s, 100).ends_with(" 5% 1 of 20 TiB"));
  // A file that grows, or one of the two numbers gone mad.
  CHECK(progress_line({"a", 900, 450}, 3s, 100).ends_with("=] 100% 900 of 450 B"));
  CHECK(progress_line({"a", ~std::uint64_t{0}, 1}, 3s, 100).find("100%") != std::string::npos);
}

TEST_CASE("bytes alone where the total is not known, and the time where there are none") {
  CHECK(progress_line({"packing /srv/base.tar.zst", 203 * mib, 0}, 3s, 79) == "packing /srv/base.tar.zst ... 203 MiB");
  CHECK(progress_line({"beginning a session on sid", 0, 0}, 3s, 79) == "beginning a session on sid ... 3 s");
  CHECK(progress_line({"beginning a session on sid", 0, 0}, 62s, 20) == "be...on sid ... 62 s");
  CHECK(progress_line({"beginning a session on sid", 0, 0}, 3s, 10) == "... 3 s");
}

TEST_CASE("never wider than the terminal, never half a character, nothing that a terminal obeys") {
  const std::string what = "unpacking /srv/b\xc3\xa4se/\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac/\x1b[31m/tree.tar";
  for (const std::uint64_t total : {std::uint64_t{0}, std::uint64_t{1} << 40})
    for (const std::uint64_t done : {std::uint64_t{0}, std::uint64_t{12'345'678}})
      for (std::size_t columns = 0; columns < 130; ++columns) {
        const auto line = progress_line({what, done, total}, 100s, columns);
        CAPTURE(columns, line);
        CHECK(display_width(line) <= columns);
        CHECK(base::valid_utf8(line));
        CHECK(line.find('\x1b') == std::string::npos);
      }
}
