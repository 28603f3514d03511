"""Configuration that somebody else than root can change, or choose by a link, is not believed; nothing in it is run."""

import os
import pwd
import unittest

import unionroot_testing as testing
from stranger import OWNER, STRANGER
from unionroot_testing import EndToEndTest


class ConfigurationTest(EndToEndTest):
    @classmethod
    def prepare(cls):
        cls.tree = testing.small_tree()
        cls.stranger = pwd.getpwnam(STRANGER)
        # A stranger may change this folder. The files in it belong to root.
        cls.theirs = os.path.join(cls.machine.place, "theirs")
        os.mkdir(cls.theirs, 0o755)
        cls.files = os.path.join(cls.machine.configuration, "chroot.d")
        cls.ran = os.path.join(cls.machine.place, "ran")

    def definition(self, name, profile="minimal"):
        return f"[{name}]\ntype=directory\ndirectory={self.tree}\nunion-type=overlay\nusers={OWNER},{STRANGER}\nprofile={profile}\n"

    def put(self, path, text, mode=0o644):
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, mode)
        self.addCleanup(os.unlink, path)
        return path

    def link(self, target, path):
        os.symlink(target, path)
        self.addCleanup(os.unlink, path)
        return path

    def assert_not_there(self, name, *words):
        result = self.machine.run("info", name, user=OWNER)
        self.assertEqual(result.status, 125, repr(result))
        checked = self.machine.run("check")
        self.assertEqual(checked.status, 1)
        for word in words:
            self.assertIn(word, checked.out)

    def test_a_link_through_a_folder_of_a_users(self):
        real = self.put(os.path.join(self.theirs, "real"), self.definition("through"))
        self.link(real, os.path.join(self.files, "through.conf"))
        self.machine.ok("info", "through", user=OWNER)
        for give in (lambda: os.chown(self.theirs, self.stranger.pw_uid, 0), lambda: os.chmod(self.theirs, 0o757),
                     lambda: (os.chown(self.theirs, 0, self.stranger.pw_gid), os.chmod(self.theirs, 0o775))):
            give()
            try:
                self.assert_not_there("through", "through.conf' is not read: its path contains a symbolic link", self.theirs)
            finally:
                os.chown(self.theirs, 0, 0)
                os.chmod(self.theirs, 0o755)
            self.machine.ok("info", "through", user=OWNER)

    def test_a_link_of_a_users(self):
        real = self.put(os.path.join(self.machine.place, "real"), self.definition("linked"))
        path = self.link(real, os.path.join(self.files, "linked.conf"))
        self.machine.ok("info", "linked", user=OWNER)
        os.lchown(path, self.stranger.pw_uid, self.stranger.pw_gid)
        self.assert_not_there("linked", f"is a symbolic link of uid {self.stranger.pw_uid}, not of root")

    def test_a_file_that_a_group_may_write_to(self):
        path = self.put(os.path.join(self.files, "grouped.conf"), self.definition("grouped"), 0o664)
        self.machine.ok("info", "grouped", user=OWNER)  # root's group
        os.chown(path, 0, self.stranger.pw_gid)
        self.assert_not_there("grouped", f"is writable by the group {self.stranger.pw_gid}, which is not root's", f"chmod go-w {path}")
        os.chmod(path, 0o644)
        self.machine.ok("info", "grouped", user=OWNER)

    def test_a_file_that_a_list_lets_a_user_write_to(self):
        path = self.put(os.path.join(self.files, "listed.conf"), self.definition("listed"), 0o644)
        uid = self.stranger.pw_uid.to_bytes(4, "little")
        nobody = b"\xff" * 4
        entries = [(1, 6, nobody), (2, 6, uid), (4, 4, nobody), (16, 6, nobody), (32, 4, nobody)]
        text = b"\x02\0\0\0" + b"".join(tag.to_bytes(2, "little") + mode.to_bytes(2, "little") + who for tag, mode, who in entries)
        try:
            os.setxattr(path, "system.posix_acl_access", text)
        except OSError as error:
            self.skipTest(f"no access control lists here: {error}")
        self.assert_not_there("listed", "by an access control list")

    def test_profiles_are_looked_at_as_definitions_are(self):
        profiles = os.path.join(self.machine.configuration, "profiles")
        os.mkdir(profiles)
        self.addCleanup(os.rmdir, profiles)
        self.put(os.path.join(self.theirs, "fstab"), "proc /proc proc\n")
        self.link(self.theirs, os.path.join(profiles, "theirs"))
        self.put(os.path.join(self.files, "profiled.conf"), self.definition("profiled", "theirs"))
        self.machine.ok("info", "profiled", user=OWNER)
        os.chown(self.theirs, self.stranger.pw_uid, 0)
        try:
            self.assert_not_there("profiled", "its profile cannot be used", self.theirs)
        finally:
            os.chown(self.theirs, 0, 0)

    def test_no_script_of_a_profile_is_run(self):
        profiles = os.path.join(self.machine.configuration, "profiles")
        os.makedirs(os.path.join(profiles, "scripted"))
        self.addCleanup(os.removedirs, os.path.join(profiles, "scripted"))
        config = os.path.join(profiles, "scripted/config")
        self.put(os.path.join(self.files, "scripted.conf"), self.definition("scripted", "scripted"))
        for line in (f"touch {self.ran}", f"A=$(touch {self.ran})", f"A=`touch {self.ran}`", f"A=1 touch {self.ran}", f"A=\"$(touch {self.ran})\"",
                     f"A=1; touch {self.ran}", f"A=1 > {self.ran}", f". {self.ran}", f"A=${{B:=$(touch {self.ran})}}", f"[ -e x ] || touch {self.ran}"):
            with self.subTest(line):
                with open(config, "w") as file:
                    file.write("# first\n" + line + "\n")
                self.assert_not_there("scripted", "scripted/config:2: ", "is not an assignment")
                self.assertFalse(os.path.exists(self.ran))
        with open(config, "w") as file:
            file.write("A='$(touch x)' # no more than text\n")
        self.machine.ok("run", "scripted", "--", "true", user=OWNER)
        os.unlink(config)


if __name__ == "__main__":
    unittest.main()
