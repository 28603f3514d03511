#include "definition/assignments.h"

#include <algorithm>

#include "base/text.h"

namespace unionroot::definition {

namespace {

using base::concat;
using base::printable;

// Values are usually paths, and there are few. Without limits, lines such as A=$A$A would fill the memory.
constexpr std::size_t longest_value = 4096;
constexpr std::size_t most_assignments = 1000;

bool name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool name_part(char c) { return name_start(c) || (c >= '0' && c <= '9'); }
bool blank(char c) { return c == ' ' || c == '\t'; }

class Reader {
 public:
  Reader(std::string_view text, const std::string& file, std::map<std::string, std::string> variables,
         Problems& problems)
      : text_(text), file_(file), variables_(std::move(variables)), problems_(problems) {}

  std::vector<Assignment> read() {
    if (!readable()) return {};
    while (!at_end()) read_statement();
    return std::move(result_);
  }

 private:
  [[nodiscard]] bool at_end() const { return at_ == text_.size(); }
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\n';
  }
  [[nodiscard]] bool at_word_end() const { return at_end() || blank(peek()) || peek() == '\n' || peek() == ';'; }

  [[nodiscard]] std::string_view line() const {
    const auto start = at_ == 0 ? 0 : text_.rfind('\n', at_ - 1) + 1;  // npos + 1 is 0
    return text_.substr(start, text_.find('\n', start) - start);
  }

  bool readable() {
    const auto before = problems_.size();
    for (const auto& whole : base::split(text_, '\n', true)) {
      const bool control = std::any_of(whole.begin(), whole.end(), [](char c) {
        return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F;
      });
      if (control || !base::valid_utf8(whole))
        report(control ? "there is a control character in the line" : "the line is not valid UTF-8");
      ++line_;
    }
    line_ = 1;
    return problems_.size() == before;
  }

  void report(std::string message) {
    problems_.push_back({Problem::Severity::error, file_, line_, {}, std::move(message)});
  }

  void skip_line() {
    while (!at_end() && peek() != '\n') ++at_;
  }

  // Reports one error for the line and skips the rest of it. Always returns false.
  bool fail(std::string message) {
    report(std::move(message));
    skip_line();
    return false;
  }

  bool fail_statement() {
    constexpr std::size_t shown = 80;
    const auto whole = base::trim(line());
    return fail(concat("'", printable(whole.substr(0, shown)), whole.size() > shown ? "..." : "",
                       "' is not an assignment; this file is parsed, not executed; only NAME=VALUE is allowed"));
  }

  void read_statement() {
    const char c = peek();
    if (c == '\n') {
      ++at_;
      ++line_;
    } else if (blank(c) || (c == ';' && peek(1) != ';')) {
      ++at_;
    } else if (c == '\\' && peek(1) == '\n' && at_ + 1 < text_.size()) {
      at_ += 2;
      ++line_;
    } else if (c == '#') {
      skip_line();
    } else if (name_start(c)) {
      read_assignment();
    } else {
      fail_statement();
    }
  }

  std::string take_name() {
    std::string name;
    for (; name_part(peek()); ++at_) name.push_back(peek());
    return name;
  }

  void read_assignment() {
    auto name = take_name();
    if (name == "export" && blank(peek())) {
      while (blank(peek())) ++at_;
      if (!name_start(peek())) {
        fail_statement();
        return;
      }
      name = take_name();
    }
    if (peek() != '=') {
      fail_statement();
      return;
    }
    ++at_;
    const unsigned line = line_;
    std::string value;
    if (!read_value(value)) return;
    if (result_.size() == most_assignments) {
      fail(concat("more than ", most_assignments, " assignments"));
      return;
    }
    variables_[name] = value;
    result_.push_back({std::move(name), std::move(value), line});
  }

  bool read_value(std::string& value) {
    if (peek() == '~') return fail("'~' would have to be expanded by a shell; write the whole path");
    while (!at_word_end()) {
      if (!read_piece(value)) return false;
      if (value.size() > longest_value) return fail(concat("the value is longer than ", longest_value, " bytes"));
    }
    return true;
  }

  bool read_piece(std::string& value) {
    constexpr std::string_view operators = "|&<>()`";
    const char c = peek();
    if (operators.find(c) != std::string_view::npos) return fail_statement();
    if (c == '$') return expand(value);
    ++at_;
    switch (c) {
      case '\'': return read_single_quotes(value);
      case '"': return read_double_quotes(value);
      case '\\': take_escaped(value); return true;
      default: value.push_back(c); return true;
    }
  }

  // The current character follows a backslash. A line end is dropped together with the backslash.
  void take_escaped(std::string& value) {
    if (at_end()) return;
    if (peek() == '\n')
      ++line_;
    else
      value.push_back(peek());
    ++at_;
  }

  bool read_single_quotes(std::string& value) {
    for (; !at_end() && peek() != '\''; ++at_) {
      if (peek() == '\n') break;
      value.push_back(peek());
    }
    return close('\'');
  }

  bool read_double_quotes(std::string& value) {
    while (!at_end() && peek() != '"' && peek() != '\n') {
      const char c = peek();
      if (c == '`') return fail_statement();
      if (value.size() > longest_value) break;
      if (c == '$') {
        if (!expand(value)) return false;
        continue;
      }
      ++at_;
      if (c == '\\' && std::string_view("$`\"\\\n").find(peek()) != std::string_view::npos)
        take_escaped(value);
      else
        value.push_back(c);
    }
    return value.size() > longest_value || close('"');
  }

  bool close(char quote) {
    if (at_end() || peek() != quote) return fail(concat("the quote ", quote, " is not closed in its line"));
    ++at_;
    return true;
  }

  // The current character is a '$'.
  bool expand(std::string& value) {
    ++at_;
    const bool braces = peek() == '{';
    if (braces) ++at_;
    const auto name = name_start(peek()) ? take_name() : std::string();
    const bool plain = !name.empty() && (!braces || peek() == '}');
    if (!braces && name.empty() && (at_word_end() || peek() == '"')) {
      value.push_back('$');
      return true;
    }
    if (!plain) return fail_statement();
    if (braces) ++at_;
    const auto known = variables_.find(name);
    if (known == variables_.end())
      return fail(concat("'$", name,
                         "' is not defined here; known are earlier assignments, the definition's user data "
                         "and some of schroot's variables: unionroot.conf(5)"));
    value.append(known->second);
    return true;
  }

  const std::string_view text_;
  const std::string& file_;
  std::map<std::string, std::string> variables_;
  Problems& problems_;
  std::vector<Assignment> result_;
  std::size_t at_ = 0;
  unsigned line_ = 1;
};

}  // namespace

std::vector<Assignment> parse_assignments(std::string_view text, const std::string& file,
                                          std::map<std::string, std::string> variables, Problems& problems) {
  return Reader(text, file, std::move(variables), problems).read();
}

}  // namespace unionroot::definition
