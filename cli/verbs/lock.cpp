// unionroot lock: holds the source lock of a tree while a command changes it. Needs no daemon.
#include <sys/time.h>
#include <unistd.h>

#include <CLI/App.hpp>

#include "base/names.h"
#include "base/text.h"
#include "cli/arguments.h"
#include "cli/child.h"
#include "cli/exit_status.h"
#include "cli/host_names.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/settings.h"
#include "cli/verbs/verbs.h"
#include "definition/registry.h"
#include "locks/source_lock.h"
#include "locks/unfinished.h"
#include "source/source_trees.h"

namespace unionroot::cli {

namespace {

constexpr const char* help =
    R"(Usage: unionroot lock [OPTION]... CHROOT [OPTION]... -- COMMAND...

Runs COMMAND while holding the source tree of CHROOT, so that it may change the tree: no
session begins on it meanwhile. It is refused while sessions use the tree; the error names
them. With --wait it waits for them and holds back later sessions, at most for
hold-back-time-limit in the settings. Only for root; needs no daemon.

Options:
      --wait[=SECONDS]  wait until the tree is free; without SECONDS there is no limit
      --yield           hold no session back while it waits
      --config FILE     the settings file
  -h, --help            show this

Exit status: the command's own; 128+N if signal N ended it or the wait; 125 if the tree is in
use, or unionroot failed; 126 if the command cannot be executed, 127 if it is not found.

Examples:
  unionroot lock sid -- /usr/sbin/chroot /srv/chroot/sid apt-get -y upgrade
  unionroot lock sid --wait=600 -- rsync -a --delete mirror:/sid/ /srv/chroot/sid/
)";

std::int64_t now_in_microseconds() {
  timeval now{};
  ::gettimeofday(&now, nullptr);
  return std::int64_t{now.tv_sec} * 1000000 + now.tv_usec;
}

definition::DefinitionPtr find_definition(const definition::Settings& settings, const std::string& name) {
  const auto snapshot = definition::load(settings);
  if (auto found = snapshot.find(name)) return found;
  if (const auto* const problem = snapshot.broken(name))
    throw base::Error(base::ErrorCode::definition_invalid,
                      base::concat("the definition of ", name, " is broken: ", problem->text()),
                      "'unionroot check' shows all problems");
  std::vector<std::string> names;
  for (const auto& chroot : snapshot.chroots) names.push_back(chroot->name);
  const auto near = did_you_mean(name, names);
  throw base::Error(base::ErrorCode::no_such_chroot, base::concat("there is no chroot '", name, "'"),
                    base::concat(near, near.empty() ? "" : " ", "'unionroot list --chroots' shows them"));
}

class Lock : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("CHROOT", chroot_)->required();
    wait_.declare(app);
  }

  void take_command(std::vector<std::string> words) override { command_ = std::move(words); }

  int execute(const std::string& config) override {
    require_chroot_name(chroot_);
    if (command_.empty() || command_.front().empty())
      throw UsageError("COMMAND is missing: it comes after '--'", "for example: unionroot lock sid -- apt-get update");
    const auto wait_limit = limit();
    if (::geteuid() != 0)
      throw base::Error(base::ErrorCode::access_denied, "only root may lock a source tree",
                        "try: sudo unionroot lock ...");
    const auto settings = settings_for(config);
    const auto definition = find_definition(settings, base::parse_qualified_name(chroot_).name);
    const auto trees = source::source_trees(*definition);

    const HeldSignals signals;
    locks::LockDirectory directory(settings.state_directory + "/locks");
    std::vector<locks::HeldLock> held;
    const auto hold_back = time_to_hold_back(settings);
    try {
      for (const auto& tree : trees) {
        held.push_back(lock(directory, *definition, tree, wait_limit, hold_back, signals));
        locks::require_finished(settings.state_directory, tree.key);
      }
    } catch (const base::Error& error) {
      const int number = signals.interrupted();
      if (error.code() != base::ErrorCode::cancelled || number == 0) throw;
      // No message: the user who pressed Ctrl-C knows why. `held` is destroyed before `signals`, so the locks are
      // released before the pending signal ends this process. A shell's loop around it then stops too.
      return killed_base + number;
    }
    // The command inherits the locks' descriptors: if we are killed, the tree stays locked while it runs.
    std::vector<int> descriptors;
    for (const auto& one : held) descriptors.push_back(one.descriptor());
    const int status = signals.run(command_, descriptors);
    for (auto& one : held) one.release();
    return status;
  }

 private:
  // nullopt: as long as it waits.
  [[nodiscard]] std::optional<std::chrono::milliseconds> time_to_hold_back(const definition::Settings& settings) const {
    if (wait_.yields()) return std::chrono::milliseconds(0);
    if (settings.hold_back_time_limit == 0) return std::nullopt;
    return std::chrono::seconds(settings.hold_back_time_limit);
  }

  [[nodiscard]] std::optional<std::chrono::milliseconds> limit() const {
    if (!wait_.given()) return std::chrono::milliseconds(0);
    const auto milliseconds = wait_.milliseconds();
    if (milliseconds < 0) return std::nullopt;
    return std::chrono::milliseconds(milliseconds);
  }

  [[nodiscard]] locks::HeldLock lock(locks::LockDirectory& directory, const definition::Definition& definition,
                                     const source::SourceTree& tree,
                                     std::optional<std::chrono::milliseconds> wait_limit,
                                     std::optional<std::chrono::milliseconds> hold_back,
                                     const HeldSignals& signals) const {
    locks::LockOwner owner;
    owner.process = base::this_process();
    owner.uid = ::getuid();
    owner.user = host_user_name(owner.uid);
    owner.chroot = definition.name;
    owner.tree = tree.path;
    owner.purpose = "unionroot lock";  // everybody may read the file, so the command is not in it; ps(1) shows it
    owner.since = now_in_microseconds();
    Progress progress(base::concat("waiting for ", tree.path));
    const auto cancelled = [&] {
      progress.tick();
      return signals.interrupted() != 0;
    };
    return directory.lock_source(tree.key, owner, {wait_limit, cancelled, {}, hold_back});
  }

  std::string chroot_;
  std::vector<std::string> command_;
  WaitOption wait_;
};

}  // namespace

const VerbEntry lock_verb = {"lock", "hold a source tree while a command changes it", help, Split::at_dashes,
                             make_verb<Lock>};

}  // namespace unionroot::cli
