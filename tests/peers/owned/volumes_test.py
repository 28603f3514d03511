"""LVM and ZFS snapshots by programs that only pretend: which of them are made, marked and removed.

The daemon runs in a mount namespace of its own, where the fake programs lie over /usr/sbin. A fake volume is another node of
one loop device, so that sessions on it can be mounted. There is no fake ZFS to mount: begin fails there after its clone is made.
"""

import json
import os
import shutil
import signal
import sys

for folder in ("recovery", "sources_image"):
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, folder))

import disks  # noqa: E402
import inventory  # noqa: E402
import unionroot_testing as testing  # noqa: E402
from recovery_testing import CrashMachine, RecoveryTest  # noqa: E402

FAKE = r'''#!/usr/bin/python3 -B
import json, os, sys
STATE = %(state)r
MARKS = os.path.join(STATE, "marks.json")
name, words = os.path.basename(sys.argv[0]), sys.argv[1:]
with open(MARKS) as file:
    things = json.load(file)

def done():
    with open(MARKS + ".new", "w") as file:
        json.dump(things, file)
    os.rename(MARKS + ".new", MARKS)
    with open(os.path.join(STATE, "log"), "a") as file:
        file.write(" ".join([name] + words) + "\n")
    sys.exit(0)

def fail(text, status):
    sys.stderr.write(text + "\n")
    sys.exit(status)

def node(volume):
    return "/dev/" + volume

def options(wanted):
    return [words[i + 1] for i, word in enumerate(words) if word == wanted]

last = words[-1]
if name == "lvcreate":
    volume = "shm/" + options("--name")[0]
    if volume in things:
        fail('Logical Volume "%%s" already exists in volume group "shm"' %% volume, 5)
    os.mknod(node(volume), 0o600 | 0o060000, os.stat(last).st_rdev)
    things[volume] = options("--addtag")
    done()
if name in ("lvs", "lvremove", "lvchange"):
    if last not in things:
        fail('Failed to find logical volume "%%s"' %% last, 5)
    if name == "lvs":
        print("  " + ",".join(things[last]))
    elif name == "lvremove":
        del things[last]
        if os.path.exists(node(last)):
            os.unlink(node(last))
    else:
        if not os.path.exists(node(last)):  # the namespace of a former daemon had it
            os.mknod(node(last), 0o600 | 0o060000, os.stat(node("shm/base")).st_rdev)
        things[last] = [tag for tag in things[last] if tag not in options("--deltag")] + options("--addtag")
    done()
if name == "zfs":
    verb = words[0]
    if verb in ("snapshot", "clone"):
        if last in things:
            fail("cannot create '%%s': dataset already exists" %% last, 1)
        things[last] = dict(option.split("=", 1) for option in options("-o"))
        done()
    if last not in things:
        fail("cannot open '%%s': dataset does not exist" %% last, 1)
    if verb == "get":
        print(things[last].get(words[-2], "" if "-s" in words else "-"))
    elif verb == "set":
        things[last].update([words[-2].split("=", 1)])
    elif verb == "destroy":
        del things[last]
    done()
fail("unexpected: " + " ".join(sys.argv), 99)
'''


STEP = 2 * int(os.environ.get("UNIONROOT_SWEEP_STEP", "4"))


class Pretending(CrashMachine):
    """A machine whose daemon finds the fake programs."""

    def __init__(self):
        super().__init__()
        self.fakes = os.path.join(self.place, "fakes")
        self.programs = os.path.join(self.fakes, "sbin")
        os.makedirs(self.programs)
        self.put({})
        for name in ("lvcreate", "lvs", "lvremove", "lvchange", "zfs"):
            self._write(os.path.join(self.programs, name), FAKE % {"state": self.fakes}, 0o755)
        self.wrapper = os.path.join(self.fakes, "unionrootd")
        self.device = None

    def attach(self, image):
        self.device = disks.LoopDevice(image)
        number = os.stat(self.device.device).st_rdev
        self._write(self.wrapper, f"""#!/bin/sh
exec unshare --mount --propagation private sh -ec '
mount -t overlay overlay -o lowerdir={self.programs}:/usr/sbin /usr/sbin
mount -t tmpfs -o dev none /dev/shm
mknod /dev/shm/base b {os.major(number)} {os.minor(number)}
exec {testing.daemon_path()} "$@"' sh "$@"
""", 0o755)

    def start_daemon(self, environment=None, wait=True):
        real = testing.daemon_path
        testing.daemon_path = lambda: self.wrapper
        try:
            super().start_daemon(environment, wait)
        finally:
            testing.daemon_path = real

    def things(self):
        with open(os.path.join(self.fakes, "marks.json")) as file:
            return json.load(file)

    def put(self, things):
        self._write(os.path.join(self.fakes, "marks.json"), json.dumps(things))

    def own_id(self):
        return inventory.daemon_id(self.state)


class Volumes(RecoveryTest):
    @classmethod
    def new_machine(cls):
        cls.tree = testing.small_tree()
        return Pretending()

    @classmethod
    def prepare(cls):
        disks.require_loop()
        machine = cls.machine
        image = disks.make_image("ext4", os.path.join(machine.place, "volumes.img"), cls.tree)
        machine.attach(image)
        machine.define("lvm", "[lvm]\ntype=lvm-snapshot\ndevice=/dev/shm/base\nlvm-snapshot-options=--size 1G\nprofile=minimal\n")
        machine.define("zfs", "[zfs]\ntype=zfs-snapshot\nzfs-dataset=pool/base\nprofile=minimal\n")

    @classmethod
    def tearDownClass(cls):
        cls.machine.run("end", "--all", "--force")
        cls.machine.stop_daemon()
        if cls.machine.device is not None:
            cls.machine.device.close()
        super().tearDownClass()

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
