"""The two tables of SECURITY.md that say what can be reached. Each cell is tried; each row has to be there."""

import contextlib
import json
import os
import pwd
import re
import shutil
import socket
import subprocess
import threading

import stranger
import unionroot_testing as testing
from unionroot_testing import EndToEndTest

OWNER, STRANGER = stranger.OWNER, stranger.STRANGER
HERE = os.path.dirname(os.path.realpath(__file__))
ABSTRACT = f"unionroot-reach-{os.getpid()}"
SHARED = f"/tmp/unionroot-reach-{os.getpid()}"  # the profile brings /tmp
PROGRAMS = ("perl", "nsenter", "mknod")

CONNECT = """
my ($to, $name) = @ARGV;
if ($to eq "tcp") { socket(S, 2, 1, 0); connect(S, pack("S n a4 x8", 2, $name, pack("C4", 127, 0, 0, 1))) or exit 1 }
else { socket(S, 1, 1, 0); connect(S, pack("S a*", 1, $to eq "abstract" ? "\\0$name" : "$name\\0")) or exit 1 }
exit(<S> eq "served\\n" ? 0 : 1);
"""


def tables():
    """Of SECURITY.md: for each, its first words and its rows."""
    with open(os.path.join(HERE, "../../../SECURITY.md")) as file:
        section = re.search(r"## What can be reached\n(.*?)\n## ", file.read(), re.S).group(1)
    found = []
    for table in re.findall(r"(?:^\|.*\n)+", section, re.M):
        head, _, *rows = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in table.splitlines()]
        found.append((head, {row[0]: row[1:] for row in rows}))
    return found


class ReachTest(EndToEndTest):
    @classmethod
    def prepare(cls):
        cls.tree = os.path.join(cls.machine.place, "tree")
        shutil.copytree(testing.small_tree(), cls.tree, symlinks=True)
        for name in PROGRAMS:
            program = shutil.which(name)
            shutil.copy2(program, os.path.join(cls.tree, "usr/bin", name))
            listing = subprocess.run(["ldd", program], stdout=subprocess.PIPE, text=True, check=True).stdout
            for library in re.findall(r"/\S+", listing):
                if not os.path.exists(cls.tree + library):
                    os.makedirs(os.path.dirname(cls.tree + library), exist_ok=True)
                    shutil.copy2(library, cls.tree + library)
        with open(os.path.join(cls.tree, "connect"), "w") as file:
            file.write(CONNECT)
        for name, network in (("small", "caller"), ("alone", "none")):
            cls.machine.define_tree(name, cls.tree, users=OWNER, profile="default", network=network)
        cls.machine.define_tree("others", cls.tree, users=STRANGER, profile="minimal")
        cls.machine.define_tree("seen", cls.tree, users=OWNER, profile="minimal")
        os.chmod(cls.machine.place, 0o755)

    def setUp(self):
        self.ended = contextlib.ExitStack()
        self.addCleanup(self.ended.close)
        for name, mode in (("secret", 0o600), ("readable", 0o644)):
            path = os.path.join(self.machine.place, name)
            with open(path, "w") as file:
                file.write(name)
            os.chmod(path, mode)
        with open(SHARED, "w") as file:
            file.write("shared")
        self.ended.callback(os.unlink, SHARED)

    def tearDown(self):
        self.ended.close()
        self.assert_nothing_left()

    def sleeper(self, user):
        """A process on the host."""
        entry = pwd.getpwnam(user)
        process = subprocess.Popen(["sleep", "900"], user=entry.pw_uid, group=entry.pw_gid, extra_groups=[], cwd="/")
        self.machine.children[process.pid] = "sleep"
        self.ended.callback(lambda: (process.kill(), process.wait()))
        return process.pid

    def serve(self, family, address):
        listener = socket.socket(family)
        self.ended.callback(listener.close)
        listener.bind(address)
        if isinstance(address, str) and address.startswith("/"):
            os.chmod(address, 0o777)
            self.ended.callback(os.unlink, address)
        listener.listen()

        def work():
            with contextlib.suppress(OSError):
                while True:
                    with listener.accept()[0] as peer:
                        peer.sendall(b"served\n")
        threading.Thread(target=work, daemon=True).start()
        return listener

    def disk(self):
        """A block device, for root alone as they are."""
        image = os.path.join(self.machine.place, "disk")
        with open(image, "wb") as file:
            file.truncate(1 << 20)
        device = subprocess.run(["losetup", "--find", "--show", image], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        self.ended.callback(subprocess.run, ["losetup", "--detach", device], check=True)
        return device

    def command_in(self, session, user):
        """A command that stays in it. (client, pid on the host)"""
        client = self.machine.popen("run", "--directory", "/", "session:" + session, "--", "sh", "-c", "echo $$; exec sleep 901", user=user, text=True)
        self.machine.children[client.pid] = "unionroot"
        self.ended.callback(lambda: (client.kill(), client.communicate()))
        return client, int(client.stdout.readline())

    def assert_as_written(self, head, rows, probes, tried):
        """tried(column, probe): whether it is reached."""
        self.assertEqual(sorted(rows), sorted(probes))
        wrong = []
        for what, cells in rows.items():
            self.assertEqual(len(cells), len(head) - 1, what)
            for column, cell in zip(head[1:], cells):
                self.assertIn(cell, ("yes", "no"), what)
                if tried(column, probes[what]) != (cell == "yes"):
                    wrong.append(f"{what}: {column}: not {cell}")
        self.assertEqual(wrong, [])

    def test_from_inside(self):
        (head, rows), _ = tables()
        ours, roots = self.sleeper(OWNER), self.sleeper("root")
        port = self.serve(socket.AF_INET, ("127.0.0.1", 0)).getsockname()[1]
        self.serve(socket.AF_UNIX, "\0" + ABSTRACT)
        self.serve(socket.AF_UNIX, SHARED + ".socket")
        self.machine.begin("others", name="theirs", user=STRANGER)
        self.ended.callback(lambda: self.machine.ok("end", "theirs"))
        _, theirs = self.command_in("theirs", STRANGER)
        self.machine.ok("run", "--directory", "/", "session:theirs", "--", "sh", "-c", "umask 077; echo hidden >/var/tmp/theirs", user=STRANGER)
        place = self.machine.place
        disk = os.stat(self.disk()).st_rdev
        # A root inside has all networks that it sees a process of.
        network = f"nsenter --net=/proc/{roots}/ns/net "
        probes = {
            "files in the folders that the profile brings (`/home`, `/tmp`), with the rights of whoever reads": f"cat {SHARED}",
            "other files of the host that the user may read on the host, by `/proc/PID/root` of a process of one's own":
                f"! cat {place}/readable 2>/dev/null && cat /proc/{ours}/root{place}/readable",
            "other files of the host that only root may read":
                f"cat {place}/secret || cat /proc/{ours}/root{place}/secret || cat /proc/{roots}/root{place}/secret",
            "writing to the shared tree": f"echo >/proc/{ours}/root{self.tree}/written || echo >/proc/{roots}/root{self.tree}/written",
            "the list of the host's processes": f"test -d /proc/{roots}",
            "signals to processes of one's own on the host": f"kill -CONT {ours}",
            "signals to processes of others": f"kill -CONT {roots}",
            "files of another user's session": f"cat /proc/{theirs}/root/var/tmp/theirs",
            "mounting something in the session": "mount -t tmpfs none /mnt && umount /mnt",
            "block devices of the machine": f"mount -t tmpfs none /mnt && mknod /mnt/disk b {os.major(disk)} {os.minor(disk)} && head -c 1 /mnt/disk; "
                                   "result=$?; umount /mnt; exit $result",
            "servers on the host's network": f"perl /connect tcp {port} || {network} perl /connect tcp {port}",
            "sockets with an abstract name": f"perl /connect abstract {ABSTRACT} || {network} perl /connect abstract {ABSTRACT}",
            "sockets with a path in a folder that the profile brings": f"perl /connect path {SHARED}.socket",
        }

        def tried(column, probe):
            user = "root" if column.startswith("root") else OWNER
            chroot = "alone" if "network=none" in column else "small"
            result = self.machine.run("run", "--directory", "/", chroot, "--", "sh", "-c", probe, user=user)
            self.assertIn(result.status, range(125), repr(result))
            return result.status == 0

        self.assert_as_written(head, rows, probes, tried)

    def test_from_the_host(self):
        _, (head, rows) = tables()

        def tried(column, probe):
            self.machine.begin("seen", name="it", user=OWNER)
            client, pid = self.command_in("it", OWNER)
            user = {"its owner": OWNER, "another user": STRANGER, "root": "root"}[column]
            try:
                return probe(user, pid)
            finally:
                client.kill()
                client.communicate()
                if self.machine.run("end", "it").status == 0:
                    self.machine.children.pop(client.pid, None)

        def can(user, *command):
            entry = pwd.getpwnam(user)
            return subprocess.run(command, user=entry.pw_uid, group=entry.pw_gid, extra_groups=[], cwd="/", stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL)

        def unionroot(user, *arguments):
            return self.machine.run(*arguments, user=user)

        probes = {
            "its files, by the host view": lambda user, pid: can(user, "ls", self.machine.ok("location", "it") + "/etc").returncode == 0,
            "its files, by `/proc/PID/root` of its command": lambda user, pid: can(user, "ls", f"/proc/{pid}/root/etc").returncode == 0,
            "its upper layer": lambda user, pid: can(user, "ls", json.loads(unionroot("root", "info", "--json", "it").out)["upper"]).returncode == 0,
            "its name, owner and state": lambda user, pid: '"it"' in unionroot(user, "list", "--sessions", "--json").out,
            "its command lines, by `unionroot info`": lambda user, pid: "sleep 901" in unionroot(user, "info", "it").out,
            "its command lines, by ps(1)": lambda user, pid: b"901" in can(user, "ps", "-o", "args=", "-p", str(pid)).stdout,
            "signals to its commands": lambda user, pid: can(user, "kill", "-CONT", str(pid)).returncode == 0,
            "a command in it": lambda user, pid: unionroot(user, "run", "--directory", "/", "session:it", "--", "true").status == 0,
            "its end": lambda user, pid: unionroot(user, "end", "it").status == 0,
        }
        self.assert_as_written(head, rows, probes, tried)


if __name__ == "__main__":
    testing.main()
