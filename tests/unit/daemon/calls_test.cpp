// The arguments of calls, as any user of the bus may send them.
#include "daemon/calls.h"

#include <fcntl.h>
#include <sdbus-c++/sdbus-c++.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <functional>
#include <limits>
#include <map>

#include "base/error.h"

// The library exports it, and has it in no header that is installed: a message without a connection.
namespace sdbus {
PlainMessage createPlainMessage();
}

using namespace unionroot;
using sdbus::Variant;

namespace {

using Dictionary = std::map<std::string, Variant>;
using Words = std::vector<std::string>;
using Bytes = std::vector<std::uint8_t>;

template <typename... Values>
sdbus::PlainMessage message_of(const Values&... values) {
  auto message = sdbus::createPlainMessage();
  (message << ... << values);
  message.seal();
  return message;
}

daemon::BeginCall begin(const Dictionary& options) {
  return daemon::read_begin(message_of(std::string("sid"), options));
}

daemon::RunCall run(const Words& arguments, const Dictionary& options) {
  const sdbus::UnixFd null(::open("/dev/null", O_RDWR | O_CLOEXEC), sdbus::adopt_fd);
  return daemon::read_run(message_of(std::string("sid"), arguments, options, null, null, null));
}

daemon::EndCall end(const Dictionary& options) {
  return daemon::read_end(message_of(std::string("x"), options), std::nullopt);
}

daemon::RecoverCall recover(const Dictionary& options) { return daemon::read_recover(message_of(options), "x"); }

daemon::DiffCall diff(const Dictionary& options) {
  const sdbus::UnixFd null(::open("/dev/null", O_RDWR | O_CLOEXEC), sdbus::adopt_fd);
  return daemon::read_diff(message_of(std::string("x"), options, null));
}

std::string refusal(const std::function<void()>& work) {
  try {
    work();
  } catch (const base::Error& error) {
    CHECK(error.code() == base::ErrorCode::invalid_argument);
    return std::string(error.what()) + "\n" + error.hint();
  }
  FAIL("it was taken");
  throw std::logic_error("unreachable");
}

std::string begin_refusal(const Dictionary& options) {
  return refusal([&] { begin(options); });
}

std::string run_refusal(const Dictionary& options) {
  return refusal([&] { run({"true"}, options); });
}

}  // namespace

TEST_CASE("an unknown option is refused, with its name and the known ones") {
  const auto text = begin_refusal({{"nmae", Variant(std::string("x"))}});
  CHECK(text ==
        "Begin does not know the option 'nmae'\nit knows: name, front-end, wait, yield, user-data, confirm, progress");
  CHECK(refusal([] {
          recover({{"force", Variant(true)}});
        }) == "Recover does not know the option 'force'\nit knows: accept-source, progress");
  CHECK(begin_refusal({{"e\x1b[1m", Variant(true)}}).find('\x1b') == std::string::npos);
}

TEST_CASE("an option of the wrong type is refused, with what it must be") {
  CHECK(begin_refusal({{"name", Variant(std::int32_t{7})}}) ==
        "Begin: the option 'name' is of type 'i'\nit must be a string (s), or bytes (ay)");
  CHECK(begin_refusal({{"wait", Variant(std::string("5"))}}).find("it must be an integer (x)") != std::string::npos);
  CHECK(run_refusal({{"terminal", Variant(std::int32_t{1})}}).find("it must be a boolean (b)") != std::string::npos);
  CHECK(run_refusal({{"environment", Variant(std::string("A=b"))}}).find("it must be strings (as)") !=
        std::string::npos);
  CHECK(run_refusal({{"user-data", Variant(std::vector<std::string>{})}}).find("a{ss}") != std::string::npos);
}

TEST_CASE("paths of a diff are within the session") {
  CHECK(diff({}).paths.empty());
  CHECK(diff({{"paths", Variant(Words{"/etc//apt/", "srv", "/", "./a/."})}}).paths == Words{"etc/apt", "srv", "", "a"});
  const auto refused = [](const Words& paths) { return refusal([&] { diff({{"paths", Variant(paths)}}); }); };
  CHECK(refused({"/etc/../.."}).find("'..'") != std::string::npos);
  CHECK(refused(Words(1001, "a")).find("1001 paths") != std::string::npos);
  CHECK(refused({std::string(65537, 'a')}).find("65537 bytes") != std::string::npos);
}

TEST_CASE("wait: absent and 0 do not wait, -1 waits without end, any integer type will do") {
  CHECK_FALSE(begin({}).request.wait);
  CHECK_FALSE(begin({{"wait", Variant(std::int64_t{0})}}).request.wait);
  CHECK(begin({{"wait", Variant(std::int64_t{-1})}}).request.wait->count() == -1);
  CHECK(begin({{"wait", Variant(std::uint32_t{500})}}).request.wait->count() == 500);
  CHECK(begin({{"wait", Variant(std::int32_t{500})}}).request.wait->count() == 500);
  begin_refusal({{"wait", Variant(std::int64_t{-2})}});
  begin_refusal({{"wait", Variant(std::numeric_limits<std::int64_t>::max())}});
  begin_refusal({{"wait", Variant(std::numeric_limits<std::uint64_t>::max())}});
}

TEST_CASE("sizes of a terminal fit in what the kernel keeps them in") {
  const auto call = run({}, {{"rows", Variant(std::uint16_t{50})},
                             {"columns", Variant(std::uint16_t{65535})},
                             {"terminal", Variant(true)},
                             {"term", Variant(std::string("xterm"))}});
  CHECK(call.request.rows == 50);
  CHECK(call.request.columns == 65535);
  CHECK(call.request.terminal_type == "xterm");
  run_refusal({{"rows", Variant(std::int32_t{65536})}});
  run_refusal({{"rows", Variant(std::int32_t{-1})}});
}

TEST_CASE("a front end says that it is one") {
  CHECK_FALSE(run({}, {}).automatic.front_end);
  CHECK(run({}, {{"front-end", Variant(true)}}).automatic.front_end);
  CHECK(run({}, {{"front-end", Variant(true)}}).request.front_end);
  run_refusal({{"front-end", Variant(std::string("schroot"))}});
}

TEST_CASE("the directory that is asked for is not the caller's") {
  const Variant here(std::string("/home/a"));
  auto call = run({"true"}, {{"caller-directory", here}});
  CHECK(call.request.directory.empty());
  CHECK(call.request.callers_directory == "/home/a");
  call = run({}, {{"caller-directory", here}, {"directory", Variant(std::string("/srv"))}});
  CHECK(call.request.directory == "/srv");
}

TEST_CASE("what is not UTF-8 comes as bytes, and takes no NUL") {
  const Bytes latin{'A', '=', 0xe4};
  auto call = run({}, {{"environment", Variant(std::vector<Bytes>{latin})},
                       {"arguments", Variant(std::vector<Bytes>{{'l', 's'}, {0xff}})},
                       {"directory", Variant(Bytes{'/', 0xfc})}});
  CHECK(call.request.environment == std::vector<std::string>{"A=\xe4"});
  CHECK(call.request.command == std::vector<std::string>{"ls", "\xff"});
  CHECK(call.request.directory == "/\xfc");
  CHECK(run_refusal({{"arguments", Variant(std::vector<Bytes>{{'a', 0, 'b'}})}}).find("NUL") != std::string::npos);
  call = run({}, {{"arguments", Variant(std::vector<Bytes>{{}, {'\n'}})}});
  CHECK(call.request.command == Words{"", "\n"});
  CHECK(run_refusal({{"directory", Variant(Bytes{'/', 0})}}).find("NUL") != std::string::npos);
}

TEST_CASE("strings are bounded") {
  CHECK_NOTHROW(run({}, {{"directory", Variant(std::string(4096, 'd'))}}));
  CHECK(run_refusal({{"directory", Variant(std::string(4097, 'd'))}}).find("at most 4096") != std::string::npos);
  run_refusal({{"user", Variant(std::string(257, 'u'))}});
  begin_refusal({{"name", Variant(std::string(257, 'n'))}});
  std::map<std::string, std::string> pairs;
  for (int i = 0; i < 65; ++i) pairs["k." + std::to_string(i)] = "v";
  CHECK(begin_refusal({{"user-data", Variant(pairs)}}).find("at most 64") != std::string::npos);
  begin_refusal({{"user-data", Variant(std::map<std::string, std::string>{{"a.b", std::string(4097, 'x')}})}});
}

TEST_CASE("End: force and discard") {
  CHECK_FALSE(end({}).wish.force);
  CHECK_FALSE(end({}).wish.discard);
  CHECK(end({{"force", Variant(true)}}).wish.force);
  CHECK(end({{"discard", Variant(true)}}).wish.discard);
  refusal([] { end({{"force", Variant(std::string("yes"))}}); });
}

TEST_CASE("progress: a number of the caller's, in every call that may take long") {
  CHECK_FALSE(begin({}).progress);
  const Dictionary wish{{"progress", Variant(std::uint32_t{0xffffffff})}};
  CHECK(begin(wish).progress == 0xffffffff);
  CHECK(run({"true"}, wish).progress == 0xffffffff);
  CHECK(end(wish).progress == 0xffffffff);
  CHECK(recover(wish).progress == 0xffffffff);
  CHECK_FALSE(recover(wish).accept_source);
  CHECK(recover({{"accept-source", Variant(true)}}).accept_source);
  CHECK(begin({{"progress", Variant(std::int64_t{0})}}).progress == 0);
  begin_refusal({{"progress", Variant(std::int64_t{-1})}});
  begin_refusal({{"progress", Variant(std::int64_t{0x100000000})}});
  begin_refusal({{"progress", Variant(true)}});
}

TEST_CASE("a command comes once: as the argument or as the option") {
  CHECK(run({"ls", ""}, {}).request.command == Words{"ls", ""});
  CHECK(run({}, {{"arguments", Variant(Words{"ls"})}}).request.command == Words{"ls"});
  CHECK(run_refusal({{"arguments", Variant(Words{"ls"})}}).find("twice") != std::string::npos);
}

TEST_CASE("an option comes once") {
  // A dictionary on the bus may repeat a key.
  auto message = sdbus::createPlainMessage();
  message << std::string("x");
  message.openContainer("{sv}");
  for (int i = 0; i < 2; ++i) {
    message.openDictEntry("sv");
    message << std::string("force") << Variant(true);
    message.closeDictEntry();
  }
  message.closeContainer();
  message.seal();
  CHECK(refusal([&] { daemon::read_end(message, std::nullopt); }).find("'force' is there twice") != std::string::npos);
}

TEST_CASE("reading stops at the first option that is not known, and at a limit of bytes") {
  // Were what comes after read, it would be refused for its type.
  auto message = sdbus::createPlainMessage();
  message << std::string("x");
  message.openContainer("{sv}");
  for (const char* const key : {"zzz", "force"}) {
    message.openDictEntry("sv");
    message << std::string(key) << Variant(std::string("wrong"));
    message.closeDictEntry();
  }
  message.closeContainer();
  message.seal();
  CHECK(refusal([&] { daemon::read_end(message, std::nullopt); }).find("'zzz'") != std::string::npos);

  const Bytes mebibyte(std::size_t{1} << 20, 'x');
  CHECK(run({}, {{"environment", Variant(std::vector<Bytes>(3, mebibyte))}}).request.environment.size() == 3);
  CHECK(run_refusal({{"environment", Variant(std::vector<Bytes>(4, mebibyte))}}).find("more than 4 MiB") !=
        std::string::npos);
  // Empty ones count too, and so do those of all options together.
  CHECK(run_refusal({{"environment", Variant(Words(200'000))}}).find("more than 4 MiB") != std::string::npos);
  CHECK(refusal([&] {
          run(Words(2, std::string(std::size_t{1} << 20, 'x')),
              {{"environment", Variant(std::vector<Bytes>(2, mebibyte))}});
        }).find("more than 4 MiB") != std::string::npos);
}

TEST_CASE("descriptors of a caller are duplicates that no program inherits") {
  const auto call = run({"true"}, {});
  for (int i = 0; i < 3; ++i) {
    CHECK(call.request.standard[i] >= 0);
    CHECK((::fcntl(call.request.standard[i], F_GETFD) & FD_CLOEXEC) != 0);
  }
}
