#include "launch/helper/start.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "launch/helper/messages.h"
#include "launch/helper/pause.h"
#include "launch/wire.h"

namespace unionroot::helper {

namespace {

namespace wire = launch::wire;

constexpr char word = 'g';

}  // namespace

bool open_start_channel(StartChannel& channel) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return false;
  channel = {ends[0], ends[1]};
  return true;
}

bool wait_for_word(const StartChannel& channel) {
  char received = 0;
  ssize_t size = 0;
  do size = recv(channel.command, &received, 1, 0);
  while (size < 0 && errno == EINTR);
  if (size == 0) errno = ECANCELED;
  return size == 1;
}

void wait_for_start(const StartChannel& channel, const Child& child) {
  // poll(2) skips negative descriptors.
  pollfd watched[2] = {{channel.supervisor, 0, 0}, {wire::control_descriptor, POLLIN, 0}};
  bool told = false;
  for (;;) {
    if (poll(watched, 2, -1) < 0) {
      if (errno == EINTR) continue;
      break;
    }
    if (watched[0].revents != 0) break;
    if (!told) {
      told = true;
      if (take_go(wire::control_descriptor)) {
        wait_a_moment();
        (void)send(channel.supervisor, &word, sizeof word, MSG_NOSIGNAL);
        // The client's messages after this are for the command. They wait until it exists.
        watched[1].events = POLLRDHUP;
        continue;
      }
    }
    // The client is gone, or the daemon gave up the run. The command has not been executed.
    syscall(SYS_pidfd_send_signal, child.pidfd, SIGKILL, nullptr, 0);
    watched[1].fd = -1;
  }
  if (!told) take_go(wire::control_descriptor);
}

}  // namespace unionroot::helper
