// A verb of the command line.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace CLI {
class App;
}

namespace unionroot::cli {

// Wrong usage: the message, and a hint on what to do.
class UsageError : public base::Error {
 public:
  explicit UsageError(std::string message, std::string hint = {})
      : base::Error(base::ErrorCode::invalid_argument, std::move(message), std::move(hint)) {}
};

class Verb {
 public:
  Verb() = default;
  Verb(const Verb&) = delete;
  Verb& operator=(const Verb&) = delete;
  virtual ~Verb() = default;

  // Adds the verb's own options and arguments. --config, --json-errors and --help are added already.
  virtual void declare(CLI::App& app) = 0;
  // The words of a command, for verbs that take one (see Split).
  virtual void take_command(std::vector<std::string> words) { static_cast<void>(words); }
  // Runs the verb, and returns the exit status. config: the file of --config, or empty. Throws base::Error.
  virtual int execute(const std::string& config) = 0;
};

// How a command's words are separated from unionroot's own.
enum class Split {
  none,           // there is no command
  at_first_word,  // run: from the first word that is no option
  at_dashes,      // lock: all after "--"
};

struct VerbEntry {
  std::string_view name;
  std::string_view summary;  // its line in the general help
  const char* help;          // the whole text of --help
  Split split = Split::none;
  std::unique_ptr<Verb> (*make)() = nullptr;
};

// In the order of the general help.
const std::vector<VerbEntry>& all_verbs();

// Parses `arguments` (what follows the verb) and executes. Prints help and errors; returns the exit status.
int run_verb(const VerbEntry& verb, const std::string& config, std::vector<std::string> arguments);

// The number of arguments before the first that is neither an option nor an option's value. `app` knows which options
// take a value.
std::size_t words_before_command(const CLI::App& app, const std::vector<std::string>& arguments);

// Throws UsageError for an unknown option. verb: the verb before it, or empty.
[[noreturn]] void refuse_option(const std::string& word, std::string_view verb, const std::vector<std::string>& known);

// "did you mean 'X'?", or empty if no known word is near.
std::string did_you_mean(std::string_view given, const std::vector<std::string>& known);

}  // namespace unionroot::cli
