"""A full disk, a read-only one, a database that cannot be written: begin fails clean, and running sessions go on."""

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import unittest

import unionroot_testing as testing
from unionroot_testing import wait_until
from recovery_testing import CrashMachine


class Disk:
    """The state directory is a small file system of its own."""

    def mount(self):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=0755", "small", self.machine.state], check=True)

    def mount_image(self, size, *make):
        if shutil.which(make[0]) is None:
            self.skipTest(f"needs {make[0]}")
        # Not in the machine's folder: its loop device is the test's, and no session's.
        with tempfile.NamedTemporaryFile(prefix="unionroot-disk-test.", dir=testing.SCRATCH) as image:
            image.truncate(size << 20)
            subprocess.run([*make, image.name], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            mounted = subprocess.run(["mount", "-o", "loop", image.name, self.machine.state], stderr=subprocess.PIPE)
            if mounted.returncode != 0:
                self.skipTest("this machine does not mount it: " + mounted.stderr.decode(errors="replace").strip())
        if make[0] == "mkfs.ext4":
            os.rmdir(os.path.join(self.machine.state, "lost+found"))

    def setUp(self):
        self.machine = CrashMachine()
        try:
            self.mount()
        except BaseException:
            self.machine.close()
            raise
        self.addCleanup(self.close)
        self.machine.define_tree("small", testing.small_tree())
        self.machine.define_tree("memory", testing.small_tree(), union_backing="tmpfs")
        self.machine.start()

    def close(self):
        machine = self.machine
        log = machine.log()
        self.remount("rw")
        left = machine.problems()
        try:
            machine.end_daemon()
        finally:
            testing._libc.umount2(os.fsencode(machine.state), 2 | 8)
            problems = machine.close()
        self.assertEqual(left + problems, [], log)

    def remount(self, mode):
        subprocess.run(["mount", "-o", f"remount,{mode}", self.machine.state], check=True)

    def client(self, *arguments):
        """One that runs `cat`, and has begun to."""
        client = self.machine.popen("run", "--directory", "/", *arguments, "--", "sh", "-c", "echo runs; cat; exit 3",
                                    stdin=subprocess.PIPE)
        self.machine.children[client.pid] = "client"
        self.assertEqual(client.stdout.readline(), b"runs\n")
        return client

    def ends_with(self, client, status):
        client.stdin.close()
        self.assertEqual(client.wait(testing.PATIENCE), status)
        client.stdout.close(), client.stderr.close()


class FullDisk(Disk):
    def refused(self, *fragments, chroot="small"):
        result = self.machine.run("begin", chroot)
        self.assertEqual(result.status, 125, repr(result))
        self.assertEqual(result.out, "")
        for fragment in fragments:
            self.assertIn(fragment, result.err.lower())
        self.assertLessEqual(len(result.err.splitlines()), 3, repr(result))

    def test_full(self):
        running = self.machine.begin("memory")
        client = self.machine.popen("run", "--directory", "/", running, "--", "sh", "-c", "echo runs; cat; exit 3",
                                    stdin=subprocess.PIPE)
        self.machine.children[client.pid] = "client"
        self.assertEqual(client.stdout.readline(), b"runs\n")
        filler = testing.fill_disk(self.machine.state)
        before = self.machine.by_id()
        self.refused("no space left", "make room")
        self.assertEqual(self.machine.by_id(), before, "a session that could not be begun is listed")
        # Running sessions go on, and what runs in them.
        client.stdin.write(b"still\n")
        client.stdin.flush()
        self.assertEqual(client.stdout.readline(), b"still\n")
        client.stdin.close()
        self.assertEqual(client.wait(testing.PATIENCE), 3)
        client.stdout.close(), client.stderr.close()
        # So do new commands, more than there may be room left for: one of them may be what makes room.
        for number in range(20):
            self.assertEqual(self.machine.inside(running, "echo", str(number)), str(number))
        os.unlink(filler)
        self.assertEqual(self.machine.inside(running, "echo", "works"), "works")
        self.machine.ok("end", running)
        self.machine.ok("run", "--directory", "/", "small", "--", "true")

    def test_sessions_can_be_ended_on_a_full_disk(self):
        others = [self.machine.begin("memory") for _ in range(10)]
        self.machine.restart()  # its log begins anew
        session = self.machine.begin("small")
        self.machine.run("run", "--directory", "/", session, "--", "dd", "if=/dev/zero", "of=/big", "bs=64k", "count=20")
        filler = testing.fill_disk(self.machine.state)
        self.machine.ok("end", session)
        for other in others:
            self.machine.ok("end", other)
        self.assertEqual(self.machine.by_id(), {})
        os.unlink(filler)
        self.machine.restart()
        self.assertEqual(self.machine.by_id(), {})

    def test_a_daemon_starts_on_a_full_disk(self):
        for how in (signal.SIGTERM, signal.SIGKILL):
            session = self.machine.begin("small")
            other = self.machine.begin("memory")
            self.machine.restart()
            filler = testing.fill_disk(self.machine.state)
            self.machine.end_daemon(how)
            testing.fill_disk(self.machine.state)
            self.machine.start_daemon()
            self.assertEqual(self.machine.inside(session, "echo", "works"), "works")
            self.machine.ok("end", session)
            self.machine.ok("end", other)
            self.assertEqual(self.machine.by_id(), {})
            os.unlink(filler)

    def test_many_commands_on_a_full_disk(self):
        sessions = [self.machine.begin("memory") for _ in range(60)]
        filler = testing.fill_disk(self.machine.state)
        for number in range(200):
            self.machine.inside(sessions[number % len(sessions)], "true")
        self.assertNotIn("would not be listed after a restart", self.machine.log())
        self.machine.ok("end", "--all")
        self.assertEqual(self.machine.by_id(), {})
        os.unlink(filler)

    def test_commands_run_on_over_a_restart_on_a_full_disk(self):
        session = self.machine.begin("small")
        running, automatic = self.client(session), self.client("small")
        filler = testing.fill_disk(self.machine.state)
        self.machine.end_daemon()
        testing.fill_disk(self.machine.state)
        self.machine.start_daemon()
        self.assertEqual(self.machine.by_id()[session]["state"], "active")
        # Its tree is protected all the while.
        self.assertEqual(self.machine.run("lock", "small", "--", "true").status, 125)
        self.assertEqual(self.machine.inside(session, "echo", "works"), "works")
        self.ends_with(running, 3)
        self.ends_with(automatic, 3)
        self.assertEqual(self.machine.run("lock", "small", "--", "true").status, 125)
        self.machine.ok("end", session)
        os.unlink(filler)
        self.machine.ok("lock", "small", "--", "true")


class DiskTest(FullDisk, unittest.TestCase):
    """In memory, where names take no room."""

    def test_read_only(self):
        running = self.machine.begin("memory")
        # The daemon's own files are open for writing, so the file system cannot be made read-only as such: the mount is.
        self.machine.end_daemon()
        self.remount("ro")
        self.machine.start_daemon(wait=False)
        wait_until(lambda: self.machine.daemon.poll() is not None or self.machine.owns_the_name())
        if self.machine.daemon.poll() is None:
            self.refused("read-only")
            self.machine.end_daemon()
        else:
            self.assertEqual(self.machine.daemon.returncode, 1)
            self.assertIn("read-only", self.machine.log().lower())
        self.remount("rw")
        self.machine.start_daemon()
        self.assertEqual(self.machine.inside(running, "echo", "works"), "works")
        self.machine.ok("end", running)

    def test_others_may_read_the_database(self):
        """A reader keeps neither the daemon from working nor a new one from starting."""
        session = self.machine.begin("memory")
        other = sqlite3.connect(os.path.join(self.machine.state, "state.db"), timeout=0, isolation_level=None)
        try:
            other.execute("begin")
            self.assertEqual(other.execute("select id from sessions").fetchall(), [(session,)])
            self.machine.ok("run", "--directory", "/", "small", "--", "true")
            self.machine.restart()
            self.assertEqual(self.machine.inside(session, "echo", "works"), "works")
        finally:
            other.close()
        self.machine.ok("end", session)

    def test_a_busy_database(self):
        running = self.machine.begin("small")
        other = sqlite3.connect(os.path.join(self.machine.state, "state.db"), isolation_level=None)
        try:
            other.execute("begin immediate")
            self.refused("state.db", "locked")
            self.assertEqual(list(self.machine.by_id()), [running])
            self.assertIn(running, self.machine.ok("location", running))
            other.execute("rollback")
        finally:
            other.close()
        self.machine.ok("end", running)

    @contextlib.contextmanager
    def at_commits(self, word):
        """The database's commits fail ("fail") or wait (""). The daemon is started anew."""
        with tempfile.TemporaryDirectory(dir=testing.SCRATCH, prefix="unionroot-disk-test.") as folder:
            self.machine.restart(environment={"UNIONROOT_FAULT_FOLDER": folder})

            def obey():
                # Renamed, so that it is never there without its word.
                with open(os.path.join(folder, "new"), "w") as file:
                    file.write(word)
                os.rename(file.name, os.path.join(folder, "store_commit"))

            def go_on():
                os.unlink(os.path.join(folder, "store_commit"))

            try:
                yield obey, go_on
            finally:
                shutil.rmtree(folder, ignore_errors=True)
                os.mkdir(folder)

    def test_a_database_that_cannot_be_written(self):
        running = self.machine.begin("small")
        with self.at_commits("fail") as (fail, go_on):
            fail()
            self.refused("injected fault at store_commit")
            self.assertEqual(list(self.machine.by_id()), [running])
            # What can do without a record works meanwhile.
            self.assertIn(running, self.machine.ok("location", running))
            client = self.client(running)
            self.assertIn("would not be listed after a restart", self.machine.log())
            go_on()
            # Nor does a command that has no record need the daemon to go on.
            self.machine.restart()
            self.assertEqual(self.machine.inside(running, "echo", "works"), "works")
            self.ends_with(client, 3)
            self.machine.ok("end", running)
            self.machine.ok("run", "--directory", "/", "small", "--", "true")

    def test_a_database_that_cannot_be_written_and_automatic_sessions(self):
        """How long they live depends on their runs, so those are recorded, or refused."""
        scripts = os.path.join(self.machine.place, "scripts")
        os.mkdir(scripts)
        self.machine.define_tree("scripted", testing.small_tree(), hook_directories=scripts)
        with self.at_commits("fail") as (fail, go_on):
            client = self.client("scripted")
            (session,) = self.machine.by_id()
            fail()
            refused = self.machine.run("run", "--directory", "/", "session:" + session, "--", "touch", "/executed")
            self.assertEqual(refused.status, 125, repr(refused))
            self.assertIn("injected fault at store_commit", refused.err)
            go_on()
            self.assertEqual(self.machine.run("run", "--directory", "/", "session:" + session, "--", "test", "-e",
                                              "/executed").status, 1)
            self.ends_with(client, 3)

    def test_a_command_that_comes_as_the_last_one_ends(self):
        with self.at_commits("") as (wait, go_on):
            first = self.client("small")
            (session,) = self.machine.by_id()

            def runs():
                return {command for command in testing.descendants(os.getpid()).values()
                        if command.startswith("unionroot-helper " + session)}

            self.assertEqual(len(runs()), 1)
            wait()  # so that the second is being started for a while
            second = self.machine.popen("run", "--directory", "/", "session:" + session, "--", "sh", "-c",
                                        "echo runs; cat; exit 4", stdin=subprocess.PIPE)
            self.machine.children[second.pid] = "client"
            self.assertTrue(wait_until(lambda: len(runs()) == 2))
            first.stdin.close()
            self.assertTrue(wait_until(lambda: len(runs()) == 1))
            time.sleep(0.3)  # the daemon hears of that
            go_on()
            self.assertEqual(second.stdout.readline(), b"runs\n")
            time.sleep(0.3)
            second.stdin.write(b"still\n")
            second.stdin.flush()
            self.assertEqual(second.stdout.readline(), b"still\n")
            self.ends_with(second, 4)
            self.assertEqual(first.wait(testing.PATIENCE), 3)
            first.stdout.close(), first.stderr.close()
            self.assertTrue(wait_until(lambda: self.machine.by_id() == {}))


class Ext4DiskTest(FullDisk, unittest.TestCase):
    """Where every folder takes a block, and blocks are smaller than pages."""

    def mount(self):
        self.mount_image(24, "mkfs.ext4", "-q", "-b", "1024", "-m", "0", "-N", "4000")


class BtrfsDiskTest(Disk, unittest.TestCase):
    """Where whatever is written takes room, but for the database."""

    def mount(self):
        self.mount_image(128, "mkfs.btrfs", "-q")

    def test_nobody_else_opens_the_database(self):
        """The log's index is in the daemon's memory: a file of it would be mapped, and could not be written on a full disk."""
        session = self.machine.begin("memory")
        self.assertFalse(os.path.exists(os.path.join(self.machine.state, "state.db-shm")))
        other = sqlite3.connect(os.path.join(self.machine.state, "state.db"), timeout=0, isolation_level=None)
        try:
            for statement in ("select * from sessions", "begin immediate"):
                with self.assertRaisesRegex(sqlite3.OperationalError, "locked"):
                    other.execute(statement)
            self.machine.ok("run", "--directory", "/", "small", "--", "true")
        finally:
            other.close()
        self.machine.end_daemon()
        other = sqlite3.connect(os.path.join(self.machine.state, "state.db"))
        try:
            self.assertEqual(other.execute("select id from sessions").fetchall(), [(session,)])
            self.machine.start_daemon(wait=False)
            self.assertEqual(self.machine.daemon.wait(testing.PATIENCE), 1)
            log = self.machine.log()
            self.assertIn("locked by another process", log)
            self.assertIn("fuser", log)
        finally:
            other.close()
        self.machine.start_daemon()
        self.assertEqual(self.machine.inside(session, "echo", "works"), "works")
        self.machine.ok("end", session)

    def test_full(self):
        sessions = [self.machine.begin("small"), self.machine.begin("memory")]
        filler = testing.fill_disk(self.machine.state)
        for session in sessions:
            self.assertEqual(self.machine.inside(session, "echo", "works"), "works")
        self.machine.ok("end", "--all")
        self.assertEqual(self.machine.by_id(), {})
        os.unlink(filler)


if __name__ == "__main__":
    testing.main()
