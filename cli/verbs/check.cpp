// unionroot check: what is wrong in the configuration. Needs no daemon.
#include "definition/check.h"

#include <CLI/App.hpp>
#include <algorithm>
#include <tuple>

#include "base/error.h"
#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/host_names.h"
#include "cli/output.h"
#include "cli/problem_listing.h"
#include "cli/settings.h"
#include "cli/verbs/verbs.h"
#include "definition/definition.h"
#include "definition/registry.h"
#include "definition/settings_error.h"
#include "fstab/from_profile.h"
#include "mount/overlay_entry.h"

namespace unionroot::cli {

namespace {

constexpr const char* help =
    R"(Usage: unionroot check [OPTION]... [FILE...]

Checks the whole configuration, or the FILEs alone, and prints FILE:LINE: and what is wrong.
It needs no daemon, and checks what a daemon would read now: also whether the trees and files
that the definitions name are there.

Options:
      --json            print an object with "definitions" and "problems"
      --config FILE     the settings file
  -h, --help            show this

Exit status: 0 if all is well (notices do not count), 1 if something is wrong, 125 if it could
not be checked.

Examples:
  unionroot check
  unionroot check /etc/unionroot/chroot.d/sid.conf
)";

class Check : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("FILE", files_);
    app.add_flag("--json", json_);
  }

  int execute(const std::string& config) override {
    try {
      return check(settings_for(config));
    } catch (const definition::SettingsError& error) {
      // Where everything else lies is not known then.
      return report(0, error.problems());
    }
  }

 private:
  int check(const definition::Settings& settings) {
    const auto snapshot = files_.empty() ? definition::load(settings) : definition::load_files(files_, settings);
    auto problems = snapshot.problems;
    auto on_disk = definition::check_on_disk(snapshot, settings, {host_has_user, host_has_group});
    problems.insert(problems.end(), std::make_move_iterator(on_disk.begin()), std::make_move_iterator(on_disk.end()));
    check_mounts(snapshot, problems);
    // As an editor shows them: the findings of both rounds, by file and line.
    std::stable_sort(problems.begin(), problems.end(),
                     [](const auto& a, const auto& b) { return std::tie(a.file, a.line) < std::tie(b.file, b.line); });
    return report(count_sound(snapshot, problems), problems);
  }

  [[nodiscard]] int report(std::size_t sound, const definition::Problems& problems) const {
    if (json_)
      print_json(problems_json(sound, problems));
    else
      print(problems_text(sound, problems));
    return anything_wrong(problems) ? wrong_configuration : success;
  }

  static std::size_t count_sound(const definition::Snapshot& snapshot, const definition::Problems& problems) {
    return static_cast<std::size_t>(
        std::count_if(snapshot.chroots.begin(), snapshot.chroots.end(), [&](const auto& chroot) {
          return std::none_of(problems.begin(), problems.end(), [&](const auto& problem) {
            return problem.severity == definition::Problem::Severity::error && problem.section == chroot->name;
          });
        }));
  }

  // What the daemon would find when a session begins: each definition's fstab as a plan, and the overlay's options.
  static void check_mounts(const definition::Snapshot& snapshot, definition::Problems& problems) {
    const auto attempt = [&](const definition::Definition& chroot, const char* what, auto&& plan) {
      try {
        plan();
      } catch (const base::Error& error) {
        const auto hint = error.hint().empty() ? std::string() : base::concat("; ", error.hint());
        problems.push_back({definition::Problem::Severity::error, chroot.file, chroot.line, chroot.name,
                            base::concat(what, error.what(), hint)});
      }
    };
    for (const auto& chroot : snapshot.chroots) {
      attempt(*chroot, "its profile cannot be mounted: ", [&] {
        static_cast<void>(fstab::plan_inner_mounts(*chroot));
        for (auto& option : fstab::options_without_effect(*chroot))
          problems.push_back({definition::Problem::Severity::notice, chroot->file, chroot->line, chroot->name, option});
      });
      attempt(*chroot, "union-mount-options: ", [&] {
        static_cast<void>(mount::overlay_options(chroot->union_.mount_options));
      });
    }
  }

  std::vector<std::string> files_;
  bool json_ = false;
};

}  // namespace

const VerbEntry check_verb = {"check", "check the configuration", help, Split::none, make_verb<Check>};

}  // namespace unionroot::cli
