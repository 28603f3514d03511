// unionroot wait: until commands have ended.
#include <CLI/App.hpp>
#include <chrono>
#include <thread>

#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/manager.h"
#include "cli/output.h"
#include "cli/sessions.h"
#include "cli/verbs/verbs.h"

namespace unionroot::cli {

namespace {

using nlohmann::json;

constexpr const char* help =
    R"(Usage: unionroot wait [OPTION]... RUN...

Waits until the commands of these runs have ended, also where the daemon is restarted
meanwhile. `unionroot run --detach` prints the id of a run, `unionroot runs` lists them. One
that has ended already is looked up in the history.

Options:
      --config FILE     the settings file
  -h, --help            show this

Exit status: that of the last command named, as `unionroot run` would have it: its own; 128+N
if signal N ended it; 124 if it took longer than --timeout; 125 to 127 if it was not executed;
125 if unionroot failed, if a run is not known, or was ended with its session.

Examples:
  unionroot wait "$run"
  unionroot wait "$one" "$two" && echo the second has succeeded
)";

// The daemon that was asked may go, and another come.
json end_of(const std::string& config, const std::string& run) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::seconds patience{20};
  constexpr std::chrono::milliseconds pause{200};
  for (auto asked = Clock::now(), since = asked;; since = std::max(since, asked)) {
    try {
      Manager manager(config);
      asked = Clock::now();
      return value_of<json>(manager.call("WaitRun", bus::Body().text(run), base::concat("waiting for run ", run)), 0);
    } catch (const base::Error& error) {
      using base::ErrorCode;
      const bool has_gone = error.code() == ErrorCode::failed || error.code() == ErrorCode::cancelled;
      // One that was waiting for long has answered before.
      if (Clock::now() - asked > patience / 2) since = Clock::now();
      if (!has_gone || Clock::now() - since > patience) throw;
    }
    std::this_thread::sleep_for(pause);
  }
}

int status_of(const std::string& run, const json& end) {
  constexpr int took_too_long = 124;
  const auto how = text_of(end, "end");
  const int value = end.value("value", 0);
  if (is_true(end, "timed-out")) return took_too_long;
  if (how == "exited" || how == "not-started") return value;
  if (how == "killed") return killed_base + value;
  print_error(
      base::concat("wait: run ", run, how == "session-ended" ? " was ended with its session" : ": nobody saw its end"),
      "");
  return failure;
}

class Wait : public Verb {
 public:
  void declare(CLI::App& app) override { app.add_option("RUN", runs_); }

  int execute(const std::string& config) override {
    if (runs_.empty()) throw UsageError("which run? RUN is missing", "`unionroot runs` lists them");
    int status = success;
    bool failed = false;
    for (const auto& run : runs_) try {
        status = status_of(run, end_of(config, run));
      } catch (const base::Error& error) {
        print_error("wait: ", error);
        failed = true;
      }
    return failed ? failure : status;
  }

 private:
  std::vector<std::string> runs_;
};

}  // namespace

const VerbEntry wait_verb = {"wait", "wait until commands have ended", help, Split::none, make_verb<Wait>};

}  // namespace unionroot::cli
