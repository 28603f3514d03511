#!/usr/bin/python3
"""Debian 12 with systemd and initramfs-tools, whole, in an emulator: the hook and the script put the overlay there, and nothing
of the system minds.

UNIONROOT_BOOT_ALL=1 also boots it again (what was written is there), with a temporary upper layer, with partitions by name, with an
image and a volume, by dracut, and with the overlay off: there each claim must be false (scripts/nightly boot).
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.join(HERE, "../../peers/machine")]

import image  # noqa: E402
import skips  # noqa: E402
import unionroot_testing as testing  # noqa: E402
from emulator import Emulator  # noqa: E402

BUILD = os.environ["UNIONROOT_BUILD_DIR"]
ALL = os.environ.get("UNIONROOT_BOOT_ALL") == "1"
SECONDS = float(os.environ.get("UNIONROOT_MACHINE_SECONDS", "900"))  # of a boot; it takes 20 on a quiet machine
PART_UUID = "7E0B3A7C-4D0F-4E7E-9C3E-1F1D6A2B5C01"
# What is needed to find the disks. All else comes from our hook.
MODULES = "virtio_pci\nvirtio_blk\n"


def claims(kept):
    def said(name, value):
        return (f"{name} is {value}", lambda facts: value in facts.get(name, []))

    return [("the root is an overlay", lambda facts: facts.get("root") == ["overlay"]),
            said("status", "state=overlay"), said("status", "degraded=no"), said("status", "upper=/dev/vdb"),
            said("status", "check=clean"),
            ("the journal has it", lambda facts: int(facts["journal"][0]) > 0),
            ("systemd-remount-fs leaves the root alone", lambda facts: facts["remount"] == ["no"]),
            ("the lower layer is visible, and read-only",
             lambda facts: facts.get("lower") == ["yes"] and "lowerwritten" not in facts
             and "ro" in facts["mount"][0].split(" ")[0].split(",")),
            ("the upper layer is visible", lambda facts: facts.get("upper") == ["yes"] and facts["mount"][0].endswith("/dev/vdb")),
            ("systemd knows its disk", lambda facts: facts["volatile"][0].startswith("/dev/block/")),
            ("the disk stays as it is", lambda facts: facts["disk"] == ["same"]),
            (f"what an earlier boot wrote is {'there' if kept else 'gone'}, and an account can be added",
             lambda facts: "state=overlay" in facts.get("status", []) and facts["kept"] == (["kept"] if kept else [""])
             and facts["user"] == (["probe"] if kept else [""]))]


# These hold on a machine without an overlay, too: they are what the overlay must not spoil.
NO_HARM = [("nothing has failed", lambda facts: facts.get("running") == ["running"] and "failed" not in facts),
           ("files can be written", lambda facts: facts.get("write") == ["yes"]),
           ("the disks are as after an orderly end, without a journal to be replayed",
            lambda facts: facts["unclean"] == []),
           ("init is the first process, in this root", lambda facts: facts.get("init") == ["yes"])]


class WholeTest(unittest.TestCase):
    packages = ()

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("needs root: the files of the disk are root's")
        Emulator.require()
        for program, package in (("mmdebstrap", "mmdebstrap"), ("mke2fs", "e2fsprogs"), ("sfdisk", "fdisk")):
            if shutil.which(program) is None:
                raise unittest.SkipTest(f"needs {program} (apt-get install {package})")
        base = image.base_root([*image.PACKAGES, *cls.packages, *image.library_packages(image.installed_programs(BUILD))])
        cls.place = tempfile.mkdtemp(prefix="unionroot-boot-whole.", dir=testing.SCRATCH)
        if not testing.KEEP:
            cls.addClassCleanup(shutil.rmtree, cls.place)
        cls.make_disks(base)

    @classmethod
    def make_disks(cls, base):
        root = os.path.join(cls.place, "root")
        image.command("cp", "-a", "--reflink=auto", base, root)
        image.command("cmake", "-DCMAKE_INSTALL_DO_STRIP=1", "-P", os.path.join(BUILD, "boot/cmake_install.cmake"),
                      env={**os.environ, "DESTDIR": root})
        image.write(root, "/etc/initramfs-tools/modules", MODULES)
        image.write(root, "/etc/initramfs-tools/conf.d/test", "MODULES=list\nCOMPRESS=gzip\n")
        image.write(root, "/etc/hostname", "machine\n")
        image.write(root, "/etc/machine-id", "5f1c8a3e2b7d49608c1de2f3a4b5c6d7\n", 0o444)
        # It says that the root is to be mounted for writing, and to grow. An overlay cannot swap to a file.
        image.write(root, "/etc/fstab", "/dev/vda / ext4 defaults,x-systemd.growfs 0 1\n/swapfile none swap sw 0 0\n")
        image.write(root, "/swapfile", "", 0o600)
        with open(os.path.join(root, "swapfile"), "r+b") as file:
            file.write(b"\xa5" * (1 << 20))  # without holes
        image.command("mkswap", os.path.join(root, "swapfile"))
        os.makedirs(os.path.join(root, "var/log/journal"), exist_ok=True)
        inside = os.path.join(root, "opt/boot-test")
        os.makedirs(inside)
        shutil.copy(os.path.join(HERE, "guest"), inside)
        shutil.copy(os.path.join(HERE, "boot-test.service"), os.path.join(root, "etc/systemd/system"))
        image.command("systemctl", "--root=" + root, "enable", "boot-test.service")
        image.command("systemctl", "--root=" + root, "mask", *image.MASKED)
        for path, name in zip(cls.boot_files(root), ("vmlinuz", "initrd")):
            shutil.copy(path, os.path.join(cls.place, name))
        cls.disk, cls.upper = (os.path.join(cls.place, name) for name in ("disk.img", "upper.img"))
        image.command("mke2fs", "-q", "-t", "ext4", "-d", root, cls.disk, "2G")
        image.command("mke2fs", "-q", "-t", "ext4", "-L", "rw", cls.upper, "256M")
        shutil.rmtree(root)

    @staticmethod
    def boot_files(root):
        """(kernel, initial file system)"""
        image.command("unshare", "--mount", "chroot", root, "update-initramfs", "-u")
        return image.boot_files(root)

    def boot(self, *parameters):
        """What the machine said of itself, {name: [value]}."""
        before = testing.file_checksum(self.disk)
        console = os.path.join(self.place, "console")
        machine = Emulator(self.disk, os.path.join(self.place, "vmlinuz"), os.path.join(self.place, "initrd"), console,
                           [self.upper], " ".join(["root=/dev/vda", *parameters]))
        facts, end = {}, time.monotonic() + SECONDS
        started = time.monotonic()
        machine.start()
        try:
            while (line := machine.read_line(end)) is not None:
                name, _, value = line.removeprefix("@@ ").partition(" ")
                facts.setdefault(name, []).append(value)
        except TimeoutError:
            facts["late"] = ["yes"]
        finally:
            machine.close()
        with open(console, errors="replace") as file:
            self.console = file.read()
        self.assertIn("end", facts, f"{facts}\n{self.console[-5000:]}")
        facts["disk"] = ["same" if testing.file_checksum(self.disk) == before else "changed"]
        facts["unclean"] = [disk for disk in (self.disk, self.upper) if self.has_open_journal(disk)]
        print(f"boot with {' '.join(parameters)}: {time.monotonic() - started:.0f} s")
        return facts

    @staticmethod
    def has_open_journal(disk):
        if disk.endswith("volume.img"):
            return False  # only the machine itself finds what is in it
        where = disk + ("?offset=1048576" if disk.endswith("partitions.img") else "")
        about = subprocess.run(["dumpe2fs", "-h", where], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        return "needs_recovery" in about or "Filesystem state:         clean\n" not in about

    def check(self, facts, wanted):
        self.assertEqual([], [name for name, holds in wanted if not holds(facts)], f"{facts}\n{self.console[-3000:]}")

    def check_partition_names(self):
        whole, self.upper = self.upper, os.path.join(self.place, "partitions.img")
        with open(self.upper, "wb") as file:
            file.truncate(128 << 20)
        table = f"label: gpt\nstart=2048, size=131072, uuid={PART_UUID}, name=changes\n"
        subprocess.run(["sfdisk", "--quiet", self.upper], input=table, text=True, check=True)
        image.command("mke2fs", "-q", "-t", "ext4", "-E", "offset=1048576", self.upper, "64M")
        for name, kept in ((f"PARTUUID={PART_UUID.lower()}", False), ("PARTLABEL=changes", True)):
            facts = self.boot("ro", "rootrw=" + name)
            for key in ("status", "mount"):
                facts[key] = [value.replace("/dev/vdb1", "/dev/vdb") for value in facts[key]]
            self.check(facts, [*claims(kept), *NO_HARM])
        self.upper = whole

    def check_volume(self):
        """The initrd finds the volume; the program only waits for it."""
        whole, self.upper = self.upper, os.path.join(self.place, "volume.img")
        with open(self.upper, "wb") as file:
            file.truncate(128 << 20)
        # Without an overlay the machine writes to its disk, which is not to be so for the others.
        disk, self.disk = self.disk, shutil.copy(self.disk, os.path.join(self.place, "making.img"))
        made = self.boot("rw", "overlayfs=no", "boot-test.lvm")
        self.disk = disk
        self.assertEqual(["yes"], made.get("lvm"), f"{made}")
        for name in ("/dev/changes/upper-1", "/dev/mapper/changes-upper--1"):
            facts = self.boot("ro", "rootrw=" + name, "rootrwwait=120")
            self.check(facts, [*NO_HARM, ("it is on the volume", lambda facts: "state=overlay" in facts["status"]
                                          and any(value.startswith("upper=/dev/") for value in facts["status"])
                                          and facts["mount"][0].endswith(("changes-upper--1", "changes/upper-1")))])
        self.upper = whole

    def check_image(self):
        whole, self.upper = self.upper, os.path.join(self.place, "holder.img")
        holder = os.path.join(self.place, "holder")
        os.mkdir(holder)
        image.command("mke2fs", "-q", "-t", "ext4", os.path.join(holder, "changes.img"), "100M")
        image.command("mke2fs", "-q", "-t", "ext4", "-L", "data", "-d", holder, self.upper, "200M")
        facts = self.boot("ro", "rootrw=LABEL=data", "rootrwimage=/changes.img")
        self.check(facts, [*NO_HARM, ("it is in the image", lambda facts: "upper=/changes.img on /dev/vdb" in facts["status"])])
        within = os.path.join(self.place, "within.img")
        image.command("debugfs", "-R", f"dump /changes.img {within}", self.upper)
        self.assertFalse(self.has_open_journal(within), "the file system in the image was not unmounted")
        self.upper = whole

    def test_partition(self):
        self.check(self.boot("ro", "rootrw=LABEL=rw"), [*claims(kept=False), *NO_HARM])
        if not ALL:
            return
        self.check(self.boot("ro", "rootrw=LABEL=rw"), [*claims(kept=True), *NO_HARM])
        temporary = self.boot("ro", "rootrw=LABEL=nothing", "rootrwwait=2")
        self.check(temporary, [*NO_HARM, ("it is temporary", lambda facts: "state=temporary" in facts["status"]),
                               ("the disk stays as it is", lambda facts: facts["disk"] == ["same"])])
        self.check_partition_names()
        self.check_image()
        self.check_volume()
        off = self.boot("rw", "rootrw=LABEL=rw", "overlayfs=no")
        self.check(off, NO_HARM)
        self.assertEqual([], [name for name, holds in claims(kept=False) if holds(off)], "these hold without an overlay, too")


class Dracut(WholeTest):
    """The same by the module for dracut, whose initrd has systemd."""

    packages = ("dracut-core",)
    # The initrd checks the root by itself, and e2fsck(8) writes the time of it into the superblock.
    parameters = ("rd.systemd.mask=systemd-fsck-root.service",)

    @staticmethod
    def boot_files(root):
        kernel, _ = image.boot_files(root)
        made = "/boot/initrd.dracut"
        image.command("unshare", "--mount", "/bin/sh", "-ec",
                      'mount -t proc proc "$1/proc"; mount --bind /dev "$1/dev"; exec chroot "$1" dracut --force --no-hostonly --gzip "$2" "$3"',
                      "sh", root, made, os.path.basename(kernel).removeprefix("vmlinuz-"))
        return kernel, root + made

    def test_partition(self):
        self.check(self.boot("ro", "rootrw=LABEL=rw", *self.parameters), [*claims(kept=False), *NO_HARM])
        self.check(self.boot("ro", "rootrw=LABEL=rw", *self.parameters), [*claims(kept=True), *NO_HARM])
        off = self.boot("rw", "rootrw=LABEL=rw", "overlayfs=no", *self.parameters)
        self.check(off, NO_HARM)
        self.assertEqual([], [name for name, holds in claims(kept=False) if holds(off)], "these hold without an overlay, too")


def load_tests(loader, tests, pattern):
    suite = unittest.TestSuite()
    for case in (WholeTest, *([Dracut] if ALL else [])):
        suite.addTests(loader.loadTestsFromTestCase(case))
    return suite


if __name__ == "__main__":
    skips.main()
