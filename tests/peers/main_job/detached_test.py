"""run --detach, runs, logs, wait and kill: commands that go on without a client."""

import json
import os
import pwd
import signal
import time

import dbus

import control_groups
import stranger
import unionroot_testing as testing
from unionroot_testing import EndToEndTest, wait_until

OWNER, OTHER = "games", "nobody"
LIMIT = 1 << 20


def processes_of(*arguments):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if file.read().split(b"\0")[:-1] == [each.encode() for each in arguments]:
                    found.append(pid)
        except OSError:
            pass
    return found


class Detached(EndToEndTest):
    settings = {"detached-output-limit": "1M", "detached-output-per-user": "4M"}  # four at once

    @classmethod
    def prepare(cls):
        cls.machine.define_tree("small", testing.small_tree(), users=f"{OWNER},{OTHER}", root_users=OWNER, profile="default")

    def setUp(self):
        self.addCleanup(self.assert_nothing_left)
        self.addCleanup(self.machine.run, "end", "--all", "--force")

    def detach(self, name, script, *options, user=OWNER, **more):
        run = self.machine.ok("run", "--detach", "--directory", "/", *options, name, "--", "sh", "-c", script, user=user, **more)
        self.assertRegex(run, r"^[0-9a-f]{8}$")
        return run

    def wait(self, *runs, user=OWNER):
        return self.machine.run("wait", *runs, user=user)

    def logs(self, run, *options, user=OWNER):
        return self.machine.ok("logs", *options, run, user=user)

    def runs(self, user=OWNER):
        return {run["run"]: run for run in json.loads(self.machine.ok("runs", "--json", user=user))}

    def past(self, run):
        (found,) = [each for each in json.loads(self.machine.ok("history", "--json")) if each["run"] == run]
        return found

    def await_output(self, run, text, user=OWNER):
        self.assertTrue(wait_until(lambda: text in self.logs(run, user=user)), self.logs(run, user=user))

    def restart(self, how=signal.SIGKILL):
        self.machine.stop_daemon(how)
        self.machine.start_daemon()

    # --- its way

    def test_it_goes_on_and_its_end_is_known(self):
        session = self.machine.begin("small", user=OWNER)
        for name in ("small", session):
            run = self.detach(name, "echo out; echo err >&2; read line; echo read $?; echo again >/dev/stderr; exit 7")
            self.assertEqual(self.wait(run).status, 7)
            self.assertEqual(self.logs(run), "out\nerr\nread 1\nagain")
            self.assertEqual(self.wait(run).status, 7)  # of one that has ended
            self.assertEqual((self.past(run)["end"], self.past(run)["value"]), ("exited", 7))
            self.assertNotIn(run, self.runs())
        self.machine.ok("end", session, user=OWNER)

    def test_its_caller_and_his_terminal_go(self):
        run = self.detach("small", "echo begun; sleep 2; echo ended", start_new_session=True)
        shown = self.runs()[run]
        self.assertEqual((shown["state"], shown["detached"], shown["caller"], shown["chroot"]), ("running", True, OWNER, "small"))
        self.assertEqual(self.machine.ok("logs", "-f", run, user=OWNER), "begun\nended")
        self.assertEqual(self.wait(run).status, 0)

    def test_several_are_waited_for(self):
        one, two = self.detach("small", "sleep 0.5; exit 3"), self.detach("small", "sleep 0.2; kill -9 $$")
        self.assertEqual(self.wait(one, two).status, 137)
        self.assertEqual(self.wait(two, one).status, 3)

    def test_a_daemon_that_is_killed(self):
        session = self.machine.begin("small", user=OWNER)
        for name in ("small", session):
            run = self.detach(name, "trap 'echo after; exit 5' USR1; echo before; while :; do sleep 0.05; done")
            self.await_output(run, "before")
            waiting = self.machine.popen("wait", run, user=OWNER)
            following = self.machine.popen("logs", "-f", run, user=OWNER, text=True)
            self.machine.children.update({waiting.pid: "unionroot", following.pid: "unionroot"})
            self.assertEqual(following.stdout.readline(), "before\n")
            self.restart()
            self.assertTrue(self.runs()[run]["detached"])
            self.assertEqual(self.logs(run), "before")
            inside = self.runs()[run]["session"]
            if name == "small":  # nothing but its command holds its namespace any more
                self.assert_refused(self.machine.run("run", "-d", "/", "session:" + inside, "--", "true", user=OWNER), 125, "no other command")
            self.machine.ok("kill", "-s", "USR1", run, user=OWNER)
            self.assertRegex(following.communicate(timeout=testing.PATIENCE)[0], r"^(User defined signal 1\n)?after\n$")  # of its sleep
            waiting.communicate(timeout=testing.PATIENCE)
            self.assertEqual((waiting.returncode, following.returncode), (5, 0))
            self.assertRegex(self.logs(run), r"^before\n(User defined signal 1\n)?after$")

    def test_one_that_ends_while_no_daemon_runs(self):
        run = self.detach("small", "sleep 0.5; echo late; exit 6")
        self.machine.stop_daemon(signal.SIGKILL)
        time.sleep(1.5)
        self.machine.start_daemon()
        self.assertEqual(self.wait(run).status, 6)
        self.assertEqual(self.logs(run), "late")

    def test_its_time_limit_needs_no_client(self):
        told = self.detach("small", "trap 'echo told; exit 3' TERM; echo begun; sleep 900 & wait", "--timeout", "1.5")
        deaf = self.detach("small", "trap '' TERM; bash -c 'set -m; sleep 901 & echo $!'; sleep 902", "--timeout", "1", "--kill-after", "0.5")
        self.machine.stop_daemon(signal.SIGKILL)
        time.sleep(2.5)
        self.machine.start_daemon()
        for run, end in ((told, ("exited", 3)), (deaf, ("killed", 9))):
            self.assertEqual(self.wait(run).status, 124)
            past = self.past(run)
            self.assertEqual((past["end"], past["value"], past["timed-out"]), (*end, True))
        self.assertEqual(self.logs(told), "begun\ntold")

    def test_what_its_time_limit_leaves_is_killed(self):
        # The command itself ends within the grace period, and what it has started minds no signal. The session stays.
        session = self.machine.begin("small", user=OWNER)
        script = "trap '' TERM HUP; sleep 916 & trap 'exit 3' TERM; echo begun; while :; do sleep 0.05; done"
        limits = ("--timeout", "1", "--kill-after", "20")
        run = self.detach(session, script, *limits)
        self.assertEqual(self.wait(run).status, 124)
        client = self.machine.run("run", "--directory", "/", *limits, session, "--", "sh", "-c", script.replace("916", "917"), user=OWNER)
        self.assertEqual(client.status, 124, repr(client))
        self.assertTrue(wait_until(lambda: self.runs() == {}), self.runs())
        for seconds in ("916", "917"):
            self.assertEqual(processes_of("sleep", seconds), [])
        self.machine.ok("end", session, user=OWNER)

    def test_logs_of_one_that_never_stops_writing_end(self):
        run = self.detach("small", "while :; do echo yes; done", "--timeout", "60")
        self.await_output(run, "y")
        began = time.monotonic()
        self.assertIn("y", self.logs(run))
        self.assertLess(time.monotonic() - began, 20)
        self.machine.ok("kill", "-s", "KILL", run, user=OWNER)
        self.assertEqual(self.wait(run).status, 137)

    def test_one_that_cannot_be_executed(self):
        for command, status in (("no-such-command", 127), ("/etc/passwd", 126)):
            result = self.machine.run("run", "--detach", "--directory", "/", "small", "--", command, user=OWNER)
            self.assert_refused(result, status, command)
        self.assertEqual(self.runs(), {})

    def test_a_client_that_cannot_tell_the_id_leaves_nothing(self):
        with open("/dev/full", "w") as full:
            result = self.machine.run("run", "--detach", "--directory", "/", "small", "--", "sleep", "903", user=OWNER, stdout=full)
        self.assertEqual(result.status, 125, repr(result))
        self.assertTrue(wait_until(lambda: self.runs() == {}), self.runs())

    def test_what_it_leaves_in_a_session(self):
        session = self.machine.begin("small", user=OWNER)
        run = self.detach(session, "(sleep 1; echo from behind) & echo first")
        self.assertEqual(self.wait(run).status, 0)
        self.assertEqual(self.runs()[run]["state"], "processes-left")
        self.assertEqual(self.machine.ok("logs", "--follow", run, user=OWNER), "first\nfrom behind")
        self.assertTrue(wait_until(lambda: self.runs() == {}))
        self.machine.ok("end", session, user=OWNER)

    def test_a_session_that_is_ended_beneath_it(self):
        session = self.machine.begin("small", user=OWNER)
        run = self.detach(session, "echo begun; sleep 904")
        self.await_output(run, "begun")
        waiting = self.machine.popen("wait", run, user=OWNER)
        self.machine.children[waiting.pid] = "unionroot"
        self.machine.ok("end", session, user=OWNER)
        waiting.communicate(timeout=testing.PATIENCE)
        self.assertIn(waiting.returncode, (125, 137))  # the daemon may see the command's end before the session's
        self.assertIn(self.past(run)["end"], ("session-ended", "killed"))
        self.assertEqual(self.logs(run), "begun")

    # --- its output

    def test_the_newest_of_much_is_kept(self):
        run = self.detach("small", "seq -w 0 999999; echo last")
        self.assertEqual(self.wait(run).status, 0)
        result = self.machine.run("logs", run, user=OWNER)
        lines = result.out.splitlines()
        self.assertEqual((result.status, lines[-2:]), (0, ["999999", "last"]))
        self.assertRegex(lines[0], r"^\d{6}$")
        self.assertEqual(lines[:-1], ["%06d" % number for number in range(int(lines[0]), 1000000)])
        self.assertIn("bytes are not kept any more", result.err)
        self.assertGreater(len(result.out), LIMIT * 3 // 4)
        self.assertLessEqual(len(result.out), LIMIT)
        file = os.path.join(self.machine.state, "output", str(pwd.getpwnam(OWNER).pw_uid), run)
        facts = os.stat(file)
        self.assertEqual((facts.st_size, facts.st_uid, facts.st_mode & 0o777), (7000005, 0, 0o600))
        self.assertLessEqual(facts.st_blocks * 512, LIMIT + (128 << 10))
        self.assertEqual(os.stat(os.path.join(self.machine.state, "output")).st_mode & 0o777, 0o700)

    def test_a_user_who_reads_his_own_pipe_harms_nobody(self):
        run = self.detach("small", "cat </proc/self/fd/1 >/dev/null & for i in $(seq 500); do echo $i; done; kill $!; wait; echo last; exit 4")
        self.assertEqual(self.wait(run).status, 4)
        self.assertIn("last", self.logs(run))  # what the other reader took is his

    def test_the_oldest_go_for_new_ones(self):
        made = []
        for _ in range(6):
            made.append(self.detach("small", "seq -w 0 199999"))
            self.assertEqual(self.wait(made[-1]).status, 0)
        self.assertEqual(self.machine.run("logs", made[-1], user=OWNER).status, 0)
        self.assert_refused(self.machine.run("logs", made[0], user=OWNER), 125, "not kept", "detached-output-per-user", lines=4)
        folder = os.path.join(self.machine.state, "output", str(pwd.getpwnam(OWNER).pw_uid))
        self.assertLessEqual(sum(os.stat(os.path.join(folder, name)).st_blocks * 512 for name in os.listdir(folder)), 4 << 20)

    def test_so_many_at_once(self):
        runs = [self.detach("small", "sleep 905") for _ in range(4)]
        result = self.machine.run("run", "--detach", "--directory", "/", "small", "--", "true", user=OWNER)
        self.assert_refused(result, 125, "4 are possible", "unionroot wait", lines=4)
        self.assertEqual(self.wait(self.detach("small", "exit 2", user=OTHER), user=OTHER).status, 2)
        self.assertEqual(self.machine.run("run", "--directory", "/", "small", "--", "true", user=OWNER).status, 0)
        self.restart()
        self.assert_refused(self.machine.run("run", "--detach", "-d", "/", "small", "--", "true", user=OWNER), 125, "4 are possible", lines=4)
        for run in runs:
            self.machine.ok("kill", "-s", "KILL", run, user=OWNER)
            self.assertEqual(self.wait(run).status, 137)
        self.assertEqual(self.wait(self.detach("small", "exit 1")).status, 1)

    # --- kill

    def test_signals(self):
        session = self.machine.begin("small", user=OWNER)
        run = self.detach(session, "trap 'echo bye; exit 9' TERM; echo begun; while :; do sleep 0.05; done")
        self.await_output(run, "begun")
        self.machine.ok("kill", "--signal", "WINCH", run, user=OWNER)  # which nobody minds
        self.machine.ok("kill", run, user=OWNER)
        self.assertEqual(self.wait(run).status, 9)
        self.assertIn("bye", self.logs(run))
        two = [self.detach(session, "setsid sleep 906 & sleep 907"), self.detach(session, "sleep 908")]
        for run in two:
            self.assertTrue(wait_until(lambda: run in self.runs()))
        self.machine.ok("kill", "-s", "sigkill", session, user=OWNER)
        self.assertEqual([self.wait(run).status for run in two], [137, 137])
        self.assertEqual(self.machine.run("run", "--directory", "/", session, "--", "true", user=OWNER).status, 0)
        self.assert_refused(self.machine.run("kill", session, user=OWNER), 125, "no command runs")
        self.assert_refused(self.machine.run("kill", two[0], user=OWNER), 125, "has ended")
        self.machine.ok("end", session, user=OWNER)

    def test_a_run_with_a_client_is_signalled_too(self):
        client = self.machine.popen("run", "--directory", "/", "small", "--", "sleep", "909", user=OWNER)
        self.machine.children[client.pid] = "unionroot"
        self.assertTrue(wait_until(lambda: len(self.runs()) == 1))
        (run,) = self.runs()
        self.assertFalse(self.runs()[run]["detached"])
        self.assert_refused(self.machine.run("logs", run, user=OWNER), 125, "not kept", lines=4)
        self.machine.ok("kill", "-s", "15", run, user=OWNER)
        client.communicate(timeout=testing.PATIENCE)
        self.assertEqual(client.returncode, 143)
        self.assertEqual(self.wait(run).status, 143)

    # --- others

    def test_of_others_nothing_is_to_be_had(self):
        run = self.detach("small", "echo secret; sleep 910")
        self.await_output(run, "secret")
        self.assertEqual(self.runs(user=OTHER), {})
        for verb in ("wait", "logs", "kill"):
            self.assert_refused(self.machine.run(verb, run, user=OTHER), 125, f"there is no run '{run}'")
        self.assert_refused(self.machine.run("kill", "session:" + self.runs()[run]["session"], user=OTHER), 125, "may not")
        self.assertIn(run, self.runs(user=None))
        self.assertEqual(self.logs(run, user=None), "secret")
        self.machine.ok("kill", run)
        self.assertEqual(self.wait(run, user=None).status, 143)
        for verb in ("wait", "logs", "kill"):
            self.assert_refused(self.machine.run(verb, run, user=OTHER), 125, f"there is no run '{run}'")

    def test_roots_command_in_a_users_session(self):
        session = self.machine.begin("small", user=OWNER)
        run = self.detach("session:" + session, "echo for root; sleep 911", user=None)
        self.await_output(run, "for root", user=None)
        self.assertEqual(self.runs()[run]["caller"], "root")
        self.assert_refused(self.machine.run("logs", run, user=OWNER), 125, "for root alone")
        self.machine.ok("kill", "-s", "KILL", run, user=OWNER)  # who may end the session may do that
        self.assertEqual(self.wait(run).status, 137)
        self.machine.ok("end", session, user=OWNER)

    def test_a_session_cannot_take_what_is_meant_for_a_run(self):
        run = self.detach("small", "sleep 912")
        other = self.machine.begin("small", name=run, user=OTHER)
        self.machine.ok("kill", run, user=OWNER)
        self.assertEqual(self.wait(run).status, 143)
        # The session of its own may end a moment after the command.
        self.assertTrue(wait_until(lambda: [each["id"] for each in self.machine.sessions()] == [other]), self.machine.sessions())
        self.machine.ok("end", other, user=OTHER)

    # --- bad input

    def test_bad_input(self):
        run = self.detach("small", "sleep 913")
        for arguments, *words in ((("run", "--detach", "small"), "which command"),
                                  (("run", "--detach", "--tty", "small", "--", "true"), "excludes"),
                                  (("run", "--detach", "--keep=failed", "small", "--", "true"), "--detach"),
                                  (("run", "--detach", "--timeout", "x", "small", "--", "true"), "seconds"),
                                  (("wait",), "RUN is missing"), (("wait", "ffffffff"), "there is no run 'ffffffff'"),
                                  (("wait", "../x"), "there is no run"), (("wait", run[:-1]), "there is no run"),
                                  (("logs",), "RUN is missing"), (("logs", "."), "there is no run"), (("logs", ".."), "there is no run"),
                                  (("logs", f"{run}/../{run}"), "there is no run"), (("logs", run, run), "logs"),
                                  (("kill",), "missing"), (("kill", "-s", "NONSENSE", run), "no signal"), (("kill", "-s", "0", run), "no signal"),
                                  (("kill", "-s", "33", run), "signal"), (("kill", "-s", "65", run), "no signal"),
                                  (("kill", run[:-1]), "there is no run"), (("kill", "chroot:small"), "neither a run nor a session"),
                                  (("runs", "x"), "runs")):
            result = self.machine.run(*arguments, user=OWNER)
            self.assertEqual((result.status, result.out), (125, ""), repr(result))
            for word in words:
                self.assertIn(word.lower(), result.err.lower(), repr(result))
        # Of several each is told, and none hides the others' end.
        self.machine.ok("kill", run, user=OWNER)
        result = self.wait("ffffffff", run)
        self.assertEqual(result.status, 125, repr(result))
        self.assertIn(run, [each["run"] for each in json.loads(self.machine.ok("history", "--json", user=OWNER))])

    def test_bad_messages(self):
        bus = dbus.bus.BusConnection(self.machine.address)
        manager = dbus.Interface(bus.get_object("org.unionroot1", "/org/unionroot1", introspect=False), "org.unionroot1.Manager")
        options = lambda **values: dbus.Dictionary({key.replace("_", "-"): value for key, value in values.items()}, signature="sv")
        with open("/dev/null", "r+") as null:
            for given in ({"detach": True, "terminal": True}, {"timeout": dbus.Int64(5)}, {"kill_after": dbus.Int64(5)},
                          {"detach": True, "timeout": dbus.Int64(-1)}, {"detach": "yes"}):
                with self.assertRaises(dbus.DBusException) as caught:
                    manager.Run("small", ["true"], options(directory="/", **given), *[dbus.types.UnixFd(null)] * 3, signature="sasa{sv}hhh")
                self.assertEqual(caught.exception.get_dbus_name(), "org.unionroot1.Error.InvalidArgument", given)
        for given in ({"signal": dbus.UInt32(0)}, {"signal": dbus.UInt32(32)}, {"signal": dbus.UInt32(65)}, {"signal": "TERM"}, {"x": 1}):
            with self.assertRaises(dbus.DBusException) as caught:
                manager.Kill("ffffffff", options(**given), signature="sa{sv}")
            self.assertEqual(caught.exception.get_dbus_name(), "org.unionroot1.Error.InvalidArgument", given)
        for method in (manager.WaitRun, manager.OpenOutput):
            for name in ("ffffffff", "", "../../state.db", "a" * 3000):
                with self.assertRaises(dbus.DBusException) as caught:
                    method(name)
                self.assertEqual(caught.exception.get_dbus_name(), "org.unionroot1.Error.NoSuchRun", name)
        bus.close()

    def test_what_a_user_is_given_of_his_output_is_for_reading(self):
        run = self.detach("small", "echo begun; sleep 914")
        self.await_output(run, "begun")
        program = """
output, ended = (each.take() for each in manager.OpenOutput(sys.argv[1]))
for attempt in (lambda: os.write(output, b"x"), lambda: os.ftruncate(output, 0), lambda: os.open(f"/proc/self/fd/{output}", os.O_WRONLY),
                lambda: os.fchmod(output, 0o666), lambda: __import__("signal").pidfd_send_signal(ended, 9)):
    try:
        attempt()
        say("done")
    except OSError as error:
        say("refused")
"""
        status, out, err = stranger.run(self.machine, OWNER, program, run)
        self.assertEqual((status, out.split()), (0, ["refused"] * 5), err)
        self.machine.ok("kill", run, user=OWNER)
        self.assertEqual(self.wait(run).status, 143)


class NothingKept(EndToEndTest):
    settings = {"history-days": "0"}

    @classmethod
    def prepare(cls):
        cls.machine.define_tree("small", testing.small_tree(), users=OWNER, profile="minimal")

    def test_the_output_goes_with_the_command(self):
        run = self.machine.ok("run", "--detach", "-d", "/", "small", "--", "sh", "-c", "echo here; sleep 915", user=OWNER)
        self.assertTrue(wait_until(lambda: self.machine.ok("logs", run, user=OWNER) == "here"))
        self.machine.ok("kill", run, user=OWNER)
        folder = os.path.join(self.machine.state, "output", str(pwd.getpwnam(OWNER).pw_uid))
        self.assertTrue(wait_until(lambda: os.listdir(folder) == []))
        # Until its end has been seen to, whoever asks is told of it.
        self.assertTrue(wait_until(lambda: self.machine.run("wait", run, user=OWNER).status == 125))
        self.assert_refused(self.machine.run("wait", run, user=OWNER), 125, "there is no run", "history-days")
        self.assert_nothing_left()

    def test_who_waits_is_told_though_nothing_is_kept(self):
        session = self.machine.begin("small", user=OWNER)
        for name, script, status in (("small", "sleep 1; exit 7", 7), (session, "sleep 1; exit 8", 8), (session, "sleep 918 & sleep 1; exit 9", 9),
                                     (session, "sleep 919", None)):
            run = self.machine.ok("run", "--detach", "-d", "/", name, "--", "sh", "-c", script, user=OWNER)
            waiting = self.machine.popen("wait", run, user=OWNER)
            self.machine.children[waiting.pid] = "unionroot"
            if status is None:
                time.sleep(0.3)
                self.machine.ok("end", session, user=OWNER)
            waiting.communicate(timeout=testing.PATIENCE)
            self.assertIn(waiting.returncode, (125, 137) if status is None else (status,))
        self.assert_nothing_left()


class Limited(EndToEndTest):
    """A caller in a unit with limits: version 2's, with any of these controllers."""

    FILES = {"pids": ("pids.max", 500), "hugetlb": ("hugetlb.2MB.max", 0)}

    @classmethod
    def prepare(cls):
        cls.machine.define_tree("small", testing.small_tree(), users=OWNER, profile="default")

    def setUp(self):
        self.root = control_groups.hierarchies().get("")
        have = control_groups.read(self.root, "cgroup.controllers").split() if self.root else []
        controller = next((each for each in self.FILES if each in have), None)
        if not controller:
            self.skipTest("control groups of version 2 have neither pids nor hugetlb here")
        self.file, self.value = self.FILES[controller]
        if controller not in control_groups.read(self.root, "cgroup.subtree_control").split():
            control_groups.write(self.root, "cgroup.subtree_control", "+" + controller)
            self.addCleanup(control_groups.write, self.root, "cgroup.subtree_control", "-" + controller)
        self.addCleanup(self.assert_nothing_left)
        self.addCleanup(self.machine.run, "end", "--all", "--force")

    def detach(self, group, *command):
        return self.machine.run("run", "--detach", "-d", "/", "small", "--", *command, preexec_fn=lambda: control_groups.move(group, 0))

    def test_the_limits_of_a_unit_are_had_once(self):
        with control_groups.made("", "unionroot-test.service") as unit, control_groups.made("", "unionroot-other.service") as other:
            inner = os.path.join(unit, "inner")
            os.mkdir(inner)
            control_groups.write(unit, self.file, self.value)
            first = self.detach(unit, "sleep", "920")
            self.assertEqual(first.status, 0, repr(first))
            (run,) = json.loads(self.machine.ok("runs", "--json"))
            (pid,) = processes_of("sleep", "920")
            group = self.root + control_groups.groups_of(pid)[""]
            self.assertEqual(control_groups.read(os.path.dirname(group), self.file), str(self.value))
            for folder in (unit, inner):
                result = self.detach(folder, "true")
                self.assert_refused(result, 125, "unionroot-test.service", first.out.strip(), lines=4)
            self.assertEqual(self.machine.run("run", "-d", "/", "small", "--", "true", preexec_fn=lambda: control_groups.move(unit, 0)).status, 0)
            for _ in range(2):  # without limits
                free = self.detach(other, "sleep", "921")
                self.assertEqual(free.status, 0, repr(free))
            self.machine.ok("kill", "-s", "KILL", run["run"])
            self.assertEqual(self.machine.run("wait", run["run"]).status, 137)
            self.assertTrue(wait_until(lambda: self.detach(unit, "true").status == 0))
            self.machine.ok("end", "--all", "--force")


if __name__ == "__main__":
    testing.main()
