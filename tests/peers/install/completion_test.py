"""The completions of bash, zsh and fish, in these shells: what a person types, and what is then on the screen."""

import os
import re
import shlex
import shutil
import subprocess
import unittest

import skips
import unionroot_testing as testing
from terminal import TerminalTestCase

COMPLETIONS = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../../etc/completions"))
BASH_COMPLETION = "/usr/share/bash-completion/bash_completion"
VERBS = ("begin", "run", "end", "list", "info", "location", "recover", "locks", "lock", "check", "import")


def long_options(verb):
    """Those that the program itself tells of."""
    done = subprocess.run([testing.client_path(), "help", verb], stdout=subprocess.PIPE, text=True, check=True)
    return set(re.findall(r"^  (?:-., |    )(--[a-z-]+)", done.stdout, re.MULTILINE))


class Completion:
    """What holds in each shell; `shell` starts it, `lines` set it up."""

    shell, lines = "", ()

    @classmethod
    def prepare(cls):
        if shutil.which(cls.shell.split()[0]) is None:
            raise unittest.SkipTest("needs " + cls.shell.split()[0])
        cls.machine.define_tree("small-tree", testing.small_tree())
        programs = os.path.dirname(testing.client_path())
        programs += ":" + os.path.join(programs, "schroot")
        cls.environment = f"PATH={shlex.quote(programs)}:$PATH UNIONROOT_CONFIG={shlex.quote(cls.machine.settings_file)}"

    def setUp(self):
        super().setUp()
        self.type("exec " + self.shell)
        for line in self.lines:
            self.type(line)
        # In halves, so that the line itself is not found.
        self.type("echo comp''letes")
        self.wait_for("\ncompletes")

    def tearDown(self):
        self.tmux("send-keys", "-t", "t", "C-c")
        super().tearDown()

    def keys(self, text):
        self.tmux("send-keys", "-t", "t", "-l", text)

    def forget_line(self):
        """Gives up the line, so that the next one begins on an empty screen. A shell that still completes may lose the key."""

        def new_prompt():
            self.key("C-c")
            return testing.wait_until(lambda: self.screen().splitlines()[-1:] == ["$"], 2, step=0.1)

        if not testing.wait_until(new_prompt):
            self.fail("no new prompt:\n" + self.screen())
        self.type("clear; echo em''pty")
        if not testing.wait_until(lambda: re.match(r"\s*empty\n", self.screen() + "\n") is not None, step=0.1):
            self.fail("no empty screen:\n" + self.screen())
        self.tmux("clear-history", "-t", "t")

    def assert_completes(self, typed, whole):
        self.assertFalse(typed.endswith(whole))
        self.keys(typed)
        self.wait_for(typed)
        self.key("Tab")
        self.wait_for(whole)
        self.forget_line()

    def test_verbs_names_and_options(self):
        self.machine.run("begin", "--name", "only-session", "small-tree")
        try:
            for typed, whole in (("unionroot loca", "unionroot location"),
                                 ("unionroot begin sma", "unionroot begin small-tree"),
                                 ("unionroot run sma", "unionroot run small-tree"),
                                 ("unionroot run only", "unionroot run only-session"),
                                 ("unionroot run --user root sma", "unionroot run --user root small-tree"),
                                 ("unionroot run --env A=1 sma", "unionroot run --env A=1 small-tree"),
                                 ("unionroot end only", "unionroot end only-session"),
                                 ("unionroot end session:only", "unionroot end session:only-session"),
                                 ("unionroot begin source:sma", "unionroot begin source:small-tree"),
                                 ("unionroot run chroot:sma", "unionroot run chroot:small-tree"),
                                 ("unionroot info session:only", "unionroot info session:only-session"),
                                 ("unionroot run --user=nobod", "unionroot run --user=nobody"),
                                 ("unionroot run --user=root sma", "unionroot run --user=root small-tree"),
                                 ("unionroot info only", "unionroot info only-session"),
                                 ("unionroot list --sess", "unionroot list --sessions"),
                                 ("unionroot help recov", "unionroot help recover"),
                                 ("unionroot run -d /usr/shar", "unionroot run -d /usr/share"),
                                 ("unionroot check /etc/passw", "unionroot check /etc/passwd")):
                with self.subTest(typed):
                    self.assert_completes(typed, whole)
        finally:
            self.machine.run("end", "only-session")

    def test_a_command_behind_the_name(self):
        for typed, whole in (("unionroot run small-tree dpkg-stat", "unionroot run small-tree dpkg-statoverride"),
                             ("unionroot run -d / small-tree -- dpkg-stat", "small-tree -- dpkg-statoverride"),
                             ("unionroot lock small-tree -- dpkg-stat", "small-tree -- dpkg-statoverride")):
            with self.subTest(typed):
                self.assert_completes(typed, whole)

    def test_an_option_of_the_command(self):
        self.assert_completes("unionroot lock small-tree -- ls --colo", "small-tree -- ls --color")

    def test_no_session_where_a_chroot_is_wanted(self):
        self.machine.run("begin", "--name", "smaller-session", "small-tree")
        try:
            self.assert_completes("unionroot begin sma", "unionroot begin small-tree")
        finally:
            self.machine.run("end", "smaller-session")

    def test_every_option_that_the_help_names(self):
        for verb in VERBS:
            wanted = long_options(verb)
            self.assertIn("--config", wanted)
            with self.subTest(verb):
                self.keys(f"unionroot {verb} --")
                self.key("Tab")
                self.key("Tab")

                def missing():
                    there = set(re.findall(r"(?<![\w-])--[a-z-]+", self.screen()))
                    return wanted - there

                if not testing.wait_until(lambda: not missing(), step=0.2):
                    self.fail(f"not offered: {missing()}:\n{self.screen()}")
                self.forget_line()


class FrontEnd:
    """schroot's own command line."""

    def test_schroot(self):
        for typed, whole in (("schroot -c smal", "schroot -c small-tree"),
                             ("schroot -c chroot:smal", "schroot -c chroot:small-tree"),
                             ("schroot --all-ses", "schroot --all-sessions"),
                             ("schroot -d /usr/shar", "schroot -d /usr/share"),
                             ("schroot -c small-tree dpkg-stat", "schroot -c small-tree dpkg-statoverride"),
                             ("schroot -u root -c small-tree -- dpkg-stat", "small-tree -- dpkg-statoverride")):
            with self.subTest(typed):
                self.assert_completes(typed, whole)


class BashTest(Completion, FrontEnd, TerminalTestCase):
    shell = "bash --noprofile --norc"
    lines = ("PS1='$ '", f". {BASH_COMPLETION}", f". {COMPLETIONS}/unionroot", f". {COMPLETIONS}/schroot")

    @classmethod
    def prepare(cls):
        if not os.path.exists(BASH_COMPLETION):
            raise unittest.SkipTest("needs bash-completion")
        super().prepare()


class ZshTest(Completion, TerminalTestCase):
    shell = "zsh -f"
    lines = ("PS1='$ '", f"fpath=({COMPLETIONS} $fpath); autoload -U compinit; compinit -D -u")


class FishTest(Completion, FrontEnd, TerminalTestCase):
    shell = "fish --private"
    lines = ("set -g fish_autosuggestion_enabled 0; set -g fish_greeting; function fish_prompt; echo '$ '; end",
             f"source {COMPLETIONS}/unionroot.fish", f"source {COMPLETIONS}/schroot.fish")


if __name__ == "__main__":
    skips.main()
