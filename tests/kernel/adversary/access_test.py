"""Each verb on a session, times who asks: its owner, another user, a user of the source, root, an owner who was taken off the
lists, an owner whose chroot is not defined any more, and another account that has the owner's uid now."""

import json
import os
import pwd
import shutil
import subprocess

import stranger
import unionroot_testing as testing
from stranger import OWNER, STRANGER
from unionroot_testing import EndToEndTest, wait_until

NEWCOMER = "unionroot-newcomer"  # who gets the owner's uid
GROUP = "unionroot-builders"

ALLOWED, REFUSED = "allowed", "refused"
VERBS = {
    "run": lambda name: ("run", "--directory", "/", "session:" + name, "--", "true"),
    "run as root": lambda name: ("run", "--user", "root", "--directory", "/", "session:" + name, "--", "true"),
    "recover": lambda name: ("recover", name),
    "end": lambda name: ("end", name),
    "end by force": lambda name: ("end", "--force", name),
}

# Who asks for what in a session of OWNER, whose definition lets OWNER be root.
TABLE = {
    #                   run      as root  recover  end      by force
    "owner":           (ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED),
    "other":           (REFUSED, REFUSED, REFUSED, REFUSED, REFUSED),
    "source user":     (REFUSED, REFUSED, REFUSED, REFUSED, REFUSED),
    "root":            (ALLOWED, ALLOWED, ALLOWED, ALLOWED, ALLOWED),
    "no root any more": (ALLOWED, REFUSED, ALLOWED, ALLOWED, ALLOWED),
    "taken off":       (REFUSED, REFUSED, REFUSED, REFUSED, REFUSED),
    "left the group":  (REFUSED, REFUSED, REFUSED, REFUSED, REFUSED),
    "not defined":     (REFUSED, REFUSED, REFUSED, ALLOWED, ALLOWED),
    "broken":          (REFUSED, REFUSED, REFUSED, ALLOWED, ALLOWED),
    "has the uid now": (REFUSED, REFUSED, REFUSED, REFUSED, REFUSED),
}


class AccessTest(EndToEndTest):
    has_own_mounts = True  # accounts and groups are changed there

    @classmethod
    def prepare(cls):
        machine = cls.machine
        cls.databases = {}
        for name in ("passwd", "group"):
            copy = os.path.join(machine.place, name)
            shutil.copy("/etc/" + name, copy)
            with open(copy) as file:
                cls.databases[name] = file.read()
            subprocess.run(["mount", "--bind", copy, "/etc/" + name], check=True)
            cls.addClassCleanup(subprocess.run, ["umount", "/etc/" + name], check=True)
        cls.write("group", cls.databases["group"] + f"{GROUP}:x:64999:{OWNER}\n")
        cls.tree = os.path.join(machine.place, "tree")  # source sessions write into it
        shutil.copytree(testing.small_tree(), cls.tree, symlinks=True)
        cls.addClassCleanup(shutil.rmtree, cls.tree, ignore_errors=True)

    @staticmethod
    def write(name, text):
        """In its place: it is bound there."""
        with open("/etc/" + name, "w") as file:
            file.write(text)

    def setUp(self):
        self.define()
        self.addCleanup(self.restore)

    def tearDown(self):
        self.restore()
        self.machine.run("end", "--all")
        self.assert_nothing_left()

    def restore(self):
        self.write("passwd", self.databases["passwd"])
        self.write("group", self.databases["group"] + f"{GROUP}:x:64999:{OWNER}\n")
        self.define()

    def define(self, **keys):
        """Waits until the daemon has read it."""
        wanted = {"users": f"{OWNER},{STRANGER},{NEWCOMER}", "root_users": OWNER, "source_users": STRANGER,
                  "description": str(len(keys)) + repr(sorted(keys.items())), **keys}
        self.machine.define_tree("small", self.tree, **wanted)
        self.wait_for(lambda: json.loads(self.machine.ok("info", "small", "--json"))["description"] == wanted["description"])

    def wait_for(self, condition):
        if self.machine.daemon is not None:
            self.assertTrue(wait_until(condition), self.machine.log())

    def change(self, who):
        """What has happened since the session was begun; the user who asks then."""
        if who == "no root any more":
            self.define(root_users="")
        elif who == "taken off":
            self.define(users=STRANGER, root_users="")
        elif who == "left the group":
            self.write("group", self.databases["group"] + f"{GROUP}:x:64999:\n")
        elif who == "not defined":
            os.unlink(os.path.join(self.machine.configuration, "chroot.d", "small.conf"))
            self.wait_for(lambda: self.machine.run("info", "small").status != 0)
        elif who == "broken":
            self.machine.define("small", text="[small]\ntype=nothing that is known\n")
            self.wait_for(lambda: self.machine.run("info", "small").status != 0)
        elif who == "has the uid now":
            self.write("passwd", "".join(NEWCOMER + line[len(OWNER):] if line.startswith(OWNER + ":") else line
                                         for line in self.databases["passwd"].splitlines(True)))
            self.assertEqual(pwd.getpwnam(NEWCOMER).pw_uid, self.uid)
        return {"other": STRANGER, "source user": STRANGER, "root": None, "has the uid now": NEWCOMER}.get(who, OWNER)

    def check(self, who, column):
        verb = list(VERBS)[column]
        self.uid = pwd.getpwnam(OWNER).pw_uid
        if who == "left the group":
            self.define(users="", root_users="", groups=GROUP, root_groups=GROUP)
        if who == "source user":
            self.define(users=OWNER)
        name = self.machine.begin("small", user=OWNER)
        user = self.change(who)
        result = self.machine.run(*VERBS[verb](name), user=user)
        if TABLE[who][column] == ALLOWED:
            self.assertEqual(result.status, 0, f"{who}, {verb}: {result!r}\n{self.machine.log()}")
        else:
            self.assertNotEqual(result.status, 0, f"{who}, {verb}: it was allowed")
            self.assert_refused(result, result.status, "may not", name)
        gone = verb.startswith("end") and TABLE[who][column] == ALLOWED
        self.assertEqual(name in [session["id"] for session in self.machine.sessions()], not gone, f"{who}, {verb}")
        self.machine.run("end", name)
        self.restore()

    def test_owner_and_root(self):
        for who in ("owner", "root"):
            for column in range(len(VERBS)):
                self.check(who, column)

    def test_others(self):
        for who in ("other", "source user"):
            for column in range(len(VERBS)):
                self.check(who, column)

    def test_who_is_no_root_any_more(self):
        for column in range(len(VERBS)):
            self.check("no root any more", column)

    def test_who_was_taken_off_the_lists(self):
        for column in range(len(VERBS)):
            self.check("taken off", column)

    def test_who_has_left_the_group(self):
        for column in range(len(VERBS)):
            self.check("left the group", column)

    def test_a_chroot_that_is_not_defined_any_more(self):
        for column in range(len(VERBS)):
            self.check("not defined", column)

    def test_a_chroot_whose_definition_is_broken(self):
        for column in range(len(VERBS)):
            self.check("broken", column)

    def test_who_has_the_uid_now(self):
        for column in range(len(VERBS)):
            self.check("has the uid now", column)

    def test_what_a_list_of_today_gives_a_session_of_yesterday_has_not(self):
        self.define(root_users="")
        name = self.machine.begin("small", user=OWNER)
        self.define(root_users=OWNER)
        self.assert_refused(self.machine.run(*VERBS["run as root"](name), user=OWNER), 125, "may not", "when it was begun")
        self.assertEqual(self.machine.inside("session:" + name, "id", "-u", user=OWNER), str(pwd.getpwnam(OWNER).pw_uid))

    def test_the_words_of_a_session_are_not_for_who_has_the_uid_now(self):
        """And what he may not do he may not do by the session's own object either."""
        name = self.machine.begin("small", user=OWNER)
        program = """
name = sys.argv[1]
info = manager.Info("session:" + name)
say("notes" in info)
path = "/org/unionroot1/session/" + "".join(c if c.isalnum() else "_%02x" % ord(c) for c in name)
one = dbus.Interface(bus.get_object("org.unionroot1", path, introspect=False), "org.unionroot1.Session")
try:
    one.End(options(force=dbus.Boolean(True)), signature="a{sv}")
    say("ended")
except dbus.DBusException as error:
    say(error.get_dbus_name())
"""
        self.uid = pwd.getpwnam(OWNER).pw_uid
        user = self.change("has the uid now")
        status, out, err = stranger.run(self.machine, user, program, name)
        self.assertEqual((status, out.split()), (0, ["False", "org.unionroot1.Error.AccessDenied"]), err)

    def test_a_source_session(self):
        """Its end changes what others stand on: nobody without a list ends one."""
        session = self.machine.begin("source:small", user=STRANGER)
        self.machine.inside("session:" + session, "true", user=STRANGER)
        for verb, arguments in VERBS.items():
            self.assert_refused(self.machine.run(*arguments(session), user=OWNER), 125, "may not")
        self.define(source_users="")
        for verb, arguments in VERBS.items():
            self.assert_refused(self.machine.run(*arguments(session), user=STRANGER), 125, "may not")
        self.change("not defined")
        self.assert_refused(self.machine.run("end", session, user=STRANGER), 125, "may not", "not defined")
        self.machine.ok("end", session)

    def test_commands_go_on(self):
        """Who is taken off a list keeps what runs already, and root ends it."""
        name = self.machine.begin("small", user=OWNER)
        command = self.machine.popen("run", "--directory", "/", "session:" + name, "--", "sh", "-c", "echo runs; read line; echo $line",
                                     user=OWNER, stdin=subprocess.PIPE)
        self.assertEqual(command.stdout.readline(), b"runs\n")
        self.define(users=STRANGER, root_users="")
        self.assertNotEqual(self.machine.run(*VERBS["run"](name), user=OWNER).status, 0)
        out, err = command.communicate(b"on\n", testing.PATIENCE)
        self.assertEqual((command.returncode, out), (0, b"on\n"), err)
        self.machine.ok("end", name)


if __name__ == "__main__":
    testing.main()
