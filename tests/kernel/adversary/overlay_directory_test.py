"""A folder for upper layers that others than root can change: what a stranger puts there is not believed, and keeps nobody
from ending a session."""

import json
import os
import pwd
import shutil
import stat
import subprocess

import inventory
import unionroot_testing as testing
from stranger import OWNER, STRANGER
from unionroot_testing import EndToEndTest, wait_until


def as_stranger(program, *arguments):
    """Runs Python as the stranger, without the bus."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            entry = pwd.getpwnam(STRANGER)
            os.setgroups([])
            os.setgid(entry.pw_gid)
            os.setuid(entry.pw_uid)
            program(*arguments)
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(pid, 0)
    if status != 0:
        raise AssertionError("the stranger's program failed")


class OverlayDirectoryTest(EndToEndTest):
    @classmethod
    def prepare(cls):
        machine = cls.machine
        cls.tree = testing.small_tree()
        cls.overlays = os.path.join(machine.place, "overlays")
        os.mkdir(cls.overlays, 0o755)
        # Below a folder in which others can rename.
        cls.open = os.path.join(machine.place, "open")
        os.mkdir(cls.open)
        os.chmod(cls.open, 0o777)
        cls.below = os.path.join(cls.open, "overlays")
        os.mkdir(cls.below, 0o755)
        cls.link = os.path.join(machine.place, "link")
        os.symlink(".", cls.link)
        os.symlink("overlays", os.path.join(machine.place, "last"))
        cls.sticky = os.path.join(machine.place, "sticky")
        os.mkdir(cls.sticky)
        os.chmod(cls.sticky, 0o1777)
        machine.define_tree("usual", cls.tree, users=f"{OWNER},{STRANGER}")
        for name, folder in (("elsewhere", cls.overlays), ("below", cls.below), ("linked", cls.link + "/linked"), ("link", cls.link + "/last"),
                             ("sticky", cls.sticky), ("within", cls.sticky + "/ours"), ("missing", cls.sticky + "/new/one")):
            machine.define_tree(name, cls.tree, users=f"{OWNER},{STRANGER}", union_overlay_directory=folder)
        machine.define_tree("image", cls.tree, users=f"{OWNER},{STRANGER}", union_overlay_directory=cls.overlays,
                            union_backing="image", union_size="16M")

    def setUp(self):
        self.addCleanup(os.chmod, self.overlays, 0o755)

    def tearDown(self):
        os.chmod(self.overlays, 0o755)
        self.machine.run("end", "--all", "--force")
        self.assert_nothing_left()

    # What begin takes

    def test_a_folder_that_others_can_change_is_refused(self):
        os.chmod(self.overlays, 0o777)
        for chroot, part, remedy in (("elsewhere", self.overlays, "chmod go-w"), ("image", self.overlays, "chmod go-w"),
                                     ("below", self.open, "chmod go-w"), ("sticky", self.sticky, "chmod go-w")):
            with self.subTest(chroot):
                for name in ([], ["--name", "mine"]):
                    self.assert_refused(self.machine.run("begin", *name, chroot, user=OWNER), 125, part, "not only root can change it",
                                        remedy)
                self.assert_refused(self.machine.run("run", chroot, "--", "true", user=OWNER), 125, part, remedy)
        self.assertEqual(os.listdir(self.overlays), [])

    def test_a_folder_of_another_in_the_place_of_ours_is_refused(self):
        ours = os.path.join(self.sticky, "ours")
        as_stranger(os.mkdir, ours, 0o755)
        self.addCleanup(shutil.rmtree, self.sticky + "/moved", ignore_errors=True)
        self.assert_refused(self.machine.run("begin", "within", user=OWNER), 125, ours, "owned by uid", "chown root:root")
        self.assertEqual(os.listdir(ours), [])
        os.rename(ours, self.sticky + "/moved")
        # A link of his leads where he wants.
        as_stranger(os.symlink, self.overlays, ours)
        self.assert_refused(self.machine.run("begin", "within", user=OWNER), 125, ours, "symbolic link")
        os.unlink(ours)

    def test_folders_of_root_are_taken(self):
        """A link that root made, on the way or itself, what is missing below a sticky folder, and no other than those."""
        for chroot, folder in (("elsewhere", self.overlays), ("linked", os.path.join(self.machine.place, "linked")), ("link", self.overlays),
                               ("missing", self.sticky + "/new/one")):
            with self.subTest(chroot):
                name = self.machine.begin(chroot, user=OWNER)
                self.machine.inside("session:" + name, "touch", "/tmp/kept", user=OWNER)
                self.assertTrue(os.path.exists(os.path.join(folder, name, "upper/tmp/kept")))
                self.machine.ok("end", name, user=OWNER)
        self.assertEqual(stat.S_IMODE(os.stat(self.sticky + "/new").st_mode) & 0o22, 0)
        self.assertTrue(wait_until(lambda: not os.listdir(os.path.join(self.sticky, "new/one/.unionroot-trash"))))
        shutil.rmtree(self.sticky + "/new")

    def test_a_session_stays_where_the_link_led(self):
        last, other = os.path.join(self.machine.place, "last"), os.path.join(self.machine.place, "other")
        os.mkdir(other, 0o755)
        name = self.machine.begin("link", user=OWNER)
        os.unlink(last)
        os.symlink("other", last)
        try:
            self.machine.inside("session:" + name, "touch", "/tmp/later", user=OWNER)
            self.assertTrue(os.path.exists(os.path.join(self.overlays, name, "upper/tmp/later")))
            self.machine.ok("end", name, user=OWNER)
            self.assertFalse(os.path.exists(os.path.join(self.overlays, name)))
            self.assertEqual(os.listdir(other), [])
        finally:
            os.unlink(last)
            os.symlink("overlays", last)
        os.rmdir(other)

    def test_check_says_so(self):
        os.chmod(self.overlays, 0o777)
        result = self.machine.run("check")
        self.assertEqual(result.status, 1, repr(result))
        self.assertIn(f"union-overlay-directory: '{self.overlays}' must be a folder that only root can change", result.out + result.err)

    # What is believed

    def lose_database(self):
        for name in ("state.db", "state.db-wal", "state.db-shm"):
            path = os.path.join(self.machine.state, name)
            if os.path.exists(path):
                os.unlink(path)

    def forged(self, source, name):
        """What a stranger knows to write, from a session of his own: he owns it, and is on the list of who may be root."""
        with open(source) as file:
            text = json.load(file)
        definition = json.loads(text["definition"])
        changed = json.dumps(definition).replace('"root-users": []', f'"root-users": ["{STRANGER}"]')
        text.update({"id": name, "owner": pwd.getpwnam(STRANGER).pw_uid, "owner-name": STRANGER, "definition": changed,
                     "created": text["created"] + 1})
        return text

    def plant(self, folder, text, mark):
        def write():
            os.mkdir(folder)
            for name in ("upper", "work"):
                os.mkdir(os.path.join(folder, name))
            with open(os.path.join(folder, "session.json"), "w") as file:
                file.write(text)
            with open(os.path.join(folder, ".unionroot"), "w") as file:
                file.write(mark)
        as_stranger(write)

    def test_a_forged_session_file_and_a_lost_database(self):
        """With the mark that a former version wrote, and with one of today, in a folder that was open for a moment."""
        name = self.machine.begin("elsewhere", user=STRANGER)
        own = os.path.join(self.overlays, name, "session.json")
        with open(own) as file:
            genuine = json.load(file)
        marks = {"former": self.machine.state + "\n",
                 "today": f"1.{inventory.daemon_id(self.machine.state)}.{genuine['created'] + 1}.today"}
        os.chmod(self.overlays, 0o777)
        for evil, mark in marks.items():
            text = self.forged(own, evil)
            if evil == "former":
                text["daemon"] = ""
            self.plant(os.path.join(self.overlays, evil), json.dumps(text), mark)
        for closed in (False, True):
            with self.subTest("closed again" if closed else "open"):
                self.machine.stop_daemon()
                self.lose_database()
                os.chmod(self.overlays, 0o755 if closed else 0o777)
                self.machine.start_daemon()
                for evil in marks:
                    result = self.machine.run("run", "--user", "root", "--directory", "/", "session:" + evil, "--", "id", "-u",
                                              user=STRANGER)
                    self.assertNotEqual((result.status, result.out), (0, "0\n"), "the author of a forged file is root")
                    self.assertNotIn(evil, [session["id"] for session in self.machine.sessions()])
                known = [session["id"] for session in self.machine.sessions()]
                self.assertEqual(known, [name] if closed else [], self.machine.log())
                self.assertIn("not only root can change it" if not closed else "not used: it is owned by", self.machine.log())
        # The daemon leaves a stranger's files as they are.
        for evil in marks:
            self.assertTrue(os.path.exists(os.path.join(self.overlays, evil, "session.json")))
            shutil.rmtree(os.path.join(self.overlays, evil))
        self.machine.ok("end", name, user=STRANGER)

    def test_lists_are_those_of_today(self):
        """What a session's own file says of who may be root gives nobody anything, whoever wrote it."""
        name = self.machine.begin("elsewhere", user=STRANGER)
        own = os.path.join(self.overlays, name, "session.json")
        self.machine.stop_daemon()
        self.lose_database()
        text = self.forged(own, name)
        text["created"] -= 1
        with open(own, "w") as file:
            json.dump(text, file)
        self.machine.start_daemon()
        self.assertEqual([session["id"] for session in self.machine.sessions()], [name])
        result = self.machine.run("run", "--user", "root", "--directory", "/", "session:" + name, "--", "id", "-u", user=STRANGER)
        self.assert_refused(result, 125, "may not")
        self.machine.ok("end", name, user=STRANGER)

    # What ends meet

    def test_a_trash_that_is_none_fails_no_end(self):
        elsewhere = os.path.join(self.machine.place, "others")
        os.mkdir(elsewhere)
        os.chmod(elsewhere, 0o777)
        self.addCleanup(shutil.rmtree, elsewhere)
        trash = os.path.join(self.overlays, ".unionroot-trash")
        made = {"a link": lambda: os.symlink(elsewhere, trash), "a dangling link": lambda: os.symlink("/nowhere", trash),
                "a folder": lambda: os.mkdir(trash, 0o777), "a file": lambda: open(trash, "w").close()}
        for what, make in made.items():
            with self.subTest(what):
                name = self.machine.begin("elsewhere", user=OWNER)
                other = self.machine.begin("elsewhere", user=OWNER)
                self.machine.inside("session:" + name, "touch", "/tmp/kept", user=OWNER)
                if os.path.isdir(trash):
                    self.assertTrue(wait_until(lambda: not os.listdir(trash)))
                    os.rmdir(trash)
                os.chmod(self.overlays, 0o777)
                as_stranger(make)
                self.machine.ok("end", name, user=OWNER)
                os.chmod(self.overlays, 0o755)
                self.machine.ok("end", other, user=OWNER)
                self.assertEqual(sorted(os.listdir(self.overlays)), [".unionroot-trash"])
                self.assertEqual(os.listdir(elsewhere), [])
                self.assertIn(trash, self.machine.log())
                os.rmdir(trash) if os.path.isdir(trash) and not os.path.islink(trash) else os.unlink(trash)

    def test_a_trash_of_anothers_is_not_emptied(self):
        """What is in a trash goes at the next start: so it must not be a folder that somebody put in its place."""
        name = self.machine.begin("elsewhere", user=OWNER)
        self.machine.ok("end", name, user=OWNER)
        trash = os.path.join(self.overlays, ".unionroot-trash")
        self.assertTrue(wait_until(lambda: not os.listdir(trash)))
        os.rmdir(trash)
        precious = os.path.join(self.overlays, "precious")  # root's, of another program
        os.makedirs(precious + "/inner")
        os.chmod(self.overlays, 0o777)
        as_stranger(os.rename, precious, trash)
        self.machine.stop_daemon()
        self.machine.start_daemon()
        self.assertTrue(wait_until(lambda: "not only root can change it" in self.machine.log()))
        self.assertEqual(os.listdir(trash), ["inner"])
        os.rename(trash, precious)
        shutil.rmtree(precious)

    def test_orphans_do_not_go_where_a_link_leads(self):
        name = self.machine.begin("elsewhere", user=OWNER)
        orphans = os.path.join(self.overlays, ".unionroot-orphans")
        target = os.path.join(self.machine.place, "target")
        os.mkdir(target, 0o777)
        self.addCleanup(shutil.rmtree, target)
        os.symlink(target, orphans)
        self.machine.stop_daemon()
        self.lose_database()
        os.unlink(os.path.join(self.overlays, name, "session.json"))
        self.machine.start_daemon()
        self.assertTrue(wait_until(lambda: orphans in self.machine.log()), self.machine.log())
        self.assertEqual(os.listdir(target), [])
        os.unlink(orphans)
        self.machine.stop_daemon()
        self.machine.start_daemon()
        kept = os.listdir(orphans)
        self.assertEqual([one.rpartition("-")[0] for one in kept], [name])
        shutil.rmtree(os.path.join(orphans, kept[0]))

    def test_an_image_that_became_a_link(self):
        """Set up again, a session stands on its own image, or not at all."""
        if not os.path.exists("/dev/loop-control"):
            self.skipTest("needs loop devices (/dev/loop-control)")
        name = self.machine.begin("image", user=OWNER)
        image = os.path.join(self.overlays, name, "upper.img")
        other = os.path.join(self.machine.place, "other.img")
        self.machine.stop_daemon()
        # As after a restart of the machine: nothing of it is mounted.
        for point in sorted((point for point in testing.mount_points()
                             if point.startswith(self.machine.runtime) and name in point), key=len, reverse=True):
            subprocess.run(["umount", "--lazy", point], check=True)
        self.assertTrue(wait_until(lambda: not testing.loop_devices(self.machine.place)))
        os.rename(image, other)
        for what, make in (("link", lambda: os.symlink(other, image)), ("folder", lambda: os.mkdir(image))):
            with self.subTest(what):
                make()
                self.machine.start_daemon()
                self.assertTrue(wait_until(lambda: self.machine.sessions()[0]["state"] != "recovering"))
                self.assertEqual(self.machine.sessions()[0]["state"], "failed", self.machine.log())
                error = json.loads(self.machine.ok("info", name, "--json"))["error"]
                self.assertIn(image + " is no longer a regular file", error)
                self.machine.stop_daemon()
                os.rmdir(image) if what == "folder" else os.unlink(image)
        os.rename(other, image)
        self.machine.start_daemon()
        self.machine.ok("recover", name, user=OWNER)
        self.machine.inside("session:" + name, "true", user=OWNER)
        self.machine.ok("end", name, user=OWNER)


class StateDirectoryTest(EndToEndTest):
    """The daemon's own folders: made by somebody else at a time when he could, they are not used."""

    @classmethod
    def prepare(cls):
        cls.machine.define_tree("usual", testing.small_tree(), users=OWNER)

    def refused(self, path, *fragments):
        self.machine.start_daemon(wait=False)
        self.assertNotEqual(self.machine.daemon.wait(testing.PATIENCE), 0)
        log = self.machine.log()
        for fragment in (path, *fragments):
            self.assertIn(fragment, log)
        os.truncate(self.machine.log_file, 0)

    def test_folders_in_the_place_of_ours(self):
        self.machine.stop_daemon()
        uid = pwd.getpwnam(STRANGER).pw_uid
        # Sessions do without the folder "files": files_layer looks at that.
        for name in ("sessions", "trash", "orphans", "cache", "locks"):
            path = os.path.join(self.machine.state, name)
            with self.subTest(name):
                made = not os.path.isdir(path)
                if made:
                    os.mkdir(path, 0o755)
                mode = stat.S_IMODE(os.stat(path).st_mode)
                os.chown(path, uid, -1)
                self.refused(path)
                os.chown(path, 0, -1)
                os.chmod(path, 0o777)
                self.refused(path)
                os.chmod(path, mode)
                os.rename(path, path + ".away")
                os.symlink("/tmp", path)
                self.refused(path)
                os.unlink(path)
                os.rename(path + ".away", path)
                if made:
                    os.rmdir(path)
        with self.subTest("the state directory"):
            os.chmod(self.machine.state, 0o777)
            self.refused(self.machine.state, "not only root can change it", "chmod go-w")
            os.chmod(self.machine.state, 0o755)
        self.machine.start_daemon()
        self.machine.inside("usual", "true", user=OWNER)


if __name__ == "__main__":
    testing.main()
