#include "cli/arguments.h"

#include <CLI/App.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/names.h"
#include "base/text.h"
#include "cli/verb.h"

namespace unionroot::cli {

namespace {

const char* const without_end = "true";  // what CLI11 stores for a flag without a value
constexpr double longest_wait = 1e9;     // seconds; some thirty years

base::QualifiedName parse_name(const std::string& given) {
  try {
    return base::parse_qualified_name(given);
  } catch (const base::Error& error) {
    throw UsageError(error.what(), error.hint());
  }
}

// ^([a-z][a-z0-9]*\.)+[a-z][a-z0-9-]*$
bool valid_key(std::string_view key) {
  const auto parts = base::split(key, '.', true);
  if (parts.size() < 2) return false;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto& part = parts[i];
    if (part.empty() || part[0] < 'a' || part[0] > 'z') return false;
    const bool last = i + 1 == parts.size();
    const auto allowed = [last](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (last && c == '-');
    };
    if (!std::all_of(part.begin(), part.end(), allowed)) return false;
  }
  return true;
}

}  // namespace

void WaitOption::declare(CLI::App& app) {
  app.add_flag("--wait", text_)->type_name("SECONDS");
  app.add_flag("--yield", yield_);
}

bool WaitOption::yields() const {
  if (yield_ && !given()) throw UsageError("--yield has no effect without --wait", "add --wait, or --wait=SECONDS");
  return yield_;
}

std::int64_t WaitOption::milliseconds() const { return text_ == without_end ? -1 : parse_seconds(text_); }

void TimeLimitOption::declare(CLI::App& app) {
  app.add_option("--timeout", limit_)->type_name("SECONDS");
  app.add_option("--kill-after", grace_)->type_name("SECONDS");
}

std::optional<terminal::TimeLimit> TimeLimitOption::read() const {
  constexpr std::chrono::milliseconds usual_grace{10'000};
  const std::string_view hint = "for example --timeout 600, or --timeout 0.5 --kill-after 2";
  // A timer of 0 never expires.
  const auto time = [hint](const std::string& text) {
    const std::chrono::milliseconds value(parse_seconds(text, hint));
    if (value.count() == 0) throw UsageError("a time limit must be more than 0 seconds", std::string(hint));
    return value;
  };
  if (limit_.empty() && grace_.empty()) return std::nullopt;
  if (limit_.empty()) throw UsageError("--kill-after is for --timeout", std::string(hint));
  return terminal::TimeLimit{time(limit_), grace_.empty() ? usual_grace : time(grace_)};
}

std::int64_t parse_seconds(std::string_view text, std::string_view hint) {
  double seconds = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, seconds, std::chars_format::fixed);
  if (text.empty() || error != std::errc() || stop != end || !(seconds >= 0) || seconds > longest_wait ||
      text[0] == '-')
    throw UsageError(base::concat("'", base::printable(text), "' is not a number of seconds"), std::string(hint));
  return static_cast<std::int64_t>(std::ceil(seconds * 1000));
}

std::map<std::string, std::string> parse_user_data(const std::vector<std::string>& options) {
  std::map<std::string, std::string> data;
  for (const auto& option : options) {
    const auto equals = option.find('=');
    const auto key = option.substr(0, equals);
    if (equals == std::string::npos || !valid_key(key))
      throw UsageError(base::concat("'", base::printable(option), "' is not an option of a session"),
                       "it looks like KEY=VALUE, where KEY has words of small letters and digits with dots between, "
                       "for example --option setup.fstab=build/fstab");
    data[key] = option.substr(equals + 1);
  }
  return data;
}

std::string session_name(const std::string& given) {
  const auto name = parse_name(given);
  if (name.space != base::Namespace::none && name.space != base::Namespace::session)
    throw UsageError(base::concat("'", base::printable(given), "' is a chroot, not a session"),
                     "'unionroot list --sessions' shows the sessions");
  return name.name;
}

void require_chroot_name(const std::string& given) {
  if (parse_name(given).space == base::Namespace::session)
    throw UsageError(base::concat("'", base::printable(given), "' is a session, not a chroot"),
                     "'unionroot list --chroots' shows the chroots");
}

void require_new_name(const std::string& given) {
  try {
    base::require_valid_name("session name", given);
  } catch (const base::Error& error) {
    throw UsageError(error.what(), error.hint());
  }
}

void require_name(const std::string& given) { parse_name(given); }

}  // namespace unionroot::cli
