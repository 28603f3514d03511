"""What a stranger passes must not hold the daemon up when it is closed: sockets that linger, files on FUSE.

A descriptor may come with any message, also with one that nobody asked for and whose signature names none.
"""

import os
import pwd
import signal

import raw_bus
import stranger
import unionroot_testing as testing
from silent_fuse import SilentFuse
from unionroot_testing import EndToEndTest, wait_until

OWNER = stranger.OWNER
# Nobody waits longer while an attack lasts, on a machine that is busy with other tests.
LIMIT = 60.0

LINGERING = """
def lingering():
    "A socket whose last close waits for an hour, and its other end."
    listener = socket.create_server(("127.0.0.1", 0))
    near = socket.create_connection(listener.getsockname())
    far, _ = listener.accept()
    near.setblocking(False)
    try:
        while True:
            near.send(bytes(65536))
    except BlockingIOError:
        pass
    near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 3600))
    return near, far
def answer(name, descriptor, wait=0, close=lambda: None):
    "Of Run with that descriptor, which is closed here before it is answered."
    raw = RawBus()
    raw.send(*MANAGER, "Run", "sasa{sv}hhh", run(name, option(b"wait", b"x", struct.pack("<q", wait), 8)), [descriptor] * 3)
    close()
    return error_of(raw.answer())
"""


class DescriptorTest(EndToEndTest):
    @classmethod
    def prepare(cls):
        cls.tree = os.path.join(cls.machine.place, "tree")
        testing.shutil.copytree(testing.small_tree(), cls.tree, symlinks=True)
        cls.machine.define_tree("small", cls.tree, users="nobody," + OWNER)

    def setUp(self):
        self.programs = []
        self.fuse = None

    def tearDown(self):
        if self.fuse:
            self.fuse.close()
        for program in self.programs:
            program.kill()
            program.communicate()
        if self.machine.daemon is None:
            self.machine.start_daemon()
        self.assert_nothing_left()

    def attack(self, source, user=stranger.STRANGER):
        """Runs until the test ends, since its end would end what it holds up. Returns once it says that it is ready."""
        program = stranger.start(self.machine, user, raw_bus.SOURCE + LINGERING + source)
        self.programs.append(program)
        line = program.stdout.readline()
        self.assertTrue(line.startswith("ready"), line + (program.stderr.read() if not line else ""))
        return program

    def assert_served(self):
        result = self.machine.run("run", "--directory", "/", "small", "--", "echo", "served", user="nobody", timeout=LIMIT)
        self.assertEqual((result.status, result.out), (0, "served\n"), repr(result))

    def assert_ends(self):
        """SIGTERM ends it, as ever."""
        self.assertEqual(self.machine.stop_daemon(signal.SIGTERM, 30), 0)

    # --- sockets that linger

    def test_a_refused_run(self):
        self.attack("""
keep = []
for i in range(5):
    near, far = lingering()
    keep.append(far)
    assert answer(b"small", near.fileno(), close=near.close) == "AccessDenied"
print("ready", flush=True)
time.sleep(3600)""")
        self.assert_served()
        self.assert_ends()

    def test_messages_that_nobody_asked_for(self):
        """A method without descriptors, one that does not exist, a property, a signal: the daemon has the last copy of each."""
        self.attack("""
keep = []
raw = RawBus()
for path, interface, member, kind in (("/org/unionroot1", "org.unionroot1.Manager", "ListSessions", 1),
                                      ("/org/unionroot1", "org.unionroot1.Manager", "Nothing", 1),
                                      ("/nowhere", "org.unionroot1.Manager", "Begin", 1),
                                      ("/org/unionroot1", "org.freedesktop.DBus.Introspectable", "Introspect", 1),
                                      ("/org/unionroot1", "org.freedesktop.DBus.Peer", "Ping", 1),
                                      ("/org/unionroot1", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", 1),
                                      ("/org/unionroot1", "org.unionroot1.Manager", "Progress", 4)):
    for signature, body in (("", b""), ("h", bytes(4))):
        near, far = lingering()
        keep.append(far)
        raw.send("org.unionroot1", path, interface, member, signature, body, [near.fileno()], kind)
        near.close()
        if kind == 1:
            raw.answer()
print("ready", flush=True)
time.sleep(3600)""")
        self.assert_served()
        self.assert_ends()

    def test_what_comes_with_a_call_for_all_objects_is_closed(self):
        """The daemon has the last copy of each. One that it kept would count against its limit for ever."""
        self.attack("""
import select
raw = RawBus()
for path, interface, member in (("/org/unionroot1", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects"),
                                ("/org/unionroot1/session", "org.freedesktop.DBus.Introspectable", "Introspect"),
                                ("/org/unionroot1", "org.freedesktop.DBus.Peer", "Ping"),
                                ("/nowhere", "org.unionroot1.Session", "Nothing")):
    for number in range(1000):  # the last of these are more than this user's share
        ours, theirs = os.pipe()
        raw.send("org.unionroot1", path, interface, member, "", b"", [theirs])
        os.close(theirs)
        raw.answer()
        assert select.select([ours], [], [], 60)[0], "the daemon keeps what came with " + member
        os.close(ours)
print("ready", flush=True)
time.sleep(3600)""")
        self.assert_served()

    def test_a_run_that_waits_for_a_tree(self):
        holder = self.machine.popen("lock", "small", "--", "sh", "-c", "echo runs; cat", stdin=testing.subprocess.PIPE)
        self.machine.children[holder.pid] = "lock"
        self.assertEqual(holder.stdout.readline(), b"runs\n")
        self.attack("""
near, far = lingering()
assert answer(b"small", near.fileno(), wait=500, close=near.close) == "SourceLocked"
print("ready", flush=True)
time.sleep(3600)""", user=OWNER)
        holder.stdin.close()
        self.assertEqual(holder.wait(testing.PATIENCE), 0)
        holder.stdout.close(), holder.stderr.close()
        self.assert_served()
        self.assert_ends()

    def test_a_command_with_such_a_socket(self):
        self.attack("""
near, far = lingering()
assert answer(b"small", near.fileno(), close=near.close) == "none"
print("ready", flush=True)
time.sleep(3600)""", user=OWNER)
        self.assert_served()
        self.assert_ends()

    # --- a file on FUSE

    def silent_fuse(self):
        if not os.path.exists("/dev/fuse"):
            self.skipTest("needs /dev/fuse")
        entry = pwd.getpwnam(OWNER)
        daemon = self.machine.daemon.pid

        def is_daemons(thread):  # The bus closes its copy too. That is answered, else the bus itself would stand.
            return os.path.exists(f"/proc/{daemon}/task/{thread}")

        self.fuse = SilentFuse(os.path.join(self.machine.place, "fuse"), entry.pw_uid, entry.pw_gid, is_daemons)
        return self.fuse

    def hold_up_closers(self):
        """The user's descriptors take all the threads that close them. Returns what it is told of the next Run."""
        fuse = self.silent_fuse()
        program = self.attack(f"""
file = os.open({fuse.file!r}, os.O_RDWR)
raw = RawBus()
for signature, body in (("", b""), ("h", bytes(4))):
    raw.send("org.unionroot1", "/org/unionroot1", "org.unionroot1.Manager", "ListSessions", signature, body, [file])
    raw.answer()
print("ready", flush=True)
last = answer(b"nothing", file)
assert last == "NoSuchChroot", last
end = time.monotonic() + 60
while last != "LimitExceeded" and time.monotonic() < end:
    time.sleep(0.5)
    last = answer(b"nothing", file)
manager.ListSessions(timeout=60)  # all else it may still ask for
say(last)
time.sleep(3600)
""", user=OWNER)
        answer = program.stdout.readline()
        self.assertTrue(answer, program.stderr.read() if not answer else "")
        return answer

    def test_a_file_on_fuse(self):
        answer = self.hold_up_closers()
        self.assertEqual(answer, "LimitExceeded\n")
        self.assertGreaterEqual(len(self.fuse.unanswered), 4)
        self.assert_served()
        self.fuse.close()
        self.fuse = None
        # The closes have returned: nobody is refused any more.
        asks = lambda: self.machine.run("run", "--directory", "/", "small", "--", "true", user=OWNER).status == 0
        self.assertTrue(wait_until(asks, LIMIT))

    def test_the_daemon_ends_though_a_file_on_fuse_is_not_closed(self):
        with FuseControl() as control:
            if not control.there:
                self.skipTest("needs fusectl")
            self.hold_up_closers()
            self.assert_ends()
        self.assertIn("aborted the FUSE connection", self.machine.log())


class FuseControl:
    """The file system by which a connection is aborted, where systemd has not mounted it."""

    def __enter__(self):
        place = "/sys/fs/fuse/connections"
        self.mounted = None
        if place not in testing.mount_points():
            done = testing.subprocess.run(["mount", "-t", "fusectl", "fusectl", place], stderr=testing.subprocess.DEVNULL)
            self.mounted = place if done.returncode == 0 else None
        self.there = place in testing.mount_points()
        return self

    def __exit__(self, *_):
        if self.mounted:
            testing.subprocess.run(["umount", self.mounted], check=True)


if __name__ == "__main__":
    testing.main()
