#include "definition/parse_definition.h"

#include <regex.h>

#include <algorithm>
#include <boost/filesystem.hpp>
#include <iterator>

#include "base/names.h"
#include "base/text.h"
#include "definition/keys.h"
#include "definition/section_reader.h"
#include "definition/suggest.h"

namespace unionroot::definition {

namespace {

using base::concat;
using base::printable;

// As in schroot, a chroot without a type is plain.
unsigned parse_type(SectionReader& reader, Definition& definition) {
  definition.type = "plain";
  reader.text("type", definition.type);
  const unsigned bit = type_bit(definition.type);
  if (bit == 0)
    reader.error(reader.line_of("type"), concat("type: '", printable(definition.type),
                                                "' is not known; expected one of: ", base::join(type_words(), ", "),
                                                did_you_mean(definition.type, type_words())));
  return bit;
}

// Warns about keys without effect. As in schroot, they are not errors.
void check_key(SectionReader& reader, const KeyfileEntry& entry, unsigned type, const Definition& definition) {
  if (entry.key.find('.') != std::string::npos) return;                           // user data
  if (entry.key.starts_with("description[") && entry.key.ends_with(']')) return;  // another language: KEY[LOCALE]
  const auto* known = find_key(entry.key);
  if (known == nullptr)
    return reader.warning(entry.line, concat("'", printable(entry.key), "' is not a known key and has no effect",
                                             did_you_mean(entry.key, key_words())));
  if (entry.value.empty()) return;
  if (known->kind == KeyKind::obsolete)
    return reader.warning(entry.line, concat("'", entry.key, "' is obsolete and has no effect; remove it"));
  if (known->kind == KeyKind::session_only)
    return reader.warning(
        entry.line, concat("'", entry.key, "' belongs to a session and has no effect in a definition; remove it"));
  if ((known->types & type) == 0 && !reader.has("type"))
    return reader.warning(entry.line, concat("'", entry.key,
                                             "' has no effect: type is missing, so this is a plain chroot without an "
                                             "overlay; add type=",
                                             usual_type(*known)));
  if ((known->types & type) == 0)
    return reader.warning(entry.line, concat("'", entry.key, "' has no effect for a chroot of type ", definition.type,
                                             "; it is for ", base::join(types_with(*known), ", ")));
  const bool of_source = entry.key.rfind("source-", 0) == 0;
  if (of_source && (type & union_types & ~type_custom) != 0 && !definition.has_union())
    reader.warning(
        entry.line,
        concat("'", entry.key, "' has no effect without union-type=overlay: sessions use the source tree itself; ",
               "add union-type=overlay or remove this key"));
}

void parse_user_data(SectionReader& reader, Definition& definition) {
  if (definition.script_config.empty()) {
    for (const std::string name : {"config", "copyfiles", "fstab", "nssdatabases"})
      definition.user_data[concat("setup.", name)] = concat(definition.profile_name, "/", name);
  }
  for (const auto& entry : reader.section().entries) {
    if (entry.key.find('.') == std::string::npos) continue;
    if (!valid_user_data_key(entry.key))
      reader.warning(entry.line, concat("'", printable(entry.key),
                                        "' is not a valid key of user data and has no effect; expected words of "
                                        "lower-case letters and digits, with dots between them"));
    else if (reserved_user_data_key(entry.key))
      reader.warning(entry.line, concat("'", entry.key,
                                        "' is reserved for unionroot itself and has no effect; use "
                                        "another prefix"));
    else
      definition.user_data[entry.key] = entry.value;
  }
}

void parse_modifiable_keys(SectionReader& reader, std::string_view key, std::vector<std::string>& keys) {
  reader.list(key, keys);
  for (const auto& name : keys)
    if (!valid_user_data_key(name) || reserved_user_data_key(name))
      reader.warning(reader.line_of(key),
                     concat(key, ": '", printable(name), "' is not a key of user data, so nobody can set it"));
}

void parse_access(SectionReader& reader, const std::string& prefix, AccessLists& access) {
  reader.list(prefix + "users", access.users);
  reader.list(prefix + "groups", access.groups);
  reader.list(prefix + "root-users", access.root_users);
  reader.list(prefix + "root-groups", access.root_groups);
}

void parse_aliases(SectionReader& reader, Definition& definition) {
  std::vector<std::string> aliases;
  reader.list("aliases", aliases);
  for (const auto& alias : aliases) {
    if (!base::valid_name(alias, base::longest_chroot_name))
      reader.error(reader.line_of("aliases"),
                   concat("aliases: '", printable(alias),
                          "' is not a valid name; expected a letter or digit, then letters, digits, "
                          "'_', '.' and '-', and a comma between two"));
    else if (std::find(definition.aliases.begin(), definition.aliases.end(), alias) == definition.aliases.end())
      definition.aliases.push_back(alias);
    if (alias == definition.name)
      reader.warning(reader.line_of("aliases"), concat("aliases: '", alias, "' is the chroot's own name"));
  }
}

void parse_environment_filter(SectionReader& reader, Definition& definition) {
  definition.environment_filter = default_environment_filter;
  reader.text("environment-filter", definition.environment_filter);
  regex_t compiled;
  const int fault = ::regcomp(&compiled, definition.environment_filter.c_str(), REG_EXTENDED | REG_NOSUB);
  if (fault == 0) return ::regfree(&compiled);
  char why[128];
  ::regerror(fault, nullptr, why, sizeof why);
  reader.error(reader.line_of("environment-filter"),
               concat("environment-filter: not a POSIX extended regular expression: ", why));
}

void parse_personality(SectionReader& reader, Definition& definition) {
  static constexpr Word<const char*> words[] = {
      {"undefined", ""},    {"linux", "linux"},     {"linux32", "linux32"},   {"linux_32bit", "linux_32bit"},
      {"bsd", "bsd"},       {"hpux", "hpux"},       {"irix32", "irix32"},     {"irixn32", "irixn32"},
      {"irix64", "irix64"}, {"iscr4", "iscr4"},     {"osf4", "osf4"},         {"osr5", "osr5"},
      {"riscos", "riscos"}, {"scorvr3", "scorvr3"}, {"solaris", "solaris"},   {"sunos", "sunos"},
      {"svr4", "svr4"},     {"uw7", "uw7"},         {"wysev386", "wysev386"}, {"xenix", "xenix"}};
  const char* personality = "";
  reader.word("personality", words, personality);
  definition.personality = personality;
}

void parse_general(SectionReader& reader, Definition& definition) {
  static constexpr Word<const char*> verbosities[] = {{"quiet", "quiet"}, {"normal", "normal"}, {"verbose", "verbose"}};
  reader.text("description", definition.description);
  parse_aliases(reader, definition);
  parse_access(reader, "", definition.access);
  parse_access(reader, "source-", definition.source_access);
  parse_environment_filter(reader, definition);
  reader.list("command-prefix", definition.command_prefix);
  const char* verbosity = "normal";
  reader.word("message-verbosity", verbosities, verbosity);
  definition.message_verbosity = verbosity;
  reader.boolean("preserve-environment", definition.preserve_environment);
  reader.text("shell", definition.shell);
  if (!definition.shell.empty() && !definition.shell.starts_with('/'))
    reader.warning(reader.line_of("shell"), concat("shell: '", printable(definition.shell),
                                                   "' is not an absolute path; no login shell can be started by it"));
  parse_personality(reader, definition);
  parse_modifiable_keys(reader, "user-modifiable-keys", definition.user_modifiable_keys);
  parse_modifiable_keys(reader, "root-modifiable-keys", definition.root_modifiable_keys);
}

void parse_session(SectionReader& reader, Definition& definition) {
  static constexpr Word<DeviceMode> devices[] = {{"private", DeviceMode::private_dev}, {"host", DeviceMode::host}};
  // In a former version this key was a boolean.
  static constexpr Word<HostView> views[] = {{"no", HostView::no},    {"tree", HostView::tree}, {"all", HostView::all},
                                             {"yes", HostView::all},  {"true", HostView::all},  {"1", HostView::all},
                                             {"false", HostView::no}, {"0", HostView::no}};
  static constexpr Word<ViewAccess> view_access[] = {{"owner", ViewAccess::owner}, {"all", ViewAccess::all}};
  static constexpr Word<NssMode> databases[] = {
      {"merge", NssMode::merge}, {"copy", NssMode::copy}, {"none", NssMode::none}};
  static constexpr Word<const char*> resolvers[] = {{"follow", "follow"}, {"none", "none"}};
  static constexpr Word<const char*> networks[] = {
      {"caller", "caller"}, {"host", "host"}, {"none", "none"}, {"private", "private"}};
  static constexpr Word<ControlGroup> groups[] = {{"caller", ControlGroup::caller}, {"own", ControlGroup::own}};
  static constexpr Word<OnBoot> boots[] = {
      {"recover", OnBoot::recover}, {"end", OnBoot::end}, {"leave", OnBoot::leave}};
  static constexpr Word<OnShutdown> shutdowns[] = {{"leave", OnShutdown::leave}, {"end", OnShutdown::end}};
  reader.word("host-view", views, definition.host_view);
  reader.word("host-view-access", view_access, definition.host_view_access);
  reader.word("dev", devices, definition.dev);
  reader.word("nss", databases, definition.nss);
  reader.choice("no-new-privileges", definition.no_new_privileges);
  const char* resolver = "follow";
  reader.word("resolv-conf", resolvers, resolver);
  definition.resolv_conf = resolver;
  const char* network = "caller";
  reader.word("network", networks, network);
  definition.network = network;
  reader.working_directory("working-directory", definition.working_directory);
  reader.word("cgroup", groups, definition.control_group);
  reader.word("on-boot", boots, definition.on_boot);
  reader.word("on-shutdown", shutdowns, definition.on_shutdown);
  reader.bytes("unpack-limit", definition.unpack_limit);
  reader.text("hostname", definition.hostname);
  if (!definition.hostname.empty() && !valid_host_name(definition.hostname))
    reader.error(reader.line_of("hostname"),
                 concat("hostname: '", printable(definition.hostname),
                        "' is not a host name; expected letters, digits, '-' and '.', 64 at most"));
}

void parse_hooks(SectionReader& reader, unsigned type, bool from_schroot, Definition& definition) {
  constexpr std::uint64_t longest = 24 * 60 * 60;
  reader.paths("hook-directories", definition.hook_directories);
  for (const auto& folder : definition.hook_directories) {
    const auto fault = path_fault(folder);
    if (!fault.empty())
      reader.error(reader.line_of("hook-directories"), concat("hook-directories: '", printable(folder), "' ", fault));
  }
  std::string text;
  reader.text("hook-time-limit", text);
  if (!text.empty()) {
    const auto seconds = base::parse_unsigned(text);
    if (seconds && *seconds >= 1 && *seconds <= longest)
      definition.hook_time_limit = static_cast<unsigned>(*seconds);
    else
      reader.error(reader.line_of("hook-time-limit"), concat("hook-time-limit: '", printable(text),
                                                             "' is not a number of seconds; expected 1 to ", longest));
  }
  if (type == type_plain) definition.hook_directories.clear();  // check_key() warns that it has no effect
  if (type != type_custom || !definition.hook_directories.empty()) return;
  // schroot's definitions need none: schroot has one folder of scripts for all chroots (hook_scripts.h).
  if (!from_schroot)
    reader.error(reader.section().line,
                 "type custom needs hook-directories=..., the folders with the scripts that make its tree");
}

// Decides whether source:NAME exists.
void parse_source_clone(SectionReader& reader, unsigned type, Definition& definition) {
  // A stack of layers is not a single tree that could be changed.
  definition.source_clone = (type & (type_layers | type_oci)) == 0;
  if (const auto* custom = std::get_if<CustomSource>(&definition.source))
    definition.source_clone = custom->source_cloneable;
  if (definition.source_clone) reader.boolean("source-clone", definition.source_clone);
}

void parse_profile_name(SectionReader& reader, Definition& definition) {
  std::string_view key = "profile";
  reader.text("profile", definition.profile_name);
  reader.text("script-config", definition.script_config);
  if (!definition.script_config.empty()) {
    key = "script-config";
    // schroot-script-config(5): it names a file of assignments. The folder of that file is the profile, unless the file
    // says otherwise.
    definition.profile_name = boost::filesystem::path(definition.script_config).parent_path().string();
    reader.warning(reader.line_of(key),
                   concat("script-config is deprecated; use profile=",
                          definition.profile_name.empty() ? "NAME, a folder" : printable(definition.profile_name)));
  }
  // In schroot this may be any path relative to the folder of profiles.
  const auto& named = definition.script_config.empty() ? definition.profile_name : definition.script_config;
  if (const auto fault = host_path_fault(concat("/", named)); !fault.empty())
    reader.error(reader.line_of(key), concat(key, ": '", printable(named), "' ", fault));
}

// The variables in a file of assignments: those of schroot's scripts that are known without a session.
std::map<std::string, std::string> script_variables(const Definition& definition) {
  std::map<std::string, std::string> variables{{"CHROOT_NAME", definition.name},
                                               {"CHROOT_TYPE", definition.type},
                                               {"CHROOT_DESCRIPTION", definition.description},
                                               {"CHROOT_PROFILE", definition.profile_name}};
  if (const auto* source = std::get_if<DirectorySource>(&definition.source))
    variables["CHROOT_DIRECTORY"] = source->directory;
  for (const auto& [key, value] : definition.user_data) {
    std::string name;
    for (const char c : key)
      name.push_back(c == '.' || c == '-' ? '_' : (c >= 'a' && c <= 'z') ? static_cast<char>(c - 'a' + 'A') : c);
    variables[name] = value;
  }
  return variables;
}

void load_profile(SectionReader& reader, bool from_schroot, ProfileStore& profiles, Definition& definition) {
  for (const auto& entry : reader.section().entries) {
    if (!entry.key.starts_with("setup.") || entry.key == "setup.services") continue;
    if (const auto fault = host_path_fault("/" + entry.value); !fault.empty())
      return reader.error(entry.line, concat(entry.key, ": '", printable(entry.value), "' ", fault));
  }
  const auto request = profile_request(definition, from_schroot);
  std::vector<std::string> faults;
  definition.profile = profiles.load(request, faults);
  const auto key = definition.script_config.empty() ? "profile" : "script-config";
  for (const auto& fault : faults) reader.error(reader.line_of(key), concat("its profile cannot be used: ", fault));
  // As in schroot: a file that the profile does not copy stays as it is in the tree.
  const auto& copied = definition.profile.copyfiles;
  const bool copies = std::any_of(copied.begin(), copied.end(),
                                  [](const CopiedFile& file) { return file.target == "/etc/resolv.conf"; });
  if (from_schroot && !copies && !reader.has("resolv-conf")) definition.resolv_conf = "none";
}

}  // namespace

bool names_profile_file(std::string_view key) {
  const auto is = [&](std::string_view file) { return key == concat("setup.", file); };
  return is("config") || std::any_of(std::begin(profile_files), std::end(profile_files),
                                     [&](auto kind) { return is(file_name(kind)); });
}

ProfileRequest profile_request(const Definition& definition, bool from_schroot) {
  ProfileRequest request{definition.profile_name,     from_schroot, {}, {}, definition.script_config,
                         script_variables(definition)};
  // A value that names the profile's own file is not an override.
  const auto given = [&](std::string_view name) -> std::optional<std::string> {
    const auto found = definition.user_data.find(concat("setup.", name));
    if (found == definition.user_data.end() || found->second == concat(definition.profile_name, "/", name)) return {};
    return found->second;
  };
  request.config = given("config");
  for (const auto kind : profile_files)
    if (auto path = given(file_name(kind))) request.overrides[kind] = std::move(*path);
  return request;
}

std::optional<Definition> parse_definition(const KeyfileSection& section, const std::string& file, bool from_schroot,
                                           ProfileStore& profiles, Problems& problems) {
  SectionReader reader(section, file, problems);
  Definition definition;
  definition.name = section.name;
  definition.file = file;
  definition.line = section.line;
  for (const auto& entry : section.entries) definition.key_lines[entry.key] = entry.line;
  const unsigned type = parse_type(reader, definition);
  if (type == 0) return std::nullopt;
  parse_general(reader, definition);
  parse_source(reader, type, definition);
  parse_union(reader, type, definition);
  parse_source_clone(reader, type, definition);
  parse_session(reader, definition);
  parse_hooks(reader, type, from_schroot, definition);
  parse_profile_name(reader, definition);
  for (const auto& entry : section.entries) check_key(reader, entry, type, definition);
  parse_user_data(reader, definition);
  if (!reader.failed()) load_profile(reader, from_schroot, profiles, definition);
  if (reader.failed()) return std::nullopt;
  return definition;
}

}  // namespace unionroot::definition
