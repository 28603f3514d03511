"""The administrator's own scripts, as sessions begin, end and come back."""

import os
import signal
import subprocess

import unionroot_testing as testing
from unionroot_testing import wait_until
from hooks_testing import Scripts, own_mounts, processes_with
from recovery_testing import RecoveryTest


class HooksTest(RecoveryTest):
    @classmethod
    def prepare(cls):
        machine = cls.machine
        cls.scripts = Scripts(machine)
        cls.more = Scripts(machine, "more")
        cls.host = os.path.join(machine.place, "host")
        os.mkdir(cls.host)
        machine.define_tree("hooked", cls.tree, hook_directories=cls.scripts.folder, hook_time_limit=600,
                            user_modifiable_keys="site.mirror,ld.preload,path.x", aliases="other", host_view="all")
        machine.define_tree("both", cls.tree, hook_directories=f"{cls.scripts.folder},{cls.more.folder}")
        machine.define_tree("limited", cls.tree, hook_directories=cls.scripts.folder, hook_time_limit=2)
        machine.define_tree("unseen", cls.tree, hook_directories=cls.scripts.folder, host_view="no")

    def setUp(self):
        for name in os.listdir(self.host):
            os.unlink(os.path.join(self.host, name))
        for scripts in (self.scripts, self.more):
            scripts.remove(*os.listdir(scripts.folder))
            scripts.calls()
        self.mounts_before = own_mounts(self.machine)

    def refused(self, *fragments, chroot="hooked"):
        result = self.machine.run("begin", chroot)
        self.assertEqual(result.status, 125, repr(result))
        self.assertEqual(result.out, "")
        for fragment in fragments:
            self.assertIn(fragment, result.err)
        self.assertEqual(self.machine.sessions(), [])
        return result

    # Order

    def test_order(self):
        self.scripts.add("20b")
        self.scripts.add("10a")
        self.more.add("05c", "")
        session = self.machine.begin("both")
        self.assertEqual(self.scripts.calls(), ["10a setup-start ok", "20b setup-start ok"])
        self.assertEqual(self.more.calls(), ["05c setup-start ok"])
        self.machine.inside(session, "true")
        self.machine.ok("end", session)
        self.assertEqual(self.scripts.calls(), ["20b setup-stop ok", "10a setup-stop ok"])
        self.assertEqual(self.more.calls(), ["05c setup-stop ok"])

    def test_ending_all_where_one_ends_by_itself_meanwhile(self):
        self.scripts.add("10a", f'[ "$1" = setup-start ] || while [ ! -e {self.host}/go ]; do sleep 0.02; done')
        self.machine.define_tree("simple", self.tree)
        self.machine.begin("hooked", "a-slow")
        client = self.machine.popen("run", "--directory", "/", "simple", "--", "sh", "-c", "echo runs; cat",
                                    stdin=subprocess.PIPE)
        self.machine.children[client.pid] = "client"
        self.assertEqual(client.stdout.readline(), b"runs\n")
        everything = self.machine.popen("end", "--all")
        self.machine.children[everything.pid] = "client"
        self.assertTrue(wait_until(lambda: self.machine.state_of("a-slow") == "ending"))
        client.stdin.close()
        self.assertEqual(client.wait(testing.PATIENCE), 0)
        client.stdout.close(), client.stderr.close()
        open(f"{self.host}/go", "w").close()
        out, err = everything.communicate(timeout=testing.PATIENCE)
        self.assertEqual((everything.returncode, out, err), (0, b"", b""))
        self.assertEqual(self.machine.sessions(), [])

    def test_the_first_directory_comes_first_and_stops_last(self):
        self.scripts.add("50", f"echo first >>{self.host}/order")
        self.more.add("10", f"echo second >>{self.host}/order")
        session = self.machine.begin("both")
        self.machine.ok("end", session)
        with open(self.host + "/order") as file:
            self.assertEqual(file.read().split(), ["first", "second", "second", "first"])

    def test_automatic_session(self):
        self.scripts.add("10a", 'echo from the hook >"$CHROOT_PATH/hooked"')
        self.assertEqual(self.machine.inside("hooked", "cat", "/hooked"), "from the hook")
        self.assertTrue(wait_until(lambda: not self.machine.sessions()))
        self.assertEqual(self.scripts.calls(), ["10a setup-start ok", "10a setup-stop ok"])

    def test_only_scripts_are_run(self):
        self.scripts.add("10a")
        self.scripts.add("20not", mode=0o644)
        self.scripts.add("30b.dpkg-old")
        os.symlink("10a", self.scripts.path("40link"))
        os.mkdir(self.scripts.path("50folder"))
        self.addCleanup(os.rmdir, self.scripts.path("50folder"))
        session = self.machine.begin("hooked")
        self.assertEqual(self.scripts.calls(), ["10a setup-start ok"])
        notes = "\n".join(self.machine.info(session)["notes"])
        for fragment in ("20not' is not run: it is not executable", "30b.dpkg-old' is not run: its name", "40link' is not run",
                         "50folder' is not run"):
            self.assertIn(fragment, notes)
        checked = self.machine.run("check")
        self.assertEqual(checked.status, 1, repr(checked))
        self.assertIn("20not' is not run", checked.out + checked.err)
        self.machine.ok("end", session)

    # What a script finds

    def test_environment(self):
        self.scripts.add("10a", f"env >{self.host}/env; umask >>{self.host}/env; pwd >>{self.host}/env\n"
                                f"ls /proc/self/fd >{self.host}/fds; cat; readlink /proc/$$/fd/0 >>{self.host}/env\n"
                                f"grep -E '^(SigBlk|SigIgn)' /proc/self/status >{self.host}/signals")
        session = self.machine.begin("other", environment={"FROM_CALLER": "x"})
        with open(self.host + "/env") as file:
            lines = set(file.read().splitlines())
        with open(self.host + "/fds") as file:
            self.assertEqual(file.read().split(), ["0", "1", "2", "3"])  # 3: the folder that ls reads
        location = self.machine.ok("location", session)
        for line in ("AUTH_USER=root", "AUTH_UID=0", "AUTH_RGROUP=root", "AUTH_HOME=/root", "CHROOT_TYPE=directory",
                     "CHROOT_NAME=hooked", "CHROOT_ALIAS=other", "CHROOT_DESCRIPTION=a tree for tests (session chroot)",
                     "CHROOT_DIRECTORY=" + self.tree, "CHROOT_PATH=" + location, "CHROOT_MOUNT_LOCATION=" + location,
                     "CHROOT_PROFILE=buildd", "CHROOT_SESSION_SOURCE=false", "CHROOT_SESSION_PURGE=true",
                     "CHROOT_UNION_TYPE=overlay", "SESSION_ID=" + session, "PLATFORM=linux", "VERBOSE=normal",
                     "SETUP_FSTAB=buildd/fstab", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                     "MOUNT_DIR=" + os.path.dirname(location), f"PID={self.machine.daemon.pid}", "0022", "/", "/dev/null"):
            self.assertIn(line, lines)
        self.assertFalse([line for line in lines if line.startswith(("FROM_CALLER", "UNIONROOT", "LC_ALL"))])
        with open(self.host + "/signals") as file:
            for line in file:
                self.assertEqual(int(line.split()[1], 16), 0, line)
        self.machine.ok("end", session)

    def test_user_data(self):
        self.scripts.add("10a", f"env >{self.host}/env")
        session = self.machine.begin("hooked")
        self.machine.ok("end", session)
        result = self.machine.run("begin", "--name", "data", "--option", "site.mirror=a b; reboot $(reboot)\nPATH=/x", "--option",
                                  "ld.preload=/tmp/x.so", "--option", "path.x=1", "hooked", user="nobody")
        self.assertEqual(result.status, 0, repr(result))
        with open(self.host + "/env") as file:
            text = file.read()
        self.assertIn("\nSITE_MIRROR=a b; reboot $(reboot)\nPATH=/x\n", text)
        self.assertIn("\nPATH_X=1\n", text)
        self.assertIn("\nAUTH_USER=nobody\n", text)
        self.assertNotIn("LD_PRELOAD", text)
        self.assertIn("ld.preload is not passed on", "\n".join(self.machine.info("data")["notes"]))
        self.machine.ok("end", "data")

    def test_notes_are_for_the_owner_alone(self):
        self.scripts.add("10a", "echo to the user; echo oops >&2; printf 'a\\033[31mb\\n'; seq 200")
        session = self.machine.begin("hooked")
        notes = self.machine.info(session)["notes"]
        self.assertIn("I: 10a: to the user", notes)
        self.assertIn("E: 10a: oops", notes)
        self.assertIn("I: 10a: a\\x1b[31mb", notes)
        self.assertLess(len(notes), 120)
        self.assertIn("W: 10a: it wrote more lines, which are dropped", notes)
        listed = testing.json.loads(self.machine.ok("info", "--json", session, user="nobody"))
        self.assertNotIn("notes", listed)
        self.assertIn("E: 10a: oops", self.machine.ok("info", session))
        self.machine.ok("end", session)

    def test_a_flood_does_not_hurt(self):
        self.scripts.add("10a", "head -c 3000000 /dev/zero | tr '\\0' x; head -c 3000000 /dev/zero >&2; echo end >&2")
        session = self.machine.begin("hooked")
        self.assertLess(sum(map(len, self.machine.info(session)["notes"])), 2000)
        self.machine.ok("end", session)

    # Mounts

    def test_mounts_arrive_in_the_session_and_not_on_the_host(self):
        self.scripts.add("10a", f"""
case $1 in
  setup-start)
    mkdir -p "$CHROOT_PATH/srv/tmpfs" "$CHROOT_PATH/srv/bind" "$CHROOT_PATH/proc/sys"
    mount -t tmpfs none "$CHROOT_PATH/srv/tmpfs"
    echo inside >"$CHROOT_PATH/srv/tmpfs/file"
    mount --bind {self.host} "$CHROOT_PATH/srv/bind"
    mount -t tmpfs none {self.host}
    cp /etc/hostname "$CHROOT_PATH/etc/copied" ;;
  setup-stop)
    test "$(cat "$CHROOT_PATH/srv/tmpfs/file")" = inside
    umount "$CHROOT_PATH/srv/tmpfs"
    umount "$CHROOT_PATH/srv/bind" ;;
esac""")
        with open(self.host + "/beneath", "w") as file:
            file.write("host\n")
        session = self.machine.begin("hooked")
        self.assertEqual(self.machine.inside(session, "cat", "/srv/tmpfs/file", "/srv/bind/beneath"), "inside\nhost")
        location = self.machine.ok("location", session)
        with open(location + "/srv/tmpfs/file") as file:
            self.assertEqual(file.read(), "inside\n")
        self.assertTrue(os.path.exists(location + "/etc/copied"))
        # Neither shared with anybody afterwards, nor left where nobody but the hook was to see it.
        table = self.machine.inside(session, "cat", "/proc/self/mountinfo")
        self.assertNotIn("shared:", table)
        self.assertIn("beneath", os.listdir(self.host))
        self.assertNotIn(self.host, testing.mount_points())
        self.machine.ok("end", session)
        self.assertEqual(own_mounts(self.machine), self.mounts_before)
        self.assertEqual(self.scripts.calls(), ["10a setup-start ok", "10a setup-stop ok"])

    def test_what_is_left_mounted_goes_with_the_session(self):
        self.scripts.add("10a", 'test "$1" = setup-stop || mount -t tmpfs none "$CHROOT_PATH/srv"')
        session = self.machine.begin("hooked")
        self.assertIn(" /srv ", self.machine.inside(session, "cat", "/proc/self/mountinfo"))
        self.machine.ok("end", session)
        self.assertEqual(own_mounts(self.machine), self.mounts_before)

    def test_without_a_host_view(self):
        self.scripts.add("10a", 'test -x "$CHROOT_PATH/bin/sh"; echo "$1" >>"$CHROOT_PATH/hooked"')
        session = self.machine.begin("unseen")
        self.assertEqual(self.machine.inside(session, "cat", "/hooked"), "setup-start")
        self.assertEqual(os.listdir(self.machine.runtime + "/mount"), [])
        self.machine.ok("end", session)
        self.assertEqual(self.scripts.calls(), ["10a setup-start ok", "10a setup-stop ok"])

    def test_in_the_tree_of_the_session(self):
        """A program of the tree itself, by chroot(8)."""
        self.scripts.add("10a", 'test "$1" != setup-start || chroot "$CHROOT_PATH" touch /made-inside')
        session = self.machine.begin("hooked")
        self.machine.inside(session, "ls", "/made-inside")
        self.machine.ok("end", session)

    # Failures

    def test_a_failing_script_undoes_the_session(self):
        self.scripts.add("10a", 'test "$1" = setup-stop || mount -t tmpfs none "$CHROOT_PATH/srv"')
        self.scripts.add("20b", 'test "$1" = setup-stop && exit; echo "the disk is full" >&2; echo "try later" >&2; exit 3')
        self.scripts.add("30c")
        self.refused("stage hooks", self.scripts.path("20b"), "status 3", "setup-start", "the disk is full; try later")
        self.assertEqual(self.scripts.calls(), ["10a setup-start ok", "20b setup-start ok", "30c setup-stop fail",
                                                "20b setup-stop fail", "10a setup-stop fail"])
        self.assertEqual(own_mounts(self.machine), self.mounts_before)

    def test_a_killed_script(self):
        self.scripts.add("10a", 'test "$1" = setup-stop || kill -SEGV $$')
        self.refused("was killed by signal 11")

    def test_a_script_that_hangs_is_killed_with_all_it_started(self):
        self.scripts.add("10a", 'test "$1" = setup-stop && exit; (trap "" TERM; setsid sleep 98765 & ) ; sleep 98765')
        self.refused("took longer than 2 s", "hook-time-limit", chroot="limited")
        self.assertEqual(processes_with("98765"), {})

    def test_what_a_script_leaves_running_is_killed(self):
        self.scripts.add("10a", "setsid sleep 98764 & \n(sleep 98764 >/dev/null 2>&1 &)\n")
        session = self.machine.begin("hooked")
        self.assertEqual(processes_with("98764"), {})
        self.machine.ok("end", session)
        self.assertEqual(processes_with("98764"), {})

    def test_a_cancelled_client(self):
        self.machine.define_tree("slow", self.tree, hook_directories=self.scripts.folder, hook_time_limit=1000)
        self.addCleanup(os.unlink, os.path.join(self.machine.configuration, "chroot.d", "slow.conf"))
        self.scripts.add("10a", 'test "$1" = setup-stop || sleep 98763')
        self.machine.wait_ready()
        self.assertTrue(wait_until(lambda: self.machine.run("info", "slow").status == 0))
        client = self.client("begin", "slow")
        self.assertTrue(wait_until(lambda: processes_with("98763")))
        client.send_signal(signal.SIGINT)
        client.wait(testing.PATIENCE)
        self.assertTrue(wait_until(lambda: not processes_with("98763") and not self.machine.sessions()))
        self.assertEqual(self.scripts.calls(), ["10a setup-start ok", "10a setup-stop fail"])

    def test_a_script_that_fails_to_stop(self):
        self.scripts.add("10a")
        self.scripts.add("20b", 'test "$1" != setup-stop || { echo busy >&2; exit 1; }')
        session = self.machine.begin("hooked")
        self.scripts.calls()
        result = self.machine.run("end", session)
        self.assertEqual(result.status, 125, repr(result))
        self.assertIn(self.scripts.path("20b") + " ended with status 1 in setup-stop: busy", result.err)
        self.assertIn("10a setup-stop ok", self.scripts.calls())  # the others are run all the same
        self.assertEqual(self.machine.state_of(session), "failed")
        self.scripts.add("20b")
        self.machine.ok("end", session)
        self.assertEqual(self.scripts.calls(), ["20b setup-stop ok", "10a setup-stop ok"])

    def test_force_ends_it_all_the_same(self):
        self.scripts.add("20b", 'test "$1" != setup-stop')
        session = self.machine.begin("hooked")
        result = self.machine.run("end", "--force", session)
        self.assertIn("20b", result.err)
        self.assertEqual(self.machine.sessions(), [])

    # Bad input

    def test_bad_interpreter(self):
        self.scripts.add("10a", interpreter="#!/no/such/interpreter")
        self.refused("10a cannot be run: the interpreter that its first line names does not exist", "#!/bin/sh")

    def test_no_first_line(self):
        self.machine._write(self.scripts.path("10a"), "echo\n", 0o755)
        self.refused("10a cannot be run", "Exec format error", "#!/bin/sh")

    def checked(self, *fragments):
        result = self.machine.run("check")
        self.assertEqual(result.status, 1, repr(result))
        for fragment in fragments:
            self.assertIn(fragment, result.out + result.err)

    def test_missing_directory(self):
        os.rmdir(self.scripts.folder)
        try:
            self.refused("hook directory", self.scripts.folder, "does not exist", "hook-directories")
            with open(os.path.join(self.machine.configuration, "chroot.d", "hooked.conf")) as file:
                line = 1 + next(number for number, text in enumerate(file) if text.startswith("hook-directories"))
            self.checked("hook-directories", self.scripts.folder, "does not exist", f"hooked.conf:{line}:")
            with open(self.scripts.folder, "w"):
                pass
            self.refused("is not a directory")
            os.unlink(self.scripts.folder)
            os.symlink(self.more.folder, self.scripts.folder)
            self.refused("is a symbolic link")
            os.unlink(self.scripts.folder)
        finally:
            os.mkdir(self.scripts.folder, 0o755)

    def test_a_directory_of_somebody_else(self):
        self.scripts.add("10a")
        for change, undo, fragment in (
                (lambda: os.chown(self.scripts.folder, 65534, 0), lambda: os.chown(self.scripts.folder, 0, 0), "uid 65534"),
                (lambda: os.chmod(self.scripts.folder, 0o777), lambda: os.chmod(self.scripts.folder, 0o755), "chmod go-w"),
                (lambda: os.chmod(self.scripts.folder, 0o1777), lambda: os.chmod(self.scripts.folder, 0o755), "chmod go-w"),
                (lambda: os.chown(self.machine.place, 65534, 0), lambda: os.chown(self.machine.place, 0, 0), "uid 65534"),
                (lambda: os.chown(self.scripts.path("10a"), 65534, 0), lambda: os.chown(self.scripts.path("10a"), 0, 0), "10a"),
                (lambda: os.chmod(self.scripts.path("10a"), 0o775), lambda: os.chmod(self.scripts.path("10a"), 0o755), "10a")):
            change()
            try:
                self.refused(fragment)
                self.checked(fragment)
            finally:
                undo()
        self.assertEqual(self.scripts.calls(), [])

    def test_relative_path_and_limit(self):
        path = self.machine.define("wrong", type="directory", directory=self.tree, hook_directories="hooks", hook_time_limit="0")
        self.addCleanup(os.unlink, path)
        result = self.machine.run("check", path)
        self.assertEqual(result.status, 1)
        self.assertIn(path + ":4: hook-directories: 'hooks' is not an absolute path", result.out + result.err)
        self.assertIn(path + ":5: hook-time-limit: '0' is not a number of seconds", result.out + result.err)

    # The daemon's life, and the machine's

    def test_a_restarted_daemon_runs_none(self):
        self.scripts.add("10a", 'test "$1" != setup-start || mount -t tmpfs none "$CHROOT_PATH/srv"')
        session = self.machine.begin("hooked")
        self.scripts.calls()
        for how in (signal.SIGTERM, signal.SIGKILL):
            self.machine.restart(how)
            self.assertEqual(self.machine.settled(session), "active")
            self.assertIn(" /srv ", self.machine.inside(session, "cat", "/proc/self/mountinfo"))
            self.assertEqual(self.scripts.calls(), [])
        self.machine.ok("end", session)
        self.assertEqual(self.scripts.calls(), ["10a setup-stop ok"])

    def test_a_restarted_machine_recovers(self):
        self.scripts.add("10a", 'test "$1" = setup-stop || mount -t tmpfs none "$CHROOT_PATH/srv"')
        session = self.machine.begin("hooked")
        self.scripts.calls()
        self.machine.end_daemon()
        self.machine.simulate_reboot("11111111-1111-1111-1111-111111111111")
        self.machine.start_daemon()
        self.assertEqual(self.machine.settled(session), "active")
        self.assertEqual(self.scripts.calls(), ["10a setup-recover ok"])
        self.assertIn(" /srv ", self.machine.inside(session, "cat", "/proc/self/mountinfo"))
        self.machine.ok("end", session)
        self.assertEqual(self.scripts.calls(), ["10a setup-stop ok"])

    def test_a_lost_namespace_recovers(self):
        self.scripts.add("10a")
        session = self.machine.begin("hooked")
        self.machine.end_daemon()
        self.machine.lose_mounts(session)
        self.scripts.calls()
        self.machine.start_daemon()
        self.assertEqual(self.machine.settled(session), "active")
        self.assertEqual(self.scripts.calls(), ["10a setup-recover ok"])
        self.machine.ok("end", session)

    def test_a_script_that_fails_to_recover(self):
        self.scripts.add("10a", 'test "$1" != setup-recover || { echo no network >&2; exit 1; }')
        session = self.machine.begin("hooked")
        self.machine.inside(session, "sh", "-c", "echo kept >/marker")
        self.machine.end_daemon()
        self.machine.simulate_reboot("22222222-2222-2222-2222-222222222222")
        self.scripts.calls()
        self.machine.start_daemon()
        self.assertEqual(self.machine.settled(session), "failed")
        self.assertIn("no network", self.machine.info(session)["error"])
        self.assertIn("no network", self.machine.by_id()[session]["error"])
        # The script's words are no stranger's; that the session failed is no secret.
        told = self.machine.ok("info", "--json", session, user="nobody")
        listed = self.machine.ok("list", "--sessions", "--json", user="nobody")
        for text in (told, listed):
            self.assertNotIn("no network", text)
            self.assertIn('"failed"', text)
        self.assertEqual(self.scripts.calls(), ["10a setup-recover ok"])  # it is not over, so nothing is stopped
        self.scripts.add("10a")
        self.machine.ok("recover", session)
        self.assertEqual(self.machine.inside(session, "cat", "/marker"), "kept")
        self.machine.ok("end", session)
        self.assertEqual(self.scripts.calls(), ["10a setup-recover ok", "10a setup-stop ok"])

    def define_slow(self):
        self.machine.define_tree("slow", self.tree, hook_directories=self.scripts.folder, hook_time_limit=1000)
        self.addCleanup(os.unlink, os.path.join(self.machine.configuration, "chroot.d", "slow.conf"))
        self.assertTrue(wait_until(lambda: self.machine.run("info", "slow").status == 0))

    def test_scripts_that_take_their_time_to_stop_hold_up_no_start(self):
        self.scripts.add("10a", f'test "$1" = setup-start || while test ! -e {self.host}/go; do sleep 0.05; done')
        self.scripts.add("20b", 'test "$1" = setup-stop || sleep 98763')
        self.define_slow()
        self.client("begin", "--name", "cut", "slow")
        self.assertTrue(wait_until(lambda: processes_with("98763")))
        self.machine.end_daemon(signal.SIGKILL)
        self.machine.start_daemon()  # ready, although the script waits until it is told to go
        # Others are served; its own tree is nobody's to change yet.
        self.machine.define_tree("quick", self.tree)
        self.addCleanup(os.unlink, os.path.join(self.machine.configuration, "chroot.d", "quick.conf"))
        self.assertTrue(wait_until(lambda: self.machine.run("info", "quick").status == 0))
        self.machine.ok("run", "--directory", "/", "quick", "--", "true")
        self.assertTrue(wait_until(lambda: self.machine.state_of("cut") == "ending"))
        self.assertTrue([name for name in self.machine.lock_files() if name.endswith(".session.cut")])
        with open(self.host + "/go", "w"):
            pass
        self.assertEqual(self.machine.settled("cut"), None)
        self.assertEqual(self.machine.lock_files(), [])

    def test_one_that_only_waited_for_its_tree_takes_no_lock_when_it_ends(self):
        self.scripts.add("10a")
        tree = os.path.join(self.machine.place, "own")
        subprocess.run(["cp", "-a", self.tree, tree], check=True)
        self.machine.define_tree("owned", tree, hook_directories=self.scripts.folder, source_root_users="root")
        self.addCleanup(os.unlink, os.path.join(self.machine.configuration, "chroot.d", "owned.conf"))
        self.assertTrue(wait_until(lambda: self.machine.run("info", "owned").status == 0))
        self.machine.begin("source:owned", name="z-changes")
        waiting = {"a-waits": "owned", "b-waits": "source:owned"}
        for name, chroot in waiting.items():
            self.client("begin", "--wait", "--name", name, chroot)
            self.assertTrue(wait_until(lambda: self.machine.state_of(name) == "beginning"))
        self.assertTrue(wait_until(lambda: len([name for name in self.machine.lock_files() if ".source." in name]) == 2))
        self.machine.end_daemon(signal.SIGKILL)
        self.machine.start_daemon()
        for name in waiting:
            self.assertEqual(self.machine.settled(name), None)
        self.assertEqual(self.machine.settled("z-changes"), "active", self.machine.info("z-changes").get("error"))
        self.machine.ok("end", "z-changes")

    def test_a_daemon_killed_under_a_script(self):
        self.scripts.add("10a", f'echo "$1" >>{self.host}/made')
        self.scripts.add("20b", 'test "$1" = setup-stop || sleep 98762')
        self.define_slow()
        self.client("begin", "--name", "cut", "slow")
        self.assertTrue(wait_until(lambda: processes_with("98762")))
        self.machine.end_daemon(signal.SIGKILL)
        self.machine.start_daemon()
        self.assertEqual(self.machine.settled("cut"), None)
        self.assertTrue(wait_until(lambda: not processes_with("98762")))
        with open(self.host + "/made") as file:
            self.assertEqual(file.read().split(), ["setup-start", "setup-stop"])
        self.assertEqual(self.scripts.calls()[-2:], ["20b setup-stop fail", "10a setup-stop fail"])

if __name__ == "__main__":
    testing.main()
