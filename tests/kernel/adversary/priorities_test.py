"""How the kernel shares things out to a command is as its caller has it: nice, processors, I/O, memory, scheduling."""

import contextlib
import os
import subprocess
import time

import stranger
import unionroot_testing as testing
from unionroot_testing import EndToEndTest, wait_until


OWN = os.getpriority(os.PRIO_PROCESS, 0)  # nice(1) adds to it


def priorities(pid):
    with open(f"/proc/{pid}/oom_score_adj") as file:
        oom = int(file.read())
    return {
        "nice": os.getpriority(os.PRIO_PROCESS, pid),
        "processors": os.sched_getaffinity(pid),
        "policy": os.sched_getscheduler(pid),
        "priority": os.sched_getparam(pid).sched_priority,
        "io": subprocess.run(["ionice", "-p", str(pid)], stdout=subprocess.PIPE, text=True, check=True).stdout.strip(),
        "oom": oom,
    }


class PrioritiesTest(EndToEndTest):
    @classmethod
    def prepare(cls):
        cls.machine.define_tree("small", testing.small_tree(), users=stranger.OWNER, root_users="root")

    def tearDown(self):
        self.doCleanups()  # what a test has started ends first
        self.assert_nothing_left()

    @staticmethod
    def finish(client):
        client.kill()
        client.communicate(timeout=testing.PATIENCE)

    def command(self, *prefix, user=stranger.OWNER):
        """(priorities of the client that this prefix starts, those of its command)"""
        seconds = f"{time.monotonic_ns()}"
        arguments = self.machine.arguments
        with contextlib.ExitStack() as stack:
            stack.callback(setattr, self.machine, "arguments", arguments)
            self.machine.arguments = lambda *words: [*prefix, *arguments(*words)]
            client = self.machine.popen("run", "--directory", "/", "small", "--", "sleep", seconds, user=user)
        self.addCleanup(self.finish, client)
        found = []

        def started():
            for name in filter(str.isdigit, os.listdir("/proc")):
                with contextlib.suppress(OSError), open(f"/proc/{name}/cmdline", "rb") as file:
                    if file.read().split(b"\0")[:2] == [b"sleep", seconds.encode()]:
                        found.append(int(name))
            return found or client.poll() is not None

        self.assertTrue(wait_until(started), self.machine.log())
        if not found:
            self.fail(client.stderr.read().decode())
        return priorities(client.pid), priorities(found[0])

    def assert_kept(self, expected, *prefix, **options):
        callers, commands = self.command(*prefix, **options)
        self.assertEqual({key: callers[key] for key in expected}, expected, "the test's own means")
        self.assertEqual(commands, callers)

    def test_nice(self):
        self.assert_kept({"nice": min(OWN + 7, 19)}, "nice", "-n", "7")

    def test_less_than_nothing_for_root_alone(self):
        self.assert_kept({"nice": max(OWN - 5, -20)}, "nice", "-n", "-5", user=None)

    def test_processors(self):
        one = min(os.sched_getaffinity(0))
        if len(os.sched_getaffinity(0)) < 2:
            self.skipTest("one processor")
        self.assert_kept({"processors": {one}}, "taskset", "-c", str(one))

    def test_io(self):
        self.assert_kept({"io": "idle"}, "ionice", "-c", "3")
        self.assert_kept({"io": "best-effort: prio 6"}, "ionice", "-c", "2", "-n", "6")

    def test_memory(self):
        self.assert_kept({"oom": 345}, "choom", "-n", "345", "--")

    def test_policies(self):
        self.assert_kept({"policy": os.SCHED_BATCH, "nice": min(OWN + 3, 19)}, "nice", "-n", "3", "chrt", "--batch", "0")
        self.assert_kept({"policy": os.SCHED_IDLE}, "chrt", "--idle", "0")

    def real_time(self, *words):
        probe = subprocess.run([*words, "true"], stderr=subprocess.PIPE, text=True)
        if probe.returncode != 0:
            self.skipTest("no real-time policy here: " + probe.stderr.strip())
        return words

    def test_a_real_time_policy(self):
        self.assert_kept({"policy": os.SCHED_RR, "priority": 4}, *self.real_time("chrt", "--rr", "4"), user=None)

    def test_a_policy_that_a_fork_takes_back_is_taken_back(self):
        _, commands = self.command(*self.real_time("chrt", "-R", "--fifo", "4"), user=None)
        self.assertEqual((commands["policy"], commands["priority"]), (os.SCHED_OTHER, 0))

    def test_the_daemons_own_are_not_its_commands(self):
        daemon = self.machine.daemon.pid
        all_of_them = os.sched_getaffinity(daemon)
        tasks = [int(name) for name in os.listdir(f"/proc/{daemon}/task")]
        for task in tasks:
            os.setpriority(os.PRIO_PROCESS, task, OWN + 3 if OWN < 10 else OWN - 3)
            os.sched_setaffinity(task, {min(all_of_them)})
        try:
            self.assert_kept({"nice": OWN, "processors": all_of_them})
        finally:
            for task in tasks:
                os.setpriority(os.PRIO_PROCESS, task, OWN)
                os.sched_setaffinity(task, all_of_them)


if __name__ == "__main__":
    testing.main()
