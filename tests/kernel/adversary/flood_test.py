"""One user's flood of calls keeps no other user waiting, and the flooding user is served too.

What is asserted is an order, and not a time: another user's command is run while most of the flood's calls still wait.
"""

import contextlib
import json
import subprocess
import unittest

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

# Speaks to the bus itself: a library would make a message at a time. It keeps DEPTH calls under way, says "flooding" once the
# first has been answered, and "answers refused" when a line comes on standard input; again for the next line.
FLOOD = r'''
import select, struct
kind, depth, session = sys.argv[1], int(sys.argv[2]), sys.argv[3]
MANAGER, ROOT = "org.unionroot1.Manager", "/org/unionroot1"
CALLS = {
    "objects": (ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", ()),
    "sessions": (ROOT, MANAGER, "ListSessions", ()),
    "chroots": (ROOT, MANAGER, "ListChroots", ()),
    "info": (ROOT, MANAGER, "Info", (session,)),
    "introspect": (ROOT + "/session", "org.freedesktop.DBus.Introspectable", "Introspect", ()),
    "properties": (ROOT, "org.freedesktop.DBus.Properties", "GetAll", (MANAGER,)),
    "refused": (ROOT, MANAGER, "Location", ("no-such-session",)),
}
def string(text):
    return struct.pack("<I", len(text)) + text.encode() + b"\0"
def padded(data, size):
    return data + b"\0" * (-len(data) % size)
def call(serial, destination, path, interface, member, arguments):
    body = b""
    for argument in arguments:
        body = padded(body, 4) + string(argument)
    fields = b""
    for code, kind, value in ((1, "o", path), (6, "s", destination), (2, "s", interface), (3, "s", member)):
        fields = padded(fields, 8) + bytes([code, 1]) + kind.encode() + b"\0" + string(value)
    if arguments:
        fields = padded(fields, 8) + bytes([8, 1]) + b"g\0" + bytes([len(arguments)]) + b"s" * len(arguments) + b"\0"
    head = b"l\1\0\1" + struct.pack("<III", len(body), serial, len(fields)) + fields
    return padded(head, 8) + body
place = os.environ["UNIONROOT_BUS"].partition("=")[2]
own = socket.socket(socket.AF_UNIX)
own.connect(place)
own.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n")
own.recv(4096)
own.sendall(b"BEGIN\r\n" + call(1, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello", ()))
path, interface, member, arguments = CALLS[kind]
received, serial, under_way, answers, refused, told = bytearray(), 2, 0, 0, 0, False
def take_messages():
    global under_way, answers, refused
    at = 0
    while len(received) - at >= 16:
        body, _, fields = struct.unpack_from("<III", received, at + 4)
        size = 16 + fields + -fields % 8 + body
        if len(received) - at < size:
            break
        kind, text = received[at + 1], bytes(received[at:at + 16 + fields])
        if b"org.unionroot1.Error.LimitExceeded" in text:
            refused, under_way = refused + 1, under_way - 1
        elif kind in (2, 3) and serial > 2:
            answers, under_way = answers + 1, under_way - 1
        at += size
    del received[:at]
own.setblocking(False)
to_send = bytearray()
while True:
    while under_way < depth and len(to_send) < 1 << 16:
        to_send += call(serial, "org.unionroot1", path, interface, member, arguments)
        serial, under_way = serial + 1, under_way + 1
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

    def test_a_client_that_does_not_read_costs_others_nothing(self):
        source = FLOOD.replace("if own in readable:", "if own in readable and not told:")
        self.assertNotEqual(source, FLOOD)
        process = stranger.start(self.machine, STRANGER, source, "objects", "5000", "none", stdin=subprocess.PIPE)
        self.machine.children[process.pid] = "flood"
        self.addCleanup(self.stop, process)
        self.assertEqual(process.stdout.readline(), "flooding\n")
        before = self.memory()
        for _ in range(3):
            self.another_user_works()
        self.assertLess(self.memory() - before, 64 << 10)

    def memory(self):
        """In KiB."""
        with open(f"/proc/{self.machine.daemon.pid}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


if __name__ == "__main__":
    testing.main()
