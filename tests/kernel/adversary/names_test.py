"""A session's name takes no command that is meant for a chroot, or for the source of one, whichever was there first."""

import json
import os
import shutil

import stranger
import unionroot_testing as testing
from stranger import OWNER, STRANGER
from unionroot_testing import EndToEndTest, wait_until


class NamesTest(EndToEndTest):
    @classmethod
    def prepare(cls):
        cls.tree = os.path.join(cls.machine.place, "tree")  # source sessions write into it
        shutil.copytree(testing.small_tree(), cls.tree, symlinks=True)
        cls.addClassCleanup(shutil.rmtree, cls.tree, ignore_errors=True)
        cls.define("small", aliases="tiny")
        cls.machine.define("broken", text="[broken]\ntype=nothing that is known\naliases=cracked\n")

    @classmethod
    def define(cls, name, **keys):
        tree = testing.small_tree() if name == "small" else cls.tree
        path = cls.machine.define_tree(name, tree, users=f"{OWNER},{STRANGER}", **keys)
        if cls.machine.daemon is not None and not wait_until(lambda: cls.kind(name) == "chroot"):
            raise AssertionError(cls.machine.log())
        return path

    @classmethod
    def kind(cls, name, **options):
        result = cls.machine.run("info", name, "--json", **options)
        return json.loads(result.out)["kind"] if result.status == 0 else None

    def tearDown(self):
        self.machine.run("end", "--all", "--force")
        self.assert_nothing_left()

    def test_names_that_mean_a_chroot_are_refused(self):
        for name in ("small", "tiny", "small-source", "tiny-source", "broken", "broken-source", "host", "host-source"):
            with self.subTest(name):
                self.assert_refused(self.machine.run("begin", "--name", name, "small", user=STRANGER), 125, "cannot be named", name)
        program = """
for name in sys.argv[1:]:
    try:
        manager.Begin("small", options(name=name), signature="sa{sv}")
        say("begun")
    except dbus.DBusException as error:
        say(error.get_dbus_name())
"""
        names = ["small-source", "tiny-source", "session:small-source", "chroot:small", "source:small", "small-source\n", "small/source"]
        status, out, err = stranger.run(self.machine, STRANGER, program, *names)
        self.assertEqual((status, out.split()), (0, ["org.unionroot1.Error.InvalidArgument"] * len(names)), err)

    def test_names_near_those_are_free(self):
        for name in ("small-source-source", "smallsource", "source", "small-Source"):
            with self.subTest(name):
                self.assertEqual(self.machine.begin("small", name=name, user=STRANGER), name)
                self.assertEqual(self.kind(name), "session")
                self.machine.ok("end", name, user=STRANGER)

    def later(self, added):
        """A stranger's sessions have the names before `added` defines a chroot of that name."""
        for name in ("later", "later-source"):
            self.machine.begin("small", name=name, user=STRANGER)
            self.machine.inside("session:" + name, "sh", "-c", "echo stranger >/tmp/whose", user=STRANGER)
            self.assertEqual(self.kind(name), "session")
        added()
        self.assertTrue(wait_until(lambda: self.kind("later") == "chroot"), self.machine.log())
        # Bare names mean the chroot and its source, whatever asks.
        self.assertEqual(self.kind("later-source"), "source")
        for name in ("later", "chroot:later", "later-source", "source:later"):
            self.assertEqual(self.machine.inside(name, "sh", "-c", "cat /tmp/whose 2>/dev/null; echo mine"), "mine", name)
            begun = self.machine.begin(name)
            self.assertEqual(self.machine.inside("session:" + begun, "sh", "-c", "cat /tmp/whose 2>/dev/null; echo mine"), "mine")
            self.machine.ok("end", begun)
        self.machine.inside("later-source", "touch", "/srv/by-root")
        self.assertTrue(os.path.exists(self.tree + "/srv/by-root"))
        os.unlink(self.tree + "/srv/by-root")
        # The sessions are there still, by their own name, for whom they belong to.
        for name in ("later", "later-source"):
            self.assertEqual(self.kind("session:" + name), "session")
            self.assertEqual(self.machine.inside("session:" + name, "cat", "/tmp/whose", user=STRANGER), "stranger")
            self.assertNotEqual(self.machine.run("run", "--directory", "/", "session:" + name, "--", "true", user=OWNER).status, 0)
            self.machine.ok("end", "session:" + name, user=STRANGER)

    def test_a_chroot_that_is_defined_later(self):
        made = []
        self.later(lambda: made.append(self.define("later")))
        os.unlink(made[0])

    def test_an_alias_that_is_added_later(self):
        made = []
        self.later(lambda: made.append(self.define("another", aliases="later")))
        os.unlink(made[0])

    def test_a_chroot_that_is_not_defined_for_a_while(self):
        """While it is not, a stranger begins a session of its name: root's command does not go there."""
        for name in ("gone", "gone-source"):
            with self.subTest(name):
                path = self.define("gone")
                os.unlink(path)
                self.assertTrue(wait_until(lambda: self.machine.run("info", "gone").status != 0))
                self.machine.begin("small", name=name, user=STRANGER)
                for verb in (("run", "--directory", "/", name, "--", "true"), ("run", "--user", STRANGER, "--directory", "/", name, "--", "true")):
                    self.assert_refused(self.machine.run(*verb), 125, name, STRANGER, "session:" + name)
                self.machine.inside("session:" + name, "true")
                # Whoever owns it means his own.
                self.machine.inside(name, "true", user=STRANGER)
                self.machine.ok("end", name, user=STRANGER)


if __name__ == "__main__":
    testing.main()
