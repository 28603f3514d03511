#include "daemon/describe_run.h"

#include "base/clock.h"
#include "base/text.h"

namespace unionroot::daemon {

namespace {

// What is known of a run from its start on.
Variants described(const store::RunRecord& run, const std::string& chroot, bool source) {
  return {
      {"run", base::name_as_utf8(run.id)},
      {"session", base::name_as_utf8(run.session)},
      {"chroot", base::name_as_utf8(chroot)},
      {"source", source},
      {"caller", base::name_as_utf8(run.caller_name)},
      {"caller-uid", std::uint32_t{run.caller}},
      {"user", base::name_as_utf8(run.user)},
      {"uid", std::uint32_t{run.uid}},
      {"command", base::as_utf8(run.command)},
      {"network", base::name_as_utf8(run.network)},
      {"since", run.since},
  };
}

}  // namespace

Variants describe_past_run(const store::PastRun& past) {
  auto about = described(past.run, past.chroot, past.source);
  about.emplace("number", past.number);
  about.emplace("until", past.until);
  about.emplace("end", std::string(store::to_string(past.end)));
  about.emplace("value", static_cast<std::int32_t>(past.value));
  about.emplace("out-of-memory", past.out_of_memory);
  about.emplace("timed-out", past.timed_out);
  return about;
}

Variants describe_run(const session::SessionView& session, const session::RunView& run) {
  auto about = described(run, session.record.chroot, session.record.source);
  about.emplace("state", std::string(run.left_processes ? "processes-left" : "running"));
  about.emplace("detached", run.detached);
  return about;
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
