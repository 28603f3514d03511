// The command line of the schroot front end. What is expected was recorded from schroot 1.6.13.
#include "schroot/command_line.h"

#include <catch2/catch.hpp>

#include "schroot/messages.h"

using namespace unionroot::schroot;
using Words = std::vector<std::string>;

namespace {

std::string mistake(const Words& words) {
  try {
    parse_schroot(words);
  } catch (const Mistake& error) {
    return error.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("short options stand alone, joined, and in clusters") {
  for (const auto& words :
       {Words{"-r", "-q", "-c", "job", "-u", "root"}, Words{"-rqcjob", "-uroot"}, Words{"-rq", "-cjob", "--user=root"},
        Words{"--run", "--qui", "--chr", "job", "--us", "root"}}) {
    const auto line = parse_schroot(words);
    CHECK(line.action == Action::run_session);
    CHECK(line.quiet);
    CHECK(line.chroots == Words{"job"});
    CHECK(line.user == "root");
    CHECK(line.command.empty());
  }
}

TEST_CASE("options after the command's first word are still taken, until --") {
  const auto open = parse_schroot({"-c", "sid", "ls", "-d", "/tmp", "x"});
  CHECK(open.directory == "/tmp");
  CHECK(open.command == Words{"ls", "x"});
  const auto closed = parse_schroot({"-c", "sid", "--", "ls", "-d", "/tmp", "--", "-q"});
  CHECK_FALSE(closed.directory);
  CHECK(closed.command == Words{"ls", "-d", "/tmp", "--", "-q"});
}

TEST_CASE("an empty word alone is no command, and an empty value of an option says nothing") {
  CHECK(parse_schroot({"-c", "sid", "--", ""}).command.empty());
  CHECK(parse_schroot({"-c", "sid", "--", "", "x"}).command.size() == 2);
  CHECK_FALSE(parse_schroot({"-u", "", "-d", "", "-s", ""}).user);
}

TEST_CASE("what cannot be meant is refused in schroot's words") {
  CHECK(mistake({"--nope"}) == "unrecognised option '--nope'");
  CHECK(mistake({"-Zq"}) == "unrecognised option '-Zq'");
  CHECK(mistake({"-qZ"}) == "unrecognised option '-qZ'");
  CHECK(mistake({"--list=3"}) == "option '--list' does not take any arguments");
  CHECK(mistake({"-c"}) == "the required argument for option '--chroot' is missing");
  CHECK(mistake({"-c", "-u"}) == "the required argument for option '--chroot' is missing");
  CHECK(mistake({"--chroot", "sid", "id", "-u"}) == "the required argument for option '--user' is missing");
  CHECK(mistake({"--user="}) == "the argument for option '--user' should follow immediately after the equal sign");
  CHECK(mistake({"-d", "/", "-d", "/tmp"}) == "option '--directory' cannot be specified more than once");
  CHECK(mistake({"-l", "-l"}) == "option '--list' cannot be specified more than once");
  CHECK(mistake({"--all-s"}) ==
        "option '--all-s' is ambiguous and matches '--all-sessions', and '--all-source-chroots'");
  CHECK(mistake({"--a"}) ==
        "option '--a' is ambiguous and matches '--all', '--all-chroots', '--all-sessions', "
        "'--all-source-chroots', and '--automatic-session'");
  CHECK(mistake({"-b", "-l"}) == "Only one action may be specified");
  CHECK(mistake({"-V", "-l"}) == "Only one action may be specified");
  CHECK(mistake({"-n", "x", "-l"}) == "--session-name is not permitted for the specified action");
  CHECK(mistake({"-b", "-c", "sid", "-n", "a b"}) == "Invalid session name");
  CHECK(mistake({"-b", "-c", "sid", "-n", "-x"}) == "Invalid session name");
  CHECK(mistake({"-b"}) == "Exactly one chroot must be specified when beginning a session");
  CHECK(mistake({"-b", "-c", "a", "-c", "b"}) == "Exactly one chroot must be specified when beginning a session");
  CHECK(mistake({"--debug=foo"}) == "Invalid debug level");
  CHECK(mistake({"--all"}) == "none");
}

TEST_CASE("only another option's letter is missed as a value: every other word is one") {
  CHECK(parse_schroot({"-l", "-c", "-x"}).chroots == Words{"-x"});
  CHECK(parse_schroot({"-l", "-c", "--user"}).chroots == Words{"--user"});
  CHECK(parse_schroot({"-c", "sid", "-o", "--", "true"}).options == Words{"--"});
}

TEST_CASE("what is odd is warned of, and half of it is done") {
  const auto loud = parse_schroot({"-q", "-v", "-l"});
  CHECK(loud.warnings == Words{"--quiet and --verbose may not be used at the same time", "Using verbose output"});
  CHECK_FALSE(loud.verbose);
  CHECK(loud.quiet);
  const auto some = parse_schroot({"-l", "-a", "-c", "sid"});
  CHECK(some.warnings == Words{"--chroot and --all may not be used at the same time", "Using --chroots only"});
  CHECK_FALSE(some.all());
}

TEST_CASE("--all is everything, and the others are parts of it") {
  const auto all = parse_schroot({"-l", "--all"});
  CHECK((all.all_chroots && all.all_sessions && all.all_sources));
  const auto sessions = parse_schroot({"-e", "--all-sessions"});
  CHECK((sessions.all_sessions && !sessions.all_chroots && !sessions.all_sources));
}

TEST_CASE("dchroot has other letters, and its command is a text for a shell") {
  const auto line = parse_dchroot({"-d", "-c", "sid", "--", "echo one", "two"});
  CHECK(line.preserve_environment);
  CHECK(line.command == Words{"/bin/sh", "-c", "echo one two"});
  CHECK(parse_dchroot({"-p", "-c", "sid"}).action == Action::location);
  CHECK_THROWS_AS(parse_dchroot({"-b", "-c", "sid"}), Mistake);
}
