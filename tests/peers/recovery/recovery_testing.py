"""What the recovery tests share: a machine whose daemon is killed and started again, and what must hold afterwards."""

import errno
import json
import os
import signal
import sqlite3
import subprocess
import time

import unionroot_testing as testing
from unionroot_testing import Machine, wait_until


class CrashMachine(Machine):
    """A Machine whose daemon may die at any moment."""

    def __init__(self, settings=None, environment=None):
        super().__init__(settings, environment)
        self.lines_seen = 0

    def popen(self, *arguments, environment=None, **options):
        # What the client says of locks depends on the boot as well.
        return super().popen(*arguments, environment={**self.environment, **(environment or {})}, **options)

    def start_daemon(self, environment=None, wait=True, **options):
        self._forget_dead_daemon()
        super().start_daemon(environment, wait, **options)

    def _forget_dead_daemon(self):
        if self.daemon is not None and self.daemon.poll() is not None:
            self.daemon = None

    def wait_ready(self, seconds=testing.PATIENCE):
        """Sooner than the parent's: sweeps start hundreds of daemons. False if the daemon died meanwhile."""
        process = self.daemon

        def ready():
            return process.poll() is not None or self.owns_the_name()

        if not wait_until(ready, seconds, 0.004):
            raise AssertionError(f"unionrootd is not ready after {seconds} s:\n{self.log()}")
        if process.poll() is not None:
            if process.returncode == -signal.SIGKILL:
                return False
            raise AssertionError(f"unionrootd ended with {process.returncode}:\n{self.log()}")
        return True

    def owns_the_name(self):
        return self.run("list", "--sessions").status == 0

    def restart(self, how=signal.SIGTERM, environment=None):
        """Another daemon in the place of this one."""
        self.end_daemon(how)
        self.start_daemon(environment)

    def end_daemon(self, how=signal.SIGTERM):
        status = self.stop_daemon(how)
        if how == signal.SIGTERM and status not in (0, None):
            raise AssertionError(f"unionrootd ended with {status}:\n{self.log()}")

    def wait_dead(self, seconds):
        """True if the daemon has died within that time."""
        return wait_until(lambda: self.daemon.poll() is not None, seconds, 0.002)

    # What is there

    def lock_files(self):
        folder = os.path.join(self.state, "locks")
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        return [name for name in names if not name.endswith(".manage")]

    def lock_text(self, name):
        with open(os.path.join(self.state, "locks", name)) as file:
            return dict(line.rstrip("\n").split("=", 1) for line in file if "=" in line)

    def by_id(self):
        return {session["id"]: session for session in self.sessions()}

    def info(self, name):
        return json.loads(self.ok("info", "--json", name))

    def state_of(self, session):
        found = self.by_id().get(session)
        return found["state"] if found else None

    def settled(self, session, seconds=testing.PATIENCE):
        """Waits until the session is neither beginning, ending nor recovering; its state, None if there is none."""
        wait_until(lambda: self.state_of(session) in (None, "active", "failed"), seconds)
        return self.state_of(session)

    def session_folder(self, session):
        return os.path.join(self.state, "sessions", session)

    def in_upper(self, session, path):
        return os.path.join(self.session_folder(session), "upper", path.lstrip("/"))

    def database(self, statement, *values):
        """Changes or reads the database, which no daemon may be using."""
        connection = sqlite3.connect(os.path.join(self.state, "state.db"), timeout=10)
        try:
            rows = connection.execute(statement, values).fetchall()
            connection.commit()
            return rows
        finally:
            connection.close()

    def log_since(self):
        """What the daemon has logged since this was last called."""
        with open(self.log_file, errors="replace") as file:
            file.seek(self.lines_seen)
            text = file.read()
            self.lines_seen = file.tell()
        return text

    def problems(self, settle=60.0):
        """leftovers(), where sessions and their parts are as they should be: none may be left."""
        return self.leftovers(settle)

    # A reboot, as far as it can be had without one

    def simulate_reboot(self, boot):
        """Everything that a restart of the machine would take with it, while no daemon runs."""
        if self.daemon is not None:
            raise AssertionError("the daemon runs")
        for pid in testing.descendants(os.getpid()):
            if pid not in self.children:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass

        def gone():
            testing.reap_orphans(set(self.children))
            return not [pid for pid in testing.descendants(os.getpid()) if pid not in self.children]

        if not wait_until(gone):
            raise AssertionError("processes that SIGKILL does not end: " + str(testing.descendants(os.getpid())))
        points = [p for p in testing.mount_points() if p.startswith(self.runtime + "/")]
        for point in sorted(points, key=len, reverse=True):
            if testing._libc.umount2(os.fsencode(point), 2 | 8) != 0:
                raise AssertionError("unmounting " + point)
        # A process leaves its group a moment after its parent heard that it ended.
        if not wait_until(self._groups_removed):
            raise AssertionError("control groups that cannot be removed: " + str(self.cgroups()))
        subprocess.run(["find", self.runtime, "-mindepth", "1", "-xdev", "-delete"], check=True)
        self.environment["UNIONROOT_BOOT_ID"] = boot

    def _groups_removed(self):
        for folder in [*self.cgroups().values(), *self.outside_cgroups()]:
            for path, _, _ in os.walk(folder, topdown=False):
                try:
                    os.rmdir(path)
                except OSError as error:
                    if error.errno != errno.EBUSY:
                        raise
        return not self.cgroups() and not self.outside_cgroups()

    def list_now(self):
        """The sessions as the very first answer of the daemon has them."""
        end = time.monotonic() + testing.PATIENCE
        while time.monotonic() < end:
            result = self.run("list", "--sessions", "--json")
            if result.status == 0:
                return {session["id"]: session for session in json.loads(result.out)["sessions"]}
            time.sleep(0.002)
        raise AssertionError("no answer:\n" + self.log())


class RecoveryTest(testing.EndToEndTest):
    """One machine for the class; after each test nothing may be left."""

    @classmethod
    def new_machine(cls):
        cls.tree = testing.small_tree()
        machine = CrashMachine()
        machine.define_tree("small", cls.tree)
        return machine

    def tearDown(self):
        machine = self.machine
        if machine.daemon is None or machine.daemon.poll() is not None:
            machine.start_daemon()
        left = machine.problems()
        if left:
            machine.run("end", "--all", "--force")
            self.fail("left behind:\n  " + "\n  ".join(left) + "\ndaemon's log:\n" + machine.log())

    def client(self, *arguments, **options):
        """A client in the background that reads its command's input from a pipe."""
        options.setdefault("stdin", subprocess.PIPE)
        process = self.machine.popen(*arguments, **options)
        process.runs = arguments[0] == "run"
        self.machine.children[process.pid] = "client"
        self.addCleanup(self.close_client, process)
        return process

    @staticmethod
    def has_control(process):
        """The client has the control socket of its command: the daemon's answer."""
        with open("/proc/net/unix") as file:
            sequenced = {fields[6] for fields in map(str.split, file) if fields[4] == "0005"}
        folder = f"/proc/{process.pid}/fd"
        try:
            links = [os.readlink(os.path.join(folder, name)) for name in os.listdir(folder)]
        except FileNotFoundError:
            return False
        return any(link.startswith("socket:[") and link[8:-1] in sequenced for link in links)

    def close_client(self, process):
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        if process.poll() is None:
            process.kill()
        process.wait()

    def line(self, process, expected):
        """The next line of its output."""
        self.assertEqual(process.stdout.readline().decode().rstrip("\n"), expected)
        # The command may be quicker than the daemon's answer, which a daemon that is killed now would never give.
        if process.runs and process.poll() is None:
            self.assertTrue(wait_until(lambda: self.has_control(process) or process.poll() is not None))

    def stop(self, how):
        self.machine.end_daemon(how)

    def only_locks_of(self, *sessions):
        # Beside its own a session has the lock of each supervisor that a former daemon has started, and that lives.
        def held():
            names = [name.partition(".session.")[2] for name in self.machine.lock_files()]
            return sorted(name for name in names
                          if "+" not in name or not self.machine.info(name.partition("+")[0])["runs"])

        self.assertTrue(wait_until(lambda: held() == sorted(sessions)), held())
