"""loopback, block-device, btrfs-snapshot, layers, lvm-snapshot, zfs-snapshot, and union-backing=device, on loop devices."""

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import unittest

import disks
import unionroot_testing as testing


def define(machine, name, **keys):
    machine.define(name, "\n".join([f"[{name}]"] + [f"{key.replace('_', '-')}={value}" for key, value in keys.items()]) + "\n")


class DeviceTest(testing.EndToEndTest):
    @classmethod
    def prepare(cls):
        disks.require_loop()
        cls.tree = testing.small_tree()
        cls.devices = []
        cls.mounts = []
        try:
            cls.make()
        except BaseException:
            cls.unmake()
            raise

    @classmethod
    def unmake(cls):
        for mounted in reversed(cls.mounts):
            mounted.__exit__()
        for device in cls.devices:
            device.close()
        cls.mounts, cls.devices = [], []

    @classmethod
    def tearDownClass(cls):
        cls.machine.run("end", "--all", "--force")
        cls.unmake()
        super().tearDownClass()

    @classmethod
    def device_on(cls, path):
        device = disks.LoopDevice(path)
        cls.devices.append(device)
        return device.device

    def path(self, name):
        return os.path.join(self.machine.place, name)

    @contextlib.contextmanager
    def standing_in(self, folder):
        """A process whose working directory it is."""
        process = subprocess.Popen(["sleep", "1000"], cwd=folder)
        self.machine.children[process.pid] = "sleep"
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def assert_nothing_left(self):
        """The test's own devices and mounts do not count."""
        own = [device.device + " " for device in self.devices] + [mounted.folder for mounted in self.mounts]
        self.assertEqual(self.machine.leftovers(besides=own), [], self.machine.log())

    def info(self, name):
        return json.loads(self.machine.ok("info", "--json", name))

    def settled(self, session):
        state = lambda: {s["id"]: s["state"] for s in self.machine.sessions()}.get(session)
        testing.wait_until(lambda: state() in ("active", "failed"))
        return state()

    def reboot(self):
        machine = self.machine
        machine.stop_daemon(signal.SIGKILL)
        for point in sorted((p for p in testing.mount_points() if p.startswith(machine.runtime + "/")), key=len, reverse=True):
            testing._libc.umount2(os.fsencode(point), 2 | 8)
        machine.start_daemon()


class FilesAndDevices(DeviceTest):
    @classmethod
    def make(cls):
        machine = cls.machine
        place = machine.place
        for name in ("own.img", "shared.img", "dev-own.img", "dev-shared.img", "inner.img"):
            disks.make_image("ext4", os.path.join(place, name), cls.tree)
        with disks.Mounted(os.path.join(place, "inner.img"), os.path.join(place, "mnt"), "-o", "loop") as folder:
            os.makedirs(os.path.join(folder, "trees"))
            shutil.copytree(cls.tree, os.path.join(folder, "trees/one"), symlinks=True)
            os.symlink("/etc", os.path.join(folder, "trees/etc"))
            os.symlink("one", os.path.join(folder, "trees/link"))
        define(machine, "own", type="loopback", file=os.path.join(place, "own.img"), mount_options="-o noatime,commit=30")
        define(machine, "shared", type="loopback", file=os.path.join(place, "shared.img"), union_type="overlay")
        define(machine, "inner", type="loopback", file=os.path.join(place, "inner.img"), location="/trees/one", union_type="overlay")
        for name in ("etc", "link", "none"):
            define(machine, "inner-" + name, type="loopback", file=os.path.join(place, "inner.img"), location="/trees/" + name,
                   union_type="overlay")
        define(machine, "dev-own", type="block-device", device=cls.device_on(os.path.join(place, "dev-own.img")))
        define(machine, "dev-shared", type="block-device", device=cls.device_on(os.path.join(place, "dev-shared.img")),
               union_type="overlay")
        define(machine, "dev-none", type="block-device", device="/dev/does-not-exist")
        define(machine, "dev-file", type="block-device", device=os.path.join(place, "own.img"))
        define(machine, "read-only", type="loopback", file=os.path.join(place, "own.img"), mount_options="ro")
        define(machine, "bad-option", type="loopback", file=os.path.join(place, "shared.img"), union_type="overlay",
               mount_options="no_such_option=1")

    def check_own(self, chroot):
        machine = self.machine
        session = machine.begin(chroot, name="w-" + chroot)
        machine.inside(session, "sh", "-c", "echo one >/marker")
        refused = machine.run("begin", chroot)
        self.assert_refused(refused, 125, session)
        machine.stop_daemon(signal.SIGKILL)
        machine.start_daemon()
        self.assertEqual(machine.inside(session, "cat", "/marker"), "one")
        self.assert_refused(machine.run("begin", chroot), 125, session)
        self.reboot()
        self.assertEqual(self.settled(session), "active", machine.log())
        self.assertEqual(machine.inside(session, "cat", "/marker"), "one")
        machine.ok("end", session)
        self.assertEqual(machine.inside(chroot, "cat", "/marker"), "one")  # it wrote to the tree itself
        self.assert_nothing_left()

    def test_loopback_of_its_own(self):
        self.check_own("own")

    def test_device_of_its_own(self):
        self.check_own("dev-own")

    def test_mount_options(self):
        line = [l for l in self.machine.inside("own", "cat", "/proc/self/mountinfo").splitlines() if l.split()[4] == "/"][0]
        self.assertIn("noatime", line)
        self.assertIn("commit=30", line)
        self.assert_refused(self.machine.run("begin", "bad-option"), 125, "no_such_option")
        self.assert_refused(self.machine.run("begin", "read-only"), 125, "read-only")
        self.assert_nothing_left()

    def check_shared(self, chroot):
        machine = self.machine
        one, two = machine.begin(chroot, name="one"), machine.begin(chroot, name="two")
        machine.inside(one, "sh", "-c", "echo one >/marker")
        self.assertNotEqual(machine.run("run", "--directory", "/", two, "--", "test", "-e", "/marker").status, 0)
        self.assert_refused(machine.run("begin", "source:" + chroot), 125, "one", "two")
        machine.ok("end", one)
        machine.ok("end", two)
        source = machine.begin("source:" + chroot, name="source")
        self.assert_refused(machine.run("begin", chroot), 125, "source")
        machine.inside("session:source", "sh", "-c", "echo changed >/marker")
        machine.ok("end", source)
        self.assertEqual(machine.inside(chroot, "cat", "/marker"), "changed")
        locked = machine.run("lock", chroot, "--", "true")
        self.assertEqual(locked.status, 0, repr(locked))
        session = machine.begin(chroot, name="three")
        self.assert_refused(machine.run("lock", chroot, "--", "true"), 125, "three")
        machine.ok("end", session)
        self.assert_nothing_left()

    def test_loopback_shared(self):
        self.check_shared("shared")

    def test_device_shared(self):
        self.check_shared("dev-shared")

    def test_location(self):
        self.assertEqual(self.machine.inside("inner", "echo", "found"), "found")
        self.assert_refused(self.machine.run("begin", "inner-etc"), 125, "symbolic link")
        self.assert_refused(self.machine.run("begin", "inner-link"), 125, "symbolic link")
        self.assert_refused(self.machine.run("begin", "inner-none"), 125, "/trees/none", "is not in it")
        self.assert_nothing_left()

    def test_what_is_no_device(self):
        self.assert_refused(self.machine.run("begin", "dev-none"), 125, "/dev/does-not-exist does not exist")
        self.assert_refused(self.machine.run("begin", "dev-file"), 125, "not a block device")
        self.assert_nothing_left()

    def test_a_file_that_is_mounted_elsewhere(self):
        with disks.Mounted(self.path("own.img"), self.path("busy"), "-o", "loop"):
            with self.standing_in(self.path("busy")) as process:
                self.assert_refused(self.machine.run("begin", "own"), 125, "own.img is in use", "second mount",
                                    "mounted on " + self.path("busy"), f"pid {process.pid} (", "working directory")
        self.assertEqual(self.machine.inside("own", "echo", "free"), "free")
        self.assert_nothing_left()

    def test_a_device_that_is_mounted_elsewhere(self):
        device = self.devices[0].device  # of dev-own
        with disks.Mounted(device, self.path("busy"), "-o", "ro"):
            with self.standing_in(self.path("busy")) as process:
                self.assert_refused(self.machine.run("begin", "dev-own"), 125, device, "in use",
                                    "mounted on " + self.path("busy"), f"pid {process.pid} (")
        self.assert_nothing_left()


class UpperOnADevice(DeviceTest):
    @classmethod
    def make(cls):
        machine = cls.machine
        place = machine.place
        common = {"type": "directory", "directory": cls.tree, "union_type": "overlay", "union_backing": "device"}

        def device(name, size=64 << 20):
            path = os.path.join(place, name + ".disk")
            disks.make_file(path, size)
            return path

        cls.plain = cls.device_on(device("plain"))
        define(machine, "plain", union_device=cls.plain, union_device_options="noatime", **common)
        define(machine, "plain-too", union_device=cls.plain, **common)
        kept = device("kept")
        disks.command("mkfs.ext4", "-q", "-F", kept)
        with disks.Mounted(kept, os.path.join(place, "mnt"), "-o", "loop") as folder:
            with open(os.path.join(folder, "precious"), "w") as file:
                file.write("data")
        cls.kept = kept
        define(machine, "kept", union_device=cls.device_on(kept), **common)
        swap = device("swap")
        disks.command("mkswap", swap)
        cls.swap = cls.device_on(swap)
        define(machine, "swap", union_device=cls.swap, **common)
        define(machine, "swap-reset", union_device=cls.swap, union_reset="yes", **common)
        parts = disks.partitioned(os.path.join(place, "parts.disk"), kept, 1)
        define(machine, "parts", union_device=cls.device_on(parts), **common)
        define(machine, "no-device", union_device="/dev/does-not-exist", **common)
        cls.waits = cls.device_on(device("waits"))
        define(machine, "waits", union_device=cls.waits, **common)

    def test_an_empty_device_is_formatted_and_exclusive(self):
        machine = self.machine
        session = machine.begin("plain", name="only")
        info = self.info(session)
        self.assertEqual(info["upper"], self.plain)
        self.assertGreater(info["upper-size"], 30 << 20)
        self.assert_refused(machine.run("begin", "plain"), 125, "only")
        self.assert_refused(machine.run("begin", "plain-too"), 125, "only")
        full = machine.run("run", "--directory", "/", session, "--", "dd", "if=/dev/zero", "of=/big", "bs=1M")
        self.assertIn("No space left on device", full.err)
        machine.inside(session, "sh", "-c", "rm /big; echo kept >/kept")
        machine.stop_daemon(signal.SIGKILL)
        machine.start_daemon()
        self.assert_refused(machine.run("begin", "plain-too"), 125, "only")
        self.reboot()
        self.assertEqual(self.settled(session), "active", machine.log())
        self.assertEqual(machine.inside(session, "cat", "/kept"), "kept")
        machine.ok("end", session)
        with disks.Mounted(self.plain, self.path("mnt2"), "-o", "ro") as folder:
            self.assertEqual([n for n in os.listdir(folder) if n != "lost+found"], [])
        self.assertEqual(machine.inside("plain-too", "sh", "-c", "test -e /kept || echo empty"), "empty")
        self.assert_nothing_left()

    def test_a_file_system_that_is_there_is_used_and_its_files_stay(self):
        machine = self.machine
        self.assertEqual(machine.inside("kept", "sh", "-c", "echo x >/x; cat /x"), "x")
        with disks.Mounted(self.kept, self.path("mnt3"), "-o", "loop,ro") as folder:
            self.assertEqual(sorted(n for n in os.listdir(folder) if n != "lost+found"), ["precious"])
        self.assert_nothing_left()

    def test_what_holds_something_else_is_not_formatted(self):
        machine = self.machine
        self.assert_refused(machine.run("begin", "parts"), 125, "a partition table", "not touched")
        self.assert_refused(machine.run("begin", "swap"), 125, "holds swap", "not touched")
        self.assertIn("swap", disks.command("blkid", "-p", self.swap))
        self.assert_refused(machine.run("begin", "no-device"), 125, "does not exist")
        self.assert_nothing_left()
        self.assertEqual(machine.inside("swap-reset", "sh", "-c", "echo x >/x; cat /x"), "x")
        self.assertIn("ext4", disks.command("blkid", "-p", self.swap))
        self.assert_nothing_left()

    def test_a_device_that_is_mounted_elsewhere(self):
        with disks.Mounted(self.devices[1].device, self.path("busy")):
            self.assert_refused(self.machine.run("begin", "kept"), 125, "in use")
        self.assert_nothing_left()

    def test_the_wait_for_a_device_is_broken_off(self):
        machine = self.machine
        session = machine.begin("waits", name="waits-for-it")
        with disks.Mounted(self.waits, self.path("busy-too")):
            self.reboot()
            self.assertEqual(self.settled(session), "failed", machine.log())
            recovery = self.client("recover", session)
            state = lambda: {s["id"]: s["state"] for s in machine.sessions()}.get(session)
            self.assertTrue(testing.wait_until(lambda: state() == "recovering" or recovery.poll() is not None))
            end = self.client("end", "--force", session)
            _, err = recovery.communicate(timeout=testing.PATIENCE)
            self.assertIn("waiting until " + self.waits + " is not in use: cancelled", err.decode())
        end.communicate(timeout=testing.PATIENCE)
        self.assertIsNone(state())
        self.assert_nothing_left()

    def client(self, *arguments):
        process = self.machine.popen(*arguments)
        self.machine.children[process.pid] = "client"
        return process


class BtrfsSnapshots(DeviceTest):
    @classmethod
    def make(cls):
        disks.require_filesystem("btrfs")
        machine = cls.machine
        image = os.path.join(machine.place, "pool.img")
        disks.make_file(image, 256 << 20)
        disks.command("mkfs.btrfs", "-q", image)
        mounted = disks.Mounted(image, os.path.join(machine.place, "pool"), "-o", "loop")
        cls.mounts.append(mounted)
        cls.pool = mounted.folder
        cls.devices = []
        disks.command("btrfs", "-q", "subvolume", "create", cls.pool + "/base")
        disks.fill(cls.pool + "/base", cls.tree)
        os.mkdir(cls.pool + "/snapshots")
        common = {"type": "btrfs-snapshot", "btrfs_source_subvolume": cls.pool + "/base"}
        define(machine, "snap", btrfs_snapshot_directory=cls.pool + "/snapshots", **common)
        define(machine, "inner", btrfs_snapshot_directory=cls.pool + "/snapshots", location="/usr", **common)
        define(machine, "no-folder", btrfs_snapshot_directory=cls.pool + "/nowhere", **common)
        define(machine, "elsewhere", btrfs_snapshot_directory=machine.state, **common)
        define(machine, "no-subvolume", type="btrfs-snapshot", btrfs_source_subvolume=cls.pool + "/snapshots",
               btrfs_snapshot_directory=cls.pool + "/snapshots")

    def assert_nothing_left(self):
        self.assertEqual(os.listdir(self.pool + "/snapshots"), [])
        self.assertEqual(self.machine.leftovers(besides=[self.pool, "pool.img"]), [], self.machine.log())

    def test_sessions_and_their_source(self):
        machine = self.machine
        one, two = machine.begin("snap", name="one"), machine.begin("snap", name="two")
        machine.inside(one, "sh", "-c", "echo one >/marker; rm -r /mnt")
        self.assertNotEqual(machine.run("run", "--directory", "/", two, "--", "test", "-e", "/marker").status, 0)
        machine.inside(two, "test", "-d", "/mnt")
        self.assertFalse(os.path.exists(self.pool + "/base/marker"))
        self.assertEqual(sorted(os.listdir(self.pool + "/snapshots")), ["one", "two"])
        self.reboot()
        self.assertEqual(self.settled(one), "active", machine.log())
        self.assertEqual(machine.inside(one, "cat", "/marker"), "one")
        machine.ok("end", one)
        machine.ok("end", two)
        machine.inside("source:snap", "sh", "-c", "echo source >/from-source")
        self.assertEqual(machine.inside("snap", "cat", "/from-source"), "source")
        self.assert_nothing_left()

    def test_subvolumes_made_inside_go_too(self):
        machine = self.machine
        session = machine.begin("snap", name="nested")
        view = machine.ok("location", session)
        inside = self.pool + "/snapshots/nested"
        for path in ("/srv/a", "/srv/a/b", "/deep", "/deep/with,comma \u00e4"):
            disks.command("btrfs", "-q", "subvolume", "create", inside + path)
        os.symlink("/", inside + "/srv/a/root")
        self.assertTrue(os.path.isdir(view))
        machine.ok("end", session)
        self.assert_nothing_left()
        self.assertTrue(os.path.isdir(self.pool + "/base/etc"))

    def test_what_is_there_already_stays(self):
        machine = self.machine
        os.mkdir(self.pool + "/snapshots/theirs")
        self.assert_refused(machine.run("begin", "--name", "theirs", "snap"), 125, "already")
        self.assertTrue(os.path.isdir(self.pool + "/snapshots/theirs"))
        os.rmdir(self.pool + "/snapshots/theirs")
        self.assert_nothing_left()

    def test_bad_places(self):
        machine = self.machine
        self.assert_refused(machine.run("begin", "no-folder"), 125, "nowhere does not exist")
        self.assert_refused(machine.run("begin", "elsewhere"), 125, "same file system")
        self.assert_refused(machine.run("begin", "no-subvolume"), 125, "is not a subvolume")
        self.assert_nothing_left()

    def test_a_snapshot_that_is_gone(self):
        machine = self.machine
        session = machine.begin("snap", name="lost")
        machine.stop_daemon(signal.SIGKILL)
        for point in sorted((p for p in testing.mount_points() if p.startswith(machine.runtime + "/")), key=len, reverse=True):
            testing._libc.umount2(os.fsencode(point), 2 | 8)
        disks.command("btrfs", "-q", "subvolume", "delete", self.pool + "/snapshots/lost")
        machine.start_daemon()
        self.assertEqual(self.settled(session), "failed")
        self.assertIn("is gone", self.info(session)["error"])
        machine.ok("end", session)
        self.assert_nothing_left()


class OtherKinds(testing.EndToEndTest):
    @classmethod
    def prepare(cls):
        machine = cls.machine
        cls.tree = testing.small_tree()
        layers = []
        for number in range(499):
            layer = os.path.join(machine.place, f"l/{number}")
            os.makedirs(layer)
            with open(os.path.join(layer, f"file{number}"), "w") as file:
                file.write(str(number))
            with open(os.path.join(layer, "same"), "w") as file:
                file.write(str(number))
            layers.append(layer)
        cls.layers = layers + [cls.tree]
        define(machine, "many", type="layers", lower_directories=",".join(cls.layers))
        define(machine, "three", type="layers", lower_directories=",".join([layers[7], layers[3], cls.tree]))
        define(machine, "tree", type="directory", directory=cls.tree, union_type="overlay")
        define(machine, "lvm", type="lvm-snapshot", device="/dev/unionroot-none/base", lvm_snapshot_options="--size 10M")
        define(machine, "zfs", type="zfs-snapshot", zfs_dataset="unionroot-none/base")

    def test_layers(self):
        # The daemon has 500 trees open at once.
        if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 1024:
            self.skipTest("needs a hard limit of 1024 open files")
        machine = self.machine
        out = machine.inside("many", "sh", "-c", "cat /file0 /same /file498; test -e /etc/passwd && ls / | wc -l")
        self.assertTrue(out.startswith("00498"), out)
        self.assertEqual(machine.inside("three", "cat", "/same"), "7")
        session = machine.begin("three", name="on-three")
        self.assertEqual(len([n for n in os.listdir(machine.state + "/locks") if ".session." in n]), 3)
        self.assert_refused(machine.run("lock", "tree", "--", "true"), 125, session)  # a layer of it
        machine.ok("end", session)
        self.assert_nothing_left()

    def test_lvm_that_is_not_there(self):
        self.assert_refused(self.machine.run("begin", "lvm"), 125, "/dev/unionroot-none/base does not exist")
        self.assert_nothing_left()

    def test_zfs_that_is_not_there(self):
        if shutil.which("zfs"):
            self.skipTest("this machine has zfs")
        self.assert_refused(self.machine.run("begin", "zfs"), 125, "zfs is not installed", "apt-get install zfsutils-linux")
        self.assert_nothing_left()


class Lvm(unittest.TestCase):
    def test_in_this_machine(self):
        """Here where it can be had; the machine of the reboot test has it."""
        import lvm_in_machine
        lvm_in_machine.require()
        lvm_in_machine.run()


if __name__ == "__main__":
    testing.main()
