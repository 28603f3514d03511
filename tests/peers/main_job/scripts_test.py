"""The scripts of the repository: shellcheck has nothing to say, and wrong use is refused."""

import os
import shutil
import subprocess
import tempfile
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
                                                         "tests/bench/run", "tests/kernel/locks/check_model")]
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


LOG = """Test project /build
1/3 Test  #1: unit_base ........................   Passed    1.50 sec
2/3 Test  #2: model_locks ......................***Skipped   0.01 sec
3/3 Test  #3: kernel_mount .....................   Passed   90.00 sec

100% tests passed, 0 tests failed out of 3

Label Time Summary:
kernel    =  90.01 sec*proc (2 tests)
unit      =   1.50 sec*proc (1 test)
"""


class ReportTest(unittest.TestCase):
    """What ./check says of skipped tests: each with its reason, and which of them are not allowed."""

    def report(self, skips, allowed="", *options):
        """(exit status, output) after tests that skipped these: {test: [(case, reason)]}."""
        build = tempfile.mkdtemp(prefix="unionroot-report.", dir=testing.SCRATCH)
        self.addCleanup(shutil.rmtree, build)
        files = {"check.log": LOG, "allowed": allowed, "minutes": "build 120\ntests 600\n"}
        files.update({f"skips/{test}": "".join(f"{case}\t{reason}\n" for case, reason in cases) for test, cases in skips.items()})
        os.mkdir(os.path.join(build, "skips"))
        for name, text in files.items():
            with open(os.path.join(build, name), "w") as file:
                file.write(text)
        environment = {**os.environ, "UNIONROOT_ALLOWED_SKIPS": os.path.join(build, "allowed")}
        done = subprocess.run([os.path.join(ROOT, "scripts/report-check"), build, *options], env=environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout

    MODEL = {"model_locks": [("all", "needs spin")]}

    def test_an_allowed_skip_is_listed(self):
        status, out = self.report(self.MODEL, "model_* | all | needs spin | always\n")
        self.assertEqual(status, 0, out)
        self.assertIn("\n  model_locks: all: needs spin\n", out)

    def test_a_skip_that_is_not_allowed_fails(self):
        for allowed in ("", "model_locks | all | needs root | always\n", "model_locks | all | needs spin | without /\n",
                        "model_locks | all | needs spin | without sh\n"):
            status, out = self.report(self.MODEL, allowed)
            self.assertEqual(status, 1, out)
            self.assertIn("\n  NOT EXPECTED HERE: model_locks: all: needs spin\n", out)

    def test_a_case_of_a_test_that_passed(self):
        status, out = self.report({**self.MODEL, "kernel_mount": [("a case", "needs luck")]}, "model_locks | * | * | without /none\n")
        self.assertEqual(status, 1, out)
        self.assertIn("\n  NOT EXPECTED HERE: kernel_mount: a case: needs luck\n", out)
        self.assertIn("\n  model_locks: all: needs spin\n", out)

    def test_a_test_that_does_not_say_why(self):
        status, out = self.report({}, "model_locks | * | needs* | always\n")
        self.assertEqual(status, 1, out)
        self.assertIn("NOT EXPECTED HERE: model_locks: all: it did not say why", out)

    def test_a_condition_that_is_none(self):
        status, out = self.report(self.MODEL, "* | * | * | on Sundays\n")
        self.assertEqual(status, 1, out)
        self.assertIn("'on Sundays' is no condition", out)

    def test_where_the_time_went(self):
        _, out = self.report(self.MODEL)
        self.assertIn("Longest tests: kernel_mount 1.5, unit_base 0.0, model_locks 0.0 minutes\n", out)
        self.assertIn("Minutes: build 2.0, tests 10.0 (summed over the tests: unit 0.0, kernel 1.5)\n", out)

    def test_the_list_of_allowed_skips(self):
        with open(os.path.join(ROOT, "tests/allowed-skips")) as file:
            status, out = self.report({"any": [("case", "this kernel has no xfs")], **self.MODEL}, file.read())
        self.assertIn("\n  any: case: this kernel has no xfs\n", out)
        self.assertIn("NOT EXPECTED HERE: model_locks: all: needs spin\n", out)
        self.assertEqual(status, 1)


if __name__ == "__main__":
    testing.main()
