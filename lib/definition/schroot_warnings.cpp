#include "definition/schroot_warnings.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <set>
#include <system_error>

#include "base/text.h"
#include "definition/keys.h"
#include "definition/schroot_keys.h"
#include "definition/values.h"

namespace unionroot::definition {

namespace {

using base::concat;
using base::printable;

class Warnings {
 public:
  Warnings(const KeyfileSection& section, const Definition& definition, SchrootWarnings& lines)
      : section_(section), definition_(definition), type_(type_bit(definition.type)), lines_(lines) {}

  void add() {
    // schroot does not know these types.
    if ((type_ & (type_image | type_layers | type_oci)) != 0) return;
    for (const auto& entry : section_.entries) add(entry);
    add_aliases();
  }

 private:
  void add(const KeyfileEntry& entry) {
    const auto* const known = find_key(entry.key);
    const bool old_name = entry.key == "location" && (type_ & (type_plain | type_directory)) != 0;
    if (entry.key == "name" || entry.key == "mount-location") return;  // schroot reports an error
    if (!permitted(entry.key, known))
      say_of(entry, concat("Configuration key name ‘", printable(entry.key), "’ is not a permitted name."));
    else if (!readable(entry, known))
      // schroot reads this key twice, so it warns twice.
      for (int times = entry.key == "source-clone" ? 2 : 1; times > 0; --times)
        say_of(entry, concat("Could not parse value ‘", printable(entry.value), "’"));
    else if (old_name || (known != nullptr && known->kind == KeyKind::obsolete))
      say_old(entry, "Obsolete", "This option has been removed, and no longer has any effect");
    else if (entry.key == "script-config")
      say_old(entry, "Deprecated", "This option will be removed in the future; please update your configuration");
  }

  [[nodiscard]] bool permitted(std::string_view key, const KnownKey* known) const {
    if (key.find('.') != std::string_view::npos) return valid_user_data_key(key) && !reserved_user_data_key(key);
    if (key.starts_with("description[")) return true;  // another language: KEY[LOCALE]
    if (known == nullptr) return false;
    if (known->kind == KeyKind::session_only) return false;
    if (type_ == type_custom) return true;
    if (key.starts_with("source-")) return definition_.clonable();
    if (key.starts_with("union-") && !may_have_union(definition_)) return false;
    return (known->types & type_) != 0;
  }

  [[nodiscard]] static bool readable(const KeyfileEntry& entry, const KnownKey* known) {
    static constexpr std::string_view booleans[] = {"preserve-environment", "source-clone"};
    static constexpr std::string_view never_empty[] = {"environment-filter", "personality"};
    const auto among = [&](const auto& keys) {
      return std::find(std::begin(keys), std::end(keys), entry.key) != std::end(keys);
    };
    if (among(booleans) || (known != nullptr && known->kind == KeyKind::obsolete))
      return parse_boolean(entry.value).has_value();
    return !among(never_empty) || !entry.value.empty();
  }

  void add_aliases() {
    std::set<std::string> seen{definition_.name};
    const auto* const entry = section_.find("aliases");
    if (entry == nullptr) return;
    for (const auto& alias : base::split(entry->value, ','))
      if (!seen.insert(alias).second) add_alias_warning(definition_, alias, lines_);
  }

  [[nodiscard]] std::string where(const KeyfileEntry& entry) const {
    return concat("line ", entry.line, " [", section_.name, "]");
  }
  void say_of(const KeyfileEntry& entry, std::string_view what) {
    lines_.push_back(concat("W: ", where(entry), " ", printable(entry.key), ": ", what));
  }
  void say_old(const KeyfileEntry& entry, std::string_view how, std::string_view what) {
    lines_.push_back(concat("W: ", where(entry), ": ", how, " key ‘", entry.key, "’ used"));
    lines_.push_back(concat("I: ", what));
  }

  const KeyfileSection& section_;
  const Definition& definition_;
  const unsigned type_;
  SchrootWarnings& lines_;
};

}  // namespace

void add_schroot_warnings(const KeyfileSection& section, const Definition& definition, SchrootWarnings& warnings) {
  Warnings(section, definition, warnings).add();
}

void add_alias_warning(const Definition& definition, std::string_view alias, SchrootWarnings& warnings) {
  const auto line = definition.key_lines.find("aliases");
  const auto text = concat("W: line ", line == definition.key_lines.end() ? definition.line : line->second, " [",
                           definition.name, "] aliases: Alias ‘", alias, "’ already associated with ‘unknown’ chroot");
  // schroot warns a second time for the source chroot, which has the same alias.
  warnings.insert(warnings.end(), definition.clonable() && definition.source_clone ? 2 : 1, text);
}

void add_file_warning(const std::string& path, SchrootWarnings& warnings) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0)
    warnings.push_back(
        concat("W: ", printable(path), ": Failed to stat file: ", std::generic_category().message(errno)));
  else if (!S_ISREG(status.st_mode))
    warnings.push_back(concat("W: ", printable(path), ": File is not a regular file"));
}

}  // namespace unionroot::definition
