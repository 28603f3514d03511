"""unionroot snapshot, snapshots, rollback and clone: what a session has is kept, comes back, and is had by others."""

import glob
import json
import os
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "sources_image"))

import disks  # noqa: E402
import stranger  # noqa: E402
import unionroot_testing as testing  # noqa: E402
from diff_test import readers  # noqa: E402

FOLDERS = ("etc", "srv", "opt", "usr", "var", "root")
FIRST = """set -e
mkdir /srv/new; echo first >/srv/new/file; echo first >/srv/file
echo more >>/etc/issue; rm /etc/debian_version
rm -r /var/lib; mkdir /var/lib; echo own >/var/lib/own
mv /opt/folder /opt/moved; mv /etc/motd /etc/message
echo packaged:x:888: >>/etc/group; ln /srv/file /srv/linked
"""
SECOND = """set -e
echo second >/srv/new/file; rm /srv/file; echo second >/etc/debian_version
mv /opt/moved /opt/again; echo text >/opt/again/added
echo text >/var/lib/more; rm /var/lib/own; chmod 750 /srv; mkdir /root/deep
"""
THIRD = """set -e
rm -r /srv/new; mkdir /srv/new; echo third >/srv/new/third
rm /etc/debian_version; mv /opt/again /root/elsewhere; echo third >>/etc/issue
"""


class SnapshotTest(testing.EndToEndTest):
    @classmethod
    def prepare(cls):
        machine = cls.machine
        cls.tree = os.path.join(machine.place, "tree")
        subprocess.run(["cp", "-a", testing.small_tree(), cls.tree], check=True)
        for path in ("/etc/issue", "/etc/debian_version", "/etc/motd", "/var/lib/file", "/opt/folder/file"):
            os.makedirs(os.path.dirname(cls.tree + path), exist_ok=True)
            with open(cls.tree + path, "w") as file:
                file.write("text\n")
        for path in ("/opt", "/srv", "/build"):
            os.makedirs(cls.tree + path, exist_ok=True)
        cls.checksum = testing.tree_checksum(cls.tree)
        machine.define_tree("tree", cls.tree, root_users="root,nobody", union_mount_options="redirect_dir=on")
        machine.define_tree("strangers", cls.tree, users=stranger.OWNER)
        machine.define_tree("memory", cls.tree, union_backing="tmpfs")
        machine.define_tree("emptied", cls.tree, union_reset="yes")
        machine.define_tree("indexed", cls.tree, union_mount_options="index=on")
        subprocess.run(["cp", "-a", cls.tree, cls.tree + "-itself"], check=True)
        machine.define_tree("itself", cls.tree + "-itself", union_type="none")
        cls.elsewhere = os.path.join(machine.place, "elsewhere")
        os.mkdir(cls.elsewhere, 0o700)
        machine.define_tree("elsewhere", cls.tree, union_overlay_directory=cls.elsewhere)
        machine.define_tree("above", os.path.dirname(machine.state))

    @classmethod
    def tearDownClass(cls):
        cls.machine.run("end", "--all", "--force")
        left = cls.machine.leftovers()
        same = testing.tree_checksum(cls.tree) == cls.checksum
        super().tearDownClass()
        assert left == [], left
        assert same, "the tree was changed"

    def begin(self, chroot="tree", **options):
        session = self.machine.begin(chroot, **options)
        self.addCleanup(self.machine.run, "end", "--force", session)
        return session

    def change(self, session, script):
        self.machine.ok("run", "--directory", "/", "--user", "root", "session:" + session, "--", "sh", "-c", script)

    def verb(self, *arguments, status=0, **options):
        result = self.machine.run(*arguments, **options)
        self.assertEqual(result.status, status, f"{result}\n{self.machine.log()[-3000:] if status == 0 else ''}")
        return result

    def snapshot(self, session, *name):
        return self.verb("snapshot", session, *name).out.strip()

    def clone(self, *arguments, **options):
        ids = self.verb("clone", *arguments, **options).out.split()
        for session in ids:
            self.addCleanup(self.machine.run, "end", "--force", session)
        return ids

    def names(self, session):
        return [each["name"] for each in json.loads(self.verb("snapshots", "--json", session).out)]

    def diff(self, session, *paths):
        result = self.machine.run("diff", session, *paths)
        self.assertIn(result.status, (0, 1), result)
        return result.out.splitlines()

    def lines(self, session):
        """Of the tree as it is shown, but for what is mounted in it."""
        location = self.machine.ok("location", session)
        return [line for folder in FOLDERS for line in testing.tree_lines(os.path.join(location, folder))]

    def content(self, session, *paths):
        return self.machine.inside(session, "cat", *paths)

    def layers(self):
        return sorted(os.listdir(os.path.join(self.machine.state, "layers")))

    def restart(self, reboot=False):
        self.machine.stop_daemon(signal.SIGKILL)
        if reboot:
            self.machine.lose_mounts()
            self.machine.start_daemon()
            self.assertTrue(testing.wait_until(
                lambda: all(each["state"] == "active" for each in self.machine.sessions())), self.machine.sessions())
        else:
            self.machine.start_daemon()

    def test_three_snapshots_and_back(self):
        session = self.begin()
        kept, listed = {}, {}
        for name, script in (("0", None), ("1", FIRST), ("middle", SECOND), ("4", THIRD)):
            if script:
                self.change(session, script)
            kept[name], listed[name] = self.lines(session), self.diff(session)
            given = self.snapshot(session, name)
            self.assertEqual(given, name)
            # Nothing is another because it was frozen.
            self.assertEqual(self.lines(session), kept[name])
            self.assertEqual(self.without_renames(self.diff(session)), self.without_renames(listed[name]))
        self.assertEqual(self.names(session), ["0", "1", "middle", "4"])
        self.assertEqual(self.snapshot(session), "5")
        info = json.loads(self.machine.ok("info", "--json", session))
        self.assertEqual((info["snapshots"], info["layers"]), (["0", "1", "middle", "4", "5"], 6))
        self.change(session, "rm -r /srv/new /var/lib; echo after >/srv/after")
        self.verb("rollback", session, "middle")
        self.assertEqual(self.lines(session), kept["middle"])
        self.assertEqual(self.names(session), ["0", "1", "middle"])
        self.assertEqual(self.without_renames(self.diff(session)), self.without_renames(listed["middle"]))
        self.assertEqual(len(self.layers()), 3)
        for reboot in (False, True):
            self.restart(reboot)
            self.assertEqual(self.lines(session), kept["middle"])
            self.assertEqual(self.names(session), ["0", "1", "middle"])
        self.change(session, "echo after >>/srv/new/file; rm /etc/issue")
        self.verb("rollback", session, "1")
        self.assertEqual(self.lines(session), kept["1"])
        self.verb("rollback", session, "0")
        self.assertEqual(self.lines(session), kept["0"])
        self.assertEqual(self.diff(session), [])
        self.assertEqual(self.snapshot(session), "1")
        self.machine.ok("end", session)
        self.assertEqual(self.layers(), [])

    def without_renames(self, lines):
        """A rename may be listed as deleted and added where there are several layers."""
        out = set()
        for line in lines:
            kind, _, rest = line.partition(" ")
            former, arrow, present = rest.partition(" -> ")
            if arrow:
                out.update({"D " + former, "A " + present})
            else:
                out.add(line)
        # What is beneath such a folder is listed with it.
        tops = [line.split(" ", 1)[1] for line in out if line[0] in "AD"]
        return sorted(line for line in out
                      if not (line[0] in "ADMP" and any(line.split(" ", 1)[1].startswith(top + "/") for top in tops)))

    def test_what_is_listed(self):
        session = self.begin()
        self.snapshot(session)
        self.assertEqual(self.diff(session), [])
        self.change(session, "echo more >>/etc/issue; mkdir /srv/new; echo a >/srv/new/a; rm /etc/motd; chmod 700 /opt")
        expected = ["M /etc/issue", "D /etc/motd", "P /opt", "A /srv/new", "A /srv/new/a"]
        self.assertEqual(self.diff(session), expected)
        self.snapshot(session)
        self.assertEqual(self.diff(session), expected)
        self.change(session, "echo b >/srv/new/b; rm /srv/new/a; echo text >/etc/motd; mv /etc/issue /etc/renamed; chmod 755 /opt")
        self.assertEqual(self.diff(session, "/srv"), ["A /srv/new", "A /srv/new/b"])
        self.assertEqual([line for line in self.diff(session) if "/opt" in line], [])
        self.snapshot(session)
        self.change(session, "rm -r /srv/new; rm /etc/renamed; echo text >/etc/issue; mv /opt/folder /opt/other")
        self.assertEqual([line for line in self.diff(session) if "/srv" in line], ["P /srv"])  # its time
        self.assertEqual(self.diff(session, "/opt"), ["R /opt/folder -> /opt/other"])
        self.snapshot(session)
        self.assertEqual(self.diff(session, "/opt"), ["R /opt/folder -> /opt/other"])
        self.change(session, "mv /opt/other /opt/third; echo more >>/etc/group")
        self.assertEqual(self.diff(session, "/opt"), ["R /opt/folder -> /opt/third"])
        self.assertIn("M /etc/group", self.diff(session))
        # Lists that are being read end.
        self.change(session, "mkdir /srv/many; cd /srv/many; i=0; while [ $i -lt 6000 ]; do : >file-with-a-long-name-$i; i=$((i+1)); done")
        reader = self.machine.popen("diff", session)
        try:
            self.assertTrue(testing.wait_until(lambda: len(readers(self.machine.daemon.pid)) == 1))
            self.snapshot(session)
            self.assertEqual(readers(self.machine.daemon.pid), [])
        finally:
            testing.finish(reader)

    def test_clones(self):
        session = self.begin()
        self.change(session, FIRST)
        before = self.lines(session)
        one, = self.clone(session)
        two, three = self.clone("--count", "2", "--name", "worker", session)
        self.assertEqual((two, three), ("worker-1", "worker-2"))
        self.assertEqual(len(self.layers()), 1)  # nothing was changed in between
        for each in (session, one, two, three):
            self.assertEqual(self.lines(each), before, each)
        self.assertEqual(self.diff(one), self.diff(session))
        for each in (session, one, two):
            self.change(each, f"echo {each} >/srv/own; echo {each} >>/srv/new/file")
        for each in (session, one, two):
            self.assertEqual(self.content(each, "/srv/own", "/srv/new/file"), f"{each}\nfirst\n{each}")
        self.assertEqual(self.lines(three), before)
        self.snapshot(one, "own")
        self.change(one, "rm /srv/own")
        copy, = self.clone("--snapshot", "own", one)
        self.assertEqual(self.content(copy, "/srv/own"), one)
        self.verb("rollback", copy, "1")  # it has the snapshots of the other
        self.assertEqual(self.lines(copy), before)
        self.machine.ok("end", session)
        for reboot in (False, True):
            self.restart(reboot)
            self.assertEqual(self.lines(three), before)
            self.assertEqual(self.content(two, "/srv/own"), two)
        self.machine.ok("end", one, two)
        self.assertEqual(self.lines(three), before)
        self.assertEqual(self.lines(copy), before)
        self.machine.ok("end", three, copy)
        self.assertEqual(self.layers(), [])
        self.assertEqual(self.machine.leftovers(), [])

    def test_what_unionroot_writes_is_no_change(self):
        session = self.begin()
        self.snapshot(session)
        self.machine.inside(session, "true")
        self.assertEqual(self.diff(session), [])
        clone, = self.clone(session)
        self.machine.inside(clone, "true")
        self.assertEqual(self.diff(clone), [])
        self.change(session, "echo packaged:x:888: >>/etc/group")
        self.snapshot(session)
        self.machine.inside(session, "true")
        self.assertEqual(self.diff(session), ["M /etc/group"])
        self.assertIn("packaged", self.content(session, "/etc/group"))

    def test_layers_elsewhere(self):
        session = self.begin("elsewhere")
        self.change(session, "echo text >/srv/file")
        self.snapshot(session)
        clone, = self.clone(session)
        self.assertEqual(len(os.listdir(self.elsewhere + "/.unionroot-layers")), 1)
        self.machine.ok("end", session)
        self.restart(reboot=True)
        self.assertEqual(self.content(clone, "/srv/file"), "text")
        self.machine.ok("end", clone)
        self.assertEqual(os.listdir(self.elsewhere + "/.unionroot-layers"), [])

    def test_the_database_is_lost(self):
        session = self.begin()
        self.change(session, FIRST)
        self.snapshot(session, "kept")
        self.change(session, SECOND)
        lines = self.lines(session)
        self.machine.stop_daemon()
        for path in glob.glob(self.machine.state + "/state.db*"):
            os.unlink(path)
        self.machine.lose_mounts()
        self.machine.start_daemon()
        self.assertTrue(testing.wait_until(lambda: [each["state"] for each in self.machine.sessions()] == ["active"]))
        self.assertEqual(self.lines(session), lines)
        self.assertEqual(self.names(session), ["kept"])

    def test_a_layer_is_gone_or_another(self):
        session = self.begin()
        self.change(session, FIRST)
        self.snapshot(session)
        lines = self.lines(session)
        layer = os.path.join(self.machine.state, "layers", self.layers()[0], "upper")
        for other in (None, "another"):
            with self.subTest(other=other):
                self.machine.stop_daemon()
                os.rename(layer, layer + ".away")
                if other:
                    subprocess.run(["cp", "-a", layer + ".away", layer], check=True)
                self.machine.lose_mounts()
                self.machine.start_daemon()
                self.assertTrue(testing.wait_until(
                    lambda: json.loads(self.machine.ok("info", "--json", session))["state"] == "failed"))
                why = json.loads(self.machine.ok("info", "--json", session))["error"]
                self.assertIn("frozen layer", why)
                self.assertIn("is gone" if other is None else "is not the one", why)
                self.assertIn("failed, not active", self.verb("snapshot", session, status=125).err)
                self.assertIn("failed, not active", self.verb("clone", session, status=125).err)
                if other:
                    self.machine.ok("recover", "--accept-source", session)
                    self.machine.stop_daemon()
                    self.machine.lose_mounts()
                    self.machine.start_daemon()
                    self.assertTrue(testing.wait_until(
                        lambda: json.loads(self.machine.ok("info", "--json", session))["state"] == "active"))
                    shutil.rmtree(layer + ".away")
                else:
                    os.rename(layer + ".away", layer)
                    self.machine.ok("recover", session)
                self.assertEqual(self.lines(session), lines)

    def test_bad_input(self):
        session = self.begin()
        self.snapshot(session, "taken")
        self.change(session, "echo changed >/srv/changed")  # so that a clone would take a snapshot
        for arguments, why in ((("snapshot", session, "taken"), "has a snapshot taken already"),
                               (("snapshot", session, "a/b"), "snapshot name"),
                               (("snapshot", session, "x" * 65), "snapshot name"),
                               (("snapshot", "nothing"), "no session"),
                               (("snapshots", "nothing"), "no session"),
                               (("rollback", session, "nothing"), "has no snapshot nothing"),
                               (("rollback", "nothing", "1"), "no session"),
                               (("clone", "--snapshot", "nothing", session), "has no snapshot nothing"),
                               (("clone", "nothing"), "no session"),
                               (("clone", "--count", "1001", session), "1000"),
                               (("clone", "--count", "0", session), "count"),
                               (("clone", "--name", session, session), session),
                               (("clone", "--name", "tree", session), "tree"),
                               (("reset", session), "stands on snapshots")):
            with self.subTest(arguments=arguments):
                result = self.machine.run(*arguments)
                self.assertEqual(result.status, 125, result)
                self.assertIn(why, result.err)
        self.assertEqual(self.names(session), ["taken"])
        # One name of several is taken: none is begun.
        self.machine.begin("tree", name="many-2")
        self.addCleanup(self.machine.run, "end", "--force", "many-2")
        before = self.machine.sessions()
        self.assertIn("many-2", self.verb("clone", "--count", "3", "--name", "many", session, status=125).err)
        self.machine.define_tree("many-3", self.tree)
        self.assertIn("many-3", self.verb("clone", "--count", "3", "--name", "many", session, status=125).err)
        self.assertEqual(len(self.machine.sessions()), len(before))
        self.assertEqual(self.names(session), ["taken"])
        # After the greatest number there is another name.
        self.snapshot(session, str(2**64 - 1))
        self.assertEqual((self.snapshot(session), self.snapshot(session)), ("0", "1"))
        self.machine.ok("end", session)
        self.assertEqual(self.layers(), [])

    def test_a_holder_on_the_host(self):
        session = self.begin()
        self.change(session, "echo first >/srv/held")
        self.snapshot(session, "before")
        self.change(session, "echo second >/srv/held")
        location = self.machine.ok("location", session)
        with open(os.path.join(location, "srv/held"), "a") as held:
            for arguments in (("snapshot", session), ("clone", session)):
                refused = self.verb(*arguments, status=125)
                self.assertIn(f"its files are still in use: held by pid {os.getpid()}", refused.err)
            self.assertEqual(self.names(session), ["before"])
            held.write("third\n")
        self.assertEqual(self.content(session, "/srv/held"), "second\nthird")
        layers = self.layers()
        self.assertEqual(len(layers), 1)
        self.assertEqual(self.snapshot(session), "1")
        self.assertEqual(self.content(session, "/srv/held"), "second\nthird")

    def test_a_mount_elsewhere(self):
        session = self.begin()
        self.change(session, "echo text >/srv/held")
        location = self.machine.ok("location", session)
        copy = os.path.join(self.machine.place, "copy")
        os.mkdir(copy)
        # No unmount on the host reaches this one, and the links in /proc do not tell of it.
        holder = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-c",
                                   f"mount --bind {location} {copy}; cat {copy}/srv/held; read line"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            self.assertEqual(holder.stdout.readline(), b"text\n")
            refused = self.verb("snapshot", session, status=125)
            self.assertIn("its files are still in use: held by", refused.err)
            self.assertEqual((self.names(session), self.layers()), ([], []))
            self.assertEqual(self.content(session, "/srv/held"), "text")
        finally:
            holder.kill()
            testing.finish(holder)
        self.assertEqual(self.snapshot(session), "1")
        self.assertEqual(self.content(session, "/srv/held"), "text")

    def test_a_daemon_that_starts_keeps_layers(self):
        session = self.begin()
        self.change(session, FIRST)
        self.snapshot(session)
        lines, layers = self.lines(session), self.layers()
        listed = os.path.join(self.machine.state, "sessions", session, "layers")
        shutil.copy(listed, listed + ".kept")
        for damage in ("damaged", None):
            with self.subTest(damage=damage):
                process = self.machine.popen("run", "--directory", "/", session, "--", "sh", "-c", "echo ready; read line; echo $line", stdin=subprocess.PIPE)
                try:
                    self.assertEqual(process.stdout.readline(), b"ready\n")
                    # The command may write before its client has the daemon's answer.
                    self.assertTrue(testing.wait_until(lambda: json.loads(self.machine.ok("runs", "--json"))))
                    self.machine.ok("list")
                    self.machine.stop_daemon(signal.SIGKILL)
                    if damage:
                        with open(listed, "w") as file:
                            file.write(damage)
                    else:
                        os.unlink(listed)
                    self.machine.start_daemon()
                    self.assertEqual(self.layers(), layers)
                    out, err = process.communicate(b"go\n", timeout=testing.PATIENCE)
                    self.assertEqual(out, b"go\n", err)  # it was not killed
                finally:
                    testing.finish(process)
                self.assertIn("`layers`", self.verb("snapshot", session, status=125).err)
                shutil.copy(listed + ".kept", listed)
                self.restart()
                self.assertEqual((self.lines(session), self.names(session)), (lines, ["1"]))
        # Its list omits the layer: that is set aside.
        self.machine.stop_daemon(signal.SIGKILL)
        with open(listed, "w") as file:
            file.write("[]")
        self.machine.start_daemon()
        self.assertEqual(self.layers(), [])
        orphan, = glob.glob(os.path.join(self.machine.state, "orphans", layers[0] + "-*"))
        self.assertTrue(os.path.exists(orphan + "/upper/srv/new/file"))
        self.machine.ok("end", session)
        self.machine.ok("prune", "--all")
        self.assertFalse(os.path.exists(orphan))

    def test_the_end_with_a_damaged_list(self):
        session = self.begin()
        self.change(session, FIRST)
        self.snapshot(session)
        for name in ("layers", "restack"):
            with open(os.path.join(self.machine.state, "sessions", session, name), "w") as file:
                file.write("damaged")
        self.restart()
        self.machine.ok("end", session)
        self.assertEqual(self.layers(), [])

    def test_another_tree(self):
        tree = os.path.join(self.machine.place, "another-tree")
        subprocess.run(["cp", "-a", self.tree, tree], check=True)
        self.machine.define_tree("another", tree)
        session = self.begin("another")
        self.change(session, "echo text >/srv/file")
        self.snapshot(session)
        os.rename(tree, tree + ".former")
        subprocess.run(["cp", "-a", self.tree, tree], check=True)
        for arguments in (("clone", session), ("clone", "--snapshot", "1", session)):
            self.assertIn("is not the one that this session began on", self.verb(*arguments, status=125).err)
        self.assertEqual([each["id"] for each in self.machine.sessions() if each["chroot"] == "another"], [session])
        shutil.rmtree(tree)
        os.rename(tree + ".former", tree)
        self.clone(session)

    def test_another_archive(self):
        archive = os.path.join(self.machine.place, "tree.tar")
        subprocess.run(["tar", "-C", self.tree, "-cf", archive, "."], check=True)
        self.machine.define("archive", f"[archive]\ntype=file\nfile={archive}\nunion-type=overlay\nprofile=buildd\nroot-users=\n")
        session = self.begin("archive")
        self.change(session, "echo text >/srv/file")
        before = self.lines(session)
        subprocess.run(["tar", "-C", self.tree, "-cf", archive, "./etc"], check=True)
        clone, = self.clone(session)  # on the tree that was unpacked before
        self.assertEqual(self.lines(clone), before)

    def test_another_mount(self):
        place = os.path.join(self.machine.place, "mounted")
        os.mkdir(place, 0o700)
        self.machine.define_tree("apart", self.tree, union_overlay_directory=place)
        session = self.begin("apart")
        upper = os.path.join(place, session)
        self.change(session, "echo text >/srv/file")
        layers = place + "/.unionroot-layers"
        os.makedirs(layers, 0o700, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=700", "layers", layers], check=True)
        try:
            self.machine.run("snapshot", session)
            refused = self.verb("snapshot", session, status=125)
            self.assertIn("on different mounts", refused.err)
            self.assertEqual(os.listdir(layers), [])
        finally:
            subprocess.run(["umount", "-l", layers], check=True)
        self.assertEqual(self.content(session, "/srv/file"), "text")
        self.assertTrue(os.path.isdir(upper))
        self.assertEqual(self.snapshot(session), "1")

    def test_clones_that_end_at_once(self):
        session = self.begin()
        self.change(session, FIRST)
        clones = self.clone("--count", "20", session)
        processes = [self.machine.popen("end", each) for each in (session, *clones)]
        for process in processes:
            out, err = process.communicate(timeout=testing.PATIENCE)
            self.assertEqual((process.returncode, out), (0, b""), err)
        self.assertEqual(self.layers(), [])

    def test_not_while_commands_run(self):
        session = self.begin()
        self.snapshot(session)
        process = self.machine.popen("run", "--directory", "/", session, "--", "sh", "-c", "echo ready; read line", stdin=subprocess.PIPE)
        try:
            self.assertEqual(process.stdout.readline(), b"ready\n")
            for arguments in (("snapshot", session), ("rollback", session, "1"), ("clone", session)):
                refused = self.verb(*arguments, status=125)
                self.assertIn(f"commands run in session {session}: pid ", refused.err)
                self.assertIn("read line", refused.err)
            self.assertEqual(self.names(session), ["1"])
            self.clone("--snapshot", "1", session)  # of what is frozen already
            process.communicate(b"go\n", timeout=testing.PATIENCE)
        finally:
            testing.finish(process)
        self.assertTrue(testing.wait_until(lambda: self.machine.run("snapshot", session).status == 0))

    def test_what_has_no_layer_in_a_folder(self):
        for chroot, why in (("memory", "union-backing is tmpfs"), ("emptied", "union-reset=yes"),
                            ("itself", "works on its tree itself"), ("above", "lies in its tree")):
            with self.subTest(chroot):
                session = self.begin(chroot)
                for arguments in (("snapshot", session), ("rollback", session, "1"), ("clone", session)):
                    self.assertIn(why, self.verb(*arguments, status=125).err)
                self.machine.ok("end", session)

    def test_index(self):
        os.makedirs(self.tree + "/../linked/srv", exist_ok=True)
        tree = os.path.join(self.machine.place, "linked-tree")
        subprocess.run(["cp", "-a", self.tree, tree], check=True)
        os.link(tree + "/etc/issue", tree + "/etc/issue-too")
        self.machine.define_tree("linked", tree, union_mount_options="index=on")
        session = self.begin("linked")
        self.change(session, "echo more >>/etc/debian_version")
        self.snapshot(session)
        self.assertEqual(self.content(session, "/etc/debian_version"), "text\nmore")
        self.change(session, "echo more >>/etc/issue")
        self.assertEqual(self.content(session, "/etc/issue-too"), "text\nmore")
        self.assertIn("index=on", self.verb("snapshot", session, status=125).err)
        self.machine.ok("end", session)

    def test_depth(self):
        session = self.begin()
        for number in range(1, 61):
            self.change(session, f"echo {number} >>/srv/file") if number % 10 == 0 else None
            self.assertEqual(self.snapshot(session), str(number))
        refused = self.verb("snapshot", session, status=125)
        self.assertIn("more than 60", refused.err)
        self.assertIn("unionroot rollback", refused.err)
        clone, = self.clone("--snapshot", "60", session)
        self.assertEqual(self.content(clone, "/srv/file").split(), ["10", "20", "30", "40", "50", "60"])
        self.verb("rollback", session, "25")
        self.assertEqual(self.content(session, "/srv/file").split(), ["10", "20"])
        self.assertEqual(self.snapshot(session), "26")
        self.machine.ok("end", session, clone)
        self.assertEqual(self.layers(), [])

    def test_its_owner_and_root_may(self):
        session = self.begin(user="nobody")
        self.change(session, "echo more >>/etc/issue")
        for arguments in (("snapshot", session), ("snapshots", session), ("rollback", session, "1"), ("clone", session)):
            self.assertIn("may not", self.verb(*arguments, status=125, user="daemon").err)
        self.assertEqual(self.verb("snapshot", session, user="nobody").out, "1\n")
        self.verb("snapshots", session, user="nobody")
        mine, = self.clone(session, user="nobody")
        roots, = self.clone(session)
        owners = {each["id"]: each["owner"] for each in self.machine.sessions()}
        self.assertEqual((owners[mine], owners[roots]), ("nobody", "root"))
        self.machine.ok("end", session, user="nobody")
        for each in (mine, roots):
            self.assertEqual(self.content("session:" + each, "/etc/issue"), "text\nmore")
        self.assertNotIn("snapshots", json.loads(self.machine.ok("info", "--json", mine, user="daemon")))

    def test_over_the_bus(self):
        session = self.begin(user=stranger.OWNER, chroot="strangers")
        program = """
            try:
                say(eval(sys.argv[2]))
            except dbus.DBusException as refusal:
                say(refusal.get_dbus_name(), refusal.get_dbus_message())
            """.replace("\n            ", "\n")

        def ask(user, text):
            status, out, err = stranger.run(self.machine, user, program, session, text)
            self.assertEqual(status, 0, err)
            return out.strip()

        take = "str(manager.Snapshot(sys.argv[1], options(name='one'), timeout=60))"
        clone = "[str(each) for each in manager.Clone(sys.argv[1], options(count=2), timeout=60)]"
        for text in (take, clone, "manager.Snapshots(sys.argv[1])", "manager.Rollback(sys.argv[1], 'one', options())"):
            self.assertIn("AccessDenied", ask(stranger.STRANGER, text))
        self.assertEqual(ask(stranger.OWNER, take), "one")
        self.assertIn("InvalidArgument", ask(stranger.OWNER, take))
        self.assertIn("InvalidArgument", ask(stranger.OWNER, "manager.Clone(sys.argv[1], options(count=0))"))
        self.assertIn("InvalidArgument", ask(stranger.OWNER, "manager.Rollback(sys.argv[1], 'two', options())"))
        made = eval(ask(stranger.OWNER, clone))
        for each in made:
            self.addCleanup(self.machine.run, "end", "--force", each)
        self.assertEqual(len(made), 2)
        self.assertEqual(ask(stranger.OWNER, "manager.Rollback(sys.argv[1], 'one', options(), timeout=60)"), "None")


if __name__ == "__main__":
    testing.main()
