"""copyfiles of a profile: what is there on the host and cannot be copied is an error, at begin and by check."""

import json
import os
import socket
import unittest

import unionroot_testing as testing
from unionroot_testing import EndToEndTest


class CopiedFiles(EndToEndTest):
    def setUp(self):
        self.given = os.path.join(self.machine.place, "given")
        os.makedirs(self.given)
        self.addCleanup(self.assert_nothing_left)

    def tearDown(self):
        for name in os.listdir(self.given):
            path = os.path.join(self.given, name)
            (os.rmdir if os.path.isdir(path) and not os.path.islink(path) else os.unlink)(path)
        os.rmdir(self.given)

    def copies(self, *lines):
        """A chroot that copies these; the path of its profile's file."""
        path = os.path.join(self.machine.configuration, "copyfiles")
        self.machine._write(path, "".join(line + "\n" for line in lines))
        self.machine.define_tree("copying", testing.small_tree(), profile="minimal", **{"setup.copyfiles": path})
        return path

    def refused(self, path, what):
        file = self.copies("# ours", f"{path} /srv/copied")
        for arguments in (["begin", "copying"], ["run", "-d", "/", "copying", "--", "true"]):
            self.assert_refused(self.machine.run(*arguments), 125, f"copyfiles: {path} cannot be copied", what, f"remove it from {file}:2")
        result = self.machine.run("check")
        self.assertEqual(result.status, 1, repr(result))
        self.assertIn(f"copies '{path}' ({file}:2): it is ", result.out)
        self.assertIn(what, result.out)

    def place(self, name):
        return os.path.join(self.given, name)

    def test_a_fifo(self):
        os.mkfifo(self.place("fifo"))
        self.refused(self.place("fifo"), "not a regular file, but a FIFO")

    def test_a_device(self):
        self.refused("/dev/zero", "not a regular file, but a character device")

    def test_a_folder(self):
        self.refused(self.given, "not a regular file, but a folder")

    def test_a_link_to_a_socket(self):
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(self.place("socket"))
            os.symlink("socket", self.place("link"))
            self.refused(self.place("link"), "not a regular file, but a socket")

    def test_one_that_is_too_large(self):
        with open(self.place("large"), "wb") as file:
            file.truncate((16 << 20) + 1)
        self.refused(self.place("large"), "larger than 16 MiB")

    def test_one_that_is_not_there_is_a_note(self):
        path = self.place("none")
        self.copies(path)
        self.machine.ok("check")
        session = self.machine.begin("copying")
        self.assertIn(f"{path}: skipped: the host has no such file", "\n".join(json.loads(self.machine.ok("info", "--json", session))["notes"]))
        self.machine.ok("end", session)

    def test_an_empty_file_and_a_link_to_a_file_are_copied(self):
        with open(self.place("empty"), "w"), open(self.place("file"), "w") as file:
            file.write("content\n")
        os.symlink("file", self.place("link"))
        self.copies(f"{self.place('empty')} /srv/empty", f"{self.place('link')} /srv/link")
        self.machine.ok("check")
        self.assertEqual(self.machine.inside("copying", "cat", "/srv/empty", "/srv/link"), "content")


if __name__ == "__main__":
    testing.main()
