#include "launch/spec_file.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <string_view>

#include "base/error.h"
#include "base/files.h"
#include "base/paths.h"
#include "base/text.h"
#include "launch/wire.h"

namespace unionroot::launch {

namespace {

constexpr std::size_t largest_spec = std::size_t{16} << 20;

template <typename Plain>
void append_bytes(std::string& out, const Plain& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_string(std::string& out, const std::string& text) {
  if (text.find('\0') != std::string::npos)
    throw base::Error(base::ErrorCode::invalid_argument,
                      base::concat("starting a command: a NUL character in '", base::printable(text), "'"),
                      "arguments, variables and directories are text without NUL characters");
  out.append(text).push_back('\0');
}

// The name that a login shell is started under: "-bash" for /bin/bash, as login(1) does.
std::string login_name(const std::string& file) { return base::concat("-", base::file_name(file)); }

std::uint32_t count(std::size_t number) { return static_cast<std::uint32_t>(number); }

wire::Header header_of(const LaunchSpec& spec, Entered entered) {
  wire::Header header{};
  header.magic = wire::magic;
  header.personality = spec.personality;
  header.flags = (spec.terminal ? wire::terminal : 0U) | (spec.directory_fallback ? wire::directory_fallback : 0U) |
                 (entered.network ? wire::has_network : 0U) | (entered.cgroup ? wire::has_cgroup : 0U) |
                 (spec.no_new_privileges ? wire::no_new_privileges : 0U) |
                 (spec.scheduling ? wire::has_scheduling : 0U) | (spec.detached ? wire::detached : 0U);
  if (spec.detached) {
    header.timeout = static_cast<std::uint64_t>(spec.detached->timeout.count());
    header.grace = static_cast<std::uint64_t>(spec.detached->grace.count());
    header.output_limit = spec.detached->output_limit;
  }
  header.uid = spec.uid;
  header.gid = spec.gid;
  header.umask = spec.umask;
  header.rows = spec.rows;
  header.columns = spec.columns;
  header.limits = count(spec.limits.size());
  header.groups = count(spec.groups.size());
  header.arguments = count(spec.arguments.size());
  header.environment = count(spec.environment.size());
  header.directories = count(spec.directories.size());
  header.joined = count(spec.joined_groups.size());
  return header;
}

wire::Scheduling scheduling_of(const Scheduling& given) {
  wire::Scheduling scheduling{given.policy,       given.nice, given.priority, given.io_priority, given.oom_score_adjust,
                              wire::longest_mask, {}};
  scheduling.mask_size = count(given.processors.copy(reinterpret_cast<char*>(scheduling.mask), wire::longest_mask));
  return scheduling;
}

}  // namespace

std::string serialize(const LaunchSpec& spec, Entered entered) {
  if (spec.arguments.empty())
    throw base::Error(base::ErrorCode::invalid_argument, "starting a command: there is no command", "name one");
  wire::Header header = header_of(spec, entered);
  std::string out;
  append_bytes(out, header);
  for (const auto& [resource, limit] : spec.limits)
    append_bytes(out, wire::Limit{limit.rlim_cur, limit.rlim_max, static_cast<std::uint32_t>(resource), 0});
  if (spec.scheduling) append_bytes(out, scheduling_of(*spec.scheduling));
  for (const gid_t group : spec.groups) append_bytes(out, static_cast<std::uint32_t>(group));
  append_string(out, spec.session);
  append_string(out, spec.run);
  append_string(out, spec.host_name);
  append_string(out, spec.place);
  append_string(out, spec.arguments.front());
  for (std::size_t i = 0; i < spec.arguments.size(); ++i)
    append_string(out, i == 0 && spec.login_shell ? login_name(spec.arguments[0]) : spec.arguments[i]);
  for (const auto& variable : spec.environment) append_string(out, variable);
  for (const auto& directory : spec.directories) append_string(out, directory);
  for (const auto& folder : spec.joined_groups) append_string(out, folder);
  if (out.size() > largest_spec)
    throw base::Error(base::ErrorCode::invalid_argument,
                      base::concat("starting a command: its arguments and environment take ", out.size(), " bytes"),
                      "at most 16 MiB are possible: pass long lists in a file");
  header.size = count(out.size());
  out.replace(0, sizeof header, reinterpret_cast<const char*>(&header), sizeof header);
  return out;
}

base::UniqueFd sealed_file(const std::string& bytes) {
  base::UniqueFd file(base::check(::memfd_create("unionroot-run", MFD_CLOEXEC | MFD_ALLOW_SEALING),
                                  "making a memory file for a command"));
  base::write_all(file.get(), bytes, "the memory file for a command");
  base::check(::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE),
              "sealing the memory file for a command");
  return file;
}

}  // namespace unionroot::launch
