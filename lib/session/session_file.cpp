#include "session/session_file.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "kernel/files.h"
#include "owned/folder.h"
#include "owned/place.h"
#include "session/storage.h"

namespace unionroot::session {

namespace {

constexpr const char* file_name = "session.json";

nlohmann::json stage_json(const store::StageRecord& stage) {
  return {{"position", stage.position}, {"name", stage.name}, {"data", stage.data}};
}

// False if the field cannot hold the number. get_to() would truncate it: 4294967296 would become root's uid.
template <typename Number>
bool read_number(const nlohmann::json& object, const char* key, Number& number) {
  const auto& value = object.at(key);
  if (!value.is_number_unsigned() || !std::in_range<Number>(value.get<std::uint64_t>())) return false;
  value.get_to(number);
  return true;
}

}  // namespace

std::string to_json(const SessionFile& file) {
  const auto& record = file.record;
  nlohmann::json json{{"version", 1},
                      {"id", record.id},
                      {"chroot", record.chroot},
                      {"selected-name", record.selected_name},
                      {"definition", record.definition},
                      {"source", record.source},
                      {"owner", record.owner},
                      {"owner-name", record.owner_name},
                      {"created", record.created},
                      {"boot-id", record.boot_id},
                      {"options", record.options},
                      {"notes", record.notes},
                      {"front-end", record.front_end},
                      {"daemon", file.daemon},
                      {"stages", nlohmann::json::array()}};
  for (const auto& stage : file.stages) json["stages"].push_back(stage_json(stage));
  return json.dump(1) + "\n";
}

std::optional<SessionFile> from_json(const std::string& text, const std::string& id) {
  try {
    const auto json = nlohmann::json::parse(text);
    if (json.at("version") != 1 || json.at("id") != id) return std::nullopt;
    SessionFile file;
    auto& record = file.record;
    record.id = id;
    record.kind = store::SessionKind::preserved;
    record.state = store::SessionState::active;
    json.at("chroot").get_to(record.chroot);
    json.at("selected-name").get_to(record.selected_name);
    json.at("definition").get_to(record.definition);
    json.at("source").get_to(record.source);
    if (!read_number(json, "owner", record.owner) || !read_number(json, "created", record.created)) return std::nullopt;
    json.at("owner-name").get_to(record.owner_name);
    json.at("boot-id").get_to(record.boot_id);
    json.at("options").get_to(record.options);
    record.notes = json.value("notes", record.notes);  // a former version did not write notes
    file.daemon = json.value("daemon", file.daemon);   // nor this
    record.marked = !file.daemon.empty();
    record.front_end = json.value("front-end", false);  // nor this
    for (const auto& entry : json.at("stages")) {
      store::StageRecord stage;
      if (!read_number(entry, "position", stage.position)) return std::nullopt;
      entry.at("name").get_to(stage.name);
      entry.at("data").get_to(stage.data);
      stage.state = store::StageState::done;
      file.stages.push_back(std::move(stage));
    }
    return file;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;  // an expected miss: an incomplete file or another program's; the caller sets the folder aside
  }
}

std::string session_file_path(const std::string& sessions_folder, const std::string& id) {
  return base::concat(sessions_folder, "/", id, "/", file_name);
}

void write_session_file(const std::string& sessions_folder, const SessionFile& file, bool durable) {
  const auto folder = ensure_session_folder(sessions_folder, file.token());
  kernel::write_file_atomically(folder.get(), file_name, to_json(file), 0600, durable);
}

void remove_session_file(const std::string& sessions_folder, const owned::Token& session) {
  const base::UniqueFd sessions(::open(sessions_folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!sessions && errno == ENOENT) return;
  if (!sessions) base::throw_errno("opening the folder", sessions_folder);
  const auto unfinished = owned::unfinished_name(session);
  if (kernel::exists_at(sessions.get(), unfinished)) kernel::remove_tree(sessions.get(), unfinished);
  if (owned::find(sessions.get(), session.session, session) != owned::Found::ours) return;
  const auto folder = kernel::open_directory_at(sessions.get(), session.session);
  const auto names = kernel::list_directory(folder.get());
  // A daemon that died while writing may have left the file under its temporary name.
  const auto ours = [](const std::string& name) {
    return name == file_name || name == owned::mark_file || kernel::is_left_of_write(name, file_name);
  };
  if (!std::all_of(names.begin(), names.end(), ours)) return;
  for (const auto& name : names) kernel::remove_file(folder.get(), name);
  kernel::remove_directory(sessions.get(), session.session);
}

bool session_file_is_current(const std::string& sessions_folder, const SessionFile& file) {
  const auto sessions = owned::open_place("the folder of sessions", sessions_folder);
  if (!sessions) return false;
  auto there = read_session_file(sessions->get(), sessions_folder, file.record.id);
  if (!there) return false;
  there->record.boot_id = file.record.boot_id;
  there->record.notes = file.record.notes;
  return to_json(*there) == to_json(file);
}

std::optional<SessionFile> read_session_file(int sessions, const std::string& sessions_folder, const std::string& id) {
  const base::UniqueFd folder(::openat(sessions, id.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder) return std::nullopt;
  const base::UniqueFd text(::openat(folder.get(), file_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!text) return std::nullopt;
  owned::require_own(folder.get(), base::concat(sessions_folder, '/', id));
  const auto path = session_file_path(sessions_folder, id);
  owned::require_own(text.get(), path);
  return from_json(base::read_all(text.get(), path), id);
}

}  // namespace unionroot::session
