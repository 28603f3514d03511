"""The daemon killed at every step of a reset, and every step failing once: the session has what it had, or what it must have.
As tests/peers/recovery, which has the sweep."""

import os
import sys
import unittest

for folder in ("recovery", "sources_image"):
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, folder))

import crash_sweep_test as sweep  # noqa: E402
import disks  # noqa: E402
import unionroot_testing as testing  # noqa: E402

CHANGE = """set -e
mkdir /srv/new; echo text >/srv/new/file; echo more >/srv/file
rm /etc/hosts; chmod 700 /opt; echo packaged:x:888: >>/etc/group; rm -r /home
mkdir /root/stays; echo text >/root/stays/file
"""


class Reset(sweep.Operation):
    """All but /root."""

    def prepare(self):
        machine = self.machine
        machine.begin("small", name=self.session)
        self.groups = machine.inside(self.session, "cat", "/etc/group")
        machine.inside(self.session, "sh", "-c", CHANGE)
        self.before = self.diff()

    def operate(self):
        return self.machine.run("reset", "--keep", "/root", self.session)

    def expect(self, result, died):
        machine = self.machine
        self.active_again(result, died)
        # A failure before the plan was there has changed nothing. What was planned is done, whatever failed then.
        listed = self.diff()
        if listed == self.before and result.status != 0:
            machine.ok("reset", "--keep", "/root", self.session)
            listed = self.diff()
        if listed != "A /root/stays\nA /root/stays/file\n":
            raise AssertionError(f"after {result!r}: {listed}")
        if machine.inside(self.session, "cat", "/etc/group") != self.groups:
            raise AssertionError("/etc/group is not as it was at the beginning")
        self.whole()


class ResetSweep(sweep.Sweep, unittest.TestCase):
    def test_killed(self):
        self.sweep(Reset, "UNIONROOT_CRASH_AT")

    def test_failing(self):
        self.sweep(Reset, "UNIONROOT_FAIL_AT")


class ImageResetSweep(ResetSweep):
    """Where no path of the host's leads to the layer."""

    times = 3

    @classmethod
    def setUpClass(cls):
        disks.require_loop()
        super().setUpClass()
        cls.machine.define_tree("small", testing.small_tree(), union_backing="image", union_size="32M")


if __name__ == "__main__":
    testing.main()
