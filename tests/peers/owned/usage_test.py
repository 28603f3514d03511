"""unionroot usage: how much the upper layers of sessions take, for their owners and for root."""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "sources_image"))

import disks  # noqa: E402
import unionroot_testing as testing  # noqa: E402

MIB = 1 << 20


class Usage(testing.EndToEndTest):
    @classmethod
    def prepare(cls):
        disks.require_loop()
        for name, more in {"small": {}, "other": {}, "memory": {"union_backing": "tmpfs", "union_size": "16M"},
                           "image": {"union_backing": "image", "union_size": "32M"}}.items():
            cls.machine.define_tree(name, testing.small_tree(), users="nobody,games", **more)

    def tearDown(self):
        self.machine.run("end", "--all", "--force")
        self.assert_nothing_left()

    def begun(self, chroot, mib, user="root"):
        session = self.machine.begin(chroot, user=user)
        self.machine.inside(session, "dd", "if=/dev/urandom", "of=/var/tmp/data", "bs=1M", f"count={mib}", user=user)
        return session

    def listed(self, *options, **others):
        return json.loads(self.machine.ok("usage", "--json", *options, **others))

    def rows(self, *options, **others):
        return [line.split() for line in self.machine.ok("usage", *options, **others).splitlines()]

    def assert_about(self, bytes_found, mib):
        self.assertGreaterEqual(bytes_found, mib * MIB)
        self.assertLess(bytes_found, mib * MIB + MIB)

    def test_nothing(self):
        self.assertEqual(self.machine.ok("usage"), "")
        self.assertEqual(self.machine.ok("usage", "--by=user"), "")
        self.assertEqual(self.listed(), [])

    def test_a_layer_in_a_folder(self):
        session = self.begun("small", 3)
        found, = self.listed()
        self.assertEqual((found["session"], found["chroot"], found["owner"]), (session, "small", "root"))
        self.assertFalse(found["at-least"])
        self.assertNotIn("limit", found)
        self.assert_about(found["bytes"], 3)
        files = found["files"]
        self.machine.inside(session, "sh", "-c", "for i in 1 2 3 4 5; do : >/var/tmp/$i; done; rm /var/tmp/data")
        found, = self.listed()
        self.assertEqual(found["files"], files + 4)
        self.assertLess(found["bytes"], MIB)

    def test_what_a_snapshot_has_frozen(self):
        session = self.begun("small", 3)
        self.machine.ok("snapshot", session)
        clone = self.machine.ok("clone", session)
        for found in self.listed():
            self.assertIn(found["session"], (session, clone))
            self.assert_about(found["bytes"], 3)

    def test_more_files_than_are_counted_elsewhere_are_counted(self):
        session = self.begun("small", 1)
        self.machine.inside(session, "sh", "-c", "cd /var/tmp; i=0; while [ $i -lt 210 ]; do mkdir $i; cd $i; "
                            "j=0; while [ $j -lt 100 ]; do : >$j; j=$((j+1)); done; cd ..; i=$((i+1)); done")
        found, = self.listed()
        self.assertFalse(found["at-least"])
        self.assertGreater(found["files"], 210 * 101)

    def test_a_layer_with_a_file_system_of_its_own(self):
        for chroot, limit in (("memory", 16), ("image", 32)):
            with self.subTest(chroot):
                session = self.begun(chroot, 3)
                found, = self.listed()
                self.assertEqual((found["session"], found["chroot"]), (session, chroot))
                self.assertGreaterEqual(found["bytes"], 3 * MIB)
                self.assertLessEqual(found["bytes"], 12 * MIB)  # an image has tables of its own
                self.assertLessEqual(found["limit"], limit * MIB)
                self.assertGreater(found["limit"], limit * MIB // 2)
                self.assertFalse(found["at-least"])
                self.machine.ok("end", session)

    def test_the_largest_first_and_sums(self):
        little = self.begun("small", 1, user="nobody")
        large = self.begun("other", 6, user="nobody")
        middle = self.begun("small", 3, user="games")
        heading, *rows = self.rows()
        self.assertEqual(heading, ["SIZE", "LIMIT", "FILES", "OWNER", "CHROOT", "SESSION"])
        self.assertEqual([row[-1] for row in rows], [large, middle, little])
        self.assertEqual(rows[0][-3:-1], ["nobody", "other"])
        by_user = self.listed("--by=user")
        self.assertEqual([(each["owner"], each["sessions"]) for each in by_user], [("nobody", 2), ("games", 1)])
        self.assert_about(by_user[0]["bytes"], 7)
        by_chroot = self.listed("--by", "chroot")
        self.assertEqual([(each["chroot"], each["sessions"]) for each in by_chroot], [("other", 1), ("small", 2)])
        heading, first, _ = self.rows("--by=user")
        self.assertEqual((heading[-1], first[-1]), ("OWNER", "nobody"))

    def test_others_are_roots_alone_to_see(self):
        own = self.begun("small", 1, user="nobody")
        self.begun("small", 1, user="games")
        self.begun("small", 1)
        self.assertEqual([each["session"] for each in self.listed(user="nobody")], [own])
        self.assertEqual([each["owner"] for each in self.listed("--by=user", user="nobody")], ["nobody"])
        self.assertEqual(len(self.listed()), 3)

    def test_a_failed_session_counts(self):
        session = self.begun("small", 2)
        self.machine.stop_daemon()
        self.machine.lose_mounts(session)
        os.rename(os.path.join(self.machine.state, "sessions", session, "work"),
                  os.path.join(self.machine.state, "sessions", session, "work.away"))
        self.machine.start_daemon()
        found, = self.listed()
        self.assertEqual(found["session"], session)
        self.assert_about(found["bytes"], 2)

    def test_wrong_words(self):
        self.assert_refused(self.machine.run("usage", "--by=size"), 125, "size")
        self.assert_refused(self.machine.run("usage", "small"), 125, "small")

    def test_without_a_daemon(self):
        self.machine.stop_daemon()
        refused = self.machine.run("usage")
        self.machine.start_daemon()
        self.assert_refused(refused, 125, "usage: unionrootd is not running")


if __name__ == "__main__":
    testing.main()
