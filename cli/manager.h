// The daemon, as the verbs see it.
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

// Calls org.unionroot1.Manager. Every failure is a base::Error with what to do: the daemon's own errors with the code
// that their name says, the bus's in words for people.
class Manager {
 public:
  // config: the settings file that --config named, or empty.
  // told: gets what the daemon tells of progress, and then no line is shown of it.
  using Told = std::function<void(const Advance&)>;
  // asking: somebody may be asked to authenticate, if we are on a terminal.
  enum class Asking { allowed, never };
  explicit Manager(const std::string& config, Told told = {}, Asking asking = Asking::allowed);

  // doing: for the progress line, "beginning a session on sid".
  bus::Answer call(std::string_view method, bus::Body body, std::string doing,
                   const std::vector<int>& descriptors = {});

  // All that is known of a chroot or a session.
  nlohmann::json info(const std::string& name);

 private:
  bus::Answer call_once(std::string_view method, const bus::Body& body, const std::string& doing,
                        const std::vector<int>& descriptors, bool interactive);

  const std::string address_;
  bus::Connection connection_;
  Told told_;
  const Asking asking_;
};

// Asks the daemon to tell `Manager::call` how far a call is, by its options; does nothing where that would not be
// shown, unless `always`.
void ask_for_progress(bus::Options& options, bool always = false);

// What a RemoteError means.
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
