#include "daemon/error_reply.h"

#include <catch2/catch.hpp>
#include <stdexcept>

#include "base/error.h"
#include "daemon/object_paths.h"

using namespace unionroot;

namespace {
template <typename Exception>
sdbus::Error reply_to(const Exception& exception) {
  return daemon::error_to_reply(std::make_exception_ptr(exception));
}
}  // namespace

TEST_CASE("an error's code becomes its name, its hint a line of its own") {
  const auto error = reply_to(base::Error(base::ErrorCode::no_such_chroot, "there is no chroot 'x'", "list them"));
  CHECK(error.getName() == "org.unionroot1.Error.NoSuchChroot");
  CHECK(error.getMessage() == "there is no chroot 'x'\nlist them");
  CHECK(reply_to(base::Error(base::ErrorCode::source_locked, "busy")).getMessage() == "busy");
  CHECK(reply_to(base::SystemError(ENOSPC, "writing")).getName() == "org.unionroot1.Error.NoSpace");
}

TEST_CASE("whatever else was thrown is Failed") {
  CHECK(reply_to(std::runtime_error("odd")).getName() == "org.unionroot1.Error.Failed");
  CHECK(reply_to(std::runtime_error("odd")).getMessage() == "odd");
  CHECK(reply_to(7).getName() == "org.unionroot1.Error.Failed");
}

TEST_CASE("a message is cut before it is too large, and is always valid UTF-8") {
  const auto error = reply_to(base::Error(base::ErrorCode::failed, std::string(100'000, 'x') + "\xff", "hint"));
  CHECK(error.getMessage().size() <= 16 * 1024);
  CHECK(reply_to(std::runtime_error("a\xff z")).getMessage() == "a\\xff z");
}

TEST_CASE("object paths are escaped") {
  CHECK(daemon::session_path("sid-1.2_x") == "/org/unionroot1/session/sid_2d1_2e2_5fx");
  CHECK(daemon::chroot_path("1") == "/org/unionroot1/chroot/_31");
}
