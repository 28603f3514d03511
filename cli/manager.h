// The daemon's Manager object, for the verbs.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "cli/bus/connection.h"
#include "cli/progress.h"

namespace unionroot::cli {

// Calls org.unionroot1.Manager. Every failure is a base::Error with a hint. The daemon's errors have the code that
// their name says; the bus's errors are explained.
class Manager {
 public:
  // config: the settings file of --config, or empty.
  // told: gets the daemon's progress. No progress line is shown then.
  using Told = std::function<void(const Advance&)>;
  // asking: the user may be asked to authenticate, if we are on a terminal.
  enum class Asking { allowed, never };
  explicit Manager(const std::string& config, Told told = {}, Asking asking = Asking::allowed);

  // doing: for the progress line, "beginning a session on sid".
  bus::Answer call(std::string_view method, bus::Body body, std::string doing,
                   const std::vector<int>& descriptors = {});

  // Info of a chroot or a session.
  nlohmann::json info(const std::string& name);

 private:
  bus::Answer call_once(std::string_view method, const bus::Body& body, const std::string& doing,
                        const std::vector<int>& descriptors, bool interactive);

  const std::string address_;
  bus::Connection connection_;
  Told told_;
  const Asking asking_;
};

// Adds the option that asks for progress signals. Does nothing if progress is not shown, unless `always`.
void ask_for_progress(bus::Options& options, bool always = false);

// Converts a RemoteError to base::Error.
base::Error explain(const bus::RemoteError& error);

// The argument `index` of an answer, as T; throws Error if the daemon answered something else.
template <typename T>
T value_of(const bus::Answer& answer, std::size_t index) {
  try {
    return answer.values.at(index).get<T>();
  } catch (const nlohmann::json::exception&) {
    throw base::Error(base::ErrorCode::failed, "unionrootd gave an answer that unionroot does not understand",
                      "the two are of different versions: restart the daemon (systemctl restart unionrootd)");
  }
}

}  // namespace unionroot::cli
