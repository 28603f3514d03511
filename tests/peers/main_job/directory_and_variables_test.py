"""Where a command runs (--directory, working-directory), and which variables it has (--env, --env-file, LANG, TERM)."""

import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys

import unionroot_testing as testing
from unionroot_testing import EndToEndTest

USER = "games"
WHERE = ("readlink", "-n", "/proc/self/cwd")


class DirectoryTest(EndToEndTest):
    @classmethod
    def prepare(cls):
        cls.tree = os.path.join(cls.machine.place, "tree")
        shutil.copytree(testing.small_tree(), cls.tree, symlinks=True)
        cls.home = pwd.getpwnam(USER).pw_dir
        os.makedirs(cls.tree + cls.home, exist_ok=True)
        # A place of the same name on the host and inside, and one that the host alone has.
        cls.both = os.path.join(cls.machine.place, "both")
        cls.outside = os.path.join(cls.machine.place, "outside")
        os.mkdir(cls.both)
        os.mkdir(cls.outside)
        os.makedirs(cls.tree + cls.both)
        cls.schroot = os.path.join(testing.BUILD, "cli", "schroot", "schroot")

    def tearDown(self):
        self.assert_nothing_left()

    def define(self, name, **keys):
        self.machine.define_tree(name, self.tree, **{"users": USER, **keys})
        testing.wait_until(lambda: self.machine.run("info", name).status == 0)
        return name

    def where(self, name, *options, **more):
        return self.machine.run("run", *options, name, "--", *WHERE, **more)

    def assert_runs_in(self, directory, name, *options, **more):
        result = self.where(name, *options, **more)
        self.assertEqual((result.status, result.out, result.err), (0, directory, ""))

    def shown(self, name):
        return json.loads(self.machine.ok("info", name, "--json"))["working-directory"]

    def test_a_chroot_for_builds_works_from_any_folder(self):
        for profile in ("sbuild", "buildd"):
            name = self.define("of-" + profile, profile=profile)
            self.assertEqual(self.shown(name), "/")
            self.assertRegex(self.machine.ok("info", name), r"Working directory: +/\n")
            for user in (USER, None):
                self.assert_runs_in("/", name, cwd=self.outside, user=user)
                # Always there, not sometimes elsewhere.
                self.assert_runs_in("/", name, cwd=self.both, user=user)
            session = self.machine.begin(name)
            self.assertEqual(self.shown(session), "/")
            self.assert_runs_in("/", session, cwd=self.outside)
            self.machine.ok("end", session)
            self.assert_runs_in(self.both, name, "--directory", self.both, cwd=self.outside)

    def test_others_run_where_their_caller_is_or_not_at_all(self):
        for keys in ({"profile": "minimal"}, {"profile": "buildd", "working_directory": "caller"}):
            with self.subTest(**keys):
                name = self.define("as-caller-" + keys["profile"], **keys)
                self.assertEqual(self.shown(name), "caller")
                self.assert_runs_in(self.both, name, cwd=self.both)
                self.assert_refused(self.where(name, cwd=self.outside), 125, self.outside, "--directory")

    def test_home(self):
        name = self.define("at-home", working_directory="home", root_users=USER)
        self.assertEqual(self.shown(name), "home")
        self.assert_runs_in(self.home, name, cwd=self.outside, user=USER)
        self.assert_runs_in("/root", name, cwd=self.outside)
        self.assert_runs_in("/root", name, "--user", "root", cwd=self.outside, user=USER)
        # One that the tree lacks.
        nobody = self.define("at-no-home", working_directory="home", users="www-data")
        home = pwd.getpwnam("www-data").pw_dir
        self.assert_refused(self.where(nobody, cwd=self.both, user="www-data"), 125, home, "--directory")

    def test_a_path(self):
        name = self.define("at-srv", working_directory="/srv")
        self.assert_runs_in("/srv", name, cwd=self.outside)
        missing = self.define("at-missing", working_directory="/no/such")
        self.assert_refused(self.where(missing, cwd=self.both), 125, "/no/such", "--directory")
        self.assert_runs_in("/srv", missing, "--directory", "/srv", cwd=self.both)

    def test_a_login_shell_begins_there_too(self):
        name = self.define("shell-at-srv", working_directory="/srv")
        result = self.machine.run("run", name, input="pwd\n", cwd=self.outside)
        self.assertEqual((result.status, result.out, result.err), (0, "/srv\n", ""))
        missing = self.define("shell-at-missing", working_directory="/no/such")
        result = self.machine.run("run", missing, input="pwd\n", cwd=self.outside)
        self.assertEqual((result.status, result.out), (0, "/root\n"))
        self.assertIn("falling back to the directory '/root'", result.err)

    def test_a_shell_in_the_place_of_one_that_is_missing_is_its_own_shell(self):
        tree = os.path.join(self.machine.place, "shells")
        subprocess.run(["cp", "-aT", testing.small_tree(), tree], check=True)
        self.addCleanup(shutil.rmtree, tree)
        os.unlink(tree + "/usr/bin/bash")
        with open(tree + "/etc/not-executable", "w") as file:
            file.write("no shell\n")
        for number, shell in enumerate(("/usr/bin/zsh", "/etc/not-executable", "bash")):
            with self.subTest(shell):
                with open(tree + "/etc/passwd", "w") as file:
                    file.write(f"root:x:0:0:root:/root:{shell}\n")
                name = f"shells-{number}"
                self.machine.define_tree(name, tree, nss="none", profile="minimal")
                result = self.machine.run("run", "--directory", "/", name, input='echo "$0 $SHELL"\n')
                self.assertEqual((result.status, result.out), (0, "-sh /bin/sh\n"), result)

    def test_a_session_keeps_what_it_began_with(self):
        name = self.define("kept", working_directory="/srv")
        session = self.machine.begin(name)
        self.define("kept", working_directory="/mnt")
        self.assertTrue(testing.wait_until(lambda: self.shown(name) == "/mnt"))
        self.machine.stop_daemon(signal.SIGKILL)
        self.machine.start_daemon()
        self.assert_runs_in("/srv", session, cwd=self.outside)
        self.machine.ok("end", session)

    def test_the_settings_say_the_default(self):
        usual = self.define("by-setting")
        own = self.define("by-key", working_directory="caller")
        try:
            for value, expected in (("/mnt", "/mnt"), ("home", "/root")):
                self.machine.stop_daemon()
                self.machine.settings["working-directory"] = value
                self.machine._write_settings()
                self.machine.start_daemon()
                self.assertEqual((self.shown(usual), self.shown(own)), (value, "caller"))
                self.assert_runs_in(expected, usual, cwd=self.outside)
                self.assert_runs_in(self.both, own, cwd=self.both)
            self.machine.stop_daemon()
            self.machine.settings["working-directory"] = "there"
            self.machine._write_settings()
            result = self.machine.run("check")
            self.assertEqual(result.status, 1, repr(result))
            self.assertRegex(result.out + result.err, r"unionroot\.conf:\d+: .*working-directory: 'there' .*caller, home")
            done = subprocess.run([testing.daemon_path(), "--config", self.machine.settings_file], stderr=subprocess.PIPE,
                                  timeout=testing.PATIENCE, text=True, check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("working-directory", done.stderr)
        finally:
            self.machine.settings.pop("working-directory")
            self.machine._write_settings()
            self.machine.stop_daemon()
            self.machine.start_daemon()

    def test_a_bad_value_is_an_error_with_its_line(self):
        for value in ("there", "./here", "Caller", "/" + "x" * 300):
            path = self.machine.define_tree("bad", self.tree, working_directory=value)
            result = self.machine.run("check", path)
            self.assertEqual(result.status, 1, repr(result))
            self.assertRegex(result.out + result.err, r"bad\.conf:\d+: .*working-directory")
            os.unlink(path)

    def test_the_schroot_front_end_has_schroots_rule(self):
        name = self.define("front", working_directory="/srv", profile="buildd")
        arguments = [self.schroot, "-c", name, "--", *WHERE]
        run = lambda cwd: subprocess.run(arguments, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                                         stderr=subprocess.PIPE, timeout=testing.PATIENCE, check=False,
                                         env={"PATH": os.environ["PATH"], "UNIONROOT_CONFIG": self.machine.settings_file})
        self.assertEqual(run(self.both).stdout, self.both)
        done = run(self.outside)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("Failed to change to directory", done.stderr)


class VariablesTest(EndToEndTest):
    @classmethod
    def prepare(cls):
        cls.machine.define_tree("small", testing.small_tree(), users=USER, environment_filter="^FILTERED$")
        cls.schroot = os.path.join(testing.BUILD, "cli", "schroot", "schroot")

    def tearDown(self):
        self.assert_nothing_left()

    def of(self, *options, environment=None, name="small"):
        """Of a command: bytes to bytes."""
        process = self.machine.popen("run", *options, name, "--", "sh", "-c", "cat /proc/$$/environ; :",
                                     environment=environment)
        out, err = process.communicate(timeout=testing.PATIENCE)
        self.assertEqual((process.returncode, err), (0, b""))
        entries = [entry.partition(b"=") for entry in out.split(b"\0") if entry]
        self.assertEqual(len(entries), len({name for name, _, _ in entries}), "a variable is there twice")
        return {name: value for name, _, value in entries}

    def refused(self, *options, fragments, status=125):
        self.assert_refused(self.machine.run("run", *options, "small", "--", "true"), status, *fragments)

    def write(self, content):
        path = os.path.join(self.machine.place, "variables")
        with open(path, "wb") as file:
            file.write(content)
        return path

    def test_language_and_terminal_come_along_and_nothing_else(self):
        found = self.of(environment={"LANG": "de_DE.UTF-8", "TERM": "vt100", "LC_MESSAGES": "C", "EDITOR": "vi"})
        self.assertEqual((found[b"LANG"], found[b"TERM"]), (b"de_DE.UTF-8", b"vt100"))
        self.assertEqual({name for name in found if not name.startswith(b"SCHROOT_")},
                         {b"HOME", b"LANG", b"LOGNAME", b"PATH", b"SHELL", b"TERM", b"USER", b"UNIONROOT_SESSION"})
        self.assertNotIn(b"LANG", self.of())

    def test_the_schroot_front_end_has_schroots(self):
        done = subprocess.run([self.schroot, "-c", "small", "-d", "/", "--", "env"], stdin=subprocess.DEVNULL, cwd="/",
                              stdout=subprocess.PIPE, timeout=testing.PATIENCE, text=True, check=True,
                              env={"PATH": os.environ["PATH"], "UNIONROOT_CONFIG": self.machine.settings_file,
                                   "LANG": "de_DE.UTF-8", "TERM": "vt100"})
        self.assertNotIn("LANG=", done.stdout)
        self.assertIn("TERM=vt100\n", done.stdout)

    def test_variables_of_the_command_line(self):
        found = self.of("--env", "A=1", "--env", "B=x=y z", "--env=EMPTY=", "--env", "MINE", "--env", "NOT_MINE",
                        "--env", "A=2", "--env", 'Q="[1,2]"', "--env", "FILTERED=all the same", "--env", "LINES=a\nb\x1b",
                        environment={"MINE": "own"})
        self.assertEqual({name: found.get(name) for name in (b"A", b"B", b"EMPTY", b"MINE", b"NOT_MINE", b"Q", b"FILTERED",
                                                             b"LINES")},
                         {b"A": b"2", b"B": b"x=y z", b"EMPTY": b"", b"MINE": b"own", b"NOT_MINE": None, b"Q": b'"[1,2]"',
                          b"FILTERED": b"all the same", b"LINES": b"a\nb\x1b"})

    def test_they_win_over_what_there_is(self):
        given = {"LANG": "C", "TERM": "vt100", "KEPT": "callers"}
        for options in ((), ("--preserve-environment",)):
            found = self.of(*options, "--env", "HOME=/srv", "--env", "PATH=/bin", "--env", "LANG=POSIX", "--env", "TERM=dumb",
                            "--env", "KEPT=given", environment=given)
            self.assertEqual([found[name] for name in (b"HOME", b"PATH", b"LANG", b"TERM", b"KEPT")],
                             [b"/srv", b"/bin", b"POSIX", b"dumb", b"given"])

    def test_bytes(self):
        session = self.machine.begin("small")
        path = self.write(b"FILE=\xff\xe4 \xed\xa0\x80\n")
        for name in ("small", session):
            found = self.of("--env", b"ODD=\xe4\xff", "--env", "MINE", "--env-file", path, name=name,
                            environment={b"MINE": b"\xfe"})
            self.assertEqual([found[name] for name in (b"ODD", b"MINE", b"FILE")], [b"\xe4\xff", b"\xfe", b"\xff\xe4 \xed\xa0\x80"])
        self.machine.ok("end", session)

    def test_a_file(self):
        path = self.write(b"# a comment\n\n  A=1\nB=two words \nC='quoted' # kept\nMINE\nNOT_MINE\nEMPTY=\nA=3\nLAST=no newline")
        found = self.of("--env-file", path, environment={"MINE": "own"})
        self.assertEqual({name: value for name, value in found.items() if name in (b"A", b"B", b"C", b"MINE", b"EMPTY", b"LAST")},
                         {b"A": b"3", b"B": b"two words ", b"C": b"'quoted' # kept", b"MINE": b"own", b"EMPTY": b"",
                          b"LAST": b"no newline"})
        self.assertNotIn(b"NOT_MINE", found)
        # An option counts before a file, wherever it stands.
        self.assertEqual(self.of("--env", "A=option", "--env-file", path)[b"A"], b"option")
        self.assertEqual(self.of("--env-file", path, "--env-file", "/dev/null")[b"A"], b"3")

    def test_bad_names(self):
        for bad in ("", "=x", "1A=x", "A-B=x", "A B=x", "a.b", "Ä=1"):
            self.refused("--env", bad, fragments=["NAME"], status=125)
        for name in ("SCHROOT_USER=x", "UNIONROOT_SESSION=x", "SCHROOT_COMMAND=x"):
            self.refused("--env", name, fragments=[name.partition("=")[0], "cannot be set"])
        self.refused("--env-file", self.write(b"LONG=" + b"x" * 131072), fragments=["bytes long"])
        self.assertEqual(self.machine.sessions(), [])

    def test_bad_files(self):
        for content, line, fragment in ((b"A=1\nexport B=2\n", 2, "export B=2"), (b"A=1\n\n#\n=x\n", 4, "'=x'"),
                                        (b"A=1\r\nB=2\r\n", 1, "CR LF"), (b"A=1\nB=\0\n", 2, "NUL"), (b"\xff=1\n", 1, "NAME"),
                                        (b"A=1\n\x1b[2J=2\n", 2, "NAME")):
            path = self.write(content)
            self.refused("--env-file", path, fragments=[f"{path}:{line}:", fragment])
        self.refused("--env-file", "/no/such", fragments=["/no/such", "No such file"])
        self.refused("--env-file", "/", fragments=["directory"])
        self.refused("--env-file", "/dev/zero", fragments=["/dev/zero", "longer than 2 MiB"])

    def test_a_stranger_on_the_bus_is_told_the_same(self):
        program = """
import dbus, os
bus = dbus.bus.BusConnection(os.environ["UNIONROOT_BUS"])
manager = dbus.Interface(bus.get_object("org.unionroot1", "/org/unionroot1", introspect=False), "org.unionroot1.Manager")
null = dbus.types.UnixFd(os.open("/dev/null", os.O_RDWR))
for bad in ("A", "=x", "1A=x", "SCHROOT_USER=x"):
    try:
        manager.Run("small", ["true"],
                    dbus.Dictionary({"set-environment": dbus.Array([bad], signature="s")}, signature="sv"), *[null] * 3)
        print("accepted", bad)
    except dbus.DBusException as error:
        print(error.get_dbus_name(), error.get_dbus_message().splitlines()[0])
"""
        done = subprocess.run([sys.executable, "-B", "-c", program], stdout=subprocess.PIPE, text=True, timeout=testing.PATIENCE,
                              env={"PATH": os.environ["PATH"], "UNIONROOT_BUS": self.machine.address}, check=True)
        lines = done.stdout.splitlines()
        self.assertEqual(len(lines), 4, done.stdout)
        for line in lines:
            self.assertTrue(re.match(r"org\.unionroot1\.Error\.InvalidArgument preparing the environment: ", line), line)


if __name__ == "__main__":
    testing.main()
