"""unionroot events: what happens to sessions and commands, as it happens, and who is told of what."""

import json
import os
import pwd
import signal
import subprocess

import dbus

import stranger
import unionroot_testing as testing
from unionroot_testing import EndToEndTest, wait_until

OWNER, OTHER = "games", "nobody"


class Events(EndToEndTest):
    @classmethod
    def prepare(cls):
        cls.machine.define_tree("small", testing.small_tree(), users=f"{OWNER},{OTHER}", root_users=OWNER, profile="default")

    def setUp(self):
        self.addCleanup(self.assert_nothing_left)
        self.addCleanup(self.machine.run, "end", "--all", "--force")
        self.number = 0

    def follow(self, *options, user=OWNER):
        """A client that is told already."""
        client = self.machine.popen("events", *options, user=user, text=True)
        self.machine.children[client.pid] = "unionroot"
        self.addCleanup(testing.finish, client)
        # It is told of this one, or of nothing else before.
        self.number += 1
        probe = f"probe-{self.number}-{client.pid}"
        if not options or options[0] != "--session":
            def told():
                self.machine.ok("end", self.machine.begin("small", name=probe, user=user), user=user)
                os.set_blocking(client.stdout.fileno(), False)
                text = client.stdout.read()
                os.set_blocking(client.stdout.fileno(), True)
                return bool(text) and "session-ended" in text
            self.assertTrue(wait_until(told))
        return client

    @staticmethod
    def finish(client, how=signal.SIGINT):
        client.send_signal(how)
        out, err = client.communicate(timeout=testing.PATIENCE)
        return client.returncode, out, err

    def events_of(self, client):
        status, out, err = self.finish(client)
        self.assertEqual((status, err), (0, ""))
        return [json.loads(line) for line in out.splitlines()]

    def test_what_is_told(self):
        client = self.follow("--json")
        session = self.machine.begin("small", user=OWNER)
        self.assertEqual(self.machine.run("run", "-d", "/", session, "--", "sh", "-c", "exit 3", user=OWNER).status, 3)
        self.assertEqual(self.machine.run("run", "-d", "/", "--user", "root", "small", "--", "true", user=OWNER).status, 0)
        self.machine.ok("end", session, user=OWNER)
        self.machine.ok("end", self.machine.begin("small", name="last", user=OWNER), user=OWNER)
        told = self.events_of(client)
        of = lambda wanted: [each["event"] for each in told if each["session"] == wanted]
        self.assertEqual(of(session), ["session-begun", "run-started", "run-ended", "session-ended"])
        (own,) = {each["session"] for each in told} - {session, "last"} - {each["session"] for each in told if each["session"].startswith("probe")}
        self.assertEqual(of(own), ["session-begun", "run-started", "run-ended", "session-ended"])
        ended = next(each for each in told if each["event"] == "run-ended" and each["session"] == session)
        self.assertEqual((ended["end"], ended["value"], ended["timed-out"], ended["command"], ended["caller"], ended["owner"], ended["chroot"]),
                         ("exited", 3, False, "sh -c exit 3", OWNER, OWNER, "small"))
        started = next(each for each in told if each["event"] == "run-started" and each["session"] == own)
        self.assertEqual((started["user"], started["command"]), ("root", "true"))
        self.assertEqual([each["time"] for each in told], sorted(each["time"] for each in told))

    def test_of_one_session_for_people(self):
        client = self.follow("--session", "mine")
        self.assertTrue(wait_until(lambda: self.is_told("mine", client)))
        status, out, err = self.finish(client, signal.SIGTERM)
        self.assertEqual((status, err), (0, ""))
        for line in out.splitlines():
            self.assertRegex(line, r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (session-begun|session-ended) mine$")

    def is_told(self, name, client):
        self.machine.ok("end", self.machine.begin("small", name=name, user=OWNER), user=OWNER)
        self.machine.ok("end", self.machine.begin("small", name="other", user=OWNER), user=OWNER)
        os.set_blocking(client.stdout.fileno(), False)
        text = client.stdout.read()
        os.set_blocking(client.stdout.fileno(), True)
        return bool(text) and "session-begun mine" in text and "other" not in text

    def test_of_others_nothing_is_told_and_root_is_told_all(self):
        owners, others, roots = self.follow("--json"), self.follow("--json", user=OTHER), self.follow("--json", user=None)
        self.machine.run("run", "-d", "/", "small", "--", "echo", "for games alone", user=OWNER)
        session = self.machine.begin("small", name="of-games", user=OWNER)
        self.machine.ok("run", "-d", "/", "session:" + session, "--", "echo", "by root")
        self.machine.ok("end", session, user=OWNER)
        commands = {}
        for name, client in (("owner", owners), ("other", others), ("root", roots)):
            commands[name] = {each.get("command") for each in self.events_of(client)} - {None}
        self.assertEqual(commands["owner"], {"echo for games alone", "echo by root"})
        self.assertEqual(commands["other"], set())
        self.assertEqual(commands["root"], {"echo for games alone", "echo by root"})

    def test_a_daemon_that_goes(self):
        client = self.follow("--json")
        self.machine.stop_daemon(signal.SIGKILL)
        out, err = client.communicate(timeout=testing.PATIENCE)
        self.assertEqual(client.returncode, 125)
        self.assertIn("unionrootd has gone", err)
        self.machine.start_daemon()

    def test_what_a_stranger_sends_is_not_believed(self):
        client = self.follow("--json")
        (name,) = self.listeners()
        program = """
from dbus.lowlevel import SignalMessage
for path, interface, member, values in (("/org/unionroot1", "org.unionroot1.Manager", "Event", [options(event="run-ended", session="forged")]),
                                        ("/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged", ["org.unionroot1", ":1.1", ""])):
    message = SignalMessage(path, interface, member)
    message.append(*values)
    message.set_destination(sys.argv[1])
    bus.send_message(message)
bus.flush()
"""
        status, out, err = stranger.run(self.machine, OTHER, program, name)
        self.assertEqual(status, 0, err)
        self.machine.ok("end", self.machine.begin("small", name="true-one", user=OWNER), user=OWNER)
        told = {each["session"] for each in self.events_of(client)}
        self.assertIn("true-one", told)
        self.assertNotIn("forged", told)

    def listeners(self):
        """The names on the bus of OWNER's clients."""
        bus = dbus.bus.BusConnection(self.machine.address)
        uid = pwd.getpwnam(OWNER).pw_uid
        try:
            driver = dbus.Interface(bus.get_object("org.freedesktop.DBus", "/org/freedesktop/DBus"), "org.freedesktop.DBus")
            return [str(name) for name in driver.ListNames() if name.startswith(":") and driver.GetConnectionUnixUser(name) == uid]
        finally:
            bus.close()

    def test_so_many_readers(self):
        program = """
connections = []
try:
    for number in range(20):
        connections.append(dbus.bus.BusConnection(os.environ["UNIONROOT_BUS"]))
        connections[-1].get_object("org.unionroot1", "/org/unionroot1", introspect=False).Subscribe(dbus_interface="org.unionroot1.Manager")
except dbus.DBusException as error:
    say(len(connections), error.get_dbus_name())
"""
        status, out, err = stranger.run(self.machine, OTHER, program)
        self.assertEqual((status, out.split()), (0, ["17", "org.unionroot1.Error.LimitExceeded"]), err)
        status, out, err = stranger.run(self.machine, OTHER, program)  # those have gone
        self.assertEqual((status, out.split()), (0, ["17", "org.unionroot1.Error.LimitExceeded"]), err)

    def test_bad_input(self):
        for arguments, word in ((("x",), "events"), (("--session", "chroot:small"), "not a session"), (("--session", "../x"), "name")):
            result = self.machine.run("events", *arguments, user=OWNER)
            self.assertEqual((result.status, result.out), (125, ""), repr(result))
            self.assertIn(word, result.err)
        with open("/dev/full", "w") as full:
            client = self.machine.popen("events", stdout=full, user=OWNER, text=True)
            self.machine.children[client.pid] = "unionroot"
            self.assertTrue(wait_until(lambda: self.ends(client)))
        self.assertEqual(client.returncode, 125)
        client.communicate()

    def ends(self, client):
        self.machine.ok("end", self.machine.begin("small", user=OWNER), user=OWNER)
        return client.poll() is not None


if __name__ == "__main__":
    testing.main()
