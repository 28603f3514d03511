"""What polkit permits by rules alone, and what becomes of requests where it is not there, or is not polkit."""

import os
import signal
import subprocess
import time

import unionroot_testing as testing
from polkit_testing import BUS_POLICY, CALLER, ON_BUS, OWNER, STRANGER, POLKITD, PolkitTest, Program
from unionroot_testing import wait_until

# Where polkit does not run it costs no more than this to know it, also on a busy machine.
AT_ONCE = 10


class Rules(PolkitTest):
    def test_allowed_as_root_and_as_another_user(self):
        self.assertEqual(self.machine.ok("run", "--user", "root", "--directory", "/", "allowed", "--", "id", "-u", user=OWNER), "0")
        self.assertEqual(self.machine.ok("run", "--user", "nobody", "--directory", "/", "allowed", "--", "id", "-u", user=OWNER), "65534")
        # The rule sees who is meant: nobody else is allowed.
        self.assert_refused(self.run_as("daemon", "allowed"), 125, "may not run a command as daemon in chroot 'allowed'",
                            "polkit does not permit it (org.unionroot1.run-as-user)")

    def test_a_rule_sees_what_is_asked_for(self):
        self.run_as("root", "allowed")
        session = self.machine.begin("allowed", user=OWNER)
        self.assertEqual(self.machine.ok("run", "--user", "root", "--directory", "/", session, "--", "id", "-u", user=OWNER), "0")
        self.machine.ok("end", session, user=OWNER)
        rule = f"rule org.unionroot1.run-as-root {OWNER} chroot=allowed source=no session="
        for wanted in (rule + "undefined user=root owner=undefined place=chroot allowed",
                       rule + f"{session} user=root owner=undefined place=session {session}"):
            self.assertTrue(wait_until(lambda: wanted in self.polkit_log()), f"{wanted}\n{self.polkit_log()}")

    def test_denied(self):
        self.assert_refused(self.run_as("root", "denied"), 125, f"{OWNER} (uid", "may not run a command as root in chroot 'denied'",
                            "polkit does not permit it (org.unionroot1.run-as-root)", "/etc/polkit-1/rules.d")

    def test_by_itself_an_administrator_is_asked_and_nobody_without_a_terminal(self):
        for chroot in ("usual", "asked"):
            self.assert_refused(self.run_as("root", chroot), 125, "nobody was asked", "on a terminal", "root-users=")

    def test_who_is_on_no_list_is_refused_before_polkit_is_asked(self):
        self.assert_refused(self.run_as("root", "allowed", user=STRANGER), 125, "no list of it lets them be root")
        self.assert_refused(self.machine.run("begin", "allowed", user=STRANGER), 125, "none of its lists names them")
        self.assertNotIn(f"rule org.unionroot1.run-as-root {STRANGER} chroot=allowed source=no session=undefined", self.polkit_log())

    def test_sessions_of_others(self):
        """Each verb, where a rule lets STRANGER, and where it does not."""
        machine = self.machine
        denied = machine.begin("denied", user=OWNER)
        for verb in (("end", denied), ("end", "--force", denied), ("recover", denied),
                     ("run", "--directory", "/", "session:" + denied, "--", "true")):
            self.assert_refused(machine.run(*verb, user=STRANGER), 125, f"belongs to {OWNER}", "polkit does not permit it")
        entered = machine.begin("entered", user=OWNER)
        uid = machine.ok("run", "--directory", "/", "session:" + entered, "--", "id", "-un", user=STRANGER)
        self.assertEqual(uid, STRANGER)
        # To enter is not to be root there: that is asked too, of the person who is not there.
        self.assert_refused(self.run_as("root", "session:" + entered, user=STRANGER), 125, "to be root needs authentication",
                            "nobody was asked")
        # A bare name might be meant for a session of one's own.
        self.assert_refused(self.run_as(STRANGER, entered, user=STRANGER), 125, f"belongs to {OWNER}")
        machine.ok("recover", entered, user=STRANGER)
        machine.ok("end", entered, user=STRANGER)
        self.assertNotIn(entered, [session["id"] for session in machine.sessions()])
        allowed = machine.begin("allowed", user=OWNER)
        self.assertEqual(machine.ok("run", "--user", "root", "--directory", "/", "session:" + allowed, "--", "id", "-u", user=STRANGER), "0")
        machine.ok("end", "--force", allowed, user=STRANGER)
        machine.ok("end", denied, user=OWNER)

    def test_reading_the_definitions_again(self):
        for user, answer in ((OWNER, "0 ok"), (STRANGER, "0 org.unionroot1.Error.AuthenticationRequired")):
            caller = Program(self, user, CALLER)
            caller.call(("Reload", [], False))
            self.assertTrue(caller.wait("0 ").startswith(answer), caller.lines())

    def test_the_front_end_says_it_as_schroot_does(self):
        schroot = os.path.join(testing.BUILD, "cli/schroot/schroot")
        environment = {"UNIONROOT_CONFIG": self.machine.settings_file, "PATH": os.environ["PATH"]}

        def run(*words):
            done = subprocess.run(["setpriv", "--reuid", OWNER, "--regid", OWNER, "--init-groups", schroot, *words], capture_output=True,
                                  text=True, cwd="/", env=environment, start_new_session=True, stdin=subprocess.DEVNULL)
            return done.returncode, done.stdout, done.stderr

        self.assertEqual(run("-c", "allowed", "-u", "root", "--", "id", "-u"), (0, "0\n", ""))
        refused = (1, "", "E: No controlling terminal\nE: Authentication failed: Authentication failure\n")
        for chroot in ("denied", "asked", "usual"):
            self.assertEqual(run("-c", chroot, "-u", "root", "--", "id", "-u"), refused, chroot)
        status, _, err = run("-v", "-c", "denied", "-u", "root", "--", "id", "-u")
        self.assertEqual(status, 1)
        self.assertIn("polkit does not permit it (org.unionroot1.run-as-root)", err)
        self.stop_polkit()
        self.assertEqual(run("-c", "asked", "-u", "root", "--", "id", "-u"), refused)

    def test_where_it_does_not_run_that_is_said_at_once(self):
        session = self.machine.begin("allowed", user=OWNER)
        self.stop_polkit()
        start = time.monotonic()
        self.assert_refused(self.run_as("root", "allowed"), 125, "may not run a command as root in chroot 'allowed'",
                            "polkit, which could permit it, is not running", "install polkitd", "root-users=")
        self.assert_refused(self.machine.run("end", session, user=STRANGER), 125, f"belongs to {OWNER}", "is not running")
        self.assertLess(time.monotonic() - start, AT_ONCE)
        # What needs none goes on.
        self.assertEqual(self.machine.ok("run", "--directory", "/", "allowed", "--", "id", "-un", user=OWNER), OWNER)
        self.assertEqual(self.machine.ok("run", "--directory", "/", "session:" + session, "--", "id", "-u"), "0")
        self.machine.ok("end", session, user=OWNER)


class Activation(PolkitTest):
    """The bus starts polkit, or tries to."""

    @classmethod
    def prepare(cls):
        cls.bus_policy = f"{BUS_POLICY}<servicedir>{cls.machine.place}/services</servicedir>"
        super().prepare()
        os.mkdir(os.path.join(cls.machine.place, "services"))

    def setUp(self):
        pass

    def provide(self, program):
        cls, machine = type(self), self.machine
        machine._write(os.path.join(machine.place, "services", "org.freedesktop.PolicyKit1.service"),
                       f"[D-BUS Service]\nName=org.freedesktop.PolicyKit1\nExec={program}\n")
        done = subprocess.run(["busctl", "--address", machine.address, "call", "org.freedesktop.DBus", "/org/freedesktop/DBus",
                               "org.freedesktop.DBus", "ReloadConfig"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done)
        return cls

    def test_it_is_started_when_it_is_needed(self):
        self.provide("/bin/false")
        start = time.monotonic()
        self.assert_refused(self.run_as("root", "allowed"), 125, "polkit, which could permit it, is not running", "exited with status 1")
        self.assertLess(time.monotonic() - start, AT_ONCE)
        script = os.path.join(self.machine.place, "start-polkit")
        self.machine._write(script, f"#!/bin/sh\necho $$ > {self.machine.place}/polkit.pid\nexec {POLKITD}\n", 0o755)
        self.provide(script)
        self.assertEqual(self.machine.ok("run", "--user", "root", "--directory", "/", "allowed", "--", "id", "-u", user=OWNER), "0")
        with open(os.path.join(self.machine.place, "polkit.pid")) as file:
            pid = int(file.read())
        os.kill(pid, signal.SIGTERM)
        self.assertTrue(wait_until(lambda: not os.path.exists(f"/proc/{pid}/exe")))


IMPOSTOR = ON_BUS + r'''
interface = Gio.DBusNodeInfo.new_for_xml("""<node><interface name="org.freedesktop.PolicyKit1.Authority">
<method name="CheckAuthorization"><arg type="(sa{sv})" direction="in"/><arg type="s" direction="in"/><arg type="a{ss}" direction="in"/>
<arg type="u" direction="in"/><arg type="s" direction="in"/><arg type="(bba{ss})" direction="out"/></method>
</interface></node>""").interfaces[0]
def called(connection, sender, path, name, method, arguments, invocation):
    print("asked", arguments.unpack(), flush=True)
    invocation.return_value(GLib.Variant("((bba{ss}))", ((True, False, {}),)))
bus.register_object("/org/freedesktop/PolicyKit1/Authority", interface, called, None, None)
Gio.bus_own_name_on_connection(bus, "org.freedesktop.PolicyKit1", 0, lambda *_: print("here", flush=True), None)
GLib.MainLoop().run()
'''


class Impostor(PolkitTest):
    """A bus that lets a user have polkit's name."""

    bus_policy = f'<policy user="{STRANGER}"><allow own="org.freedesktop.PolicyKit1"/></policy>'

    def setUp(self):
        pass

    def test_what_a_user_answers_in_its_name_is_no_answer(self):
        impostor = Program(self, STRANGER, IMPOSTOR)
        self.assert_refused(self.run_as("root", "allowed"), 125, "polkit could not be asked: who has its name on this bus is uid 33")
        asked = impostor.wait("asked")
        # What it was told: the caller's name on the bus, and no pid.
        self.assertIn("('system-bus-name', {'name': ':", asked)
        self.assertIn("'chroot': 'allowed'", asked)
        impostor.finish()


if __name__ == "__main__":
    testing.main()
