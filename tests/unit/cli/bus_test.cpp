// D-Bus addresses and messages.
#include <sys/un.h>

#include <catch2/catch.hpp>
#include <cstring>

#include "base/error.h"
#include "cli/bus/address.h"
#include "cli/bus/message.h"
#include "cli/manager.h"

using namespace unionroot;
using namespace unionroot::cli::bus;
using Catch::Matchers::Contains;

namespace {

struct Variable {
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before, had_ = true;
    if (value != nullptr)
      ::setenv(name, value, 1);
    else
      ::unsetenv(name);
  }
  ~Variable() {
    if (had_)
      ::setenv(name_, before_.c_str(), 1);
    else
      ::unsetenv(name_);
  }
  const char* name_;
  std::string before_;
  bool had_ = false;
};

Call some_call(Body body) { return {"org.example", "/org/example", "org.example.I", "Do", std::move(body)}; }

// The body of a call, read back.
nlohmann::json round_trip(Body body) {
  const auto bytes = encode(some_call(std::move(body)), 7);
  REQUIRE(message_length(bytes) == bytes.size());
  return decode(bytes).body;
}

// A signal message whose body is given as bytes, to see what the reader makes of it.
std::string raw(const std::string& signature, const std::string& body) {
  std::string out{'l', 4, 0, 1};
  const auto number = [&](std::size_t value) {
    const auto small = static_cast<std::uint32_t>(value);
    out.append(reinterpret_cast<const char*>(&small), 4);
  };
  number(body.size());
  number(1);
  number(6 + signature.size());
  out += std::string{8, 1, 'g', 0, static_cast<char>(signature.size())} + signature + '\0';
  out.resize((out.size() + 7) / 8 * 8);
  return out + body;
}

std::string u32(std::uint32_t value) { return std::string(reinterpret_cast<const char*>(&value), 4); }

}  // namespace

TEST_CASE("addresses") {
  using Places = std::vector<SocketAddress>;
  CHECK(parse_address("unix:path=/run/bus") == Places{{false, "/run/bus"}});
  CHECK(parse_address("unix:path=/a,guid=00ff;unix:abstract=b") == Places{{false, "/a"}, {true, "b"}});
  CHECK(parse_address("unix:path=/a%20b%2c") == Places{{false, "/a b,"}});
  CHECK(parse_address("tcp:host=x;unix:path=/a") == Places{{false, "/a"}});
  for (const std::string bad :
       {"", "tcp:host=localhost", "unix:", "unix:path=", "unix:path", "unix:path=/a%2", "unix:path=/%zz", "/run/bus"}) {
    INFO(bad);
    CHECK_THROWS_AS(parse_address(bad), base::Error);
  }
  CHECK_THROWS_AS(parse_address("unix:path=/" + std::string(sizeof(sockaddr_un::sun_path), 'x')), base::Error);
}

TEST_CASE("the address of a bus") {
  SECTION("from the variables") {
    const Variable system("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/s"),
        session("DBUS_SESSION_BUS_ADDRESS", "unix:path=/u");
    CHECK(address_of("system") == "unix:path=/s");
    CHECK(address_of("session") == "unix:path=/u");
    CHECK(address_of("unix:path=/x") == "unix:path=/x");
  }
  SECTION("without them") {
    const Variable system("DBUS_SYSTEM_BUS_ADDRESS", nullptr), session("DBUS_SESSION_BUS_ADDRESS", nullptr);
    CHECK(address_of("system") == "unix:path=/run/dbus/system_bus_socket");
    const Variable runtime("XDG_RUNTIME_DIR", "/run/user/1");
    CHECK(address_of("session") == "unix:path=/run/user/1/bus");
    const Variable none("XDG_RUNTIME_DIR", nullptr);
    CHECK_THROWS_WITH(address_of("session"), Contains("no session bus"));
  }
}

TEST_CASE("valid text") {
  for (const auto* good : {"", "a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\x01\x1b"})
    CHECK(valid_text(good));
  for (const auto* bad : {"\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xe2\x82", "\xf4\x90\x80\x80"})
    CHECK_FALSE(valid_text(bad));
  CHECK_FALSE(valid_text(std::string_view("a\0b", 3)));
}

namespace {

nlohmann::json numbers(std::string_view bytes) {
  auto list = nlohmann::json::array();
  for (const char byte : bytes) list.push_back(static_cast<unsigned char>(byte));
  return list;
}

}  // namespace

TEST_CASE("what is encoded is decoded") {
  Options options;
  options.emplace_back("flag", true);
  options.emplace_back("rows", std::uint16_t{24});
  options.emplace_back("wait", std::int64_t{-1});
  options.emplace_back("name", std::string("x"));
  options.emplace_back("environment", ByteLists{{"A=\xff", "", "LONGER=value"}});
  options.emplace_back("directory", Bytes{"/\xe4"});
  options.emplace_back("user-data", std::map<std::string, std::string>{{"a.b", "c"}, {"d.e", ""}});
  const auto body =
      round_trip(std::move(Body().text("sid").texts({"sh", "-c", "true"}).options(options).descriptor(2)));
  CHECK(body == nlohmann::json::array({"sid",
                                       {"sh", "-c", "true"},
                                       {{"flag", true},
                                        {"rows", 24},
                                        {"wait", -1},
                                        {"name", "x"},
                                        {"environment", {numbers("A=\xff"), numbers(""), numbers("LONGER=value")}},
                                        {"directory", numbers("/\xe4")},
                                        {"user-data", {{"a.b", "c"}, {"d.e", ""}}}},
                                       2}));
  CHECK(round_trip(Body()) == nlohmann::json::array());
  CHECK(round_trip(std::move(Body().texts({}).options({}))) ==
        nlohmann::json::array({nlohmann::json::array(), nlohmann::json::object()}));
  CHECK_THROWS_WITH(Body().texts({"a\xff"}), Contains("UTF-8") && Contains("\\xff"));
}

TEST_CASE("message lengths") {
  const auto bytes = encode(some_call({}), 1);
  CHECK(message_length("") == 0);
  CHECK(message_length(bytes.substr(0, 15)) == 0);
  CHECK(message_length(bytes.substr(0, 16)) == bytes.size());
  auto other_order = bytes;
  other_order[0] = 'B';
  CHECK_THROWS_AS(message_length(other_order), base::Error);
  auto huge = bytes;
  std::memset(huge.data() + 4, 0xff, 4);
  CHECK_THROWS_WITH(message_length(huge), Contains("too long"));
}

TEST_CASE("unsound messages are refused") {
  const std::pair<std::string, std::string> bodies[] = {
      {"s", u32(100) + "abc"},               // longer than the message
      {"s", u32(0xffffffff)},                //
      {"as", u32(8) + u32(1) + "a"},         // an array beyond the end
      {"as", u32(3) + u32(1) + "a" + '\0'},  // an array that ends within an element
      {"v", std::string("\x02ss\0", 4)},     // a variant of two types
      {"v", std::string("\x01", 1)},
      {"a", u32(0)},
      {"(s", u32(0)},
      {"a()", u32(8) + u32(0) + u32(0) + u32(0)},
      {"a{vs}", u32(8) + u32(0) + u32(0) + u32(0)},
      {"?", u32(0)},
      {std::string(200, 'a'), u32(0)},
  };
  for (const auto& [signature, body] : bodies) {
    INFO(signature);
    CHECK_THROWS_AS(decode(raw(signature, body)), base::Error);
  }
  std::string nested;
  for (int i = 0; i < 100; ++i) nested += std::string("\x01v\0", 3);
  CHECK_THROWS_WITH(decode(raw("v", nested)), Contains("nested"));
}

TEST_CASE("no bytes make the reader run over the end") {
  Options options;
  options.emplace_back("environment", ByteLists{{"A=1", "LONGER=value"}});
  const auto sound = encode(some_call(std::move(Body().text("sid").options(options))), 3);
  // Every byte replaced by each of several values; the sanitizers' builds see what goes wrong.
  for (std::size_t at = 0; at < sound.size(); ++at)
    for (const char value : {'\0', '\x01', '\x7f', '\xff', 'a', 'v', '('}) {
      auto bytes = sound;
      bytes[at] = value;
      try {
        decode(bytes);
      } catch (const base::Error&) {
        continue;  // what most of them are
      }
    }
  for (std::size_t length = 0; length < sound.size(); ++length)
    CHECK_THROWS_AS(decode(sound.substr(0, length)), base::Error);
}

TEST_CASE("errors from the bus and the daemon") {
  using base::ErrorCode;
  const auto explained = [](const char* name, const char* message) { return cli::explain(RemoteError(name, message)); };
  const auto own = explained("org.unionroot1.Error.SourceLocked", "the tree is locked\nwait for it\nor not");
  CHECK(own.code() == ErrorCode::source_locked);
  CHECK(own.what() == std::string("the tree is locked"));
  CHECK(own.hint() == "wait for it\nor not");
  CHECK(explained("org.unionroot1.Error.CommandNotFound", "x").code() == ErrorCode::command_not_found);
  CHECK(explained("org.unionroot1.Error.FromTheFuture", "x").code() == ErrorCode::failed);
  CHECK_THAT(explained("org.freedesktop.DBus.Error.ServiceUnknown", "x").hint(),
             Contains("systemctl start unionrootd"));
  CHECK_THAT(explained("org.freedesktop.DBus.Error.NoReply", "x").what(), Contains("ended before it answered"));
  CHECK_THAT(explained("org.freedesktop.DBus.Error.AccessDenied", "x").hint(), Contains("org.unionroot1.conf"));
  CHECK_THAT(explained("org.freedesktop.DBus.Error.UnknownMethod", "x").hint(), Contains("versions"));
  CHECK_THAT(explained("org.freedesktop.DBus.Error.Spawn.ChildExited", "gone").what(), Contains("gone"));
  CHECK_FALSE(explained("com.example.Other", "x").hint().empty());
}
