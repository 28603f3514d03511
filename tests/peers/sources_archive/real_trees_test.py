"""Sessions on a real Debian tree, as mmdebstrap makes it: as a tarball and as a squashfs image, each compared with the
directory, file by file."""

import os
import re
import shutil
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "recovery"))

import unionroot_testing as testing  # noqa: E402
from recovery_testing import CrashMachine  # noqa: E402


def packed(kind, *command):
    """The Debian tree in one file, made once and kept beside the tree: command(target) makes it."""
    tree = testing.debian_tree()
    # The name changes with the tree.
    made = os.stat(tree)
    name = f"{os.path.basename(tree)}-{made.st_ino:x}-{made.st_ctime_ns:x}.{kind}"

    def make(path):
        target = os.path.join(path, "tree." + kind)
        subprocess.run([word.replace("TREE", tree).replace("TARGET", target) for word in command], check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        os.chmod(target, 0o644)

    for old in os.listdir(testing.CACHE):  # of an earlier tree
        if old.startswith(os.path.basename(tree) + "-") and old.endswith("." + kind) and old != name:
            shutil.rmtree(os.path.join(testing.CACHE, old))
    return os.path.join(testing._cached(name, make), "tree." + kind)


class RealTrees(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        testing.require_end_to_end()
        cls.tree = testing.debian_tree()  # skips where there is no mirror
        cls.machine = machine = CrashMachine(environment={"UNIONROOT_BOOT_ID": "first-boot"})
        try:
            if shutil.which("zstd"):
                compressed, program = "tar.zst", "zstd -1 -T0"
            else:
                compressed, program = "tar.gz", "gzip -1"
            # A pax archive with everything that a tree has; as `mmdebstrap bookworm tree.tar` makes it.
            cls.tarball = packed(compressed, "tar", "-C", "TREE", "--format=posix", "--xattrs", "--acls", "--numeric-owner",
                                 "--sort=name", "-I", program, "-cf", "TARGET", ".")
            # Nothing is put into these, so that they can be compared; and one as people have it.
            bare = {"profile": "minimal", "setup.fstab": "", "nss": "none", "resolv_conf": "none"}
            cls.define("directory", type="directory", directory=cls.tree, union_type="overlay", **bare)
            cls.define("tarball", type="file", file=cls.tarball, **bare)
            cls.define("usual", type="file", file=cls.tarball, profile="buildd")
            cls.image = None
            if shutil.which("mksquashfs") and os.path.exists("/dev/loop-control"):
                cls.image = packed("squashfs", "mksquashfs", "TREE", "TARGET", "-noappend", "-quiet", "-no-progress",
                                   "-comp", "lz4")
                cls.define("image", type="image", file=cls.image, **bare)
                cls.define("usual-image", type="image", file=cls.image, profile="buildd", union_backing="tmpfs", union_size="50%")
            machine.start()
        except BaseException:
            machine.close()
            raise

    @classmethod
    def define(cls, name, **keys):
        lines = [f"{key.replace('_', '-')}={value}" for key, value in keys.items()]
        cls.machine.define(name, "\n".join([f"[{name}]", *lines]) + "\n")

    @classmethod
    def tearDownClass(cls):
        cls.machine.run("end", "--all", "--force")
        log = cls.machine.log()
        problems = cls.machine.close()
        if problems:
            raise AssertionError("left behind:\n  " + "\n  ".join(problems) + "\ndaemon's log:\n" + log)

    def tearDown(self):
        for session in self.machine.sessions():
            self.machine.run("end", "--force", session["id"])
        # Some 20 000 files to delete take their time on a busy machine.
        self.assertEqual(self.machine.leftovers(180), [], self.machine.log())

    def need_image(self):
        if self.image is None:
            self.skipTest("needs mksquashfs and loop devices")

    def lines(self, chroot):
        """Names, types, owners, modes, times, extended attributes, links and content, as a session on it has them."""
        session = self.machine.begin(chroot, name="real")
        view = self.machine.ok("location", session)
        # What a session is told of itself, and the folder that it is told in.
        own = ("etc ", "etc/hostname ", "etc/debian_chroot ")
        found = [line for line in testing.tree_lines(view) if not line.startswith(own)]
        self.machine.ok("end", session)
        return found

    @staticmethod
    def without_modes_of_devices(lines):
        """A node from an archive is no more open than the machine's own of that number, whatever the archive says."""
        return [re.sub(r"^(dev/\S+ 0o[26]0)[0-7]{3} ", r"\1 ", line) for line in lines]

    def assert_equal_to_the_directory(self, chroot):
        wanted, found = map(self.without_modes_of_devices, (self.lines("directory"), self.lines(chroot)))
        self.assertGreater(len(wanted), 5000)
        difference = sorted(set(wanted) ^ set(found))
        self.assertEqual(difference[:20], [])

    def test_a_tarball_is_the_directory(self):
        self.assert_equal_to_the_directory("tarball")

    def test_an_image_is_the_directory(self):
        self.need_image()
        # squashfs has whole seconds.
        cut = lambda lines: [line.replace(line.split(" ")[4], line.split(" ")[4][:-9], 1) for line in lines]
        wanted, found = cut(self.lines("directory")), cut(self.lines("image"))
        self.assertEqual(sorted(set(wanted) ^ set(found))[:20], [])

    def check_work(self, chroot, survives_boot=True):
        machine = self.machine
        session = machine.begin(chroot, name="real")
        packages = machine.inside(session, "dpkg", "-l")
        self.assertIn("ii  bash ", packages)
        self.assertGreater(packages.count("\nii  "), 50)
        self.assertTrue(machine.inside(session, "apt-get", "--version").startswith("apt 2."))
        self.assertEqual(machine.inside(session, "dpkg", "--verify", "bash", "coreutils", "libc6"), "")
        machine.inside(session, "sh", "-c", "echo kept >/srv/kept; rm /usr/bin/gcc; dpkg --configure -a; sync")
        other = machine.begin(chroot, name="other")
        machine.inside(other, "sh", "-c", "test -e /usr/bin/gcc; test ! -e /srv/kept")
        machine.ok("end", other)
        machine.restart(signal.SIGKILL)
        self.assertEqual(machine.inside(session, "sh", "-c", "cat /srv/kept; test ! -e /usr/bin/gcc && apt-get --version | head -n1")[:9], "kept\napt ")
        machine.end_daemon(signal.SIGKILL)
        machine.simulate_reboot("boot-" + chroot)
        machine.start_daemon()
        self.assertEqual(machine.settled(session), "active" if survives_boot else "failed", machine.log())
        if survives_boot:
            self.assertEqual(machine.inside(session, "sh", "-c", "cat /srv/kept; test ! -e /usr/bin/gcc && dpkg -l | wc -l").split()[0], "kept")
        machine.ok("end", session)

    def test_work_in_a_tarball(self):
        self.check_work("usual")

    def test_work_in_an_image(self):
        self.need_image()
        self.check_work("usual-image", survives_boot=False)

    def test_a_source_session_packs_it_again(self):
        machine = self.machine
        changed = os.path.join(machine.place, os.path.basename(self.tarball))
        shutil.copyfile(self.tarball, changed)
        self.define("changed", type="file", file=changed, profile="buildd", nss="none", resolv_conf="none")
        testing.wait_until(lambda: machine.run("info", "changed").status == 0)
        session = machine.begin("source:changed", name="change")
        machine.inside("session:" + session, "sh", "-c", "echo added >/srv/added; chown 12:34 /srv/added; rm /usr/bin/gcc")
        machine.ok("end", session)
        listing = {}
        for name, archive in (("before", self.tarball), ("after", changed)):
            plain = subprocess.run(["tar", "-tvf", archive, "--numeric-owner", "--full-time"], stdout=subprocess.PIPE, check=True)
            listing[name] = set(plain.stdout.decode(errors="replace").splitlines())
        gone, new = listing["before"] - listing["after"], listing["after"] - listing["before"]
        # Hard links may be listed from their other end; folders have another time where something came or went.
        of = lambda lines: sorted({line.split(" ./", 1)[1].split(" ")[0] for line in lines if " ./" in line and " link to " not in line})
        self.assertIn("srv/added", of(new))
        self.assertIn("usr/bin/gcc", of(gone))
        self.assertLess(len(gone), 60, "\n".join(sorted(gone)[:40]))
        self.assertEqual(machine.inside("changed", "stat", "-c", "%u:%g", "/srv/added"), "12:34")
        self.assertEqual(machine.inside("changed", "dpkg", "--verify", "bash", "coreutils", "libc6"), "")


if __name__ == "__main__":
    testing.main()
