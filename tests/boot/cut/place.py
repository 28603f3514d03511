"""The files of a small machine, and what its boot said."""

import contextlib
import itertools
import os
import shutil
import subprocess
import tempfile
import unittest

import unionroot_testing as testing

HERE = os.path.dirname(os.path.realpath(__file__))
BUSYBOX = "/bin/busybox"


def require():
    for program, package in (("mke2fs", "e2fsprogs"), ("mksquashfs", "squashfs-tools"), ("cpio", "cpio")):
        if shutil.which(program) is None:
            raise unittest.SkipTest(f"needs {program} (apt-get install {package})")
    if not static(BUSYBOX):
        raise unittest.SkipTest(f"needs a static {BUSYBOX} (apt-get install busybox-static)")


def static(program):
    done = subprocess.run(["readelf", "-l", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return done.returncode == 0 and "INTERP" not in done.stdout


def command(*words, **options):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", timeout=120, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout[-2000:]}")
    return done.stdout


def wait_for_no_loop(loops):
    testing.wait_until(lambda: not any(os.path.exists(f"/sys/block/{os.path.basename(loop)}/loop/backing_file") and
                                       "unionroot-boot-test." in backing(loop) for loop in loops))


def backing(loop):
    try:
        with open(f"/sys/block/{os.path.basename(loop)}/loop/backing_file") as file:
            return file.read()
    except OSError:
        return ""


class Boot:
    """What one boot said."""

    def __init__(self, console, lower_changed):
        self.console, self.lower_changed = console, lower_changed
        self.facts = {}
        for line in console.splitlines():
            start = line.find("@@ ")
            if start >= 0:
                name, _, value = line[start + 3:].rstrip().partition(" ")
                self.facts.setdefault(name, []).append(value)

    def all(self, name):
        return self.facts.get(name, [])

    def one(self, name):
        values = self.all(name)
        return values[-1] if values else None

    def status(self, key):
        for line in self.all("status"):
            name, _, value = line.partition("=")
            if name == key:
                return value
        return None

    def mount(self, place):
        """(type, options) of what is on top there."""
        for line in reversed(self.all("mount")):
            words = line.split(" ")
            if words[0] == place:
                return words[1], words[2].split(",")
        return None, []

    def told(self, text):
        """On the console, by the program itself, and in the file for after the boot."""
        return any(text in line for line in self.console.splitlines() if line.startswith("unionroot-boot: [")) and any(
            text in line for line in self.all("messages"))

    @property
    def ended(self):
        return "end" in self.facts


class Place:
    """A folder with the files of one machine."""

    def __init__(self, program):
        self.path = tempfile.mkdtemp(prefix="unionroot-boot-test.", dir=testing.SCRATCH)
        self.program = os.path.join(self.path, "unionroot-boot")
        command("strip", "-o", self.program, program)
        self.numbers = itertools.count(1)

    def close(self):
        if not testing.KEEP:
            shutil.rmtree(self.path)
        else:
            print("kept:", self.path)

    def file(self, name):
        return os.path.join(self.path, name)

    # --- trees

    def tree(self, name, folders=("dev", "proc", "sys", "run", "tmp"), init="sbin/init"):
        """A root that has busybox, the program, and an init that says what it finds."""
        root = self.file(name)
        for folder in ("bin", "sbin", "etc", "usr/share/doc", *folders):
            os.makedirs(os.path.join(root, folder), exist_ok=True)
        shutil.copy(BUSYBOX, os.path.join(root, "bin/busybox"))
        shutil.copy(self.program, os.path.join(root, "sbin/unionroot-boot"))
        os.symlink("/bin/busybox", os.path.join(root, "bin/sh"))
        shutil.copy(os.path.join(HERE, "guest_init"), os.path.join(root, init))
        for path, text in (("etc/hostname", "machine\n"), ("etc/removed", "x\n"), ("usr/share/doc/file", "x\n")):
            with open(os.path.join(root, path), "w") as file:
                file.write(text)
        return root

    @staticmethod
    def add_program(root, program):
        """A program of this machine, with the libraries that it loads."""
        listing = subprocess.run(["ldd", program], stdout=subprocess.PIPE, check=True, text=True).stdout
        for path in [program, *(word for word in listing.split() if word.startswith("/"))]:
            os.makedirs(os.path.dirname(root + path), exist_ok=True)
            shutil.copy(path, root + path)

    def ext4(self, name, root=None, label=None, size="24M", options=(), **how):
        disk = self.file(name)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(disk)
        words = ["mke2fs", "-q", "-F", "-t", "ext4", *options]
        words += ["-L", label] if label else []
        words += ["-d", root] if root else []
        command(*words, disk, size, **how)
        return disk

    def initrd(self, name, root):
        """As it would be embedded in a kernel: with the program as /init."""
        archive = self.file(name)
        with open(archive, "wb") as file:
            listing = subprocess.run(["find", ".", "-print0"], cwd=root, stdout=subprocess.PIPE, check=True).stdout
            subprocess.run(["cpio", "--null", "--create", "--format=newc", "--quiet", "--owner=0:0"], cwd=root,
                           input=listing, stdout=file, check=True, timeout=60)
        return archive
