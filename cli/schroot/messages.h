// What the front end says on standard error, in schroot's form: "E: ", "W: " and "I: " before each line.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace unionroot::schroot {

// The exit status of whatever goes wrong here. A command's own is passed on as it is.
inline constexpr int failure = 1;

// A command line that makes no sense. usage: whoever made it is told where to read how it is done.
class Mistake : public std::runtime_error {
 public:
  explicit Mistake(const std::string& message, bool usage = false) : std::runtime_error(message), usage_(usage) {}
  [[nodiscard]] bool usage() const { return usage_; }

 private:
  bool usage_;
};

void say_error(std::string_view text);
// And what to do about it, if that is not empty.
void say_error(std::string_view text, std::string_view hint);
void say_warning(std::string_view text);
void say_information(std::string_view text);

}  // namespace unionroot::schroot
