"""A tree that a stranger made, and sessions on it: nothing of the host is read, written, mounted on or waited for."""

import os
import shutil
import stat
import subprocess
import unittest

import stranger
import unionroot_testing as testing
from unionroot_testing import EndToEndTest

SECRET = "the host's own secret"


class HostileTreeTest(EndToEndTest):
    @classmethod
    def prepare(cls):
        cls.outside = os.path.join(cls.machine.place, "outside")
        os.mkdir(cls.outside, 0o700)
        with open(os.path.join(cls.outside, "file"), "w") as file:
            file.write(SECRET)
        os.mkdir(os.path.join(cls.outside, "folder"))

    def setUp(self):
        self.tree = os.path.join(self.machine.place, self.id().rpartition(".")[2])
        shutil.copytree(testing.small_tree(), self.tree, symlinks=True)
        self.addCleanup(shutil.rmtree, self.tree)
        self.before = testing.tree_lines(self.outside)
        self.mounts = [line for line in testing.mountinfo() if self.outside in line]

    def tearDown(self):
        self.machine.run("end", "--all", "--force")
        self.assert_nothing_left()
        self.assert_tree_unchanged(self.before, self.outside)
        self.assertEqual([line for line in testing.mountinfo() if self.outside in line], self.mounts)

    def define(self, profile="default", **keys):
        name = "hostile-" + self.id().rpartition("_")[2]
        path = self.machine.define_tree(name, self.tree, profile=profile, users=stranger.STRANGER, **keys)
        self.addCleanup(os.unlink, path)
        # As it is now a session can stand on it. So what follows shows something.
        self.assertEqual(self.machine.inside(name, "echo", "there", user=stranger.STRANGER), "there")
        return name

    def replace(self, path, make):
        full = os.path.join(self.tree, path)
        if os.path.isdir(full) and not os.path.islink(full):
            shutil.rmtree(full)
        elif os.path.lexists(full):
            os.unlink(full)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        make(full)

    SHOW = ("cat", "/etc/passwd", "/etc/resolv.conf", "/etc/hosts", "/etc/hostname")

    def tried(self, name, command=SHOW):
        """A command in a session on the tree, whatever becomes of it: it ends, and has read nothing of the host's."""
        result = self.machine.run("run", "--directory", "/", name, "--", *command, user=stranger.STRANGER)
        self.assertNotIn(SECRET, result.out + result.err)
        return result.status

    def test_files_that_lead_out(self):
        name = self.define()
        up = "../" * 20
        for path in ("etc/passwd", "etc/group", "etc/shadow", "etc/gshadow", "etc/resolv.conf", "etc/hosts", "etc/hostname",
                     "etc/debian_chroot", "etc/timezone", "bin/sh"):
            original = os.path.join(self.tree, path)
            kept = original + ".kept" if os.path.lexists(original) else None
            for target in (os.path.join(self.outside, "file"), up + os.path.join(self.outside, "file").lstrip("/"),
                           "/proc/1/root" + os.path.join(self.outside, "file"), "/proc/self/fd/0"):
                with self.subTest(path=path, target=target):
                    if kept and not os.path.lexists(kept):
                        os.rename(original, kept)
                    self.replace(path, lambda full, target=target: os.symlink(target, full))
                    self.tried(name)
            os.unlink(original)
            if kept:
                os.rename(kept, original)

    def test_folders_that_lead_out(self):
        name = self.define()
        folder = os.path.join(self.outside, "folder")
        for path in ("etc", "proc", "sys", "dev", "tmp", "home", "run", "var"):
            original = os.path.join(self.tree, path)
            kept = original + ".kept"
            for target in (folder, "../" * 20 + folder.lstrip("/"), "/proc/1/root" + folder):
                with self.subTest(path=path, target=target):
                    if not os.path.lexists(kept):
                        os.rename(original, kept)
                    self.replace(path, lambda full, target=target: os.symlink(target, full))
                    self.tried(name)
            os.unlink(original)
            os.rename(kept, original)

    def test_what_is_no_file_in_a_files_place(self):
        # Nothing waits for the other end of a FIFO, and nothing of a device is read.
        name = self.define()
        kinds = {
            "FIFO": lambda full: os.mkfifo(full, 0o666),
            "zero": lambda full: os.mknod(full, 0o666 | stat.S_IFCHR, os.makedev(1, 5)),
            "folder": os.mkdir,
            "itself": lambda full: os.symlink(os.path.basename(full), full),
            "huge": lambda full: (open(full, "w").close(), os.truncate(full, 1 << 40)),
        }
        for path in ("etc/passwd", "etc/group", "etc/shadow", "etc/resolv.conf", "etc/hostname"):
            for kind, make in kinds.items():
                with self.subTest(path=path, kind=kind):
                    self.replace(path, make)
                    self.tried(name, ["true"])  # which does not open it
            self.replace(path, lambda full: open(full, "w").close())

    def test_a_name_service_database_of_nonsense(self):
        name = self.define()
        for text in (b"\0" * 5000, b"root:x:0:0:" + b"x" * 100000 + b"\n", b"::::::\n" * 1000, b"\xff\xfe:x:1:1:::\n",
                     b"root::0:0::/:/bin/sh\nroot::0:0::/:/bin/sh\n", b"+::::::\n-@all\n", b"games:x:0:0::/:/bin/sh"):
            with self.subTest(text=text[:20]):
                for path in ("etc/passwd", "etc/group", "etc/shadow"):
                    with open(os.path.join(self.tree, path), "wb") as file:
                        file.write(text)
                self.tried(name)

    def test_a_tree_that_changes_while_a_session_is_begun(self):
        # Its owner exchanges folders and files with symlinks all the time.
        name = self.define()
        target = os.path.join(self.outside, "folder")
        for path in ("etc", "dev", "tmp"):
            os.symlink(target, os.path.join(self.tree, path + ".other"))
        subprocess.run(["chown", "-R", stranger.STRANGER, self.tree], check=True)
        swapper = stranger.start(self.machine, stranger.STRANGER, """
import ctypes
libc = ctypes.CDLL(None)
tree, AT_FDCWD, RENAME_EXCHANGE = sys.argv[1].encode(), -100, 2
say("begun")
while True:
    for name in (b"etc", b"dev", b"tmp"):
        libc.renameat2(AT_FDCWD, tree + b"/" + name, AT_FDCWD, tree + b"/" + name + b".other", RENAME_EXCHANGE)
""", self.tree)
        try:
            self.assertEqual(swapper.stdout.readline(), "begun\n")
            statuses = [self.tried(name, ["true"]) for _ in range(25)]
            self.assertLessEqual(set(statuses), {0, 125, 126, 127})
            self.assertIsNone(swapper.poll())
        finally:
            swapper.kill()
            swapper.communicate()


if __name__ == "__main__":
    testing.main()
