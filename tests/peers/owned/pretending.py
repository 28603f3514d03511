"""Programs that only pretend to be LVM and ZFS.

The daemon runs in a mount namespace of its own, where they lie over /usr/sbin. A fake volume is another node of one loop
device, so that sessions on it can be mounted. There is no fake ZFS to mount: begin fails there after its clone is made.
"""

import json
import os
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
if name == "lvs" and last == "vg_name,lv_name,lv_size,lv_tags":
    for volume, tags in things.items():
        if isinstance(tags, list):
            print("  " + "|".join([*volume.split("/"), "1073741824", ",".join(tags)]))
    done()
if name == "zfs" and words[0] == "get" and "-t" in words:
    for data, properties in things.items():
        if isinstance(properties, dict) and last in properties:
            print(data + "\t" + properties[last])
    done()
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


class PretendingTest(RecoveryTest):
    """Tests on such a machine, with the chroot `lvm`."""

    @classmethod
    def new_machine(cls):
        cls.tree = testing.small_tree()
        return Pretending()

    @classmethod
    def prepare(cls):
        disks.require_loop()
        machine = cls.machine
        machine.attach(disks.make_image("ext4", os.path.join(machine.place, "volumes.img"), cls.tree))
        machine.define("lvm", "[lvm]\ntype=lvm-snapshot\ndevice=/dev/shm/base\nlvm-snapshot-options=--size 1G\nprofile=minimal\n")

    @classmethod
    def tearDownClass(cls):
        cls.machine.run("end", "--all", "--force")
        cls.machine.stop_daemon()
        if cls.machine.device is not None:
            cls.machine.device.close()
        super().tearDownClass()
