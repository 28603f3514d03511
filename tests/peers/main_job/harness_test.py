"""The harness itself: a checksum that misses nothing, leftovers that are found, skips that are told."""

import contextlib
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import unittest

import inventory
import sweep_share
import unionroot_testing as testing


class ChecksumTest(unittest.TestCase):
    def setUp(self):
        self.tree = tempfile.mkdtemp(prefix="unionroot-checksum.", dir=testing.SCRATCH)
        self.addCleanup(shutil.rmtree, self.tree)
        self.file = os.path.join(self.tree, "file")
        with open(self.file, "w") as file:
            file.write("content")
        os.utime(self.file, ns=(1_000_000_000, 1_000_000_000))
        os.symlink("file", os.path.join(self.tree, "link"))
        os.mkdir(os.path.join(self.tree, "folder"))
        os.utime(self.tree, ns=(1_000_000_000, 1_000_000_000))
        self.before = testing.tree_checksum(self.tree)

    def assert_noticed(self):
        self.assertNotEqual(self.before, testing.tree_checksum(self.tree))

    def keep_times(self):
        os.utime(self.file, ns=(1_000_000_000, 1_000_000_000))
        os.utime(self.tree, ns=(1_000_000_000, 1_000_000_000))

    def test_is_stable(self):
        self.assertEqual(self.before, testing.tree_checksum(self.tree))

    def test_sees_content(self):
        with open(self.file, "w") as file:
            file.write("Content")
        self.keep_times()
        self.assert_noticed()

    def test_sees_mode(self):
        os.chmod(self.file, 0o4755)
        self.assert_noticed()

    def test_sees_time(self):
        os.utime(self.file, ns=(1_000_000_000, 1_000_000_001))
        self.assert_noticed()

    def test_sees_time_of_folder(self):
        os.utime(os.path.join(self.tree, "folder"), ns=(1, 1))
        self.assert_noticed()

    def test_sees_a_link_that_leads_elsewhere(self):
        os.unlink(os.path.join(self.tree, "link"))
        os.symlink("elsewhere", os.path.join(self.tree, "link"))
        self.keep_times()
        self.assert_noticed()

    def test_sees_a_new_name(self):
        with open(os.path.join(self.tree, "folder", "a\nb"), "w"):
            pass
        self.assert_noticed()

    def test_sees_hard_links(self):
        os.link(self.file, os.path.join(self.tree, "folder", "second"))
        self.keep_times()
        self.assert_noticed()

    def test_sees_attributes(self):
        try:
            os.setxattr(self.file, "user.mark", b"1")
        except OSError as error:
            self.skipTest(f"no extended attributes here: {error}")
        self.assert_noticed()

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_sees_owners(self):
        os.chown(self.file, 65534, 0)
        self.assert_noticed()

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_sees_device_numbers(self):
        node = os.path.join(self.tree, "folder", "node")
        os.mknod(node, 0o600 | 0o020000, os.makedev(1, 3))
        os.utime(node, ns=(1, 1))
        first = testing.tree_checksum(self.tree)
        os.unlink(node)
        os.mknod(node, 0o600 | 0o020000, os.makedev(1, 5))
        os.utime(node, ns=(1, 1))
        os.utime(os.path.dirname(node), ns=(1, 1))
        self.assertNotEqual(first, testing.tree_checksum(self.tree))

    def test_reads_no_socket_or_pipe(self):
        os.mkfifo(os.path.join(self.tree, "folder", "pipe"))
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(os.path.join(self.tree, "folder", "socket"))
            self.assert_noticed()


class LeftoverTest(unittest.TestCase):
    def test_orphans_are_found_and_reaped(self):
        testing.become_subreaper()
        started = subprocess.run(["sh", "-c", "sleep 60 >/dev/null & echo $!"], stdout=subprocess.PIPE, text=True)
        orphan = int(started.stdout)
        self.assertIn(orphan, testing.descendants(os.getpid()))
        os.kill(orphan, 9)
        self.assertTrue(testing.wait_until(lambda: orphan not in testing.descendants(os.getpid())))
        testing.reap_orphans(set())
        self.assertFalse(os.path.exists(f"/proc/{orphan}"))


class PlantedTest(unittest.TestCase):
    """Something is planted in each place that must be empty, and in places that the inventory does not list: all is found."""

    @classmethod
    def setUpClass(cls):
        machine = cls.machine = testing.Machine()
        try:
            machine.define_tree("small", testing.small_tree())
            machine.start()
            machine.ok("run", "--directory", "/", "small", "--", "true")
            cls.left_by_daemon = machine.leftovers()
            machine.stop_daemon()
        except BaseException:
            machine.close()
            raise

    @classmethod
    def tearDownClass(cls):
        problems = cls.machine.close()
        if problems:
            raise AssertionError("left behind:\n  " + "\n  ".join(problems))

    def look(self):
        return self.machine.leftovers(settle=0)

    def assert_found(self, *sentences):
        """These, and nothing else."""
        self.assertEqual(sorted(self.look()), sorted(sentences))

    @contextlib.contextmanager
    def planted(self, path, folder=False):
        """A file or folder, and what it lies in, for a while."""
        top = path
        while not os.path.isdir(os.path.dirname(top)):
            top = os.path.dirname(top)
        os.makedirs(path if folder else os.path.dirname(path), exist_ok=True)
        if not folder:
            with open(path, "w"):
                pass
        try:
            yield
        finally:
            if os.path.isdir(top):
                shutil.rmtree(top)
            elif os.path.exists(top):
                os.unlink(top)

    def make(self, path, folder=False):
        """Planted until the test has ended."""
        self.enterContext(self.planted(path, folder))

    def places(self, expected, below=""):
        """(path, expected) of every folder that the inventory describes, with names in the place of patterns."""
        yield below, expected
        for pattern, inside in expected.items():
            if isinstance(inside, dict):
                yield from self.places(inside, os.path.join(below, pattern.replace("*", "name")))

    def test_nothing_is_left_of_a_run(self):
        self.assertEqual(self.left_by_daemon, [])
        self.assert_found()

    def check_folders(self, directory, expected, kind):
        for folder, entries in list(self.places(expected)):
            strange = os.path.join(folder, "planted")
            if "*" in entries:
                continue  # any name is good there; what is in it is looked at below
            with self.subTest(strange), self.planted(os.path.join(directory, strange)):
                self.assert_found(f"{kind}: {strange}")
            for pattern, wanted in entries.items():
                name = os.path.join(folder, pattern.replace("*", "name"))
                path = os.path.join(directory, name)
                if os.path.exists(path):
                    continue
                with self.subTest(name + " of another kind"), self.planted(path, folder=wanted == inventory.FILE):
                    self.assertIn(f"{kind}: {name}", self.look())
                with self.subTest(name + " as it should be"), self.planted(path, folder=wanted != inventory.FILE):
                    self.assert_found()

    def test_files_in_the_state_directory(self):
        self.check_folders(self.machine.state, inventory.STATE, "state")

    def test_files_in_the_runtime_directory(self):
        self.check_folders(self.machine.runtime, inventory.RUNTIME, "runtime")

    def test_unknown_folders(self):
        self.make(os.path.join(self.machine.state, "session"), folder=True)
        self.make(os.path.join(self.machine.runtime, "namespaces"), folder=True)
        self.assert_found("state: session", "runtime: namespaces")

    def test_locks_and_users_of_the_cache(self):
        self.make(os.path.join(self.machine.state, "locks", "dir-1.session.s"))
        self.make(os.path.join(self.machine.state, "cache/file-1/users/s"))
        self.make(os.path.join(self.machine.state, "cache/tmp-1"), folder=True)
        self.assert_found("state: locks/dir-1.session.s", "state: cache/file-1/users/s", "state: cache/tmp-1")

    def test_layers_of_files_that_were_replaced(self):
        for name in ("small-1", "small-2", "small-3"):
            self.make(os.path.join(self.machine.state, "files", name, "upper"), folder=True)
        found = self.look()
        self.assertEqual(len(found), 1, found)
        self.assertIn("layers of files for small", found[0])

    def test_upper_layers_elsewhere(self):
        other = os.path.join(self.machine.place, "elsewhere")
        for name in (".unionroot-trash/a", ".unionroot-orphans/b", "not-ours"):
            self.make(os.path.join(other, name), folder=True)
        for name, daemon in (("session", inventory.daemon_id(self.machine.state)), ("theirs", "0123456789abcdef")):
            self.make(os.path.join(other, name), folder=True)
            os.setxattr(os.path.join(other, name), inventory.OWNER_MARK, f"1.{daemon}.5.{name}".encode())
        self.make(os.path.join(self.machine.state, "overlay-directories"))
        with open(os.path.join(self.machine.state, "overlay-directories"), "w") as file:
            file.write(other + "\n")
        self.assert_found(*(f"overlay directory: {other}/{name}" for name in (".unionroot-trash/a", ".unionroot-orphans/b", "session")))

    # The database

    def database(self):
        connection = sqlite3.connect(os.path.join(self.machine.state, "state.db"), isolation_level=None)
        self.addCleanup(connection.close)
        connection.execute("pragma ignore_check_constraints = on")
        return connection

    def plant_row(self, connection, table):
        columns = connection.execute(f'pragma table_info("{table}")').fetchall()
        values = [77 if kind == "INTEGER" else "planted" for _, _, kind, *_ in columns]
        connection.execute(f'insert into "{table}" values ({", ".join("?" * len(values))})', values)
        name = next(column[1] for column in columns if column[5])
        self.addCleanup(connection.execute, f'delete from "{table}" where "{name}" in (77, \'planted\')')

    def test_the_listed_tables_are_those_of_the_database(self):
        tables = self.database().execute("select name from sqlite_master where type = 'table'").fetchall()
        self.assertEqual({name for (name,) in tables}, set(inventory.TABLES))

    def test_rows(self):
        connection = self.database()
        for table, rule in inventory.TABLES.items():
            self.plant_row(connection, table)
        self.assert_found(*(f"database: 1 rows in {table}" for table, rule in inventory.TABLES.items() if rule == inventory.EMPTY))
        self.assertIn("database: 1 rows in sessions", self.look())

    def test_an_unknown_table(self):
        connection = self.database()
        connection.execute("create table session (id text)")
        self.addCleanup(connection.execute, "drop table session")
        self.assert_found("database: the table session is not listed in inventory.py")

    # Control groups

    def test_control_groups(self):
        with open(self.machine.log_file) as file:
            said = re.findall(r"control groups are in (/\S+)", file.read())
        if not said:
            self.skipTest("the daemon has no control groups here")
        group = os.path.join(said[0], "planted")
        os.makedirs(group)  # the daemon removed its own when it stopped
        try:
            self.assert_found("control group: " + group)
        finally:
            os.rmdir(group)
            os.rmdir(said[0])


SKIPPING = r"""
import sys, unittest
import skips

class Some(unittest.TestCase):
    def test_runs(self):
        pass

    @unittest.skip("for a\treason\nof two lines")
    def test_skips(self):
        pass

class None_(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise unittest.SkipTest("all of it")

    def test_never(self):
        pass

skips.main()
"""


class SkipTest(unittest.TestCase):
    """A program in Python tells what it skipped, and ends with 77 only if it skipped everything."""

    def run_tests(self, *arguments):
        folder = tempfile.mkdtemp(prefix="unionroot-skips.", dir=testing.SCRATCH)
        self.addCleanup(shutil.rmtree, folder)
        told = os.path.join(folder, "folder", "skips")
        environment = {**os.environ, "UNIONROOT_SKIPS": told, "PYTHONPATH": os.path.dirname(os.path.abspath(testing.__file__))}
        done = subprocess.run([sys.executable, "-B", "-", *arguments], input=SKIPPING, env=environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if not os.path.exists(told):
            return done.returncode, []
        with open(told) as file:
            return done.returncode, sorted(file.read().splitlines())

    def test_some(self):
        self.assertEqual(self.run_tests(), (0, ["None_\tall of it", "Some.test_skips\tfor a reason of two lines"]))

    def test_all(self):
        self.assertEqual(self.run_tests("None_"), (77, ["None_\tall of it"]))

    def test_none(self):
        self.assertEqual(self.run_tests("Some.test_runs"), (0, []))


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class CatchSkipTest(unittest.TestCase):
    """The same of programs in C++: run as nobody, they skip what needs root."""

    def run_as_nobody(self, name, *arguments):
        """(exit status, output, skipped test cases with their reasons)."""
        program = os.path.join(testing.BUILD, "tests", *name.split("_", 1), "test_" + name)
        folder = tempfile.mkdtemp(prefix="unionroot-skips.", dir=testing.SCRATCH)
        self.addCleanup(shutil.rmtree, folder)
        os.chown(folder, 65534, 65534)
        told = os.path.join(folder, "folder", "skips")
        try:
            done = subprocess.run([program, *arguments], env={**os.environ, "UNIONROOT_SKIPS": told}, text=True, cwd=folder,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, user=65534,
                                  group=65534, extra_groups=[])
        except PermissionError:
            self.skipTest("nobody may not execute the build tree")
        if not os.path.exists(told):
            return done.returncode, done.stdout, []
        with open(told) as file:
            return done.returncode, done.stdout, [line.rstrip("\n").split("\t") for line in file]

    def test_all(self):
        status, out, skips = self.run_as_nobody("kernel_disks")
        self.assertEqual(status, 77, out)
        self.assertGreater(len(skips), 3)
        for case, reason in skips:
            self.assertEqual(reason, "needs root for real mounts")
            self.assertIn(f"skipped: {case}: {reason}\n", out)

    def test_some(self):
        status, out, skips = self.run_as_nobody("unit_store", "a full disk is no_space*,an id can be taken once")
        self.assertEqual(status, 0, out)
        self.assertEqual([reason for _, reason in skips], ["needs root to mount a file system"])

    def test_none(self):
        status, out, skips = self.run_as_nobody("unit_fstab")
        self.assertEqual((status, skips), (0, []), out)


class ShareTest(unittest.TestCase):
    """The sweeps' share of the fault points changes with the seed; slices have all of them."""

    def setUp(self):
        for name in ("SEED", "SLICE", "STEP"):
            self.addCleanup(setattr, sweep_share, name, getattr(sweep_share, name))
        sweep_share.SLICE, sweep_share.STEP = None, 3
        self.points = range(1, 101)

    def of_seed(self, seed, times=1):
        sweep_share.SEED = str(seed)
        return list(sweep_share.share(self.points, "BeginSweep", times))

    def test_the_same_seed_has_the_same_points(self):
        self.assertEqual(self.of_seed("a"), self.of_seed("a"))
        self.assertIn(len(self.of_seed("a")), (33, 34))

    def test_commits_have_each_point_in_their_turn(self):
        for times in (1, 14):
            tried = set().union(*(self.of_seed(seed, times) for seed in range(600)))
            self.assertEqual(tried, set(self.points))

    def test_slices_are_the_whole(self):
        found = []
        for number in (1, 2, 3, 4):
            sweep_share.SLICE = (number, 4)
            found += sweep_share.share(self.points, "BeginSweep", 14)
        self.assertEqual(sorted(found), list(self.points))
        sweep_share.SLICE = (1, 1)
        self.assertEqual(list(sweep_share.share(self.points, "BeginSweep", 14)), list(self.points))

    def test_the_seed_is_the_commit(self):
        read = lambda **variables: subprocess.run(
            [sys.executable, "-B", "-c", "import sweep_share; print(sweep_share.SEED, sweep_share.command())"], text=True,
            stdout=subprocess.PIPE, check=True, env={"PATH": os.environ["PATH"], **variables},
            cwd=os.path.dirname(os.path.abspath(testing.__file__))).stdout
        self.assertIn("this UNIONROOT_SWEEP_SEED=this ", read(UNIONROOT_SWEEP_SEED="this"))
        root = sweep_share.ROOT
        if shutil.which("git") is None or not os.path.exists(os.path.join(root, ".git")):
            self.assertNotEqual(read(), read())
            return
        head = subprocess.run(["git", "-c", "safe.directory=*", "-C", root, "rev-parse", "HEAD"], stdout=subprocess.PIPE,
                              text=True, check=True).stdout.strip()
        self.assertTrue(read().startswith(head + " "), read())


if __name__ == "__main__":
    testing.main()
