"""Bad input: each gets one clear error that says what to do, the documented exit status, and leaves nothing behind."""

import fcntl
import os
import pwd
import shutil
import signal
import struct
import subprocess
import time
import unittest

import unionroot_testing as testing
from unionroot_testing import EndToEndTest

FAILED = 125  # unionroot itself failed, wrong usage included: unionroot(1)


class BadInputTest(EndToEndTest):
    @classmethod
    def prepare(cls):
        cls.tree = testing.small_tree()
        cls.machine.define_tree("small", cls.tree, working_directory="caller")

    def tearDown(self):
        self.assert_nothing_left()

    def refused(self, *arguments, fragments=(), status=FAILED, **options):
        self.assert_refused(self.machine.run(*arguments, **options), status, *fragments)

    def defined(self, name, text, file=None):
        """Writes a definition, which whoever asks next finds; gone again after the test."""
        path = self.machine.define(name, text, file)
        self.addCleanup(os.unlink, path)
        return path

    # The command line

    def test_unknown_chroot(self):
        for verb in (["begin", "nope"], ["run", "nope", "--", "true"], ["info", "nope"]):
            self.refused(*verb, fragments=["nope", "list"] + ["and no session"] * (verb[0] != "begin"))

    def test_a_near_miss_is_named(self):
        self.refused("begin", "smal", fragments=["smal", "small"])

    def test_unknown_session(self):
        for verb in (["run", "session:nope", "--", "true"], ["end", "nope"], ["location", "nope"], ["recover", "nope"],
                     ["info", "session:nope"]):
            self.refused(*verb, fragments=["nope"])

    def test_unknown_namespace(self):
        self.refused("begin", "foo:small", fragments=["foo"])

    def test_unknown_user(self):
        self.refused("run", "--user", "no-such-user", "--directory", "/", "small", "--", "true",
                     fragments=["no-such-user"])

    def test_unknown_verb(self):
        result = self.machine.run("frobnicate")
        self.assertEqual(result.status, FAILED, repr(result))
        self.assertIn("frobnicate", result.err)
        self.assertIn("help", result.err)

    def test_unknown_option(self):
        for arguments in (["begin", "--frobnicate", "small"], ["--frobnicate", "list"], ["run", "--frobnicate", "small"]):
            result = self.machine.run(*arguments)
            self.assertEqual(result.status, FAILED, repr(result))
            self.assertIn("--frobnicate", result.err)

    def test_missing_arguments(self):
        for arguments in (["begin"], ["run"], ["end"], ["info"], ["location"]):
            result = self.machine.run(*arguments)
            self.assertEqual(result.status, FAILED, repr(result))
            self.assertTrue(result.err.strip(), repr(result))

    def test_names_that_are_paths(self):
        for name in ("../etc", "a/b", "..", ".hidden", "-x", "a b", "a\nb", "", "x" * 201, "ä"):
            result = self.machine.run("begin", f"--name={name}", "small")
            self.assertEqual(result.status, FAILED, repr(result))
            self.assertEqual(result.out, "")
            result = self.machine.run("begin", "--", name)
            self.assertEqual(result.status, FAILED, repr(result))

    def test_a_name_that_is_taken(self):
        session = self.machine.begin("small", name="taken")
        self.refused("begin", "--name", "taken", "small", fragments=["taken"])
        self.machine.ok("end", session)

    def test_a_name_that_nobody_can_be_told(self):
        with open("/dev/full", "w") as full:
            result = self.machine.run("begin", "small", stdout=full)
        self.assert_refused(result, FAILED, "No space left", "ended again")
        read, write = os.pipe()
        os.close(read)
        try:
            result = self.machine.run("begin", "--json", "small", stdout=write)
        finally:
            os.close(write)
        self.assert_refused(result, FAILED, "Broken pipe", "ended again")
        self.assertEqual(self.machine.sessions(), [])

    def test_relative_directory(self):
        self.refused("run", "--directory", "etc", "small", "--", "true", fragments=["etc", "absolute"])

    def test_missing_directory(self):
        self.refused("run", "--directory", "/no/such", "small", "--", "true", fragments=["/no/such"])

    def test_a_working_directory_that_the_tree_lacks(self):
        self.refused("run", "small", "--", "true", fragments=[self.machine.place, "--directory"],
                     cwd=self.machine.place)

    def test_command_not_found(self):
        self.refused("run", "--directory", "/", "small", "--", "/no/such", status=127, fragments=["/no/such"])
        self.refused("run", "--directory", "/", "small", "--", "no-such", status=127, fragments=["no-such"])
        for words, meant in ((("-t", "x"), "comes after the name"), (("ls -la",), "one word"), (("A=1", "x"), "env A=1 x"),
                             (("cd", "/"), "sh -c")):
            self.refused("run", "--directory", "/", "small", *words, status=127, fragments=[meant, "unionroot run "])

    def test_what_was_perhaps_meant_is_said_of_sessions_too(self):
        session = self.machine.begin("small")
        for words, meant in ((("--user", "root", "id"), "unionroot run --user ... " + session), (("exit", "3"), "sh -c 'exit 3'"),
                             (("make && make install",), "sh -c 'make && make install'"), (("PATH=/x", "ls", "-l"), "env PATH=/x ls -l"),
                             (("export", "A=1"), "sh -c 'export A=1'"), (("-d",), "options come before the name")):
            with self.subTest(words):
                self.refused("run", "--directory", "/", session, *words, status=127, fragments=[meant])
        self.machine.ok("end", session)

    def test_chroots_with_long_names_have_sessions(self):
        for name in ("a" * 191, "b" * 200, "c." * 500):
            with self.subTest(len(name)):
                self.machine.define_tree(name, self.tree, file=os.path.join(self.machine.configuration, "chroot.d", "long.conf"))
                self.assertEqual(self.machine.inside(name, "sh", "-c", "echo $SCHROOT_CHROOT_NAME"), name)
                session = self.machine.begin(name)
                self.assertLessEqual(len(session), 200)
                self.machine.ok("end", session)
        os.unlink(os.path.join(self.machine.configuration, "chroot.d", "long.conf"))

    def test_paths_that_mean_something_to_overlays(self):
        for number, name in enumerate(("comma,colon:back\\slash", "quote\"s and 'others'", "equals=lowerdir=x")):
            with self.subTest(name):
                tree = os.path.join(self.machine.place, name)
                layers = os.path.join(self.machine.place, "layers " + name)
                subprocess.run(["cp", "-aT", self.tree, tree], check=True)
                os.mkdir(layers)
                self.addCleanup(shutil.rmtree, tree)
                self.addCleanup(shutil.rmtree, layers)
                file = self.machine.define_tree(f"odd{number}", tree, union_overlay_directory=layers)
                self.addCleanup(os.unlink, file)
                session = self.machine.begin(f"odd{number}")
                self.machine.inside(session, "sh", "-c", "echo x >/srv/x; rm /etc/hostname")
                self.assertTrue(os.path.exists(os.path.join(tree, "etc/hostname")))
                self.assertFalse(os.path.exists(os.path.join(tree, "srv/x")))
                self.machine.ok("end", session)

    def test_command_not_executable(self):
        self.refused("run", "--directory", "/", "small", "--", "/etc/passwd", status=126, fragments=["/etc/passwd"])

    def test_a_thousand_arguments(self):
        words = [f"argument {number} with 'quotes' and $(nothing)" for number in range(1000)]
        out = self.machine.inside("small", "printf", "%s\\n", *words)
        self.assertEqual(out.split("\n"), words)

    def test_arguments_that_are_odd(self):
        words = ["", "-x", "--", "a\tb", "new\nline", "\x1b[31m", "ü"]
        out = self.machine.inside("small", "printf", "<%s>", *words)
        self.assertEqual(out, "".join(f"<{word}>" for word in words))

    def test_an_argument_that_is_too_long(self):
        # The kernel allows a single argument of 128 KiB less one byte; the client could not be started with more.
        word = "x" * (128 * 1024 - 1)
        result = self.machine.run("run", "--directory", "/", "small", "--", "printf", "%s", word)
        self.assertEqual((result.status, len(result.out)), (0, len(word)), result.err)

    def test_environment_with_control_characters(self):
        result = self.machine.run("run", "--preserve-environment", "--directory", "/", "small", "--", "true",
                                  environment={"ODD": "a\x1b[31mb\x07"})
        self.assert_refused(result, FAILED, "ODD")
        # Not asked to preserve it: it does not matter.
        result = self.machine.run("run", "--directory", "/", "small", "--", "true", environment={"ODD": "a\x07b"})
        self.assertEqual(result.status, 0, repr(result))

    def test_unknown_option_of_a_definition(self):
        self.refused("begin", "--option", "no.such-key=1", "small", fragments=["no.such-key"])
        self.refused("begin", "--option", "malformed", "small", fragments=["malformed"])

    # Definitions

    def assert_broken(self, name, text, *fragments, line=None):
        path = self.defined(name, text)
        where = f"{path}:{line}" if line else path
        self.refused("begin", name, fragments=[where, *fragments])
        checked = self.machine.run("check")
        self.assertEqual(checked.status, 1, repr(checked))
        self.assertIn(where, checked.out + checked.err)
        checked = self.machine.run("check", path)
        self.assertEqual(checked.status, 1, repr(checked))
        self.assertIn(where, checked.out + checked.err)
        # And every other definition is as good as before.
        self.assertEqual(self.machine.inside("small", "echo", "fine"), "fine")

    def test_a_broken_line(self):
        self.assert_broken("broken", f"[broken]\ntype=directory\nthis is no key\ndirectory={self.tree}\n", line=3)

    def test_an_unknown_type(self):
        self.assert_broken("broken", f"[broken]\ntype=floppy\ndirectory={self.tree}\n", "floppy", line=2)

    def test_a_duplicate_key(self):
        self.assert_broken("broken", f"[broken]\ntype=directory\ndirectory={self.tree}\ndirectory=/tmp\n", "directory",
                           line=4)

    def test_a_missing_key(self):
        self.assert_broken("broken", "[broken]\ntype=directory\n", "directory")

    def test_a_relative_directory(self):
        self.assert_broken("broken", "[broken]\ntype=directory\ndirectory=srv/tree\n", "srv/tree", "absolute", line=3)

    def test_an_unsupported_union_type(self):
        self.assert_broken("broken", f"[broken]\ntype=directory\ndirectory={self.tree}\nunion-type=floppyfs\n", "floppyfs",
                           line=4)

    def test_a_name_that_is_a_path(self):
        path = self.defined("badname", f"[../x]\ntype=directory\ndirectory={self.tree}\n")
        checked = self.machine.run("check", path)
        self.assertEqual(checked.status, 1, repr(checked))
        self.assertIn(f"{path}:1", checked.out + checked.err)

    def test_a_duplicate_definition(self):
        text = f"[twice]\ntype=directory\ndirectory={self.tree}\nunion-type=overlay\nprofile=minimal\n"
        first = self.defined("twice-1", text)
        second = self.defined("twice-2", text)
        checked = self.machine.run("check")
        self.assertEqual(checked.status, 1, repr(checked))
        self.assertIn(second + ":1", checked.out + checked.err)
        self.assertIn(first, checked.out + checked.err)

    def test_a_directory_that_is_not_there(self):
        self.defined("gone", "[gone]\ntype=directory\ndirectory=/no/such/tree\nunion-type=overlay\n")
        self.refused("begin", "gone", fragments=["/no/such/tree"])
        self.refused("run", "gone", "--", "true", fragments=["/no/such/tree"])

    def test_a_file_not_owned_by_root(self):
        path = self.defined("foreign", f"[foreign]\ntype=directory\ndirectory={self.tree}\nunion-type=overlay\n")
        os.chown(path, 65534, 65534)
        self.refused("begin", "foreign", fragments=[path, "root"])
        self.assertEqual(self.machine.run("check", path).status, 1)

    def test_a_file_that_others_may_write(self):
        path = self.defined("writable", f"[writable]\ntype=directory\ndirectory={self.tree}\nunion-type=overlay\n")
        os.chmod(path, 0o666)
        self.refused("begin", "writable", fragments=[path])

    def test_an_fstab_that_leads_out(self):
        profile = os.path.join(self.machine.configuration, "profiles", "outward")
        os.makedirs(profile)
        self.addCleanup(shutil.rmtree, profile)
        with open(os.path.join(profile, "fstab"), "w") as file:
            file.write("/proc /proc none rw,bind 0 0\n/tmp /../../etc none rw,bind 0 0\n")
        self.defined("outward", f"[outward]\ntype=directory\ndirectory={self.tree}\nunion-type=overlay\n"
                     "profile=outward\n")
        self.refused("begin", "outward", fragments=[profile + "/fstab:2"])

    def test_check_is_content_with_a_good_file(self):
        path = os.path.join(self.machine.configuration, "chroot.d", "small.conf")
        checked = self.machine.run("check", path)
        self.assertEqual(checked.status, 0, repr(checked))

    def test_check_of_a_file_that_is_not_there(self):
        checked = self.machine.run("check", "/no/such/file.conf")
        self.assertEqual(checked.status, 1, repr(checked))
        self.assertIn("/no/such/file.conf", checked.out + checked.err)

    # Who may do what

    def test_a_user_who_is_on_no_list(self):
        self.machine.define_tree("private", self.tree, users="")
        self.addCleanup(os.unlink, os.path.join(self.machine.configuration, "chroot.d", "private.conf"))
        for verb in (["begin", "private"], ["run", "--directory", "/", "private", "--", "true"]):
            self.refused(*verb, user="nobody", fragments=["private"])

    def test_a_file_in_the_tree_that_somebody_holds_a_lease_on(self):
        """Whoever opens it waits until the lease is given back, 45 s if it is not. The daemon does not."""
        session = self.machine.begin("small")
        path = os.path.join(self.machine.state, "sessions", session, "upper", "etc", "passwd")
        former = signal.signal(signal.SIGURG, signal.SIG_IGN)  # by which the kernel asks for it
        self.addCleanup(signal.signal, signal.SIGURG, former)
        with open(path, "r+b") as file:
            fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            try:
                self.refused("run", "--directory", "/", session, "--", "true", fragments=["passwd", "holds a lease"],
                             timeout=30)
            finally:
                fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        self.machine.ok("run", "--directory", "/", session, "--", "true")
        self.machine.ok("end", session)


class SurroundingsTest(unittest.TestCase):
    """What is not the user's fault: no bus, no daemon, no space."""

    def setUp(self):
        testing.require_end_to_end()
        self.machine = testing.Machine()
        self.machine.define_tree("small", testing.small_tree())

    def tearDown(self):
        problems = self.machine.close()
        self.assertEqual(problems, [])

    assert_refused = EndToEndTest.assert_refused

    def test_no_bus(self):
        for verb in (["list"], ["begin", "small"], ["run", "--directory", "/", "small", "--", "true"]):
            self.assert_refused(self.machine.run(*verb), FAILED, self.machine.bus_socket)

    def test_no_daemon(self):
        self.machine.start_bus()
        for verb in (["list"], ["begin", "small"], ["run", "--directory", "/", "small", "--", "true"]):
            self.assert_refused(self.machine.run(*verb), FAILED, "unionrootd")

    def test_check_needs_no_daemon(self):
        result = self.machine.run("check")
        self.assertEqual(result.status, 0, repr(result))

    def test_a_daemon_without_a_bus(self):
        self.machine.start_daemon(wait=False)
        self.assertNotEqual(self.machine.daemon.wait(testing.PATIENCE), 0)
        self.assertIn(self.machine.bus_socket, self.machine.log())

    def test_a_daemon_that_is_not_root(self):
        self.machine.start_bus()
        done = subprocess.run([testing.daemon_path(), "--config", self.machine.settings_file], user=65534, group=65534,
                              extra_groups=[], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=30)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("root", done.stdout)

    def test_a_second_daemon(self):
        self.machine.start()
        done = subprocess.run([testing.daemon_path(), "--config", self.machine.settings_file], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertTrue(done.stdout.strip())
        # The first is none the worse.
        self.assertEqual(self.machine.inside("small", "echo", "fine"), "fine")

    def test_a_daemon_without_standard_descriptors(self):
        # What it logs goes nowhere, and above all not into the files and sockets that it opens first.
        self.machine.start_bus()
        self.machine.daemon = subprocess.Popen(
            [testing.daemon_path(), "--config", self.machine.settings_file], cwd="/", start_new_session=True,
            preexec_fn=lambda: os.closerange(0, 3))
        self.machine.children[self.machine.daemon.pid] = "unionrootd"
        self.machine.wait_ready()
        for number in (0, 1, 2):
            self.assertEqual(os.readlink(f"/proc/{self.machine.daemon.pid}/fd/{number}"), "/dev/null")
        session = self.machine.begin("small")
        self.assertEqual(self.machine.inside(session, "echo", "fine"), "fine")
        self.machine.ok("end", session)
        self.assertEqual(self.machine.leftovers(), [])

    def test_caller_without_an_account(self):
        self.machine.define_tree("small", testing.small_tree())
        self.machine.start()
        uid = next(number for number in range(54321, 64321) if not self.has_account(number))
        result = subprocess.run(self.machine.arguments("run", "small", "--", "true"), user=uid, group=uid, extra_groups=[], cwd="/",
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env={"PATH": "/usr/bin:/bin"})
        self.assertEqual(result.returncode, FAILED, repr(result))
        self.assertIn(f"this machine has no account with the uid {uid}", result.stderr)
        self.assertIn("getent passwd", result.stderr)
        for arguments in (["begin", "small"], ["list", "--mine"], ["end", "--all"]):
            with self.subTest(arguments):
                result = subprocess.run(self.machine.arguments(*arguments), user=uid, group=uid, extra_groups=[], cwd="/",
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        env={"PATH": "/usr/bin:/bin"})
                if result.returncode != 0:
                    self.assertIn(f"this machine has no account with the uid {uid}", result.stderr)
                self.assertNotIn("closed the connection", result.stderr)

    @staticmethod
    def has_account(uid):
        try:
            pwd.getpwuid(uid)
        except KeyError:
            return False
        return True

    def test_daemon_while_the_former_one_exits(self):
        self.machine.define_tree("small", testing.small_tree())
        self.machine.start()
        self.machine.stop_daemon()
        # What the threads of a process hold that was killed is held until the last of them is gone.
        lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        with open(os.path.join(self.machine.state, "daemon.lock"), "r+b") as file:
            fcntl.fcntl(file, 37, lock)  # F_OFD_SETLK
            self.machine.start_daemon(wait=False)
            time.sleep(0.3)
            self.assertIsNone(self.machine.daemon.poll(), self.machine.log())
        self.machine.wait_ready()

    def test_daemons_that_are_killed_and_started_at_once(self):
        self.machine.define_tree("small", testing.small_tree())
        self.machine.start()
        session = self.machine.begin("small")
        for _ in range(5):
            former = self.machine.daemon
            former.send_signal(signal.SIGKILL)  # not waited for: it still exits
            self.machine.start_daemon()
            former.wait(testing.PATIENCE)
            self.assertEqual(self.machine.inside(session, "echo", "lives"), "lives")
        self.machine.ok("end", session)

    def test_a_daemon_beside_a_living_one_is_refused(self):
        self.machine.define_tree("small", testing.small_tree())
        self.machine.start()
        living = self.machine.daemon
        self.machine.start_daemon(wait=False)
        self.assertTrue(testing.wait_until(lambda: self.machine.daemon.poll() is not None))
        self.assertNotEqual(self.machine.daemon.returncode, 0)
        self.assertIn(f"another unionrootd (pid {living.pid}) runs", self.machine.log())
        self.machine.daemon = living
        self.assertEqual(self.machine.inside("small", "echo", "served"), "served")

    def test_settings_that_are_wrong(self):
        self.machine.start_bus()
        self.machine.settings["no-such-setting"] = "1"
        self.machine.settings["state-directory"] = "relative/path"
        self.machine._write_settings()
        result = self.machine.run("list")
        self.assertEqual(result.status, FAILED, repr(result))
        self.assertIn(self.machine.settings_file + ":", result.err)


class FullDiskTest(unittest.TestCase):
    def setUp(self):
        testing.require_end_to_end()
        self.machine = testing.Machine()
        self.image = os.path.join(self.machine.place, "disk.img")
        with open(self.image, "wb") as file:
            file.truncate(24 << 20)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-F", "-m", "0", self.image], check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL)
        subprocess.run(["mount", "-o", "loop", self.image, self.machine.state], check=True)
        os.rmdir(os.path.join(self.machine.state, "lost+found"))
        os.chmod(self.machine.state, 0o755)
        self.machine.define_tree("small", testing.small_tree())
        self.addCleanup(self.take_away)

    assert_refused = EndToEndTest.assert_refused

    def take_away(self):
        self.machine.run("end", "--all", "--force")
        self.machine.stop_daemon()
        subprocess.run(["umount", self.machine.state], check=False)
        self.assertEqual(self.machine.close(), [])

    def test_begin_on_a_full_disk(self):
        machine = self.machine
        machine.start()
        living = machine.begin("small", name="living")
        filler = testing.fill_disk(self.machine.state)
        result = machine.run("begin", "--name", "late", "small")
        if result.status == 0:
            # A session may fit into what the file system still had for names; then writing in it must fail.
            written = machine.run("run", "--directory", "/", "late", "--", "sh", "-c", "head -c 100000 /dev/zero > /srv/x")
            self.assertNotEqual(written.status, 0, repr(written))
            machine.ok("end", "late")
        else:
            self.assertEqual(result.status, FAILED, repr(result))
            self.assertRegex(result.err.lower(), "no space|full", repr(result))
            self.assertNotIn("late", machine.ok("list", "--sessions"))
        # The session is none the worse, and one may make room in it.
        self.assertEqual(machine.inside(living, "echo", "alive"), "alive")
        os.unlink(filler)
        self.assertEqual(machine.inside(living, "echo", "alive"), "alive")
        self.assertEqual(machine.inside("small", "echo", "again"), "again")
        machine.ok("end", living)
        self.assertEqual(machine.leftovers(besides=["loop device: "]), [])  # the disk's own


if __name__ == "__main__":
    testing.main()
