"""The daemon killed at every step of an apply and of an undo, and every step failing once: the tree is as it was before, or has
all of it. As tests/peers/recovery, which has the sweep."""

import os
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "recovery"))

import crash_sweep_test as sweep  # noqa: E402
import unionroot_testing as testing  # noqa: E402

CHANGE = """set -e
mkdir /srv/new; echo text >/srv/new/file; ln /srv/new/file /srv/new/again
rm /etc/hosts; chmod 700 /opt; mv /var/lib /var/library; echo more >>/etc/issue
"""


class OnTree(sweep.Operation):
    """On a tree of its own, which is compared with what it was, and with what it must be."""

    def prepare(self):
        machine = self.machine
        self.tree = os.path.join(machine.place, "tree-" + self.session)
        subprocess.run(["cp", "-a", testing.small_tree(), self.tree], check=True)
        with open(self.tree + "/etc/issue", "w") as file:
            file.write("text\n")
        machine.define_tree("chroot-" + self.session, self.tree, union_mount_options="redirect_dir=on")
        time.sleep(0.05)
        machine.begin("chroot-" + self.session, name=self.session)
        machine.inside(self.session, "sh", "-c", CHANGE)
        self.at_rest()
        self.before, self.listed = testing.tree_lines(self.tree), self.diff()

    def at_rest(self):
        """The supervisor of the last command has gone, too."""
        if not testing.wait_until(lambda: not self.machine.info(self.session).get("runs")):
            raise AssertionError("a command runs on")

    def recover(self):
        machine = self.machine
        if "redirect_dir=on (injected fault" in str(machine.info(self.session).get("error")):
            machine.restart()  # a fault at the look for what the kernel can do, which is remembered
            if machine.settled(self.session) != "failed":
                return
        super().recover()

    def settle(self, result, died):
        """Whether all is applied."""
        machine = self.machine
        self.active_again(result, died)
        machine.inside(self.session, "echo")
        self.at_rest()
        lines = testing.tree_lines(self.tree)
        layers = [name for name in os.listdir(machine.place) if name.startswith(".unionroot-undo-")]
        records = os.path.join(machine.state, "applies")
        records = [name for name in os.listdir(records) if not name.startswith(".")] if os.path.isdir(records) else []
        if lines == self.before:
            if layers or records:
                raise AssertionError(f"nothing is applied, and there are {layers}, {records}")
            return False
        missing = [path for path in ("srv/new/file", "srv/new/again", "var/library") if not os.path.exists(f"{self.tree}/{path}")]
        left = [path for path in ("etc/hosts", "var/lib") if os.path.exists(f"{self.tree}/{path}")]
        if missing or left or os.stat(self.tree + "/opt").st_mode & 0o777 != 0o700:
            raise AssertionError(f"the tree has a part of it: {missing} {left}")
        if len(layers) != 1 or len(records) != 1:
            raise AssertionError(f"it is applied, and there are {layers}, {records}")
        return True

    def tidy(self):
        machine = self.machine
        machine.ok("end", self.session)
        subprocess.run(["rm", "-r", self.tree], check=True)


class Apply(OnTree):
    def operate(self):
        return self.machine.run("apply", self.session)

    def expect(self, result, died):
        applied = self.settle(result, died)
        if not died and applied != (result.status == 0):
            # What failed after the tree had it is said, and stays applied.
            if result.status == 0 or not applied:
                raise AssertionError(f"{applied} after {result!r}")
            if " IS in " not in result.err:
                raise AssertionError(f"it does not say that it is applied: {result!r}")
        listed = self.diff()
        if listed != ("" if applied else self.listed):
            raise AssertionError(f"applied: {applied}, listed: {listed}")
        if not applied:
            self.machine.ok("apply", self.session)
        self.machine.ok("undo", self.session)
        if testing.tree_lines(self.tree) != self.before:
            raise AssertionError("the tree is not what it was after undo")
        self.tidy()


class Undo(OnTree):
    def prepare(self):
        super().prepare()
        self.machine.ok("apply", self.session)

    def operate(self):
        return self.machine.run("undo", self.session)

    def expect(self, result, died):
        if self.settle(result, died):
            if result.status == 0:
                raise AssertionError("undo said nothing")
            self.machine.ok("undo", self.session)
        if testing.tree_lines(self.tree) != self.before:
            raise AssertionError("the tree is not what it was")
        self.tidy()


class ApplySweep(sweep.Sweep, unittest.TestCase):
    def test_apply_killed(self):
        self.sweep(Apply, "UNIONROOT_CRASH_AT")

    def test_apply_failing(self):
        self.sweep(Apply, "UNIONROOT_FAIL_AT")

    def test_undo_killed(self):
        self.sweep(Undo, "UNIONROOT_CRASH_AT")

    def test_undo_failing(self):
        self.sweep(Undo, "UNIONROOT_FAIL_AT")


if __name__ == "__main__":
    testing.main()
