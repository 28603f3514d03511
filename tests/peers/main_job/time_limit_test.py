"""run --timeout: what a command that takes too long gets, and what is left of it."""

import json
import os
import signal

import unionroot_testing as testing
from terminal import TerminalTestCase
from unionroot_testing import EndToEndTest

OWNER = "games"
TRAPS = "trap 'echo told; exit 3' TERM; echo begun; sleep 900 & wait"


def define(machine):
    machine.define_tree("small", testing.small_tree(), users=OWNER, profile="default")


class TimeLimit(EndToEndTest):
    @classmethod
    def prepare(cls):
        define(cls.machine)

    def tearDown(self):
        self.assert_nothing_left()

    def run_limited(self, *options, command, name="small", **more):
        return self.machine.run("run", "--directory", "/", *options, name, "--", "sh", "-c", command, user=OWNER, **more)

    def assert_took_too_long(self, result, out, limit):
        self.assertEqual((result.status, result.out), (124, out), repr(result))
        self.assertIn(f"took longer than {limit} s", result.err)

    def test_it_is_told(self):
        self.assert_took_too_long(self.run_limited("--timeout", "4.5", command=TRAPS), "begun\ntold\n", "4.5")

    def test_one_that_does_not_listen_is_killed_with_all_that_it_started(self):
        session = self.machine.begin("small", user=OWNER)
        result = self.run_limited("--timeout", "4.5", "--kill-after", "0.5", name=session,
                                  command="trap '' TERM; bash -c 'set -m; sleep 901 & echo $!'; echo $$; exec sleep 902")
        self.assertEqual(result.status, 124, repr(result))
        pids = [int(line) for line in result.out.split()]
        self.assertEqual(len(pids), 2)
        self.assertTrue(testing.wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids)), pids)
        self.assertTrue(testing.wait_until(lambda: json.loads(self.machine.ok("info", "--json", session))["runs"] == []))
        self.machine.ok("end", session)

    def test_one_that_is_stopped(self):
        result = self.run_limited("--timeout", "4.5", command="trap 'echo told; exit 0' TERM; kill -STOP $$; sleep 903 & wait")
        self.assert_took_too_long(result, "told\n", "4.5")

    def test_one_that_is_done_in_time(self):
        result = self.run_limited("--timeout", "60", command="exit 7")
        self.assertEqual((result.status, result.out, result.err), (7, "", ""))
        # Its own 124 is not ours.
        result = self.run_limited("--timeout", "60", command="exit 124")
        self.assertEqual((result.status, result.err), (124, ""))

    def test_a_caller_who_ignores_the_alarm(self):
        result = self.run_limited("--timeout", "4.5", command=TRAPS, preexec_fn=lambda: signal.signal(signal.SIGALRM, signal.SIG_IGN))
        self.assert_took_too_long(result, "begun\ntold\n", "4.5")

    def test_an_alarm_of_others_is_passed_on(self):
        client = self.machine.popen("run", "--directory", "/", "small", "--", "sh", "-c", "trap 'echo rang; exit 5' ALRM; echo begun; sleep 904 & wait",
                                    user=OWNER, text=True)
        self.machine.children[client.pid] = "unionroot"
        self.assertEqual(client.stdout.readline(), "begun\n")

        def relays():  # before it does, a signal is its own
            with open(f"/proc/{client.pid}/status") as file:
                blocked = next(line.split()[1] for line in file if line.startswith("SigBlk:"))
            return int(blocked, 16) >> signal.SIGALRM - 1 & 1

        self.assertTrue(testing.wait_until(relays))
        client.send_signal(signal.SIGALRM)
        self.assertEqual(client.communicate(timeout=testing.PATIENCE), ("rang\n", ""))
        self.assertEqual(client.returncode, 5)

    def test_a_session_that_is_kept(self):
        result = self.run_limited("--keep", "failed", "--timeout", "4.5", command=TRAPS)
        self.assert_took_too_long(result, "begun\ntold\n", "4.5")
        (kept,) = self.machine.sessions()
        self.assertIn(kept["id"] if isinstance(kept, dict) else kept, result.err)
        self.machine.ok("end", "--all")

    def test_as_json(self):
        result = self.run_limited("--json-errors", "--timeout", "4.5", command=TRAPS)
        self.assertEqual(json.loads(result.err)["error"]["name"], "TimedOut")
        self.assertEqual(result.status, 124)

    def test_bad_input(self):
        for options, words in ((("--timeout", "0"), "0 seconds"), (("--timeout", "-1"), "not a number of seconds"),
                               (("--timeout", "soon"), "not a number of seconds"), (("--timeout", "1", "--kill-after", "0"), "0 seconds"),
                               (("--kill-after", "1"), "--kill-after is for --timeout")):
            result = self.run_limited(*options, command="echo ran")
            self.assertEqual((result.status, result.out), (125, ""), repr(result))
            self.assertIn(words, result.err)
            self.assertIn("--timeout 600", result.err)


class OnATerminal(TerminalTestCase):
    @classmethod
    def prepare(cls):
        define(cls.machine)

    def test_one_that_is_told_and_one_that_is_killed(self):
        client = " ".join(self.machine.arguments("run", "--directory", "/", "--timeout", "5", "--kill-after", "5"))
        self.type(f"{client} small -- sh -c 'trap \"echo $((6*7))x\" TERM; sleep 905 & wait; wait'; echo status $?")
        self.wait_for("status 124")
        self.assertIn("42x", self.screen())
        # The terminal is as it was.
        self.type("echo aft''er")
        self.wait_for("after")


if __name__ == "__main__":
    testing.main()
