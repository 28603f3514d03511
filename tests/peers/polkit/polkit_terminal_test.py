"""On a terminal: the client starts polkit's own agent, which asks for the password, and PAM knows it."""

import os
import pwd
import shutil
import subprocess
import unittest

import unionroot_testing as testing
from polkit_testing import OWNER, PolkitTest
from terminal import TerminalTestCase

PASSWORD = "correct horse"
# crypt(3) of it.
HASH = "$6$unionroot$6YP7CtO8oQnmX7jYpHfOGWhYuDgp5ZBb8H9fr/dUNbhRyLxG/DN5k.Q4dyej.3BO.tw18qrVSW6pXKU1zvx5w."
AGENT = "/usr/bin/pkttyagent"


class OnTerminal(TerminalTestCase, PolkitTest):
    @classmethod
    def setUpClass(cls):
        if not os.access(AGENT, os.X_OK):
            raise unittest.SkipTest("needs pkttyagent")
        super().setUpClass()

    @classmethod
    def prepare(cls):
        super().prepare()
        shadow = os.path.join(cls.machine.place, "shadow")
        shutil.copy("/etc/shadow", shadow)
        shutil.chown(shadow, "root", "shadow")
        os.chmod(shadow, 0o640)
        with open(shadow) as file:
            lines = [line for line in file if not line.startswith(OWNER + ":")]
        with open(shadow, "w") as file:
            file.write("".join(lines) + f"{OWNER}:{HASH}:19000:0:99999:7:::\n")
        cls.mount("--bind", shadow, "/etc/shadow")

    def setUp(self):
        self.machine.users.add(OWNER)
        self.start_polkit()
        TerminalTestCase.setUp(self)

    def tearDown(self):
        TerminalTestCase.tearDown(self)
        self.stop_polkit()

    def client(self, *words):
        return " ".join(["setpriv", "--reuid", OWNER, "--regid", OWNER, "--init-groups", testing.client_path(), "--config",
                         self.machine.settings_file, *words])

    def agents(self):
        return [command for command in testing.descendants(os.getpid()).values() if "pkttyagent" in command]

    def back(self):
        if not testing.wait_until(lambda: self.screen().endswith("\nouter#"), step=0.1):
            self.fail(f"the outer shell never came back:\n{self.screen()}\n{self.machine.log()}")
        self.assertTrue(testing.wait_until(lambda: not self.agents()), self.agents())

    def has_echo(self):
        self.type("stty -a | tr ' ' '\\n' | grep -x -e echo -e -echo | sed 's/^/now /'")
        self.wait_for("\nnow ")
        return "\nnow echo" in self.screen()

    def test_the_password_is_asked_for_on_the_terminal(self):
        self.type(self.client("run --user root --directory / asked -- id -u"))
        self.wait_for("Authentication is required to run a command as root in chroot asked")
        self.wait_for("Password:")
        self.type(PASSWORD)
        self.wait_for("AUTHENTICATION COMPLETE")
        self.back()
        self.assertIn("\n0\nouter#", self.screen())
        self.assertNotIn(PASSWORD, self.screen())
        self.assertTrue(self.has_echo(), self.screen())

    def test_a_wrong_password(self):
        self.type(self.client("run --user root --directory / asked -- id -u"))
        self.wait_for("Password:")
        self.type("wrong")
        self.wait_for("AUTHENTICATION FAILED")
        self.back()
        self.assertIn("may not run a command as root in chroot 'asked': to be root needs authentication; it was not authenticated",
                      self.screen())
        self.assertNotIn("\n0\nouter#", self.screen())
        self.assertTrue(self.has_echo(), self.screen())

    def test_ctrl_c_at_the_password(self):
        self.type(self.client("run --user root --directory / asked -- id -u"))
        self.wait_for("Password:")
        self.key("C-c")
        self.back()
        self.assertTrue(self.has_echo(), self.screen())

    def test_what_needs_no_password_starts_no_agent(self):
        trace = os.path.join(self.machine.place, "trace")
        done = subprocess.run(["strace", "-f", "-e", "trace=execve", "-o", trace, *self.machine.arguments(
            "run", "--directory", "/", "asked", "--", "true")], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done)
        with open(trace) as file:
            self.assertNotIn("pkttyagent", file.read())


if __name__ == "__main__":
    testing.main()
