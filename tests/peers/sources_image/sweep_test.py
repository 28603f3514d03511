"""The crash sweep over sessions whose source is an image and whose upper layer is one: the daemon killed, and each call
failing, at every step of begin, run, end and start. As tests/peers/recovery, which has the operations."""

import os
import sys

for folder in ("recovery", "sources_archive"):
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, folder))

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
            cls.machine.start()
        except BaseException:
            cls.unmount()
            cls.machine.close()
            raise

    def one(self, kind, variable, number):
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
        machine.problems = lambda settle=60.0: cls.problems_beside(machine, settle)

    @classmethod
    def problems_beside(cls, machine, settle):
        """What is left, but for the test's own mount."""
        snapshots = lambda: ["snapshot: " + name for name in os.listdir(cls.mounted.folder + "/snapshots")]
        found = machine.leftovers(settle, besides=["/pool"])
        testing.wait_until(lambda: not snapshots(), settle)
        return found + snapshots()


class Start(sweep.Start):
    """Its sessions take longer to begin: a daemon that is stopped meanwhile cancels them."""

    def prepare(self):
        super().prepare()
        ready = lambda: all(s["state"] == "active" and (not s["automatic"] or s["run-count"]) for s in self.machine.sessions())
        if not testing.wait_until(ready):
            raise AssertionError("not active: " + str(self.machine.sessions()))


class ArchiveSweep(ImageSweep):
    """Of sessions on a tarball, in memory. Each begins on a cold cache, or nothing would be unpacked."""

    @classmethod
    def define(cls, machine, tree):
        archive = os.path.join(machine.place, "tree.tar.gz")
        testing.subprocess.run(["tar", "-C", tree, "--numeric-owner", "-czf", archive, "."], check=True)
        machine.define("small", f"[small]\ntype=file\nfile={archive}\nprofile=buildd\nunion-backing=tmpfs\nunion-size=32M\n")
        machine.cool = lambda: os.utime(archive)
        machine.problems = lambda settle=60.0: cls.problems_with_cache(machine, settle)

    @classmethod
    def problems_with_cache(cls, machine, settle):
        """What is left; and whatever is in the cache is whole, and used by nobody."""
        found = machine.leftovers(settle)
        cache = os.path.join(machine.state, "cache")
        for name in sorted(os.listdir(cache)) if os.path.isdir(cache) else []:
            if name.startswith(".unionroot-"):
                found.append("cache: " + name)
            elif not name.endswith(".lock"):
                users = os.listdir(os.path.join(cache, name, "users"))
                found.extend(f"cache: {name} is used by {user}" for user in users)
                if os.listdir(os.path.join(cache, name, "tree")) == []:
                    found.append(f"cache: {name} is empty")
        return found


class LayersSweep(ImageSweep):
    """Of sessions on three layers, on a device that holds a file system."""

    @classmethod
    def define(cls, machine, tree):
        layers = [os.path.join(machine.place, name) for name in ("top", "middle")]
        for layer in layers:
            os.makedirs(layer + "/opt")
        disk = os.path.join(machine.place, "upper.disk")
        disks.make_file(disk, 32 << 20)
        cls.device = disks.LoopDevice(disk)
        machine.define("small", f"[small]\ntype=layers\nlower-directories={','.join([*layers, tree])}\nprofile=buildd\n"
                                f"union-backing=device\nunion-device={cls.device.device}\n")
        machine.trees = 3
        machine.problems = lambda settle=60.0: cls.problems_on_device(machine, settle)

    @classmethod
    def unmount(cls):
        if getattr(cls, "device", None) is not None:
            cls.device.close()
            cls.device = None

    @classmethod
    def problems_on_device(cls, machine, settle):
        """What is left, but for the test's own device; and what is left in the file system on it."""
        found = machine.leftovers(settle, besides=[cls.device.device + " "])
        if found or disks.command("sh", "-c", f"blkid -p {cls.device.device} || true") == "":
            return found
        with disks.Mounted(cls.device.device, os.path.join(machine.place, "look"), "-o", "ro") as folder:
            return ["device: " + name for name in os.listdir(folder) if name != "lost+found"]


class OciSweep(ArchiveSweep):
    """Of sessions on an image layout with two layers."""

    @classmethod
    def define(cls, machine, tree):
        import oci_test as oci
        layout = oci.Layout(os.path.join(machine.place, "layout"))
        base = testing.subprocess.run(["tar", "-C", tree, "--numeric-owner", "-cf", "-", "."],
                                      stdout=testing.subprocess.PIPE, check=True).stdout
        base = layout.blob(base, oci.LAYER)
        machine.define("small", f"[small]\ntype=oci\ndirectory={layout.path}\nprofile=buildd\n")
        number = [0]

        def cool():
            """Another second layer, and another base: the old ones are nobody's any more."""
            number[0] += 1
            top = oci.layer(("opt/", None), ("opt/number", str(number[0]).encode()), (".wh.mnt", b""))
            layout.index(layout.manifest([base, layout.blob(top, oci.LAYER)]))

        cool()
        machine.cool = cool
        machine.problems = lambda settle=60.0: cls.problems_with_cache(machine, settle)


class ColdBegin(sweep.Begin):
    def prepare(self):
        machine = self.machine
        machine.cool()
        machine.restart()  # it drops what is outdated, so that its points are not among those of the begin
        trash = os.path.join(machine.state, "trash")
        if not testing.wait_until(lambda: not os.path.isdir(trash) or not os.listdir(trash)):
            raise AssertionError("the trash is not emptied")


class ChangeTarball(sweep.Operation):
    """A command that changes the tarball itself, which is packed anew when it has ended."""

    def operate(self):
        return self.machine.run("run", "--directory", "/", "source:small", "--", "sh", "-c", "echo x >/opt/file")

    def expect(self, result, died):
        machine = self.machine
        # What could not be packed stays as a failed session, to be ended again.
        testing.wait_until(lambda: all(s["state"] == "failed" for s in machine.sessions()))
        for session in machine.sessions():
            machine.ok("end", session["id"])
        out = machine.ok("run", "--directory", "/", "small", "--", "sh", "-c", "cat /etc/hostname; cat /opt/file || true")
        if result is not None and result.status == 0 and not out.endswith("x"):
            raise AssertionError("the change is not in the archive: " + out)
        machine.ok("run", "--directory", "/", "source:small", "--", "rm", "-f", "/opt/file")
        left = [name for name in os.listdir(machine.place) if name.startswith(".unionroot-")]
        if left:
            raise AssertionError("left beside the archive: " + " ".join(left))


def sampled(kind, mixin, times=1, stages=None):
    """As sweep_case(), with fewer points: each of these takes longer than those of a directory. stages: only those within these
    stages of a begin, by their number; what the others do is the same for every kind of source."""
    made = sweep.sweep_case(kind, mixin)
    made.times = times

    def within(self, names):
        numbers = range(1, len(names) + 1)
        # The session's record is written, and then, before each stage, that it starts.
        starts = [number for number in numbers if names[number - 1].strip() == "store_committed"]
        numbers = [number for number in numbers if sum(start < number for start in starts) - 2 in stages]
        self.assertGreater(len(numbers), 5, names)
        return numbers

    if stages is not None:
        made.candidates = within
    return made


BLOCK_DEVICE, UNION = 0, 2


ImageBegin = sweep.sweep_case(sweep.Begin, ImageSweep)
ImageRunAutomatic = sweep.sweep_case(sweep.RunAutomatic, ImageSweep)
ImageEnd = sweep.sweep_case(sweep.End, ImageSweep)
# A start passes over a thousand points, each of which takes a second with images.
ImageStart = sampled(Start, ImageSweep, times=16)
SnapshotBegin = sweep.sweep_case(sweep.Begin, SnapshotSweep)
SnapshotEnd = sweep.sweep_case(sweep.End, SnapshotSweep)
ArchiveBegin = sampled(ColdBegin, ArchiveSweep, stages=(BLOCK_DEVICE, UNION))
ArchiveEnd = sampled(sweep.End, ArchiveSweep, times=2)
ArchiveChange = sampled(ChangeTarball, ArchiveSweep, times=14)
OciBegin = sampled(ColdBegin, OciSweep, stages=(BLOCK_DEVICE,))
OciEnd = sampled(sweep.End, OciSweep, times=3)
LayersBegin = sampled(sweep.Begin, LayersSweep, stages=(UNION,))
LayersEnd = sampled(sweep.End, LayersSweep, times=2)

if __name__ == "__main__":
    testing.main()
