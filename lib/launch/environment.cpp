#include <regex.h>

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "base/hex.h"
#include "base/names.h"
#include "base/text.h"
#include "launch/spec.h"

namespace unionroot::launch {

namespace {

constexpr const char* root_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr const char* user_path = "/usr/local/bin:/usr/bin:/bin";  // as in schroot: without games

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// Tabs and newlines are allowed (shell functions, lists). Other control characters could reach a terminal or a log.
void require_printable(std::string_view name, std::string_view value) {
  for (const char c : value) {
    if (!is_control(c) || c == '\t' || c == '\n') continue;
    throw base::Error(
        base::ErrorCode::invalid_argument,
        base::concat("preparing the environment: the variable ", base::printable(name),
                     " has the control character \\x", base::to_hex(std::string_view(&c, 1)), " in its value"),
        base::concat("unset it ('env -u ", base::printable(name),
                     " ...'), add it to the chroot's environment-filter, or run without --preserve-environment"));
  }
}

class Filter {
 public:
  explicit Filter(const std::string& expression) : used_(!expression.empty()) {
    if (!used_) return;
    const int error = ::regcomp(&compiled_, expression.c_str(), REG_EXTENDED | REG_NOSUB);
    if (error == 0) return;
    char text[128];
    ::regerror(error, &compiled_, text, sizeof text);
    throw base::Error(
        base::ErrorCode::definition_invalid,
        base::concat("preparing the environment: environment-filter '", base::printable(expression), "': ", text),
        "correct environment-filter in the chroot's definition: it is an extended regular expression");
  }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;
  ~Filter() {
    if (used_) ::regfree(&compiled_);
  }
  [[nodiscard]] bool drops(const std::string& name) const {
    return used_ && ::regexec(&compiled_, name.c_str(), 0, nullptr, 0) == 0;
  }

 private:
  bool used_;
  regex_t compiled_{};
};

[[noreturn]] void malformed(std::string_view entry) {
  throw base::Error(base::ErrorCode::invalid_argument,
                    base::concat("preparing the environment: '", base::printable(entry), "' is not NAME=VALUE"),
                    "a name is letters, digits and underscores, and does not begin with a digit");
}

// Drops names that no shell can assign (BASH_FUNC_x%%, names with dots): programs set them without the user's
// knowledge. An empty name, or one with control characters, is an error.
void add_callers(std::map<std::string, std::string>& variables, const EnvironmentRequest& request) {
  const Filter filter(request.filter);
  for (const std::string& entry : request.callers) {
    const auto equals = entry.find('=');
    if (equals == std::string::npos || equals == 0) malformed(entry);
    const std::string name = entry.substr(0, equals);
    if (std::any_of(name.begin(), name.end(), is_control)) malformed(entry);
    if (!base::valid_variable_name(name) || filter.drops(name)) continue;
    const std::string value = entry.substr(equals + 1);
    require_printable(name, value);
    variables.insert_or_assign(name, value);
  }
}

void add_set(std::map<std::string, std::string>& variables, const EnvironmentRequest& request) {
  for (const std::string& entry : request.set) {
    const auto equals = entry.find('=');
    auto name = entry.substr(0, equals);
    if (equals == std::string::npos || !base::valid_variable_name(name)) malformed(entry);
    if (name.starts_with("SCHROOT_") || name == "UNIONROOT_SESSION")
      throw base::Error(base::ErrorCode::invalid_argument,
                        base::concat("preparing the environment: ", name,
                                     " cannot be set: such a variable tells a command of its session"),
                        "use another name");
    variables.insert_or_assign(std::move(name), entry.substr(equals + 1));
  }
}

}  // namespace

std::vector<std::string> compose_environment(const User& user, const EnvironmentRequest& request) {
  std::map<std::string, std::string> variables;
  if (request.preserve) add_callers(variables, request);
  const auto add_missing = [&](const char* name, const std::string& value) {
    if (variables.contains(name)) return;
    require_printable(name, value);
    variables.emplace(name, value);
  };
  // As in schroot, preserved variables win. But root never gets another user's PATH.
  if (user.uid == 0) variables.insert_or_assign("PATH", root_path);
  add_missing("PATH", user_path);
  add_missing("HOME", user.home.empty() ? "/" : user.home);
  add_missing("LOGNAME", user.name);
  add_missing("USER", user.name);
  add_missing("SHELL", user.shell.empty() ? "/bin/sh" : user.shell);
  if (!request.terminal_type.empty()) add_missing("TERM", request.terminal_type);
  if (!request.language.empty()) add_missing("LANG", request.language);
  add_set(variables, request);
  for (const auto& [name, value] : request.extra) {
    if (!base::valid_variable_name(name)) malformed(base::concat(name, "=", value));
    require_printable(name, value);
    variables.insert_or_assign(name, value);
  }
  std::vector<std::string> environment;
  environment.reserve(variables.size());
  for (const auto& [name, value] : variables) environment.push_back(base::concat(name, "=", value));
  return environment;
}

}  // namespace unionroot::launch
