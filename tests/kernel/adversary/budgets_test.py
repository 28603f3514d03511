"""Names, trees, time and disk space that a user could take for himself: what an administrator can set, and the defaults."""

import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir, "peers", "recovery"))

import unionroot_testing as testing  # noqa: E402
from recovery_testing import CrashMachine, RecoveryTest  # noqa: E402
from stranger import OWNER, STRANGER  # noqa: E402
from unionroot_testing import wait_until  # noqa: E402

EVERYBODY = ",".join((OWNER, STRANGER))


class BudgetTest(RecoveryTest):
    """A daemon with settings, and a tree of its own: source sessions write into it."""

    settings = {}

    @classmethod
    def new_machine(cls):
        machine = CrashMachine(cls.settings)
        cls.tree = os.path.join(machine.place, "tree")
        shutil.copytree(testing.small_tree(), cls.tree, symlinks=True)
        # A mount point of the profile's: where it is missing a session has to make it, and that needs a block.
        os.mkdir(os.path.join(cls.tree, "build"))
        machine.define_tree("small", cls.tree, users=EVERYBODY, source_users=EVERYBODY, source_root_users=EVERYBODY)
        return machine

    def begins(self, *arguments, user=None):
        return self.machine.ok("begin", *arguments, user=user)

    def refuses(self, *arguments, user=None, says=()):
        result = self.machine.run(*arguments, user=user)
        self.assert_refused(result, 125, *says)
        return result

    def change(self, **options):
        """A source change that waits: root's job that keeps the tree up to date."""
        client = self.client("lock", "small", "--wait", "--", "sh", "-c", "echo changes; cat", **options)
        self.assertTrue(wait_until(lambda: self.changes_waiting() or client.poll() is not None))
        self.assertIsNone(client.poll())
        return client

    def changes_waiting(self):
        return [name for name in self.machine.lock_files() if ".source." in name]

    def finish(self, change):
        change.stdin.close()
        change.stdin = None
        self.assertEqual(change.wait(testing.PATIENCE), 0)


class OwnNames(BudgetTest):
    settings = {"session-names": "owner"}

    def test_nobody_takes_anothers_name(self):
        for name in ("build", STRANGER + ".build", OWNER, OWNER + ".", OWNER + "-build", "5.build"):
            self.refuses("begin", "--name", name, "small", user=OWNER, says=("has to begin with " + OWNER + ".", name))
        self.assertEqual(self.machine.sessions(), [])
        own = [self.begins("--name", OWNER + ".build", "small", user=OWNER),
               self.begins("--name", STRANGER + ".build", "small", user=STRANGER),
               self.begins("--name", "build", "small"), self.begins("small", user=OWNER)]
        self.assertEqual(own[:3], [OWNER + ".build", STRANGER + ".build", "build"])
        self.assertEqual(self.machine.inside("small", "echo", "in", user=OWNER), "in")
        self.machine.ok("end", *own)


class ByDefault(BudgetTest):
    def test_a_name_that_another_has_is_refused_with_what_to_do(self):
        self.assertEqual(self.begins("--name", "build", "small", user=OWNER), "build")
        self.refuses("begin", "--name", "build", "small", user=STRANGER, says=("session build already exists", "choose another"))
        self.machine.ok("end", "build")

    def test_who_is_refused_by_a_waiting_change_is_told_for_whom_it_waits(self):
        self.begins("--name", "never-ends", "small", user=OWNER)
        change = self.change()
        self.refuses("begin", "small", user=STRANGER, says=(
            "root's `unionroot lock` (pid ", "waits for session never-ends (" + OWNER + ", since ", "later sessions have to wait for it",
            "unionroot end never-ends"))
        self.machine.ok("end", "never-ends")
        self.line(change, "changes")
        self.finish(change)


class HoldBack(BudgetTest):
    """A change that waits for a session that never ends does not keep everybody from the tree for good."""

    settings = {"hold-back-time-limit": "1"}
    LONG = 20

    def holds_back_nobody(self):
        self.assertTrue(wait_until(lambda: not self.changes_waiting(), self.LONG), self.machine.ok("locks"))
        other = self.begins("small", user=STRANGER)
        self.assertEqual(self.machine.inside("small", "echo", "in", user=STRANGER), "in")
        return other

    def test_a_lock_that_waits(self):
        self.begins("--name", "never-ends", "small", user=OWNER)
        change = self.change()
        other = self.holds_back_nobody()
        self.assertIsNone(change.poll())
        # It has its turn all the same.
        self.machine.ok("end", other, "never-ends")
        self.line(change, "changes")
        self.refuses("begin", "small", user=STRANGER, says=("unionroot lock",))
        self.finish(change)
        self.only_locks_of()

    def test_a_source_session_that_waits(self):
        self.begins("--name", "never-ends", "small", user=OWNER)
        source = self.client("begin", "--wait", "--name", "changes", "source:small", user=OWNER)
        self.assertTrue(wait_until(lambda: self.changes_waiting() or source.poll() is not None))
        other = self.holds_back_nobody()
        self.assertEqual(self.machine.state_of("changes"), "beginning")
        self.machine.ok("end", other, "never-ends")
        out, err = source.communicate(timeout=testing.PATIENCE)
        self.assertEqual((source.returncode, out), (0, b"changes\n"), err)
        self.refuses("begin", "small", user=STRANGER, says=("source session changes (" + OWNER,))
        self.machine.ok("end", "changes")

    def test_one_that_is_given_up_leaves_nothing(self):
        self.begins("--name", "never-ends", "small", user=OWNER)
        source = self.client("begin", "--wait", "--name", "changes", "source:small", user=OWNER)
        self.assertTrue(wait_until(lambda: self.changes_waiting() or source.poll() is not None))
        self.assertTrue(wait_until(lambda: not self.changes_waiting(), self.LONG))
        source.kill()
        self.assertTrue(wait_until(lambda: self.machine.state_of("changes") is None))
        limited = self.machine.run("lock", "small", "--wait=2", "--", "true")
        self.assertEqual(limited.status, 125)
        self.assertIn("session never-ends (" + OWNER, limited.err)
        self.machine.ok("end", "never-ends")


class TimeLimits(BudgetTest):
    settings = {"session-time-limit": "3", "source-session-time-limit": "1"}
    LONG = 30

    def test_sessions_of_users_end(self):
        roots = self.begins("--name", "of-root", "small")
        with self.subTest("a session in which a command runs"):
            self.begins("--name", "lasts", "small", user=OWNER)
            command = self.client("run", "--directory", "/", "lasts", "--", "sh", "-c", "echo in; cat", user=OWNER)
            self.line(command, "in")
            self.assertTrue(wait_until(lambda: self.machine.state_of("lasts") is None, self.LONG), self.machine.sessions())
            self.assertEqual(command.wait(testing.PATIENCE), 128 + 9)
        with self.subTest("an automatic session"):
            command = self.client("run", "--directory", "/", "small", "--", "sh", "-c", "echo in; cat", user=OWNER)
            self.line(command, "in")
            self.assertEqual(command.wait(self.LONG), 128 + 9)
        with self.subTest("a begin that waits for a tree"):
            waits = self.client("begin", "--wait", "--name", "waits", "source:small", user=OWNER)
            self.assertTrue(wait_until(lambda: waits.poll() is not None, self.LONG), self.machine.sessions())
            self.assertEqual(waits.returncode, 125)
        self.assertEqual(self.machine.state_of("of-root"), "active")
        self.machine.ok("end", roots)
        with self.subTest("a source session"):
            self.begins("--name", "changes", "source:small", user=OWNER)
            self.assertTrue(wait_until(lambda: self.machine.state_of("changes") is None, self.LONG), self.machine.sessions())
        self.assertIn("whose time is over", self.machine.log())


class Disk(BudgetTest):
    """The state directory on a small file system of its own."""

    @classmethod
    def new_machine(cls):
        machine = super().new_machine()
        with tempfile.NamedTemporaryFile(prefix="unionroot-budgets.", dir=testing.SCRATCH) as image:
            image.truncate(64 << 20)
            subprocess.run(["mkfs.ext4", "-q", "-F", "-N", "4096", "-m", "20", image.name], check=True, stdout=subprocess.DEVNULL)
            subprocess.run(["mount", "-o", "loop,resuid=65533", image.name, machine.state], check=True)
        os.rmdir(os.path.join(machine.state, "lost+found"))
        return machine

    @classmethod
    def prepare(cls):
        cls.machine.define_tree("limited", cls.tree, users=EVERYBODY, union_backing="image", union_size="16M")

    @classmethod
    def tearDownClass(cls):
        state = cls.machine.state
        left = cls.machine.leftovers()
        cls.machine.stop_daemon()
        subprocess.run(["umount", state], check=True)
        problems = cls.machine.close()
        if left + problems:
            raise AssertionError("left behind:\n  " + "\n  ".join(left + problems))

    def write(self, session, script, user=OWNER):
        return self.machine.run("run", "--directory", "/tmp", session, "--", "sh", "-c", script, user=user)

    def test_inodes(self):
        self.begins("--name", "greedy", "small", user=OWNER)
        self.begins("--name", "modest", "small", user=STRANGER)
        most = os.statvfs(self.machine.state).f_favail - 50  # less than 2 %
        self.write("greedy", f"i=0; while [ $i -lt {most} ] && : >f$i; do i=$((i+1)); done")
        self.refuses("begin", "small", user=STRANGER, says=("inodes", "reserve-inodes", "greedy of " + OWNER, "end sessions"))
        self.refuses("run", "small", "--", "true", user=OWNER, says=("reserve-inodes",))
        # Root is served, and sessions that stand are of use.
        self.assertEqual(self.machine.inside("small", "echo", "served"), "served")
        self.assertEqual(self.machine.inside("modest", "echo", "works", user=STRANGER), "works")
        # None at all is left: sessions can be ended, and the daemon starts.
        self.write("greedy", f"i={most}; while : >f$i; do i=$((i+1)); done")
        self.machine.restart()
        self.machine.ok("end", "modest", user=STRANGER)
        self.machine.ok("end", "greedy", user=OWNER)
        self.assertTrue(wait_until(lambda: self.machine.run("run", "--directory", "/", "small", "--", "true", user=STRANGER).status == 0))

    def test_space(self):
        self.begins("--name", "greedy", "small", user=OWNER)
        self.begins("--name", "modest", "small", user=STRANGER)
        self.write("greedy", "exec dd if=/dev/zero of=big bs=64k")
        self.refuses("begin", "small", user=STRANGER, says=("MiB left", "reserve-space", "greedy of " + OWNER))
        # A user in a session does not get at the blocks that the file system keeps for root. Nor does root where this machine
        # withholds CAP_SYS_RESOURCE: then what is left is by chance nothing at all.
        with open("/proc/self/status") as status:
            capabilities = int(next(line.split()[1] for line in status if line.startswith("CapEff:")), 16)
        if not capabilities >> 24 & 1:
            self.assertEqual(self.write("greedy", "exec dd if=/dev/null of=big bs=1M seek=35").status, 0)
        self.assertEqual(self.machine.inside("small", "echo", "served"), "served")
        self.machine.ok("end", "modest", user=STRANGER)
        self.machine.ok("end", "greedy", user=OWNER)
        self.assertTrue(wait_until(lambda: self.machine.run("run", "--directory", "/", "small", "--", "true", user=STRANGER).status == 0))

    def test_a_session_of_a_fixed_size_takes_no_more(self):
        self.begins("--name", "fixed", "limited", user=OWNER)
        result = self.write("fixed", "dd if=/dev/zero of=big bs=64k; i=0; while : >f$i; do i=$((i+1)); done")
        self.assertIn("No space left", result.err)
        self.assertEqual(self.machine.inside("small", "echo", "served", user=STRANGER), "served")
        self.machine.ok("end", "fixed", user=OWNER)


if __name__ == "__main__":
    testing.main()
