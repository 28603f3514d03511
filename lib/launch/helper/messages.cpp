#include "launch/helper/messages.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "launch/helper/pause.h"
#include "launch/wire.h"

namespace unionroot::helper {

using launch::control::Message;

void send_message(int control, launch::control::Type type, uint32_t value, const char* text, int descriptor) {
  Message message{};
  iovec part{&message, launch::control::fill(message, type, value, text)};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  alignas(cmsghdr) char buffer[CMSG_SPACE(sizeof(int))] = {};
  if (descriptor >= 0) {
    header.msg_control = buffer;
    header.msg_controllen = sizeof buffer;
    cmsghdr* attached = CMSG_FIRSTHDR(&header);
    attached->cmsg_level = SOL_SOCKET;
    attached->cmsg_type = SCM_RIGHTS;
    attached->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(attached), &descriptor, sizeof descriptor);
  }
  // This fails if the client is gone or does not read. The poll loop detects the former.
  (void)sendmsg(control, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void report_end(launch::control::Type type, uint32_t value, const char* text, uint64_t marks) {
  namespace wire = launch::wire;
  const uint64_t end = wire::run_end(static_cast<uint32_t>(type), value, marks);
  (void)!write(wire::end_descriptor, &end, sizeof end);  // cannot fail: nobody else adds to the counter
  wait_a_moment();
  send_message(wire::control_descriptor, type, value, text);
  wait_a_moment();
}

bool take_go(int control) {
  Message message{};
  const ssize_t size = recv(control, &message, sizeof message, 0);
  return size >= static_cast<ssize_t>(offsetof(Message, text)) && message.type == launch::control::Type::go;
}

Received receive_message(int control, Message& message) {
  // A peek duplicates the descriptors attached to a packet and closes the duplicates, which are never the last ones.
  iovec part{&message, sizeof message};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (recvmsg(control, &header, MSG_DONTWAIT | MSG_PEEK) >= 0 && (header.msg_flags & MSG_CTRUNC) != 0)
    return Received::hang_up;
  ssize_t size = recv(control, &message, sizeof message, MSG_DONTWAIT);
  // The client left without reading all messages. The socket reports this once, before the client's last messages.
  if (size < 0 && errno == ECONNRESET) size = recv(control, &message, sizeof message, MSG_DONTWAIT);
  // An empty packet looks like the end of file. The poll loop distinguishes them by POLLRDHUP.
  if (size < 0) return errno == EAGAIN || errno == EINTR ? Received::nothing : Received::hang_up;
  return static_cast<size_t>(size) >= offsetof(Message, text) ? Received::message : Received::nothing;
}

}  // namespace unionroot::helper
