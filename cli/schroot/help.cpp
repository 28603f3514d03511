#include "schroot/help.h"

#include "base/text.h"

namespace unionroot::schroot {

namespace {

// The help that both programs share.
std::string help(const char* program, const char* location, const char* rest) {
  return base::concat("Usage:\n  ", program, "  [OPTION…] [COMMAND] — run command or shell in a chroot\n\n", R"(Actions:
  -h [ --help ]                   Show help options
  -V [ --version ]                Print version information
  -l [ --list ]                   List available chroots
  -i [ --info ]                   Show information about selected chroots
  --config                        Dump configuration of selected chroots
)",
                      location, R"(
General options:
  -q [ --quiet ]                  Show less output
  -v [ --verbose ]                Show more output

Chroot selection:
  -c [ --chroot ] arg             Use specified chroot
)",
                      rest);
}

}  // namespace

std::string schroot_help() {
  return help("schroot", "  --location                      Print location of selected chroots\n",
              R"(  -a [ --all ]                    Select all chroots and active sessions
  --all-chroots                   Select all chroots
  --all-sessions                  Select all active sessions
  --all-source-chroots            Select all source chroots
  --exclude-aliases               Do not include aliases

Chroot environment:
  -d [ --directory ] arg          Directory to use
  -s [ --shell ] arg              Shell to use as login shell
  -u [ --user ] arg               Username (default current user)
  -p [ --preserve-environment ]   Preserve user environment
  -o [ --option ] arg             Set option

Session actions:
  --automatic-session             Begin, run and end a session automatically 
                                  (default)
  -b [ --begin-session ]          Begin a session; returns a session ID
  --recover-session               Recover an existing session
  -r [ --run-session ]            Run an existing session
  -e [ --end-session ]            End an existing session

Session options:
  -n [ --session-name ] arg       Session name (defaults to an automatically 
                                  generated name)
  -f [ --force ]                  Force operation, even if it fails
)");
}

std::string dchroot_help() {
  return help("dchroot", "  -p [ --path ]                   Print location of selected chroots\n",
              R"(  -a [ --all ]                    Select all chroots

Chroot environment:
  --directory arg                 Directory to use
  -d [ --preserve-environment ]   Preserve user environment
)");
}

std::string version_text(const std::string& program) {
  return base::concat(program, " (Debian sbuild) 1.6.13 (13 Aug 2022)\nas unionroot " UNIONROOT_VERSION " has it\n");
}

}  // namespace unionroot::schroot
