#include "daemon/failed_requests.h"

#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/names.h"
#include "base/text.h"
#include "events/journal.h"

namespace unionroot::daemon {

namespace {

using Clock = events::FloodLimit::Clock;

void note_error(events::Event& event, const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const base::Error& known) {
    event.code = known.code();
    event.error = known.what();
  } catch (const std::exception& other) {
    event.code = base::ErrorCode::failed;
    event.error = other.what();
  }
}

// Adds the session or the chroot that the request names.
void note_place(events::Event& event, const session::Sessions& core) {
  try {
    const auto name = base::parse_qualified_name(event.asked);
    const auto session = name.space == base::Namespace::none || name.space == base::Namespace::session
                             ? core.find(name.name)
                             : std::nullopt;
    if (event.request != "begin" && session) {
      event.session = session->record.id;
      event.chroot = session->record.chroot;
    } else if (name.space != base::Namespace::session) {
      event.chroot = name.name;
    }
  } catch (const base::Error&) {
    // Not a valid name: the event keeps it as it was written.
  }
}

}  // namespace

FailedRequests::FailedRequests(BusLoop& loop, const session::Sessions& core, const Operations& operations,
                               Scheduler& scheduler)
    : loop_(loop), core_(core), operations_(operations), scheduler_(scheduler), timer_(loop.io()) {}

void FailedRequests::add(uid_t uid, const Describe& describe, const std::exception_ptr& error) noexcept {
  BusLoop::guarded([&] {
    if (!limit_.admits(uid, Clock::now())) return await_next();
    auto event = describe();
    event.kind = events::Kind::request_failed;
    event.who = events::User{uid, {}};
    note_error(event, error);
    tell(event);
  });
}

// On a worker: the name service and the journal may block.
void FailedRequests::tell(const events::Event& event) {
  auto job = [this, event] {
    auto whole = event;
    if (whole.who && whole.who->uid) whole.who->name = operations_.name_of(*whole.who->uid);
    note_place(whole, core_);
    events::tell_journal(whole);
  };
  try {
    scheduler_.submit(Work::lookup, 0, std::move(job), Scheduler::Queue::unlimited);
  } catch (const base::Error&) {
    events::tell_journal(event);  // the daemon stops
  }
}

void FailedRequests::await_next() {
  const auto next = limit_.next();
  if (!next || timer_.expiry() == *next) return;
  timer_.expires_at(*next);
  timer_.async_wait([this](const AsioError& error) {
    if (error) return;
    BusLoop::guarded([this] {
      for (const auto& [uid, count] : limit_.over(Clock::now())) tell_untold(uid, count);
      await_next();
    });
  });
}

void FailedRequests::tell_untold(std::optional<uid_t> uid, std::uint64_t count) {
  events::Event event{events::Kind::requests_untold};
  if (uid) event.who = events::User{*uid, {}};
  event.count = count;
  tell(event);
}

void FailedRequests::stop() {
  timer_.cancel();
  for (const auto& [uid, count] : limit_.over(Clock::time_point::max())) tell_untold(uid, count);
}

}  // namespace unionroot::daemon
