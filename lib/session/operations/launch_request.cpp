#include "session/operations/launch_request.h"

#include <fcntl.h>
#include <sys/personality.h>
#include <sys/stat.h>

#include <map>

#include "base/accounts.h"
#include "base/error.h"
#include "base/log.h"
#include "base/process_identity.h"
#include "base/text.h"
#include "kernel/regular_file.h"
#include "launch/caller.h"
#include "tree/way_to_root.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using launch::User;

namespace {

// Who the command runs as. The uid is what was authorized, and the host's word alone; home and shell are the tree's,
// where it knows that uid: root's shell on the host may not be there inside.
User target_user(const RunRequest& request, int root) {
  const bool own = request.user.empty();
  User user;
  try {
    user = own ? launch::host_user(request.target_uid) : launch::host_user(request.user);
  } catch (const Error& error) {
    // A user that packages made inside is known there alone. Only root was authorized for it.
    if (error.code() != ErrorCode::no_such_user || own || request.caller.uid != 0) throw;
    return launch::tree_user(root, request.user);
  }
  if (user.uid != request.target_uid && request.caller.uid != 0)
    throw Error(ErrorCode::access_denied, concat("user ", base::printable(request.user), " is not who was authorized"));
  try {
    const auto inside = launch::tree_user(root, std::to_string(user.uid));
    user.home = inside.home;
    user.shell = inside.shell;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::no_such_user) throw;  // the host's entry serves as well
  }
  return user;
}

bool is_executable_inside(int root, const std::string& path) {
  if (path.empty() || path.front() != '/') return false;
  try {
    const auto file = kernel::find_in_tree(root, path);
    struct stat facts {};
    return file && ::fstat(file.get(), &facts) == 0 && S_ISREG(facts.st_mode) && (facts.st_mode & 0111) != 0;
  } catch (const base::SystemError&) {
    return false;  // an expected miss: the next shell is tried
  }
}

std::string shell_for(const RunRequest& request, const definition::Definition& definition, const User& user, int root) {
  // What was asked for by name is not replaced by something else: if it is missing, the user is told.
  if (!request.shell.empty()) return request.shell;
  if (!definition.shell.empty()) return definition.shell;
  for (const auto& shell : {user.shell, std::string("/bin/bash"), std::string("/bin/sh")})
    if (is_executable_inside(root, shell)) return shell;
  return "/bin/sh";
}

unsigned long personality_of(const definition::Definition& definition) {
  // schroot's words for those of personality(2).
  static const std::map<std::string, unsigned long> names{
      {"linux", PER_LINUX},     {"linux32", PER_LINUX32}, {"linux_32bit", PER_LINUX_32BIT},
      {"bsd", PER_BSD},         {"hpux", PER_HPUX},       {"irix32", PER_IRIX32},
      {"irixn32", PER_IRIXN32}, {"irix64", PER_IRIX64},   {"iscr4", PER_ISCR4},
      {"osf4", PER_OSF4},       {"osr5", PER_OSR5},       {"riscos", PER_RISCOS},
      {"scorvr3", PER_SCOSVR3}, {"solaris", PER_SOLARIS}, {"sunos", PER_SUNOS},
      {"svr4", PER_SVR4},       {"uw7", PER_UW7},         {"wysev386", PER_WYSEV386},
      {"xenix", PER_XENIX}};
  constexpr unsigned long leave = 0xffffffffUL;
  if (definition.personality.empty() || definition.personality == "undefined") return leave;
  const auto found = names.find(definition.personality);
  if (found == names.end())
    throw Error(ErrorCode::not_supported,
                concat("chroot ", definition.name, ": personality=", definition.personality, " is not supported"),
                "use one that unionroot.conf(5) names, or undefined");
  return found->second;
}

// Whether set-uid programs are to give the command nothing. In a session whose owner may be root they are no danger.
bool gains_nothing(const RunRequest& request, const definition::Definition& definition,
                   const store::SessionIdentity& session, const User& user, int root) {
  if (definition.no_new_privileges != definition::Choice::automatic)
    return definition.no_new_privileges == definition::Choice::yes;
  if (user.uid == 0 || request.owner_may_be_root) return false;
  const auto way = tree::way_to_root(root, user);
  if (way) base::log::debug(concat("session ", session.id, ": no new privileges for ", user.name, ": ", *way));
  return way.has_value();
}

// A command works in the directory that was asked for, or fails; a login shell finds a place.
void choose_directories(launch::LaunchSpec& spec, const RunRequest& request, const User& user) {
  if (!request.directory.empty()) spec.directories.push_back(request.directory);
  if (!request.directory.empty() && request.directory_required) return;
  spec.directory_fallback = !request.directory.empty();
  for (const auto& fallback : {user.home, std::string("/")})
    if (!fallback.empty()) spec.directories.push_back(fallback);
}

std::map<std::string, std::string> names_for_the_command(const RunRequest& request, const User& user,
                                                         const store::SessionIdentity& session) {
  return {// For people, so it is cut and cleaned: what the command itself gets is in its arguments.
          {"SCHROOT_COMMAND", base::printable(base::join(request.command, " "))},
          {"SCHROOT_USER", user.name},
          {"SCHROOT_UID", std::to_string(user.uid)},
          {"SCHROOT_GID", std::to_string(user.gid)},
          {"SCHROOT_GROUP", user.group.empty() ? base::group_name(user.gid) : user.group},
          {"SCHROOT_CHROOT_NAME", session.chroot},
          {"SCHROOT_ALIAS_NAME", session.selected_name},
          {"SCHROOT_SESSION_ID", session.id},
          {"UNIONROOT_SESSION", session.id}};
}

}  // namespace

launch::LaunchSpec launch_spec(const RunRequest& request, const definition::Definition& definition,
                               const store::SessionIdentity& session, int root, const std::string& run) {
  const auto user = target_user(request, root);
  launch::LaunchSpec spec;
  spec.session = session.id;
  spec.run = run;
  if (request.command.empty()) {
    spec.arguments = {shell_for(request, definition, user, root)};
    spec.login_shell = true;
  } else {
    spec.arguments = definition.command_prefix;
    spec.arguments.insert(spec.arguments.end(), request.command.begin(), request.command.end());
  }
  launch::EnvironmentRequest environment;
  environment.preserve = request.preserve_environment || definition.preserve_environment;
  environment.callers = request.environment;
  environment.filter = definition.environment_filter;
  environment.extra = names_for_the_command(request, user, session);
  environment.terminal_type = request.terminal_type;
  spec.environment = launch::compose_environment(user, environment);
  launch::check_arguments(spec.arguments, spec.environment);
  choose_directories(spec, request, user);
  spec.uid = user.uid;
  spec.gid = user.gid;
  spec.groups = user.groups;
  auto inherited = launch::inherited_from(request.caller.pid, request.caller.start_time, request.caller.uid);
  spec.umask = inherited.umask;
  spec.limits = std::move(inherited.limits);
  spec.no_new_privileges = inherited.no_new_privileges || gains_nothing(request, definition, session, user, root);
  spec.terminal = request.terminal;
  spec.rows = request.rows;
  spec.columns = request.columns;
  spec.no_network = definition.network == "none";
  spec.host_name = definition.hostname;
  spec.personality = personality_of(definition);
  return spec;
}

}  // namespace unionroot::session
