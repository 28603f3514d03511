"""One user's flood of calls keeps no other user waiting, and the flooding user is served too.

What is asserted is an order, and not a time: another user's command is run while most of the flood's calls still wait.
"""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import unittest

import raw_bus
import stranger
import unionroot_testing as testing
from stranger import OWNER, STRANGER
from unionroot_testing import EndToEndTest

try:
    import dbus
except ImportError:
    dbus = None

STANDING = 100
DEPTH = 1500
LIMIT = 60.0

# A library would make a message at a time. It keeps DEPTH calls under way, and says "flooding" once the first has been
# answered. When a line comes on standard input, it says how many were answered and how many refused.
FLOOD = raw_bus.SOURCE + r'''
import select
kind, depth, session = sys.argv[1], int(sys.argv[2]), sys.argv[3]
ROOT = "/org/unionroot1"
CALLS = {
    "objects": (ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects"),
    "sessions": (*MANAGER[1:], "ListSessions"),
    "chroots": (*MANAGER[1:], "ListChroots"),
    "info": (*MANAGER[1:], "Info", "s", text(session.encode())),
    "introspect": (ROOT + "/session", "org.freedesktop.DBus.Introspectable", "Introspect"),
    "properties": (ROOT, "org.freedesktop.DBus.Properties", "GetAll", "s", text(MANAGER[2].encode())),
    "refused": (*MANAGER[1:], "Location", "s", text(b"no-such-session")),
}
raw = RawBus()
own = raw.socket
received, under_way, answers, refused, told = bytearray(), 0, 0, 0, False
def take_messages():
    global under_way, answers, refused
    at = 0
    while len(received) - at >= 16:
        body, _, fields = struct.unpack_from("<III", received, at + 4)
        size = 16 + fields + -fields % 8 + body
        if len(received) - at < size:
            break
        of, head = received[at + 1], bytes(received[at:at + 16 + fields])
        if b"org.unionroot1.Error.LimitExceeded" in head:
            refused, under_way = refused + 1, under_way - 1
        elif of in (2, 3):
            answers, under_way = answers + 1, under_way - 1
        at += size
    del received[:at]
own.setblocking(False)
to_send = bytearray()
while True:
    while under_way < depth and len(to_send) < 1 << 16:
        to_send += raw.message(MANAGER[0], *CALLS[kind])
        under_way += 1
    readable, writable, _ = select.select([own, sys.stdin], [own] if to_send else [], [])
    if own in writable:
        del to_send[:own.send(to_send[:1 << 16])]
    if own in readable:
        received += own.recv(1 << 20)
        take_messages()
    if answers and not told:
        told = True
        say("flooding")
    if sys.stdin in readable:
        if not os.read(0, 100):
            break
        say(answers, refused)
'''

# Sends calls with descriptors to a daemon that takes none, until the bus takes no more from this client.
FILL = raw_bus.SOURCE + r'''
null = os.open("/dev/null", os.O_RDWR)
raw = RawBus()
raw.socket.settimeout(2)
try:
    for number in range(5000):
        raw.send(*MANAGER, "Run", "sasa{sv}hhh", run(b"small", b""), (null, null, null))
except TimeoutError:
    say("full")
sys.stdin.readline()
'''

KINDS = ("objects", "sessions", "chroots", "info", "introspect", "properties", "refused")


class Flood(EndToEndTest):
    @classmethod
    def setUpClass(cls):
        if dbus is None:
            raise unittest.SkipTest("needs python3-dbus")
        super().setUpClass()

    @classmethod
    def prepare(cls):
        cls.machine.define_tree("small", testing.small_tree(), users=f"{OWNER},{STRANGER}", host_view="no")

    def setUp(self):
        self.bus = dbus.bus.BusConnection(self.machine.address)
        self.addCleanup(self.bus.close)
        self.manager = dbus.Interface(self.bus.get_object("org.unionroot1", "/org/unionroot1", introspect=False),
                                      "org.unionroot1.Manager")
        self.standing = [self.begin(f"standing-{number}") for number in range(STANDING)]

    def tearDown(self):
        for session in self.standing:
            self.manager.End(session, dbus.Dictionary({}, signature="sv"), signature="sa{sv}")
        self.assert_nothing_left()

    def begin(self, name):
        options = dbus.Dictionary({"name": name}, signature="sv")
        return str(self.manager.Begin("small", options, signature="sa{sv}")[0])

    @contextlib.contextmanager
    def flood(self, kind):
        process = stranger.start(self.machine, STRANGER, FLOOD, kind, str(DEPTH), self.standing[0], stdin=subprocess.PIPE)
        self.machine.children[process.pid] = "flood"
        try:
            self.assertEqual(process.stdout.readline(), "flooding\n", process.poll())
            yield process
        finally:
            self.stop(process)

    @staticmethod
    def stop(process):
        process.kill()
        process.communicate()

    @staticmethod
    def count(process):
        """How many calls have been answered by now, and how many refused."""
        process.stdin.write("\n")
        process.stdin.flush()
        return [int(word) for word in process.stdout.readline().split()]

    def another_user_works(self):
        result = self.machine.run("run", "--directory", "/", "small", "--", "echo", "served", user=OWNER, timeout=LIMIT)
        self.assertEqual((result.status, result.out, result.err), (0, "served\n", ""))
        session = self.machine.ok("begin", "small", user=OWNER, timeout=LIMIT)
        self.machine.ok("end", session, user=OWNER, timeout=LIMIT)

    def test_another_user_works_during_each_flood(self):
        for kind in KINDS:
            with self.subTest(kind=kind), self.flood(kind) as process:
                before = self.count(process)
                self.another_user_works()
                after, refused = self.count(process)
                if kind in ("objects", "introspect"):  # the daemon answered these in the order in which they came
                    self.assertLess(after - before[0], DEPTH, "another user's calls stood behind the flood's")
                    self.assertGreater(refused, 0)  # so its queue is bounded
                listed = json.loads(self.machine.ok("list", "--sessions", "--json", user=OWNER, timeout=LIMIT))["sessions"]
                self.assertGreaterEqual(len(listed), STANDING)
                # The flooding user is served too.
                self.assertTrue(testing.wait_until(lambda: self.count(process)[0] > before[0]), kind)

    def test_a_call_for_which_the_bus_has_no_room_is_made_again(self):
        os.kill(self.machine.daemon.pid, signal.SIGSTOP)
        try:
            flood = stranger.start(self.machine, STRANGER, FILL, stdin=subprocess.PIPE)
            self.machine.children[flood.pid] = "flood"
            self.addCleanup(self.stop, flood)
            self.assertEqual(flood.stdout.readline(), "full\n", flood.poll() and flood.stderr.read())
            client = self.machine.popen("run", "--directory", "/", "small", "--", "echo", "served", user=OWNER,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.addCleanup(self.stop, client)

            def waits():
                self.assertIsNone(client.poll(), "the client gave up")
                return "nanosleep" in pathlib.Path(f"/proc/{client.pid}/wchan").read_text()

            self.assertTrue(testing.wait_until(waits))
        finally:
            os.kill(self.machine.daemon.pid, signal.SIGCONT)
        out, err = client.communicate(timeout=LIMIT)
        self.assertEqual((client.returncode, out, err), (0, "served\n", ""))

    def test_a_client_that_does_not_read_costs_others_nothing(self):
        source = FLOOD.replace("if own in readable:", "if own in readable and not told:")
        self.assertNotEqual(source, FLOOD)
        process = stranger.start(self.machine, STRANGER, source, "objects", "5000", "none", stdin=subprocess.PIPE)
        self.machine.children[process.pid] = "flood"
        self.addCleanup(self.stop, process)
        self.assertEqual(process.stdout.readline(), "flooding\n")
        before = self.machine.daemon_memory()
        for _ in range(3):
            self.another_user_works()
        self.assertLess(self.machine.daemon_memory() - before, 64 << 20)


if __name__ == "__main__":
    testing.main()
