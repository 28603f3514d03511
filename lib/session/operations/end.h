// How a session ends: every process killed, stages torn down in reverse, unlocked, gone.
#pragma once

#include <functional>

#include "launch/waiting_client.h"
#include "session/parts.h"

namespace unionroot::session {

// cancelled: asked while a changed tree is packed, unless forced. who: asked for it, if somebody did.
EndResult end(Parts& parts, const SessionPtr& session, EndWish wish, TellProgress progress = {},
              std::function<bool()> cancelled = {}, std::optional<events::User> who = std::nullopt);
// The same for the holder of the session, who tells of it. force: as in EndWish.
EndResult end(Parts& parts, Operation& operation, bool force, std::function<bool()> cancelled = {});

// An automatic session when its last command has ended: by force, once what is under way on it is over. But it stays,
// failed, if what was changed in it cannot be put into its source. client: of that command; it waits and may cancel
// that. Returns false if the session stays because another command was started in it.
bool end_automatic(Parts& parts, const SessionPtr& session, launch::WaitingClient& client);
// An automatic session whose command could not be started.
void end_unused(Parts& parts, Operation& operation);

// How a command ended is noted after its client was told: then it does not run any more, as far as anybody knows. Two
// seconds at most.
void wait_for_ended_runs(const Session& session);

void kill_processes(Parts& parts, Operation& operation);

}  // namespace unionroot::session
