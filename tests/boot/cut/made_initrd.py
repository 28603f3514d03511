"""Initial file systems that a Debian makes with what this build installs."""

import os
import shutil
import subprocess
import unittest

import boot_test as cut
import image
import place

BUILD = os.environ["UNIONROOT_BUILD_DIR"]

# Debian's tree stays as it is: what is installed goes to an upper layer that is gone with the mount namespace.
PREPARE = r"""
set -e
base=$1 build=$2 out=$3
mkdir "$out/upper" "$out/root"
mount -t tmpfs upper "$out/upper"
mkdir "$out/upper/upper" "$out/upper/work"
mount -t overlay -o "lowerdir=$base,upperdir=$out/upper/upper,workdir=$out/upper/work" overlay "$out/root"
DESTDIR=$out/root cmake -DCMAKE_INSTALL_DO_STRIP=1 -P "$build/boot/cmake_install.cmake"
"""
KEEP = r"""
cp "$out/root/made" "$out/initrd"
"""


class MadeInitrdTest(cut.BootTest):
    """`making` makes /made in $out/root; from $4 on it has what make() was given. `init` takes the place of the initrd's own."""

    making, init, packages, compressed = "", "", (), True

    @classmethod
    def setUpClass(cls):
        if shutil.which("mmdebstrap") is None:
            raise unittest.SkipTest("needs mmdebstrap (apt-get install mmdebstrap)")
        super().setUpClass()
        cls.base = image.base_root([*image.PACKAGES, *cls.packages, *image.library_packages(image.installed_programs(BUILD))])
        cls.tree, cls.said = cls.make("made")
        own = os.path.join(cls.tree, "init")
        os.unlink(own)
        shutil.copy(cls.init, own)
        # For the test's own sake: it unmounts the root that it was started from.
        os.makedirs(os.path.join(cls.tree, "bin"), exist_ok=True)
        shutil.copy(place.BUSYBOX, os.path.join(cls.tree, "bin/busybox"))
        cls.initrd = cls.place.initrd("made-initrd", cls.tree)
        shutil.copy(os.path.join(cls.root, "sbin/init"), os.path.join(cls.root, "sbin/other"))
        cls.master = cls.place.ext4("master.img", cls.root)

    @classmethod
    def make(cls, name, *words):
        """(the initrd, unpacked; what making it said)"""
        out, tree = cls.place.file(name), cls.place.file(name + "-tree")
        os.mkdir(out)
        os.mkdir(tree)
        said = place.command("unshare", "--mount", "/bin/sh", "-c", PREPARE + cls.making + KEEP, "sh", cls.base, BUILD, out, *words)
        # An archive of microcode may come first.
        with open(os.path.join(out, "initrd"), "rb") as archive:
            content = archive.read()
        if cls.compressed:
            content = subprocess.run(["gzip", "-dc"], stdout=subprocess.PIPE, check=True, input=content).stdout
        subprocess.run(["cpio", "--extract", "--make-directories", "--quiet"], cwd=tree, check=True, timeout=60, input=content)
        return tree, said

    def case(self, claims, *words, **options):
        return super().case(claims, *words, before=("root=/dev/ubda",), initrd=self.initrd, **options)
