#!/usr/bin/python3
"""The module for dracut: Debian's dracut makes an initrd with it, whose hook lays the overlay in namespaces of this machine's kernel
(../cut/namespaces.py). dracut's own init, which is systemd, takes no part."""

import os
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.join(HERE, "../cut"), os.path.join(HERE, "../../peers/machine")]

import boot_test as cut  # noqa: E402
import made_initrd  # noqa: E402
import skips  # noqa: E402

# Without the files of this very machine; few drivers, so that it is quick.
MAKE = r"""
mount -t proc proc "$out/root/proc"
mount --bind /dev "$out/root/dev"
chroot "$out/root" dracut --force --no-hostonly --no-compress --omit-drivers ".*/drivers/.*" /made "$(ls "$base/lib/modules")"
"""


class Dracut(made_initrd.MadeInitrdTest):
    making, init = MAKE, os.path.join(HERE, "around_init")
    packages, compressed = ("dracut-core",), False

    def test_the_initrd_has_what_is_needed(self):
        names = {name for _, _, files in os.walk(self.tree) for name in files}
        self.assertLessEqual({"unionroot-boot", "50-unionroot-boot.sh", "overlay.ko", "squashfs.ko", "erofs.ko", "xfs.ko", "e2fsck"}, names)

    def test_partition(self):
        upper = self.upper()
        disk = self.case([cut.laid("overlay", "/dev/ubdb"), *cut.OVERLAY, *cut.WELL, *cut.place_of(), cut.kept(False)],
                         "rootrw=LABEL=rw", upper=upper)
        again = self.place.boot(disk, "root=/dev/ubda", "ro", "rootrw=LABEL=rw", upper=upper, initrd=self.initrd)
        self.check(again, [cut.kept(True), ("it is checked", lambda boot: boot.status("check") == "clean")])

    def test_missing_device(self):
        self.case([*cut.READ_ONLY, cut.told("device LABEL=rx did not appear")], "rootrw=LABEL=rx", "rootrwwait=1", "rootrwfail=read-only")

    def test_rootinit(self):
        boot = self.place.boot(self.disk(), "root=/dev/ubda", "ro", "rootrw=", "rootinit=/sbin/other", initrd=self.initrd)
        self.check(boot, [cut.laid("overlay", "memory"), ("init is as ever", lambda boot: boot.one("begin") == "/sbin/init")])
        self.assertIn("dracut starts only the init that init= names; rootinit= is ignored", boot.console)


if __name__ == "__main__":
    if os.geteuid() != 0:
        skips.skip_all("needs root: the files of the disks are root's")
    skips.main()
