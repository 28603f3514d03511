// <sessions>/<id>/session.json rebuilds a preserved session's record if the database is lost. A session without an
// upper layer in a folder has a folder for this file alone.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "owned/token.h"
#include "store/store.h"

namespace unionroot::session {

struct SessionFile {
  store::SessionRecord record;
  std::vector<store::StageRecord> stages;
  std::string daemon;  // the id of the daemon that wrote it; empty: a former version wrote it
  [[nodiscard]] owned::Token token() const { return {daemon, record.created, record.id}; }
};

std::string to_json(const SessionFile& file);
// nullopt if the text is not such a file, or its record is not of the session `id`.
std::optional<SessionFile> from_json(const std::string& text, const std::string& id);

std::string session_file_path(const std::string& sessions_folder, const std::string& id);
// Writes the file for root alone to read, into the session's folder, which it makes if it is missing. durable: the file
// is on the disk when this returns. Throws SystemError.
void write_session_file(const std::string& sessions_folder, const SessionFile& file, bool durable);
// True if the stored file differs from `file` at most in its boot id and its notes.
bool session_file_is_current(const std::string& sessions_folder, const SessionFile& file);
// Removes the file, and its folder if that holds nothing else. Leaves a folder that holds more or is not the session's.
// Idempotent.
void remove_session_file(const std::string& sessions_folder, const owned::Token& session);
// nullopt if there is no file. Throws Error(stage_failed) if others than root can change it or its folder, since such a
// file is not trusted. sessions: a descriptor of the folder of sessions; its path is for messages.
std::optional<SessionFile> read_session_file(int sessions, const std::string& sessions_folder, const std::string& id);

}  // namespace unionroot::session
