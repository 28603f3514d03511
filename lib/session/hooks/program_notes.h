// The output of a set-up program, for people: notes of the session, and the text of an error.
#pragma once

#include <deque>
#include <string>

#include "session/hooks/program.h"
#include "session/session.h"

namespace unionroot::session {

// Each line becomes a note and is reported to the caller of the set-up: "I: NAME: ..." for standard output, "E: NAME:
// ..." for standard error. The number of lines is limited.
class ProgramNotes {
 public:
  ProgramNotes(Operation& operation, std::string name) : operation_(operation), name_(std::move(name)) {}
  void add(bool errors, const std::string& line);
  // ": LINE; LINE": the last lines of standard error; empty if there are none.
  [[nodiscard]] std::string last_words() const;

 private:
  Operation& operation_;
  const std::string name_;
  std::deque<std::string> last_;
  std::size_t count_[2] = {};
};

std::string how_it_ended(const ProgramEnd& end, std::chrono::milliseconds limit);

}  // namespace unionroot::session
