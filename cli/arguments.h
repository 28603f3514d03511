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

// --wait[=SECONDS], fractions allowed. The value only after '=', so that a name after --wait is not taken for it. And
// --yield, for a change that waits.
class WaitOption {
 public:
  void declare(CLI::App& app);
  [[nodiscard]] bool given() const { return !text_.empty(); }
  // Milliseconds; -1: without end. Only if given. Throws UsageError.
  [[nodiscard]] std::int64_t milliseconds() const;
  // Sessions that come later are not held back meanwhile. Throws UsageError if it is to wait for nothing.
  [[nodiscard]] bool yields() const;

 private:
  std::string text_;
  bool yield_ = false;
};

// --timeout SECONDS and --kill-after SECONDS, fractions allowed.
class TimeLimitOption {
 public:
  void declare(CLI::App& app);
  // What the option says, for messages.
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

// K=V each -> user data. A key is dotted, as in unionroot.conf(5); the last of one key counts. Throws UsageError.
std::map<std::string, std::string> parse_user_data(const std::vector<std::string>& options);

// A session's name, perhaps with its namespace ("session:ID"), without it. Throws UsageError.
std::string session_name(const std::string& given);

// Checks a chroot's name, perhaps with chroot: or source:. Throws UsageError.
void require_chroot_name(const std::string& given);

// Checks the id that a new session is to have: a name without a namespace. Throws UsageError.
void require_new_name(const std::string& given);

// Checks any name. Throws UsageError.
void require_name(const std::string& given);

}  // namespace unionroot::cli
