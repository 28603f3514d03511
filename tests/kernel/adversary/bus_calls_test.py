"""What a stranger may send over the bus: to another user's session, and to objects and methods that are not there."""

import os
import unittest

import stranger
import unionroot_testing as testing
from unionroot_testing import EndToEndTest

# Tries each call, and prints its name, a tab, and the name of the error, or "answered".
TRY = """
null = os.open("/dev/null", os.O_RDWR)
fd = lambda: dbus.types.UnixFd(null)
def attempt(what, call):
    try:
        call()
        print(what, "answered", sep="\\t", flush=True)
    except dbus.DBusException as error:
        print(what, error.get_dbus_name(), sep="\\t", flush=True)
def run(name, command, **values):
    return manager.Run(name, dbus.Array(command, signature="s"), options(directory="/", **values), fd(), fd(), fd(),
                       signature="sasa{sv}hhh")
def at(path, interface):
    return dbus.Interface(bus.get_object("org.unionroot1", path, introspect=False), interface)
"""
DENIED = "org.unionroot1.Error.AccessDenied"


class BusCallsTest(EndToEndTest):
    @classmethod
    def prepare(cls):
        cls.machine.define_tree("small", testing.small_tree(), users=f"{stranger.OWNER},{stranger.STRANGER}")
        cls.machine.define_tree("private", testing.small_tree(), users=stranger.OWNER)

    def setUp(self):
        self.session = self.machine.begin("small", "owned", user=stranger.OWNER)

    def tearDown(self):
        self.machine.ok("end", self.session)
        self.assert_nothing_left()

    def attempts(self, source, *arguments):
        """{what: how it was answered} of what the stranger's program tried."""
        status, out, err = stranger.run(self.machine, stranger.STRANGER, TRY + source, *arguments)
        self.assertEqual(status, 0, err + self.machine.log())
        return dict(line.split("\t") for line in out.splitlines())

    def test_no_call_reaches_a_session_of_another(self):
        answers = self.attempts("""
name, path = sys.argv[1], "/org/unionroot1/session/" + sys.argv[1]
attempt("run", lambda: run(name, ["true"]))
attempt("run session:", lambda: run("session:" + name, ["true"]))
attempt("run as root", lambda: run(name, ["true"], user="root"))
attempt("run as the owner", lambda: run(name, ["true"], user="games"))
attempt("end", lambda: manager.End(name, options(), signature="sa{sv}"))
attempt("forced end", lambda: manager.End(name, options(force=dbus.Boolean(True)), signature="sa{sv}"))
attempt("recover", lambda: manager.Recover(name, options(), signature="sa{sv}"))
attempt("end of the object", lambda: at(path, "org.unionroot1.Session").End(options(), signature="a{sv}"))
attempt("recover of the object", lambda: at(path, "org.unionroot1.Session").Recover(options(), signature="a{sv}"))
attempt("reload", lambda: manager.Reload())
""", self.session)
        self.assertEqual(len(answers), 10)
        self.assertEqual({what: answer for what, answer in answers.items() if answer != DENIED}, {})
        # The owner's session is as it was.
        self.assertEqual(self.machine.inside(self.session, "echo", "there", user=stranger.OWNER), "there")

    def test_no_call_reaches_a_chroot_that_does_not_name_the_caller(self):
        answers = self.attempts("""
attempt("begin", lambda: manager.Begin("private", options(), signature="sa{sv}"))
attempt("begin chroot:", lambda: manager.Begin("chroot:private", options(), signature="sa{sv}"))
attempt("begin source:", lambda: manager.Begin("source:private", options(), signature="sa{sv}"))
attempt("begin source of one's own", lambda: manager.Begin("source:small", options(), signature="sa{sv}"))
attempt("begin host", lambda: manager.Begin("host", options(), signature="sa{sv}"))
attempt("run", lambda: run("private", ["true"]))
attempt("run as root", lambda: run("small", ["true"], user="root"))
attempt("run as 0", lambda: run("small", ["true"], user="0"))
""")
        self.assertEqual(len(answers), 8)
        self.assertEqual({what: answer for what, answer in answers.items() if not answer.startswith("org.unionroot1.Error.")}, {})
        self.assertNotIn("answered", answers.values())
        self.assertEqual(answers["begin"], DENIED)
        self.assertEqual(answers["run as root"], "org.unionroot1.Error.AuthenticationFailed")

    def test_what_can_be_set_by_nobody(self):
        answers = self.attempts("""
path = "/org/unionroot1/session/" + sys.argv[1]
properties = at(path, "org.freedesktop.DBus.Properties")
attempt("owner", lambda: properties.Set("org.unionroot1.Session", "Owner", dbus.UInt32(33)))
attempt("state", lambda: properties.Set("org.unionroot1.Session", "State", "failed"))
attempt("no such property", lambda: properties.Get("org.unionroot1.Session", "Secret"))
attempt("capabilities", lambda: at("/org/unionroot1", "org.freedesktop.DBus.Properties").Set(
    "org.unionroot1.Manager", "Capabilities", dbus.Array(["x"], signature="s")))
""", self.session)
        self.assertEqual(len(answers), 4)
        self.assertNotIn("answered", answers.values())

    def test_messages_that_make_no_sense(self):
        # Each gets an error, and the daemon goes on.
        answers = self.attempts("""
attempt("no method", lambda: manager.Frobnicate())
attempt("no object", lambda: at("/org/unionroot1/session/none", "org.unionroot1.Session").End(options(), signature="a{sv}"))
attempt("path up", lambda: at("/org/unionroot1/session/_2e_2e", "org.unionroot1.Session").End(options(), signature="a{sv}"))
attempt("no arguments", lambda: manager.Begin(signature=""))
attempt("wrong types", lambda: manager.Begin(dbus.UInt32(1), dbus.UInt32(2), signature="uu"))
attempt("wrong option type", lambda: manager.Begin("small", options(name=dbus.UInt32(3)), signature="sa{sv}"))
attempt("option twice nested", lambda: manager.Begin("small", options(name=dbus.Array(["a"], signature="s")), signature="sa{sv}"))
attempt("unknown option", lambda: manager.Begin("small", options(owner="root"), signature="sa{sv}"))
attempt("name with a slash", lambda: manager.Begin("small", options(name="../x"), signature="sa{sv}"))
attempt("name of a path", lambda: manager.Begin("/etc", options(), signature="sa{sv}"))
attempt("empty command", lambda: run("small", [""]))
attempt("name with a newline", lambda: manager.Info("small" + chr(10)))
attempt("descriptor too many", lambda: manager.Info(fd(), signature="h"))
""")
        self.assertEqual(len(answers), 13)
        self.assertEqual([what for what, answer in answers.items() if answer == "answered"], [])
        self.assertEqual(self.machine.inside(self.session, "echo", "there", user=stranger.OWNER), "there")

    def test_a_name_of_the_bus_is_not_for_a_stranger(self):
        status, out, _ = stranger.run(self.machine, stranger.STRANGER, """
try:
    say(bus.request_name("org.unionroot1", dbus.bus.NAME_FLAG_REPLACE_EXISTING))
except dbus.DBusException as error:
    say(error.get_dbus_name())
""")
        self.assertEqual((status, out), (0, "org.freedesktop.DBus.Error.AccessDenied\n"))

    def test_a_signal_in_the_daemons_name_changes_nothing(self):
        # The clients of others must not believe it; the daemon must not read it.
        status, _, err = stranger.run(self.machine, stranger.STRANGER, """
from dbus.lowlevel import SignalMessage, MethodReturnMessage
for member in ("SessionRemoved", "SessionNew"):
    message = SignalMessage("/org/unionroot1", "org.unionroot1.Manager", member)
    message.append("owned", dbus.ObjectPath("/org/unionroot1/session/owned"), signature="so")
    bus.send_message(message)
message = SignalMessage("/org/freedesktop/login1", "org.freedesktop.login1.Manager", "PrepareForShutdown")
message.append(dbus.Boolean(True), signature="b")
bus.send_message(message)
bus.flush()
manager.ListSessions()
""")
        self.assertEqual(status, 0, err)
        self.assertEqual(self.machine.inside(self.session, "echo", "there", user=stranger.OWNER), "there")
        self.assertEqual([session["id"] for session in self.machine.sessions()], [self.session])


if __name__ == "__main__":
    testing.main()
