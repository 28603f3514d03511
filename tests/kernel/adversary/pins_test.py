"""What holds the file systems of a session: a stranger reaches nothing of it, and what its owner holds counts for him."""

import json
import os
import shutil
import signal
import subprocess

import stranger
import unionroot_testing as testing
from stranger import OWNER, STRANGER
from unionroot_testing import EndToEndTest, wait_until

# Opens each path that it is given and tells what came of it. "." before a path: makes it the working directory.
OPEN = """
import json
kept = []
def attempt(path):
    try:
        if path.startswith("."):
            os.chdir(path[1:])
        else:
            kept.append(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
    except OSError as error:
        return os.strerror(error.errno)
    return "opened"
say(json.dumps({path: attempt(path) for path in sys.argv[1:]}))
sys.stdin.readline()
"""


class PinsTest(EndToEndTest):
    def tearDown(self):
        self.assert_nothing_left()

    @staticmethod
    def let_go(process):
        process.stdin.close()
        process.wait()
        process.stdout.close()
        process.stderr.close()

    def opener(self, user, *paths):
        """(a process of that user which holds what it could open, what it told of each path)"""
        process = stranger.start(self.machine, user, OPEN, *paths, stdin=subprocess.PIPE)
        self.addCleanup(lambda: process.stdin.closed or self.let_go(process))
        line = process.stdout.readline()
        self.assertTrue(line, process.stderr.read() if not line else "")
        return process, json.loads(line)

    def hold(self, *paths):
        process, told = self.opener(OWNER, *paths)
        self.assertEqual(set(told.values()), {"opened"}, told)
        return process


class StrangerTest(PinsTest):
    """One who may begin no session, and reaches for those of others."""

    @classmethod
    def prepare(cls):
        tree = testing.small_tree()
        cls.machine.define_tree("folder", tree, users=OWNER)
        cls.machine.define_tree("memory", tree, users=OWNER, union_backing="tmpfs", union_size="16M", host_view="all")
        cls.machine.define_tree("image", tree, users=OWNER, union_backing="image", union_size="16M")
        cls.machine.define_tree("open", tree, users=OWNER, host_view="all", host_view_access="all")
        cls.machine.define_tree("former", tree, users=OWNER, host_view="yes")

    def paths_of(self, session):
        machine = self.machine
        view = machine.ok("location", session)
        state = os.path.join(machine.state, "sessions", session)
        return [view, view + "/etc", view + "/etc/passwd", "." + view, os.path.join(machine.runtime, "mount", session),
                os.path.join(machine.runtime, "ns"), os.path.join(machine.runtime, "ns", session), state,
                state + "/upper", state + "/upper/etc/passwd", state + "/upper.img", state + "/session.json",
                os.path.join(machine.runtime, "sources")] + [
                    os.path.join(machine.state, name) for name in
                    ("state.db", "state.db-wal", "files", "cache", "trash", "orphans", "daemon.lock")]

    def test_a_stranger_opens_nothing_and_holds_nothing(self):
        for chroot in ("folder", "memory", "image", "former"):
            with self.subTest(chroot):
                session = self.machine.begin(chroot, user=OWNER)
                process, told = self.opener(STRANGER, *self.paths_of(session))
                self.assertEqual({path: what for path, what in told.items()
                                  if what not in ("Permission denied", "No such file or directory")}, {})
                view = self.machine.ok("location", session)
                self.assertEqual(told[view], "Permission denied")
                self.assertEqual(told[os.path.join(self.machine.runtime, "ns", session)], "Permission denied")
                # The stranger's process is still there. A moment after its end the session has no loop device all the same.
                self.machine.ok("end", session, user=OWNER)
                self.assertTrue(wait_until(lambda: not testing.loop_devices(session)), testing.loop_devices(session))
                self.let_go(process)

    def test_its_owner_and_root_look_in_and_the_owner_cannot_fill_its_place(self):
        for chroot, shown in (("folder", False), ("memory", True), ("former", True)):
            with self.subTest(chroot):
                session = self.machine.begin(chroot, user=OWNER)
                view = self.machine.ok("location", session)
                self.hold(view, view + "/etc/passwd", "." + view)
                self.assertEqual(os.path.exists(view + "/proc/self"), shown)
                status, out, err = stranger.run(self.machine, OWNER, """
import errno
place = sys.argv[1]
def refused(action, *arguments):
    try:
        action(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]
    return "done"
say(refused(os.mkdir, place + "/mine"), refused(os.chmod, place, 0o777), refused(os.rename, place + "/tree", place + "/x"),
    refused(os.rmdir, place + "/tree"), refused(os.mkdir, os.path.dirname(place) + "/mine"))
""", os.path.dirname(view))
                self.assertEqual((status, err), (0, ""))
                self.assertNotIn("done", out)
                self.machine.ok("end", session, user=OWNER)
                self.doCleanups()

    def test_a_view_for_all_is_for_all(self):
        session = self.machine.begin("open", user=OWNER)
        view = self.machine.ok("location", session)
        process, told = self.opener(STRANGER, view, view + "/etc/passwd", os.path.join(self.machine.runtime, "ns"))
        self.assertEqual(list(told.values()), ["opened", "opened", "Permission denied"])
        self.let_go(process)
        self.machine.ok("end", session, user=OWNER)


class OwnerPinsTest(PinsTest):
    def begin_as_soon_as_possible(self, chroot):
        results = []

        def begins():
            results[:] = [self.machine.run("begin", chroot, user=OWNER)]
            return results[0].status == 0

        self.assertTrue(wait_until(begins), results)
        return results[0].out.strip()


class OwnerTest(OwnerPinsTest):
    """An owner may have one session. One that has ended is one as long as something of it is held."""

    settings = {"sessions-per-user": "1"}
    small = {"union_size": "16M"}

    @classmethod
    def prepare(cls):
        tree = testing.small_tree()
        cls.machine.define_tree("folder", tree, users=OWNER)
        cls.machine.define_tree("memory", tree, users=OWNER, union_backing="tmpfs", **cls.small)
        cls.machine.define_tree("image", tree, users=OWNER, union_backing="image", **cls.small)
        cls.disk = os.path.join(cls.machine.place, "disk")
        cls.loop = None

    @classmethod
    def tearDownClass(cls):
        if cls.loop:
            subprocess.run(["losetup", "--detach", cls.loop], check=True)
        super().tearDownClass()

    def assert_counts_until(self, let_go, pid, session):
        result = self.machine.run("begin", "folder", user=OWNER)
        self.assert_refused(result, 125, f"user {OWNER} has 0 sessions", f"1 ended session ({session}) is still held",
                            f"pid {pid} ", "the limit is 1")
        # Root's sessions and those of others are others'.
        self.machine.ok("end", self.machine.begin("folder"))
        let_go()
        self.machine.ok("end", self.begin_as_soon_as_possible("folder"), user=OWNER)

    def test_an_open_file(self):
        # A file of the upper layer, one of the tree below, a folder; a working directory in the place of a descriptor.
        for chroot, paths in (("folder", ("/usr/bin/true", ".")), ("memory", ("/etc/passwd", "/usr/bin/true", "/srv", "./srv")),
                              ("image", ("/etc/passwd", "/usr/bin/true"))):
            for path in paths:
                with self.subTest(chroot, path=path):
                    session = self.machine.begin(chroot, user=OWNER)
                    view = self.machine.ok("location", session)
                    process = self.hold("." + view + path[1:] if path.startswith(".") else view + path)
                    self.machine.ok("end", session, user=OWNER)
                    self.assertIn(f"pid {process.pid} ", self.machine.log())
                    # What was deleted stays on the disk until then.
                    self.assertEqual(len(testing.loop_devices(session)), 1 if chroot == "image" else 0)
                    self.assert_counts_until(lambda: self.let_go(process), process.pid, session)
                    self.assertEqual(testing.loop_devices(session), [])

    def run_that_waits(self, name, *before):
        """(the client, the pid of its command)"""
        client = self.machine.popen("run", "--directory", "/", name, "--", "sh", "-c",
                                    "; ".join([*before, "echo $$", "exec sleep 1000"]), user=OWNER)
        self.addCleanup(client.stderr.close)
        self.addCleanup(client.stdout.close)
        return client, int(client.stdout.readline())

    def test_the_namespace_of_a_run(self):
        session = self.machine.begin("memory", user=OWNER)
        client, pid = self.run_that_waits(session)
        process = self.hold(f"/proc/{pid}/ns/mnt")
        self.machine.ok("end", session, user=OWNER)
        client.wait()
        self.assert_counts_until(lambda: self.let_go(process), process.pid, session)

    def test_what_an_automatic_session_had_in_memory(self):
        """Its upper layer, its shared memory, its folder of devices: each is a file system of its own."""
        for path in ("/etc/passwd", "/dev/shm/file", "/dev"):
            with self.subTest(path):
                client, pid = self.run_that_waits("memory", "echo 1 > /dev/shm/file")
                (session,) = [one["id"] for one in self.machine.sessions()]
                self.assert_refused(self.machine.run("location", session), 125, "cannot be seen", "unionroot begin memory")
                process = self.hold(f"/proc/{pid}/root{path}")
                client.send_signal(signal.SIGTERM)
                client.wait()
                self.assertTrue(wait_until(lambda: not self.machine.sessions()))
                self.assert_counts_until(lambda: self.let_go(process), process.pid, session)

    def test_a_device_that_is_in_use(self):
        if not os.path.exists("/dev/loop-control") or shutil.which("losetup") is None:
            self.skipTest("needs loop devices (/dev/loop-control) and losetup")
        with open(self.disk, "wb") as file:
            file.truncate(64 << 20)
        type(self).loop = subprocess.run(["losetup", "--find", "--show", self.disk], stdout=subprocess.PIPE, check=True,
                                         text=True).stdout.strip()
        self.machine.define_tree("device", testing.small_tree(), users=OWNER, union_backing="device", union_device=self.loop)
        self.assertTrue(wait_until(lambda: self.machine.run("info", "device").status == 0))
        session = self.machine.begin("device", user=OWNER)
        process = self.hold(self.machine.ok("location", session) + "/etc/passwd")
        self.machine.run("end", "--force", session, user=OWNER)
        self.assert_refused(self.machine.run("begin", "device"), 125, "is in use", f"session {session} of {OWNER}",
                            "which has ended", f"pid {process.pid} ")
        self.let_go(process)
        self.machine.ok("end", self.machine.begin("device"))
        subprocess.run(["losetup", "--detach", self.loop], check=True)
        type(self).loop = None


class SeveralTest(OwnerPinsTest):
    settings = {"sessions-per-user": "3"}

    @classmethod
    def prepare(cls):
        cls.machine.define_tree("memory", testing.small_tree(), users=OWNER, union_backing="tmpfs", union_size="16M")

    def test_several_are_counted_and_named(self):
        held = []
        for _ in range(3):
            session = self.machine.begin("memory", user=OWNER)
            held.append((session, self.hold(self.machine.ok("location", session) + "/etc/passwd")))
            self.machine.ok("end", session, user=OWNER)
        result = self.machine.run("begin", "memory", user=OWNER)
        self.assert_refused(result, 125, "3 ended sessions (", *[session for session, _ in held],
                            *[f"pid {process.pid} " for _, process in held])
        self.let_go(held[1][1])
        session = self.begin_as_soon_as_possible("memory")
        result = self.machine.run("begin", "memory", user=OWNER)
        self.assert_refused(result, 125, "has 1 session, and 2 ended sessions (", held[0][0], held[2][0])
        self.assertNotIn(held[1][0], result.err)
        self.machine.ok("end", session, user=OWNER)
        self.doCleanups()


if __name__ == "__main__":
    testing.main()
