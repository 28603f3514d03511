"""The daemon killed at every step of every operation, and every step failing once.

The daemon is built with fault points: before and after each call that changes the machine. For each operation and each N
the N-th of them kills it (SIGKILL), or fails (EIO). Then: the session is whole, or there is no trace of it; the
source tree is as it was; the locks are those of the live sessions; nothing is left in mounts, control groups, loop devices,
trash, runtime folders or processes.

    crash_sweep_test.py [CLASS[.TEST]]     which points: tests/support/sweep_share.py; UNIONROOT_SWEEP_ONLY="N..." tries these
"""

import os
import signal
import time
import unittest

import sweep_share
import unionroot_testing as testing
from unionroot_testing import wait_until
from recovery_testing import CrashMachine

ONLY = [int(number) for number in os.environ.get("UNIONROOT_SWEEP_ONLY", "").split()]


class Operation:
    """What is swept over. One object a point."""

    from_start = False  # the daemon's start is what is swept
    session = "swept"

    def __init__(self, machine):
        self.machine = machine

    def prepare(self):
        """With a daemon without faults."""

    def between(self):
        """While no daemon runs."""

    def operate(self):
        """With the faulty daemon; a Result, or None."""

    def expect(self, result, died):
        """After the restart (or after a failure without one): raises AssertionError. Ends what there is."""

    def active_again(self, result, died):
        """The session is active. What failed says so, and `recover` sets it up; a death leaves no failed session."""
        machine = self.machine
        state = machine.settled(self.session)
        if state == "failed":
            if died or result.status == 0:
                raise AssertionError(f"failed: {machine.info(self.session).get('error')}")
            self.recover()
            state = machine.settled(self.session)
        if state != "active":
            raise AssertionError(f"the session is {state}")

    def recover(self):
        self.machine.ok("recover", self.session)

    def diff(self):
        result = self.machine.run("diff", self.session)
        if result.status not in (0, 1):
            raise AssertionError(repr(result))
        return result.out

    def whole(self, wanted=None):
        """The session is active and works; ends it."""
        machine = self.machine
        out = machine.inside(self.session, "cat", "/marker") if wanted is not None else machine.inside(self.session, "echo")
        if wanted is not None and out != wanted:
            raise AssertionError(f"/marker is {out!r}")
        # The supervisor of a command that has left processes holds a lock of its own as long as it lives.
        runs = machine.info(self.session)["runs"]
        locks = [name for name in machine.lock_files() if ".session." in name and ("+" not in name or not runs)]
        if len(locks) != len(machine.sessions()) * self.trees(machine):
            raise AssertionError("locks: " + " ".join(machine.lock_files()))
        machine.ok("end", self.session)

    @staticmethod
    def trees(machine):
        """How many trees a session on `small` stands on."""
        return getattr(machine, "trees", 1)

    def whole_or_nothing(self, must_be=None, wanted=None):
        state = self.machine.settled(self.session)
        if state not in (None, "active"):
            raise AssertionError(f"the session is {state}: {self.machine.info(self.session).get('error')}")
        if must_be is not None and (state == "active") != must_be:
            raise AssertionError(f"the session is {state}, after what the client was told")
        if state == "active":
            self.whole(wanted)

    def begin_with_marker(self):
        self.machine.begin("small", name=self.session)
        self.machine.inside(self.session, "sh", "-c", "echo kept >/marker")


class Begin(Operation):
    def operate(self):
        return self.machine.run("begin", "--name", self.session, "small")

    def expect(self, result, died):
        self.whole_or_nothing(must_be=True if result.status == 0 else None if died else False)


class RunAutomatic(Operation):
    def operate(self):
        return self.machine.run("run", "--directory", "/", "small", "--", "sh", "-c", "echo x >/file; cat /file")

    def expect(self, result, died):
        if result.status == 0 and result.out != "x\n":
            raise AssertionError(repr(result))
        if not wait_until(lambda: not self.machine.sessions()):
            raise AssertionError("sessions: " + str(self.machine.sessions()))


class RunInSession(Operation):
    def prepare(self):
        self.begin_with_marker()

    def operate(self):
        return self.machine.run("run", "--directory", "/", self.session, "--", "sh", "-c", "echo x >/file; cat /file /marker")

    def expect(self, result, died):
        if result.status == 0 and result.out != "x\nkept\n":
            raise AssertionError(repr(result))
        if not wait_until(lambda: not self.machine.info(self.session).get("runs")):
            raise AssertionError("runs: " + str(self.machine.info(self.session).get("runs")))
        wait_until(lambda: len(self.machine.lock_files()) == 1)
        self.whole_or_nothing(must_be=True, wanted="kept")


class End(Operation):
    def prepare(self):
        self.begin_with_marker()
        self.machine.inside(self.session, "sh", "-c", "sleep 1000 >/dev/null 2>&1 & echo")

    def operate(self):
        return self.machine.run("end", self.session)

    def expect(self, result, died):
        state = self.machine.settled(self.session)
        if result.status == 0 and state is not None:
            raise AssertionError(f"ended, but {state}")
        if state == "failed" and not died:
            # It says so, and can be ended again.
            if "end" not in result.err:
                raise AssertionError(repr(result))
            self.machine.ok("end", self.session)
        elif state is not None:
            self.whole_or_nothing(wanted="kept")


class Recover(Operation):
    """Of a session that failed, since its tree was not there."""

    def prepare(self):
        machine = self.machine
        machine.begin("moved", name=self.session)
        machine.inside(self.session, "sh", "-c", "echo kept >/marker")
        machine.end_daemon()
        os.rename(machine.moved, machine.moved + ".away")
        machine.start_daemon()
        if machine.settled(self.session) != "failed":
            raise AssertionError("not failed: " + str(machine.state_of(self.session)))
        os.rename(machine.moved + ".away", machine.moved)

    def operate(self):
        return self.machine.run("recover", self.session)

    def expect(self, result, died):
        state = self.machine.settled(self.session)
        if state == "failed":
            if result.status == 0:
                raise AssertionError("recovered, but failed")
            self.machine.ok("recover", self.session)
        self.whole_or_nothing(must_be=True, wanted="kept")


class ChangesTheTree(Operation):
    """In a tree that sessions write to as it is, nothing may be left half-written."""

    def assert_whole_files(self):
        tree = self.machine.moved
        strays = [os.path.join(place, name) for place, _, files in os.walk(tree) for name in files if "unionroot" in name]
        for stray in strays:
            os.unlink(stray)
        if strays:
            raise AssertionError("left in the source tree: " + " ".join(strays))


class RunSource(ChangesTheTree):
    """A command in a source session, which writes to the tree itself."""

    def operate(self):
        return self.machine.run("run", "--directory", "/", "source:moved", "--", "sh", "-c", "echo x >/file")

    def expect(self, result, died):
        machine = self.machine
        if not wait_until(lambda: not machine.sessions()):
            raise AssertionError("sessions: " + str(machine.sessions()))
        self.assert_whole_files()
        # The lock is free again: the tree can be changed, and stood on.
        machine.ok("run", "--directory", "/", "source:moved", "--", "rm", "-f", "/file")
        machine.ok("run", "--directory", "/", "moved", "--", "true")


class BeginSource(ChangesTheTree):
    def prepare(self):
        # As if the host's had changed: else only the first of all writes it.
        for name in ("resolv.conf", "hosts", "networks"):
            path = os.path.join(self.machine.moved, "etc", name)
            if os.path.exists(path):
                os.unlink(path)

    def operate(self):
        return self.machine.run("begin", "--name", self.session, "source:moved")

    def expect(self, result, died):
        machine = self.machine
        state = machine.settled(self.session)
        self.assert_whole_files()
        if result.status == 0 and state != "active":
            raise AssertionError(f"begun, but {state}")
        if state == "active":
            machine.inside(self.session, "sh", "-c", "echo x >/file; rm /file")
            if [name for name in machine.lock_files() if ".source." in name] == []:
                raise AssertionError("no lock: " + str(machine.lock_files()))
            machine.ok("end", self.session)
        elif state is not None:
            raise AssertionError(f"the session is {state}: {machine.info(self.session).get('error')}")


class EndSource(ChangesTheTree):
    def prepare(self):
        self.machine.begin("source:moved", name=self.session)
        self.machine.inside(self.session, "sh", "-c", "echo x >/file")

    def operate(self):
        return self.machine.run("end", self.session)

    def expect(self, result, died):
        machine = self.machine
        state = machine.settled(self.session)
        if result is not None and result.status == 0 and state is not None:
            raise AssertionError(f"ended, but {state}")
        if state is not None:
            # Until it has ended nobody else may have the tree.
            if machine.run("begin", "moved").status == 0:
                raise AssertionError("a session beside a source session that is " + state)
            machine.ok("end", self.session)
        # What it wrote stays, and the tree is to be had again.
        machine.ok("run", "--directory", "/", "source:moved", "--", "rm", "/file")
        machine.ok("run", "--directory", "/", "moved", "--", "true")
        self.assert_whole_files()


class FirstStart(Operation):
    from_start = True

    def between(self):
        os.unlink(os.path.join(self.machine.state, "state.db"))
        for folder in (self.machine.state, self.machine.runtime):
            for name in os.listdir(folder):
                path = os.path.join(folder, name)
                if os.path.isdir(path) and not os.listdir(path):
                    os.rmdir(path)

    def expect(self, result, died):
        if self.machine.sessions():
            raise AssertionError("sessions in an empty state")


class Start(Operation):
    """A start that finds something of everything: a whole session, one that must be set up again, an automatic one whose
    command runs on, one whose command is gone, trash, a strange view, a strange lock."""

    from_start = True
    names = ["swept", "again"]

    def prepare(self):
        machine = self.machine
        self.begin_with_marker()
        machine.begin("small", name="again")
        machine.inside("again", "sh", "-c", "echo kept >/marker")
        self.running = machine.popen("run", "--directory", "/", "small", "--", "sh", "-c", "cat; exit 7",
                                     stdin=testing.subprocess.PIPE)
        self.killed = machine.popen("run", "--directory", "/", "small", "--", "cat", stdin=testing.subprocess.PIPE)
        if not wait_until(lambda: sum(s["automatic"] and s["run-count"] == 1 for s in machine.sessions()) == 2):
            raise AssertionError("no automatic sessions: " + str(machine.sessions()))
        machine.children[self.running.pid] = machine.children[self.killed.pid] = "client"

    def between(self):
        machine = self.machine
        machine.lose_mounts("again")
        self.killed.stdin.close()
        self.killed.wait()
        self.killed.stdout.close(), self.killed.stderr.close()
        os.makedirs(os.path.join(machine.state, "trash", "something", "deep"), exist_ok=True)
        machine.write_among_views()
        os.mkdir(os.path.join(machine.runtime, "mount", "stranger"))

    def expect(self, result, died):
        machine = self.machine
        for name in self.names:
            if machine.settled(name) == "failed" and not died and "injected" in machine.info(name)["error"]:
                machine.ok("recover", name)  # it said why, and can be recovered
            if machine.settled(name) != "active":
                raise AssertionError(f"{name} is {machine.state_of(name)}: {machine.info(name).get('error')}")
            if machine.inside(name, "cat", "/marker") != "kept":
                raise AssertionError(name + " has lost its file")
        if self.running.poll() is not None:
            raise AssertionError("the command that ran on is gone: " + repr(self.running.communicate()))
        self.running.stdin.close()
        if self.running.wait(testing.PATIENCE) != 7:
            raise AssertionError(f"its exit status is {self.running.returncode}")
        self.running.stdout.close(), self.running.stderr.close()
        if not wait_until(lambda: not [s for s in machine.sessions() if s["automatic"]]):
            raise AssertionError("an automatic session is left: " + str(machine.sessions()))
        machine.ok("end", *self.names)
        if not died:
            # One that found no control groups to use leaves those of the daemons before it to the next.
            machine.restart()


class Sweep:
    """The tests of one class of operations; mixed into TestCases below."""

    @classmethod
    def setUpClass(cls):
        cls.machine = CrashMachine()
        try:
            tree = testing.small_tree()
            cls.tree_before = testing.tree_lines(tree)
            cls.machine.define_tree("small", tree)
            cls.machine.moved = os.path.join(cls.machine.place, "tree")
            testing.subprocess.run(["cp", "-a", tree, cls.machine.moved], check=True)
            cls.machine.define_tree("moved", cls.machine.moved, source_root_users="root")
            cls.machine.start()
        except BaseException:
            cls.machine.close()
            raise

    @classmethod
    def tearDownClass(cls):
        log = cls.machine.log()
        problems = cls.machine.close()
        if testing.tree_lines(testing.small_tree()) != cls.tree_before:
            problems.append("the source tree was changed")
        if problems:
            raise AssertionError("left behind:\n  " + "\n  ".join(problems) + "\ndaemon's log:\n" + log)

    def points(self, kind):
        """The names of the fault points that the operation passes."""
        machine = self.machine
        log = os.path.join(machine.place, "points")
        if os.path.exists(log):
            os.unlink(log)
        machine.restart()
        operation = kind(machine)
        operation.prepare()
        machine.end_daemon()
        operation.between()
        environment = {"UNIONROOT_FAULT_LOG": log}
        if kind.from_start:
            environment["UNIONROOT_FAULT_FROM_START"] = "1"
        machine.start_daemon(environment)
        result = operation.operate()
        if result is not None:
            self.assertEqual(result.status, 0, repr(result))
        found = self.passed(log)
        machine.restart()
        operation.expect(result if result is not None else None, False)
        self.assertEqual(machine.problems(), [])
        return found

    def passed(self, log):
        """The lines of the log once no more are added and the trash is empty."""
        trash = os.path.join(self.machine.state, "trash")
        names = []

        def quiet():
            time.sleep(0.1)
            before, names[:] = len(names), []
            if os.path.exists(log):
                with open(log) as file:
                    names[:] = [line.split(" ", 1)[1] for line in file.read().split("\n")[:-1]]
            return before == len(names) and not (os.path.isdir(trash) and os.listdir(trash))

        self.assertTrue(wait_until(quiet), "the daemon does not come to rest")
        return names

    def sweep(self, kind, variable):
        names = self.points(kind)
        self.assertGreater(len(names), 10, "fault points: is this build without them?")
        started = time.monotonic()
        failures = []
        name = f"{type(self).__name__} {variable}"
        numbers = ONLY or self.chosen(names, name)
        for number in numbers:
            self.machine.log_since()
            try:
                self.one(kind, variable, number)
            except AssertionError as error:
                failures.append(f"{variable}={number} ({names[number - 1]}): {error}\n{self.machine.log_since()}")
                self.clean_up()
            if len(failures) >= 5:
                break
        took = time.monotonic() - started
        print(f"{name}: {len(numbers)} of {len(names)} points ({sweep_share.describe(name, self.times)}) in {took:.1f} s; "
              f"the same again: {sweep_share.command()} {self.id().partition('.')[2]}", flush=True)
        if failures:
            self.fail("\n\n".join(failures))

    times = 1  # one in so many of the usual share of points

    def candidates(self, names):
        """The numbers of the points that may be tried, of those with these names."""
        return range(1, len(names) + 1)

    def chosen(self, names, name):
        """The numbers of the points to try in the sweep `name`."""
        worthwhile = [number for number in self.candidates(names) if not self.more_of_the_same(names, number)]
        return sweep_share.share(worthwhile, name, self.times)

    @staticmethod
    def more_of_the_same(names, number):
        """Deep in a row of the same calls (the 500 folders of the template namespace): one in a hundred will do."""
        last = names[max(0, number - 12):number]
        return number % 101 != 0 and len(last) == 12 and len(set(last)) <= 2

    def one(self, kind, variable, number):
        machine = self.machine
        log = os.path.join(machine.place, "passed")
        operation = kind(machine)
        operation.prepare()
        machine.end_daemon()
        operation.between()
        if os.path.exists(log):
            os.unlink(log)
        environment = {variable: str(number), "UNIONROOT_FAULT_LOG": log}
        if kind.from_start:
            environment["UNIONROOT_FAULT_FROM_START"] = "1"
        machine.start_daemon(environment, wait=False)
        crash = variable == "UNIONROOT_CRASH_AT"
        alive = self.started(crash)
        result = operation.operate() if alive else None
        died = False
        if crash:
            died = machine.wait_dead(0.3)
            if not died:
                machine.end_daemon(signal.SIGKILL)  # fewer points this time: as good a moment as any
            machine.start_daemon()
        elif not alive or len(self.passed(log)) < number:
            machine.restart() if alive else machine.start_daemon()  # not to fail in what follows
        operation.expect(result, crash)
        self.assertEqual(machine.problems(), [])
        if not crash:
            machine.restart()

    def started(self, crash):
        """False if the daemon ended during its start."""
        machine = self.machine
        process = machine.daemon
        wait_until(lambda: process.poll() is not None or machine.owns_the_name(), step=0.004)
        if process.poll() is None:
            return True
        if crash:
            self.assertEqual(process.returncode, -signal.SIGKILL, machine.log())
        else:
            self.assertEqual(process.returncode, 1, machine.log())  # refused to start, and says why
        return False

    def clean_up(self):
        machine = self.machine
        moved = machine.moved
        if machine.daemon is not None and machine.daemon.poll() is None:
            machine.end_daemon(signal.SIGKILL)
        machine.start_daemon()
        for name in list(machine.by_id()):
            machine.settled(name)
        machine.run("end", "--all", "--force")
        machine.restart()
        if os.path.exists(moved + ".away") and not os.path.exists(moved):
            os.rename(moved + ".away", moved)
        for sentence in machine.problems(1.0):
            if sentence.startswith("state: "):
                testing.subprocess.run(["rm", "-rf", "--one-file-system", os.path.join(machine.state, sentence[7:])])


def sweep_case(kind, base=Sweep):
    class Case(base, unittest.TestCase):
        def test_killed(self):
            self.sweep(kind, "UNIONROOT_CRASH_AT")

        def test_failing(self):
            self.sweep(kind, "UNIONROOT_FAIL_AT")

    # The name that it is given below and in the other sweeps, so that a test can be run by it.
    Case.__name__ = Case.__qualname__ = kind.__name__ + "Sweep" if base is Sweep else base.__name__.replace("Sweep", "") + kind.__name__
    return Case


BeginSweep = sweep_case(Begin)
RunAutomaticSweep = sweep_case(RunAutomatic)
RunInSessionSweep = sweep_case(RunInSession)
EndSweep = sweep_case(End)
RecoverSweep = sweep_case(Recover)
RunSourceSweep = sweep_case(RunSource)
BeginSourceSweep = sweep_case(BeginSource)
EndSourceSweep = sweep_case(EndSource)

if __name__ == "__main__":
    testing.main()
