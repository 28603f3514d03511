#!/usr/bin/python3
"""Boots of a small machine, cut off once its init has looked around: each way of being started, each upper layer.

The machine is a pid namespace of this machine's kernel (namespaces.py).

Each case is a list of claims about a boot. The same machine is booted once with the overlay off, and there each claim must
be false: a claim that also holds without the overlay shows nothing of it.
"""

import concurrent.futures
import itertools
import os
import shutil
import subprocess
import unittest

import place
import skips
from namespaces import Machine

PROGRAM = os.path.join(os.environ["UNIONROOT_BUILD_DIR"], "boot/unionroot-boot")
WITHOUT_INITRD = "root=/dev/ubda", "init=/sbin/unionroot-boot"
OFF = "overlayfs=no"
NUMBERS = itertools.count(1)
ALL = os.environ.get("UNIONROOT_BOOT_ALL") == "1"


# --- claims: NAME, and whether it holds for a boot


def laid(state, upper=None):
    return (f"the state is {state}" + (f" on {upper}" if upper else ""),
            lambda boot: boot.status("state") == state and (upper is None or boot.status("upper") == upper))


def place_of(layout="br2"):
    lower, upper = {"br2": ("/media/rfs/ro", "/media/rfs/rw"), "yocto": ("/rofs", "/overlay/upper"),
                    "boundary": ("/mnt/root-RO", "/mnt/root-RW")}[layout]
    return [(f"the lower layer is visible at {lower}", lambda boot: lower in boot.all("lowerkeeps")),
            (f"the upper layer is visible at {upper}", lambda boot: upper in boot.all("upper"))]


def told(text):
    return (f"the console and the file say: {text}", lambda boot: boot.told(text))


def mounted(folder, *options):
    return (f"{folder} is mounted with {options}", lambda boot: set(options) <= set(boot.mount(folder)[1]))


def kept(value):
    return (f"what an earlier boot wrote is {'there' if value else 'gone'}",
            lambda boot: boot.status("state") is not None and (boot.one("kept") == "kept") == value)


# Each by itself: the superblock too, since a power cut must not find its journal in use.
READ_ONLY_LOWER = ("the lower layer's mount and its superblock are read-only",
                   lambda boot: [part.split(",")[0] for part in boot.one("lowermount").split(" ")] == ["ro", "ro"])

# The machine's init mounts its root for writing: only the overlay keeps the disk as it is.
OVERLAY = [("the root is an overlay", lambda boot: boot.one("root") == "overlay"),
           ("it can be written to and the disk stays as it is",
            lambda boot: boot.one("write") == "yes" and boot.one("writeafter") == "yes" and not boot.lower_changed),
           ("a file can be removed, and the disk keeps it",
            lambda boot: boot.one("remove") == "yes" and boot.all("lowerkeeps") and not boot.lower_changed),
           ("a folder of the lower layer can be renamed, and the disk keeps it",
            lambda boot: boot.one("rename") == "yes" and not boot.lower_changed),
           ("the lower layer cannot be written to where it is visible",
            lambda boot: boot.all("lower") and not boot.all("lowerwritten")),
           READ_ONLY_LOWER,
           ("the layers that the mount line names are there",
            lambda boot: len(boot.all("layer")) >= 3 and "/run/unionroot/boot/lower" in boot.all("layer")),
           ("init is the first process", lambda boot: boot.one("pid") == "1" and boot.status("state") is not None)]
WELL = [("it is not degraded", lambda boot: boot.status("degraded") == "no"),
        ("nobody is warned", lambda boot: boot.status("state") is not None and not boot.console.count("/issue.d/")
         and not [file for file in boot.all("file") if "motd" in file])]
DEGRADED = [("it is degraded", lambda boot: boot.status("degraded") == "yes"),
            ("who logs in is told", lambda boot: {"/run/issue.d/unionroot.issue", "/run/motd.d/unionroot"} <=
             set(boot.all("file")))]
TEMPORARY = [laid("temporary", "memory"), *OVERLAY, *DEGRADED,
             ("the console and the file say what was done", lambda boot: boot.told("changes are kept in memory"))]
READ_ONLY = [laid("read-only"), *DEGRADED,
             ("the root can not be written to, and stays so when it is mounted again",
              lambda boot: boot.ended and boot.one("write") == "no" and not boot.all("writeafter") and not boot.lower_changed),
             ("the console and the file say what was done", lambda boot: boot.told("the root is read-only"))]


class BootTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        Machine.require()
        cls.place = Machine(PROGRAM)
        cls.addClassCleanup(cls.place.close)
        cls.root = cls.place.tree("root")
        cls.master = cls.place.ext4("master.img", cls.root)

    def disk(self):
        """A copy of the machine's disk, of this boot alone."""
        return shutil.copy(self.master, self.place.file(f"lower{next(NUMBERS)}.img"))

    def partition(self, image):
        """A partition with a folder that holds the image."""
        root = self.place.file(f"holds{next(NUMBERS)}")
        os.makedirs(os.path.join(root, "dir"))
        if image:
            shutil.copy(image, os.path.join(root, "dir/changes.img"))
        return self.place.ext4(f"partition{next(NUMBERS)}.img", root, label="data", size="40M")

    def upper(self, *options, label="rw"):
        return self.place.ext4(f"upper{next(NUMBERS)}.img", label=label, size="16M", options=options)

    def check(self, boot, claims):
        wrong = [name for name, holds in claims if not holds(boot)]
        self.assertEqual([], wrong, f"\n{boot.console[-6000:]}")

    def check_off(self, boot, claims):
        """The boot with the overlay off: none of the claims may hold."""
        self.assertTrue(boot.ended, boot.console[-6000:])
        holding = [name for name, holds in claims if holds(boot)]
        self.assertEqual([], holding, "these hold without an overlay, too")

    def case(self, claims, *words, before=WITHOUT_INITRD, upper=None, disk=None, **options):
        """Two boots: with the overlay, and without."""
        disk = disk or self.disk()
        off = shutil.copy(disk, disk + ".off")
        off_upper = shutil.copy(upper, upper + ".off") if upper else None
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            boots = [pool.submit(self.place.boot, disk, *before, "ro", *words, upper=upper, **options),
                     pool.submit(self.place.boot, off, *before, "ro", *words, OFF, upper=off_upper, **options)]
            boot, without = (one.result() for one in boots)
        self.check(boot, claims)
        self.check_off(without, claims)
        return disk


class WithoutInitrd(BootTest):
    def test_memory(self):
        self.case([laid("overlay", "memory"), *OVERLAY, *WELL, *place_of(), mounted("/media/rfs/rw", "noatime", "mode=755"),
                   mounted("/media/rfs/ro", "ro", "noatime", "nodiratime")])

    def test_kernel_mounts_the_root_for_writing(self):
        """Then the file system's own marks change, and no file does."""
        disk = self.disk()
        boot = self.place.boot(disk, *WITHOUT_INITRD, "rw")
        self.check(boot, [laid("overlay", "memory"), OVERLAY[0], ("it can be written to", lambda boot: boot.one("writeafter") == "yes"),
                          READ_ONLY_LOWER])
        files = place.command("debugfs", "-R", "ls -p /etc", disk)
        self.assertIn("/removed/", files)
        self.assertNotIn("/kept/", files)

    def test_root_is_the_business_of_the_kernel(self):
        self.case([laid("overlay", "memory"), *OVERLAY, *WELL], before=("root=ubi0:rootfs", "init=/sbin/unionroot-boot"))

    def test_partition_kept_then_reset(self):
        upper = self.upper()
        claims = [laid("overlay", "/dev/ubdb"), *OVERLAY, *WELL, *place_of()]
        disk = self.case([*claims, kept(False)], "rootrw=LABEL=rw", upper=upper)
        second = self.place.boot(disk, *WITHOUT_INITRD, "ro", "rootrw=/dev/ubdb", upper=upper)
        self.check(second, [laid("overlay", "/dev/ubdb"), kept(True),
                            ("the removed file stays so", lambda boot: boot.one("remove") is None or not boot.lower_changed)])
        self.assertEqual("", second.one("doc"))  # the renamed folder, too
        third = self.place.boot(disk, *WITHOUT_INITRD, "ro", "rootrw=/dev/ubdb", "rootrwreset=yes", upper=upper)
        self.check(third, [*claims, kept(False), told("everything on the file system of the upper layer is deleted")])

    def test_missing_device(self):
        self.case([*TEMPORARY, told("device LABEL=rx did not appear within 1 seconds; there are: /dev/ubda (ext4), /dev/ubdb (ext4, LABEL=rw)")],
                  "rootrw=LABEL=rx", "rootrwwait=1", upper=self.upper())

    def test_missing_device_read_only(self):
        self.case([*READ_ONLY, told("device /dev/nothing did not appear within 1 seconds")],
                  "rootrw=/dev/nothing", "rootrwwait=1", "rootrwfail=read-only")

    def test_late_device(self):
        self.case([laid("overlay", "/dev/ubdb"), *OVERLAY, *WELL], "rootrw=/dev/ubdb", "rootrwwait=60", upper=self.upper(), late=True)

    def test_superblock_is_gone(self):
        upper = self.upper()
        with open(upper, "r+b") as file:
            file.write(bytes(8192))
        self.case([*TEMPORARY, told("/dev/ubdb has no file system on it; make one: mkfs.ext4 -L data /dev/ubdb")],
                  "rootrw=/dev/ubdb", upper=upper)

    def test_tables_are_destroyed(self):
        upper = self.upper()
        with open(upper, "r+b") as file:  # all but the superblock: group descriptors, bitmaps, inodes
            file.seek(4096)
            file.write(b"\xa5" * (4 << 20))
        self.case([*TEMPORARY, told("/dev/ubdb (ext4): mounting a file system of type ext4")], "rootrw=/dev/ubdb", upper=upper)

    def test_full(self):
        full = self.place.file("full")
        os.makedirs(os.path.join(full, "upperdir"))
        with open(os.path.join(full, "fill"), "wb") as file:
            file.write(os.urandom(12 << 20))
        upper = self.place.ext4("full.img", root=full, size="15M", options=("-m", "0", "-O", "^has_journal"))
        # To the last block: by hand, since mke2fs leaves some.
        spare = self.place.file("spare")
        with open(spare, "wb") as file:
            file.write(os.urandom(4 << 20))
        subprocess.run(["debugfs", "-w", "-R", f"write {spare} spare", upper], stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, check=False)
        self.case([*TEMPORARY, told("the file system of the upper layer is full")], "rootrw=/dev/ubdb", upper=upper)

    def test_wrong_type(self):
        self.case([*TEMPORARY, told("/dev/ubdb (ext4): mounting a file system of type xfs")],
                  "rootrw=/dev/ubdb", "rootrwfstype=xfs", upper=self.upper())

    def test_upper_is_a_file(self):
        root = self.place.file("odd")
        os.makedirs(root)
        with open(os.path.join(root, "upperdir"), "w"):
            pass
        self.case([*READ_ONLY, told("upperdir")], "rootrw=/dev/ubdb", "rootrwfail=read-only",
                  upper=self.place.ext4("odd.img", root=root, size="16M"))

    def test_root_itself(self):
        self.case([*TEMPORARY, told("/dev/ubda holds the root itself")], "rootrw=/dev/ubda")

    def test_nonsense(self):
        words = ("rootrw=sda", "rootrwoptions==", "rootrwfstype=A/B", "rootrwfail=never", "rootrwreset=1", "ofs-size=999",
                 "rootinit=sh", "rootrwwait=x", "overlayfs=perhaps", "unionroot.layout=x")
        self.case([*TEMPORARY, *(told(word) for word in words if word != "rootrwoptions==")], *words)

    def test_init_is_this_program(self):
        root = self.place.tree("looping")
        os.symlink("unionroot-boot", os.path.join(root, "sbin/again"))
        self.case([laid("overlay", "memory"), *OVERLAY, told("rootinit=/sbin/again cannot be started; starting ")],
                  "rootinit=/sbin/again", disk=self.place.ext4("looping.img", root))


class BaseIdentity(BootTest):
    """An upper layer belongs to the root over which it was laid first."""

    UUID = "5b1c8a3e-2b7d-4960-8c1d-e2f3a4b5c6d7"

    def base(self, name, made, uuid=UUID, image=None):
        """The machine's disk, of an installation of its own: made at another time, or with another image."""
        root = self.root
        if image:
            root = self.place.tree(name)
            with open(os.path.join(root, "etc/os-release"), "w") as file:
                file.write(f"BUILD_ID={image}\n")
        return self.place.ext4(name + ".img", root, options=("-U", uuid), env={**os.environ, "E2FSPROGS_FAKE_TIME": made})

    def boot(self, disk, upper, *words):
        return self.place.boot(disk, *WITHOUT_INITRD, "ro", "rootrw=LABEL=rw", *words, upper=upper)

    def of_base(self, what):
        return (f"the upper layer's base is {what}", lambda boot: boot.status("base") == what)

    def foreign(self, disk, upper):
        """It is left alone, and its own root has it back."""
        before = place.command("debugfs", "-R", "cat /unionroot/base", upper)
        self.case([*TEMPORARY, told("belong to another root"), told("rootrwbase=accept"), kept(False)], "rootrw=LABEL=rw",
                  disk=disk, upper=upper)
        self.assertEqual(before, place.command("debugfs", "-R", "cat /unionroot/base", upper))

    def test_the_same_after_a_reboot(self):
        """On another device, with the partition's content moved: no alarm."""
        upper, disk = self.upper(), self.base("same", "1700000000")
        self.case([laid("overlay", "/dev/ubdb"), self.of_base("new"), *OVERLAY, *WELL], "rootrw=LABEL=rw", upper=upper, disk=disk)
        extra = self.place.ext4("extra.img", size="8M")
        loop = place.command("losetup", "--find", "--show", extra).strip()  # the numbers of the others change
        self.addCleanup(place.command, "losetup", "--detach", loop)
        self.check(self.boot(shutil.copy(disk, disk + ".moved"), shutil.copy(upper, upper + ".moved")),
                   [laid("overlay", "/dev/ubdb"), self.of_base("same"), kept(True), *WELL])

    def test_made_anew_with_its_uuid(self):
        for uuid in (self.UUID, "00000000-0000-0000-0000-000000000000"):
            with self.subTest(uuid=uuid):
                upper, disk = self.upper(), self.base("old", "1700000000", uuid)
                self.check(self.boot(disk, upper), [self.of_base("new"), kept(False)])
                self.foreign(self.base("new", "1700000777", uuid), upper)
                self.check(self.boot(disk, upper), [self.of_base("same"), kept(True), *WELL])

    def test_another_image_in_the_same_file_system(self):
        upper = self.upper()
        self.check(self.boot(self.base("one", "1700000000", image="1"), upper), [self.of_base("new")])
        self.foreign(self.base("two", "1700000000", image="2"), upper)

    def test_accept_then_discard(self):
        upper, new = self.upper(), self.base("later", "1700000777")
        self.check(self.boot(self.base("first", "1700000000"), upper), [self.of_base("new")])
        self.check(self.boot(new, upper, "rootrwbase=accept"),
                   [laid("overlay", "/dev/ubdb"), self.of_base("accepted"), kept(True), told("belong to another root")])
        self.check(self.boot(new, upper), [self.of_base("same"), kept(True), *WELL])
        self.check(self.boot(self.base("last", "1700000999"), upper, "rootrwbase=discard"),
                   [laid("overlay", "/dev/ubdb"), self.of_base("discarded"), kept(False), told("they are deleted"), *WELL])


class Backings(BootTest):
    """What else can hold the upper layer, and what cannot."""

    def refused(self, upper, *texts, path="/dir/changes.img"):
        self.case([*TEMPORARY, *(told(text) for text in texts)], "rootrw=LABEL=data", "rootrwimage=" + path, upper=upper)

    def test_image(self):
        upper = self.partition(self.upper())
        words = "rootrw=LABEL=data", "rootrwimage=/dir/changes.img"
        disk = self.case([laid("overlay", "/dir/changes.img on /dev/ubdb"), kept(False), *OVERLAY, *WELL, *place_of()], *words, upper=upper)
        self.check(self.place.boot(disk, *WITHOUT_INITRD, "ro", *words, upper=upper), [kept(True), *WELL])
        reset = self.place.boot(disk, *WITHOUT_INITRD, "ro", *words, "rootrwreset=yes", upper=upper)
        self.check(reset, [kept(False), *WELL])
        self.assertIn("changes.img", place.command("debugfs", "-R", "ls /dir", upper))

    def test_image_that_is_not_there(self):
        self.refused(self.partition(None), "there is no file /dir/changes.img on /dev/ubdb; make an image")

    def test_image_that_is_a_folder(self):
        self.refused(self.partition(None), "there is no file /dir on /dev/ubdb", path="/dir")

    def test_image_without_a_file_system(self):
        empty = self.place.file("empty.img")
        with open(empty, "wb") as file:
            file.truncate(1 << 20)
        self.refused(self.partition(empty), "/dir/changes.img on /dev/ubdb has no file system on it; make one")

    def test_image_without_a_device(self):
        self.case([*TEMPORARY, told("rootrw= does not say on which device that file is")], "rootrwimage=/dir/changes.img")

    def test_locked(self):
        upper = self.place.file("luks.img")
        with open(upper, "wb") as file:
            file.write(b"LUKS\xba\xbe\x00\x01".ljust(168, b"\0") + b"5b1c8a3e-2b7d-4960-8c1d-e2f3a4b5c6d7")
            file.truncate(4 << 20)
        self.case([*TEMPORARY, told("/dev/ubdb holds crypto_LUKS and no file system; have the initrd unlock it")], "rootrw=/dev/ubdb",
                  upper=upper)

    def test_swap(self):
        upper = self.place.file("swap.img")
        with open(upper, "wb") as file:
            file.truncate(4 << 20)
        place.command("mkswap", upper)
        self.case([*TEMPORARY, told("/dev/ubdb holds swap and no file system")], "rootrw=/dev/ubdb", upper=upper)


class Fstab(BootTest):
    """An fstab that was written for the lower layer."""

    TEXT = ["# by hand", "UUID=11 / ext4 defaults,x-systemd.growfs 0 1", "/dev/none none swap sw 0 0", "/swap none swap sw 0 0",
            "LABEL=data /srv ext4 nofail 0 2"]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with open(os.path.join(cls.root, "etc/fstab"), "w") as file:
            file.write("\n".join(cls.TEXT) + "\n")
        with open(os.path.join(cls.root, "sbin/maintain"), "w") as file:
            file.write("#!/bin/busybox sh\nb=/bin/busybox\nro=/mnt/root-RO\n"
                       "$b mount -o remount,rw $ro && echo x >$ro/etc/new && $b mount -o remount,ro $ro && ! echo x >$ro/etc/newer &&\n"
                       "  [ -e /etc/new ] && echo '@@ maintained yes'\nexec /sbin/init\n")
        os.chmod(file.name, 0o755)
        cls.master = cls.place.ext4("master.img", cls.root)

    def fstab(self, *wanted):
        return (f"the fstab is {wanted}", lambda boot: [line for line in boot.all("fstab") if not line.startswith("#")] == list(wanted))

    NOT_WRITTEN = ("it is in no layer", lambda boot: boot.all("fstab") and boot.status("state") and not boot.all("upperfstab"))
    PASSED_OVER = ("systemd leaves the root as it is", lambda boot: {"systemd-remount-fs.service", "systemd-growfs-root.service"} <=
                   set(boot.all("unit")))

    def test_boundary(self):
        self.case([*OVERLAY, *WELL, self.NOT_WRITTEN, self.PASSED_OVER,
                   ("it names the real one", lambda boot: any("/mnt/root-RO/etc/fstab" in line for line in boot.all("fstab"))),
                   self.fstab("UUID=11\t/mnt/root-RO\text4\tro,noauto\t0\t0", self.TEXT[-1])], "overlayfs=yes")

    def test_memory(self):
        self.case([*OVERLAY, *WELL, self.NOT_WRITTEN, self.PASSED_OVER,
                   self.fstab("UUID=11\t/media/rfs/ro\text4\tro,noauto\t0\t0", self.TEXT[2], self.TEXT[-1])])

    def test_partition(self):
        """What is written to it stays, so it is the real one. systemd passes over what an overlay cannot have."""
        self.case([laid("overlay", "/dev/ubdb"), *WELL, self.PASSED_OVER,
                   ("it is as it is", lambda boot: boot.status("state") == "overlay" and boot.all("fstab") == self.TEXT),
                   ("the swap file is passed over", lambda boot: "swap.swap" in boot.all("unit"))],
                  "rootrw=LABEL=rw", upper=self.upper())

    def test_maintenance_by_hand(self):
        def changed(boot):
            return boot.one("maintained") == "yes" and boot.lower_changed and boot.status("state") == "overlay"
        self.case([("the lower layer can be written to, and is read-only again", changed), READ_ONLY_LOWER], "overlayfs=yes",
                  "rootinit=/sbin/maintain")


class Ending(BootTest):
    """What systemd-shutdown(8) hands on to."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        shutil.copy(os.path.join(place.HERE, "ending_init"), os.path.join(cls.root, "sbin/ending"))
        cls.master = cls.place.ext4("master.img", cls.root)

    def test_everything_is_unmounted(self):
        for upper, words in ((None, []), (self.upper(), ["rootrw=LABEL=rw"]),
                             (self.partition(self.upper()), ["rootrw=LABEL=data", "rootrwimage=/dir/changes.img"])):
            self.case([("the program is kept where it can be started", lambda boot: boot.one("initramfs") and
                        "noexec" not in boot.one("initramfs")),
                       ("everything is unmounted", lambda boot: "everything is unmounted" in boot.console and
                        "not everything" not in boot.console),
                       ("then it ends the machine", lambda boot: "ending the machine (poweroff): Operation not permitted" in boot.console)],
                      *words, "rootinit=/sbin/ending", upper=upper)

    def test_what_is_in_use_is_told(self):
        root = self.place.tree("busy")
        with open(os.path.join(place.HERE, "ending_init")) as file:
            script = file.read()
        # A descriptor of the old root that the program inherits.
        script = script.replace('$b pivot_root', 'exec 7>/etc/held\n$b pivot_root')
        with open(os.path.join(root, "sbin/ending"), "w") as file:
            file.write(script)
        os.chmod(file.name, 0o755)
        boot = self.place.boot(self.place.ext4("busy.img", root), *WITHOUT_INITRD, "rootrw=tmpfs", "rootinit=/sbin/ending")
        self.assertIn("not everything could be unmounted: unmounting /oldroot", boot.console)
        self.assertIn("ending the machine (poweroff)", boot.console)


class Checked(BootTest):
    """The root has e2fsck: the file system of the upper layer is checked before it is mounted."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if shutil.which("e2fsck") is None:
            raise unittest.SkipTest("needs e2fsck (apt-get install e2fsprogs)")
        cls.place.add_program(cls.root, "/usr/sbin/e2fsck")
        cls.master = cls.place.ext4("master.img", cls.root)

    def damaged(self, *requests):
        """An upper layer with changes, then changed by debugfs(8), and not marked as clean."""
        root = self.place.file(f"changed{next(NUMBERS)}")
        os.makedirs(os.path.join(root, "upperdir/etc"))
        with open(os.path.join(root, "upperdir/etc/kept"), "w") as file:
            file.write("kept\n")
        upper = self.place.ext4(f"damaged{next(NUMBERS)}.img", root, label="rw", size="16M")
        for request in ("ssv state 0", *requests):
            place.command("debugfs", "-w", "-R", request, upper)
        return upper

    def checked(self, how):
        return (f"the check says {how}", lambda boot: boot.status("check") == how)

    def test_clean(self):
        self.case([laid("overlay", "/dev/ubdb"), self.checked("clean"), *OVERLAY, *WELL], "rootrw=LABEL=rw", upper=self.upper())

    def test_repaired(self):
        self.case([laid("overlay", "/dev/ubdb"), self.checked("repaired"), kept(True), told("the file system of /dev/ubdb was repaired"),
                   told("ref count is 9, should be 2.  FIXED."), *OVERLAY, *WELL], "rootrw=LABEL=rw",
                  upper=self.damaged("sif /upperdir/etc links_count 9"))

    def test_errors_that_need_a_person(self):
        """It could be mounted."""
        upper = self.damaged("clri /upperdir/etc")
        self.case([*TEMPORARY, told("/dev/ubdb has errors that e2fsck does not repair by itself"), told("repair it by hand: e2fsck /dev/ubdb")],
                  "rootrw=LABEL=rw", upper=upper)

    def test_modes(self):
        upper = self.damaged("sif /upperdir/etc links_count 9")
        skipped = self.place.boot(self.disk(), *WITHOUT_INITRD, "ro", "rootrw=LABEL=rw", "fsck.mode=skip", upper=upper)
        self.check(skipped, [laid("overlay", "/dev/ubdb"), self.checked("none")])
        clean = self.upper()
        place.command("debugfs", "-w", "-R", "sif <2> links_count 9", clean)  # it is marked as clean
        auto = self.place.boot(self.disk(), *WITHOUT_INITRD, "ro", "rootrw=LABEL=rw", upper=shutil.copy(clean, clean + ".auto"))
        self.check(auto, [laid("overlay", "/dev/ubdb"), self.checked("clean")])
        forced = self.place.boot(self.disk(), *WITHOUT_INITRD, "ro", "rootrw=LABEL=rw", "fsck.mode=force", upper=clean)
        self.check(forced, [laid("overlay", "/dev/ubdb"), self.checked("repaired")])

    def test_a_check_that_fails(self):
        root = self.place.tree("broken-check")
        with open(os.path.join(root, "sbin/e2fsck"), "w") as file:
            file.write("#!/bin/busybox sh\necho no memory >&2\nexit 8\n")
        os.chmod(file.name, 0o755)
        self.case([laid("overlay", "/dev/ubdb"), self.checked("failed"), told("e2fsck ended with status 8: no memory"), *OVERLAY],
                  "rootrw=LABEL=rw", upper=self.upper(), disk=self.place.ext4("broken-check.img", root))

    def test_the_lower_layer(self):
        """Only as /init: elsewhere it is mounted by then."""
        initrd_root = self.place.tree("checking-initrd", folders=())
        os.rename(os.path.join(initrd_root, "sbin/unionroot-boot"), os.path.join(initrd_root, "init"))
        self.place.add_program(initrd_root, "/usr/sbin/e2fsck")
        disk = self.disk()
        for request in ("ssv state 0", "clri /usr/share/doc"):
            place.command("debugfs", "-w", "-R", request, disk)
        boot = self.place.boot(disk, "root=/dev/ubda", "rootrw=tmpfs", initrd=self.place.initrd("checking", initrd_root))
        self.check(boot, [laid("overlay", "memory"), *DEGRADED, OVERLAY[0],
                          told("/dev/ubda has errors that e2fsck does not repair by itself")])


class WithInitrd(BootTest):
    """The program as /init of an initial file system that has nothing else but modules."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.initrd = make_initrd(cls.place)

    def case(self, claims, *words, before=("root=/dev/ubda",), **options):
        return super().case(claims, *words, before=before, initrd=self.initrd, **options)

    def test_partition_by_uuid(self):
        uuid = "5b1c8a3e-2b7d-4960-8c1d-e2f3a4b5c6d7"
        self.case([laid("overlay", "/dev/ubdb"), *OVERLAY, *WELL, *place_of()], "rootfstype=ext4", f"rootrw=UUID={uuid.upper()}",
                  upper=self.upper("-U", uuid))

    def test_squashfs(self):
        root = self.place.tree("squashed", folders=())
        disk = self.place.file("squashed.img")
        place.command("mksquashfs", root, disk, "-quiet", "-no-progress", "-comp", "gzip")
        # Without the overlay it is read-only by itself, so that its disk stays as it is shows nothing.
        self.case([laid("overlay", "memory"), *WELL, *place_of(), OVERLAY[0], OVERLAY[-1], OVERLAY[-2]], disk=disk)


class ByScript(BootTest):
    """`unionroot-boot lay`, called by the script of an initrd that has mounted the root."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        root = cls.place.tree("script-root", folders=())
        shutil.rmtree(os.path.join(root, "usr"))
        os.rename(os.path.join(root, "sbin/unionroot-boot"), os.path.join(root, "unionroot-boot"))
        shutil.copy(os.path.join(os.path.dirname(os.path.realpath(__file__)), "script_init"), os.path.join(root, "init"))
        with open(os.path.join(root, "lower-type"), "w") as file:
            file.write("ext4\n")
        cls.initrd = cls.place.initrd("script-initrd", root)
        for name in ("other", "another"):
            shutil.copy(os.path.join(cls.root, "sbin/init"), os.path.join(cls.root, "sbin", name))
        cls.master = cls.place.ext4("master.img", cls.root)

    CARRIED = [("what the initrd mounted beneath the root is there",
                lambda boot: boot.status("state") is not None and boot.one("beneath") == "beneath"
                and boot.one("run") == "marker"),
               ("nothing is mounted twice", lambda boot: boot.status("state") is not None and boot.one("roots") == "1")]

    def case(self, claims, *words, before=("root=/dev/ubda",), **options):
        return super().case([*claims, *self.CARRIED], *words, before=before, initrd=self.initrd, **options)

    def test_partition_kept(self):
        upper = self.upper()
        disk = self.case([laid("overlay", "/dev/ubdb"), *OVERLAY, *WELL, *place_of(), kept(False)], "rootrw=LABEL=rw", upper=upper)
        again = self.place.boot(disk, "root=/dev/ubda", "ro", "rootrw=LABEL=rw", upper=upper, initrd=self.initrd)
        self.check(again, [kept(True)])

    def test_memory(self):
        self.case([laid("overlay", "memory"), *OVERLAY, *WELL, *place_of("boundary")], "overlayfs=yes")

    def test_missing_device(self):
        self.case([*TEMPORARY, told("device LABEL=rx did not appear")], "rootrw=LABEL=rx", "rootrwwait=1")

    def test_missing_device_read_only(self):
        self.case([*READ_ONLY, told("device LABEL=rx did not appear")], "rootrw=LABEL=rx", "rootrwwait=1", "rootrwfail=read-only")

    def test_rootinit(self):
        self.case([laid("overlay", "memory"), *OVERLAY, ("rootinit= is started", lambda boot: boot.one("begin") == "/sbin/other")],
                  "rootrw=tmpfs", "rootinit=/sbin/other")

    def test_dracut_unmounts_the_root_itself(self):
        self.case([laid("overlay", "memory"), ("our program stands by", lambda boot: "/run/initramfs/shutdown" in boot.all("file"))], "rootrw=")
        self.case([laid("overlay", "memory"), ("our program stays away", lambda boot: boot.status("state") == "overlay" and
                                               "/run/initramfs/shutdown" not in boot.all("file"))], "rootrw=", "test.need-shutdown")

    def test_root_is_the_business_of_who_mounts_it(self):
        """initramfs-tools, dracut and the kernel know words of their own."""
        self.case([laid("overlay", "memory"), *OVERLAY, *WELL], "rootrw=tmpfs", before=("root=ZFS=pool/root", "rootfstype=zfs,A"))

    def test_nobody_asks_for_it(self):
        boot = self.place.boot(self.disk(), "root=ZFS=pool/root", "rootinit=/sbin/other", "rootrwwait=x", "rw", initrd=self.initrd)
        self.assertNotIn("unionroot-boot: ", boot.console)
        self.check(boot, [("there is no overlay", lambda boot: boot.ended and boot.one("root") == "ext4" and boot.status("state") is None),
                          ("the root is written to", lambda boot: boot.one("write") == "yes" and boot.lower_changed),
                          ("init is as ever", lambda boot: boot.one("begin") == "/sbin/init")])


class Table(BootTest):
    """Each row of the table in unionroot-boot(7) that the others have not, with and without an initrd: scripts/nightly boot."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for name in ("other", "another"):
            shutil.copy(os.path.join(cls.root, "sbin/init"), os.path.join(cls.root, "sbin", name))
        cls.master = cls.place.ext4("master.img", cls.root)
        cls.initrd = make_initrd(cls.place)

    def both(self, claims, *words, make_upper=lambda: None, **options):
        for before, initrd in ((WITHOUT_INITRD, None), (("root=/dev/ubda",), self.initrd)):
            with self.subTest(words=words, initrd=bool(initrd)):
                self.case(claims, *words, before=before, initrd=initrd, upper=make_upper(), **options)

    def test_types_and_options_of_the_upper_layer(self):
        for words, options in ((("rootrwfstype=ext4",), ("noatime",)), (("overlayrootfstype=ext4",), ("noatime",)),
                               (("rootrwoptions=rw,noatime,mode=755",), ("noatime",)), (("rootrwoptions=nodev",), ("nodev",)),
                               (("overlayrootfsflags=nosuid",), ("nosuid",))):
            self.both([laid("overlay", "/dev/ubdb"), *OVERLAY, *WELL, mounted("/media/rfs/rw", *options)], "rootrw=LABEL=rw", *words,
                      make_upper=self.upper)

    def test_options_of_the_lower_layer(self):
        self.both([laid("overlay", "memory"), *OVERLAY, *WELL, mounted("/media/rfs/ro", "ro", "nosuid")], "rootoptions=nosuid")
        self.case([laid("overlay", "memory"), *OVERLAY, told("file system options in rootoptions=")], "rootoptions=data=ordered")
        self.case([laid("overlay", "memory"), *OVERLAY, mounted("/media/rfs/ro", "ro", "data=journal")], "rootoptions=data=journal",
                  before=("root=/dev/ubda",), initrd=self.initrd)

    def test_rootrw_tmpfs(self):
        for words in (("rootrw=tmpfs",), ("rootrw=",)):
            self.both([laid("overlay", "memory"), *OVERLAY, *WELL, *place_of()], *words)

    def test_size(self):
        def size(words):
            boot = self.place.boot(self.disk(), *WITHOUT_INITRD, *words)
            return int(next(option for option in boot.mount("/media/rfs/rw")[1] if option.startswith("size="))[5:-1])
        self.assertAlmostEqual(size(["ofs-size=20"]) / size([]), 0.4, delta=0.02)
        self.assertAlmostEqual(size(["rootrwsize=20%"]) / size([]), 0.4, delta=0.02)
        self.assertEqual(20480, size(["rootrwsize=20m"]))

    def test_subvolume(self):
        if shutil.which("mkfs.btrfs") is None:
            self.skipTest("needs mkfs.btrfs (apt-get install btrfs-progs)")
        upper = self.place.file("btrfs.img")
        with open(upper, "wb") as file:
            file.truncate(128 << 20)
        place.command("mkfs.btrfs", "--quiet", "--label", "rw", upper)
        folder = self.place.file("subvolumes")
        os.mkdir(folder)
        place.command("unshare", "--mount", "/bin/sh", "-ec", 'mount -o loop "$1" "$2"; btrfs subvolume create "$2/changes"; umount "$2"',
                      "sh", upper, folder)
        disk = self.disk()
        for before in (False, True):
            boot = self.place.boot(disk, *WITHOUT_INITRD, "ro", "rootrw=LABEL=rw", "rootrwoptions=subvol=changes", upper=upper)
            self.check(boot, [laid("overlay", "/dev/ubdb"), *WELL, kept(before), mounted("/media/rfs/rw", "subvol=/changes")])
        whole = self.place.boot(disk, *WITHOUT_INITRD, "ro", "rootrw=LABEL=rw", upper=upper)
        self.check(whole, [laid("overlay", "/dev/ubdb"), kept(False)])

    def test_places(self):
        for words, layout in ((("overlayfs=yes",), "boundary"), (("unionroot.layout=yocto",), "yocto"),
                              (("overlayfs=yes", "unionroot.layout=br2"), "br2")):
            self.both([laid("overlay", "memory"), *OVERLAY, *WELL, *place_of(layout)], *words)

    def test_a_partition_of_yocto(self):
        old = self.place.file("yocto")
        os.makedirs(os.path.join(old, "upper/etc"))
        os.makedirs(os.path.join(old, "work"))
        with open(os.path.join(old, "upper/etc/kept"), "w") as file:
            file.write("kept\n")
        self.both([laid("overlay", "/dev/ubdb"), kept(True), *OVERLAY, *place_of("yocto")], "rootrw=/dev/ubdb",
                  make_upper=lambda: self.place.ext4("yocto.img", root=old, size="16M"))

    def test_rootinit_and_init(self):
        def init(path):
            return (f"{path} was started on an overlay", lambda boot: boot.one("begin") == path and boot.status("state") == "overlay")
        self.both([init("/sbin/other"), *OVERLAY], "rootinit=/sbin/other")
        self.case([init("/sbin/another"), *OVERLAY], "init=/sbin/another", "rootinit=/sbin/other", before=("root=/dev/ubda",),
                  initrd=self.initrd)

    def test_boot_conf(self):
        root = self.place.tree("configured")
        os.makedirs(os.path.join(root, "etc/unionroot"))
        with open(os.path.join(root, "etc/unionroot/boot.conf"), "w") as file:
            file.write("# the changes\nrootrw = LABEL=rw\nlayout = yocto\n")
        disk = self.place.ext4("configured.img", root)
        self.both([laid("overlay", "/dev/ubdb"), *OVERLAY, *WELL, *place_of("yocto")], make_upper=self.upper, disk=disk)

    def test_boot_conf_that_others_may_write(self):
        root = self.place.tree("open")
        os.makedirs(os.path.join(root, "etc/unionroot"))
        with open(os.path.join(root, "etc/unionroot/boot.conf"), "w") as file:
            file.write("rootrw = LABEL=rw\n")
        os.chmod(file.name, 0o666)
        self.both([laid("overlay", "memory"), *OVERLAY, *DEGRADED, told("boot.conf is writable by others than root")],
                  make_upper=self.upper, disk=self.place.ext4("open.img", root))

    def test_ext2(self):
        disk = self.place.file("ext2.img")
        place.command("mke2fs", "-q", "-F", "-t", "ext2", "-d", self.root, disk, "24M")
        self.both([laid("overlay", "memory"), *OVERLAY, *WELL, *place_of()], "rootfstype=ext4,ext2", disk=disk)


def make_initrd(machine):
    root = machine.tree("initrd-root", folders=())
    shutil.rmtree(os.path.join(root, "usr"))
    os.unlink(os.path.join(root, "sbin/init"))
    os.rename(os.path.join(root, "sbin/unionroot-boot"), os.path.join(root, "init"))
    return machine.initrd("initrd", root)


def load_tests(loader, tests, pattern):
    suite = unittest.TestSuite()
    for case in (WithoutInitrd, BaseIdentity, Backings, Fstab, Ending, Checked, WithInitrd, ByScript, *([Table] if ALL else [])):
        suite.addTests(loader.loadTestsFromTestCase(case))
    return suite


def main():
    if os.geteuid() != 0:
        skips.skip_all("needs root: the files of the disks are root's")
    if not os.path.exists(PROGRAM):
        skips.skip_all("unionroot-boot is not built")
    skips.main()


if __name__ == "__main__":
    main()
