// Beginning, ending and recovering sessions.
#include "cli/sessions.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/arguments.h"
#include "cli/output.h"
#include "schroot/front.h"
#include "schroot/messages.h"
#include "schroot/said.h"

namespace unionroot::schroot {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::Namespace;

int Front::failed(const Error& error, const Target& target, const char* stage) {
  if (error.code() == ErrorCode::no_such_chroot) catalogue();  // warns if there are no chroots
  say(error, {target.given, line_.user.value_or(""), is_about_sessions() ? target.name.name : line_.session_name, stage,
              line_.verbose});
  return failure;
}

// The daemon refuses such options too. Here the message can name the key.
void Front::require_options(const Target& target) {
  if (line_.options.empty() || is_about_sessions()) return;
  const auto info = info_of(target);
  const auto permits = [&](const char* list, const std::string& key) {
    const auto found = info.find(list);
    if (found == info.end() || !found->is_array()) return false;
    return std::find(found->begin(), found->end(), key) != found->end();
  };
  const bool root = ::geteuid() == 0;
  for (const auto& option : line_.options) {
    const auto key = option.substr(0, option.find('='));
    if (permits("user-modifiable-keys", key) || (root && permits("root-modifiable-keys", key))) continue;
    throw Error(ErrorCode::invalid_argument, concat("Configuration key ‘", key, "’ is not permitted to be modified."),
                concat("The key is not present in user-modifiable-keys", root ? " or root-modifiable-keys" : ""));
  }
}

int Front::begin() {
  const auto target = named().front();
  require_name(target);
  // A session can only be begun for a chroot. The apparent session of a plain chroot stands for that chroot.
  if (target.name.space == Namespace::session && !is_plain(target)) throw not_found({target.given});
  const auto space = target.name.space == Namespace::session ? Namespace::chroot : target.name.space;
  if (target.name.name.ends_with("-source") && !is_there(target)) throw not_found({target.given});
  require_options(target);
  cli::bus::Options options;
  options.emplace_back("front-end", true);
  options.emplace_back("confirm", true);
  if (!line_.session_name.empty()) options.emplace_back("name", line_.session_name);
  if (!line_.options.empty()) options.emplace_back("user-data", cli::parse_user_data(line_.options));
  cli::ask_for_progress(options, true);
  std::string session;
  try {
    const auto name = qualified(space, target.name.name);
    const auto answer = manager_.call("Begin", cli::bus::Body().text(name).options(options), {});
    session = cli::value_of<std::string>(answer, 0);
  } catch (const Error& error) {
    return failed(error, target, "setup-start");
  }
  ::signal(SIGPIPE, SIG_IGN);  // makes write() return an error if the reader is gone
  try {
    cli::print(session + "\n");
  } catch (const Error& error) {
    // Nobody has seen the session's name, so nobody would ever end it.
    end({session, {Namespace::session, session}, false});
    throw;
  }
  // If a signal ends this process before this call, the daemon ends the session: its name may have reached nobody.
  manager_.call("Confirm", cli::bus::Body().text(session), {});
  return 0;
}

void Front::end(const Target& target) {
  cli::bus::Options options;
  if (line_.force) options.emplace_back("force", true);
  cli::ask_for_progress(options, true);
  const auto answer =
      manager_.call("End", cli::bus::Body().text(qualified(Namespace::session, target.name.name)).options(options), {});
  for (const auto& left : cli::value_of<std::vector<std::string>>(answer, 0)) say_warning(left);
}

void Front::recover(const Target& target) {
  cli::bus::Options options;
  cli::ask_for_progress(options, true);
  manager_.call("Recover", cli::bus::Body().text(qualified(Namespace::session, target.name.name)).options(options), {});
}

// A plain chroot has no session to act on. The call only checks whether the caller may use it.
void Front::act_on(const Target& target, const Act& act) {
  require_name(target);
  if (target.name.space == Namespace::session) try {
      act(target);
      return;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::no_such_session || !is_plain(target)) throw;
    }
  if (!is_plain(target)) throw not_found({target.given});
  cli::bus::Options options;
  options.emplace_back("front-end", true);
  manager_.call("Begin", cli::bus::Body().text(qualified(Namespace::chroot, target.name.name)).options(options), {});
}

// A failure of one session does not stop the others.
int Front::each_session(const Act& act, const char* stage) {
  const auto given = named();
  int status = 0;
  for (const auto& target : given.size() == 1 ? given : targets()) {
    try {
      act_on(target, act);
    } catch (const Error& error) {
      if (target.from_all && error.code() == ErrorCode::no_such_session) continue;  // it ended since it was listed
      status = failed(error, target, stage);
    }
  }
  return status;
}

}  // namespace unionroot::schroot
