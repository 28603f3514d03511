#include "tree/sudoers.h"

#include <algorithm>
#include <catch2/catch.hpp>

using namespace unionroot::tree;

namespace {

Person ann() {
  Person person;
  person.names = {"ann", "annie"};
  person.uid = 1000;
  person.gids = {1000, 27};
  person.in_group = [](const std::string& group) {
    return group == "ann" || group == "sudo" || group == "Domain Users";
  };
  return person;
}

bool named(const std::string& text) { return read_sudoers(text, ann()).name_them; }

}  // namespace

TEST_CASE("sudo rules that name a user") {
  const char* const rule = GENERATE(
      "ann ALL=(ALL) NOPASSWD: ALL", "\tann\tALL=(ALL) ALL", "ANN ALL=ALL", "annie ALL=ALL", "bob, ann ALL=ALL",
      "bob,ann ALL=ALL", "bob , ann ALL=ALL", "bob,\\\n  ann ALL=ALL", "bob, \\\nann ALL = ALL", "\"ann\" ALL=ALL",
      "#1000 ALL=ALL", "#01000 ALL=ALL", "%sudo ALL=(ALL:ALL) ALL", "%#27 ALL=ALL", "%\"Domain Users\" ALL=ALL",
      "\"%Domain Users\" ALL=ALL", "ALL ALL=(ALL) NOPASSWD: ALL", "!bob, ann ALL=ALL", "ALL, !ann ALL=ALL",
      "! ann ALL=ALL", "+net ALL=ALL", "%:ldap ALL=ALL", "an\\n ALL=ALL", "#1000x ALL=ALL",
      "User_Alias A = bob : B = ann", "User_Alias A=bob:B=ann", "User_Alias A=bob,%sudo", "User_Alias A=bob,#1000",
      "User_Alias A = \\\n bob, \\\n ann", "ann ALL=ALL\r", "# comment \\\nann ALL=ALL",
      "bob ALL=ALL # x \\\nann ALL=ALL", "Defaultsann ALL=ALL\nann ALL=ALL", "#1000 ALL=\\\nALL");
  INFO(rule);
  CHECK(named(rule));
  CHECK(named(std::string("root ALL=(ALL:ALL) ALL\n") + rule + "\n"));
}

TEST_CASE("sudo rules that name others") {
  const char* const rule = GENERATE(
      "", "\n\n", "# ann ALL=ALL", "#ann ALL=ALL", "  # ann", "root ALL=(ALL:ALL) ALL", "bob ALL=(ann) ALL",
      "%admin ALL=(ALL) ALL", "#1001 ALL=ALL", "%#28 ALL=ALL", "Defaults env_reset", "Defaults:ann !authenticate",
      "Defaults@ALL x", "Defaults>ann x", "Defaults!ALL x", "Host_Alias ALLES = ann", "Cmnd_Alias X = /bin/ann, ALL",
      "Cmd_Alias X = ALL", "Runas_Alias OP = ann, ALL", "User_Alias A = bob # ann", "User_Alias A = bob, carol",
      "joann ALL=ALL", "bob ALL=ALL, ann", "bob ALL = ALL : ann = ALL");
  INFO(rule);
  CHECK_FALSE(named(rule));
}

TEST_CASE("what sudo rules include") {
  const auto rules = read_sudoers(
      "@includedir /etc/sudoers.d\n#includedir /etc/old.d\n#include /etc/more\n@include \"local rules\"\n  @include x "
      "# y\n"
      "#included ann\n",
      ann());
  REQUIRE(rules.includes.size() == 5);
  CHECK_FALSE(rules.name_them);
  CHECK(rules.includes[0].folder);
  CHECK(rules.includes[0].path == "/etc/sudoers.d");
  CHECK(rules.includes[1].path == "/etc/old.d");
  CHECK_FALSE(rules.includes[2].folder);
  CHECK(rules.includes[3].path == "local rules");
  CHECK(rules.includes[4].path == "x");
  // The host's name is in the path, or a blank is escaped: not followed.
  CHECK(named("@include /etc/sudoers.%h"));
  CHECK(named("@include /etc/my\\ rules"));
  CHECK(named("@include"));
}

TEST_CASE("plugins of sudo") {
  CHECK_FALSE(sudo_has_other_rules("# Plugin x y\nPath askpass /bin/x\nSet disable_coredump false\n"));
  CHECK_FALSE(
      sudo_has_other_rules("Plugin sudoers_policy sudoers.so\nPlugin sudoers_io /usr/lib/sudo/sudoers.so # z\n"));
  CHECK(sudo_has_other_rules("Plugin sudoers_policy sudoers.so sudoers_file=/etc/other\n"));
  CHECK(sudo_has_other_rules("Plugin policy mine.so\n"));
  CHECK(sudo_has_other_rules("Plugin\n"));
  // Nothing in quotes, at the end of a line and before more.
  CHECK_FALSE(sudo_has_other_rules("\"\""));
  CHECK(sudo_has_other_rules("Plugin \"\""));
  CHECK(sudo_has_other_rules("\"\", Plugin mine.so"));
}

TEST_CASE("doas rules") {
  for (const char* rule : {"permit nopass ann", "permit :sudo", "permit nopass :27", "permit keepenv 1000 as root",
                           "permit \"ann\"", "deny ann", "permit a\\nn", "permit nopass \\\n ann"})
    CHECK(doas_names(rule, ann()));
  for (const char* rule : {"", "# permit ann", "permit bob", "permit :wheel", "permit bob # ann", "permit 1001"})
    CHECK_FALSE(doas_names(rule, ann()));
}

TEST_CASE("su without a password") {
  const std::string debian =
      "auth       sufficient pam_rootok.so\n# auth       sufficient pam_wheel.so trust\nsession  required pam_env.so\n"
      "@include common-auth\n";
  CHECK_FALSE(su_needs_no_password(debian));
  CHECK_FALSE(su_needs_no_password("auth required pam_wheel.so use_uid\nauth substack system-auth\n"));
  CHECK_FALSE(su_needs_no_password("auth [success=1 default=ignore] pam_unix.so nullok\nauth requisite pam_deny.so\n"));
  for (const char* line :
       {"auth sufficient pam_wheel.so trust use_uid", "auth required pam_wheel.so trust",
        "-auth sufficient pam_succeed_if.so user ingroup vagrant", "auth required pam_permit.so",
        "auth [success=done default=ignore] /lib/security/pam_listfile.so x", "auth sufficient \\\n x"})
    CHECK(su_needs_no_password(debian + line + "\n"));
}

TEST_CASE("rules cut short anywhere, or made of anything, are read to their end") {
  const std::string all =
      "a, %b ,\\\n #1 \"q\\\" ALL=(x:y) ALL : !\\\nUser_Alias A = b : C = %:d\n@include \"x\\ y\n#includedir\n\\";
  for (std::size_t size = 0; size <= all.size(); ++size) {
    const auto part = all.substr(0, size);
    CHECK_NOTHROW(read_sudoers(part, ann()));
    CHECK_NOTHROW(doas_names(part, ann()));
    CHECK_NOTHROW(su_needs_no_password("auth " + part));
    CHECK_NOTHROW(sudo_has_other_rules("Plugin " + part));
  }
}
