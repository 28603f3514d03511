#include "daemon/bus_loop.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sdbus-c++/Error.h>
#include <sys/ioctl.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <limits>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

namespace unionroot::daemon {

namespace {

// Messages in a row before other work has its turn: a busy client must not delay the replies to others.
constexpr int messages_in_a_row = 32;

// Bytes in the socket's buffer, as the kernel counts them.
constexpr int most_unread = 16 * 1024;

// A duplicate, for Asio to close: libsystemd would abort if its own descriptor were closed.
int copy_of(int fd) { return base::check(::fcntl(fd, F_DUPFD_CLOEXEC, 3), "duplicating the bus's descriptor"); }

}  // namespace

BusLoop::BusLoop(asio::io_context& io, sdbus::IConnection& connection, std::function<void(const std::string&)> lost)
    : io_(io),
      connection_(connection),
      lost_(std::move(lost)),
      descriptor_(io, copy_of(connection.getEventLoopPollData().fd)),
      timer_(io) {}

void BusLoop::guarded(const std::function<void()>& work) {
  try {
    work();
  } catch (const std::exception& error) {
    base::log::error(base::concat("on the bus thread: ", error.what()));
  }
}

void BusLoop::kick() {
  if (std::exchange(kicked_, true)) return;
  asio::post(io_, [this] {
    kicked_ = false;
    pump();
  });
}

// sd-bus asks for POLLOUT as long as it has something to write (sd_bus_get_events(3)). What it has written lies in the
// socket's buffer until the bus reads it, 2 KiB at a time. sd-bus makes that buffer 8 MiB large.
bool BusLoop::is_clear() const {
  const auto data = connection_.getEventLoopPollData();
  if ((data.events & POLLOUT) != 0) return false;
  int unread = 0;
  return ::ioctl(data.fd, SIOCOUTQ, &unread) < 0 || unread < most_unread;
}

void BusLoop::pump() {
  if (dead_) return;
  try {
    int done = 0;
    while (connection_.processPendingRequest()) {
      if (++done == messages_in_a_row) {
        kick();
        return;
      }
    }
    watch();
  } catch (const sdbus::Error& error) {
    dead_ = true;
    lost_(error.getMessage());
  }
}

void BusLoop::watch() {
  const auto data = connection_.getEventLoopPollData();
  if ((data.events & POLLIN) != 0 && !std::exchange(reading_, true)) {
    descriptor_.async_wait(asio::posix::stream_descriptor::wait_read, [this](const AsioError& error) {
      reading_ = false;
      if (!error) pump();
    });
  }
  if ((data.events & POLLOUT) != 0 && !std::exchange(writing_, true)) {
    descriptor_.async_wait(asio::posix::stream_descriptor::wait_write, [this](const AsioError& error) {
      writing_ = false;
      if (!error) pump();
    });
  }
  if (data.timeout_usec == std::numeric_limits<std::uint64_t>::max()) {
    timer_.cancel();
    return;
  }
  // timeout_usec is absolute, on CLOCK_MONOTONIC, the clock of steady_clock.
  timer_.expires_at(std::chrono::steady_clock::time_point(std::chrono::microseconds(data.timeout_usec)));
  timer_.async_wait([this](const AsioError& error) {
    if (!error) pump();
  });
}

}  // namespace unionroot::daemon
