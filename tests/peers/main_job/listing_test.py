"""What list and info say of definitions: every key that counts, those that cannot be used, and what one may use oneself."""

import json
import os

import unionroot_testing as testing
from unionroot_testing import EndToEndTest

OTHER = "games"

# What is set in a definition, and what info --json has then.
KEYS = {"union-size": "5G", "hostname": "given", "on-boot": "end", "on-shutdown": "end", "dev": "host", "nss": "copy",
        "resolv-conf": "none", "network": "none", "no-new-privileges": "yes", "cgroup": "own", "union-volatile": "no",
        "working-directory": "/tmp", "shell": "/bin/sh", "host-view": "all", "host-view-access": "all", "union-backing": "tmpfs",
        "message-verbosity": "quiet", "personality": "linux"}


class Listing(EndToEndTest):
    @classmethod
    def prepare(cls):
        machine = cls.machine
        machine.define_tree("all-keys", testing.small_tree(), **{key.replace("-", "_"): value for key, value in KEYS.items()})
        machine.define_tree("usual", testing.small_tree())
        machine.define_tree("not-theirs", testing.small_tree(), users="nobody", source_users=OTHER)
        machine.define_tree("theirs", testing.small_tree(), users=OTHER)
        machine.define_tree("of-their-group", testing.small_tree(), users="", groups=OTHER)
        machine.define("image", text="[image]\ntype=oci\ndirectory=/nowhere\nreference=v1\nunpack-limit=2G\n")
        machine.define("disk", text="[disk]\ntype=image\nfile=/nowhere.img\npartition=2\nunion-backing=image\nunion-size=300M\nunion-filesystem=xfs\n")
        machine.define("wrong", text="[wrong]\ntype=directory\ndirectory=/srv\nnss=mege\n[right]\ntype=directory\ndirectory=/srv\nunion-type=overlay\n")
        machine.define("typeless", text="[typeless]\ndirectory=relative\n")
        with open(machine.define("refused", text="[refused]\ntype=directory\ndirectory=/srv\n"), "a") as file:
            os.fchmod(file.fileno(), 0o666)

    def tearDown(self):
        self.assert_nothing_left()

    def info(self, name, **options):
        return json.loads(self.machine.ok("info", "--json", name, **options))

    def test_info_has_every_key_that_counts(self):
        info = self.info("all-keys")
        said = {key: info.get(key) for key in KEYS}
        self.assertEqual(said, {**KEYS, "union-size": str(5 << 30)})
        text = self.machine.ok("info", "all-keys")
        for line in (r"Host name: +given", r"On boot: +end", r"On shutdown: +end", r"Devices: +host", r"Accounts: +copy", r"resolv.conf: +none",
                     r"Network: +none", r"No new privileges: +yes", r"Control group: +own", r"Union volatile: +no"):
            self.assertRegex(text, rf"(?m)^{line}$")
        usual = self.info("usual")
        self.assertEqual({key: usual[key] for key in ("dev", "nss", "resolv-conf", "hostname", "on-boot", "on-shutdown", "cgroup", "union-volatile",
                                                      "no-new-privileges", "hook-directories")},
                         {"dev": "private", "nss": "merge", "resolv-conf": "follow", "hostname": "", "on-boot": "recover", "on-shutdown": "leave",
                          "cgroup": "caller", "union-volatile": "auto", "no-new-privileges": "auto", "hook-directories": []})
        self.assertNotIn("union-size", usual)
        image = self.info("image")
        self.assertEqual((image["reference"], image["unpack-limit"]), ("v1", 2 << 30))
        disk = self.info("disk")
        self.assertEqual((disk["partition"], disk["union-filesystem"], disk["union-size"]), (2, "xfs", str(300 << 20)))
        self.assertNotIn("union-device", disk)
        session = self.machine.begin("usual")
        self.assertEqual(self.info(session)["on-boot"], "recover")
        self.machine.ok("end", session)

    def test_list_shows_what_is_broken_with_the_reason(self):
        lists = json.loads(self.machine.ok("list", "--json"))
        broken = {one["name"]: one for one in lists["broken"]}
        self.assertEqual(set(broken), {"wrong", "typeless", ""})
        self.assertRegex(broken["wrong"]["file"], r"/wrong\.conf:4$")
        self.assertIn("'mege'", broken["wrong"]["error"])
        self.assertRegex(broken[""]["file"], r"/refused\.conf$")
        self.assertIn("right", {one["name"] for one in lists["chroots"]})
        self.assertNotIn("wrong", {one["name"] for one in lists["chroots"]})
        table = self.machine.ok("list", "--chroots")
        self.assertRegex(table, r"(?m)^wrong +broken +- +- +\S*/wrong\.conf:4: nss: 'mege'")
        self.assertRegex(table, r"(?m)^- +broken +- +- +\S*/refused\.conf: ")
        # Mended: it is read again by itself.
        path = self.machine.define("wrong", text="[wrong]\ntype=directory\ndirectory=/srv\nunion-type=overlay\n")
        self.assertTrue(testing.wait_until(lambda: "wrong" in {one["name"] for one in json.loads(self.machine.ok("list", "--json"))["chroots"]}))
        with open(path, "w") as file:
            file.write("[wrong]\ntype=directory\ndirectory=/srv\nnss=mege\n[right]\ntype=directory\ndirectory=/srv\nunion-type=overlay\n")
        self.assertTrue(testing.wait_until(lambda: len(json.loads(self.machine.ok("list", "--json"))["broken"]) == 3))

    def test_mine(self):
        mine = self.machine.begin("theirs", user=OTHER)
        others = self.machine.begin("not-theirs", user="nobody")
        lists = json.loads(self.machine.ok("list", "--mine", "--json", user=OTHER))
        self.assertEqual({one["name"] for one in lists["chroots"]}, {"not-theirs", "theirs", "of-their-group"})
        self.assertEqual([one["id"] for one in lists["sessions"]], [mine])
        self.assertEqual(lists["broken"], [])
        lists = json.loads(self.machine.ok("list", "-m", "--json", user="nobody"))
        self.assertLessEqual({"all-keys", "usual", "not-theirs"}, {one["name"] for one in lists["chroots"]})
        self.assertFalse({"host", "theirs", "image"} & {one["name"] for one in lists["chroots"]})
        self.assertEqual([one["id"] for one in lists["sessions"]], [others])
        everything = json.loads(self.machine.ok("list", "--mine", "--json"))
        self.assertIn("host", {one["name"] for one in everything["chroots"]})
        self.assertEqual(len(everything["sessions"]), 2)
        self.machine.ok("end", mine, others)


if __name__ == "__main__":
    testing.main()
