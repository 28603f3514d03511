#include "events/event.h"

#include "base/text.h"

namespace unionroot::events {

using base::concat;
using base::ErrorCode;
using base::printable;

namespace {

constexpr std::size_t longest_text = 2000;
constexpr std::size_t longest_name = 1000;  // of a chroot

std::string text_of(const std::optional<User>& user) { return user ? user->text() : std::string("unionrootd"); }

std::string session_text(const Event& event) {
  return concat("session ", event.session, event.owner ? concat(" of ", event.owner->text()) : "", " on ",
                event.source ? "the source of " : "", printable(event.chroot, longest_name));
}

std::string command_text(const Event& event) {
  return concat(event.becomes ? concat(" as ", event.becomes->text()) : "", ": ", event.command);
}

std::string begun_text(const Event& event) {
  return concat(text_of(event.who), " begins session ", event.session, " on ", event.source ? "the source of " : "",
                printable(event.chroot, longest_name),
                event.command.empty() ? "" : concat(" for a command", command_text(event)));
}

std::string ended_text(const Event& event) {
  if (!event.who) return concat(session_text(event), " has ended");
  return concat(text_of(event.who), " ends ", session_text(event), event.by_force ? " by force" : "");
}

std::string failed_request_text(const Event& event) {
  return concat(event.request, event.asked.empty() ? "" : concat(" '", printable(event.asked), "'"),
                event.becomes ? concat(" as ", event.becomes->text()) : "", " of ", text_of(event.who),
                priority_of(event) == Priority::warning ? " is refused: " : " fails: ", event.error);
}

std::string message_of(const Event& event) {
  const auto chroot = printable(event.chroot, longest_name);
  switch (event.kind) {
    case Kind::session_begun: return begun_text(event);
    case Kind::session_ended: return ended_text(event);
    case Kind::session_failed: return concat(session_text(event), " has failed: ", event.error);
    case Kind::session_recovered: return concat(session_text(event), " is recovered");
    case Kind::run_started:
      return concat(text_of(event.who), " runs a command in session ", event.session, command_text(event));
    case Kind::run_ended: return concat("the command of run ", event.run, " in session ", event.session, " has ended");
    case Kind::request_failed: return failed_request_text(event);
    case Kind::request_permitted: return concat("polkit permits ", text_of(event.who), ' ', event.request);
    case Kind::requests_untold:
      return concat(event.count, " more requests of ", event.who ? event.who->text() : "other users",
                    " failed in a minute; they are not in the log");
    case Kind::chroot_defined: return concat("chroot ", chroot, " is defined now");
    case Kind::chroot_changed: return concat("the definition of chroot ", chroot, " has changed");
    case Kind::chroot_removed: return concat("chroot ", chroot, " is no longer defined");
    case Kind::chroot_problem: return event.error;
  }
  return {};
}

Priority priority_of_failure(ErrorCode code) {
  switch (code) {
    case ErrorCode::access_denied:
    case ErrorCode::authentication_failed: return Priority::warning;
    case ErrorCode::failed:
    case ErrorCode::stage_failed:
    case ErrorCode::no_space:
    case ErrorCode::timed_out: return Priority::error;
    default: return Priority::info;
  }
}

}  // namespace

std::string User::text() const {
  if (!uid) return printable(name);
  const auto number = concat("uid ", *uid);
  return name.empty() || name == std::to_string(*uid) ? number : concat(printable(name), " (", number, ')');
}

std::string name_of(Kind kind) {
  switch (kind) {
    case Kind::session_begun: return "session-begun";
    case Kind::session_ended: return "session-ended";
    case Kind::session_failed: return "session-failed";
    case Kind::session_recovered: return "session-recovered";
    case Kind::run_started: return "run-started";
    case Kind::run_ended: return "run-ended";
    case Kind::request_failed: return "request-failed";
    case Kind::request_permitted: return "request-permitted";
    case Kind::requests_untold: return "requests-untold";
    case Kind::chroot_defined: return "chroot-defined";
    case Kind::chroot_changed: return "chroot-changed";
    case Kind::chroot_removed: return "chroot-removed";
    case Kind::chroot_problem: return "chroot-problem";
  }
  return {};
}

// Commands as root or as another user, and changes of a source, matter more than other commands and sessions.
Priority priority_of(const Event& event) {
  switch (event.kind) {
    case Kind::session_begun:
    case Kind::run_started: return event.becomes || event.source ? Priority::notice : Priority::info;
    case Kind::session_failed: return Priority::error;
    case Kind::request_failed: return event.code ? priority_of_failure(*event.code) : Priority::error;
    case Kind::request_permitted: return Priority::notice;
    case Kind::requests_untold: return Priority::warning;
    case Kind::chroot_problem: return event.severity.value_or(Priority::warning);
    case Kind::run_ended:
    case Kind::session_ended:
    case Kind::session_recovered:
    case Kind::chroot_defined:
    case Kind::chroot_changed:
    case Kind::chroot_removed: return Priority::info;
  }
  return Priority::info;
}

std::string text_of(const Event& event) { return printable(message_of(event), longest_text); }

std::vector<std::pair<std::string, std::string>> fields_of(const Event& event) {
  std::vector<std::pair<std::string, std::string>> fields{{"UNIONROOT_EVENT", name_of(event.kind)}};
  const auto add = [&fields](const char* name, const std::string& value, std::size_t longest) {
    if (!value.empty()) fields.emplace_back(concat("UNIONROOT_", name), printable(value, longest));
  };
  const auto add_user = [&](const char* prefix, const std::optional<User>& user) {
    if (!user) return;
    add(concat(prefix, "USER").c_str(), user->name, longest_name);
    if (user->uid) add(concat(prefix, "UID").c_str(), std::to_string(*user->uid), longest_name);
  };
  add("SESSION", event.session, longest_name);
  add("CHROOT", event.chroot, longest_name);
  add_user("", event.who ? event.who : event.owner);
  add_user("OWNER_", event.owner);
  add_user("RUN_", event.becomes);
  add("RUN", event.run, longest_name);
  add("COMMAND", event.command, longest_name);
  add("REQUEST", event.request, longest_name);
  add("NAME", event.asked, longest_name);
  if (event.code) add("ERROR", std::string(base::error_name(*event.code)), longest_name);
  if (event.count != 0) add("COUNT", std::to_string(event.count), longest_name);
  return fields;
}

}  // namespace unionroot::events
