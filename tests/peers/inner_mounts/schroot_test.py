"""What schroot's own configuration means: plain chroots, mount points that are missing, lines of fstab, sources."""

import os
import shutil
import signal
import subprocess

import unionroot_testing as testing

# As the package has them.
DESKTOP = """
/proc           /proc           none    rw,bind         0       0
/sys            /sys            none    rw,bind         0       0
/dev            /dev            none    rw,bind         0       0
/dev/pts        /dev/pts        none    rw,bind         0       0
/home           /home           none    rw,bind         0       0
/tmp            /tmp            none    rw,bind         0       0
{dbus}    /var/lib/dbus  none    rw,bind         0       0
"""


def points(text):
    """The mount points of a mountinfo."""
    return {line.split()[4] for line in text.splitlines()}


class OfSchroot(testing.EndToEndTest):
    """Definitions and profiles in schroot's own folder; a mount namespace of the test's own."""

    has_own_mounts = True

    @classmethod
    def new_machine(cls):
        machine = testing.Machine()
        cls.schroot = os.path.join(machine.place, "schroot")
        os.makedirs(os.path.join(cls.schroot, "chroot.d"))
        machine.settings.update({"read-schroot": "yes", "schroot-directory": cls.schroot})
        machine._write_settings()
        cls.number = 0
        return machine

    @classmethod
    def folder(cls, name):
        path = os.path.join(cls.machine.place, name)
        os.makedirs(path)
        return path

    @classmethod
    def own_tree(cls, without=()):
        """A copy of the small tree that sessions may write to, without these paths."""
        cls.number += 1
        path = os.path.join(cls.machine.place, f"tree{cls.number}")
        shutil.copytree(testing.small_tree(), path, symlinks=True)
        for name in without:
            shutil.rmtree(os.path.join(path, name))
        return path

    def chroot(self, tree, fstab=None, copyfiles=None, **keys):
        """A definition of schroot's with a profile of its own; its name."""
        type(self).number += 1
        name = f"c{self.number}"
        profile = os.path.join(self.schroot, "profile-" + name)
        os.mkdir(profile)
        self.machine._write(profile + "/fstab", "proc /proc proc defaults\n" if fstab is None else fstab)
        for file, text in (("copyfiles", copyfiles), ("nssdatabases", "passwd\ngroup\nshadow\n")):
            if text is not None:
                self.machine._write(f"{profile}/{file}", text)
        keys = {"type": "directory", "directory": tree, "profile": "profile-" + name, "users": "nobody", **keys}
        self.machine.define(name, file=f"{self.schroot}/chroot.d/{name}", **keys)
        testing.wait_until(lambda: self.machine.run("info", name).status == 0)
        return name

    def tearDown(self):
        for session in self.machine.sessions():
            self.machine.run("end", "--force", session["id"])
        self.doCleanups()  # the test's own mounts
        self.assert_nothing_left()


class Plain(OfSchroot):
    def plain(self, tree, **keys):
        return self.chroot(tree, DESKTOP.format(dbus="/nowhere"), "/etc/hosts\n", type="plain", **keys)

    def mounted(self, tree, kind, name, *options):
        place = os.path.join(tree, name)
        os.makedirs(place, exist_ok=True)
        subprocess.run(["mount", *options, "-t", kind, "of-the-administrator", place], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", place], check=True)
        return place

    def test_nothing_is_mounted_and_nothing_written(self):
        tree = self.own_tree()
        before = testing.tree_lines(tree)
        name = self.plain(tree)
        self.assertEqual(self.machine.inside(name, "id", "-u", user="nobody"), "65534")
        self.assertEqual(self.machine.inside(name, "ls", "-A", "/proc", "/sys", "/dev", "/home"), "/dev:\n\n/home:\n\n/proc:\n\n/sys:")
        session = self.machine.begin(name)
        self.assertEqual(self.machine.inside(session, "ls", "-A", "/proc"), "")
        self.machine.ok("end", session)
        self.assert_tree_unchanged(before, tree)
        self.assertFalse(os.path.exists(tree + "/etc/debian_chroot"))
        self.assert_refused(self.machine.run("begin", "source:" + name), 125, "source")

    def test_what_is_mounted_in_it_is_there(self):
        tree = self.own_tree()
        self.mounted(tree, "proc", "proc")
        given = self.mounted(tree, "tmpfs", "srv", "-o", "ro,nosuid")
        self.mounted(tree, "tmpfs", "opt/deep")
        self.machine._write(tree + "/opt/deep/file", "of the host\n")
        name = self.plain(tree)
        table = self.machine.inside(name, "cat", "/proc/self/mountinfo", user="nobody")
        self.assertEqual(points(table), {"/", "/proc", "/srv", "/opt/deep"})
        options = next(line.split()[5] for line in table.splitlines() if line.split()[4] == "/srv").split(",")
        self.assertLessEqual({"ro", "nosuid"}, set(options))
        self.assertEqual(self.machine.inside(name, "cat", "/opt/deep/file", user="nobody"), "of the host")
        # Root writes to the tree itself, and to what is mounted there.
        self.machine.inside(name, "sh", "-c", "echo in >/opt/deep/inside; echo in >/var/lib/inside")
        for path in ("/opt/deep/inside", "/var/lib/inside"):
            with open(tree + path) as file:
                self.assertEqual(file.read(), "in\n")
        self.assertEqual(os.listdir(given), [])

    def test_mounts_of_the_host_arrive_and_none_leaves(self):
        tree = self.own_tree()
        subprocess.run(["mount", "--bind", tree, tree], check=True)
        subprocess.run(["mount", "--make-shared", tree], check=True)
        self.addCleanup(subprocess.run, ["umount", "-lR", tree], check=True)
        self.mounted(tree, "proc", "proc")
        session = self.machine.begin(self.plain(tree))
        self.mounted(tree, "tmpfs", "mnt")
        self.assertIn("/mnt", points(self.machine.inside(session, "cat", "/proc/self/mountinfo")))
        mark = "of-" + session
        self.machine.inside(session, "mount", "-t", "tmpfs", mark, "/srv")
        self.assertIn(mark, self.machine.inside(session, "cat", "/proc/self/mountinfo"))
        self.assertEqual(testing.mounts_from(mark), [])
        self.machine.inside(session, "umount", "/mnt")
        self.assertIn(os.path.join(tree, "mnt"), testing.mount_points())
        self.machine.ok("end", session)

    def test_links_in_it_do_not_lead_to_the_host(self):
        tree = self.own_tree()
        outside = self.folder("outside-of-it")
        self.machine._write(outside + "/file", "of the host\n")
        for number, target in enumerate((outside + "/file", "../" * 20 + outside + "/file", "/proc/1/root" + outside + "/file")):
            os.symlink(target, f"{tree}/link{number}")
        for number in range(3):
            result = self.machine.run("run", "-d", "/", self.plain(tree), "--", "cat", f"/link{number}")
            self.assertEqual((result.status, result.out), (1, ""), repr(result))
            self.assertIn("No such file", result.err)
        # The working directory and the shell are the tree's as well.
        os.symlink(outside, tree + "/elsewhere")
        self.assertNotEqual(self.machine.run("run", "-d", "/elsewhere", self.plain(tree), "--", "cat", "file").status, 0)

    def test_each_run_locks_the_tree_and_keeps_no_session(self):
        tree = self.own_tree()
        name = self.plain(tree)
        client = self.machine.popen("run", "-d", "/", name, "--", "sh", "-c", "echo runs; cat", stdin=subprocess.PIPE)
        self.machine.children[client.pid] = "client"
        self.assertEqual(client.stdout.readline(), b"runs\n")
        self.assertEqual(self.machine.inside(name, "echo", "beside"), "beside")
        refused = self.machine.run("lock", name, "--", "true")
        self.assert_refused(refused, 125, "root", lines=9)
        client.stdin.close()
        self.assertEqual(client.wait(testing.PATIENCE), 0)
        client.stdout.close(), client.stderr.close()
        self.assertTrue(testing.wait_until(lambda: not self.machine.sessions()))
        self.machine.ok("lock", name, "--", "true")

    def test_a_preserved_one_survives_the_daemon(self):
        tree = self.own_tree()
        self.mounted(tree, "tmpfs", "srv")
        self.machine._write(tree + "/srv/file", "kept\n")
        session = self.machine.begin(self.plain(tree))
        for how in (signal.SIGKILL, signal.SIGTERM):
            self.machine.stop_daemon(how)
            self.machine.start_daemon()
            self.assertEqual(self.machine.inside(session, "cat", "/srv/file"), "kept")
        # As after a restart of the machine.
        self.machine.stop_daemon()
        self.machine.lose_mounts(session)
        self.machine.start_daemon()
        self.assertTrue(testing.wait_until(
            lambda: [one["state"] for one in self.machine.sessions() if one["id"] == session] == ["active"]))
        self.assertEqual(self.machine.inside(session, "cat", "/srv/file"), "kept")
        self.machine.ok("end", session)
        self.assertEqual(os.listdir(tree + "/srv"), ["file"])

    def test_devices(self):
        """The tree's own are all there is, unless the administrator mounted a /dev; then one elsewhere in the tree is none."""
        tree = self.own_tree()
        os.mknod(tree + "/dev/null", 0o666 | 0o020000, os.makedev(1, 3))
        os.mknod(tree + "/opt/open", 0o666 | 0o020000, os.makedev(1, 3))
        for node in ("/dev/null", "/opt/open"):
            os.chmod(tree + node, 0o666)
        name = self.plain(tree)
        for node in ("/dev/null", "/opt/open"):
            self.machine.inside(name, "cat", node, user="nobody")
        place = self.mounted(tree, "tmpfs", "dev")
        os.mknod(place + "/null", 0o666 | 0o020000, os.makedev(1, 3))
        os.chmod(place + "/null", 0o666)
        self.machine.inside(name, "cat", "/dev/null", user="nobody")
        result = self.machine.run("run", "-d", "/", name, "--", "cat", "/opt/open", user="nobody")
        self.assertIn("Permission denied", result.err)
        self.machine.inside(name, "cat", "/opt/open")


class MountPoints(OfSchroot):
    def test_the_packaged_desktop_profile_on_a_bare_tree(self):
        dbus = self.folder("dbus")
        tree = self.own_tree(without=("home", "var/lib", "dev", "sys"))
        name = self.chroot(tree, DESKTOP.format(dbus=dbus))
        checked = self.machine.run("check")
        self.assertNotIn(f"/chroot.d/{name}:", checked.out + checked.err)
        for _ in range(2):
            table = self.machine.inside(name, "cat", "/proc/self/mountinfo", user="nobody")
            self.assertLessEqual({"/", "/proc", "/sys", "/dev", "/dev/pts", "/home", "/tmp", "/var/lib/dbus"}, points(table))
        # They stay: the tree is as it is with a session on it, and the next finds it so.
        for path in ("home", "var/lib", "var/lib/dbus", "dev", "sys"):
            status = os.lstat(os.path.join(tree, path))
            self.assertEqual((oct(status.st_mode), status.st_uid, status.st_gid), (oct(0o40755), 0, 0), path)
            self.assertEqual(os.listdir(os.path.join(tree, path)), ["dbus"] if path == "var/lib" else [], path)

    def test_files_and_source_sessions(self):
        given = self.folder("given")
        self.machine._write(given + "/file", "host\n")
        tree = self.own_tree()
        lines = f"proc /proc proc defaults\n{given}/file /new/file none bind\n{given} /new/point none bind\n"
        name = self.chroot(tree, lines, **{"union-type": "overlay", "source-root-users": "root"})
        self.assertEqual(self.machine.inside(name, "cat", "/new/file", "/new/point/file"), "host\nhost")
        self.assertFalse(os.path.exists(tree + "/new"))
        self.assertEqual(self.machine.inside("source:" + name, "cat", "/new/file", "/new/point/file"), "host\nhost")
        self.assertEqual(os.path.getsize(tree + "/new/file"), 0)
        self.assertEqual(os.listdir(tree + "/new/point"), [])

    def test_a_link_in_the_tree_does_not_choose_a_folder_of_the_host(self):
        home = self.folder("homes")
        os.mkdir(home + "/victim")
        tree = self.own_tree()
        os.symlink("/home/victim", tree + "/srv/cache")
        name = self.chroot(tree, f"proc /proc proc defaults\n{home} /home none rw,bind\n{home} /srv/cache/new none bind\n")
        self.assert_refused(self.machine.run("begin", name), 125, "fstab:3: ", "a symbolic link in /srv/cache")
        self.assertEqual(os.listdir(home + "/victim"), [])
        # An absolute link is resolved in the tree: what it names on the host stays as it is.
        outside = self.folder("outside")
        os.symlink(outside, tree + "/srv/away")
        name = self.chroot(tree, f"proc /proc proc defaults\n{home} /srv/away/new none bind\n")
        self.assertEqual(self.machine.inside(name, "ls", "/srv/away"), "new")
        self.assertEqual(self.machine.inside(name, "readlink", "-f", "/srv/away/new"), outside + "/new")
        self.assertEqual(os.listdir(outside), [])


class Fstab(OfSchroot):
    def test_the_forms_that_users_write(self):
        share = self.folder("share")
        self.machine._write(share + "/MARK", "shared\n")
        blank = self.folder("with blank")
        self.machine._write(blank + "/MARK", "blank\n")
        tree = self.own_tree()
        os.symlink("/run", tree + "/var/run")
        name = self.chroot(tree, f"""# odd entries
/proc /proc proc rw,bind
/sys  /sys  none rw,rbind 0 0 # a comment
tmpfs /tmp tmpfs size=64M,mode=1777 0 0
none /dev/shm tmpfs defaults
{blank.replace(" ", chr(92) + "040")} /opt/with{chr(92)}040blank none rw,bind 0 0
{share} /var/run/behind-a-link none ro,bind 0 0
{share} /mnt/noauto none rw,bind,noauto 0 0
{share} mnt/relative none rw,bind 0 0
{share[1:]} /mnt/relative-source none rw,bind 0 0
{share} /mnt/slave none bind,slave 0 0
{share} /mnt/owned none bind,uid=1000,gid=1000 0 0
{share} /mnt/typed proc bind 0 0
{share} /mnt/users none bind,users 0 0
""")
        places = ["/run/behind-a-link", "/opt/with blank"] + [f"/mnt/{word}" for word in (
            "noauto", "relative", "relative-source", "slave", "owned", "typed", "users")]
        session = self.machine.begin(name)
        text = self.machine.inside(session, "cat", *(place + "/MARK" for place in places))
        self.assertEqual(text.split(), ["shared", "blank"] + ["shared"] * 7)
        options = {line.split()[4]: line.split()[5].split(",") for line in
                   self.machine.inside(session, "cat", "/proc/self/mountinfo").splitlines()}
        # tmpfs as it is written; the host's own /sys with what is mounted in it.
        for place in ("/tmp", "/dev/shm"):
            self.assertFalse({"nosuid", "nodev", "noexec"} & set(options[place]), options[place])
        self.assertLessEqual({"nosuid", "nodev", "noexec"}, set(options["/mnt/users"]))
        self.assertIn("ro", options["/run/behind-a-link"])
        self.assertEqual({point for point in testing.mount_points() if point.startswith("/sys/")} - set(options), set())
        self.machine.ok("end", session)
        checked = self.machine.run("check")
        self.assertIn("option uid has no effect on a bind", checked.out)

    def test_slave(self):
        share = self.folder("followed")
        os.mkdir(share + "/later")
        subprocess.run(["mount", "--bind", share, share], check=True)
        self.addCleanup(subprocess.run, ["umount", "-lR", share], check=True)
        subprocess.run(["mount", "--make-shared", share], check=True)
        tree = self.own_tree()
        sessions = {}
        for options in ("bind", "bind,slave", "rbind", "rbind,private"):
            name = self.chroot(tree, f"proc /proc proc defaults\n{share} /mnt none {options}\n")
            sessions[options] = self.machine.begin(name)
        subprocess.run(["mount", "-t", "tmpfs", "later", share + "/later"], check=True)
        arrived = {options: "/mnt/later" in points(self.machine.inside(session, "cat", "/proc/self/mountinfo"))
                   for options, session in sessions.items()}
        self.assertEqual(arrived, {"bind": False, "bind,slave": True, "rbind": True, "rbind,private": False})
        for session in sessions.values():
            self.machine.inside(session, "mount", "-t", "tmpfs", "of-" + session, "/mnt")
            self.assertEqual(testing.mounts_from("of-" + session), [])


class Sources(OfSchroot):
    def test_a_source_session_has_users_and_the_chroots_name(self):
        tree = self.own_tree()
        shadow = "root:*:19000:0:99999:7:::\nnobody:*:19000:0:99999:7:::\n"
        name = self.chroot(tree, **{"union-type": "overlay", "source-users": "games", "source-root-users": "root"})
        with open("/etc/passwd") as file:
            hosts = {line.split(":")[0] for line in file}
        session = self.machine.begin("source:" + name, user="games")
        inside = self.machine.inside("session:" + session, "cat", "/etc/passwd", user="games")
        self.assertEqual({line.split(":")[0] for line in inside.splitlines()} & hosts, hosts)
        self.assertEqual(self.machine.inside("session:" + session, "cat", "/etc/debian_chroot", user="games"), name)
        self.machine.ok("end", session, user="games")
        # The tree's own entries stay, no password comes, and the host's name is nobody's business in a tree.
        with open(tree + "/etc/shadow") as file:
            lines = file.read().splitlines()
        for line in shadow.splitlines():
            self.assertIn(line, lines)
        self.assertLessEqual({line.split(":")[1] for line in lines}, {"*", "!", "!*"})
        with open(tree + "/etc/hostname") as file:
            self.assertEqual(file.read(), "small\n")
        # In a tree without a union it is the same.
        tree = self.own_tree()
        name = self.chroot(tree)
        self.assertEqual(self.machine.inside(name, "cat", "/etc/debian_chroot", "/etc/hostname"), name + "\nsmall")
        name = self.chroot(tree, hostname="given")
        self.assertEqual(self.machine.inside(name, "cat", "/etc/hostname"), "given")


if __name__ == "__main__":
    testing.main()
