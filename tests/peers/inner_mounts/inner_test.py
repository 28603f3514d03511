"""What a profile mounts in a session and puts into it, from the fstab to what a command inside sees."""

import json
import os
import shutil
import signal
import subprocess
import tempfile

import unionroot_testing as testing


def mounts_of(text):
    """{mount point: (options, type, the file system's options)} of a mountinfo, the topmost of each place."""
    found = {}
    for line in text.splitlines():
        before, after = line.split(" - ")
        found[before.split()[4]] = (before.split()[5].split(","), after.split()[0], after.split()[2].split(","))
    return found


class InnerMounts(testing.EndToEndTest):
    @classmethod
    def prepare(cls):
        cls.tree = testing.small_tree()
        cls.before = testing.tree_lines(cls.tree)
        cls.number = 0
        cls.given = cls.folder("given")
        cls.machine._write(os.path.join(cls.given, "file"), "host\n")
        os.mkdir(os.path.join(cls.given, "later"))

    @classmethod
    def folder(cls, name):
        path = os.path.join(cls.machine.place, name)
        os.makedirs(path)
        return path

    def chroot(self, *lines, **keys):
        """A chroot of its own with these lines as its fstab; its name and the file."""
        type(self).number += 1
        name = f"c{self.number}"
        path = os.path.join(self.machine.configuration, name + ".fstab")
        self.machine._write(path, "# what is mounted\n" + "".join(line + "\n" for line in lines))
        keys = {"directory": self.tree, "setup.fstab": path, **keys}
        self.machine.define(name, "\n".join([f"[{name}]"] + [f"{key.replace('_', '-')}={value}" for key, value in
                            {"type": "directory", "union_type": "overlay", "profile": "minimal", **keys}.items()]) + "\n")

        def noticed():
            result = self.machine.run("info", name)
            return result.status == 0 or "is broken" in result.err

        testing.wait_until(noticed)
        return name, path

    def tearDown(self):
        for session in self.machine.sessions():
            self.machine.run("end", "--force", session["id"])
        self.doCleanups()
        self.assert_nothing_left()
        self.assert_tree_unchanged(self.before, self.tree)

    def notes(self, session):
        return "\n".join(json.loads(self.machine.ok("info", "--json", session))["notes"])

    def mounts(self, session):
        return mounts_of(self.machine.inside(session, "cat", "/proc/self/mountinfo"))

    # The host view

    def test_which_mounts_the_host_view_has(self):
        lines = ("proc /proc proc defaults", "tmpfs /srv tmpfs mode=755", f"{self.given} /shown/deep none bind,x-unionroot.view",
                 f"{self.given} /unseen none bind", f"{self.given}/file /etc/shown none bind,x-unionroot.view",
                 f"{self.given}/none /never none bind,x-unionroot.optional,x-unionroot.view")
        for word, wanted in (("tree", {"", "/shown/deep", "/etc/shown"}), ("no", None),
                             ("all", {"", "/proc", "/srv", "/shown/deep", "/unseen", "/etc/shown"})):
            with self.subTest(word):
                name, _ = self.chroot(*lines, host_view=word)
                session = self.machine.begin(name)
                if wanted is None:
                    self.assert_refused(self.machine.run("location", session), 125, "host-view=no")
                    self.assertEqual(os.listdir(os.path.join(self.machine.runtime, "mount")), [])
                else:
                    view = self.machine.ok("location", session)
                    self.assertEqual({point[len(view):] for point in testing.mount_points() if (point + "/").startswith(view + "/")},
                                     wanted)
                    self.assertTrue(os.path.isfile(view + "/shown/deep/file"))
                    for line in testing.mountinfo():
                        if (line.split()[4] + "/").startswith(view + "/"):
                            self.assertLessEqual({"nosuid", "nodev"}, set(line.split()[5].split(",")), line)
                self.assertEqual(json.loads(self.machine.ok("info", "--json", session))["host-view"], word)
                self.machine.ok("end", session)
        for key, value in (("host_view", "some"), ("host_view_access", "group")):
            name, _ = self.chroot(*lines, **{key: value})
            self.assert_refused(self.machine.run("begin", name), 125, key.replace("_", "-"), f"'{value}' is not known", lines=9)

    def test_sessions_of_one_command_have_none(self):
        name, _ = self.chroot("proc /proc proc defaults", f"{self.given} /given none rw,bind", host_view="all")
        client = self.machine.popen("run", "--directory", "/", name, "--", "sh", "-c", "echo runs; read x", stdin=subprocess.PIPE)
        self.assertEqual(client.stdout.readline(), b"runs\n")
        views = os.path.join(self.machine.runtime, "mount") + "/"
        self.assertEqual([point for point in testing.mount_points() if point.startswith(views)], [])
        client.communicate(b"\n", timeout=testing.PATIENCE)

    def test_what_is_deleted_through_a_view_is_the_sessions_alone(self):
        name, _ = self.chroot("proc /proc proc defaults", f"{self.given} /given none rw,bind", "tmpfs /srv tmpfs mode=755")
        session = self.machine.begin(name)
        self.machine.inside(session, "sh", "-c", "ls /given/file; echo mine >/srv/mine")
        view = self.machine.ok("location", session)
        self.assertEqual(os.listdir(os.path.join(view, "given")), [])
        shutil.rmtree(os.path.join(view, "given"))
        shutil.rmtree(os.path.join(view, "home"))
        self.assertTrue(os.path.exists(os.path.join(self.given, "file")))
        self.assertTrue(os.path.isdir("/home"))
        self.assertEqual(self.machine.inside(session, "cat", "/srv/mine"), "mine")
        self.machine.ok("end", session)

    # File systems

    def test_each_kind_of_file_system(self):
        name, _ = self.chroot("proc /proc proc defaults", "sysfs /sys sysfs ro", "devpts /dev/pts devpts gid=5,mode=620",
                              "tmpfs /srv tmpfs size=1m,mode=0750", "mqueue /dev/mqueue mqueue defaults", "none /unused swap sw", "/dev/made-up none swap sw")
        session = self.machine.begin(name)
        mounts = self.mounts(session)
        self.assertEqual({point: kind for point, (_, kind, _) in mounts.items() if point != "/"},
                         {"/proc": "proc", "/sys": "sysfs", "/dev": "tmpfs", "/dev/pts": "devpts", "/dev/shm": "tmpfs",
                          "/srv": "tmpfs", "/dev/mqueue": "mqueue"})
        for point in ("/proc", "/sys", "/dev/mqueue", "/dev/shm"):
            self.assertLessEqual({"nosuid", "nodev", "noexec"}, set(mounts[point][0]), point)
        self.assertIn("ro", mounts["/sys"][0])
        self.assertIn("size=1024k", mounts["/srv"][2])
        self.assertNotIn("noexec", mounts["/srv"][0])
        # A new instance: no terminal of the host's, and a ptmx that makes its own.
        self.assertEqual(self.machine.inside(session, "ls", "/dev/pts"), "ptmx")
        self.assertEqual(self.machine.inside(session, "stat", "-c", "%a", "/srv"), "750")
        refused = self.machine.run("run", "-d", "/", session, "--", "dd", "if=/dev/zero", "of=/srv/big", "bs=1M")
        self.assertIn("No space left on device", refused.err)

    def test_dev_private_and_host(self):
        private, _ = self.chroot("/dev /dev none rw,bind")
        names = self.machine.inside(private, "ls", "/dev").split()
        self.assertEqual(sorted(names), sorted("fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero".split()))
        host, _ = self.chroot("/dev /dev none rw,bind", dev="host")
        before = set(os.listdir("/dev"))
        names = self.machine.inside(host, "ls", "/dev").split()
        # Devices come and go, as those of other tests; these were there all the time.
        self.assertLessEqual((before & set(os.listdir("/dev"))) - {"pts"}, set(names))
        self.assertEqual(self.machine.inside(host, "ls", "/dev/pts"), "ptmx")  # the host's terminals stay the host's

    # Binds

    def test_bind_read_only_file_and_missing_mount_point(self):
        name, path = self.chroot(f"{self.given} /new/deep/point none bind,ro", f"{self.given}/file /new/file none bind",
                              f"{self.machine.place}/not-there /never none bind,x-unionroot.optional", "proc /proc proc defaults")
        session = self.machine.begin(name)
        self.assertEqual(self.notes("session:" + session), f"{path}:4: left out, since the host has no {self.machine.place}/not-there")
        self.assertEqual(self.machine.inside(session, "cat", "/new/deep/point/file", "/new/file"), "host\nhost")
        refused = self.machine.run("run", "-d", "/", session, "--", "touch", "/new/deep/point/x")
        self.assertIn("Read-only file system", refused.err)
        self.machine.inside(session, "sh", "-c", "echo changed >/new/file")
        with open(os.path.join(self.given, "file")) as file:
            self.assertEqual(file.read(), "changed\n")
        self.machine._write(os.path.join(self.given, "file"), "host\n")
        upper = os.path.join(self.machine.state, "sessions", session, "upper")
        self.assertTrue(os.path.isdir(os.path.join(upper, "new/deep/point")))
        self.assertEqual(os.listdir(os.path.join(upper, "new/deep/point")), [])
        self.assertEqual(os.path.getsize(os.path.join(upper, "new/file")), 0)
        self.assertFalse(os.path.exists(os.path.join(upper, "never")))

    def test_rbind_follows_the_host_and_gives_nothing_back(self):
        recursive, _ = self.chroot("proc /proc proc defaults", f"{self.given} /mnt none rbind")
        single, _ = self.chroot("proc /proc proc defaults", f"{self.given} /mnt none bind")
        later = os.path.join(self.given, "later")
        # As on a machine with systemd, where every mount is shared.
        subprocess.run(["mount", "--bind", self.given, self.given], check=True)
        try:
            self.check_propagation(later, recursive, single)
        finally:
            self.machine.run("end", "--all", "--force")
            subprocess.run(["umount", "-R", self.given], check=True)

    def check_propagation(self, later, recursive, single):
        subprocess.run(["mount", "--make-shared", self.given], check=True)
        session, other = self.machine.begin(recursive), self.machine.begin(single)
        subprocess.run(["mount", "-t", "tmpfs", "none", later], check=True)
        self.machine._write(os.path.join(later, "arrived"), "x\n")
        self.assertEqual(self.machine.inside(session, "ls", "/mnt/later"), "arrived")
        self.assertEqual(self.machine.inside(other, "ls", "/mnt/later"), "")
        mark = "of-" + session
        for point in ("/mnt/later", "/mnt"):
            self.machine.inside(session, "mount", "-t", "tmpfs", mark, point)
        self.assertEqual(self.machine.inside(session, "grep", "-c", mark, "/proc/self/mountinfo"), "2")
        self.assertFalse(testing.mounts_from(mark))
        self.machine.inside(session, "umount", "/mnt")
        self.assertEqual(os.listdir(later), ["arrived"])
        subprocess.run(["umount", later], check=True)
        self.machine.ok("end", session, other)

    def mounted(self, path):
        """A file system of its own, with a file in it, while the test runs; shared, as all are on a machine with systemd."""
        os.makedirs(path, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "--make-shared", "test-below", path], check=True)
        self.addCleanup(testing._libc.umount2, os.fsencode(path), 2 | 8)
        self.machine._write(os.path.join(path, "file"), "mounted\n")
        return path

    def test_an_rbind_leaves_out_namespaces_and_what_is_ours(self):
        whole = self.machine.place
        below = self.mounted(os.path.join(whole, "given", "below"))
        # One that is kept elsewhere, as unshare(1) does with --mount=FILE.
        kept = self.folder("kept")
        held = os.path.join(kept, "mnt")
        self.machine._write(held, "")
        subprocess.run(["mount", "--bind", kept, kept], check=True)
        self.addCleanup(testing._libc.umount2, os.fsencode(kept), 2 | 8)
        subprocess.run(["mount", "--make-private", kept], check=True)
        subprocess.run(["unshare", f"--mount={held}", "true"], check=True)
        self.addCleanup(testing._libc.umount2, os.fsencode(held), 2 | 8)
        beside = self.mounted(os.path.join(kept, "beside"))
        first = self.machine.begin(self.chroot("proc /proc proc defaults")[0])
        for source, there in ((whole, "given/below"), (kept, "beside")):
            with self.subTest(source):
                name, _ = self.chroot("proc /proc proc defaults", f"{source} /mnt none rw,rbind")
                session = self.machine.begin(name)
                self.assertEqual(self.machine.inside(session, "cat", f"/mnt/{there}/file"), "mounted")
                found = mounts_of(self.machine.inside(session, "cat", "/proc/self/mountinfo"))
                self.assertEqual([path for path, (_, kind, _) in found.items() if kind == "nsfs"], [])
                self.assertEqual([path for path in found if path.startswith("/mnt/") and path not in
                                  {"/mnt/" + os.path.relpath(one, source) for one in (below, kept, beside) if one.startswith(source)}], [])
                # What the host mounts later arrives, and what is mounted inside stays there.
                later = self.mounted(os.path.join(source, there, "later"))
                self.assertEqual(self.machine.inside(session, "cat", f"/mnt/{there}/later/file"), "mounted")
                testing._libc.umount2(os.fsencode(later), 2)
                self.machine.inside(session, "mount", "-t", "tmpfs", "inside", f"/mnt/{there}/later")
                self.assertEqual(testing.mounts_from("inside"), [])
                self.machine.ok("end", session)
        self.machine.ok("end", first)

    def test_what_is_mounted_below_the_built_in_binds_is_there(self):
        outer = tempfile.mkdtemp(prefix="unionroot-below.", dir="/tmp")
        self.addCleanup(shutil.rmtree, outer)
        os.chmod(outer, 0o755)
        own = self.mounted(os.path.join(outer, "own"))
        self.machine.define_tree("usual", self.tree, profile="default")
        result = self.machine.run("run", "usual", "--", "sh", "-c", "cat file; echo written >new", cwd=own)
        self.assertEqual((result.status, result.out, result.err), (0, "mounted\n", ""))
        with open(os.path.join(own, "new")) as file:
            self.assertEqual(file.read(), "written\n")
        session = self.machine.begin("usual")
        later = self.mounted(os.path.join(own, "later"))
        self.assertEqual(self.machine.inside(session, "cat", later + "/file"), "mounted")
        testing._libc.umount2(os.fsencode(later), 2)
        self.assertEqual(self.machine.inside(session, "ls", later), "")
        self.machine.ok("end", session)

    def test_a_command_is_not_in_a_folder_that_is_hidden_below_a_mount(self):
        """A profile of one's own binds without what is mounted beneath: there is a folder of that name, but it is another."""
        below = os.path.join(self.given, "home", "alice")
        os.makedirs(below)
        self.mounted(below)
        os.mkdir(os.path.join(below, "src"))
        for bind, works in (("bind", False), ("rbind", True)):
            with self.subTest(bind):
                name, _ = self.chroot("proc /proc proc defaults", f"{self.given} {self.given} none rw,{bind}")
                result = self.machine.run("run", name, "--", "sh", "-c", f"echo {bind} >new", cwd=below)
                self.assertEqual(os.path.exists(os.path.join(below, "new")), works)
                if works:
                    self.assertEqual((result.status, result.err), (0, ""))
                    self.machine.ok("run", name, "--", "true", cwd=os.path.join(below, "src"))
                else:
                    self.assert_refused(result, 125, f"'{below}'", "a file system is mounted there on the host", "rbind")
                    # Said by name it is what is there; and below the mount there is no such folder at all, for the same reason.
                    self.machine.ok("run", "--directory", below, name, "--", "true")
                    self.assert_refused(self.machine.run("run", name, "--", "true", cwd=os.path.join(below, "src")), 125, "a file system is mounted there")
                # Where nothing of the host's is on the way the name counts, as ever.
                self.machine.ok("run", name, "--", "true", cwd="/usr/bin")
                self.machine.ok("run", name, "--", "true", cwd="/proc")

    def test_errors_name_the_line(self):
        for line, fragment in (("/etc /a/../../b none bind", ".."), ("/etc / none bind", "/"), ("/etc /b ext4 rw", "unknown type ext4"),
                               ("tmpfs /b tmpfs colour=red", "unknown option colour"),
                               ("overlay /b overlay rw", "lowerdir=FOLDER")):
            with self.subTest(line):
                name, path = self.chroot(line)
                result = self.machine.run("begin", name)
                self.assertEqual((result.status, result.out), (125, ""), repr(result))
                checked = self.machine.run("check")
                self.assertEqual(checked.status, 1, repr(checked))
                for text in (result.err, checked.out + checked.err):
                    self.assertIn(path + ":2: ", text)
                self.assertIn(fragment, checked.out + checked.err)
                os.unlink(os.path.join(self.machine.configuration, "chroot.d", name + ".conf"))
        name, path = self.chroot("proc /proc proc defaults", f"{self.given}/none /mnt none bind")
        self.assert_refused(self.machine.run("begin", name), 125, path + ":3: ", "/given/none", "x-unionroot.optional")

    def test_a_host_name_of_its_own(self):
        own, _ = self.chroot("proc /proc proc defaults", hostname="build.example")
        plain, _ = self.chroot("proc /proc proc defaults")
        with open("/proc/sys/kernel/hostname") as file:
            host = file.read().strip()
        names = ("cat", "/etc/hostname", "/proc/sys/kernel/hostname")
        session = self.machine.begin(own)
        self.assertEqual(self.machine.inside(session, *names), "build.example\nbuild.example")
        self.assertEqual(self.machine.inside(plain, *names), f"{host}\n{host}")
        self.machine.ok("end", session)

    # Without a layer of its own

    def own_tree(self, name):
        path = os.path.join(self.machine.place, name)
        shutil.copytree(self.tree, path, symlinks=True)
        return path

    def test_only_var_is_writable(self):
        """As far as that the rest goes with the session; and of a tree that sessions otherwise write to."""
        layer = self.folder("layer")
        for name in ("up", "work"):
            os.mkdir(os.path.join(layer, name))
        over_var = f"overlay /var overlay upperdir={layer}/up,workdir={layer}/work"
        tree = self.own_tree("shared")
        for keys in ({}, {"directory": tree, "union_type": "none"}):
            with self.subTest(keys):
                name, _ = self.chroot("proc /proc proc defaults", over_var, nss="none", resolv_conf="none", **keys)
                session = self.machine.begin(name)
                self.machine.inside(session, "sh", "-c", "echo kept >/var/lib/kept; test -d /var/tmp")
                with open(os.path.join(layer, "up/lib/kept")) as file:
                    self.assertEqual(file.read(), "kept\n")
                # One layer serves one session at a time, also of another chroot, and after a restart.
                other, _ = self.chroot(over_var)
                self.assert_refused(self.machine.run("begin", other), 125, session, lines=6)
                self.machine.stop_daemon(signal.SIGKILL)
                self.machine.start_daemon()
                self.assert_refused(self.machine.run("begin", other), 125, session, lines=6)
                self.machine.ok("end", session)
                self.assertEqual(self.machine.inside(other, "cat", "/var/lib/kept"), "kept")
                os.unlink(os.path.join(layer, "up/lib/kept"))
                self.assertFalse(os.path.exists(os.path.join(tree, "var/lib/kept")))

    def test_an_overlay_without_its_folders(self):
        layer = self.folder("incomplete")
        os.mkdir(os.path.join(layer, "up"))
        name, path = self.chroot("proc /proc proc defaults", f"overlay /var overlay upperdir={layer}/up,workdir={layer}/work")
        self.assert_refused(self.machine.run("begin", name), 125, path + ":3: ", "/var", "upperdir or its workdir does not exist", "mkdir -p")

    # Files

    def test_conflicts_of_users_are_told(self):
        tree = self.own_tree("conflicts")
        with open("/etc/passwd") as file:
            host = [line.split(":") for line in file]
        somebody = next(entry for entry in host if int(entry[2]) not in (0, 65534))
        with open(os.path.join(tree, "etc/passwd"), "a") as file:
            file.write(f"{somebody[0]}:x:54321:54321::/:/bin/sh\n")
        with open(os.path.join(tree, "etc/group"), "a") as file:
            file.write("own-group:x:54321:\n")
        databases = os.path.join(self.machine.configuration, "databases")
        self.machine._write(databases, "passwd\ngroup\n")
        for mode, wanted in (("merge", "54321"), ("copy", somebody[2]), ("none", "54321")):
            with self.subTest(mode):
                name, _ = self.chroot(directory=tree, nss=mode, **{"setup.nssdatabases": databases})
                session = self.machine.begin(name)
                lines = self.machine.inside(session, "cat", "/etc/passwd").splitlines()
                self.assertEqual([line.split(":")[2] for line in lines if line.startswith(somebody[0] + ":")], [wanted])
                self.assertEqual(somebody[0] in self.notes(session), mode == "merge", self.notes(session))
                groups = self.machine.inside(session, "cat", "/etc/group")
                self.assertEqual("own-group" in groups, mode != "copy")
                self.assertEqual(len(lines) > 3, mode != "none")
                self.machine.ok("end", session)

    def test_resolv_conf_is_the_hosts(self):
        with open("/etc/resolv.conf") as file:  # a symlink to systemd-resolved's stub on many machines
            host = file.read()
        tree = self.own_tree("resolved")
        if os.path.lexists(os.path.join(tree, "etc/resolv.conf")):
            os.unlink(os.path.join(tree, "etc/resolv.conf"))
        os.symlink("../run/systemd/resolve/stub-resolv.conf", os.path.join(tree, "etc/resolv.conf"))
        follow, _ = self.chroot(directory=tree)
        self.assertEqual(self.machine.inside(follow, "cat", "/etc/resolv.conf"), host.rstrip("\n"))
        self.assertEqual(self.machine.inside(follow, "stat", "-c", "%F", "/etc/resolv.conf"), "regular file")
        left, _ = self.chroot(directory=tree, resolv_conf="none")
        self.assertEqual(self.machine.inside(left, "stat", "-c", "%F", "/etc/resolv.conf"), "symbolic link")


if __name__ == "__main__":
    testing.main()
