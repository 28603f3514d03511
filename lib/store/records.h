// Converts database rows into records.
#pragma once

#include "store/sqlite.h"
#include "store/store.h"

namespace unionroot::store {

// The columns of each table, in the order that the functions below read them.
inline constexpr const char* session_columns =
    "id, chroot, selected_name, definition, kind, source, state, owner, owner_name, created, boot_id, options, error, "
    "notes, marked, front_end";
inline constexpr const char* stage_columns = "position, name, state, data";
inline constexpr const char* run_columns =
    "id, session, pid, start_time, boot_id, uid, user, command, cgroup, since, network, caller, "
    "caller_name";

SessionRecord read_session(const Query& row);
StageRecord read_stage(const Query& row);
RunRecord read_run(const Query& row);

}  // namespace unionroot::store
