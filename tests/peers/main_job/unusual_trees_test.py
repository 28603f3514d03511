"""Trees with files that may not be changed, and with links where a mount point is to be; a session with a host name of its own."""

import errno
import json
import os
import re
import shutil
import struct
import subprocess
import unittest

import unionroot_testing as testing
from unionroot_testing import EndToEndTest

OWNER = "games"


class UnusualTrees(EndToEndTest):
    def tearDown(self):
        self.assert_nothing_left()

    def tree(self, name):
        path = os.path.join(self.machine.place, name)
        subprocess.run(["cp", "-aT", testing.small_tree(), path], check=True)
        self.addCleanup(shutil.rmtree, path)
        return path

    def mounts(self, name, *lines):
        """For a definition: an fstab of its own."""
        path = os.path.join(self.machine.configuration, name + ".fstab")
        self.machine._write(path, "".join(line + "\n" for line in lines))
        return {"setup.fstab": path, "profile": "minimal"}

    def notes(self, session):
        return "\n".join(json.loads(self.machine.ok("info", "--json", session))["notes"])


class Protected(UnusualTrees):
    """chattr(1): attributes i and a."""

    def protect(self, tree, attribute, *paths):
        for path in paths:
            path = os.path.join(tree, path)
            result = subprocess.run(["chattr", attribute, path], stderr=subprocess.PIPE, text=True)
            if result.returncode != 0:
                self.skipTest(f"this file system has no attributes: {result.stderr}")
            self.addCleanup(subprocess.run, ["chattr", "-ia", path], check=True)

    def attributes(self, tree):
        return subprocess.run(["lsattr", "-d", *(os.path.join(tree, path) for path in ("etc", "etc/passwd", "etc/group"))],
                              check=True, stdout=subprocess.PIPE).stdout

    def holds(self, name, tree):
        """Sessions of both kinds have the files that they should; the tree is as it was."""
        self.machine.define_tree(name, tree, users=OWNER, profile="default", hostname="given")
        before = testing.tree_checksum(tree), self.attributes(tree)
        self.assertEqual(self.machine.inside(name, "id", "-un", user=OWNER), OWNER)
        session = self.machine.begin(name, user=OWNER)
        for _ in range(2):
            self.assertEqual(self.machine.inside(session, "cat", "/etc/hostname", user=OWNER), "given")
            self.assertEqual(self.machine.inside(session, "id", "-gn", user=OWNER), "games")
        with open("/etc/resolv.conf") as file:
            self.assertEqual(self.machine.inside(session, "cat", "/etc/resolv.conf", user=OWNER), file.read().rstrip("\n"))
        self.assertNotIn("immutable", self.notes(session))
        self.machine.ok("end", session)
        self.assertEqual((testing.tree_checksum(tree), self.attributes(tree)), before)

    def test_immutable_files(self):
        tree = self.tree("immutable")
        with open(tree + "/etc/resolv.conf", "w") as file:
            file.write("# of the tree\n")
        self.protect(tree, "+i", "etc/resolv.conf", "etc/passwd")
        self.holds("immutable", tree)

    def test_immutable_files_that_are_right_already(self):
        tree = self.tree("right")
        shutil.copyfile("/etc/resolv.conf", tree + "/etc/resolv.conf")
        self.protect(tree, "+i", "etc/resolv.conf")
        self.holds("right", tree)

    def test_append_only_files(self):
        tree = self.tree("append-only")
        self.protect(tree, "+a", "etc/group", "etc/passwd")
        self.holds("append-only", tree)

    def test_an_immutable_folder(self):
        tree = self.tree("folder")
        self.protect(tree, "+i", "etc")
        self.holds("folder", tree)

    def test_an_append_only_folder(self):
        tree = self.tree("append-only-folder")
        self.protect(tree, "+a", "etc")
        self.holds("append-only-folder", tree)

    def test_a_target_of_copyfiles_and_of_the_names(self):
        tree = self.tree("copied")
        for name in ("given", "hosts", "hostname", "debian_chroot"):
            with open(os.path.join(tree, "etc", name), "w") as file:
                file.write("# of the tree\n")
            self.protect(tree, "+i", "etc/" + name)
        copyfiles = os.path.join(self.machine.configuration, "copied.copyfiles")
        self.machine._write(copyfiles, "/etc/passwd- /etc/none\n/etc/resolv.conf /etc/given\n")
        self.machine.define_tree("copied", tree, users=OWNER, hostname="given", **{"setup.copyfiles": copyfiles})
        session = self.machine.begin("copied", user=OWNER)
        with open("/etc/resolv.conf") as file:
            self.assertEqual(self.machine.inside(session, "cat", "/etc/given", user=OWNER), file.read().rstrip("\n"))
        self.assertEqual(self.machine.inside(session, "cat", "/etc/hostname", "/etc/debian_chroot", user=OWNER), "given\ncopied")
        self.assertIn("given", self.machine.inside(session, "cat", "/etc/hosts", user=OWNER))
        self.machine.ok("end", session)

    def test_in_a_layer_and_with_the_upper_layer_in_memory(self):
        tree, top = self.tree("lower"), self.tree("top")
        self.protect(top, "+i", "etc/passwd", "etc/group")
        for name, keys in (("memory", {"directory": top, "union_backing": "tmpfs"}),
                           ("layers", {"type": "layers", "lower_directories": f"{top},{tree}", "directory": ""})):
            with self.subTest(name):
                self.machine.define_tree(name, top, **{"users": OWNER, "profile": "default", **keys})
                session = self.machine.begin(name, user=OWNER)
                self.assertEqual(self.machine.inside(session, "id", "-un", user=OWNER), OWNER)
                self.assertNotIn("immutable", self.notes(session))
                self.machine.ok("end", session)

    def test_a_mount_point_in_an_immutable_folder(self):
        tree = self.tree("points")
        os.makedirs(tree + "/srv/still")
        self.protect(tree, "+i", "srv/still")
        given = os.path.join(self.machine.place, "given")
        os.mkdir(given)
        self.addCleanup(os.rmdir, given)
        self.machine.define_tree("points", tree, users=OWNER, **self.mounts("points", f"{given} /srv/still/deep/point none bind"))
        self.assertEqual(self.machine.inside("points", "ls", "/srv/still/deep", user=OWNER), "point")
        self.assertEqual(os.listdir(tree + "/srv/still"), [])
        # Where the tree itself would be changed, its owner is asked.
        self.machine.define_tree("direct", tree, union_type="none", **self.mounts("points", f"{given} /srv/still/deep/point none bind"))
        self.assert_refused(self.machine.run("begin", "direct"), 125, "immutable or append-only", "chattr -i -a")

    def test_a_source_session_says_what_to_do(self):
        tree = self.tree("source")
        self.protect(tree, "+i", "etc/passwd")
        self.machine.define_tree("source", tree, users=OWNER, source_users="root", nss="copy")
        with open(tree + "/etc/passwd") as file:
            before = file.read()
        session = self.machine.begin("source:source")
        self.assertIn("etc/passwd: skipped: it or its folder is immutable or append-only in the tree: chattr -i -a", self.notes(session))
        self.machine.ok("end", session)
        with open(tree + "/etc/passwd") as file:
            self.assertEqual(file.read(), before)


class Closed(UnusualTrees):
    """Folders of a tree that its users may not enter."""

    CLOSED = "the tree's root is closed to this user: look at its mode"

    def closed(self, name, path, mode=0o700):
        tree = self.tree(name)
        os.chmod(os.path.join(tree, path), mode)
        self.machine.define_tree(name, tree, users=OWNER, profile="default")

    def test_the_root(self):
        self.closed("closed", "")
        for directory in ("/", "/var/tmp"):
            result = self.machine.run("run", "--directory", directory, "closed", "--", "true", user=OWNER)
            self.assert_refused(result, 125, self.CLOSED)
            self.assertNotIn("use --directory", result.err)  # which was given, or would not help
        session = self.machine.begin("closed", user=OWNER)
        for arguments in ([session, "--", "true"], [session]):  # the caller's folder; a login shell
            self.assert_refused(self.machine.run("run", *arguments, user=OWNER, cwd="/"), 125, self.CLOSED)
        self.machine.inside("session:" + session, "true")  # root may
        self.machine.ok("end", session)

    def test_a_root_that_may_be_read_but_not_entered(self):
        self.closed("read", "", 0o744)
        self.assert_refused(self.machine.run("run", "--directory", "/", "read", "--", "true", user=OWNER), 125, self.CLOSED)

    def test_a_folder(self):
        self.closed("folder", "srv")
        result = self.machine.run("run", "--directory", "/srv", "folder", "--", "true", user=OWNER)
        self.assert_refused(result, 125, "cannot change to the directory '/srv'", "Permission denied", "--directory=/")
        self.machine.inside("folder", "true", user=OWNER)


class Links(UnusualTrees):
    """Where a mount point is to be."""

    def linked(self, name, *links, **keys):
        """A tree with these links, instead of what is there; defined as a chroot."""
        tree = self.tree(name)
        for path, target in links:
            path = os.path.join(tree, path)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            elif os.path.lexists(path):
                os.unlink(path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.symlink(target, path)
        self.machine.define_tree(name, tree, users=OWNER, **{"profile": "default", **keys})
        return tree

    def test_folders_of_an_image_for_ostree(self):
        tree = self.linked("ostree", ("home", "var/home"), ("srv", "var/srv"), ("mnt", "var/mnt"), ("tmp", "sysroot/tmp"))
        before = testing.tree_checksum(tree)
        self.assertEqual(self.machine.inside("ostree", "readlink", "-f", "/home", "/tmp", user=OWNER), "/var/home\n/sysroot/tmp")
        self.assertEqual(sorted(self.machine.inside("ostree", "ls", "/home", user=OWNER).split()), sorted(os.listdir("/home")))
        self.assertEqual(testing.tree_checksum(tree), before)

    def test_devices_and_processes(self):
        self.linked("elsewhere", ("dev", "/nowhere/dev"), ("proc", "system/../system/proc"), ("sys", "../../outside/sys"))
        self.assertEqual(self.machine.inside("elsewhere", "sh", "-c", "test -c /dev/null && test -e /proc/self/status && ls -d /outside/sys/fs",
                                             user=OWNER), "/outside/sys/fs")

    def test_shared_memory(self):
        self.linked("shm", ("dev/shm", "/run/shm"), profile="sbuild")
        self.machine.inside("shm", "sh", "-c", "echo 1 >/dev/shm/there", user=OWNER)

    def test_a_file_behind_a_dangling_link(self):
        given = os.path.join(self.machine.place, "given-file")
        with open(given, "w") as file:
            file.write("given\n")
        self.addCleanup(os.unlink, given)
        self.linked("file", ("etc/given", "../run/made/given"), **self.mounts("file", f"{given} /etc/given none bind"))
        self.assertEqual(self.machine.inside("file", "cat", "/etc/given", user=OWNER), "given")

    def test_links_to_links(self):
        tree = self.linked("chain", ("home", "/one/two"), ("one", "./deep//three"), ("deep/three/two", "../../../../away/home/."))
        self.assertEqual(self.machine.inside("chain", "readlink", "-f", "/home", user=OWNER), "/away/home")
        self.assertEqual(sorted(self.machine.inside("chain", "ls", "/away/home", user=OWNER).split()), sorted(os.listdir("/home")))
        self.assertFalse(os.path.exists(os.path.join(tree, "away")))

    def test_a_link_that_leads_below_a_mount(self):
        self.linked("below", ("srv", "tmp/of-this-test/srv"), **self.mounts("below", "tmpfs /tmp tmpfs mode=1777", "tmpfs /srv tmpfs mode=755"))
        self.assert_refused(self.machine.run("run", "-d", "/", "below", "--", "true"), 125, "below.fstab:2", "a symbolic link in /srv leads into another mount")

    def test_a_file_in_the_place_of_a_folder(self):
        self.linked("file-in-place", ("home", "etc/hosts"))
        self.assert_refused(self.machine.run("run", "-d", "/", "file-in-place", "--", "true"), 125, "/home")

    def test_links_in_a_circle(self):
        self.linked("circle", ("home", "var/home"), ("var/home", "../home"))
        self.assert_refused(self.machine.run("run", "-d", "/", "circle", "--", "true"), 125, "/home", "a symlink in the tree leads in a circle")


class Renames(UnusualTrees):
    """Of folders that the tree has: refused, unless the definition has the options that the man page names for it."""

    def renamed(self, view, old, new):
        try:
            os.rename(os.path.join(view, old), os.path.join(view, new))
        except OSError as error:
            return error.errno
        return 0

    def test_the_options_that_the_man_page_names(self):
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../docs/unionroot.conf.5")) as file:
            text = " ".join(file.read().split())
        self.assertRegex(text, r"redirect_dir=on a folder that the tree has cannot be renamed: programs get EXDEV")
        tree = self.tree("renames")
        os.makedirs(tree + "/srv/deep/deeper")
        before = testing.tree_checksum(tree)
        for name, options, wanted in (("usual", "", errno.EXDEV), ("redirected", "redirect_dir=on", 0), ("indexed", "redirect_dir=on,index=on", 0)):
            with self.subTest(name):
                self.machine.define_tree(name, tree, profile="minimal", union_mount_options=options)
                session = self.machine.begin(name)
                view = self.machine.ok("location", session)
                self.assertEqual(self.renamed(view, "srv/deep/deeper", "srv/deep/other"), wanted)
                self.assertEqual(self.renamed(view, "srv/deep", "moved"), wanted)
                self.machine.inside(session, "mkdir", "/srv/new")
                self.assertEqual(self.renamed(view, "srv/new", "srv/newer"), 0)  # one that was made inside
                self.assertEqual(self.renamed(view, "etc/hostname", "srv/hostname"), 0)  # and files
                self.machine.ok("end", session)
        self.assertEqual(testing.tree_checksum(tree), before)


class MountsWithin(UnusualTrees):
    """File systems that the host mounts in a tree."""

    def setUp(self):
        self.places = []

    def mounted(self, path):
        subprocess.run(["mount", "-t", "tmpfs", "within", path], check=True)
        self.places.append(path)

    def tearDown(self):
        self.machine.run("end", "--all")
        for path in reversed(self.places):
            subprocess.run(["umount", path], check=True)
        super().tearDown()

    def test_they_are_told(self):
        tree = self.tree("within")
        for path in ("srv/data", "srv/data/deeper", "opt"):
            path = os.path.join(tree, path)
            os.makedirs(path, exist_ok=True)
            self.mounted(path)
            os.mkdir(path + "/deeper")
        file = self.machine.define_tree("within", tree)
        words = "sessions do not see the host's mounts inside the tree: /srv/data, /opt; to use them, bind them in the profile's fstab"
        self.assertIn(f"{file}:1: {words} [notice]", self.machine.ok("check"))
        session = self.machine.begin("within")
        self.assertIn(words, self.notes(session))
        self.assertEqual(self.machine.inside(session, "ls", "/srv/data"), "")
        self.machine.ok("end", session)
        # What the profile brings is not missing.
        self.machine.define_tree("within", tree, **self.mounts("within", f"{tree}/srv/data /srv none rbind", f"{tree}/opt /opt none bind"))
        self.assertNotIn("sessions do not see", self.machine.ok("check"))
        session = self.machine.begin("within")
        self.assertNotIn("sessions do not see", self.notes(session))
        self.assertEqual(self.machine.inside(session, "ls", "-d", "/srv/deeper", "/opt/deeper"), "/opt/deeper\n/srv/deeper")
        self.machine.ok("end", session)

    def test_a_file_and_a_name_with_blanks(self):
        tree = self.tree("odd")
        given = os.path.join(self.machine.place, "odd-file")
        with open(given, "w") as file:
            file.write("given\n")
        self.addCleanup(os.unlink, given)
        os.mkdir(os.path.join(tree, "srv/with a blank"))
        self.mounted(os.path.join(tree, "srv/with a blank"))
        subprocess.run(["mount", "--bind", given, os.path.join(tree, "etc/hosts")], check=True)
        self.places.append(os.path.join(tree, "etc/hosts"))
        self.addCleanup(os.unlink, self.machine.define_tree("odd", tree))
        checked = self.machine.ok("check")
        self.assertIn("/srv/with a blank", checked)
        self.assertIn("/etc/hosts", checked)

    def test_a_plain_chroot_has_them(self):
        tree = self.tree("as-it-is")
        place = os.path.join(tree, "srv")
        self.mounted(place)
        os.mkdir(os.path.join(place, "inner"))
        self.mounted(os.path.join(place, "inner"))
        self.machine._write(os.path.join(place, "inner/file"), "there\n")
        self.addCleanup(os.unlink, self.machine.define("as-it-is", type="plain", directory=tree, users=OWNER))
        self.assertNotIn("sessions do not see", self.machine.ok("check"))
        self.assertEqual(self.machine.inside("as-it-is", "cat", "/srv/inner/file"), "there")

    def test_the_machine_itself(self):
        place = os.path.join(self.machine.place, "data")
        os.mkdir(place)
        self.addCleanup(os.rmdir, place)
        self.mounted(place)
        session = self.machine.begin("host")
        notes = self.notes(session)
        # Other tests may have mounts at this moment, in trees of their own.
        (lacking,) = re.findall("sessions do not see the host's mounts inside the tree: (.*);", notes)
        lacking = lacking.split(", ")
        self.assertIn(place, lacking)
        self.assertEqual([path for path in lacking if path.startswith(("/dev/", "/proc/", "/sys/", self.machine.runtime))], [])
        self.machine.ok("end", session)


class BadSettings(EndToEndTest):
    """A setting of the daemon's that is wrong does not keep clients from a daemon that runs."""

    @classmethod
    def prepare(cls):
        cls.machine.define_tree("small", testing.small_tree())

    def test_clients_use_what_they_can(self):
        with open(self.machine.settings_file) as file:
            before = file.read()
        self.addCleanup(self.machine._write, self.machine.settings_file, before)
        for line in ("log-level=loud", "sessions-per-user=many\nreserve-space=-1", "begins-at-once=0"):
            self.machine._write(self.machine.settings_file, before + line + "\n")
            self.assertEqual(self.machine.inside("small", "echo", "served"), "served")
            self.machine.ok("list")
            result = self.machine.run("check")
            self.assertEqual(result.status, 1)
            self.assertIn(line.partition("=")[0], result.out)
        self.machine._write(self.machine.settings_file, before + "bus=none\n")
        self.assert_refused(self.machine.run("list"), 125, "bus")


class OwnName(UnusualTrees):
    @classmethod
    def prepare(cls):
        cls.machine.define_tree("short", testing.small_tree(), hostname="buildbox", profile="minimal")
        cls.machine.define_tree("long", testing.small_tree(), hostname="buildbox.example.org", profile="default")
        cls.machine.define_tree("usual", testing.small_tree(), profile="default")

    def hosts(self, chroot):
        return self.machine.inside(chroot, "cat", "/etc/hosts").split("\n")

    def test_it_has_an_address(self):
        self.assertIn("127.0.1.1\tbuildbox", self.hosts("short"))
        self.assertIn("127.0.1.1\tbuildbox.example.org buildbox", self.hosts("long"))
        with open("/etc/hosts") as file:
            host = file.read().rstrip("\n").split("\n")
        self.assertEqual(self.hosts("long")[:-1], host)
        self.assertEqual(self.hosts("usual"), host)

    def test_once(self):
        tree = self.tree("told")
        with open(tree + "/etc/hosts", "w") as file:
            file.write("192.0.2.1 other buildbox # this one\n")
        self.machine.define_tree("told", tree, hostname="buildbox", profile="minimal")
        self.assertEqual(self.hosts("told"), ["192.0.2.1 other buildbox # this one"])
        session = self.machine.begin("long")
        self.machine.ok("recover", session)
        self.assertEqual(self.hosts(session), self.hosts("long"))
        self.machine.ok("end", session)


    def test_a_tree_without_the_file_and_one_whose_last_line_has_no_end(self):
        for name, text, wanted in (("none", None, ["127.0.0.1\tlocalhost", "127.0.1.1\tbuildbox"]),
                                   ("open", "192.0.2.1 other", ["192.0.2.1 other", "127.0.1.1\tbuildbox"])):
            tree = self.tree(name)
            os.unlink(tree + "/etc/hosts")
            if text is not None:
                with open(tree + "/etc/hosts", "w") as file:
                    file.write(text)
            self.machine.define_tree(name, tree, hostname="buildbox", profile="minimal")
            self.assertEqual(self.hosts(name), wanted)

    def test_a_link_to_elsewhere(self):
        tree = self.tree("linked-hosts")
        os.rename(tree + "/etc/hosts", tree + "/srv/hosts")
        os.symlink("../srv/hosts", tree + "/etc/hosts")
        before = testing.tree_checksum(tree)
        self.machine.define_tree("linked-hosts", tree, hostname="buildbox", profile="minimal")
        self.assertEqual(self.hosts("linked-hosts"), ["127.0.0.1 localhost", "127.0.1.1\tbuildbox"])
        self.assertEqual(testing.tree_checksum(tree), before)


del UnusualTrees  # it has no tests of its own


def acl(*entries):
    """The value of an attribute with an ACL: acl(5), linux/posix_acl_xattr.h."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", tag, bits, number) for tag, bits, number in entries)


class AccessControlLists(EndToEndTest):
    NONE = 0xffffffff
    WIDE = acl((1, 7, NONE), (2, 7, 12345), (4, 5, NONE), (16, 7, NONE), (32, 5, NONE))
    NARROW = acl((1, 7, NONE), (2, 5, 54321), (4, 5, NONE), (16, 5, NONE), (32, 5, NONE))
    ACLS = ("system.posix_acl_access", "system.posix_acl_default")

    @classmethod
    def prepare(cls):
        for folder in (cls.machine.state, os.path.join(cls.machine.place, "layers")):
            os.makedirs(folder, mode=0o755, exist_ok=True)
            try:
                os.setxattr(folder, "system.posix_acl_default", cls.WIDE)
            except OSError as error:
                raise unittest.SkipTest(f"this file system has no ACLs: {error}") from error

    def tearDown(self):
        self.assert_nothing_left()

    def acls(self, session, path=""):
        """Of a path of its tree: as the host sees it."""
        place = os.path.join(self.machine.ok("location", session), path)
        return {name: os.getxattr(place, name) for name in os.listxattr(place) if name in self.ACLS}

    def session_without(self, name, *paths):
        """The ACL of the state directory is nowhere in a session."""
        session = self.machine.begin(name, user=OWNER)
        self.machine.inside(session, "sh", "-c", "mkdir /var/tmp/made; echo x >/var/tmp/made/file", user=OWNER)
        found = {path: self.acls(session, path) for path in ("", "var/tmp", "var/tmp/made", "var/tmp/made/file", *paths)}
        self.machine.ok("end", session)
        self.assertEqual({path: acls for path, acls in found.items() if acls}, {})

    def test_default_acl_of_the_state_directory(self):
        self.machine.define_tree("plain", testing.small_tree(), users=OWNER, profile="default")
        self.session_without("plain", "etc", "etc/passwd")

    def test_default_acl_of_an_overlay_directory(self):
        self.machine.define_tree("elsewhere", testing.small_tree(), users=OWNER, profile="minimal",
                                 union_overlay_directory=os.path.join(self.machine.place, "layers"))
        self.session_without("elsewhere")

    def test_default_acl_and_an_unpacked_tree(self):
        tarball = os.path.join(self.machine.place, "tree.tar")
        subprocess.run(["tar", "-C", testing.small_tree(), "-cf", tarball, "."], check=True)
        self.addCleanup(os.remove, tarball)
        self.machine.define("unpacked", f"[unpacked]\ntype=file\nfile={tarball}\nunion-type=overlay\nusers={OWNER}\nprofile=minimal\n")
        self.session_without("unpacked", "etc", "etc/passwd", "usr/bin")

    def test_default_acl_in_an_image_and_after_a_recovery(self):
        self.machine.define_tree("in-image", testing.small_tree(), users=OWNER, profile="default", union_backing="image", union_size="64M")
        self.session_without("in-image", "etc", "etc/passwd")
        self.machine.define_tree("again", testing.small_tree(), users=OWNER, profile="default")
        session = self.machine.begin("again", user=OWNER)
        self.machine.stop_daemon()
        self.machine.lose_mounts(session)
        self.machine.start_daemon()
        self.assertTrue(testing.wait_until(lambda: json.loads(self.machine.ok("info", "--json", session))["state"] == "active"))
        self.machine.inside("session:" + session, "sh", "-c", "mkdir /srv/made; echo x >/srv/made/file")
        self.assertEqual([self.acls(session, path) for path in ("", "srv", "srv/made", "srv/made/file")], [{}] * 4)
        self.machine.ok("end", session)

    def test_acl_and_attributes_of_the_tree(self):
        tree = os.path.join(self.machine.place, "with-acl")
        subprocess.run(["cp", "-aT", testing.small_tree(), tree], check=True)
        self.addCleanup(shutil.rmtree, tree)
        for name in self.ACLS:
            os.setxattr(tree, name, self.NARROW)
        os.setxattr(tree, "user.of-the-tree", b"yes")
        os.setxattr(tree, "trusted.overlay.opaque", b"n")
        for backing in ("directory", "image"):
            with self.subTest(backing=backing):
                self.machine.define_tree("with-acl", tree, users=OWNER, profile="minimal", union_backing=backing,
                                         **({"union_size": "64M"} if backing == "image" else {}))
                session = self.machine.begin("with-acl", user=OWNER)
                place = self.machine.ok("location", session)
                found = self.acls(session), "user.of-the-tree" in os.listxattr(place), os.stat(place).st_mode
                self.machine.ok("end", session)
                self.assertEqual(found, (dict.fromkeys(self.ACLS, self.NARROW), True, os.stat(tree).st_mode))


if __name__ == "__main__":
    testing.main()
