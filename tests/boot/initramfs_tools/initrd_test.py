#!/usr/bin/python3
"""The hook and the script for initramfs-tools: Debian 12 makes an initrd with them, whose scripts lay the overlay in namespaces of
this machine's kernel (../cut/namespaces.py)."""

import os
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.join(HERE, "../cut"), os.path.join(HERE, "../../peers/machine")]

import boot_test as cut  # noqa: E402
import made_initrd  # noqa: E402
import skips  # noqa: E402

# $4: whether there are modules.
MAKE = r"""
modules=${4:-yes}
[ "$modules" = yes ] || rm -f "$out"/root/lib/modules/*/kernel/fs/overlayfs/overlay.ko*
printf 'MODULES=list\nCOMPRESS=gzip\n' >"$out/root/etc/initramfs-tools/conf.d/test"
: >"$out/root/etc/initramfs-tools/modules"
[ "$modules" = yes ] || chroot "$out/root" depmod "$(ls "$base/lib/modules")"
chroot "$out/root" mkinitramfs -o /made "$(ls "$base/lib/modules")"
"""


class InitramfsTools(made_initrd.MadeInitrdTest):
    making, init = MAKE, os.path.join(HERE, "around_init")

    def test_the_initrd_has_what_is_needed(self):
        names = {name for _, _, files in os.walk(self.tree) for name in files}
        self.assertIn("unionroot-boot", names)
        # Nothing else asked for these.
        self.assertLessEqual({"overlay.ko", "loop.ko", "squashfs.ko", "erofs.ko", "xfs.ko", "btrfs.ko", "vfat.ko", "e2fsck"}, names)
        self.assertNotIn("fsck", names)  # it would be called, without logsave
        self.assertNotIn("W:", self.said)

    def test_a_kernel_without_overlayfs(self):
        _, said = self.make("without", "no")
        self.assertIn("has no module overlay: with an overlay at boot its root would be read-only", said)

    def test_partition(self):
        upper = self.upper()
        disk = self.case([cut.laid("overlay", "/dev/ubdb"), *cut.OVERLAY, *cut.WELL, *cut.place_of(), cut.kept(False)],
                         "rootrw=LABEL=rw", upper=upper)
        again = self.place.boot(disk, "root=/dev/ubda", "ro", "rootrw=LABEL=rw", upper=upper, initrd=self.initrd)
        self.check(again, [cut.kept(True)])

    def test_rootinit(self):
        self.case([cut.laid("overlay", "memory"), *cut.OVERLAY,
                   ("rootinit= is started", lambda boot: boot.one("begin") == "/sbin/other")], "rootrw=", "rootinit=/sbin/other")

    def test_missing_device(self):
        self.case([*cut.READ_ONLY, cut.told("device LABEL=rx did not appear")], "rootrw=LABEL=rx", "rootrwwait=1", "rootrwfail=read-only")


if __name__ == "__main__":
    if os.geteuid() != 0:
        skips.skip_all("needs root: the files of the disks are root's")
    skips.main()
