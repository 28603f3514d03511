"""The real polkitd with rules of the test's own, on a bus that is at the system bus's place in this test's mount namespace.

What a rule decides depends on the chroot's name: allowed, denied, asked. OWNER is in `users` of all, and nowhere else.
"""

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import unittest

import unionroot_testing as testing
from stranger import OWNER, STRANGER
from unionroot_testing import EndToEndTest, wait_until

SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
POLKITD = "/usr/lib/polkit-1/polkitd"
BUS_FOLDER = "/run/dbus"

BUS_POLICY = """
  <policy user="polkitd"><allow own="org.freedesktop.PolicyKit1"/></policy>
"""

# The person to be asked is whoever asks: that needs no administrator's password in a test.
RULES = """
polkit.addRule(function(action, subject) {
  if (action.id.indexOf("org.unionroot1.") != 0) return polkit.Result.NOT_HANDLED;
  polkit.log("rule " + action.id + " " + subject.user + " chroot=" + action.lookup("chroot") + " source=" + action.lookup("source")
             + " session=" + action.lookup("session") + " user=" + action.lookup("user") + " owner=" + action.lookup("owner")
             + " place=" + action.lookup("place"));
  var chroot = action.lookup("chroot");
  if (action.id == "org.unionroot1.reload") return subject.user == "%(owner)s" ? polkit.Result.YES : polkit.Result.NOT_HANDLED;
  if (action.id == "org.unionroot1.run-as-user" && action.lookup("user") != "nobody") return polkit.Result.NO;
  if (chroot == "allowed") return polkit.Result.YES;
  if (chroot == "denied") return polkit.Result.NO;
  if (chroot == "asked") return polkit.Result.AUTH_SELF;
  if (chroot == "entered" && action.id != "org.unionroot1.run-as-root") return polkit.Result.YES;
  return polkit.Result.NOT_HANDLED;
});
""" % {"owner": OWNER}

# A client in Python, which says what it does; commands are lines of JSON on standard input. python3-dbus cannot let somebody be
# asked, so it is GLib's D-Bus.
CALLER = r'''
import json, os, sys
from gi.repository import Gio, GLib
flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
bus = Gio.DBusConnection.new_for_address_sync(os.environ["UNIONROOT_BUS"], flags, None, None)
loop = GLib.MainLoop()
kept = []
def say(*words):
    print(*words, flush=True)
def answered(connection, result, number):
    try:
        kept.append(connection.call_with_unix_fd_list_finish(result))  # a run ends with its control socket
        say(number, "ok")
    except GLib.Error as error:
        say(number, Gio.DBusError.get_remote_error(error), error.message.replace("\n", " | "))
def call(number, method, arguments, interactive):
    descriptors = None
    if method == "Run":
        name, user, command = arguments
        descriptors = Gio.UnixFDList.new()
        for each in (os.open("/dev/null", os.O_RDONLY), 1, 2):
            descriptors.append(each)
        body = GLib.Variant("(sasa{sv}hhh)", (name, command, {"user": GLib.Variant("s", user), "directory": GLib.Variant("s", "/")}, 0, 1, 2))
    elif method == "Reload":
        body = None
    else:
        body = GLib.Variant("(sa{sv})", (arguments[0], {}))
    how = Gio.DBusCallFlags.ALLOW_INTERACTIVE_AUTHORIZATION if interactive else Gio.DBusCallFlags.NONE
    bus.call_with_unix_fd_list("org.unionroot1", "/org/unionroot1", "org.unionroot1.Manager", method, body, None, how, 2**31 - 1,
                               descriptors, None, answered, number)
def line(channel, condition):
    text = sys.stdin.readline()
    if not text:
        loop.quit()
        return False
    for number, (method, arguments, interactive) in enumerate(json.loads(text)):
        call(number, method, arguments, interactive)
    return True
GLib.io_add_watch(sys.stdin, GLib.PRIORITY_DEFAULT, GLib.IO_IN | GLib.IO_HUP, line)
say("here", bus.get_unique_name())
loop.run()
'''

# For a program that is called by others on the bus.
ON_BUS = r'''
import os, sys
from gi.repository import Gio, GLib
flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
bus = Gio.DBusConnection.new_for_address_sync(os.environ["UNIONROOT_BUS"], flags, None, None)
'''

# An agent for the process argv[1], as polkit knows them. argv[2]: what it does when it is asked: wait, or dismiss.
AGENT = ON_BUS + r'''
interface = Gio.DBusNodeInfo.new_for_xml("""<node><interface name="org.freedesktop.PolicyKit1.AuthenticationAgent">
<method name="BeginAuthentication"><arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="s" direction="in"/>
<arg type="a{ss}" direction="in"/><arg type="s" direction="in"/><arg type="a(sa{sv})" direction="in"/></method>
<method name="CancelAuthentication"><arg type="s" direction="in"/></method></interface></node>""").interfaces[0]
waiting = {}
def say(*words):
    print(*words, flush=True)
def called(connection, sender, path, name, method, arguments, invocation):
    arguments = arguments.unpack()
    if method == "CancelAuthentication":
        say("cancelled")
        invocation.return_value(None)
        waiting.pop(arguments[0]).return_dbus_error("org.freedesktop.PolicyKit1.Error.Cancelled", "cancelled")
        return
    action, message, icon, details, cookie, identities = arguments
    waiting[cookie] = invocation
    if sys.argv[2] == "dismiss":
        waiting.pop(cookie).return_dbus_error("org.freedesktop.PolicyKit1.Error.Cancelled", "dismissed")
    say("asked", cookie, action, message)
def line(channel, condition):
    cookie = sys.stdin.readline().strip()
    if not cookie:
        loop.quit()
        return False
    waiting.pop(cookie).return_value(None)
    return True
bus.register_object("/agent", interface, called, None, None)
with open(f"/proc/{sys.argv[1]}/stat") as file:
    start = int(file.read().rpartition(")")[2].split()[19])
subject = ("unix-process", {"pid": GLib.Variant("u", int(sys.argv[1])), "start-time": GLib.Variant("t", start)})
bus.call_sync("org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority", "org.freedesktop.PolicyKit1.Authority",
              "RegisterAuthenticationAgent", GLib.Variant("((sa{sv})ss)", (subject, "C", "/agent")), None, 0, -1, None)
loop = GLib.MainLoop()
GLib.io_add_watch(sys.stdin, GLib.PRIORITY_DEFAULT, GLib.IO_IN | GLib.IO_HUP, line)
say("here")
loop.run()
'''


class Program:
    """One of those two, as a user; lines of its output can be waited for."""

    def __init__(self, test, user, source, *arguments, ready="here"):
        entry = pwd.getpwnam(user)
        self.test, self.user, self.uid = test, user, entry.pw_uid
        self.output = os.path.join(test.machine.place, f"program-{len(test.machine.children)}-{id(self)}")
        test.machine.users.add(user)
        test.machine._write(self.output + ".py", source)
        with open(self.output, "w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-B", self.output + ".py", *map(str, arguments)], stdin=subprocess.PIPE, stdout=output, stderr=output, text=True,
                user=entry.pw_uid, group=entry.pw_gid, extra_groups=os.getgrouplist(user, entry.pw_gid), cwd="/",
                env={"PATH": os.environ["PATH"], "HOME": "/", "UNIONROOT_BUS": test.machine.address})
        test.machine.children[self.process.pid] = "a program of the test"
        test.addCleanup(self.finish)
        self.wait(ready)

    def lines(self):
        with open(self.output) as file:
            return file.read().splitlines()

    def wait(self, start, count=1):
        """The first line that begins so, once there are `count`."""
        def found():
            return [line for line in self.lines() if line.startswith(start)]
        if not wait_until(lambda: len(found()) >= count):
            self.test.fail(f"no {count} lines {start!r} of {self.user}'s program: {self.lines()}\n{self.test.machine.log()}\n"
                           f"{self.test.polkit_log()}")
        return found()[0]

    def tell(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def call(self, *calls):
        """Each: method, arguments, whether somebody may be asked."""
        self.tell(json.dumps(calls))

    def finish(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()


class PolkitTest(EndToEndTest):
    has_own_mounts = True
    bus_policy = BUS_POLICY

    @classmethod
    def setUpClass(cls):
        if not os.access(POLKITD, os.X_OK):
            raise unittest.SkipTest("needs polkitd")
        super().setUpClass()

    @classmethod
    def mount(cls, *arguments):
        subprocess.run(["mount", *arguments], check=True)
        cls.addClassCleanup(subprocess.run, ["umount", arguments[-1]], check=True)

    @classmethod
    def prepare(cls):
        machine = cls.machine
        machine.bus_policy = cls.bus_policy
        os.makedirs(BUS_FOLDER, exist_ok=True)
        cls.mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", BUS_FOLDER)
        machine.bus_socket = os.path.join(BUS_FOLDER, "system_bus_socket")
        machine.address = "unix:path=" + machine.bus_socket
        machine.settings["bus"] = machine.address
        machine._write_settings()
        for name, place in (("rules", "/etc/polkit-1/rules.d"), ("other-rules", "/usr/share/polkit-1/rules.d"),
                            ("actions", "/usr/share/polkit-1/actions")):
            folder = os.path.join(machine.place, name)
            os.mkdir(folder, 0o755)
            os.makedirs(place, exist_ok=True)
            cls.mount("--bind", folder, place)
        shutil.copy(os.path.join(SOURCE, "etc/polkit/org.unionroot1.policy"), os.path.join(machine.place, "actions"))
        machine._write(os.path.join(machine.place, "rules", "10-test.rules"), RULES)
        cls.polkit = None
        cls.define_all()

    @classmethod
    def define_all(cls, **keys):
        for name in ("allowed", "denied", "asked", "usual"):
            cls.machine.define_tree(name, testing.small_tree(), users=OWNER, **keys)
        # STRANGER is on no list of theirs, but may enter sessions there by polkit.
        cls.machine.define_tree("entered", testing.small_tree(), users=OWNER, root_users=OWNER, **keys)

    def setUp(self):
        self.start_polkit()

    def tearDown(self):
        self.stop_polkit()
        self.assert_nothing_left()

    @classmethod
    def start_polkit(cls):
        with open(os.path.join(cls.machine.place, "polkitd.log"), "ab") as log:
            cls.polkit = subprocess.Popen([POLKITD], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                                          env={"PATH": os.environ["PATH"], "DBUS_SYSTEM_BUS_ADDRESS": cls.machine.address})
        cls.machine.children[cls.polkit.pid] = "polkitd"

        def has_name():
            if cls.polkit.poll() is not None:
                raise AssertionError(f"polkitd ended with {cls.polkit.returncode}:\n{cls.polkit_log()}")
            return cls.has_polkit()

        if not wait_until(has_name):
            raise AssertionError("polkitd has no name on the bus:\n" + cls.polkit_log())

    @classmethod
    def has_polkit(cls):
        asked = subprocess.run(["busctl", "--address", cls.machine.address, "call", "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                "org.freedesktop.DBus", "NameHasOwner", "s", "org.freedesktop.PolicyKit1"], capture_output=True, text=True)
        return asked.stdout.strip() == "b true"

    @classmethod
    def stop_polkit(cls, how=signal.SIGTERM):
        if cls.polkit is not None:
            cls.polkit.send_signal(how)
            cls.polkit.wait()
            cls.polkit = None
            wait_until(lambda: not cls.has_polkit())

    @classmethod
    def polkit_log(cls):
        with open(os.path.join(cls.machine.place, "polkitd.log"), errors="replace") as file:
            return file.read()[-6000:]

    def run_as(self, target, chroot, user=OWNER, **options):
        return self.machine.run("run", "--user", target, "--directory", "/", chroot, "--", "id", "-u", user=user, **options)

    def answer(self, agent, cookie):
        """What the program of polkit says, set-uid, once the person has given the password."""
        identity = f"('unix-user', {{'uid': <uint32 {agent.uid}>}})"
        done = subprocess.run(["gdbus", "call", "--address", self.machine.address, "--dest", "org.freedesktop.PolicyKit1", "--object-path",
                               "/org/freedesktop/PolicyKit1/Authority", "--method",
                               "org.freedesktop.PolicyKit1.Authority.AuthenticationAgentResponse2", f"uint32 {agent.uid}", cookie, identity],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done)
        agent.tell(cookie)

    def asked(self, *calls, user=OWNER, does="wait"):
        """A caller that has made the calls, the agent that was asked, and the cookie."""
        caller = Program(self, user, CALLER)
        agent = Program(self, user, AGENT, caller.process.pid, does)
        caller.call(*calls)
        return caller, agent, agent.wait("asked").split()[1]
