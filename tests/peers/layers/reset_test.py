"""unionroot reset: what the commands of a session have changed is taken back, all or a part, or nothing at all."""

import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "sources_image"))

import disks  # noqa: E402
import stranger  # noqa: E402
import unionroot_testing as testing  # noqa: E402
from diff_test import readers  # noqa: E402

EVERYTHING = """set -e
mkdir /srv/new; echo text >/srv/new/file
echo more >>/etc/issue
chmod 700 /opt
rm /etc/debian_version
mv /etc/motd /etc/message
rm -r /mnt; echo now a file >/mnt
rm -r /var/lib; mkdir /var/lib; echo own >/var/lib/own
ln /usr/bin/cat /usr/bin/cat-too
echo packaged:x:888: >>/etc/group
rm /etc/hostname /etc/debian_chroot
rm -r /home; mkdir -p /root/deep/down
"""
FOLDERS = ("etc", "srv", "opt", "mnt", "usr", "var", "root", "home")


class ResetTest(testing.EndToEndTest):
    @classmethod
    def prepare(cls):
        disks.require_loop()
        machine = cls.machine
        cls.devices = []
        cls.tree = os.path.join(machine.place, "tree")
        subprocess.run(["cp", "-a", testing.small_tree(), cls.tree], check=True)
        for path in ("/etc/issue", "/etc/debian_version", "/etc/motd", "/var/lib/file"):
            with open(cls.tree + path, "w") as file:
                file.write("text\n")
        for path in ("/opt", "/mnt", "/srv", "/build"):
            os.makedirs(cls.tree + path, exist_ok=True)
        machine.define_tree("tree", cls.tree, root_users="root,nobody", union_mount_options="redirect_dir=on")
        machine.define_tree("image", cls.tree, union_backing="image", union_size="32M")
        disks.make_file(os.path.join(machine.place, "upper.disk"), 48 << 20)
        cls.devices.append(disks.LoopDevice(os.path.join(machine.place, "upper.disk")))
        machine.define_tree("device", cls.tree, union_backing="device", union_device=cls.devices[0].device)
        machine.define_tree("strangers", cls.tree, users=stranger.OWNER)
        machine.define_tree("memory", cls.tree, union_backing="tmpfs")
        machine.define_tree("emptied", cls.tree, union_reset="yes")
        machine.define_tree("indexed", cls.tree, union_mount_options="index=on")
        machine.define_tree("itself", cls.tree, union_type="none")
        scripts = os.path.join(machine.place, "hooks")
        os.mkdir(scripts)
        machine._write(scripts + "/10write", '#!/bin/sh\ntest "$1" = setup-start && echo hook >"$CHROOT_PATH/srv/by-hook"\ntrue\n', 0o755)
        machine.define_tree("hooked", cls.tree, hook_directories=scripts)

    @classmethod
    def tearDownClass(cls):
        cls.machine.run("end", "--all", "--force")
        left = cls.machine.leftovers(besides=[device.device + " " for device in cls.devices])
        for device in cls.devices:
            device.close()
        super().tearDownClass()
        assert left == [], left

    def begin(self, chroot="tree", **options):
        session = self.machine.begin(chroot, **options)
        self.addCleanup(self.machine.run, "end", "--force", session)
        return session

    def change(self, session, script=EVERYTHING):
        self.machine.ok("run", "--directory", "/", "--user", "root", "session:" + session, "--", "sh", "-c", script)

    def diff(self, session, *paths):
        result = self.machine.run("diff", session, *paths)
        self.assertIn(result.status, (0, 1), result)
        return result.out.splitlines()

    def reset(self, session, *arguments, status=0, **options):
        result = self.machine.run("reset", session, *arguments, **options)
        self.assertEqual(result.status, status, f"{result}\n{self.machine.log()[-2000:] if status == 0 else ''}")
        return result

    def lines(self, session):
        """Of the tree as it is shown, but for what is mounted in it."""
        location = self.machine.ok("location", session)
        return [line for folder in FOLDERS for line in testing.tree_lines(os.path.join(location, folder))]

    def without_times(self, lines):
        """Files that are written anew have another time."""
        return [line for line in lines
                if not line.startswith(("group ", "gshadow ", "passwd ", "shadow ", "hostname ", "debian_chroot "))]

    def content(self, session, *paths):
        return self.machine.inside(session, "cat", *paths)

    HOSTS = ("/etc/group", "/etc/hostname", "/etc/debian_chroot", "/etc/passwd", "/etc/issue", "/var/lib/file")

    def check_whole(self, chroot):
        session = self.begin(chroot)
        lines, content = self.lines(session), self.content(session, *self.HOSTS)
        self.assertIn("there was nothing to take back", self.reset(session).err)
        self.change(session)
        self.assertGreater(len(self.diff(session)), 10)
        self.assertEqual(self.reset(session).err, "")
        self.assertEqual(self.diff(session), [])
        self.assertEqual(self.without_times(self.lines(session)), self.without_times(lines))
        self.assertEqual(self.content(session, *self.HOSTS), content)
        # And again, of what the first one left.
        self.change(session)
        for how in (signal.SIGKILL, signal.SIGTERM):
            self.machine.stop_daemon(how)
            self.machine.start_daemon()
        self.reset(session)
        self.assertEqual(self.diff(session), [])
        self.assertEqual(self.content(session, *self.HOSTS), content)
        self.machine.ok("end", session)

    def test_all_of_it(self):
        self.check_whole("tree")

    def test_all_of_it_in_an_image(self):
        self.check_whole("image")

    def test_all_of_it_on_a_device(self):
        self.check_whole("device")

    def test_what_hooks_wrote_stays(self):
        session = self.begin("hooked")
        self.change(session)
        self.reset(session)
        self.assertEqual(self.diff(session), [])
        self.assertEqual(self.content(session, "/srv/by-hook"), "hook")

    def test_some_paths(self):
        session = self.begin()
        self.change(session)
        before = self.diff(session)
        self.reset(session, "/mnt", "etc/issue", "/var/lib/")
        # /var has another time since something in it was made anew.
        left = [line for line in before if not any(path in line for path in (" /mnt", "/etc/issue", "/var"))]
        self.assertEqual(self.diff(session), left)
        self.assertEqual(self.content(session, "/etc/issue", "/var/lib/file"), "text\ntext")
        self.reset(session, "/etc/group")
        self.assertNotIn("M /etc/group", self.diff(session))
        self.assertNotIn("packaged", self.content(session, "/etc/group"))
        self.reset(session, "/etc/motd", "/etc/message")
        self.assertEqual([line for line in self.diff(session) if "/etc/m" in line], [])
        # The times of folders that have nothing else any more are the tree's.
        self.reset(session, "/srv/new")
        self.assertEqual(self.diff(session, "/srv"), [])
        self.assertEqual(self.lines_of(session, "srv"), testing.tree_lines(self.tree + "/srv"))

    def lines_of(self, session, folder):
        return testing.tree_lines(os.path.join(self.machine.ok("location", session), folder))

    def test_what_is_kept(self):
        session = self.begin()
        self.change(session, EVERYTHING + "echo a >/srv/new/a.log; echo b >/root/b.log; echo c >/root/c\n")
        self.reset(session, "--keep", "*.log", "--keep", "/opt")
        self.assertEqual(self.diff(session), ["P /opt", "A /root/b.log", "A /srv/new", "A /srv/new/a.log"])
        self.assertEqual(self.content(session, "/srv/new/a.log", "/root/b.log"), "a\nb")

    def test_what_cannot_be_is_refused_as_a_whole(self):
        session = self.begin()
        self.change(session, EVERYTHING + "mv /opt /srv/opt; echo own >/srv/opt/own\n")
        before = self.diff(session)
        for paths, why in ((("/etc/issue", "/etc/message"), "/etc/motd was renamed to /etc/message"),
                           (("/opt",), "/opt was renamed to /srv/opt"),
                           (("/etc/issue", "/srv/opt/own"), "/srv/opt is not the tree's"),
                           (("/var/lib/file",), "/var/lib is not the tree's any more"),
                           (("/etc/issue", "/nothing/there"), "there is no /nothing/there"),
                           (("/etc/nothing",), "there is no /etc/nothing"),
                           (("/home/x/y",), "there is no /home/x/y"),
                           (("/etc/../etc/issue",), "'..'"),
                           (("--keep", "/srv/opt"), "/opt was renamed to /srv/opt"),
                           (("--keep", ""), "no pattern")):
            with self.subTest(paths=paths):
                self.assertIn(why, self.reset(session, *paths, status=125).err)
                self.assertEqual(self.diff(session), before)
        self.reset(session, "/opt", "/srv/opt")  # both

    def test_what_comes_back_with_its_folder_is_not_kept_away(self):
        """The tree would have the file at both places, and the kernel takes the two for one."""
        for instead in ("echo now a file >/var/lib", "mkdir /var/lib"):
            with self.subTest(instead=instead):
                session = self.begin()
                self.change(session, f"mv /var/lib/file /srv/moved; echo more >>/srv/moved; rm -r /var/lib; {instead}")
                before = self.diff(session)
                self.assertIn("/var/lib/file was renamed to /srv/moved",
                              self.reset(session, "--keep", "moved", "--keep", "file", status=125).err)
                self.assertEqual(self.diff(session), before)
        session = self.begin()
        self.change(session, "mv /var/lib/file /srv/moved; echo more >>/srv/moved; echo own >/srv/own")
        self.reset(session, "--keep", "moved", "--keep", "file")
        self.assertEqual(self.diff(session), ["R /var/lib/file -> /srv/moved", "M /srv/moved"])
        self.assertEqual(self.content(session, "/srv/moved"), "text\nmore")

    def test_not_while_commands_run(self):
        session = self.begin()
        self.change(session)
        process = self.machine.popen("run", "--directory", "/", session, "--", "sh", "-c", "echo ready; read line", stdin=subprocess.PIPE)
        try:
            self.assertEqual(process.stdout.readline(), b"ready\n")
            refused = self.reset(session, status=125)
            self.assertIn(f"commands run in session {session}: pid ", refused.err)
            self.assertIn("read line", refused.err)
            self.assertIn("R /etc/motd -> /etc/message", self.diff(session))
            process.communicate(b"go\n", timeout=testing.PATIENCE)
        finally:
            testing.finish(process)
        self.assertTrue(testing.wait_until(lambda: self.machine.run("reset", session).status == 0))
        self.assertEqual(self.diff(session), [])

    def test_lists_that_are_being_read_end(self):
        session = self.begin("image")
        self.change(session, "mkdir /srv/many; cd /srv/many; i=0; while [ $i -lt 6000 ]; do : >file-with-a-long-name-$i; i=$((i+1)); done")
        reader = self.machine.popen("diff", session)  # whose output nobody takes
        try:
            self.assertTrue(testing.wait_until(lambda: len(readers(self.machine.daemon.pid)) == 1))
            self.reset(session)
            self.assertEqual(readers(self.machine.daemon.pid), [])
            self.assertEqual(self.diff(session), [])
            reader.communicate(timeout=testing.PATIENCE)
            self.assertEqual(reader.returncode, 125)
        finally:
            testing.finish(reader)

    def test_what_has_no_layer_that_lasts(self):
        for chroot, why in (("memory", "its layer is in memory"), ("emptied", "union-reset=yes"),
                            ("itself", "works on its tree itself"), ("indexed", "index=on")):
            with self.subTest(chroot):
                session = self.begin(chroot)
                self.assertIn(why, self.reset(session, status=125).err)
                self.machine.ok("end", session)  # one that works on the tree has it to itself
        self.assertIn("no session", self.reset("nothing", status=125).err)

    def test_its_owner_and_root_may(self):
        session = self.begin(user="nobody")
        self.change(session, "echo more >>/etc/issue")
        refused = self.reset(session, status=125, user="daemon")
        self.assertIn("may not reset", refused.err)
        self.assertEqual(self.diff(session), ["M /etc/issue"])
        self.reset(session, user="nobody")
        self.assertEqual(self.diff(session), [])

    def test_over_the_bus(self):
        session = self.begin(user=stranger.OWNER, chroot="strangers")
        self.change(session, "echo more >>/etc/issue; mkdir \"$(printf '/srv/\\377')\"")
        program = """
            try:
                say(bool(manager.Reset(sys.argv[1], options(**eval(sys.argv[2])), timeout=60)))
            except dbus.DBusException as refusal:
                say(refusal.get_dbus_name(), refusal.get_dbus_message())
            """.replace("\n            ", "\n")

        def ask(user, text="{}"):
            status, out, err = stranger.run(self.machine, user, program, session, text)
            self.assertEqual(status, 0, err)
            return out.strip()

        self.assertIn("AccessDenied", ask(stranger.STRANGER))
        self.assertIn("InvalidArgument Reset: 1001 paths", ask(stranger.OWNER, "{'paths': ['x'] * 1001}"))
        self.assertIn("InvalidArgument", ask(stranger.OWNER, "{'unknown': 1}"))
        self.assertEqual(self.diff(session), ["M /etc/issue", "A /srv/\\xff"])
        paths = "{'paths': dbus.Array([dbus.ByteArray(b'/srv/\\xff/')], signature='ay')}"
        self.assertEqual(ask(stranger.OWNER, paths), "True")
        self.assertEqual(self.diff(session), ["M /etc/issue"])
        self.assertEqual(ask(stranger.OWNER), "True")
        self.assertEqual(ask(stranger.OWNER), "False")
        self.assertEqual(self.diff(session), [])


if __name__ == "__main__":
    testing.main()
