"""`unionroot import --sessions` on sessions of Debian's schroot, with that schroot beside it."""

import os
import subprocess
import unittest

import client_testing
import trees
import unionroot_testing as testing
from both_world import REAL, Both


class BesideSchroot(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        testing.require_end_to_end()
        testing.become_subreaper()
        cls.world = Both(place=os.environ[client_testing.PLACE_VARIABLE])
        cls.world.enter()
        cls.world.start()
        trees.Trees(cls.world.place + "/store").put(())

    @classmethod
    def tearDownClass(cls):
        log = cls.world.machine.log()
        problems = cls.world.close()
        if problems:
            raise AssertionError("left behind:\n  " + "\n  ".join(problems) + "\ndaemon's log:\n" + log)

    def tearDown(self):
        self.call("root", REAL, "-q", "-e", "--all-sessions", status=None)
        self.world.tidy()

    def call(self, user, *words, status=0):
        process = client_testing.popen(user, "/", *words)
        output = process.communicate(timeout=testing.PATIENCE)[0]
        if status is not None:
            self.assertEqual(process.returncode, status, output + self.world.machine.log())
        return output

    def begin(self, chroot, name, user="alice"):
        self.call(user, REAL, "-b", "-c", chroot, "-n", name)

    @staticmethod
    def unmount(name):
        """As a restart of the machine does."""
        for place in ("/run/schroot/mount", "/var/lib/schroot/union/underlay"):
            subprocess.run(["umount", "--recursive", f"{place}/{name}"], check=True)

    def take_over(self, *words, **options):
        return self.call("root", "unionroot", "import", "--sessions", *words, **options)

    def test_a_session_and_its_files(self):
        self.begin("sid", "job")
        self.call("alice", REAL, "-r", "-u", "root", "-d", "/", "-c", "job", "--", "sh", "-c", "echo kept > /tmp/f; rm /etc/hosts; mkdir /opt/new")
        shown = self.take_over(status=1)
        self.assertIn("umount --recursive /run/schroot/mount/job /var/lib/schroot/union/underlay/job", shown)
        self.assertEqual(self.call("alice", REAL, "-r", "-d", "/", "-c", "job", "--", "cat", "/tmp/f"), "kept\n")
        self.unmount("job")
        number = os.stat("/var/lib/schroot/union/overlay/job/upper/tmp/f").st_ino
        self.assertIn("only root may", self.call("alice", "unionroot", "import", "--sessions", "job", status=1))
        self.assertEqual(self.take_over(), "unionroot: took over job\n")
        # It is schroot's no more.
        self.assertEqual(self.call("alice", REAL, "-l", "--all-sessions"), "session:bare\n")
        self.assertFalse(os.path.exists("/var/lib/schroot/session/job"))
        for folder in ("/var/lib/schroot/union/overlay/job", "/var/lib/schroot/union/underlay/job", "/run/schroot/mount/job"):
            self.assertFalse(os.path.exists(folder))
        # It is ours, whole, and its owner's alone.
        self.assertIn("session:job\n", self.call("alice", "schroot", "-l", "--all-sessions"))
        inside = "cat /tmp/f; ls /etc/hosts 2>&1; ls -d /opt/new; id -un; cat /etc/debian_chroot"
        self.assertEqual(self.call("alice", "schroot", "-r", "-d", "/", "-c", "job", "--", "sh", "-c", inside),
                         "kept\nls: /etc/hosts: No such file or directory\n/opt/new\nalice\nsid\n")
        self.assertEqual(self.call("alice", "schroot", "-r", "-u", "root", "-d", "/", "-c", "job", "--", "id", "-u"), "0\n")
        self.assertIn("Access not authorised", self.call("carol", "schroot", "-r", "-d", "/", "-c", "job", "--", "true", status=1))
        upper = self.call("root", "schroot", "-i", "-c", "session:job")
        upper = next(line.split()[-1] for line in upper.splitlines() if "Overlay Directory" in line)
        self.assertEqual(os.stat(upper + "/tmp/f").st_ino, number)
        # It comes back after a restart of the daemon, and ends.
        self.world.machine.stop_daemon()
        self.world.machine.start_daemon()
        self.assertEqual(self.call("alice", "schroot", "-r", "-d", "/", "-c", "job", "--", "cat", "/tmp/f"), "kept\n")
        self.call("alice", "schroot", "-e", "-c", "job")
        self.assertFalse(os.path.exists(upper))

    def test_those_without_an_overlay_stay(self):
        self.begin("direct", "plain-tree")
        self.begin("sid", "job")
        self.unmount("job")
        shown = self.take_over(status=1)
        self.assertIn("taking over schroot's session 'plain-tree': it is of type directory with union-type=none", shown)
        self.assertIn("took over job", shown)
        self.assertEqual(self.call("alice", REAL, "-r", "-d", "/", "-c", "plain-tree", "--", "echo", "still"), "still\n")
        self.call("alice", "schroot", "-e", "-c", "job")

    def test_what_was_set_for_the_session_alone(self):
        self.call("alice", REAL, "-b", "-c", "kept", "-n", "job", "-o", "custom.key=second")
        self.unmount("job")
        self.take_over()
        self.assertIn("custom.key=second\n", self.call("alice", "schroot", "--config", "-c", "session:job"))
        self.call("alice", "schroot", "-e", "-c", "job")


if __name__ == "__main__":
    client_testing.main()
