"""The schroot front end: what it prints, and its exit statuses. What is expected was recorded from schroot 1.6.13."""

import fcntl
import os
import pwd
import re
import signal
import stat
import subprocess
import time
import unittest

import unionroot_testing
from unionroot_testing import EndToEndTest, Machine, Result, small_tree, wait_until

USER = "games"
UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
USAGE = "I: Run “schroot --help” to list usage example and all available options\n"
DENIED = ("E: Access not authorised\nI: You do not have permission to access the schroot service.\n"
          "I: This failure will be reported.\n")
NO_DIRECTORY = ("I: The directory does not exist inside the chroot.  Use the --directory option to run the command in a "
                "different directory.\n")


def front_end_path(name="schroot"):
    return os.path.join(unionroot_testing.BUILD, "cli", "schroot", name)


class FrontEndMachine(Machine):
    def front_end(self, *words, user=None, directory="/", environment=None, program="schroot"):
        """The front end, started as a script would: with an environment of almost nothing."""
        options = {}
        if user is not None:
            self.users.add(user)
            entry = pwd.getpwnam(user)
            options.update(user=entry.pw_uid, group=entry.pw_gid, extra_groups=os.getgrouplist(user, entry.pw_gid))
        surroundings = {"LC_ALL": "C", "LANGUAGE": "C", "UNIONROOT_CONFIG": self.settings_file, **(environment or {})}
        return subprocess.Popen([program, *words], executable=front_end_path(), env=surroundings, cwd=directory,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)

    def schroot(self, *words, input="", **options):
        process = self.front_end(*words, **options)
        out, err = process.communicate(input.encode(), unionroot_testing.PATIENCE)
        alike = [UUID.sub("UUID", text.decode(errors="replace")) for text in (out, err)]
        return Result(list(words), process.returncode, *alike)


class FrontEndTest(EndToEndTest):
    @classmethod
    def new_machine(cls):
        return FrontEndMachine({"built-in-host": "yes", **cls.settings})

    @classmethod
    def prepare(cls):
        tree = os.path.join(cls.machine.place, "tree")  # source sessions write into it
        subprocess.run(["cp", "-a", small_tree(), tree], check=True)
        everybody = {"users": USER, "root_users": USER, "profile": "minimal"}
        cls.machine.define_tree("sid", tree, aliases="unstable,default", source_users=USER, source_root_users=USER,
                                **{**everybody, "description": "Unstable"})
        cls.machine.define_tree("closed", tree, users="news", profile="minimal")
        cls.machine.define_tree("pre", tree, command_prefix="env,MARK=1", **everybody)
        cls.machine.define_tree("keys", tree, user_modifiable_keys="my.key,setup.fstab", root_modifiable_keys="root.key", **everybody)
        cls.machine.define_tree("loud", tree, message_verbosity="verbose", **everybody)
        cls.plain = os.path.join(cls.machine.place, "plain")
        subprocess.run(["cp", "-a", tree, cls.plain], check=True)
        cls.machine.define("bare", type="plain", directory=cls.plain, users=USER, root_users=USER)

    def schroot(self, *words, **options):
        return self.machine.schroot(*words, **options)

    def expect(self, words, status=0, out="", err="", **options):
        result = self.schroot(*words, **options)
        self.assertEqual((result.status, result.out, result.err), (status, out, err), repr(words))

    def tearDown(self):
        self.assert_nothing_left()


class Commands(FrontEndTest):
    def test_statuses_are_the_commands_own(self):
        for status in (0, 7, 125, 126, 127, 130, 255):
            self.expect(["-c", "sid", "--", "sh", "-c", f"exit {status}"], status=status, user=USER)

    def test_statuses_of_what_goes_wrong_are_1(self):
        self.expect(["-c", "sid", "--", "sh", "-c", "kill -9 $$"], 1, err="E: Child terminated by signal ‘Killed’\n")
        self.expect(["-c", "sid", "--", "sh", "-c", "kill -15 $$"], 1,
                    err="E: Child terminated by signal ‘Terminated’\n")
        self.expect(["-c", "sid", "--", "no-such"], 1, err="E: Failed to execute “no-such”: No such file or directory\n")
        self.expect(["-c", "sid", "--", "/etc/hosts"], 1, err="E: Failed to execute “/etc/hosts”: Permission denied\n")

    def test_several_chroots(self):
        words = ["-d", "/", "-c", "sid", "-c", "pre", "--", "sh", "-c", "echo $SCHROOT_CHROOT_NAME; exit 3"]
        self.expect(words, 3, out="sid\npre\n")
        # The last status counts, and nothing is begun unless all are there.
        self.expect(["-c", "sid", "-c", "pre", "--", "sh", "-c", "[ $SCHROOT_CHROOT_NAME = pre ]"])
        self.expect(["-c", "sid", "-c", "no", "-c", "none", "--", "echo", "x"], 1, err="E: no, none: Chroots not found\n")

    def test_the_default_chroot(self):
        self.expect(["--", "sh", "-c", "echo $SCHROOT_ALIAS_NAME $SCHROOT_CHROOT_NAME"], out="default sid\n")

    def test_environment(self):
        names = {
            "HOME": pwd.getpwnam(USER).pw_dir, "LOGNAME": USER, "PATH": "/usr/local/bin:/usr/bin:/bin",
            "SCHROOT_ALIAS_NAME": "unstable", "SCHROOT_CHROOT_NAME": "sid", "SCHROOT_COMMAND": "env",
            "SCHROOT_GID": "60", "SCHROOT_GROUP": "games", "SCHROOT_SESSION_ID": "sid-UUID", "SCHROOT_UID": "5",
            "SCHROOT_USER": USER, "SHELL": pwd.getpwnam(USER).pw_shell, "USER": USER}
        found = self.schroot("-c", "chroot:unstable", "--", "env", user=USER)
        self.assertEqual(dict(line.split("=", 1) for line in found.out.splitlines()), names)
        # As root: the names of schroot's own are those of the caller.
        names.update(HOME="/root", LOGNAME="root", USER="root", SHELL="/bin/bash", SCHROOT_COMMAND="env",
                     PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        found = self.schroot("-c", "chroot:unstable", "-u", "root", "--", "env", user=USER)
        self.assertEqual(dict(line.split("=", 1) for line in found.out.splitlines()), names)

    def test_a_long_command_is_whole(self):
        words = ["sh", "-c", "echo ${#SCHROOT_COMMAND}; : " + "x" * 5000]
        self.expect(["-c", "sid", "--", *words], out=str(len(" ".join(words))) + "\n")
        # And one that has what is no text, or is too long for a variable, runs all the same.
        self.expect(["-c", "sid", "--", "sh", "-c", ": \x01; echo ran"], out="ran\n")
        self.expect(["-c", "sid", "--", "sh", "-c", "echo ran", "x" * 100000, "y" * 100000], out="ran\n")

    def test_the_callers_environment(self):
        mine = {"FOO": "1", "HOME": "/tmp", "PATH": "/usr/bin:/opt", "LD_PRELOAD": "", "TERM": "vt1"}
        show = ["--", "sh", "-c", "echo $FOO $HOME $PATH ${LD_PRELOAD-none} $TERM"]
        self.expect(["-p", "-c", "sid", *show], out="1 /tmp /usr/bin:/opt none vt1\n", user=USER, environment=mine)
        root_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        self.expect(["-p", "-c", "sid", *show], out=f"1 /tmp {root_path} none vt1\n", environment=mine)

    def test_shells(self):
        self.expect(["-c", "sid"], out="-bash -bash\n", input="echo $0 $SCHROOT_COMMAND\n")
        # No login shell: the environment is to be kept; or a command stands before it.
        self.expect(["-p", "-c", "sid"], out="/bin/bash /bin/bash\n", input="echo $0 $SCHROOT_COMMAND\n")
        self.expect(["-c", "pre"], out="/bin/bash 1\n", input="echo $0 $MARK\n")
        self.expect(["-p", "-c", "sid"], out="/bin/sh\n", input="echo $0\n", environment={"SHELL": "/bin/sh"})
        self.expect(["-c", "sid", "-s", "/bin/sh"], out="-sh\n", input="echo $0\n")
        missing = "W: Shell ‘{0}’ not available: {0}: Failed to stat file: No such file or directory\n"
        self.expect(["-c", "sid", "-s", "/bin/no"], 1,
                    err=missing.format("/bin/no") + "E: Failed to execute “/bin/no”: No such file or directory\n")
        shell = pwd.getpwnam(USER).pw_shell
        self.expect(["-c", "sid"], out="-bash\n", input="echo $0\n", user=USER,
                    err=missing.format(shell) + "W: Falling back to shell ‘/bin/bash’\n")

    def test_directories(self):
        nowhere = os.path.join(self.machine.place, "not inside")
        os.makedirs(nowhere, exist_ok=True)
        refused = f"Failed to change to directory ‘{nowhere}’: No such file or directory\n" + NO_DIRECTORY
        self.expect(["-c", "sid", "--", "pwd"], 1, err="E: " + refused, directory=nowhere)
        self.expect(["-c", "sid"], out="/root\n", err="W: " + refused + "W: Falling back to directory ‘/root’\n",
                    directory=nowhere, input="pwd\n")
        self.expect(["-c", "sid", "-d", "/etc", "--", "pwd"], out="/etc\n", directory=nowhere)
        self.expect(["-c", "sid", "-d", "etc", "--", "pwd"], out="/etc\n")
        self.expect(["-c", "sid", "-d", "rel", "--", "pwd"], 1,
                    err="E: Failed to change to directory ‘rel’: No such file or directory\n" + NO_DIRECTORY)
        self.expect(["-c", "sid", "-d", "/etc/hosts", "--", "pwd"], 1,
                    err="E: Failed to change to directory ‘/etc/hosts’: Not a directory\n" + NO_DIRECTORY)

    def test_who_may(self):
        self.expect(["-c", "closed", "--", "true"], 1, err=DENIED, user=USER)
        self.expect(["-c", "sid", "--", "true"], 1, err=DENIED, user="news")
        self.expect(["-c", "closed", "--", "id", "-un"], out="news\n", user="news")
        self.expect(["-c", "sid", "-u", "nosuch", "--", "true"], 1, err="E: User ‘nosuch’ not found\n", user=USER)

    def test_user_data(self):
        refused = "E: Configuration key ‘{}’ is not permitted to be modified.\nI: The key is not present in user-modifiable-keys"
        self.expect(["-c", "sid", "-o", "setup.fstab=x", "--", "true"], 1,
                    err=refused.format("setup.fstab") + " or root-modifiable-keys\n")
        self.expect(["-c", "keys", "-o", "root.key=x", "--", "true"], 1, err=refused.format("root.key") + "\n", user=USER)
        self.expect(["-c", "keys", "-o", "my.key=x", "--", "true"], user=USER)
        # The profile's files for this session: among the profiles, if it is not root who names them.
        mounted = ["--", "sh", "-c", "test -e /sys/kernel && echo sys || echo none"]
        self.expect(["-c", "keys", *mounted], out="sys\n", user=USER)
        self.expect(["-c", "keys", "-o", "setup.fstab=", *mounted], out="none\n", user=USER)
        self.expect(["-c", "keys", "-o", "setup.fstab=/etc/fstab", "--", "true"], 1, user=USER,
                    err="E: setup.fstab: only root names a file outside of the folders of profiles\n"
                        "I: name it as PROFILE/FILE, such as default/fstab\n")
        found = self.schroot("-c", "keys", "-o", "setup.fstab=none/fstab", "--", "true", user=USER)
        self.assertEqual(found.status, 1)
        self.assertIn("the profile of this session cannot be used: there is no file 'none/fstab'", found.err)
        self.expect(["-c", "keys", "-o", "root.key=x", "--", "true"])

    def test_talk(self):
        run = "I: [{} chroot] {}Running command: “true”\n"
        self.expect(["-v", "-c", "sid", "--", "true"], err=run.format("sid-UUID", ""))
        self.expect(["-v", "-c", "sid", "-u", USER, "--", "true"], err=run.format("sid-UUID", f"(root→{USER}) "))
        self.expect(["-c", "loud", "--", "true"], err=run.format("loud-UUID", ""))
        self.expect(["-q", "-c", "sid", "--", "true"])

    def test_a_killed_client_takes_its_command_with_it(self):
        mark = "sleep 8641.%d" % os.getpid()
        process = self.machine.front_end("-c", "sid", "--", "sh", "-c", f"echo up; {mark}; echo down")
        self.assertEqual(process.stdout.readline(), b"up\n")
        process.kill()
        process.communicate()
        self.assertTrue(wait_until(lambda: not [text for _, _, text in unionroot_testing.parents().values() if mark in text]))

    def test_dchroot(self):
        self.expect(["-q", "-c", "sid", "--", "echo", "one  two;", "echo three"], out="one two\nthree\n", program="dchroot")


class Sessions(FrontEndTest):
    def test_a_session(self):
        self.expect(["-b", "-c", "sid", "-n", "job"], out="job\n", user=USER)
        self.expect(["-b", "-c", "sid", "-n", "job"], 1, user=USER,
                    err="E: job: Failed to lock chroot: /var/lib/schroot/session/job: Failed to write session file: "
                        "File exists\n")
        self.expect(["-r", "-c", "job", "--", "sh", "-c", "echo kept > /tmp/f"], user=USER)
        self.expect(["-rqc", "session:job", "-u", "root", "--", "cat", "/tmp/f"], out="kept\n", user=USER)
        self.expect(["-r", "-c", "job", "--", "true"], 1, err=DENIED, user="news")
        self.expect(["-e", "-c", "job"], 1, err=DENIED, user="news")
        self.expect(["-c", "job", "--", "true"], 1, err="E: job: Chroot not found\n", user=USER)
        self.expect(["--recover-session", "-c", "job"], user=USER)
        self.expect(["-e", "-c", "job"], user=USER)
        self.expect(["-e", "-c", "job"], 1, err="E: job: Chroot not found\n", user=USER)

    def test_without_a_name_it_has_the_chroots(self):
        made = self.machine.front_end("-b", "-c", "unstable")
        name = made.communicate()[0].decode().strip()
        self.assertRegex(name, "^sid-" + UUID.pattern + "$")
        self.expect(["-e", "-c", name])

    def test_a_session_may_be_called_as_its_chroot(self):
        self.expect(["-b", "-c", "sid", "-n", "sid"], out="sid\n")
        self.expect(["-r", "-c", "sid", "--", "sh", "-c", "echo $SCHROOT_SESSION_ID"], out="sid\n")
        # A chroot's name means the chroot everywhere else, in unionroot too.
        self.expect(["-c", "sid", "--", "sh", "-c", "echo $SCHROOT_SESSION_ID"], out="sid-UUID\n")
        self.assertRegex(self.machine.inside("sid", "sh", "-c", "echo $SCHROOT_SESSION_ID"), "^sid-[a-z2-9]{8}$")
        self.expect(["--recover-session", "-c", "sid"])
        self.expect(["-e", "-c", "session:sid"])
        self.assert_refused(self.machine.run("begin", "--name", "sid", "sid"), 125, "name of a chroot")

    def test_all_sessions_are_those_of_the_front_end(self):
        other = self.machine.begin("sid", name="other")
        self.expect(["-b", "-c", "sid", "-n", "one"], out="one\n")
        self.expect(["-b", "-c", "pre", "-n", "two"], out="two\n", user=USER)
        self.expect(["-l", "--all-sessions"], out="session:bare\nsession:one\nsession:two\n")
        self.expect(["-r", "--all-sessions", "-d", "/", "--", "sh", "-c", "echo $SCHROOT_SESSION_ID"], out="one\ntwo\n")
        self.expect(["-r", "-c", other, "--", "true"])
        self.expect(["-e", "--all-sessions"])
        self.expect(["-l", "--all-sessions"], out="session:bare\n")
        self.assertEqual([session["id"] for session in self.machine.sessions()], [other])
        self.expect(["-e", "-c", other])

    def test_they_are_so_after_a_restart_of_the_daemon(self):
        self.expect(["-b", "-c", "sid", "-n", "stays"], out="stays\n")
        self.machine.stop_daemon()
        self.machine.start_daemon()
        self.expect(["-l", "--all-sessions"], out="session:bare\nsession:stays\n")
        self.expect(["-e", "--all-sessions"])

    def test_plain(self):
        self.expect(["-b", "-c", "bare"], out="bare\n", user=USER)
        self.expect(["-b", "-c", "bare"], 1, err=DENIED, user="news")
        self.expect(["-r", "-c", "bare", "--", "sh", "-c", "echo $SCHROOT_SESSION_ID"], out="bare\n", user=USER)
        self.expect(["--recover-session", "-c", "bare"], user=USER)
        self.expect(["-e", "-c", "session:bare"], user=USER)
        self.expect(["-e", "-c", "bare"], 1, err=DENIED, user="news")
        self.expect(["-v", "-c", "bare", "--", "true"], err="I: [bare chroot] Running command: “true”\n", user=USER)
        self.expect(["--location", "-c", "bare"], out=self.plain + "\n")
        self.expect(["-c", "bare", "--", "sh", "-c", "echo $SCHROOT_SESSION_ID"], out="bare\n", user=USER)

    def test_force(self):
        self.expect(["-b", "-c", "sid", "-n", "job"], out="job\n")
        self.expect(["-f", "-e", "-c", "job"])

    def test_names_that_mean_nothing(self):
        self.expect(["-c", "nope", "--", "true"], 1, err="E: nope: Chroot not found\n")
        self.expect(["-c", "foo:sid", "--", "true"], 1, err="E: foo: No such namespace\n")
        self.expect(["-c", "", "--", "true"], 1, err="E: : Chroot not found\n")
        self.expect(["-e", "-c", "a b"], 1, err="E: a b: Chroot not found\n")
        self.expect(["-c", "session:sid", "--", "true"], 1, err="E: session:sid: Chroot not found\n")
        self.expect(["-c", "sid-source", "--", "true"], 1, err="E: sid-source: Chroot not found\n")
        self.expect(["-r", "-c", "chroot:sid", "--", "true"], 1, err="E: chroot:sid: Chroot not found\n")
        self.expect(["-r", "-c", "sid", "--", "true"], 1, err="E: sid: Chroot not found\n")
        self.expect(["-c", "host", "-l"], 1, err="E: host: Chroot not found\n")
        # A namespace without a name is the usual one.
        self.expect(["-c", ":sid", "-l"], out=":sid\n")
        for action in ("-e", "-r", "--recover-session"):
            self.expect([action], 1, err="E: The specified chroots are not defined in ‘/etc/schroot/schroot.conf’\n")


class Shown(FrontEndTest):
    chroots = ["bare", "closed", "default", "default-source", "keys", "loud", "pre", "sid", "unstable", "unstable-source"]
    sources = ["closed", "default", "keys", "loud", "pre", "sid", "unstable"]

    def test_lists(self):
        chroots = "".join(f"chroot:{name}\n" for name in self.chroots)
        sources = "".join(f"source:{name}\n" for name in self.sources)
        for action in ("-l", "--list"):
            self.expect([action], out=chroots + sources)
            self.expect([action, "--all"], out=chroots + "session:bare\n" + sources)
        self.expect(["-l", "--all-chroots"], out=chroots)
        self.expect(["-l", "--all-source-chroots"], out=sources)
        self.expect(["-l", "-a", "--exclude-aliases"],
                    out="".join(f"chroot:{name}\n" for name in ("bare", "closed", "keys", "loud", "pre", "sid")) +
                    "".join(f"source:{name}\n" for name in ("closed", "keys", "loud", "pre", "sid")))
        self.expect(["-l", "-c", "unstable", "-c", "source:sid"], out="unstable\nsource:sid\n")
        self.expect(["-l", "-c", "nope"], 1, err="E: nope: Chroot not found\n")

    def test_mistakes(self):
        self.expect(["-b", "-l"], 1, err="E: Only one action may be specified\n" + USAGE)
        self.expect(["--nope"], 1, err="E: unrecognised option '--nope'\n")

    def test_a_sessions_information(self):
        self.expect(["-b", "-c", "unstable", "-n", "job"], out="job\n", user=USER)
        location = self.schroot("--location", "-c", "session:job").out
        self.assertTrue(os.path.isdir(location.strip()), location)
        info = self.schroot("-i", "-c", "session:job")
        self.assertEqual(info.err, "")
        lines = [line.rstrip("\n") for line in info.out.splitlines(True)]
        self.assertEqual(lines[0], "  ─── Session ───")
        label = lambda name: next(line[39:] for line in lines if line.startswith(f"  {name} "))
        # Whom the lists let be root may be so in his session.
        self.assertEqual((label("Users"), label("Root Users")), ("", USER))
        self.assertEqual(label("Path"), location.strip())
        self.assertEqual(label("Mount Location"), location.strip())
        self.assertEqual(label("Selected Chroot Name"), "unstable")
        self.assertEqual(label("Session Purged"), "true")
        config = self.schroot("--config", "-c", "session:job").out
        self.assertIn("\n[job]\n", config)
        self.assertIn("\noriginal-name=sid\n", config)
        self.expect(["-e", "-c", "job"])

    def test_a_broken_definition_is_named(self):
        path = self.machine.define("broken", text="[broken]\ntype=directory\n")
        try:
            self.assertTrue(wait_until(lambda: "broken.conf" in self.schroot("-c", "broken", "--", "true").err))
            found = self.schroot("-c", "broken", "--", "true")
            self.assertEqual(found.status, 1)
            self.assertTrue(found.err.startswith("E: "), found.err)
            self.expect(["-c", "sid", "--", "true"])
        finally:
            os.unlink(path)


class Waiting(FrontEndTest):
    def test_a_source_waits_for_its_turn_and_says_for_whom(self):
        self.expect(["-b", "-c", "sid", "-n", "job"], out="job\n", user=USER)
        waiting = self.machine.front_end("-b", "-c", "source:sid", "-n", "change")
        line = waiting.stderr.readline().decode()
        self.assertRegex(line, r"^I: waiting until .* is free: it is in use by .*session job \(games, since ")
        # It holds nobody back meanwhile: neither the front end nor unionroot.
        self.machine.ok("run", "sid", "--", "true")
        self.expect(["-c", "sid", "--", "true"])
        self.expect(["-e", "-c", "job"])
        out, err = waiting.communicate()
        self.assertEqual((waiting.returncode, out, err), (0, b"change\n", b""))
        # And a session waits for it.
        later = self.machine.front_end("-c", "sid", "--", "echo", "after")
        self.assertRegex(later.stderr.readline().decode(), r"source session change \(root, since ")
        self.expect(["-e", "-c", "change"])
        out, err = later.communicate()
        self.assertEqual((later.returncode, out, err), (0, b"after\n", b""))


class WaitLimit(FrontEndTest):
    settings = {"schroot-wait-limit": "2"}

    def test_it_gives_up_at_the_limit(self):
        self.expect(["-b", "-c", "sid", "-n", "job"], out="job\n")
        begin = time.monotonic()
        found = self.schroot("-q", "-c", "source:sid", "--", "true")
        self.assertGreaterEqual(time.monotonic() - begin, 2)
        self.assertEqual((found.status, found.out), (1, ""))
        self.assertRegex(found.err, "^E: changing the source tree .* in use by session job ")
        self.expect(["-e", "-c", "job"])


class Places(FrontEndTest):
    """Where scripts look for schroot's sessions."""

    @classmethod
    def new_machine(cls):
        machine = FrontEndMachine({"schroot-places": "yes"})
        cls.run_directory = os.path.join(machine.place, "schroot-run")
        cls.state_directory = os.path.join(machine.place, "schroot-state")
        machine.settings.update({"schroot-run-directory": cls.run_directory, "schroot-state-directory": cls.state_directory})
        machine._write_settings()
        return machine

    def at(self, session, folder=None):
        return os.path.join(folder or self.run_directory, "mount", session)

    def shown(self):
        return [sorted(os.listdir(os.path.join(folder, "mount"))) for folder in (self.run_directory, self.state_directory)]

    def test_a_session_is_shown_until_it_ends(self):
        self.expect(["-b", "-c", "sid", "-n", "job"], out="job\n", user=USER)
        self.expect(["--location", "-c", "session:job"], out=self.at("job") + "\n", user=USER)
        self.assertIn(f"  Path                                 {self.at('job')}\n", self.schroot("-i", "-c", "session:job").out)
        self.expect(["-r", "-c", "job", "--", "sh", "-c", "echo inside > /tmp/f"], user=USER)
        for folder in (self.run_directory, self.state_directory):
            with open(os.path.join(self.at("job", folder), "tmp/f")) as file:
                self.assertEqual(file.read(), "inside\n")
            # All of it: also what is mounted.
            self.assertTrue(os.path.exists(os.path.join(self.at("job", folder), "proc/self")))
        # It is the owner's and root's.
        test = ["setpriv", "--reuid", "news", "--regid", "news", "--clear-groups", "ls", self.at("job")]
        self.assertNotEqual(subprocess.run(test, capture_output=True).returncode, 0)
        test[2], test[4] = USER, USER
        self.assertEqual(subprocess.run(test, capture_output=True).returncode, 0)
        self.check_record("job")
        self.expect(["-e", "-c", "job"], user=USER)
        self.assertEqual(self.shown(), [[], []])
        self.assertFalse(os.path.exists(os.path.join(self.state_directory, "session/job")))

    def check_record(self, session):
        """What reads as schroot's own file of the session. The real schroot would take it for one of its own."""
        path = os.path.join(self.state_directory, "session", session)
        if os.path.exists("/usr/bin/schroot") and os.stat("/usr/bin/schroot").st_mode & stat.S_ISUID:
            return self.assertFalse(os.path.exists(path))
        with open(path) as file:
            record = file.read().splitlines()
        self.assertTrue(record[0].startswith("# "), record[0])
        self.assertEqual(record[1], f"[{session}]")
        for line in ("original-name=sid", "mount-location=" + self.at(session), "users=", "root-users=" + USER, "union-type=overlay"):
            self.assertIn(line, record)

    def test_only_what_the_front_end_began_is_shown(self):
        other = self.machine.begin("sid", name="other")
        self.assertEqual(self.shown(), [[], []])
        self.assertNotIn(self.run_directory, self.machine.ok("location", other))
        self.machine.ok("end", other)

    def test_what_a_daemon_made_goes_with_it_and_comes_back_with_the_next(self):
        self.expect(["-b", "-c", "sid", "-n", "job"], out="job\n")
        self.machine.stop_daemon()
        self.assertEqual(self.shown(), [[], []])
        self.machine.start_daemon()
        self.assertEqual(self.shown(), [["job"], ["job"]])
        # Also where it could not take it away.
        os.symlink(os.path.join(self.machine.runtime, "mount/gone/tree"), self.at("gone"))
        os.symlink("/elsewhere", self.at("foreign"))
        self.machine.stop_daemon(signal.SIGKILL)
        self.machine.start_daemon()
        self.assertEqual(self.shown(), [["foreign", "job"], ["job"]])
        os.unlink(self.at("foreign"))
        self.expect(["--location", "-c", "session:job"], out=self.at("job") + "\n")
        self.expect(["-e", "-c", "job"])

    def test_what_another_has_there_is_left(self):
        os.mkdir(self.at("taken"))
        self.expect(["-b", "-c", "sid", "-n", "taken"], out="taken\n")
        location = self.schroot("--location", "-c", "session:taken").out.strip()
        self.assertTrue(location.startswith(self.machine.runtime), location)
        self.expect(["-e", "-c", "taken"])
        os.rmdir(self.at("taken"))

    def test_one_daemon_alone_uses_them(self):
        self.machine.stop_daemon()
        with open(os.path.join(self.run_directory, ".unionroot.lock"), "r+") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX)  # as another daemon has it
            self.machine.start_daemon()
            self.assertIn("is used by another daemon", self.machine.log())
            self.expect(["-b", "-c", "sid", "-n", "job"], out="job\n")
            location = self.schroot("--location", "-c", "session:job").out
            self.assertTrue(location.startswith(self.machine.runtime), location)
            self.assertEqual(self.shown(), [[], []])
            self.machine.stop_daemon()
        self.machine.start_daemon()
        self.expect(["--location", "-c", "session:job"], out=self.at("job") + "\n")
        self.expect(["-e", "-c", "job"])


if __name__ == "__main__":
    unionroot_testing.main()
