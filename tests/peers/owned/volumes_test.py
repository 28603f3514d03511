"""LVM and ZFS snapshots by programs that only pretend: which of them are made, marked and removed."""

import os
import shutil
import signal
import sys

for folder in ("recovery", "sources_image"):
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, folder))

import unionroot_testing as testing  # noqa: E402
from pretending import PretendingTest  # noqa: E402

STEP = 2 * int(os.environ.get("UNIONROOT_SWEEP_STEP", "4"))


class Volumes(PretendingTest):
    @classmethod
    def prepare(cls):
        super().prepare()
        cls.machine.define("zfs", "[zfs]\ntype=zfs-snapshot\nzfs-dataset=pool/base\nprofile=minimal\n")

    def tearDown(self):
        machine = self.machine
        if machine.daemon is None or machine.daemon.poll() is not None:
            machine.start_daemon()
        machine.run("end", "--all", "--force")
        machine.put({})
        self.assertEqual(machine.leftovers(besides=[machine.device.device + " "]), [], machine.log())

    def reboot(self):
        self.machine.end_daemon(signal.SIGKILL)
        self.machine.simulate_reboot("another-" + os.urandom(4).hex())

    def test_a_volume_has_its_sessions_token_and_goes_with_it(self):
        machine = self.machine
        machine.begin("lvm", name="same")
        machine.inside("same", "true")
        (tag,) = machine.things()["shm/same"]
        self.assertRegex(tag, rf"^unionroot\.owner\.1\.{machine.own_id()}\.[1-9][0-9]*\.same$")
        self.reboot()
        machine.start_daemon()
        self.assertEqual(machine.settled("same"), "active", machine.info("same").get("error"))
        machine.ok("end", "same")
        self.assertEqual(machine.things(), {})

    def test_a_volume_that_is_anothers_stays(self):
        machine = self.machine
        for tags in (["unionroot.session"], ["unionroot.owner.1.0123456789abcdef.5.same", "unionroot.session"], [],
                     ["unionroot.owner.9.unknown"]):
            with self.subTest(tags):
                machine.put({"shm/same": tags})
                self.assert_refused(machine.run("begin", "--name", "same", "lvm"), 125, "already")
                self.assertEqual(machine.things(), {"shm/same": tags})
                self.assertEqual(machine.sessions(), [])

    def test_a_daemon_that_died_over_a_volume_that_is_anothers(self):
        machine = self.machine
        things = {"shm/same": ["unionroot.session"]}
        machine.put(things)
        log = os.path.join(machine.place, "points")
        machine.restart(environment={"UNIONROOT_FAULT_LOG": log})
        machine.run("begin", "--name", "same", "lvm")
        with open(log) as file:
            points = len(file.readlines())
        os.unlink(log)
        machine.put(things)
        for point in range(1, points + 1, STEP):
            machine.restart(signal.SIGKILL, environment={"UNIONROOT_CRASH_AT": str(point)})
            machine.run("begin", "--name", "same", "lvm")
            self.assertTrue(machine.wait_dead(testing.PATIENCE), f"it does not die at {point}")
            machine.start_daemon()
            self.assertTrue(testing.wait_until(lambda: machine.sessions() == []))
            self.assertEqual(machine.things(), things, f"died at {point}")

    def test_a_daemon_that_died_leaves_no_volume_of_its_own(self):
        machine = self.machine
        log = os.path.join(machine.place, "points")
        machine.restart(environment={"UNIONROOT_FAULT_LOG": log})
        machine.begin("lvm", name="same")
        machine.ok("end", "same")
        with open(log) as file:
            points = len(file.readlines())
        os.unlink(log)
        for point in range(1, points, STEP):
            machine.restart(signal.SIGKILL, environment={"UNIONROOT_CRASH_AT": str(point)})
            if machine.run("begin", "--name", "same", "lvm").status == 0:
                machine.run("end", "same")
            machine.end_daemon(signal.SIGKILL)  # where it did not come to that point
            machine.simulate_reboot("died-at-" + str(point))
            machine.start_daemon()
            state = machine.settled("same")
            self.assertIn(state, (None, "active"), f"died at {point}")
            if state == "active":
                machine.ok("end", "same")
            self.assertEqual(machine.things(), {}, f"died at {point}")

    def test_a_volume_that_became_anothers_is_not_used_again_nor_removed(self):
        machine = self.machine
        machine.begin("lvm", name="same")
        self.reboot()
        things = {"shm/same": ["unionroot.owner.1.0123456789abcdef.5.same"]}
        machine.put(things)
        machine.start_daemon()
        self.assertEqual(machine.settled("same"), "failed")
        self.assertIn("session same of the daemon 0123456789abcdef", machine.info("same")["error"])
        machine.ok("end", "same")
        self.assertEqual(machine.things(), things)

    def test_a_volume_of_a_former_version(self):
        machine = self.machine
        machine.begin("lvm", name="same")
        self.reboot()
        machine.database("update sessions set marked = 0")
        machine.put({"shm/same": ["unionroot.session"]})
        machine.start_daemon()
        self.assertEqual(machine.settled("same"), "active", machine.info("same").get("error"))
        (tag,) = machine.things()["shm/same"]
        self.assertIn(machine.own_id(), tag)
        machine.ok("end", "same")
        self.assertEqual(machine.things(), {})

    def test_data_sets_that_are_anothers_stay(self):
        machine = self.machine
        for properties in ({"unionroot:session": "same"}, {"unionroot:owner": "1.0123456789abcdef.5.same"}, {}):
            for there in ({"pool/base@unionroot-same": properties}, {"pool/base/unionroot-same": properties}):
                with self.subTest(there):
                    machine.put(there)
                    self.assert_refused(machine.run("begin", "--name", "same", "zfs"), 125, "already")
                    self.assertEqual(machine.things(), there)
                    self.assertEqual(machine.sessions(), [])

    def test_data_sets_of_its_own_go_when_begin_fails(self):
        machine = self.machine
        self.assert_refused(machine.run("begin", "--name", "same", "zfs"), 125, "zfs")
        self.assertEqual(machine.things(), {})
        with open(os.path.join(machine.fakes, "log")) as file:
            log = file.read()
        for what in ("pool/base@unionroot-same", "pool/base/unionroot-same"):
            self.assertIn("zfs destroy " + what, log)
        self.assertRegex(log, rf"zfs clone -o unionroot:owner=1\.{machine.own_id()}\.[0-9]+\.same")


if __name__ == "__main__":
    if shutil.which("unshare") is None:
        raise SystemExit("needs unshare")
    testing.main()
