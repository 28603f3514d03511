#include "session/session.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "session/journal.h"

namespace unionroot::session {

Session::Session(Services& services, store::SessionRecord record,
                 std::shared_ptr<const definition::Definition> definition_, std::vector<StageEntry> stages,
                 bool taken_up_)
    : identity(std::move(static_cast<store::SessionIdentity&>(record))),
      definition(std::move(definition_)),
      taken_up(taken_up_),
      shown({std::move(static_cast<store::SessionStatus&>(record)),
             {std::move(stages), {}, notes_from_json(record.notes), {}, {}}}),
      services_(services) {
  const auto known = shown.lock();
  set_up_.begun = known->state != store::SessionState::beginning;
  set_up_.notes_logged = known->notes.size();
}

std::size_t Session::running_count() const {
  const auto all = runs.lock();
  return static_cast<std::size_t>(
      std::count_if(all->begin(), all->end(), [](const auto& entry) { return !entry.second.left_processes; }));
}

namespace {

// Counts a thread that waits.
class Waiting {
 public:
  explicit Waiting(std::atomic<unsigned>& count) : count_(count) { ++count_; }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting() { --count_; }

 private:
  std::atomic<unsigned>& count_;
};

}  // namespace

Operation::Operation(SessionPtr session) : session_(std::move(session)) {
  const Waiting waiting(session_->waiting_);
  lock_ = std::unique_lock(session_->operation_);
}

Operation::Operation(SessionPtr session, std::unique_lock<OperationLock> lock)
    : session_(std::move(session)), lock_(std::move(lock)) {}

std::optional<Operation> Operation::within(std::chrono::milliseconds limit, SessionPtr session) {
  const Waiting waiting(session->waiting_);
  std::unique_lock lock(session->operation_, limit);
  if (!lock) return std::nullopt;
  return Operation(std::move(session), std::move(lock));
}

Operation::~Operation() {
  if (session_ && session_->set_up_.space) session_->set_up_.space->rest();
}

void Operation::report(const Progress& progress) const {
  if (session_->set_up_.progress) session_->set_up_.progress(progress);
}

void Operation::note(std::string text) { session_->shown.lock()->notes.push_back(std::move(text)); }

void Operation::notes(std::vector<std::string> texts) {
  if (texts.empty()) return;
  const auto shown = session_->shown.lock();
  for (auto& text : texts) shown->notes.push_back(std::move(text));
}

std::string Operation::upper() const { return session_->shown.lock()->upper; }

void Operation::set_upper(std::string path) { session_->shown.lock()->upper = std::move(path); }

SharedOperation::SharedOperation(SessionPtr session, std::shared_lock<OperationLock> lock)
    : session_(std::move(session)), lock_(std::move(lock)) {}

std::optional<SharedOperation> SharedOperation::within(std::chrono::milliseconds limit, SessionPtr session) {
  std::shared_lock lock(session->operation_, limit);
  if (!lock) return std::nullopt;
  return SharedOperation(std::move(session), std::move(lock));
}

std::optional<SharedOperation> SharedOperation::at_once(SessionPtr session) {
  if (session->waiting_ != 0) return std::nullopt;
  std::shared_lock lock(session->operation_, std::try_to_lock);
  if (!lock) return std::nullopt;
  return SharedOperation(std::move(session), std::move(lock));
}

bool is_put_back(const Operation& operation) {
  return operation.is_source() && operation->begun &&
         std::holds_alternative<definition::FileSource>(operation.definition().source);
}

}  // namespace unionroot::session
