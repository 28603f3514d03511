// unionroot import: converts schroot's definitions. Needs a daemon only for sessions.
#include "definition/import.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <boost/filesystem.hpp>
#include <cerrno>

#include "base/error.h"
#include "base/files.h"
#include "base/names.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "cli/exit_status.h"
#include "cli/manager.h"
#include "cli/output.h"
#include "cli/settings.h"
#include "cli/verbs/verbs.h"
#include "definition/schroot_sessions.h"

namespace unionroot::cli {

namespace {

using base::concat;

constexpr const char* help =
    R"(Usage: unionroot import [OPTION]... [FILE...]

Writes schroot's definitions as definitions of unionroot: those in the FILEs, or all that
schroot reads. What cannot be converted is put into comments with the reason. Only the files
that --output names are changed; a daemon reads them if they are in its folders.

      unionroot import --sessions [--dry-run] [SESSION...]

Takes over the SESSIONs of a real schroot, or all of them: each becomes a session of
unionroot, with its files, its name and its owner, and schroot no longer has it. A session can
be taken over if it is on an overlay and not mounted. Only for root; the daemon does it.

Options:
      --sessions        take over schroot's sessions, import no definitions
      --dry-run         with --sessions: list them, and change nothing
  -o, --output FOLDER   write FOLDER/chroot.d/NAME.conf, and the profiles that only schroot has
                        as FOLDER/profiles/NAME; a file that exists is not changed
      --config FILE     the settings file
  -h, --help            show this

Exit status: 0 if all was converted or taken over, 1 if something was not, 125 if it could not
be read or written.

Examples:
  unionroot import
  unionroot import --output /etc/unionroot
  unionroot import /etc/schroot/chroot.d/sid > sid.conf
  unionroot import --sessions --dry-run
)";

class Import : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("FILE", files_);
    app.add_option("-o,--output", output_);
    auto* const sessions = app.add_flag("--sessions", sessions_);
    app.add_flag("--dry-run", dry_run_)->needs(sessions);
  }

  int execute(const std::string& config) override {
    if (sessions_) return import_sessions(config);
    const auto profiles = output_.empty() ? definition::ImportProfiles::named : definition::ImportProfiles::copied;
    const auto imported = definition::import_definitions(files_, settings_for(config), profiles);
    bool whole = true;
    for (const auto& problem : imported.problems) {
      const bool error = problem.severity == definition::Problem::Severity::error;
      whole = whole && !error;
      if (error) print_warning(problem.text());
    }
    if (imported.chroots.empty() && whole) print_remark("schroot has no definitions");
    if (output_.empty())
      print(as_one_text(imported));
    else
      whole = write_all(imported) && whole;
    return whole ? success : wrong_configuration;
  }

 private:
  [[nodiscard]] int import_sessions(const std::string& config) const {
    if (!output_.empty())
      throw base::Error(base::ErrorCode::invalid_argument, "--sessions takes no --output",
                        "see `unionroot help import`");
    definition::Problems problems;
    auto sessions = definition::schroot_sessions(settings_for(config), problems);
    for (const auto& problem : problems) print_warning(problem.text());
    if (sessions.empty() && problems.empty() && files_.empty()) print_remark("schroot has no sessions");
    bool whole = problems.empty();
    if (dry_run_) {
      if (!files_.empty())
        sessions.erase(
            std::remove_if(sessions.begin(), sessions.end(), [&](const auto& each) { return !named(each.id); }),
            sessions.end());
      if (!sessions.empty()) list(sessions);
      return whole ? success : wrong_configuration;
    }
    auto names = files_;
    if (names.empty())
      for (const auto& session : sessions) names.push_back(session.id);
    if (names.empty()) return whole ? success : wrong_configuration;
    Manager manager(config);
    for (const auto& name : names) whole = take_over(manager, name) && whole;
    return whole ? success : wrong_configuration;
  }

  [[nodiscard]] bool named(const std::string& id) const {
    return std::find(files_.begin(), files_.end(), id) != files_.end();
  }

  static void list(const std::vector<definition::SchrootSessionFile>& sessions) {
    std::vector<std::vector<std::string>> rows{{"SESSION", "CHROOT", "TYPE", "OWNER", "UNION", "FILES"}};
    for (const auto& session : sessions)
      rows.push_back({session.id, session.chroot, session.type, session.owner, session.union_type,
                      session.overlay.empty() ? session.location : session.overlay});
    print(table(rows));
    print_remark("sessions with UNION overlay can be taken over: unionroot import --sessions SESSION");
  }

  // False after a failure that concerns only this session: the others are still tried.
  static bool take_over(Manager& manager, const std::string& name) {
    try {
      manager.call("TakeOver", bus::Body().text(name), concat("taking over ", name));
      print_remark(concat("took over ", base::printable(name)));
      return true;
    } catch (const base::Error& error) {
      if (error.code() == base::ErrorCode::failed) throw;  // the daemon is not running, or cannot take over at all
      print_warning(error.with_hint());
      return false;
    }
  }

  static std::string as_one_text(const definition::Imported& imported) {
    std::string text;
    for (const auto& chroot : imported.chroots) text += concat(text.empty() ? "" : "\n", chroot.text);
    return text;
  }

  // False: a file exists already.
  [[nodiscard]] bool write_all(const definition::Imported& imported) const {
    bool all = true;
    for (const auto& profile : imported.profiles)
      for (const auto& [kind, text] : profile.texts)
        all = write(concat("profiles/", profile.name), std::string(file_name(kind)), text) && all;
    for (const auto& chroot : imported.chroots) {
      // A chroot that could not be converted would give a file of comments only.
      if (chroot.carried) all = write("chroot.d", base::name_after_chroot(chroot.name, ".conf"), chroot.text) && all;
    }
    return all;
  }

  [[nodiscard]] bool write(const std::string& folder, const std::string& name, const std::string& text) const {
    const auto place = concat(output_, "/", folder);
    boost::system::error_code failed;
    boost::filesystem::create_directories(place, failed);
    if (failed) throw base::SystemError(failed.value(), concat("making the folder ", base::printable(place)));
    const auto path = concat(place, "/", name);
    const base::UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                                     S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH));
    if (!file && errno == EEXIST) {
      print_warning(concat(base::printable(path), " exists already, and was not changed"));
      return false;
    }
    if (!file) base::throw_errno("making", path);
    try {
      base::write_all(file.get(), text, path);
    } catch (...) {
      ::unlink(path.c_str());  // the daemon would read half a file as a whole one
      throw;
    }
    print_remark(concat("wrote ", base::printable(path)));
    return true;
  }

  std::vector<std::string> files_;
  std::string output_;
  bool sessions_ = false;
  bool dry_run_ = false;
};

}  // namespace

const VerbEntry import_verb = {"import", "write schroot's definitions as unionroot's", help, Split::none,
                               make_verb<Import>};

}  // namespace unionroot::cli
