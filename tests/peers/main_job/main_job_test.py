"""The main job on real trees, as a new user would try it: define, begin, run, look, end, and nothing is left."""

import concurrent.futures
import os
import signal
import subprocess

import unionroot_testing as testing
from unionroot_testing import EndToEndTest

USER = "nobody"
UID = 65534


def mirror_reachable(machine, session):
    """apt-get update inside; its output says why not."""
    done = machine.run("run", "--directory", "/", session, "--", "apt-get", "update", "-q", "-o",
                       "Acquire::Retries=1", "-o", "Acquire::Check-Date=false", "-o",
                       "APT::Update::Error-Mode=any", timeout=180)
    return done.status == 0, done.out[-400:] + done.err[-400:]


def install_hello(test, session):
    """Skips where the mirror gave its lists, but not the package."""
    done = test.machine.run("run", "--directory", "/", session, "--", "sh", "-c",
                            "DEBIAN_FRONTEND=noninteractive apt-get install -q -y hello", timeout=300)
    said = done.out[-1000:] + done.err[-1000:]
    if done.status != 0 and ("Failed to fetch" in said or "Unable to fetch" in said):
        test.skipTest("the mirror does not answer: " + said)
    test.assertEqual(done.status, 0, repr(done))


class DebianTreeTest(EndToEndTest):
    @classmethod
    def prepare(cls):
        cls.tree = testing.debian_tree()
        cls.machine.define_tree("sid", cls.tree, profile="buildd", aliases="unstable,default-tree")

    def setUp(self):
        self.before = testing.tree_lines(self.tree)

    def tearDown(self):
        self.assert_nothing_left()
        self.assert_tree_unchanged(self.before, self.tree)

    def test_a_session_from_begin_to_end(self):
        machine = self.machine
        session = machine.begin("sid")
        self.assertRegex(session, r"^sid-[a-z2-9]{8}$")
        self.assertIn(session, machine.ok("list", "--sessions"))

        # As root: change what is there, add, remove.
        machine.inside(session, "sh", "-c", "echo new > /etc/motd; rm /etc/issue; mkdir /srv/made; chmod 700 /srv/made; "
                       "mv /usr/share/doc /usr/share/moved; ln -s /nowhere /srv/link; chown 65534 /etc/hostname")
        self.assertEqual(machine.inside(session, "cat", "/etc/motd"), "new")
        self.assertEqual(machine.run("run", "--directory", "/", session, "--", "test", "-e", "/etc/issue").status, 1)

        # Through the host view, both ways.
        location = machine.ok("location", session)
        self.assertTrue(location.startswith(machine.runtime), location)
        # The window is no way to a set-uid program or a device; inside both work (the terminal test has sudo).
        with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
            seen = [line.split()[5].split(",") for line in mounts if (line.split()[4] + "/").startswith(location + "/")]
        self.assertIn(len(seen), (1, 2))  # the tree, and /build where the host has one
        for mount_options in seen:
            self.assertIn("nosuid", mount_options)
            self.assertIn("nodev", mount_options)
        self.assertNotIn("nosuid", machine.inside(session, "findmnt", "-no", "VFS-OPTIONS", "/").split(","))
        with open(os.path.join(location, "etc/motd")) as file:
            self.assertEqual(file.read(), "new\n")
        self.assertFalse(os.path.exists(os.path.join(location, "etc/issue")))
        with open(os.path.join(location, "srv/from-outside"), "w") as file:
            file.write("hello inside")
        self.assertEqual(machine.inside(session, "cat", "/srv/from-outside"), "hello inside")

        # What a mount in the session does is not seen on the host.
        mark = "of-" + session
        machine.inside(session, "sh", "-c", f"mount -t tmpfs {mark} /mnt && touch /mnt/inside-only")
        self.assertIn(mark, machine.inside(session, "cat", "/proc/self/mountinfo"))
        self.assertFalse(testing.mounts_from(mark))
        self.assertFalse(os.path.exists(os.path.join(location, "mnt/inside-only")))

        machine.ok("end", session)
        self.assertFalse(os.path.exists(location))
        self.assertNotIn(session, machine.ok("list", "--sessions"))

    def test_as_an_ordinary_user(self):
        machine = self.machine
        session = machine.begin("sid", user=USER)
        self.assertEqual(machine.inside(session, "id", "-u", user=USER), str(UID))
        self.assertEqual(machine.inside(session, "sh", "-c", "echo mine > /var/tmp/mine && stat -c %u /var/tmp/mine", user=USER),
                         str(UID))
        refused = machine.run("run", "--directory", "/", session, "--", "touch", "/etc/not-mine", user=USER)
        self.assertNotEqual(refused.status, 0)
        self.assertIn("Permission denied", refused.err)
        # Not root inside: the definition does not say so.
        refused = machine.run("run", "--user", "root", "--directory", "/", session, "--", "id", user=USER)
        self.assert_refused(refused, 125, "root")
        # Nobody else's to use or to end.
        for verb in (["run", "--directory", "/", session, "--", "true"], ["end", session]):
            self.assert_refused(machine.run(*verb, user="daemon"), 125, session)
        machine.ok("end", session, user=USER)

    def test_groups_umask_environment_and_limits_are_the_callers(self):
        machine = self.machine
        shown = machine.inside(
            "sid", "sh", "-c", "umask; ulimit -n; echo $HOME $USER $LOGNAME ${SCHROOT_CHROOT_NAME} ${SECRET-unset}; pwd",
            user=USER, environment={"SECRET": "1"},
            umask=0o027, limits=("--nofile=123:123",))
        self.assertEqual(shown.split("\n"), ["0027", "123", "/nonexistent nobody nobody sid unset", "/"])
        kept = machine.ok("run", "--preserve-environment", "--directory", "/", "sid", "--", "printenv", "KEPT",
                          environment={"KEPT": "a b"})
        self.assertEqual(kept, "a b")

    def test_standard_streams_are_the_callers_own(self):
        machine = self.machine
        big = os.urandom(3 << 20)
        result = machine.popen("run", "--directory", "/", "sid", "--", "sh", "-c", "cat; echo problem >&2; exit 3",
                               stdin=subprocess.PIPE)
        out, err = result.communicate(big, testing.PATIENCE)
        self.assertEqual((out == big, err.decode().strip(), result.returncode), (True, "problem", 3))

    def test_exit_statuses(self):
        machine = self.machine

        def status(*command):
            return machine.run("run", "--directory", "/", "sid", "--", *command)

        for number in (0, 1, 42, 124, 255):
            self.assertEqual(status("sh", "-c", f"exit {number}").status, number)
        for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV):
            self.assertEqual(status("sh", "-c", f"kill -{int(number)} $$").status, 128 + number)
        self.assert_refused(status("/no/such/program"), 127, "/no/such/program")
        self.assert_refused(status("no-such-program"), 127, "no-such-program")
        self.assert_refused(status("/etc/hostname"), 126, "/etc/hostname")
        self.assert_refused(status("/etc"), 126, "/etc")

    def test_a_client_that_dies_takes_its_command_with_it(self):
        machine = self.machine
        for how in (signal.SIGKILL, signal.SIGTERM):
            client = machine.popen("run", "--directory", "/", "sid", "--", "sh", "-c",
                                   "trap '' HUP; sleep 4321 & sleep 4321 & wait")
            self.assertTrue(testing.wait_until(lambda: sum("sleep 4321" in c for c in self.commands()) >= 2))
            client.send_signal(how)
            client.communicate(timeout=testing.PATIENCE)
            self.assertTrue(testing.wait_until(lambda: not any("sleep 4321" in c for c in self.commands())),
                            f"after {how!r}: {self.commands()}")
            self.assert_nothing_left()

    def commands(self):
        return [command for command in testing.descendants(os.getpid()).values() if command.startswith("sleep")]

    def test_end_kills_what_runs(self):
        machine = self.machine
        session = machine.begin("sid")
        client = machine.popen("run", "--directory", "/", session, "--", "sh", "-c",
                               "setsid sleep 4322 & trap '' TERM HUP INT; sleep 4322; sleep 4322")
        self.assertTrue(testing.wait_until(lambda: any("sleep 4322" in c for c in self.commands())))
        machine.ok("end", session)  # which would take over an hour, were it waited for
        client.communicate(timeout=testing.PATIENCE)
        self.assertEqual(client.returncode, 128 + signal.SIGKILL)

    def test_installing_a_package(self):
        machine = self.machine
        session = machine.begin("sid")
        try:
            reachable, said = mirror_reachable(machine, session)
            if not reachable:
                self.skipTest("no mirror is reachable: " + said)
            install_hello(self, session)
            self.assertEqual(machine.inside(session, "hello"), "Hello, world!")
            self.assertTrue(os.path.exists(os.path.join(machine.ok("location", session), "usr/bin/hello")))
        finally:
            machine.ok("end", session)

    def test_twenty_sessions_at_once_on_one_tree(self):
        machine = self.machine

        def one(number):
            name = f"twenty-{number}"
            machine.begin("sid", name=name)
            machine.inside(name, "sh", "-c", f"echo {number} > /etc/motd; rm -r /usr/share/doc; touch /srv/{name}")
            seen = machine.inside(name, "sh", "-c", "cat /etc/motd; ls /srv")
            with open(os.path.join(machine.ok("location", name), "etc/motd")) as file:
                through_view = file.read()
            machine.ok("end", name)
            return seen, through_view

        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            results = list(pool.map(one, range(20)))
        for number, (seen, through_view) in enumerate(results):
            self.assertEqual(seen.split(), [str(number), f"twenty-{number}"])
            self.assertEqual(through_view, f"{number}\n")

    def test_an_alias_and_a_qualified_name(self):
        for name in ("unstable", "chroot:sid", "chroot:unstable"):
            self.assertEqual(self.machine.inside(name, "echo", "yes"), "yes")

    def test_a_session_stays_on_the_definition_it_began_with(self):
        machine = self.machine
        machine.define_tree("edited", self.tree)
        self.assertTrue(testing.wait_until(lambda: "edited" in machine.ok("list", "--chroots")))
        session = machine.begin("edited")
        os.unlink(os.path.join(machine.configuration, "chroot.d", "edited.conf"))
        self.assertTrue(testing.wait_until(lambda: "edited" not in machine.ok("list", "--chroots")))
        self.assertEqual(machine.inside(session, "echo", "still here"), "still here")
        machine.ok("end", session)


class HostTest(EndToEndTest):
    """The built-in definition: this machine's own root."""

    # What the tests make, remove and change inside; of the rest of the machine others may change what they like meanwhile.
    MADE = ("/etc/only-here", "/usr/bin/only-here", "/usr/bin/hello")
    CHANGED = ("/etc", "/etc/passwd", "/usr/bin", "/var/lib/dpkg/status")

    def setUp(self):
        self.before = self.look()

    def tearDown(self):
        self.assert_nothing_left()
        self.assertEqual(self.look(), self.before)

    def look(self):
        found = {path: os.path.lexists(path) for path in self.MADE}
        for path in self.CHANGED:
            if os.path.exists(path):
                status = os.lstat(path)
                found[path] = (status.st_mode, status.st_uid, status.st_gid, status.st_ino)
        with open("/etc/passwd", "rb") as file:
            found["passwd"] = file.read()
        return found

    def test_a_session(self):
        machine = self.machine
        session = machine.begin("host")
        machine.inside(session, "sh", "-c", "rm /etc/passwd; echo changed > /etc/only-here; touch /usr/bin/only-here")
        self.assertEqual(machine.inside(session, "cat", "/etc/only-here"), "changed")
        self.assertFalse(os.path.exists("/etc/only-here"))
        self.assertTrue(os.path.exists(os.path.join(machine.ok("location", session), "usr/bin/only-here")))
        machine.ok("end", session)

    def test_the_state_of_the_daemon_is_hidden(self):
        machine = self.machine
        session = machine.begin("host")
        shown = machine.run("run", "--directory", "/", session, "--", "ls", "-A", machine.state)
        self.assertEqual(shown.out, "", repr(shown))
        machine.ok("end", session)

    def test_installing_a_package(self):
        machine = self.machine
        if os.path.exists("/usr/bin/hello"):
            self.skipTest("hello is installed on this machine")
        session = machine.begin("host")
        try:
            reachable, said = mirror_reachable(machine, session)
            if not reachable:
                self.skipTest("no mirror is reachable: " + said)
            install_hello(self, session)
            self.assertEqual(machine.inside(session, "hello"), "Hello, world!")
        finally:
            machine.ok("end", session)
        self.assertFalse(os.path.exists("/usr/bin/hello"))

    def test_twenty_at_once(self):
        machine = self.machine

        def one(number):
            return machine.inside("host", "sh", "-c", f"echo {number} > /etc/only-here; cat /etc/only-here")

        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            self.assertEqual(list(pool.map(one, range(20))), [str(number) for number in range(20)])


if __name__ == "__main__":
    testing.main()
