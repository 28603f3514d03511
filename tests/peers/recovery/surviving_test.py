"""Sessions outlive the daemon, a crash of it, and a restart of the machine (as far as that can be had without one)."""

import os
import signal
import subprocess

import unionroot_testing as testing
from unionroot_testing import wait_until
from recovery_testing import RecoveryTest


class Restarts(RecoveryTest):
    """SIGTERM and SIGKILL: neither ends a session or a command."""

    @classmethod
    def prepare(cls):
        copied = os.path.join(cls.machine.place, "copyfiles")
        with open(copied, "w") as file:
            file.write("/none/such\n")
        cls.machine.define_tree("noted", cls.tree, **{"setup.copyfiles": copied})

    def each(self, check):
        for how in (signal.SIGTERM, signal.SIGKILL):
            with self.subTest(how=how.name):
                check(how)

    def test_preserved_sessions(self):
        def check(how):
            session = self.machine.begin("small")
            self.machine.inside(session, "sh", "-c", "echo kept >/file")
            client = self.client("run", "--directory", "/", session, "--", "sh", "-c", "echo runs; cat; exit 9")
            self.line(client, "runs")
            self.stop(how)
            client.stdin.write(b"while no daemon runs\n")
            client.stdin.flush()
            self.line(client, "while no daemon runs")
            self.machine.start_daemon(wait=False)
            listed = self.machine.list_now()
            self.assertEqual(listed[session]["state"], "active")
            self.assertEqual(self.machine.inside(session, "cat", "/file"), "kept")
            location = self.machine.ok("location", session)
            with open(os.path.join(location, "file")) as file:
                self.assertEqual(file.read(), "kept\n")
            self.assertTrue(wait_until(lambda: len(self.machine.info(session)["runs"]) == 1))
            client.stdin.close()
            self.assertEqual(client.wait(testing.PATIENCE), 9)
            self.assertTrue(wait_until(lambda: not self.machine.info(session)["runs"]))
            self.only_locks_of(session)
            self.machine.ok("end", session)

        self.each(check)

    def test_automatic_sessions(self):
        def check(how):
            client = self.client("run", "--directory", "/", "small", "--", "sh", "-c", "echo runs; cat; exit 9")
            self.line(client, "runs")
            (session,) = self.machine.by_id()
            self.stop(how)
            self.machine.start_daemon()
            self.assertEqual(self.machine.state_of(session), "active")
            client.stdin.close()
            self.assertEqual(client.wait(testing.PATIENCE), 9)
            self.assertTrue(wait_until(lambda: not self.machine.sessions()))
            self.only_locks_of()

        self.each(check)

    def test_a_command_that_ends_while_no_daemon_runs(self):
        def check(how):
            kept = self.machine.begin("small")
            clients = [self.client("run", "--directory", "/", name, "--", "sh", "-c", "echo runs; cat; exit 9")
                       for name in ("small", kept)]
            for client in clients:
                self.line(client, "runs")
            self.stop(how)
            for client in clients:
                client.stdin.close()
                self.assertEqual(client.wait(testing.PATIENCE), 9)
            self.machine.start_daemon()
            self.assertEqual(list(self.machine.by_id()), [kept])
            self.only_locks_of(kept)
            self.machine.ok("end", kept)

        self.each(check)

    def test_a_session_that_is_called_as_a_source_is(self):
        session = self.machine.begin("small", name="not-a-source")
        for name in (session, "session:" + session):
            client = self.client("run", "--directory", "/", name, "--", "sh", "-c", "echo runs; cat; exit 9")
            self.line(client, "runs")
            self.stop(signal.SIGTERM)
            client.stdin.close()
            self.assertEqual(client.wait(testing.PATIENCE), 9)
            self.machine.start_daemon()
        self.machine.ok("end", session)

    def test_a_client_that_dies_while_no_daemon_runs(self):
        client = self.client("run", "--directory", "/", "small", "--", "sh", "-c", "echo runs; cat; exit 9")
        self.line(client, "runs")
        self.stop(signal.SIGKILL)
        client.kill()
        client.wait()
        self.machine.start_daemon()
        self.assertTrue(wait_until(lambda: not self.machine.sessions()))

    def test_ending_a_session_whose_commands_outlived_a_daemon(self):
        session = self.machine.begin("small")
        client = self.client("run", "--directory", "/", session, "--", "sh", "-c", "echo runs; cat; exit 9")
        self.line(client, "runs")
        self.stop(signal.SIGKILL)
        self.machine.start_daemon()
        self.machine.ok("end", session)
        self.assertEqual(client.wait(testing.PATIENCE), 137)
        self.only_locks_of()

    def test_what_was_noticed_is_known_to_the_next_daemon(self):
        def check(how):
            session = self.machine.begin("noted")
            before = self.machine.info(session)["notes"]
            self.assertEqual(len([note for note in before if "/none/such" in note]), 1, before)
            self.stop(how)
            self.machine.start_daemon()
            self.assertEqual(self.machine.info(session)["notes"], before)
            self.assertIn("/none/such", self.machine.ok("info", session))
            # The reason of a failure does not take their place.
            self.stop(how)
            self.machine.database("update sessions set state = 'failed', error = 'a test' where id = ?", session)
            self.machine.start_daemon()
            self.assertEqual(self.machine.info(session)["notes"], before)
            self.machine.ok("recover", session)
            self.assertEqual(self.machine.settled(session), "active")
            self.machine.ok("end", session)

        self.each(check)

    def test_what_was_noticed_of_an_automatic_session(self):
        def check(how):
            client = self.client("run", "--directory", "/", "noted", "--", "sh", "-c", "echo runs; cat")
            self.line(client, "runs")
            (session,) = self.machine.by_id()
            before = self.machine.info(session)["notes"]
            self.assertEqual(len([note for note in before if "/none/such" in note]), 1, before)
            self.stop(how)
            self.machine.start_daemon()
            self.assertEqual(self.machine.info(session).get("notes"), before)
            client.stdin.close()
            self.assertEqual(client.wait(testing.PATIENCE), 0)
            self.assertTrue(wait_until(lambda: not self.machine.sessions()))

        self.each(check)

    def test_many_restarts(self):
        session = self.machine.begin("small")
        client = self.client("run", "--directory", "/", session, "--", "sh", "-c", "echo runs; cat; exit 9")
        self.line(client, "runs")
        for number in range(5):
            self.machine.restart(signal.SIGKILL if number % 2 else signal.SIGTERM)
        self.assertEqual(self.machine.inside(session, "echo", "works"), "works")
        client.stdin.close()
        self.assertEqual(client.wait(testing.PATIENCE), 9)
        self.only_locks_of(session)
        self.machine.ok("end", session)


class Reboots(RecoveryTest):
    boots = 0

    @classmethod
    def prepare(cls):
        machine = cls.machine
        for name, keys in {"boot-recover": {"on_boot": "recover"}, "boot-end": {"on_boot": "end"},
                           "boot-leave": {"on_boot": "leave"}, "memory": {"union_backing": "tmpfs"}}.items():
            machine.define_tree(name, cls.tree, **keys)
        cls.moved = os.path.join(machine.place, "tree")
        subprocess.run(["cp", "-a", cls.tree, cls.moved], check=True)
        machine.define_tree("moved", cls.moved)

    def reboot(self, how=signal.SIGTERM):
        self.machine.end_daemon(how)
        Reboots.boots += 1
        self.machine.simulate_reboot(f"boot-{self.boots}")

    def begun(self, chroot):
        session = self.machine.begin(chroot)
        self.machine.inside(session, "sh", "-c", "echo kept >/file; mkdir /folder; rm /etc/hosts; echo x >>/etc/hostname")
        return session

    def assert_whole(self, session):
        self.assertEqual(self.machine.settled(session), "active", self.machine.info(session).get("error"))
        self.assertEqual(self.machine.inside(session, "sh", "-c", "cat /file; ls -d /folder /etc/hosts 2>/dev/null; true"),
                         "kept\n/folder")
        with open(os.path.join(self.machine.ok("location", session), "file")) as file:
            self.assertEqual(file.read(), "kept\n")

    def test_sessions_are_recovered_with_their_files(self):
        for how in (signal.SIGTERM, signal.SIGKILL):
            with self.subTest(how=how.name):
                sessions = [self.begun(chroot) for chroot in ("small", "boot-recover", "small", "small", "small", "small")]
                automatic = self.client("run", "--directory", "/", "small", "--", "sh", "-c", "echo runs; cat")
                self.line(automatic, "runs")
                automatic.kill()
                self.reboot(how)
                locks = self.machine.lock_files()
                self.assertEqual([s for s in sessions if not any(name.endswith(s) for name in locks)], [],
                                 "the tree must stay locked from before the restart until its sessions are recovered")
                self.machine.start_daemon()
                self.assertEqual(sorted(self.machine.by_id()), sorted(sessions))
                for session in sessions:
                    self.assert_whole(session)
                self.only_locks_of(*sessions)
                self.machine.ok("end", *sessions)

    def test_on_boot(self):
        recovered, ended, left = (self.begun(name) for name in ("boot-recover", "boot-end", "boot-leave"))
        self.reboot()
        self.machine.start_daemon()
        self.assert_whole(recovered)
        self.assertIsNone(self.machine.settled(ended))
        self.assertFalse(os.path.exists(self.machine.session_folder(ended)))
        self.assertEqual(self.machine.settled(left), "failed")
        self.assertIn("on-boot = leave", self.machine.info(left)["error"])
        self.assertTrue(os.path.exists(self.machine.in_upper(left, "file")))
        self.only_locks_of(recovered, left)
        self.machine.ok("recover", left)
        self.assert_whole(left)
        self.machine.ok("end", recovered, left)

    def test_an_upper_layer_in_memory_is_lost(self):
        session = self.begun("memory")
        self.reboot()
        self.machine.start_daemon()
        self.assertEqual(self.machine.settled(session), "failed")
        self.assertIn("in memory", self.machine.info(session)["error"])
        refused = self.machine.run("run", "--directory", "/", session, "--", "true")
        self.assertEqual(refused.status, 125, repr(refused))
        self.assertIn("failed", refused.err)
        self.assertIn("unionroot end", refused.err)
        self.machine.ok("end", session)

    def test_a_tree_that_is_not_there_yet(self):
        session = self.begun("moved")
        os.rename(self.moved, self.moved + ".away")
        self.reboot()
        self.machine.start_daemon()
        self.assertEqual(self.machine.settled(session), "failed")
        self.assertIn(self.moved, self.machine.info(session)["error"])
        self.assertTrue(os.path.exists(self.machine.in_upper(session, "file")), "the upper layer must stay")
        # The next daemon, too, says where it is.
        upper = os.path.join(self.machine.session_folder(session), "upper")
        self.assertEqual(self.machine.info(session)["upper"], upper)
        self.machine.end_daemon(signal.SIGTERM)
        self.machine.start_daemon()
        self.assertEqual(self.machine.info(session)["upper"], upper)
        refused = self.machine.run("recover", session)
        self.assertNotEqual(refused.status, 0)
        self.assertIn(self.moved, refused.err)
        os.rename(self.moved + ".away", self.moved)
        self.machine.ok("recover", session)
        self.assert_whole(session)
        self.machine.ok("end", session)

    def test_listed_before_they_are_recovered(self):
        sessions = [self.begun("small") for _ in range(12)]
        self.reboot()
        self.machine.start_daemon(wait=False)
        listed = self.machine.list_now()
        self.assertEqual(sorted(listed), sorted(sessions))
        self.assertTrue(all(session["state"] in ("recovering", "active") for session in listed.values()), listed)
        for session in sessions:
            self.assert_whole(session)
        self.machine.ok("end", *sessions)

    def test_killed_during_recovery(self):
        sessions = [self.begun("small") for _ in range(4)]
        self.reboot()
        for _ in range(3):
            self.machine.start_daemon(wait=False)
            self.machine.list_now()
            self.machine.end_daemon(signal.SIGKILL)
        self.machine.start_daemon()
        for session in sessions:
            self.assert_whole(session)
        self.only_locks_of(*sessions)
        self.machine.ok("end", *sessions)


class SourceSessions(RecoveryTest):
    @classmethod
    def prepare(cls):
        cls.own = os.path.join(cls.machine.place, "tree")
        subprocess.run(["cp", "-a", cls.tree, cls.own], check=True)
        cls.machine.define_tree("own", cls.own, source_root_users="", source_users="nobody")
        cls.machine.define_tree("twin", cls.own)

    def tearDown(self):
        super().tearDown()
        # A source session that ends well takes earlier trouble with it.
        self.machine.ok("run", "--directory", "/", "source:own", "--", "true")
        self.assertNotIn("source-trouble", self.machine.info("own"))

    def trouble(self):
        seen = []

        def agree():  # asked one after the other, while a command may just have ended
            seen[:] = [self.machine.info(name).get("source-trouble") for name in ("source:own", "twin")]
            return seen[0] == seen[1]

        self.assertTrue(wait_until(agree), seen)
        return seen[0]

    def test_it_writes_to_the_tree(self):
        self.machine.ok("run", "--directory", "/", "source:own", "--", "sh", "-c", "echo x >/written")
        self.assertTrue(os.path.exists(os.path.join(self.own, "written")))
        session = self.machine.begin("source:own")
        self.machine.inside(session, "rm", "/written")
        self.assertFalse(os.path.exists(os.path.join(self.own, "written")))
        self.machine.ok("end", session)
        self.assertIsNone(self.trouble())

    def test_it_is_exclusive(self):
        session = self.machine.begin("source:own")
        for name in ("own", "twin", "source:own", "source:twin"):
            refused = self.machine.run("begin", name)
            self.assertNotEqual(refused.status, 0, name)
            self.assertIn(session, refused.err)
        self.machine.ok("end", session)
        session = self.machine.begin("twin")
        refused = self.machine.run("begin", "source:own")
        self.assertNotEqual(refused.status, 0)
        self.assertIn(session, refused.err)
        self.machine.ok("end", session)

    def test_a_command_that_ends_while_no_daemon_runs(self):
        archive = os.path.join(self.machine.place, "ball.tar")
        subprocess.run(["tar", "-C", self.tree, "-cf", archive, "."], check=True)
        self.machine.define("ball", f"[ball]\ntype=file\nfile={archive}\nprofile=minimal\nusers=nobody\n")
        for name, status, said in (("own", 9, "warning: the command has ended, but whether session {} has ended too is not known"),
                                   ("ball", 125, "the command has ended, but whether what was changed is packed and session {} has ended")):
            with self.subTest(name):
                client = self.client("run", "--directory", "/", "source:" + name, "--", "sh", "-c", "echo runs; cat; exit 9")
                self.line(client, "runs")
                self.assertTrue(wait_until(lambda: len(self.sockets(client)) == 1))  # it has all that it asks the daemon for
                (session,) = self.machine.by_id()
                self.stop(signal.SIGKILL)
                _, err = client.communicate(timeout=testing.PATIENCE)
                self.assertEqual(client.returncode, status, err)
                self.assertIn(said.format(session), err.decode())
                self.machine.start_daemon()
                self.assertTrue(wait_until(lambda: not self.machine.sessions()), self.machine.log())

    def test_its_end_is_told_without_asking(self):
        archive = os.path.join(self.machine.place, "told.tar")
        subprocess.run(["tar", "-C", self.tree, "-cf", archive, "."], check=True)
        self.machine.define("told", f"[told]\ntype=file\nfile={archive}\nprofile=minimal\nusers=nobody\n")
        for name in ("own", "told"):
            with self.subTest(name):
                client = self.client("run", "--directory", "/", "source:" + name, "--", "sh", "-c", "echo runs; cat; exit 9")
                self.line(client, "runs")
                self.assertTrue(wait_until(lambda: len(self.sockets(client)) == 1))
                os.rename(self.machine.bus_socket, self.machine.bus_socket + ".away")  # nobody can connect any more
                try:
                    _, err = client.communicate(timeout=testing.PATIENCE)
                finally:
                    os.rename(self.machine.bus_socket + ".away", self.machine.bus_socket)
                self.assertEqual((client.returncode, err), (9, b""))
                self.assertEqual(self.machine.sessions(), [])

    @staticmethod
    def sockets(process):
        folder = f"/proc/{process.pid}/fd"
        links = [os.readlink(os.path.join(folder, name)) for name in os.listdir(folder)]
        return [link for link in links if link.startswith("socket:")]

    def test_its_lock_outlives_the_daemon_while_commands_run(self):
        for how in (signal.SIGTERM, signal.SIGKILL):
            with self.subTest(how=how.name):
                client = self.client("run", "--directory", "/", "source:own", "--", "sh", "-c", "echo runs; cat; exit 0")
                self.line(client, "runs")
                (session,) = self.machine.by_id()
                self.stop(how)
                taken = self.machine.run("lock", "own", "--", "true")
                self.assertNotEqual(taken.status, 0, repr(taken))
                self.machine.start_daemon()
                self.assertEqual(self.machine.state_of(session), "active")
                refused = self.machine.run("begin", "own")
                self.assertNotEqual(refused.status, 0)
                self.assertIn(session, refused.err)
                client.stdin.close()
                self.assertEqual(client.wait(testing.PATIENCE), 0)
                self.assertTrue(wait_until(lambda: not self.machine.sessions()))
                self.assertEqual(self.machine.lock_files(), [])
                # The supervisor told the daemon that was there by then.
                self.assertIsNone(self.trouble())

    def test_how_it_ended_is_told_to_a_later_daemon(self):
        for script, fragment in (("exit 137", "ended with status 137"), ("kill -9 $$", "killed by signal 9")):
            with self.subTest(script=script):
                client = self.client("run", "--directory", "/", "source:own", "--", "sh", "-c", "echo runs; cat; " + script)
                self.line(client, "runs")
                self.machine.restart(signal.SIGKILL)
                client.stdin.close()
                client.wait(testing.PATIENCE)
                self.assertTrue(wait_until(lambda: not self.machine.sessions()))
                self.assertIn(fragment, self.trouble())

    def test_one_that_ended_while_there_was_no_daemon(self):
        session = self.machine.begin("source:own")
        client = self.client("run", "--directory", "/", session, "--", "sh", "-c", "echo runs; cat; exit 0")
        self.line(client, "runs")
        self.machine.end_daemon(signal.SIGKILL)
        client.stdin.close()
        self.assertEqual(client.wait(testing.PATIENCE), 0)
        self.machine.start_daemon()
        self.assertIn("not known", self.trouble())
        self.machine.inside(session, "true")
        self.machine.ok("end", session)

    def test_a_preserved_one_is_taken_up_again(self):
        session = self.machine.begin("source:own")
        self.machine.restart(signal.SIGKILL)
        self.assertEqual(self.machine.state_of(session), "active")
        self.assertNotEqual(self.machine.run("begin", "own").status, 0)
        self.assertEqual(self.machine.inside(session, "echo", "works"), "works")
        self.machine.ok("end", session)
        self.assertIsNone(self.trouble())

    def test_somebody_changes_the_tree_by_now(self):
        session = self.machine.begin("source:own")
        self.machine.end_daemon(signal.SIGKILL)
        client = self.client("lock", "own", "--", "sh", "-c", "echo runs; cat")
        self.line(client, "runs")
        self.machine.start_daemon()
        self.assertEqual(self.machine.settled(session), "failed")
        self.assertIn("lock own -- ", self.machine.info(session)["error"])
        client.stdin.close()
        client.wait(testing.PATIENCE)
        self.machine.ok("end", session)

    def test_a_command_that_fails_is_reported(self):
        result = self.machine.run("run", "--directory", "/", "source:own", "--", "sh", "-c", "exit 5")
        self.assertEqual(result.status, 5)
        self.assertTrue(wait_until(lambda: not self.machine.sessions()))
        self.assertIn("ended with status 5", self.trouble())
        self.assertIn("exit 5", self.trouble())
        self.assertIn("root", self.trouble())
        self.assertIn("Source trouble", self.machine.ok("info", "own"))
        # A session on the tree does not make the tree better.
        self.machine.ok("run", "--directory", "/", "own", "--", "true")
        self.assertIn("ended with status 5", self.trouble())

    def test_a_status_is_no_signal_and_a_signal_no_status(self):
        """The client's exit status is the same for some of these; the report is not."""
        for script, status, fragment in (("exit 137", 137, "in it ended with status 137"),
                                         ("exit 200", 200, "in it ended with status 200"),
                                         ("exit 255", 255, "in it ended with status 255"),
                                         ("kill -9 $$", 137, "in it was killed by signal 9"),
                                         ("kill -64 $$", 192, "in it was killed by signal 64"),
                                         ("/no/such/program", 127, "in it ended with status 127")):
            with self.subTest(script=script):
                result = self.machine.run("run", "--directory", "/", "source:own", "--", "sh", "-c", script)
                self.assertEqual(result.status, status)
                self.assertTrue(wait_until(lambda: not self.machine.sessions()))
                self.assertIn(fragment, self.trouble())

    def test_a_command_that_cannot_be_started_is_reported(self):
        result = self.machine.run("run", "--directory", "/", "source:own", "--", "/no/such/program")
        self.assertEqual(result.status, 127)
        self.assertTrue(wait_until(lambda: not self.machine.sessions()))
        self.assertIn("'/no/such/program' in it could not be started", self.trouble())

    def test_a_supervisor_that_is_killed(self):
        """That says nothing of its command."""
        session = self.machine.begin("source:own")
        client = self.client("run", "--directory", "/", session, "--", "sh", "-c", "echo runs; cat")
        self.line(client, "runs")
        (supervisor,) = [pid for pid, command in testing.descendants(os.getpid()).items()
                         if "unionroot-helper" in command and session in command]
        os.kill(supervisor, signal.SIGKILL)
        self.assertEqual(client.wait(testing.PATIENCE), 125)
        self.assertTrue(wait_until(lambda: self.trouble() is not None))
        self.assertIn("not known", self.trouble())
        self.machine.ok("end", session)

    def test_the_last_command_counts(self):
        session = self.machine.begin("source:own")
        self.machine.run("run", "--directory", "/", session, "--", "false")
        self.assertTrue(wait_until(lambda: self.trouble() is not None))
        self.machine.inside(session, "true")
        self.assertTrue(wait_until(lambda: self.trouble() is None))
        self.machine.ok("end", session)

    def test_ended_under_a_command(self):
        session = self.machine.begin("source:own")
        client = self.client("run", "--directory", "/", session, "--", "sh", "-c", "echo runs; cat")
        self.line(client, "runs")
        self.machine.ok("end", session)
        client.wait(testing.PATIENCE)
        self.assertIn("ended while 1 command ran", self.trouble())

    def test_a_restart_of_the_machine(self):
        session = self.machine.begin("source:own")
        self.machine.inside(session, "sh", "-c", "echo x >/half")
        self.machine.end_daemon(signal.SIGKILL)
        self.machine.simulate_reboot("another-boot")
        self.machine.start_daemon()
        self.assertEqual(self.machine.settled(session), "active")
        self.assertIn("interrupted by a restart of the machine", self.trouble())
        self.assertEqual(self.machine.inside(session, "cat", "/half"), "x")
        self.machine.inside(session, "rm", "/half")
        self.machine.ok("end", session)


if __name__ == "__main__":
    testing.main()
