"""`unionroot import --sessions` on files as schroot leaves them: what is refused, and the daemon that dies or fails at any step.

Beside the real schroot: tests/peers/schroot/take_over_test.py.
"""

import json
import os
import shutil
import subprocess
import unittest

import sweep_share
import unionroot_testing as testing
from unionroot_testing import EndToEndTest

USER = "nobody"


class TakeOverTest(EndToEndTest):
    @classmethod
    def new_machine(cls):
        machine = testing.Machine()
        cls.real = os.path.join(machine.place, "real")
        machine.settings["schroot-state-directory"] = cls.real
        machine._write_settings()
        return machine

    @classmethod
    def prepare(cls):
        cls.machine.users.add(USER)
        cls.define()

    @classmethod
    def define(cls, **keys):
        cls.machine.define_tree("sid", testing.small_tree(), **{"profile": "minimal", **keys})

    def setUp(self):
        self.lay()

    def tearDown(self):
        for session in self.machine.sessions():
            self.machine.run("end", "--force", session["id"])
        shutil.rmtree(self.real, ignore_errors=True)
        self.define()
        self.assertEqual(self.machine.leftovers(8), [])

    def overlay(self, name="job"):
        return f"{self.real}/union/overlay/{name}"

    def file(self, name="job"):
        return f"{self.real}/session/{name}"

    def lay(self, name="job", **keys):
        """What schroot has of a session on an overlay that a restart of the machine has unmounted."""
        overlay = self.overlay(name)
        os.makedirs(overlay + "/upper/srv")
        os.makedirs(overlay + "/work/work")
        os.makedirs(self.real + "/session", exist_ok=True)
        testing.Machine._write(overlay + "/upper/srv/mine", f"of {name}\n")
        every = {"type": "directory", "directory": testing.small_tree(), "original-name": "sid", "selected-name": "sid", "name": name,
                 "users": USER, "root-users": "", "union-type": "overlay", "union-overlay-directory": overlay, "setup.fstab": "minimal/fstab",
                 "mount-location": f"{self.real}/mount/{name}", **{key.replace("_", "-"): value for key, value in keys.items()}}
        text = f"# schroot session\n[{name}]\n" + "".join(f"{key}={value}\n" for key, value in every.items())
        testing.Machine._write(self.file(name), text, 0o600)

    def info(self, name):
        return json.loads(self.machine.ok("info", "--json", "session:" + name))

    def take_over(self, *words, **options):
        return self.machine.run("import", "--sessions", *words, **options)

    def assert_theirs(self, name="job"):
        self.assertTrue(os.path.exists(self.file(name)))
        with open(self.overlay(name) + "/upper/srv/mine") as file:
            self.assertEqual(file.read(), f"of {name}\n")

    def assert_ours(self, name="job"):
        self.assertFalse(os.path.exists(self.file(name)))
        self.assertFalse(os.path.exists(self.overlay(name)))
        self.assertEqual(self.machine.inside("session:" + name, "cat", "/srv/mine"), f"of {name}")

    def refuse(self, *words, because, name="job"):
        result = self.take_over(*words)
        self.assertEqual(result.status, 1, result)
        self.assertIn(because, result.err)
        self.assert_theirs(name)
        self.assertEqual(self.machine.sessions(), [])
        self.assertFalse(os.path.exists(f"{self.machine.state}/sessions/{name}"))

    def test_the_files_are_moved(self):
        number = os.stat(self.overlay() + "/upper/srv/mine").st_ino
        result = self.take_over()
        self.assertEqual((result.status, result.out, result.err), (0, "", "unionroot: took over job\n"))
        self.assert_ours()
        info = self.info("job")
        self.assertEqual((info["owner"], info["chroot"], info["state"]), (USER, "sid", "active"))
        self.assertEqual(os.stat(info["upper"] + "/srv/mine").st_ino, number)
        self.assertEqual(sorted(os.listdir(f"{self.machine.state}/sessions/job")), ["session.json", "upper", "work"])
        self.assertEqual(self.machine.run("run", "session:job", "cat", "/srv/mine", user=USER).out, "of job\n")
        self.assertNotEqual(self.machine.run("run", "session:job", "true", user="games").status, 0)
        self.machine.ok("end", "job")

    def test_named_ones_alone(self):
        self.lay("other")
        self.assertEqual(self.take_over("--dry-run", "job").status, 0)
        self.assert_theirs()
        self.assertEqual(self.take_over("other").status, 0)
        self.assert_ours("other")
        self.assert_theirs()
        self.assertIn("schroot has no session 'nosuch'", self.take_over("nosuch").err)

    def test_what_fails_for_one_leaves_the_others(self):
        self.lay("broken", original_name="nosuch")
        result = self.take_over()
        self.assertEqual(result.status, 1)
        self.assertIn("there is no chroot named 'nosuch'", result.err)
        self.assert_ours()
        self.assert_theirs("broken")

    def test_others_than_root(self):
        result = self.take_over("job", user=USER)
        self.assertEqual(result.status, 1)
        self.assertIn("only root may", result.err)
        self.assert_theirs()

    def test_what_is_no_session_on_an_overlay(self):
        for name, keys, because in (("none", {"union_type": "none"}, "of type directory with union-type=none"),
                                    ("aufs", {"union_type": "aufs"}, "of type directory with union-type=aufs"),
                                    ("ball", {"type": "file", "union_type": ""}, "of type file with union-type=none")):
            with self.subTest(name):
                self.lay(name, **keys)
                self.refuse(name, because=because, name=name)

    def test_a_chroot_that_is_another_today(self):
        self.lay("moved", directory="/srv/elsewhere")
        self.refuse("moved", because="with directory=/srv/elsewhere; it has directory=", name="moved")
        for keys, because in (({"union_type": "none"}, "has no overlay in a folder today"), ({"union_backing": "tmpfs"}, "has no overlay in a folder today"),
                              ({"union_reset": "yes"}, "its sessions lose their layers")):
            self.define(**keys)
            self.refuse("job", because=because)

    def test_an_owner_that_is_gone(self):
        self.lay("lost", users="nosuchuser")
        self.refuse("lost", because="its owner 'nosuchuser' is no user of this machine", name="lost")

    def test_files_that_others_may_write(self):
        os.chmod(self.file(), 0o666)
        self.refuse(because="is not read")
        os.chmod(self.file(), 0o600)
        for path in (self.overlay(), os.path.dirname(self.overlay())):
            os.chmod(path, 0o777)
            self.refuse("job", because=path)
            os.chmod(path, 0o755)
        os.chown(self.overlay(), 65534, 65534)
        self.refuse("job", because=self.overlay())
        os.chown(self.overlay(), 0, 0)

    def test_links(self):
        """Nothing is taken from where a link leads."""
        elsewhere = self.machine.place + "/elsewhere"
        os.rename(self.overlay() + "/upper", elsewhere)
        try:
            os.symlink(elsewhere, self.overlay() + "/upper")
            self.refuse("job", because="are gone")
            os.unlink(self.overlay() + "/upper")
            os.rename(self.overlay(), self.overlay() + ".away")
            os.symlink(self.overlay() + ".away", self.overlay())
            os.rename(elsewhere, self.overlay() + "/upper")
            self.refuse("job", because=self.overlay())
        finally:
            shutil.rmtree(elsewhere, ignore_errors=True)

    def test_places_that_are_not_its_own(self):
        self.lay("thief", union_overlay_directory=self.overlay("job"))
        self.refuse("thief", because="which is not of it", name="thief")
        self.assert_theirs()

    def test_files_that_are_gone(self):
        shutil.rmtree(self.overlay())
        result = self.take_over()
        self.assertEqual(result.status, 1)
        self.assertIn("the files of schroot's session 'job' are gone", result.err)
        self.assertTrue(os.path.exists(self.file()))
        self.assertEqual(self.machine.sessions(), [])

    def test_one_of_that_name(self):
        self.machine.begin("sid", "job")
        result = self.take_over()
        self.assertEqual(result.status, 1)
        self.assertIn("there is a session 'job' already, which is another", result.err)
        self.assert_theirs()
        self.machine.ok("end", "job")

    def test_one_that_is_mounted(self):
        location = f"{self.real}/mount/job"
        os.makedirs(location)
        options = f"lowerdir={testing.small_tree()},upperdir={self.overlay()}/upper,workdir={self.overlay()}/work"
        subprocess.run(["mount", "-t", "overlay", "-o", options, "overlay", location], check=True)
        try:
            self.refuse(because=f"schroot's session 'job' is mounted still, at {location}")
        finally:
            subprocess.run(["umount", location], check=True)
        self.assertEqual(self.take_over().status, 0)
        self.assert_ours()

    def test_a_tree_that_is_being_changed(self):
        """It is taken over, and set up once the tree is free."""
        change = self.machine.popen("lock", "sid", "--", "sh", "-c", "echo locked; read line", stdin=subprocess.PIPE)
        try:
            self.assertEqual(change.stdout.readline(), b"locked\n")
            result = self.take_over()
            self.assertEqual(result.status, 1)
            self.assertIn("in use by root's `unionroot lock`", result.err)
        finally:
            change.communicate(b"\n", testing.PATIENCE)
        self.assertEqual(self.info("job")["state"], "failed")
        self.machine.ok("recover", "job")
        self.assert_ours()


class Faults(TakeOverTest):
    """At each step the daemon dies, or what it does there fails."""

    def points(self):
        log = self.machine.place + "/points"
        self.machine.stop_daemon()
        self.machine.start_daemon({"UNIONROOT_FAULT_LOG": log})
        self.assertEqual(self.take_over().status, 0)
        with open(log) as file:
            lines = file.read().splitlines()
        self.machine.ok("end", "job")
        self.machine.stop_daemon()
        os.unlink(log)
        self.machine.start_daemon()
        if not any(line.endswith(" take-over: files moved") for line in lines):
            self.skipTest("this build has no fault points")
        return list(range(1, len(lines) + 1))

    def sweep(self, variable):
        points = sweep_share.share(self.points(), variable, 4)
        seen = {"theirs": 0, "ours": 0}
        for point in points:
            with self.subTest(point):
                shutil.rmtree(self.real, ignore_errors=True)
                self.lay()
                self.machine.stop_daemon()
                self.machine.start_daemon({variable: str(point)})
                result = self.take_over()
                died = self.machine.daemon.poll() is not None
                if died:
                    self.machine.daemon = None
                else:
                    self.machine.stop_daemon()
                self.machine.start_daemon()
                if os.path.exists(self.overlay() + "/upper"):
                    seen["theirs"] += 1
                    self.assertTrue(os.path.exists(self.file()), f"neither's after point {point}: {result}")
                    self.assert_theirs()
                else:
                    seen["ours"] += 1
                    self.assertEqual([session["id"] for session in self.machine.sessions()], ["job"], f"neither's after point {point}: {result}")
                # The same again goes on, whoever has it.
                if os.path.exists(self.file()):
                    again = self.take_over()
                    self.assertEqual(again.status, 0, again)
                else:
                    state = lambda: self.info("job")["state"]
                    self.assertTrue(testing.wait_until(lambda: state() in ("active", "failed")))
                    if state() == "failed":
                        self.machine.ok("recover", "job")
                self.assert_ours()
                self.machine.ok("end", "job")
        print(f"{variable}: {sweep_share.describe(variable, 4)}, {len(points)} points, then schroot's {seen['theirs']}, ours {seen['ours']}; "
              + sweep_share.command())

    def test_crashes(self):
        self.sweep("UNIONROOT_CRASH_AT")

    def test_failures(self):
        self.sweep("UNIONROOT_FAIL_AT")


def load_tests(loader, _tests, _pattern):
    suite = unittest.TestSuite(loader.loadTestsFromTestCase(TakeOverTest))
    suite.addTests(Faults(name) for name in ("test_crashes", "test_failures"))
    return suite


if __name__ == "__main__":
    testing.main()
