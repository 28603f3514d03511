#include "session/operations/launch_request.h"

#include <fcntl.h>
#include <sys/personality.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "base/accounts.h"
#include "base/error.h"
#include "base/log.h"
#include "base/names.h"
#include "base/paths.h"
#include "base/process_identity.h"
#include "base/text.h"
#include "kernel/regular_file.h"
#include "launch/caller.h"
#include "launch/working_directory.h"
#include "tree/way_to_root.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using launch::User;

namespace {

// The user that the command runs as. The uid was authorized, and only the host defines it. Home and shell come from the
// tree if it knows the uid, since root's shell on the host may not exist inside.
// not_inside: set if the tree does not know the uid.
User target_user(const RunRequest& request, int root, bool& not_inside) {
  const bool own = request.user.empty();
  User user;
  try {
    user = own ? launch::host_user(request.target_uid) : launch::host_user(request.user);
  } catch (const Error& error) {
    // A user that packages made inside exists only there. Only root is allowed to use it.
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
    if (error.code() != ErrorCode::no_such_user) throw;  // use the host's entry
    not_inside = true;
  }
  return user;
}

// 0: it is an executable file inside. Otherwise an errno value.
int error_of_shell(int root, const std::string& path) {
  if (path.empty() || path.front() != '/') return ENOENT;
  try {
    const auto file = kernel::find_in_tree(root, path);
    struct stat facts {};
    if (!file || ::fstat(file.get(), &facts) != 0) return ENOENT;
    return S_ISREG(facts.st_mode) && (facts.st_mode & 0111) != 0 ? 0 : EACCES;
  } catch (const base::SystemError& error) {
    return error.error_number();  // an expected miss: the next shell is tried
  }
}

std::string callers(const RunRequest& request, std::string_view name) {
  for (const auto& variable : request.environment)
    if (variable.size() > name.size() && variable.starts_with(name) && variable[name.size()] == '=')
      return variable.substr(name.size() + 1);
  return {};
}

LoginShell shell_for(const RunRequest& request, const definition::Definition& definition, bool preserve,
                     const User& user, int root) {
  // A shell requested by name is not replaced. If it is missing, the caller learns it.
  for (const auto& wanted : {request.shell, definition.shell}) {
    if (wanted.empty()) continue;
    const int error = error_of_shell(root, wanted);
    if (error == 0) return {wanted, {}};
    return {wanted, {{wanted, error}}};
  }
  LoginShell chosen{"/bin/sh", {}};
  const auto of_caller = preserve ? callers(request, "SHELL") : std::string();
  for (const auto& shell : {of_caller, user.shell, std::string("/bin/bash"), std::string("/bin/sh")}) {
    if (shell.empty()) continue;
    const int error = error_of_shell(root, shell);
    if (error == 0) {
      chosen.path = shell;
      break;
    }
    chosen.not_there.emplace_back(shell, error);
  }
  chosen.is_another = !chosen.not_there.empty();
  return chosen;
}

unsigned long personality_of(const definition::Definition& definition, const launch::Inherited& inherited) {
  // schroot's names for those of personality(2).
  static const std::map<std::string, unsigned long> names{
      {"linux", PER_LINUX},     {"linux32", PER_LINUX32}, {"linux_32bit", PER_LINUX_32BIT},
      {"bsd", PER_BSD},         {"hpux", PER_HPUX},       {"irix32", PER_IRIX32},
      {"irixn32", PER_IRIXN32}, {"irix64", PER_IRIX64},   {"iscr4", PER_ISCR4},
      {"osf4", PER_OSF4},       {"osr5", PER_OSR5},       {"riscos", PER_RISCOS},
      {"scorvr3", PER_SCOSVR3}, {"solaris", PER_SOLARIS}, {"sunos", PER_SUNOS},
      {"svr4", PER_SVR4},       {"uw7", PER_UW7},         {"wysev386", PER_WYSEV386},
      {"xenix", PER_XENIX}};
  constexpr unsigned long leave = 0xffffffffUL;
  if (definition.personality.empty() || definition.personality == "undefined")
    return inherited.personality.value_or(leave);
  const auto found = names.find(definition.personality);
  if (found == names.end())
    throw Error(ErrorCode::not_supported,
                concat("chroot ", definition.name, ": personality=", definition.personality, " is not supported"),
                "use one that unionroot.conf(5) names, or undefined");
  return found->second;
}

// True if the command must not gain privileges by set-uid programs. It may in a session whose owner may be root.
bool gains_nothing(const RunRequest& request, const definition::Definition& definition,
                   const store::SessionIdentity& session, const User& user, int root) {
  if (definition.no_new_privileges != definition::Choice::automatic)
    return definition.no_new_privileges == definition::Choice::yes;
  if (user.uid == 0 || request.owner_may_be_root) return false;
  const auto way = tree::way_to_root(root, user);
  if (way) base::log::debug(concat("session ", session.id, ": no new privileges for ", user.name, ": ", *way));
  return way.has_value();
}

// The directory of a command if none was requested. Empty: the caller did not tell its own directory.
std::string usual_directory(const RunRequest& request, const definition::Definition& definition, const User& user) {
  const auto& rule = definition.working_directory;
  if (request.front_end || rule.empty() || rule == "caller") return request.callers_directory;
  if (rule == "home") return user.home.empty() ? "/" : user.home;
  return rule;
}

// A command runs in that directory or fails. A login shell falls back to others, unless a directory was requested.
void choose_directories(launch::LaunchSpec& spec, const RunRequest& request, const definition::Definition& definition,
                        bool preserve, const User& user) {
  const bool asked_for = !request.directory.empty();
  const auto wanted = asked_for ? request.directory : usual_directory(request, definition, user);
  if (!wanted.empty()) spec.directories.push_back(wanted);
  // The front end accepts any directory of that name, as schroot does.
  const bool callers_own = !asked_for && !request.front_end && wanted == request.callers_directory;
  if (callers_own) spec.place = launch::place_of_directory(request.caller.pid, wanted);
  if (!wanted.empty() && (asked_for || !request.command.empty())) return;
  spec.directory_fallback = !wanted.empty();
  const auto of_caller = preserve ? callers(request, "HOME") : std::string();
  for (const auto& fallback : {of_caller, user.home, std::string("/")}) {
    const bool tried = std::find(spec.directories.begin(), spec.directories.end(), fallback) != spec.directories.end();
    if (!fallback.empty() && !tried) spec.directories.push_back(fallback);
  }
}

// As in schroot, user and group are those of the caller, not of the command.
std::map<std::string, std::string> names_for_the_command(const RunRequest& request,
                                                         const definition::Definition& definition,
                                                         const store::SessionIdentity& session) {
  std::map<std::string, std::string> names{
      {"SCHROOT_USER", request.caller.name},
      {"SCHROOT_UID", std::to_string(request.caller.uid)},
      {"SCHROOT_CHROOT_NAME", session.chroot},
      {"SCHROOT_ALIAS_NAME", base::parse_qualified_name(session.selected_name).name},
      {"SCHROOT_SESSION_ID", definition.is_plain() ? session.chroot : session.id}};
  if (!request.front_end) names["UNIONROOT_SESSION"] = session.id;
  if (const auto caller = base::account_of(request.caller.uid)) {
    names["SCHROOT_GID"] = std::to_string(caller->gid);
    names["SCHROOT_GROUP"] = caller->group.empty() ? base::group_name(caller->gid) : caller->group;
  }
  return names;
}

// The whole command line. It is left out if it is too long for a variable, since the command could not be executed.
void add_command(launch::LaunchSpec& spec, std::string command) {
  constexpr std::size_t longest = std::size_t{127} << 10;
  // The caller may run in a session too and have this variable.
  std::erase_if(spec.environment, [](const std::string& variable) { return variable.starts_with("SCHROOT_COMMAND="); });
  if (command.size() <= longest) spec.environment.push_back("SCHROOT_COMMAND=" + std::move(command));
}

// For a login shell this is its argv[0].
std::string command_text(const launch::LaunchSpec& spec, const RunRequest& request) {
  if (!request.command.empty()) return base::join(request.command, " ");
  const auto& shell = spec.arguments.back();
  return spec.login_shell ? base::concat("-", base::file_name(shell)) : shell;
}

}  // namespace

LaunchRequest launch_request(const RunRequest& request, const definition::Definition& definition,
                             const store::SessionIdentity& session, int root, const std::string& run) {
  LaunchRequest launch;
  bool not_inside = false;
  auto user = target_user(request, root, not_inside);
  if (not_inside) launch.not_inside = user;
  auto& spec = launch.spec;
  spec.session = session.id;
  spec.run = run;
  launch::EnvironmentRequest environment;
  environment.preserve = request.preserve_environment || definition.preserve_environment;
  spec.arguments = definition.command_prefix;
  if (request.command.empty()) {
    auto shell = shell_for(request, definition, environment.preserve, user, root);
    // As in schroot: a login shell would replace the preserved environment. A command prefix must get the shell's path.
    spec.login_shell = spec.arguments.empty() && !environment.preserve;
    spec.arguments.push_back(shell.path);
    user.shell = shell.path;  // its $SHELL
    launch.shell = std::move(shell);
  } else {
    spec.arguments.insert(spec.arguments.end(), request.command.begin(), request.command.end());
  }
  environment.callers = request.environment;
  environment.filter = definition.environment_filter;
  environment.extra = names_for_the_command(request, definition, session);
  environment.terminal_type = request.terminal_type;
  // schroot's commands have no LANG.
  if (!request.front_end) environment.language = callers(request, "LANG");
  environment.set = request.set_environment;
  spec.environment = launch::compose_environment(user, environment);
  add_command(spec, command_text(spec, request));
  launch::check_arguments(spec.arguments, spec.environment);
  choose_directories(spec, request, definition, environment.preserve, user);
  spec.uid = user.uid;
  spec.gid = user.gid;
  spec.groups = user.groups;
  auto inherited = launch::inherited_from(request.caller.pid, request.caller.start_time, request.caller.uid,
                                          definition.network == "caller");
  spec.umask = inherited.umask;
  spec.limits = std::move(inherited.limits);
  spec.scheduling = std::move(inherited.scheduling);
  if (definition.control_group == definition::ControlGroup::caller)
    launch.callers_groups = std::move(inherited.control_groups);
  spec.no_new_privileges = inherited.no_new_privileges || gains_nothing(request, definition, session, user, root);
  launch.callers_network = std::move(inherited.network);
  spec.terminal = request.terminal;
  spec.rows = request.rows;
  spec.columns = request.columns;
  spec.host_name = definition.hostname;
  spec.personality = personality_of(definition, inherited);
  return launch;
}

}  // namespace unionroot::session
