// The rules table, row by row, and what a refusal says.
#include "daemon/authorization.h"

#include <catch2/catch.hpp>
#include <map>

#include "base/error.h"
#include "base/text.h"

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

base::Error refusal(const daemon::AccessQuestion& question, const daemon::Consents& consents = {}) {
  try {
    daemon::require_access(question, users, consents);
  } catch (const base::Error& error) {
    return error;
  }
  FAIL("it was allowed");
  throw std::logic_error("unreachable");
}

daemon::Question question_for(const daemon::AccessQuestion& question) {
  try {
    daemon::require_access(question, users, {});
  } catch (const daemon::Liftable& refusal) {
    return refusal.question();
  }
  FAIL("polkit would not be asked");
  throw std::logic_error("unreachable");
}

bool is_liftable(const daemon::AccessQuestion& question) {
  try {
    daemon::require_access(question, users, {});
  } catch (const base::Error& refusal) {
    return dynamic_cast<const daemon::Liftable*>(&refusal) != nullptr;
  }
  FAIL("it was allowed");
  return false;
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
  const auto plain = refusal({alice, 1000, "alice", "begin a session on chroot 'sid'", &definition, false});
  CHECK(plain.code() == base::ErrorCode::access_denied);
  CHECK(plain.what() ==
        std::string("alice (uid 1000) may not begin a session on chroot 'sid': none of its lists names them "
                    "or a group of theirs"));
  CHECK(plain.hint() == "root may permit it: add alice to users= of [sid] (/etc/unionroot/chroot.d/sid.conf:12)");

  const auto as_root = refusal({alice, 0, "root", "run a command as root in chroot 'sid'", &definition, false});
  CHECK(as_root.hint() ==
        "root may permit it: add alice to root-users= of [sid] (/etc/unionroot/chroot.d/sid.conf:12)");

  const auto source =
      refusal({alice, 1000, "alice", "begin a session on the source of chroot 'sid'", &definition, true});
  CHECK(source.hint() ==
        "root may permit it: add alice to source-users= of [sid] (/etc/unionroot/chroot.d/sid.conf:12)");
}

TEST_CASE("a built-in definition cannot be edited, and the hint says what to do instead") {
  definition::Definition host;
  host.name = "host";
  host.file = "built-in";
  const auto error = refusal({alice, 1000, "alice", "run a command in chroot 'host'", &host, false});
  CHECK(error.hint().find("write a section [host] of your own with users=alice") != std::string::npos);
}

TEST_CASE("what the lists send to authentication is refused, unless polkit has permitted that very thing") {
  auto definition = sid();
  definition.access.users = {"alice"};
  const daemon::AccessQuestion question{alice, 0, "root", "run a command as root in chroot 'sid'", &definition, false};
  const auto asked = question_for(question);
  CHECK(asked.action == "org.unionroot1.run-as-root");
  CHECK(asked.details == std::map<std::string, std::string>{
                             {"chroot", "sid"}, {"source", "no"}, {"user", "root"}, {"place", "chroot sid"}});
  const auto error = refusal(question);
  CHECK(error.code() == base::ErrorCode::authentication_failed);
  CHECK(error.what() == std::string("alice (uid 1000) may not run a command as root in chroot 'sid': to be root needs "
                                    "authentication"));
  CHECK(error.hint().find("root-users=") != std::string::npos);

  daemon::Consents consents;
  consents.add(asked);
  CHECK_NOTHROW(daemon::require_access(question, users, consents));

  auto other = question;
  other.target = bob;
  other.target_name = "bob";
  CHECK(question_for(other).action == "org.unionroot1.run-as-user");
  CHECK(question_for(other).details.at("user") == "bob");
  refusal(other, consents);
  other = question;
  other.source = true;
  refusal(other, consents);
  auto sid2 = definition;
  sid2.name = "sid2";
  other = question;
  other.definition = &sid2;
  refusal(other, consents);
  // A session, and another one of its name.
  other = question;
  other.session = daemon::SessionMeant{"s", 1};
  refusal(other, consents);
  consents.add(question_for(other));
  CHECK_NOTHROW(daemon::require_access(other, users, consents));
  other.session->begun = 2;
  refusal(other, consents);
  // Who is on no list any more is not let in by what was permitted before.
  definition.access.users = {};
  CHECK_THROWS_AS(daemon::require_access(question, users, consents), base::Error);
  CHECK(refusal(question, consents).code() == base::ErrorCode::access_denied);
}

TEST_CASE("two long names do not look the same to polkit") {
  auto one = sid(), two = sid();
  one.name = base::concat(std::string(900, 'a'), "1");
  two.name = base::concat(std::string(900, 'a'), "2");
  one.access.users = two.access.users = {"alice"};
  const auto asks = [](const definition::Definition& chroot) {
    return question_for({alice, 0, "root", "run", &chroot, false});
  };
  CHECK_FALSE(asks(one) == asks(two));
}

TEST_CASE("nobody is asked when the lists are clear") {
  auto definition = sid();
  CHECK_FALSE(is_liftable({alice, 1000, "alice", "begin", &definition, false}));
  CHECK_FALSE(is_liftable({alice, 0, "root", "begin", &definition, false}));
  definition.access.root_users = {"alice"};
  CHECK_NOTHROW(daemon::require_access({alice, 0, "root", "begin", &definition, false}, users, {}));
}

TEST_CASE("who is permitted to enter a session counts as one of its users, and as no more") {
  auto today = sid();
  today.access.users = {"bob"};
  const auto begun_with = lists({"bob"}, {}, {"bob"}, {});
  daemon::AccessQuestion question{alice, 1000, "alice", "run a command in session 's'", &today, false, &begun_with};
  CHECK(refusal(question).code() == base::ErrorCode::access_denied);
  question.permitted_to_enter = true;
  CHECK_NOTHROW(daemon::require_access(question, users, {}));
  question.target = 0;
  question.target_name = "root";
  CHECK(is_liftable(question));
}

TEST_CASE("what polkit answers is in the refusal, with what to do") {
  using Kind = daemon::PolkitAnswer::Kind;
  auto definition = sid();
  definition.access.users = {"alice"};
  const daemon::Liftable refused({base::ErrorCode::authentication_failed, "alice may not", "ask root"},
                                 {"org.unionroot1.run-as-root", {}});
  const auto after = [&](Kind kind, const char* text = "") { return daemon::refusal_after(refused, {kind, text}); };
  const auto expect = [&](const base::Error& error, const char* what, const char* hint) {
    INFO(error.what() << "; " << error.hint());
    CHECK(error.what() == std::string("alice may not; ") + what);
    CHECK(error.hint().find(hint) != std::string::npos);
    CHECK(error.hint().find("; or: ask root") != std::string::npos);
  };
  expect(after(Kind::refused), "polkit does not permit it (org.unionroot1.run-as-root)", "/etc/polkit-1/rules.d");
  expect(after(Kind::refused_or_not_authenticated),
         "it was not authenticated, or polkit does not permit it (org.unionroot1.run-as-root)", "try again");
  expect(after(Kind::not_authenticated), "it was not authenticated", "try again");
  expect(after(Kind::nobody_asked), "nobody was asked, since the call does not allow that", "on a terminal");
  expect(after(Kind::no_agent), "there is no agent that could ask for it", "pkttyagent");
  expect(after(Kind::not_in_time), "nobody authenticated in time", "authentication-time-limit");
  expect(after(Kind::absent), "polkit, which could permit it, is not running", "systemctl start polkit");
  expect(after(Kind::absent, "x\n"), "polkit, which could permit it, is not running: x\\x0a", "systemctl start polkit");
  expect(after(Kind::failed, "it died"), "polkit could not be asked: it died", "journalctl -u polkit");
  CHECK(after(Kind::nobody_asked).code() == base::ErrorCode::authentication_required);
  CHECK(after(Kind::no_agent).code() == base::ErrorCode::authentication_failed);
}

TEST_CASE("in a session the lists of today and those that it was begun with must both allow") {
  auto today = sid();
  const auto asks = [&](uid_t target, const AccessLists& begun_with) {
    return daemon::AccessQuestion{
        alice, target, target == 0 ? "root" : "alice", "run a command in session 's'", &today, false, &begun_with};
  };
  const auto none = lists({}, {}, {}, {});
  const auto as_root = lists({}, {}, {"alice"}, {});
  // Its owner counts as one of those users with whom it was begun, and of today's only if he is.
  today.access = lists({"alice"}, {}, {}, {});
  CHECK_NOTHROW(daemon::require_access(asks(1000, none), users, {}));
  today.access = lists({"bob"}, {}, {}, {});
  CHECK(std::string(refusal(asks(1000, as_root)).what()).find("none of its lists") != std::string::npos);
  // Root by both.
  today.access = as_root;
  CHECK_NOTHROW(daemon::require_access(asks(0, as_root), users, {}));
  CHECK(std::string(refusal(asks(0, none)).what()).find("when it was begun no list let them be root") !=
        std::string::npos);
  today.access = lists({"alice"}, {}, {}, {});
  CHECK(std::string(refusal(asks(0, as_root)).what()).find("needs authentication") != std::string::npos);
  // By group, as the groups are now.
  today.access = lists({}, {"admins"}, {}, {});
  refusal(asks(1000, none));
  today.access = lists({}, {"builders"}, {}, {});
  CHECK_NOTHROW(daemon::require_access(asks(1000, none), users, {}));
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
  const auto error = refusal({odd, 1002, odd.name, "begin a session", &definition, false});
  CHECK(std::string(error.what()).find('\x1b') == std::string::npos);
  CHECK(error.hint().find('\x1b') == std::string::npos);
}
