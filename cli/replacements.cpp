#include "cli/replacements.h"

#include "base/text.h"

namespace unionroot::cli {

namespace {

struct Replacement {
  std::string_view letter, name, use;  // the option's two forms in schroot; either may be empty
};

constexpr Replacement replacements[] = {
    {"-l", "--list", "use: unionroot list"},
    {"-a", "--all", "use: unionroot list"},
    {"", "--all-chroots", "use: unionroot list --chroots"},
    {"", "--all-source-chroots", "use: unionroot list --chroots"},
    {"", "--all-sessions", "use: unionroot list --sessions, or unionroot end --all"},
    {"", "--exclude-aliases", "use: unionroot list; each chroot is listed once"},
    {"-i", "--info", "use: unionroot info NAME"},
    {"", "--location", "use: unionroot location SESSION"},
    {"", "--automatic-session", "use: unionroot run CHROOT -- COMMAND"},
    {"-b", "--begin-session", "use: unionroot begin CHROOT"},
    {"-r", "--run-session", "use: unionroot run SESSION -- COMMAND"},
    {"-e", "--end-session", "use: unionroot end SESSION"},
    {"", "--recover-session", "use: unionroot recover SESSION"},
    {"-n", "--session-name", "use: unionroot begin --name ID CHROOT"},
    {"-f", "--force", "use: unionroot end --force SESSION"},
    {"-d", "--directory", "use: unionroot run --directory DIR NAME -- COMMAND"},
    {"-u", "--user", "use: unionroot run --user USER NAME -- COMMAND"},
    {"-s", "--shell", "use: unionroot run --shell SHELL NAME"},
    {"-p", "--preserve-environment", "use: unionroot run --preserve-environment NAME -- COMMAND"},
    {"-o", "--option", "use: unionroot run --option KEY=VALUE CHROOT -- COMMAND"},
    {"-q", "--quiet", "leave it out: only errors are printed"},
    {"-v", "--verbose", "leave it out: 'unionroot info' and the daemon's log show more"},
    {"", "--debug", "leave it out: 'unionroot info' and the daemon's log show more"},
};

struct Synonym {
  std::string_view word, verb;
};

constexpr Synonym synonyms[] = {
    {"start", "begin"},  {"create", "begin"},   {"new", "begin"},   {"open", "begin"},   {"exec", "run"},
    {"shell", "run"},    {"enter", "run"},      {"login", "run"},   {"stop", "end"},     {"rm", "end"},
    {"remove", "end"},   {"delete", "end"},     {"destroy", "end"}, {"close", "end"},    {"ls", "list"},
    {"ps", "runs"},      {"show", "info"},      {"status", "info"}, {"inspect", "info"}, {"path", "location"},
    {"verify", "check"}, {"validate", "check"}, {"test", "check"},
};

// One-letter options of schroot can be written together, and their values attached.
bool names(std::string_view option, const Replacement& replacement) {
  if (option.starts_with("--")) return option.substr(0, option.find('=')) == replacement.name;
  return option.size() > 1 && option.substr(0, 2) == replacement.letter;
}

}  // namespace

std::string in_place_of_schroot_option(std::string_view option, std::string_view verb) {
  if (names(option, {"-c", "--chroot", {}}))
    return verb.empty() || verb == "run" ? "a name needs no option: unionroot run NAME -- COMMAND"
                                         : base::concat("a name needs no option: unionroot ", verb, " NAME");
  for (const auto& replacement : replacements)
    if (names(option, replacement)) return std::string(replacement.use);
  return {};
}

std::string in_place_of_other_verb(std::string_view word) {
  for (const auto& synonym : synonyms)
    if (synonym.word == word) return base::concat("did you mean '", synonym.verb, "'?");
  return {};
}

}  // namespace unionroot::cli
