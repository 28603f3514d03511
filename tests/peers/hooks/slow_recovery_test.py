"""After a restart of the machine the slow sessions do not hold back the others, however many they are."""

import os

import unionroot_testing as testing
from unionroot_testing import wait_until
from hooks_testing import Scripts
from recovery_testing import RecoveryTest

SLOW = 8  # more than are recovered at once at first


class SlowRecovery(RecoveryTest):
    @classmethod
    def prepare(cls):
        cls.scripts = Scripts(cls.machine)
        # It takes as long as the test wants it to.
        cls.go = os.path.join(cls.machine.place, "go")
        cls.scripts.add("10slow", f'test "$1" != setup-recover || while test ! -e {cls.go}; do sleep 0.1; done')
        cls.machine.define_tree("slow", cls.tree, hook_directories=cls.scripts.folder, hook_time_limit=1000)

    def setUp(self):
        if os.path.exists(self.go):
            os.unlink(self.go)

    def let_go(self):
        with open(self.go, "w"):
            pass

    def states(self, sessions):
        listed = self.machine.by_id()
        return {listed[name]["state"] for name in sessions}

    def test_the_quick_ones_are_there_first(self):
        machine = self.machine
        slow = [machine.begin("slow") for _ in range(SLOW)]  # begun first, and so they come first
        quick = [machine.begin("small") for _ in range(4)]
        for session in slow + quick:
            machine.inside(session, "sh", "-c", "echo kept >/file")
        machine.end_daemon()
        machine.simulate_reboot("slow-boot")
        machine.start_daemon()
        self.assertTrue(wait_until(lambda: self.states(quick) == {"active"}), machine.sessions())
        self.assertEqual(self.states(slow), {"recovering"})
        self.assertEqual(machine.inside(quick[0], "cat", "/file"), "kept")
        refused = machine.run("run", "--directory", "/", slow[0], "--", "true")
        self.assertEqual(refused.status, 125, repr(refused))
        self.assertIn("recovering", refused.err)
        self.let_go()
        self.assertTrue(wait_until(lambda: self.states(slow) == {"active"}), machine.sessions())
        for session in slow:
            self.assertEqual(machine.inside(session, "cat", "/file"), "kept")
        machine.ok("end", *slow, *quick)

    def test_a_daemon_that_is_stopped_meanwhile(self):
        machine = self.machine
        slow = [machine.begin("slow") for _ in range(2)]
        machine.end_daemon()
        machine.simulate_reboot("stopped-boot")
        machine.start_daemon()
        self.assertEqual(self.states(slow), {"recovering"})
        machine.end_daemon()  # a hook that is under way, which would not end, does not delay the stop
        machine.start_daemon()
        self.let_go()
        self.assertTrue(wait_until(lambda: self.states(slow) == {"active"}), machine.sessions())
        machine.ok("end", *slow)


if __name__ == "__main__":
    testing.main()
