// A chroot, source or session as schroot sees it, from the daemon's answer to Info. Pure.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace unionroot::schroot {

enum class Kind { chroot, source, session };

class Facts {
 public:
  explicit Facts(const nlohmann::json& info);  // borrowed

  [[nodiscard]] bool has_sources() const;
  [[nodiscard]] bool has_union_keys() const;
  [[nodiscard]] bool has_union() const;
  [[nodiscard]] bool has_mount_options() const;

  [[nodiscard]] std::string text(const char* key) const;  // empty where there is none
  [[nodiscard]] bool flag(const char* key) const;
  [[nodiscard]] std::string list(const char* key, const char* separator) const;

  [[nodiscard]] std::string description() const;
  // A session belongs to its owner alone. A source is for those of its own lists.
  [[nodiscard]] std::string access(const char* key, const char* separator) const;
  // Of a session's source lists nothing is left either.
  [[nodiscard]] std::string source_access(const char* key, const char* separator) const;
  [[nodiscard]] std::string aliases(const char* separator) const;
  // The folder in the tree that is the root of a session.
  [[nodiscard]] std::string inner() const { return text("source-location"); }
  // Where it is on the host; empty where it is nowhere.
  [[nodiscard]] std::string path() const;
  // The union's own folders. Of a session the first is its upper layer.
  [[nodiscard]] std::string overlay() const;
  [[nodiscard]] std::string underlay() const;
  [[nodiscard]] std::string personality() const;
  // With what a profile's name stands for, unless it is said otherwise.
  [[nodiscard]] std::map<std::string, std::string> user_data() const;
  [[nodiscard]] std::string profile() const;
  // Without the namespace that it may have been asked for with.
  [[nodiscard]] std::string selected() const;

  Kind kind = Kind::chroot;
  std::string type;        // as it is defined
  std::string shown_type;  // that of the source of a snapshot is what the snapshot is taken of
  bool of_source = false, plain = false;

 private:
  const nlohmann::json& info_;
};

std::string word(bool value);  // "true" or "false"

}  // namespace unionroot::schroot
