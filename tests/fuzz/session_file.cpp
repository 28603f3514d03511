// session.json: what a preserved session is set up from when the database is lost.
#include "session/session_file.h"

#include <nlohmann/json.hpp>

#include "fuzz.h"

namespace unionroot::fuzz {

namespace {

const std::string id = "sid-1";

std::optional<session::SessionFile> parse(const std::string& text) {
  auto file = session::from_json(text, id);
  if (planted && file && file->record.owner < 1000) file->record.owner = 0;
  return file;
}

}  // namespace

void run(std::string_view input) {
  const std::string text(input);
  const auto file = parse(text);
  if (!file) return;
  const auto& record = file->record;
  require(record.id == id, "the file is of the session that was asked for");
  const auto json = nlohmann::json::parse(text);
  require(json.at("owner") == record.owner, "the owner is the number in the file", text);
  require(json.at("created") == record.created, "the time is the number in the file", text);
  require(json.at("chroot") == record.chroot && json.at("definition") == record.definition &&
              json.at("owner-name") == record.owner_name && json.at("source") == record.source,
          "the record is what the file says", text);
  require(json.at("stages").size() == file->stages.size(), "no stage is lost");
  for (std::size_t i = 0; i < file->stages.size(); ++i)
    require(json["stages"][i].at("position") == file->stages[i].position, "a stage has its position", text);
  const auto written = session::to_json(*file);
  const auto again = session::from_json(written, id);
  require(again && session::to_json(*again) == written, "a session file is read as it was written", written);
}

}  // namespace unionroot::fuzz
