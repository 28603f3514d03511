"""Two daemons keep things in the same places, under the same names: neither touches the other's."""

import json
import os
import shutil
import signal
import subprocess
import sys

for folder in ("recovery", "sources_image"):
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, folder))

import disks  # noqa: E402
import inventory  # noqa: E402
import unionroot_testing as testing  # noqa: E402
from recovery_testing import CrashMachine, RecoveryTest  # noqa: E402
from unionroot_testing import wait_until  # noqa: E402

MARK = "trusted.unionroot.owner"
STEP = int(os.environ.get("UNIONROOT_SWEEP_STEP", "4"))


def mark_of(path):
    try:
        return os.getxattr(path, MARK).decode()
    except OSError:
        return None


def id_of(machine):
    return inventory.daemon_id(machine.state)


class Sharing(RecoveryTest):
    """`machine` has its session where `other` wants one of the same name."""

    @classmethod
    def prepare(cls):
        cls.other = CrashMachine()
        cls.other.children = cls.machine.children  # what a reboot, as far as it is simulated, does not end
        try:
            cls.places()
            cls.other.start()
        except BaseException:
            cls.close_other()
            raise

    @classmethod
    def close_other(cls):
        problems = cls.other.close()
        if problems:
            raise AssertionError("left by the other: " + "; ".join(problems) + "\n" + cls.other.log())

    @classmethod
    def tearDownClass(cls):
        # The end of a machine ends every process that is left.
        cls.other.run("end", "--all", "--force")
        cls.other.stop_daemon()
        cls.other.stop_bus()
        try:
            super().tearDownClass()
        finally:
            cls.close_other()

    def tearDown(self):
        if self.other.daemon is None or self.other.daemon.poll() is not None:
            self.other.start_daemon()
        self.other.run("end", "--all", "--force")
        self.machine.run("end", "--all", "--force")
        super().tearDown()

    def begun(self, machine, chroot, name="same"):
        machine.begin(chroot, name=name)
        machine.inside(name, "sh", "-c", "echo kept >/kept")
        return name

    def assert_whole(self, name="same"):
        """The session of `machine`, also when it is set up again."""
        self.assertEqual(self.machine.inside(name, "cat", "/kept"), "kept")

    def assert_survives(self, name="same"):
        self.assert_whole(name)
        self.machine.end_daemon(signal.SIGKILL)
        self.machine.simulate_reboot("after-" + os.urandom(4).hex())
        self.machine.start_daemon()
        self.assertEqual(self.machine.settled(name), "active", self.machine.info(name).get("error"))
        self.assert_whole(name)

    def check_refused(self, chroot, place):
        self.begun(self.machine, chroot)
        before = os.stat(os.path.join(place, "same")).st_ino
        self.assert_refused(self.other.run("begin", "--name", "same", chroot), 125, place)
        self.assertEqual(self.other.sessions(), [])
        self.other.restart(signal.SIGKILL)
        self.assertEqual(os.stat(os.path.join(place, "same")).st_ino, before)
        self.assert_survives()
        self.machine.ok("end", "same")
        self.assertEqual(self.begun(self.other, chroot), "same")
        self.other.ok("end", "same")

    def check_crashes(self, chroot, place):
        """The daemon that meets another's dies at each step of its begin, and starts again."""
        self.begun(self.machine, chroot)
        # As automatic sessions have none. Where there is one, begin is refused before it does anything.
        file = os.path.join(place, "same", "session.json")
        if os.path.exists(file):
            os.unlink(file)
        log = os.path.join(self.other.place, "points")
        self.other.restart(environment={"UNIONROOT_FAULT_LOG": log})
        self.other.run("begin", "--name", "same", chroot)
        with open(log) as file:
            points = len(file.readlines())
        os.unlink(log)
        self.assertGreater(points, 3)
        self.assert_whole()
        for point in range(1, points + 1, STEP):
            self.other.restart(signal.SIGKILL, environment={"UNIONROOT_CRASH_AT": str(point)})
            self.other.run("begin", "--name", "same", chroot)
            self.assertTrue(self.other.wait_dead(testing.PATIENCE), f"it does not die at {point}")
            self.other.start_daemon()
            self.assertTrue(wait_until(lambda: self.other.sessions() == []), f"died at {point}: {self.other.sessions()}")
            self.assertTrue(os.path.isdir(os.path.join(place, "same")), f"died at {point}: the other's is gone")
        self.assert_survives()
        self.machine.ok("end", "same")


class Folders(Sharing):
    @classmethod
    def places(cls):
        cls.overlays = os.path.join(cls.machine.place, "overlays")
        common = {"union_overlay_directory": cls.overlays}
        for machine in (cls.machine, cls.other):
            machine.define_tree("small", cls.tree)
            machine.define_tree("elsewhere", cls.tree, **common)
            machine.define_tree("image", cls.tree, union_backing="image", union_size="64M", **common)

    def setUp(self):
        disks.require_loop()

    def test_a_folder_that_is_anothers(self):
        self.check_refused("elsewhere", self.overlays)

    def test_an_image_that_is_anothers(self):
        self.check_refused("image", self.overlays)

    def test_crashes_over_a_folder_that_is_anothers(self):
        self.check_crashes("elsewhere", self.overlays)

    def test_crashes_over_an_image_that_is_anothers(self):
        self.check_crashes("image", self.overlays)

    def test_a_lost_database_takes_nothing_of_another(self):
        self.begun(self.machine, "elsewhere")
        self.begun(self.other, "elsewhere", "own")
        self.other.end_daemon(signal.SIGKILL)
        for suffix in ("", "-wal", "-shm"):
            path = os.path.join(self.other.state, "state.db" + suffix)
            if os.path.exists(path):
                os.unlink(path)
        self.other.start_daemon()
        self.assertEqual([session["id"] for session in self.other.sessions()], ["own"])
        self.assertEqual(self.other.inside("own", "cat", "/kept"), "kept")
        self.other.ok("end", "--all")
        self.assert_survives()
        self.machine.ok("end", "same")

    def test_a_lost_database_and_a_lost_id(self):
        """Another daemon by then: what the former one made is not taken for its own, and stays."""
        self.begun(self.other, "elsewhere", "own")
        self.other.end_daemon(signal.SIGKILL)
        for name in ("state.db", "state.db-wal", "state.db-shm", "id"):
            path = os.path.join(self.other.state, name)
            if os.path.exists(path):
                os.rename(path, path + ".away")
        self.other.start_daemon()
        self.assertEqual(self.other.sessions(), [])
        self.assertIn("belongs to another daemon", self.other.log_since())
        self.assertTrue(os.path.isdir(os.path.join(self.overlays, "own/upper")))
        # The id comes back: so does the session.
        self.other.end_daemon()
        for name in ("state.db", "state.db-wal", "state.db-shm"):
            path = os.path.join(self.other.state, name)
            if os.path.exists(path):
                os.unlink(path)
        os.rename(os.path.join(self.other.state, "id.away"), os.path.join(self.other.state, "id"))
        self.other.start_daemon()
        self.assertEqual(self.other.settled("own"), "active")
        self.assertEqual(self.other.inside("own", "cat", "/kept"), "kept")
        self.other.ok("end", "own")
        for name in os.listdir(self.other.state):
            if name.endswith(".away"):
                os.unlink(os.path.join(self.other.state, name))

    def test_a_copy_of_the_state_directory_is_refused(self):
        copy = self.other.state + "-copy"
        self.begun(self.other, "elsewhere", "own")
        self.other.end_daemon()
        shutil.copytree(self.other.state, copy, symlinks=True, ignore=lambda folder, names: [
            name for name in names if name in ("cache", "sessions", "trash")])
        state = self.other.settings["state-directory"]
        self.other.settings["state-directory"] = copy
        self.other._write_settings()
        try:
            with self.assertRaisesRegex(AssertionError, "is a copy of " + state):
                self.other.start_daemon()
            self.assertNotEqual(self.other.daemon.wait(testing.PATIENCE), 0)
        finally:
            self.other.settings["state-directory"] = state
            self.other._write_settings()
            shutil.rmtree(copy)
        self.other.start_daemon()
        self.assertEqual(self.other.inside("own", "cat", "/kept"), "kept")
        self.other.ok("end", "own")

    def test_what_a_session_made_has_its_token(self):
        for machine in (self.machine, self.other):
            for chroot, folder in (("small", os.path.join(machine.state, "sessions")), ("elsewhere", self.overlays)):
                name = f"{chroot}-{id_of(machine)}"
                machine.begin(chroot, name=name)
                self.assertRegex(mark_of(os.path.join(folder, name)), rf"^1\.{id_of(machine)}\.[1-9][0-9]*\.{name}$")
                machine.inside(name, "sh", "-c", "sleep 1000 >/dev/null 2>&1 & echo")
                if machine.cgroups():
                    self.assertIn(id_of(machine), machine.cgroups()[name])
        self.assertNotEqual(id_of(self.machine), id_of(self.other))
        for machine in (self.machine, self.other):
            machine.ok("end", "--all")

    def test_a_folder_without_a_token_stays(self):
        """Put there by hand, while the daemon runs."""
        folder = os.path.join(self.machine.state, "sessions", "by-hand")
        os.makedirs(os.path.join(folder, "precious"))
        self.assert_refused(self.machine.run("begin", "--name", "by-hand", "small"), 125, folder, "already")
        self.assertEqual(os.listdir(folder), ["precious"])
        self.assertEqual(self.machine.sessions(), [])
        shutil.rmtree(folder)

    def test_a_folder_that_became_anothers_is_not_set_up_again_nor_removed(self):
        self.begun(self.machine, "elsewhere")
        folder = os.path.join(self.overlays, "same")
        token = mark_of(folder)
        self.machine.end_daemon(signal.SIGKILL)
        os.setxattr(folder, MARK, token.replace(id_of(self.machine), id_of(self.other)).encode())
        self.machine.simulate_reboot("another-owner")
        self.machine.start_daemon()
        self.assertEqual(self.machine.settled("same"), "failed")
        self.assertIn("belongs to session same of the daemon " + id_of(self.other), self.machine.info("same")["error"])
        self.machine.ok("end", "same")
        self.assertTrue(os.path.exists(os.path.join(folder, "upper/kept")))
        shutil.rmtree(folder)

    def test_sessions_of_a_former_version_get_their_tokens(self):
        names = [self.begun(self.machine, "small", "one"), self.begun(self.machine, "elsewhere", "two")]
        folders = [os.path.join(self.machine.state, "sessions/one"), os.path.join(self.overlays, "two")]
        self.machine.end_daemon(signal.SIGKILL)
        os.unlink(os.path.join(self.machine.state, "id"))
        self.machine.database("delete from daemon")
        self.machine.database("update sessions set marked = 0")
        with open(os.path.join(folders[1], ".unionroot"), "w") as file:
            file.write(self.machine.state + "\n")
        for folder in folders:
            os.removexattr(folder, MARK)
            with open(os.path.join(folder, "session.json")) as file:
                content = json.load(file)
            del content["daemon"]
            with open(os.path.join(folder, "session.json"), "w") as file:
                json.dump(content, file)
        self.machine.simulate_reboot("newer-version")
        self.machine.start_daemon()
        for name, folder in zip(names, folders):
            self.assertEqual(self.machine.settled(name), "active", self.machine.info(name).get("error"))
            self.assert_whole(name)
            self.assertIn(id_of(self.machine), mark_of(folder))
        self.assertEqual(self.machine.run("end", *names).status, 0)
        self.assertFalse([folder for folder in folders if os.path.exists(folder)])


class Snapshots(Sharing):
    @classmethod
    def places(cls):
        disks.require_loop()
        disks.require_filesystem("btrfs")
        image = os.path.join(cls.machine.place, "pool.img")
        disks.make_file(image, 256 << 20)
        disks.command("mkfs.btrfs", "-q", image)
        cls.mounted = disks.Mounted(image, os.path.join(cls.machine.place, "pool"), "-o", "loop")
        cls.pool = cls.mounted.folder
        disks.command("btrfs", "-q", "subvolume", "create", cls.pool + "/base")
        disks.fill(cls.pool + "/base", cls.tree)
        cls.snapshots = cls.pool + "/snapshots"
        os.mkdir(cls.snapshots)
        for machine in (cls.machine, cls.other):
            machine.define("snap", type="btrfs-snapshot", btrfs_source_subvolume=cls.pool + "/base",
                           btrfs_snapshot_directory=cls.snapshots)

    @classmethod
    def tearDownClass(cls):
        cls.machine.run("end", "--all", "--force")
        cls.mounted.__exit__()
        super().tearDownClass()

    def tearDown(self):
        for machine in (self.machine, self.other):
            if machine.daemon is None or machine.daemon.poll() is not None:
                machine.start_daemon()
            machine.run("end", "--all", "--force")
            self.assertEqual(machine.leftovers(besides=[self.pool, "pool.img"]), [], machine.log())
        self.assertEqual(os.listdir(self.snapshots), [])

    def test_a_snapshot_that_is_anothers(self):
        self.check_refused("snap", self.snapshots)

    def test_crashes_over_a_snapshot_that_is_anothers(self):
        self.check_crashes("snap", self.snapshots)

    def test_a_snapshot_has_its_token(self):
        self.begun(self.machine, "snap")
        self.assertRegex(mark_of(self.snapshots + "/same"), rf"^1\.{id_of(self.machine)}\.[1-9][0-9]*\.same$")
        self.machine.ok("end", "same")

    def test_a_snapshot_whose_journal_is_lost_stays(self):
        self.begun(self.machine, "snap")
        self.machine.end_daemon(signal.SIGKILL)
        self.machine.simulate_reboot("lost-journal")
        self.machine.database("delete from sessions")
        self.machine.start_daemon()
        self.assert_refused(self.machine.run("begin", "--name", "same", "snap"), 125, "already", id_of(self.machine))
        self.assertTrue(os.path.exists(self.snapshots + "/same/kept"))
        disks.command("btrfs", "-q", "subvolume", "delete", self.snapshots + "/same")
        shutil.rmtree(os.path.join(self.machine.state, "orphans"))

    def test_a_snapshot_that_became_anothers_is_not_set_up_again_nor_removed(self):
        self.begun(self.machine, "snap")
        self.machine.end_daemon(signal.SIGKILL)
        self.machine.simulate_reboot("another-snapshot")
        disks.command("btrfs", "-q", "subvolume", "delete", self.snapshots + "/same")
        disks.command("btrfs", "-q", "subvolume", "snapshot", self.pool + "/base", self.snapshots + "/same")
        self.machine.start_daemon()
        self.assertEqual(self.machine.settled("same"), "failed")
        self.assertIn(", not to this session", self.machine.info("same")["error"])
        self.machine.ok("end", "same")
        disks.command("btrfs", "-q", "subvolume", "delete", self.snapshots + "/same")


if __name__ == "__main__":
    testing.main()
