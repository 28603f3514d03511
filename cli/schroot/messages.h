// Messages on standard error in schroot's form: "E: ", "W: " and "I: " before each line.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace unionroot::schroot {

// The exit status of all errors of this program. A command's own status is passed on unchanged.
inline constexpr int failure = 1;

// An invalid command line. usage: also tell the user how to read the help.
class Mistake : public std::runtime_error {
 public:
  explicit Mistake(const std::string& message, bool usage = false) : std::runtime_error(message), usage_(usage) {}
  [[nodiscard]] bool usage() const { return usage_; }

 private:
  bool usage_;
};

void say_error(std::string_view text);
// Also prints the hint, if it is not empty.
void say_error(std::string_view text, std::string_view hint);
void say_warning(std::string_view text);
void say_information(std::string_view text);

}  // namespace unionroot::schroot
