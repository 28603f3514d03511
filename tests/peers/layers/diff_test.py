"""unionroot diff: what is listed, for whom, and that nobody is held up by who reads slowly."""

import json
import os
import pwd
import signal
import subprocess
import time

import stranger
import unionroot_testing as testing
from unionroot_testing import wait_until

EVERYTHING = """set -e
mkdir /srv/new; echo text >/srv/new/file
echo more >>/etc/issue
chmod 700 /opt
rm /etc/debian_version
mv /etc/motd /etc/message
ln -s /etc/passwd "/srv/$(printf 'new\\nline')"
rm -r /mnt; echo now a file >/mnt
"""


def readers(pid):
    """The programs that read layers for this daemon."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/stat") as file:
                name, rest = file.read().split(" (", 1)[1].rsplit(") ", 1)
        except (OSError, IndexError):
            continue
        if name == "unionroot-layer" and int(rest.split()[1]) == pid and rest[0] != "Z":
            found.append(int(entry))
    return found


class DiffTest(testing.EndToEndTest):
    @classmethod
    def prepare(cls):
        machine = cls.machine
        cls.tree = os.path.join(machine.place, "tree")
        subprocess.run(["cp", "-a", testing.small_tree(), cls.tree], check=True)
        for path in ("/etc/issue", "/etc/debian_version", "/etc/motd"):
            with open(cls.tree + path, "w") as file:
                file.write("text\n")
        for path in ("/opt", "/mnt", "/srv"):
            os.makedirs(cls.tree + path, exist_ok=True)
        machine.define_tree("tree", cls.tree, root_users="root,nobody")
        packed = os.path.join(machine.place, "tree.tar")
        subprocess.run(["tar", "-cf", packed, "-C", cls.tree, "."], check=True)
        machine.define("packed", text=f"[packed]\ntype=file\nfile={packed}\nprofile=buildd\n")
        machine.define_tree("strangers", cls.tree, users=stranger.OWNER)
        machine.define_tree("itself", cls.tree, union_type="none")
        served = os.path.join(machine.place, "served")
        subprocess.run(["cp", "-a", cls.tree, served], check=True)
        os.unlink(served + "/sbin")
        os.mkdir(served + "/usr/sbin")
        os.symlink("usr/sbin", served + "/sbin")
        machine._write(served + "/usr/sbin/invoke-rc.d", "#!/bin/sh\n: >/srv/by-service\n", 0o755)
        machine.define_tree("served", served, **{"setup.services": "one"})
        for name, count in (("hooked", 10), ("heaped", 100001)):
            scripts = os.path.join(machine.place, name + "-hooks")
            os.mkdir(scripts)
            machine._write(scripts + "/10write", f"""#!/bin/sh
[ "$1" = setup-start ] || exit 0
mkdir "$CHROOT_PATH/srv/heap" && cd "$CHROOT_PATH/srv/heap" && seq {count} | xargs touch
""", 0o755)
            machine.define_tree(name, cls.tree, hook_directories=scripts)

    def begin(self, chroot="tree", **options):
        session = self.machine.begin(chroot, **options)
        self.addCleanup(self.machine.run, "end", "--force", session)
        return session

    def diff(self, *arguments, status=1, **options):
        result = self.machine.run("diff", *arguments, **options)
        self.assertEqual(result.status, status, result)
        return result

    def change(self, session, script=EVERYTHING):
        self.machine.ok("run", "--directory", "/", "--user", "root", "session:" + session, "--", "sh", "-c", script)

    def test_what_the_daemon_wrote_is_no_change(self):
        session = self.begin()
        self.assertTrue(os.listdir(os.path.join(self.machine.state, "sessions", session, "upper")), "nothing to subtract")
        self.assertEqual(self.diff(session, status=0).out, "")
        self.machine.ok("run", "--directory", "/", session, "--", "true")
        self.assertEqual(self.diff(session, status=0).out, "")
        self.assertEqual(json.loads(self.diff("--json", session, status=0).out), [])
        # What a command does to one of these files is one.
        self.change(session, "echo packaged:x:888: >>/etc/group")
        self.assertEqual(self.diff(session).out, "M /etc/group\n")

    def test_attributes_of_a_folder_that_was_there_are_a_change(self):
        """Though its time alone says no more than that something came into it."""
        session = self.begin()
        etc = os.path.join(self.machine.state, "sessions", session, "upper/etc")
        self.assertTrue(os.path.isdir(etc), "the daemon wrote nothing there")
        self.change(session, ": >/etc/new")
        self.assertEqual(self.diff(session).out, "A /etc/new\n")
        # What setfattr(1) in the session does: the overlay hands it on to its upper layer.
        os.setxattr(etc, "trusted.mark", b"text")
        self.assertEqual(self.diff(session).out, "P /etc\nA /etc/new\n")

    def test_what_a_service_writes_is_a_change(self):
        """The record is made before the tree's own programs run, and before anybody else sees the tree."""
        session = self.begin("served")
        self.assertEqual(self.diff(session).out, "A /srv/by-service\n")

    def test_what_hooks_write_is_none_unless_it_is_too_much(self):
        self.assertEqual(self.diff(self.begin("hooked"), status=0).out, "")
        listed = self.diff(self.begin("heaped")).out.splitlines()
        self.assertIn("A /srv/heap/1", listed)
        self.assertGreater(len(listed), 100001)

    def test_a_pipe_that_does_not_block_gets_the_whole_list(self):
        session = self.begin(user=stranger.OWNER, chroot="strangers")
        self.fill(session)
        program = """
            import fcntl, struct, termios
            reading, writing = os.pipe()
            fcntl.fcntl(writing, 1031, 4096)  # F_SETPIPE_SZ
            os.set_blocking(writing, False)
            manager.Diff(sys.argv[1], options(), dbus.types.UnixFd(writing))
            os.close(writing)
            # It is full, and the program has more: it writes 32 KiB at once.
            waiting = lambda: struct.unpack("i", fcntl.ioctl(reading, termios.FIONREAD, b"    "))[0]
            while waiting() < 4096:
                pass
            texts = open(reading, "rb").read().split(b"\\0")
            say([(texts[i], texts[i + 1]) for i in range(0, len(texts) - 1, 7)])
            """.replace("\n            ", "\n")
        status, out, err = stranger.run(self.machine, stranger.OWNER, program, session)
        self.assertEqual(status, 0, err)
        names = sorted(f"srv/many/file-with-a-long-name-{number}".encode() for number in range(6000))
        self.assertEqual(out.strip(), repr([(b"A", b"srv/many"), *((b"A", name) for name in names), (b".", b"")]))

    def test_each_kind_is_listed(self):
        session = self.begin()
        self.change(session)
        lines = ["D /etc/debian_version", "M /etc/issue", "R /etc/motd -> /etc/message", "T /mnt", "P /opt", "A /srv/new",
                 "A /srv/new\\x0aline", "A /srv/new/file"]
        expected = sorted(lines, key=lambda line: line.rpartition(" /")[2].replace("\\x0a", "\n"))
        self.assertEqual(self.diff(session).out.splitlines(), expected)
        self.assertEqual(self.diff(session, "/srv", "etc/issue").out.splitlines(),
                         [line for line in expected if "/srv" in line or "issue" in line])
        self.assertEqual(self.diff(session, "/usr", status=0).out, "")
        names = self.diff("--name-only", "-z", session).out
        self.assertIn("/srv/new\nline\0", names)
        self.assertIn("R /etc/motd\0/etc/message\0", self.diff("-z", session).out)
        changes = {change["path"]: change for change in json.loads(self.diff("--json", session).out)}
        self.assertEqual(changes["/etc/message"]["former"], "/etc/motd")
        self.assertEqual((changes["/opt"]["what"], changes["/opt"]["now"]["mode"]), (["mode"], 0o700))
        self.assertEqual(changes["/srv/new/file"]["now"]["size"], 5)
        self.assertNotIn("before", changes["/srv/new/file"])
        table = self.diff("--stat", session).out.splitlines()
        self.assertEqual(table[0].split(), ["FOLDER", "ADDED", "CHANGED", "DELETED", "BYTES"])
        self.assertIn(["/srv/new", "1", "0", "0", "5"], [line.split() for line in table])
        self.assertEqual(table[-1].split()[:4], ["all", "3", "4", "1"])

    def test_it_outlives_the_daemon(self):
        session = self.begin()
        self.change(session)
        before = self.diff(session).out
        self.machine.stop_daemon()
        self.machine.start_daemon()
        self.assertEqual(self.diff(session).out, before)

    def test_a_tarball_has_one_after_a_restart_too(self):
        session = self.begin("packed")
        self.change(session, "echo more >>/etc/issue; rm /etc/motd")
        expected = "M /etc/issue\nD /etc/motd\n"
        self.assertEqual(self.diff(session).out, expected)
        self.machine.stop_daemon(signal.SIGKILL)
        self.machine.start_daemon()
        self.assertEqual(self.diff(session).out, expected)

    def test_its_owner_and_root_may(self):
        session = self.begin(user="nobody")
        self.change(session, "echo more >>/etc/issue")
        self.assertEqual(self.diff(session, user="nobody").out, "M /etc/issue\n")
        self.assertEqual(self.diff(session).out, "M /etc/issue\n")
        other = next(entry.pw_name for entry in pwd.getpwall() if entry.pw_name in ("daemon", "bin", "games"))
        refused = self.diff(session, user=other, status=125)
        self.assertEqual(refused.out, "")
        self.assertIn(f"{other} (uid {pwd.getpwnam(other).pw_uid}) may not list the changes of", refused.err)
        self.assertIn("belongs to nobody", refused.err)

    def test_any_program_may_ask_over_the_bus(self):
        session = self.begin(user=stranger.OWNER, chroot="strangers")
        self.change(session, "echo more >>/etc/issue; mkdir \"$(printf '/srv/\\377')\"")
        program = """
            reading, writing = os.pipe()
            try:
                manager.Diff(sys.argv[1], options(**eval(sys.argv[2])), dbus.types.UnixFd(writing))
            except dbus.DBusException as refusal:
                say(refusal.get_dbus_name(), refusal.get_dbus_message())
                sys.exit()
            os.close(writing)
            texts = open(reading, "rb").read().split(b"\\0")
            say([(texts[i], texts[i + 1]) for i in range(0, len(texts) - 1, 7)])
            """.replace("\n            ", "\n")

        def ask(user, text="{}", source=program):
            status, out, err = stranger.run(self.machine, user, source, session, text)
            self.assertEqual(status, 0, err)
            return out.strip()

        self.assertEqual(ask(stranger.OWNER), repr([(b"M", b"etc/issue"), (b"A", b"srv/\xff"), (b".", b"")]))
        paths = "{'paths': dbus.Array([dbus.ByteArray(b'/srv/\\xff/')], signature='ay')}"
        self.assertEqual(ask(stranger.OWNER, paths), repr([(b"A", b"srv/\xff"), (b".", b"")]))
        many = "{'paths': ['x'] * 1001}"
        self.assertIn("InvalidArgument Diff: 1001 paths", ask(stranger.OWNER, many))
        self.assertIn("AccessDenied", ask(stranger.STRANGER))
        # To anything but a pipe a write could take as long as its owner likes, whatever signal comes.
        for other in ("os.open('/dev/null', os.O_RDWR)", "socket.socketpair()[0].detach()", "os.memfd_create('x')"):
            refused = ask(stranger.OWNER, source=program.replace("UnixFd(writing)", f"UnixFd({other})"))
            self.assertIn("InvalidArgument the list of changes goes to a pipe", refused)
        # And a pipe that cannot be written to is no trouble but its owner's.
        ask(stranger.OWNER, source=program.replace("UnixFd(writing)", "UnixFd(reading)"))
        self.assertTrue(wait_until(lambda: readers(self.machine.daemon.pid) == []))
        self.assertEqual(self.diff(session, "/etc").out, "M /etc/issue\n")

    def test_what_has_no_list_says_so(self):
        self.assertIn("works on its tree itself", self.diff(self.begin("itself"), status=125).err)
        self.assertIn("no session", self.diff("nothing", status=125).err)
        self.assertIn("only one of", self.diff("--json", "--stat", "x", status=125).err)
        session = self.begin()
        self.assertIn("'..'", self.diff(session, "/etc/../..", status=125).err)

    def slow_reader(self, session, **options):
        """A client whose output nobody takes: it stops reading once its own pipe is full."""
        process = self.machine.popen("diff", session, **options)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def fill(self, session):
        """So much that a pipe does not hold the list."""
        self.change(session, "mkdir /srv/many; cd /srv/many; i=0; while [ $i -lt 6000 ]; do : >file-with-a-long-name-$i; i=$((i+1)); done")

    def test_an_end_waits_for_no_reader(self):
        session = self.begin()
        self.fill(session)
        reader = self.slow_reader(session)
        self.assertTrue(wait_until(lambda: len(readers(self.machine.daemon.pid)) == 1))
        time.sleep(0.2)
        self.assertEqual(len(readers(self.machine.daemon.pid)), 1, "the list fits into the pipes: nothing is shown")
        self.machine.ok("end", session)
        self.assertEqual(readers(self.machine.daemon.pid), [])
        out, err = reader.communicate(timeout=testing.PATIENCE)
        self.assertEqual(reader.returncode, 125)
        self.assertIn(b"broken off", err)

    def test_a_reader_that_goes_ends_it(self):
        session = self.begin()
        self.fill(session)
        reader = self.slow_reader(session)
        self.assertTrue(wait_until(lambda: len(readers(self.machine.daemon.pid)) == 1))
        reader.kill()
        self.assertTrue(wait_until(lambda: readers(self.machine.daemon.pid) == []))

    def test_a_daemon_that_is_killed_leaves_none(self):
        session = self.begin()
        self.fill(session)
        self.slow_reader(session)
        pid = self.machine.daemon.pid
        self.assertTrue(wait_until(lambda: len(readers(pid)) == 1))
        (reader,) = readers(pid)
        self.machine.stop_daemon(signal.SIGKILL)
        # It has become a child of ours (become_subreaper).
        self.assertTrue(wait_until(lambda: os.waitpid(reader, os.WNOHANG)[0] == reader))
        self.machine.start_daemon()

    def test_four_at_once_for_a_user(self):
        session = self.begin(user="nobody")
        self.fill(session)
        clients = [self.slow_reader(session, user="nobody") for _ in range(4)]
        self.assertTrue(wait_until(lambda: len(readers(self.machine.daemon.pid)) == 4))
        refused = self.diff(session, user="nobody", status=125)
        self.assertIn("too many change lists", refused.err)
        self.assertEqual(len(self.diff(session).out.splitlines()), 6001)  # root's is another
        for client in clients:
            client.kill()
        self.assertTrue(wait_until(lambda: readers(self.machine.daemon.pid) == []))
        self.diff(session, user="nobody")

    def test_the_reader_has_few_rights(self):
        session = self.begin()
        self.fill(session)
        self.slow_reader(session)
        self.assertTrue(wait_until(lambda: len(readers(self.machine.daemon.pid)) == 1))
        (reader,) = readers(self.machine.daemon.pid)

        def status():
            with open(f"/proc/{reader}/status") as file:
                return dict(line.split(":\t", 1) for line in file.read().splitlines())

        admin_and_reading = f"{(1 << 21) | (1 << 2):016x}"
        self.assertTrue(wait_until(lambda: status()["CapEff"] == admin_and_reading), status())
        self.assertEqual((status()["CapPrm"], status()["CapInh"], status()["NoNewPrivs"]),
                         (admin_and_reading, "0" * 16, "1"))
        # It stands back behind the daemon and the sessions.
        self.assertEqual(os.getpriority(os.PRIO_PROCESS, reader), 19)
        with open(f"/proc/{reader}/oom_score_adj") as file:
            self.assertEqual(file.read(), "1000\n")
        self.assertEqual(subprocess.run(["ionice", "-p", str(reader)], stdout=subprocess.PIPE, text=True, check=True).stdout,
                         "idle\n")
        # Nothing of the daemon's but what it was given: three standard ones, the pipe of its life, and the layers.
        targets = [os.readlink(f"/proc/{reader}/fd/{name}") for name in os.listdir(f"/proc/{reader}/fd")]
        self.assertFalse([target for target in targets if "state.db" in target or "socket:" in target], targets)


class RunDiffTest(testing.EndToEndTest):
    """run --diff and --keep, on a chroot."""

    @classmethod
    def prepare(cls):
        tree = os.path.join(cls.machine.place, "tree")
        subprocess.run(["cp", "-a", testing.small_tree(), tree], check=True)
        cls.machine.define_tree("tree", tree, users="nobody," + stranger.OWNER, source_root_users="root")

    def call(self, *options, script, status=0, chroot="tree", **more):
        result = self.machine.run("run", "--directory", "/", *options, chroot, "--", "sh", "-c", script, **more)
        self.assertEqual(result.status, status, result)
        return result

    def kept(self):
        """The sessions that there are, which are ended."""
        names = [session["name"] for session in self.machine.sessions()]
        for name in names:
            self.machine.ok("end", name)
        return names

    def test_changes_are_shown_at_the_end_of_the_command(self):
        result = self.call("--diff", script="echo output; echo made >/srv-made; exit 3", status=3)
        self.assertEqual((result.out, result.err), ("output\n", "A /srv-made\n"))
        self.assertEqual(self.kept(), [])
        self.assertEqual(self.call("--diff", script="true").err, "")
        place = os.path.join(self.machine.place, "changes")
        result = self.call(f"--diff={place}", script="echo made >/srv-made")
        self.assertEqual((result.out, result.err), ("", ""))
        with open(place) as file:
            self.assertEqual(file.read(), "A /srv-made\n")
        self.assertEqual(self.kept(), [])

    def test_a_session_is_kept(self):
        change, nothing = "echo made >/srv-made", "true"
        for when, script, status, stays in (("failed", change, 0, False), ("failed", change + "; false", 1, True),
                                            ("changed", nothing, 0, False), ("changed", change, 0, True),
                                            ("changed", "false", 1, False), ("always", nothing, 0, True),
                                            ("failed", "kill -9 $$", 137, True)):
            with self.subTest(when=when, script=script):
                result = self.call("--keep", when, script=script, status=status)
                sessions = [session["name"] for session in self.machine.sessions()]
                self.assertEqual(len(sessions), 1 if stays else 0)
                if stays:
                    (session,) = sessions
                    self.assertIn(f"session {session} is kept: unionroot run {session}", result.err)
                    if change in script:
                        self.assertEqual(self.machine.ok("run", "--directory", "/", session, "--", "cat", "/srv-made"), "made")
                self.kept()

    def test_by_a_user(self):
        result = self.call("--diff", "--keep=always", script="touch /var/tmp/made", user=stranger.OWNER)
        self.assertIn("A /var/tmp/made\n", result.err)
        (session,) = self.machine.sessions()
        self.assertEqual(session["owner"], stranger.OWNER)
        self.kept()

    def test_it_ends_with_its_client(self):
        process = self.machine.popen("run", "--directory", "/", "--keep=always", "tree", "--", "sh", "-c", "echo ready; sleep 1000",
                                     stdout=subprocess.PIPE)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        self.assertEqual(len(self.machine.sessions()), 1)
        process.kill()
        process.communicate()
        self.assertTrue(wait_until(lambda: self.machine.sessions() == []))

    def test_bad_input(self):
        refused = self.call("--keep=sometimes", script="true", status=125)
        self.assertIn("it must be failed, changed or always", refused.err)
        for chroot in ("source:tree", "session:x"):
            self.assertIn("are for a chroot", self.call("--diff", script="true", status=125, chroot=chroot).err)
        self.assertIn("are for chroots", self.call("--diff", script="true", status=125, chroot="nothing").err)
        result = self.call("--diff=/nowhere/file", script="echo x >/srv-made", status=125)
        self.assertIn("writing /nowhere/file", result.err)
        result = self.machine.run("run", "--directory", "/", "--diff", "tree", "--", "no-such-program")
        self.assertEqual(result.status, 127, result)
        self.assertEqual(self.kept(), [])


if __name__ == "__main__":
    testing.main()
