// The rules table, row by row, and what a refusal says.
#include "daemon/authorization.h"

#include <catch2/catch.hpp>
#include <map>

#include "base/error.h"

using namespace unionroot;
using daemon::HostUser;
using daemon::Verdict;
using definition::AccessLists;

namespace {

class FakeUsers final : public daemon::UserDatabase {
 public:
  [[nodiscard]] HostUser by_uid(uid_t uid) const override { return {uid, "user", true, {}}; }
  [[nodiscard]] std::optional<uid_t> uid_of(const std::string&) const override { return std::nullopt; }
  [[nodiscard]] std::optional<gid_t> gid_of(const std::string& group) const override {
    const auto found = groups.find(group);
    if (found == groups.end()) return std::nullopt;
    return found->second;
  }
  std::map<std::string, gid_t> groups{{"builders", 50}, {"admins", 60}};
};

class FakeAuthority final : public daemon::Authority {
 public:
  explicit FakeAuthority(Answer answer) : answer_(answer) {}
  Answer ask(const HostUser&, pid_t, const std::string& what) override {
    asked.push_back(what);
    return answer_;
  }
  std::vector<std::string> asked;

 private:
  Answer answer_;
};

const FakeUsers users;
const HostUser alice{1000, "alice", true, {1000, 50}};
const HostUser root{0, "root", true, {0}};
constexpr uid_t bob = 1001;

AccessLists lists(std::vector<std::string> u, std::vector<std::string> g, std::vector<std::string> ru,
                  std::vector<std::string> rg) {
  return {std::move(u), std::move(g), std::move(ru), std::move(rg)};
}

definition::Definition sid() {
  definition::Definition definition;
  definition.name = "sid";
  definition.file = "/etc/unionroot/chroot.d/sid.conf";
  definition.line = 12;
  return definition;
}

base::Error refusal(const daemon::AccessQuestion& question, daemon::Authority& authority) {
  try {
    daemon::require_access(question, users, authority);
  } catch (const base::Error& error) {
    return error;
  }
  FAIL("it was allowed");
  throw std::logic_error("unreachable");
}

}  // namespace

TEST_CASE("the same uid inside is allowed to whoever is in any list") {
  CHECK(judge(alice, 1000, lists({"alice"}, {}, {}, {}), users) == Verdict::allowed);
  CHECK(judge(alice, 1000, lists({}, {"builders"}, {}, {}), users) == Verdict::allowed);
  CHECK(judge(alice, 1000, lists({}, {}, {"alice"}, {}), users) == Verdict::allowed);
  CHECK(judge(alice, 1000, lists({}, {}, {}, {"builders"}), users) == Verdict::allowed);
  CHECK(judge(alice, 1000, lists({"bob"}, {"admins", "nosuchgroup"}, {"bob"}, {"admins"}), users) == Verdict::refused);
  CHECK(judge(alice, 1000, {}, users) == Verdict::refused);
}

TEST_CASE("uid 0 inside is allowed by root-users and root-groups alone") {
  CHECK(judge(alice, 0, lists({}, {}, {"alice"}, {}), users) == Verdict::allowed);
  CHECK(judge(alice, 0, lists({}, {}, {}, {"builders"}), users) == Verdict::allowed);
  CHECK(judge(alice, 0, lists({"alice"}, {}, {}, {}), users) == Verdict::needs_authentication);
  CHECK(judge(alice, 0, lists({}, {"builders"}, {}, {}), users) == Verdict::needs_authentication);
  CHECK(judge(alice, 0, {}, users) == Verdict::refused);
}

TEST_CASE("another user inside needs that user's authentication, or root") {
  CHECK(judge(alice, bob, lists({"alice"}, {}, {}, {}), users) == Verdict::needs_authentication);
  CHECK(judge(alice, bob, lists({}, {}, {"alice"}, {}), users) == Verdict::refused);
  CHECK(judge(alice, bob, {}, users) == Verdict::refused);
  CHECK(judge(root, bob, {}, users) == Verdict::allowed);
}

TEST_CASE("root is allowed although no list names it") { CHECK(judge(root, 0, {}, users) == Verdict::allowed); }

TEST_CASE("the owner of a session counts as one of its users") {
  CHECK(judge(alice, 1000, {}, users, true) == Verdict::allowed);
  CHECK(judge(alice, 0, {}, users, true) == Verdict::needs_authentication);
  CHECK(judge(alice, 0, lists({}, {}, {"alice"}, {}), users, true) == Verdict::allowed);
}

TEST_CASE("a uid that the user database does not know is in no list, whatever the lists say") {
  const HostUser stranger{4711, "4711", false, {}};
  CHECK(judge(stranger, 4711, lists({"4711"}, {}, {"4711"}, {}), users) == Verdict::refused);
}

TEST_CASE("names are compared whole and as they are written") {
  CHECK(judge(alice, 1000, lists({"alic", "alicex", "Alice", " alice", "1000", "*"}, {}, {}, {}), users) ==
        Verdict::refused);
}

TEST_CASE("a refusal says who asked for what, and which key of which definition would permit it") {
  const auto definition = sid();
  daemon::NoAuthority nobody;
  const auto plain = refusal({alice, 7, 1000, "alice", "begin a session on chroot 'sid'", &definition, false}, nobody);
  CHECK(plain.code() == base::ErrorCode::access_denied);
  CHECK(plain.what() ==
        std::string("alice (uid 1000) may not begin a session on chroot 'sid': none of its lists names them "
                    "or a group of theirs"));
  CHECK(plain.hint() == "root may permit it: add alice to users= of [sid] (/etc/unionroot/chroot.d/sid.conf:12)");

  const auto as_root =
      refusal({alice, 7, 0, "root", "run a command as root in chroot 'sid'", &definition, false}, nobody);
  CHECK(as_root.hint() ==
        "root may permit it: add alice to root-users= of [sid] (/etc/unionroot/chroot.d/sid.conf:12)");

  const auto source =
      refusal({alice, 7, 1000, "alice", "begin a session on the source of chroot 'sid'", &definition, true}, nobody);
  CHECK(source.hint() ==
        "root may permit it: add alice to source-users= of [sid] (/etc/unionroot/chroot.d/sid.conf:12)");
}

TEST_CASE("a built-in definition cannot be edited, and the hint says what to do instead") {
  definition::Definition host;
  host.name = "host";
  host.file = "built-in";
  daemon::NoAuthority nobody;
  const auto error = refusal({alice, 7, 1000, "alice", "run a command in chroot 'host'", &host, false}, nobody);
  CHECK(error.hint().find("write a section [host] of your own with users=alice") != std::string::npos);
}

TEST_CASE("what the lists send to authentication is asked, and refused when nobody is there to ask") {
  auto definition = sid();
  definition.access.users = {"alice"};
  const daemon::AccessQuestion question{alice,       7,    0, "root", "run a command as root in chroot 'sid'",
                                        &definition, false};

  FakeAuthority yes(daemon::Authority::Answer::yes);
  CHECK_NOTHROW(daemon::require_access(question, users, yes));
  REQUIRE(yes.asked.size() == 1);
  CHECK(yes.asked.front() == "run a command as root in chroot 'sid'");

  FakeAuthority no(daemon::Authority::Answer::no);
  CHECK(std::string(refusal(question, no).what()).find("it was not authenticated") != std::string::npos);

  daemon::NoAuthority absent;
  const auto error = refusal(question, absent);
  CHECK(std::string(error.what()).find("which this version cannot ask for") != std::string::npos);
  CHECK(error.hint().find("root-users=") != std::string::npos);
}

TEST_CASE("nobody is asked when the lists are clear") {
  auto definition = sid();
  FakeAuthority yes(daemon::Authority::Answer::yes);
  refusal({alice, 7, 1000, "alice", "begin", &definition, false}, yes);
  definition.access.root_users = {"alice"};
  daemon::require_access({alice, 7, 0, "root", "begin", &definition, false}, users, yes);
  CHECK(yes.asked.empty());
}

TEST_CASE("in a session the lists of today and those that it was begun with must both allow") {
  daemon::NoAuthority nobody;
  auto today = sid();
  const auto asks = [&](uid_t target, const AccessLists& begun_with) {
    return daemon::AccessQuestion{
        alice, 7, target, target == 0 ? "root" : "alice", "run a command in session 's'", &today, false, &begun_with};
  };
  const auto none = lists({}, {}, {}, {});
  const auto as_root = lists({}, {}, {"alice"}, {});
  // Its owner counts as one of those users with whom it was begun, and of today's only if he is.
  today.access = lists({"alice"}, {}, {}, {});
  CHECK_NOTHROW(daemon::require_access(asks(1000, none), users, nobody));
  today.access = lists({"bob"}, {}, {}, {});
  CHECK(std::string(refusal(asks(1000, as_root), nobody).what()).find("none of its lists") != std::string::npos);
  // Root by both.
  today.access = as_root;
  CHECK_NOTHROW(daemon::require_access(asks(0, as_root), users, nobody));
  CHECK(std::string(refusal(asks(0, none), nobody).what()).find("when it was begun no list let them be root") !=
        std::string::npos);
  today.access = lists({"alice"}, {}, {}, {});
  CHECK(std::string(refusal(asks(0, as_root), nobody).what()).find("needs authentication") != std::string::npos);
  // By group, as the groups are now.
  today.access = lists({}, {"admins"}, {}, {});
  refusal(asks(1000, none), nobody);
  today.access = lists({}, {"builders"}, {}, {});
  CHECK_NOTHROW(daemon::require_access(asks(1000, none), users, nobody));
}

TEST_CASE("who has the uid of a session's owner by now is not its owner") {
  CHECK_THROWS_WITH(daemon::require_owner(alice, "end session 's'", "s", 1000, "carol"),
                    "alice (uid 1000) may not end session 's': the session 's' belongs to carol, who had the uid 1000 "
                    "when it was begun");
  const HostUser gone{1000, "1000", false, {}};
  CHECK_THROWS_AS(daemon::require_owner(gone, "end session 's'", "s", 1000, "carol"), base::Error);
  CHECK_NOTHROW(daemon::require_owner(root, "end session 's'", "s", 1000, "carol"));
}

TEST_CASE("a session belongs to its creator and to root") {
  CHECK_NOTHROW(daemon::require_owner(alice, "end session 's'", "s", 1000, "alice"));
  CHECK_NOTHROW(daemon::require_owner(root, "end session 's'", "s", 1000, "alice"));
  CHECK_THROWS_WITH(daemon::require_owner(alice, "end session 's'", "s", bob, "bob"),
                    "alice (uid 1000) may not end session 's': the session 's' belongs to bob (uid 1001)");
  CHECK_THROWS_AS(daemon::require_owner(alice, "end session 's'", "s", 0, "root"), base::Error);
}

TEST_CASE("user-data: only keys that the definition lets this caller set") {
  auto definition = sid();
  definition.user_modifiable_keys = {"custom.one"};
  definition.root_modifiable_keys = {"custom.two"};
  CHECK_NOTHROW(daemon::require_user_data(alice, definition, {{"custom.one", "x"}}));
  CHECK_NOTHROW(daemon::require_user_data(root, definition, {{"custom.one", "x"}, {"custom.two", "y"}}));
  CHECK_THROWS_AS(daemon::require_user_data(alice, definition, {{"custom.two", "y"}}), base::Error);
  CHECK_THROWS_AS(daemon::require_user_data(root, definition, {{"custom.three", "y"}}), base::Error);
  for (const char* bad : {"", "one", ".one", "a.", "a..b", "A.b", "a.B", "a-b.c", "1a.b", "a.b c", "a.b\n"}) {
    INFO(bad);
    definition.user_modifiable_keys = {bad};
    try {
      daemon::require_user_data(alice, definition, {{bad, "x"}});
      FAIL("it was taken");
    } catch (const base::Error& error) {
      CHECK(error.code() == base::ErrorCode::invalid_argument);
    }
  }
}

TEST_CASE("what strangers are called does not reach a terminal raw") {
  const HostUser odd{1002, "e\x1b[31mvil", true, {}};
  const auto definition = sid();
  daemon::NoAuthority nobody;
  const auto error = refusal({odd, 7, 1002, odd.name, "begin a session", &definition, false}, nobody);
  CHECK(std::string(error.what()).find('\x1b') == std::string::npos);
  CHECK(error.hint().find('\x1b') == std::string::npos);
}
