#include "session/hooks/tree_services.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/names.h"
#include "base/text.h"
#include "kernel/cgroups.h"
#include "kernel/regular_file.h"
#include "session/hooks/program.h"
#include "session/hooks/program_notes.h"
#include "session/network.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;

namespace {

constexpr const char* group_name = "services";
constexpr const char* notes_name = "70services";  // schroot's script for services
constexpr std::chrono::seconds kill_limit{10};
constexpr const char* hint = "correct it in the tree, or setup.services in the chroot's definition";

struct Starter {
  const char* path;
  std::vector<std::string> words;  // before the service's name
};

// --force overrides the tree's policy-rc.d, which keeps package scripts from starting services.
Starter find_starter(const Operation& operation) {
  const auto root = operation->space->root();
  for (auto& starter : {Starter{"/usr/sbin/invoke-rc.d", {"--force"}}, Starter{"/usr/sbin/service", {}}})
    if (kernel::find_in_tree(root.get(), starter.path)) return starter;
  throw Error(ErrorCode::stage_failed,
              "setup.services: the tree has neither /usr/sbin/invoke-rc.d nor /usr/sbin/service",
              "install init-system-helpers in it, or leave setup.services out of the chroot's definition");
}

// Throws Error(stage_failed, cancelled), SystemError.
void call(Operation& operation, const Starter& starter, const std::string& service, const char* word,
          std::function<bool()> cancelled) {
  Program program;
  program.path = starter.path;
  program.arguments = starter.words;
  program.arguments.insert(program.arguments.end(), {service, word});
  program.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                         concat("SESSION_ID=", operation.id())};
  program.session = operation.id();
  program.group = group_name;
  program.leaves_processes = true;
  program.limit = std::chrono::seconds(operation.definition().hook_time_limit);
  program.cancelled = std::move(cancelled);
  ProgramNotes notes(operation, notes_name);
  program.line = [&](bool errors, const std::string& line) { notes.add(errors, line); };
  operation.report({concat(word, " of the service ", service), 0, 0});
  auto& space = *operation->space;
  ProgramEnd end;
  in_network_of(operation, [&] {
    end = run_program(program, {[&](const auto& action) { space.visit(action); }, space.inode()},
                      operation.services().cgroups);
  });
  if (end.how == ProgramEnd::How::ended && end.end.succeeded()) return;
  throw Error(end.how == ProgramEnd::How::cancelled ? ErrorCode::cancelled : ErrorCode::stage_failed,
              concat(word, " of the service ", service, " by the tree's ", starter.path, ' ',
                     how_it_ended(end, program.limit), notes.last_words()),
              hint);
}

// The listed services. Throws Error(stage_failed) for an invalid name.
std::vector<std::string> require_possible(const definition::Definition& definition) {
  auto services = services_of(definition);
  for (const auto& service : services)
    if (!base::valid_name(service))
      throw Error(ErrorCode::stage_failed,
                  concat("setup.services: '", base::printable(service), "' is not the name of a service"),
                  "expected letters, digits, '_', '.' and '-', with commas between the names");
  return services;
}

}  // namespace

std::vector<std::string> services_of(const definition::Definition& definition) {
  const auto listed = definition.user_data.find("setup.services");
  if (listed == definition.user_data.end() || definition.is_plain()) return {};
  auto text = listed->second;
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == ' ' || c == '\t'; }, ',');
  return base::split(text, ',');
}

void start_services(Operation& operation) {
  const auto services = require_possible(operation.definition());
  const auto starter = find_starter(operation);
  for (const auto& service : services) call(operation, starter, service, "start", operation->cancelled);
}

void stop_services(Operation& operation) noexcept try {
  if (services_of(operation.definition()).empty() || !operation->space) return;
  auto services = require_possible(operation.definition());
  const auto starter = find_starter(operation);
  const auto broken_off = [&operation] {
    const auto* const stop = operation.services().stop;
    return operation.session().end_wanted || (stop != nullptr && stop->is_over());
  };
  std::reverse(services.begin(), services.end());
  for (const auto& service : services) {
    try {
      call(operation, starter, service, "stop", broken_off);
    } catch (const std::exception& error) {
      base::log::warning(concat("session ", operation.id(), ": ", error.what()));
    }
  }
} catch (const std::exception& error) {
  base::log::warning(concat("session ", operation.id(), ": stopping its services: ", error.what()));
}

void kill_services(Operation& operation) {
  auto& cgroups = operation.services().cgroups;
  if (cgroups.available())
    cgroups.kill(operation.id(), group_name, kill_limit);
  else if (operation->space)
    kernel::kill_mount_namespace(operation->space->inode(), kill_limit);
}

}  // namespace unionroot::session
