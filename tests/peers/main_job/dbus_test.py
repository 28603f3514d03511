"""The D-Bus interface from another language (python3-dbus), and from busctl and gdbus."""

import json
import os
import shutil
import socket
import struct
import subprocess
import unittest

import unionroot_testing as testing
from unionroot_testing import EndToEndTest

try:
    import dbus
except ImportError:
    dbus = None

MANAGER = "org.unionroot1.Manager"
# The messages of the control socket: docs/control-socket.md.
SIGNAL, STARTED, EXITED, KILLED, FAILED = 1, 16, 17, 18, 19


class DbusTest(EndToEndTest):
    @classmethod
    def setUpClass(cls):
        if dbus is None:
            raise unittest.SkipTest("needs python3-dbus")
        super().setUpClass()

    @classmethod
    def prepare(cls):
        cls.machine.define_tree("small", testing.small_tree(), description="a small tree", aliases="tiny")

    def setUp(self):
        self.bus = dbus.bus.BusConnection(self.machine.address)
        self.addCleanup(self.bus.close)
        self.manager = self.interface("/org/unionroot1", MANAGER)

    def tearDown(self):
        self.assert_nothing_left()

    def interface(self, path, name):
        return dbus.Interface(self.bus.get_object("org.unionroot1", path, introspect=False), name)

    def properties(self, path, name):
        return self.interface(path, "org.freedesktop.DBus.Properties").GetAll(name)

    def begin(self, chroot, **options):
        session, path = self.manager.Begin(chroot, dbus.Dictionary(options, signature="sv"), signature="sa{sv}")
        return str(session), path

    def end(self, session, force=False):
        options = dbus.Dictionary({"force": dbus.Boolean(True)} if force else {}, signature="sv")
        return self.manager.End(session, options, signature="sa{sv}")

    def start(self, name, arguments, **options):
        """Run; returns the control socket, the session, and the read end of the command's standard output."""
        read, write = os.pipe()
        null = os.open("/dev/null", os.O_RDWR)
        options.setdefault("directory", "/")
        try:
            control, session, _ = self.manager.Run(
                name, dbus.Array(arguments, signature="s"), dbus.Dictionary(options, signature="sv"),
                dbus.types.UnixFd(null), dbus.types.UnixFd(write), dbus.types.UnixFd(write), signature="sasa{sv}hhh")
        finally:
            os.close(null)
            os.close(write)
        return socket.socket(fileno=control.take()), str(session), os.fdopen(read, "rb")

    @staticmethod
    def outcome(control, seconds=testing.PATIENCE):
        """The last message of the run (type, value, text), once the socket is at its end."""
        control.settimeout(seconds)
        last = None
        while packet := control.recv(4096):
            kind, value = struct.unpack_from("=II", packet)
            if kind in (EXITED, KILLED, FAILED):
                last = kind, value, packet[8:].split(b"\0")[0].decode()
        return last

    def assert_error(self, name, call, *arguments, **keywords):
        with self.assertRaises(dbus.DBusException) as caught:
            call(*arguments, **keywords)
        self.assertEqual(caught.exception.get_dbus_name(), "org.unionroot1.Error." + name,
                         caught.exception.get_dbus_message())
        self.assertTrue(caught.exception.get_dbus_message())

    def test_a_session(self):
        session, path = self.begin("small", name="by-dbus")
        self.assertEqual(session, "by-dbus")
        self.assertTrue(path.startswith("/org/unionroot1/session/"))
        values = self.properties(path, "org.unionroot1.Session")
        self.assertEqual((values["Id"], values["Chroot"], int(values["Owner"]), values["State"]),
                         ("by-dbus", "small", 0, "active"))
        self.assertTrue(os.path.isdir(os.path.join(values["Location"], "etc")))
        self.assertEqual(self.manager.Location(session), values["Location"])
        info = self.manager.Info("session:by-dbus")
        self.assertEqual((info["kind"], info["state"], info["owner"]), ("session", "active", "root"))
        self.assertIn("by-dbus", [str(entry["id"]) for entry in self.manager.ListSessions()])
        self.assertEqual(list(self.end(session)), [])
        self.assertEqual(list(self.manager.ListSessions()), [])

    def test_ending_through_the_sessions_own_object(self):
        _, path = self.begin("small")
        left = self.interface(path, "org.unionroot1.Session").End(dbus.Dictionary({}, signature="sv"),
                                                                   signature="a{sv}")
        self.assertEqual(list(left), [])

    def test_run_says_whether_it_runs_in_a_source(self):
        """Before the command is started, on the control socket: a client needs not ask, nor look at the name."""
        tree = os.path.join(self.machine.place, "written")  # not the tree that all tests share
        shutil.copytree(testing.small_tree(), tree, symlinks=True)
        self.addCleanup(shutil.rmtree, tree)
        path = self.machine.define_tree("written", tree)
        self.addCleanup(os.unlink, path)
        for name, source in (("source:written", True), ("written-source", True), ("written", False)):
            with self.subTest(name):
                control, _, output = self.start(name, ["true"])
                messages = []
                while packet := control.recv(4096):
                    messages.append(struct.unpack_from("=II", packet))
                control.close(), output.close()
                self.assertEqual(messages[0] == (25, 0), source, messages)
                self.assertEqual(25 in [kind for kind, _ in messages], source, messages)

    def test_run_hands_over_the_callers_descriptors(self):
        session, _ = self.begin("small")
        control, within, out = self.start("session:" + session, ["sh", "-c", "echo hello; exit 7"])
        with control, out:
            self.assertEqual(out.read(), b"hello\n")
            self.assertEqual(self.outcome(control)[:2], (EXITED, 7))
        self.assertEqual(within, session)
        self.end(session)

    def test_an_automatic_session(self):
        control, session, out = self.start("small", ["sh", "-c", "kill -9 $$"])
        with control, out:
            self.assertEqual(self.outcome(control)[:2], (KILLED, 9))
        # End of file comes when the session has gone.
        self.assertNotIn(session, [str(entry["id"]) for entry in self.manager.ListSessions()])

    def test_a_signal_over_the_control_socket(self):
        control, _, out = self.start("small", ["sh", "-c", "trap 'exit 9' USR1; echo ready; while :; do sleep 0.1; done"])
        with control, out:
            self.assertEqual(out.readline(), b"ready\n")
            control.send(struct.pack("=II", SIGNAL, 10) + bytes(1024))
            self.assertEqual(self.outcome(control)[:2], (EXITED, 9))

    def test_nonsense_over_the_control_socket_is_ignored(self):
        control, _, out = self.start("small", ["sh", "-c", "trap 'exit 4' USR1; echo ready; while :; do sleep 0.1; done"])
        with control, out:
            self.assertEqual(out.readline(), b"ready\n")
            for packet in (b"x", b"\xff" * 8, bytes(1032), struct.pack("=II", SIGNAL, 9999) + bytes(1024),
                           struct.pack("=II", SIGNAL, 0xffffffff), b"\xff" * 5000):
                control.send(packet)
            control.send(struct.pack("=II", SIGNAL, 10) + bytes(1024))
            self.assertEqual(self.outcome(control)[:2], (EXITED, 4))

    def test_closing_the_control_socket_ends_the_command(self):
        control, _, out = self.start("small", ["sh", "-c", "trap '' HUP TERM; echo ready; sleep 4323; sleep 4323"])
        with out:
            self.assertEqual(out.readline(), b"ready\n")
            control.close()
            self.assertEqual(out.read(), b"")  # end of file: whoever held the pipe has died
        self.assert_nothing_left()

    def test_errors_have_names(self):
        empty = dbus.Dictionary({}, signature="sv")
        begin = lambda name, options=empty: self.manager.Begin(name, options, signature="sa{sv}")
        self.assert_error("NoSuchChroot", begin, "nope")
        self.assert_error("InvalidArgument", begin, "../etc")
        self.assert_error("InvalidArgument", begin, "foo:small")
        self.assert_error("InvalidArgument", begin, "small", dbus.Dictionary({"unknown": "x"}, signature="sv"))
        self.assert_error("InvalidArgument", begin, "small", dbus.Dictionary({"name": dbus.Int32(5)}, signature="sv"))
        self.assert_error("InvalidArgument", begin, "small", dbus.Dictionary({"name": "a/b"}, signature="sv"))
        self.assert_error("NoSuchSession", self.end, "nope")
        self.assert_error("NoSuchSession", self.manager.Location, "nope")
        session, _ = self.begin("small", name="twice")
        self.assert_error("SessionExists", begin, "small", dbus.Dictionary({"name": "twice"}, signature="sv"))
        self.end(session)

    def test_signals_when_sessions_and_chroots_come_and_go(self):
        if shutil.which("gdbus") is None:
            self.skipTest("needs gdbus")
        monitor = subprocess.Popen(["stdbuf", "-oL", "gdbus", "monitor", "--address", self.machine.address, "--dest",
                                    "org.unionroot1", "--object-path", "/org/unionroot1"],
                                   stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        self.machine.children[monitor.pid] = "gdbus"
        try:
            seen = []
            while "owned by" not in (line := monitor.stdout.readline()):
                self.assertTrue(line, "gdbus ended")
            os.set_blocking(monitor.stdout.fileno(), False)

            def heard(*names):
                # A line may come in pieces.
                while piece := monitor.stdout.readline():
                    seen.append(piece)
                return all(f".{name}" in "".join(seen) for name in names)

            def listens():
                # It says who owns the name before the bus has heard what it wants to hear.
                session, _ = self.begin("small")
                self.end(session)
                return heard("SessionNew (")

            self.assertTrue(testing.wait_until(listens), seen)
            session, _ = self.begin("small", name="heard")
            self.end(session)
            path = self.machine.define_tree("fresh", testing.small_tree())
            self.assertTrue(testing.wait_until(lambda: heard("SessionNew ('heard'", "SessionRemoved ('heard'", "ChrootNew ('fresh'")), seen)
            os.unlink(path)
            self.assertTrue(testing.wait_until(lambda: heard("ChrootRemoved ('fresh'")), seen)
            self.assertTrue(testing.wait_until(lambda: heard("InterfacesAdded (", "InterfacesRemoved (")), seen)
        finally:
            monitor.kill()
            monitor.wait()
            monitor.stdout.close()

    def test_managed_objects(self):
        session, path = self.begin("small")
        objects = self.interface("/org/unionroot1", "org.freedesktop.DBus.ObjectManager").GetManagedObjects()
        self.assertIn("org.unionroot1.Session", objects[path])
        chroots = [values["org.unionroot1.Chroot"]["Name"] for values in objects.values()
                   if "org.unionroot1.Chroot" in values]
        self.assertIn("small", chroots)
        self.assertIn("host", chroots)
        self.end(session)

    def test_many_requests_on_one_connection(self):
        for _ in range(50):
            session, _ = self.begin("small")
            self.end(session)

    def test_busctl_introspects(self):
        if shutil.which("busctl") is None:
            self.skipTest("needs busctl")
        done = subprocess.run(["busctl", "--address", self.machine.address, "--no-pager", "introspect",
                               "org.unionroot1", "/org/unionroot1"], stdout=subprocess.PIPE, text=True, check=True)
        for word in (MANAGER, ".Begin", ".Run", ".End", ".ListSessions", ".SessionNew", ".Version"):
            self.assertIn(word, done.stdout)

    def test_busctl_begins_and_ends(self):
        if shutil.which("busctl") is None:
            self.skipTest("needs busctl")

        def call(*words):
            done = subprocess.run(["busctl", "--address", self.machine.address, "--json=short", "call",
                                   "org.unionroot1", "/org/unionroot1", MANAGER, *words],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            return json.loads(done.stdout)["data"] if done.stdout.strip() else None

        session = call("Begin", "sa{sv}", "small", "1", "name", "s", "from-busctl")[0]
        self.assertEqual(session, "from-busctl")
        self.assertEqual(call("End", "sa{sv}", session, "0"), [[]])

    def test_no_introspection_shows_a_method_without_a_name_for_its_arguments(self):
        xml = self.interface("/org/unionroot1", "org.freedesktop.DBus.Introspectable").Introspect()
        begin = xml[xml.index('"Begin"'):]
        self.assertIn('name="chroot"', begin[:begin.index("</method>")])


if __name__ == "__main__":
    testing.main()
