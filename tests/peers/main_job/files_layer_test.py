"""The layer of files that automatic sessions share: each gets what it would get without it, whatever has changed since."""

import os
import shutil
import signal
import subprocess
import time

import unionroot_testing as testing
from unionroot_testing import wait_until

# A file's times are trusted when they are a tenth of a second old.
SETTLED = 0.15


class FilesLayerTest(testing.EndToEndTest):
    @classmethod
    def prepare(cls):
        machine = cls.machine
        cls.tree = os.path.join(machine.place, "tree")
        subprocess.run(["cp", "-a", testing.small_tree(), cls.tree], check=True)
        cls.copied = os.path.join(cls.machine.place, "copied")  # a path of the host, and the same inside
        os.makedirs(cls.tree + os.path.dirname(cls.copied))
        profile = os.path.join(machine.configuration, "profiles", "copying")
        os.makedirs(profile)
        for name, text in {"fstab": "", "copyfiles": cls.copied + "\n", "nssdatabases": "passwd\ngroup\n"}.items():
            with open(os.path.join(profile, name), "w") as file:
                file.write(text)
        machine.define_tree("copying", cls.tree, profile="copying", source_root_users="root")
        machine.define_tree("plain", cls.tree, profile="copying", union_backing="tmpfs")

    def setUp(self):
        # A daemon that has just started has none.
        self.machine.stop_daemon()
        self.machine.start_daemon()
        self.assertTrue(wait_until(lambda: self.layers() == []), self.layers())
        self.write("first")

    def write(self, text):
        with open(self.copied, "w") as file:
            file.write(text + "\n")
        time.sleep(SETTLED)

    def layers(self):
        folder = os.path.join(self.machine.state, "files")
        return sorted(os.listdir(folder)) if os.path.isdir(folder) else []

    def read(self, path, chroot="copying", **options):
        return self.machine.ok("run", "--directory", "/", chroot, "--", "cat", path, **options)

    def upper_of_next(self):
        """The files that an automatic session writes into its own upper layer, seen while its command runs."""
        client = self.machine.popen("run", "--directory", "/", "copying", "--", "sh", "-c", "echo ready; read line",
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            self.assertEqual(client.stdout.readline(), "ready\n")
            (session,) = self.machine.sessions()
            upper = os.path.join(self.machine.state, "sessions", session["name"], "upper")
            return [os.path.relpath(os.path.join(top, name), upper) for top, _, names in os.walk(upper) for name in names]
        finally:
            client.communicate("\n", timeout=testing.PATIENCE)

    def test_files_are_written_once_for_all(self):
        self.assertEqual(self.read(self.copied), "first")
        before = self.layers()
        self.assertEqual(len(before), 1, before)
        self.assertEqual(self.upper_of_next(), [])
        self.assertEqual(self.layers(), before)
        # And they are those that a session without the layer gets.
        for path in ("/etc/passwd", "/etc/group", "/etc/hostname", "/etc/resolv.conf"):
            self.assertEqual(self.read(path), self.read(path, "plain"), path)
        modes = ["run", "--directory", "/", "%", "--", "stat", "-c", "%n %a %u %g", "/", "/etc", "/etc/passwd", "/etc/shadow"]
        one, other = (self.machine.ok(*[chroot if word == "%" else word for word in modes]) for chroot in ("copying", "plain"))
        self.assertEqual(one, other)

    def test_a_changed_file_of_the_host_is_seen_by_the_next(self):
        self.assertEqual(self.read(self.copied), "first")
        before = self.layers()
        self.write("second")
        self.assertEqual(self.read(self.copied), "second")
        self.assertTrue(wait_until(lambda: len(self.layers()) == 1 and self.layers() != before), self.layers())
        # One that changed this very moment.
        with open(self.copied, "w") as file:
            file.write("third\n")
        self.assertEqual(self.read(self.copied), "third")

    def test_a_changed_file_of_the_tree_is_seen_by_the_next(self):
        self.assertNotIn("packaged", self.read("/etc/passwd"))
        self.machine.ok("run", "--directory", "/", "source:copying", "--", "sh", "-c",
                        "echo packaged:x:888:65534::/:/bin/false >>/etc/passwd")
        time.sleep(SETTLED)
        self.assertIn("packaged:x:888", self.read("/etc/passwd"))
        self.assertIn("packaged:x:888", self.read("/etc/passwd"))

    def test_a_folder_on_the_way_that_has_changed_is_seen_by_the_next(self):
        on_the_way = os.path.dirname(self.copied)
        for path in ("/etc", on_the_way):
            self.read(self.copied)
            os.chmod(self.tree + path, 0o710)
            try:
                time.sleep(SETTLED)
                for _ in range(2):
                    self.assertEqual(self.machine.ok("run", "--directory", "/", "copying", "--", "stat", "-c", "%a", path), "710")
            finally:
                os.chmod(self.tree + path, 0o755)
            time.sleep(SETTLED)

    def test_what_a_session_changes_is_its_own(self):
        self.machine.ok("run", "--directory", "/", "copying", "--", "sh", "-c",
                        f"echo mine >{self.copied}; rm /etc/hostname; echo more >>/etc/passwd; chmod 777 /etc")
        self.assertEqual(self.read(self.copied), "first")
        self.assertNotIn("more", self.read("/etc/passwd"))
        self.read("/etc/hostname")
        self.assertEqual(self.machine.ok("run", "--directory", "/", "copying", "--", "stat", "-c", "%a", "/etc"), "755")

    def test_each_user_has_a_layer(self):
        self.read(self.copied)
        self.assertEqual(self.read(self.copied, user="nobody"), "first")
        self.assertEqual(len(self.layers()), 2, self.layers())

    def test_a_preserved_session_has_its_own_files(self):
        before = self.layers()
        self.machine.begin("copying", name="kept")
        upper = os.path.join(self.machine.state, "sessions", "kept", "upper")
        self.assertTrue(os.path.exists(upper + "/etc/hostname"))
        self.machine.ok("end", "kept")
        self.assertEqual(self.layers(), before)

    def test_a_layer_in_use_outlives_the_daemon_and_goes_with_its_session(self):
        self.read(self.copied)
        client = self.machine.popen("run", "--directory", "/", "copying", "--", "sh", "-c",
                                    f"echo ready; read line; cat {self.copied} /etc/hostname", stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE, text=True)
        try:
            self.assertEqual(client.stdout.readline(), "ready\n")
            (held,) = self.layers()
            # The command may be faster than the daemon's answer to its client, without which it would be ended.
            self.machine.ok("list")
            self.machine.stop_daemon(signal.SIGKILL)
            self.machine.start_daemon()
            self.assertEqual(self.layers(), [held])
        finally:
            out, _ = client.communicate("\n", timeout=testing.PATIENCE)
        self.assertTrue(out.startswith("first\n") and out.count("\n") == 2, out)
        self.assertTrue(wait_until(lambda: self.layers() == []), self.layers())

    def test_one_that_nobody_uses_goes_when_the_daemon_starts(self):
        self.read(self.copied)
        before = self.layers()
        self.machine.stop_daemon()
        self.machine.start_daemon()
        self.assertTrue(wait_until(lambda: not set(before) & set(self.layers())), self.layers())
        self.assertEqual(self.read(self.copied), "first")

    def test_layers_that_somebody_has_deleted_are_made_again(self):
        self.assertEqual(self.read(self.copied), "first")
        folder = os.path.join(self.machine.state, "files")
        for change in (None, "second", None):
            shutil.rmtree(folder)
            if change:
                self.write(change)
            expected = change or self.machine.ok("run", "--directory", "/", "plain", "--", "cat", self.copied)
            self.assertEqual(self.read(self.copied), expected)
            self.assertEqual(len(self.layers()), 1, self.layers())

    def test_a_layer_that_cannot_be_made_is_no_error(self):
        folder = os.path.join(self.machine.state, "files")
        self.machine.stop_daemon()
        if os.path.isdir(folder):
            shutil.rmtree(folder)
        with open(folder, "w"):
            pass
        try:
            self.machine.start_daemon()
            self.assertEqual(self.read(self.copied), "first")
            self.assertIn("each session writes them itself", self.machine.log())
        finally:
            os.unlink(folder)


if __name__ == "__main__":
    testing.main()
