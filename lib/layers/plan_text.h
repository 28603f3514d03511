// Plans as text: parts that end with NUL. What is read was written by this daemon; damage is an error, never believed.
#pragma once

#include <charconv>
#include <map>
#include <string>
#include <string_view>

#include "base/hex.h"
#include "base/text.h"
#include "layers/changes.h"

namespace unionroot::layers {

class PlanWriter {
 public:
  template <typename Part>
  void put(const Part& part) {
    text_ += base::concat(part);
    text_ += '\0';
  }
  // Mode, owner and time.
  void put_facts(const Facts& facts);
  void put_attributes(const std::map<std::string, std::string>& attributes);
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

class PlanReader {
 public:
  // what: for messages, "the plan of a reset".
  PlanReader(std::string_view text, std::string what) : text_(text), what_(std::move(what)) {}
  [[nodiscard]] bool done() const { return text_.empty(); }
  // These throw Error(failed).
  std::string next();
  template <typename Number>
  Number number() {
    const auto part = next();
    Number value{};
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc() || end != part.data() + part.size()) throw_malformed();
    return value;
  }
  std::string bytes();  // that were put as hexadecimal digits
  Facts facts();
  std::map<std::string, std::string> attributes();
  [[noreturn]] void throw_malformed() const;

 private:
  std::string_view text_;
  const std::string what_;
};

}  // namespace unionroot::layers
