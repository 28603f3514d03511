"""Arguments, variables and directories are bytes: what the caller has is what the command gets, whatever the encoding."""

import hashlib
import json
import os
import pty
import subprocess
import unittest

import unionroot_testing as testing
from unionroot_testing import EndToEndTest, wait_until

# Latin-1, no encoding at all, half of a surrogate pair, UTF-8 cut short, and what quoting breaks on.
ODD = [b"\xe4", b"\xff\xfe", b"\xed\xa0\x80", b"caf\xc3", "ä€😀".encode(), b"a\nb", b"", b" '\"\\$(x)\\xff", b"--", b"-p"]
LONGEST = b"\xff" * 131071  # MAX_ARG_STRLEN of the kernel, less the NUL
NAME = b"caf\xe9 \xff\xed\xa0\x80"
SHOWN = r"caf\xe9 \xff\xed\xa0\x80"


def digest(data):
    return hashlib.sha256(data).hexdigest()


class BytesTest(EndToEndTest):
    @classmethod
    def prepare(cls):
        cls.machine.define_tree("small", testing.small_tree(), preserve_environment="yes",
                                working_directory="caller")
        cls.place = os.fsencode(cls.machine.place) + b"/" + NAME + b"\nx"
        os.mkdir(cls.place)

    def tearDown(self):
        self.assert_nothing_left()

    def run_raw(self, *arguments, **options):
        """(status, stdout, stderr), as bytes."""
        process = self.machine.popen(*arguments, **options)
        out, err = process.communicate(timeout=testing.PATIENCE)
        return process.returncode, out, err

    def got(self, *arguments, **options):
        status, out, err = self.run_raw(*arguments, **options)
        self.assertEqual((status, err), (0, b""))
        return out

    def sessions_to_try(self):
        """A chroot, for an automatic session, and a session that stays."""
        session = self.machine.begin("small")
        self.addCleanup(self.machine.run, "end", session)
        yield "small"
        yield session
        self.machine.ok("end", session)

    def test_arguments(self):
        words = [b"sh", b"-c", b"cat /proc/$$/cmdline; :", *ODD, LONGEST]
        for name in self.sessions_to_try():
            with self.subTest(name):
                self.assertEqual(self.got("run", "--directory", "/", name, "--", *words), b"".join(word + b"\0" for word in words))

    def test_variables(self):
        variables = {f"ODD{number}": value for number, value in enumerate(ODD)}
        given = {name: os.fsdecode(value) for name, value in {**variables, "LONG": LONGEST[:100000]}.items()}
        for name in self.sessions_to_try():
            with self.subTest(name):
                found = self.got("run", "-p", "--directory", "/", name, "--", "sh", "-c", "cat /proc/$$/environ; :", environment=given)
                found = dict(each.split(b"=", 1) for each in found.split(b"\0") if each)
                for variable, value in given.items():
                    self.assertEqual(found[variable.encode()], os.fsencode(value), variable)

    def test_directories(self):
        where = ("sh", "-c", "readlink -n /proc/$$/cwd; :")
        session = self.machine.begin("small")
        self.got("run", "--directory", "/", session, "--", "mkdir", "-p", self.place)
        self.assertEqual(self.got("run", session, "--", *where, cwd=self.place), self.place)
        self.assertEqual(self.got("run", "-d", self.place, session, "--", *where), self.place)
        # A login shell falls back, and the warning can be read.
        status, out, err = self.run_raw("run", "small", cwd=self.place)
        self.assertEqual((status, out), (0, b""))
        self.readable(err)
        self.machine.ok("end", session)

    def test_on_a_terminal(self):
        words = [b"sh", b"-c", b"sha256sum </proc/$$/cmdline; printf %s \"$ODD\" | sha256sum; stty size >/dev/null", *ODD, LONGEST]
        master, slave = pty.openpty()
        try:
            process = self.machine.popen("run", "--tty", "-p", "-d", "/", "small", "--", *words, stdin=slave, stdout=slave,
                                         stderr=slave, environment={"ODD": os.fsdecode(NAME)}, start_new_session=True)
            os.close(slave)
            slave = -1
            out = b""
            while True:
                try:
                    data = os.read(master, 4096)
                except OSError:
                    break  # nobody has the other side any more
                if not data:
                    break
                out += data
            self.assertEqual(process.wait(testing.PATIENCE), 0, out)
        finally:
            os.close(master)
            if slave >= 0:
                os.close(slave)
        self.assertEqual(out.decode().split()[::2], [digest(b"".join(word + b"\0" for word in words)), digest(NAME)])

    def readable(self, err, *fragments):
        """What is said of such bytes is UTF-8 without control characters."""
        text = err.decode()
        self.assertNotRegex(text, "[\x00-\x09\x0b-\x1f\x7f-\x9f]")
        for fragment in fragments:
            self.assertIn(fragment, text)

    def test_what_is_said_of_them(self):
        for status, shown, *arguments in (
                (127, SHOWN, "run", "-d", "/", "small", "--", NAME),
                (127, SHOWN, "run", "-d", "/", "small", "--", b"/" + NAME),
                (125, SHOWN, "run", "-d", b"/" + NAME, "small", "--", "true"),
                (125, SHOWN, "run", "-d", NAME, "small", "--", "true"),
                (125, SHOWN, "run", "-u", NAME, "-d", "/", "small", "--", "true"),
                (127, SHOWN, "run", "-s", b"/" + NAME, "small"),
                (125, SHOWN, "run", "-o", b"a.b=" + NAME, "-d", "/", "small", "--", "true"),
                (125, SHOWN, "run", NAME), (125, SHOWN, "begin", NAME), (125, SHOWN, "begin", "-n", NAME, "small"),
                (125, SHOWN, "end", NAME), (125, SHOWN, "info", NAME), (125, SHOWN, NAME), (125, SHOWN, b"--" + NAME, "list"),
                (125, SHOWN, b"run", b"--" + NAME, "small"),
                (127, SHOWN, "lock", "small", "--", NAME)):
            with self.subTest(arguments=arguments):
                found, out, err = self.run_raw(*arguments)
                self.assertEqual((found, out), (status, b""), err)
                self.readable(err, shown)
        status, out, _ = self.run_raw("check", b"/" + NAME)
        self.assertEqual(status, 1)
        self.readable(out, SHOWN)
        status, out, _ = self.run_raw("check", "--json", b"/" + NAME)
        self.assertEqual(json.loads(out.decode())["problems"][0]["file"], "/" + SHOWN)

    def test_what_cannot_be_executed(self):
        session = self.machine.begin("small")
        self.got("run", "-d", "/", session, "--", "mkdir", "-p", b"/tmp/" + NAME)
        status, out, err = self.run_raw("run", "-d", "/", session, "--", b"/tmp/" + NAME)
        self.assertEqual((status, out), (126, b""), err)
        self.readable(err, SHOWN)
        self.machine.ok("end", session)

    def test_listings(self):
        session = self.machine.begin("small")
        process = self.machine.popen("run", "-d", "/", session, "--", "sh", "-c", "read x", NAME, stdin=subprocess.PIPE)

        def listed():
            runs = json.loads(self.machine.ok("info", "--json", session))["runs"]
            return len(runs) == 1 and runs[0]["command"]

        self.assertTrue(wait_until(listed))
        self.assertTrue(listed().endswith(SHOWN), listed())
        status, out, _ = self.run_raw("info", session)
        self.assertEqual(status, 0)
        self.readable(out, SHOWN)
        process.communicate(timeout=testing.PATIENCE)
        self.machine.ok("end", session)

    def test_paths_of_changes(self):
        session = self.machine.begin("small")
        path = b"/srv/" + NAME
        self.got("run", "-d", "/", session, "--", "sh", "-c", 'mkdir "$1"; echo x >"$1/in"; echo y >/srv/other', "sh", path)
        process = self.machine.popen("diff", "--name-only", "-z", session, path)
        out, err = process.communicate(timeout=testing.PATIENCE)
        self.assertEqual((process.returncode, out, err), (1, path + b"\0" + path + b"/in\0", b""))
        status, out, _ = self.run_raw("diff", session, b"srv/" + NAME)
        self.assertEqual(status, 1)
        self.readable(out)
        self.machine.ok("end", session)

    def test_the_program_schroot(self):
        program = os.path.join(testing.BUILD, "cli", "schroot", "schroot")
        if not os.path.exists(program):
            self.skipTest("the program schroot is not built")
        environment = {b"LC_ALL": b"C", b"UNIONROOT_CONFIG": os.fsencode(self.machine.settings_file), b"PATH": b"/usr/bin:/bin", b"ODD": NAME}
        session = self.machine.begin("small")
        self.got("run", "--directory", "/", session, "--", "mkdir", "-p", self.place)
        done = subprocess.run([program, "-r", "-p", "-c", session, "--", "sh", "-c", 'printf "%s\\0" "$PWD" "$ODD" "$@"', "sh", *ODD], env=environment,
                              cwd=self.place, capture_output=True, stdin=subprocess.DEVNULL, check=False)
        self.assertEqual(done.returncode, 0, done)
        self.assertEqual(done.stdout.split(b"\0")[1:-1], [NAME, *ODD])
        where = subprocess.run([program, "-r", "-c", session, "-d", self.place, "--", "readlink", "-n", "/proc/self/cwd"], env=environment,
                               cwd="/", capture_output=True, stdin=subprocess.DEVNULL, check=False)
        self.assertEqual((where.returncode, where.stdout), (0, self.place), where)
        self.machine.ok("end", session)

    def test_locks(self):
        process = self.machine.popen("lock", "small", "--", "sh", "-c", "echo ready; read x", NAME, stdin=subprocess.PIPE)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        status, out, _ = self.run_raw("locks", "--json")
        self.assertEqual(status, 0)
        (lock,) = json.loads(out.decode())["locks"]
        self.assertIn(SHOWN, lock["command"])
        status, out, _ = self.run_raw("locks")
        self.readable(out, SHOWN)
        process.communicate(timeout=testing.PATIENCE)


if __name__ == "__main__":
    testing.main()
