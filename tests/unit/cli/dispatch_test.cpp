// The command line: what is whose.
#include "cli/dispatch.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <catch2/catch.hpp>

using namespace unionroot::cli;
using Catch::Matchers::Contains;

namespace {

const VerbEntry& entry(std::string_view name) {
  for (const auto* verbs : {&bus_verbs(), &local_verbs()})
    for (const auto& verb : *verbs)
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
  for (const auto* verbs : {&bus_verbs(), &local_verbs()})
    for (const auto& verb : *verbs) {
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
  for (const auto* verbs : {&bus_verbs(), &local_verbs()})
    for (const auto& verb : *verbs) CHECK_THAT(help, Contains("\n  " + std::string(verb.name) + " "));
}
