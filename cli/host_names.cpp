#include "cli/host_names.h"

#include <string_view>

#include "base/error.h"
#include "base/text.h"
#include "kernel/command.h"

namespace unionroot::cli {

namespace {

// The name in the first entry; empty if there is none.
std::string first_name(const char* database, const std::string& key) {
  const kernel::ProcessEnd not_found{kernel::ProcessEnd::How::exited, 2};  // getent(1)
  kernel::Command command;
  command.words = {"getent", database, "--", key};
  command.package = "libc-bin";
  const auto done = kernel::run_command(command);
  if (done.end.succeeded()) return done.output.substr(0, done.output.find(':'));
  if (done.end == not_found) return {};
  throw base::Error(
      base::ErrorCode::failed,
      base::concat("looking up '", base::printable(key), "': getent ", kernel::describe(done.end), ": ", done.errors),
      base::concat("try: getent ", database, " ", base::printable(key)));
}

}  // namespace

// getent takes a number for an id, so the name that it found is compared: in a definition a number is a name.
bool host_has_user(const std::string& name) { return first_name("passwd", name) == name; }
bool host_has_group(const std::string& name) { return first_name("group", name) == name; }

std::string host_user_name(uid_t uid) {
  auto number = std::to_string(uid);
  auto name = first_name("passwd", number);
  return name.empty() ? number : name;
}

}  // namespace unionroot::cli
