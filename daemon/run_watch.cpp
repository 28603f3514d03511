#include "daemon/run_watch.h"

#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "launch/launcher.h"

namespace unionroot::daemon {

namespace {

void reap(int pidfd) {
  try {
    launch::reap(pidfd);
  } catch (const base::Error& error) {
    base::log::warning(error.what());
  }
}

}  // namespace

void RunWatch::add(session::StartedRun run, base::UniqueFd pidfd) {
  asio::posix::stream_descriptor descriptor(io_, pidfd.get());
  static_cast<void>(pidfd.release());  // the stream descriptor owns it from here on
  run.pidfd = -1;
  const auto [entry, added] = watched_.emplace(run.id, std::move(descriptor));
  if (!added) return;
  entry->second.async_wait(asio::posix::stream_descriptor::wait_read,
                           [this, run = std::move(run)](const AsioError& error) {
                             if (error) return;
                             const auto found = watched_.find(run.id);
                             if (found == watched_.end()) return;
                             reap(found->second.native_handle());
                             watched_.erase(found);
                             ended_(run);
                           });
}

}  // namespace unionroot::daemon
