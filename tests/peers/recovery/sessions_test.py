"""What a failed begin takes away, what holds a session at rest, and which rows a run leaves in the database."""

import ctypes
import os
import select
import struct
import subprocess
import threading

import database_copy
import unionroot_testing as testing
from unionroot_testing import wait_until
from recovery_testing import RecoveryTest


class FailedBegin(RecoveryTest):
    """A begin that fails takes away what it made, and nothing that was there before."""

    def test_a_session_file_that_was_there_stays(self):
        machine = self.machine
        machine.define_tree("tmpfs", self.tree, union_backing="tmpfs")
        machine.define_tree("missing", os.path.join(machine.place, "no-tree"))
        folder = os.path.join(machine.state, "sessions", "kept")
        os.makedirs(folder, mode=0o700)
        path = os.path.join(folder, "session.json")
        text = "of a session that somebody wants back"
        with open(path, "w") as file:
            file.write(text)
        try:
            for chroot in ("missing", "tmpfs", "small"):
                with self.subTest(chroot):
                    refused = machine.run("begin", "--name", "kept", chroot)
                    self.assertTrue(os.path.exists(path), repr(refused))
                    with open(path) as file:
                        self.assertEqual(file.read(), text)
                    self.assertEqual(refused.status, 125, repr(refused))
                    self.assertIn("there is a session file " + path, refused.err)
                    self.assertIn("sets that folder aside as an orphan", refused.err)
        finally:
            subprocess.run(["rm", "-rf", folder], check=True)

    def test_what_becomes_of_another_daemons_session_file(self):
        machine = self.machine
        others = os.path.join(machine.place, "others")
        os.makedirs(os.path.join(others, "kept"))
        machine.define_tree("beside", self.tree, union_overlay_directory=others)
        path = os.path.join(others, "kept", "session.json")
        with open(path, "w") as file:
            file.write("of another daemon")
        refused = machine.run("begin", "--name", "kept", "beside")
        self.assertEqual(refused.status, 125, repr(refused))
        self.assertIn("there is a session file " + path, refused.err)
        self.assertIn("is not this daemon's, which leaves it as it is", refused.err)
        machine.restart()
        self.assertTrue(os.path.exists(path))


class AtRest(RecoveryTest):
    """No descriptor of the daemon stays on a session's tree: an end unmounts it, and lsof does not name the daemon."""

    def descriptors_on(self, device):
        folder = f"/proc/{self.machine.daemon.pid}/fd"
        found = []
        for name in os.listdir(folder):
            try:
                if os.stat(f"{folder}/{name}").st_dev == device:
                    found.append(os.readlink(f"{folder}/{name}"))
            except FileNotFoundError:
                continue
        return found

    def assert_at_rest(self, session):
        device = os.stat(self.machine.ok("location", session).strip()).st_dev
        self.assertNotEqual(device, os.stat(self.tree).st_dev)
        # An operation lets go of the root right after it has answered.
        self.assertTrue(wait_until(lambda: self.descriptors_on(device) == [], 3), self.descriptors_on(device))

    def test_after_each_operation(self):
        self.machine.define_tree("tmpfs", self.tree, union_backing="tmpfs", union_size="10M")
        for chroot in ("small", "tmpfs"):
            with self.subTest(chroot):
                session = self.machine.begin(chroot)
                try:
                    self.assert_at_rest(session)
                    client = self.client("run", "--directory", "/", session, "--", "sh", "-c", "echo up; read line",
                                         stdout=subprocess.PIPE)
                    self.line(client, "up")
                    self.assert_at_rest(session)
                    self.machine.info(session)
                    self.assert_at_rest(session)
                    client.stdin.close()
                    client.wait()
                    self.assert_at_rest(session)
                    self.machine.restart()
                    self.assert_at_rest(session)
                finally:
                    self.machine.ok("end", session)

    def test_the_size_is_known(self):
        self.machine.define_tree("tmpfs", self.tree, union_backing="tmpfs", union_size="10M")
        session = self.machine.begin("tmpfs")
        self.assertEqual(self.machine.info(session)["upper-size"], 10 << 20)
        self.machine.inside(session, "dd", "if=/dev/zero", "of=/file", "bs=1M", "count=4")
        self.assertGreaterEqual(self.machine.info(session)["upper-used"], 4 << 20)
        self.machine.ok("end", session)


class Rows(RecoveryTest):
    def rows(self):
        with database_copy.opened(os.path.join(self.machine.state, "state.db")) as connection:
            return sorted(row[0] for row in connection.execute("SELECT command FROM runs"))

    def hold(self, point, on):
        path = os.path.join(self.faults, point)
        if on:
            with open(path, "w"):
                pass
        elif os.path.exists(path):
            os.unlink(path)

    def test_the_row_of_a_run_goes_with_it(self):
        """Also where another command is being started as the last one of an automatic session ends: the session stays."""
        point = "after spawning a supervisor"
        self.faults = os.path.join(self.machine.place, "faults")
        os.makedirs(self.faults, exist_ok=True)
        self.addCleanup(self.hold, point, False)
        self.machine.restart(environment={"UNIONROOT_FAULT_FOLDER": self.faults})
        self.addCleanup(self.machine.restart)
        runs = lambda: [run["command"] for session in self.machine.by_id() for run in self.machine.info(session)["runs"]]

        first = self.client("run", "--directory", "/", "small", "--", "sh", "-c", "echo up; read line; : first",
                            stdout=subprocess.PIPE)
        self.line(first, "up")
        (session,) = self.machine.by_id()
        self.hold(point, True)
        before = self.supervisors()
        second = self.client("run", "--directory", "/", session, "--", "sh", "-c", "echo up; read line; : second",
                             stdout=subprocess.PIPE)
        self.assertTrue(wait_until(lambda: self.supervisors() > before))
        first.stdin.close()
        self.assertTrue(wait_until(lambda: runs() == []))  # it has ended, and its session is about to
        self.hold(point, False)
        self.line(second, "up")
        first.wait()
        self.assertEqual(runs(), ["sh -c echo up; read line; : second"])
        self.assertEqual(self.rows(), ["sh -c echo up; read line; : second"])
        second.stdin.close()
        second.wait()
        self.assertTrue(wait_until(lambda: self.machine.sessions() == []))
        self.assertEqual(self.rows(), [])

    def supervisors(self):
        daemon = self.machine.daemon.pid
        return sum(1 for parent, _, _ in testing.parents().values() if parent == daemon)


class SilentFileSystem:
    """A FUSE file system that answers nothing: who asks it for something cannot be killed until it is closed."""

    INIT = 26

    def __init__(self, place):
        self.place = place
        self.asked = threading.Event()
        self.stopping = False
        self.device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        libc = ctypes.CDLL(None, use_errno=True)
        options = f"fd={self.device},rootmode=40000,user_id=0,group_id=0".encode()
        if libc.mount(b"unionroot-test", place.encode(), b"fuse", 0, options) != 0:
            os.close(self.device)
            raise OSError(ctypes.get_errno(), "mounting a FUSE file system")
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self):
        while not self.stopping:
            if not select.select([self.device], [], [], 0.05)[0]:
                continue
            request = os.read(self.device, 1 << 20)
            _, code, unique = struct.unpack_from("=IIQ", request)
            if code != self.INIT:
                self.asked.set()
                continue
            answer = struct.pack("=IIIIHHII", 7, 31, 0, 0, 0, 0, 4096, 1).ljust(64, b"\0")
            os.write(self.device, struct.pack("=IiQ", 16 + len(answer), 0, unique) + answer)

    def close(self):
        if self.stopping:
            return
        self.stopping = True
        self.thread.join()
        os.close(self.device)
        subprocess.run(["umount", "--lazy", self.place], check=True)


class Undying(RecoveryTest):
    def test_processes_that_do_not_die_are_waited_for_once(self):
        if not os.path.exists("/dev/fuse"):
            self.skipTest("no /dev/fuse")
        place = os.path.join(self.machine.place, "silent")
        os.makedirs(place, exist_ok=True)
        log = os.path.join(self.machine.place, "points")
        self.machine.restart(environment={"UNIONROOT_FAULT_LOG": log})
        session = self.machine.begin("small")
        silent = SilentFileSystem(place)
        try:
            client = self.client("run", "--directory", "/", session, "--", "stat", f"/proc/{os.getpid()}/root{place}/file",
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.assertTrue(silent.asked.wait(testing.PATIENCE))
            with open(log, "w"):
                pass
            refused = self.machine.run("end", session)
            with open(log) as file:
                kills = [line for line in file.read().splitlines() if line.endswith(" cgroup.kill")]
            self.assertEqual(refused.status, 125, repr(refused))
            self.assertIn("these remain: ", refused.err)
            self.assertEqual(len(kills), 1, kills)
            self.assertEqual(self.machine.state_of(session), "failed")
        finally:
            silent.close()
        client.wait()
        self.machine.ok("end", session)
        self.machine.restart()


if __name__ == "__main__":
    testing.main()
