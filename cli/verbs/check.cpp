// unionroot check: finds problems in the configuration. Needs no daemon.
#include "definition/check.h"

#include <CLI/App.hpp>
#include <algorithm>
#include <cerrno>
#include <set>
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
#include "source/oci_layout.h"
#include "source/root_file.h"
#include "source/within.h"

namespace unionroot::cli {

namespace {

constexpr const char* help =
    R"(Usage: unionroot check [OPTION]... [FILE...]

Checks the whole configuration, or only the FILEs, and prints FILE:LINE: and each problem. It
needs no daemon. It checks what a daemon would read now, and whether the trees and files that
the definitions name exist.

Options:
      --json            print an object with "definitions" and "problems"
      --config FILE     the settings file
  -h, --help            show this

Exit status: 0 if there is no problem (notices do not count), 1 if there is one, 125 if it could
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
      // Without the settings it is not known where the other files are.
      return report(0, error.problems());
    }
  }

 private:
  int check(const definition::Settings& settings) {
    const auto snapshot = files_.empty() ? definition::load(settings) : definition::load_files(files_, settings);
    auto problems = snapshot.problems;
    const auto of_files = problems.size();
    auto on_disk = definition::check_on_disk(snapshot, settings, {host_has_user, host_has_group});
    problems.insert(problems.end(), std::make_move_iterator(on_disk.begin()), std::make_move_iterator(on_disk.end()));
    check_archives(snapshot, problems);
    check_mounts(snapshot, problems);
    check_mounts_of_host(snapshot, problems);
    // The first `of_files` problems do not count: a definition that is broken by them is not in `chroots`. Of two
    // definitions with one name the first is.
    std::set<std::string> unsound;
    for (auto each = problems.begin() + static_cast<std::ptrdiff_t>(of_files); each != problems.end(); ++each)
      if (each->severity == definition::Problem::Severity::error) unsound.insert(each->section);
    const auto sound =
        static_cast<std::size_t>(std::count_if(snapshot.chroots.begin(), snapshot.chroots.end(),
                                               [&](const auto& chroot) { return !unsound.contains(chroot->name); }));
    // Sorted by file and line: the findings of both rounds.
    std::stable_sort(problems.begin(), problems.end(),
                     [](const auto& a, const auto& b) { return std::tie(a.file, a.line) < std::tie(b.file, b.line); });
    return report(sound, problems);
  }

  [[nodiscard]] int report(std::size_t sound, const definition::Problems& problems) const {
    if (json_)
      print_json(problems_json(sound, problems));
    else
      print(problems_text(sound, problems));
    return anything_wrong(problems) ? wrong_configuration : success;
  }

  // Finds what would fail when archives are unpacked. Missing files, and files that are not root's, are reported
  // already.
  static void check_archives(const definition::Snapshot& snapshot, definition::Problems& problems) {
    for (const auto& chroot : snapshot.chroots) {
      const bool has_error = std::any_of(problems.begin(), problems.end(), [&](const auto& problem) {
        return problem.severity == definition::Problem::Severity::error && problem.section == chroot->name;
      });
      if (has_error) continue;
      const auto add = [&](const char* key, const std::string& what) {
        const auto line = chroot->key_lines.find(key);
        problems.push_back({definition::Problem::Severity::error, chroot->file,
                            line == chroot->key_lines.end() ? chroot->line : line->second, chroot->name,
                            base::concat(key, ": ", what)});
      };
      const auto* const tarball = std::get_if<definition::FileSource>(&chroot->source);
      const auto* const image = std::get_if<definition::OciSource>(&chroot->source);
      try {
        if (tarball != nullptr) {
          const auto file = source::open_trusted_file(chroot->name, "archive", tarball->file);
          if (const auto fault = source::tarball_fault(file.get(), tarball->file); !fault.empty())
            add("file", base::concat('\'', base::printable(tarball->file), "' ", fault));
        }
        if (image != nullptr) {
          const source::OciLayout layout(chroot->name, image->directory);
          for (const auto& layer : layout.layers(image->reference)) static_cast<void>(layout.open_blob(layer));
        }
      } catch (const base::Error& error) {
        const auto* const system = dynamic_cast<const base::SystemError*>(&error);
        if (system != nullptr && system->error_number() == EACCES) continue;  // the caller is not root
        add(tarball != nullptr ? "file" : image->reference.empty() ? "directory" : "reference", error.with_hint());
      }
    }
  }

  static void check_mounts_of_host(const definition::Snapshot& snapshot, definition::Problems& problems) {
    const auto entries = kernel::read_mountinfo();
    const std::vector<kernel::Mount> mounts(entries.begin(), entries.end());
    for (const auto& chroot : snapshot.chroots) {
      if (chroot->line == 0) continue;  // built in: there is nothing to correct
      std::vector<std::string> folders;
      if (const auto* tree = std::get_if<definition::DirectorySource>(&chroot->source); tree && !tree->plain)
        folders = {tree->directory};
      if (const auto* layers = std::get_if<definition::LayersSource>(&chroot->source))
        folders = layers->lower_directories;
      for (const auto& folder : folders)
        if (auto about = source::about_missing_mounts(mounts, folder, *chroot); !about.empty())
          problems.push_back({definition::Problem::Severity::notice, chroot->file, chroot->line, chroot->name, about});
    }
  }

  // Finds what would fail when a session begins: each definition's fstab as a plan, and the overlay's options.
  static void check_mounts(const definition::Snapshot& snapshot, definition::Problems& problems) {
    const auto attempt = [&](const definition::Definition& chroot, const char* what, auto&& plan) {
      try {
        plan();
      } catch (const base::Error& error) {
        problems.push_back({definition::Problem::Severity::error, chroot.file, chroot.line, chroot.name,
                            base::concat(what, error.with_hint())});
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
