"""end --force: whatever stands in the way, the session goes, and what could not be undone is said."""

import os
import signal
import subprocess

import unionroot_testing as testing
from unionroot_testing import wait_until
from recovery_testing import RecoveryTest


class EndForce(RecoveryTest):
    def immutable(self, path, on):
        subprocess.run(["chattr", "+i" if on else "-i", path], check=True)

    def setUp(self):
        self.session = self.machine.begin("small", name="stubborn")
        self.machine.inside("stubborn", "sh", "-c", "echo kept >/file; sleep 1000 >/dev/null 2>&1 & echo")
        self.folder = os.path.join(self.machine.state, "sessions")

    def test_what_cannot_be_undone_is_said(self):
        try:
            self.immutable(self.folder, True)
        except subprocess.CalledProcessError:
            self.machine.ok("end", "stubborn")
            self.skipTest("no immutable folders on this file system")
        try:
            refused = self.machine.run("end", "stubborn")
            self.assertEqual(refused.status, 125, repr(refused))
            self.assertIn("stage union", refused.err)
            self.assertIn("unionroot end --force stubborn", refused.err)
            self.assertEqual(self.machine.state_of("stubborn"), "failed")
            self.assertIn("could not be ended", self.machine.info("stubborn")["error"])
            self.assertEqual([name for name in self.machine.lock_files() if "stubborn" in name][0].partition(".session.")[2],
                             "stubborn")  # what is still there stays locked

            forced = self.machine.run("end", "--force", "stubborn")
            self.assertEqual(forced.status, 125, repr(forced))  # it is gone, but not all of it
            self.assertIn("ending stubborn: left behind: stage union", forced.err)
            self.assertIn(self.folder + "/stubborn", forced.err)
            self.assertIsNone(self.machine.state_of("stubborn"))
            self.assertEqual(self.machine.lock_files(), [])
            self.assertTrue(os.path.exists(os.path.join(self.folder, "stubborn", "upper", "file")))
        finally:
            self.immutable(self.folder, False)
        # Nobody's by now: the next start sets it aside, and deletes nothing.
        self.machine.restart()
        orphans = os.path.join(self.machine.state, "orphans")
        (orphan,) = os.listdir(orphans)
        self.assertTrue(os.path.exists(os.path.join(orphans, orphan, "upper", "file")))
        subprocess.run(["rm", "-r", "--one-file-system", os.path.join(orphans, orphan)], check=True)

    def test_one_that_failed(self):
        self.machine.end_daemon(signal.SIGKILL)
        self.machine.database("update sessions set state = 'failed', error = 'a test' where id = 'stubborn'")
        self.machine.start_daemon()
        self.assertEqual(self.machine.state_of("stubborn"), "failed")
        forced = self.machine.ok("end", "--force", "stubborn")
        self.assertEqual(forced, "")
        self.assertIsNone(self.machine.state_of("stubborn"))

    def test_with_clients_in_it(self):
        client = self.client("run", "--directory", "/", "stubborn", "--", "sh", "-c", "trap '' TERM HUP INT; echo in; while :; do sleep 1; done")
        self.line(client, "in")
        self.machine.ok("end", "--force", "stubborn")
        self.assertEqual(client.wait(testing.PATIENCE), 128 + signal.SIGKILL)
        self.assertTrue(wait_until(lambda: not self.machine.lock_files()))

    def test_one_that_waits_for_its_tree(self):
        self.machine.ok("end", "stubborn")
        holder = self.client("lock", "small", "--", "sh", "-c", "echo runs; cat")
        self.line(holder, "runs")
        for chroot in ("small", "source:small"):
            waiting = self.client("begin", "--wait", "--name", "waits", chroot)
            self.assertTrue(wait_until(lambda: "is free" in str(self.progress_of("waits"))))
            refused = self.machine.run("end", "waits")
            self.assertEqual(refused.status, 125, repr(refused))
            self.assertIn("--force", refused.err)
            forced = self.machine.run("end", "--force", "waits")
            self.assertEqual((forced.status, forced.out, forced.err), (0, "", ""))
            out, err = waiting.communicate(timeout=testing.PATIENCE)
            self.assertEqual((waiting.returncode, out), (125, b""))
            self.assertIn(b"session waits was ended while it was being begun", err)
            self.assertIsNone(self.machine.state_of("waits"))
            self.assertEqual(len(self.machine.lock_files()), 1)
        holder.stdin.close()
        self.assertEqual(holder.wait(testing.PATIENCE), 0)

    def progress_of(self, session):
        return self.machine.info(session).get("progress") if self.machine.state_of(session) else None

    def test_all_that_is_not_there(self):
        self.machine.ok("end", "stubborn")
        refused = self.machine.run("end", "--force", "stubborn")
        self.assertEqual(refused.status, 125, repr(refused))
        self.assertIn("stubborn", refused.err)

if __name__ == "__main__":
    testing.main()
