"""The Python package: what a program of an ordinary user does with it."""

import os
import pwd
import re
import signal
import subprocess
import sys
import tarfile
import unittest

import unionroot_testing as testing
from unionroot_testing import EndToEndTest

try:
    import jeepney
except ImportError:
    jeepney = None

OWNER = "games"
PACKAGE = os.path.realpath(os.path.join(os.path.dirname(__file__), "../../../python"))
JOBS = 200
JOBS_LIMIT = 600  # seconds, on a machine that is busy with other tests


class PythonTest(EndToEndTest):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        if jeepney is None:
            raise unittest.SkipTest("needs python3-jeepney")
        super().setUpClass()

    @classmethod
    def prepare(cls):
        cls.tree = os.path.join(cls.machine.place, "tree")
        testing.shutil.copytree(testing.small_tree(), cls.tree, symlinks=True)
        testing.shutil.copy2("/usr/bin/tar", os.path.join(cls.tree, "usr/bin/tar"))
        for library in re.findall(r"/\S+", subprocess.run(["ldd", "/usr/bin/tar"], stdout=subprocess.PIPE, text=True, check=True).stdout):
            if not os.path.exists(cls.tree + library):
                testing.shutil.copy2(library, cls.tree + library)
        cls.machine.define_tree("small", cls.tree, users=OWNER, profile="default")
        cls.machine.define_tree("closed", cls.tree, users="root", profile="minimal")
        cls.place = os.path.join(cls.machine.place, "of-the-owner")
        os.mkdir(cls.place)
        os.chmod(cls.machine.place, 0o755)
        os.chown(cls.place, *pwd.getpwnam(OWNER)[2:4])

    def tearDown(self):
        self.assert_nothing_left()

    def popen(self, *arguments, **options):
        entry = pwd.getpwnam(OWNER)
        environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": PACKAGE, "HOME": "/",
                       "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.machine.bus_socket}"}
        process = subprocess.Popen([sys.executable, "-B", "-W", "error::ResourceWarning", *arguments], user=entry.pw_uid,
                                   group=entry.pw_gid, extra_groups=[], cwd=self.place, env=environment, text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        self.machine.children[process.pid] = "a program in Python"
        return process

    def program(self, text, *arguments):
        """Runs it; what it prints. It fails with the program's own assertions."""
        process = self.popen("-c", "import os, pathlib, unionroot\n" + text, *arguments)
        out, err = process.communicate(timeout=testing.PATIENCE)
        self.assertEqual((process.returncode, err), (0, ""), out)
        return out

    def test_how_a_command_ends(self):
        self.program("""
def run(*words, **options):
    return unionroot.run("small", words, directory="/", **options)
result = run("sh", "-c", "echo out; echo err >&2; exit 7")
assert (result.status, result.out, result.err, result.signal, result.ok) == (7, "out\\n", "err\\n", None, False), result
assert run("true").check().ok
try:
    result.check()
except unionroot.CommandFailed as error:
    assert "ended with 7: err" in str(error) and error.result is result, error
else:
    raise AssertionError
result = run("sh", "-c", "kill -9 $$")
assert (result.status, result.signal) == (137, 9), result
for words, kind in ((("no-such-program",), unionroot.CommandNotFound), (("/etc/passwd",), unionroot.CommandNotExecutable)):
    try:
        run(*words)
    except kind as error:
        assert words[0] in str(error), error
    else:
        raise AssertionError(words)
""")

    def test_streams(self):
        self.program("""
data = bytes(range(256)) * 8192
result = unionroot.run("small", ["sh", "-c", "tee /var/tmp/all | cat; cat /var/tmp/all >&2"], directory="/", input=data)
assert result.stdout == data and result.stderr == data, (len(result.stdout), len(result.stderr))
# It reads nothing of it.
assert unionroot.run("small", ["true"], directory="/", input=data * 4).ok
name, value = "NAME", os.fsdecode(b"\\xff=1")
result = unionroot.run("small", ["sh", "-c", 'printf %s "$NAME" "$1"', "sh", b"\\xfe"], directory="/", environment={name: value})
assert result.stdout == b"\\xff=1\\xfe", result
with open("file", "wb") as file, unionroot.session("small") as session:
    with session.start(["sh", "-c", "echo to a file; echo and this >&2"], directory="/", stdout=file, stderr=unionroot.STDOUT) as running:
        assert running.wait().ok
assert pathlib.Path("file").read_text() == "to a file\\nand this\\n"
""")

    def test_a_command_that_takes_too_long(self):
        self.program("""
import time
result = unionroot.run("small", ["sh", "-c", "trap 'echo told; exit 3' TERM; echo begun; sleep 600 & wait"], directory="/", timeout=5)
assert (result.status, result.out, result.timed_out) == (124, "begun\\ntold\\n", True), result
# One that does not listen: it goes with all that it started.
with unionroot.session("small") as session:
    result = session.run(["sh", "-c", "trap '' TERM; sleep 601 & echo $!; sleep 602"], directory="/", timeout=5, grace=0.2)
    assert (result.status, result.timed_out, result.signal) == (124, True, 9), result
    assert not session.run(["sh", "-c", f"kill -0 {int(result.out)}"], directory="/").ok
    # A command's client is told of its end before the daemon is.
    end = time.monotonic() + 60
    while session.info()["runs"] and time.monotonic() < end:
        time.sleep(0.02)
    assert session.info()["runs"] == [], session.info()["runs"]
# One that is stopped is told, too.
result = unionroot.run("small", ["sh", "-c", "trap 'echo told; exit 0' TERM; kill -STOP $$; sleep 603 & wait"], directory="/", timeout=5)
assert (result.status, result.out) == (124, "told\\n"), result
""")

    def test_signals(self):
        self.program("""
with unionroot.session("small") as session:
    with session.start(["sh", "-c", "trap 'echo usr1; exit 5' USR1; echo ready; while :; do sleep 0.1; done"], directory="/",
                       stdout=unionroot.PIPE, stderr=unionroot.DEVNULL) as running:
        assert running.stdout.readline() == b"ready\\n"
        running.send_signal(10)
        result = running.communicate()
    assert (result.status, result.out) == (5, "usr1\\n"), result
    running.kill()
    # What is closed is ended.
    with session.start(["sleep", "603"], directory="/") as running:
        pass
    while session.info()["runs"]:
        pass
""")

    def test_sessions(self):
        self.program("""
with unionroot.session("small", name="mine") as session:
    assert session.id == "mine" and session.info()["chroot"] == "small"
    session.run(["sh", "-c", "echo kept >/var/tmp/file"], directory="/", check=True)
    assert unionroot.Session("mine").run(["cat", "/var/tmp/file"], directory="/").out == "kept\\n"
    assert [each["id"] for each in unionroot.sessions()] == ["mine"]
    try:
        unionroot.begin("small", name="mine")
    except unionroot.SessionExists as error:
        assert error.message and error.hint, error
    else:
        raise AssertionError
assert unionroot.sessions() == []
try:
    with unionroot.session("small") as session:
        raise KeyError("of the block")
except KeyError:
    pass
assert unionroot.sessions() == []
with unionroot.session("small") as session:
    session.end()
assert {"small", "closed"} <= {each["name"] for each in unionroot.chroots()}
""")

    def test_what_is_refused(self):
        self.program("""
for work, kind in ((lambda: unionroot.run("no-such", ["true"], directory="/"), unionroot.NoSuchChroot),
                   (lambda: unionroot.run("closed", ["true"], directory="/"), unionroot.AccessDenied),
                   (lambda: unionroot.begin("closed"), unionroot.AccessDenied),
                   (lambda: unionroot.run("small", ["true"], user="root", directory="/"), unionroot.AccessDenied),
                   (lambda: unionroot.Session("no-such").end(), unionroot.NoSuchSession),
                   (lambda: unionroot.info("no-such"), unionroot.NoSuchChroot)):
    try:
        work()
    except kind as error:
        assert isinstance(error, unionroot.Error) and error.message, error
    else:
        raise AssertionError(kind)
assert len(os.listdir("/proc/self/fd")) < 10, os.listdir("/proc/self/fd")
""")

    def test_copies(self):
        self.program("""
os.makedirs("tree/below")
pathlib.Path("tree/below/a file").write_text("content")
os.symlink("/etc/passwd", "tree/link")
os.chmod("tree/below/a file", 0o750)
with unionroot.session("small") as session:
    session.copy_to("tree", "/var/tmp")
    session.copy_to("tree", "/var/tmp/other")
    listed = session.run(["sh", "-c", "cd /var/tmp && cat 'tree/below/a file' 'other/below/a file' && stat -c '%U %a' 'tree/below/a file'"],
                         directory="/", check=True)
    assert listed.out == "contentcontentgames 750\\n", listed
    session.copy_from("/var/tmp/tree", "back")
    os.mkdir("into")
    session.copy_from("/var/tmp/tree/below/a file", "into")
    assert pathlib.Path("into/a file").read_text() == pathlib.Path("back/below/a file").read_text() == "content"
    assert os.readlink("back/link") == "/etc/passwd"
    for work in (lambda: session.copy_to("tree", "relative"), lambda: session.copy_from("/", "all"),
                 lambda: session.copy_from("/var/tmp/no-such", "nothing"), lambda: session.copy_to("tree", "/no-such/place/x"),
                 lambda: session.copy_from("/etc/shadow", "secret"), lambda: session.copy_from("/var/tmp/tree", ".")):
        before = sorted(os.listdir("."))
        try:
            work()
        except unionroot.Error as error:
            assert str(error), error
        else:
            raise AssertionError
        assert sorted(os.listdir(".")) == before, os.listdir(".")
""")

    def test_a_hostile_archive_is_written_nowhere_else(self):
        with tarfile.open(os.path.join(self.tree, "evil.tar"), "w") as archive:
            for name, target in (("x", None), ("x/link", self.place), ("x/up", "../../..")):
                member = tarfile.TarInfo(name)
                member.type = tarfile.SYMTYPE if target else tarfile.DIRTYPE
                member.linkname, member.mode = target or "", 0o755
                archive.addfile(member)
            for name in ("x/link/planted", "x/up/planted", "../planted", self.place + "/planted"):
                archive.addfile(tarfile.TarInfo(name))
        with open(os.path.join(self.tree, "usr/bin/tar"), "w") as file:
            file.write("#!/bin/sh\nexec cat /evil.tar\n")
        os.chmod(os.path.join(self.tree, "usr/bin/tar"), 0o755)
        self.addCleanup(testing.shutil.copy2, "/usr/bin/tar", os.path.join(self.tree, "usr/bin/tar"))
        self.program("""
with unionroot.session("small") as session:
    try:
        session.copy_from("/var/tmp/x", "copied")
    except unionroot.Error:
        pass
""")
        self.assertFalse(os.path.lexists(os.path.join(self.place, "planted")))
        self.assertFalse(os.path.lexists(os.path.join(self.machine.place, "planted")))

    def test_a_daemon_that_is_started_again(self):
        process = self.popen("-c", """
import unionroot
def hello():
    print(unionroot.run("small", ["echo", "hello"], directory="/").out, end="", flush=True)
hello()
input()
try:
    hello()
except unionroot.NotRunning as error:
    print(error.message, flush=True)
input()
hello()
""")
        self.assertEqual(process.stdout.readline(), "hello\n")
        self.machine.stop_daemon()
        process.stdin.write("\n")
        process.stdin.flush()
        self.assertIn("unionrootd is not running", process.stdout.readline())
        self.machine.start_daemon()
        out, err = process.communicate("\n", testing.PATIENCE)
        self.assertEqual((process.returncode, out, err), (0, "hello\n", ""))

    def test_many_jobs(self):
        """The example: time limits, logs, artefacts."""
        folder = os.path.join(self.place, "jobs")
        os.mkdir(folder)
        os.chown(folder, *pwd.getpwnam(OWNER)[2:4])
        process = self.popen(os.path.join(PACKAGE, "examples/jobs.py"), "small", str(JOBS), folder)
        out, err = process.communicate(timeout=JOBS_LIMIT)
        self.assertEqual((process.returncode, err), (1, ""))
        expected = {3: "failed with 3", 5: "took too long"}
        self.assertEqual(out.splitlines(), [f"{number} {expected.get(number % 50, 'good')}" for number in range(JOBS)])
        for number in (0, 3, 5, JOBS - 1):
            with open(os.path.join(folder, f"{number}.log")) as log, open(os.path.join(folder, f"{number}.out")) as artefact:
                self.assertEqual((log.read(), artefact.read()), (f"log of {number}\n", f"artefact {number}\n"))
        self.assertEqual(len(os.listdir(folder)), 2 * JOBS)

    def test_many_jobs_are_cancelled(self):
        folder = os.path.join(self.place, "cancelled")
        os.mkdir(folder)
        os.chown(folder, *pwd.getpwnam(OWNER)[2:4])
        process = self.popen(os.path.join(PACKAGE, "examples/jobs.py"), "small", "3000", folder)
        self.assertTrue(testing.wait_until(lambda: len(os.listdir(folder)) > 4))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=testing.PATIENCE)
        self.assertEqual((process.returncode, err), (1, ""))
        self.assertEqual(out.splitlines()[-1], "2999 cancelled")


if __name__ == "__main__":
    testing.main()
