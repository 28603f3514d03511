#include "daemon/describe_run.h"

#include "base/clock.h"
#include "base/text.h"

namespace unionroot::daemon {

Variants describe_past_run(const store::PastRun& past) {
  const auto& run = past.run;
  return {
      {"number", past.number},
      {"run", base::name_as_utf8(run.id)},
      {"session", base::name_as_utf8(run.session)},
      {"chroot", base::name_as_utf8(past.chroot)},
      {"source", past.source},
      {"caller", base::name_as_utf8(run.caller_name)},
      {"caller-uid", std::uint32_t{run.caller}},
      {"user", base::name_as_utf8(run.user)},
      {"uid", std::uint32_t{run.uid}},
      {"command", base::as_utf8(run.command)},
      {"network", base::name_as_utf8(run.network)},
      {"since", run.since},
      {"until", past.until},
      {"end", std::string(store::to_string(past.end))},
      {"value", static_cast<std::int32_t>(past.value)},
      {"out-of-memory", past.out_of_memory},
      {"timed-out", past.timed_out},
  };
}

Variants describe_run(const session::SessionView& session, const session::RunView& run) {
  return {
      {"run", base::name_as_utf8(run.id)},
      {"session", base::name_as_utf8(session.record.id)},
      {"chroot", base::name_as_utf8(session.record.chroot)},
      {"source", session.record.source},
      {"caller", base::name_as_utf8(run.caller_name)},
      {"caller-uid", std::uint32_t{run.caller}},
      {"user", base::name_as_utf8(run.user)},
      {"uid", std::uint32_t{run.uid}},
      {"command", base::as_utf8(run.command)},
      {"network", base::name_as_utf8(run.network)},
      {"since", run.since},
      {"state", std::string(run.left_processes ? "processes-left" : "running")},
      {"detached", run.detached},
  };
}

// What does not belong to its kind is left out.
Variants describe_event(const events::Event& event) {
  Variants described{{"time", base::now_microseconds()},
                     {"event", events::name_of(event.kind)},
                     {"session", base::name_as_utf8(event.session)},
                     {"chroot", base::name_as_utf8(event.chroot)},
                     {"source", event.source}};
  const auto add = [&](const char* key, const std::string& value) {
    if (!value.empty()) described.emplace(key, base::as_utf8(value));
  };
  if (event.owner) add("owner", event.owner->name);
  if (event.who) add("caller", event.who->name);
  if (event.becomes) add("user", event.becomes->name);
  add("run", event.run);
  add("command", event.command);
  add("error", event.error);
  if (!event.ended) return described;
  described.emplace("end", event.ended->how);
  described.emplace("value", static_cast<std::int32_t>(event.ended->value));
  described.emplace("timed-out", event.ended->timed_out);
  described.emplace("out-of-memory", event.ended->out_of_memory);
  return described;
}

}  // namespace unionroot::daemon
