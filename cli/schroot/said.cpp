#include "schroot/said.h"

#include <string_view>

#include "base/text.h"
#include "cli/caller.h"
#include "schroot/messages.h"

namespace unionroot::schroot {

using base::concat;
using base::ErrorCode;

namespace {

void say_not_authorised(const base::Error& error, const Concerning& about) {
  say_error("Access not authorised");
  say_information("You do not have permission to access the schroot service.");
  say_information("This failure will be reported.");
  if (about.verbose) say_information(concat(error.what(), "\n", error.hint()));
}

// The session whose set-up failed, if it existed: the message is "setting up session ID: ...".
std::string session_in(std::string_view message) {
  constexpr std::string_view start = "setting up session ";
  if (!message.starts_with(start)) return {};
  message.remove_prefix(start.size());
  return std::string(message.substr(0, message.find(':')));
}

}  // namespace

void say(const base::Error& error, const Concerning& about) {
  switch (error.code()) {
    case ErrorCode::no_such_chroot:
    case ErrorCode::no_such_session: say_error(concat(about.given, ": Chroot not found")); return;
    case ErrorCode::no_such_user:
      if (about.user.empty()) break;
      say_error(concat("User ‘", about.user, "’ not found"));
      return;
    case ErrorCode::authentication_required:
    case ErrorCode::authentication_failed:
      if (about.user.empty()) return say_not_authorised(error, about);
      // PAM's messages if it cannot ask for the password, or did not get it.
      if (!cli::has_controlling_terminal()) say_error("No controlling terminal");
      say_error("Authentication failed: Authentication failure");
      if (about.verbose) say_information(concat(error.what(), "\n", error.hint()));
      return;
    case ErrorCode::access_denied:
      if (!session_in(error.what()).empty()) break;  // the session refused a file that is not trusted
      return say_not_authorised(error, about);
    case ErrorCode::session_exists:
      if (about.session.empty()) break;
      say_error(concat(about.session, ": Failed to lock chroot: /var/lib/schroot/session/", about.session,
                       ": Failed to write session file: File exists"));
      return;
    default: break;
  }
  say_error(error.what(), error.hint());
  auto session = session_in(error.what());
  if (session.empty() && error.code() == ErrorCode::stage_failed) session = about.session;
  if (!session.empty()) say_error(concat(session, ": Chroot setup failed: stage=", about.stage));
}

}  // namespace unionroot::schroot
