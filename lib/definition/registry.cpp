#include "definition/registry.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <mutex>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "definition/loader.h"
#include "definition/suggest.h"
#include "definition/watch.h"

namespace unionroot::definition {

namespace {

using base::concat;
using base::printable;
using Clock = std::chrono::steady_clock;

// An editor or a package makes several changes in a row. So wait until it is quiet, but not for ever.
constexpr auto quiet = std::chrono::milliseconds(40);
constexpr auto longest_wait = std::chrono::milliseconds(400);

std::string fingerprint(const Snapshot& snapshot) {
  std::string text;
  for (const auto& chroot : snapshot.chroots) text.append(serialize(*chroot)).push_back('\n');
  for (const auto& problem : snapshot.problems)
    text.append(std::to_string(static_cast<int>(problem.severity))).append(problem.text()).push_back('\n');
  for (const auto& warning : snapshot.schroot_warnings) text.append(warning).push_back('\n');
  return text;
}

bool readable(int descriptor) {
  pollfd waiting{descriptor, POLLIN, 0};
  return descriptor >= 0 && ::poll(&waiting, 1, 0) > 0;
}

}  // namespace

struct Registry::Impl {
  explicit Impl(Settings given) : settings(std::move(given)) {
    if (watch.descriptor() >= 0) open_descriptors();
    const std::lock_guard guard(reading);
    reload();
    changed = false;  // the caller has seen no other snapshot
  }

  // Puts inotify and the timer behind one descriptor, so that a caller polls only that one.
  void open_descriptors() {
    timer.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    poller.reset(::epoll_create1(EPOLL_CLOEXEC));
    bool whole = timer && poller;
    for (const int descriptor : {watch.descriptor(), timer.get()}) {
      epoll_event event{};
      event.events = EPOLLIN;
      whole = whole && ::epoll_ctl(poller.get(), EPOLL_CTL_ADD, descriptor, &event) == 0;
    }
    if (whole) return;
    base::log::warning(
        "edits of the configuration will only be noticed when a chroot is asked for: no descriptors left");
    poller.reset();
  }

  void set_timer(std::chrono::nanoseconds delay) {
    if (!timer) return;
    itimerspec when{};
    when.it_value.tv_sec = static_cast<time_t>(delay.count() / 1000000000);
    when.it_value.tv_nsec = static_cast<long>(std::max<std::int64_t>(delay.count() % 1000000000, 1));
    // Fails only for invalid arguments: timerfd_settime(2).
    base::check(::timerfd_settime(timer.get(), 0, &when, nullptr), "setting a timer");
  }

  bool timer_expired() {
    std::uint64_t times = 0;
    return timer && ::read(timer.get(), &times, sizeof times) == static_cast<ssize_t>(sizeof times);
  }

  // The functions below need the lock `reading`.

  bool reload() {
    Loaded loaded = load_all(settings);
    // A folder that is watched only now may have changed after it was read. So read again.
    for (int round = 0; watch.watch(loaded.consulted) && round < 5; ++round) loaded = load_all(settings);
    pending = false;
    std::string text = fingerprint(loaded.snapshot);
    if (current && text == seen) return false;
    seen = std::move(text);
    auto next = std::make_shared<const Snapshot>(std::move(loaded.snapshot));
    const std::lock_guard guard(pointer);
    current = std::move(next);
    changed = true;
    return true;
  }

  void note_change() {
    const auto now = Clock::now();
    if (!pending) first_change = now;
    pending = true;
    set_timer(
        std::clamp<std::chrono::nanoseconds>(first_change + longest_wait - now, std::chrono::nanoseconds(1), quiet));
  }

  // A request right after an edit must see the edit, without the quiet period. The lock is taken before the check:
  // another thread may have drained the event and not yet set `pending`, or may be reading the changed files.
  void refresh() {
    const std::lock_guard guard(reading);
    if (!pending && !readable(watch.descriptor())) return;
    if (!watch.drain() && !pending) return;
    pending = true;  // the event is drained, so a reading that fails must be repeated
    if (reload()) set_timer(std::chrono::nanoseconds(1));  // on_readable informs the others
  }

  [[nodiscard]] std::shared_ptr<const Snapshot> snapshot() {
    refresh();
    const std::lock_guard guard(pointer);
    return current;
  }

  const Settings settings;
  std::mutex reading;  // allows one reading at a time; guards everything but `current`
  FolderWatch watch;
  base::UniqueFd timer;
  base::UniqueFd poller;
  std::string seen;      // fingerprint of `current`
  bool changed = false;  // since on_readable last returned true
  bool pending = false;
  Clock::time_point first_change;
  std::mutex pointer;  // guards `current`; held only briefly
  std::shared_ptr<const Snapshot> current;
};

Registry::Registry(Settings settings) : impl_(std::make_unique<Impl>(std::move(settings))) {}
Registry::~Registry() = default;

const Settings& Registry::settings() const { return impl_->settings; }

std::shared_ptr<const Snapshot> Registry::snapshot() const { return impl_->snapshot(); }

int Registry::watch_fd() const { return impl_->poller.get(); }

bool Registry::on_readable() {
  const std::lock_guard guard(impl_->reading);
  const bool expired = impl_->timer_expired();
  if (impl_->watch.drain()) impl_->note_change();
  const bool waited = impl_->pending && Clock::now() - impl_->first_change >= longest_wait;
  if (impl_->pending && (expired || waited)) impl_->reload();
  return std::exchange(impl_->changed, false);
}

bool Registry::reload() {
  const std::lock_guard guard(impl_->reading);
  impl_->watch.drain();
  impl_->pending = true;  // as in refresh
  impl_->reload();
  return std::exchange(impl_->changed, false);
}

namespace {

// Lists files that were refused as a whole. One of them may contain the missing definition.
std::string refused_files(const Snapshot& snapshot) {
  std::vector<std::string> refused;
  for (const auto& problem : snapshot.problems)
    if (problem.severity == Problem::Severity::error && problem.line == 0 && problem.section.empty())
      refused.push_back(problem.text());
  return refused.empty() ? std::string() : concat("; files that were refused: ", base::join(refused, "; "));
}

}  // namespace

DefinitionPtr Registry::require(const std::string& name) const {
  const auto snapshot = impl_->snapshot();
  if (auto found = snapshot->find(name)) return found;
  if (const auto* problem = snapshot->broken(name))
    throw base::Error(
        base::ErrorCode::definition_invalid,
        concat("the chroot '", printable(name), "' is defined, but its definition is broken: ", problem->text()),
        "correct the file; the daemon reads it again by itself; `unionroot check` shows all problems");
  std::vector<std::string> names;
  for (const auto& chroot : snapshot->chroots) names.push_back(chroot->name);
  for (const auto& [alias, chroot] : snapshot->aliases) names.push_back(alias);
  const auto near = near_misses(name, names);
  throw base::Error(base::ErrorCode::no_such_chroot, concat("there is no chroot named '", printable(name), "'"),
                    concat(near.empty() ? std::string() : concat("did you mean ", base::join(near, " or "), "? "),
                           "`unionroot list --chroots` lists the chroots; a new one is defined in ",
                           impl_->settings.config_directory, "/chroot.d/NAME.conf", refused_files(*snapshot)));
}

}  // namespace unionroot::definition
