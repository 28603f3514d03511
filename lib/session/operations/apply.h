// What the commands of a session have changed is written into the tree beneath, and taken back.
//
// The plan is made twice: while the session is as it was, so that what is refused changes nothing; and again while the
// session is set up anew and nobody can write to its layer, right before the overlay is laid. That is also when the
// tree is changed, and when what the tree has by then leaves the upper layer. What a daemon that died leaves the next
// one finishes before anybody stands on the tree (docs/layers.md).
#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <string>

#include "session/parts.h"
#include "session/undo_layers.h"

namespace unionroot::session {

// Files beside the upper layer: which apply is under way, and what is to leave the layer; what was written to its tree.
inline constexpr const char* mark_name = "apply";
inline constexpr const char* written_name = "written";

// See Sessions.
ApplyResult apply(Parts& parts, Operation& operation, const ApplyRequest& request,
                  const std::function<bool()>& cancelled, TellProgress progress);
AppliedView applied(const Parts& parts, const std::string& name,
                    const std::function<bool(const AppliedView&)>& may_undo);
// operation: on the session that it was applied from; nullptr: that has ended.
void undo(Parts& parts, Operation* operation, const UndoRecord& record, const Caller& caller, TellProgress progress);

// What is neither applied nor as it was; logs what is in the way.
void finish_apply(const UndoLayers& undo_layers, UndoRecord record);
// When the daemon starts.
void finish_applies(Parts& parts);

// In the union stage of a session that is set up again; as carry_out_reset(). What was applied, and is still in its
// upper layer, leaves it. Throws Error(failed) while an apply is in the middle.
void settle_apply(const Operation& operation, int store, const std::string& folder);

// For both: the lock of the tree, with the session itself not in the way. session: empty if it has ended.
locks::HeldLock lock_tree(Parts& parts, const std::string& key, const std::string& tree, const std::string& session,
                          const std::string& chroot, const Caller& caller, const char* purpose,
                          std::chrono::milliseconds wait = std::chrono::milliseconds(0));
// Both set the session up again; work: while nothing is mounted on its layers. Rethrows what it throws once the session
// is set up. doing: "apply".
void while_unmounted(Parts& parts, Operation& operation, const std::string& doing,
                     const std::function<void(int store, const std::string&)>& work, TellProgress progress);
// What was done stands, so a failure is logged alone: the lock is stale once `lock` has gone.
void release_tree(locks::HeldLock& lock);
// Renames would take along what is mounted there. Throws Error(not_supported).
void require_nothing_mounted(const std::string& tree);
// problem: the session could not be set up again. what: was done all the same.
[[noreturn]] void rethrow_after(const std::exception_ptr& problem, const std::string& what, const std::string& session);

}  // namespace unionroot::session
