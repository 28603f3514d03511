"""A full disk, one that can only be read, a busy database: begin fails clean, and running sessions go on."""

import os
import sqlite3
import subprocess
import unittest

import unionroot_testing as testing
from unionroot_testing import wait_until
from recovery_testing import CrashMachine


class DiskTest(unittest.TestCase):
    """The state directory is a small file system of its own."""

    SIZE = "12m"

    def setUp(self):
        self.machine = CrashMachine()
        self.addCleanup(self.close)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.SIZE},mode=0755", "small", self.machine.state], check=True)
        self.machine.define_tree("small", testing.small_tree())
        self.machine.define_tree("memory", testing.small_tree(), union_backing="tmpfs")
        self.machine.start()

    def close(self):
        machine = self.machine
        log = machine.log()
        self.remount("rw")
        left = machine.problems()
        try:
            machine.end_daemon()
        finally:
            testing._libc.umount2(os.fsencode(machine.state), 2 | 8)
            problems = machine.close()
        self.assertEqual(left + problems, [], log)

    def remount(self, mode):
        subprocess.run(["mount", "-o", f"remount,{mode}", self.machine.state], check=True)

    def fill(self):
        """Leaves no room at all. The file's path."""
        path = os.path.join(self.machine.state, "filler")
        with open(path, "wb", buffering=0) as file:
            for size in (1 << 16, 1 << 12, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    pass
        return path

    def refused(self, *fragments, chroot="small"):
        result = self.machine.run("begin", chroot)
        self.assertEqual(result.status, 125, repr(result))
        self.assertEqual(result.out, "")
        for fragment in fragments:
            self.assertIn(fragment, result.err.lower())
        self.assertLessEqual(len(result.err.splitlines()), 3, repr(result))

    def test_full(self):
        running = self.machine.begin("memory")
        client = self.machine.popen("run", "--directory", "/", running, "--", "sh", "-c", "echo runs; cat; exit 3",
                                    stdin=subprocess.PIPE)
        self.machine.children[client.pid] = "client"
        self.assertEqual(client.stdout.readline(), b"runs\n")
        filler = self.fill()
        before = self.machine.by_id()
        self.refused("no space left", "make room")
        self.assertEqual(self.machine.by_id(), before, "a session that could not be begun is listed")
        # Running sessions go on, and what runs in them.
        client.stdin.write(b"still\n")
        client.stdin.flush()
        self.assertEqual(client.stdout.readline(), b"still\n")
        client.stdin.close()
        self.assertEqual(client.wait(testing.PATIENCE), 3)
        client.stdout.close(), client.stderr.close()
        # So do new commands, more than there may be room left for: one of them may be what makes room.
        for number in range(20):
            self.assertEqual(self.machine.inside(running, "echo", str(number)), str(number))
        os.unlink(filler)
        self.assertEqual(self.machine.inside(running, "echo", "works"), "works")
        self.machine.ok("end", running)
        self.machine.ok("run", "--directory", "/", "small", "--", "true")

    def test_sessions_can_be_ended_on_a_full_disk(self):
        others = [self.machine.begin("memory") for _ in range(10)]
        self.machine.restart()  # its log begins anew
        session = self.machine.begin("small")
        self.machine.run("run", "--directory", "/", session, "--", "dd", "if=/dev/zero", "of=/big", "bs=64k", "count=20")
        filler = self.fill()
        self.machine.ok("end", session)
        for other in others:
            self.machine.ok("end", other)
        self.assertEqual(self.machine.by_id(), {})
        os.unlink(filler)
        self.machine.restart()
        self.assertEqual(self.machine.by_id(), {})

    def test_a_daemon_starts_on_a_full_disk(self):
        session = self.machine.begin("small")
        self.machine.end_daemon()
        filler = self.fill()
        self.machine.start_daemon(wait=False)
        # Either it serves, or it says what is wrong and ends.
        wait_until(lambda: self.machine.daemon.poll() is not None or self.machine.owns_the_name())
        if self.machine.daemon.poll() is None:
            self.assertEqual(self.machine.inside(session, "echo", "works"), "works")
            self.machine.end_daemon()
        else:
            self.assertEqual(self.machine.daemon.returncode, 1)
            self.assertTrue(any(word in self.machine.log().lower() for word in ("no space", "full")), self.machine.log())
        os.unlink(filler)
        self.machine.start_daemon()
        self.assertEqual(self.machine.inside(session, "echo", "works"), "works")
        self.machine.ok("end", session)

    def test_read_only(self):
        running = self.machine.begin("memory")
        # The daemon's own files are open for writing, so the file system cannot be made read-only as such: the mount is.
        self.machine.end_daemon()
        self.remount("ro")
        self.machine.start_daemon(wait=False)
        wait_until(lambda: self.machine.daemon.poll() is not None or self.machine.owns_the_name())
        if self.machine.daemon.poll() is None:
            self.refused("read-only")
            self.machine.end_daemon()
        else:
            self.assertEqual(self.machine.daemon.returncode, 1)
            self.assertIn("read-only", self.machine.log().lower())
        self.remount("rw")
        self.machine.start_daemon()
        self.assertEqual(self.machine.inside(running, "echo", "works"), "works")
        self.machine.ok("end", running)

    def test_a_busy_database(self):
        running = self.machine.begin("small")
        other = sqlite3.connect(os.path.join(self.machine.state, "state.db"), isolation_level=None)
        try:
            other.execute("begin immediate")
            self.refused("state.db", "locked")
            self.assertEqual(list(self.machine.by_id()), [running])
            # What can do without a record works meanwhile.
            self.assertIn(running, self.machine.ok("location", running))
            client = self.machine.popen("run", "--directory", "/", running, "--", "sh", "-c", "echo runs; cat; exit 3",
                                        stdin=subprocess.PIPE)
            self.machine.children[client.pid] = "client"
            self.assertEqual(client.stdout.readline(), b"runs\n")
            self.assertIn("would not be listed after a restart", self.machine.log())
            other.execute("rollback")
        finally:
            other.close()
        # Nor does a command that has no record need the daemon to go on.
        self.machine.restart()
        self.assertEqual(self.machine.inside(running, "echo", "works"), "works")
        client.stdin.close()
        self.assertEqual(client.wait(testing.PATIENCE), 3)
        client.stdout.close(), client.stderr.close()
        self.machine.ok("end", running)
        self.machine.ok("run", "--directory", "/", "small", "--", "true")


if __name__ == "__main__":
    testing.main()
