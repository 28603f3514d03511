"""What a command takes over from its caller is the caller's own: never what a process got by a right that he has not."""

import os
import pwd
import shutil
import sys

import stranger
import unionroot_testing as testing
from unionroot_testing import EndToEndTest

OWNER = pwd.getpwnam(stranger.OWNER)

# The bus knows the process that made the connection. A child of it goes on with the connection, once the process has
# said by a pipe that it is what it is to be. sys.argv: the chroot, then what the process executes.
ASK_FOR_ANOTHER = """
manager.ListSessions()  # the daemon knows the caller from here on
ready, is_ready = os.pipe()
if os.fork() != 0:
    os.set_inheritable(is_ready, True)
    os.execv(sys.argv[2], sys.argv[2:] + [str(is_ready)])
os.close(is_ready)
os.read(ready, 1)
out, into = os.pipe()
null = os.open("/dev/null", os.O_RDWR)
try:
    control, _, _ = manager.Run(
        sys.argv[1], dbus.Array(["sh", "-c", "ulimit -Hn; umask"], signature="s"), options(directory="/"),
        dbus.types.UnixFd(null), dbus.types.UnixFd(into), dbus.types.UnixFd(into), signature="sasa{sv}hhh")
except dbus.DBusException as error:
    say(error.get_dbus_name().rsplit(".")[-1], error.get_dbus_message())
else:
    os.close(into)
    say(*os.fdopen(out).read().split())
bus.close()
os.kill(os.getppid(), 9) if os.getppid() != 1 else None
"""

# What the process becomes: other limits, and then these uids.
BECOME = """
import os, resource, signal, sys
limit, *uids, ready = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
os.umask(0o007)
os.setresuid(*uids)
os.write(ready, b"x")
signal.pause()
"""


class CallerTest(EndToEndTest):
    @classmethod
    def prepare(cls):
        cls.machine.define_tree("small", testing.small_tree(), users=stranger.OWNER, root_users="root")
        # For the owner's group alone, and no longer than the test.
        cls.set_uid = os.path.join(cls.machine.place, "python")
        shutil.copy(os.path.realpath(sys.executable), cls.set_uid)
        os.chown(cls.set_uid, 0, OWNER.pw_gid)
        os.chmod(cls.set_uid, 0o4750)

    def tearDown(self):
        self.doCleanups()  # what a test has started ends first
        self.assert_nothing_left()

    def ask(self, user, program, limit, uids):
        """What a run prints or is answered after the process that connected has taken this limit and these uids."""
        arguments = [program, "-I", "-c", BECOME, str(limit), *map(str, uids)]
        self.machine.users.add(user)
        process = stranger.start(self.machine, user, ASK_FOR_ANOTHER, "small", *arguments)
        # The process that was started ends by the signal of its child, once that is done.
        out, err = process.communicate(timeout=testing.PATIENCE)
        self.assertNotIn("Traceback", err)
        return out.strip()

    def test_a_process_that_has_become_set_uid_is_not_asked(self):
        own = OWNER.pw_uid
        for uids in ((own, 0, 0), (own, own, 0), (own, 0, own)):
            with self.subTest(uids=uids):
                answer = self.ask(stranger.OWNER, self.set_uid, 76, uids)
                self.assertIn("AccessDenied", answer, "limits and mask of a set-uid process")
                self.assertIn("set-uid", answer)

    def test_a_process_that_is_still_its_users_is(self):
        answer = self.ask(stranger.OWNER, sys.executable, 77, (OWNER.pw_uid,) * 3)
        self.assertEqual(answer, "77 0007")

    def test_a_set_uid_program_that_has_become_its_user_for_good_is(self):
        answer = self.ask(stranger.OWNER, self.set_uid, 78, (OWNER.pw_uid,) * 3)
        self.assertEqual(answer, "78 0007")

    def test_roots_commands_do_not_depend_on_a_process_that_has_become_a_users(self):
        answer = self.ask("root", sys.executable, 79, (OWNER.pw_uid,) * 3)
        files, mask = answer.split()
        self.assertNotEqual(files, "79")
        self.assertEqual(mask, "0022")


if __name__ == "__main__":
    testing.main()
