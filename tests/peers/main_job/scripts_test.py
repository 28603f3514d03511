"""The scripts of the repository: shellcheck has nothing to say, and wrong use is refused."""

import json
import os
import re
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
                                                         "scripts/nightly", "scripts/nightly-common", "scripts/build-packages",
                                                         "tests/bench/run", "tests/kernel/locks/check_model")]
        parts = os.path.join(ROOT, "scripts/nightly.d")
        scripts += [os.path.join(parts, name) for name in sorted(os.listdir(parts))]
        guest = os.path.join(ROOT, "tests/peers/machine/guest")
        scripts += [os.path.join(guest, name) for name in ("driver", "lock-first", "lock-prober", "tools",
                                                           "checks-machine", "checks-packages", "checks-reboot")]
        debian = os.path.join(ROOT, "debian")
        scripts += [os.path.join(debian, name) for name in sorted(os.listdir(debian))
                    if name.rpartition(".")[2] in ("preinst", "postinst", "prerm", "postrm")]
        scripts += [os.path.join(debian, "tests", name) for name in ("main-job", "real-tree")]
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


class CheckTest(unittest.TestCase):
    """./check and .ci/run fail if any of their parts does, and end with ctest's summary; over stand-ins for what they run."""

    SUMMARY = "100% tests passed, 0 tests failed out of 3"
    BUILD = "build/check"

    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="unionroot-check.", dir=testing.SCRATCH)
        self.addCleanup(shutil.rmtree, self.root)
        for folder in (".ci", "scripts", "tests", "programs"):
            os.mkdir(os.path.join(self.root, folder))
        for name in ("check", ".ci/run", "scripts/report-check", "tests/allowed-skips"):
            shutil.copy(os.path.join(ROOT, name), os.path.join(self.root, name))
        with open(os.path.join(self.root, "log"), "w") as file:
            file.write(LOG.replace("***Skipped", "   Passed"))
        for program in ("scripts/install-packages", "scripts/lint", "programs/cmake"):
            self.script(program, "exit 0")
        self.script("programs/ctest", "cat log")

    def script(self, name, text):
        path = os.path.join(self.root, name)
        with open(path, "w") as file:
            file.write("#!/bin/sh\n" + text + "\n")
        os.chmod(path, 0o755)

    def run_it(self, name):
        path = os.path.join(self.root, "programs") + ":" + os.environ["PATH"]
        done = subprocess.run([os.path.join(self.root, name)], env={**os.environ, "PATH": path}, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout.splitlines()

    def assert_ends(self, name, status, *said):
        found, lines = self.run_it(name)
        self.assertEqual((found, lines[-1]), (status, self.SUMMARY), "\n".join(lines))
        for sentence in said:
            self.assertIn(sentence, "\n".join(lines))

    def test_all_is_well(self):
        self.assert_ends("check", 0, "Skipped tests: none.", "UNIONROOT_SWEEP_SEED=")
        self.assert_ends(".ci/run", 0, "lint 0.0")

    def test_a_test_fails(self):
        self.script("programs/ctest", "cat log; exit 8")
        for name in ("check", ".ci/run"):
            self.assert_ends(name, 8 if name == "check" else 1)

    def test_a_skip_that_is_not_allowed(self):
        self.script("programs/ctest", f"cat log; mkdir {self.BUILD}/skips; printf 'a case\\tneeds luck\\n' >{self.BUILD}/skips/unit_base")
        for name in ("check", ".ci/run"):
            self.assert_ends(name, 1, "NOT EXPECTED HERE: unit_base: a case: needs luck")

    def test_lint_finds_something(self):
        self.script("scripts/lint", "exit 1")
        self.assert_ends(".ci/run", 1)

    def test_it_does_not_build(self):
        self.assert_ends("check", 0)  # its log must not be taken for this one's
        self.script("programs/cmake", "exit 1")
        for name in ("check", ".ci/run"):
            status, lines = self.run_it(name)
            self.assertEqual(status, 1, lines)
            self.assertNotIn(self.SUMMARY, lines)


class NightlyTest(unittest.TestCase):
    """scripts/nightly tells which of its parts passed, and ends with 0 only if all did."""

    def nightly(self, *arguments, parts=None, seconds=60):
        folder = tempfile.mkdtemp(prefix="unionroot-nightly.", dir=testing.SCRATCH)
        self.addCleanup(shutil.rmtree, folder)
        environment = dict(os.environ)
        if parts is not None:
            for name, text in parts.items():
                path = os.path.join(folder, name)
                with open(path, "w") as file:
                    file.write("#!/bin/sh\n# nightly: 1 minute: a part for tests\n" + text)
                os.chmod(path, 0o755)
            environment.update(UNIONROOT_NIGHTLY_PARTS=folder, UNIONROOT_NIGHTLY_SECONDS=str(seconds))
        done = subprocess.run([os.path.join(ROOT, "scripts/nightly"), *arguments], env=environment, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout

    def test_all_pass(self):
        status, out = self.nightly(parts={"a": "echo hello", "b": "! read -r line"})
        self.assertEqual((status, out.splitlines()[-1]), (0, "nightly: 2 passed (a b), 0 failed"), out)
        self.assertIn("\nhello\n", out)

    def test_one_fails_and_the_others_still_run(self):
        status, out = self.nightly(parts={"a": "exit 3", "b": ""})
        self.assertEqual((status, out.splitlines()[-1]), (1, "nightly: 1 passed (b), 1 failed (a)"), out)
        self.assertIn("nightly: a FAILED with status 3", out)

    def test_one_that_takes_too_long(self):
        status, out = self.nightly("a", parts={"a": "sleep 600", "b": "echo unwanted"}, seconds=1)
        self.assertEqual((status, out.splitlines()[-1]), (1, "nightly: 0 passed, 1 failed (a)"), out)
        self.assertIn("which is the limit", out)
        self.assertNotIn("unwanted", out)

    def test_a_part_that_is_none(self):
        status, out = self.nightly("nonsense", parts={"a": ""})
        self.assertEqual(status, 2)
        self.assertIn("nonsense", out)

    def test_each_part_says_what_it_does(self):
        status, out = self.nightly("--list")
        self.assertEqual(status, 0)
        self.assertGreater(len(out.splitlines()), 10)
        for line in out.splitlines():
            found = re.fullmatch(r"(\S+) +(\d+) minutes: .+", line)
            self.assertTrue(found, line)
            self.assertLessEqual(int(found[2]), 60, line)

    def test_aims(self):
        for lines, status, said in (("bench a ours_ms=29 aim_ms=10\nbench b ours_ms=99\n", 0, "2 figures, 1 with an aim, 0 above"),
                                    ("bench a ours_ms=31 aim_ms=10\n", 1, "above three times its aim: bench a"),
                                    ("nothing\n", 1, "0 figures")):
            done = subprocess.run([os.path.join(ROOT, "scripts/check-aims")], input=lines, text=True, stdout=subprocess.PIPE)
            self.assertEqual(done.returncode, status, done.stdout)
            self.assertIn(said, done.stdout)


class LintTest(unittest.TestCase):
    """scripts/lint finds what is planted in a changed line, and passes over old findings and other lines."""

    OLD = "int *old(int *p) {\n  if (p == 0) return 0;\n  return p;\n}\n"
    NEW = "\nint *added(int *p) {\n  if (p == 0) return p;\n  return nullptr;\n}\n"

    def setUp(self):
        for program in ("git", "clang-format-14", "clang-tidy-14"):
            if shutil.which(program) is None:
                self.skipTest("needs " + program)
        self.place = tempfile.mkdtemp(prefix="unionroot-lint.", dir=testing.SCRATCH)
        self.addCleanup(shutil.rmtree, self.place)
        self.repository = os.path.join(self.place, "repository")
        os.makedirs(self.repository + "/scripts")
        shutil.copy(os.path.join(ROOT, "scripts/lint"), self.repository + "/scripts")
        self.write(".clang-format", "BasedOnStyle: LLVM\nAllowShortIfStatementsOnASingleLine: WithoutElse\n")
        self.write(".clang-tidy", "Checks: '-*,modernize-use-nullptr'\nHeaderFilterRegex: '.*'\n")
        self.write("code.cpp", self.OLD)
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit()

    options = ""

    def write(self, name, text):
        with open(os.path.join(self.repository, name), "w") as file:
            file.write(text)

    def git(self, *arguments):
        settings = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *settings, *arguments], cwd=self.repository, check=True, stdout=subprocess.DEVNULL)

    def commit(self):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=a commit", "--no-verify")

    def lint(self, *arguments, repository=None):
        repository = repository or self.repository
        build = os.path.join(self.place, "build")
        os.makedirs(build, exist_ok=True)
        with open(build + "/compile_commands.json", "w") as file:
            json.dump([{"directory": build, "file": f"{repository}/{name}", "command": f"c++ {self.options} -c {repository}/{name}"}
                       for name in os.listdir(repository) if name.endswith(".cpp")], file)
        done = subprocess.run([repository + "/scripts/lint", *arguments, build], text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout

    def test_everything(self):
        status, out = self.lint()
        self.assertEqual(status, 1, out)
        self.assertIn("code.cpp:2:12: warning: use nullptr", out)
        self.assertIn("lint: 1 files laid out, 0 wrongly; 1 seen by clang-tidy, 2 findings", out)

    def test_a_change_that_is_good(self):
        self.write("code.cpp", self.OLD + self.NEW.replace("p == 0", "p == nullptr"))
        self.commit()
        status, out = self.lint("--changed", "--minutes", "5")
        self.assertEqual(status, 0, out)
        self.assertIn("1 seen by clang-tidy, 0 findings", out)

    def test_a_finding_in_a_changed_line(self):
        self.write("code.cpp", self.OLD + self.NEW)
        for _ in ("not committed", "committed"):
            status, out = self.lint("--changed")
            self.assertEqual(status, 1, out)
            self.assertIn("code.cpp:7:12: warning: use nullptr", out)
            self.assertNotIn("code.cpp:2:", out)
            self.git("commit", "--quiet", "--all", "--allow-empty", "--message=a change")

    def test_all_commits_of_a_branch(self):
        self.git("checkout", "--quiet", "-b", "branch")
        self.write("code.cpp", self.OLD + self.NEW)
        self.commit()
        self.write("other", "")
        self.commit()
        status, out = self.lint("--changed")
        self.assertEqual(status, 1, out)
        self.assertIn("code.cpp:7:12: warning: use nullptr", out)

    def test_a_header(self):
        self.write("code.h", "inline int *of_header() { return 0; }\n")
        self.write("user.cpp", '#include "code.h"\n')
        self.commit()
        status, out = self.lint("--changed")
        self.assertEqual(status, 1, out)
        self.assertIn("code.h:1:34: warning: use nullptr", out)

    def test_the_layout(self):
        self.write("code.cpp", self.OLD + "int  wide;\n")
        self.commit()
        status, out = self.lint("--changed")
        self.assertEqual(status, 1, out)
        self.assertIn("clang-format-14 -i code.cpp", out)

    def test_code_that_does_not_compile(self):
        self.write("code.cpp", self.OLD + "nonsense nothing;\n")
        self.commit()
        status, out = self.lint("--changed")
        self.assertEqual(status, 1, out)
        self.assertIn("unknown type name 'nonsense'", out)

    def test_a_clone_without_history(self):
        self.write("code.cpp", self.OLD + self.NEW)
        self.commit()
        clone = os.path.join(self.place, "clone")
        subprocess.run(["git", "clone", "--quiet", "--depth=1", "file://" + self.repository, clone], check=True)
        status, out = self.lint("--changed", repository=clone)
        self.assertEqual(status, 0, out)
        self.assertIn("nothing before HEAD", out)
        full = os.path.join(self.place, "full")
        subprocess.run(["git", "clone", "--quiet", "file://" + self.repository, full], check=True)
        status, out = self.lint("--changed", repository=full)
        self.assertEqual(status, 1, out)
        self.assertIn("code.cpp:7:12: warning: use nullptr", out)

    def test_a_precompiled_header_of_gcc(self):
        header = os.path.join(self.place, "cmake_pch.hxx")
        with open(header, "w") as file:
            file.write("using number = int;\n")
        with open(header + ".gch", "wb") as file:
            file.write(b"gpch")
        self.options = f"-fpch-preprocess -Winvalid-pch -include {header}"
        self.write("code.cpp", "number *old() { return 0; }\n")
        status, out = self.lint()
        self.assertEqual(status, 1, out)
        self.assertIn("code.cpp:1:24: warning: use nullptr", out)
        self.assertIn("1 seen by clang-tidy, 1 findings", out)

    def test_no_time(self):
        self.write("code.cpp", self.OLD + self.NEW)
        self.commit()
        status, out = self.lint("--changed", "--minutes", "0.00001")
        self.assertEqual(status, 0, out)
        self.assertIn("no time was left for 1 of 1 files", out)


if __name__ == "__main__":
    testing.main()
