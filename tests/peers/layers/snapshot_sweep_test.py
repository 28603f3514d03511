"""The daemon killed at every step of a snapshot, a rollback and a clone, and every step failing once: the session has what it
had before, or what it must have after. As tests/peers/recovery, which has the sweep."""

import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "recovery"))

import crash_sweep_test as sweep  # noqa: E402
import unionroot_testing as testing  # noqa: E402


class Layered(sweep.Operation):
    """A session with a snapshot, and something changed since."""

    def prepare(self):
        self.machine.begin("small", name=self.session)
        self.change("echo one >/marker; mkdir /srv/one")
        self.machine.ok("snapshot", self.session, "first")
        self.change("echo two >/marker; rmdir /srv/one; mkdir /srv/two")

    def change(self, script):
        self.machine.inside(self.session, "sh", "-c", script)

    def marker(self, session=None):
        return self.machine.inside(session or self.session, "cat", "/marker")

    def names(self):
        return [each["name"] for each in json.loads(self.machine.ok("snapshots", "--json", self.session))]

    def must_be(self, *wanted):
        found = (self.names(), self.marker())
        if found not in wanted:
            raise AssertionError(f"{found}, not one of {wanted}")
        return found

    def finish(self, layers):
        place = os.path.join(self.machine.state, "layers")
        if len(os.listdir(place)) != layers:
            raise AssertionError(f"layers: {os.listdir(place)}")
        self.whole()
        if os.listdir(place):
            raise AssertionError(f"left of the layers: {os.listdir(place)}")


class Snapshot(Layered):
    def operate(self):
        return self.machine.run("snapshot", self.session, "second")

    def expect(self, result, died):
        # What cannot be carried out is taken back.
        if not died and result.status != 0 and self.machine.settled(self.session) != "active":
            raise AssertionError(f"not taken back: {self.machine.info(self.session).get('error')}")
        self.active_again(result, died)
        before, after = (["first"], "two"), (["first", "second"], "two")
        found = self.must_be(after) if result.status == 0 else self.must_be(before, after)
        self.change("echo three >/marker")
        self.machine.ok("rollback", self.session, found[0][-1])
        self.must_be((found[0], "two" if found == after else "one"))
        self.finish(len(found[0]))


class Rollback(Layered):
    def prepare(self):
        super().prepare()
        self.machine.ok("snapshot", self.session, "second")
        self.change("echo three >/marker")

    def operate(self):
        return self.machine.run("rollback", self.session, "first")

    def expect(self, result, died):
        self.active_again(result, died)
        before, after = (["first", "second"], "three"), (["first"], "one")
        found = self.must_be(after) if result.status == 0 else self.must_be(before, after)
        self.finish(len(found[0]))


class Clone(Layered):
    def operate(self):
        return self.machine.run("clone", "--name", "copied", self.session)

    def expect(self, result, died):
        machine = self.machine
        self.active_again(result, died)
        if result.status == 0:
            self.must_be((["first", "1"], "two"))
        else:
            self.must_be((["first"], "two"), (["first", "1"], "two"))
        state = machine.settled("copied")  # told of, or gone
        if state not in (None, "active") or (not died and (result.status == 0) != (state == "active")):
            raise AssertionError(f"the clone is {state}, after {result!r}")
        if state == "active":
            if self.marker("copied") != "two":
                raise AssertionError(f"the clone has {self.marker('copied')}")
            machine.ok("end", "copied")
        self.finish(len(self.names()))


class EndOfClone(Layered):
    """With a session that stands on the same layers."""

    def prepare(self):
        super().prepare()
        self.machine.ok("clone", "--name", "copied", self.session)

    def operate(self):
        return self.machine.run("end", "copied")

    def expect(self, result, died):
        machine = self.machine
        self.active_again(result, died)
        state = machine.settled("copied")
        if result.status == 0 and state is not None:
            raise AssertionError(f"ended, but {state}")
        if state is not None:
            machine.ok("end", "copied")
        self.must_be((["first", "1"], "two"))
        self.finish(2)


class SnapshotSweep(sweep.Sweep, unittest.TestCase):
    times = 3

    def test_snapshot_killed(self):
        self.sweep(Snapshot, "UNIONROOT_CRASH_AT")

    def test_snapshot_failing(self):
        self.sweep(Snapshot, "UNIONROOT_FAIL_AT")

    def test_rollback_killed(self):
        self.sweep(Rollback, "UNIONROOT_CRASH_AT")

    def test_rollback_failing(self):
        self.sweep(Rollback, "UNIONROOT_FAIL_AT")

    def test_clone_killed(self):
        self.sweep(Clone, "UNIONROOT_CRASH_AT")

    def test_clone_failing(self):
        self.sweep(Clone, "UNIONROOT_FAIL_AT")

    def test_end_of_clone_killed(self):
        self.sweep(EndOfClone, "UNIONROOT_CRASH_AT")

    def test_end_of_clone_failing(self):
        self.sweep(EndOfClone, "UNIONROOT_FAIL_AT")


if __name__ == "__main__":
    testing.main()
