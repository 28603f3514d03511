// Definitions as JSON. For each struct, describe() lists the members once, for both directions. So they cannot differ.
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "definition/definition.h"

namespace unionroot::definition {

namespace {

using Json = nlohmann::json;

constexpr int format = 1;

template <typename T, typename Plain>
concept Of = std::is_same_v<std::remove_const_t<T>, Plain>;

// The members of each struct. `a` is a Writer or a Reader.
template <typename A, Of<FstabEntry> T>
void describe(A& a, T& v) {
  a("source", v.source), a("target", v.target), a("type", v.type), a("options", v.options), a("file", v.file);
  a("line", v.line);
}
template <typename A, Of<CopiedFile> T>
void describe(A& a, T& v) {
  a("source", v.source), a("target", v.target), a("file", v.file), a("line", v.line);
}
template <typename A, Of<Profile> T>
void describe(A& a, T& v) {
  a("fstab", v.fstab), a("copyfiles", v.copyfiles), a("nssdatabases", v.nssdatabases);
}
template <typename A, Of<DirectorySource> T>
void describe(A& a, T& v) {
  a("directory", v.directory), a("plain", v.plain);
}
template <typename A, Of<FileSource> T>
void describe(A& a, T& v) {
  a("file", v.file), a("location", v.location);
}
template <typename A, Of<ImageSource> T>
void describe(A& a, T& v) {
  a("file", v.file), a("partition", v.partition), a("location", v.location);
}
template <typename A, Of<LoopbackSource> T>
void describe(A& a, T& v) {
  a("file", v.file), a("mount-options", v.mount_options), a("location", v.location);
}
template <typename A, Of<BlockDeviceSource> T>
void describe(A& a, T& v) {
  a("device", v.device), a("mount-options", v.mount_options), a("location", v.location);
}
template <typename A, Of<BtrfsSnapshotSource> T>
void describe(A& a, T& v) {
  a("source-subvolume", v.source_subvolume), a("snapshot-directory", v.snapshot_directory), a("location", v.location);
}
template <typename A, Of<LvmSnapshotSource> T>
void describe(A& a, T& v) {
  a("device", v.device), a("snapshot-options", v.snapshot_options), a("mount-options", v.mount_options);
  a("location", v.location);
}
template <typename A, Of<ZfsSnapshotSource> T>
void describe(A& a, T& v) {
  a("dataset", v.dataset), a("snapshot-options", v.snapshot_options), a("location", v.location);
}
template <typename A, Of<LayersSource> T>
void describe(A& a, T& v) {
  a("lower-directories", v.lower_directories);
}
template <typename A, Of<OciSource> T>
void describe(A& a, T& v) {
  a("directory", v.directory), a("reference", v.reference);
}
template <typename A, Of<CustomSource> T>
void describe(A& a, T& v) {
  a("session-cloneable", v.session_cloneable), a("session-purgeable", v.session_purgeable);
  a("source-cloneable", v.source_cloneable);
}
template <typename A, Of<AccessLists> T>
void describe(A& a, T& v) {
  a("users", v.users), a("groups", v.groups), a("root-users", v.root_users), a("root-groups", v.root_groups);
}
template <typename A, Of<Size> T>
void describe(A& a, T& v) {
  a("bytes", v.bytes), a("percent", v.percent);
}
template <typename A, Of<Union> T>
void describe(A& a, T& v) {
  a("type", v.type), a("backing", v.backing), a("size", v.size), a("filesystem", v.filesystem);
  a("mount-options", v.mount_options), a("device", v.device), a("device-options", v.device_options);
  a("reset", v.reset), a("volatile", v.volatile_upper), a("overlay-directory", v.overlay_directory);
  a("underlay-directory", v.underlay_directory);
}
template <typename A, Of<Definition> T>
void describe(A& a, T& v) {
  a("name", v.name), a("type", v.type), a("description", v.description), a("aliases", v.aliases);
  a("source", v.source), a("union", v.union_), a("access", v.access), a("source-access", v.source_access);
  a("source-clone", v.source_clone), a("environment-filter", v.environment_filter);
  a("command-prefix", v.command_prefix), a("message-verbosity", v.message_verbosity);
  a("preserve-environment", v.preserve_environment), a("shell", v.shell), a("personality", v.personality);
  a("user-modifiable-keys", v.user_modifiable_keys), a("root-modifiable-keys", v.root_modifiable_keys);
  a("user-data", v.user_data), a("host-view", v.host_view), a("host-view-access", v.host_view_access);
  a("hide-state", v.hide_state), a("dev", v.dev);
  a("nss", v.nss), a("no-new-privileges", v.no_new_privileges), a("resolv-conf", v.resolv_conf);
  a("hostname", v.hostname), a("network", v.network), a("cgroup", v.control_group);
  a("working-directory", v.working_directory);
  a("unpack-limit", v.unpack_limit), a("on-boot", v.on_boot), a("on-shutdown", v.on_shutdown);
  a("hook-directories", v.hook_directories), a("hook-time-limit", v.hook_time_limit), a("is-source", v.is_source);
  a("script-config", v.script_config);
  a("profile-name", v.profile_name), a("profile", v.profile), a("file", v.file), a("line", v.line);
}

// The last enumerator of each type, to check numbers from outside. Numbers are enough: only this program reads the
// text.
template <typename T>
constexpr int last_enumerator = -1;
template <>
constexpr int last_enumerator<UnionType> = static_cast<int>(UnionType::overlay);
template <>
constexpr int last_enumerator<UnionBacking> = static_cast<int>(UnionBacking::device);
template <>
constexpr int last_enumerator<Choice> = static_cast<int>(Choice::no);
template <>
constexpr int last_enumerator<NssMode> = static_cast<int>(NssMode::none);
template <>
constexpr int last_enumerator<DeviceMode> = static_cast<int>(DeviceMode::private_dev);
template <>
constexpr int last_enumerator<HostView> = static_cast<int>(HostView::tree);
template <>
constexpr int last_enumerator<ViewAccess> = static_cast<int>(ViewAccess::all);
template <>
constexpr int last_enumerator<ControlGroup> = static_cast<int>(ControlGroup::own);
template <>
constexpr int last_enumerator<OnBoot> = static_cast<int>(OnBoot::leave);
template <>
constexpr int last_enumerator<OnShutdown> = static_cast<int>(OnShutdown::end);

template <typename T>
concept Records = std::is_same_v<T, std::vector<FstabEntry>> || std::is_same_v<T, std::vector<CopiedFile>>;

template <typename T>
struct is_optional : std::false_type {};
template <typename T>
struct is_optional<std::optional<T>> : std::true_type {};

class Writer {
 public:
  explicit Writer(Json& out) : out_(out) {}

  template <typename T>
  void operator()(const char* key, const T& value) {
    out_[key] = encode(value);
  }

 private:
  template <typename T>
  static Json encode(const T& value) {
    if constexpr (std::is_enum_v<T>) {
      return static_cast<int>(value);
    } else if constexpr (std::is_same_v<T, Source>) {
      Json object = std::visit([](const auto& kind) { return encode(kind); }, value);
      object["kind"] = value.index();
      return object;
    } else if constexpr (Records<T>) {
      Json array = Json::array();
      for (const auto& entry : value) array.push_back(encode(entry));
      return array;
    } else if constexpr (is_optional<T>::value) {
      return value ? encode(*value) : Json();
    } else if constexpr (std::is_constructible_v<Json, T> && !std::is_aggregate_v<T>) {
      return Json(value);
    } else {
      Json object = Json::object();
      Writer writer(object);
      describe(writer, value);
      return object;
    }
  }

  Json& out_;
};

class Reader {
 public:
  explicit Reader(const Json& in) : in_(in) {}

  // A missing member keeps its default: an earlier version may have written the text.
  template <typename T>
  void operator()(const char* key, T& value) {
    const auto found = in_.find(key);
    if (found != in_.end()) decode(*found, value);
  }

 private:
  template <typename T>
  static void decode(const Json& in, T& value) {
    if constexpr (std::is_enum_v<T>) {
      const int number = number_of<int>(in);
      if (number > last_enumerator<T>)
        throw base::Error(base::ErrorCode::definition_invalid, base::concat("unknown choice ", number));
      value = static_cast<T>(number);
    } else if constexpr (std::is_same_v<T, Source>) {
      decode_source<0>(in, number_of<std::size_t>(in.at("kind")), value);
    } else if constexpr (Records<T>) {
      value.clear();
      for (const auto& entry : in) decode(entry, value.emplace_back());
    } else if constexpr (is_optional<T>::value) {
      value.reset();
      if (!in.is_null()) decode(in, value.emplace());
    } else if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
      value = number_of<T>(in);
    } else if constexpr (std::is_constructible_v<Json, T> && !std::is_aggregate_v<T>) {
      in.get_to(value);
    } else if constexpr (std::is_same_v<T, CopiedFile>) {
      decode_copied_file(in, value);
    } else {
      if (!in.is_object()) throw base::Error(base::ErrorCode::definition_invalid, "expected an object");
      Reader reader(in);
      describe(reader, value);
    }
  }

  // Former versions had one path for source and target, stored as a text.
  static void decode_copied_file(const Json& in, CopiedFile& value) {
    if (in.is_string()) {
      value.source = value.target = in.get<std::string>();
      return;
    }
    if (!in.is_object()) throw base::Error(base::ErrorCode::definition_invalid, "expected an object");
    Reader reader(in);
    describe(reader, value);
  }

  // Json::get() would truncate a number that does not fit.
  template <typename Number>
  static Number number_of(const Json& in) {
    if (!in.is_number_unsigned() || !std::in_range<Number>(in.get<std::uint64_t>()))
      throw base::Error(base::ErrorCode::definition_invalid, base::concat("a number is out of range: ", in.dump()));
    return in.get<Number>();
  }

  template <std::size_t Index>
  static void decode_source(const Json& in, std::size_t kind, Source& value) {
    if constexpr (Index < std::variant_size_v<Source>) {
      if (kind != Index) return decode_source<Index + 1>(in, kind, value);
      decode(in, value.emplace<Index>());
    } else {
      throw base::Error(base::ErrorCode::definition_invalid, base::concat("unknown kind of source ", kind));
    }
  }

  const Json& in_;
};

}  // namespace

std::string serialize(const Definition& definition) {
  try {
    Json object = Json::object();
    object["format"] = format;
    Writer writer(object);
    describe(writer, definition);
    return object.dump();
  } catch (const Json::exception& error) {  // text that is not UTF-8; text from files was checked
    throw base::Error(base::ErrorCode::definition_invalid,
                      base::concat("writing down the definition of '", base::printable(definition.name),
                                   "': ", base::printable(error.what())));
  }
}

Definition deserialize(const std::string& text) {
  const auto refuse = [](const char* why) {
    throw base::Error(base::ErrorCode::definition_invalid,
                      base::concat("reading a definition kept with a session: ", base::printable(why)),
                      "the record is damaged, or was written by a later version");
  };
  Definition definition;
  try {
    const Json object = Json::parse(text);
    if (!object.is_object() || object.at("format").get<int>() != format) refuse("its format is not known");
    Reader reader(object);
    describe(reader, definition);
  } catch (const Json::exception& error) {
    refuse(error.what());
  } catch (const base::Error& error) {
    refuse(error.what());
  }
  return definition;
}

}  // namespace unionroot::definition
