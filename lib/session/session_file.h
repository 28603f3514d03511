// <sessions>/<id>/session.json: enough to rebuild a preserved session's record when the database is lost. A session
// whose upper layer is no folder, or that has none, has a folder for it alone.
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
  std::string daemon;  // the id of the one that wrote it; empty: a former version wrote it, which had none
  [[nodiscard]] owned::Token token() const { return {daemon, record.created, record.id}; }
};

std::string to_json(const SessionFile& file);
// nullopt if the text is not such a file, or the record in it is not of the session `id`.
std::optional<SessionFile> from_json(const std::string& text, const std::string& id);

std::string session_file_path(const std::string& sessions_folder, const std::string& id);
// Written beside the upper layer, for root alone to read. Throws SystemError. durable: on the disk when it returns.
void write_session_file(const std::string& sessions_folder, const SessionFile& file, bool durable);
// Whether what is there differs in nothing but the boot in which the session was set up, and what was noticed then.
bool session_file_is_current(const std::string& sessions_folder, const SessionFile& file);
// Removes the file and its folder where that holds nothing else; leaves all as it is where it does, or is
// not the session's. Idempotent.
void remove_session_file(const std::string& sessions_folder, const owned::Token& session);
// nullopt if there is none. Throws Error(stage_failed) if it, or its folder, is not root's alone: it is not believed.
// sessions: the folder of sessions, opened; its path is for messages.
std::optional<SessionFile> read_session_file(int sessions, const std::string& sessions_folder, const std::string& id);

}  // namespace unionroot::session
