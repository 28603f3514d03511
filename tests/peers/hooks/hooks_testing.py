"""What the tests of hooks share: folders of scripts that write down what they were called for."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "recovery"))

import unionroot_testing as testing  # noqa: E402


class Scripts:
    """A folder for hook-directories, and the file that its scripts write to."""

    def __init__(self, machine, name="hooks"):
        self.machine = machine
        self.folder = os.path.join(machine.place, name)
        self.log = os.path.join(machine.place, name + ".log")
        os.mkdir(self.folder, 0o755)

    def path(self, name):
        return os.path.join(self.folder, name)

    def add(self, name, body="", mode=0o755, interpreter="#!/bin/sh"):
        """A script that writes "NAME STAGE STATUS" down, and then does what `body` says."""
        self.machine._write(self.path(name), f'{interpreter}\nset -e\necho "{name} $1 $2" >>{self.log}\n{body}\n', mode)

    def remove(self, *names):
        for name in names:
            os.unlink(self.path(name))

    def calls(self):
        """The lines written since the last time."""
        if not os.path.exists(self.log):
            return []
        with open(self.log) as file:
            lines = file.read().splitlines()
        os.unlink(self.log)
        return lines


def processes_with(word):
    """The test's own processes, with all that its daemons have started, whose command line has the word in it."""
    return {pid: command for pid, command in testing.descendants(os.getpid()).items() if word in command}


def own_mounts(machine):
    """The host's mounts in the machine's folder; others are other programs'."""
    return [line for line in testing.mountinfo() if machine.place in line]
