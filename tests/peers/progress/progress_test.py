"""Long work: what is shown of it on a terminal and on the bus, and that it can be cancelled, leaving nothing."""

import bz2
import fcntl
import io
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import tarfile
import termios
import threading
import time
import unittest

import unionroot_testing as testing

try:
    import dbus
    import dbus.mainloop.glib
    from gi.repository import GLib
except ImportError:
    dbus = None

CHUNK = 4 << 20
ERASED = b"\r\x1b[K"
COLUMNS = 90
LONG = 5 * testing.PATIENCE  # for all the megabytes on a busy machine


def make_archive(path, megabytes, tree=None):
    """A tarball that is made at once and takes long to unpack: one piece of bzip2, which is slow, many times over. In
    addition it has what `tree` has, programs for one."""
    count = max(1, (megabytes << 20) // CHUNK)
    header = b""
    if tree is not None:
        members = io.BytesIO()
        archive = tarfile.open(fileobj=members, mode="w", format=tarfile.PAX_FORMAT)
        archive.add(tree, arcname=".")
        header = members.getvalue()[:archive.offset]
    for folder in ("srv", "proc", "sys", "dev", "dev/pts", "dev/shm", "etc", "run", "tmp"):
        info = tarfile.TarInfo(folder)
        info.type, info.mode = tarfile.DIRTYPE, 0o755
        header += info.tobuf()
    info = tarfile.TarInfo("srv/random")
    info.size = count * CHUNK
    piece = bz2.compress(os.urandom(CHUNK))
    with open(path, "wb") as file:
        file.write(bz2.compress(header + info.tobuf()))
        for _ in range(count):
            file.write(piece)
        file.write(bz2.compress(bytes(1024)))
    os.chmod(path, 0o644)


class Terminal:
    """A pseudo-terminal of which a client is in the foreground, and all that was ever shown on it."""

    def __init__(self, columns=COLUMNS):
        self.main, self.side = pty.openpty()
        fcntl.ioctl(self.side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.seen = b""
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        while True:
            try:
                data = os.read(self.main, 4096)
            except OSError:  # EIO: nobody has it open any more
                return
            if not data:
                return
            self.seen += data

    def options(self):
        def take_over():
            fcntl.ioctl(2, termios.TIOCSCTTY, 0)
        return {"stdin": self.side, "stderr": self.side, "start_new_session": True, "preexec_fn": take_over}

    def press(self, keys):
        os.write(self.main, keys)

    def close(self):
        os.close(self.side)
        self.reader.join(testing.PATIENCE)
        os.close(self.main)

    def lines(self):
        """What was drawn, redraw after redraw."""
        return [line.decode() for line in re.findall(rb"\r([^\r\x1b]+)\x1b\[K", self.seen)]

    def percentages(self):
        return [int(found) for line in self.lines() for found in re.findall(r" (\d+)% ", line)]


class ProgressTest(testing.EndToEndTest):
    @classmethod
    def prepare(cls):
        cls.archive = os.path.join(cls.machine.place, "large.tar.bz2")
        make_archive(cls.archive, 100)
        cls.define("large", cls.archive)
        # Nobody waits for its end.
        cls.endless = os.path.join(cls.machine.place, "endless.tar.bz2")
        make_archive(cls.endless, 400)
        cls.define("endless", cls.endless)

    @classmethod
    def define(cls, name, path, profile="minimal"):
        cls.machine.define(name, text=f"[{name}]\ntype=file\nfile={path}\nprofile={profile}\nusers=nobody\n")

    def setUp(self):
        os.utime(self.archive)  # cold
        os.utime(self.endless)
        self.machine.ok("list")
        self.before = self.everything()

    def tearDown(self):
        for session in self.machine.sessions():
            self.machine.run("end", "--force", session["id"])
        self.assert_nothing_left()
        # Trees of earlier tests go with the first session that ends after the archive was touched.
        shutil.rmtree(os.path.join(self.machine.state, "cache"), ignore_errors=True)
        os.mkdir(os.path.join(self.machine.state, "cache"), 0o700)

    def everything(self):
        """The names of all that the daemon keeps, and its mounts but those that it makes once, for itself."""
        found = []
        for top in (self.machine.state, self.machine.runtime):
            for folder, folders, files in os.walk(top):
                found += [os.path.join(folder, name) for name in folders + files if not name.startswith("state.db")]
        # Made once, and kept: the folders themselves, and the mutex of each tree.
        kept = re.compile(r"/(locks|cache|trash|sessions|mount|ns|sources)$|/locks/[^/]+\.manage$|/overlay-directories$")
        return sorted(name for name in found if not kept.search(name)), sorted(
            point for point in testing.mount_points() if point.startswith(self.machine.place + "/")
            and os.path.dirname(point) != self.machine.runtime and point != self.machine.runtime)

    def start_on_terminal(self, *arguments, columns=COLUMNS):
        terminal = Terminal(columns)
        self.addCleanup(terminal.close)
        client = self.machine.popen(*arguments, **terminal.options())
        self.machine.children[client.pid] = "client"
        self.addCleanup(testing.finish, client)
        return terminal, client

    def await_shown(self, terminal, condition):
        if not testing.wait_until(condition):
            self.fail(f"never shown; there was: {terminal.seen!r}\n{self.machine.log()}")

    def assert_as_before(self):
        self.assertTrue(testing.wait_until(lambda: not self.machine.sessions()), self.machine.log())
        self.assertTrue(testing.wait_until(lambda: self.everything() == self.before),
                        f"{self.everything()}\nbefore: {self.before}\n{self.machine.log()}")

    def test_a_bar_on_a_terminal(self):
        start = time.monotonic()
        terminal, client = self.start_on_terminal("begin", "--name", "shown", "large")
        out, _ = client.communicate(timeout=LONG)
        passed = time.monotonic() - start
        self.assertEqual((client.returncode, out), (0, b"shown\n"), terminal.seen)
        self.await_shown(terminal, lambda: terminal.seen.endswith(ERASED))
        lines = terminal.lines()
        bars = [line for line in lines if re.fullmatch(r"unpacking .*large\.tar\.bz2 \[=*>? *\] \d+% \d+ of \d+ MiB", line)]
        self.assertGreater(len(bars), 3, lines)
        self.assertTrue(all(len(line) < COLUMNS for line in lines), lines)
        self.assertLessEqual(len(lines), passed * 10 + 1, lines)
        shares = terminal.percentages()
        self.assertEqual(shares, sorted(shares))
        self.assertGreater(len(set(shares)), 3, shares)
        self.machine.ok("end", "--all")
        # Once it is there nothing takes long, and nothing is shown within the first second.
        for _ in range(10):
            start = time.monotonic()
            terminal, client = self.start_on_terminal("begin", "large")
            client.communicate(timeout=LONG)
            passed = time.monotonic() - start
            self.assertEqual(client.returncode, 0)
            self.assertFalse([line for line in terminal.lines() if "unpacking" in line], terminal.seen)
            self.machine.ok("end", "--all")
            if passed < 1:
                self.assertEqual(terminal.seen, b"")
                break

    def test_nothing_but_on_a_terminal(self):
        result = self.machine.run("begin", "--name", "quiet", "large", timeout=LONG)
        self.assertEqual((result.status, result.out, result.err), (0, "quiet\n", ""))
        self.assertNotIn("progress", self.machine.ok("info", "--json", "quiet"))
        self.machine.ok("end", "quiet")

    def test_a_narrow_terminal(self):
        terminal, client = self.start_on_terminal("begin", "endless", columns=30)
        self.await_shown(terminal, lambda: len(set(terminal.percentages())) > 1)
        self.assertTrue(all(len(line) < 30 for line in terminal.lines()), terminal.lines())
        client.kill()
        self.assert_as_before()

    def cancel_on_terminal(self, *arguments):
        terminal, client = self.start_on_terminal(*arguments)
        self.await_shown(terminal, lambda: any(share >= 2 for share in terminal.percentages()))
        terminal.press(b"\x03")
        client.communicate(timeout=testing.PATIENCE)
        # As a program does that does not care for the signal: a shell makes 130 of it, and ends its loop.
        self.assertEqual(client.returncode, -signal.SIGINT)
        self.await_shown(terminal, lambda: terminal.seen.endswith(ERASED))
        self.assertLess(terminal.percentages()[-1], 90)
        self.assert_as_before()

    def test_ctrl_c_leaves_nothing(self):
        self.cancel_on_terminal("begin", "endless")
        self.cancel_on_terminal("run", "endless", "--", "true")
        self.cancel_on_terminal("begin", "source:endless")

    def test_a_client_that_is_killed_leaves_nothing(self):
        for arguments in (("begin", "endless"), ("run", "endless", "true")):
            client = self.machine.popen(*arguments)
            self.machine.children[client.pid] = "client"
            self.addCleanup(testing.finish, client)
            cache = os.path.join(self.machine.state, "cache")
            self.assertTrue(testing.wait_until(lambda: any(name.startswith(".unionroot-") for name in os.listdir(cache))))
            client.kill()
            self.assert_as_before()

    def test_ending_by_force_cancels_a_begin(self):
        client = self.machine.popen("begin", "--name", "forced", "endless")
        self.addCleanup(testing.finish, client)
        self.machine.children[client.pid] = "client"
        self.assertTrue(testing.wait_until(lambda: "unpacking" in self.machine.run("info", "--json", "forced").out))
        self.assertRegex(self.machine.ok("info", "forced"), r"(?m)^Progress: +unpacking .*endless\.tar\.bz2, [\d.]+ \w+ of [\d.]+ MiB$")
        self.machine.ok("end", "--force", "forced")
        _, err = client.communicate(timeout=testing.PATIENCE)
        self.assertEqual(client.returncode, 125)
        self.assertIn(b"session forced was ended while it was being begun", err)
        self.assert_as_before()

    def test_a_recovery_that_is_cancelled_leaves_the_session_failed(self):
        path = os.path.join(self.machine.place, "recovered.tar.bz2")
        make_archive(path, 60)
        self.define("recovered", path)
        session = self.machine.begin("recovered", "kept")
        with open(os.path.join(self.machine.ok("location", session), "srv/mine"), "w") as file:
            file.write("mine")
        # As after a reboot that lost the cached tree, on a machine where the archive is not there yet.
        self.machine.stop_daemon()
        self.machine.lose_mounts()
        shutil.rmtree(os.path.join(self.machine.state, "cache"))
        os.rename(path, path + ".away")
        self.machine.start_daemon()
        state = lambda: self.machine.sessions()[0]["state"]
        self.assertTrue(testing.wait_until(lambda: state() == "failed"), self.machine.log())
        os.rename(path + ".away", path)
        terminal, client = self.start_on_terminal("recover", session)
        self.await_shown(terminal, lambda: any(line.startswith("unpacking") for line in terminal.lines()))
        terminal.press(b"\x03")
        client.communicate(timeout=testing.PATIENCE)
        self.assertEqual(client.returncode, -signal.SIGINT)
        self.assertTrue(testing.wait_until(lambda: state() == "failed"), self.machine.log())
        self.assertIn("cancelled", self.machine.ok("info", session))
        self.assertEqual([name for name in os.listdir(os.path.join(self.machine.state, "cache")) if not name.endswith(".lock")], [])
        self.machine.ok("recover", session)
        with open(os.path.join(self.machine.ok("location", session), "srv/mine")) as file:
            self.assertEqual(file.read(), "mine")
        self.machine.ok("end", session)
        os.unlink(path)

    def test_who_waits_for_another_sees_how_far_that_is(self):
        first = self.machine.popen("begin", "--name", "first", "endless")
        self.addCleanup(testing.finish, first)
        self.machine.children[first.pid] = "client"
        cache = os.path.join(self.machine.state, "cache")
        unpacking = lambda: os.path.isdir(cache) and any(name.startswith(".unionroot-") for name in os.listdir(cache))
        self.assertTrue(testing.wait_until(unpacking), "the first does not unpack")
        terminal, second = self.start_on_terminal("begin", "--name", "second", "endless")
        self.await_shown(terminal, lambda: len(set(terminal.percentages())) > 1)
        self.assertTrue(all(line.startswith("waiting until") or " s" in line for line in terminal.lines()), terminal.lines())
        # If the one is cancelled, the other goes on with it.
        first.kill()
        self.await_shown(terminal, lambda: any(line.startswith("unpacking") for line in terminal.lines()))
        second.kill()
        self.assert_as_before()

    def test_waiting_for_the_tree(self):
        holder = subprocess.Popen(self.machine.arguments("lock", "large", "--", "sleep", "1000"))
        self.addCleanup(testing.finish, holder)
        self.machine.children[holder.pid] = "lock"
        self.assertTrue(testing.wait_until(lambda: "held" in self.machine.ok("locks", "--json")))
        terminal, client = self.start_on_terminal("begin", "--wait", "large")
        self.await_shown(terminal, lambda: any("waiting until" in line and f"{holder.pid}, since " in line for line in terminal.lines()))
        terminal.press(b"\x03")
        client.communicate(timeout=testing.PATIENCE)
        self.assertEqual(client.returncode, -signal.SIGINT)
        holder.terminate()
        holder.wait(testing.PATIENCE)
        self.assert_as_before()

    def test_packing_shows_a_bar(self):
        path = os.path.join(self.machine.place, "packed.tar.bz2")
        make_archive(path, 40)
        self.define("packed", path)
        session = self.machine.begin("source:packed", "packing")
        terminal, client = self.start_on_terminal("end", session)
        client.communicate(timeout=LONG)
        self.assertEqual(client.returncode, 0, terminal.seen)
        bars = [line for line in terminal.lines() if re.fullmatch(r"packing .*packed\.tar\.bz2 \[=*>? *\] \d+% [\d.]+ of (39|40) MiB", line)]
        self.assertGreater(len(bars), 2, terminal.lines())
        shares = terminal.percentages()
        self.assertEqual(shares, sorted(shares))
        os.unlink(path)

    def start_packing(self, name, megabytes):
        """A source session in which something was written, and its tarball, which takes long to pack."""
        path = os.path.join(self.machine.place, name + ".tar.bz2")
        make_archive(path, megabytes)
        self.define(name, path)
        session = self.machine.begin("source:" + name, name + "-change")
        with open(os.path.join(self.machine.ok("location", session), "srv/mine"), "w") as file:
            file.write("mine")
        return path, session, os.stat(path)

    def assert_packed(self, path, before):
        self.assertNotEqual(os.stat(path).st_ino, before.st_ino)
        with tarfile.open(path) as archive:
            self.assertIn("./srv/mine", archive.getnames())
        os.unlink(path)

    def packing(self, session):
        return '"packing ' in self.machine.run("info", "--json", session).out

    def test_packing_can_be_cancelled_and_nothing_is_lost(self):
        path, session, before = self.start_packing("cancelled", 40)
        terminal, client = self.start_on_terminal("end", session)
        self.await_shown(terminal, lambda: any(share > 5 for share in terminal.percentages()))
        terminal.press(b"\x03")
        client.communicate(timeout=LONG)
        self.assertEqual(client.returncode, -signal.SIGINT)
        state = lambda: [one["state"] for one in self.machine.sessions()]
        self.assertTrue(testing.wait_until(lambda: state() == ["failed"]), self.machine.log())
        after = os.stat(path)
        self.assertEqual((after.st_ino, after.st_mtime_ns), (before.st_ino, before.st_mtime_ns))
        self.assertEqual([name for name in os.listdir(self.machine.place) if name.startswith(".unionroot")], [])
        said = self.machine.ok("info", session)
        for fragment in ("was cancelled", "the archive is as it was", "/" + session + "/tree"):
            self.assertIn(fragment, said)
        # One may go on working in it, or end it after all.
        self.machine.ok("recover", session)
        with open(os.path.join(self.machine.ok("location", session), "srv/mine")) as file:
            self.assertEqual(file.read(), "mine")
        self.machine.ok("end", session, timeout=LONG)
        self.assert_packed(path, before)

    def change_by_command(self, name, *options, megabytes=24, status=7):
        """A command that changes a tarball which takes long to pack, and has ended when this returns: on its terminal."""
        path = os.path.join(self.machine.place, name + ".tar.bz2")
        make_archive(path, megabytes, testing.small_tree())
        self.define(name, path, "buildd")
        before = os.stat(path)
        terminal, client = self.start_on_terminal("run", "--directory", "/", *options, "source:" + name, "--", "sh", "-c",
                                                  f"echo mine >/srv/mine; exit {status}")
        packing = lambda: client.poll() is not None or any(line.startswith("packing ") and "%" in line for line in terminal.lines())
        self.assertTrue(testing.wait_until(packing, LONG), f"{terminal.seen!r}\n{self.machine.log()}")
        return path, terminal, client, before

    def test_packing_after_a_command_shows_a_bar(self):
        path, terminal, client, before = self.change_by_command("commanded", "--tty")
        client.communicate(timeout=LONG)
        self.assertEqual(client.returncode, 7, terminal.seen)
        self.await_shown(terminal, lambda: terminal.seen.endswith(ERASED))
        bars = [line for line in terminal.lines()
                if re.fullmatch(r"packing .*commanded\.tar\.bz2 \[=*>? *\] \d+% [\d.]+ of \d+ MiB", line)]
        self.assertGreater(len(bars), 2, terminal.lines())
        shares = [int(found) for line in bars for found in re.findall(r" (\d+)% ", line)]
        self.assertEqual(shares, sorted(shares))
        self.assert_packed(path, before)

    def test_packing_after_a_command_can_be_cancelled_and_nothing_is_lost(self):
        path, terminal, client, before = self.change_by_command("given-up", status=0)
        (session,) = [one["id"] for one in self.machine.sessions()]
        terminal.press(b"\x03")
        client.communicate(timeout=LONG)
        self.assertEqual(client.returncode, 125, terminal.seen)
        for fragment in ("the command has ended, but its session has not", "was cancelled", "the archive is as it was",
                         "/" + session + "/tree", "unionroot recover " + session, "unionroot end " + session,
                         "unionroot end --discard " + session):
            self.await_shown(terminal, lambda text=fragment: text in terminal.seen.decode())
        self.assertEqual([one["state"] for one in self.machine.sessions()], ["failed"])
        after = os.stat(path)
        self.assertEqual((after.st_ino, after.st_mtime_ns), (before.st_ino, before.st_mtime_ns))
        self.assertEqual([name for name in os.listdir(self.machine.place) if name.startswith(".unionroot")], [])
        self.machine.ok("end", session, timeout=LONG)
        self.assert_packed(path, before)

    def orphans(self):
        folder = os.path.join(self.machine.state, "orphans")
        return [os.path.join(folder, name) for name in os.listdir(folder)] if os.path.isdir(folder) else []

    def assert_given_up(self, session, forced, path, before):
        """`forced`, which ended the session, broke off the packing of its tree, and that is not lost."""
        self.assertEqual((forced.status, forced.out), (125, ""), repr(forced))
        tree = os.path.join(self.machine.state, "sessions", session, "tree")
        for fragment in (f"ending {session}: left behind: ", "the end was forced", "the archive is as it was", tree):
            self.assertIn(fragment, forced.err)
        self.assertEqual(self.machine.sessions(), [])
        self.assertEqual(os.stat(path).st_ino, before.st_ino)
        self.assertEqual([name for name in os.listdir(self.machine.place) if name.startswith(".unionroot")], [])
        self.assertEqual([name for name in os.listdir(os.path.join(self.machine.state, "locks")) if not name.endswith(".manage")], [])
        self.assertTrue(os.path.exists(os.path.join(tree, "srv/mine")))
        self.machine.stop_daemon()
        self.machine.start_daemon()
        (orphan,) = self.orphans()
        with open(os.path.join(orphan, "tree/srv/mine")) as file:
            self.assertEqual(file.read().strip(), "mine")
        subprocess.run(["rm", "-r", "--one-file-system", orphan], check=True)
        os.unlink(path)

    def packing_client(self, session):
        """One that ends the session, whose tree is being packed now."""
        client = self.machine.popen("end", session)
        self.addCleanup(testing.finish, client)
        self.machine.children[client.pid] = "client"
        self.assertTrue(testing.wait_until(lambda: self.packing(session)), self.machine.log())
        return client

    def test_ending_by_force_breaks_off_what_another_packs(self):
        path, session, before = self.start_packing("broken-off", 50)
        client = self.packing_client(session)
        forced = self.machine.run("end", "--force", session, timeout=LONG)
        _, err = client.communicate(timeout=LONG)
        self.assertEqual(client.returncode, 125)
        self.assertIn(b"somebody used `unionroot end --force`", err)
        self.assert_given_up(session, forced, path, before)

    def test_ending_by_force_breaks_off_what_the_daemon_packs(self):
        path, terminal, client, before = self.change_by_command("seized", megabytes=50, status=0)
        (session,) = [one["id"] for one in self.machine.sessions()]
        forced = self.machine.run("end", "--force", session, timeout=LONG)
        client.communicate(timeout=LONG)
        self.assertEqual(client.returncode, 125, terminal.seen)
        self.assertIn("somebody used `unionroot end --force`", terminal.seen.decode())
        self.assert_given_up(session, forced, path, before)

    def test_packing_that_a_daemon_leaves_is_done_by_the_next_while_it_serves(self):
        path, session, before = self.start_packing("left", 40)
        client = self.packing_client(session)
        self.machine.stop_daemon(signal.SIGKILL)
        client.wait(testing.PATIENCE)
        self.machine.start_daemon()
        self.assertTrue(testing.wait_until(lambda: self.packing(session)), self.machine.log())
        self.assertIn("source", self.machine.ok("locks", "--json"))
        # Stopped while it is at that, it breaks off, and the session is not failed for it.
        self.assertEqual(self.machine.stop_daemon(), 0)
        self.assertEqual(os.stat(path).st_ino, before.st_ino)
        self.machine.start_daemon()
        self.assertTrue(testing.wait_until(lambda: not self.machine.sessions(), LONG), self.machine.log())
        self.assert_packed(path, before)

    @unittest.skipIf(dbus is None, "needs python3-dbus")
    def test_the_bus(self):
        dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
        connection = dbus.bus.BusConnection(self.machine.address)
        self.addCleanup(connection.close)
        told, changed, ended = [], [], []
        place = "/org/unionroot1"
        connection.add_signal_receiver(lambda *args: told.append(args), "Progress", "org.unionroot1.Manager")
        connection.add_signal_receiver(lambda name, values, _: changed.append(values), "PropertiesChanged", path=place + "/session/seen")
        connection.call_blocking("org.unionroot1", place, "org.freedesktop.DBus.Peer", "Ping", None, [])
        options = dbus.Dictionary({"name": "seen", "progress": dbus.UInt32(5)}, signature="sv")
        connection.call_async("org.unionroot1", place, "org.unionroot1.Manager", "Begin", None, ["large", options],
                              lambda *answer: ended.append(answer), ended.append, timeout=LONG)
        self.assertFalse(ended)
        context = GLib.MainContext.default()
        shown = []

        def over():
            while context.iteration(False):
                pass
            if len(changed) > 3 and not shown:
                shown.append(connection.call_blocking("org.unionroot1", place + "/session/seen", "org.freedesktop.DBus.Properties",
                                                      "GetAll", None, ["org.unionroot1.Session"]))
            return bool(ended) and changed[-1].get("State") == "active"
        self.assertTrue(testing.wait_until(over, LONG), (ended, changed[-1:], self.machine.log()))
        total = os.stat(self.archive).st_size
        bytes_told = [args for args in told if args[4] != 0]
        self.assertGreater(len(bytes_told), 5, told)
        self.assertEqual({(int(args[0]), str(args[1]), str(args[2]), int(args[4])) for args in bytes_told},
                         {(5, "seen", "unpacking " + self.archive, total)})
        done = [int(args[3]) for args in bytes_told]
        self.assertEqual(done, sorted(set(done)))
        self.assertLessEqual(done[-1], total)
        self.assertEqual((str(shown[0]["State"]), str(shown[0]["Progress"][0])), ("beginning", "unpacking " + self.archive))
        self.assertEqual(tuple(changed[-1]["Progress"]), ("", 0, 0))
        self.machine.ok("end", "seen")


if __name__ == "__main__":
    testing.main()
