"""unionroot prune: what belongs to no session is listed, and goes on root's word alone."""

import json
import os
import signal
import sys

for folder in ("recovery", "sources_image", "sources_archive"):
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, folder))

import archives  # noqa: E402
import disks  # noqa: E402
import unionroot_testing as testing  # noqa: E402
from pretending import PretendingTest  # noqa: E402
from recovery_testing import RecoveryTest  # noqa: E402


class Losing:
    """Tests that lose the records of sessions."""

    def lose(self, *sessions):
        """The sessions are in no database any more, and the machine has restarted."""
        machine = self.machine
        machine.end_daemon(signal.SIGKILL)
        machine.simulate_reboot("another-" + os.urandom(4).hex())
        for session in sessions:
            for table, column in (("stages", "session"), ("runs", "session"), ("sessions", "id")):
                machine.database(f"delete from {table} where {column} = ?", session)
        machine.start_daemon()

    def listed(self, *options):
        return json.loads(self.machine.ok("prune", "--json", *options))

    def names(self, *options):
        return [each["name"] for each in self.listed(*options)]


class Files(Losing, RecoveryTest):
    @classmethod
    def prepare(cls):
        machine = cls.machine
        cls.tree = testing.small_tree()
        cls.overlays = os.path.join(machine.place, "overlays")
        os.mkdir(cls.overlays, 0o755)
        machine.define("own", f"[own]\ntype=directory\nunion-type=overlay\ndirectory={cls.tree}\nprofile=minimal\nusers=nobody\n")
        machine.define("elsewhere", f"[elsewhere]\ntype=directory\nunion-type=overlay\ndirectory={cls.tree}\nprofile=minimal\n"
                                    f"union-overlay-directory={cls.overlays}\n")
        cls.tarballs = []
        for name in ("ball", "other-ball"):
            cls.tarballs.append(os.path.join(machine.place, name + ".tar.gz"))
            archives.tar(cls.tree, cls.tarballs[-1])
        cls.define_ball("ball", cls.tarballs[0])

    @classmethod
    def define_ball(cls, name, path):
        cls.machine.define(name, f"[{name}]\ntype=file\nfile={path}\nprofile=minimal\n")

    def tearDown(self):
        machine = self.machine
        machine.run("end", "--all", "--force")
        machine.run("prune", "--all")
        self.assertEqual(self.names(), [])
        self.assertEqual(machine.leftovers(), [], machine.log())

    def cached(self):
        folder = os.path.join(self.machine.state, "cache")
        return [os.path.join(folder, name) for name in os.listdir(folder) if not name.endswith(".lock")]

    def test_nothing(self):
        self.assertEqual(self.machine.ok("prune"), "")
        self.assertEqual(self.listed(), [])
        self.assertEqual(self.machine.ok("prune", "--all"), "")

    def test_orphans_of_both_places(self):
        machine = self.machine
        for chroot in ("own", "elsewhere"):
            machine.begin(chroot, name="of-" + chroot)
            machine.inside("of-" + chroot, "sh", "-c", f"echo {'x' * 60000} > /srv/written")
        machine.begin("own", name="stays")
        self.lose("of-own", "of-elsewhere")
        listed = self.listed()
        self.assertEqual([each["kind"] for each in listed], ["orphan"] * 2)
        self.assertEqual({each["session"] for each in listed}, {"of-own", "of-elsewhere"})
        for each in listed:
            self.assertTrue(os.path.isdir(each["name"]), each)
            self.assertGreater(each["bytes"], 60000)
            self.assertGreater(each["created"], 0)
            self.assertFalse(each["at-least"])
        text = machine.ok("prune")
        for each in listed:
            self.assertIn(each["name"], text)
        mine, other = sorted(each["name"] for each in listed)
        self.assertTrue(mine.startswith(self.overlays + "/.unionroot-orphans/") or other.startswith(self.overlays), listed)

        machine.ok("prune", mine)
        self.assertFalse(os.path.exists(mine))
        self.assertTrue(os.path.isdir(other))
        self.assertEqual(self.names(), [other])
        machine.ok("prune", "--all")
        self.assertFalse(os.path.exists(other))
        self.assertEqual(machine.settled("stays"), "active", machine.info("stays").get("error"))
        machine.inside("stays", "true")

    def test_the_young_and_other_kinds_stay(self):
        machine = self.machine
        machine.begin("own", name="young")
        self.lose("young")
        (name,) = self.names()
        self.assertEqual(self.names("--older-than=1"), [])
        self.assertEqual(self.names("--older-than=0"), [name])
        self.assertEqual(self.names("--kind=volume"), [])
        machine.ok("prune", "--all", "--older-than=1")
        machine.ok("prune", "--all", "--kind=cache")
        self.assertEqual(self.names(), [name])

    def test_a_cache_goes_when_nobody_stands_on_it(self):
        machine = self.machine
        machine.begin("ball", name="user")
        (cache,) = self.cached()
        self.assertEqual(self.names(), [])
        refused = machine.run("prune", cache)
        self.assert_refused(refused, 125, "there is no leftover named " + cache)
        machine.ok("end", "user")
        (listed,) = self.listed()
        self.assertEqual((listed["kind"], listed["name"], listed["origin"]), ("cache", cache, self.tarballs[0]))
        machine.ok("prune", "--all", "--kind=cache")
        self.assertEqual(self.cached(), [])
        machine.begin("ball", name="again")  # it is unpacked anew
        machine.inside("again", "true")

    def test_a_cache_goes_with_its_definition(self):
        machine = self.machine
        self.define_ball("second", self.tarballs[1])
        for chroot in ("ball", "second"):
            machine.begin(chroot, name="of-" + chroot)
        machine.ok("end", "of-ball")
        kept = [path for path in self.cached() if open(path + "/origin").read() == self.tarballs[0]]
        self.assertEqual(len(self.cached()), 2)
        os.unlink(os.path.join(machine.configuration, "chroot.d", "second.conf"))
        machine.ok("begin", "--name", "waits", "own")
        self.assertEqual(len(self.cached()), 2)  # a session stands on it
        machine.ok("end", "of-second")
        # The next edit finds that nobody wants it.
        machine.define("edit", f"[edit]\ntype=directory\ndirectory={self.tree}\nprofile=minimal\n")
        self.assertTrue(testing.wait_until(lambda: self.cached() == kept), (self.cached(), kept))

    def test_a_broken_definition_costs_no_cache(self):
        machine = self.machine
        machine.begin("ball", name="user")
        machine.ok("end", "user")
        before = self.cached()
        machine.define("ball", f"[ball]\ntype=file\nfile={self.tarballs[0]}\nprofile=minimal\nunion-size=much\n")
        self.assertTrue(testing.wait_until(lambda: machine.run("begin", "ball").status != 0))
        self.assertEqual(self.cached(), before)
        self.define_ball("ball", self.tarballs[0])

    def test_others_may_not(self):
        machine = self.machine
        machine.begin("own", name="lost")
        self.lose("lost")
        (name,) = self.names()
        for arguments in (["prune"], ["prune", "--all"], ["prune", name]):
            refused = machine.run(*arguments, user="nobody")
            self.assert_refused(refused, 125, "is for root alone")
        self.assertEqual(self.names(), [name])

    def test_bad_input(self):
        machine = self.machine
        for arguments, message in ((["--all", "x"], "names or --all"), (["--json", "--all"], "--json"),
                                   (["--older-than=much"], "--older-than"), (["--kind=dust"], "--kind"),
                                   (["--kind=cache", "x"], "not for names"), (["--older-than=-1"], "--older-than")):
            with self.subTest(arguments):
                self.assert_refused(machine.run("prune", *arguments), 125, message)
        self.assert_refused(machine.run("prune", "/etc"), 125, "there is no leftover named /etc")
        self.assertTrue(os.path.isdir("/etc"))
        (folder,) = [machine.state + "/sessions/../orphans"]
        self.assert_refused(machine.run("prune", folder), 125, "there is no leftover named")


class Volumes(Losing, PretendingTest):
    def tearDown(self):
        self.machine.run("end", "--all", "--force")
        self.machine.put({})
        self.machine.run("prune", "--all")
        self.assertEqual(self.machine.leftovers(besides=[self.machine.device.device + " "]), [], self.machine.log())

    def test_a_volume_whose_session_is_lost(self):
        machine = self.machine
        machine.begin("lvm", name="lost")
        machine.begin("lvm", name="stays")
        self.lose("lost")
        self.assertEqual(machine.settled("stays"), "active", machine.info("stays").get("error"))
        volumes = self.listed("--kind=volume")
        self.assertEqual([(each["name"], each["session"], each["bytes"]) for each in volumes], [("shm/lost", "lost", 1 << 30)])
        self.assert_refused(machine.run("begin", "--name", "lost", "lvm"), 125, "already")
        self.assert_refused(machine.run("prune", "shm/stays"), 125, "there is no leftover named shm/stays")
        machine.ok("prune", "shm/lost")
        self.assertEqual(list(machine.things()), ["shm/stays"])
        machine.begin("lvm", name="lost")

    def test_what_is_anothers_is_not_listed(self):
        machine = self.machine
        machine.put({"shm/a": ["unionroot.owner.1.0123456789abcdef.5.a"], "shm/b": ["unionroot.session"], "shm/c": [],
                     "pool/base@unionroot-a": {"unionroot:owner": "1.0123456789abcdef.5.a"}})
        before = machine.things()
        self.assertEqual(self.names("--kind=volume") + self.names("--kind=dataset"), [])
        machine.ok("prune", "--all")
        self.assertEqual(machine.things(), before)

    def test_data_sets_go_before_their_snapshots(self):
        machine = self.machine
        owner = {"unionroot:owner": f"1.{machine.own_id()}.5.gone"}
        machine.put({"pool/base@unionroot-gone": owner, "pool/base/unionroot-gone": owner})
        self.assertEqual(self.names("--kind=dataset"), ["pool/base/unionroot-gone", "pool/base@unionroot-gone"])
        machine.ok("prune", "--all", "--kind=dataset")
        self.assertEqual(machine.things(), {})

    def test_programs_that_fail_hide_nothing_else(self):
        machine = self.machine
        machine.begin("lvm", name="lost")
        self.lose("lost")
        self.assertEqual(self.names("--kind=volume"), ["shm/lost"])
        machine._write(os.path.join(machine.fakes, "marks.json"), "broken")
        result = machine.run("prune")
        self.assertEqual(result.status, 125, repr(result))
        self.assertIn("looking for volumes", result.err)
        self.assertIn("orphan", result.out)  # its folder


class Subvolumes(Losing, RecoveryTest):
    @classmethod
    def prepare(cls):
        disks.require_filesystem("btrfs")
        machine = cls.machine
        image = os.path.join(machine.place, "pool.img")
        disks.make_file(image, 256 << 20)
        disks.command("mkfs.btrfs", "-q", image)
        cls.mounted = disks.Mounted(image, os.path.join(machine.place, "pool"), "-o", "loop")
        cls.pool = cls.mounted.folder
        cls.snapshots = os.path.join(cls.pool, "snapshots")
        os.mkdir(cls.snapshots, 0o755)
        disks.command("btrfs", "-q", "subvolume", "create", cls.pool + "/base")
        disks.fill(cls.pool + "/base", testing.small_tree())
        machine.define("snap", type="btrfs-snapshot", btrfs_source_subvolume=cls.pool + "/base",
                       btrfs_snapshot_directory=cls.snapshots)

    @classmethod
    def tearDownClass(cls):
        cls.machine.run("end", "--all", "--force")
        cls.machine.stop_daemon()
        cls.mounted.__exit__()
        super().tearDownClass()

    def tearDown(self):
        self.machine.run("end", "--all", "--force")
        self.assertEqual(self.machine.leftovers(besides=[self.pool, "pool.img"]), [], self.machine.log())

    def test_a_snapshot_whose_session_is_lost(self):
        machine = self.machine
        machine.begin("snap", name="lost")
        machine.begin("snap", name="stays")
        disks.command("btrfs", "-q", "subvolume", "create", self.snapshots + "/anothers")
        self.lose("lost")
        self.assertEqual(self.names("--kind=subvolume"), [self.snapshots + "/lost"])
        machine.ok("prune", self.snapshots + "/lost")
        self.assertEqual(sorted(os.listdir(self.snapshots)), ["anothers", "stays"])
        machine.ok("end", "stays")
        machine.ok("prune", "--all")
        self.assertEqual(os.listdir(self.snapshots), ["anothers"])
        disks.command("btrfs", "-q", "subvolume", "delete", self.snapshots + "/anothers")


if __name__ == "__main__":
    testing.main()
