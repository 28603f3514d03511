// unionroot-helper supervises one command of one session. unionrootd executes it with descriptors at fixed numbers
// (launch/wire.h). It stays in the host's namespaces as root. Only the command enters the session.
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "launch/helper/command.h"
#include "launch/helper/messages.h"
#include "launch/helper/pause.h"
#include "launch/helper/spec_reader.h"
#include "launch/helper/supervise.h"
#include "launch/helper/terminal.h"
#include "launch/helper/text.h"

namespace {

using namespace unionroot::helper;
using unionroot::launch::control::Type;
namespace wire = unionroot::launch::wire;

constexpr int own_failure = 125;

int refuse_by_hand() {
  constexpr char text[] =
      "unionroot-helper is part of unionrootd and is not for use by hand; try 'unionroot run --help'\n";
  return write(2, text, sizeof text - 1) < 0 ? own_failure : own_failure;
}

// The daemon starts this with every signal blocked, in its own process session, at / and without other descriptors
// (kernel/spawn.h). A new session keyring keeps the daemon's keys from the command. If the kernel has no keyrings, or a
// container forbids them, nothing needs protection.
void leave_keyring() { syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr); }

// Call this only after the daemon's message `go` has been read. If the helper ended with it unread, the client would
// get ECONNRESET (unix(7)).
void fail(unsigned status, const Text& problem) {
  wait_a_moment();
  report_end(Type::failed, status, problem.c_str());
}

void run(const Spec& spec) {
  Text problem;
  Text warning;
  Terminal terminal;
  if (spec.has(wire::terminal) &&
      (!open_terminal(wire::root_descriptor, spec, terminal, problem) || !take_terminal(terminal, problem))) {
    take_go(wire::control_descriptor);
    return fail(own_failure, problem);
  }
  adopt_orphans();
  Child child;
  unsigned status = own_failure;
  if (!start_command(spec, terminal, child, problem, warning, status)) return fail(status, problem);
  wait_a_moment();
  // Only the command uses the session's namespace and tree from here on. The session's mounts could not go if the
  // helper held them.
  syscall(SYS_close_range, 0, wire::spec_descriptor, 0);
  close(wire::namespace_descriptor);
  close(wire::root_descriptor);
  if (spec.has(wire::has_network)) close(wire::network_descriptor);
  close(wire::streams_descriptor);
  if (terminal.slave >= 0) close(terminal.slave);
  wait_a_moment();
  if (warning.c_str()[0] != '\0') send_message(wire::control_descriptor, Type::warning, 0, warning.c_str());
  send_message(wire::control_descriptor, Type::started, static_cast<uint32_t>(child.pid), "", terminal.master);
  wait_a_moment();
  supervise(spec, child, terminal.master);
}

}  // namespace

int main() {
  if (fcntl(wire::spec_descriptor, F_GETFD) < 0 || fcntl(wire::control_descriptor, F_GETFD) < 0)
    return refuse_by_hand();
  leave_keyring();
  wait_a_moment();
  Spec spec;
  if (!read_spec(wire::spec_descriptor, spec)) {
    Text problem;
    problem.add("starting a command: the helper is of another version than the daemon\nrestart unionrootd");
    take_go(wire::control_descriptor);
    fail(own_failure, problem);
    return own_failure;
  }
  run(spec);
  return 0;  // report_end reports the end of the run
}
