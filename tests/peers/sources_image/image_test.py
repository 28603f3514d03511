"""type=image and union-backing=image, tmpfs and directory: real images on real loop devices."""

import json
import os
import signal
import subprocess
import threading
import unittest

import disks
import unionroot_testing as testing


def define_image(machine, name, image, **keys):
    machine.define(name, "\n".join([f"[{name}]", "type=image", "file=" + image] + [f"{k}={v}" for k, v in keys.items()]) + "\n")


class ImageSources(testing.EndToEndTest):
    @classmethod
    def prepare(cls):
        disks.require_loop()
        cls.tree = testing.small_tree()
        machine = cls.machine
        cls.images = {}
        for kind in ("squashfs", "erofs", "ext4", "xfs", "btrfs"):
            try:
                path = disks.make_image(kind, os.path.join(machine.place, kind + ".img"), cls.tree)
            except unittest.SkipTest as reason:
                cls.images[kind] = str(reason)
                continue
            cls.images[kind] = None
            define_image(machine, kind, path)
        if cls.images["squashfs"] is None:
            disk = disks.partitioned(os.path.join(machine.place, "disk.img"), os.path.join(machine.place, "squashfs.img"), 3)
            define_image(machine, "part3", disk, partition="3")
            define_image(machine, "part2", disk, partition="2")
            define_image(machine, "part9", disk, partition="9")
            define_image(machine, "nopart", disk)
            define_image(machine, "notable", os.path.join(machine.place, "squashfs.img"), partition="1")
        with open(os.path.join(machine.place, "zeros"), "wb") as file:
            file.truncate(1 << 20)
        define_image(machine, "zeros", os.path.join(machine.place, "zeros"))
        define_image(machine, "missing", os.path.join(machine.place, "missing.img"))
        define_image(machine, "nofolder", os.path.join(machine.place, "nofolder/missing.img"))
        define_image(machine, "afolder", machine.place)
        with open(os.path.join(machine.place, "broken.img"), "wb") as file:
            with open(os.path.join(machine.place, "squashfs.img"), "rb") as good:
                file.write(good.read(5000))
        define_image(machine, "broken", os.path.join(machine.place, "broken.img"))

    def need(self, kind):
        if self.images[kind] is not None:
            self.skipTest(self.images[kind])

    def check_kind(self, kind):
        self.need(kind)
        machine = self.machine
        path = os.path.join(machine.place, kind + ".img")
        with open(path, "rb") as file:
            before = file.read()
        session = machine.begin(kind, name=kind + "-one")
        second = machine.begin(kind, name=kind + "-two")
        self.assertEqual(len(disks.loops_of(machine)), 1, "one mount serves both")
        self.assertEqual(machine.inside(session, "sh", "-c", "echo changed >/etc/hostname; cat /etc/hostname"), "changed")
        self.assertEqual(machine.inside(second, "cat", "/etc/hostname"), testing_hostname(self.tree, machine, second))
        machine.ok("end", session)
        self.assertEqual(len(disks.loops_of(machine)), 1)
        machine.inside(second, "true")
        machine.ok("end", second)
        self.assert_nothing_left()
        with open(path, "rb") as file:
            self.assertEqual(before, file.read(), "the image was written to")

    def test_squashfs(self):
        self.check_kind("squashfs")

    def test_erofs(self):
        self.check_kind("erofs")

    def test_ext4(self):
        self.check_kind("ext4")

    def test_xfs(self):
        self.check_kind("xfs")

    def test_btrfs(self):
        self.check_kind("btrfs")

    def test_partition(self):
        self.need("squashfs")
        self.assertEqual(self.machine.inside("part3", "echo", "found"), "found")
        self.assert_refused(self.machine.run("begin", "part9"), 125, "has no partition 9", "its partitions: 1, 2, 3")
        self.assert_refused(self.machine.run("begin", "part2"), 125, "holds no known file system")
        self.assert_refused(self.machine.run("begin", "nopart"), 125, "is a disk with partitions", "partition")
        self.assert_refused(self.machine.run("begin", "notable"), 125, "has no partition table")
        self.assert_nothing_left()

    def test_what_is_no_image(self):
        self.assert_refused(self.machine.run("begin", "zeros"), 125, "zeros holds no known file system", "mksquashfs")
        self.assert_refused(self.machine.run("begin", "missing"), 125, "missing.img does not exist")
        self.assert_refused(self.machine.run("begin", "nofolder"), 125, "nofolder does not exist")
        self.assert_refused(self.machine.run("begin", "afolder"), 125, "is not a regular file")
        self.assert_refused(self.machine.run("begin", "broken"), 125, "broken.img")
        self.assert_nothing_left()

    def test_an_image_that_others_can_write_to(self):
        path = os.path.join(self.machine.place, "squashfs.img")
        os.chmod(path, 0o666)
        self.addCleanup(os.chmod, path, 0o644)
        self.assert_refused(self.machine.run("begin", "squashfs"), 125, "can be written to by others than root")
        self.assert_nothing_left()

    def test_a_source_session_on_what_cannot_be_changed(self):
        self.need("squashfs")
        self.assert_refused(self.machine.run("begin", "source:squashfs"), 125, "cannot be changed")
        self.assert_nothing_left()

    def test_a_source_session_changes_the_image_alone(self):
        self.need("ext4")
        machine = self.machine
        session = machine.begin("source:ext4", name="changer")
        self.assert_refused(machine.run("begin", "ext4"), 125, "changer")
        self.assert_refused(machine.run("begin", "source:ext4"), 125, "changer")
        machine.inside("session:" + session, "sh", "-c", "echo new >/marker")
        machine.ok("end", session)
        self.assertEqual(machine.inside("ext4", "cat", "/marker"), "new")
        self.assert_nothing_left()

    def test_a_new_image_in_its_place_is_seen_by_later_sessions(self):
        self.need("squashfs")
        machine = self.machine
        path = os.path.join(machine.place, "replaced.img")
        disks.make_image("squashfs", path, os.path.join(self.tree, "etc"))
        define_image(machine, "replaced", path)
        testing.wait_until(lambda: machine.run("info", "replaced").status == 0)
        first = machine.begin("replaced", name="older")
        disks.make_image("squashfs", path + ".new", self.tree)
        os.rename(path + ".new", path)
        self.assertEqual(machine.inside("replaced", "echo", "new"), "new")
        machine.ok("end", first)
        os.unlink(path)
        self.assert_nothing_left()

    def test_twenty_at_once_mount_it_once(self):
        self.need("squashfs")
        machine = self.machine
        most = [0]
        results = []

        def one():
            result = machine.run("run", "--directory", "/", "squashfs", "--", "echo", "ok")
            most[0] = max(most[0], len(disks.loops_of(machine)))
            results.append(result)

        threads = [threading.Thread(target=one) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for result in results:
            self.assertEqual((result.status, result.out), (0, "ok\n"), repr(result))
        self.assertLessEqual(most[0], 1)
        self.assert_nothing_left()

    def test_the_daemon_is_killed_and_started_again(self):
        self.need("squashfs")
        machine = self.machine
        session = machine.begin("squashfs", name="survivor")
        machine.inside(session, "sh", "-c", "echo kept >/kept")
        machine.stop_daemon(signal.SIGKILL)
        machine.start_daemon()
        self.assertEqual(machine.inside(session, "cat", "/kept"), "kept")
        second = machine.begin("squashfs", name="second")
        self.assertEqual(len(disks.loops_of(machine)), 1, "the mount is shared with the one from before")
        machine.ok("end", session)
        machine.inside(second, "true")
        machine.ok("end", second)
        self.assert_nothing_left()


def testing_hostname(tree, machine, session):
    """What etc/hostname is in a session nobody changed: set-up may have written the host's."""
    return machine.inside(session, "cat", "/etc/hostname")


class UpperLayers(testing.EndToEndTest):
    @classmethod
    def prepare(cls):
        cls.tree = testing.small_tree()
        machine = cls.machine
        common = {"type": "directory", "directory": cls.tree, "union_type": "overlay"}
        machine.define("plain", **common)
        machine.define("memory", union_backing="tmpfs", union_size="16M", **common)
        machine.define("memory-reset", union_backing="tmpfs", union_reset="yes", **common)
        for kind, size in (("ext4", "32M"), ("xfs", "320M"), ("btrfs", "128M")):
            machine.define("image-" + kind, union_backing="image", union_size=size, union_filesystem=kind, **common)
        machine.define("image-reset", union_backing="image", union_size="32M", union_reset="yes", **common)
        machine.define("reset", union_reset="yes", **common)
        machine.define("options", union_mount_options="redirect_dir=on,index=off,xino=off", **common)
        machine.define("unknown-options", union_mount_options="redirect_dir=on,colour=red", **common)
        machine.define("overlapping", type="layers", lower_directories=cls.tree + "/usr," + cls.tree)
        machine.define("bad-options", union_mount_options="redirect_dir=on,nfs_export=on,metacopy=on", **common)

    def info(self, name):
        return json.loads(self.machine.ok("info", "--json", name))

    def check_image(self, kind, size):
        disks.require_loop()
        disks.require_filesystem(kind)
        machine = self.machine
        session = machine.begin("image-" + kind, name="im-" + kind)
        other = machine.begin("image-" + kind, name="other-" + kind)
        before = self.info(session)
        self.assertEqual(before["upper"], os.path.join(machine.state, "sessions", session, "upper.img"))
        self.assertLessEqual(before["upper-size"], size)
        self.assertGreater(before["upper-size"], size // 3)
        full = machine.run("run", "--directory", "/", session, "--", "dd", "if=/dev/zero", "of=/big", "bs=1M")
        self.assertNotEqual(full.status, 0)
        self.assertIn("No space left on device", full.err)
        after = self.info(session)
        self.assertGreater(after["upper-used"], before["upper-used"])
        self.assertGreater(after["upper-used"], after["upper-size"] // 2)
        self.assertIn("Upper layer's use", machine.ok("info", session))
        machine.inside(other, "sh", "-c", "echo fits >/small")  # nobody else's is full
        machine.inside("plain", "sh", "-c", "echo fits >/small")
        machine.inside(session, "rm", "/big")
        machine.ok("end", session)
        machine.ok("end", other)
        self.assert_nothing_left()

    def test_image_ext4(self):
        self.check_image("ext4", 32 << 20)

    def test_image_xfs(self):
        self.check_image("xfs", 320 << 20)

    def test_image_btrfs(self):
        self.check_image("btrfs", 128 << 20)

    def test_image_automatic(self):
        disks.require_loop()
        self.assertEqual(self.machine.inside("image-ext4", "sh", "-c", "echo x >/file; cat /file"), "x")
        self.assert_nothing_left()

    def test_tmpfs_is_full(self):
        machine = self.machine
        session = machine.begin("memory", name="mem")
        self.assertEqual(self.info(session)["upper-size"], 16 << 20)
        full = machine.run("run", "--directory", "/", session, "--", "dd", "if=/dev/zero", "of=/big", "bs=1M")
        self.assertIn("No space left on device", full.err)
        self.assertEqual(self.info(session)["upper-used"], 16 << 20)
        machine.inside("plain", "sh", "-c", "echo fits >/small")
        machine.ok("end", session)
        self.assert_nothing_left()

    def test_a_directory_has_no_size_of_its_own(self):
        session = self.machine.begin("plain", name="dir")
        info = self.info(session)
        self.assertNotIn("upper-size", info)
        self.assertTrue(info["upper"].endswith("/dir/upper"), info["upper"])
        self.machine.ok("end", session)
        self.assert_nothing_left()

    def restart_without_namespaces(self):
        """As after a reboot: the daemon killed, everything mounted in its runtime folder gone."""
        machine = self.machine
        machine.stop_daemon(signal.SIGKILL)
        for point in sorted((p for p in testing.mount_points() if p.startswith(machine.runtime + "/")), key=len, reverse=True):
            testing._libc.umount2(os.fsencode(point), 2 | 8)
        machine.start_daemon()

    def settled(self, session):
        state = lambda: {s["id"]: s["state"] for s in self.machine.sessions()}.get(session)
        testing.wait_until(lambda: state() in ("active", "failed"))
        return state()

    def test_recovery_of_each_backing(self):
        disks.require_loop()
        machine = self.machine
        kept = ["plain", "image-ext4"]
        emptied = ["reset", "image-reset", "memory-reset"]
        for chroot in kept + emptied:
            machine.begin(chroot, name="r-" + chroot)
            machine.inside("r-" + chroot, "sh", "-c", "echo kept >/kept; sync")
        machine.begin("memory", name="r-memory")
        self.restart_without_namespaces()
        for chroot in kept:
            self.assertEqual(self.settled("r-" + chroot), "active", machine.log())
            self.assertEqual(machine.inside("r-" + chroot, "cat", "/kept"), "kept")
        for chroot in emptied:
            self.assertEqual(self.settled("r-" + chroot), "active", machine.log())
            self.assertNotEqual(machine.run("run", "--directory", "/", "r-" + chroot, "--", "test", "-e", "/kept").status, 0)
            machine.inside("r-" + chroot, "sh", "-c", "echo again >/kept")
        self.assertEqual(self.settled("r-memory"), "failed")
        self.assertIn("in memory", self.info("r-memory")["error"])
        self.assertGreater(self.info("r-image-ext4")["upper-size"], 0)
        machine.ok("end", "--all")
        self.assert_nothing_left()

    def test_the_daemon_restarts_under_an_image(self):
        disks.require_loop()
        machine = self.machine
        session = machine.begin("image-ext4", name="stays")
        machine.stop_daemon(signal.SIGKILL)
        machine.start_daemon()
        self.assertGreater(self.info(session)["upper-size"], 0)
        machine.inside(session, "sh", "-c", "echo x >/x")
        machine.ok("end", session)
        self.assert_nothing_left()

    def test_overlay_options(self):
        machine = self.machine
        session = machine.begin("options", name="with-options")
        line = [l for l in machine.inside(session, "cat", "/proc/self/mountinfo").splitlines() if l.split()[4] == "/"][0]
        self.assertIn("redirect_dir=on", line)
        machine.ok("end", session)
        for _ in range(2):  # the second time from memory
            self.assert_refused(machine.run("begin", "bad-options"), 125, "union-mount-options", "nfs_export=on")
        unknown = ("union-mount-options", "unknown overlay option colour", "redirect_dir")
        self.assert_refused(machine.run("begin", "unknown-options"), 125, *unknown)
        checked = machine.run("check")
        self.assertEqual(checked.status, 1, repr(checked))
        lines = [line for line in checked.out.splitlines() if "unknown-options.conf:" in line]
        self.assertTrue(any(all(word in line for word in unknown) for line in lines), repr(checked))
        self.assert_nothing_left()

    def test_layers_that_lie_in_each_other(self):
        self.assert_refused(self.machine.run("begin", "overlapping"), 125, "one lies in another", "list of the lower folders")
        self.assert_nothing_left()

    def test_a_folder_that_is_there_is_not_taken_for_the_session(self):
        machine = self.machine
        for chroot, name in (("plain", "upper"), ("image-ext4", "upper.img")):
            folder = os.path.join(machine.state, "sessions", "theirs")
            os.makedirs(os.path.join(folder, name))
            self.assert_refused(machine.run("begin", "--name", "theirs", chroot), 125, "already")
            self.assertTrue(os.path.isdir(os.path.join(folder, name)))
            os.rmdir(os.path.join(folder, name))
            os.rmdir(folder)
        self.assert_nothing_left()


class StateOnAnOverlay(unittest.TestCase):
    def test_it(self):
        testing.require_end_to_end()
        tree = testing.small_tree()
        machine = testing.Machine()
        try:
            parts = {name: os.path.join(machine.place, name) for name in ("lower", "upper", "work")}
            for path in parts.values():
                os.mkdir(path)
            subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                            f"lowerdir={parts['lower']},upperdir={parts['upper']},workdir={parts['work']}", machine.state], check=True)
            common = {"type": "directory", "directory": tree, "union_type": "overlay"}
            machine.define("auto", **common)
            machine.define("directory", union_backing="directory", **common)
            other = os.path.join(machine.place, "elsewhere")
            machine.define("elsewhere", union_backing="directory", union_overlay_directory=other, **common)
            machine.start()
            session = machine.begin("auto", name="in-memory")
            info = json.loads(machine.ok("info", "--json", session))
            self.assertGreater(info["upper-size"], 0)  # a tmpfs
            self.assertEqual(machine.inside(session, "sh", "-c", "echo x >/x; cat /x"), "x")
            machine.ok("end", session)
            refused = machine.run("begin", "directory")
            self.assertEqual(refused.status, 125)
            self.assertIn(f"{machine.state}/sessions lies on overlay, which cannot hold upper layers", refused.err)
            self.assertIn("union-backing=tmpfs", refused.err)
            self.assertEqual(machine.inside("elsewhere", "echo", "fine"), "fine")
            self.assertEqual(machine.leftovers(besides=[machine.state]), [])
            machine.stop_daemon()
            subprocess.run(["umount", machine.state], check=True)
        finally:
            problems = machine.close()
        self.assertEqual(problems, [])


if __name__ == "__main__":
    testing.main()
