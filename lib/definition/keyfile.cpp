#include "definition/keyfile.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/names.h"
#include "base/text.h"

namespace unionroot::definition {

namespace {

using base::concat;
using base::printable;

// Long enough for 500 layers, and short enough that messages with a line stay small.
constexpr std::size_t longest_line = 65536;

// Removes the blanks that may stand around '='. A '\r' is not a blank: it is a control character, which is an error of
// its own.
std::string_view trim_blanks(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// True for the key description and its translations, description[LOCALE].
bool is_description(std::string_view line) {
  const auto key = trim_blanks(line.substr(0, line.find('=')));
  return key == "description" || (key.starts_with("description[") && key.ends_with(']') && base::valid_utf8(key));
}

// Returns the number of lines if all of them end in a carriage return, as in DOS files. Otherwise 0.
std::size_t dos_lines(std::string_view text) {
  std::size_t lines = 0;
  for (; !text.empty(); ++lines) {
    const auto end = std::min(text.find('\n'), text.size());
    if (end == 0 || text[end - 1] != '\r') return 0;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

class Parser {
 public:
  explicit Parser(const std::string& file) { result_.file = file; }

  Keyfile parse(std::string_view text) {
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    if (text.substr(0, byte_order_mark.size()) == byte_order_mark) {
      text.remove_prefix(byte_order_mark.size());
      report(Problem::Severity::notice, 1, {},
             "the file begins with a byte order mark, which is ignored; schroot would refuse it");
    }
    if (const auto lines = dos_lines(text); lines > 1) {
      report(Problem::Severity::error, 0, {},
             concat("it is not read, since all its ", lines,
                    " lines end in a carriage return; convert it to Unix line ends: sed -i 's/\\r$//' ",
                    printable(result_.file)));
      return std::move(result_);
    }
    while (!text.empty()) {
      const auto end = text.find('\n');
      ++line_;
      read_line(text.substr(0, end));
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    finish_section();
    return std::move(result_);
  }

 private:
  void report(Problem::Severity severity, unsigned line, const std::string& section, std::string message) {
    result_.problems.push_back({severity, result_.file, line, section, std::move(message)});
  }

  [[nodiscard]] KeyfileSection* current() { return result_.sections.empty() ? nullptr : &result_.sections.back(); }

  // Reports an error in the current line. It makes the current section unusable.
  void fail(std::string message) {
    auto* section = current();
    if (section != nullptr) section->broken = true;
    report(Problem::Severity::error, line_, section != nullptr ? section->name : std::string(), std::move(message));
  }

  void read_line(std::string_view text) {
    if (text.empty() || text.front() == '#') return;
    if (text.front() == '[') return read_header(text);
    if (is_description(text) && !base::valid_utf8(text)) return read_description(text);
    if (!clean(text)) return;
    if (trim_blanks(text).empty()) return;
    read_entry(text);
  }

  // Old descriptions may be in Latin-1. They are converted, since people only read them. Other text may be a path and
  // is not converted.
  void read_description(std::string_view text) {
    const auto readable = base::as_utf8(std::string(text));
    if (!clean(readable)) return;
    report(Problem::Severity::warning, line_, current() != nullptr ? current()->name : std::string(),
           "the description is not valid UTF-8, and is shown changed; convert the file to UTF-8");
    read_entry(readable);
  }

  // Checks that apply to every line, whatever its meaning.
  bool clean(std::string_view text) {
    if (text.size() > longest_line) {
      fail(concat("the line is ", text.size(), " bytes long; at most ", longest_line, " are read"));
      return false;
    }
    // The line itself is not in the message: messages go over the bus, which accepts only UTF-8.
    if (!base::valid_utf8(text)) {
      fail("the line is not valid UTF-8; convert the file to UTF-8");
      return false;
    }
    if (text.back() == '\r') {
      if (carriage_returns_++ == 0) first_carriage_return_ = line_;
      if (auto* section = current(); section != nullptr) section->broken = true;
      return false;
    }
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if ((byte >= 0x20 || c == '\t') && byte != 0x7F) continue;
      fail(concat("there is a control character in '", printable(text), "'; only printable text is expected"));
      return false;
    }
    return true;
  }

  void read_header(std::string_view text) {
    finish_section();
    // Added first, so that an error in the header belongs to the new section and not to the previous one.
    result_.sections.emplace_back();
    result_.sections.back().line = line_;
    const auto end = text.find(']');
    if (!clean(text)) return;
    if (end == std::string_view::npos) return fail(concat("'", printable(text), "' has no ']'; expected [NAME]"));
    if (text.find(']', end + 1) != std::string_view::npos)
      return fail(concat("'", printable(text), "' has more than one ']'; expected [NAME]"));
    const auto name = text.substr(1, end - 1);
    if (!base::valid_name(name, base::longest_chroot_name))
      return fail(concat("'", printable(name),
                         "' is not a valid name; expected a letter or digit, then letters, digits, "
                         "'_', '.' and '-', ",
                         base::longest_chroot_name, " at most"));
    result_.sections.back().name = name;
    const auto [first, is_new] = names_.emplace(name, line_);
    if (!is_new)
      fail(concat("[", name, "] is already defined at ", result_.file, ":", first->second,
                  "; that definition is used and this one ignored; remove or rename one"));
  }

  void read_entry(std::string_view text) {
    auto* section = current();
    const auto equals = text.find('=');
    const char start = trim_blanks(text).front();
    if (section == nullptr)
      return fail(concat("'", printable(text), "' stands before the first section; expected [NAME] ",
                         start == '[' ? "in the first column" : "first"));
    if (equals == std::string_view::npos)
      return fail(concat("'", printable(text), "' has no '='; expected ",
                         start == '#'   ? "a comment to begin in the first column"
                         : start == '[' ? "[NAME] to begin in the first column"
                                        : "KEY=VALUE"));
    const auto key = trim_blanks(text.substr(0, equals));
    const auto value = trim_blanks(text.substr(equals + 1));
    if (key.empty()) return fail(concat("'", printable(text), "' has no key before '='; expected KEY=VALUE"));
    if (key.size() != equals || value.size() != text.size() - equals - 1) note_blanks();
    const auto [first, is_new] = keys_.emplace(key, line_);
    if (!is_new)
      return fail(concat("'", printable(key), "' is given again; it was given in line ", first->second,
                         " and may be given once"));
    section->entries.push_back({std::string(key), std::string(value), line_});
  }

  void note_blanks() {
    if (blank_lines_++ == 0) first_blank_line_ = line_;
  }

  void finish_section() {
    const auto* section = current();
    if (section != nullptr && blank_lines_ > 0)
      report(Problem::Severity::notice, first_blank_line_, section->name,
             concat("white space around '=' and at the end of the line is ignored here",
                    blank_lines_ > 1 ? concat(" and in ", blank_lines_ - 1, " more line", blank_lines_ > 2 ? "s" : "",
                                              " of the section")
                                     : std::string(),
                    "; schroot would take it as part of the key or value"));
    if (carriage_returns_ > 0)
      report(
          Problem::Severity::error, first_carriage_return_, section != nullptr ? section->name : std::string(),
          concat(carriage_returns_ == 1 ? std::string("the line ends")
                                        : concat("this line and ", carriage_returns_ - 1, " more of the section end"),
                 " in a carriage return; convert the file to Unix line ends: sed -i 's/\\r$//' ",
                 printable(result_.file)));
    blank_lines_ = carriage_returns_ = 0;
    keys_.clear();
  }

  Keyfile result_;
  unsigned line_ = 0;
  unsigned blank_lines_ = 0;
  unsigned first_blank_line_ = 0;
  unsigned carriage_returns_ = 0;
  unsigned first_carriage_return_ = 0;
  std::map<std::string, unsigned, std::less<>> names_;
  std::map<std::string, unsigned, std::less<>> keys_;
};

}  // namespace

const KeyfileEntry* KeyfileSection::find(std::string_view key) const {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const auto& entry) { return entry.key == key; });
  return found == entries.end() ? nullptr : &*found;
}

Keyfile parse_keyfile(std::string_view text, const std::string& file) { return Parser(file).parse(text); }

}  // namespace unionroot::definition
