#include "session/operations/apply.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/filesystem.hpp>
#include <chrono>
#include <exception>
#include <utility>
#include <variant>

#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/paths.h"
#include "base/text.h"
#include "kernel/files.h"
#include "kernel/mountinfo.h"
#include "layers/apply.h"
#include "layers/plan_text.h"
#include "layers/reset_plan.h"
#include "locks/unfinished.h"
#include "session/attempts.h"
#include "session/beginning_record.h"
#include "session/layer_places.h"
#include "session/operations/at_rest.h"
#include "session/operations/diff.h"
#include "session/operations/reset.h"
#include "session/sources/source.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using base::UniqueFd;
using store::SessionState;

namespace {

constexpr std::size_t most_lines = 10'000, most_conflicts = 100, longest = 4096;

layers::ApplyWish wish_of(const ApplyRequest& request) {
  return {request.paths, request.exact, request.exclude, request.ours, request.theirs};
}

[[noreturn]] void refuse_conflicts(const std::string& session, const std::vector<layers::Conflict>& conflicts) {
  std::vector<std::string> texts;
  for (const auto& [path, what] : conflicts) {
    if (texts.size() == most_conflicts) {
      texts.push_back(concat("and ", conflicts.size() - most_conflicts, " more"));
      break;
    }
    texts.push_back(concat("/", base::printable(path), ": ", layers::describe(what)));
  }
  throw Error(
      ErrorCode::invalid_argument,
      concat("session ", session, " cannot be applied, for its tree was changed too: ", base::join(texts, "; ")),
      "--ours PATH keeps what the tree has there, --theirs PATH puts the session's in its place");
}

// The files of accounts have entries of this machine, which each session gets. A shadow may have an owner's password.
void refuse_accounts(const layers::ApplyPlan& plan) {
  constexpr std::array names = {"passwd", "shadow", "group", "gshadow"};
  std::vector<std::string> found, options;
  const auto look = [&](const std::string& path) {
    if (std::find(found.begin(), found.end(), path) == found.end()) found.push_back(path);
  };
  for (const auto& step : plan.steps) {
    if (step.kind == layers::ApplyStep::Kind::folder) continue;
    for (const auto& path : {step.path, step.former}) {
      if (path == "etc") look(path);
      for (const std::string name : names)
        if (path == "etc/" + name || path == "etc/" + name + "-") look(path);
    }
  }
  if (found.empty()) return;
  std::sort(found.begin(), found.end());
  for (auto& path : found) {
    path = "/" + path;
    options.push_back("--exclude " + path);
  }
  throw Error(ErrorCode::not_supported,
              concat(base::join(found, ", "), ": not applied, for a session's accounts are this machine's too"),
              concat("leave them out: ", base::join(options, " "), "; change the tree's own accounts in its source"));
}

layers::ApplyPlan plan_of(const Session& session, const layers::Layers& given, const std::string& beginning,
                          const std::string& written, const ApplyRequest& request, const std::function<bool()>& stop) {
  constexpr std::int64_t million = 1'000'000;
  const layers::Beginning begun(beginning), own(written);
  const auto created = session.identity.created;
  auto plan =
      layers::plan_apply(given, {begun, created / million, created % million * 1000, own}, wish_of(request), stop);
  if (!plan.conflicts.empty()) refuse_conflicts(session.id(), plan.conflicts);
  refuse_accounts(plan);
  return plan;
}

// While the session is as it was.
layers::ApplyPlan first_plan(Parts& parts, const Operation& operation, const ApplyRequest& request,
                             const std::function<bool()>& stop) {
  const auto& session = operation.session();
  const auto opened = open_layers(parts, session, *operation.operator->());
  layers::Layers given;
  given.options = layers::options_of(operation.definition().union_.mount_options);
  given.upper = opened.upper.get();
  for (const auto& lower : opened.lowers) given.lowers.push_back(lower.get());
  std::string written;
  in_store(operation.services(), session, [&](const std::string& store) {
    written = read_record_beside(kernel::open_directory(store).get(), written_name);
  });
  return plan_of(session, given, opened.beginning ? read_beginning(opened.beginning.get()) : std::string(), written,
                 request, stop);
}

std::vector<std::string> lines_of(const layers::ApplyPlan& plan) {
  std::vector<std::string> lines;
  for (const auto& line : plan.lines) {
    if (lines.size() == most_lines) break;
    lines.push_back(concat(std::string(1, static_cast<char>(line.kind)), " ",
                           line.former.empty() ? "" : concat("/", base::printable(line.former, longest), " -> "), "/",
                           base::printable(line.path, longest)));
  }
  return lines;
}

const std::string& tree_of(const Operation& operation) {
  const auto* const source = std::get_if<definition::DirectorySource>(&operation.definition().source);
  if (source == nullptr || operation.is_source())
    throw Error(ErrorCode::not_supported,
                concat("session ", operation.id(), " cannot be applied: chroot ", operation.identity().chroot,
                       " is not of type=directory"),
                "only what was changed on a directory is written into it");
  return source->directory;
}

// What the plan is carried out on.
struct Work {
  Parts& parts;
  const Operation& operation;
  const ApplyRequest& request;
  const std::function<bool()>& stop;
  UndoRecord record;
};

void write_mark(int own, const UndoRecord& record, const layers::ApplyPlan& plan) {
  layers::PlanWriter text;
  text.put(record.id);
  text.put(plan.leaving.size());
  for (const auto& path : plan.leaving) text.put(path);
  kernel::write_file_atomically(own, mark_name, text.take(), 0600, true);
}

// The tree is as it was, or it could not be brought back to that: then the next daemon tries again.
void give_up(const Work& work, const UndoLayers& layers_of_trees, int own, const layers::ApplyStore* store) {
  const auto phase = store != nullptr ? store->phase() : layers::ApplyPhase::prepared;
  if (phase != layers::ApplyPhase::prepared && phase != layers::ApplyPhase::undone) return;
  Attempts attempts;
  attempts.run([&] { kernel::remove_file(own, mark_name); });
  attempts.run([&] {
    // settle_apply() has the session know what it has again.
    if (phase == layers::ApplyPhase::undone)
      layers_of_trees.drop_undone(work.record, layers::restored_by(*store));
    else
      layers_of_trees.drop(work.record);
  });
  for (const auto& problem : attempts.problems())
    base::log::error(concat("taking away what an apply that failed has left: ", problem));
}

void carry_out(Work& work, int own) {
  const auto upper = kernel::open_directory_at(own, "upper");
  const auto lower = mount::open_tree_clone(work.parts.mounts, work.record.tree, false, true);
  const UniqueFd tree(base::check(::openat(lower.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "opening the tree"));
  const layers::Layers given{
      {tree.get()}, upper.get(), {}, layers::options_of(work.operation.definition().union_.mount_options)};
  const auto plan = plan_of(work.operation.session(), given, read_record_beside(own, "beginning"),
                            read_record_beside(own, written_name), work.request, work.stop);
  if (plan.empty()) return;
  const UndoLayers undo_layers(work.parts.settings.state_directory);
  std::optional<layers::ApplyStore> store;
  std::optional<UndoPlace> place;
  try {
    place.emplace(undo_layers.make(work.record));
    store.emplace(place->folder.get(), place->tree.get());
    store->make_folders();
    layers::prepare(plan, given, *store, work.stop);
    write_mark(own, work.record, plan);
    require_nothing_mounted(work.record.tree);
    undo_layers.write(work.record);  // pending: from here on it bars all others from the tree
    store->commit(plan.steps, given.options);
    layers::carry_forward(*store);
  } catch (...) {
    give_up(work, undo_layers, own, store ? &*store : nullptr);
    throw;
  }
  work.record.state = UndoState::applied;
  undo_layers.write(work.record);
}

// One undo layer a tree: the last.
void drop_former(const UndoLayers& undo_layers, const UndoRecord& kept) {
  for (const auto& record : undo_layers.all()) {
    if (record.key != kept.key || record.id == kept.id) continue;
    if (record.state != UndoState::applied && record.state != UndoState::dropped) continue;
    try {
      undo_layers.drop(record);
    } catch (const Error& error) {
      base::log::warning(concat("deleting the undo layer ", record.id, ": ", error.what()));
    }
  }
}

// Who has files of the former overlay open could write to the upper layer still.
void require_gone(Operation& operation) {
  const auto holders = operation.services().held_sessions.holders_of_former(operation);
  if (holders.empty()) return;
  throw Error(ErrorCode::session_busy,
              concat("files of session ", operation.id(), " are still in use: ", holders, "; nothing was changed"),
              "close them, and try again");
}

}  // namespace

locks::HeldLock lock_tree(Parts& parts, const std::string& key, const std::string& tree, const std::string& session,
                          const std::string& chroot, const Caller& caller, const char* purpose,
                          std::chrono::milliseconds wait) {
  locks::LockOwner owner;
  owner.uid = caller.uid;
  owner.user = caller.name;
  owner.session = session;
  owner.chroot = chroot;
  owner.tree = tree;
  owner.holder = session.empty() ? locks::LockHolder::command : locks::LockHolder::source_session;
  owner.purpose = purpose;
  return parts.lock_directory.lock_source(key, owner, {wait, {}});
}

void while_unmounted(Parts& parts, Operation& operation, const std::string& doing,
                     const std::function<void(int, const std::string&)>& work, TellProgress progress) {
  std::exception_ptr problem;
  operation->before_overlay = [&](int store, const std::string& folder) {
    try {
      require_gone(operation);
      work(store, folder);
    } catch (...) {
      problem = std::current_exception();
    }
  };
  try {
    set_up_anew(
        parts, operation, doing, [] {}, [] {}, std::move(progress));
  } catch (...) {
    operation->before_overlay = {};
    if (!problem) throw;
  }
  if (problem) std::rethrow_exception(problem);
}

void release_tree(locks::HeldLock& lock) {
  try {
    lock.release();
  } catch (const std::exception& error) {
    base::log::warning(concat("releasing the lock ", lock.file(), ": ", error.what()));
  }
}

void require_nothing_mounted(const std::string& tree) {
  const auto root = boost::filesystem::canonical(tree).string();
  if (root == "/")
    throw Error(ErrorCode::not_supported, "this machine's own tree is in use: nothing is applied to it yet");
  for (const auto& mount : kernel::read_mountinfo())
    if (mount.target != root && base::is_or_is_beneath(mount.target, root))
      throw Error(ErrorCode::not_supported,
                  concat(base::printable(mount.target), " is a mount in the tree, which cannot be changed then"),
                  "unmount it, and try again");
}

void rethrow_after(const std::exception_ptr& problem, const std::string& what, const std::string& session) {
  auto code = ErrorCode::failed;
  std::string why;
  try {
    std::rethrow_exception(problem);
  } catch (const Error& error) {
    code = error.code();
    why = error.what();
  } catch (const std::exception& error) {
    why = error.what();
  }
  base::log::warning(concat(what, ", but its session ", session, " could not be set up again: ", why));
  throw Error(code, concat(what, "; but session ", session, " could not be set up again: ", why),
              concat("`unionroot recover ", session, "` tries again"));
}

ApplyResult apply(Parts& parts, Operation& operation, const ApplyRequest& request,
                  const std::function<bool()>& cancelled, TellProgress progress) {
  require_changeable(operation, "apply");
  const auto& tree = tree_of(operation);
  const auto trees = source::source_trees(operation.definition());
  const std::function<bool()> stop = [&] {
    return operation.session().end_wanted || parts.stopping || (cancelled && cancelled());
  };
  auto lock =
      lock_tree(parts, trees.at(0).key, tree, operation.id(), operation.identity().chroot, request.caller, "apply");
  locks::require_finished(parts.settings.state_directory, trees[0].key);
  require_nothing_mounted(tree);
  const auto plan = first_plan(parts, operation, request, stop);
  ApplyResult result{{}, lines_of(plan), plan.lines.size()};
  if (request.dry_run || plan.empty()) {
    lock.release();
    return result;
  }
  UndoRecord record;
  record.id = base::random_letters();
  record.tree = tree;
  record.key = trees[0].key;
  record.chroot = operation.identity().chroot;
  record.session = operation.id();
  record.session_created = operation.identity().created;
  record.since = base::now_microseconds();
  Work work{parts, operation, request, stop, std::move(record)};
  const UndoLayers undo_layers(parts.settings.state_directory);
  std::exception_ptr problem;
  try {
    while_unmounted(
        parts, operation, "apply",
        [&](int store, const std::string& folder) {
          carry_out(work, kernel::open_directory_at(store, folder.empty() ? "." : folder).get());
        },
        std::move(progress));
  } catch (...) {
    problem = std::current_exception();
  }
  const auto kept = undo_layers.find(work.record.id);
  const bool done = kept && kept->state == UndoState::applied;
  if (done) drop_former(undo_layers, *kept);
  release_tree(lock);
  if (problem && done)
    rethrow_after(problem,
                  concat("what session ", operation.id(), " has changed IS in ", tree, ", as apply ", work.record.id),
                  operation.id());
  if (problem) std::rethrow_exception(problem);
  if (!done) return {};  // it has gone meanwhile
  base::log::info(concat("session ", operation.id(), " is applied to ", tree, " as ", work.record.id, ", ",
                         result.count, " changes"));
  result.id = work.record.id;
  return result;
}

void finish_apply(const UndoLayers& undo_layers, UndoRecord record) {
  if (record.state == UndoState::dropped) return undo_layers.drop(record);
  const auto place = undo_layers.open(record);
  layers::ApplyStore store(place.folder.get(), place.tree.get());
  try {
    layers::finish(store);
  } catch (const std::exception& error) {
    base::log::error(
        concat("apply ", record.id, " of session ", record.session, " to ", record.tree, ": ", error.what()));
  }
  const auto phase = store.phase();
  if (phase == layers::ApplyPhase::applied) {
    record.state = UndoState::applied;
    undo_layers.write(record);
    drop_former(undo_layers, record);
  } else if (phase == layers::ApplyPhase::undone) {
    undo_layers.drop_undone(record, layers::restored_by(store));
  } else if (phase == layers::ApplyPhase::prepared) {
    undo_layers.drop(record);
  } else {
    return;  // still in the middle: the error is in the log
  }
  base::log::info(concat("what was being applied to ", record.tree, " is finished: it is ",
                         phase == layers::ApplyPhase::applied ? "applied" : "as it was before"));
}

void finish_applies(Parts& parts) {
  const UndoLayers undo_layers(parts.settings.state_directory);
  for (const auto& record : undo_layers.all()) {
    if (record.state == UndoState::applied) continue;
    try {
      const auto session = parts.store.session(record.session);
      const bool is_there = session && session->created == record.session_created;
      if (record.state == UndoState::undone) {
        if (!is_there) undo_layers.drop(record);
        continue;
      }
      if (record.state == UndoState::dropped) {
        undo_layers.drop(record);
        continue;
      }
      Caller root;
      root.name = "root";
      // Who waited for the lock meanwhile gets it, finds the record, and lets go.
      auto lock = lock_tree(parts, record.key, record.tree, is_there ? record.session : std::string(), record.chroot,
                            root, "finishing an apply", std::chrono::seconds(10));
      finish_apply(undo_layers, record);
      lock.release();
    } catch (const Error& error) {
      base::log::error(concat("finishing apply ", record.id, " of session ", record.session, " to ", record.tree, ": ",
                              error.with_hint()));
    }
  }
}

}  // namespace unionroot::session
