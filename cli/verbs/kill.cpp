// unionroot kill: a signal to commands, without an end of their session.
#include <CLI/App.hpp>
#include <csignal>
#include <cstring>

#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/manager.h"
#include "cli/output.h"
#include "cli/verbs/verbs.h"

namespace unionroot::cli {

namespace {

constexpr const char* help =
    R"(Usage: unionroot kill [OPTION]... RUN | SESSION

Sends a signal to all processes of a run, or of all runs of a session. The session goes on;
one that was begun for the command (`unionroot run CHROOT`) ends with it. An id is given
whole. A bare id is a run's if there is one of it, else a session's; or session:ID.

Options:
  -s, --signal SIGNAL   its name or number; otherwise TERM
      --config FILE     the settings file
  -h, --help            show this

Exit status: 0 if there was a process that has had it, 125 if there was none, or unionroot
failed.

Examples:
  unionroot kill "$run"
  unionroot kill --signal KILL session:sid-7k3f
)";

std::int64_t number_of(std::string_view signal) {
  if (const auto number = base::parse_unsigned(signal); number && *number >= 1 && *number <= 64)
    return static_cast<std::int64_t>(*number);
  std::string name(signal);
  for (char& letter : name)
    if (letter >= 'a' && letter <= 'z') letter = static_cast<char>(letter - 'a' + 'A');
  if (name.starts_with("SIG")) name.erase(0, 3);
  for (int number = 1; number < NSIG; ++number)
    if (const char* const known = ::sigabbrev_np(number); known != nullptr && name == known) return number;
  throw UsageError(base::concat("'", base::printable(signal), "' is no signal"),
                   "for example TERM, KILL, INT, HUP, USR1, or a number: signal(7)");
}

class Kill : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("NAME", name_);
    app.add_option("-s,--signal", signal_)->type_name("SIGNAL");
  }

  int execute(const std::string& config) override {
    if (name_.empty()) throw UsageError("which run or session? its id is missing", "`unionroot runs` lists the runs");
    const auto signal = number_of(signal_);
    Manager manager(config);
    const auto answer =
        manager.call("Kill", bus::Body().text(name_).options({{"signal", signal}}), base::concat("signalling ", name_));
    if (value_of<std::uint32_t>(answer, 0) != 0) return success;
    print_error(base::concat("kill: no command runs in ", base::printable(name_)), "`unionroot runs` lists what runs");
    return failure;
  }

 private:
  std::string name_, signal_ = "TERM";
};

}  // namespace

const VerbEntry kill_verb = {"kill", "send a signal to commands", help, Split::none, make_verb<Kill>};

}  // namespace unionroot::cli
