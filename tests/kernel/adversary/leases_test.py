"""What the owner of a tree's files can do to whoever opens them: leases, FIFOs in their place, renames without end.

A lease holds an open(2) up for lease-break-time, 45 s (fcntl(2), F_SETLEASE); a FIFO for ever.
"""

import os
import pwd
import shutil
import subprocess
import time

import stranger
import unionroot_testing as testing
from unionroot_testing import EndToEndTest

OWNER = pwd.getpwnam(stranger.OWNER)

# Takes a lease on each of the files, and gives none back.
HOLD_LEASES = """
import fcntl, signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGIO])
held = []
for name in sys.argv[1:]:
    held.append(os.open(name, os.O_RDWR))
    fcntl.fcntl(held[-1], fcntl.F_SETLEASE, fcntl.F_WRLCK)
say("held")
sys.stdin.read()
"""

# Renames without end: a folder on the way of symbolic links in the tree, and files beside it.
RENAME = """
folder = sys.argv[1]
os.makedirs(folder + "/a/b", exist_ok=True)
say("renaming")
while True:
    for _ in range(1000):
        os.rename(folder + "/a", folder + "/c")
        os.rename(folder + "/c", folder + "/a")
"""

# What the daemon reads or writes in a tree when it makes a session and starts a command in it.
READ = ("etc/passwd", "etc/group", "etc/shadow", "etc/gshadow", "etc/hosts", "etc/nsswitch.conf", "etc/hostname",
        "etc/resolv.conf", "etc/networks", "etc/protocols", "etc/services", "etc/debian_chroot")

# Well under lease-break-time, and long on a busy machine.
LIMIT = 30


class LeasesTest(EndToEndTest):
    @classmethod
    def prepare(cls):
        cls.tree = os.path.join(cls.machine.place, "tree")
        shutil.copytree(testing.small_tree(), cls.tree, symlinks=True)
        for name in READ:
            path = os.path.join(cls.tree, name)
            if not os.path.exists(path):
                with open(path, "w"):
                    pass
        for folder, _, files in os.walk(cls.tree):
            os.chown(folder, OWNER.pw_uid, OWNER.pw_gid)
            for name in files:
                os.chown(os.path.join(folder, name), OWNER.pw_uid, OWNER.pw_gid, follow_symlinks=False)
        cls.machine.define_tree("tree", cls.tree, users=f"{stranger.OWNER},{stranger.STRANGER}")
        cls.machine.define_tree("other", testing.small_tree(), users=stranger.STRANGER)

    def tearDown(self):
        self.doCleanups()  # what a test has started ends first
        self.assert_nothing_left()

    def start(self, source, *arguments):
        """A program of the tree's owner, once it has said a word."""
        process = stranger.start(self.machine, stranger.OWNER, source, *arguments, stdin=subprocess.PIPE)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        self.assertTrue(process.stdout.readline(), "the program has ended")
        return process

    def timed(self, *arguments, user=stranger.STRANGER):
        """The client's result, which must not take as long as a lease does."""
        begun = time.monotonic()
        result = self.machine.run(*arguments, user=user, timeout=300)
        self.assertLess(time.monotonic() - begun, LIMIT, f"held up: {result!r}")
        return result

    def test_leases_on_what_the_daemon_reads_hold_nobody_up(self):
        holder = self.start(HOLD_LEASES, *(os.path.join(self.tree, name) for name in READ))
        result = self.timed("run", "--directory", "/", "tree", "--", "true")
        if result.status != 0:
            self.assert_refused(result, 125, "lease", "try again", lines=4)
        self.assertEqual(self.timed("run", "--directory", "/", "other", "--", "echo", "on").out, "on\n")
        holder.communicate()
        self.assertEqual(self.timed("run", "--directory", "/", "tree", "--", "echo", "on").out, "on\n")

    def test_fifos_in_the_place_of_files_hold_nobody_up(self):
        for name in READ:
            with self.subTest(name):
                path = os.path.join(self.tree, name)
                os.rename(path, path + ".away")
                os.mkfifo(path, 0o644)
                try:
                    self.timed("run", "--directory", "/", "tree", "--", "true")
                finally:
                    os.unlink(path)
                    os.rename(path + ".away", path)

    def test_renames_without_end_keep_no_session_from_beginning(self):
        """A walk through `..` starts anew after each rename on the machine (openat2(2), EAGAIN)."""
        for name, target in (("hosts", "../etc/../etc/../etc/hosts.real"), ("networks", "../tmp/storm/../../etc/nowhere"),
                             ("passwd", "../tmp/storm/a/b/../../../../etc/passwd.real")):
            path = os.path.join(self.tree, "etc", name)
            os.rename(path, path + ".real")
            self.addCleanup(os.rename, path + ".real", path)
            os.symlink(target, path)
            self.addCleanup(os.unlink, path)
        storm = os.path.join(self.tree, "tmp/storm")
        os.mkdir(storm)
        os.chown(storm, OWNER.pw_uid, OWNER.pw_gid)
        self.addCleanup(shutil.rmtree, storm)
        for number in range(2):
            self.start(RENAME, storm if number == 0 else os.path.join(storm, "beside"))
        for _ in range(10):
            result = self.timed("run", "--directory", "/", "tree", "--", "echo", "on")
            if result.status != 0:
                self.assert_refused(result, 125, "try again", lines=4)
            self.assertEqual(self.timed("run", "--directory", "/", "other", "--", "echo", "on").out, "on\n")


if __name__ == "__main__":
    testing.main()
