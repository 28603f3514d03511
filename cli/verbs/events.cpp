// unionroot events: what happens to sessions and commands, as it happens.
#include <CLI/App.hpp>
#include <csignal>
#include <optional>

#include "base/text.h"
#include "cli/arguments.h"
#include "cli/bus/address.h"
#include "cli/bus/connection.h"
#include "cli/exit_status.h"
#include "cli/manager.h"
#include "cli/output.h"
#include "cli/sessions.h"
#include "cli/settings.h"
#include "cli/verbs/verbs.h"

namespace unionroot::cli {

namespace {

using nlohmann::json;

constexpr const char* help =
    R"(Usage: unionroot events [OPTION]...

Prints what happens to sessions and commands, a line each, until Ctrl-C: session-begun,
session-ended, session-failed, session-recovered, run-started, run-ended. You see what you
have asked for, and what happens to your sessions; root sees all.

Options:
      --session SESSION of this session alone
      --json            print an object a line
      --config FILE     the settings file
  -h, --help            show this

Exit status: 0 after Ctrl-C or SIGTERM, 125 if the daemon went, or unionroot failed.

Examples:
  unionroot events --json | jq --unbuffered -r 'select(.event == "run-ended") | .run'
)";

volatile std::sig_atomic_t interrupted = 0;

extern "C" void interrupt(int) { interrupted = 1; }

void catch_signals() {
  struct sigaction action {};
  action.sa_handler = interrupt;
  for (const int number : {SIGINT, SIGTERM}) ::sigaction(number, &action, nullptr);
}

std::string end_of(const json& event) {
  auto how = text_of(event, "end");
  if (is_true(event, "timed-out")) return "timed out";
  if (is_true(event, "out-of-memory")) return "out of memory";
  if (how == "exited") return base::concat("status ", event.value("value", 0));
  if (how == "killed") return base::concat("signal ", event.value("value", 0));
  return how;
}

std::string line_of(const json& event) {
  std::vector<std::string> words{format_time(event.value("time", std::int64_t{0})), text_of(event, "event"),
                                 text_of(event, "session")};
  if (const auto run = text_of(event, "run"); !run.empty()) words.push_back(run);
  if (text_of(event, "event") == "run-ended") words.push_back(end_of(event));
  if (const auto error = text_of(event, "error"); !error.empty()) words.push_back(error);
  if (const auto command = text_of(event, "command"); !command.empty()) words.push_back(command);
  for (auto& word : words) word = safe(word);
  return base::join(words, " ");
}

class Events : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("--session", session_)->type_name("SESSION");
    app.add_flag("--json", json_);
  }

  int execute(const std::string& config) override {
    const auto session = session_.empty() ? std::string() : session_name(session_);
    catch_signals();
    bus::Connection connection(bus::address_of(settings_for(config).bus));
    const auto told = [&](const bus::Message& message) { tell(message, session); };
    try {
      // Before the daemon is asked: else it could go unnoticed in between.
      connection.call({"org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch",
                       bus::Body().text("type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
                                        "member='NameOwnerChanged',arg0='org.unionroot1'")});
      daemon_ =
          connection.call({"org.unionroot1", "/org/unionroot1", "org.unionroot1.Manager", "Subscribe", {}}).sender;
      while (interrupted == 0 && !gone_) connection.wait_for_signal(told);
    } catch (const bus::RemoteError& error) {
      throw explain(error);
    }
    if (interrupted != 0) return success;
    throw base::Error(base::ErrorCode::failed, "unionrootd has gone",
                      "what happens from now on is not told: try again");
  }

 private:
  void tell(const bus::Message& message, const std::string& session) {
    if (message.sender == "org.freedesktop.DBus" && message.member == "NameOwnerChanged") gone_ = true;
    // Anybody on the bus may send us signals.
    if (message.sender != daemon_ || message.member != "Event" || message.body.empty()) return;
    const auto& event = message.body[0];
    if (!event.is_object() || (!session.empty() && text_of(event, "session") != session)) return;
    print((json_ ? json_text(event, -1) : line_of(event)) + "\n");
  }

  std::string session_, daemon_;
  bool json_ = false, gone_ = false;
};

}  // namespace

const VerbEntry events_verb = {"events", "print what happens, as it happens", help, Split::none, make_verb<Events>};

}  // namespace unionroot::cli
