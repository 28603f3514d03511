"""Images and loop devices for tests, made of the small tree; what is made goes with the machine's folder."""

import errno
import os
import shutil
import struct
import subprocess
import unittest

import unionroot_testing as testing

PROGRAMS = {"squashfs": "mksquashfs", "erofs": "mkfs.erofs", "ext4": "mkfs.ext4", "xfs": "mkfs.xfs", "btrfs": "mkfs.btrfs"}


def require_loop():
    """Skips, with its reason, where loop devices cannot be had."""
    if not os.path.exists("/dev/loop-control"):
        raise unittest.SkipTest("needs loop devices (/dev/loop-control)")
    if shutil.which("losetup") is None:
        raise unittest.SkipTest("needs losetup")


def require_filesystem(kind):
    if shutil.which(PROGRAMS[kind]) is None:
        raise unittest.SkipTest("needs " + PROGRAMS[kind])
    with open("/proc/filesystems") as file:
        if kind not in file.read().split() and subprocess.run(["modprobe", "-q", kind], check=False).returncode != 0:
            raise unittest.SkipTest("this kernel has no " + kind)


def command(*words):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(words)} failed with {done.returncode}: {done.stdout[-2000:]}")
    return done.stdout


def make_file(path, size):
    with open(path, "wb") as file:
        file.truncate(size)
    os.chmod(path, 0o644)


def backing_of(device):
    """The file behind a loop device; None if there is none."""
    try:
        with open(f"/sys/block/{os.path.basename(device)}/loop/backing_file") as file:
            return file.read().strip()
    except FileNotFoundError:
        return None


class LoopDevice:
    """A loop device of the test's own."""

    def __init__(self, path):
        self.device = command("losetup", "--find", "--show", path).strip()

    def close(self):
        command("losetup", "--detach", self.device)


class Mounted:
    """A file system mounted at a folder for a moment."""

    def __init__(self, source, folder, *options):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        there = testing.loop_devices(source)  # mount(8) takes one that has the file already
        command("mount", *options, source, folder)
        (line,) = [line for line in testing.mountinfo() if line.split()[4] == folder]
        self.device = line.split(" - ")[1].split()[1]
        self.backing = None if self.device == source or there else backing_of(self.device)  # its own, with -o loop

    def __enter__(self):
        return self.folder

    def _unmounted(self):
        """Another test's daemon that looks for who holds something may have a file of it in its hands just now."""
        done = subprocess.run(["umount", self.folder], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True)
        self.said = done.stdout
        return done.returncode == 0

    def __exit__(self, *_):
        if not testing.wait_until(self._unmounted, step=0.2):
            raise AssertionError(f"unmounting {self.folder}: {self.said}")
        os.rmdir(self.folder)
        # Where the root's mounts are private, a copy of this mount namespace holds it a moment longer: another test has one.
        if not testing.wait_until(self._free):
            raise AssertionError(f"{self.device} is still mounted somewhere")

    def _free(self):
        if self.backing is not None:
            return backing_of(self.device) != self.backing
        try:
            os.close(os.open(self.device, os.O_RDONLY | os.O_EXCL))
        except OSError as error:
            if error.errno == errno.EBUSY:
                return False
            raise
        return True


def fill(mount_point, tree):
    command("cp", "-a", tree + "/.", mount_point)


def make_image(kind, path, tree, size=None):
    """An image of the tree at `path`."""
    require_filesystem(kind)
    if kind == "squashfs":
        command("mksquashfs", tree, path, "-noappend", "-quiet", "-no-progress", "-comp", "gzip")
    elif kind == "erofs":
        command("mkfs.erofs", "--quiet", path, tree)
    elif kind == "ext4":
        make_file(path, size or 64 << 20)
        command("mkfs.ext4", "-q", "-F", "-d", tree, path)
    else:
        make_file(path, size or (320 << 20 if kind == "xfs" else 128 << 20))
        command(PROGRAMS[kind], "-q", "-f", path)
        with Mounted(path, path + ".mnt", "-o", "loop") as folder:
            fill(folder, tree)
    return path


def partitioned(path, image, number):
    """A disk image with `image` as its primary partition `number`, those before it being empty: a DOS partition table."""
    sectors = (os.path.getsize(image) + 511) // 512
    table = [(2048 * (i + 1), 2048) for i in range(number - 1)] + [(2048 * (number + 1), sectors)]
    make_file(path, (table[-1][0] + sectors + 2048) * 512)
    with open(path, "r+b") as disk, open(image, "rb") as content:
        disk.seek(446)
        for start, size in table:
            disk.write(struct.pack("<B3sB3sII", 0, bytes(3), 0x83, bytes(3), start, size))
        disk.seek(510)
        disk.write(b"\x55\xaa")
        disk.seek(table[-1][0] * 512)
        shutil.copyfileobj(content, disk)
    return path


def loops_of(machine):
    """The devices of the trees that the daemon has mounted for its sessions. Devices that it has given up do not count: they
    stay while somebody else has a copy of the mount namespace."""
    return [line.split(" - ")[1].split()[1] for line in testing.mountinfo()
            if os.path.dirname(line.split()[4]) == os.path.join(machine.runtime, "sources")]
