"""A preserved session is set up again on the tree that it began on, or not at all."""

import glob
import io
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile

for folder in ("recovery", "sources_archive", "sources_image"):
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, folder))

import archives  # noqa: E402
import disks  # noqa: E402
import oci_test  # noqa: E402
import unionroot_testing as testing  # noqa: E402
from recovery_testing import RecoveryTest  # noqa: E402


class SameTree(RecoveryTest):
    boots = 0

    @classmethod
    def define(cls, name, **keys):
        keys.setdefault("profile", "minimal")
        cls.machine.define(name, f"[{name}]\n" + "".join(f"{key.replace('_', '-')}={value}\n" for key, value in keys.items()))

    def tearDown(self):
        self.machine.run("end", "--all", "--force")  # of a test that failed
        super().tearDown()

    def path(self, name):
        return os.path.join(self.machine.place, name)

    def begun(self, chroot):
        session = self.machine.begin(chroot)
        self.machine.inside(session, "sh", "-c", "echo kept >/kept")
        return session

    def crash(self):
        self.machine.end_daemon(signal.SIGKILL)

    def reboot(self):
        SameTree.boots += 1
        self.machine.simulate_reboot(f"another-boot-{SameTree.boots}")
        self.machine.start_daemon()

    def assert_on(self, session, tree):
        self.assertEqual(self.machine.settled(session), "active", self.machine.info(session).get("error"))
        self.assertEqual(self.machine.inside(session, "cat", "/tree"), tree)
        self.assertEqual(self.machine.inside(session, "cat", "/kept"), "kept")

    def assert_refused_on_another(self, session, *fragments):
        self.assertEqual(self.machine.settled(session), "failed", "it was set up on another tree")
        error = self.machine.info(session)["error"]
        for fragment in fragments:
            self.assertIn(fragment, error)
        with open(self.machine.in_upper(session, "/kept")) as file:
            self.assertEqual(file.read(), "kept\n")
        refused = self.machine.run("recover", session)
        self.assertEqual(refused.status, 125, repr(refused))
        self.assertTrue(os.path.exists(self.machine.in_upper(session, "/kept")))


class Unpacked(SameTree):
    """The tree is in the cache; which sessions stand on it is in files that a power cut may empty or lose."""

    def entries(self):
        return sorted(name for name in glob.glob(os.path.join(self.machine.state, "cache", "*")) if not name.endswith(".lock"))

    def users(self, session):
        return glob.glob(os.path.join(self.machine.state, "cache", "*", "users", session))

    def spoil_users(self, session, how):
        files = self.users(session)
        self.assertTrue(files)
        for file in files:
            if how == "emptied":
                os.truncate(file, 0)
            elif how == "nonsense":
                with open(file, "w") as out:
                    out.write("7 9 1.0123456789abcdef.5.other\n")
            elif how == "lost":
                os.unlink(file)

    def end(self, *sessions):
        self.machine.ok("end", *sessions)
        for session in sessions:
            self.assertEqual(self.users(session), [])


class Tarball(Unpacked):
    @classmethod
    def prepare(cls):
        cls.tarball = os.path.join(cls.machine.place, "tree.tar")
        cls.define("ball", type="file", file=cls.tarball)
        cls.define("reset", type="file", file=cls.tarball, union_reset="yes")

    def setUp(self):
        self.pack("old")

    def pack(self, content):
        """Another file in its place."""
        archives.tar(self.tree, self.tarball + ".new.tar")
        with tarfile.open(self.tarball + ".new.tar", "a") as archive:
            info = tarfile.TarInfo("./tree")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content.encode()))
        os.rename(self.tarball + ".new.tar", self.tarball)

    def test_the_journal_says_which_tree_whatever_became_of_the_users_file(self):
        for how in ("emptied", "nonsense", "lost", "left as it is"):
            with self.subTest(how):
                self.pack("old")
                session = self.begun("ball")
                self.crash()
                self.spoil_users(session, how)
                self.pack("new")
                self.reboot()
                self.assert_on(session, "old")
                self.assertEqual(len(self.users(session)), 1)  # written again: the tree stays
                other = self.begun("ball")
                self.assert_on(other, "new")
                self.end(other)
                self.crash()
                self.reboot()
                self.assert_on(session, "old")
                self.end(session)

    def test_a_session_that_lives_on_keeps_its_tree(self):
        session = self.begun("ball")
        self.crash()
        self.spoil_users(session, "lost")
        self.pack("new")
        self.machine.start_daemon()
        self.assert_on(session, "old")
        self.assertEqual(len(self.users(session)), 1)
        self.end(session)

    def test_the_database_is_lost_too(self):
        session = self.begun("ball")
        self.crash()
        self.spoil_users(session, "emptied")
        for file in glob.glob(os.path.join(self.machine.state, "state.db*")):
            os.unlink(file)
        self.pack("new")
        self.reboot()
        self.assert_on(session, "old")
        self.end(session)

    def test_the_tree_is_gone_and_the_tarball_is_another(self):
        session = self.begun("ball")
        (key,) = map(os.path.basename, self.entries())
        self.crash()
        shutil.rmtree(os.path.join(self.machine.state, "cache", key))
        os.rename(self.tarball, self.tarball + ".kept")
        self.pack("new")
        self.reboot()
        self.assert_refused_on_another(session, key, self.tarball)
        # The one that it began on comes back.
        shutil.copy2(self.tarball, self.tarball + ".new")
        os.rename(self.tarball + ".kept", self.tarball)
        self.machine.ok("recover", session)
        self.assert_on(session, "old")
        # Or root takes the other.
        self.crash()
        for entry in self.entries():
            shutil.rmtree(entry)
        os.rename(self.tarball + ".new", self.tarball)
        self.reboot()
        self.assert_refused_on_another(session, self.tarball)
        self.machine.ok("recover", "--accept-source", session)
        self.assert_on(session, "new")
        self.end(session)

    def test_the_tree_is_gone_and_the_tarball_is_the_same(self):
        session = self.begun("ball")
        self.crash()
        for entry in self.entries():
            shutil.rmtree(entry)
        self.reboot()
        self.assert_on(session, "old")
        self.end(session)

    def test_the_tree_and_the_tarball_are_gone(self):
        session = self.begun("ball")
        self.crash()
        for entry in self.entries():
            shutil.rmtree(entry)
        os.unlink(self.tarball)
        self.reboot()
        self.assert_refused_on_another(session, self.tarball)
        self.end(session)

    def test_a_daemon_that_dies_while_it_recovers_forgets_nothing(self):
        session = self.begun("ball")
        self.crash()
        self.spoil_users(session, "emptied")
        self.pack("new")
        SameTree.boots += 1
        self.machine.simulate_reboot(f"another-boot-{SameTree.boots}")
        log = self.path("points")
        self.machine.start_daemon({"UNIONROOT_FAULT_FROM_START": "1", "UNIONROOT_FAULT_LOG": log})
        self.assert_on(session, "old")
        self.crash()
        with open(log) as file:
            points = len(file.readlines())
        self.assertGreater(points, 20)
        for point in range(5, points, max(1, points // 12)):
            SameTree.boots += 1
            self.machine.simulate_reboot(f"another-boot-{SameTree.boots}")
            self.spoil_users(session, "emptied")
            self.machine.start_daemon({"UNIONROOT_FAULT_FROM_START": "1", "UNIONROOT_CRASH_AT": str(point)}, wait=False)
            if not self.machine.wait_dead(30):
                self.crash()
            self.machine.start_daemon()
            self.assert_on(session, "old")
            self.crash()
        os.unlink(log)
        self.machine.start_daemon()
        self.assert_on(session, "old")
        self.end(session)

    def test_nothing_is_kept_that_was_laid_on_the_old_tree(self):
        session = self.begun("reset")
        self.crash()
        for entry in self.entries():
            shutil.rmtree(entry)
        self.pack("new")
        self.reboot()
        self.assertEqual(self.machine.settled(session), "active", self.machine.info(session).get("error"))
        self.assertEqual(self.machine.inside(session, "cat", "/tree"), "new")
        self.end(session)

    def test_what_is_in_use_is_on_the_disk_when_begin_returns(self):
        """The file in `users` is synced, and the folder that it is in."""
        if shutil.which("strace") is None:
            self.skipTest("needs strace")
        trace = self.path("trace")
        self.machine.begin("ball", name="warm")  # the tree is unpacked
        tracer = subprocess.Popen(["strace", "-f", "-qq", "-y", "-e", "trace=fsync", "-o", trace, "-p", str(self.machine.daemon.pid)])
        self.machine.children[tracer.pid] = "strace"
        self.addCleanup(os.unlink, trace)
        status = f"/proc/{self.machine.daemon.pid}/status"

        def is_traced():
            with open(status) as file:
                return f"TracerPid:\t{tracer.pid}\n" in file.read()

        self.assertTrue(testing.wait_until(is_traced))
        session = self.machine.begin("ball")
        tracer.send_signal(signal.SIGINT)
        tracer.wait()
        with open(trace) as file:
            text = file.read()
        self.assertRegex(text, r"fsync\(\d+<[^>]*/users/[^>]*" + session)
        self.assertRegex(text, r"fsync\(\d+<[^>]*/users>\)")
        self.end(session, "warm")


class Image(Unpacked):
    """An image layout of two layers."""

    @classmethod
    def prepare(cls):
        cls.layout = oci_test.Layout(os.path.join(cls.machine.place, "image"))
        base = subprocess.run(["tar", "-C", cls.tree, "--numeric-owner", "-cf", "-", "."], stdout=subprocess.PIPE, check=True).stdout
        cls.base = cls.layout.blob(base, oci_test.LAYER)
        cls.define("image", type="oci", directory=cls.layout.path)

    def setUp(self):
        self.publish("old")

    def publish(self, content):
        top = self.layout.blob(oci_test.layer(("tree", content.encode())), oci_test.LAYER)
        self.layout.index(self.layout.manifest([self.base, top]))
        return os.path.join(self.layout.path, "blobs/sha256", top["digest"].partition(":")[2])

    def test_the_journal_says_which_layers(self):
        for how in ("emptied", "nonsense", "lost"):
            with self.subTest(how):
                self.publish("old")
                session = self.begun("image")
                self.assertEqual(len(self.users(session)), 2)
                self.crash()
                self.spoil_users(session, how)
                self.publish("new")
                self.reboot()
                self.assert_on(session, "old")
                self.assertEqual(len(self.users(session)), 2)
                self.end(session)

    def test_a_layer_is_gone_and_the_image_is_another(self):
        session = self.begun("image")
        before = self.entries()
        self.crash()
        for entry in before:
            shutil.rmtree(entry)
        self.publish("new")
        self.reboot()
        self.assert_refused_on_another(session, "layer-sha256-", self.layout.path)
        self.publish("old")
        self.machine.ok("recover", session)
        self.assert_on(session, "old")
        self.end(session)


class Directory(SameTree):
    """Folders, wherever they come from."""

    @classmethod
    def prepare(cls):
        for name in ("v1", "v2"):
            cls.make(name, name)
        for name in ("link", "mount", "moved", "kept", "reset", "restored"):
            cls.define(name, type="directory", directory=os.path.join(cls.machine.place, name), union_type="overlay", users="nobody",
                       **({"union_reset": "yes"} if name == "reset" else {}))
        cls.define("direct", type="directory", directory=os.path.join(cls.machine.place, "kept"), source_clone="false")
        for name in ("top", "below"):
            os.mkdir(os.path.join(cls.machine.place, name))
        cls.define("layers", type="layers", lower_directories=f"{cls.machine.place}/top,{cls.machine.place}/v1")

    @classmethod
    def make(cls, name, content):
        tree = os.path.join(cls.machine.place, name)
        subprocess.run(["cp", "-a", cls.tree, tree], check=True)
        with open(os.path.join(tree, "tree"), "w") as file:
            file.write(content)
        return tree

    def link(self, name, target):
        os.symlink(target, self.path(name) + ".new")
        os.rename(self.path(name) + ".new", self.path(name))

    def test_a_link_that_leads_elsewhere_now(self):
        self.link("link", "v1")
        session = self.begun("link")
        self.crash()
        self.link("link", "v2")
        self.reboot()
        self.assert_refused_on_another(session, "is not the one that this session began on", self.path("v1"), self.path("v2"), "inode")
        self.link("link", "v1")
        self.machine.ok("recover", session)
        self.assert_on(session, "v1")
        self.machine.ok("end", session)

    def test_a_link_to_the_same_tree_by_another_way(self):
        self.link("link", "v1")
        session = self.begun("link")
        self.crash()
        self.link("link", "../" + os.path.basename(self.machine.place) + "/v1")
        self.reboot()
        self.assert_on(session, "v1")
        self.machine.ok("end", session)

    def mount(self, kind, *options):
        os.makedirs(self.path("mount"), exist_ok=True)
        subprocess.run(["mount", *options, kind, self.path("mount")], check=True)

    def unmount(self):
        subprocess.run(["umount", self.path("mount")], check=True)

    def test_a_file_system_that_is_not_mounted(self):
        disks.require_loop()
        disks.make_image("ext4", self.path("mounted.ext4"), self.path("v1"))
        self.mount(self.path("mounted.ext4"), "-o", "loop")
        session = self.begun("mount")
        self.crash()
        SameTree.boots += 1
        self.machine.simulate_reboot(f"another-boot-{SameTree.boots}")
        self.unmount()
        for name in os.listdir(self.path("v2")):  # what lies beneath
            os.symlink(os.path.join(self.path("v2"), name), os.path.join(self.path("mount"), name))
        self.machine.start_daemon()
        self.assert_refused_on_another(session, "that was " + self.path("mount"), "inode 2 of ext4")
        for name in os.listdir(self.path("mount")):
            os.unlink(os.path.join(self.path("mount"), name))
        # Mounted again, on another loop device perhaps: it is the same.
        self.mount(self.path("mounted.ext4"), "-o", "loop")
        self.machine.ok("recover", session)
        self.assert_on(session, "v1")
        self.machine.ok("end", session)
        self.assertTrue(testing.wait_until(lambda: subprocess.run(["umount", self.path("mount")], check=False).returncode == 0))

    def test_a_file_system_without_a_uuid_that_is_not_mounted(self):
        self.mount("tmpfs", "-t", "tmpfs")
        subprocess.run(["cp", "-a", self.path("v1") + "/.", self.path("mount")], check=True)
        session = self.begun("mount")
        self.crash()
        SameTree.boots += 1
        self.machine.simulate_reboot(f"another-boot-{SameTree.boots}")
        self.unmount()
        self.machine.start_daemon()
        self.assert_refused_on_another(session, "tmpfs")
        self.machine.ok("end", session)

    def test_a_tree_that_was_replaced(self):
        self.make("moved", "old")
        session = self.begun("moved")
        self.crash()
        os.rename(self.path("moved"), self.path("moved.old"))
        self.make("moved", "new")
        self.reboot()
        self.assert_refused_on_another(session, self.path("moved"))
        # Who is not root cannot take it; root can.
        refused = self.machine.run("recover", "--accept-source", session, user="nobody")
        self.assert_refused(refused, 125, "root")
        self.assertEqual(self.machine.settled(session), "failed")
        self.machine.ok("recover", "--accept-source", session)
        self.assert_on(session, "new")
        # That is the one that it stands on from now on.
        self.crash()
        self.reboot()
        self.assert_on(session, "new")
        self.crash()
        shutil.rmtree(self.path("moved"))
        os.rename(self.path("moved.old"), self.path("moved"))
        self.reboot()
        self.assert_refused_on_another(session, self.path("moved"))
        self.machine.ok("end", session)

    def test_a_tree_whose_files_were_changed_is_the_same(self):
        tree = self.make("restored", "old")
        session = self.begun("restored")
        self.crash()
        with open(os.path.join(tree, "tree"), "w") as file:
            file.write("new")
        os.utime(tree)
        self.reboot()
        self.assert_on(session, "new")
        self.machine.ok("end", session)

    def test_the_database_is_lost_too(self):
        self.link("link", "v1")
        session = self.begun("link")
        self.crash()
        for file in glob.glob(os.path.join(self.machine.state, "state.db*")):
            os.unlink(file)
        self.link("link", "v2")
        self.reboot()
        self.assert_refused_on_another(session, self.path("v1"), self.path("v2"))
        self.machine.ok("recover", "--accept-source", session)
        self.assert_on(session, "v2")
        self.machine.ok("end", session)

    def test_a_session_of_an_older_version_takes_what_is_there(self):
        self.link("link", "v1")
        session = self.begun("link")
        self.crash()
        with sqlite3.connect(os.path.join(self.machine.state, "state.db")) as database:
            database.execute("UPDATE stages SET data = '{}' WHERE name = 'provide-tree'")
        self.link("link", "v2")
        self.reboot()
        self.assert_on(session, "v2")
        # From now on it is known.
        self.crash()
        self.link("link", "v1")
        self.reboot()
        self.assert_refused_on_another(session, self.path("v2"))
        self.machine.ok("end", session)

    def test_one_of_several_layers(self):
        session = self.begun("layers")
        self.crash()
        os.rename(self.path("top"), self.path("top.old"))
        os.rename(self.path("below"), self.path("top"))
        self.reboot()
        self.assert_refused_on_another(session, self.path("top"))
        os.rename(self.path("top"), self.path("below"))
        os.rename(self.path("top.old"), self.path("top"))
        self.machine.ok("recover", session)
        self.assert_on(session, "v1")
        self.machine.ok("end", session)

    def test_nothing_is_kept_that_was_laid_on_the_old_tree(self):
        self.make("reset", "old")
        session = self.begun("reset")
        self.crash()
        shutil.rmtree(self.path("reset"))
        self.make("reset", "new")
        self.reboot()
        self.assertEqual(self.machine.settled(session), "active", self.machine.info(session).get("error"))
        self.assertEqual(self.machine.inside(session, "cat", "/tree"), "new")
        self.machine.ok("end", session)

    def test_a_session_that_lives_on_keeps_its_tree(self):
        self.link("link", "v1")
        session = self.begun("link")
        self.crash()
        self.link("link", "v2")
        self.machine.start_daemon()
        self.assert_on(session, "v1")
        self.machine.ok("end", session)


class Disk(SameTree):
    """File systems in files and on devices."""

    @classmethod
    def prepare(cls):
        disks.require_loop()
        cls.devices = []
        place = cls.machine.place
        for name in ("old", "new"):
            tree = os.path.join(place, name)
            subprocess.run(["cp", "-a", cls.tree, tree], check=True)
            with open(os.path.join(tree, "tree"), "w") as file:
                file.write(name)
            disks.make_image("ext4", os.path.join(place, name + ".ext4"), tree)
        cls.file = os.path.join(place, "tree.img")
        shutil.copy(os.path.join(place, "old.ext4"), cls.file)
        cls.disk = os.path.join(place, "disk.img")
        shutil.copy(os.path.join(place, "old.ext4"), cls.disk)
        cls.devices.append(disks.LoopDevice(cls.disk))
        cls.define("file", type="loopback", file=cls.file, union_type="overlay")
        cls.define("device", type="block-device", device=cls.devices[0].device, union_type="overlay")

    @classmethod
    def tearDownClass(cls):
        cls.machine.run("end", "--all", "--force")
        for device in cls.devices:
            device.close()
        super().tearDownClass()

    def tearDown(self):
        own = [device.device + " " for device in self.devices]
        if self.machine.daemon is None:
            self.machine.start_daemon()
        self.machine.run("end", "--all", "--force")
        self.assertEqual(self.machine.leftovers(besides=own), [], self.machine.log())

    def setUp(self):
        """Written into what is there: a file that is the same all the time."""
        for path in (self.file, self.devices[0].device):
            with open(self.path("old.ext4"), "rb") as image, open(path, "r+b") as target:
                shutil.copyfileobj(image, target)

    def test_another_file(self):
        session = self.begun("file")
        self.crash()
        os.rename(self.file, self.file + ".kept")
        shutil.copy(self.path("new.ext4"), self.file)
        self.reboot()
        self.assert_refused_on_another(session, self.file)
        os.rename(self.file + ".kept", self.file)
        self.machine.ok("recover", session)
        self.assert_on(session, "old")
        self.machine.ok("end", session)

    def test_another_file_that_root_accepts(self):
        session = self.begun("file")
        self.crash()
        shutil.copy(self.path("new.ext4"), self.file + ".new")
        os.rename(self.file + ".new", self.file)
        self.reboot()
        self.assert_refused_on_another(session, self.file)
        self.machine.ok("recover", "--accept-source", session)
        self.assert_on(session, "new")
        self.machine.ok("end", session)

    def test_the_same_file(self):
        session = self.begun("file")
        self.crash()
        self.reboot()
        self.assert_on(session, "old")
        self.machine.ok("end", session)

    def test_another_file_system_on_the_device(self):
        session = self.begun("device")
        self.crash()
        with open(self.path("new.ext4"), "rb") as image, open(self.devices[0].device, "wb") as device:
            shutil.copyfileobj(image, device)
        self.reboot()
        self.assert_refused_on_another(session, self.devices[0].device)
        with open(self.path("old.ext4"), "rb") as image, open(self.devices[0].device, "wb") as device:
            shutil.copyfileobj(image, device)
        self.machine.ok("recover", session)
        self.assert_on(session, "old")
        self.machine.ok("end", session)


if __name__ == "__main__":
    testing.main()
