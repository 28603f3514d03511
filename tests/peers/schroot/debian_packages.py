"""Programs of Debian's mirror that the comparison needs and that must not be installed on the machine: unpacked into a folder."""

import glob
import os
import shutil
import subprocess
import tempfile
import unittest

import unionroot_testing as testing


def _download(folder, package):
    done = subprocess.run(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", package], cwd=folder,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise unittest.SkipTest("no mirror is reachable: apt-get download " + package + ": " + done.stdout[-300:])


def unpacked(name, *packages):
    """A folder with the files of these packages, made once; set-uid bits and owners are as in the packages."""

    def make(path):
        with tempfile.TemporaryDirectory(dir=testing.SCRATCH) as downloads:
            for package in packages:
                _download(downloads, package)
            for archive in glob.glob(os.path.join(downloads, "*.deb")):
                subprocess.run(["dpkg-deb", "-x", archive, path], check=True)

    return testing._cached(name, make)


def schroot():
    """Debian's own schroot: the program, its PAM file, its profiles and set-up scripts."""
    return unpacked("debian-schroot", "schroot", "schroot-common", "libboost-iostreams1.74.0",
                    "libboost-program-options1.74.0", "libboost-filesystem1.74.0")


def busybox():
    """A static program that is every command of the trees."""
    found = shutil.which("busybox")
    if found and b"statically linked" in subprocess.run(["file", "-L", found], stdout=subprocess.PIPE).stdout:
        return found
    return os.path.join(unpacked("debian-busybox", "busybox-static"), "bin/busybox")
