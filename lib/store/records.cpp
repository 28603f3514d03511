#include "store/records.h"

#include <array>

#include "base/text.h"

namespace unionroot::store {

std::string_view to_string(SessionKind kind) {
  switch (kind) {
    case SessionKind::automatic: return "automatic";
    case SessionKind::preserved: return "preserved";
  }
  return "unknown";
}

std::string_view to_string(SessionState state) {
  switch (state) {
    case SessionState::beginning: return "beginning";
    case SessionState::active: return "active";
    case SessionState::ending: return "ending";
    case SessionState::failed: return "failed";
    case SessionState::recovering: return "recovering";
  }
  return "unknown";
}

std::string_view to_string(StageState state) {
  switch (state) {
    case StageState::starting: return "starting";
    case StageState::done: return "done";
    case StageState::undone: return "undone";
  }
  return "unknown";
}

namespace {

constexpr std::array all_kinds = {SessionKind::automatic, SessionKind::preserved};
constexpr std::array all_session_states = {SessionState::beginning, SessionState::active, SessionState::ending,
                                           SessionState::failed, SessionState::recovering};
constexpr std::array all_stage_states = {StageState::starting, StageState::done, StageState::undone};

// The schema allows no other word (CHECK). So an unknown word means that the file was damaged after it was opened.
template <typename Values>
auto parse(const Values& values, const std::string& word) {
  for (const auto value : values)
    if (to_string(value) == word) return value;
  throw base::Error(base::ErrorCode::failed,
                    base::concat("reading the database: it holds the unknown word '", base::printable(word), "'"),
                    "restart unionrootd: it checks the database when it starts");
}

}  // namespace

SessionRecord read_session(const Query& row) {
  SessionRecord session;
  session.id = row.text(0);
  session.chroot = row.text(1);
  session.selected_name = row.text(2);
  session.definition = row.text(3);
  session.kind = parse(all_kinds, row.text(4));
  session.source = row.integer(5) != 0;
  session.state = parse(all_session_states, row.text(6));
  session.owner = static_cast<uid_t>(row.integer(7));
  session.owner_name = row.text(8);
  session.created = row.integer(9);
  session.boot_id = row.text(10);
  session.options = row.text(11);
  session.error = row.text(12);
  session.notes = row.text(13);
  session.marked = row.integer(14) != 0;
  session.front_end = row.integer(15) != 0;
  return session;
}

StageRecord read_stage(const Query& row) {
  StageRecord stage;
  stage.position = static_cast<unsigned>(row.integer(0));
  stage.name = row.text(1);
  stage.state = parse(all_stage_states, row.text(2));
  stage.data = row.text(3);
  return stage;
}

RunRecord read_run(const Query& row) {
  RunRecord run;
  run.id = row.text(0);
  run.session = row.text(1);
  run.supervisor.pid = static_cast<pid_t>(row.integer(2));
  run.supervisor.start_time = static_cast<std::uint64_t>(row.integer(3));
  run.supervisor.boot_id = row.text(4);
  run.uid = static_cast<uid_t>(row.integer(5));
  run.user = row.text(6);
  run.command = row.text(7);
  run.cgroup = row.text(8);
  run.since = row.integer(9);
  run.network = row.text(10);
  run.caller = static_cast<uid_t>(row.integer(11));
  run.caller_name = row.text(12);
  return run;
}

}  // namespace unionroot::store
