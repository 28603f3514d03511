#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "base/error.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/text.h"
#include "kernel/files.h"
#include "owned/place.h"
#include "session/frozen_layers.h"
#include "session/operations/locks.h"
#include "session/overlay_support.h"
#include "session/recovery/reconcile.h"
#include "session/restack.h"
#include "session/sources/cache.h"
#include "session/storage.h"

namespace unionroot::session {

using base::concat;

bool Reconciliation::is_unknown(const std::string& name) const {
  return !parts_.table.find(name) && !not_taken_up_.contains(name);
}

void Reconciliation::drop_unknown_namespace(const std::string& name) {
  if (const auto kept = parts_.views.open_namespace(name)) {
    struct stat facts {};
    base::check(::fstat(kept.get(), &facts), "looking at the namespace of", name);
    kernel::kill_mount_namespace(facts.st_ino, std::chrono::seconds(10));
  }
  parts_.views.drop_network(name);
  parts_.views.drop_layers(name);
  parts_.views.drop_namespace(name);
}

void Reconciliation::remove_leftovers() {
  remove_unknown_processes_and_mounts();
  try_to("removing stale locks", [&] { remove_unknown_locks(); });
  try_to("unmounting sources that nobody uses", [&] { parts_.source_mounts.remove_unused(); });
  try_to("looking after the cached trees",
         [&] { TreeCache(parts_.services).clean([&](const auto& name) { return !is_unknown(name); }); });
  try_to("looking after the layers of files", [&] { parts_.files_layers.clean(); });
  for (const auto& folder : parts_.folders.all()) {
    try_to(concat("looking for orphans in ", folder), [&] { set_aside_orphans(folder); });
    try_to(concat("looking after the frozen layers of ", folder), [&] { clean_frozen_layers(folder); });
    const auto trash_of_folder = trash_folder(parts_.settings, folder);
    try_to(concat("emptying ", trash_of_folder), [&] { parts_.trash.adopt(trash_of_folder); });
  }
}

void Reconciliation::remove_unknown_processes_and_mounts() {
  for (const auto& name : parts_.cgroups->sessions()) {
    if (is_unknown(name))
      try_to(concat("ending the processes of ", name),
             [&] { parts_.cgroups->kill(name, "", std::chrono::seconds(10)); });
    // Removes control groups of unknown runs. A command that the former daemon had not recorded yet ends by itself. A
    // command whose record is lost continues, and ends with its session.
    else if (const auto session = parts_.table.find(name))
      for (const auto& run : parts_.cgroups->runs_outside(name))
        if (!session->runs.lock()->contains(run))
          try_to(concat("removing the control group of run ", run, " of session ", name),
                 [&] { kernel::remove_if_empty(*parts_.cgroups, name, run); });
  }
  for (const auto& name : parts_.views.namespaces())
    if (is_unknown(name)) try_to(concat("dropping the namespace ", name), [&] { drop_unknown_namespace(name); });
  for (const auto& name : parts_.views.views())
    if (is_unknown(name)) try_to(concat("detaching the host view ", name), [&] { parts_.views.detach_view(name); });
}

void Reconciliation::remove_unknown_locks() {
  std::set<std::string> unknown;
  for (const auto& lock : parts_.lock_directory.list()) {
    const bool ours = lock.kind == locks::LockKind::session && !lock.owner.session.empty();
    if (ours && is_unknown(lock.owner.session)) unknown.insert(lock.owner.session);
  }
  for (const auto& name : unknown)
    try_to(concat("removing the locks of session ", name), [&] { remove_leftover_locks(parts_, name); });
  parts_.lock_directory.clean();
}

void Reconciliation::clean_frozen_layers(const std::string& sessions_folder) {
  const auto look = [&](const owned::Token& token, const std::string& layer) {
    if (not_taken_up_.contains(token.session)) return FrozenLayers::User::stands;
    const auto session = parts_.table.find_same({token.session, token.created});
    if (!session) return FrozenLayers::User::unknown;
    return user_of(parts_.services, *session, layer);
  };
  FrozenLayers(parts_.settings, parts_.trash, sessions_folder).clean(parts_.daemon, look);
}

void Reconciliation::set_aside_orphans(const std::string& sessions_folder) {
  const auto sessions = ensure_sessions_folder(sessions_folder);
  const bool own = sessions_folder == parts_.folders.own();
  if (own) kernel::spread_folders(sessions_folder);
  remove_left_trial(sessions.get(), parts_.daemon);
  for (const auto& name : kernel::list_directory(sessions.get())) {
    const auto unfinished = owned::token_of_unfinished(name);
    if (unfinished ? !is_unknown(unfinished->session) : name.front() == '.' || !is_unknown(name)) continue;
    if (!is_ours(parts_.settings, parts_.daemon, sessions.get(), sessions_folder, name)) continue;  // another owner's
    // On the file system of the sessions, so that nothing is copied.
    const auto orphans = orphans_folder(parts_.settings, sessions_folder);
    const auto target = owned::ensure_place("the folder of orphans", orphans, 0700);
    const auto kept_as = concat(name, "-", base::random_token());
    kernel::rename_to(sessions.get(), name, target.get(), kept_as);
    base::log::warning(concat("no session is known for ", sessions_folder, "/", name, "; it is set aside as ", orphans,
                              "/", kept_as, "; look at it, then remove it with `unionroot prune`"));
  }
}

// If the daemon died right after it started commands, nobody knows them, and their supervisors end them. Until then the
// supervisors hold locks of the session under names of their own, which become stale shortly.
void Reconciliation::remove_stale_locks_later() {
  const auto second_ones = [this] {
    const auto locks = parts_.lock_directory.list();
    return std::any_of(locks.begin(), locks.end(),
                       [](const auto& lock) { return lock.file.find('+') != std::string::npos; });
  };
  if (!second_ones()) return;
  background_.emplace_back([this, second_ones] {
    constexpr int rounds = 60;
    for (int round = 0; round < rounds && !parts_.stopping; ++round) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      bool more = false;
      try_to("removing stale locks", [&] {
        parts_.lock_directory.clean();
        more = second_ones();
      });
      if (!more) return;
    }
  });
}

}  // namespace unionroot::session
