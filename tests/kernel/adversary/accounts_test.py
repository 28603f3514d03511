"""A user of a definition without root stays without it, whatever the tree's accounts and rules say; and no password of the host
is to be had in a session."""

import contextlib
import crypt
import ctypes
import fcntl
import glob
import grp
import json
import os
import pwd
import shutil
import subprocess
import unittest

import stranger
import unionroot_testing as testing
from unionroot_testing import EndToEndTest

OWNER = stranger.OWNER
UID = pwd.getpwnam(OWNER).pw_uid
GROUP = grp.getgrgid(pwd.getpwnam(OWNER).pw_gid)
PR_SET_NO_NEW_PRIVS = 38

# su of the tree: a password is asked for, an empty one is good enough.
PAM = "auth sufficient pam_rootok.so\nauth required pam_unix.so nullok nodelay\naccount required pam_permit.so\nsession required pam_permit.so\n"
PASSWD = (f"root:x:0:0:root:/root:/bin/sh\n{OWNER}:x:{UID}:{GROUP.gr_gid}::/:/bin/sh\npkg:x:1101:1101::/:/bin/sh\n")
ACCOUNTS = {
    "etc/passwd": PASSWD,
    "etc/group": f"root:x:0:\nshadow:x:42:\n{GROUP.gr_name}:x:{GROUP.gr_gid}:\npkg:x:1101:\nwheel:x:1102:\n",
    "etc/shadow": f"root:*:19000::::::\n{OWNER}:*:19000::::::\npkg:*:19000::::::\n",
    "etc/gshadow": "root:*::\nshadow:*::\n",
    "etc/pam.d/su": PAM,
    "etc/pam.d/other": PAM,
}


def give_up_new_privileges():
    """In a child, before its exec."""
    if ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError("prctl(PR_SET_NO_NEW_PRIVS)")


def copy_program(path, layer):
    """A program or library of this machine, and what it is linked with."""
    listing = subprocess.run(["ldd", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    for file in [path] + [word for word in listing.split() if word.startswith("/")]:
        target = os.path.join(layer, "usr" + file if not file.startswith("/usr/") else file.lstrip("/"))
        if not os.path.exists(target):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(os.path.realpath(file), target)
            os.chmod(target, 0o755)
    return os.path.join(layer, path.lstrip("/"))


class Accounts(EndToEndTest):
    @classmethod
    def write_layer(cls, name, files):
        """A folder with these files, to lie over the others of the tree: {path: text or (text, mode, uid)}."""
        layer = os.path.join(cls.machine.place, "layers", name)
        for path, given in files.items():
            text, mode, uid = given if isinstance(given, tuple) else (given, 0o644, 0)
            file = os.path.join(layer, path)
            os.makedirs(os.path.dirname(file), exist_ok=True)
            with open(file, "w") as out:
                out.write(text)
            os.chown(file, uid, uid)
            os.chmod(file, mode)
        return layer

    @classmethod
    def programs(cls):
        """A layer with set-uid programs: su, and a shell that stays what it was made."""
        layer = os.path.join(cls.machine.place, "layers", "programs")
        modules = glob.glob("/usr/lib/*/security/pam_unix.so") + glob.glob("/lib/*/security/pam_unix.so")
        if not modules or not os.path.exists("/usr/bin/su"):
            raise unittest.SkipTest("needs su and pam_unix")
        os.chmod(copy_program("/usr/bin/su", layer), 0o4755)
        for module in ("pam_unix.so", "pam_rootok.so", "pam_permit.so"):
            copy_program(os.path.join(os.path.dirname(os.path.realpath(modules[0])), module), layer)
        shutil.copyfile(os.path.realpath("/bin/bash"), os.path.join(layer, "usr/bin/become"))
        os.chmod(os.path.join(layer, "usr/bin/become"), 0o4755)
        return layer

    @classmethod
    def define_layers(cls, name, files, **keys):
        """A chroot on the small tree, with these files and the programs over it, for OWNER."""
        layer = cls.write_layer(name, {**ACCOUNTS, **files})
        if not hasattr(cls, "program_layer"):
            cls.program_layer = cls.programs()
        given = {"type": "layers", "lower_directories": ",".join((layer, cls.program_layer, testing.small_tree())),
                 "union_type": "overlay", "profile": "buildd", "users": OWNER}
        given.update(keys)
        cls.machine.define(name, **given)

    def tearDown(self):
        self.assert_nothing_left()

    @contextlib.contextmanager
    def session(self, chroot, user=OWNER):
        session = "session:" + self.machine.begin(chroot, user=user)  # so that root may use it too
        try:
            yield session
        finally:
            self.machine.ok("end", session)

    def notes(self, session):
        return "\n".join(json.loads(self.machine.ok("info", "--json", session, user=OWNER))["notes"])

    def no_new_privileges(self, chroot, user=OWNER, **options):
        """What the kernel says of a command inside: True if it can gain nothing by set-uid programs."""
        line = self.machine.inside(chroot, "grep", "^NoNewPrivs:", "/proc/self/status", user=user, **options)
        return line.split()[1] == "1"

    def become(self, chroot):
        """The uid of a command in a set-uid shell of root's."""
        return self.machine.inside(chroot, "become", "-p", "-c", "id -u", user=OWNER)

    def su(self, chroot, password, user="root"):
        """The uid that su gives, or None."""
        done = self.machine.run("run", "--directory", "/", chroot, "--", "su", user, "-c", "id -u", user=OWNER, input=password)
        return done.out.strip() if done.status == 0 else None


class OfTheCaller(Accounts):
    """What the calling process has given up, its command does not have again."""

    @classmethod
    def prepare(cls):
        cls.machine.define_tree("small", testing.small_tree(), users=OWNER)

    def test_no_new_privileges_of_the_caller_is_kept(self):
        self.assertFalse(self.no_new_privileges("small"))
        self.assertTrue(self.no_new_privileges("small", preexec_fn=give_up_new_privileges))

    def test_so_is_that_of_root_and_in_a_session_that_stands(self):
        with self.session("small") as session:
            self.assertTrue(self.no_new_privileges(session, preexec_fn=give_up_new_privileges))
            self.assertFalse(self.no_new_privileges(session))
            self.assertTrue(self.no_new_privileges(session, user=None, preexec_fn=give_up_new_privileges))


class Passwords(Accounts):
    """What the tree's maker knows, or left empty, is no way to root."""

    @classmethod
    def prepare(cls):
        known = crypt.crypt("secret", crypt.METHOD_SHA512)
        shadow = ACCOUNTS["etc/shadow"]
        known_root = {"etc/shadow": (shadow.replace("root:*", "root:" + known), 0o640, 0)}
        cls.define_layers("empty", {"etc/shadow": (shadow.replace("root:*", "root:"), 0o640, 0)})
        cls.define_layers("known", known_root)
        cls.define_layers("packages", {"etc/shadow": (shadow.replace("pkg:*", "pkg:" + known), 0o640, 0)})
        cls.define_layers("unshadowed", {"etc/passwd": PASSWD.replace("root:x", "root:")})
        cls.define_layers("hash-in-passwd", {"etc/passwd": PASSWD.replace("root:x", "root:" + known)})
        cls.define_layers("group", {"etc/gshadow": f"wheel:{known}::\n"})
        cls.define_layers("copied", known_root, nss="copy", profile="listless")
        cls.define_layers("untouched", known_root, nss="none")
        cls.define_layers("permitted", known_root, nss="none", no_new_privileges="no")
        cls.define_layers("roots", known_root, root_users=OWNER)
        profile = os.path.join(cls.machine.configuration, "profiles", "listless")
        os.makedirs(profile)
        for name, text in (("fstab", "proc /proc proc defaults\n"), ("copyfiles", ""), ("nssdatabases", "services\n")):
            with open(os.path.join(profile, name), "w") as file:
                file.write(text)

    def test_an_empty_password_of_root(self):
        self.assertIsNone(self.su("empty", "\n"))
        self.assertIsNone(self.su("unshadowed", "\n"))

    def test_a_known_password_of_root(self):
        self.assertIsNone(self.su("known", "secret\n"))
        self.assertIsNone(self.su("hash-in-passwd", "secret\n"))

    def test_a_known_password_of_another_account(self):
        self.assertIsNone(self.su("packages", "secret\n", "pkg"))

    def test_a_group_with_a_password(self):
        with self.session("group") as session:
            self.assertEqual(self.machine.inside(session, "grep", "^wheel:", "/etc/gshadow"), "wheel:*::")

    def test_whatever_the_databases(self):
        self.assertIsNone(self.su("copied", "secret\n"))
        self.assertIsNone(self.su("untouched", "secret\n"))

    def test_a_session_tells_what_was_locked(self):
        with self.session("known") as session:
            self.assertIn("etc/shadow: the password of 'root' was locked", self.notes(session))
        with self.session("untouched") as session:
            self.assertIn("etc/shadow has a password for 'root'", self.notes(session))

    def test_who_may_be_root_has_the_trees_passwords(self):
        # It also shows that su of these trees works.
        self.assertEqual(self.su("roots", "secret\n"), "0")
        self.assertIsNone(self.su("roots", "wrong\n"))
        self.assertEqual(self.su("permitted", "secret\n"), "0")


class Names(Accounts):
    """Numbers and names inside are those of the host, for root and the session's owner."""

    @classmethod
    def prepare(cls):
        ubuntu = f"ubuntu:x:{UID}:{GROUP.gr_gid}::/:/bin/sh\n"
        cls.define_layers("by-number", {"etc/passwd": f"root:x:0:0::/:/bin/sh\n{ubuntu}"})
        cls.define_layers("second", {"etc/passwd": ubuntu + PASSWD})
        cls.define_layers("by-name", {"etc/passwd": f"root:x:0:0::/:/bin/sh\n{OWNER}:x:4321:0::/:/bin/sh\n"})
        cls.define_layers("second-root", {"etc/passwd": PASSWD + "toor::0:0::/:/bin/sh\n"})
        cls.define_layers("member", {"etc/group": ACCOUNTS["etc/group"] + f"disk:x:6:{OWNER}\n", "etc/gshadow": f"disk:!:{OWNER}:\n"})
        cls.define_layers("group", {"etc/group": f"root:x:0:\nubuntu:x:{GROUP.gr_gid}:\n"})

    def test_another_account_with_the_owners_number(self):
        for chroot in ("by-number", "second"):
            with self.session(chroot) as session:
                self.assertEqual(self.machine.inside(session, "id", "-un", user=OWNER), OWNER)
                self.assertNotIn("ubuntu", self.machine.inside(session, "cat", "/etc/passwd"))
                self.assertIn(f"'ubuntu' ({UID}) was removed", self.notes(session))

    def test_another_account_with_the_owners_name(self):
        with self.session("by-name") as session:
            self.assertEqual(self.machine.inside(session, "id", "-un", user=OWNER), OWNER)
            self.assertEqual(self.machine.inside(session, "id", "-u", OWNER), str(UID))
            self.assertIn(f"'{OWNER}' (4321) was removed", self.notes(session))

    def test_a_second_root(self):
        with self.session("second-root") as session:
            self.assertNotIn("toor", self.machine.inside(session, "cat", "/etc/passwd"))
        self.assertIsNone(self.su("second-root", "\n", "toor"))

    def test_groups_are_the_hosts(self):
        with self.session("member") as session:
            self.assertEqual(self.machine.inside(session, "grep", "^disk:", "/etc/group"), "disk:x:6:")
            self.assertEqual(self.machine.inside(session, "grep", "^disk:", "/etc/gshadow"), "disk:!::")
        with self.session("group") as session:
            self.assertEqual(self.machine.inside(session, "id", "-gn", user=OWNER), GROUP.gr_name)


class Rules(Accounts):
    """Where the tree's rules would make the caller root, set-uid programs give the caller nothing."""

    RULES = {
        "by-user": {"etc/sudoers": f"{OWNER} ALL=(ALL) NOPASSWD: ALL\n"},
        "by-group": {"etc/sudoers": f"%{GROUP.gr_name} ALL=(ALL) NOPASSWD: ALL\n"},
        "by-number": {"etc/sudoers": f"#{UID} ALL=(ALL) NOPASSWD: ALL\n"},
        "by-gid": {"etc/sudoers": f"%#{GROUP.gr_gid} ALL=(ALL) NOPASSWD: ALL\n"},
        "by-all": {"etc/sudoers": "ALL ALL=(ALL) NOPASSWD: ALL\n"},
        "by-alias": {"etc/sudoers": f"User_Alias X = a, {OWNER}\nX ALL=(ALL) NOPASSWD: ALL\n"},
        "included": {"etc/sudoers": "@includedir /etc/sudoers.d\n",
                     "etc/sudoers.d/90-cloud": f"{OWNER} ALL=(ALL) NOPASSWD: ALL\n"},
        "doas": {"etc/doas.conf": f"permit nopass {OWNER}\n"},
        "pam": {"etc/pam.d/su": f"auth sufficient pam_wheel.so trust group={GROUP.gr_name}\n" + PAM},
    }

    @classmethod
    def prepare(cls):
        for name, files in cls.RULES.items():
            cls.define_layers(name, files)
        of_others = {"etc/sudoers": "Defaults env_reset\nroot ALL=(ALL:ALL) ALL\n%admin ALL=(ALL) ALL\n@includedir /etc/sudoers.d\n"}
        cls.define_layers("others", of_others)
        cls.define_layers("always", of_others, no_new_privileges="yes", root_users=OWNER)
        cls.define_layers("never", cls.RULES["by-user"], no_new_privileges="no")
        cls.define_layers("roots", cls.RULES["by-user"], root_users=OWNER)
        cls.define_layers("owned", {"etc/passwd": (PASSWD, 0o644, UID)})

    def test_rules_that_name_the_caller(self):
        for name in self.RULES:
            with self.subTest(name):
                self.assertTrue(self.no_new_privileges(name))
        self.assertEqual(self.become("by-user"), str(UID))

    def test_rules_that_name_others(self):
        self.assertFalse(self.no_new_privileges("others"))
        self.assertEqual(self.become("others"), "0")

    def test_the_key(self):
        self.assertTrue(self.no_new_privileges("always"))
        self.assertFalse(self.no_new_privileges("never"))
        self.assertEqual(self.become("never"), "0")

    def test_whoever_may_be_root_gains_it_as_before(self):
        self.assertFalse(self.no_new_privileges("roots"))
        with self.session("by-user") as session:
            self.assertFalse(self.no_new_privileges(session, user=None))

    def test_accounts_that_the_caller_can_change(self):
        self.assertTrue(self.no_new_privileges("owned"))

    def test_a_session_that_stands_follows_its_tree_and_says_why(self):
        with self.session("others") as session:
            self.assertFalse(self.no_new_privileges(session))
            self.machine.inside(session, "sh", "-c", f"echo '{OWNER} ALL=(ALL) ALL' >/etc/sudoers.d; "
                                f"echo '{OWNER} ALL=(ALL) ALL' >>/etc/sudoers")
            self.assertTrue(self.no_new_privileges(session))
        with self.session("by-user") as session:
            self.assertIn(f"etc/sudoers names '{OWNER}'", self.notes(session))


class Hashes(Accounts):
    """The host's passwords. In a mount namespace of its own the test gives the host others than it has."""

    has_own_mounts = True

    @classmethod
    def prepare(cls):
        machine = cls.machine
        for name, text in (("shadow", f"root:$6$HOSTROOT:1::::::\n{OWNER}:$6$HOSTOWNER:1::::::\nmail:$6$HOSTMAIL:1::::::\n"
                                      f"{stranger.STRANGER}:!$6$HOSTLOCKED:1::::::\n"),
                           ("gshadow", f"root:$6$HOSTGROUP::\n{GROUP.gr_name}:$6$HOSTGAMES::\n")):
            path = os.path.join(machine.place, name)
            machine._write(path, text, 0o600)
            subprocess.run(["mount", "--bind", path, "/etc/" + name], check=True)
        readable = {"etc/shadow": (ACCOUNTS["etc/shadow"], 0o644, pwd.getpwnam(stranger.STRANGER).pw_uid)}
        cls.define_layers("merged", readable)
        cls.define_layers("copied", readable, nss="copy")
        cls.define_layers("nothing-asked", readable, no_new_privileges="yes")
        cls.define_layers("named", {**readable, "etc/sudoers": f"{OWNER} ALL=(ALL) ALL\n"})
        cls.own = os.path.join(machine.place, "own")
        shutil.copytree(testing.small_tree(), cls.own, symlinks=True)
        cls.define_layers("unused", {})
        for path, text in ACCOUNTS.items():
            os.makedirs(os.path.dirname(os.path.join(cls.own, path)), exist_ok=True)
            machine._write(os.path.join(cls.own, path), text)
        machine.define("in-place", type="directory", directory=cls.own, profile="buildd", users=OWNER)
        cls.sources = {}
        for nss in ("merge", "copy"):
            cls.sources[nss] = os.path.join(machine.place, "source-" + nss)
            shutil.copytree(cls.own, cls.sources[nss], symlinks=True)
            machine.define("sourced-" + nss, type="directory", directory=cls.sources[nss], union_type="overlay",
                           profile="buildd", users=OWNER, source_users=OWNER, nss=nss)

    def hashes_in(self, folder):
        """Which passwords of the host lie in files under the folder."""
        for _ in range(20):  # what an ended session leaves may go while it is read
            found = subprocess.run(["grep", "-rhoE", r"\$6\$HOST[A-Z]+", folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            if "No such file" not in found.stderr:
                break
        self.assertIn(found.returncode, (0, 1), found.stderr)
        return set(found.stdout.split())

    def inside(self, session, path):
        return self.machine.inside(session, "cat", path)

    def test_none_but_the_owners_is_copied(self):
        for chroot in ("merged", "copied"):
            with self.subTest(chroot), self.session(chroot) as session:
                self.assertIn(OWNER + ":$6$HOSTOWNER:", self.inside(session, "/etc/shadow"))
                self.assertEqual(self.hashes_in(self.machine.state), {"$6$HOSTOWNER"})
        with self.subTest("automatic"):
            self.machine.inside("merged", "true", user=OWNER)
            self.assertLessEqual(self.hashes_in(self.machine.state), {"$6$HOSTOWNER"})

    def test_none_where_no_password_is_asked(self):
        for chroot in ("nothing-asked", "named"):
            with self.subTest(chroot), self.session(chroot) as session:
                self.assertIn(OWNER + ":*:", self.inside(session, "/etc/shadow"))
                self.assertNotIn("HOST", self.inside(session, "/etc/shadow"))
        with self.session("merged", user=None) as session:  # root is asked for none
            self.assertNotIn("HOST", self.inside(session, "/etc/shadow"))

    def test_the_files_are_root_and_shadows(self):
        with self.session("merged") as session:
            for name in ("shadow", "gshadow"):
                self.assertEqual(self.machine.inside(session, "stat", "-c", "%a %u:%g", "/etc/" + name), "640 0:42")
            location = self.machine.ok("location", session, user=OWNER)
            seen = "try:\n print(open(sys.argv[1]).read())\nexcept OSError as error:\n print(type(error).__name__)\n"
            for user in (stranger.STRANGER, OWNER):
                status, out, err = stranger.run(self.machine, user, seen, location + "/etc/shadow")
                self.assertEqual((status, out.strip()), (0, "PermissionError"), err)

    def test_a_tree_that_outlives_the_session_gets_none(self):
        with self.session("in-place") as session:
            self.assertIn(OWNER + ":*:", self.inside(session, "/etc/shadow"))
        self.assertEqual(self.hashes_in(self.own), set())
        for nss, tree in self.sources.items():
            with self.subTest(nss), self.session("source:sourced-" + nss) as session:
                self.assertIn(OWNER + ":*:", self.inside(session, "/etc/shadow"))
                self.assertIn(OWNER + ":x:", self.inside(session, "/etc/passwd"))
                self.assertEqual(self.hashes_in(tree), set())
            self.assertEqual(self.hashes_in(tree), set())


class OfTheNameService(Accounts):
    """nss=copy has what the host's name services list, and a service that hangs or fails holds nobody up. In a mount namespace of its
    own the test gives the host such services."""

    LISTED = "unionroot-listed"
    TEAM = "unionroot-team"

    has_own_mounts = True

    @classmethod
    def prepare(cls):
        machine = cls.machine
        machine._write(os.path.join(machine.place, "nsswitch.conf"), "passwd: files systemd\ngroup: files systemd\n")
        subprocess.run(["mount", "--bind", os.path.join(machine.place, "nsswitch.conf"), "/etc/nsswitch.conf"], check=True)
        machine.define_tree("copied", testing.small_tree(), nss="copy", profile="buildd", users=OWNER)
        machine.define_tree("merged", testing.small_tree(), profile="buildd", users=OWNER)
        machine.define_tree("in-memory", testing.small_tree(), profile="buildd", users=OWNER, union_backing="tmpfs")
        for nss in ("merge", "copy"):
            machine.define_tree("served-" + nss, testing.small_tree(), profile="buildd", users=cls.LISTED, groups=cls.TEAM, nss=nss)
        machine.define_tree("of-the-team", testing.small_tree(), profile="buildd", users="", groups=cls.TEAM)

    def list_account(self):
        """An account that nss-systemd(8) lists, and no file has."""
        made = not os.path.isdir("/run/userdb")
        os.makedirs("/run/userdb", exist_ok=True)
        files = {"user": {"userName": self.LISTED, "uid": 61234, "gid": 61234, "homeDirectory": "/", "shell": "/bin/sh"},
                 "group": {"groupName": self.LISTED, "gid": 61234}}
        records = {f"{name}.{kind}": record for kind, record in files.items() for name in (self.LISTED, "61234")}
        team = {"groupName": self.TEAM, "gid": 61235}
        records |= {f"{self.TEAM}.group": team, "61235.group": team, f"{self.LISTED}:{self.TEAM}.membership": {}}
        for name, record in records.items():
            path = f"/run/userdb/{name}"
            with open(path, "w") as file:
                json.dump(record, file)
            self.addCleanup(os.unlink, path)
        if made:
            self.addCleanup(lambda: os.rmdir("/run/userdb"))
            self._cleanups.insert(0, self._cleanups.pop())  # when its files have gone
        listed = subprocess.run(["getent", "passwd"], stdout=subprocess.PIPE, text=True, check=True).stdout
        if self.LISTED + ":" not in listed:
            self.skipTest("this machine's nss-systemd lists no accounts of /run/userdb (apt-get install libnss-systemd)")

    def getent(self, text):
        """In the place of the host's."""
        path = os.path.join(self.machine.place, "getent")
        self.machine._write(path, "#!/bin/sh\n" + text, 0o755)
        subprocess.run(["mount", "--bind", path, "/usr/bin/getent"], check=True)
        self.addCleanup(subprocess.run, ["umount", "/usr/bin/getent"], check=True)

    def names(self, chroot, file):
        text = self.machine.inside(chroot, "cat", file, user=OWNER)
        return [line.partition(":")[0] for line in text.splitlines()]

    def test_what_is_listed_is_copied(self):
        self.list_account()
        self.assertEqual(self.names("copied", "/etc/passwd").count(self.LISTED), 1)
        self.assertEqual(self.names("copied", "/etc/group").count(self.LISTED), 1)
        self.assertEqual(self.names("copied", "/etc/passwd").count("root"), 1)
        shadow = self.machine.inside("copied", "cat", "/etc/shadow")  # as root, who may read it
        self.assertNotIn(self.LISTED, shadow)
        self.assertNotIn(self.LISTED, self.names("merged", "/etc/passwd"))

    def test_whom_the_name_service_alone_knows_has_sessions_and_groups(self):
        self.list_account()
        for nss in ("merge", "copy"):
            with self.subTest(nss):
                chroot = "served-" + nss
                session = self.machine.begin(chroot, user=self.LISTED)
                for name in (chroot, session):
                    self.assertEqual(self.machine.inside(name, "id", "-un", user=self.LISTED), self.LISTED)
                    self.assertEqual(set(self.machine.inside(name, "id", "-Gn", user=self.LISTED).split()), {self.LISTED, self.TEAM})
                self.assertEqual(self.machine.inside("session:" + session, "id", "-un"), "root")
                found = self.machine.run("run", "--user", self.LISTED, "--directory", "/", "session:" + session, "--", "id", "-Gn")
                self.assertEqual((found.status, set(found.out.split())), (0, {self.LISTED, self.TEAM}), found.err)
                self.machine.ok("end", session, user=self.LISTED)
        # A group of the name service's in a definition's list.
        self.assertEqual(self.machine.inside("of-the-team", "id", "-un", user=self.LISTED), self.LISTED)
        self.assertIn("of-the-team", self.machine.ok("list", "--mine", user=self.LISTED))
        # Root as somebody whom neither the tree nor the session's owner brings.
        session = self.machine.begin("merged", user=OWNER)
        found = self.machine.run("run", "--user", self.LISTED, "--directory", "/", "session:" + session, "--", "id", "-u")
        self.assertEqual((found.status, found.out), (0, "61234\n"), found.err)
        self.machine.ok("end", session)

    def as_listed(self, name, *command):
        done = self.machine.run("run", "--user", self.LISTED, "--directory", "/", name, "--", *command)
        self.assertEqual(done.status, 0, done)
        return done.out.strip()

    def test_whoever_runs_in_a_session_of_another_has_a_name_and_groups_inside(self):
        self.list_account()
        session = self.machine.begin("merged", user=OWNER)
        name = "session:" + session
        before = self.machine.inside(name, "cat", "/etc/passwd", "/etc/group")
        changes = self.machine.ok("diff", session)
        # What was made inside stays, and a group there gets the member.
        self.machine.inside(name, "sh", "-c", f"echo made:x:4711: >>/etc/group; echo '{self.TEAM}:x:61235:made' >>/etc/group")
        for _ in range(2):
            self.assertEqual(self.as_listed(name, "id", "-un"), self.LISTED)
            self.assertEqual(set(self.as_listed(name, "id", "-Gn").split()), {self.LISTED, self.TEAM})
            self.assertEqual(set(self.as_listed(name, "id", "-Gn", self.LISTED).split()), {self.LISTED, self.TEAM})
        after = self.machine.inside(name, "cat", "/etc/passwd", "/etc/group").splitlines()
        self.assertEqual(sorted(set(after) - set(before.splitlines())),
                         sorted([f"{self.LISTED}:x:61234:61234:{self.LISTED}:/:/bin/sh", "made:x:4711:",
                                 f"{self.TEAM}:x:61235:made,{self.LISTED}", f"{self.LISTED}:x:61234:"]))
        self.assertEqual(set(before.splitlines()) - set(after), set())
        self.assertEqual(changes, "")
        self.assertEqual(self.machine.run("diff", session, "--name-only").out.split(), ["/etc/group"])  # the session's own
        self.machine.ok("end", session)

    def test_that_is_no_change_of_the_session(self):
        self.list_account()
        for chroot in ("merged", "in-memory"):
            with self.subTest(chroot):
                session = self.machine.begin(chroot, user=OWNER)
                self.assertEqual(self.as_listed("session:" + session, "id", "-un"), self.LISTED)
                self.assertEqual(self.machine.ok("diff", session), "")
                self.machine.ok("end", session)

    def test_nobody_is_added_while_a_program_inside_changes_the_accounts(self):
        """A useradd(8) there would lose what it has written, or this would."""
        self.list_account()
        session = self.machine.begin("merged", user=OWNER)
        name = "session:" + session
        tree = self.machine.ok("location", session).strip()
        with open(os.path.join(tree, "etc/.pwd.lock"), "w") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX)  # as lckpwdf(3) does
            before = self.machine.inside(name, "cat", "/etc/passwd", "/etc/group")
            self.assertEqual(self.as_listed(name, "id", "-u"), "61234")
            self.assertEqual(self.machine.inside(name, "cat", "/etc/passwd", "/etc/group"), before)
        self.assertEqual(self.as_listed(name, "id", "-un"), self.LISTED)
        self.assertEqual(self.machine.run("diff", session, "--name-only").out.split(), ["/etc/.pwd.lock"])  # of the program
        self.machine.ok("end", session)

    @contextlib.contextmanager
    def adding_waits(self, point, is_there):
        """In a session to which a user is being added, and the daemon waits at this fault point: the session, its folder etc."""
        self.list_account()
        points = os.path.join(self.machine.place, "points")
        os.makedirs(points, exist_ok=True)
        self.machine.stop_daemon()
        self.machine.start_daemon(environment={"UNIONROOT_FAULT_FOLDER": points})
        waits = os.path.join(points, point)
        try:
            session = self.machine.begin("merged", user=OWNER)
            etc = os.path.join(self.machine.ok("location", session).strip(), "etc")
            names = {*os.listdir(etc), ".pwd.lock"}
            with open(waits, "w"):
                pass
            client = self.machine.popen("run", "--user", self.LISTED, "--directory", "/", "session:" + session, "--", "true")
            try:
                self.assertTrue(testing.wait_until(lambda: is_there(etc, names)))
                yield session, etc
            finally:
                os.unlink(waits)
                client.communicate(timeout=testing.PATIENCE)
            self.assertEqual(client.returncode, 0)
        finally:
            self.machine.stop_daemon()
            self.machine.start_daemon()

    def append(self, path, line):
        with open(path, "a") as file:  # as an editor does, without the lock
            file.write(line + "\n")

    def test_what_is_written_inside_while_a_user_is_added_is_not_lost(self):
        with self.adding_waits("rename", lambda etc, names: set(os.listdir(etc)) - names) as (session, etc):
            self.append(os.path.join(etc, "passwd"), "made:x:4711:4711::/:/bin/sh")
        passwd = self.machine.inside("session:" + session, "cat", "/etc/passwd")
        self.assertIn("made:x:4711:", passwd)
        self.assertNotIn(self.LISTED, passwd)
        self.assertEqual(self.as_listed("session:" + session, "id", "-un"), self.LISTED)  # the next time
        self.assertIn("made:x:4711:", self.machine.inside("session:" + session, "cat", "/etc/passwd"))
        self.assertEqual(self.machine.run("diff", session, "--name-only").out.split(), ["/etc/passwd"])
        self.machine.ok("end", session)

    def test_what_is_written_inside_when_a_user_was_added_is_shown(self):
        def is_written(etc, names):
            with open(os.path.join(etc, "shadow")) as file:
                return self.LISTED in file.read()
        with self.adding_waits("rename done", is_written) as (session, etc):
            self.append(os.path.join(etc, "shadow"), "made:*:::::::")
        self.assertEqual(self.as_listed("session:" + session, "id", "-un"), self.LISTED)
        self.assertIn("made:", self.machine.inside("session:" + session, "cat", "/etc/shadow"))
        self.assertEqual(self.machine.run("diff", session, "--name-only").out.split(), ["/etc/shadow"])
        self.machine.ok("end", session)

    def test_what_is_changed_after_a_user_was_added_is_shown(self):
        self.list_account()
        session = self.machine.begin("merged", user=OWNER)
        self.as_listed("session:" + session, "true")
        self.machine.inside("session:" + session, "sh", "-c", "echo made:x:4711: >>/etc/group")
        self.machine.inside("session:" + session, "sh", "-c", "echo made:x:4711:4711::/:/bin/sh >>/etc/passwd")
        self.as_listed("session:" + session, "true")
        self.assertEqual(self.machine.run("diff", session, "--name-only").out.split(), ["/etc/group", "/etc/passwd"])
        self.machine.ok("end", session)

    def test_whom_a_session_of_its_own_is_not_for(self):
        self.list_account()
        self.assertEqual(self.as_listed("merged", "id", "-un"), self.LISTED)
        self.assertEqual(set(self.as_listed("merged", "id", "-Gn").split()), {self.LISTED, self.TEAM})

    def test_a_name_that_is_taken_inside_stays(self):
        self.list_account()
        session = self.machine.begin("merged", user=OWNER)
        self.machine.inside("session:" + session, "sh", "-c", f"echo '{self.LISTED}:x:4242:4242::/:/bin/sh' >>/etc/passwd")
        self.assertEqual(self.as_listed("session:" + session, "id", "-u"), "61234")
        passwd = self.machine.inside("session:" + session, "cat", "/etc/passwd")
        self.assertEqual([line for line in passwd.splitlines() if self.LISTED in line], [f"{self.LISTED}:x:4242:4242::/:/bin/sh"])
        self.machine.ok("end", session)

    def test_without_users_of_the_host_nobody_is_added(self):
        self.list_account()
        self.machine.define_tree("without", testing.small_tree(), nss="none", profile="minimal", users=OWNER)
        session = self.machine.begin("without", user=OWNER)
        self.assertEqual(self.as_listed("session:" + session, "id", "-u"), "61234")
        self.assertNotIn(self.LISTED, self.machine.inside("session:" + session, "cat", "/etc/passwd"))
        self.machine.ok("end", session)

    def test_no_password_that_is_listed_comes_with_it(self):
        self.getent(f"echo '{self.LISTED}:$6$LISTED:61234:61234::/:/bin/sh'\n")
        line = [line for line in self.machine.inside("copied", "cat", "/etc/passwd", user=OWNER).splitlines() if self.LISTED in line]
        self.assertEqual(line, [f"{self.LISTED}:*:61234:61234::/:/bin/sh"])

    def test_a_list_that_fails_is_said(self):
        self.getent("echo 'no answer' >&2\nexit 2\n")
        with self.session("copied") as session:
            self.assertIn(OWNER, self.names(session, "/etc/passwd"))
            notes = self.notes(session)
            self.assertIn("listing the host's passwd", notes)
            self.assertIn("no answer", notes)

    def test_a_list_that_does_not_end_is_broken_off(self):
        told = os.path.join(self.machine.place, "told")
        self.getent(f"echo $$ >'{told}'\nexec sleep 900\n")
        client = self.machine.popen("begin", "--name", "listing", "copied", user=OWNER)
        self.assertTrue(testing.wait_until(lambda: os.path.exists(told) and open(told).read().strip()))
        self.machine.ok("list")  # others are served
        self.machine.ok("end", "--force", "listing", user=OWNER)
        out, err = client.communicate(timeout=20)
        self.assertEqual((client.returncode, out), (125, b""), err)
        with open(told) as file:
            pid = file.read().strip()
        self.assertTrue(testing.wait_until(lambda: not os.path.exists("/proc/" + pid)))


if __name__ == "__main__":
    testing.main()
