#include "cli/verb.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>

#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/output.h"
#include "cli/replacements.h"
#include "definition/suggest.h"

namespace unionroot::cli {

namespace {

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* option : app.get_options())
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

// Refuses the words that the parser left over.
void refuse_extras(const VerbEntry& entry, const CLI::App& app, bool waits) {
  const auto extras = app.remaining();
  if (extras.empty()) return;
  const std::string& extra = extras.front();
  if (extra.size() < 2 || extra[0] != '-')
    throw UsageError(base::concat("unexpected argument '", base::printable(extra), "'"),
                     waits ? "the value of --wait comes after a '=': --wait=30" : "");
  refuse_option(extra, entry.name, option_names(app));
}

std::size_t dashes_in(const std::vector<std::string>& arguments) {
  return static_cast<std::size_t>(std::find(arguments.begin(), arguments.end(), "--") - arguments.begin());
}

// Moves the command's words from `arguments` to the verb.
void split_command(const VerbEntry& entry, Verb& verb, const CLI::App& app, std::vector<std::string>& arguments) {
  if (entry.split == Split::none) return;
  const bool at_dashes = entry.split == Split::at_dashes;
  const auto count = at_dashes ? dashes_in(arguments) : words_before_command(app, arguments);
  const auto start = arguments.begin() + static_cast<std::ptrdiff_t>(count);
  std::vector<std::string> command(std::make_move_iterator(start), std::make_move_iterator(arguments.end()));
  arguments.erase(start, arguments.end());
  if (!command.empty() && command.front() == "--") command.erase(command.begin());
  verb.take_command(std::move(command));
}

// CLI11 would take the next word for the value of "--name=".
void refuse_empty_values(const std::vector<std::string>& arguments) {
  for (const auto& word : arguments) {
    if (word == "--") return;
    if (word.starts_with("--") && word.find('=') == word.size() - 1)
      throw UsageError(
          base::concat("the option '", base::printable(word.substr(0, word.size() - 1)), "' has an empty value"));
  }
}

// CLI11's own messages, in our form.
std::string message_of(const CLI::ParseError& error) {
  std::string text = error.what();
  while (!text.empty() && (text.back() == '\n' || text.back() == '.')) text.pop_back();
  return base::printable(text);
}

int wrong_usage(const VerbEntry& entry, const std::string& message, const std::string& hint) {
  print_error(base::concat(entry.name, ": ", message),
              base::concat(hint, hint.empty() ? "" : "\n", "see 'unionroot ", entry.name, " --help'"),
              base::error_name(base::ErrorCode::invalid_argument));
  return failure;
}

int status_of(const base::Error& error) {
  if (error.code() == base::ErrorCode::command_not_found) return not_found;
  if (error.code() == base::ErrorCode::command_not_executable) return not_executable;
  return failure;
}

}  // namespace

std::size_t words_before_command(const CLI::App& app, const std::vector<std::string>& arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (word == "--" || word.size() < 2 || word[0] != '-') return i;
    if (word[1] == '-') {
      const auto* const option = app.get_option_no_throw(word);
      if (option != nullptr && option->get_items_expected_min() > 0) ++i;
      continue;
    }
    // A group such as -pu: the first option with a value ends it. Its value is the rest of the word, or the next word.
    for (std::size_t k = 1; k < word.size(); ++k) {
      const auto* const option = app.get_option_no_throw(std::string{'-', word[k]});
      if (option == nullptr || option->get_items_expected_min() == 0) continue;
      if (k + 1 == word.size()) ++i;
      break;
    }
  }
  return arguments.size();
}

int run_verb(const VerbEntry& entry, const std::string& config, std::vector<std::string> arguments) {
  try {
    const auto verb = entry.make();
    CLI::App app;
    app.set_help_flag();  // the help is our own text
    app.allow_extras();
    bool help = false;
    std::string own_config = config;
    app.add_flag("-h,--help", help);
    app.add_option("--config", own_config)->type_name("FILE");
    bool json_errors = false;
    app.add_flag("--json-errors", json_errors);  // read below, before any error can occur
    verb->declare(app);
    // --help counts anywhere among our own words, even if other words are wrong.
    std::vector<std::string> own(
        arguments.begin(), arguments.begin() + static_cast<std::ptrdiff_t>(entry.split == Split::at_first_word
                                                                               ? words_before_command(app, arguments)
                                                                               : dashes_in(arguments)));
    if (std::find_if(own.begin(), own.end(), [](const auto& word) { return word == "--help" || word == "-h"; }) !=
        own.end()) {
      print(entry.help);
      return success;
    }
    const auto asks = [&own](std::string_view option) {
      return std::find(own.begin(), own.end(), option) != own.end();
    };
    if (asks("--json-errors") || asks("--json")) print_errors_as_json();
    split_command(entry, *verb, app, arguments);
    refuse_empty_values(arguments);
    const bool waits = std::find(arguments.begin(), arguments.end(), "--wait") != arguments.end();
    std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
    app.parse(std::move(arguments));
    refuse_extras(entry, app, waits);
    return verb->execute(own_config);
  } catch (const CLI::ParseError& error) {
    return wrong_usage(entry, message_of(error), {});
  } catch (const UsageError& error) {
    return wrong_usage(entry, error.what(), error.hint());
  } catch (const base::Error& error) {
    print_error(base::concat(entry.name, ": "), error);
    return status_of(error);
  } catch (const std::exception& error) {
    print_error(base::concat(entry.name, ": ", std::string_view(error.what())), "");
    return failure;
  }
}

void refuse_option(const std::string& word, std::string_view verb, const std::vector<std::string>& known) {
  auto hint = in_place_of_schroot_option(word, verb);
  if (hint.empty()) hint = did_you_mean(word.substr(0, word.find('=')), known);
  throw UsageError(base::concat("unknown option '", base::printable(word), "'"), hint);
}

std::string did_you_mean(std::string_view given, const std::vector<std::string>& known) {
  const auto near = definition::near_misses(given, known, 1);
  return near.empty() ? std::string() : base::concat("did you mean '", near.front(), "'?");
}

}  // namespace unionroot::cli
