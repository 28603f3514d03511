"""What the tests of autopkgtest share: a source tree with tests, run in a session by autopkgtest-virt-schroot, unmodified."""

import os
import subprocess

import client_testing


class Autopkgtest(client_testing.ClientTest):
    program = "autopkgtest"

    def tree(self, control, **scripts):
        """An unpacked source package whose debian/tests has this control file and these scripts."""
        folder = os.path.join(self.home, "tested")
        os.makedirs(os.path.join(folder, "debian/tests"))
        files = {"debian/control": "Source: tested\nMaintainer: A Tester <tester@example.org>\nStandards-Version: 4.6.2\n\nPackage: tested\nArchitecture: all\n"
                                   "Description: a package for tests\n",
                 "debian/changelog": "tested (1.0) bookworm; urgency=low\n\n  * Made.\n\n -- A Tester <tester@example.org>  Sun, 01 Jan 2023 00:00:00 +0000\n",
                 "debian/tests/control": control, **{"debian/tests/" + name.replace("_", "-"): text for name, text in scripts.items()}}
        for path, text in files.items():
            with open(os.path.join(folder, path), "w") as file:
                file.write(text)
        for name in scripts:
            os.chmod(os.path.join(folder, "debian/tests", name.replace("_", "-")), 0o755)
        subprocess.run(["chown", "-R", f"{self.user}:{self.user}", folder], check=True)
        return folder

    def autopkgtest(self, folder, status, *options):
        output = os.path.join(self.home, "output")
        shown = self.client("autopkgtest", "--no-built-binaries", "--output-dir=" + output, *options, folder, "--", "schroot", client_testing.CHROOT, status=status)
        with open(os.path.join(output, "summary")) as file:
            return {line.split()[0]: line.split()[1] for line in file if line.strip()}, shown
