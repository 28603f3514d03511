#include "daemon/bus/received_descriptors.h"

#include <dlfcn.h>
#include <sdbus-c++/sdbus-c++.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>

#include <atomic>
#include <cstddef>
#include <cstring>
#include <exception>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/bus/closers.h"
#include "daemon/bus/raw_message.h"

namespace unionroot::daemon {

namespace {

// For senders that cannot be identified. No user has this uid.
constexpr uid_t nobody_known = static_cast<uid_t>(-1);

// Every close(2) of this process reads these, from its start to its end.
constinit std::atomic<std::size_t> open_descriptors{0};
constinit std::atomic<int> bus_socket{-1};

struct Received {
  std::mutex mutex;
  std::unordered_map<int, Closers::OwnerPtr> owners;
  Closers::OwnerPtr arriving;  // of the message that is being read: bus thread only
};

Received& received() {
  static Received& only = *new Received;  // never destroyed: files are closed after the last destructor
  return only;
}

void note(int descriptor) {
  auto& all = received();
  if (!all.arriving) all.arriving = std::make_shared<Closers::Owner>();
  const std::lock_guard lock(all.mutex);
  if (all.owners.insert_or_assign(descriptor, all.arriving).second) ++open_descriptors;
}

void note_all(const msghdr& message) {
  for (auto* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(const_cast<msghdr*>(&message), part)) {  // CMSG_NXTHDR does not change it
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int descriptor = -1;
      std::memcpy(&descriptor, CMSG_DATA(part) + i * sizeof descriptor, sizeof descriptor);
      note(descriptor);
    }
  }
}

// True if it is a caller's descriptor: then the closers close it.
bool hand_over(int descriptor) {
  auto& all = received();
  Closers::OwnerPtr owner;
  {
    const std::lock_guard lock(all.mutex);
    const auto found = all.owners.find(descriptor);
    if (found == all.owners.end()) return false;
    owner = std::move(found->second);
    all.owners.erase(found);
    --open_descriptors;
  }
  Closers::instance().close(descriptor, owner);
  return true;
}

// Sees every message except replies before any other filter, in the order of reading.
int on_message(sd_bus_message* message, void* peers, sd_bus_error* /*error*/) {
  auto owner = std::exchange(received().arriving, nullptr);
  if (!owner) return 0;
  const char* const sender = ::sd_bus_message_get_sender(message);
  auto& closers = Closers::instance();
  if (sender == nullptr) {
    closers.known(owner, nobody_known);
    return 0;
  }
  static_cast<Peers*>(peers)->identify(
      sender, [owner, &closers](const PeerPtr& peer) { closers.known(owner, peer->uid); },
      [owner, &closers](const std::exception_ptr&) { closers.known(owner, nobody_known); });
  return 0;
}

// For functions that C code calls: they must not throw.
template <typename Work>
void without_exception(Work work) {
  try {
    work();
  } catch (const std::exception& error) {
    base::log::error(base::concat("descriptors that came over the bus: ", error.what()));
  }
}

}  // namespace

ReceivedDescriptors::ReceivedDescriptors(sdbus::IConnection& connection, Peers& peers) : peers_(peers) {
  static_cast<void>(received());
  const auto proxy = sdbus::createProxy(connection, "org.freedesktop.DBus", "/org/freedesktop/DBus");
  const auto any = proxy->createMethodCall("org.freedesktop.DBus.Peer", "Ping");  // only to get the sd_bus
  bus_ = ::sd_bus_message_get_bus(raw_message(any));
  go_first();
  bus_socket = connection.getEventLoopPollData().fd;
}

void ReceivedDescriptors::go_first() {
  const auto filter = [](sd_bus_message* message, void* context, sd_bus_error* error) {
    int result = 0;
    without_exception([&] { result = on_message(message, context, error); });
    return result;
  };
  filter_ = ::sd_bus_slot_unref(filter_);
  const int added = ::sd_bus_add_filter(bus_, &filter_, filter, &peers_);
  if (added < 0) throw base::SystemError(-added, "adding a filter to the bus");
}

// Unread messages lie in the socket with their descriptors, so closing the socket may block too: the closers do it.
ReceivedDescriptors::~ReceivedDescriptors() {
  ::sd_bus_slot_unref(filter_);
  without_exception([] {
    auto& all = received();
    const std::lock_guard lock(all.mutex);
    if (all.owners.insert_or_assign(bus_socket.exchange(-1), std::make_shared<Closers::Owner>(Closers::Owner{0, {}}))
            .second)
      ++open_descriptors;
  });
}

}  // namespace unionroot::daemon

// These replace the C library's functions, for libsystemd too.

extern "C" ssize_t recvmsg(int socket, msghdr* message, int flags) {
  using Function = ssize_t (*)(int, msghdr*, int);
  static const auto next = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, "recvmsg"));
  const auto size = next(socket, message, flags);
  namespace daemon = unionroot::daemon;
  if (size >= 0 && socket == daemon::bus_socket && message->msg_controllen > 0)
    daemon::without_exception([&] { daemon::note_all(*message); });
  return size;
}

extern "C" int close(int descriptor) {
  using Function = int (*)(int);
  static const auto next = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, "close"));
  namespace daemon = unionroot::daemon;
  bool handed_over = false;
  if (daemon::open_descriptors != 0) daemon::without_exception([&] { handed_over = daemon::hand_over(descriptor); });
  return handed_over ? 0 : next(descriptor);
}
