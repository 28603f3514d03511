"""Locks as people meet them: through the daemon and beside it, over one tree by several ways."""

import json
import os
import re
import signal
import subprocess

import unionroot_testing as testing
from unionroot_testing import wait_until
from recovery_testing import RecoveryTest


class Locks(RecoveryTest):
    @classmethod
    def prepare(cls):
        machine = cls.machine
        cls.own = os.path.join(machine.place, "tree")
        subprocess.run(["cp", "-a", cls.tree, cls.own], check=True)
        os.symlink("tree", os.path.join(machine.place, "linked"))
        os.mkdir(os.path.join(machine.place, "bound"))
        machine.define_tree("own", cls.own, aliases="other-name", source_root_users="")
        machine.define_tree("linked", os.path.join(machine.place, "linked"))
        machine.define_tree("bound", os.path.join(machine.place, "bound"))
        machine.define_tree("beside", cls.tree)

    def setUp(self):
        bound = os.path.join(self.machine.place, "bound")
        subprocess.run(["mount", "--bind", self.own, bound], check=True)
        self.addCleanup(testing._libc.umount2, os.fsencode(bound), 2 | 8)

    def tearDown(self):
        self.doCleanups()
        super().tearDown()

    def locks(self):
        return json.loads(self.machine.ok("locks", "--json"))["locks"]

    def refused(self, *arguments, named=()):
        """The error is of one line and one hint, and names everybody in the way."""
        result = self.machine.run(*arguments)
        self.assertEqual((result.status, result.out), (125, ""), repr(result))
        for fragment in named:
            self.assertIn(fragment, result.err)
        self.assertRegex(result.err, r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d, \d+ s ago")
        self.assertIn("unionroot locks", result.err)
        return result.err

    def holder(self, chroot="own"):
        process = self.client("lock", chroot, "--", "sh", "-c", "echo runs; cat")
        self.line(process, "runs")
        return process

    def let_go(self, process):
        process.stdin.close()
        self.assertEqual(process.wait(testing.PATIENCE), 0)

    def waiter(self, *arguments):
        process = self.client(*arguments)
        self.assertTrue(wait_until(lambda: "waiting" in [lock["state"] for lock in self.locks()]), self.locks())
        return process

    def test_one_tree_by_whatever_name(self):
        names = ("own", "other-name", "linked", "bound")
        for name in names:
            session = self.machine.begin(name)
            self.assertEqual(len({lock["key"] for lock in self.locks()}), 1)
            for other in names:
                error = self.refused("lock", other, "--", "true", named=[f"it is in use by session {session} (root, since "])
                self.assertIn("unionroot end " + session, error)
            self.machine.ok("lock", "beside", "--", "true")
            self.machine.ok("end", session)
        process = self.holder("linked")
        for name in names:
            self.refused("begin", name, named=["it is in use by root's `", "lock linked -- sh", f"(pid {process.pid}, since "])
            self.refused("run", "--directory", "/", name, "--", "true", named=[f"(pid {process.pid}, since "])
        self.machine.ok("run", "--directory", "/", "beside", "--", "true")
        self.let_go(process)

    def test_every_holder_is_named(self):
        sessions = [self.machine.begin(name) for name in ("own", "linked", "bound")]
        error = self.refused("begin", "source:own", named=[f"session {session} (root, since " for session in sessions])
        self.assertIn("unionroot end " + " ".join(sorted(sessions)), re.sub(r"unionroot end (.*?)`", lambda found: "unionroot end " +
                      " ".join(sorted(found[1].split())), error))
        self.machine.ok("end", *sessions)

    def test_who_runs_in_an_automatic_session_is_named(self):
        client = self.client("run", "--directory", "/", "own", "--", "sh", "-c", "echo runs; cat")
        self.line(client, "runs")
        (session,) = self.machine.by_id()
        self.refused("lock", "own", "--", "true", named=[f"it is in use by session {session} (root, since "])
        self.machine.restart(signal.SIGKILL)
        self.refused("lock", "own", "--", "true", named=[f"it is in use by session {session} (root, since "])
        self.let_go(client)
        self.assertTrue(wait_until(lambda: not self.machine.sessions()))

    def test_a_change_that_waits_comes_first(self):
        for change in (["lock", "own", "--wait", "--", "true"], ["begin", "--wait", "--name", "change", "source:own"],
                       ["run", "--wait", "--directory", "/", "source:own", "--", "true"]):
            with self.subTest(change=" ".join(change)):
                session = self.machine.begin("own")
                waiting = self.waiter(*change)
                for name in ("own", "bound"):
                    self.refused("begin", name, named=[f"waits for session {session} (root, since ", "later sessions have to wait for it"])
                later = self.client("run", "--wait", "--directory", "/", "linked", "--", "echo", "later")
                # A session that stands goes on meanwhile.
                self.assertEqual(self.machine.inside(session, "echo", "works"), "works")
                self.assertIsNone(later.poll())
                self.machine.ok("end", session)
                self.assertEqual(waiting.wait(testing.PATIENCE), 0)
                if change[0] == "begin":
                    self.assertEqual([lock["session"] for lock in self.locks()], ["change"])
                    self.assertIsNone(later.poll())
                    self.machine.ok("end", "change")
                self.line(later, "later")
                self.assertEqual(later.wait(testing.PATIENCE), 0)
                self.assertTrue(wait_until(lambda: not self.machine.sessions()))

    def test_who_gives_up_leaves_nothing(self):
        session = self.machine.begin("own")
        for how in (signal.SIGINT, signal.SIGKILL):
            for change in (["lock", "own", "--wait", "--", "true"], ["begin", "--wait", "source:own"],
                           ["run", "--wait", "--directory", "/", "source:own", "--", "true"]):
                with self.subTest(how=how.name, change=" ".join(change)):
                    waiting = self.waiter(*change)
                    waiting.send_signal(how)
                    self.assertEqual(waiting.wait(testing.PATIENCE), -how)
                    # What the daemon waited for on its behalf is given up a moment later.
                    self.assertTrue(wait_until(lambda: [lock["session"] for lock in self.locks() if lock["state"] != "stale"] ==
                                               [session]), self.locks())
                    self.machine.ok("run", "--directory", "/", "own", "--", "true")
                    self.assertTrue(wait_until(lambda: list(self.machine.by_id()) == [session]))
        self.only_locks_of(session)
        self.machine.ok("end", session)

    def looks_for_changes(self, process):
        """It waits: it, or for a request the daemon, watches the folder of locks."""
        folder = f"/proc/{process.pid}/fd"
        try:
            return any("inotify" in os.readlink(os.path.join(folder, name)) for name in os.listdir(folder))
        except OSError:
            return False

    def test_a_change_that_yields_holds_nobody_back(self):
        for change in (["lock", "own", "--wait", "--yield", "--", "true"], ["begin", "--wait", "--yield", "--name", "change", "source:own"],
                       ["run", "--wait", "--yield", "--directory", "/", "source:own", "--", "true"]):
            with self.subTest(change=" ".join(change)):
                session = self.machine.begin("own")
                waiting = self.client(*change)
                if change[0] == "lock":
                    self.assertTrue(wait_until(lambda: self.looks_for_changes(waiting)))
                else:
                    self.assertTrue(wait_until(lambda: len(self.machine.by_id()) == 2), self.machine.log())
                other = self.machine.begin("linked")
                self.machine.ok("run", "--directory", "/", "own", "--", "true")
                self.assertIsNone(waiting.poll())
                self.assertEqual({lock["session"] for lock in self.locks()}, {session, other})
                self.machine.ok("end", session, other)
                self.assertEqual(waiting.wait(testing.PATIENCE), 0)
                if change[0] == "begin":
                    self.machine.ok("end", "change")
                self.assertTrue(wait_until(lambda: not self.machine.sessions()))
        for words in (["lock", "own", "--yield", "--", "true"], ["begin", "--yield", "source:own"], ["run", "--yield", "source:own", "true"]):
            self.assert_refused(self.machine.run(*words), 125, "--yield has no effect without --wait", "add --wait")

    def test_who_waits_behind_a_change_is_told_for_whom_it_waits(self):
        session = self.machine.begin("own")
        waiting = self.waiter("lock", "own", "--wait", "--", "true")
        later = self.client("begin", "--wait", "--name", "later", "linked")
        told = lambda: self.machine.run("info", "session:later").out
        self.assertTrue(wait_until(lambda: f"waits for session {session} (root, since " in told()), told())
        self.assertRegex(told(), r"Progress: +waiting until .* is free: root's `unionroot lock` \(pid \d+, since ")
        self.machine.ok("end", session)
        for process in (waiting, later):
            self.assertEqual(process.wait(testing.PATIENCE), 0)
        self.machine.ok("end", "later")

    def test_the_documented_update_from_cron(self):
        """With cron's own variables, in a tree whose update needs a program in an sbin, and while a session stands on it."""
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../docs/unionroot.1")) as page:
            (line,) = [line for line in page.read().replace("\\-", "-").splitlines() if line.startswith("17 3 * * * root ")]
        self.assertIn(" source:sid ", line)
        tree = os.path.join(self.machine.place, "updated")
        subprocess.run(["cp", "-a", self.tree, tree], check=True)
        os.makedirs(os.path.join(tree, "usr/sbin"), exist_ok=True)
        for name, text in (("usr/bin/apt-get", 'exec of-the-administrator "$@"'), ("usr/sbin/of-the-administrator", 'echo "$*" >>/srv/did')):
            with open(os.path.join(tree, name), "w") as file:
                file.write(f"#!/bin/sh\n{text}\n")
            os.chmod(os.path.join(tree, name), 0o755)
        self.machine.define_tree("sid", tree)
        session = self.machine.begin("sid")
        command = line.removeprefix("17 3 * * * root ").replace("unionroot ", " ".join(self.machine.arguments()) + " ", 1)
        update = subprocess.Popen(["/bin/sh", "-c", command], cwd="/root", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, env={"HOME": "/root", "LOGNAME": "root", "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"})
        self.machine.children[update.pid] = "update"
        self.addCleanup(testing.finish, update)
        self.assertTrue(wait_until(lambda: len(self.machine.by_id()) == 2 or update.poll() is not None))
        self.machine.ok("run", "--directory", "/", "sid", "--", "true")
        self.machine.ok("end", session)
        out, _ = update.communicate(timeout=testing.PATIENCE)
        self.assertEqual((update.returncode, out), (0, b""))
        with open(os.path.join(tree, "srv/did")) as file:
            self.assertEqual(file.read(), "update\n-y upgrade\n")

    def test_a_command_that_is_in_no_folder_of_a_short_path(self):
        short = {"PATH": "/usr/bin:/bin"}
        for name in ("chroot", "ldconfig", "fsck"):
            found = self.machine.run("lock", "own", "--", name, environment=short)
            self.assertEqual(found.status, 127, repr(found))
            self.assertRegex(found.err, f"PATH is /usr/bin:/bin: use /(usr/)?sbin/{name}, or set PATH")
        found = self.machine.run("lock", "own", "--", "no-such-program", environment=short)
        self.assertEqual(found.status, 127)
        self.assertIn("check its name; PATH is /usr/bin:/bin", found.err)
        self.assertNotIn("sbin", found.err)

    def test_the_limit_of_a_wait(self):
        process = self.holder()
        for arguments in (["begin", "--wait=0.3", "own"], ["begin", "--wait=0.3", "source:own"],
                          ["run", "--wait=0.3", "--directory", "/", "own", "--", "true"],
                          ["lock", "own", "--wait=0.3", "--", "true"]):
            with self.subTest(arguments=" ".join(arguments)):
                error = self.refused(*arguments, named=["after waiting for 0.3 s", f"(pid {process.pid}, since "])
                self.assertIn("wait longer", error)
        self.assertEqual(self.machine.by_id(), {})
        self.assertEqual(len(self.locks()), 1)
        waiting = self.client("begin", "--wait=20", "--name", "patient", "own")
        self.assertTrue(wait_until(lambda: self.machine.by_id()))
        self.let_go(process)
        self.assertEqual(waiting.wait(testing.PATIENCE), 0)
        self.machine.ok("end", "patient")

    def test_locks_tells_all(self):
        session = self.machine.begin("own")
        waiting = self.waiter("lock", "bound", "--wait", "--", "true")
        found = {lock["state"]: lock for lock in self.locks()}
        self.assertEqual(sorted(found), ["held", "waiting"])
        held = found["held"]
        self.assertEqual((held["kind"], held["session"], held["chroot"], held["tree"], held["user"], held["uid"]),
                         ("session", session, "own", self.own, "root", 0))
        self.assertEqual(held["pid"], self.machine.daemon.pid)
        self.assertIn("unionrootd", held["command"])
        self.assertEqual((found["waiting"]["kind"], found["waiting"]["pid"]), ("source", waiting.pid))
        table = self.machine.ok("locks")
        for word in ("waiting", "held", session, str(waiting.pid), self.own):
            self.assertIn(word, table)
        waiting.kill()
        waiting.wait()
        stale = [lock for lock in self.locks() if lock["state"] == "stale"]
        self.assertEqual([lock["pid"] for lock in stale], [waiting.pid])
        self.machine.end_daemon()
        self.assertEqual(self.locks()[0]["state"] if len(self.locks()) == 1 else
                         {lock["session"]: lock["state"] for lock in self.locks()}[session], "preserved")
        self.refused("lock", "own", "--", "true", named=[f"session {session} (root, since ", "; preserved, no daemon has it"])
        self.machine.start_daemon()
        self.machine.ok("end", session)

if __name__ == "__main__":
    testing.main()
