#include "cli/dispatch.h"

#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/output.h"
#include "cli/replacements.h"

namespace unionroot::cli {

namespace {

std::vector<std::string> verb_names() {
  std::vector<std::string> names{"help"};
  for (const auto& verb : all_verbs()) names.emplace_back(verb.name);
  return names;
}

int wrong_usage(const std::string& message, const std::string& hint) {
  print_error(message, base::concat(hint, hint.empty() ? "" : "\n", "see 'unionroot --help'"),
              base::error_name(base::ErrorCode::invalid_argument));
  return failure;
}

// True if the word is --config or --config=FILE; takes it, and the value after it.
bool take_config(const std::vector<std::string>& words, std::size_t& at, std::string& config) {
  constexpr std::string_view with_value = "--config=";
  const std::string& word = words[at];
  if (word.starts_with(with_value))
    config = word.substr(with_value.size());
  else if (word != "--config")
    return false;
  else if (++at < words.size())
    config = words[at];
  if (config.empty() || config[0] == '-')
    throw UsageError("--config needs the name of a file", "for what schroot --config shows, use: unionroot info NAME");
  return true;
}

int run_known_verb(const CommandLine& line) {
  for (const auto& verb : all_verbs())
    if (verb.name == line.verb)
      return run_verb(verb, line.config, line.help ? std::vector<std::string>{"--help"} : line.arguments);
  auto near = in_place_of_other_verb(line.verb);
  if (near.empty()) near = did_you_mean(line.verb, verb_names());
  return wrong_usage(base::concat("there is no verb '", base::printable(line.verb), "'"), near);
}

}  // namespace

CommandLine parse_command_line(const std::vector<std::string>& words) {
  CommandLine line;
  std::size_t at = 0;
  for (; at < words.size(); ++at) {
    const std::string& word = words[at];
    if (take_config(words, at, line.config)) continue;
    if (word == "-h" || word == "--help")
      line.help = true;
    else if (word == "-V" || word == "--version")
      line.version = true;
    else if (word == "--json-errors")
      print_errors_as_json();
    else if (word.size() > 1 && word[0] == '-')
      refuse_option(word, {}, {"--config", "--help", "--json-errors", "--version"});
    else if (word == "help")
      line.help = true;  // 'help help' shows the general help
    else
      break;
  }
  if (at == words.size()) return line;
  line.verb = words[at];
  line.arguments.assign(words.begin() + static_cast<std::ptrdiff_t>(at) + 1, words.end());
  return line;
}

std::string general_help() {
  std::string text =
      "Usage: unionroot [--config FILE] [--json-errors] VERB [OPTION]... [ARGUMENT]...\n\n"
      "Writable sessions on shared read-only system trees.\n\nVerbs:\n";
  const auto add = [&text](std::string_view name, std::string_view summary) {
    text += base::concat("  ", name, std::string(11 - name.size(), ' '), summary, "\n");
  };
  for (const auto& verb : all_verbs()) add(verb.name, verb.summary);
  add("help", "show a verb's options and examples");
  return text +
         "\nOptions:\n"
         "      --config FILE     the settings file; otherwise $UNIONROOT_CONFIG, or\n"
         "                        /etc/unionroot/unionroot.conf\n"
         "      --json-errors     print an error as a JSON object, with its name\n"
         "  -V, --version         print the version\n"
         "  -h, --help            show this; after a verb, or with 'help VERB', that verb's\n"
         "\nExamples:\n"
         "  unionroot run host                 a shell on a temporary copy of this machine\n"
         "  id=$(unionroot begin sid)          a session that stays\n"
         "  unionroot run \"$id\" -- make\n"
         "  unionroot end \"$id\"\n"
         "\nSee unionroot(1).\n";
}

int dispatch(const std::vector<std::string>& words) {
  CommandLine line;
  try {
    line = parse_command_line(words);
    if (line.version) {
      print("unionroot " UNIONROOT_VERSION "\n");
      return success;
    }
    if (line.verb.empty()) {
      print(general_help());
      return success;
    }
    return run_known_verb(line);
  } catch (const UsageError& error) {
    return wrong_usage(error.what(), error.hint());
  } catch (const base::Error& error) {
    print_error("", error);
    return failure;
  } catch (const std::exception& error) {
    print_error(std::string_view(error.what()), "");
    return failure;
  }
}

}  // namespace unionroot::cli
