// Values of options.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "terminal/time_limit.h"

namespace CLI {
class App;
}

namespace unionroot::cli {

// --wait[=SECONDS], fractions allowed, and --yield. The value comes only after '=', so that a name after --wait is not
// taken for it.
class WaitOption {
 public:
  void declare(CLI::App& app);
  [[nodiscard]] bool given() const { return !text_.empty(); }
  // In milliseconds; -1: no limit. Call it only if given(). Throws UsageError.
  [[nodiscard]] std::int64_t milliseconds() const;
  // True: later sessions are not held back while this one waits. Throws UsageError if --wait is not given.
  [[nodiscard]] bool yields() const;

 private:
  std::string text_;
  bool yield_ = false;
};

// --timeout SECONDS and --kill-after SECONDS, fractions allowed.
class TimeLimitOption {
 public:
  void declare(CLI::App& app);
  // The value of --timeout, for messages.
  [[nodiscard]] const std::string& text() const { return limit_; }
  // nullopt: not given. Throws UsageError.
  [[nodiscard]] std::optional<terminal::TimeLimit> read() const;

 private:
  std::string limit_, grace_;
};

// "2.5" -> 2500, rounded up. Throws UsageError, with the hint.
std::int64_t parse_seconds(
    std::string_view text,
    std::string_view hint = "for example --wait=30 or --wait=0.5; --wait alone waits without end");

// Parses KEY=VALUE options as user data. A key is dotted, as in unionroot.conf(5); the last value of a key counts.
// Throws UsageError.
std::map<std::string, std::string> parse_user_data(const std::vector<std::string>& options);

// Returns a session's name without its namespace: ID for "session:ID". Throws UsageError.
std::string session_name(const std::string& given);

// Checks a chroot's name, perhaps with chroot: or source:. Throws UsageError.
void require_chroot_name(const std::string& given);

// Checks the id for a new session: a name without a namespace. Throws UsageError.
void require_new_name(const std::string& given);

// Checks any name. Throws UsageError.
void require_name(const std::string& given);

}  // namespace unionroot::cli
