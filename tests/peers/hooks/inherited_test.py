"""What the programs that the daemon starts inherit: whatever it was started with, they have their own three descriptors
and the limits, signals and folder that the manual says."""

import os
import resource
import shutil
import signal
import subprocess

import unionroot_testing as testing
from hooks_testing import Scripts
from recovery_testing import RecoveryTest

INHERITED = (7, 300)
SOFT = 1013  # of open files; the daemon raises its own
IGNORED = (signal.SIGPIPE, signal.SIGUSR1, signal.SIGRTMAX)

# Writes to $seen what it has, by programs that have the same. Descriptor 3 is the folder that ls reads.
LOOK = """
{
  echo $(ls /proc/self/fd)
  echo $(grep -E '^(Umask|SigIgn|SigBlk):' /proc/self/status)
  echo $(ulimit -Sn) $(ulimit -Hn)
  readlink /proc/self/cwd
  echo ${UNIONROOT_TEST_SECRET-none}
} >"$seen.new" 2>&1
mv "$seen.new" "$seen"
"""



class InheritedTest(RecoveryTest):
    has_own_mounts = True  # mkfs.ext4 is a script there

    @classmethod
    def setUpClass(cls):
        cls.hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        super().setUpClass()

    @classmethod
    def prepare(cls):
        machine = cls.machine
        cls.scripts = Scripts(machine)
        usual = {"hook_directories": cls.scripts.folder}
        machine.define_tree("hooked", cls.tree, **usual)
        machine.define("made", type="custom", profile="minimal", **usual)
        cls.own_tree = os.path.join(machine.place, "tree")  # a session on it writes its files into it
        subprocess.run(["cp", "-a", cls.tree, cls.own_tree], check=True)
        machine.define_tree("image", cls.tree, union_backing="image", union_size="16M", union_filesystem="ext4")
        cls.mkfs = os.path.join(machine.place, "mkfs")
        os.mkdir(cls.mkfs)
        shutil.copy("/usr/sbin/mkfs.ext4", cls.mkfs + "/mkfs.ext4")
        script = os.path.join(cls.mkfs, "script")
        cls.mkfs_saw = os.path.join(cls.mkfs, "seen")
        machine._write(script, f'#!/bin/sh\nseen={cls.mkfs_saw}\n{LOOK}\nexec {cls.mkfs}/mkfs.ext4 "$@"\n', 0o755)
        subprocess.run(["mount", "--bind", script, "/usr/sbin/mkfs.ext4"], check=True)

    def setUp(self):
        machine = self.machine
        machine.stop_daemon()
        self.seen = os.path.join(machine.place, "seen")
        for path in (self.seen, self.mkfs_saw):
            if os.path.exists(path):
                os.unlink(path)
        self.scripts.remove(*os.listdir(self.scripts.folder))
        target = os.open("/dev/null", os.O_RDWR)

        def before_exec():
            for number in INHERITED:
                os.dup2(target, number)  # inheritable
            for number in IGNORED:
                signal.signal(number, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
            os.umask(0o177)
            resource.setrlimit(resource.RLIMIT_NOFILE, (SOFT, self.hard))

        machine.start_daemon({"UNIONROOT_TEST_SECRET": "the daemon's"}, preexec_fn=before_exec, close_fds=False,
                             cwd=machine.place)
        os.close(target)
        for number in INHERITED:
            self.assertTrue(os.path.exists(f"/proc/{machine.daemon.pid}/fd/{number}"))

    def check(self, path, soft=SOFT, umask="0022"):
        with open(path) as file:
            fds, status, limits, folder, secret = file.read().splitlines()
        self.assertEqual(fds.split(), ["0", "1", "2", "3"])
        self.assertEqual(status.split(), ["Umask:", umask, "SigBlk:", "0" * 16, "SigIgn:", "0" * 16])
        self.assertEqual(limits, f"{soft} {self.hard}")
        self.assertEqual(folder, "/")
        self.assertEqual(secret, "none")

    def test_hook(self):
        self.scripts.add("10look", f'[ "$1" = setup-start ] || exit 0\nseen={self.seen}\n{LOOK}')
        session = self.machine.begin("hooked")
        self.check(self.seen)
        self.machine.ok("end", session)

    def test_hook_of_a_custom_source(self):
        self.scripts.add("10look", f'[ "$1" = setup-start ] || exit 0\nmount --bind {self.own_tree} "$CHROOT_MOUNT_LOCATION"\n'
                                   f'seen={self.seen}\n{LOOK}')
        session = self.machine.begin("made")
        self.check(self.seen)
        self.machine.ok("end", session)

    def test_mkfs(self):
        session = self.machine.begin("image")
        self.check(self.mkfs_saw)
        self.machine.ok("end", session)

    def test_command(self):
        """It has its caller's limits and umask."""
        with open(self.seen, "w") as file:
            file.write(self.machine.inside("small", "sh", "-c", f"seen=/tmp/seen\n{LOOK}\ncat /tmp/seen",
                                           limits=[f"--nofile=517:{self.hard}"], umask=0o027))
        self.check(self.seen, soft=517, umask="0027")


if __name__ == "__main__":
    testing.main()
