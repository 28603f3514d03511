// Values of options.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace unionroot::cli {

// --wait[=SECONDS], fractions allowed. The value only after '=', so that a name after --wait is not taken for it.
class WaitOption {
 public:
  void declare(CLI::App& app);
  [[nodiscard]] bool given() const { return !text_.empty(); }
  // Milliseconds; -1: without end. Only if given. Throws UsageError.
  [[nodiscard]] std::int64_t milliseconds() const;

 private:
  std::string text_;
};

// "2.5" -> 2500, rounded up. Throws UsageError.
std::int64_t parse_seconds(std::string_view text);

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
