"""The harness itself: a checksum that misses nothing, left-overs that are found. No daemon needed."""

import os
import shutil
import socket
import subprocess
import tempfile
import unittest

import unionroot_testing as testing


class ChecksumTest(unittest.TestCase):
    def setUp(self):
        self.tree = tempfile.mkdtemp(prefix="unionroot-checksum.", dir=testing.SCRATCH)
        self.addCleanup(shutil.rmtree, self.tree)
        self.file = os.path.join(self.tree, "file")
        with open(self.file, "w") as file:
            file.write("content")
        os.utime(self.file, ns=(1_000_000_000, 1_000_000_000))
        os.symlink("file", os.path.join(self.tree, "link"))
        os.mkdir(os.path.join(self.tree, "folder"))
        os.utime(self.tree, ns=(1_000_000_000, 1_000_000_000))
        self.before = testing.tree_checksum(self.tree)

    def assert_noticed(self):
        self.assertNotEqual(self.before, testing.tree_checksum(self.tree))

    def keep_times(self):
        os.utime(self.file, ns=(1_000_000_000, 1_000_000_000))
        os.utime(self.tree, ns=(1_000_000_000, 1_000_000_000))

    def test_is_stable(self):
        self.assertEqual(self.before, testing.tree_checksum(self.tree))

    def test_sees_content(self):
        with open(self.file, "w") as file:
            file.write("Content")
        self.keep_times()
        self.assert_noticed()

    def test_sees_mode(self):
        os.chmod(self.file, 0o4755)
        self.assert_noticed()

    def test_sees_time(self):
        os.utime(self.file, ns=(1_000_000_000, 1_000_000_001))
        self.assert_noticed()

    def test_sees_time_of_folder(self):
        os.utime(os.path.join(self.tree, "folder"), ns=(1, 1))
        self.assert_noticed()

    def test_sees_a_link_that_leads_elsewhere(self):
        os.unlink(os.path.join(self.tree, "link"))
        os.symlink("elsewhere", os.path.join(self.tree, "link"))
        self.keep_times()
        self.assert_noticed()

    def test_sees_a_new_name(self):
        with open(os.path.join(self.tree, "folder", "a\nb"), "w"):
            pass
        self.assert_noticed()

    def test_sees_hard_links(self):
        os.link(self.file, os.path.join(self.tree, "folder", "second"))
        self.keep_times()
        self.assert_noticed()

    def test_sees_attributes(self):
        try:
            os.setxattr(self.file, "user.mark", b"1")
        except OSError as error:
            self.skipTest(f"no extended attributes here: {error}")
        self.assert_noticed()

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_sees_owners(self):
        os.chown(self.file, 65534, 0)
        self.assert_noticed()

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_sees_device_numbers(self):
        node = os.path.join(self.tree, "folder", "node")
        os.mknod(node, 0o600 | 0o020000, os.makedev(1, 3))
        os.utime(node, ns=(1, 1))
        first = testing.tree_checksum(self.tree)
        os.unlink(node)
        os.mknod(node, 0o600 | 0o020000, os.makedev(1, 5))
        os.utime(node, ns=(1, 1))
        os.utime(os.path.dirname(node), ns=(1, 1))
        self.assertNotEqual(first, testing.tree_checksum(self.tree))

    def test_reads_no_socket_or_pipe(self):
        os.mkfifo(os.path.join(self.tree, "folder", "pipe"))
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(os.path.join(self.tree, "folder", "socket"))
            self.assert_noticed()


class LeftoverTest(unittest.TestCase):
    def test_orphans_are_found_and_reaped(self):
        testing.become_subreaper()
        started = subprocess.run(["sh", "-c", "sleep 60 >/dev/null & echo $!"], stdout=subprocess.PIPE, text=True)
        orphan = int(started.stdout)
        self.assertIn(orphan, testing.descendants(os.getpid()))
        os.kill(orphan, 9)
        self.assertTrue(testing.wait_until(lambda: orphan not in testing.descendants(os.getpid())))
        testing.reap_orphans(set())
        self.assertFalse(os.path.exists(f"/proc/{orphan}"))


if __name__ == "__main__":
    testing.main()
