// How a session begins: record, locks, stages, active.
#pragma once

#include <memory>
#include <optional>

#include "base/rollback.h"
#include "session/operations/locks.h"
#include "session/parts.h"
#include "session/reporting.h"
#include "session/sessions.h"

namespace unionroot::session {

// As it would begin; nobody knows it yet.
SessionPtr make_session(Parts& parts, const BeginRequest& request);

class Beginning final : public PendingBegin {
 public:
  Beginning(Parts& parts, BeginRequest request);
  Beginning(const Beginning&) = delete;
  Beginning& operator=(const Beginning&) = delete;
  ~Beginning() override;

  // The first step of go_on(): the session has its name, and counts. Once at most.
  void reserve();
  // Between the two: it begins with the frozen layers of another session, which it holds (frozen_layers.h), with their
  // record of the beginning (beginning_record.h), on the trees that they were made on.
  void stand_on(FrozenStack layers, std::shared_ptr<const std::string> beginning, TreeData tree);
  bool go_on() override;
  [[noreturn]] void give_up() override;
  [[nodiscard]] bool worth_trying() override { return !locks_ || locks_->worth_trying(); }
  [[nodiscard]] bool is_cancelled() const override;
  [[nodiscard]] bool is_over() const override { return locks_ && locks_->is_over(); }
  [[nodiscard]] SessionView view() const override;
  Started run(const RunRequest& request) override;
  [[nodiscard]] const SessionPtr& session() const { return session_; }

 private:
  enum class Step { none, locks, done };
  void enter();
  void set_up();
  void undo() noexcept;

  Parts& parts_;
  const BeginRequest request_;
  const SessionPtr session_;
  Step step_ = Step::none;
  Operation operation_;
  // What is made registers its undo, so nothing is taken away that another made: a record of that name may be of a
  // session that could not be taken up.
  std::optional<base::Rollback> rollback_;
  std::optional<Reporting> reporting_;
  std::optional<TreeLocks> locks_;
};

}  // namespace unionroot::session
