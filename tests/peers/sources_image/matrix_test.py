"""Every kind of source, and every kind of upper layer, through the same life: begin, run, the daemon killed, the daemon
stopped, the machine restarted (as far as that can be had without one), end. Table-driven: a kind is a line."""

import os
import shutil
import signal
import subprocess
import sys
import tarfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "recovery"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "sources_archive"))

import disks  # noqa: E402
import unionroot_testing as testing  # noqa: E402
from recovery_testing import CrashMachine  # noqa: E402


class Lives(unittest.TestCase):
    """A daemon for the class. What the class makes for itself (mounts, devices) does not count as left behind."""

    @classmethod
    def setUpClass(cls):
        disks.require_loop()
        testing.require_end_to_end()
        cls.tree = testing.small_tree()
        cls.before = testing.tree_lines(cls.tree)
        cls.machine = CrashMachine(environment={"UNIONROOT_BOOT_ID": "first-boot"})
        cls.boots = 0
        cls.cleanups = []
        cls.skipped = {}
        try:
            cls.make(cls.machine.place)
            cls.machine.start()
        except BaseException:
            cls.unmake()
            cls.machine.close()
            raise

    @classmethod
    def unmake(cls):
        while cls.cleanups:
            cls.cleanups.pop()()

    @classmethod
    def tearDownClass(cls):
        cls.machine.run("end", "--all", "--force")
        testing.wait_until(lambda: not cls.machine.sessions())
        cls.unmake()
        log = cls.machine.log()
        problems = cls.machine.close()
        if testing.tree_lines(cls.tree) != cls.before:
            problems.append("the tree was changed")
        if problems:
            raise AssertionError("left behind:\n  " + "\n  ".join(problems) + "\ndaemon's log:\n" + log)

    @classmethod
    def define(cls, name, **keys):
        keys = {"profile": "buildd", **keys}
        lines = [f"{key.replace('_', '-')}={value}" for key, value in keys.items()]
        cls.machine.define(name, "\n".join([f"[{name}]", *lines]) + "\n")

    @classmethod
    def path(cls, name):
        return os.path.join(cls.machine.place, name)

    @classmethod
    def device_on(cls, path):
        device = disks.LoopDevice(path)
        cls.cleanups.append(device.close)
        cls.own = getattr(cls, "own", []) + [device.device + " "]
        return device.device

    @classmethod
    def mounted(cls, image, folder):
        mounted = disks.Mounted(image, folder, "-o", "loop")
        cls.cleanups.append(mounted.__exit__)
        cls.own = getattr(cls, "own", []) + [image, folder]
        return folder

    def assert_nothing_left(self):
        own = getattr(self, "own", [])
        self.assertEqual(self.machine.leftovers(besides=own), [], self.machine.log())

    def tearDown(self):
        for session in self.machine.sessions():
            self.machine.run("end", "--force", session["id"])
        self.assert_nothing_left()

    def kind(self, name):
        if name in self.skipped:
            self.skipTest(self.skipped[name])
        return name

    def reboot(self):
        type(self).boots += 1
        self.machine.end_daemon(signal.SIGKILL)
        self.machine.simulate_reboot(f"boot-{self.boots}")
        self.machine.start_daemon()

    def read(self, session, path="/srv/marker"):
        return self.machine.inside(session, "cat", path)

    def has(self, session, path):
        return self.machine.run("run", "--directory", "/", session, "--", "test", "-e", path).status == 0

    def check_life(self, chroot, shared=True, survives_boot=True, emptied=False):
        machine = self.machine
        one = machine.begin(chroot, name=chroot + "-one")
        hosts = self.read(one, "/etc/hosts")
        machine.inside(one, "sh", "-c", "echo kept >/srv/marker; rm /etc/hosts; sync")
        if shared:
            two = machine.begin(chroot, name=chroot + "-two")
            self.assertFalse(self.has(two, "/srv/marker"))
            self.assertEqual(self.read(two, "/etc/hosts"), hosts)
            machine.ok("end", two)
        else:
            refused = machine.run("begin", chroot)
            self.assertEqual(refused.status, 125, repr(refused))
            self.assertIn(one, refused.err)
        for how in (signal.SIGKILL, signal.SIGTERM):
            machine.restart(how)
            self.assertEqual(machine.settled(one), "active", machine.log())
            self.assertEqual(self.read(one), "kept")
            self.assertFalse(self.has(one, "/etc/hosts"))
        self.reboot()
        if not survives_boot:
            self.assertEqual(machine.settled(one), "failed")
            self.assertIn("in memory", machine.info(one)["error"])
        else:
            self.assertEqual(machine.settled(one), "active", f"{machine.info(one).get('error')}\n{machine.log()}")
            self.assertEqual(self.has(one, "/srv/marker"), not emptied)
            machine.inside(one, "sh", "-c", "echo more >>/srv/marker")
            if shared:  # others begin on the same source as before
                self.assertEqual(machine.inside(chroot, "sh", "-c", "test -e /srv/marker || cat /etc/hosts"), hosts)
            self.reboot()  # and once more, from what the first recovery left
            self.assertEqual(machine.settled(one), "active", f"{machine.info(one).get('error')}\n{machine.log()}")
            self.assertEqual(self.has(one, "/srv/marker"), not emptied)
        machine.ok("end", one)
        self.assert_nothing_left()


class Sources(Lives):
    # Kinds whose sessions write to the source itself, so that there is one at a time.
    alone = ("loopback-own", "block-device-own")

    @classmethod
    def make(cls, place):
        tree = cls.tree
        cls.define("directory", type="directory", directory=tree, union_type="overlay")
        subprocess.run(["tar", "-C", tree, "--numeric-owner", "-czf", cls.path("tree.tar.gz"), "."], check=True)
        cls.define("tarball", type="file", file=cls.path("tree.tar.gz"))
        for name in ("top", "middle"):
            os.makedirs(cls.path(name) + "/opt")
            cls.machine._write(cls.path(name) + "/opt/" + name, name)
        cls.define("layers", type="layers", lower_directories=",".join([cls.path("top"), cls.path("middle"), tree]))
        cls.make_oci(tree)
        try:
            cls.define("image", type="image", file=disks.make_image("squashfs", cls.path("tree.squashfs"), tree))
        except unittest.SkipTest as reason:
            cls.skipped["image"] = str(reason)
        for name in ("loop-shared", "loop-own", "dev-shared", "dev-own"):
            disks.make_image("ext4", cls.path(name + ".img"), tree)
        cls.define("loopback", type="loopback", file=cls.path("loop-shared.img"), union_type="overlay")
        cls.define("loopback-own", type="loopback", file=cls.path("loop-own.img"))
        cls.define("block-device", type="block-device", device=cls.device_on(cls.path("dev-shared.img")), union_type="overlay")
        cls.define("block-device-own", type="block-device", device=cls.device_on(cls.path("dev-own.img")))
        try:
            cls.make_btrfs(tree)
        except unittest.SkipTest as reason:
            cls.skipped["btrfs-snapshot"] = str(reason)

    @classmethod
    def make_oci(cls, tree):
        import oci_test as oci
        layout = oci.Layout(cls.path("layout"))
        base = subprocess.run(["tar", "-C", tree, "--numeric-owner", "-cf", "-", "."], stdout=subprocess.PIPE, check=True).stdout
        top = oci.layer(("opt/", None), ("opt/top", b"top"), ("mnt/.wh..wh..opq", b""))
        layout.index(layout.manifest([layout.blob(base, oci.LAYER), layout.blob(top, oci.LAYER)]))
        cls.define("oci", type="oci", directory=layout.path)

    @classmethod
    def make_btrfs(cls, tree):
        disks.require_filesystem("btrfs")
        disks.make_file(cls.path("pool.img"), 256 << 20)
        disks.command("mkfs.btrfs", "-q", cls.path("pool.img"))
        pool = cls.mounted(cls.path("pool.img"), cls.path("pool"))
        disks.command("btrfs", "-q", "subvolume", "create", pool + "/base")
        disks.fill(pool + "/base", tree)
        os.mkdir(pool + "/snapshots")
        cls.define("btrfs-snapshot", type="btrfs-snapshot", btrfs_source_subvolume=pool + "/base",
                   btrfs_snapshot_directory=pool + "/snapshots")

    def tearDown(self):
        super().tearDown()
        self.assertEqual(os.listdir(self.path("pool/snapshots")) if "btrfs-snapshot" not in self.skipped else [], [])

    def test_source_session_of_a_tarball_is_packed_after_a_reboot(self):
        """What it changed survives the restarts between its begin and its end."""
        machine = self.machine
        shutil.copy2(self.path("tree.tar.gz"), self.path("changed.tar.gz"))
        self.define("changed", type="file", file=self.path("changed.tar.gz"))
        testing.wait_until(lambda: machine.run("info", "changed").status == 0)
        session = machine.begin("source:changed", name="changed-one")
        machine.inside("session:" + session, "sh", "-c", "echo one >/srv/one; sync")
        self.reboot()
        self.assertEqual(machine.settled(session), "active", machine.log())
        self.assertEqual(machine.run("begin", "changed").status, 125)
        machine.inside("session:" + session, "sh", "-c", "echo two >/srv/two")
        machine.ok("end", session)
        with tarfile.open(self.path("changed.tar.gz")) as archive:
            self.assertLessEqual({"./srv/one", "./srv/two", "./etc/passwd"}, set(archive.getnames()))
        self.assertEqual(machine.inside("changed", "cat", "/srv/one", "/srv/two"), "one\ntwo")


def source_test(name):
    return lambda self: self.check_life(self.kind(name), shared=name not in Sources.alone)


for source in ("directory", "tarball", "layers", "oci", "image", "loopback", "loopback-own", "block-device",
               "block-device-own", "btrfs-snapshot"):
    setattr(Sources, "test_" + source.replace("-", "_"), source_test(source))


class UpperLayers(Lives):
    # Of what the tests below are made: name, keys, what check_life expects of it.
    kinds = {
        "directory": ({"union_backing": "directory"}, {}),
        "elsewhere": ({"union_backing": "directory", "union_overlay_directory": "elsewhere"}, {}),
        "tmpfs": ({"union_backing": "tmpfs", "union_size": "16M"}, {"survives_boot": False}),
        "image": ({"union_backing": "image", "union_size": "32M"}, {}),
        "device": ({"union_backing": "device"}, {"shared": False}),
        "directory-reset": ({"union_backing": "directory", "union_reset": "yes"}, {"emptied": True}),
        "tmpfs-reset": ({"union_backing": "tmpfs", "union_size": "16M", "union_reset": "yes"}, {"emptied": True}),
        "image-reset": ({"union_backing": "image", "union_size": "32M", "union_reset": "yes"}, {"emptied": True}),
        "device-reset": ({"union_backing": "device", "union_reset": "yes"}, {"shared": False, "emptied": True}),
    }

    @classmethod
    def make(cls, place):
        small = cls.path("elsewhere.img")
        disks.make_file(small, 48 << 20)
        disks.command("mkfs.ext4", "-q", "-F", small)
        os.makedirs(cls.mounted(small, cls.path("elsewhere")), exist_ok=True)
        for name, (keys, _) in cls.kinds.items():
            keys = dict(keys)
            if "union_overlay_directory" in keys:
                keys["union_overlay_directory"] = cls.path("elsewhere") + "/layers"
            if keys["union_backing"] == "device":
                disks.make_file(cls.path(name + ".disk"), 48 << 20)
                keys["union_device"] = cls.device_on(cls.path(name + ".disk"))
            cls.define(name, type="directory", directory=cls.tree, union_type="overlay", **keys)
            for choice in ("yes", "no"):
                cls.define(f"{name}-volatile-{choice}", type="directory", directory=cls.tree, union_type="overlay",
                           union_volatile=choice, **keys)

    def check_full(self, chroot):
        """ENOSPC for whom it fills, and for nobody else; size and use are shown; what was there is whole."""
        machine = self.machine
        session, other = machine.begin(chroot, name=chroot + "-one"), machine.begin("directory", name="directory-two")
        machine.inside(session, "sh", "-c", "echo kept >/srv/marker")
        before = machine.info(session)
        full = machine.run("run", "--directory", "/", session, "--", "dd", "if=/dev/zero", "of=/srv/big", "bs=1M", "count=200")
        self.assertIn("No space left on device", full.err)
        machine.inside(other, "sh", "-c", "echo fits >/srv/small; cat /srv/small")
        machine.inside("directory", "sh", "-c", "echo fits >/srv/small")
        after = machine.info(session)
        if chroot != "elsewhere":  # a file system that is not the session's own has no figures of the session's
            self.assertEqual(before["upper-size"], after["upper-size"])
            self.assertGreater(after["upper-used"], before["upper-used"])
            self.assertGreater(after["upper-used"], after["upper-size"] * 8 // 10)
            text = machine.ok("info", session)
            self.assertIn("Upper layer's size", text)
            self.assertIn("MiB", text)
        # A daemon that starts meanwhile takes it up as it is.
        machine.restart(signal.SIGKILL)
        self.assertEqual(machine.settled(session), "active")
        self.assertEqual(self.read(session), "kept")
        machine.inside(session, "sh", "-c", "rm /srv/big; echo fits >/srv/small")
        machine.ok("end", session, other)

    def volatile(self, session):
        line = [l for l in self.machine.inside(session, "cat", "/proc/self/mountinfo").splitlines() if l.split()[4] == "/"][0]
        # Newer kernels have another word for it.
        return bool({"volatile", "fsync=volatile"} & set(line.split(" - ")[1].split()[2].split(",")))

    def test_volatile(self):
        """Automatic sessions unless told otherwise; preserved ones never, whatever is asked for."""
        for name in ("directory", "tmpfs", "image", "device"):
            with self.subTest(name):
                self.assertTrue(self.volatile(name))
                self.assertTrue(self.volatile(name + "-volatile-yes"))
                self.assertFalse(self.volatile(name + "-volatile-no"))
                for chroot in (name, name + "-volatile-yes"):
                    session = self.machine.begin(chroot, name=chroot + "-one")
                    self.assertFalse(self.volatile(session))
                    self.machine.ok("end", session)


def life_test(name):
    return lambda self: self.check_life(name, **UpperLayers.kinds[name][1])


def full_test(name):
    return lambda self: self.check_full(name)


for backing in UpperLayers.kinds:
    setattr(UpperLayers, "test_life_of_" + backing.replace("-", "_"), life_test(backing))
for backing in ("elsewhere", "tmpfs", "image", "device"):
    setattr(UpperLayers, "test_full_" + backing, full_test(backing))


if __name__ == "__main__":
    testing.main()
