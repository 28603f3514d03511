#include "definition/settings.h"

#include <algorithm>
#include <boost/filesystem.hpp>
#include <cstdlib>
#include <iterator>

#include "base/error.h"
#include "base/text.h"
#include "definition/section_reader.h"
#include "definition/settings_error.h"
#include "definition/settings_section.h"
#include "definition/suggest.h"
#include "definition/trusted_file.h"

namespace unionroot::definition {

namespace {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::printable;

struct WorkLimitKey {
  std::string_view key;
  unsigned WorkLimits::*value;
  unsigned least;
};

// Each class of work needs room for at least one.
constexpr WorkLimitKey work_limits[] = {{"begins-at-once", &WorkLimits::begins, 1},
                                        {"begins-per-user", &WorkLimits::begins_per_user, 1},
                                        {"starts-at-once", &WorkLimits::starts, 1},
                                        {"starts-per-user", &WorkLimits::starts_per_user, 1},
                                        {"ends-at-once", &WorkLimits::ends, 1},
                                        {"ends-per-user", &WorkLimits::ends_per_user, 1},
                                        {"slow-ends-at-once", &WorkLimits::slow_ends, 1},
                                        {"slow-ends-per-user", &WorkLimits::slow_ends_per_user, 1},
                                        {"queries-at-once", &WorkLimits::queries, 1},
                                        {"queries-per-user", &WorkLimits::queries_per_user, 1},
                                        {"lookups-at-once", &WorkLimits::lookups, 1},
                                        {"lookups-per-user", &WorkLimits::lookups_per_user, 1},
                                        {"waiting-per-user", &WorkLimits::waiting_per_user, 1},
                                        {"root-reserve", &WorkLimits::root_reserve, 1}};

const std::vector<std::string>& known_keys() {
  static const std::vector<std::string> keys = [] {
    std::vector<std::string> all{"config-directory",
                                 "state-directory",
                                 "runtime-directory",
                                 "bus",
                                 "helper",
                                 "read-schroot",
                                 "schroot-directory",
                                 "schroot-places",
                                 "schroot-run-directory",
                                 "schroot-state-directory",
                                 "log-level",
                                 "sessions-per-user",
                                 "built-in-host",
                                 "working-directory",
                                 "session-names",
                                 "session-time-limit",
                                 "source-session-time-limit",
                                 "hold-back-time-limit",
                                 "schroot-wait-limit",
                                 "authentication-time-limit",
                                 "history-days",
                                 "detached-output-limit",
                                 "detached-output-per-user",
                                 "reserve-space",
                                 "reserve-inodes"};
    for (const auto& limit : work_limits) all.emplace_back(limit.key);
    return all;
  }();
  return keys;
}

// In definitions a malformed boolean is a warning, as in schroot. Here nobody would see a warning, so it is an error.
void strict_boolean(SectionReader& reader, std::string_view key, bool& value) {
  std::string text;
  reader.text(key, text);
  if (text.empty()) return;
  if (const auto parsed = parse_boolean(text))
    value = *parsed;
  else
    reader.error(reader.line_of(key), concat(key, ": '", printable(text), "' is neither yes nor no"));
}

// nullopt: `auto`.
void boolean_or_auto(SectionReader& reader, std::string_view key, std::optional<bool>& value) {
  std::string text;
  reader.text(key, text);
  if (text.empty()) return;
  value = parse_boolean(text);
  if (!value && text != "auto")
    reader.error(reader.line_of(key), concat(key, ": '", printable(text), "' is none of auto, yes and no"));
}

void own_folder(SectionReader& reader, std::string_view key, std::string& value) {
  reader.path(key, value);
  if (base::split(value, '/').empty())
    reader.error(reader.line_of(key), concat(key, ": '/' cannot be used; expected a folder of its own"));
}

void parse_bus(SectionReader& reader, std::string& bus) {
  std::string text = bus;
  reader.text("bus", text);
  static constexpr std::string_view transports[] = {"unix:", "tcp:", "nonce-tcp:", "unixexec:", "autolaunch:"};
  const bool address = std::any_of(std::begin(transports), std::end(transports), [&](std::string_view transport) {
    return text.rfind(transport, 0) == 0 && text.size() > transport.size();
  });
  if (text == "system" || text == "session" || address)
    bus = text;
  else
    reader.error(reader.line_of("bus"), concat("bus: '", printable(text),
                                               "' is not a bus; expected system, session, or a "
                                               "D-Bus address such as unix:path=/run/dbus/system_bus_socket"));
}

void parse_number(SectionReader& reader, std::string_view key, unsigned least, unsigned most, std::string_view zero,
                  unsigned& value) {
  std::string text;
  reader.text(key, text);
  if (text.empty()) return;
  const auto number = base::parse_unsigned(text);
  if (number && *number >= least && *number <= most)
    value = static_cast<unsigned>(*number);
  else
    reader.error(reader.line_of(key),
                 concat(key, ": '", printable(text), "' is not a number from ", least, zero, " to ", most));
}

// A size or number, or a percentage. 0: nothing is reserved.
void parse_reserve(SectionReader& reader, std::string_view key, bool bytes, Reserve& value) {
  std::string text;
  reader.text(key, text);
  if (text.empty()) return;
  const auto given = text == "0" ? Size{} : parse_size(text).value_or(Size{0, 101});
  const bool number = bytes || given.percent != 0 || base::parse_unsigned(text);
  if (given.percent <= 100 && number)
    value = {given.percent, 0, given.bytes};
  else
    reader.error(reader.line_of(key), concat(key, ": '", printable(text), "' is neither ",
                                             bytes ? "a size, such as 500M," : "a number of inodes",
                                             " nor a percentage from 1% to 100%, nor 0 for nothing"));
}

// In bytes, without a percentage.
void parse_bytes(SectionReader& reader, std::string_view key, std::uint64_t least, std::uint64_t& value) {
  std::string text;
  reader.text(key, text);
  if (text.empty()) return;
  const auto given = parse_size(text);
  if (given && given->percent == 0 && given->bytes >= least && given->bytes <= std::uint64_t{1} << 50)
    value = given->bytes;
  else
    reader.error(reader.line_of(key),
                 concat(key, ": '", printable(text), "' is not a size of at least ", least >> 20, "M, such as 64M"));
}

void parse_detached_output(SectionReader& reader, Settings& settings) {
  constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;
  parse_bytes(reader, "detached-output-limit", mebibyte, settings.detached_output_limit);
  parse_bytes(reader, "detached-output-per-user", mebibyte, settings.detached_output_per_user);
  if (settings.detached_output_per_user < settings.detached_output_limit)
    reader.error(reader.line_of("detached-output-per-user"),
                 "detached-output-per-user is less than detached-output-limit: nobody could start a detached command");
}

const KeyfileSection* find_settings(const Keyfile& keyfile) {
  const auto found = std::find_if(keyfile.sections.begin(), keyfile.sections.end(),
                                  [](const auto& section) { return section.name == settings_section; });
  return found == keyfile.sections.end() ? nullptr : &*found;
}

// Keeps only errors of [unionroot]: load() reports the others.
void take_errors(const Problems& problems, Problems& wrong) {
  for (const auto& problem : problems)
    if (problem.severity == Problem::Severity::error && problem.section == settings_section) wrong.push_back(problem);
}

// True if the problem is in a setting that clients do not use. A client then ignores it.
bool concerns_daemon_alone(const Problem& problem, const std::vector<std::string>& lines) {
  static constexpr std::string_view of_clients[] = {"config-directory", "state-directory", "schroot-directory", "bus"};
  if (problem.line == 0 || problem.line > lines.size()) return false;
  const std::string& line = lines[problem.line - 1];
  const auto key = base::trim(std::string_view(line).substr(0, line.find('=')));
  const auto& known = known_keys();
  return std::find(known.begin(), known.end(), key) != known.end() &&
         std::find(std::begin(of_clients), std::end(of_clients), key) == std::end(of_clients);
}

}  // namespace

void parse_settings(const KeyfileSection& section, const std::string& file, Settings& settings, Problems& problems) {
  SectionReader reader(section, file, problems);
  reader.path("config-directory", settings.config_directory);
  own_folder(reader, "state-directory", settings.state_directory);
  own_folder(reader, "runtime-directory", settings.runtime_directory);
  reader.path("schroot-directory", settings.schroot_directory);
  own_folder(reader, "schroot-run-directory", settings.schroot_run_directory);
  own_folder(reader, "schroot-state-directory", settings.schroot_state_directory);
  reader.path("helper", settings.helper);
  parse_bus(reader, settings.bus);
  strict_boolean(reader, "read-schroot", settings.read_schroot);
  boolean_or_auto(reader, "schroot-places", settings.schroot_places);
  strict_boolean(reader, "built-in-host", settings.built_in_host);
  static constexpr Word<const char*> levels[] = {
      {"debug", "debug"}, {"info", "info"}, {"warning", "warning"}, {"error", "error"}};
  const char* level = nullptr;
  reader.word("log-level", levels, level);
  if (level != nullptr) settings.log_level = level;
  parse_number(reader, "sessions-per-user", 0, 1000000, " (no limit)", settings.sessions_per_user);
  static constexpr Word<SessionNames> names[] = {{"any", SessionNames::any}, {"owner", SessionNames::owner}};
  reader.word("session-names", names, settings.session_names);
  constexpr unsigned longest_time = 100'000'000;  // three years, in seconds
  parse_number(reader, "session-time-limit", 0, longest_time, " (no limit)", settings.session_time_limit);
  parse_number(reader, "source-session-time-limit", 0, longest_time, " (no limit)", settings.source_session_time_limit);
  parse_number(reader, "hold-back-time-limit", 0, longest_time, " (no limit)", settings.hold_back_time_limit);
  parse_number(reader, "schroot-wait-limit", 0, longest_time, " (not at all)", settings.schroot_wait_limit);
  parse_number(reader, "authentication-time-limit", 1, 86'400, "", settings.authentication_time_limit);
  parse_number(reader, "history-days", 0, 3650, " (nothing is kept)", settings.history_days);
  parse_detached_output(reader, settings);
  parse_reserve(reader, "reserve-space", true, settings.reserve_space);
  parse_reserve(reader, "reserve-inodes", false, settings.reserve_inodes);
  reader.working_directory("working-directory", settings.working_directory);
  for (const auto& limit : work_limits)
    parse_number(reader, limit.key, limit.least, 1000, "", settings.limits.*limit.value);
  if (lies_under(settings.state_directory, settings.runtime_directory) ||
      lies_under(settings.runtime_directory, settings.state_directory))
    reader.error(section.line,
                 concat("state-directory ", printable(settings.state_directory), " and runtime-directory ",
                        printable(settings.runtime_directory), ": one contains the other; use two separate folders"));
  for (const auto& entry : section.entries) {
    if (std::find(known_keys().begin(), known_keys().end(), entry.key) != known_keys().end()) continue;
    const auto near = near_misses(entry.key, known_keys(), 1);
    reader.warning(entry.line, concat("'", printable(entry.key), "' is not a known setting and has no effect",
                                      near.empty() ? std::string() : concat("; did you mean '", near.front(), "'?")));
  }
}

Settings read_settings(const std::string& file, bool optional, SettingsFor whom) {
  Settings settings;
  settings.config_file = boost::filesystem::path(absolute_path(file)).lexically_normal().string();
  settings.config_directory = folder_of(settings.config_file);
  const bool anybodys = whom == SettingsFor::client_in_user_namespace;
  const auto text = anybodys ? read_untrusted(settings.config_file) : read_trusted(settings.config_file);
  if (!text) {
    if (optional) return settings;
    throw Error(ErrorCode::definition_invalid,
                concat("there is no configuration file '", printable(settings.config_file), "'"),
                "give the path of one with --config, or make it: unionroot.conf(5) says what may be in it");
  }
  Keyfile keyfile = parse_keyfile(*text, settings.config_file);
  Problems wrong;
  take_errors(keyfile.problems, wrong);
  if (const auto* section = find_settings(keyfile)) {
    Problems problems;
    parse_settings(*section, settings.config_file, settings, problems);
    take_errors(problems, wrong);
  }
  if (whom != SettingsFor::daemon) {
    const auto lines = base::split(*text, '\n');
    std::erase_if(wrong, [&](const auto& problem) { return concerns_daemon_alone(problem, lines); });
  }
  if (!wrong.empty()) throw SettingsError(std::move(wrong));
  return settings;
}

std::string settings_file(const std::string& given) {
  if (!given.empty()) return given;
  const char* const named = ::secure_getenv("UNIONROOT_CONFIG");
  return named != nullptr && *named != '\0' ? named : Settings().config_file;
}

}  // namespace unionroot::definition
