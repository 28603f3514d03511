"""What the host's /proc hides from users is hidden from them in sessions too."""

import ctypes
import os

import stranger
import unionroot_testing as testing
from unionroot_testing import EndToEndTest, Machine

CLONE_NEWNS, MS_REC, MS_SLAVE = 0x20000, 0x4000, 0x80000
libc = ctypes.CDLL(None, use_errno=True)


def check(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), "a call for a mount namespace")


class HidingMachine(Machine):
    """Its daemon has a mount namespace of its own, whose /proc has other options. They stand for the host's."""

    proc_options = b"hidepid=2"

    def start_daemon(self, *arguments, **options):
        def hide():
            check(libc.unshare(CLONE_NEWNS))
            check(libc.mount(b"none", b"/", None, MS_REC | MS_SLAVE, None))
            check(libc.mount(b"proc", b"/proc", b"proc", 0, self.proc_options))

        super().start_daemon(*arguments, preexec_fn=hide, **options)


class HidingGroupMachine(HidingMachine):
    """A group that may see all."""

    proc_options = b"hidepid=1,gid=4"


class Hiding(EndToEndTest):
    machine_class = HidingMachine

    @classmethod
    def new_machine(cls):
        return cls.machine_class(cls.settings)

    @classmethod
    def prepare(cls):
        cls.define("hidden")  # the built-in profile

    @classmethod
    def define(cls, name, fstab=None):
        keys = {"users": stranger.OWNER, "host_view": "no"}
        if fstab is not None:
            folder = os.path.join(cls.machine.configuration, "profiles", name)
            os.makedirs(folder)
            with open(os.path.join(folder, "fstab"), "w") as file:
                file.write(fstab + "\n")
            keys["profile"] = name
        return cls.machine.define_tree(name, testing.small_tree(), **keys)

    def tearDown(self):
        self.doCleanups()  # what a test has started ends first
        self.assert_nothing_left()

    def options(self, name):
        """Of the /proc in a session, as its owner sees it."""
        text = self.machine.inside(name, "cat", "/proc/self/mountinfo", user=stranger.OWNER)
        found = [line.split(" - ")[1].split()[2].split(",") for line in text.splitlines() if line.split()[4] == "/proc"]
        self.assertTrue(found, text)
        return {option for option in found[-1] if "=" in option}


class ProcTest(Hiding):
    def assert_hidden(self, name):
        """No process of another user is seen, this test's own among them."""
        seen = self.machine.inside(name, "ls", "/proc", user=stranger.OWNER).split()
        self.assertIn("self", seen)
        for pid in (1, os.getpid()):
            self.assertNotIn(str(pid), seen, f"{name} shows process {pid}, which the host hides")
            result = self.machine.run("run", "--directory", "/", name, "--", "cat", f"/proc/{pid}/cmdline",
                                      user=stranger.OWNER)
            self.assertNotEqual(result.status, 0, repr(result))

    def test_a_new_instance_hides_what_the_hosts_hides(self):
        self.assert_hidden("hidden")
        self.assertEqual(self.options("hidden"), {"hidepid=invisible"})

    def test_a_preserved_session_too(self):
        session = self.machine.begin("hidden", user=stranger.OWNER)
        self.assert_hidden(session)
        self.machine.ok("end", session, user=stranger.OWNER)

    def test_a_profiles_own_instance_and_its_binds_too(self):
        for name, line in (("instance", "proc /proc proc defaults 0 0"), ("options", "proc /proc proc gid=4 0 0"),
                           ("bind", "/proc /proc none rw,bind 0 0"), ("recursive", "/proc /proc none rw,rbind 0 0")):
            with self.subTest(name):
                self.define(name, line)
                self.assertTrue(testing.wait_until(lambda: self.machine.run("info", name).status == 0))
                self.assert_hidden(name)

    def test_a_profile_that_says_what_is_hidden_is_obeyed(self):
        """It is an administrator's word, as the host's options are."""
        self.define("open", "proc /proc proc hidepid=0 0 0")
        self.assertTrue(testing.wait_until(lambda: self.machine.run("info", "open").status == 0))
        self.assertIn("1", self.machine.inside("open", "ls", "/proc", user=stranger.OWNER).split())

    def test_root_sees_all(self):
        self.assertIn(str(os.getpid()), self.machine.inside("hidden", "ls", "/proc").split())


class GroupTest(Hiding):
    machine_class = HidingGroupMachine

    def test_all_options_are_taken_over(self):
        self.assertEqual(self.options("hidden"), {"hidepid=noaccess", "gid=4"})


if __name__ == "__main__":
    testing.main()
