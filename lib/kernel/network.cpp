#include "kernel/network.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cstring>

#include "base/error.h"
#include "base/fault_point.h"
#include "base/files.h"
#include "base/own_thread.h"

namespace unionroot::kernel {

using base::UniqueFd;

namespace {

void set_loopback_up() {
  const UniqueFd any(base::check(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "opening a socket in a new network"));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  base::check(::ioctl(any.get(), SIOCGIFFLAGS, &request), "looking at a network's loopback interface");
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP | IFF_RUNNING);
  base::check(::ioctl(any.get(), SIOCSIFFLAGS, &request), "setting a network's loopback interface up");
}

}  // namespace

UniqueFd new_network() {
  UniqueFd network;
  base::in_own_thread([&] {
    base::fault_point("network");
    base::check(::unshare(CLONE_NEWNET), "making a network");
    set_loopback_up();
    network = UniqueFd(base::check(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "opening a new network"));
    base::fault_point("network done");
  });
  return network;
}

void in_network(int network, const std::function<void()>& action) {
  base::in_own_thread([&] {
    base::check(::setns(network, CLONE_NEWNET), "entering a session's network");
    action();
  });
}

bool is_of_own_user_namespace(int network) {
  const UniqueFd owner(::ioctl(network, NS_GET_USERNS));  // close-on-exec, ioctl_ns(2)
  if (!owner) return false;                               // EPERM: the owner is a user namespace above this process's
  struct stat of_network {
  }, own{};
  base::check(::fstat(owner.get(), &of_network), "looking at a network's user namespace");
  base::check(::stat("/proc/self/ns/user", &own), "looking at the process's user namespace");
  return base::is_same_file(of_network, own);
}

}  // namespace unionroot::kernel
