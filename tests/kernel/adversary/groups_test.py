"""A command is in its caller's control groups, and there is no way out of them by a session: not of a job's limits, and not
of what ends a session."""

import contextlib
import json
import os
import pwd
import shutil
import signal
import subprocess
import time
import unittest

import control_groups
import stranger
import unionroot_testing as testing
from control_groups import inside, made, membership, move, read, write
from unionroot_testing import EndToEndTest, wait_until

OWNER = pwd.getpwnam(stranger.OWNER)
HIERARCHIES = control_groups.hierarchies()
NAME = f"unionroot-test-{os.getpid()}"
token = 10000


def unique():
    """A number of seconds for sleep(1) that no other process has."""
    global token
    token += 1
    return f"{token}.{os.getpid()}"


def pids_of(seconds):
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if words[:2] == [b"sleep", seconds.encode()]:
            found.append(int(name))
    return found


def parent_of(pid):
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[1])


@unittest.skipUnless("" in HIERARCHIES, "no cgroup version 2 hierarchy")
class GroupsTest(EndToEndTest):
    @classmethod
    def prepare(cls):
        cls.tree = os.path.join(cls.machine.place, "tree")
        shutil.copytree(testing.small_tree(), cls.tree, symlinks=True)
        shutil.copy2(shutil.which("unshare"), os.path.join(cls.tree, "usr/bin/unshare"))
        cls.machine.define_tree("small", cls.tree, users=stranger.OWNER, root_users="root")
        cls.machine.define_tree("own", cls.tree, users=stranger.OWNER, cgroup="own")

    def setUp(self):
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)

    def tearDown(self):
        self.doCleanups()  # what a test has started ends first
        self.assert_nothing_left()

    def group(self, hierarchy="", name=NAME, below=""):
        return self.stack.enter_context(made(hierarchy, name, below))

    def begin(self, chroot="small", user=stranger.OWNER):
        session = self.machine.begin(chroot, user=user)
        self.stack.callback(self.machine.run, "end", "--force", session)
        return session

    def client(self, *arguments, user=stranger.OWNER, groups=()):
        with inside(*groups):
            client = self.machine.popen("run", "--directory", "/", *arguments, user=user)
        self.stack.callback(testing.finish, client)
        return client

    def wait_for(self, condition, what):
        self.assertTrue(wait_until(condition), what + "\n" + self.machine.log())

    def sleeping(self, *arguments, **options):
        """A client whose command sleeps; (client, pid)."""
        seconds = unique()
        client = self.client(*arguments, "--", "sleep", seconds, **options)
        self.wait_for(lambda: pids_of(seconds) or client.poll() is not None, "the command does not start")
        self.assertEqual(client.poll(), None, client.poll() is not None and client.stderr.read())
        (pid,) = pids_of(seconds)
        return client, pid

    def runs(self, session):
        return json.loads(self.machine.ok("info", session, "--json"))["runs"]


class CallersTest(GroupsTest):
    def test_a_command_is_beneath_its_callers_group_and_in_each_of_version_1(self):
        folders = [self.group(name) for name in HIERARCHIES]
        for arguments, user in ((["small"], stranger.OWNER), (["small"], None), ([self.begin()], stranger.OWNER)):
            with self.subTest(arguments=arguments, user=user), inside(*folders):
                own = control_groups.groups_of()
                found = membership(self.machine.ok("run", "--directory", "/", *arguments, "--", "cat", "/proc/self/cgroup",
                                                   user=user))
            self.assertTrue(found.pop("").startswith(own.pop("") + "/unionroot-"), found)
            self.assertEqual(found, own)
        self.wait_for(lambda: not [name for name in os.listdir(folders[0]) if name.startswith("unionroot-")],
                      "a group of a run is left")

    def test_info_says_where_a_run_is(self):
        group = self.group()
        session = self.begin()
        _, pid = self.sleeping(session, groups=[group])
        (run,) = self.runs(session)
        self.assertEqual(run["cgroup"], control_groups.groups_of(pid)[""])
        self.assertEqual(run["state"], "running")
        self.assertIn(run["cgroup"], self.machine.ok("info", session))
        of_others = json.loads(self.machine.ok("info", session, "--json", user=stranger.STRANGER))["runs"]
        self.assertNotIn("cgroup", of_others[0])

    def test_its_supervisor_is_not(self):
        group = self.group()
        client, pid = self.sleeping("small", groups=[group])
        self.assertEqual(control_groups.groups_of(parent_of(pid))[""], control_groups.groups_of(self.machine.daemon.pid)[""])
        self.assertTrue(control_groups.groups_of(pid)[""].startswith(f"/{NAME}/"))
        client.kill()
        self.wait_for(lambda: not pids_of(str(pid)) and not self.machine.sessions(), "the session stays")

    def test_what_kills_the_callers_group_kills_the_command(self):
        group = self.group()
        client, pid = self.sleeping("small", groups=[group])
        write(group, "cgroup.kill", 1)
        client.wait(testing.PATIENCE)
        self.wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "the command lives on")

    def test_the_daemons_own_where_the_definition_says_so(self):
        group = self.group()
        with inside(group):
            found = membership(self.machine.ok("run", "--directory", "/", "own", "--", "cat", "/proc/self/cgroup",
                                               user=stranger.OWNER))
        self.assertNotIn(NAME, found[""])
        self.assertIn("unionroot-", found[""])


class LimitsTest(GroupsTest):
    """A job whose processes are counted."""

    FORKS = "i=0; while [ $i -lt 60 ]; do sleep 5 & i=$((i+1)); done; echo all"

    def setUp(self):
        super().setUp()
        self.version = "pids" if "pids" in HIERARCHIES else ""
        self.job = self.group(self.version)
        if not os.path.exists(os.path.join(self.job, "pids.max")):
            self.skipTest("no group here can have pids.max")

    def test_a_job_cannot_start_more_by_a_session_than_it_may(self):
        write(self.job, "pids.max", 20)
        with inside(self.job):
            result = self.machine.run("run", "--directory", "/", "small", "--", "sh", "-c", self.FORKS, user=stranger.OWNER)
        self.assertNotIn("all", result.out, "60 processes in a job that may have 20")
        self.assertNotEqual(result.status, 0, repr(result))

    def test_a_job_that_is_full_gets_no_command(self):
        self.assert_refused_when_full(lambda: 1)  # the client itself

    def test_a_job_above_that_is_full_gets_none(self):
        below = self.group(self.version, "below", f"/{NAME}")
        self.job, above = below, self.job
        self.assert_refused_when_full(lambda: 1, above)

    @staticmethod
    def without_leak_check():
        """A sanitizer looks for leaks in a thread of its own, which a full group does not let it have."""
        return {**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}

    def assert_refused_when_full(self, most, limited=None):
        session = self.begin()
        with inside(self.job):
            client = self.machine.popen("run", "--directory", "/", session, "--", "echo", "ran", user=stranger.OWNER,
                                        stdin=subprocess.PIPE)
        write(limited or self.job, "pids.max", most())
        out, err = client.communicate(timeout=testing.PATIENCE)
        # The limit may have come after the command.
        self.assertIn(out, (b"", b"ran\n"))
        with inside(self.job):
            write(limited or self.job, "pids.max", "max")
            stopped = subprocess.Popen(["sh", "-c", 'kill -STOP $$; exec "$@"', "sh", *self.machine.arguments(
                "run", "--directory", "/", session, "--", "echo", "ran")], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                       user=OWNER.pw_uid, group=OWNER.pw_gid, cwd="/", text=True, env=self.without_leak_check())
        self.stack.callback(testing.finish, stopped)
        os.waitpid(stopped.pid, os.WUNTRACED)
        write(limited or self.job, "pids.max", 1)
        stopped.send_signal(signal.SIGCONT)
        out, err = stopped.communicate(timeout=testing.PATIENCE)
        self.assertEqual((stopped.returncode, out), (125, ""), err)
        self.assertIn("pids.max", err)

    def test_a_group_that_cannot_be_entered_is_no_way_out(self):
        group = self.group("", NAME + "-v2")
        write(group, "cgroup.max.descendants", 0)
        session = self.begin()
        with inside(group):
            for arguments in (["small"], [session]):
                result = self.machine.run("run", "--directory", "/", *arguments, "--", "echo", "ran", user=stranger.OWNER)
                self.assert_refused(result, 125, "caller's control group", NAME, "cgroup=own")
        self.assertEqual(self.runs(session), [])

    def test_a_threaded_group_is_none_either(self):
        domain = self.group("", NAME + "-v2")
        threaded = self.group("", "threaded", f"/{NAME}-v2")
        write(threaded, "cgroup.type", "threaded")
        session = self.begin()
        with inside(domain), inside(threaded):
            result = self.machine.run("run", "--directory", "/", session, "--", "echo", "ran", user=stranger.OWNER)
        self.assert_refused(result, 125, "control group")
        self.assertEqual(self.runs(session), [])


class EndTest(GroupsTest):
    def delegated(self):
        """A group of the owner's own, with another one in it. (job, out)"""
        job = self.group()
        out = self.group("", "out", f"/{NAME}")
        for folder in (job, out):
            for name in (".", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"):
                os.chown(os.path.join(folder, name), OWNER.pw_uid, OWNER.pw_gid)
        return job, out

    def move_as_owner(self, pid, folder):
        with inside(os.path.dirname(folder)):
            subprocess.run(["sh", "-c", f'echo {pid} > "$1/cgroup.procs"', "sh", folder], user=OWNER.pw_uid,
                           group=OWNER.pw_gid, check=True)

    def assert_ends(self, session, pid):
        begun = time.monotonic()
        self.machine.ok("end", session)
        self.assertFalse(os.path.exists(f"/proc/{pid}"), "a process of the session lives on after its end")
        self.assertLess(time.monotonic() - begun, 9)

    def test_what_its_user_moves_out_of_the_group_ends_with_the_session(self):
        job, out = self.delegated()
        session = self.begin()
        client, pid = self.sleeping(session, groups=[job])
        self.move_as_owner(pid, out)
        self.assertEqual(control_groups.groups_of(pid)[""], f"/{NAME}/out")
        self.assert_ends(session, pid)
        client.wait(testing.PATIENCE)

    def test_what_its_user_moves_out_of_the_group_ends_with_its_client(self):
        job, out = self.delegated()
        session = self.begin()
        seconds = unique()
        client = self.client(session, "--", "sh", "-c", f"sleep {seconds} & wait", groups=[job])
        self.wait_for(lambda: pids_of(seconds), "the command does not start")
        (pid,) = pids_of(seconds)
        self.move_as_owner(pid, out)
        client.kill()
        self.wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "it lives on after its client has gone")

    def test_what_left_the_group_and_the_namespace_ends_too(self):
        for left in (False, True):
            with self.subTest(left=left):
                session = self.begin(user=None)
                seconds = unique()
                # The shell ends, if the command is to be one that has left processes.
                client = self.client(session, "--", "sh", "-c",
                                     f"unshare --mount sleep {seconds} </dev/null >/dev/null 2>&1 & {'' if left else 'wait'}",
                                     user=None)
                self.wait_for(lambda: pids_of(seconds), "the command does not start")
                (pid,) = pids_of(seconds)
                if left:
                    self.assertEqual(client.wait(testing.PATIENCE), 0)
                move(HIERARCHIES[""] + control_groups.groups_of()[""], pid)
                self.assert_ends(session, pid)

    def test_a_frozen_group_holds_up_nobody(self):
        job = self.group()
        session = self.begin()
        _, pid = self.sleeping(session, groups=[job])
        write(job, "cgroup.freeze", 1)
        self.stack.callback(lambda: os.path.exists(job) and write(job, "cgroup.freeze", 0))
        self.wait_for(lambda: "frozen 1" in read(job, "cgroup.events"), "the group does not freeze")
        self.assertEqual(self.machine.inside(self.begin(), "echo", "works", user=stranger.OWNER), "works")
        self.assert_ends(session, pid)

    @unittest.skipUnless("freezer" in HIERARCHIES, "no freezer of version 1")
    def test_what_cannot_be_killed_fails_the_session_which_keeps_its_locks(self):
        job = self.group("freezer")
        session = self.begin()
        _, pid = self.sleeping(session, groups=[job])
        write(job, "freezer.state", "FROZEN")
        thaw = self.stack.callback(lambda: os.path.exists(job) and write(job, "freezer.state", "THAWED"))
        begun = time.monotonic()
        result = self.machine.run("end", session)
        self.assertLess(time.monotonic() - begun, 14)
        self.assert_refused(result, 125, "these remain", str(pid), "locks", lines=4)
        info = json.loads(self.machine.ok("info", session, "--json"))
        self.assertEqual(info["state"], "failed")
        self.assertIn(str(pid), info["error"])
        self.assertTrue(json.loads(self.machine.ok("locks", "--json"))["locks"], "its lock is gone")
        self.assertTrue(os.path.exists(info["upper"]), "its upper layer is gone")
        thaw()
        self.machine.ok("end", session)
        self.assertFalse(os.path.exists(f"/proc/{pid}"))

    def test_what_a_command_leaves_goes_on_and_is_shown(self):
        group = self.group()
        session = self.begin()
        seconds = unique()
        with inside(group):
            result = self.machine.run("run", "--directory", "/", session, "--", "sh", "-c",
                                      f"sleep {seconds} </dev/null >/dev/null 2>&1 & exit 3", user=stranger.OWNER)
        self.assertEqual(result.status, 3, repr(result))
        (pid,) = pids_of(seconds)
        self.wait_for(lambda: self.runs(session)[0]["state"] == "processes-left", "the run is not shown as ended")
        self.assertIn("processes of it go on", self.machine.ok("info", session))
        self.machine.stop_daemon(signal.SIGKILL)
        self.machine.start_daemon()
        self.wait_for(lambda: [run["state"] for run in self.runs(session)] == ["processes-left"], "a new daemon has forgotten it")
        os.kill(pid, signal.SIGKILL)
        self.wait_for(lambda: not self.runs(session), "the run stays after its last process")
        self.wait_for(lambda: not [name for name in os.listdir(group) if name.startswith("unionroot-")], "its group stays")

    def test_what_a_command_leaves_in_an_automatic_session_ends_with_it(self):
        seconds = unique()
        result = self.machine.run("run", "--directory", "/", "small", "--", "sh", "-c",
                                  f"sleep {seconds} </dev/null >/dev/null 2>&1 & exit 4", user=stranger.OWNER)
        self.assertEqual((result.status, pids_of(seconds)), (4, []), repr(result))

    def test_a_daemon_that_is_killed_finds_the_groups_again(self):
        group = self.group()
        session = self.begin()
        _, pid = self.sleeping(session, groups=[group])
        self.machine.stop_daemon(signal.SIGKILL)
        self.machine.start_daemon()
        self.assertEqual(self.runs(session)[0]["cgroup"], control_groups.groups_of(pid)[""])
        self.assert_ends(session, pid)
        self.assertEqual([name for name in os.listdir(group) if name.startswith("unionroot-")], [])

    def test_groups_of_runs_that_were_never_known_are_removed(self):
        points = os.path.join(self.machine.place, "points")
        os.makedirs(points, exist_ok=True)
        group = self.group()
        session = self.begin()
        self.machine.stop_daemon()
        self.machine.start_daemon(environment={"UNIONROOT_FAULT_FOLDER": points})
        for point in ("outside cgroup note", "outside cgroup mkdir", "outside cgroup mkdir done", "before a command is executed"):
            for arguments in ([session], ["small"]):
                with self.subTest(point=point, arguments=arguments):
                    with open(os.path.join(points, point), "w"):
                        pass
                    client = self.client(*arguments, "--", "true", groups=[group])
                    time.sleep(0.5)
                    self.machine.stop_daemon(signal.SIGKILL)
                    os.unlink(os.path.join(points, point))
                    client.wait(testing.PATIENCE)
                    self.machine.start_daemon(environment={"UNIONROOT_FAULT_FOLDER": points})
                    self.wait_for(lambda: not [name for name in os.listdir(group) if name.startswith("unionroot-")],
                                  "a group is left beneath the caller's")
        self.machine.stop_daemon()
        self.machine.start_daemon()


if __name__ == "__main__":
    testing.main()
