"""Chroots of type custom: their tree is what hooks make."""

import json
import os
import signal

import unionroot_testing as testing
from unionroot_testing import wait_until
from hooks_testing import Scripts, own_mounts
from recovery_testing import RecoveryTest


class CustomTest(RecoveryTest):
    @classmethod
    def prepare(cls):
        machine = cls.machine
        cls.scripts = Scripts(machine)
        usual = {"type": "custom", "profile": "minimal", "hook_directories": cls.scripts.folder, "users": "nobody",
                 "hook_time_limit": "120"}
        machine.define("mounts", **usual)
        machine.define("writes", **usual, custom_session_purgeable="yes")
        machine.define("laid", **usual, union_type="overlay")
        machine.define("alone", **usual, custom_session_cloneable="no")
        cls.kept = os.path.join(machine.place, "kept")
        testing.subprocess.run(["cp", "-a", cls.tree, cls.kept], check=True)
        machine.define("sourced", **usual, custom_source_cloneable="yes", source_root_users="root")

    def setUp(self):
        self.scripts.remove(*os.listdir(self.scripts.folder))
        self.scripts.calls()
        self.table = own_mounts(self.machine)

    def mounting(self):
        """The tree is an overlay that the script lays in memory, with a mount within."""
        self.scripts.add("10tree", f"""
case $1 in
  setup-stop) test "$(ls "$CHROOT_PATH" | wc -l)" = 0; umount "$CHROOT_MOUNT_LOCATION" ;;
  *)
    mount -t tmpfs none /mnt
    mkdir /mnt/upper /mnt/work
    mount -t overlay -o lowerdir={self.tree},upperdir=/mnt/upper,workdir=/mnt/work none "$CHROOT_MOUNT_LOCATION"
    mount -t tmpfs none "$CHROOT_MOUNT_LOCATION/srv"
    echo deep >"$CHROOT_MOUNT_LOCATION/srv/file" ;;
esac""")

    def writing(self):
        self.scripts.add("10tree", f'test "$1" != setup-start || cp -a {self.tree}/. "$CHROOT_PATH/"')

    def refused(self, chroot, *fragments):
        result = self.machine.run("begin", chroot)
        self.assertEqual(result.status, 125, repr(result))
        for fragment in fragments:
            self.assertIn(fragment, result.err)
        self.assertEqual(self.machine.sessions(), [])

    def test_mounted(self):
        self.mounting()
        session = self.machine.begin("mounts")
        self.assertEqual(self.scripts.calls(), ["10tree setup-start ok"])  # once, and in the place of the source
        self.assertEqual(self.machine.inside(session, "cat", "/srv/file"), "deep")
        self.machine.inside(session, "sh", "-c", "echo own >/file")
        table = self.machine.inside(session, "cat", "/proc/self/mountinfo")
        self.assertNotIn("shared:", table)
        with open(self.machine.ok("location", session) + "/srv/file") as file:
            self.assertEqual(file.read(), "deep\n")
        self.assertEqual(self.machine.info(session)["type"], "custom")
        self.machine.ok("end", session)
        self.assertEqual(self.scripts.calls(), ["10tree setup-stop ok"])
        self.assertEqual(own_mounts(self.machine), self.table)

    def test_several_at_once(self):
        self.mounting()
        sessions = [self.machine.begin("mounts") for _ in range(3)]
        for session in sessions:
            self.machine.inside(session, "sh", "-c", f"echo {session} >/file")
        for session in sessions:
            self.assertEqual(self.machine.inside(session, "cat", "/file"), session)
        self.machine.ok("end", *sessions)

    def test_automatic(self):
        self.mounting()
        self.assertEqual(self.machine.inside("mounts", "cat", "/srv/file"), "deep")
        self.assertTrue(wait_until(lambda: not self.machine.sessions()))
        self.assertEqual(self.scripts.calls(), ["10tree setup-start ok", "10tree setup-stop ok"])

    def test_written(self):
        self.writing()
        session = self.machine.begin("writes")
        self.machine.inside(session, "sh", "-c", "echo own >/file")
        folder = self.machine.info(session)["upper"]
        self.assertEqual(folder, os.path.join(self.machine.session_folder(session), "tree"))
        self.assertTrue(os.path.exists(folder + "/file"))
        self.machine.ok("end", session)
        self.assertFalse(os.path.exists(folder))

    def test_under_an_overlay(self):
        self.scripts.add("10tree", f'test "$1" = setup-stop || mount --bind {self.tree} "$CHROOT_PATH"')
        before = testing.tree_lines(self.tree)
        session = self.machine.begin("laid")
        self.machine.inside(session, "sh", "-c", "echo own >/file; rm /etc/hosts")
        self.machine.ok("end", session)
        self.assertEqual(testing.tree_lines(self.tree), before)

    def test_one_at_a_time(self):
        self.mounting()
        session = self.machine.begin("alone")
        result = self.machine.run("begin", "alone")
        self.assertNotEqual(result.status, 0)
        self.assertIn(session, result.err)
        self.machine.ok("end", session)
        self.machine.ok("end", self.machine.begin("alone"))

    def test_source(self):
        self.scripts.add("10tree", f"""
test "$1" = setup-stop && exit
if test "$CHROOT_SESSION_SOURCE" = true; then mount --bind {self.kept} "$CHROOT_PATH"
else mount --bind -o ro {self.kept} "$CHROOT_PATH"; fi""")
        self.machine.inside("source:sourced", "sh", "-c", "echo changed >/changed")
        self.assertTrue(wait_until(lambda: not self.machine.sessions()))
        self.assertTrue(os.path.exists(self.kept + "/changed"))
        os.unlink(self.kept + "/changed")
        refused = self.machine.run("run", "source:mounts", "--", "true")
        self.assertEqual(refused.status, 125, repr(refused))
        self.assertIn("no source", refused.err)

    def test_lock(self):
        self.mounting()
        session = self.machine.begin("mounts")
        held = self.machine.run("lock", "mounts", "--", "true")
        self.assertNotEqual(held.status, 0)
        self.assertIn(session, held.err)
        self.machine.ok("end", session)
        self.machine.ok("lock", "mounts", "--", "true")

    # Failures

    def test_no_tree(self):
        self.scripts.add("10tree")
        self.refused("mounts", "made no tree at CHROOT_MOUNT_LOCATION", "custom-session-purgeable=yes")
        self.refused("writes", "made no tree at CHROOT_MOUNT_LOCATION")
        self.assertEqual(self.scripts.calls(), ["10tree setup-start ok", "10tree setup-stop fail"] * 2)

    def test_a_failing_script(self):
        self.mounting()
        self.scripts.add("20more", 'test "$1" = setup-stop || { echo no space >&2; exit 9; }')
        self.refused("mounts", "stage provide-tree", "20more ended with status 9 in setup-start: no space")
        self.assertEqual(own_mounts(self.machine), self.table)
        self.writing()
        self.refused("writes", "20more ended with status 9")

    def test_a_script_that_fails_to_stop(self):
        self.writing()
        self.scripts.add("20more", 'test "$1" != setup-stop || exit 4')
        for force in ([], ["--force"]):
            session = self.machine.begin("writes")
            result = self.machine.run("end", *force, session)
            self.assertIn("20more ended with status 4 in setup-stop", result.err)
            self.assertFalse(os.path.exists(self.machine.session_folder(session)))
            self.assertEqual(self.machine.state_of(session), None if force else "failed")
        self.scripts.add("20more")
        self.machine.ok("end", "--all")

    def test_writing_where_a_mount_is_wanted(self):
        self.writing()
        self.refused("mounts", "10tree ended with status 1", "Read-only file system")

    def test_without_hooks(self):
        path = self.machine.define("bare", type="custom")
        self.addCleanup(os.unlink, path)
        result = self.machine.run("check", path)
        self.assertEqual(result.status, 1)
        self.assertIn(path + ":1: type custom needs hook-directories", result.out + result.err)

    # The daemon's life, and the machine's

    def test_a_restarted_daemon(self):
        self.mounting()
        session = self.machine.begin("mounts")
        self.machine.inside(session, "sh", "-c", "echo own >/file")
        self.scripts.calls()
        for how in (signal.SIGTERM, signal.SIGKILL):
            self.machine.restart(how)
            self.assertEqual(self.machine.settled(session), "active")
            self.assertEqual(self.machine.inside(session, "cat", "/file", "/srv/file"), "own\ndeep")
            self.assertEqual(self.scripts.calls(), [])
            self.only_locks_of(session)
        self.machine.ok("end", session)
        self.assertEqual(self.scripts.calls(), ["10tree setup-stop ok"])

    def test_a_restarted_machine(self):
        self.mounting()
        mounts = self.machine.begin("mounts")
        self.writing()
        writes = self.machine.begin("writes")
        self.machine.inside(writes, "sh", "-c", "echo own >/file")
        # What was written into the folder is there still; what was mounted is not.
        self.scripts.add("10tree", f"""
test "$1" != setup-recover -o "$CHROOT_NAME" = writes || mount --bind -o ro {self.tree} "$CHROOT_PATH" """)
        self.scripts.calls()
        self.machine.end_daemon()
        self.machine.simulate_reboot("33333333-3333-3333-3333-333333333333")
        self.machine.start_daemon()
        for session in (mounts, writes):
            self.assertEqual(self.machine.settled(session), "active", self.machine.info(session).get("error"))
        self.assertEqual(self.scripts.calls(), ["10tree setup-recover ok"] * 2)
        self.assertEqual(self.machine.inside(writes, "cat", "/file"), "own")
        self.machine.inside(mounts, "true")
        self.machine.ok("end", mounts, writes)
        self.assertEqual(self.scripts.calls(), ["10tree setup-stop ok"] * 2)

    def test_a_folder_that_is_gone(self):
        self.writing()
        session = self.machine.begin("writes")
        self.machine.end_daemon()
        self.machine.simulate_reboot("44444444-4444-4444-4444-444444444444")
        folder = os.path.join(self.machine.session_folder(session), "tree")
        os.rename(folder, folder + ".away")
        self.machine.start_daemon()
        self.assertEqual(self.machine.settled(session), "failed")
        self.assertIn("its tree " + folder + " is gone", self.machine.info(session)["error"])
        os.rename(folder + ".away", folder)
        self.machine.ok("recover", session)
        self.machine.inside(session, "true")
        self.machine.ok("end", session)

    def test_a_lost_database(self):
        self.writing()
        session = self.machine.begin("writes")
        self.machine.inside(session, "sh", "-c", "echo own >/file")
        self.machine.end_daemon()
        for name in ("state.db", "state.db-wal", "state.db-shm"):
            path = os.path.join(self.machine.state, name)
            if os.path.exists(path):
                os.unlink(path)
        self.machine.start_daemon()
        self.assertEqual(self.machine.settled(session), "active")
        self.assertEqual(self.machine.inside(session, "cat", "/file"), "own")
        self.machine.ok("end", session)

    def test_info(self):
        info = json.loads(self.machine.ok("info", "--json", "mounts"))
        self.assertEqual(info["type"], "custom")
        self.assertTrue(info["clonable"])
        self.assertFalse(info["source-clone"])

if __name__ == "__main__":
    testing.main()
