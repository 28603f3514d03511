"""unionroot apply and undo: what a session has changed is written into its tree, all or a part, or nothing at all; and back."""

import json
import os
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "sources_image"))

import disks  # noqa: E402
import stranger  # noqa: E402
import unionroot_testing as testing  # noqa: E402

EVERYTHING = """set -e
mkdir /srv/new; echo text >/srv/new/file; ln /srv/new/file /srv/new/again; ln -s file /srv/new/link
echo more >>/etc/issue
chmod 700 /opt
rm /etc/debian_version
mv /etc/motd /etc/message
rm -r /mnt; echo now a file >/mnt
mv /var/lib /var/library; echo own >/var/library/own
"""


def lines_of(tree):
    return testing.tree_lines(tree)


class ApplyTest(testing.EndToEndTest):
    @classmethod
    def prepare(cls):
        cls.number = 0

    def tree(self, name=None, **keys):
        """A tree of the test's own, with a definition; its path."""
        type(self).number += 1
        name = name or f"tree{self.number}"
        folder = os.path.join(self.machine.place, "trees", name)
        os.makedirs(os.path.dirname(folder), exist_ok=True)
        subprocess.run(["cp", "-a", testing.small_tree(), folder], check=True)
        for path in ("/etc/issue", "/etc/debian_version", "/etc/motd", "/var/lib/file", "/etc/both", "/etc/gone", "/etc/deleted"):
            with open(folder + path, "w") as file:
                file.write("text\n")
        keys = {"root_users": "root", "union_mount_options": "redirect_dir=on", **keys}
        self.machine.define_tree(name, folder, **keys)
        time.sleep(0.05)  # what is there is older than any session
        self.addCleanup(self.forget, name)
        return name, folder

    def forget(self, name):
        for session in self.machine.sessions():
            if session["chroot"] == name:
                self.machine.run("end", "--force", session["id"])
        while self.machine.run("undo").status == 0:
            pass

    def begin(self, chroot, **options):
        return self.machine.begin(chroot, **options)

    def change(self, session, script=EVERYTHING):
        self.machine.ok("run", "--directory", "/", "--user", "root", "session:" + session, "--", "sh", "-c", script)
        self.assertTrue(testing.wait_until(lambda: not json.loads(self.machine.ok("info", "--json", session)).get("runs")))

    def diff(self, session, *paths):
        result = self.machine.run("diff", session, *paths)
        self.assertIn(result.status, (0, 1), result)
        return result.out.splitlines()

    def apply(self, session, *arguments, status=0, **options):
        result = self.machine.run("apply", session, *arguments, **options)
        self.assertEqual(result.status, status, f"{result}\n{self.machine.log()[-2000:] if status == 0 else ''}")
        return result

    def undo(self, *arguments, status=0, **options):
        result = self.machine.run("undo", *arguments, **options)
        self.assertEqual(result.status, status, f"{result}\n{self.machine.log()[-2000:] if status == 0 else ''}")
        return result

    def undo_layers(self, tree):
        return [name for name in os.listdir(os.path.dirname(tree)) if name.startswith(".unionroot-undo-")]

    def shown(self, session):
        location = self.machine.ok("location", session)
        return [line for folder in ("etc", "srv", "opt", "var", "usr") for line in lines_of(os.path.join(location, folder))
                if " 0o4" not in line]  # without folders: their times change

    def test_all_of_it_and_back(self):
        chroot, tree = self.tree()
        before = lines_of(tree)
        session = self.begin(chroot)
        self.assertIn("there was nothing to apply", self.apply(session).err)
        self.change(session)
        location = self.machine.ok("location", session)
        os.mkfifo(location + "/srv/fifo")
        with open(location + "/srv/sparse", "wb") as file:
            file.truncate(1 << 20)
        os.utime(location + "/srv/new/file", (5, 1000))
        listed, shown = self.diff(session), self.shown(session)
        self.assertEqual(self.apply(session, "--dry-run").out.splitlines(), listed)
        self.assertEqual(lines_of(tree), before)
        self.assertEqual(self.diff(session), listed)
        id = self.apply(session).out.strip()
        self.assertEqual(self.diff(session), [])
        self.assertEqual(self.shown(session), shown)
        for line in lines_of(tree):
            self.assertNotIn("unionroot", line)
        for folder in ("srv", "opt", "var"):
            self.assertEqual(lines_of(f"{tree}/{folder}"), lines_of(os.path.join(self.machine.ok("location", session), folder)))
        with open(tree + "/etc/issue") as file:
            self.assertEqual(file.read(), "text\nmore\n")
        self.assertFalse(os.path.exists(tree + "/etc/debian_chroot"))  # unionroot's own
        self.assertEqual(os.stat(tree + "/srv/new/file").st_nlink, 2)
        self.assertEqual(os.stat(tree + "/srv/sparse").st_blocks, 0)
        self.assertTrue(os.path.exists(tree + "/var/library/file"))
        self.assertEqual(self.undo_layers(tree), [f".unionroot-undo-{id}"])
        self.assertEqual(os.stat(os.path.join(os.path.dirname(tree), f".unionroot-undo-{id}")).st_mode & 0o7777, 0o700)
        # What is changed again is no conflict with what it wrote itself.
        self.change(session, "echo again >>/etc/issue")
        self.assertEqual(self.apply(session, "--dry-run").out.splitlines(), ["M /etc/issue"])
        self.undo(session)
        self.assertEqual(lines_of(tree), before)
        self.assertEqual(self.undo_layers(tree), [])
        # Nor is what it has brought back.
        self.change(session, "echo again >>/etc/issue; chmod 711 /opt; rm -r /var/lib")
        self.assertIn("M /etc/issue", self.apply(session, "--dry-run").out.splitlines())
        self.assertIn("nothing was applied", self.undo(status=125).err)

    def test_undo_when_the_session_has_ended_and_the_daemon_was_restarted(self):
        chroot, tree = self.tree()
        before = lines_of(tree)
        session = self.begin(chroot)
        self.change(session)
        id = self.apply(session).out.strip()
        self.machine.ok("end", session)
        self.machine.stop_daemon()
        self.machine.start_daemon()
        self.undo(id)
        self.assertEqual(lines_of(tree), before)

    def test_some_of_it(self):
        chroot, tree = self.tree()
        before = lines_of(tree)
        session = self.begin(chroot)
        self.change(session)
        listed, shown = self.diff(session), self.shown(session)
        self.apply(session, "/srv/new/file", "etc/issue", "/mnt")
        left = [line for line in listed if not any(path in line for path in ("/srv/new/file", "/etc/issue", " /mnt"))]
        self.assertEqual([line for line in self.diff(session) if "/srv/new" not in line],
                         [line for line in left if "/srv/new" not in line])
        self.assertEqual(self.shown(session), shown)
        self.assertEqual(os.listdir(tree + "/srv/new"), ["file"])
        # One undo layer a tree, the last.
        second = self.apply(session, "--exclude", "*.log", "/etc").out.strip()
        self.assertEqual(self.undo_layers(tree), [f".unionroot-undo-{second}"])
        listing = "\n".join(line for line in self.diff(session) if " /srv/" in line) + "\n"
        self.apply(session, "--from", "-", input=listing)
        self.assertEqual(self.diff(session, "/srv"), [])
        self.apply(session)
        self.assertEqual(self.diff(session), [])
        self.assertEqual(self.shown(session), shown)
        self.assertNotEqual(lines_of(tree), before)

    def conflict(self, tree, session):
        """All four kinds, both ways."""
        self.change(session, "echo here >>/etc/both; echo here >>/etc/gone; rm /etc/deleted; echo here >/etc/made; echo here >/etc/fine")
        with open(tree + "/etc/both", "a") as file:
            file.write("there\n")
        os.unlink(tree + "/etc/gone")
        with open(tree + "/etc/deleted", "a") as file:
            file.write("there\n")
        with open(tree + "/etc/made", "w") as file:
            file.write("there\n")

    CONFLICTS = (("/etc/both", "changed in the session and in the tree"), ("/etc/gone", "changed in the session, and gone from the tree"),
                 ("/etc/deleted", "deleted in the session, and changed in the tree"), ("/etc/made", "made in the session and in the tree"))

    def test_conflicts_are_named_and_nothing_is_done(self):
        chroot, tree = self.tree()
        session = self.begin(chroot)
        self.conflict(tree, session)
        before, listed = lines_of(tree), self.diff(session)
        refused = self.apply(session, status=125).err
        for path, what in self.CONFLICTS:
            self.assertIn(f"{path}: {what}", refused)
        self.assertNotIn("/etc/fine", refused)
        self.assertIn("--ours", refused)
        self.assertEqual((lines_of(tree), self.diff(session), self.undo_layers(tree)), (before, listed, []))
        for path, what in self.CONFLICTS:
            with self.subTest(path):
                alone = self.apply(session, path, status=125).err
                self.assertIn(f"{path}: {what}", alone)
                self.assertEqual(sum(other in alone for other, _ in self.CONFLICTS), 1)
        self.apply(session, "/etc/fine")  # is none
        refused = self.apply(session, "--ours", "/etc/both", "--theirs", "/etc/made", status=125).err
        self.assertNotIn("/etc/both", refused)
        self.assertNotIn("/etc/made", refused)
        self.assertIn("/etc/gone", refused)

    def test_ours(self):
        chroot, tree = self.tree()
        session = self.begin(chroot)
        self.conflict(tree, session)
        before = [line for line in lines_of(tree) if not line.startswith(("etc ", "etc/fine "))]
        self.apply(session, "--ours", "/etc")
        self.assertEqual([line for line in lines_of(tree) if not line.startswith(("etc ", "etc/fine "))], before)
        with open(tree + "/etc/fine") as file:
            self.assertEqual(file.read(), "here\n")

    def test_theirs(self):
        chroot, tree = self.tree()
        session = self.begin(chroot)
        self.conflict(tree, session)
        before = lines_of(tree)
        self.apply(session, "--theirs", "/")
        for path, content in (("both", "text\nhere\n"), ("gone", "text\nhere\n"), ("made", "here\n")):
            with open(f"{tree}/etc/{path}") as file:
                self.assertEqual(file.read(), content)
        self.assertFalse(os.path.exists(tree + "/etc/deleted"))
        self.undo(session)
        self.assertEqual(lines_of(tree), before)

    def test_undo_is_refused_where_the_tree_was_changed_since(self):
        chroot, tree = self.tree()
        session = self.begin(chroot)
        self.change(session)
        self.apply(session)
        with open(tree + "/etc/issue", "a") as file:
            file.write("there\n")
        with open(tree + "/srv/new/more", "w") as file:
            file.write("there\n")
        with open(tree + "/etc/debian_version", "w") as file:
            file.write("there\n")
        before = lines_of(tree)
        refused = self.undo(session, status=125).err
        for text in ("/etc/issue was changed since", "/srv/new/more was made since", "/etc/debian_version was made since"):
            self.assertIn(text, refused)
        self.assertEqual(lines_of(tree), before)
        self.machine.inside(session, "true")

    def test_what_else_is_in_a_folder_stays(self):
        chroot, tree = self.tree()
        session = self.begin(chroot)
        self.change(session, "echo here >/etc/here")
        with open(tree + "/etc/there", "w") as file:
            file.write("there\n")
        self.apply(session)
        with open(tree + "/etc/later", "w") as file:
            file.write("there\n")
        self.undo(session)
        self.assertEqual(sorted(set(os.listdir(tree + "/etc")) & {"here", "there", "later"}), ["later", "there"])

    def test_bad_input(self):
        chroot, tree = self.tree()
        session = self.begin(chroot)
        self.change(session)
        before, listed = lines_of(tree), self.diff(session)
        for arguments, why in ((("/nothing/there",), "there is no /nothing/there"), (("/etc/../etc/issue",), "'..'"),
                               (("/etc/issue", "/etc/message"), "/etc/motd was renamed to /etc/message"),
                               (("/var/library/own",), "/var/library"), (("--exclude", ""), "no pattern"),
                               (("--exclude", "own"), "without /var/library/own"), (("--interactive",), "--interactive"),
                               (("--from", "/nothing"), "/nothing"), (("--from", tree + "/etc/issue"), "is no line")):
            with self.subTest(arguments):
                self.assertIn(why, self.apply(session, *arguments, status=125).err)
                self.assertEqual((lines_of(tree), self.diff(session), self.undo_layers(tree)), (before, listed, []))
        self.assertIn("no session", self.apply("nothing", status=125).err)
        self.assertIn("nothing was applied", self.undo("nothing", status=125).err)

    def test_what_it_is_not_for(self):
        for keys, why in (({"union_backing": "tmpfs"}, "its layer is in memory"), ({"union_reset": "yes"}, "union-reset=yes"),
                          ({"union_mount_options": "index=on"}, "index=on"), ({"union_type": "none"}, "works on its tree itself")):
            with self.subTest(why):
                chroot, tree = self.tree(**keys)
                session = self.begin(chroot)
                self.assertIn(why, self.apply(session, status=125).err)
                self.machine.ok("end", session)
        chroot, tree = self.tree()
        session = self.begin(chroot)
        self.change(session, "echo here >>/etc/issue")
        self.machine.ok("snapshot", session)
        self.change(session, "echo here >>/etc/issue")
        self.assertIn("it stands on snapshots", self.apply(session, status=125).err)
        self.machine.ok("end", session)
        session = self.begin("host")
        self.addCleanup(self.machine.run, "end", "--force", session)
        self.machine.inside(session, "touch", "/srv/made-for-apply")
        self.assertIn("this machine's own tree", self.apply(session, status=125).err)
        self.assertFalse(os.path.exists("/srv/made-for-apply"))

    def test_the_tree_is_for_nobody_else(self):
        chroot, tree = self.tree()
        session = self.begin(chroot)
        self.change(session, "echo here >>/etc/issue")
        other = self.begin(chroot)
        before = lines_of(tree)
        self.assertIn(f"in use by session {other}", self.apply(session, status=125).err)
        self.assertEqual(lines_of(tree), before)
        self.machine.ok("end", other)
        self.assertIn(f"in use by session {session}", self.machine.run("lock", chroot, "--", "true").err)
        self.apply(session)
        self.assertEqual(len([lock for lock in os.listdir(self.machine.state + "/locks") if ".source." in lock]), 0)
        other = self.begin(chroot)
        self.assertIn(f"in use by session {other}", self.undo(session, status=125).err)
        self.machine.ok("end", other)
        self.undo(session)
        self.assertEqual(lines_of(tree), before)

    def test_not_while_commands_run(self):
        chroot, tree = self.tree()
        session = self.begin(chroot)
        self.change(session, "echo here >>/etc/issue")
        process = self.machine.popen("run", "--directory", "/", session, "--", "sh", "-c", "echo ready; read line", stdin=subprocess.PIPE)
        try:
            self.assertEqual(process.stdout.readline(), b"ready\n")
            self.assertIn(f"commands run in session {session}: pid ", self.apply(session, status=125).err)
            process.communicate(b"go\n", timeout=testing.PATIENCE)
        finally:
            testing.finish(process)
        self.assertTrue(testing.wait_until(lambda: self.machine.run("apply", session).status == 0))

    def test_who_may(self):
        chroot, tree = self.tree(users=f"{stranger.OWNER},{stranger.STRANGER}", source_clone="true",
                                 source_root_users="nobody", source_users="nobody")
        self.machine.define_tree(chroot, tree, users="nobody,daemon", source_clone="true", source_users="nobody",
                                 source_root_users="nobody", root_users="root,nobody,daemon")
        before = lines_of(tree)
        for user, may in (("nobody", True), ("daemon", False)):
            session = self.begin(chroot, user=user)
            self.change(session, "echo here >>/etc/issue")
            other = {"nobody": "daemon", "daemon": "nobody"}[user]
            self.assertIn("may not apply", self.apply(session, status=125, user=other).err)
            if not may:
                refused = self.apply(session, status=125, user=user).err
                self.assertIn(f"may be root in source:{chroot}", refused)
                self.assertEqual(lines_of(tree), before)
                self.apply(session)
            else:
                self.apply(session, user=user)
            self.assertNotEqual(lines_of(tree), before)
            for name in (session, "nothing"):  # the same answer: it does not tell what there is
                self.assertIn(f"nothing was applied as, or from session, '{name}' that you can undo",
                              self.undo(name, status=125, user="daemon").err)
            self.assertIn("nothing was applied that you can undo", self.undo(status=125, user="daemon").err)
            self.undo(session, user="nobody")
            self.assertEqual(lines_of(tree), before)
            self.machine.ok("end", session)

    def test_files_of_accounts_are_left_to_the_source(self):
        chroot, tree = self.tree()
        session = self.begin(chroot)
        before = lines_of(tree)
        self.change(session, "echo new:x:77:77::/:/bin/sh >>/etc/passwd; echo new:x:77: >>/etc/group; touch /etc/shadow-; echo here >/etc/here")
        for arguments in ((), ("--dry-run",), ("/etc",), ("/etc/passwd",), ("--exclude", "/etc/passwd"), ("--theirs", "/")):
            with self.subTest(arguments):
                refused = self.apply(session, *arguments, status=125).err
                self.assertIn("a session's accounts are this machine's too", refused)
                self.assertIn("--exclude /etc/", refused)
                self.assertEqual("/etc/passwd" in refused, "--exclude" not in arguments)
        self.change(session, "mkdir /old; mv /etc/passwd /old/passwd")
        self.assertIn("/etc/passwd", self.apply(session, "/etc/passwd", "/old", status=125).err)
        self.assertEqual(lines_of(tree), before)
        self.change(session, "mv /old/passwd /etc/passwd; rmdir /old")
        self.apply(session, "--exclude", "/etc/passwd", "--exclude", "group", "--exclude", "*shadow*", "/etc")
        with open(tree + "/etc/here") as file:
            self.assertEqual(file.read(), "here\n")
        self.undo(session)
        self.assertEqual(lines_of(tree), before)

    def test_an_inherited_acl_gets_nowhere(self):
        chroot, tree = self.tree()
        folder = os.path.dirname(tree)
        entries = ((0x01, 7, 0xFFFFFFFF), (0x02, 7, 65534), (0x04, 5, 0xFFFFFFFF), (0x10, 7, 0xFFFFFFFF), (0x20, 5, 0xFFFFFFFF))
        acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
        os.setxattr(folder, "system.posix_acl_default", acl)
        mode = os.stat(folder).st_mode & 0o7777
        os.chmod(folder, mode | 0o2000)
        try:
            session = self.begin(chroot)
            self.change(session)
            id = self.apply(session).out.strip()
        finally:
            os.removexattr(folder, "system.posix_acl_default")
            os.chmod(folder, mode)
        for top in (tree, f"{folder}/.unionroot-undo-{id}"):
            for path, folders, files in os.walk(top):
                for name in (path, *(os.path.join(path, name) for name in folders + files)):
                    self.assertEqual([a for a in os.listxattr(name, follow_symlinks=False) if "acl" in a], [], name)
        self.assertEqual(os.stat(f"{folder}/.unionroot-undo-{id}").st_mode & 0o7777, 0o700)
        self.undo(session)

    def test_what_was_broken_off_bars_the_tree_until_it_is_finished(self):
        chroot, tree = self.tree()
        before = lines_of(tree)
        session = self.begin(chroot)
        self.change(session)
        id = self.apply(session).out.strip()
        self.machine.ok("end", session)
        record = f"{self.machine.state}/applies/{id}"
        folder = os.path.dirname(tree)
        self.machine.stop_daemon()
        with open(record, "r+b") as file:
            self.assertEqual(file.read(1), b"a")
            file.seek(0)
            file.write(b"p")
        self.assertIn(f"in the middle of apply {id}", self.machine.run("lock", chroot, "--", "true").err)
        os.rename(f"{folder}/.unionroot-undo-{id}", folder + "/aside")  # it cannot be finished
        self.machine.start_daemon()
        self.assertIn(f"in the middle of apply {id}", self.machine.run("begin", chroot).err)
        self.assertIn(f"in the middle of apply {id}", self.machine.run("lock", chroot, "--", "true").err)
        self.assertNotIn("is finished", self.machine.log())
        self.assertEqual([lock for lock in os.listdir(self.machine.state + "/locks") if ".source." in lock], [])
        self.machine.stop_daemon()
        os.rename(folder + "/aside", f"{folder}/.unionroot-undo-{id}")
        self.machine.start_daemon()
        self.machine.ok("lock", chroot, "--", "true")
        self.undo(id)
        self.assertEqual(lines_of(tree), before)

    def test_not_while_somebody_has_files_of_it_open(self):
        chroot, tree = self.tree()
        session = self.begin(chroot)
        self.change(session, "echo here >>/etc/issue")
        before, listed = lines_of(tree), self.diff(session)
        with open(self.machine.ok("location", session) + "/etc/issue", "a") as file:
            refused = self.apply(session, status=125).err
            self.assertIn(f"files of session {session} are still in use: held by pid {os.getpid()}", refused)
            file.write("later\n")
        self.assertEqual((lines_of(tree), self.diff(session), self.undo_layers(tree)), (before, listed, []))
        self.apply(session)
        with open(tree + "/etc/issue") as file:
            self.assertEqual(file.read(), "text\nhere\nlater\n")
        with open(self.machine.ok("location", session) + "/etc/issue"):
            applied = lines_of(tree)
            self.assertIn("are still in use", self.undo(session, status=125).err)
            self.assertEqual(lines_of(tree), applied)
        self.undo(session)
        self.assertEqual(lines_of(tree), before)

    def test_a_mount_in_the_tree(self):
        chroot, tree = self.tree()
        session = self.begin(chroot)
        self.change(session, "rm -r /var/lib; echo here >/srv/here")
        os.mkdir(tree + "/var/lib/mounted")
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", tree + "/var/lib/mounted"], check=True)
        try:
            refused = self.apply(session, "--theirs", "/", status=125).err
            self.assertIn("is a mount", refused)
            self.assertTrue(os.path.ismount(tree + "/var/lib/mounted"))
            self.assertFalse(os.path.exists(tree + "/srv/here"))
            subprocess.run(["umount", tree + "/var/lib/mounted"], check=True)
            self.apply(session, "/srv")
            subprocess.run(["mount", "-t", "tmpfs", "tmpfs", tree + "/var/lib/mounted"], check=True)
            self.assertIn("is a mount", self.undo(session, status=125).err)
        finally:
            subprocess.run(["umount", tree + "/var/lib/mounted"], check=True)
        self.undo(session)

    def test_a_full_disk(self):
        disks.require_loop()
        mounted = os.path.join(self.machine.place, "small")
        os.makedirs(mounted)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24M", "tmpfs", mounted], check=True)
        try:
            chroot, tree = self.tree("full")
            moved = mounted + "/tree"
            subprocess.run(["cp", "-a", tree, moved], check=True)
            self.machine.define_tree("full", moved, root_users="root")
            time.sleep(0.05)
            session = self.begin("full")
            self.change(session, "echo here >>/etc/issue; head -c 40000000 /dev/urandom >/srv/large; rm /etc/gone")
            before, listed = lines_of(moved), self.diff(session)
            self.assertIn("No space left", self.apply(session, status=125).err)
            self.assertEqual((lines_of(moved), self.diff(session), self.undo_layers(moved)), (before, listed, []))
            self.change(session, "rm /srv/large")
            self.apply(session)
            self.undo(session)
            self.assertEqual(lines_of(moved), before)
            self.machine.ok("end", session)
        finally:
            subprocess.run(["umount", "-l", mounted], check=True)


if __name__ == "__main__":
    testing.main()
