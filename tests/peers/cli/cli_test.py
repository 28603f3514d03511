"""The command line without a daemon: usage, no bus, no daemon, odd buses, check, lock and locks."""

import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import skips
from unionroot_testing import BUILD  # and the usual signals

CLIENT = os.path.join(BUILD, "cli", "unionroot")
VERBS = ("begin", "run", "end", "list", "info", "location", "recover", "locks", "lock", "check", "import")


class ClientTest(unittest.TestCase):
    def setUp(self):
        # Root's own: settings in a folder that others may write would be refused.
        self.place = tempfile.mkdtemp(prefix="unionroot-cli.", dir="/var/tmp")
        self.addCleanup(shutil.rmtree, self.place)
        os.chmod(self.place, 0o755)
        self.bus = os.path.join(self.place, "bus")
        self.tree = os.path.join(self.place, "tree")
        self.state = os.path.join(self.place, "state")
        self.chroots = os.path.join(self.place, "chroot.d")
        for folder in (self.tree, self.state, self.chroots):
            os.mkdir(folder, 0o755)
        self.settings = os.path.join(self.place, "unionroot.conf")
        self.write(self.settings, f"[unionroot]\nbus=unix:path={self.bus}\nstate-directory={self.state}\n"
                   f"runtime-directory={self.place}/run\n")
        self.define("small", f"[small]\ntype=directory\ndirectory={self.tree}\nunion-type=overlay\nprofile=minimal\n")

    def write(self, path, text):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o644)
        return path

    def define(self, name, text):
        return self.write(os.path.join(self.chroots, name + ".conf"), text)

    def client(self, *words, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run([CLIENT, "--config", self.settings, *words], capture_output=True, text=True, timeout=120,
                              check=False, **options)

    def start(self, *words, **options):
        process = subprocess.Popen([CLIENT, "--config", self.settings, *words], text=True, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        self.addCleanup(self.finish, process)
        return process

    @staticmethod
    def finish(process):
        # TERM, which `unionroot lock` hands on to its command.
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()

    def refused(self, *words, fragments=(), status=125, **options):
        done = self.client(*words, **options)
        self.assertEqual(done.returncode, status, done)
        self.assertEqual(done.stdout, "", done)
        self.assertTrue(done.stderr.startswith("unionroot: "), done)
        self.assertLessEqual(len(done.stderr.splitlines()), 3, done)
        for fragment in fragments:
            self.assertIn(fragment, done.stderr)
        return done

    def until(self, condition):
        end = time.monotonic() + 120
        while not condition():
            self.assertLess(time.monotonic(), end, "waited for two minutes")
            time.sleep(0.02)


class UsageTest(ClientTest):
    def test_a_command_where_the_current_directory_is_gone(self):
        # It must not run in another one instead.
        script = 'mkdir "$1" && cd "$1" && rmdir "$1" && shift && exec "$@"'
        done = subprocess.run(["sh", "-c", script, "sh", os.path.join(self.place, "gone"), CLIENT, "--config", self.settings,
                               "run", "small", "--", "true"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=120, check=False)
        self.assertEqual(done.returncode, 125, done)
        self.assertIn("current directory", done.stderr)
        self.assertIn("--directory", done.stderr)

    def test_help(self):
        for words in (["--help"], ["-h"], ["help"], ["help", "help"]):
            done = self.client(*words)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            for verb in VERBS:
                self.assertIn(f"\n  {verb} ", done.stdout)
        for verb in VERBS:
            texts = {self.client(*words).stdout for words in ([verb, "--help"], ["help", verb], [verb, "-h"],
                                                              [verb, "--frobnicate", "--help"])}
            self.assertEqual(len(texts), 1, verb)
            text = texts.pop()
            self.assertTrue(text.startswith(f"Usage: unionroot {verb} "), text)
            self.assertIn("Examples:", text)

    def test_version(self):
        done = self.client("--version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"^unionroot \d+\.\d+\.\d+\n$")

    def test_verbs(self):
        bare = self.client()
        self.assertEqual((bare.returncode, bare.stdout, bare.stderr), (0, self.client("--help").stdout, ""))
        self.refused("frobnicate", fragments=["'frobnicate'", "--help"])
        self.refused("lst", fragments=["did you mean", "list"])
        self.refused("help", "frobnicate", fragments=["frobnicate"])
        self.refused("x\x1b[31m", fragments=["\\x1b"])

    def test_options(self):
        self.refused("--frobnicate", "list", fragments=["--frobnicate"])
        self.refused("list", "--sesions", fragments=["--sesions", "did you mean '--sessions'?"])
        self.refused("list", "extra", fragments=["extra"])
        self.refused("run", "--usr", "x", "small", fragments=["--usr"])
        self.refused("begin", "--name=", "small", fragments=["--name", "empty"])
        self.refused("begin", "small", "--name", fragments=["--name"])
        self.refused("run", "--tty", "--no-tty", "small", fragments=["--no-tty"])
        self.refused("begin", "--wait", "5", "small", fragments=["unexpected argument 'small'", "--wait=30"])
        self.refused("lock", "--frob", "small", "--", "true", fragments=["--frob"])
        self.refused("check", "--frob", fragments=["--frob"])

    def test_schroot_options(self):
        self.refused("-c", "small", "--", "true", fragments=["-c", "unionroot run NAME -- COMMAND"])
        self.refused("-b", "-c", "small", fragments=["unionroot begin CHROOT"])
        self.refused("run", "-c", "small", "--", "true", fragments=["unionroot run NAME -- COMMAND"])
        self.refused("end", "-c", "x", fragments=["unionroot end NAME"])
        self.refused("begin", "--session-name", "x", "small", fragments=["--name"])
        self.refused("rm", "x", fragments=["did you mean 'end'?"])

    def test_values(self):
        self.refused("begin", "--wait=soon", "small", fragments=["soon", "seconds"])
        self.refused("run", "--user", fragments=["--user", "USER"])
        self.refused("begin", "--option", "malformed", "small", fragments=["malformed", "KEY=VALUE"])
        self.refused("run", "--directory", "etc", "small", fragments=["etc", "absolute"])
        self.refused("lock", "small", "--wait=-1", "--", "true", fragments=["-1"])
        self.refused("end", "--all", "x", fragments=["--all"])

    def test_names_before_any_call(self):
        # There is no bus: an error about the name shows that none was asked for.
        for name in ("../etc", "a/b", "..", ".x", "a b", "a\nb", "", "x" * 1001, "ä", "foo:x"):
            for verb in (["begin", "--"], ["run", "--"], ["end", "--"], ["info", "--"], ["location", "--"],
                         ["recover", "--"]):
                done = self.refused(*verb, name)
                self.assertNotIn("connecting", done.stderr)
        self.refused("end", "chroot:small", fragments=["not a session"])
        self.refused("begin", "session:x", fragments=["not a chroot"])

    def test_missing_words(self):
        for verb in (["begin"], ["run"], ["end"], ["recover"], ["info"], ["location"], ["lock"], ["lock", "small"],
                     ["lock", "small", "--"]):
            self.refused(*verb, fragments=["see 'unionroot"])

    def test_user_data_that_the_bus_cannot_carry(self):
        self.refused("run", "-o", b"a.b=caf\xe9", "small", fragments=["UTF-8", "\\xe9"])


class BusTest(ClientTest):
    CALLS = (["list"], ["begin", "small"], ["run", "small", "--", "true"], ["end", "x"], ["end", "--all"],
             ["info", "small"], ["location", "x"], ["recover", "x"])

    def test_no_bus(self):
        for call in self.CALLS:
            self.refused(*call, fragments=[self.bus, "not running"])

    def test_settings(self):
        self.settings = os.path.join(self.place, "missing.conf")
        self.refused("list", fragments=[self.settings])
        self.settings = self.write(os.path.join(self.place, "other.conf"), "[unionroot]\nbus=carrier:pigeon=1\n")
        self.refused("list", fragments=["carrier:pigeon=1"])
        self.settings = self.write(os.path.join(self.place, "broken.conf"), "[unionroot]\nnonsense\n")
        self.refused("list", fragments=[self.settings + ":2"])

    RECEIVE = "".join(f'<allow receive_type="{kind}"/>' for kind in ("method_return", "error", "signal"))

    def start_bus(self, rules='<allow send_destination="*"/><allow own="*"/>' + RECEIVE):
        path = self.write(os.path.join(self.place, "bus.conf"), '<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus '
                          'Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">'
                          f"<busconfig><listen>unix:path={self.bus}</listen>"
                          f"<policy context='default'>{rules}</policy></busconfig>")
        bus = subprocess.Popen(["dbus-daemon", "--nofork", "--config-file", path], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.finish, bus)
        self.until(lambda: self.listens(self.bus))

    @staticmethod
    def listens(path):
        """The socket is there a moment before anybody can connect."""
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(path) == 0

    @unittest.skipUnless(shutil.which("dbus-daemon"), "needs dbus-daemon")
    def test_no_daemon(self):
        self.start_bus()
        for call in self.CALLS:
            self.refused(*call, fragments=["unionrootd is not running", "systemctl start unionrootd"])

    @unittest.skipUnless(shutil.which("dbus-daemon"), "needs dbus-daemon")
    def test_a_policy_that_lets_no_answer_through(self):
        self.start_bus('<allow send_destination="*"/>')
        self.refused("list", fragments=["the bus does not answer"])  # it does not wait for ever

    def serve(self, answer):
        """A bus that answers with the given bytes, and closes."""
        server = socket.socket(socket.AF_UNIX)
        self.addCleanup(server.close)
        server.bind(self.bus)
        server.listen()

        def one():
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass

        thread = threading.Thread(target=one, daemon=True)
        thread.start()
        self.addCleanup(thread.join, 120)

    def test_buses_that_are_none(self):
        agreed = b"OK 0123\r\nAGREE_UNIX_FD\r\n"
        for answer, fragment in ((b"", "closed"), (b"HTTP/1.0 400 Bad\r\n\r\n", "does not speak D-Bus"),
                                 (b"x" * 5000, "does not speak D-Bus"), (b"REJECTED EXTERNAL\r\n", "does not let you in"),
                                 (b"OK 0123\r\nERROR\r\n", "cannot pass file descriptors"), (agreed, "closed"),
                                 (agreed + b"\xff" * 64, "cannot be read"),
                                 (agreed + b"l\x02\x00\x01" + b"\xff" * 60, "too long"),
                                 (agreed + b"l\x02\x00\x01" + b"\0\0\0\0\x01\0\0\0\x08\0\0\0" + b"\xff" * 8,
                                  "cannot be read")):
            with self.subTest(fragment=fragment, answer=answer[:40]):
                self.serve(answer)
                self.refused("list", fragments=[fragment])
                os.unlink(self.bus)

    def test_progress_on_a_terminal(self):
        server = socket.socket(socket.AF_UNIX)
        self.addCleanup(server.close)
        server.bind(self.bus)
        server.listen()
        main, side = pty.openpty()
        with os.fdopen(main, "rb", buffering=0) as terminal:
            process = subprocess.Popen([CLIENT, "--config", self.settings, "begin", "small"], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=side)
            os.close(side)
            self.addCleanup(self.finish, process)
            connection, _ = server.accept()
            connection.recv(4096)
            connection.sendall(b"OK 0123\r\nAGREE_UNIX_FD\r\n")
            seen = b""
            while not re.search(rb"\rbeginning a session on small \.\.\. [1-9]\d* s", seen):
                seen += terminal.read(4096)
            connection.close()
            while b"closed the connection" not in seen:
                seen += terminal.read(4096)
            # The line is taken back before the error is shown.
            self.assertRegex(seen, rb"s\x1b\[K\r\x1b\[Kunionroot: begin: the bus closed the connection")
            self.assertEqual(process.wait(60), 125)


class CheckTest(ClientTest):
    def test_all_is_well(self):
        done = self.client("check")
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        self.assertRegex(done.stdout, r"(?m)^\d+ definitions?, no problems$")
        listed = json.loads(self.client("check", "--json").stdout)
        self.assertGreaterEqual(listed["definitions"], 1)

    def test_problems(self):
        path = self.define("broken", f"[broken]\ntype=floppy\ndirectory={self.tree}\n")
        for words in (["check"], ["check", path]):
            done = self.client(*words)
            self.assertEqual(done.returncode, 1, done)
            self.assertRegex(done.stdout, f"(?m)^{path}:2: .*floppy")
            self.assertRegex(done.stdout, r"(?m)^\d+ definitions?, \d+ problems?$")
        listed = json.loads(self.client("check", "--json", path).stdout)
        self.assertEqual([(p["file"], p["line"], p["severity"]) for p in listed["problems"]], [(path, 2, "error")])

    def test_two_definitions_of_one_name(self):
        one = f"[twice]\ntype=directory\ndirectory={self.tree}\nunion-type=overlay\nprofile=minimal\n"
        path = self.define("twice", one + one)
        done = self.client("check", path)
        self.assertEqual(done.returncode, 1, done)
        self.assertRegex(done.stdout, f"(?m)^{path}:6: .*already defined at {path}:1; that definition is used")
        self.assertRegex(done.stdout, r"(?m)^1 definition, 1 problem$")
        # In two files it is the same; and a definition that is wrong does not count, whichever of a name it is.
        self.define("other", one)
        self.assertRegex(self.client("check").stdout, r"(?m)^3 definitions, 2 problems$")
        path = self.define("twice", one.replace("=minimal", "=nosuch") + one)
        self.assertRegex(self.client("check", path).stdout, r"(?m)^0 definitions, 2 problems$")

    def test_line_ends_of_dos_are_said_once(self):
        text = f"[dos]\ntype=directory\ndirectory={self.tree}\nunion-type=overlay\nprofile=minimal\n"
        path = self.define("dos", (text + text.replace("dos", "other")).replace("\n", "\r\n"))
        done = self.client("check", path)
        self.assertEqual(done.returncode, 1, done)
        lines = done.stdout.splitlines()
        self.assertEqual((len(lines), lines[1]), (2, "0 definitions, 1 problem"))
        self.assertIn("all its 10 lines end in a carriage return", lines[0])
        way = re.search(r"sed -i .*", lines[0])[0]
        subprocess.run(way, shell=True, check=True)
        self.assertEqual(self.client("check", path).returncode, 0)
        # Of a file that has some such lines, the definitions that have none are good.
        path = self.define("dos", text + text.replace("dos", "other").replace("\n", "\r\n", 4))
        lines = self.client("check", path).stdout.splitlines()
        self.assertEqual((len(lines), lines[1]), (2, "1 definition, 1 problem"))
        self.assertRegex(lines[0], f"^{path}:6: this line and 3 more of the section end in a carriage return")

    def test_all_that_is_wrong_in_the_settings(self):
        path = self.write(os.path.join(self.place, "wrong.conf"),
                          "[unionroot]\nbus=carrier-pigeon\nlog-level=info\nstate-directory=here\n")
        done = subprocess.run([CLIENT, "--config", path, "check"], capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (1, ""), done)
        self.assertRegex(done.stdout, f"(?m)^{path}:2: bus: .*carrier-pigeon")
        self.assertRegex(done.stdout, f"(?m)^{path}:4: state-directory: ")
        self.assertRegex(done.stdout, r"(?m)^0 definitions, 2 problems$")

    def test_what_is_not_on_disk(self):
        path = self.define("gone", "[gone]\ntype=directory\ndirectory=/no/such/tree\nunion-type=overlay\n")
        done = self.client("check", path)
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("/no/such/tree", done.stdout)

    def test_a_file_that_is_not_there(self):
        done = self.client("check", "/no/such/file.conf")
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("/no/such/file.conf", done.stdout)

    def test_output_that_cannot_be_written(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([CLIENT, "--config", self.settings, "check"], stdout=full, stderr=subprocess.PIPE,
                                  text=True, check=False, timeout=120)
        self.assertEqual(done.returncode, 125, done)
        self.assertIn("No space left on device", done.stderr)
        closed = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", CLIENT, "--help"], stderr=subprocess.PIPE, text=True,
                                check=False, timeout=120)
        self.assertEqual(closed.returncode, 125, closed)
        self.assertIn("standard output", closed.stderr)


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class LockTest(ClientTest):
    def locks(self):
        done = self.client("locks", "--json")
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        return json.loads(done.stdout)["locks"]

    def lock_files(self):
        try:
            return [name for name in os.listdir(self.state + "/locks") if not name.endswith(".manage")]
        except FileNotFoundError:
            return []

    def setUp(self):
        super().setUp()
        # Once every process has ended: cleanups run in reverse.
        self.addCleanup(lambda: self.until(lambda: self.lock_files() == []))

    def holder(self, *words):
        """A command under the lock that says when it runs."""
        process = self.start("lock", "small", *words, "--", "sh", "-c", "echo up; exec sleep 1000")
        self.assertEqual(process.stdout.readline(), "up\n")
        return process

    def test_statuses(self):
        for command, status in ((["true"], 0), (["sh", "-c", "exit 7"], 7), (["sh", "-c", "kill -KILL $$"], 128 + 9)):
            done = self.client("lock", "small", "--", *command)
            self.assertEqual((done.returncode, done.stderr), (status, ""), done)
        self.refused("lock", "small", "--", "/no/such", status=127, fragments=["/no/such"])
        self.refused("lock", "small", "--", "/etc/passwd", status=126, fragments=["/etc/passwd"])
        self.refused("lock", "smal", "--", "true", fragments=["smal", "did you mean 'small'?"])
        self.define("broken", "[broken]\ntype=floppy\n")
        self.refused("lock", "broken", "--", "true", fragments=["broken.conf:2"])
        self.define("gone", "[gone]\ntype=directory\ndirectory=/no/such/tree\nunion-type=overlay\n")
        self.refused("lock", "gone", "--", "true", fragments=["/no/such/tree"])

    def test_the_command_is_its_own(self):
        done = self.client("lock", "small", "--", "sh", "-c", "cat; echo out; echo err >&2; echo $1", "sh", "--help",
                           input="in\n", stdin=None)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "in\nout\n--help\n", "err\n"))

    def test_no_locks(self):
        self.assertEqual(self.locks(), [])
        self.assertEqual(len(self.client("locks").stdout.splitlines()), 1)

    def test_held(self):
        process = self.holder()
        held = self.locks()
        self.assertEqual([(lock["kind"], lock["state"], lock["chroot"], lock["tree"], lock["pid"], lock["user"])
                          for lock in held], [("source", "held", "small", self.tree, process.pid, "root")])
        self.assertEqual(held[0]["purpose"], "unionroot lock")  # others may read it; the command is the process's
        self.assertIn("sh -c", held[0]["command"])
        self.assertIn(self.tree, self.client("locks").stdout)
        self.refused("lock", "small", "--", "true", fragments=[str(process.pid)])
        started = time.monotonic()
        self.refused("lock", "small", "--wait=0.5", "--", "true", fragments=[str(process.pid)])
        self.assertGreaterEqual(time.monotonic() - started, 0.5)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(60), 128 + 15)

    def test_waiting(self):
        first = self.holder()
        second = self.start("lock", "small", "--wait", "--", "echo", "mine")
        self.until(lambda: sorted(lock["state"] for lock in self.locks()) == ["held", "waiting"])
        first.terminate()
        self.assertEqual(second.communicate(timeout=120), ("mine\n", ""))
        self.assertEqual(second.returncode, 0)

    def test_a_wait_that_is_interrupted(self):
        first = self.holder()
        second = self.start("lock", "small", "--wait", "--", "echo", "mine")
        self.until(lambda: len(self.locks()) == 2)
        second.send_signal(signal.SIGINT)
        out, err = second.communicate(timeout=120)
        # By the signal itself, so that a shell's loop around it stops too.
        self.assertEqual((second.returncode, out, err), (-signal.SIGINT, "", ""))
        self.assertEqual(len(self.locks()), 1)
        first.terminate()
        first.wait(60)

    def test_a_wait_that_is_not_to_be_interrupted(self):
        first = self.holder()
        # As a script starts what it puts into the background.
        second = self.start("lock", "small", "--wait", "--", "echo", "mine",
                            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
        self.until(lambda: len(self.locks()) == 2)
        second.send_signal(signal.SIGINT)
        second.send_signal(signal.SIGCONT)
        time.sleep(0.3)  # it looks every 0.1 s; too short a time would only make the test weaker
        first.terminate()
        self.assertEqual(second.communicate(timeout=120), ("mine\n", ""))
        self.assertEqual(second.returncode, 0)

    def test_killed_while_the_command_runs(self):
        process = self.start("lock", "small", "--", "sh", "-c", "echo $$; exec sleep 1000")
        command = int(process.stdout.readline())
        process.kill()
        process.wait(60)
        # The tree is still being changed.
        self.refused("lock", "small", "--", "true")
        os.kill(command, signal.SIGKILL)
        # Then the lock is stale, and whoever comes next removes it.
        self.until(lambda: self.client("lock", "small", "--", "true").returncode == 0)

    def test_only_root(self):
        done = subprocess.run([CLIENT, "--config", self.settings, "lock", "small", "--", "true"], capture_output=True,
                              text=True, user=65534, group=65534, extra_groups=[], check=False, timeout=120)
        self.assertEqual(done.returncode, 125, done)
        self.assertIn("only root", done.stderr)

    def test_settings_that_only_root_can_read(self):
        os.chmod(self.settings, 0o600)
        try:
            done = self.client("list", user=65534, group=65534, extra_groups=[])
        except PermissionError:
            self.skipTest("nobody may not execute the build tree")
        self.assertEqual(done.returncode, 125, done)
        self.assertIn("chmod a+r " + self.settings, done.stderr)


if __name__ == "__main__":
    skips.main()
