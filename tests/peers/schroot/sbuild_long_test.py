"""sbuild, unmodified: builds that fail, that are killed, that take too long, four at once; and the same .deb as with schroot."""

import glob
import os
import shutil
import signal
import subprocess
import sys

import client_testing
import sbuild_testing
import unionroot_testing as testing

HERE = os.path.dirname(os.path.abspath(__file__))


def name_of(pid):
    """Of its program; None if it has ended, also where nobody has noticed that."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            name, _, rest = file.read().partition("(")[2].rpartition(")")
        return None if rest.split()[0] == "Z" else name
    except (FileNotFoundError, ProcessLookupError):
        return None


class Builds(client_testing.ClientTest):
    program = "sbuild"

    @classmethod
    def prepare(cls):
        cls.source = sbuild_testing.source("hello")

    def sbuild(self, dsc, *options, settings=""):
        """Of a package that needs nothing but what is in the tree: no mirror is asked."""
        with open(os.path.join(self.home, ".sbuildrc"), "w") as file:
            file.write("$core_depends = ['build-essential:native'];\n" + settings + "1;\n")
        return ["sbuild", "--dist=bookworm", "--chroot=" + client_testing.CHROOT, "--no-run-lintian", "--nolog", "--no-apt-update", "--no-apt-upgrade",
                "--no-apt-distupgrade", *options, os.path.basename(dsc)]

    def test_success(self):
        dsc = self.source_package("fine", "echo made >built\n")
        output = self.client(*self.sbuild(dsc))
        self.assertIn("Status: successful", output)
        self.assertIn(("data", "./usr/share/made/built"), sbuild_testing.contents(sbuild_testing.built(self.home)[0]))
        self.assert_ours()
        self.assert_nothing_left()

    def test_failure(self):
        dsc = self.source_package("failing", "echo this fails >&2; exit 7\n")
        output = self.client(*self.sbuild(dsc), status=2)
        self.assertIn("Status: attempted", output)
        self.assertIn("this fails", output)
        self.assertEqual(sbuild_testing.built(self.home), [])
        self.assert_ours()
        self.assert_nothing_left()

    def tearDown(self):
        """What one test leaves is no fault of the next."""
        self.client("schroot", "-q", "-e", "--all-sessions", status=None)

    def started(self, name):
        """A build that has begun and does not end; the process of sbuild, and a process of the build."""
        dsc = self.source_package(name, "echo it has begun; exec sleep 86399.5\n")
        with open(os.path.join(self.home, "output"), "w") as output:
            process = self.start(*self.sbuild(dsc), stdout=output)
        sleeper = lambda: [pid for pid, command in testing.descendants(os.getpid()).items() if command.endswith("sleep 86399.5")]
        testing.wait_until(lambda: sleeper() or process.poll() is not None, client_testing.PATIENCE)
        with open(os.path.join(self.home, "output"), errors="replace") as output:
            self.assertTrue(sleeper(), output.read()[-6000:])
        return process, sleeper()[0]

    def test_terminated(self):
        process, build = self.started("terminated")
        process.send_signal(signal.SIGTERM)
        process.wait(client_testing.PATIENCE)
        self.assertNotEqual(process.returncode, 0)
        self.assertTrue(testing.wait_until(lambda: name_of(build) is None))
        self.assert_ours()
        self.assert_nothing_left()

    def test_killed(self):
        """Every process of sbuild at once: the build ends with them. Its session was begun to stay, and so stays."""
        process, build = self.started("killed")
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pid in testing.descendants(os.getpid()):
            if name_of(pid) in ("sbuild", "schroot"):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        self.assertTrue(testing.wait_until(lambda: name_of(build) is None))
        sessions = [line.split(":")[1] for line in self.client("schroot", "-l", "--all-sessions").split()]
        self.assertEqual(len(sessions), 1)
        self.client("schroot", "-e", "-c", sessions[0])
        self.assert_nothing_left()

    def test_time_out(self):
        dsc = self.source_package("slow", "echo it has begun; exec sleep 86399.5\n")
        output = self.client(*self.sbuild(dsc, settings="$stalled_pkg_timeout = 1;\n"), status=None)
        self.assertIn("killed", output.lower())
        self.assertNotIn("Status: successful", output)
        self.assert_ours()
        self.assert_nothing_left()

    def test_four_at_once(self):
        running = []
        for number in range(4):
            dsc = self.source_package(f"one-of-four-{number}", f"sleep 2; echo {number} >built\n")
            running.append(self.start(*self.sbuild(dsc)))
        for process in running:
            output = process.communicate(timeout=client_testing.PATIENCE)[0]
            self.assertEqual(process.returncode, 0, output[-3000:])
        self.assertEqual(len(sbuild_testing.built(self.home)), 4)
        self.assert_ours(4)
        self.assert_nothing_left()

    def test_the_same_deb_as_with_schroot(self):
        for path in glob.glob(self.source + "/hello_*"):
            shutil.copy(path, self.home)
        dsc = os.path.basename(glob.glob(self.home + "/hello_*.dsc")[0])
        self.client("sbuild", "--dist=bookworm", "--chroot=" + client_testing.CHROOT, "--no-run-lintian", "--nolog", dsc)
        ours = {os.path.basename(path): sbuild_testing.contents(path) for path in sbuild_testing.built(self.home)}
        theirs = self.of_schroot(dsc)
        self.assertEqual(sorted(ours), sorted(theirs))
        for name, files in ours.items():
            self.assertEqual(files, theirs[name], name)
        self.assert_nothing_left()

    def of_schroot(self, dsc):
        """{name: contents} of the .debs that sbuild makes with Debian's schroot, in a world of its own."""
        target = os.path.join(self.home, "theirs")
        os.mkdir(target)
        done = subprocess.run(["nsenter", "-t", str(os.getppid()), "-m", sys.executable, "-B", os.path.join(HERE, "sbuild_with_schroot.py"), self.source],
                              env={**os.environ, "UNIONROOT_SIDE_PLACE": ""}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.assertEqual(done.returncode, 0, done.stdout[-3000:])
        subprocess.run(["tar", "-x", "-C", target], input=done.stdout, check=True)
        return {os.path.basename(path): sbuild_testing.contents(path) for path in sbuild_testing.built(target)}


if __name__ == "__main__":
    client_testing.main()
