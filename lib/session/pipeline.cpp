#include "session/pipeline.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

namespace unionroot::session {

using base::concat;
using base::Error;
using base::ErrorCode;
using store::StageRecord;
using store::StageState;

namespace {

std::string to_text(const StageData& data) { return data.empty() ? "{}" : nlohmann::json(data).dump(); }

// What the client is told when a stage fails: which, and why. Kinds that tell the caller what to do are kept.
[[noreturn]] void fail(const Stage& stage, const std::string& session, const Error& cause) {
  const auto code = cause.code() == ErrorCode::failed ? ErrorCode::stage_failed : cause.code();
  throw Error(code, concat("setting up session ", session, ": stage ", stage.name(), ": ", cause.what()), cause.hint());
}

}  // namespace

Pipeline::Pipeline(const Stages& stages, store::Store& store, std::vector<StageRecord> journal)
    : stages_(stages), store_(store) {
  // By name: a former version may have had other stages.
  for (unsigned position = 0; position < stages.size(); ++position) {
    for (auto& record : journal) {
      if (record.name != stages[position]->name()) continue;
      record.position = position;
      journal_.insert_or_assign(position, std::move(record));
      break;
    }
  }
}

StageRecord& Pipeline::record(unsigned position, std::string_view name) {
  auto& entry = journal_[position];
  entry.position = position;
  entry.name = name;
  return entry;
}

StageData Pipeline::data_of(const StageRecord& record) {
  if (record.data.empty()) return {};
  const auto json = nlohmann::json::parse(record.data, nullptr, false);
  // The journal is ours alone; if it does not parse, a tear-down still undoes all that follows from the definition.
  if (json.is_discarded() || !json.is_object()) return {};
  StageData data;
  for (const auto& [key, value] : json.items())
    if (value.is_string()) data.emplace(key, value.get<std::string>());
  return data;
}

void Pipeline::note_all_starting(const SessionContext& context) {
  std::vector<StageRecord> records;
  for (unsigned position = 0; position < stages_.size(); ++position)
    if (stages_[position]->applies(context))
      records.push_back({position, std::string(stages_[position]->name()), StageState::starting, "{}"});
  store_.put_stages(context.id, records);
}

void Pipeline::set_up(SessionContext& context, TearDown undo, Journal how) {
  unsigned position = 0;
  try {
    if (how == Journal::at_once) note_all_starting(context);
    for (; position < stages_.size(); ++position) {
      const auto& stage = stages_[position];
      if (!stage->applies(context)) continue;
      if (context.cancelled && context.cancelled()) throw Error(ErrorCode::cancelled, "it was cancelled");
      auto& entry = record(position, stage->name());
      entry.state = StageState::starting;
      entry.data = "{}";
      if (how == Journal::each_stage) {
        pending_.push_back(entry);
        store_.put_stages(context.id, pending_);
        pending_.clear();
      }

      StageData data;
      try {
        stage->set_up(context, data);
      } catch (...) {
        entry.data = to_text(data);  // for its own tear-down, just below
        throw;
      }
      entry.state = StageState::done;
      entry.data = to_text(data);
      pending_.push_back(entry);
    }
  } catch (const std::exception& cause) {
    pending_.clear();
    for (const auto& left : tear_down(context, undo))
      base::log::error(concat("session ", context.id, ": undoing a failed set-up: ", left));
    const auto* error = dynamic_cast<const Error*>(&cause);
    fail(*stages_.at(std::min<std::size_t>(position, stages_.size() - 1)), context.id,
         error != nullptr ? *error : Error(ErrorCode::failed, cause.what()));
  }
}

std::vector<std::string> Pipeline::tear_down(SessionContext& context, TearDown mode) {
  std::set<unsigned> done;
  auto left = tear_down_once(context, mode, done);
  // What failed for a passing reason is done the second time, and what hung on it with it.
  if (!left.empty()) left = tear_down_once(context, mode, done);
  return left;
}

std::vector<std::string> Pipeline::tear_down_once(SessionContext& context, TearDown mode, std::set<unsigned>& done) {
  std::vector<std::string> left;
  for (auto position = static_cast<unsigned>(stages_.size()); position-- > 0;) {
    const auto& stage = stages_[position];
    const auto entry = journal_.find(position);
    // A stage that never started has nothing to undo.
    if (entry == journal_.end() || entry->second.state == StageState::undone || done.contains(position)) continue;
    try {
      stage->tear_down(context, data_of(entry->second), mode);
      done.insert(position);
      // What is kept is still to be undone one day.
      if (mode == TearDown::everything) entry->second.state = StageState::undone;
    } catch (const Error& error) {
      left.push_back(
          concat("stage ", stage->name(), ": ", error.what(), error.hint().empty() ? "" : "; ", error.hint()));
    } catch (const std::exception& error) {
      left.push_back(concat("stage ", stage->name(), ": ", error.what()));
    }
  }
  return left;
}

Recovery Pipeline::recover(SessionContext& context) {
  auto worst = Recovery::intact;
  unsigned position = 0;
  for (const auto& stage : stages_) {
    const auto entry = journal_.find(position++);
    if (!stage->applies(context)) continue;
    const bool started = entry != journal_.end();
    auto found = started ? stage->recover(context, data_of(entry->second)) : Recovery::gone;
    if (started && entry->second.state != StageState::done && found == Recovery::intact) found = Recovery::partial;
    worst = std::max(worst, found);
  }
  return worst;
}

std::vector<StageRecord> Pipeline::journal() const {
  std::vector<StageRecord> records;
  for (const auto& [position, entry] : journal_) records.push_back(entry);
  return records;
}

}  // namespace unionroot::session
