// The command line: what is whose.
#include "cli/dispatch.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <catch2/catch.hpp>

#include "cli/replacements.h"

using namespace unionroot::cli;
using Catch::Matchers::Contains;

namespace {

const VerbEntry& entry(std::string_view name) {
  for (const auto& verb : all_verbs())
    if (verb.name == name) return verb;
  throw std::logic_error("no such verb");
}

std::size_t split(std::vector<std::string> words) {
  CLI::App app;
  entry("run").make()->declare(app);
  return words_before_command(app, words);
}

}  // namespace

TEST_CASE("what stands before the verb") {
  auto line = parse_command_line({"--config", "f", "run", "--config", "g", "x"});
  CHECK(line.config == "f");
  CHECK(line.verb == "run");
  CHECK(line.arguments == std::vector<std::string>{"--config", "g", "x"});
  CHECK(parse_command_line({"--config=f", "list"}).config == "f");
  CHECK(parse_command_line({"help", "run"}).help);
  CHECK(parse_command_line({"help", "run"}).verb == "run");
  CHECK(parse_command_line({"--version"}).version);
  CHECK(parse_command_line({}).verb.empty());
  CHECK_THROWS_WITH(parse_command_line({"--frob", "run"}), Contains("--frob"));
  CHECK_THROWS_AS(parse_command_line({"--config"}), UsageError);
  CHECK_THROWS_AS(parse_command_line({"--config="}), UsageError);
  CHECK_THROWS_AS(parse_command_line({"--config", "-c", "sid"}), UsageError);  // as schroot has it
}

TEST_CASE("where the command of run begins") {
  CHECK(split({"sid", "--user", "x"}) == 0);
  CHECK(split({"--user", "x", "sid", "ls"}) == 2);
  CHECK(split({"--user=x", "sid"}) == 1);
  CHECK(split({"-u", "x", "sid"}) == 2);
  CHECK(split({"-ux", "sid"}) == 1);
  CHECK(split({"-pu", "x", "sid"}) == 2);
  CHECK(split({"-p", "sid", "-p"}) == 1);
  CHECK(split({"--wait", "sid"}) == 1);
  CHECK(split({"--wait=3", "sid"}) == 1);
  CHECK(split({"-p", "--", "sid"}) == 1);
  CHECK(split({"--frobnicate", "sid"}) == 1);
  CHECK(split({"--user"}) == 1);  // its value is missing: nothing is left for a command
  CHECK(split({}) == 0);
}

TEST_CASE("help names every option, and no other") {
  for (const auto& verb : all_verbs()) {
    INFO(verb.name);
    CLI::App app;
    app.set_help_flag();
    verb.make()->declare(app);
    const std::string help = verb.help;
    CHECK_THAT(help, Contains("Examples:") && Contains("--help") && Contains("--config"));
    std::string options = help.substr(help.find("Options:"));
    options.resize(options.find("Examples:"));
    std::size_t count = 0;
    for (const auto* option : app.get_options())
      for (const auto& name : option->get_lnames()) {
        ++count;
        CHECK_THAT(options, Contains(" --" + name));
      }
    std::size_t described = 0;
    for (std::size_t at = 0; (at = options.find("  --", at)) != std::string::npos; ++at) ++described;
    for (std::size_t at = 0; (at = options.find(", --", at)) != std::string::npos; ++at) ++described;
    CHECK(described == count + 2);  // --config and --help
    for (std::size_t start = 0; start < help.size();) {
      const auto end = help.find('\n', start);
      CHECK(end - start <= 96);
      start = end + 1;
    }
  }
}

TEST_CASE("general help names every verb") {
  const auto help = general_help();
  for (const auto& verb : all_verbs()) CHECK_THAT(help, Contains("\n  " + std::string(verb.name) + " "));
}

TEST_CASE("an option of schroot's is answered with what to use here") {
  for (const auto* option : {"-c", "-csid", "--chroot", "--chroot=sid"}) {
    INFO(option);
    CHECK_THAT(in_place_of_schroot_option(option, ""), Contains("unionroot run NAME -- COMMAND"));
    CHECK_THAT(in_place_of_schroot_option(option, "end"), Contains("unionroot end NAME"));
  }
  const std::pair<const char*, const char*> expected[] = {
      {"-l", "unionroot list"},
      {"-bc", "unionroot begin"},
      {"--run-session", "unionroot run SESSION"},
      {"-e", "unionroot end"},
      {"--recover-session", "unionroot recover"},
      {"-i", "unionroot info"},
      {"--location", "unionroot location"},
      {"--session-name=x", "--name"},
      {"-u", "--user"},
      {"--all-sessions", "unionroot end --all"},
      {"-q", "leave it out"},
  };
  for (const auto& [option, hint] : expected) CHECK_THAT(in_place_of_schroot_option(option, ""), Contains(hint));
  for (const auto* option : {"-x", "--chroots", "--frobnicate", "-", "", "--"})
    CHECK(in_place_of_schroot_option(option, "") == "");
}

TEST_CASE("other programs' verbs, and no verb of ours, have a hint") {
  CHECK_THAT(in_place_of_other_verb("rm"), Contains("'end'"));
  CHECK_THAT(in_place_of_other_verb("exec"), Contains("'run'"));
  CHECK(in_place_of_other_verb("frobnicate") == "");
  for (const auto& verb : all_verbs()) CHECK(in_place_of_other_verb(verb.name) == "");
}
