#include "cli/after_run.h"

#include <fcntl.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <optional>

#include "base/error.h"
#include "base/files.h"
#include "base/names.h"
#include "base/text.h"
#include "cli/change_list.h"
#include "cli/change_printer.h"
#include "cli/exit_status.h"
#include "cli/output.h"
#include "cli/verb.h"

namespace unionroot::cli {

namespace {

void end(Manager& manager, const std::string& session) {
  const auto answer = manager.call("End", bus::Body().text(session).options({}), base::concat("ending ", session));
  for (const auto& what : value_of<std::vector<std::string>>(answer, 0))
    print_warning(base::concat("ending ", session, ": left behind: ", what));
}

}  // namespace

void AfterRun::declare(CLI::App& app) {
  // Takes its value only after '=', as --wait does: a name may follow.
  app.add_flag("--diff{-}", diff_)->type_name("FILE");
  app.add_option("--keep", keep_)->type_name("WHEN");
}

void AfterRun::validate(const std::string& chroot) const {
  if (!keep_.empty() && keep_ != "failed" && keep_ != "changed" && keep_ != "always")
    throw UsageError(base::concat("--keep=", base::printable(keep_), ": it must be failed, changed or always"));
  if (!wanted()) return;
  const auto name = base::parse_qualified_name(chroot);
  if (name.space == base::Namespace::session || name.space == base::Namespace::source)
    throw UsageError("--diff and --keep are for a chroot, on which the command has a session of its own",
                     name.space == base::Namespace::session ? base::concat("unionroot diff ", name.name) : "");
}

std::string AfterRun::begin(Manager& manager, const std::string& chroot, bus::Options options) {
  options.emplace_back("confirm", true);
  ask_for_progress(options);
  try {
    const auto answer = manager.call("Begin", bus::Body().text(chroot).options(options),
                                     base::concat("beginning a session on ", chroot));
    return value_of<std::string>(answer, 0);
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::no_such_chroot) throw;
    throw base::Error(error.code(), error.what(),
                      base::concat("--diff and --keep are for chroots; for a session `unionroot diff ", chroot,
                                   "` lists the changes"));
  }
}

std::size_t AfterRun::show_changes(Manager& manager, const std::string& session) const {
  if (diff_.empty()) return list_changes(manager, session, {}, [](const ListedChange&) {});
  base::UniqueFd file;
  if (diff_ != "-")
    file.reset(base::check(::open(diff_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), "writing",
                           base::printable(diff_)));
  ChangePrinter printer(ChangeFormat::lines, [&](std::string_view piece) {
    base::write_all(file ? file.get() : STDERR_FILENO, piece, file ? diff_ : "standard error");
  });
  const auto count = list_changes(manager, session, {}, [&](const ListedChange& change) { printer.add(change); });
  printer.finish();
  return count;
}

int AfterRun::conclude(Manager& manager, const std::string& session, int status) const {
  std::optional<std::size_t> changes;
  bool trouble = false;
  try {
    if (!diff_.empty() || keep_ == "changed") changes = show_changes(manager, session);
  } catch (const base::Error& error) {
    print_error("the command has ended; ", error);
    trouble = true;
  }
  const bool keeps = keep_ == "always" || (keep_ == "failed" && status != success) ||
                     (keep_ == "changed" && (!changes || *changes != 0));
  try {
    if (!keeps) {
      end(manager, session);
    } else {
      manager.call("Confirm", bus::Body().text(session), base::concat("keeping ", session));
      print_remark(base::concat("session ", session, " is kept: unionroot run ", session, "; unionroot end ", session));
    }
  } catch (const base::Error& error) {
    print_error(
        base::concat("the command has ended, but its session ", session, keeps ? " is not kept: " : " has not: "),
        error);
    trouble = true;
  }
  return trouble ? failure : status;
}

}  // namespace unionroot::cli
