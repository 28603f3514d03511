#include "daemon/run_watch.h"

#include <sys/wait.h>

#include <cerrno>
#include <utility>

#include "base/log.h"
#include "base/text.h"

namespace unionroot::daemon {

namespace {

// glibc 2.36 has the constant, as an enumerator of idtype_t.
void reap(int pidfd) {
  siginfo_t info{};
  // A run that this daemon found alive is not its child: ECHILD, and init reaps it. __WALL: its exit signal may be none.
  if (::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG | __WALL) < 0 && errno != ECHILD) {
    base::log::warning(base::concat("reaping a run's supervisor: errno ", errno));
  }
}

}  // namespace

void RunWatch::add(const std::string& run, base::UniqueFd pidfd, uid_t uid) {
  asio::posix::stream_descriptor descriptor(io_, pidfd.get());
  static_cast<void>(pidfd.release());  // the stream descriptor owns it from here on
  const auto [entry, added] = watched_.emplace(run, std::move(descriptor));
  if (!added) return;
  entry->second.async_wait(asio::posix::stream_descriptor::wait_read, [this, run, uid](const AsioError& error) {
    if (error) return;
    const auto found = watched_.find(run);
    if (found == watched_.end()) return;
    reap(found->second.native_handle());
    watched_.erase(found);
    ended_(run, uid);
  });
}

}  // namespace unionroot::daemon
