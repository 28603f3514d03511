#include "schroot/said.h"

#include "base/text.h"
#include "schroot/messages.h"

namespace unionroot::schroot {

using base::concat;
using base::ErrorCode;

namespace {

void say_as_it_is(const base::Error& error) {
  say_error(error.what());
  if (!error.hint().empty()) say_information(error.hint());
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
    case ErrorCode::access_denied:
      say_error("Access not authorised");
      say_information("You do not have permission to access the schroot service.");
      say_information("This failure will be reported.");
      if (about.verbose) say_information(concat(error.what(), "\n", error.hint()));
      return;
    case ErrorCode::session_exists:
      if (about.session.empty()) break;
      say_error(concat(about.session, ": Failed to lock chroot: /var/lib/schroot/session/", about.session,
                       ": Failed to write session file: File exists"));
      return;
    case ErrorCode::stage_failed:
      say_as_it_is(error);
      say_error(
          concat(about.session.empty() ? about.given : about.session, ": Chroot setup failed: stage=", about.stage));
      return;
    default: break;
  }
  say_as_it_is(error);
}

}  // namespace unionroot::schroot
