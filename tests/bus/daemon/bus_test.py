"""The bus layer over a fake core, against a private dbus-daemon: bus_test.py FAKE_UNIONROOTD INTERFACE.XML

Callers of other uids are processes of their own: this script again, as `bus_test.py call`.
"""

import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import xml.etree.ElementTree as ElementTree

import skips

try:
    import dbus
    import dbus.bus
    import dbus.mainloop.glib
    from gi.repository import GLib
except ImportError as missing:
    skips.skip_all(missing)

NAME = "org.unionroot1"
ROOT = "/org/unionroot1"
MANAGER = "org.unionroot1.Manager"
GAMES, MAIL, NOBODY = 5, 8, 65534  # users that every Debian has
PATIENCE = 120  # seconds, for what takes a moment on a machine that has nothing else to do

DEFINITIONS = """
[open]
type=directory
directory=/
union-type=overlay
description=For games
users=games
root-users=mail
aliases=alias-of-open

[rooted]
type=directory
directory=/
union-type=overlay
users=nobody
source-users=games

[broken]
type=nonsense
directory=/

[stack]
type=layers
lower-directories=/usr,/etc

[still]
type=directory
directory=/
union-type=overlay
source-clone=no
"""


def die_with_parent():
    """In a child before exec: a test that is killed leaves no daemon behind (prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def call(address, method, arguments, interface=MANAGER, path=ROOT, timeout=PATIENCE):
    """One call over a connection of its own."""
    connection = dbus.bus.BusConnection(address)
    try:
        return connection.call_blocking(NAME, path, interface, method, None, arguments, timeout=timeout)
    finally:
        connection.close()


def options(given):
    return dbus.Dictionary(given, signature="sv")


def asked(address, method, arguments):
    """Calls, prints "asked" once the daemon has taken the request, and never looks at the answer... unless it is an error, which
    is printed."""
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    connection = dbus.bus.BusConnection(address)
    loop = GLib.MainLoop()

    def failed(error):
        print(json.dumps({"error": error.get_dbus_name(), "message": error.get_dbus_message()}), flush=True)
        loop.quit()

    connection.call_async(NAME, ROOT, MANAGER, method, None, arguments, lambda *_: loop.quit(), failed, timeout=PATIENCE)
    try:
        # Requests of one client are taken in the order in which they come; this one is refused.
        connection.call_blocking(NAME, ROOT, MANAGER, "Reload", None, [], timeout=PATIENCE)
    except dbus.DBusException:
        pass
    print("asked", flush=True)
    loop.run()


def child_main(address, text):
    """A caller of another uid: prints the answer, or the error, as JSON."""
    request = json.loads(text)
    pipe = os.pipe()
    arguments = []
    for argument in request["arguments"]:
        if isinstance(argument, dict):
            argument = options(argument)
        elif isinstance(argument, list):
            argument = dbus.Array(argument, signature="s")
        elif argument == "<fd>":
            argument = dbus.types.UnixFd(pipe[1])
        arguments.append(argument)
    if request["asks"]:
        asked(address, request["method"], arguments)
        return
    try:
        answer = call(address, request["method"], arguments, request["interface"], request["path"])
        os.close(pipe[1])
        shown = json.loads(json.dumps(answer, default=str))
        print(json.dumps({"answer": shown}))
    except dbus.DBusException as error:
        print(json.dumps({"error": error.get_dbus_name(), "message": error.get_dbus_message()}))


class BusTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="unionroot-bus-")
        os.chmod(cls.folder, 0o755)
        os.mkdir(f"{cls.folder}/config")
        os.mkdir(f"{cls.folder}/config/chroot.d")
        cls.write("config/chroot.d/test.conf", DEFINITIONS)
        cls.write("config/unionroot.conf",
                  f"[unionroot]\nbus=unix:path={cls.folder}/bus\nstate-directory={cls.folder}/state\n"
                  f"runtime-directory={cls.folder}/run\nbuilt-in-host=no\n")
        cls.write("bus.conf", f"""<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
            "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
            <busconfig><listen>unix:path={cls.folder}/bus</listen><auth>EXTERNAL</auth>
            <policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/>
            <allow send_type="signal"/><allow send_requested_reply="true" send_type="method_return"/>
            <allow send_requested_reply="true" send_type="error"/><allow receive_type="method_call"/>
            <allow receive_type="method_return"/><allow receive_type="error"/><allow receive_type="signal"/></policy>
            <limit name="max_replies_per_connection">1000</limit></busconfig>""")
        cls.address = f"unix:path={cls.folder}/bus"
        cls.start_bus()
        cls.start_daemon()

    @classmethod
    def write(cls, name, text):
        # As an editor does it: the daemon, which watches, never finds half a file.
        path = f"{cls.folder}/{name}"
        with open(path + ".dpkg-new", "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path + ".dpkg-new", 0o644)
        os.rename(path + ".dpkg-new", path)

    @classmethod
    def start_bus(cls):
        cls.bus = subprocess.Popen(["dbus-daemon", f"--config-file={cls.folder}/bus.conf", "--nofork", "--print-address=1"],
                                   stdout=subprocess.PIPE, preexec_fn=die_with_parent)
        assert cls.bus.stdout.readline(), "dbus-daemon did not start"

    @classmethod
    def start_daemon(cls):
        if "log" not in cls.__dict__:
            cls.log = open(f"{cls.folder}/log", "ab")
        cls.daemon = subprocess.Popen([FAKE, f"{cls.folder}/config/unionroot.conf"], stdout=subprocess.PIPE,
                                      stderr=cls.log, preexec_fn=die_with_parent)
        assert cls.daemon.stdout.readline() == b"ready\n", open(f"{cls.folder}/log", encoding="utf-8").read()

    @classmethod
    def stop(cls, process):
        if process.poll() is None:
            process.terminate()
        process.wait(PATIENCE)
        process.stdout.close()

    @classmethod
    def tearDownClass(cls):
        try:
            cls.stop(cls.daemon)
            assert cls.daemon.returncode == 0, f"the daemon ended with {cls.daemon.returncode}"
        finally:
            cls.stop(cls.bus)
            cls.log.close()
            shutil.rmtree(cls.folder)

    # --- helpers

    def call(self, method, *arguments, **more):
        return call(self.address, method, list(arguments), **more)

    def refused(self, name, method, *arguments, **more):
        with self.assertRaises(dbus.DBusException) as caught:
            self.call(method, *arguments, **more)
        self.assertEqual(caught.exception.get_dbus_name(), f"org.unionroot1.Error.{name}",
                         caught.exception.get_dbus_message())
        return caught.exception.get_dbus_message()

    def start_as(self, uid, method, *arguments, interface=MANAGER, path=ROOT, asks=False):
        request = json.dumps({"method": method, "arguments": arguments, "interface": interface, "path": path, "asks": asks})
        return subprocess.Popen(["/usr/bin/python3", "-B", os.path.abspath(__file__), "call", self.address, request],
                                stdout=subprocess.PIPE, user=uid, group=uid, extra_groups=[], cwd="/")

    def ask_as(self, uid, method, *arguments):
        """A client whose request the daemon has taken, and not answered yet."""
        process = self.start_as(uid, method, *arguments, asks=True)
        self.assertEqual(process.stdout.readline(), b"asked\n")
        return process

    def finish(self, process):
        # Not communicate(): that forgets what was read together with an earlier line.
        with process.stdout:
            out = process.stdout.read()
        process.wait(PATIENCE)
        return json.loads(out)

    def call_as(self, uid, method, *arguments, **more):
        return self.finish(self.start_as(uid, method, *arguments, **more))

    def assert_one_is_refused(self, clients):
        """One of them is one too many, and leaves the list. Which one comes last is the workers' affair."""
        self.eventually(lambda: any(each.poll() is not None for each in clients), "none was refused")
        (refused,) = [each for each in clients if each.poll() is not None]
        clients.remove(refused)
        answer = self.finish(refused)
        self.assertEqual(answer.get("error"), "org.unionroot1.Error.LimitExceeded", answer)

    def sessions(self):
        return {str(each["id"]) for each in self.call("ListSessions")}

    def eventually(self, condition, what, seconds=PATIENCE):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.01)

    def begin(self, name, chroot="open", **more):
        return self.call("Begin", chroot, options({"name": name, **more}))

    def run_command(self, name, command, given=None, connection=None):
        read, write = os.pipe()
        with open("/dev/null", "rb") as null:
            arguments = [name, dbus.Array(command, signature="s"), options(given or {}), dbus.types.UnixFd(null.fileno()),
                         dbus.types.UnixFd(write), dbus.types.UnixFd(write)]
            try:
                answer = (connection.call_blocking(NAME, ROOT, MANAGER, "Run", None, arguments) if connection
                          else call(self.address, "Run", arguments))
            finally:
                os.close(write)
                arguments.clear()  # they hold duplicates: the output would never end
        with os.fdopen(read, "rb") as output:
            text = os.fsdecode(output.read())
        return socket.socket(fileno=answer[0].take()), str(answer[1]), str(answer[2]), text

    # --- the interface

    def introspect(self, path):
        return ElementTree.fromstring(self.call("Introspect", interface="org.freedesktop.DBus.Introspectable", path=path))

    @staticmethod
    def members(interfaces):
        """{interface: {(kind, name): arguments, or type, access and when changes are told}} of our own interfaces."""
        found = {}
        for interface in interfaces:
            if not interface.get("name").startswith("org.unionroot1."):
                continue
            members = found.setdefault(interface.get("name"), {})
            for member in interface:
                if member.tag in ("method", "signal"):
                    default = "in" if member.tag == "method" else "out"
                    members[member.tag, member.get("name")] = [(arg.get("name"), arg.get("type"), arg.get("direction", default))
                                                               for arg in member.findall("arg")]
                elif member.tag == "property":
                    told = member.find("annotation[@name='org.freedesktop.DBus.Property.EmitsChangedSignal']")
                    members[member.tag, member.get("name")] = (member.get("type"), member.get("access"),
                                                               "true" if told is None else told.get("value"))
        return found

    def test_introspection_is_what_the_interface_file_says(self):
        self.begin("introspected")
        shown = self.members(interface for path in (ROOT, f"{ROOT}/session/introspected", f"{ROOT}/chroot/open")
                             for interface in self.introspect(path))
        written = self.members(ElementTree.parse(INTERFACE).getroot())
        self.assertEqual({name: len(members) for name, members in written.items()},
                         {"org.unionroot1.Manager": 40, "org.unionroot1.Session": 10, "org.unionroot1.Chroot": 5})
        self.assertEqual(shown, written)
        for standard in ("Peer", "Introspectable", "Properties", "ObjectManager"):
            self.assertIn(f"org.freedesktop.DBus.{standard}", {each.get("name") for each in self.introspect(ROOT)})
        self.call("Ping", interface="org.freedesktop.DBus.Peer")
        self.call("End", "introspected", options({}))

    def test_every_member_is_documented(self):
        with open(INTERFACE, encoding="utf-8") as file:
            text = file.read()
        members = list(re.finditer(r'<(?:method|signal|property) name="(\w+)"', text))
        self.assertEqual(len(members), sum(each.tag in ("method", "signal", "property")
                                           for each in ElementTree.fromstring(text.encode()).iter()))
        for member in members:
            interface = text[text.rindex("<interface", 0, member.start()):member.start()]
            comments = re.findall(r"<!--(.*?)-->", interface, re.DOTALL)
            self.assertTrue(comments, member.group(0))
            # The last comment before it begins with its name, perhaps among others: "SessionNew, SessionRemoved: ...".
            self.assertIn(member.group(1), comments[-1].split(":")[0], member.group(0))

    def test_properties(self):
        everything = self.call("GetAll", MANAGER, interface="org.freedesktop.DBus.Properties")
        self.assertEqual(set(everything), {"Version", "Problems", "Capabilities"})
        self.assertEqual(list(everything["Capabilities"]), ["fake"])
        self.assertTrue(any("test.conf:" in problem for problem in everything["Problems"]), everything["Problems"])

    def test_objects_are_managed(self):
        self.begin("managed")
        objects = self.call("GetManagedObjects", interface="org.freedesktop.DBus.ObjectManager")
        session = objects[f"{ROOT}/session/managed"]["org.unionroot1.Session"]
        self.assertEqual(session["Id"], "managed")
        self.assertEqual(session["State"], "active")
        self.assertEqual(session["Owner"], 0)
        self.assertEqual(objects[f"{ROOT}/chroot/open"]["org.unionroot1.Chroot"]["Aliases"], ["alias-of-open"])
        self.assertNotIn(f"{ROOT}/chroot/broken", objects)
        self.call("End", options({}), interface="org.unionroot1.Session", path=f"{ROOT}/session/managed")
        objects = self.call("GetManagedObjects", interface="org.freedesktop.DBus.ObjectManager")
        self.assertNotIn(f"{ROOT}/session/managed", objects)

    # --- sessions

    def test_begin_info_location_end(self):
        session, path = self.begin("whole")
        self.assertEqual((session, path), ("whole", f"{ROOT}/session/whole"))
        info = self.call("Info", "session:whole")
        self.assertEqual((info["kind"], info["chroot"], info["state"], info["owner"], info["owner-uid"]),
                         ("session", "open", "active", "root", 0))
        self.assertEqual([tuple(stage) for stage in info["stages"]], [("source", "done"), ("union", "done")])
        self.assertEqual(self.call("Location", "whole"), r"/run/fake/\xff/whole")
        self.assertIn("whole", self.sessions())
        self.refused("SessionExists", "Begin", "open", options({"name": "whole"}))
        left = self.call("End", "whole", options({"force": True}))
        self.assertEqual(list(left), [r"left: /tmp/\xff"])
        self.refused("NoSuchSession", "End", "whole", options({}))
        self.refused("NoSuchSession", "Location", "whole")

    def test_a_client_over_the_generated_proxies(self):
        client = os.environ.get("UNIONROOT_PROXY_CLIENT")
        if not client:
            self.skipTest("UNIONROOT_PROXY_CLIENT is not set")
        done = subprocess.run([client, self.address, "open"], capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        lines = done.stdout.splitlines()
        session = next(line.split()[1] for line in lines if line.startswith("begun "))
        self.assertTrue(any(line.startswith("version ") and line[8:] for line in lines), lines)
        self.assertIn("kind session", lines)
        self.assertIn("left 0", lines)
        self.assertIn("error org.unionroot1.Error.NoSuchSession", lines)
        self.assertIn("signal new " + session, lines)
        self.assertIn("signal removed " + session, lines)
        self.assertIn(f"progress 9 {session} packing 7 0", lines)

    def test_a_name_without_a_namespace_is_a_chroot_first(self):
        self.assertIn("name of a chroot", self.refused("InvalidArgument", "Begin", "open", options({"name": "open"})))
        self.assertEqual(self.call("Info", "open")["kind"], "chroot")

    def test_info_of_a_chroot_and_its_source(self):
        info = self.call("Info", "alias-of-open")
        self.assertEqual((info["kind"], info["name"], info["directory"], list(info["users"])),
                         ("chroot", "open", "/", ["games"]))
        self.assertRegex(info["file"], r"test\.conf:2$")
        self.assertEqual(self.call("Info", "source:open")["kind"], "source")
        self.assertEqual(self.call("Info", "alias-of-open-source")["kind"], "source")
        self.refused("NoSuchChroot", "Info", "nonsense")
        self.assertRegex(self.refused("DefinitionInvalid", "Info", "broken"), r"test\.conf:\d+")
        self.assertEqual({str(each["name"]) for each in self.call("ListChroots")}, {"open", "rooted", "stack", "still"})
        (broken,) = self.call("ListBroken")
        self.assertEqual(str(broken["name"]), "broken")
        self.assertRegex(str(broken["file"]), r"test\.conf:\d+$")
        self.assertTrue(str(broken["error"]))
        chroots, sources = self.call("UsableChroots")
        self.assertEqual(set(chroots), {"open", "rooted", "stack", "still"})

    def test_run_in_a_session_and_in_a_chroot(self):
        self.begin("runs")
        with self.run_command("runs", ["echo", "a b"])[0] as control:
            control.settimeout(PATIENCE)
            self.assertEqual(control.recv(1), b"")  # the run ended: the daemon noticed, and let go
        control, session, run, text = self.run_command("open", ["id"])
        self.assertEqual(text, "id uid=0\n")
        self.assertTrue(session.startswith("open-") and run)
        control.settimeout(PATIENCE)
        self.assertEqual(control.recv(1), b"")
        control.close()
        self.assertNotIn(session, self.sessions())
        self.call("End", "runs", options({}))

    def test_a_run_is_waited_for(self):
        self.begin("waited")
        control, _, run, _ = self.run_command("waited", ["last"])
        waiting = [self.start_as(0, "WaitRun", run) for _ in range(3)]
        self.assertEqual(self.call("Kill", run, options({})), 1)
        self.refused("NoSuchRun", "WaitRun", "nonsense")
        other = self.call_as(MAIL, "WaitRun", run)
        self.assertEqual(other["error"], "org.unionroot1.Error.NoSuchRun", other)
        for each in waiting:
            answer = self.finish(each)["answer"]
            self.assertEqual((answer["run"], answer["end"], answer["value"]), (run, "exited", 7))
        control.close()
        self.assertEqual(self.call("WaitRun", run)["end"], "exited")
        self.assertIn("has ended", self.refused("NoSuchRun", "Kill", run, options({})))
        self.refused("NotSupported", "OpenOutput", run)
        self.call("End", "waited", options({}))

    def test_bytes_that_are_not_utf8(self):
        words = [b"echo", b"\xc3\xa9t\xc3\xa9", b"\xe4\xff", b"\xed\xa0\x80", b"", b"a\nb"]
        as_bytes = dbus.Array([dbus.ByteArray(word) for word in words], signature="ay")
        control, _, _, text = self.run_command("open", [], {"arguments": as_bytes, "caller-directory": dbus.ByteArray(b"/\xff"),
                                                            "environment": as_bytes})
        control.close()
        self.assertEqual(os.fsencode(text), b" ".join(words) + b" uid=0\n")
        with self.assertRaises(dbus.DBusException) as caught:
            self.run_command("open", ["echo"], {"arguments": as_bytes})
        self.assertEqual(caught.exception.get_dbus_name(), "org.unionroot1.Error.InvalidArgument")

    def test_a_session_cannot_take_what_is_meant_for_a_source(self):
        for name in ("open-source", "alias-of-open-source", "still-source", "broken-source"):
            self.assertIn("the name of the source of chroot", self.refused("InvalidArgument", "Begin", "open", options({"name": name})))
        # One that was there before the chroot goes on under session:.
        self.begin("later-source")
        self.assertEqual(self.call("Info", "later-source")["kind"], "session")
        self.write("config/chroot.d/later.conf", "[later]\ntype=directory\ndirectory=/\nunion-type=overlay\n")
        try:
            self.call("Reload")
            self.assertEqual(self.call("Info", "later-source")["kind"], "source")
            control, session, _, _ = self.run_command("later-source", ["id"])
            control.close()
            self.assertTrue(session.startswith("later-") and session != "later-source", session)
            self.write("config/chroot.d/later.conf", "[later]\ntype=nonsense\n")
            self.call("Reload")
            self.refused("DefinitionInvalid", "Info", "later-source")
            self.assertEqual(self.call("Info", "session:later-source")["kind"], "session")
        finally:
            os.unlink(f"{self.folder}/config/chroot.d/later.conf")
            self.call("Reload")
            self.call("End", "later-source", options({}))

    # --- bad input

    def test_malformed_requests(self):
        text = self.refused("InvalidArgument", "Begin", "open", options({"nmae": "x"}))
        self.assertEqual(text, "Begin does not know the option 'nmae'\nit knows: name, front-end, wait, yield, user-data, confirm, progress")
        text = self.refused("InvalidArgument", "Begin", "open", options({"wait": "5"}))
        self.assertIn("is of type 's'\nit must be an integer", text)
        for name in ("", "../x", "a/b", "x" * 1001, "-x", "nosuch:x", "session:x", "a\nb"):
            self.refused("InvalidArgument", "Begin", name, options({}))
        for name in ("../x", "a/b", ".x", "x" * 250):
            self.refused("InvalidArgument", "Begin", "open", options({"name": name}))
        self.refused("NoSuchChroot", "Begin", "nonsense", options({}))
        self.refused("DefinitionInvalid", "Begin", "broken", options({}))
        self.refused("InvalidArgument", "End", "chroot:open", options({}))
        self.refused("InvalidArgument", "Recover", "x", options({"force": True}))
        self.refused("AccessDenied", "Begin", "open", options({"user-data": dbus.Dictionary({"a.b": "c"}, signature="ss")}))
        with self.assertRaises(dbus.DBusException) as caught:
            self.call("Begin", 7, options({}))
        self.assertEqual(caught.exception.get_dbus_name(), "org.freedesktop.DBus.Error.InvalidArgs")

    def test_errors_of_every_kind_are_answers(self):
        self.assertEqual(self.refused("StageFailed", "Begin", "open", options({"name": "broken-1"})),
                         "stage 'source': /tmp/\\xff\\xfe is missing\nmake it")
        self.assertEqual(self.refused("Failed", "Begin", "open", options({"name": "odd-1"})), "not one of ours")

    # --- who may do what

    def test_authorization_by_uid(self):
        games = self.call_as(GAMES, "Begin", "open", {"name": "of-games"})
        self.assertIn("answer", games)
        nobody = self.call_as(NOBODY, "Begin", "open", {})
        self.assertEqual(nobody["error"], "org.unionroot1.Error.AccessDenied")
        self.assertRegex(nobody["message"], r"^nobody \(uid 65534\) may not begin a session on chroot 'open': .*\n"
                                            r"root may permit it: add nobody to users= of \[open\] \(.*test\.conf:2\)$")
        # Another's session is out of reach, also by its object.
        for answer in (self.call_as(NOBODY, "End", "of-games", {"force": True}), self.call_as(MAIL, "Recover", "of-games", {}),
                       self.call_as(NOBODY, "End", {}, interface="org.unionroot1.Session", path=f"{ROOT}/session/of_2dgames"),
                       self.call_as(MAIL, "Run", "of-games", ["true"], {}, "<fd>", "<fd>", "<fd>")):
            self.assertEqual(answer.get("error"), "org.unionroot1.Error.AccessDenied", answer)
        self.assertIn("belongs to games (uid 5)", answer["message"])
        self.assertIn("answer", self.call_as(GAMES, "Run", "of-games", ["true"], {}, "<fd>", "<fd>", "<fd>"))
        as_root = self.call_as(GAMES, "Run", "of-games", ["true"], {"user": "root"}, "<fd>", "<fd>", "<fd>")
        self.assertEqual(as_root["error"], "org.unionroot1.Error.AuthenticationFailed")
        self.assertRegex(as_root["message"], "polkit, which could permit it, is not running\n.*root-users= of .open.")
        self.assertIn("answer", self.call_as(GAMES, "End", "of-games", {}))

    def test_who_may_change_a_tree(self):
        """apply: its owner who may be root in the source, and root; undo: who may be root in the source."""
        self.assertIn("answer", self.call_as(GAMES, "Begin", "open", {"name": "to-apply"}))
        for uid, why in ((NOBODY, "belongs to games"), (MAIL, "belongs to games"), (GAMES, "who may be root in source:open")):
            answer = self.call_as(uid, "Apply", "to-apply", {})
            self.assertEqual(answer.get("error"), "org.unionroot1.Error.AccessDenied", answer)
            self.assertIn(why, answer["message"])
        for uid in (NOBODY, GAMES, MAIL):
            answer = self.call_as(uid, "Undo", "something", {})
            self.assertEqual(answer.get("error"), "org.unionroot1.Error.AccessDenied", answer)
        self.call("Apply", "to-apply", options({}))
        self.call("Undo", "something", options({}))
        self.refused("InvalidArgument", "Apply", "to-apply", options({"exact": True}))
        self.refused("InvalidArgument", "Apply", "to-apply", options({"unknown": True}))
        self.refused("InvalidArgument", "Undo", "x" * 300, options({}))
        self.call("End", "to-apply", options({}))

    def test_root_users_and_other_users(self):
        self.assertIn("answer", self.call_as(MAIL, "Run", "open", ["true"], {"user": "root"}, "<fd>", "<fd>", "<fd>"))
        self.assertIn("answer", self.call_as(MAIL, "Run", "open", ["true"], {"user": "0"}, "<fd>", "<fd>", "<fd>"))
        self.assertIn("answer", self.call_as(MAIL, "Run", "open", ["true"], {"user": "mail"}, "<fd>", "<fd>", "<fd>"))
        for uid, user, wanted in ((MAIL, "games", "AccessDenied"), (GAMES, "mail", "AuthenticationFailed"),
                                  (GAMES, "no-such-user-here", "NoSuchUser")):
            answer = self.call_as(uid, "Run", "open", ["true"], {"user": user}, "<fd>", "<fd>", "<fd>")
            self.assertEqual(answer.get("error"), f"org.unionroot1.Error.{wanted}", answer)

    def test_source_lists(self):
        self.assertIn("answer", self.call_as(GAMES, "Begin", "source:rooted", {"name": "of-source"}))
        self.assertTrue(self.call("Info", "of-source")["source"])
        self.call("End", "of-source", options({}))
        answer = self.call_as(NOBODY, "Begin", "source:rooted", {})
        self.assertIn("source-users= of [rooted]", answer["message"])
        self.assertEqual(self.call_as(GAMES, "Begin", "rooted", {})["error"], "org.unionroot1.Error.AccessDenied")

    def test_why_there_is_no_source(self):
        self.assertRegex(self.refused("NoSuchChroot", "Begin", "source:still", options({})),
                         r"source-clone=no \(.*test\.conf:\d+\)")
        self.assertIn("`unionroot lock stack`", self.refused("NoSuchChroot", "Begin", "source:stack", options({})))

    def test_reload_is_for_root(self):
        self.assertEqual(self.call_as(GAMES, "Reload")["error"], "org.unionroot1.Error.AccessDenied")
        self.call("Reload")

    # --- load

    def test_one_user_cannot_keep_another_from_working(self):
        # games: two blocked operations fill its share, four more wait, the next is one too many.
        blocked = []
        try:
            for i in range(7):
                blocked.append(self.ask_as(GAMES, "Begin", "open", {"name": f"block-{i}"}))
            self.assert_one_is_refused(blocked)
            self.assertIn("answer", self.call_as(GAMES, "ListSessions"))
            self.assertIn("answer", self.call_as(MAIL, "Begin", "open", {"name": "of-mail"}))
            self.call("End", "of-mail", options({}))
        finally:
            for process in blocked:
                process.kill()
                process.communicate()

        def works_again():
            answer = self.call_as(GAMES, "Begin", "open", {"name": "again"})
            return "answer" in answer
        self.eventually(works_again, "the operations of clients that have gone were not cancelled")
        self.call("End", "again", options({}))

    def test_waiting_costs_no_worker_and_is_bounded(self):
        waiting = []
        try:
            for i in range(3):
                waiting.append(self.ask_as(GAMES, "Begin", "open", {"name": f"block-w{i}", "wait": -1}))
            self.assert_one_is_refused(waiting)  # two may wait
            self.assertIn("answer", self.call_as(GAMES, "Begin", "open", {"name": "meanwhile"}))
            self.call("End", "meanwhile", options({}))
        finally:
            for process in waiting:
                process.kill()
                process.communicate()

    def test_a_session_for_a_client_that_has_gone_is_ended(self):
        client = self.ask_as(GAMES, "Begin", "open", {"name": "late-1"})
        client.kill()
        client.communicate()
        # It succeeds only when it learns of the cancellation, and is taken back then.
        self.eventually(lambda: "ending session 'late-1', whose client has gone" in self.logged(), "the session was not taken back")
        self.eventually(lambda: "late-1" not in self.sessions(), "the session stayed")

    def logged(self):
        with open(f"{self.folder}/log", encoding="utf-8", errors="replace") as log:
            return log.read()

    # --- descriptors

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.daemon.pid}/fd"))

    def resting_descriptors(self):
        """How many there are when nothing is under way any more."""
        seen = []

        def rests():
            seen.append(self.descriptors())
            time.sleep(0.1)
            return len(seen) > 3 and len(set(seen[-4:])) == 1
        self.eventually(rests, "the daemon does not come to rest")
        return seen[-1]

    def test_no_descriptor_leaks(self):
        connection = dbus.bus.BusConnection(self.address)
        self.run_command("open", ["warm", "up"], connection=connection)[0].close()
        before = self.resting_descriptors()
        for i in range(200):
            self.run_command("open", ["x", str(i)], connection=connection)[0].close()
        for _ in range(50):  # refused calls carry descriptors too
            with self.assertRaises(dbus.DBusException):
                self.run_command("nonsense", ["x"], connection=connection)
            with self.assertRaises(dbus.DBusException):
                self.run_command("open", ["x"], {"nonsense": True}, connection=connection)
        self.eventually(lambda: self.descriptors() <= before, f"{self.descriptors()} descriptors, {before} before")
        for entry in os.listdir(f"/proc/{self.daemon.pid}/fdinfo"):
            try:
                with open(f"/proc/{self.daemon.pid}/fdinfo/{entry}", encoding="utf-8") as file:
                    flags = int(next(line for line in file if line.startswith("flags:")).split()[1], 8)
            except FileNotFoundError:
                continue  # closed meanwhile
            if int(entry) > 2:
                self.assertTrue(flags & os.O_CLOEXEC, f"descriptor {entry} is not close-on-exec")
        connection.close()
        self.eventually(lambda: not [line for line in self.children() if " Z" in line], "children that nobody waited for")

    def children(self):
        lines = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                    rest = file.read().rpartition(")")[2].split()
            except OSError:
                continue
            if int(rest[1]) == self.daemon.pid:
                lines.append(f"{pid} {rest[0]}")
        return lines

    # --- signals

    def test_signals(self):
        dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
        connection = dbus.bus.BusConnection(self.address)
        seen = []
        connection.add_signal_receiver(lambda *args, member=None, path=None: seen.append((str(member), args, str(path))),
                                       sender_keyword=None, member_keyword="member", path_keyword="path", bus_name=NAME)
        context = GLib.MainContext.default()

        def await_member(member, text):
            def there():
                while context.iteration(False):
                    pass
                return any(name == member and text in repr(args) + path for name, args, path in seen)
            self.eventually(there, f"no {member} of {text} in {[each[0] for each in seen]}")
        # add_match is not waited for: make sure that it was heard.
        connection.call_blocking(NAME, ROOT, "org.freedesktop.DBus.Peer", "Ping", None, [])
        self.begin("signalled")
        await_member("SessionNew", "signalled")
        await_member("InterfacesAdded", "signalled")
        self.call("Recover", "signalled", options({}))
        await_member("PropertiesChanged", "failed")
        self.call("End", "signalled", options({}))
        await_member("InterfacesRemoved", "signalled")
        await_member("SessionRemoved", "signalled")

        self.run_command("open", ["last"])[0].close()  # an automatic session that lasts a while
        await_member("SessionNew", "open-")
        await_member("SessionRemoved", "open-")

        seen.clear()
        self.write("config/chroot.d/more.conf", "[more]\ntype=directory\ndirectory=/\nunion-type=overlay\n")
        await_member("ChrootNew", "more")
        self.write("config/chroot.d/more.conf", "[more]\ntype=directory\ndirectory=/\nunion-type=overlay\ndescription=edited\n")
        await_member("PropertiesChanged", "edited")
        # Of what the edit did not touch nothing is said.
        changes = [(path, str(args[0]), sorted(map(str, args[1]))) for name, args, path in seen
                   if name == "PropertiesChanged" and args[0] != "org.unionroot1.Session"]
        self.assertEqual(changes, [(ROOT + "/chroot/more", "org.unionroot1.Chroot", ["Description"])])
        self.write("config/chroot.d/other.conf", "[other]\ntype=floppy\n")
        await_member("PropertiesChanged", "floppy")
        os.remove(f"{self.folder}/config/chroot.d/other.conf")
        os.remove(f"{self.folder}/config/chroot.d/more.conf")
        await_member("ChrootRemoved", "more")
        connection.close()

    def objects(self):
        return self.call("GetManagedObjects", interface="org.freedesktop.DBus.ObjectManager")

    def test_a_session_that_ends_while_it_is_looked_at_is_not_shown_again(self):
        self.begin("stale-1")
        time.sleep(0.2)  # by now the look that follows each begin has found it
        self.call("End", "stale-1", options({}))
        self.begin("seen")
        self.call("Recover", "seen", options({}))
        # Shown by a look that came after the other one.
        self.eventually(lambda: self.objects()[f"{ROOT}/session/seen"]["org.unionroot1.Session"]["State"] == "failed",
                        "its state was not shown")
        self.assertNotIn(f"{ROOT}/session/stale_2d1", self.objects())
        self.call("End", "seen", options({}))

    def test_a_session_is_shown_though_the_end_of_another_of_its_name_is_told_late(self):
        path = f"{ROOT}/session/again_2d1"
        self.begin("again-1")
        first = self.objects()[path]["org.unionroot1.Session"]["Created"]
        ending = threading.Thread(target=self.call, args=("End", "again-1", options({})))
        ending.start()
        self.eventually(lambda: "again-1" not in self.sessions(), "it did not end")
        self.begin("again-1")
        ending.join()
        self.eventually(lambda: path in self.objects(), "the new session is not shown")
        time.sleep(0.2)
        self.assertGreater(self.objects()[path]["org.unionroot1.Session"]["Created"], first)
        last = threading.Thread(target=self.call, args=("End", "again-1", options({})))
        last.start()
        last.join()
        self.assertNotIn(path, self.objects())

    def test_sessions_of_a_moment_cost_the_bus_nothing(self):
        connection = dbus.bus.BusConnection(self.address)
        start = time.monotonic()
        for _ in range(100):
            self.run_command("open", ["x"], connection=connection)[0].close()
        print(f"automatic runs over one connection: {(time.monotonic() - start) * 10:.2f} ms each", file=sys.stderr)
        connection.close()

    # --- progress

    def collector(self):
        """A connection, the signals that it hears, and a function that takes in those that have come."""
        dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
        connection = dbus.bus.BusConnection(self.address)
        heard = []
        connection.add_signal_receiver(lambda *args, member=None, path=None: heard.append((str(member), str(path), args)),
                                       member_keyword="member", path_keyword="path", bus_name=NAME)
        connection.call_blocking(NAME, ROOT, "org.freedesktop.DBus.Peer", "Ping", None, [])
        context = GLib.MainContext.default()

        def take_in():
            while context.iteration(False):
                pass
        return connection, heard, take_in

    def test_progress_is_told_to_the_caller_alone_and_shown_to_all(self):
        connection, heard, take_in = self.collector()
        other, others, _ = self.collector()
        done = []
        connection.call_async(NAME, ROOT, MANAGER, "Begin", None, ["open", options({"name": "long-held", "progress": dbus.UInt32(77)})],
                              lambda *answer: done.append((answer, len(heard))), done.append)
        shown, released = set(), []

        def ended():
            take_in()
            try:
                what = self.call("Get", "org.unionroot1.Session", "Progress", interface="org.freedesktop.DBus.Properties",
                                 path=f"{ROOT}/session/long_2dheld")
                state = self.call("Get", "org.unionroot1.Session", "State", interface="org.freedesktop.DBus.Properties",
                                  path=f"{ROOT}/session/long_2dheld")
                shown.add((str(state), str(what[0]), int(what[2])))
            except dbus.DBusException as error:
                self.assertIn("Unknown", error.get_dbus_name())  # not there yet
            # It is held before its progress and before its end, until somebody has seen it.
            steps = [bool(shown), ("beginning", "unpacking /\\xff", 1000) in shown]
            if len(released) < 2 and steps[len(released)]:
                released.append(self.begin(f"release-{len(released)}"))
            return bool(done)
        self.eventually(ended, "it did not begin")
        for session, _ in released:
            self.call("End", session, options({}))
        self.assertEqual([str(each) for each in done[0][0]], ["long-held", f"{ROOT}/session/long_2dheld"])
        told = [args for member, _, args in heard if member == "Progress"]
        self.assertTrue(all(tuple(map(str, one[:3])) == ("77", "long-held", "unpacking /\\xff") and one[4] == 1000 for one in told), told)
        self.assertEqual([int(one[3]) for one in told], [100 * i for i in range(1, 11)])
        self.assertEqual(told, [args for member, _, args in heard[:done[0][1]] if member == "Progress"], "after the reply")
        self.assertIn(("beginning", "unpacking /\\xff", 1000), shown)

        def idle():
            take_in()
            return any(member == "PropertiesChanged" and args[1].get("Progress", [1])[0] == "" for member, _, args in heard)
        self.eventually(idle, "nothing said that it was over")
        changes = [args[1]["Progress"] for member, path, args in others
                   if member == "PropertiesChanged" and path.endswith("/long_2dheld") and "Progress" in args[1]]
        self.assertGreater(len(changes), 5)
        self.assertTrue(all(int(each[1]) <= int(each[2]) for each in changes), changes)
        self.assertEqual([args for member, _, args in others if member == "Progress"], [])
        self.call("End", "long-held", options({}))

        # Who did not ask is told nothing; End and Recover tell too.
        heard.clear()
        connection.call_blocking(NAME, ROOT, MANAGER, "Begin", None, ["open", options({"name": "long-2"})])
        for method in ("Recover", "End"):
            connection.call_blocking(NAME, ROOT, MANAGER, method, None, ["long-2", options({"progress": dbus.Int64(3)})])
        take_in()
        self.assertEqual([tuple(map(str, args)) for member, _, args in heard if member == "Progress"],
                         [("3", "long-2", "recovering", "1", "2"), ("3", "long-2", "packing", "7", "0")])
        connection.close()
        other.close()

    def test_progress_that_is_no_number_is_refused(self):
        for wrong in ("x", True, dbus.Int64(-1), dbus.Int64(1 << 32)):
            self.refused("InvalidArgument", "Begin", "open", options({"progress": wrong}))

    # --- the daemon itself

    def test_second_daemon_and_taken_name(self):
        second = subprocess.run([FAKE, f"{self.folder}/config/unionroot.conf"], capture_output=True, timeout=PATIENCE)
        self.assertEqual(second.returncode, 1)
        self.assertIn(f"another unionrootd (pid {self.daemon.pid}) runs on the state directory", second.stderr.decode())
        with open(f"{self.folder}/config/unionroot.conf", encoding="utf-8") as file:
            text = file.read()
        self.write("config/other.conf", text.replace("/state", "/state2"))
        third = subprocess.run([FAKE, f"{self.folder}/config/other.conf"], capture_output=True, timeout=PATIENCE)
        self.assertEqual(third.returncode, 1)
        self.assertIn("taking the bus name org.unionroot1: another process has it", third.stderr.decode())


class LostBusTest(BusTest):
    """Its own bus, since it is taken away."""

    def test_a_session_for_a_client_that_goes_as_the_daemon_stops_is_ended(self):
        client = self.ask_as(GAMES, "Begin", "open", {"name": "late-2"})
        # Before that it may be dropped: then there is no session.
        self.eventually(lambda: "fake core: begin late-2" in self.logged(), "it was not begun")
        self.daemon.send_signal(signal.SIGSTOP)
        client.kill()
        client.communicate()
        self.daemon.send_signal(signal.SIGTERM)
        self.daemon.send_signal(signal.SIGCONT)
        self.stop(self.daemon)
        self.assertIn("ending session 'late-2', whose client has gone", self.logged())
        self.start_daemon()

    def test_stopping_answers_and_a_lost_bus_ends_the_daemon(self):
        client = self.ask_as(GAMES, "Begin", "open", {"name": "block-at-stop"})
        self.stop(self.daemon)
        self.assertEqual(self.daemon.returncode, 0)
        self.assertEqual(self.finish(client).get("error"), "org.unionroot1.Error.Cancelled")
        self.start_daemon()
        self.stop(self.bus)
        self.assertEqual(self.daemon.wait(PATIENCE), 1)
        self.assertIn("the bus is gone", self.logged())
        self.start_bus()
        self.start_daemon()


for inherited in [name for name in dir(BusTest) if name.startswith("test_")]:
    setattr(LostBusTest, inherited, None)  # not run a second time


def main():
    if os.geteuid() != 0:
        skips.skip_all("needs root to call as several users")
    if shutil.which("dbus-daemon") is None:
        skips.skip_all("needs dbus-daemon")
    skips.main(argv=[sys.argv[0], *sys.argv[3:]])


if __name__ == "__main__":
    if sys.argv[1] == "call":
        child_main(sys.argv[2], sys.argv[3])
    else:
        FAKE, INTERFACE = sys.argv[1], sys.argv[2]
        main()
