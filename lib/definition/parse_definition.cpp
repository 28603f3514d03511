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

std::string did_you_mean(const std::string& word, const std::vector<std::string>& known) {
  const auto near = near_misses(word, known, 1);
  return near.empty() ? std::string() : concat("; did you mean '", near.front(), "'?");
}

// schroot calls a chroot without a type plain.
unsigned parse_type(SectionReader& reader, Definition& definition) {
  definition.type = "plain";
  reader.text("type", definition.type);
  const unsigned bit = type_bit(definition.type);
  if (bit == 0)
    reader.error(reader.line_of("type"), concat("type: '", printable(definition.type),
                                                "' is not known; expected one of: ", base::join(type_words(), ", ")));
  return bit;
}

// Keys that mean nothing here: said, not refused, as in schroot.
void check_key(SectionReader& reader, const KeyfileEntry& entry, unsigned type, const Definition& definition) {
  if (entry.key.find('.') != std::string::npos) return;  // user data
  const auto* known = find_key(entry.key);
  if (known == nullptr)
    return reader.warning(entry.line, concat("'", printable(entry.key), "' is not a known key and has no effect",
                                             did_you_mean(entry.key, key_words())));
  if (entry.value.empty()) return;
  if (known->kind == KeyKind::obsolete)
    return reader.warning(entry.line, concat("'", entry.key, "' is obsolete and has no effect; remove it"));
  if (known->kind == KeyKind::session_only)
    return reader.warning(entry.line,
                          concat("'", entry.key, "' belongs to a session and has no effect in a definition"));
  if ((known->types & type) == 0)
    return reader.warning(entry.line, concat("'", entry.key, "' has no effect for a chroot of type ", definition.type,
                                             definition.type == "plain" && entry.key == "union-type"
                                                 ? ", which it is without a key 'type'; type=directory has sessions"
                                                 : ""));
  const bool of_source = entry.key.rfind("source-", 0) == 0;
  if (of_source && (type & union_types & ~type_custom) != 0 && !definition.has_union())
    reader.warning(entry.line, concat("'", entry.key, "' has no effect without union-type=overlay"));
}

void parse_user_data(SectionReader& reader, Definition& definition) {
  if (definition.script_config.empty()) {
    for (const std::string name : {"config", "copyfiles", "fstab", "nssdatabases"})
      definition.user_data[concat("setup.", name)] = concat(definition.profile_name, "/", name);
  }
  for (const auto& entry : reader.section().entries) {
    if (entry.key.find('.') == std::string::npos) continue;
    if (!valid_user_data_key(entry.key))
      reader.error(entry.line, concat("'", printable(entry.key),
                                      "' is not a valid key of user data; expected words of "
                                      "lower-case letters and digits, with dots between them"));
    else if (reserved_user_data_key(entry.key))
      reader.error(entry.line, concat("'", entry.key, "' is reserved for unionroot itself; use another prefix"));
    else
      definition.user_data[entry.key] = entry.value;
    if (entry.key == "setup.services" && !entry.value.empty())
      reader.warning(entry.line, "setup.services has no effect: unionroot starts no services in a session");
    if (entry.key == "setup.config" && !entry.value.empty() &&
        entry.value != concat(definition.profile_name, "/config"))
      reader.warning(entry.line,
                     "setup.config has no effect: it is a shell script, and unionroot runs none; use the other "
                     "setup keys or hook-directories");
  }
}

void parse_modifiable_keys(SectionReader& reader, std::string_view key, std::vector<std::string>& keys) {
  reader.list(key, keys);
  for (const auto& name : keys)
    if (!valid_user_data_key(name) || reserved_user_data_key(name))
      reader.error(reader.line_of(key),
                   concat(key, ": '", printable(name), "' is not a key of user data that can be set"));
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
    if (!base::valid_name(alias))
      reader.error(reader.line_of("aliases"), concat("aliases: '", printable(alias), "' is not a valid name"));
    else if (alias != definition.name &&
             std::find(definition.aliases.begin(), definition.aliases.end(), alias) == definition.aliases.end())
      definition.aliases.push_back(alias);
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
  reader.path("shell", definition.shell);
  parse_personality(reader, definition);
  parse_modifiable_keys(reader, "user-modifiable-keys", definition.user_modifiable_keys);
  parse_modifiable_keys(reader, "root-modifiable-keys", definition.root_modifiable_keys);
}

void parse_session(SectionReader& reader, Definition& definition) {
  static constexpr Word<DeviceMode> devices[] = {{"private", DeviceMode::private_dev}, {"host", DeviceMode::host}};
  // A former version had yes and no.
  static constexpr Word<HostView> views[] = {{"no", HostView::no},    {"tree", HostView::tree}, {"all", HostView::all},
                                             {"yes", HostView::all},  {"true", HostView::all},  {"1", HostView::all},
                                             {"false", HostView::no}, {"0", HostView::no}};
  static constexpr Word<ViewAccess> view_access[] = {{"owner", ViewAccess::owner}, {"all", ViewAccess::all}};
  static constexpr Word<NssMode> databases[] = {
      {"merge", NssMode::merge}, {"copy", NssMode::copy}, {"none", NssMode::none}};
  static constexpr Word<const char*> resolvers[] = {{"follow", "follow"}, {"none", "none"}};
  static constexpr Word<const char*> networks[] = {{"host", "host"}, {"none", "none"}};
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
  const char* network = "host";
  reader.word("network", networks, network);
  definition.network = network;
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
  reader.list("hook-directories", definition.hook_directories);
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
  if (type == type_plain) definition.hook_directories.clear();  // check_key() says that it has no effect
  if (type != type_custom || !definition.hook_directories.empty()) return;
  // schroot has one folder of scripts for all chroots: hook_scripts.h.
  if (!from_schroot)
    reader.error(reader.section().line,
                 "type custom needs hook-directories=..., the folders with the scripts that make its tree");
}

// Whether there is a source:NAME.
void parse_source_clone(SectionReader& reader, unsigned type, Definition& definition) {
  definition.source_clone = (type & (type_layers | type_oci)) == 0;  // a stack of layers has no one tree to change
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
    // schroot-script-config(5): script-config=NAME/config is the old way to say profile=NAME.
    definition.profile_name = boost::filesystem::path(definition.script_config).parent_path().string();
    reader.warning(reader.line_of(key),
                   concat("script-config is deprecated, and the script itself is not run; use profile=",
                          printable(definition.profile_name)));
  }
  if (!base::valid_name(definition.profile_name))
    reader.error(reader.line_of(key), concat(key, ": '", printable(definition.profile_name),
                                             "' is not the name of a profile; expected one folder's name"));
}

void load_profile(SectionReader& reader, bool from_schroot, ProfileStore& profiles, Definition& definition) {
  ProfileRequest request{definition.profile_name, from_schroot, {}};
  for (const auto kind : profile_files) {
    const auto* entry = reader.section().find(concat("setup.", file_name(kind)));
    if (entry == nullptr) continue;
    request.overrides[kind] = entry->value;
    const bool relative = !entry->value.empty() && entry->value.front() != '/';
    const auto fault = entry->value.empty() ? std::string() : path_fault(relative ? "/" + entry->value : entry->value);
    if (!fault.empty())
      return reader.error(entry->line, concat(entry->key, ": '", printable(entry->value), "' ", fault));
  }
  std::vector<std::string> faults;
  definition.profile = profiles.load(request, faults);
  const auto key = definition.script_config.empty() ? "profile" : "script-config";
  for (const auto& fault : faults) reader.error(reader.line_of(key), concat("its profile cannot be used: ", fault));
}

}  // namespace

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
