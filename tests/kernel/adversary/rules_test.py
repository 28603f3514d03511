"""Who may run a command as whom: every row of the table in unionrootd(8), times chroot, source, session and source session.

polkit does not run here: what needs authentication is refused, and says that. tests/peers/polkit has it running.
"""

import json
import os
import pwd
import shutil

import unionroot_testing as testing
from stranger import OWNER, STRANGER
from unionroot_testing import EndToEndTest, wait_until

ALLOWED, PASSWORD, REFUSED = "allowed", "needs authentication", "refused"

# By which list of the definition OWNER is named, and whom he may be: himself, root, another.
ROWS = {
    "users":       (ALLOWED, PASSWORD, PASSWORD),
    "groups":      (ALLOWED, PASSWORD, PASSWORD),
    "root-users":  (ALLOWED, ALLOWED, REFUSED),
    "root-groups": (ALLOWED, ALLOWED, REFUSED),
    "users root-groups": (ALLOWED, ALLOWED, PASSWORD),
    "none":        (REFUSED, REFUSED, REFUSED),
}
TARGETS = (OWNER, "root", STRANGER)
LISTS = ("users", "groups", "root-users", "root-groups")


class RulesTest(EndToEndTest):
    @classmethod
    def prepare(cls):
        cls.tree = os.path.join(cls.machine.place, "tree")  # source sessions write into it
        shutil.copytree(testing.small_tree(), cls.tree, symlinks=True)
        for row in ROWS:
            cls.define(row, row)

    @classmethod
    def define(cls, row, given):
        """Two definitions: in n-ROW the lists are those of the chroot, in s-ROW those of its source; the others name nobody."""
        group = "games"  # OWNER's own
        for kind, prefix, others in (("n-", "", "source-"), ("s-", "source-", "")):
            keys = {others + name: "nobody" if name.endswith("users") else "" for name in LISTS}
            for name in LISTS:
                entry = OWNER if name.endswith("users") else group
                keys[prefix + name] = entry if name in given.split() else ""
            keys.update(root_users=keys.pop("root-users"), type="directory", directory=cls.tree, union_type="overlay", profile="minimal",
                        description=given)
            cls.machine.define(cls.name(kind, row), **keys)

    @staticmethod
    def name(kind, row):
        return kind + row.replace(" ", "-")

    def tearDown(self):
        self.machine.run("end", "--all")
        self.assert_nothing_left()

    def check(self, place, caller, target, expected):
        result = self.machine.run("run", "--user", target, "--directory", "/", place, "--", "id", "-u", user=caller)
        with self.subTest(place=place, caller=caller or "root", target=target):
            if expected == ALLOWED:
                self.assertEqual((result.status, result.out), (0, f"{pwd.getpwnam(target).pw_uid}\n"), repr(result))
            elif expected == PASSWORD:
                self.assert_refused(result, 125, f"to be {target} needs authentication", "polkit, which could permit it, is not running")
            else:
                self.assert_refused(result, 125, "none of its lists names them" if target == caller else f"no list of it lets them be {target}")
        type(self).checked += 1

    checked = 0

    def check_row(self, place, row):
        for target, expected in zip(TARGETS, ROWS[row]):
            self.check(place, OWNER, target, expected)
            self.check(place, None, target, ALLOWED)  # root, unlisted

    def test_chroots(self):
        for row in ROWS:
            self.check_row(self.name("n-", row), row)
            # The lists of the source are none of the chroot's.
            self.check(self.name("s-", row), OWNER, OWNER, REFUSED)

    def test_sources(self):
        for row in ROWS:
            self.check_row("source:" + self.name("s-", row), row)
            self.check("source:" + self.name("n-", row), OWNER, OWNER, REFUSED)

    def in_sessions(self, kind, space):
        for row in ROWS:
            name = self.name(kind, row)
            if row == "none":  # who begins it is named by a list then
                self.redefine(row, "users")
            session = self.machine.begin(space + name, user=OWNER)
            if row == "none":
                self.redefine(row, row)
            self.check_row("session:" + session, row)
            self.machine.ok("end", session)

    def redefine(self, row, given):
        self.define(row, given)
        for kind in ("n-", "s-"):
            name = self.name(kind, row)
            self.assertTrue(wait_until(lambda: json.loads(self.machine.ok("info", name, "--json"))["description"] == given))

    def test_sessions(self):
        self.in_sessions("n-", "")

    def test_source_sessions(self):
        self.in_sessions("s-", "source:")

    def test_lists_need_no_permission(self):
        name = self.name("n-", "none")
        self.assertIn(name, self.machine.ok("list", "--chroots", user=OWNER))
        self.assertEqual(json.loads(self.machine.ok("info", name, "--json", user=OWNER))["name"], name)

    @classmethod
    def tearDownClass(cls):
        print(f"{cls.checked} answers compared with the table", flush=True)
        super().tearDownClass()


if __name__ == "__main__":
    testing.main()
