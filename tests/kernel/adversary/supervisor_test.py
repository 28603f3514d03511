"""What holds up, or outlives, the supervisor of a run: its process before the exec, its control socket, its own death."""

import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess

import stranger
import unionroot_testing as testing
from unionroot_testing import EndToEndTest, wait_until

OWNER_UID = pwd.getpwnam(stranger.OWNER).pw_uid

# Holds a lease on a file of its own, and says so when somebody begins to break it: whoever opens the file waits then.
HOLD_LEASE = """
import fcntl, signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGIO])
file = os.open(sys.argv[1], os.O_RDWR)
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
say("held")
signal.sigwait([signal.SIGIO])
say("opened")
sys.stdin.read()
"""

# Starts a command in a session and leaves its client's end of the control socket as `control`.
RUN = """
null = os.open("/dev/null", os.O_RDWR)
control, session, run = manager.Run(
    sys.argv[1], dbus.Array(sys.argv[2:], signature="s"), options(directory="/"),
    dbus.types.UnixFd(null), dbus.types.UnixFd(null), dbus.types.UnixFd(null), signature="sasa{sv}hhh")
control = socket.socket(fileno=control.take())
"""


def status_of(pid):
    """{field: words} of /proc/PID/status; empty if there is no such process."""
    try:
        with open(f"/proc/{pid}/status") as file:
            return {name: rest.split() for name, rest in (line.split(":", 1) for line in file)}
    except (OSError, ValueError):
        return {}


class Supervised(EndToEndTest):
    @classmethod
    def prepare(cls):
        cls.tree = os.path.join(cls.machine.place, "held")  # leases are taken on its files
        shutil.copytree(testing.small_tree(), cls.tree, symlinks=True)
        cls.program = os.path.join(cls.tree, "usr/bin/held")
        shutil.copy2(shutil.which("sleep"), cls.program)
        os.chown(cls.program, OWNER_UID, -1)
        cls.machine.define_tree("held", cls.tree, users=f"{stranger.OWNER},{stranger.STRANGER}")

    def tearDown(self):
        self.doCleanups()  # what a test has started ends first
        self.assert_nothing_left()

    def begin(self):
        session = self.machine.begin("held", user=stranger.OWNER)
        self.addCleanup(self.machine.run, "end", "--force", session)
        return session

    def runs(self, session):
        return json.loads(self.machine.ok("info", session, "--json")).get("runs", [])

    def processes(self, session):
        """Pids in the control groups of the session's runs, or none where there are no control groups."""
        pids = []
        runs = os.listdir(self.machine.cgroups().get(session, "/nonexistent")) if session in self.machine.cgroups() else []
        for folder in self.machine.outside_cgroups():
            if folder.rpartition("-")[2] in runs:
                with contextlib.suppress(OSError), open(os.path.join(folder, "cgroup.procs")) as file:
                    pids += [int(line) for line in file]
        return pids

    def command_pid(self, session, name):
        for pid in self.processes(session):
            if status_of(pid).get("Name") == [name]:
                return pid
        return None

    def wait_for(self, condition, what, seconds=testing.PATIENCE):
        self.assertTrue(wait_until(condition, seconds), what + "\n" + self.machine.log())


class BeforeTheExecTest(Supervised):
    def hold_lease(self):
        holder = stranger.start(self.machine, stranger.OWNER, HOLD_LEASE, self.program, stdin=-1)
        self.addCleanup(testing.finish, holder)
        self.assertEqual(holder.stdout.readline(), "held\n", holder.poll())
        return holder

    def start_held(self, session):
        """A client whose command has become its user, and is not executed yet. (client, lease holder, pid)"""
        holder = self.hold_lease()
        client = self.machine.popen("run", session, "--", "/usr/bin/held", "600", user=stranger.OWNER)
        self.addCleanup(testing.finish, client)
        self.assertEqual(holder.stdout.readline(), "opened\n")
        self.wait_for(lambda: self.processes(session), "no process of the run")
        pid = self.processes(session)[0]
        self.assertEqual(status_of(pid)["Uid"], [str(OWNER_UID)] * 4)
        return client, holder, pid

    def stop(self, pid):
        """By the user himself, before the exec."""
        status, _, err = stranger.run(self.machine, stranger.OWNER, "import signal\nos.kill(int(sys.argv[1]), signal.SIGSTOP)",
                                      str(pid))
        self.assertEqual(status, 0, err)
        self.wait_for(lambda: status_of(pid).get("State", ["?"])[0] == "T", "the process does not stop")
        self.assertNotEqual(status_of(pid)["Name"], ["held"], "it was stopped too late")

    def test_a_command_that_is_stopped_before_its_exec_ends_with_its_client(self):
        session = self.begin()
        client, _, pid = self.start_held(session)
        self.stop(pid)
        client.kill()
        self.wait_for(lambda: not self.runs(session), "the run stays after its client has gone", 20)
        self.assertEqual(status_of(pid), {})
        self.machine.ok("end", session, user=stranger.OWNER)

    def test_a_command_whose_exec_waits_ends_with_its_client(self):
        """The kernel ends the lease after lease-break-time, 45 s. Nothing has to wait for that."""
        session = self.begin()
        client, _, _ = self.start_held(session)
        client.kill()
        self.wait_for(lambda: not self.runs(session), "the run stays after its client has gone", 20)

    def test_a_client_that_leaves_an_automatic_session_while_its_command_is_stopped_leaves_no_lock(self):
        holder = self.hold_lease()
        client = self.machine.popen("run", "held", "--", "/usr/bin/held", "600", user=stranger.OWNER)
        self.addCleanup(testing.finish, client)
        self.assertEqual(holder.stdout.readline(), "opened\n")
        self.wait_for(lambda: len(self.machine.sessions()) == 1, "no session")
        session = self.machine.sessions()[0]["id"]
        self.wait_for(lambda: self.processes(session), "no process of the run")
        self.stop(self.processes(session)[0])
        client.kill()
        self.wait_for(lambda: not self.machine.sessions(), "the session stays after its client has gone", 20)
        self.assertEqual(json.loads(self.machine.ok("locks", "--json"))["locks"], [])

    def test_a_session_whose_command_is_stopped_before_its_exec_can_be_ended(self):
        session = self.begin()
        client, _, pid = self.start_held(session)
        self.stop(pid)
        self.machine.ok("end", session, user=stranger.OWNER)
        _, err = client.communicate(timeout=testing.PATIENCE)
        # In the midst of the exec nobody can tell whether it was executed.
        self.assertIn(client.returncode, (125, 128 + signal.SIGKILL), err)

    def test_a_command_that_is_continued_runs(self):
        session = self.begin()
        client, holder, pid = self.start_held(session)
        self.stop(pid)
        holder.communicate()
        os.kill(pid, signal.SIGCONT)
        self.wait_for(lambda: self.command_pid(session, "held"), "the command does not start")
        client.send_signal(signal.SIGTERM)
        client.communicate(timeout=testing.PATIENCE)
        self.assertEqual(client.returncode, 128 + signal.SIGTERM)

    def test_a_descriptor_on_the_control_socket_holds_no_supervisor_up(self):
        """A socket with unsent data, whose close waits for a minute or for as long as its sender likes."""
        session = self.begin()
        source = RUN + """
import array, struct
full = []
for _ in range(50):
    full.append(socket.create_connection(("127.0.0.1", PORT)))
    full[-1].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 60))
    full[-1].setblocking(False)
    try:
        while True:
            full[-1].send(bytes(1 << 16))
    except BlockingIOError:
        pass
while control.recv(4096)[0] != 16:  # started
    pass
import signal
signal.signal(signal.SIGALRM, lambda *_: None)
signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)  # a close that waits here is broken off
message = struct.pack("=II", 1, signal.SIGCONT) + bytes(1)
control.setblocking(False)
for each in full:
    try:
        for _ in range(150):  # the supervisor has something to do, until the descriptor is closed here
            control.send(message)
    except BlockingIOError:
        pass
    try:
        control.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [each.fileno()]))])
    except BlockingIOError:
        continue
    except (PermissionError, BrokenPipeError):  # the kernel refuses it, or the supervisor has done with this client
        break
    each.close()
os.kill(os.getpid(), 9)
"""
        listener = socket.create_server(("127.0.0.1", 0), backlog=100)  # takes nothing, and outlives the client
        self.addCleanup(listener.close)
        source = source.replace("PORT", str(listener.getsockname()[1]))
        status, _, err = stranger.run(self.machine, stranger.OWNER, source, session, "sleep", "600")
        self.assertEqual(status, -signal.SIGKILL, err)
        self.wait_for(lambda: not self.runs(session), "the run stays after its client has gone", 20)


class KilledSupervisorTest(Supervised):
    """A supervisor is killed by root, or for want of memory. What it supervised does not live on unlisted."""

    SCRIPT = "exec >/dev/null 2>&1; sleep 600 & sleep 601 & read _; exit 3"

    def start(self, session):
        """(supervisor, client): of a shell that ends when the client's input does, and leaves two processes."""
        client = self.machine.popen("run", "--directory", "/", session, "--", "sh", "-c", self.SCRIPT,
                                    user=stranger.OWNER, stdin=subprocess.PIPE)
        self.addCleanup(testing.finish, client)
        self.wait_for(lambda: len(self.processes(session)) == 3, "the command does not start")
        return int(status_of(self.command_pid(session, "sh"))["PPid"][0]), client

    def kill(self, supervisor):
        os.kill(supervisor, signal.SIGKILL)
        self.wait_for_end(supervisor)

    def wait_for_end(self, supervisor):
        self.wait_for(lambda: status_of(supervisor).get("State", ["Z"])[0] == "Z", "a supervisor goes on")

    def test_nothing_of_the_run_lives_on(self):
        session = self.begin()
        supervisor, client = self.start(session)
        self.kill(supervisor)
        self.wait_for(lambda: not self.processes(session), "processes live on without their supervisor", 20)
        self.wait_for(lambda: not self.runs(session), "the run is still listed")
        client.communicate(timeout=testing.PATIENCE)
        self.assertEqual(client.returncode, 125)
        self.assertEqual(self.machine.inside(session, "echo", "usable", user=stranger.OWNER), "usable")

    def test_another_run_of_the_session_goes_on(self):
        session = self.begin()
        other = self.machine.popen("run", "--directory", "/", session, "--", "cat", user=stranger.OWNER,
                                   stdin=subprocess.PIPE)
        self.addCleanup(testing.finish, other)
        self.wait_for(lambda: self.command_pid(session, "cat"), "the command does not start")
        others = self.processes(session)
        client = self.machine.popen("run", "--directory", "/", session, "--", "sleep", "600", user=stranger.OWNER)
        self.addCleanup(testing.finish, client)
        self.wait_for(lambda: self.command_pid(session, "sleep"), "the command does not start")
        self.kill(int(status_of(self.command_pid(session, "sleep"))["PPid"][0]))
        self.wait_for(lambda: len(self.runs(session)) == 1, "the run is still listed")
        self.assertEqual(self.processes(session), others)
        other.communicate(timeout=testing.PATIENCE)
        self.assertEqual(other.returncode, 0)

    def test_nothing_of_it_lives_on_if_the_daemon_was_not_there(self):
        session = self.begin()
        supervisor, _ = self.start(session)
        self.machine.stop_daemon()
        self.kill(supervisor)
        testing.reap_orphans(set(self.machine.children))
        self.machine.start_daemon()
        self.wait_for(lambda: not self.processes(session), "processes live on without their supervisor", 20)
        self.assertEqual(self.runs(session), [])

    def test_what_a_command_left_goes_on_if_it_ended_by_itself(self):
        """While the daemon is there, and while it is not."""
        for away in (False, True):
            with self.subTest(away=away):
                session = self.begin()
                supervisor, client = self.start(session)
                if away:
                    self.machine.stop_daemon()
                client.communicate(timeout=testing.PATIENCE)
                self.assertEqual(client.returncode, 3)
                if away:
                    self.machine.start_daemon()
                self.wait_for(lambda: [run["state"] for run in self.runs(session)] == ["processes-left"],
                              "the run is not listed as one that has ended")
                self.assertEqual(len(self.processes(session)), 2, self.machine.log())
                self.assertNotEqual(status_of(supervisor), {}, "the supervisor does not stay")
                self.machine.ok("end", session, user=stranger.OWNER)


if __name__ == "__main__":
    testing.main()
