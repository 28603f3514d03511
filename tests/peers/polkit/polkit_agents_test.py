"""Requests for which a person is asked: answered, dismissed, forgotten; and what changes meanwhile."""

import signal
import time

import unionroot_testing as testing
from polkit_testing import AGENT, CALLER, OWNER, STRANGER, PolkitTest, Program
from unionroot_testing import wait_until

AS_ROOT = ("Run", ("asked", "root", ["sh", "-c", "echo uid $(id -u)"]), True)
WAITING = 16  # waiting-per-user


class Asking(PolkitTest):
    def test_asked_and_answered(self):
        caller, agent, cookie = self.asked(AS_ROOT)
        self.assertEqual(agent.lines()[1], f"asked {cookie} org.unionroot1.run-as-root "
                         "Authentication is required to run a command as root in chroot asked")
        time.sleep(0.5)  # it waits for as long as that takes
        self.assertFalse([line for line in caller.lines() if line.startswith("0 ")])
        self.answer(agent, cookie)
        caller.wait("0 ok")
        caller.wait("uid 0")

    def test_asked_and_dismissed(self):
        caller, _, _ = self.asked(AS_ROOT, does="dismiss")
        answer = caller.wait("0 ")
        self.assertIn("org.unionroot1.Error.AuthenticationFailed", answer)
        self.assertIn("it was not authenticated", answer)

    def test_nobody_is_there_to_be_asked(self):
        caller = Program(self, OWNER, CALLER)
        caller.call(AS_ROOT)
        answer = caller.wait("0 ")
        self.assertIn("org.unionroot1.Error.AuthenticationFailed", answer)
        self.assertIn("there is no agent that could ask for it", answer)

    def test_nobody_is_asked_unless_the_call_allows_it(self):
        caller = Program(self, OWNER, CALLER)
        agent = Program(self, OWNER, AGENT, caller.process.pid, "wait")
        caller.call((AS_ROOT[0], AS_ROOT[1], False))
        self.assertIn("org.unionroot1.Error.AuthenticationRequired", caller.wait("0 "))
        self.assertEqual(agent.lines(), ["here"])

    def test_an_agent_of_another_user_is_not_asked(self):
        """polkit's own rule."""
        caller = Program(self, OWNER, CALLER)
        Program(self, STRANGER, AGENT, caller.process.pid, "wait", ready="gi.repository.GLib.GError")
        caller.call(AS_ROOT)
        self.assertIn("there is no agent", caller.wait("0 "))

    def test_the_caller_leaves_meanwhile(self):
        caller, agent, _ = self.asked(AS_ROOT)
        caller.finish()
        agent.wait("cancelled")
        self.assertEqual(self.machine.sessions(), [])

    def test_polkit_dies_meanwhile(self):
        caller, _, _ = self.asked(AS_ROOT)
        self.stop_polkit(signal.SIGKILL)
        answer = caller.wait("0 ")
        self.assertIn("org.unionroot1.Error.AuthenticationFailed", answer)
        self.assertIn("polkit could not be asked: it ended before it answered", answer)
        self.assertEqual(self.machine.sessions(), [])

    def answered_after_a_change(self, users):
        """A caller whose question is answered once the definition is another."""
        caller, agent, cookie = self.asked(AS_ROOT)
        self.addCleanup(self.define_all)
        self.machine.define_tree("asked", testing.small_tree(), users=users, description="another")
        self.assertTrue(wait_until(lambda: '"another"' in self.machine.ok("info", "asked", "--json")))
        self.answer(agent, cookie)
        return caller

    def test_the_lists_change_meanwhile(self):
        caller = self.answered_after_a_change(users="nobody")
        answer = caller.wait("0 ")
        self.assertIn("org.unionroot1.Error.AccessDenied", answer)
        self.assertIn("no list of it lets them be root", answer)
        self.assertEqual(self.machine.sessions(), [])

    def test_a_definition_that_means_the_same_is_permitted_still(self):
        caller = self.answered_after_a_change(users=OWNER)
        caller.wait("uid 0")

    def test_the_session_ends_meanwhile_and_another_has_its_name(self):
        self.machine.begin("asked", name="mine", user=OWNER)
        in_session = ("Run", ("session:mine", "root", ["sh", "-c", "echo uid $(id -u)"]), True)
        caller, agent, cookie = self.asked(in_session)
        self.machine.ok("end", "mine")
        self.answer(agent, cookie)
        self.assertIn("org.unionroot1.Error.NoSuchSession", caller.wait("0 "))
        # Another one of that name is asked for anew.
        self.machine.begin("asked", name="mine", user=OWNER)
        caller, agent, cookie = self.asked(in_session)
        self.machine.ok("end", "mine")
        self.machine.begin("asked", name="mine", user=OWNER)
        self.answer(agent, cookie)
        agent.wait("asked", 2)
        self.assertFalse([line for line in caller.lines() if line.startswith(("0 ", "uid"))], caller.lines())
        caller.finish()
        agent.wait("cancelled")
        self.machine.ok("end", "mine")

    def test_ending_the_session_of_another(self):
        session = self.machine.begin("asked", user=OWNER)
        caller, agent, cookie = self.asked(("End", [session], True), user=STRANGER)
        self.assertIn(f"Authentication is required to end session {session}, which belongs to {OWNER}", agent.lines()[1])
        self.assertEqual(len(self.machine.sessions()), 1)
        self.answer(agent, cookie)
        caller.wait("0 ok")
        self.assertEqual(self.machine.sessions(), [])

    def test_a_flood_of_one_user_is_bounded_and_keeps_nobody_else_waiting(self):
        caller = Program(self, OWNER, CALLER)
        agent = Program(self, OWNER, AGENT, caller.process.pid, "wait")
        caller.call(*[AS_ROOT] * 1000)
        agent.wait("asked", WAITING)
        start = time.monotonic()
        self.assertEqual(self.machine.ok("run", "--directory", "/", "other", "--", "id", "-un", user=STRANGER), STRANGER)
        self.assertEqual(self.machine.ok("run", "--directory", "/", "allowed", "--", "id", "-u"), "0")
        took = time.monotonic() - start

        def refused():  # by the daemon, or by the bus, which keeps few messages for it
            return [line for line in caller.lines() if "org.unionroot1.Error.LimitExceeded" in line
                    or "org.freedesktop.DBus.Error.LimitsExceeded" in line]

        # Whoever was not asked has been refused, and nobody else.
        self.assertTrue(wait_until(lambda: len(refused()) == 1000 - WAITING), f"{len(refused())} {caller.lines()[-3:]}")
        self.assertEqual(len([line for line in agent.lines() if line.startswith("asked")]), WAITING)
        # The same user's requests that nobody is to be asked for go on.
        self.assertEqual(self.machine.ok("run", "--directory", "/", "asked", "--", "id", "-un", user=OWNER), OWNER)
        print(f"a run of another user and one of root during the flood took {took:.2f} s", flush=True)
        self.assertLess(took, 20)
        caller.finish()
        agent.wait("cancelled", WAITING)
        # And there is room again.
        caller, agent, cookie = self.asked(AS_ROOT)
        self.answer(agent, cookie)
        caller.wait("uid 0")

    @classmethod
    def define_all(cls, **keys):
        super().define_all(**keys)
        cls.machine.define_tree("other", testing.small_tree(), users=STRANGER, **keys)


class TimeLimit(PolkitTest):
    settings = {"authentication-time-limit": "2"}

    def test_what_nobody_answers_is_over_in_time(self):
        start = time.monotonic()
        caller, agent, _ = self.asked(AS_ROOT)
        answer = caller.wait("0 ")
        self.assertGreater(time.monotonic() - start, 1.9)
        self.assertIn("org.unionroot1.Error.AuthenticationFailed", answer)
        self.assertIn("nobody authenticated in time", answer)
        agent.wait("cancelled")

    def test_a_polkit_that_hangs_holds_up_its_own_requests_alone(self):
        self.polkit.send_signal(signal.SIGSTOP)
        try:
            caller = Program(self, OWNER, CALLER)
            caller.call(AS_ROOT)
            self.assertEqual(self.machine.ok("run", "--directory", "/", "asked", "--", "id", "-un", user=OWNER), OWNER)
            self.assertIn("nobody authenticated in time", caller.wait("0 "))
        finally:
            self.polkit.send_signal(signal.SIGCONT)


if __name__ == "__main__":
    testing.main()
