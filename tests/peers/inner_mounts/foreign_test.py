"""Trees for another machine: what runs them is registered with the kernel for a machine that there is not."""

import json
import os
import platform
import shutil
import struct
import subprocess
import sys
import unittest

import unionroot_testing as testing

BINFMT = "/proc/sys/fs/binfmt_misc"
NAME = f"unionroot-test-{os.getpid()}"
NOBODY = 0x7000 + os.getpid() % 0x600  # an e_machine that nobody has, nor a test that runs beside this one


def own_namespace():
    """So that binfmt_misc can be mounted for this test alone."""
    testing.own_mounts()
    if not os.path.exists(BINFMT + "/register"):
        mounted = subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", BINFMT], stderr=subprocess.PIPE, text=True)
        if mounted.returncode != 0:
            raise unittest.SkipTest("needs binfmt_misc: " + mounted.stderr.strip())


def program():
    """The start of an ELF program for that machine, in this machine's order of bytes."""
    order = 1 if sys.byteorder == "little" else 2
    return b"\x7fELF" + bytes([2, order, 1]) + bytes(9) + struct.pack("=HH", 2, NOBODY)


class ForeignTrees(testing.EndToEndTest):
    @classmethod
    def setUpClass(cls):
        testing.require_end_to_end()
        own_namespace()
        super().setUpClass()

    @classmethod
    def prepare(cls):
        machine = cls.machine
        cls.tree = os.path.join(machine.place, "tree")
        shutil.copytree(testing.small_tree(), cls.tree, symlinks=True)
        os.unlink(os.path.join(cls.tree, "usr/bin/sh"))
        with open(os.path.join(cls.tree, "usr/bin/sh"), "wb") as file:
            file.write(program() + bytes(100))
        os.chmod(os.path.join(cls.tree, "usr/bin/sh"), 0o755)
        cls.before = testing.tree_lines(cls.tree)
        machine.define_tree("foreign", cls.tree)
        machine.define("plain", type="plain", directory=cls.tree, profile="minimal")
        cls.own_tree = os.path.join(machine.place, "own-tree")
        shutil.copytree(cls.tree, cls.own_tree, symlinks=True)
        machine.define("in-place", type="directory", directory=cls.own_tree, profile="minimal")
        # An interpreter that needs nothing of the tree but its bash.
        cls.interpreter = os.path.join(machine.place, "bin/interpreter")
        os.mkdir(os.path.dirname(cls.interpreter))
        machine._write(cls.interpreter, '#!/usr/bin/bash\necho "interpreted $*"\n', 0o755)

    def static_program(self):
        """A program that needs nothing at all, and says "held"."""
        code = bytes.fromhex("b801000000bf01000000488d3510000000ba050000000f05b83c00000031ff0f05") + b"held\n"
        header = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0x400078, 64, 0, 0, 64, 56, 1, 0, 0, 0)
        segment = struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0x400000, 120 + len(code), 120 + len(code), 0x1000)
        path = os.path.join(self.machine.place, "static")
        with open(path, "wb") as file:
            file.write(header + segment + code)
        os.chmod(path, 0o755)
        self.assertEqual(subprocess.run([path], stdout=subprocess.PIPE, check=True).stdout, b"held\n")
        return path

    def register(self, flags="", interpreter=None):
        magic = "".join(f"\\x{byte:02x}" for byte in program())
        with open(BINFMT + "/register", "w") as file:
            file.write(f":{NAME}:M:0:{magic}::{interpreter or self.interpreter}:{flags}")
        self.addCleanup(self.unregister)

    @staticmethod
    def unregister():
        if os.path.exists(os.path.join(BINFMT, NAME)):
            with open(os.path.join(BINFMT, NAME), "w") as file:
                file.write("-1")

    def tearDown(self):
        for session in self.machine.sessions():
            self.machine.run("end", "--force", session["id"])
        self.assert_nothing_left()
        self.assert_tree_unchanged(self.before, self.tree)

    def notes(self, session):
        return json.loads(self.machine.ok("info", "--json", session))["notes"]

    def mount_line(self, session):
        lines = self.machine.inside(session, "cat", "/proc/self/mountinfo").splitlines()
        return [line for line in lines if line.split()[4] == self.interpreter]

    def test_nothing_runs_it(self):
        session = self.machine.begin("foreign")
        (note,) = self.notes(session)
        self.assertIn("another machine", note)
        self.assertIn("apt-get install qemu-user-static binfmt-support", note)
        result = self.machine.run("run", "-d", "/", session, "--", "/bin/sh", "-c", "true")
        self.assert_refused(result, 126, "cannot execute '/bin/sh'", "another machine", "apt-get install qemu-user-static binfmt-support")
        self.assert_refused(self.machine.run("run", "-d", "/", session, "--", "sh"), 126, "another machine")
        self.assertEqual(self.machine.inside(session, "echo", "others run"), "others run")

    def test_an_interpreter_is_bound(self):
        self.register()
        session = self.machine.begin("foreign")
        (note,) = self.notes(session)
        self.assertIn(f"set-uid programs such as sudo do not work in this tree: the binfmt_misc entry {NAME} has no flag C", note)
        self.assertEqual(self.machine.inside(session, "/bin/sh", "a", "b"), "interpreted /bin/sh a b")
        (line,) = self.mount_line(session)
        self.assertLessEqual({"ro", "nosuid", "nodev"}, set(line.split()[5].split(",")))
        upper = os.path.join(self.machine.state, "sessions", session, "upper")
        self.assertEqual(os.path.getsize(upper + self.interpreter), 0)
        # A recovered session gets it again; and once it is registered no more, nothing is in its place.
        self.machine.stop_daemon(testing.signal.SIGKILL)
        self.machine.lose_mounts(session)
        self.machine.start_daemon()
        testing.wait_until(lambda: self.machine.sessions()[0]["state"] in ("active", "failed"))
        self.assertEqual(self.machine.inside(session, "/bin/sh", "again"), "interpreted /bin/sh again")
        self.unregister()
        self.assertEqual(self.machine.run("run", "-d", "/", session, "--", "/bin/sh").status, 126)

    def test_one_that_the_kernel_holds_needs_no_mount(self):
        if platform.machine() != "x86_64":
            self.skipTest("its interpreter is a program for x86_64")
        self.register("OCF", self.static_program())
        session = self.machine.begin("foreign")
        self.assertEqual(self.notes(session), [])
        self.assertEqual(self.mount_line(session), [])
        self.assertEqual(self.machine.inside(session, "/bin/sh"), "held")

    def test_an_interpreter_that_is_gone(self):
        self.register()
        os.rename(self.interpreter, self.interpreter + ".away")
        self.addCleanup(os.rename, self.interpreter + ".away", self.interpreter)
        session = self.machine.begin("foreign")
        (note,) = self.notes(session)
        self.assertIn(NAME, note)
        self.assertIn("apt-get install", note)
        result = self.machine.run("run", "-d", "/", session, "--", "/bin/sh")
        self.assert_refused(result, 126, "another machine", "in a new session")

    def test_a_tree_without_a_layer(self):
        """Its mount point is made and stays, as schroot's does; a plain chroot is left alone."""
        self.register()
        session = self.machine.begin("plain")
        self.assertEqual(self.notes(session), [])
        self.machine.ok("end", session)
        self.assertEqual(self.machine.inside("in-place", "/bin/sh", "-c", "x"), "interpreted /bin/sh -c x")
        self.assertEqual(os.path.getsize(self.own_tree + self.interpreter), 0)
        self.assertEqual(self.machine.inside("in-place", "/bin/sh"), "interpreted /bin/sh")


if __name__ == "__main__":
    testing.main()
