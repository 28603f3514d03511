"""What a user's command may do in a session: to the daemon, to its supervisor, to the host's mounts and to other users."""

import os
import unittest

import stranger
import unionroot_testing as testing
from unionroot_testing import EndToEndTest

# A client that has more descriptors open than the three, all of them inheritable.
MANY_DESCRIPTORS = """
kept = [os.open("/etc/passwd", os.O_RDONLY) for _ in range(20)] + list(socket.socketpair()) + list(os.pipe())
for descriptor in range(3, 60):
    try:
        os.set_inheritable(descriptor if isinstance(descriptor, int) else descriptor.fileno(), True)
    except OSError:
        pass
os.execv(sys.argv[1], sys.argv[1:])
"""

# Sends nonsense to the supervisor of a run, and then asks the command for its answer.
NONSENSE = """
import random, struct
read, write = os.pipe()
end, other = os.pipe()
control, session, _ = manager.Run("small", dbus.Array(["sh", "-c", "read line; echo $line; exit 5"], signature="s"),
                                  options(directory="/"), dbus.types.UnixFd(end), dbus.types.UnixFd(write),
                                  dbus.types.UnixFd(2), signature="sasa{sv}hhh")
os.close(write)
control = socket.socket(fileno=control.take())
random.seed(7)
packets = [b"", b"x", b"\\0" * 7, b"\\xff" * 8, b"\\xff" * 4000, struct.pack("=II", 1, 0), struct.pack("=II", 1, 65),
           struct.pack("=II", 1, 0xffffffff), struct.pack("=II", 2, 0), struct.pack("=II", 3, 9), struct.pack("=II", 22, 1) + b"9 9 x",
           struct.pack("=II", 25, 1), struct.pack("=II", 17, 0), struct.pack("=II", 4, 0)]
packets += [random.randbytes(random.randrange(1, 1100)) for _ in range(300)]
# Not a signal that is one: the command would be ended, as it should.
packets = [packet for packet in packets if packet[:4] != struct.pack("=I", 1) or not 1 <= int.from_bytes(packet[4:8], "little") <= 64]
sent = 0
try:
    # Before Linux 6.16 the kernel cannot refuse it, and the supervisor takes it for the end of its client: not tried there.
    if tuple(map(int, os.uname().release.split("-")[0].split(".")[:2])) >= (6, 16):
        control.sendmsg([b"x" * 8], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", 0))])
        say("took a descriptor")
except PermissionError:
    pass
for packet in packets:
    control.send(packet)
    sent += 1
os.write(other, b"answer\\n")
os.close(other)
say(sent, os.fdopen(read).read().strip())
def receive():
    try:
        return control.recv(4096)
    except ConnectionResetError:  # once, since the supervisor did not read all of it before it ended
        return control.recv(4096)
while packet := receive():
    kind, value = struct.unpack_from("=II", packet)
    if kind == 17:
        say("status", value)
"""


class HostileCommandTest(EndToEndTest):
    @classmethod
    def prepare(cls):
        cls.machine.define_tree("small", testing.small_tree(), users=f"{stranger.OWNER},{stranger.STRANGER}")

    def tearDown(self):
        self.assert_nothing_left()

    def inside(self, *command, **options):
        return self.machine.inside("small", *command, user=stranger.STRANGER, **options)

    def test_a_command_has_three_descriptors(self):
        status, out, err = stranger.run(self.machine, stranger.STRANGER, MANY_DESCRIPTORS,
                                        *self.machine.arguments("run", "--directory", "/", "small", "--", "ls", "/proc/self/fd"))
        self.assertEqual(status, 0, err)
        self.assertEqual(out.split(), ["0", "1", "2", "3"])  # 3 is the folder that ls reads

    def test_the_supervisor_and_the_daemon_are_out_of_reach(self):
        daemon = self.machine.daemon.pid
        said = self.inside("sh", "-c", f"""
          for pid in $(sed -n 's/^PPid:.//p' /proc/$$/status) {daemon}; do
            for signal in TERM KILL STOP CONT; do kill -$signal $pid 2>/dev/null && echo "signalled $pid"; done
            ls /proc/$pid/fd/ 2>/dev/null && echo "descriptors of $pid"
            cat /proc/$pid/mem /proc/$pid/environ /proc/$pid/maps 2>/dev/null | head -c 1 | grep -q . && echo "memory of $pid"
            cat /proc/$pid/root/etc/shadow 2>/dev/null && echo "root of $pid"
            [ "$pid" = 0 ] && echo "no pid"
          done
          echo done""")
        self.assertEqual(said, "done")

    def test_mounts_and_namespaces_are_not_for_a_user(self):
        before = testing.mountinfo()
        said = self.inside("sh", "-c", """
          mount -t tmpfs none /mnt 2>/dev/null && echo mounted
          mount --bind /etc /mnt 2>/dev/null && echo bound
          umount -l /proc 2>/dev/null && echo unmounted
          mount -o remount,rw,suid /proc 2>/dev/null && echo remounted
          echo done""")
        self.assertEqual(said, "done")
        self.assertEqual([line for line in testing.mountinfo() if line not in before and self.machine.place in line], [])

    def test_control_groups_are_not_for_a_user(self):
        client = self.machine.popen("run", "--directory", "/", "small", "--", "sh", "-c", "echo runs; read line",
                                    user=stranger.STRANGER, stdin=testing.subprocess.PIPE)
        self.assertEqual(client.stdout.readline(), b"runs\n", self.machine.log())
        groups = list(self.machine.cgroups().values()) + self.machine.outside_cgroups()
        self.assertGreater(len(groups), 1)
        for folder in groups:
            for path, folders, files in os.walk(folder):
                for name in [*files, "."]:
                    info = os.stat(os.path.join(path, name))
                    self.assertEqual((info.st_uid, info.st_mode & 0o022), (0, 0), os.path.join(path, name))
        client.communicate(b"\n", testing.PATIENCE)

    def test_nonsense_on_the_control_socket(self):
        status, out, err = stranger.run(self.machine, stranger.STRANGER, NONSENSE)
        self.assertEqual(status, 0, err + self.machine.log())
        first, second = out.splitlines()
        self.assertGreater(int(first.split()[0]), 300)
        self.assertEqual((first.split()[1], second), ("answer", "status 5"))

    def test_odd_surroundings_of_a_caller(self):
        # Each is a command that runs or an error in words. Neither harms the next one.
        for environment in ({"LD_PRELOAD": "/no/such.so"}, {"PATH": ""}, {"HOME": "relative"}, {"IFS": "x", "BASH_ENV": "/etc/passwd"},
                            {"UNIONROOT_HELPER": "/bin/false"}, {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere"}):
            with self.subTest(environment=environment):
                result = self.machine.run("run", "--directory", "/", "--preserve-environment", "small", "--", "/bin/echo", "x",
                                          user=stranger.STRANGER, environment=environment)
                self.assertIn((result.status, result.out), ((0, "x\n"), (125, "")), repr(result))
                self.assertTrue(result.status == 0 or result.err, repr(result))
        self.assertEqual(self.inside("id", "-u"), str(testing.pwd.getpwnam(stranger.STRANGER).pw_uid))

    def test_groups_are_those_of_the_user(self):
        # www-data has no group of root's, whatever the daemon has.
        self.assertEqual(self.inside("id", "-G"), self.inside("id", "-g"))

    def test_another_users_run_is_out_of_reach(self):
        client = self.machine.popen("run", "--directory", "/", "small", "--", "sh", "-c", "echo $$; read line",
                                    user=stranger.OWNER, stdin=testing.subprocess.PIPE)
        pid = client.stdout.readline().decode().strip()
        self.assertTrue(pid.isdigit(), self.machine.log())
        said = self.inside("sh", "-c", f"""
          test -d /proc/{pid} || echo "not there"
          kill -KILL {pid} 2>/dev/null && echo killed
          ls /proc/{pid}/root/ 2>/dev/null && echo seen
          cat /proc/{pid}/environ 2>/dev/null && echo read
          echo done""")
        self.assertEqual(said, "done")
        self.assertIsNone(client.poll())
        client.communicate(b"\n", testing.PATIENCE)


if __name__ == "__main__":
    testing.main()
