"""The crash sweep over sessions whose source is an image and whose upper layer is one: the daemon killed, and each call
failing, at every step of begin, run, end and start. As tests/peers/recovery, which has the operations."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "recovery"))

import crash_sweep_test as sweep  # noqa: E402
import disks  # noqa: E402
import unionroot_testing as testing  # noqa: E402
from recovery_testing import CrashMachine  # noqa: E402


class ImageSweep(sweep.Sweep):
    @classmethod
    def define(cls, machine, tree):
        image = disks.make_image("squashfs", os.path.join(machine.place, "tree.squashfs"), tree)
        machine.define("small", f"[small]\ntype=image\nfile={image}\nprofile=buildd\nunion-backing=image\nunion-size=32M\n")

    @classmethod
    def setUpClass(cls):
        disks.require_loop()
        cls.machine = CrashMachine()
        cls.mounted = None
        try:
            tree = testing.small_tree()
            cls.tree_before = testing.tree_lines(tree)
            cls.define(cls.machine, tree)
            cls.machine.moved = os.path.join(cls.machine.place, "tree")
            cls.machine.session_names.update(["swept", "again"])
            cls.machine.start()
        except BaseException:
            cls.unmount()
            cls.machine.close()
            raise

    def one(self, kind, variable, number):
        # A start passes over a thousand points, each of which takes a second with images.
        if kind.from_start and number % 16 != 1 and not sweep.ONLY:
            return
        try:
            super().one(kind, variable, number)
        except AssertionError as error:
            print(f"{kind.__name__}, {variable}={number}: {error}", file=sys.stderr, flush=True)
            raise

    @classmethod
    def unmount(cls):
        if cls.mounted is not None:
            cls.mounted.__exit__()
            cls.mounted = None

    @classmethod
    def tearDownClass(cls):
        cls.machine.run("end", "--all", "--force")
        cls.unmount()
        super().tearDownClass()


class SnapshotSweep(ImageSweep):
    """Of sessions on snapshots of a btrfs subvolume."""

    @classmethod
    def define(cls, machine, tree):
        disks.require_filesystem("btrfs")
        image = os.path.join(machine.place, "pool.img")
        disks.make_file(image, 256 << 20)
        disks.command("mkfs.btrfs", "-q", image)
        cls.mounted = disks.Mounted(image, os.path.join(machine.place, "pool"), "-o", "loop")
        cls.mounted.__enter__()
        pool = cls.mounted.folder
        disks.command("btrfs", "-q", "subvolume", "create", pool + "/base")
        disks.fill(pool + "/base", tree)
        os.mkdir(pool + "/snapshots")
        machine.define("small", f"[small]\ntype=btrfs-snapshot\nprofile=buildd\nbtrfs-source-subvolume={pool}/base\n"
                                f"btrfs-snapshot-directory={pool}/snapshots\n")
        machine.problems = lambda settle=5.0: cls.problems_beside(machine, settle)

    @classmethod
    def problems_beside(cls, machine, settle):
        """What is left, but for the test's own mount."""
        found = []

        def clean():
            found[:] = [line for line in machine.leftovers(0) if "/pool" not in line]
            found.extend("snapshot: " + name for name in os.listdir(cls.mounted.folder + "/snapshots"))
            return not found

        testing.wait_until(clean, settle)
        return list(found)


class Start(sweep.Start):
    """Its sessions take longer to begin: a daemon that is stopped meanwhile cancels them."""

    def prepare(self):
        super().prepare()
        ready = lambda: all(s["state"] == "active" and (not s["automatic"] or s["run-count"]) for s in self.machine.sessions())
        if not testing.wait_until(ready, 20):
            raise AssertionError("not active: " + str(self.machine.sessions()))


def cases(mixin, kind):
    class Case(mixin, unittest.TestCase):
        def test_killed(self):
            self.sweep(kind, "UNIONROOT_CRASH_AT")

        def test_failing(self):
            self.sweep(kind, "UNIONROOT_FAIL_AT")

    Case.__name__ = Case.__qualname__ = mixin.__name__ + kind.__name__
    return Case


ImageBegin = cases(ImageSweep, sweep.Begin)
ImageRunAutomatic = cases(ImageSweep, sweep.RunAutomatic)
ImageEnd = cases(ImageSweep, sweep.End)
ImageStart = cases(ImageSweep, Start)
SnapshotBegin = cases(SnapshotSweep, sweep.Begin)
SnapshotEnd = cases(SnapshotSweep, sweep.End)

if __name__ == "__main__":
    testing.main()
