"""Cases of command lines."""

import script_actions
import script_commands
import script_people
import script_sessions


def all_cases():
    return [*script_actions.actions(), *script_actions.mistakes(), *script_actions.forms(), *script_people.people(), *script_people.environment(),
            *script_commands.folders(), *script_commands.statuses(), *script_commands.streams(), *script_commands.signals(), *script_commands.terminals(),
            *script_sessions.sessions(), *script_sessions.hooks()]
