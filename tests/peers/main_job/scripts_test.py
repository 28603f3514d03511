"""The scripts of the repository: shellcheck has nothing to say, and wrong use is refused."""

import os
import shutil
import subprocess
import unittest

import unionroot_testing as testing

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))


class ScriptsTest(unittest.TestCase):
    def run_script(self, *arguments, **options):
        return subprocess.run(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=60, **options)

    def test_shellcheck(self):
        if shutil.which("shellcheck") is None:
            self.skipTest("needs shellcheck")
        scripts = [os.path.join(ROOT, name) for name in ("check", "quickstart", ".ci/run", "scripts/install-packages",
                                                         "tests/bench/run")]
        guest = os.path.join(ROOT, "tests/peers/machine/guest")
        scripts += [os.path.join(guest, name) for name in ("driver", "lock-first", "lock-prober", "tools",
                                                           "checks-machine", "checks-reboot")]
        done = self.run_script("shellcheck", "--external-sources", "--source-path=SCRIPTDIR", *scripts)
        self.assertEqual(done.returncode, 0, done.stdout)

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_quickstart_wants_root(self):
        done = self.run_script(os.path.join(ROOT, "quickstart"), user=65534, group=65534, extra_groups=[])
        if done.returncode == 126 or "Permission denied" in done.stderr:
            self.skipTest("the repository is in a folder that others may not read")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("root", done.stderr)

    def test_quickstart_takes_no_arguments(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        done = self.run_script(os.path.join(ROOT, "quickstart"), "--frobnicate")
        self.assertEqual(done.returncode, 1)
        self.assertIn("--frobnicate", done.stderr)

    def test_unknown_group_of_packages(self):
        done = self.run_script(os.path.join(ROOT, "scripts/install-packages"), "nonsense")
        self.assertEqual(done.returncode, 2)
        self.assertIn("nonsense", done.stderr)


if __name__ == "__main__":
    testing.main()
