#include "cli/manager.h"

#include <sys/random.h>
#include <unistd.h>

#include <optional>

#include "base/fault_point.h"
#include "base/text.h"
#include "cli/bus/address.h"
#include "cli/polkit_agent.h"
#include "cli/progress.h"
#include "cli/settings.h"

namespace unionroot::cli {

namespace {

using base::Error;
using base::ErrorCode;

constexpr std::string_view own_prefix = "org.unionroot1.Error.";
constexpr std::string_view bus_prefix = "org.freedesktop.DBus.Error.";
constexpr const char* manager_interface = "org.unionroot1.Manager";
constexpr std::string_view see_log = "see its log: systemctl status unionrootd; journalctl -u unionrootd";

ErrorCode code_of(std::string_view name) {
  for (int code = 0; code <= static_cast<int>(ErrorCode::limit_exceeded); ++code)
    if (base::error_name(static_cast<ErrorCode>(code)) == name) return static_cast<ErrorCode>(code);
  return ErrorCode::failed;  // a daemon newer than this client
}

// The bus's own errors.
Error explain_bus(std::string_view name, const std::string& message) {
  const std::string said = base::printable(message);
  if (name == "ServiceUnknown" || name == "NameHasNoOwner")
    return {ErrorCode::failed, "unionrootd is not running, and the bus cannot start it",
            "install the daemon, or start it: systemctl start unionrootd (or unionrootd --config FILE); "
            "if it runs on another bus, set `bus` in unionroot.conf(5) or name its file with --config"};
  if (name.starts_with("Spawn.") || name == "TimedOut")
    return {ErrorCode::failed, base::concat("the bus could not start unionrootd: ", said), std::string(see_log)};
  if (name == "NoReply" || name == "Disconnected")
    return {ErrorCode::failed, "unionrootd ended before it answered",
            base::concat(see_log, "\nwhat was begun is finished or undone when it starts again: try again then")};
  if (name == "AccessDenied")
    return {ErrorCode::access_denied, base::concat("the bus does not let you talk to unionrootd: ", said),
            "its policy is in org.unionroot1.conf, in /usr/share/dbus-1/system.d: install it, "
            "then systemctl reload dbus"};
  if (name == "LimitsExceeded")
    return {ErrorCode::limit_exceeded, base::concat("the bus has reached a limit: ", said),
            "another program floods it, or you have too many programs that use it: end those, or raise its limits: "
            "see dbus-daemon(1)"};
  if (name.starts_with("Unknown") || name == "InvalidArgs" || name == "InvalidSignature")
    return {ErrorCode::not_supported, base::concat("unionrootd does not know this request: ", said),
            "the two are of different versions: restart the daemon (systemctl restart unionrootd)"};
  return {ErrorCode::failed, base::concat("talking to unionrootd: ", said), std::string(see_log)};
}

// Random: tells the daemon's progress signals from signals that anybody on the bus may send.
std::uint32_t progress_number() {
  static const std::uint32_t number = [] {
    std::uint32_t random = 0;
    if (::getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random)
      random = static_cast<std::uint32_t>(::getpid());
    return random;
  }();
  return number;
}

// nullopt: it is not about our call.
std::optional<Advance> advance_of(const bus::Message& message) {
  const auto& body = message.body;
  if (message.interface != manager_interface || message.member != "Progress" || body.size() != 5) return std::nullopt;
  if (!body[0].is_number_unsigned() || body[0] != progress_number() || !body[2].is_string() ||
      !body[3].is_number_unsigned() || !body[4].is_number_unsigned())
    return std::nullopt;
  return Advance{body[2].get<std::string>(), body[3].get<std::uint64_t>(), body[4].get<std::uint64_t>()};
}

}  // namespace

void ask_for_progress(bus::Options& options, bool always) {
  if (always || progress_is_shown()) options.emplace_back("progress", std::int64_t{progress_number()});
}

Error explain(const bus::RemoteError& error) {
  const std::string_view name = error.name();
  const std::string message = error.what();
  if (name.starts_with(bus_prefix)) return explain_bus(name.substr(bus_prefix.size()), message);
  if (!name.starts_with(own_prefix))
    return {ErrorCode::failed, base::concat("unionrootd: ", message), std::string(see_log)};
  const auto first_line = message.find('\n');
  return {code_of(name.substr(own_prefix.size())), message.substr(0, first_line),
          first_line == std::string::npos ? std::string() : message.substr(first_line + 1)};
}

Manager::Manager(const std::string& config, Told told, Asking asking)
    : address_(bus::address_of(settings_for(config).bus)),
      connection_(address_),
      told_(std::move(told)),
      asking_(asking) {}

// An agent is started only for a call that needs one.
bus::Answer Manager::call(std::string_view method, bus::Body body, std::string doing,
                          const std::vector<int>& descriptors) {
  try {
    return call_once(method, body, doing, descriptors, false);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::authentication_required || asking_ == Asking::never || !PolkitAgent::has_terminal())
      throw;
  }
  const PolkitAgent agent(address_);
  return call_once(method, body, doing, descriptors, true);
}

bus::Answer Manager::call_once(std::string_view method, const bus::Body& body, const std::string& doing,
                               const std::vector<int>& descriptors, bool interactive) {
  Progress progress(doing);
  bool asks = interactive;  // the agent uses the terminal until the daemon reports progress
  const auto signalled = [&](const bus::Message& message) {
    auto advance = advance_of(message);
    if (!advance) return;
    asks = false;
    if (told_)
      told_(*advance);
    else
      progress.advance(std::move(*advance));
  };
  base::fault_point("before a call to the daemon");
  try {
    bus::Call call{"org.unionroot1", "/org/unionroot1", manager_interface, method, body};
    call.interactive = interactive;
    auto answer = connection_.call(
        std::move(call), descriptors,
        [&] {
          if (!told_ && !asks) progress.tick();
        },
        signalled);
    base::fault_point("after a call to the daemon");
    return answer;
  } catch (const bus::RemoteError& error) {
    throw explain(error);
  }
}

nlohmann::json Manager::info(const std::string& name) {
  return value_of<nlohmann::json>(call("Info", bus::Body().text(name), base::concat("looking up ", name)), 0);
}

}  // namespace unionroot::cli
