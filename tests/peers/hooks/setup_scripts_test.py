"""schroot's setup.d: the administrator's scripts in it are run for the definitions of schroot's, those of its package are not."""

import os
import shutil

import unionroot_testing as testing
from hooks_testing import Scripts
from recovery_testing import RecoveryTest

# Debian's package has these.
OF_THE_PACKAGE = """00check 05btrfs 05file 05lvm 05union 05zfs 10mount 15binfmt 15killprocs 20copyfiles 20nssdatabases
 50chrootname 70services 99check""".split()

# As the scripts of schroot's users begin.
USUAL = """
. "$SETUP_DATA_DIR/common-data"
. "$SETUP_DATA_DIR/common-functions"
. "$SETUP_DATA_DIR/common-config"
"""


class SetupScriptsTest(RecoveryTest):
    @classmethod
    def new_machine(cls):
        machine = super().new_machine()
        cls.schroot = os.path.join(machine.place, "schroot")
        os.makedirs(os.path.join(cls.schroot, "chroot.d"))
        shutil.copytree(os.path.join(os.path.dirname(testing.__file__), "../../etc/profiles/minimal"),
                        os.path.join(cls.schroot, "mini"))
        machine.settings.update({"read-schroot": "yes", "schroot-directory": cls.schroot})
        machine._write_settings()
        return machine

    @classmethod
    def define_for_schroot(cls, name, **keys):
        usual = {"type": "directory", "directory": cls.tree, "union-type": "overlay", "profile": "mini", "users": "nobody"}
        return cls.machine.define(name, file=f"{cls.schroot}/chroot.d/{name}", **{**usual, **keys})

    @classmethod
    def prepare(cls):
        machine = cls.machine
        cls.scripts = Scripts(machine, "schroot/setup.d")
        cls.said = os.path.join(machine.place, "said")
        cls.own_tree = os.path.join(machine.place, "own-tree")
        shutil.copytree(cls.tree, cls.own_tree, symlinks=True)
        cls.define_for_schroot("theirs", aliases="other-name", description="a word", **{
            "message-verbosity": "verbose", "site.my-key": "a value"})
        cls.define_for_schroot("bare", **{"union-type": "none", "directory": cls.own_tree})
        cls.define_for_schroot("as-it-is", type="plain", directory=cls.own_tree, **{"union-type": "none"})
        cls.define_for_schroot("made", type="custom")
        machine.define_tree("ours", cls.tree)

    def setUp(self):
        self.scripts.remove(*os.listdir(self.scripts.folder))
        self.scripts.calls()
        if os.path.exists(self.said):
            os.unlink(self.said)

    def variables(self, chroot, **options):
        self.scripts.add("90env", f"env >{self.said}; umask >>{self.said}; pwd >>{self.said}")
        session = self.machine.begin(chroot, **options)
        with open(self.said) as file:
            lines = file.read().splitlines()
        return session, lines

    def test_which_are_run_and_in_which_order(self):
        for name in OF_THE_PACKAGE:
            self.scripts.add(name, "exit 1")
        for name in ("98last", "04first", "60middle"):
            self.scripts.add(name)
        session = self.machine.begin("theirs")
        self.assertEqual(self.scripts.calls(), [name + " setup-start ok" for name in ("04first", "60middle", "98last")])
        self.machine.inside(session, "true")
        self.machine.ok("end", session)
        self.assertEqual(self.scripts.calls(), [name + " setup-stop ok" for name in ("98last", "60middle", "04first")])
        self.machine.inside("theirs", "true", user="nobody")
        self.assertTrue(testing.wait_until(lambda: not self.machine.sessions()))
        self.assertEqual(len(self.scripts.calls()), 6)
        # For definitions of schroot's alone, and never in a plain chroot.
        self.machine.inside("ours", "true")
        self.machine.inside("as-it-is", "true")
        self.assertEqual(self.scripts.calls(), [])
        # None of them goes with a session that began without.
        self.scripts.remove("98last", "04first", "60middle")
        session = self.machine.begin("theirs")
        self.scripts.add("98last")
        self.machine.ok("end", session)
        self.assertEqual(self.scripts.calls(), [])

    def test_the_first_that_fails_ends_it(self):
        self.scripts.add("10good")
        self.scripts.add("20bad", 'test "$2" = fail || { echo out; echo why it failed >&2; exit 3; }')
        self.scripts.add("30never")
        result = self.machine.run("begin", "theirs")
        self.assert_refused(result, 125, "20bad", "why it failed")
        self.assertEqual(self.scripts.calls(), ["10good setup-start ok", "20bad setup-start ok", "30never setup-stop fail",
                                                "20bad setup-stop fail", "10good setup-stop fail"])
        self.assertEqual(self.machine.sessions(), [])

    def test_what_they_find(self):
        session, lines = self.variables("other-name")
        location = self.machine.ok("location", session)
        layer = os.path.join(self.machine.state, "sessions", session)
        setup = os.path.join(self.machine.runtime, "setup")
        for line in ("AUTH_USER=root", "AUTH_RUSER=root", "AUTH_RGROUP=root", "AUTH_UID=0", "AUTH_GID=0", "AUTH_RUID=0",
                     "AUTH_RGID=0", "AUTH_HOME=/root", "VERBOSE=verbose", "MOUNT_DIR=" + os.path.dirname(location),
                     "SYSCONF_DIR=" + self.schroot, "SETUP_DATA_DIR=" + setup, "DATA_DIR=" + self.machine.runtime,
                     "LIBEXEC_DIR=" + os.path.dirname(testing.helper_path()), f"PID={self.machine.daemon.pid}",
                     "PLATFORM=linux", "SESSION_ID=" + session, "CHROOT_TYPE=directory", "CHROOT_NAME=theirs",
                     "CHROOT_ALIAS=other-name", "CHROOT_DESCRIPTION=a word (session chroot)",
                     "CHROOT_MOUNT_LOCATION=" + location, "CHROOT_PATH=" + location, "CHROOT_PROFILE=mini",
                     "CHROOT_PROFILE_DIR=" + self.schroot + "/mini", "CHROOT_SESSION_CREATE=false",
                     "CHROOT_SESSION_CLONE=false", "CHROOT_SESSION_PURGE=true", "CHROOT_SESSION_SOURCE=false",
                     "CHROOT_DIRECTORY=" + self.tree, "CHROOT_UNION_TYPE=overlay",
                     "CHROOT_UNION_OVERLAY_DIRECTORY=" + layer, "CHROOT_UNION_UNDERLAY_DIRECTORY=" + self.tree,
                     "SITE_MY_KEY=a value", "SETUP_FSTAB=mini/fstab", "SETUP_COPYFILES=mini/copyfiles",
                     "SETUP_NSSDATABASES=mini/nssdatabases", "0022", "/"):
            self.assertIn(line, lines)
        self.assertTrue(os.path.isdir(layer + "/upper"))
        self.machine.ok("end", session)
        session, lines = self.variables("bare")
        self.assertIn("CHROOT_UNION_TYPE=none", lines)
        self.assertFalse([line for line in lines if line.startswith("CHROOT_UNION_OVERLAY")])
        self.machine.ok("end", session)

    def test_scripts_of_schroots_users_run_unchanged(self):
        self.scripts.add("80local", USUAL + f"""
if [ "$STAGE" = setup-start ]; then
  info "mounting for $CHROOT_NAME"
  warn "be careful"
  test -f "$SETUP_FSTAB" && test -f "$SETUP_COPYFILES" && test -f "$SETUP_NSSDATABASES" && test "$STATUS" = ok
  test $DEVTYPE / || echo inside >"$CHROOT_PATH/etc/local"
fi
""")
        session = self.machine.begin("theirs")
        self.assertEqual(self.machine.inside(session, "cat", "/etc/local"), "inside")
        notes = self.machine.info(session)["notes"]
        self.assertIn("I: 80local: mounting for theirs", notes)
        self.assertIn("E: 80local: warning: be careful", notes)
        self.machine.ok("end", session)
        self.scripts.add("80local", USUAL + 'test "$STAGE" = setup-stop || fatal "no such thing"')
        self.assert_refused(self.machine.run("begin", "theirs"), 125, "80local", "error: no such thing")

    def test_one_that_takes_too_long(self):
        self.define_for_schroot("limited", **{"hook-time-limit": "1"})
        testing.wait_until(lambda: self.machine.run("info", "limited").status == 0)
        self.scripts.add("80slow", 'test "$1" = setup-stop || sleep 1000')
        self.assert_refused(self.machine.run("begin", "limited"), 125, "80slow", "longer than 1 s")

    def test_a_custom_chroot(self):
        self.assert_refused(self.machine.run("begin", "made"), 125, "has no scripts that make its tree")
        self.scripts.add("05made", f'test "$1" = setup-stop || mount --bind {self.tree} "$CHROOT_MOUNT_LOCATION"')
        session = self.machine.begin("made")
        self.assertEqual(self.machine.inside(session, "cat", "/etc/hosts"), "127.0.0.1 localhost")
        self.machine.ok("end", session)

    def test_what_others_could_have_written(self):
        self.scripts.add("80mine")
        os.chown(self.scripts.path("80mine"), 65534, -1)
        self.assert_refused(self.machine.run("begin", "theirs"), 125, "80mine' is owned by uid 65534")
        self.assertIn("80mine' is owned by uid 65534", self.machine.run("check").out)
        os.chown(self.scripts.path("80mine"), 0, -1)
        # A link is followed to a script of root's; not into a folder that anybody may write to.
        open_folder = os.path.join(self.machine.place, "open")
        os.mkdir(open_folder)
        shutil.copy2(self.scripts.path("80mine"), open_folder + "/script")
        os.symlink(open_folder + "/script", self.scripts.path("81link"))
        session = self.machine.begin("theirs")
        self.assertEqual(len(self.scripts.calls()), 2)
        self.machine.ok("end", session)
        os.chmod(open_folder, 0o777)
        self.assert_refused(self.machine.run("begin", "theirs"), 125, "is writable by others than root")
        self.assertEqual(self.machine.sessions(), [])


if __name__ == "__main__":
    testing.main()
