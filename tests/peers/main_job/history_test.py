"""unionroot history: which commands have ended, how, and who may see that."""

import json
import os
import signal
import subprocess
import time

import dbus

import unionroot_testing as testing
from unionroot_testing import EndToEndTest, wait_until

OWNER, OTHER = "games", "nobody"


class History(EndToEndTest):
    @classmethod
    def prepare(cls):
        cls.machine.define_tree("small", testing.small_tree(), users=f"{OWNER},{OTHER}", root_users=OWNER, profile="default")
        cls.machine.define_tree("another", testing.small_tree(), users=OWNER, profile="minimal")

    def tearDown(self):
        self.assert_nothing_left()

    def run_in(self, name, *command, options=(), user=OWNER, **more):
        return self.machine.run("run", "--directory", "/", *options, name, "--", *command, user=user, **more)

    def history(self, *options, user=OWNER):
        return json.loads(self.machine.ok("history", "--json", *options, user=user))

    def last(self, user=OWNER):
        (run,) = self.history("--last", "1", user=user)
        return run

    def wait_for_history(self, number, *options):
        """The client of a run in a session that stays may end before the daemon knows of the run's end."""
        self.assertTrue(wait_until(lambda: len(self.history(*options)) == number), self.history(*options))
        return self.history(*options)

    def assert_last(self, **expected):
        run = self.last()
        self.assertEqual({key: run[key.replace("_", "-")] for key in expected}, expected)
        return run

    def test_how_commands_ended(self):
        self.run_in("small", "true")
        run = self.assert_last(end="exited", value=0, chroot="small", caller=OWNER, user=OWNER, command="true", source=False,
                               timed_out=False, out_of_memory=False, network="host")
        self.assertGreaterEqual(run["until"], run["since"])
        self.assertTrue(run["session"].startswith("small-"))
        self.assertEqual(self.run_in("small", "sh", "-c", "exit 3").status, 3)
        self.assert_last(end="exited", value=3, command="sh -c exit 3")
        self.run_in("small", "sh", "-c", "kill -9 $$")
        self.assert_last(end="killed", value=9)
        self.run_in("small", "no-such-command")
        self.assert_last(end="not-started", value=127, command="no-such-command")
        self.run_in("small", "true", options=("--user", "root"))
        self.assert_last(end="exited", caller=OWNER, user="root", uid=0)
        self.assertEqual(self.run_in("small", "sleep", "906", options=("--timeout", "0.5")).status, 124)
        self.assert_last(timed_out=True, end="killed", value=15)
        self.assertEqual(self.run_in("small", "sh", "-c", "trap 'exit 5' TERM; sleep 907 & wait", options=("--timeout", "5")).status, 124)
        self.assert_last(timed_out=True, end="exited", value=5)

    def test_one_that_is_ended_with_its_session(self):
        session = self.machine.begin("small", user=OWNER)
        client = self.machine.popen("run", "--directory", "/", session, "--", "sh", "-c", "echo begun; sleep 908", user=OWNER, text=True)
        self.machine.children[client.pid] = "unionroot"
        self.assertEqual(client.stdout.readline(), "begun\n")
        before = self.history(session)
        self.machine.ok("end", "--force", session, user=OWNER)
        client.communicate(timeout=testing.PATIENCE)
        self.assertEqual(before, [])
        (run,) = self.wait_for_history(1, session)
        # The daemon may see the command's end before the session's.
        self.assertIn((run["end"], run["value"]), (("session-ended", 0), ("killed", 9)))
        self.assertEqual((run["session"], run["caller"]), (session, OWNER))

    def test_a_name_is_of_a_session_or_of_a_chroot(self):
        session = self.machine.begin("another", user=OWNER)
        for word in ("one", "two"):
            self.run_in(session, "echo", word)
        self.wait_for_history(2, session)
        self.machine.ok("end", session, user=OWNER)
        self.run_in("another", "echo", "three")
        commands = lambda *options: [run["command"] for run in self.history(*options)]
        self.assertEqual(sorted(commands(session)), ["echo one", "echo two"])
        self.assertEqual(sorted(commands("session:" + session)), ["echo one", "echo two"])
        for name in ("another", "chroot:another"):
            self.assertEqual(sorted(commands(name)), ["echo one", "echo three", "echo two"])
        self.assertEqual(commands("another", "--last", "1"), ["echo three"])
        for name in ("session:another", "source:another", "chroot:" + session):
            self.assertEqual(commands(name), [])
        self.assertEqual(commands("no-such-thing"), [])
        self.run_in("another", "false")
        self.assertEqual(commands("--failed", "another"), ["false"])

    def test_of_others_nothing_is_shown(self):
        self.run_in("small", "echo", "for games alone")
        self.run_in("small", "echo", "for nobody alone", user=OTHER)
        commands = lambda user: {run["command"] for run in self.history("small", user=user)}
        mine, theirs, all_of_it = commands(OWNER), commands(OTHER), commands(None)
        self.assertIn("echo for games alone", mine)
        self.assertNotIn("echo for nobody alone", mine)
        self.assertIn("echo for nobody alone", theirs)
        self.assertNotIn("echo for games alone", theirs)
        self.assertLessEqual(mine | theirs, all_of_it)
        # What root runs in a session is for its owner, too.
        session = self.machine.begin("small", user=OWNER)
        self.machine.ok("run", "--directory", "/", "session:" + session, "--", "echo", "by root")
        (run,) = self.wait_for_history(1, session)
        self.assertEqual((run["command"], run["caller"]), ("echo by root", "root"))
        self.assertEqual(self.history(session, user=OTHER), [])
        self.machine.ok("end", session, user=OWNER)
        self.assertEqual(os.stat(os.path.join(self.machine.state, "history.db")).st_mode & 0o777, 0o600)

    def test_many(self):
        session = self.machine.begin("another", user=OWNER)
        for number in range(270):  # more than one answer has
            self.run_in(session, "echo", str(number))
        found = [run["command"] for run in self.wait_for_history(270, session)]
        # Ends of one moment may be told in another order.
        self.assertEqual(sorted(found), sorted(f"echo {number}" for number in range(270)))
        self.assertEqual([run["command"] for run in self.history(session, "--last", "260")], found[10:])
        self.machine.ok("end", session, user=OWNER)

    def test_for_people(self):
        self.run_in("another", "sh", "-c", "exit 9")
        self.run_in("another", "echo", "bad\x1b[31m word")
        lines = self.machine.ok("history", "--last", "2", "another", user=OWNER).splitlines()
        self.assertEqual(lines[0].split(), ["BEGUN", "TOOK", "USER", "SESSION", "END", "COMMAND"])
        self.assertRegex(lines[1], rf"^\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d  \d+\.\d s +{OWNER}  another-\S+ +status 9 +sh -c exit 9$")
        self.assertNotIn("\x1b", lines[2])

    def test_a_restart_of_the_daemon(self):
        self.run_in("small", "echo", "before the restart")
        session = self.machine.begin("small", user=OWNER)
        client = self.machine.popen("run", "--directory", "/", session, "--", "sh", "-c", "echo begun; read line; exit 4",
                                    user=OWNER, text=True, stdin=subprocess.PIPE)
        self.machine.children[client.pid] = "unionroot"
        self.assertEqual(client.stdout.readline(), "begun\n")
        self.machine.stop_daemon(signal.SIGKILL)
        self.machine.start_daemon()
        self.assertIn("echo before the restart", [run["command"] for run in self.history("small")])
        client.communicate("go\n", timeout=testing.PATIENCE)
        (run,) = self.wait_for_history(1, session)
        self.assertEqual((run["end"], run["value"], run["caller"]), ("exited", 4, OWNER))
        self.machine.ok("end", session, user=OWNER)

    def test_one_that_ends_while_no_daemon_runs(self):
        session = self.machine.begin("small", user=OWNER)
        client = self.machine.popen("run", "--directory", "/", session, "--", "sh", "-c", "echo begun; read line; exit 4",
                                    user=OWNER, text=True, stdin=subprocess.PIPE)
        self.machine.children[client.pid] = "unionroot"
        self.assertEqual(client.stdout.readline(), "begun\n")
        self.machine.stop_daemon(signal.SIGKILL)
        client.communicate("go\n", timeout=testing.PATIENCE)
        ended = time.time() * 1e6
        self.machine.start_daemon()
        (run,) = self.wait_for_history(1, session)
        self.assertLess(run["until"], ended + 1e6)
        self.assertEqual((run["end"], run["value"], run["caller"]), ("exited", 4, OWNER))
        self.machine.ok("end", session, user=OWNER)

    def test_bad_input(self):
        for options, words in ((("--last", "0"), "--last"), (("--last", "x"), "--last"), (("a", "b"), "history")):
            result = self.machine.run("history", *options, user=OWNER)
            self.assertEqual((result.status, result.out), (125, ""), repr(result))
            self.assertIn(words, result.err)
        bus = dbus.bus.BusConnection(self.machine.address)
        manager = bus.get_object("org.unionroot1", "/org/unionroot1", introspect=False)
        for bad in ({"limit": dbus.UInt32(257)}, {"limit": dbus.UInt32(0)}, {"before": "x"}, {"nonsense": True}):
            with self.assertRaises(dbus.DBusException) as caught:
                manager.History(dbus.Dictionary(bad, signature="sv"), dbus_interface="org.unionroot1.Manager")
            self.assertEqual(caught.exception.get_dbus_name(), "org.unionroot1.Error.InvalidArgument")
        bus.close()


class Unusual(EndToEndTest):
    @classmethod
    def prepare(cls):
        cls.machine.define_tree("small", testing.small_tree(), users=OWNER, profile="minimal")
        cls.file = os.path.join(cls.machine.state, "history.db")

    def tearDown(self):
        self.assert_nothing_left()

    def restart(self, change=None, **settings):
        self.machine.stop_daemon()
        if change:
            change()
        self.machine.settings.pop("history-days", None)
        self.machine.settings.update(settings)
        self.machine._write_settings()
        self.machine.start_daemon()

    def commands(self):
        return [run["command"] for run in json.loads(self.machine.ok("history", "--json"))]

    def test_a_damaged_database_is_set_aside(self):
        self.machine.ok("run", "-d", "/", "small", "--", "echo", "lost")

        def damage():
            with open(self.file, "r+b") as file:
                file.seek(start)
                file.write(b"nonsense" * 8192)

        def remove():
            for end in (".corrupt", ".corrupt-wal"):
                if os.path.exists(self.file + end):
                    os.unlink(self.file + end)

        self.addCleanup(remove)
        start = 4096  # what is not looked at when it is opened
        self.restart(damage)
        self.machine.ok("run", "-d", "/", "small", "--", "echo", "lost")
        self.assertTrue(os.path.exists(self.file + ".corrupt"))
        remove()
        start = 0
        self.restart(damage)
        self.assertEqual(self.commands(), [])
        self.machine.ok("run", "-d", "/", "small", "--", "echo", "kept")
        self.assertEqual(self.commands(), ["echo kept"])
        self.assertTrue(os.path.exists(self.file + ".corrupt"))
        self.assertIn("history.db.corrupt", self.machine.log())
        remove()

    def test_nothing_is_kept_where_nobody_wants_that(self):
        self.machine.ok("run", "-d", "/", "small", "--", "echo", "old")
        self.restart(**{"history-days": "0"})
        self.assertFalse(os.path.exists(self.file))
        self.machine.ok("run", "-d", "/", "small", "--", "echo", "new")
        result = self.machine.run("history")
        self.assertEqual(result.status, 125)
        self.assertIn("none is kept", result.err)
        self.assertIn("history-days", result.err)
        self.restart()
        self.assertEqual(self.commands(), [])


if __name__ == "__main__":
    testing.main()
