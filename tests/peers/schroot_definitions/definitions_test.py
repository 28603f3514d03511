"""schroot's configuration as it lies on machines: read by the daemon, by `check`, and carried over by `import`."""

import json
import os
import shutil
import subprocess
import unittest

import unionroot_testing as testing
from unionroot_testing import EndToEndTest

USER = "nobody"

# Each a kind of its own. {tree}: a tree; {etc}: schroot's folder. What is said of it, if anything is.
GOOD = {
    "plain": ("description=As it is\ntype=plain\ndirectory={tree}\nusers=nobody\n", ""),
    "untyped": ("directory={tree}\nusers=nobody\n", ""),
    "old-location": ("type=directory\nlocation={tree}\nusers=nobody\nprofile=minimal\n", "old name of 'directory'"),
    "overlay": ("type=directory\ndirectory={tree}\nunion-type=overlay\nusers=nobody\nroot-users=root\nprofile=site\n"
                "aliases=UNRELEASED,testing\ncommand-prefix=env\n", ""),
    "overlayfs": ("type=directory\ndirectory={tree}\nunion-type=overlayfs\nusers=nobody\nprofile=site\n", ""),
    "aufs": ("type=directory\ndirectory={tree}\nunion-type=aufs\nunion-mount-options=br:/a:/b=ro\nusers=nobody\nprofile=site\n",
             "an overlay is used"),
    "dotdot": ("type=directory\ndirectory={tree}/../{tree_name}\nunion-type=overlay\nusers=nobody\nprofile=../schroot/site\n", ""),
    "own-alias": ("type=directory\ndirectory={tree}\nunion-type=overlay\naliases=own-alias\nusers=nobody\nprofile=site\n", "own name"),
    "clash": ("type=directory\ndirectory={tree}\nunion-type=overlay\naliases=testing,overlay,free\nusers=nobody\nprofile=site\n",
              "the alias 'overlay' is the name of the chroot"),
    "obsolete": ("type=directory\ndirectory={tree}\nunion-type=overlay\nusers=nobody\nprofile=site\npriority=2\nactive=true\n"
                 "run-setup-scripts=true # because\nrun-exec-scripts=true\n", "'priority' is obsolete"),
    "keys": ("type=directory\ndirectory={tree}\nunion-type=overlay\nusers=nobody\nprofile=site\nuser-modifiable-keys=directory\n"
             "root_users=x\nsite.owner=them\nSite.x=y\ndescription[de]=Baum\n", "'directory' is not a key of user data"),
    "emptied": ("type=directory\ndirectory={tree}\nunion-type=overlay\nusers=nobody\nroot-users=\ngroups=\naliases=\ncommand-prefix=\n"
                "profile=site\nscript-config=\npersonality=\n", ""),
    "configured": ("type=directory\ndirectory={tree}\nunion-type=overlay\nusers=nobody\nprofile=configured\n", ""),
    "word": ("type=directory\ndirectory={tree}\nunion-type=overlay\nusers=nobody\nscript-config=script-word\n", "script-config is deprecated"),
    "deep": ("type=directory\ndirectory={tree}\nunion-type=overlay\nusers=nobody\nprofile=sub/deep\n", ""),
    "columns": ("type=directory\ndirectory={tree}\nunion-type=overlay\nusers=nobody\nprofile=columns\n", ""),
    "relative-fstab": ("type=directory\ndirectory={tree}\nunion-type=overlay\nusers=nobody\nprofile=minimal\nsetup.fstab=sub/../site/fstab\n", ""),
    "blanks": ("type = directory\ndirectory = {tree}   \nunion-type=overlay\nusers=nobody\nprofile=site\n", ""),
    "linked-profile": ("type=directory\ndirectory={tree}\nunion-type=overlay\nusers=nobody\nprofile=linked\n", ""),
    "L" + "o" * 209 + "ng": ("type=directory\ndirectory={tree}\nunion-type=overlay\nusers=nobody\nprofile=site\n", ""),
}

BAD = {
    "crlf": ("type=directory\r\ndirectory={tree}\r\n", "carriage return"),
    "setup": ("type=setup\ndirectory={tree}\n", "'setup' is not known"),
    "personality": ("type=directory\ndirectory={tree}\npersonality=linux128\n", "'linux128' is not known"),
    "twice": ("type=directory\ndirectory={tree}\nusers=a\nusers=b\n", "is given again"),
    "script": ("type=directory\ndirectory={tree}\nprofile=script\n", "script/config:2: 'case ${{CHROOT_NAME}} in *) x=1 ;; esac' is not an assignment"),
    "no-profile": ("type=directory\ndirectory={tree}\nprofile=nosuch\n", "there is no profile 'nosuch'"),
}


class DefinitionsTest(EndToEndTest):
    @classmethod
    def prepare(cls):
        machine = cls.machine
        cls.etc = os.path.join(machine.place, "schroot")
        cls.tree = os.path.join(machine.place, "tree")
        shutil.copytree(testing.small_tree(), cls.tree, symlinks=True)
        for folder in ("chroot.d", "site", "configured", "sub/deep", "columns", "script", "minimal", "real"):
            os.makedirs(os.path.join(cls.etc, folder))
        proc = "/proc /proc none rw,bind 0 0\n"
        cls.put("schroot.conf", "# no chroots here\n")
        for folder in ("site", "sub/deep", "minimal", "columns", "script", "real"):
            cls.put(folder + "/fstab", proc)
        cls.put("site/copyfiles", "# none\n")
        cls.put("site/nssdatabases", "passwd\ngroup\n")
        cls.put("configured/config", "ext='.rh'\nSETUP_FSTAB=\"configured/fstab${ext}\" # theirs\nSETUP_COPYFILES=columns/copyfiles\n")
        cls.put("configured/fstab.rh", proc)
        cls.put("script-word", f"# of the oldest schroot\nFSTAB=\"{cls.etc}/site/fstab\"\nCOPYFILES=\"{cls.etc}/site/copyfiles\"\n")
        cls.put("columns/copyfiles", "/etc/hosts /etc/hosts.host\n")
        cls.put("script/config", "A=1\ncase ${CHROOT_NAME} in *) x=1 ;; esac\n")
        os.symlink("real", os.path.join(cls.etc, "linked"))
        cls.put("real/copyfiles", "/etc/hosts /etc/hosts.host\n")
        for name, (text, _) in {**GOOD, **BAD}.items():
            cls.put("chroot.d/" + name, cls.section(name, text), 0o664)
        os.rename(os.path.join(cls.etc, "chroot.d/overlay"), os.path.join(cls.etc, "overlay.real"))
        os.symlink("../overlay.real", os.path.join(cls.etc, "chroot.d/overlay"))
        machine.settings["schroot-directory"] = cls.etc
        machine.settings["read-schroot"] = "yes"
        machine._write_settings()

    @classmethod
    def section(cls, name, text):
        return f"[{name}]\n" + text.format(tree=cls.tree, tree_name=os.path.basename(cls.tree), etc=cls.etc)

    @classmethod
    def put(cls, name, text, mode=0o644):
        path = os.path.join(cls.etc, name)
        with open(path, "w", newline="") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def listed(self):
        return {chroot["name"]: chroot for chroot in json.loads(self.machine.ok("list", "--chroots", "--json"))["chroots"]}

    def test_the_daemon_has_all_that_schroot_takes(self):
        chroots = self.listed()
        for name in GOOD:
            self.assertIn(name, chroots)
        for name in BAD:
            self.assertNotIn(name, chroots)
            self.assertIn("is defined, but its definition is broken", self.machine.run("info", name).err)

    def test_a_source_is_said(self):
        chroots = self.listed()
        for name, has in (("plain", False), ("old-location", False), ("overlay", True), ("aufs", True)):
            self.assertIs(chroots[name]["has-source"], has, name)
            self.assertIs(json.loads(self.machine.ok("info", name, "--json"))["has-source"], has, name)

    def test_check_says_what_the_daemon_would(self):
        for name, (_, says) in GOOD.items():
            with self.subTest(name):
                result = self.machine.run("check", "--json", os.path.join(self.etc, "chroot.d", name))
                problems = json.loads(result.out)["problems"]
                self.assertEqual([p["message"] for p in problems if p["severity"] == "error"], [])
                if says and name != "clash":
                    self.assertTrue(any(says in p["message"] for p in problems), problems)
                if not says:
                    self.assertEqual([p for p in problems if p["severity"] == "warning"], [])
        for name, (_, says) in BAD.items():
            with self.subTest(name):
                result = self.machine.run("check", os.path.join(self.etc, "chroot.d", name))
                self.assertEqual(result.status, 1)
                self.assertIn(says.format(), result.out)
                self.assertIn(f"chroot.d/{name}:", result.out)
        self.assertIn(GOOD["clash"][1], self.machine.run("check").out)

    def test_sessions_on_each(self):
        for name in GOOD:
            if name in ("plain", "untyped", "old-location"):
                continue  # without an overlay; what those do is shown elsewhere
            with self.subTest(name):
                result = self.machine.run("run", name, "--", "/bin/sh", "-c", "cat /etc/debian_chroot; test -e /etc/hosts.host && echo copied; true",
                                          user=USER)
                self.assertEqual(result.status, 0, repr(result))
                self.assertIn(name, result.out)
                self.assertEqual("copied" in result.out, name in ("configured", "columns", "linked-profile"), result.out)

    def test_an_edit_counts_for_the_next_call(self):
        path = self.put("chroot.d/later", self.section("later", GOOD["overlay"][0].replace("UNRELEASED,testing", "")))
        self.machine.ok("info", "later")
        os.unlink(path)
        self.assertEqual(self.machine.run("info", "later").status, 125)
        # Behind a link.
        real = self.put("kept", self.section("behind", GOOD["plain"][0]))
        link = os.path.join(self.etc, "chroot.d/behind")
        os.symlink("../kept", link)
        self.machine.ok("info", "behind")
        self.put("kept", self.section("other", GOOD["plain"][0]))
        self.machine.ok("info", "other")
        self.assertEqual(self.machine.run("info", "behind").status, 125)
        os.unlink(link)
        os.unlink(real)

    def test_ours_come_first(self):
        self.machine.define("word", self.section("word", "description=ours\n" + GOOD["plain"][0].split("\n", 1)[1]))
        self.assertEqual(json.loads(self.machine.ok("info", "word", "--json"))["description"], "ours")
        os.unlink(os.path.join(self.machine.configuration, "chroot.d/word.conf"))
        self.assertEqual(json.loads(self.machine.ok("info", "word", "--json"))["description"], "")

    def described(self, name):
        """What `info` says, without where it was read and what the profile is called."""
        info = json.loads(self.machine.ok("info", name, "--json"))
        for keys in (info, info["schroot-keys"]):
            for key in ("file", "profile", "script-config"):
                keys.pop(key, None)
        for kind in ("user-data", "schroot-keys"):
            info[kind] = {key: value for key, value in info[kind].items() if not key.startswith("setup.")}
        return info

    def test_import_means_the_same(self):
        folder = os.path.join(self.machine.place, "imported")
        result = self.machine.run("import", "--output", folder)
        self.assertEqual(result.status, 1, repr(result))  # the broken ones
        for name, (_, says) in BAD.items():
            self.assertIn(f"chroot.d/{name}:", result.err)
            self.assertFalse(os.path.exists(f"{folder}/chroot.d/{name}.conf"))
        before = {name: self.described(name) for name in GOOD}
        again = self.machine.run("import", "--output", folder)
        self.assertEqual(again.err.count("exists already, and was not changed"), len(result.err.split("wrote ")) - 1, again.err)
        # A daemon of its own, that knows nothing of schroot's folder.
        machine = self.machine
        aside = self.etc + ".aside"
        kept = dict(machine.settings)
        machine.stop_daemon()
        os.rename(self.etc, aside)
        try:
            machine.settings["config-directory"] = folder
            machine._write_settings()
            machine.start_daemon()
            self.assertEqual([p for p in json.loads(machine.run("check", "--json").out)["problems"] if p["severity"] == "error"], [])
            for name in GOOD:
                with self.subTest(name):
                    self.assertEqual(self.described(name), before[name])
            shown = machine.ok("run", "configured", "--", "/bin/sh", "-c", "test -e /etc/hosts.host && echo copied", user=USER)
            self.assertIn("copied", shown)
        finally:
            machine.stop_daemon()
            os.rename(aside, self.etc)
            machine.settings = kept
            machine._write_settings()
            machine.start_daemon()
        text = self.read(f"{folder}/chroot.d/obsolete.conf")
        self.assertIn("# Not carried: 'priority' is obsolete and has no effect; remove it\n#priority=2\n", text)
        self.assertIn(f"# From {self.etc}/chroot.d/obsolete:1\n[obsolete]\n", text)
        self.assertIn("union-type=overlay\n", self.read(f"{folder}/chroot.d/aufs.conf"))
        self.assertIn("directory=" + self.tree, self.read(f"{folder}/chroot.d/old-location.conf"))

    @staticmethod
    def read(path):
        with open(path) as file:
            return file.read()

    def test_import_to_the_standard_output(self):
        names = ("overlay", "word", "configured", "script")
        result = self.machine.run("import", *(os.path.join(self.etc, "chroot.d", name) for name in names))
        self.assertEqual(result.status, 1)
        self.assertIn("# Not carried:\n#   ", result.out)
        self.assertIn("#[script]\n#type=directory\n", result.out)
        self.assertIn(f"setup.fstab={self.etc}/configured/fstab.rh\n", result.out)
        path = os.path.join(self.machine.place, "one.conf")
        with open(path, "w") as file:
            file.write(result.out)
        checked = json.loads(self.machine.run("check", "--json", path).out)
        self.assertEqual(checked["problems"], [])
        self.assertEqual(checked["definitions"], 3)
        self.assertEqual(self.machine.run("import", os.path.join(self.etc, "nosuch")).status, 1)
        # Whoever may read the files may do it.
        self.assertEqual(self.machine.run("import", os.path.join(self.etc, "chroot.d/word"), user=USER).status, 0)
        with open("/dev/full", "w") as nowhere:
            full = subprocess.run([testing.client_path(), "--config", self.machine.settings_file, "import"], stdout=nowhere, stderr=subprocess.PIPE, check=False)
        self.assertEqual(full.returncode, 125)

    def test_the_sessions_of_a_real_schroot_are_listed(self):
        folder = os.path.join(self.machine.place, "real-schroot")
        settings = os.path.join(self.machine.place, "real.conf")
        with open(settings, "w") as file:
            file.write(f"[unionroot]\nschroot-state-directory={folder}\n")
        run = [testing.client_path(), "--config", settings, "import", "--sessions", "--dry-run"]

        def listed(*more):
            done = subprocess.run([*run, *more], capture_output=True, text=True, check=False)
            return done.returncode, done.stdout, done.stderr

        self.assertEqual(listed(), (0, "", "unionroot: schroot has no sessions\n"))
        os.makedirs(folder + "/session")
        section = "# a comment\n\n[{0}]\ntype=directory\noriginal-name=sid\nusers={1}\nroot-users={2}\nunion-type={3}\n{4}mount-location=/run/m\n"
        for name, text in {"job": section.format("job", "alice", "", "overlay", "union-overlay-directory=/over/job\n"),
                           "other": section.format("other", "", "bob", "none", ""),
                           "ours": "# A view of unionrootd's, with /run/unionroot/mount/\n[ours]\ntype=directory\n"}.items():
            with open(f"{folder}/session/{name}", "w") as file:
                file.write(text)
        status, out, err = listed()
        self.assertEqual((status, [line.split() for line in out.splitlines()[1:]]),
                         (0, [["job", "sid", "directory", "alice", "overlay", "/over/job"],
                              ["other", "sid", "directory", "bob", "none", "/run/m"]]), err)
        with open(f"{folder}/session/broken", "w") as file:
            file.write("nothing\n")
        status, out, err = listed()
        self.assertEqual((status, len(out.splitlines())), (1, 3))
        self.assertIn(f"{folder}/session/broken is not a session file of schroot; expected [broken]", err)
        self.assertEqual([line.split()[0] for line in listed("other")[1].splitlines()[1:]], ["other"])
        self.assertEqual(listed("--output", folder)[0], 125)


if __name__ == "__main__":
    unittest.main()
