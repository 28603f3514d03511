#include "session/pipeline.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "session/journal.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using store::StageRecord;
using store::StageState;

namespace {

// Reports which stage failed, and why. Keeps error codes that tell the caller what to do.
[[noreturn]] void fail(const Stage& stage, const std::string& session, const Error& cause) {
  const auto code = cause.code() == ErrorCode::failed ? ErrorCode::stage_failed : cause.code();
  throw Error(code, concat("setting up session ", session, ": stage ", stage.name(), ": ", cause.what()), cause.hint());
}

std::vector<StageEntry>::iterator place_of(std::vector<StageEntry>& entries, unsigned position) {
  return std::find_if(entries.begin(), entries.end(), [&](const auto& entry) { return entry.position >= position; });
}

std::optional<StageEntry> entry_at(const Session& session, unsigned position) {
  const auto shown = session.shown.lock();
  for (const auto& entry : shown->stages)
    if (entry.position == position) return entry;
  return std::nullopt;
}

void put_entry(Session& session, const StageEntry& entry) {
  const auto shown = session.shown.lock();
  const auto place = place_of(shown->stages, entry.position);
  if (place != shown->stages.end() && place->position == entry.position)
    *place = entry;
  else
    shown->stages.insert(place, entry);
}

}  // namespace

Pipeline::Pipeline(Stages stages, store::Store& store) : stages_(std::move(stages)), store_(store) {}

std::vector<StageEntry> Pipeline::read(const std::vector<StageRecord>& records) const {
  std::vector<std::string_view> order;
  for (const auto& stage : stages_) order.push_back(stage->name());
  return stages_from_records(records, order);
}

void Pipeline::note_all_starting(const Operation& operation) const {
  std::vector<StageRecord> records;
  for (unsigned position = 0; position < stages_.size(); ++position)
    if (stages_[position]->applies(operation.definition()))
      records.push_back(stage_to_record(starting(operation, position)));
  store_.put_stages(operation.id(), records);
}

// Recovery keeps the data of the begin, so that a crash during recovery does not lose it.
StageEntry Pipeline::starting(const Operation& operation, unsigned position) const {
  StageEntry entry{position, std::string(stages_[position]->name()), StageState::starting, {}};
  if (const auto former = entry_at(operation.session(), position); former && operation->recovering)
    entry.data = former->data;
  return entry;
}

void Pipeline::set_up_one(Operation& operation, unsigned position, Journal how) const {
  auto& stage = *stages_[position];
  auto& unwritten = operation->unwritten;
  auto entry = starting(operation, position);
  put_entry(operation.session(), entry);
  if (how == Journal::each_stage) {
    unwritten.push_back(stage_to_record(entry));
    store_.put_stages(operation.id(), unwritten);
    unwritten.clear();
  }
  try {
    stage.set_up(operation, entry.data);
  } catch (...) {
    put_entry(operation.session(), entry);  // for its own tear-down
    throw;
  }
  entry.state = StageState::done;
  put_entry(operation.session(), entry);
  unwritten.push_back(stage_to_record(entry));
}

void Pipeline::set_up(Operation& operation, TearDown undo, Journal how) const {
  unsigned position = 0;
  try {
    if (how == Journal::at_once) note_all_starting(operation);
    for (; position < stages_.size(); ++position) {
      if (!stages_[position]->applies(operation.definition())) continue;
      if (operation.cancelled()) throw Error(ErrorCode::cancelled, "it was cancelled");
      set_up_one(operation, position, how);
    }
  } catch (const std::exception& cause) {
    operation->unwritten.clear();
    for (const auto& left : tear_down(operation, undo))
      base::log::error(concat("session ", operation.id(), ": undoing a failed set-up: ", left));
    const auto* error = dynamic_cast<const Error*>(&cause);
    fail(*stages_.at(std::min<std::size_t>(position, stages_.size() - 1)), operation.id(),
         error != nullptr ? *error : Error(ErrorCode::failed, cause.what()));
  }
}

std::vector<std::string> Pipeline::tear_down(Operation& operation, TearDown mode) const {
  std::set<unsigned> done;
  auto problems = tear_down_once(operation, mode, done);
  // Failures that pass are undone by the second attempt, with the stages that depended on them. Stages that timed out
  // are not tried again, since they have waited already.
  std::set<unsigned> left_out = done;
  for (const auto& [position, problem] : problems)
    if (problem.timed_out) left_out.insert(position);
  if (left_out.size() < done.size() + problems.size()) {
    auto again = tear_down_once(operation, mode, left_out);
    std::erase_if(problems, [](const auto& entry) { return !entry.second.timed_out; });
    problems.merge(again);
  }
  std::vector<std::string> left;
  for (auto entry = problems.rbegin(); entry != problems.rend(); ++entry) left.push_back(std::move(entry->second.text));
  return left;
}

Pipeline::Problems Pipeline::tear_down_once(Operation& operation, TearDown mode, std::set<unsigned>& done) const {
  Problems left;
  for (auto position = static_cast<unsigned>(stages_.size()); position-- > 0;) {
    const auto& stage = stages_[position];
    auto entry = entry_at(operation.session(), position);
    // A stage that never started has nothing to undo.
    if (!entry || entry->state == StageState::undone || done.contains(position)) continue;
    try {
      stage->tear_down(operation, entry->data, mode);
      done.insert(position);
      // What is kept must still be undone later.
      if (mode != TearDown::everything) continue;
      entry->state = StageState::undone;
      put_entry(operation.session(), *entry);
    } catch (const BrokenOff&) {
      throw;  // the next daemon finds the other stages unchanged
    } catch (const Error& error) {
      left[position] = {concat("stage ", stage->name(), ": ", error.with_hint()), error.code() == ErrorCode::timed_out};
    } catch (const std::exception& error) {
      left[position] = {concat("stage ", stage->name(), ": ", error.what())};
    }
  }
  return left;
}

Recovery Pipeline::recover(Operation& operation) const {
  auto worst = Recovery::intact;
  for (unsigned position = 0; position < stages_.size(); ++position) {
    const auto& stage = stages_[position];
    if (!stage->applies(operation.definition())) continue;
    const auto entry = entry_at(operation.session(), position);
    auto found = entry ? stage->recover(operation, entry->data) : Recovery::gone;
    if (entry && entry->state != StageState::done && found == Recovery::intact) found = Recovery::partial;
    worst = std::max(worst, found);
  }
  return worst;
}

}  // namespace unionroot::session
