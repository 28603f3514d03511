"""on-shutdown: what becomes of sessions when the daemon is stopped because the machine goes down, and when it is not."""

import os
import signal
import subprocess
import sys
import unittest

import unionroot_testing as testing
from recovery_testing import CrashMachine

FAKE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fake_systemd.py")


class OnShutdown(unittest.TestCase):
    def setUp(self):
        # Only on the system bus is there a systemd that speaks for the machine.
        self.machine = CrashMachine({"bus": "system"})
        self.machine.environment["DBUS_SYSTEM_BUS_ADDRESS"] = self.machine.address
        self.addCleanup(self.close)
        tree = testing.small_tree()
        for word in ("leave", "end"):
            self.machine.define_tree(word, tree, on_shutdown=word)
        self.machine.define_tree("usual", tree)
        self.machine.start()

    def close(self):
        problems = self.machine.close()
        self.assertEqual(problems, [], self.machine.log())

    def systemd_says(self, state):
        process = subprocess.Popen([sys.executable, "-B", FAKE, self.machine.address, state], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, text=True)
        self.machine.children[process.pid] = "systemd"

        def end():
            process.terminate()
            process.wait()
            process.stdout.close()

        self.addCleanup(end)
        self.assertEqual(process.stdout.readline(), "ready\n")

    def begin_all(self):
        for name in ("leave", "end", "usual"):
            self.machine.begin(name, name=name + "-session")
        # With a command in it, which goes with the session.
        self.machine.inside("end-session", "sh", "-c", "echo lost >/file; sleep 1000 >/dev/null 2>&1 & echo")

    def test_the_machine_goes_down(self):
        self.systemd_says("stopping")
        self.begin_all()
        self.machine.end_daemon(signal.SIGTERM)
        self.assertEqual(sorted(os.listdir(os.path.join(self.machine.state, "sessions"))), ["leave-session", "usual-session"])
        self.assertEqual(sorted(name.partition(".session.")[2] for name in self.machine.lock_files()),
                         ["leave-session", "usual-session"])
        self.machine.start_daemon()
        self.assertEqual(sorted(self.machine.by_id()), ["leave-session", "usual-session"])
        self.machine.ok("end", "--all")

    def test_a_script_fails_as_the_machine_goes_down(self):
        """The session stays, as failed: the next start must not end it by force."""
        scripts = os.path.join(self.machine.place, "scripts")
        broken = os.path.join(self.machine.place, "broken")
        os.mkdir(scripts)
        script = os.path.join(scripts, "10stop")
        with open(script, "w") as file:
            file.write(f"#!/bin/sh\n[ $1 != setup-stop ] || ! [ -e {broken} ]\n")
        os.chmod(script, 0o755)
        self.machine.define_tree("scripts", testing.small_tree(), on_shutdown="end", hook_directories=scripts)
        self.systemd_says("stopping")
        session = self.machine.begin("scripts")
        with open(broken, "w"):
            pass
        self.machine.end_daemon(signal.SIGTERM)
        self.machine.start_daemon()
        self.assertEqual(self.machine.settled(session), "failed")
        self.assertIn("10stop", self.machine.info(session)["error"])
        os.unlink(broken)
        self.machine.ok("end", session)

    def test_only_the_daemon_is_stopped(self):
        self.systemd_says("running")
        self.begin_all()
        self.machine.end_daemon(signal.SIGTERM)
        self.machine.start_daemon()
        self.assertEqual(sorted(self.machine.by_id()), ["end-session", "leave-session", "usual-session"])
        self.assertEqual(self.machine.inside("end-session", "cat", "/file"), "lost")
        self.machine.ok("end", "--all")

    def test_no_systemd(self):
        self.begin_all()
        self.machine.end_daemon(signal.SIGTERM)
        self.machine.start_daemon()
        self.assertEqual(len(self.machine.by_id()), 3)
        self.machine.ok("end", "--all")


if __name__ == "__main__":
    testing.main()
