"""A terminal by tmux, for tests that type and look at a screen."""

import os
import shutil
import subprocess
import unittest

import unionroot_testing as testing
from unionroot_testing import EndToEndTest


class TerminalTestCase(EndToEndTest):
    """Each test has a shell with the prompt `outer# ` on a screen of its own."""

    environment = ""  # further NAME=VALUE of that shell, as in a command line

    @classmethod
    def setUpClass(cls):
        if shutil.which("tmux") is None:
            raise unittest.SkipTest("needs tmux")
        super().setUpClass()
        cls.tmux_socket = os.path.join(cls.machine.place, "tmux")

    def tmux(self, *arguments):
        environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8", "TERM": "xterm-256color",
                       "HOME": "/root", "SHELL": "/bin/sh"}
        return subprocess.run(["tmux", "-S", self.tmux_socket, "-f", "/dev/null", *arguments], env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def setUp(self):
        started = self.tmux("new-session", "-d", "-x", "100", "-y", "30", "-s", "t", "env -i PATH=$PATH TERM=$TERM "
                            f"HOME=/root LC_ALL=C.UTF-8 PS1='outer# ' {self.environment} sh")
        self.assertEqual(started.returncode, 0, started.stdout)
        self.server = int(self.tmux("display-message", "-p", "#{pid}").stdout)
        for pid in testing.descendants(os.getpid()):
            self.machine.children.setdefault(pid, "of tmux, or there before")
        self.wait_for("outer#")

    def tearDown(self):
        self.tmux("kill-server")
        testing.wait_until(lambda: not os.path.exists(f"/proc/{self.server}/exe"))
        self.assert_nothing_left()

    def screen(self):
        return self.tmux("capture-pane", "-p", "-J", "-S", "-200", "-t", "t").stdout.rstrip()

    def wait_for(self, text):
        if not testing.wait_until(lambda: text in self.screen(), step=0.1):
            self.fail(f"{text!r} never appeared on the terminal:\n{self.screen()}\n{self.machine.log()}")

    def type(self, line):
        self.tmux("send-keys", "-t", "t", "-l", line)
        self.tmux("send-keys", "-t", "t", "Enter")

    def key(self, name):
        self.tmux("send-keys", "-t", "t", name)
