// The daemon's log. If stderr is the journal, lines have the <N> priority prefix of sd-daemon(3); otherwise they have a
// time and a level. The command line does not use it.
#pragma once

#include <string_view>

namespace unionroot::base::log {

enum class Level { debug, info, warning, error };

void set_level(Level level);
bool is_shown(Level level);
// True if standard error is the journal (systemd.exec(5): JOURNAL_STREAM).
bool goes_to_journal();
void debug(std::string_view message);
void info(std::string_view message);
void warning(std::string_view message);
void error(std::string_view message);

}  // namespace unionroot::base::log
