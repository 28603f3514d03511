"""Every row of docs/recovery.md's tables: the combination is made by hand while no daemon runs, and the outcome looked at.

Rows that other tests have are named there: reboots, source sessions and running commands in surviving_test.py, the disk in
disk_test.py.
"""

import errno
import os
import shutil
import signal
import stat
import subprocess

import inventory
import unionroot_testing as testing
from unionroot_testing import wait_until
from recovery_testing import RecoveryTest

GONE = None


class Table(RecoveryTest):
    @classmethod
    def prepare(cls):
        cls.overlays = os.path.join(cls.machine.place, "overlays")
        cls.machine.define_tree("elsewhere", cls.tree, union_overlay_directory=cls.overlays)
        cls.moved = os.path.join(cls.machine.place, "tree")
        subprocess.run(["cp", "-a", cls.tree, cls.moved], check=True)
        cls.machine.define_tree("moved", cls.moved, source_root_users="")
        cls.machine.define_tree("memory", cls.tree, union_backing="tmpfs")
        cls.direct = os.path.join(cls.machine.place, "direct")
        subprocess.run(["cp", "-a", cls.tree, cls.direct], check=True)
        cls.machine.define_tree("direct", cls.direct, union_type="none")

    def begun(self, chroot="small"):
        session = self.machine.begin(chroot)
        self.machine.inside(session, "sh", "-c", "echo kept >/file")
        return session

    def unmount(self, *path):
        place = os.path.join(self.machine.runtime, *path)
        self.assertEqual(testing._libc.umount2(os.fsencode(place), 2 | 8), 0, place)

    def set_state(self, session, state):
        self.machine.database("update sessions set state = ? where id = ?", state, session)

    def assert_whole(self, session):
        self.assertEqual(self.machine.settled(session), "active", self.machine.info(session).get("error"))
        self.assertEqual(self.machine.inside(session, "cat", "/file"), "kept")
        with open(os.path.join(self.machine.ok("location", session), "file")) as file:
            self.assertEqual(file.read(), "kept\n")
        self.only_locks_of(*self.machine.by_id())

    def down(self):
        self.machine.log_since()
        self.machine.end_daemon()

    def up(self):
        self.machine.start_daemon()
        return self.machine.log_since()

    def assert_failed(self, session, *fragments):
        self.assertEqual(self.machine.settled(session), "failed")
        error = self.machine.info(session)["error"]
        for fragment in fragments:
            self.assertIn(fragment, error)

    # Sessions that the store knows

    def test_beginning(self):
        session = self.begun()
        self.down()
        self.set_state(session, "beginning")
        self.up()
        self.assertEqual(self.machine.state_of(session), GONE)

    def test_ending(self):
        session = self.begun()
        self.down()
        self.set_state(session, "ending")
        self.up()
        self.assertEqual(self.machine.state_of(session), GONE)

    def test_recovering(self):
        session = self.begun()
        self.down()
        self.set_state(session, "recovering")
        self.up()
        self.assert_whole(session)
        self.machine.ok("end", session)

    def test_automatic_without_a_run(self):
        session = self.begun()
        self.down()
        self.machine.database("update sessions set kind = 'automatic' where id = ?", session)
        self.up()
        self.assertTrue(wait_until(lambda: self.machine.state_of(session) is GONE))

    def test_failed(self):
        session = self.begun()
        self.down()
        self.machine.database("update sessions set state = 'failed', error = 'of old' where id = ?", session)
        self.up()
        self.assert_failed(session, "of old")
        self.assertTrue(os.path.exists(self.machine.in_upper(session, "file")))
        self.only_locks_of(session)
        self.machine.ok("recover", session)
        self.assert_whole(session)
        self.machine.ok("end", session)

    def test_recovering_one_that_is_active(self):
        session = self.begun()
        client = self.client("run", "--directory", "/", session, "--", "cat")
        self.assertTrue(wait_until(lambda: self.machine.info(session)["runs"]))
        for name in (session, "session:" + session):
            done = self.machine.run("recover", name)
            self.assertEqual((done.status, done.out), (0, ""), repr(done))
            self.assertIn(f"session {session} is active: there was nothing to recover", done.err)
        client.stdin.write(b"runs on\n")
        client.stdin.close()
        self.line(client, "runs on")
        self.assertEqual(client.wait(testing.PATIENCE), 0)
        self.assert_whole(session)
        self.machine.ok("end", session)

    def test_a_file_that_a_daemon_was_writing(self):
        session = self.begun()
        self.down()
        ((created,),) = self.machine.database("select created from sessions where id = ?", session)
        self.up()
        half = f"/etc/.unionroot-1.{inventory.daemon_id(self.machine.state)}.{created}.{session}"
        self.machine.inside(session, "sh", "-c", f"echo half >{half}")
        self.down()
        self.up()
        # Gone before the first command sees it.
        self.assertEqual(self.machine.inside(session, "sh", "-c", f"test -e {half} || echo none"), "none")
        self.assert_whole(session)
        self.machine.ok("end", session)

    def test_a_definition_that_cannot_be_read(self):
        for text in ("", "[small]\ntype=nonsense\n", "\0"):
            with self.subTest(text=text):
                session = self.begun()
                self.down()
                self.machine.database("update sessions set definition = ? where id = ?", text, session)
                self.up()
                self.assert_failed(session, "definition")
                self.assertTrue(os.path.exists(self.machine.in_upper(session, "file")))
                self.machine.ok("end", session)

    def test_a_tarballs_changed_tree_whose_definition_cannot_be_read(self):
        ball = os.path.join(self.machine.place, "ball.tar")
        subprocess.run(["tar", "-C", self.tree, "-cf", ball, "."], check=True)
        self.machine.define("ball", f"[ball]\ntype=file\nfile={ball}\nnss=none\nresolv-conf=none\n")
        session = self.begun("source:ball")
        with open(ball, "rb") as file:
            before = file.read()
        self.down()
        self.machine.database("update sessions set definition = ? where id = ?", "", session)
        self.up()
        self.assert_failed(session, "definition")
        self.machine.ok("end", session)
        self.down()
        self.up()
        (orphan,) = self.orphans()
        with open(os.path.join(orphan, "tree", "file")) as file:
            self.assertEqual(file.read(), "kept\n")
        with open(ball, "rb") as file:
            self.assertEqual(file.read(), before)
        shutil.rmtree(orphan)
        os.unlink(ball)

    def test_a_view_is_missing(self):
        session = self.begun()
        self.down()
        self.machine.lose_mounts(session, parts=["mount"])
        self.up()
        self.assert_whole(session)
        self.machine.ok("end", session)

    def test_a_namespace_is_missing(self):
        session = self.begun()
        self.down()
        self.machine.lose_mounts(session, parts=["ns"])
        self.up()
        self.assert_whole(session)
        self.machine.ok("end", session)

    def test_namespace_and_view_are_missing(self):
        session = self.begun()
        self.down()
        self.machine.lose_mounts(session)
        self.up()
        self.assert_whole(session)
        self.machine.ok("end", session)

    def test_the_runtime_directory_is_missing(self):
        session = self.begun()
        self.down()
        self.machine.lose_mounts(session)
        self.unmount("ns")
        self.unmount("mount")
        shutil.rmtree(self.machine.runtime)
        self.up()
        self.assert_whole(session)
        self.machine.ok("end", session)

    def test_the_upper_layer_is_missing(self):
        session = self.begun()
        self.down()
        self.machine.lose_mounts(session)
        shutil.rmtree(self.machine.session_folder(session))
        self.up()
        self.assert_failed(session, "upper layer", session)
        self.machine.ok("end", session)

    def test_the_tree_is_missing(self):
        session = self.begun("moved")
        self.down()
        os.rename(self.moved, self.moved + ".away")
        self.up()
        self.assert_failed(session, self.moved)
        os.rename(self.moved + ".away", self.moved)
        self.machine.ok("recover", session)
        self.assert_whole(session)
        self.machine.ok("end", session)

    def test_a_lock_is_missing(self):
        session = self.begun()
        self.down()
        (lock,) = self.machine.lock_files()
        os.unlink(os.path.join(self.machine.state, "locks", lock))
        log = self.up()
        self.assert_whole(session)
        self.assertEqual(self.machine.lock_files(), [lock])
        self.assertIn("was missing and is made again", log)
        self.machine.ok("end", session)

    def test_a_lock_is_missing_and_somebody_changes_the_tree(self):
        session = self.begun()
        self.down()
        for lock in self.machine.lock_files():
            os.unlink(os.path.join(self.machine.state, "locks", lock))
        client = self.client("lock", "small", "--", "sh", "-c", "echo runs; cat")
        self.line(client, "runs")
        self.up()
        self.assert_failed(session, "lock small -- ")
        client.stdin.close()
        client.wait(testing.PATIENCE)
        self.machine.ok("recover", session)
        self.assert_whole(session)
        self.machine.ok("end", session)

    def test_a_lock_cannot_be_read(self):
        session = self.begun()
        self.down()
        (lock,) = self.machine.lock_files()
        with open(os.path.join(self.machine.state, "locks", lock), "w") as file:
            file.write("pid=1\n")
        self.up()
        self.assertEqual(self.machine.settled(session), "active")
        broken = [name for name in self.machine.lock_files() if name.startswith(".broken-")]
        self.assertEqual(len(broken), 1)
        os.unlink(os.path.join(self.machine.state, "locks", broken[0]))
        self.assert_whole(session)
        self.machine.ok("end", session)

    # Things that no session in the store owns

    def forget(self, session):
        self.machine.database("delete from sessions where id = ?", session)
        self.machine.database("delete from stages where session = ?", session)
        self.machine.database("delete from runs where session = ?", session)

    def orphans(self, folder=None):
        folder = folder or os.path.join(self.machine.state, "orphans")
        return [os.path.join(folder, name) for name in os.listdir(folder)] if os.path.isdir(folder) else []

    def assert_orphan(self, session, folder=None):
        """Its upper layer is among the orphans, whole; deletes it."""
        (orphan,) = self.orphans(folder)
        self.assertTrue(os.path.basename(orphan).startswith(session + "-"))
        with open(os.path.join(orphan, "upper", "file")) as file:
            self.assertEqual(file.read(), "kept\n")
        self.assertEqual(testing.mount_points().count(orphan), 0)
        shutil.rmtree(orphan)

    def test_a_session_that_the_store_does_not_know(self):
        session = self.begun()
        self.machine.inside(session, "sh", "-c", "sleep 1000 >/dev/null 2>&1 & echo")
        self.down()
        self.forget(session)
        log = self.up()
        self.assertEqual(self.machine.by_id(), {})
        self.assertIn("no session is known for", log)
        self.assert_orphan(session)
        self.assertEqual(self.machine.lock_files(), [])
        self.assertEqual(self.machine.cgroups(), {})

    def test_an_upper_layer_elsewhere(self):
        known, session = self.begun("elsewhere"), self.begun("elsewhere")
        others = os.path.join(self.overlays, "somebody")
        os.makedirs(os.path.join(others, "upper"))
        self.down()
        self.forget(session)
        self.up()
        self.assert_orphan(session, os.path.join(self.overlays, ".unionroot-orphans"))
        os.rmdir(os.path.join(others, "upper"))  # what somebody else keeps there was left alone
        os.rmdir(others)
        self.assert_whole(known)
        self.machine.ok("end", known)
        self.assertTrue(wait_until(lambda: not os.listdir(os.path.join(self.overlays, ".unionroot-trash"))))

    def test_a_strange_view(self):
        place = os.path.join(self.machine.runtime, "mount", "stranger")
        keeper = self.begun()  # else the runtime folders go with the daemon
        self.down()
        self.machine.write_among_views()
        os.mkdir(place)
        subprocess.run(["mount", "-t", "tmpfs", "stranger", place], check=True)
        os.mkdir(os.path.join(self.machine.runtime, "mount", "empty"))
        self.up()
        self.assertEqual(os.listdir(os.path.join(self.machine.runtime, "mount")), [keeper])
        self.machine.ok("end", keeper)

    def test_a_view_of_a_former_version(self):
        """It was mounted on the session's folder, which everybody might enter, as the namespaces' folder was."""
        session = self.begun()
        self.down()
        self.machine.write_among_views()
        self.machine.lose_mounts(session, parts=["mount"])
        former = os.path.join(self.machine.runtime, "mount", session)
        os.rmdir(self.machine.place_of("mount", session))
        os.chmod(former, 0o755)
        os.chmod(os.path.join(self.machine.runtime, "ns"), 0o755)
        subprocess.run(["mount", "-t", "tmpfs", "former", former], check=True)
        os.mkdir(os.path.join(former, "tree"))  # a name like any other in there
        self.up()
        self.assert_whole(session)
        self.assertNotIn(former, testing.mount_points())
        self.assertIn(os.path.join(former, "tree"), testing.mount_points())
        for path, mode in ((former, 0o700), (os.path.join(self.machine.runtime, "ns"), 0o700)):
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), mode, path)
        with self.assertRaises(OSError) as caught:
            os.mkdir(os.path.join(self.machine.runtime, "mount", "anything"))
        self.assertEqual(caught.exception.errno, errno.EROFS)
        self.machine.ok("end", session)

    def test_a_strange_source(self):
        folder = os.path.join(self.machine.runtime, "sources")
        place = os.path.join(folder, "stranger")
        keeper = self.begun()
        self.down()
        os.makedirs(place, mode=0o700)
        subprocess.run(["mount", "-t", "tmpfs", "stranger", place], check=True)
        self.up()
        self.assertEqual(os.listdir(folder), [])
        self.assertNotIn(place, testing.mount_points())
        self.assert_whole(keeper)
        self.machine.ok("end", keeper)

    def test_a_strange_namespace(self):
        keeper = self.begun()
        self.down()
        for name, mounted in (("stranger", True), ("empty", False)):
            place = os.path.join(self.machine.runtime, "ns", name)
            with open(place, "w"):
                pass
            if mounted:
                subprocess.run(["unshare", f"--mount={place}", "true"], check=True)
        self.up()
        self.assertEqual(os.listdir(os.path.join(self.machine.runtime, "ns")), [keeper])
        self.machine.ok("end", keeper)

    def test_a_strange_control_group_with_a_process(self):
        keeper = self.begun()
        self.machine.inside(keeper, "sh", "-c", "sleep 1000 >/dev/null 2>&1 & echo")
        (folder,) = self.machine.cgroups().values()
        self.down()
        strange = os.path.join(os.path.dirname(folder), "stranger", "run")
        os.makedirs(strange)
        process = subprocess.Popen(["sleep", "1000"])
        self.machine.children[process.pid] = "sleep"
        with open(os.path.join(strange, "cgroup.procs"), "w") as file:
            file.write(str(process.pid))
        self.up()
        self.assertEqual(process.wait(testing.PATIENCE), -signal.SIGKILL)
        self.assertFalse(os.path.exists(os.path.dirname(strange)))
        self.assert_whole(keeper)
        self.machine.ok("end", keeper)

    def test_locks_of_nobody(self):
        session = self.begun()
        self.down()
        folder = os.path.join(self.machine.state, "locks")
        (lock,) = self.machine.lock_files()
        with open(os.path.join(folder, lock)) as file:
            text = file.read()
        key = lock.partition(".")[0]
        for name, kind, preserved in (("strange", "session", "yes"), ("gone", "session", "no"), ("change", "source", "no")):
            changed = text.replace(f"session={session}", f"session={name}").replace("preserved=yes", "preserved=" + preserved)
            with open(os.path.join(folder, f"{key}.{kind}.{name}"), "w") as file:
                file.write(changed)
        self.up()
        self.assertEqual(self.machine.lock_files(), [lock])
        self.assert_whole(session)
        self.machine.ok("end", session)

    def test_layers_of_files(self):
        files = os.path.join(self.machine.state, "files")
        os.makedirs(os.path.join(files, "small-0", "upper", "etc"))
        self.down()
        self.up()
        self.assertTrue(wait_until(lambda: not os.listdir(files) and not os.listdir(os.path.join(self.machine.state, "trash"))))

    def test_a_list_of_folders_that_a_daemon_was_writing(self):
        half = os.path.join(self.machine.state, ".overlay-directories.0123abcd.tmp")
        self.down()
        with open(half, "w") as file:
            file.write("/half")
        self.up()
        self.assertFalse(os.path.exists(half))

    def test_trash(self):
        self.down()
        os.makedirs(os.path.join(self.machine.state, "trash", "old", "deep", "folder"))
        self.up()
        self.assertTrue(wait_until(lambda: not os.listdir(os.path.join(self.machine.state, "trash"))))

    def test_a_run_whose_supervisor_is_gone(self):
        session = self.begun()
        self.down()
        self.machine.database("insert into runs (id, session, pid, start_time, boot_id, uid, user, command, cgroup, since) "
                              "values ('0000abcd', ?, 1, 1, 'x', 0, 'root', 'true', '', 1)", session)
        self.up()
        self.assertEqual(self.machine.info(session)["runs"], [])
        self.machine.ok("end", session)

    # The database

    def spoil(self, how):
        path = os.path.join(self.machine.state, "state.db")
        for suffix in ("-wal", "-shm"):
            if os.path.exists(path + suffix):
                os.unlink(path + suffix)
        if how == "nonsense":
            with open(path, "wb") as file:
                file.write(b"this is no database\n" * 1000)
        elif how == "cut":
            os.truncate(path, os.path.getsize(path) // 2)
        elif how == "lost":
            os.unlink(path)

    def test_the_database_is_corrupt(self):
        for how in ("nonsense", "cut"):
            with self.subTest(how=how):
                sessions = [self.begun(), self.begun("elsewhere")]
                self.machine.end_daemon(signal.SIGKILL)
                self.machine.log_since()
                self.spoil(how)
                log = self.up()
                self.assertIn("set aside as", log)
                aside = [name for name in os.listdir(self.machine.state) if ".corrupt-" in name]
                self.assertTrue(aside)
                for name in aside:
                    os.unlink(os.path.join(self.machine.state, name))
                self.assertEqual(sorted(self.machine.by_id()), sorted(sessions))
                for session in sessions:
                    self.assert_whole(session)
                self.machine.ok("end", *sessions)

    def test_the_database_is_lost(self):
        session, ended = self.begun(), self.begun()
        self.machine.ok("end", ended)
        self.machine.end_daemon(signal.SIGKILL)
        self.spoil("lost")
        self.up()
        self.assert_whole(session)
        self.machine.ok("end", session)

    def test_the_database_is_lost_and_sessions_have_no_folder(self):
        """In memory, on the tree itself, and one that changes the tree: their commands run on."""
        sessions = {self.begun(name): name for name in ("memory", "direct", "source:moved")}
        clients = {}
        for session in sessions:
            clients[session] = self.client("run", "--directory", "/", session, "--", "sh", "-c", "echo runs; cat; exit 3")
            self.line(clients[session], "runs")
        self.machine.end_daemon(signal.SIGKILL)
        self.spoil("lost")
        self.up()
        self.assertEqual(sorted(self.machine.by_id()), sorted(sessions))
        for session, name in sessions.items():
            self.assertEqual(self.machine.settled(session), "active", self.machine.info(session).get("error"))
            self.assertEqual(self.machine.inside(session, "cat", "/file"), "kept")
            self.assertEqual(self.machine.info(session)["source"], name.startswith("source:"))
        refused = self.machine.run("begin", "moved")
        self.assertEqual(refused.status, 125, repr(refused))
        for client in clients.values():
            client.stdin.close()
            self.assertEqual(client.wait(testing.PATIENCE), 3)
        self.machine.ok("end", *sessions)
        self.assertFalse(self.orphans())
        for tree in (self.direct, self.moved):
            os.unlink(os.path.join(tree, "file"))
        # Nor does a machine that was restarted lose them, or what is to be known of them.
        session, lost = self.begun("direct"), self.begun("memory")
        self.machine.end_daemon(signal.SIGKILL)
        self.spoil("lost")
        self.machine.simulate_reboot("after-the-loss")
        self.up()
        self.assertEqual(self.machine.settled(session), "active")
        self.assert_failed(lost, "in memory")
        self.machine.ok("end", session, lost)
        os.unlink(os.path.join(self.direct, "file"))

    def test_the_database_is_lost_and_the_daemon_dies_while_sessions_are_rebuilt(self):
        sessions = [self.begun(), self.begun("elsewhere"), self.begun()]
        log = os.path.join(self.machine.place, "points")
        from_start = {"UNIONROOT_FAULT_FROM_START": "1", "UNIONROOT_FAULT_LOG": log}

        def lose(environment):
            self.machine.end_daemon(signal.SIGKILL)
            self.spoil("lost")
            if os.path.exists(log):
                os.unlink(log)
            self.machine.start_daemon(environment, wait=False)

        lose(from_start)
        self.assertTrue(self.machine.wait_ready())
        with open(log) as file:
            passed = [line.split(" ", 1)[1] for line in file.read().split("\n")[:-1]]
        # After the first is in the new database, and after each of the others.
        commits = [number for number, name in enumerate(passed, 1) if name == "store_committed"]
        self.assertGreater(len(commits), 6, passed)
        for number in commits[:10]:
            lose({**from_start, "UNIONROOT_CRASH_AT": str(number)})
            self.assertTrue(self.machine.wait_dead(testing.PATIENCE), f"it does not die at {number}")
            self.machine.start_daemon()
            self.assertEqual(sorted(self.machine.by_id()), sorted(sessions), f"died at {number}")
            for session in sessions:
                self.assert_whole(session)
        self.assertFalse(self.orphans())
        self.machine.ok("end", *sessions)

    def test_the_database_is_lost_and_a_session_file_is_torn(self):
        session = self.begun()
        self.machine.end_daemon(signal.SIGKILL)
        self.spoil("lost")
        with open(os.path.join(self.machine.session_folder(session), "session.json"), "w") as file:
            file.write('{"version": 1, "id"')
        self.up()
        self.assertEqual(self.machine.by_id(), {})
        self.assert_orphan(session)

    def test_the_database_is_of_a_newer_version(self):
        session = self.begun()
        self.down()
        (row,) = self.machine.database("pragma user_version")
        self.machine.database("pragma user_version = 1000")
        self.machine.start_daemon(wait=False)
        self.assertTrue(self.machine.wait_dead(20))
        self.assertEqual(self.machine.daemon.returncode, 1)
        self.assertIn("newer", self.machine.log_since())
        self.machine.database(f"pragma user_version = {row[0]}")
        self.up()
        self.assert_whole(session)
        self.machine.ok("end", session)


if __name__ == "__main__":
    testing.main()
