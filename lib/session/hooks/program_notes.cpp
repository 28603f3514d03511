#include "session/hooks/program_notes.h"

#include "base/text.h"

namespace unionroot::session {

using base::concat;

namespace {

constexpr std::size_t most_notes = 100;     // for each of standard output and standard error of one program
constexpr std::size_t most_last_lines = 5;  // in an error

}  // namespace

void ProgramNotes::add(bool errors, const std::string& line) {
  if (errors) {
    last_.push_back(line);
    if (last_.size() > most_last_lines) last_.pop_front();
  }
  const auto count = ++count_[errors ? 1 : 0];
  const auto told = concat(errors ? "E: " : "I: ", name_, ": ", line);
  if (count <= most_notes) {
    operation_.note(told);
    operation_.report({told, 0, 0, true});
  } else if (count == most_notes + 1) {
    operation_.note(concat("W: ", name_, ": it wrote more lines, which are dropped"));
  }
}

std::string ProgramNotes::last_words() const {
  std::string words;
  for (const auto& line : last_) words += concat(words.empty() ? ": " : "; ", line);
  return words;
}

std::string how_it_ended(const ProgramEnd& end, std::chrono::milliseconds limit) {
  switch (end.how) {
    case ProgramEnd::How::ended: return describe(end.end);
    case ProgramEnd::How::over_limit:
      return concat("took longer than ", limit.count() / 1000, " s (hook-time-limit) and was killed");
    case ProgramEnd::How::cancelled: return "was cancelled";
  }
  return "did not end";
}

}  // namespace unionroot::session
