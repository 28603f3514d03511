"""One machine with both: unionrootd and our program called schroot, and Debian's schroot under another name."""

import os
import subprocess

import our_world
import script_texts
import side_world

REAL = "/usr/lib/schroot-peer/schroot"


class Both(our_world.Ours):
    """schroot itself under another name; the set-up scripts, profiles and folders of its package."""

    def __init__(self, place=None, settings=None):
        super().__init__(place=place)
        # The places are schroot's, as they are on a machine where both are installed.
        self.settings = {"schroot-places": "no", **(settings or {})}

    def lay_program(self):
        subprocess.run(["cp", "-aT", self.packages + "/usr", self.place + "/usr"], check=True)
        os.rename(self.program, self.place + REAL)
        super().lay_program()

    def fill(self):
        super().fill()
        for name in ("pam.d/schroot", "default/schroot"):
            subprocess.run(["cp", os.path.join(self.packages, "etc", name), "/etc/" + name], check=True)
        side_world.Real.empty_state()
        subprocess.run(["cp", "-aT", self.packages + "/etc/schroot", "/etc/schroot"], check=True)
        side_world.write("/etc/schroot/schroot.conf", "")
        side_world.write("/etc/schroot/chroot.d/case.conf", script_texts.COMMON)

    def start(self):
        self.machine = our_world.SystemMachine(self.place, self.settings)
        self.machine.lay()
        self.machine.start()
