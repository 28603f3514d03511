#include "daemon/service.h"

#include <fcntl.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/configuration_events.h"
#include "daemon/object_paths.h"
#include "events/journal.h"

namespace unionroot::daemon {

namespace {

// Delay before a changed session is looked at. An automatic session that has ended by then was never on the bus.
constexpr auto announcement_delay = std::chrono::milliseconds(50);

constexpr auto farewell = std::chrono::seconds(5);

std::vector<std::string> texts_of(const definition::Problems& problems) {
  std::vector<std::string> texts;
  for (const auto& problem : problems) texts.push_back(problem.text());
  return texts;
}

}  // namespace

template <typename Tell>
void EventRelay::post(Tell tell) {
  asio::post(io_, [this, tell = std::move(tell)]() mutable {
    // A signal that cannot be sent must not end the loop: the loop notices by itself if the bus is gone.
    if (service_ != nullptr) BusLoop::guarded([&] { tell(*service_); });
  });
}

session::Events EventRelay::events() {
  session::Events events;
  events.session_added = [this](const std::string& id) {
    post([id](Service& service) { service.session_changed(id); });
  };
  events.session_changed = events.session_added;
  events.session_removed = [this](const std::string& id) {
    post([id](Service& service) { service.session_removed(id); });
  };
  events.progress = [this](const std::string& id, const session::Progress& progress) {
    post([id, progress](Service& service) { service.session_progress(id, progress); });
  };
  events.happened = [this](const events::Event& event) {
    // The journal has each command once: as it starts.
    if (event.kind != events::Kind::run_ended) events::tell_journal(event);
    if (Subscriptions::wanted()) post([event](Service& service) { service.happened(event); });
  };
  events.run_told = [this](const store::PastRun& past) { post([past](Service& service) { service.run_told(past); }); };
  events.run_started = [this](const session::StartedRun& run) {
    const auto own = [&](int descriptor) {
      return base::UniqueFd(base::check(::fcntl(descriptor, F_DUPFD_CLOEXEC, 3), "watching run", run.id));
    };
    post([run, pidfd = own(run.pidfd), end = run.end < 0 ? base::UniqueFd() : own(run.end)](Service& service) mutable {
      service.run_started(run, std::move(pidfd), std::move(end));
    });
  };
  events.reader_started = [this](std::uint64_t number, int pidfd) {
    base::UniqueFd own(base::check(::fcntl(pidfd, F_DUPFD_CLOEXEC, 3), "watching a program that reads layers"));
    post([number, own = std::move(own)](Service& service) mutable { service.reader_started(number, std::move(own)); });
  };
  return events;
}

Service::Service(asio::io_context& io, sdbus::IConnection& connection, session::Sessions& core,
                 definition::Registry& registry, const UserDatabase& users, std::vector<std::string> capabilities,
                 const Limits& limits, std::function<void(const std::string&)> lost)
    : io_(io),
      core_(core),
      registry_(registry),
      loop_(io, connection, std::move(lost)),
      operations_(core, registry, users),
      requests_(
          loop_, core, operations_, registry, limits,
          {[this](const session::SessionView& view) {
             exports_.session(view);
             // The session may have ended since its begin.
             session_changed(view.record.id);
           },
           [this] { show_configuration(); },
           [this](const std::string& caller, std::uint32_t call, const std::string& session,
                  const session::Progress& progress) { manager_.tell_progress(caller, call, session, progress); }}),
      manager_(loop_, requests_, registry, std::move(capabilities)),
      exports_(loop_, requests_, manager_),
      runs_(io,
            [this](const session::StartedRun& run, const launch::RunEnd& end) {
              if (!stopped_) requests_.run_ended(run, end);  // else the next daemon finds that it has ended
            }),
      readers_(io, [this](std::uint64_t number) { requests_.reader_ended(number); }),
      configuration_(io),
      refresh_timer_(io) {
  requests_.intake().watch_descriptors();
}

Service::~Service() { stop(); }

void Service::start() {
  show_configuration();
  for (const auto& view : core_.sessions()) exports_.session(view);
  watch_configuration();
  try {
    loop_.connection().requestName(bus_name);
  } catch (const sdbus::Error& error) {
    const bool taken =
        error.getName() == "org.freedesktop.DBus.Error.FileExists" || error.getName() == "System.Error.EEXIST";
    throw base::Error(
        base::ErrorCode::failed,
        base::concat("taking the bus name ", bus_name, ": ", taken ? "another process has it" : error.getMessage()),
        taken ? "stop the other daemon, or give this one a bus of its own (bus= in its settings)"
              : "the D-Bus policy must let this user own the name (org.unionroot1.conf)");
  }
  loop_.kick();
}

void Service::stop() {
  if (std::exchange(stopped_, true)) return;
  try {
    loop_.connection().releaseName(bus_name);
  } catch (const sdbus::Error& error) {
    base::log::debug(base::concat("giving the bus name back: ", error.getMessage()));  // the bus may be gone
  }
  loop_.kick();  // so disconnections are known before the replies are sent
  core_.prepare_stop();
  requests_.stop();
  // Sends the replies that the workers posted last. The time is limited: clients may go on calling.
  io_.restart();
  const auto end = std::chrono::steady_clock::now() + farewell;
  for (bool more = true; more && std::chrono::steady_clock::now() < end;) {
    try {
      more = io_.poll_one() != 0;
    } catch (const std::exception& error) {
      base::log::debug(base::concat("while stopping: ", error.what()));
    }
  }
  requests_.tell_what_failed();
}

void Service::session_changed(const std::string& id) {
  if (stopped_) return;
  requests_.intake().parking().look();
  const bool scheduled = !dirty_.empty();
  dirty_.insert(id);
  if (scheduled || refreshing_) return;
  refresh_timer_.expires_after(announcement_delay);
  refresh_timer_.async_wait([this](const AsioError& error) {
    if (!error) refresh();
  });
}

// Looks at the dirty sessions on a worker, since the core may block, and shows what it found.
void Service::refresh() {
  if (stopped_ || dirty_.empty()) return;
  refreshing_ = true;
  auto ids = std::exchange(dirty_, {});
  requests_.intake().scheduler().submit(Work::objects, 0, [this, ids = std::move(ids)] {
    std::vector<std::pair<std::string, std::optional<session::SessionView>>> found;
    for (const auto& id : ids) {
      try {
        found.emplace_back(id, core_.find(id));
      } catch (const std::exception& error) {
        base::log::error(base::concat("looking at session ", id, ": ", error.what()));
      }
    }
    loop_.post([this, found = std::move(found)] {
      refreshing_ = false;
      for (const auto& [id, view] : found) {
        if (overtaken_.contains(id)) continue;  // the view may be older than the removal
        BusLoop::guarded([&, &id = id, &view = view] { view ? exports_.session(*view) : exports_.session_gone(id); });
      }
      overtaken_.clear();
      if (dirty_.empty()) return;
      const auto again = std::exchange(dirty_, {});
      for (const auto& id : again) session_changed(id);
    });
  });
}

// Another session of the same name may exist by now, so the session is looked at again in any case.
void Service::session_removed(const std::string& id) {
  if (stopped_) return;
  if (refreshing_) overtaken_.insert(id);
  session_changed(id);
  if (!exports_.has_session(id)) return;
  exports_.session_gone(id);
  loop_.kick();
}

void Service::session_progress(const std::string& id, const session::Progress& progress) {
  if (stopped_ || !exports_.has_session(id)) return;
  exports_.progress(id, progress);
  loop_.kick();
}

void Service::run_started(const session::StartedRun& run, base::UniqueFd pidfd, base::UniqueFd end) {
  runs_.add(run, std::move(pidfd), std::move(end));
}

void Service::run_told(const store::PastRun& past) {
  if (!stopped_) requests_.runs().told(past);
}

// A session that is begun for a command is two events here, and one line of the journal.
void Service::happened(const events::Event& event) {
  if (stopped_) return;
  if (event.kind == events::Kind::session_begun && !event.run.empty()) {
    auto begun = event;
    begun.run.clear();
    begun.command.clear();
    begun.becomes.reset();
    manager_.tell_event(begun);
    auto started = event;
    started.kind = events::Kind::run_started;
    manager_.tell_event(started);
    return;
  }
  manager_.tell_event(event);
}

void Service::reader_started(std::uint64_t number, base::UniqueFd pidfd) { readers_.add(number, std::move(pidfd)); }

void Service::watch_configuration() {
  if (registry_.watch_fd() < 0) return;
  configuration_.assign(base::check(::fcntl(registry_.watch_fd(), F_DUPFD_CLOEXEC, 3),
                                    "duplicating the descriptor that watches the configuration"));
  struct Wait {
    Service* self;
    void operator()(const AsioError& error) const {
      if (error || self->stopped_) return;
      Service* service = self;
      // On a worker, since reading the files may block. The next wait begins when the worker has drained the
      // descriptor.
      service->requests_.intake().scheduler().submit(Work::configuration, 0, [service] {
        try {
          service->registry_.on_readable();
        } catch (const std::exception& problem) {
          base::log::error(base::concat("reading the configuration again: ", problem.what()));  // and go on watching it
        }
        service->loop_.post([service] {
          BusLoop::guarded([service] { service->show_configuration(); });  // and go on watching, as above
          service->configuration_.async_wait(asio::posix::stream_descriptor::wait_read, Wait{service});
        });
      });
    }
  };
  configuration_.async_wait(asio::posix::stream_descriptor::wait_read, Wait{this});
}

void Service::show_configuration() {
  auto snapshot = registry_.snapshot();
  if (snapshot == shown_) return;
  const auto former = std::exchange(shown_, std::move(snapshot));
  exports_.chroots(*shown_);
  auto tell = [former, now = shown_] {
    for (const auto& event : configuration_events(former.get(), *now)) events::tell_journal(event);
  };
  if (former == nullptr) return tell();
  if (texts_of(former->problems) != texts_of(shown_->problems)) manager_.problems_changed();
  requests_.intake().scheduler().submit(Work::configuration, 0, std::move(tell));
  requests_.intake().scheduler().submit(
      Work::slow_end, 0, [this, chroots = shown_] { BusLoop::guarded([&] { core_.drop_unwanted_caches(*chroots); }); });
}

void Service::reload() {
  if (stopped_) return;
  requests_.intake().scheduler().submit(Work::configuration, 0, [this] {
    registry_.reload();
    loop_.post([this] { show_configuration(); });
  });
}

}  // namespace unionroot::daemon
