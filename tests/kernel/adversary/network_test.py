"""The network of a command: its caller's, the host's, or one of its session's own. None is a way out of a job's network."""

import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import unittest

import stranger
import unionroot_testing as testing
from unionroot_testing import EndToEndTest, wait_until

OWNER = pwd.getpwnam(stranger.OWNER)
ABSTRACT = f"unionroot-test-{os.getpid()}"

# Perl without a module of its own is one file and its libraries.
CONNECT = """
my ($to, $name) = @ARGV;
if ($to eq "abstract") { socket(S, 1, 1, 0) or die "$!\\n"; connect(S, pack("S a*", 1, "\\0$name")) or die "$!\\n" }
else { socket(S, 2, 1, 0) or die "$!\\n"; connect(S, pack("S n a4 x8", 2, $name, pack("C4", 127, 0, 0, 1))) or die "$!\\n" }
print <S>;
"""
SERVE = """
$| = 1;
socket(S, 2, 1, 0) and bind(S, pack("S n a4 x8", 2, $ARGV[0], pack("C4", 127, 0, 0, 1))) and listen(S, 9) or die "$!\\n";
socket(U, 1, 1, 0) and bind(U, pack("S a*", 1, "\\0$ARGV[1]")) and listen(U, 9) or die "$!\\n";
print "listens\\n";
for (;;) {
  my $ready = "";
  vec($ready, fileno(S), 1) = vec($ready, fileno(U), 1) = 1;
  select($ready, undef, undef, undef);
  my $which = vec($ready, fileno(S), 1) ? *S : *U;
  accept(C, $which); syswrite(C, "from a run\\n"); close(C);
}
"""

# A caller in a network that was just made: sets its loopback up, becomes that user, serves in it, and is a client there.
CALLER = """
import fcntl, os, socket, struct, subprocess, sys, threading
uid, gid, port, name, *arguments = sys.argv[1:]
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any:
    fcntl.ioctl(any, 0x8914, struct.pack("16sh22x", b"lo", 0x41))  # SIOCSIFFLAGS, IFF_UP | IFF_RUNNING
if uid != "-":
    os.setgroups([int(gid)]); os.setresgid(*[int(gid)] * 3); os.setresuid(*[int(uid)] * 3)
for family, address in ((socket.AF_INET, ("127.0.0.1", int(port))), (socket.AF_UNIX, "\\0" + name)):
    def serve(listener):
        while True:
            with listener.accept()[0] as peer:
                peer.sendall(b"from the caller's network\\n")
    listener = socket.socket(family)
    listener.bind(address)
    listener.listen()
    threading.Thread(target=serve, args=(listener,), daemon=True).start()
os._exit(subprocess.run(arguments, stdin=subprocess.DEVNULL).returncode)
"""


def fill(tree):
    for program in ("perl",):
        path = shutil.which(program)
        shutil.copy2(os.path.realpath(path), os.path.join(tree, "usr/bin", program))
        listing = subprocess.run(["ldd", path], stdout=subprocess.PIPE, text=True, check=True).stdout
        for library in (word for word in listing.split() if word.startswith("/")):
            target = os.path.join(tree, library.lstrip("/"))
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if not os.path.exists(target):
                shutil.copy2(os.path.realpath(library), target)
    shutil.copy2(os.path.join(tree, "usr/bin/id"), os.path.join(tree, "usr/bin/set-uid-id"))
    os.chmod(os.path.join(tree, "usr/bin/set-uid-id"), 0o4755)


class Listeners:
    """In the host's network: TCP on the loopback interface, and a UNIX socket with an abstract name."""

    def __init__(self):
        self.open = []
        self.accepted = 0
        for family, address in ((socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_UNIX, "\0" + ABSTRACT)):
            listener = socket.socket(family)
            listener.bind(address)
            listener.listen()
            self.open.append(listener)
            threading.Thread(target=self.serve, args=(listener,), daemon=True).start()
        self.port = self.open[0].getsockname()[1]

    def serve(self, listener):
        while True:
            try:
                with listener.accept()[0] as peer:
                    self.accepted += 1
                    peer.sendall(b"from the host's network\n")
            except OSError:
                return

    def close(self):
        for listener in self.open:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()


class NetworkTest(EndToEndTest):
    @classmethod
    def prepare(cls):
        cls.tree = os.path.join(cls.machine.place, "tree")
        shutil.copytree(testing.small_tree(), cls.tree, symlinks=True)
        fill(cls.tree)
        define = lambda name, **keys: cls.machine.define_tree(
            name, cls.tree, users=stranger.OWNER, source_clone="yes", source_users=stranger.OWNER, **keys)
        define("usual")
        define("rooted", root_users=stranger.OWNER)
        for word in ("host", "caller", "none", "private"):
            define(word, network=word)

    def setUp(self):
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)
        self.host = Listeners()
        self.stack.callback(self.host.close)

    def tearDown(self):
        self.doCleanups()
        self.assert_nothing_left()

    def begin(self, chroot, user=stranger.OWNER, **options):
        session = self.machine.begin(chroot, user=user, **options)
        self.stack.callback(self.machine.run, "end", "--force", session)
        return "session:" + session  # root too runs commands in it

    def command(self, chroot, kind, *options):
        name = str(self.host.port) if kind == "tcp" else ABSTRACT
        return ["run", "--directory", "/", *options, chroot, "--", "perl", "-e", CONNECT, kind, name]

    def reach(self, chroot, kind, *options, user=stranger.OWNER):
        return self.machine.run(*self.command(chroot, kind, *options), user=user)

    def caller(self, how, *arguments):
        """The client in another network: made by root for root, by root for a user, or by the user."""
        options = {}
        uid, gid = "-", "-"
        if how == "root":
            prefix = ["unshare", "--net"]
        elif how == "user":
            prefix, uid, gid = ["unshare", "--net"], OWNER.pw_uid, OWNER.pw_gid
        else:
            prefix = ["unshare", "--map-root-user", "--net"]
            options = {"user": OWNER.pw_uid, "group": OWNER.pw_gid, "extra_groups": [OWNER.pw_gid]}
        done = subprocess.run(
            [*prefix, sys.executable, "-B", "-c", CALLER, str(uid), str(gid), str(self.host.port), ABSTRACT,
             *self.machine.arguments(*arguments)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/",
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}, timeout=2 * testing.PATIENCE, **options)
        return testing.Result(list(arguments), done.returncode, done.stdout, done.stderr)

    def assert_reaches(self, result, whom):
        self.assertEqual((result.status, result.out), (0, f"from {whom}\n"), repr(result) + self.machine.log())

    def assert_cut_off(self, result):
        accepted = self.host.accepted
        self.assertNotEqual(result.status, 0, repr(result))
        self.assertEqual((result.err, result.out), ("Connection refused\n", ""))
        self.assertEqual(self.host.accepted, accepted)

    def network_of(self, session, **options):
        return self.machine.inside(session, "readlink", "/proc/self/ns/net", **options)

    def runs(self, session):
        return json.loads(self.machine.ok("info", session, "--json"))["runs"]


class CallersTest(NetworkTest):
    def test_a_caller_in_the_hosts_network_has_that(self):
        for chroot in ("usual", "caller", "host"):
            for kind in ("tcp", "abstract"):
                with self.subTest(chroot=chroot, kind=kind):
                    self.assert_reaches(self.reach(chroot, kind), "the host's network")

    def test_a_caller_in_another_network_has_that_and_is_not_let_out(self):
        session = self.begin("usual")
        of_root = self.begin("usual", user=None)
        for how in ("root", "user", "own"):
            for chroot in ("usual", "caller", of_root if how == "root" else session):
                for kind in ("tcp", "abstract"):
                    with self.subTest(how=how, chroot=chroot, kind=kind):
                        result = self.caller(how, *self.command(chroot, kind))
                        self.assert_reaches(result, "the caller's network")
        self.assertEqual(self.host.accepted, 0)

    def test_nor_as_root_inside_nor_in_a_source_session(self):
        for how in ("user", "own"):
            for chroot, options in (("rooted", ["--user", "root"]), ("source:usual", [])):
                with self.subTest(how=how, chroot=chroot):
                    result = self.caller(how, *self.command(chroot, "tcp", *options))
                    self.assert_reaches(result, "the caller's network")

    def test_nor_a_process_of_roots_with_other_uids(self):
        def become():
            os.setresuid(OWNER.pw_uid, 0, 0)

        client = subprocess.run(
            ["unshare", "--net", *self.machine.arguments(*self.command("usual", "tcp"))], preexec_fn=become, cwd="/",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={"PATH": os.environ["PATH"]}, timeout=testing.PATIENCE)
        # Its loopback interface is down.
        self.assertEqual((client.stdout, client.stderr), ("", "Network is unreachable\n"))

    def test_host_is_the_hosts_whoever_asks(self):
        for how in ("root", "user", "own"):
            for kind in ("tcp", "abstract"):
                with self.subTest(how=how, kind=kind):
                    self.assert_reaches(self.caller(how, *self.command("host", kind)), "the host's network")

    def test_set_uid_programs_give_nothing_in_a_network_that_their_caller_rules(self):
        program = ["run", "--directory", "/", "usual", "--", "set-uid-id", "-u"]
        self.assertEqual(self.machine.ok(*program, user=stranger.OWNER), "0")
        self.assertEqual(self.caller("user", *program).out, "0\n")
        result = self.caller("own", *program)
        self.assertEqual((result.status, result.out), (0, f"{OWNER.pw_uid}\n"), repr(result))

    def test_what_a_command_may_do_there_is_what_its_caller_may(self):
        status = ["run", "--directory", "/", "usual", "--", "grep", "^CapEff", "/proc/self/status"]
        self.assertEqual(self.caller("own", *status).out.split(), ["CapEff:", "0" * 16])

    def test_info_says_which_network_a_run_has(self):
        for chroot in ("usual", "host", "none", "private"):
            self.assertEqual(json.loads(self.machine.ok("info", chroot, "--json"))["network"],
                             {"usual": "caller"}.get(chroot, chroot))
        for chroot, expected in (("usual", "host"), ("host", "host"), ("none", "none"), ("private", "private")):
            with self.subTest(chroot=chroot):
                session = self.begin(chroot)
                client = self.machine.popen("run", "--directory", "/", session, "--", "sleep", "1000", user=stranger.OWNER)
                self.stack.callback(testing.finish, client)
                self.assertTrue(wait_until(lambda: self.runs(session)))
                self.assertEqual([run["network"] for run in self.runs(session)], [expected])
                self.assertIn("network " + expected, self.machine.ok("info", session))
        session = self.begin("usual", user=None)
        result = self.caller("root", "run", "--directory", "/", session, "--", "sh", "-c",
                             "sleep 1000 </dev/null >/dev/null 2>&1 &")
        self.assertEqual(result.status, 0, repr(result))
        self.assertEqual([run["network"] for run in self.runs(session)], ["caller"])
        # A later daemon knows it too.
        self.machine.stop_daemon(signal.SIGKILL)
        self.machine.start_daemon()
        self.assertEqual([run["network"] for run in self.runs(session)], ["caller"])

    def test_a_daemon_that_may_not_look_lets_nobody_out(self):
        drop = "--bounding-set=-sys_ptrace"
        session = self.begin("usual")
        self.machine.stop_daemon()
        original = testing.daemon_path
        wrapper = os.path.join(self.machine.place, "without-ptrace")
        self.machine._write(wrapper, f'#!/bin/sh\nexec setpriv {drop} --inh-caps=-sys_ptrace {original()} "$@"\n', 0o755)
        testing.daemon_path = lambda: wrapper
        try:
            self.machine.start_daemon()
        finally:
            testing.daemon_path = original
        try:
            self.assert_reaches(self.reach(session, "tcp"), "the host's network")
            for how in ("user", "own"):
                result = self.caller(how, *self.command(session, "tcp"))
                self.assert_refused(result, 125, "network namespace of its own", "CAP_SYS_PTRACE", "network=host")
                self.assertEqual(self.runs(session), [])
                self.assert_reaches(self.caller(how, *self.command("host", "tcp")), "the host's network")
        finally:
            self.machine.stop_daemon()
            self.machine.start_daemon()

    def test_another_word_is_an_error(self):
        self.machine.define_tree("wrong", self.tree, network="bridge")
        result = self.machine.run("check", os.path.join(self.machine.configuration, "chroot.d", "wrong.conf"))
        self.assertEqual(result.status, 1, repr(result))
        for fragment in ("wrong.conf:", "network", "bridge", "caller", "host", "none", "private"):
            self.assertIn(fragment, result.out + result.err)
        os.unlink(os.path.join(self.machine.configuration, "chroot.d", "wrong.conf"))


class SessionsTest(NetworkTest):
    """network=none and network=private."""

    PORT = 4711

    def server(self, session, user=stranger.OWNER):
        client = self.machine.popen("run", "--directory", "/", session, "--", "perl", "-e", SERVE, str(self.PORT), ABSTRACT,
                                    user=user)
        self.stack.callback(testing.finish, client)
        self.assertEqual(client.stdout.readline(), b"listens\n", client.stdout.closed or self.machine.log())
        return client

    def connect(self, session, kind, user=stranger.OWNER):
        name = str(self.PORT) if kind == "tcp" else ABSTRACT
        return self.machine.run("run", "--directory", "/", session, "--", "perl", "-e", CONNECT, kind, name, user=user)

    def test_there_is_no_way_to_the_host(self):
        for chroot in ("none", "private"):
            for kind in ("tcp", "abstract"):
                for user in (stranger.OWNER, None):
                    with self.subTest(chroot=chroot, kind=kind, user=user):
                        self.assert_reaches(self.reach("usual", kind, user=user), "the host's network")
                        self.assert_cut_off(self.reach(chroot, kind, user=user))
                        self.assert_cut_off(self.reach("source:" + chroot, kind, user=user))
                        session = self.begin(chroot, user=user)
                        self.assert_cut_off(self.reach(session, kind, user=user))
                        self.machine.ok("end", session)

    def test_it_has_a_loopback_interface_alone(self):
        for chroot in ("none", "private"):
            self.assertEqual(self.machine.inside(chroot, "sh", "-c", "tail -n +3 /proc/net/dev; cat /proc/net/route",
                                                 user=stranger.OWNER).split()[0], "lo:")
            self.assertEqual(self.machine.inside(chroot, "ls", "/sys/class/net", user=stranger.OWNER), "lo")

    def test_what_one_run_serves_the_next_reaches_and_no_other_session(self):
        for chroot in ("none", "private"):
            session, other = self.begin(chroot), self.begin(chroot)
            server = self.server(session)
            for kind in ("tcp", "abstract"):
                with self.subTest(chroot=chroot, kind=kind):
                    self.assert_reaches(self.connect(session, kind), "a run")
                    self.assert_reaches(self.connect(session, kind, user=None), "a run")
                    self.assert_cut_off(self.connect(other, kind))
            server.terminate()
            server.wait(testing.PATIENCE)

    def test_datagrams_and_the_other_loopback_address(self):
        """Of both versions of IP, from one run to the next."""
        session, other = self.begin("none"), self.begin("none")
        serve = ('$| = 1; my ($family, $address) = @ARGV; socket(S, $family, 2, 0) and bind(S, pack("H*", $address)) or die "$!\\n"; '
                 'print "listens\\n"; for (;;) { my $from = recv(S, my $got, 99, 0); send(S, "from a run: $got", 0, $from) }')
        ask = ('my ($family, $address) = @ARGV; $SIG{ALRM} = sub { die "no answer\\n" }; socket(S, $family, 2, 0) or die "$!\\n"; '
               'connect(S, pack("H*", $address)) or die "$!\\n"; send(S, "asked", 0) or die "$!\\n"; alarm 20; '
               'defined recv(S, my $got, 99, 0) or die "$!\\n"; print $got')
        port = struct.pack("!H", self.PORT).hex()
        for family, rest in ((socket.AF_INET, "7f000002" + "00" * 8), (socket.AF_INET6, "00000000" + "00" * 15 + "01" + "00000000")):
            if family == socket.AF_INET6 and " lo" not in self.machine.run("run", "-d", "/", session, "--", "cat", "/proc/net/if_inet6", user=stranger.OWNER).out:
                continue  # this kernel gives it no such address
            with self.subTest(family):
                address = struct.pack("=H", family).hex() + port + rest
                client = self.machine.popen("run", "--directory", "/", session, "--", "perl", "-e", serve, str(int(family)), address, user=stranger.OWNER)
                self.stack.callback(testing.finish, client)
                self.assertEqual(client.stdout.readline(), b"listens\n")
                asked = self.machine.run("run", "--directory", "/", session, "--", "perl", "-e", ask, str(int(family)), address, user=stranger.OWNER)
                self.assertEqual((asked.status, asked.out), (0, "from a run: asked"), asked)
                asked = self.machine.run("run", "--directory", "/", other, "--", "perl", "-e", ask, str(int(family)), address, user=stranger.OWNER)
                self.assertNotEqual(asked.status, 0, asked)
                client.terminate()
                client.wait(testing.PATIENCE)

    def test_it_outlives_the_daemon(self):
        for chroot in ("none", "private"):
            session = self.begin(chroot)
            network = self.network_of(session, user=None)
            self.server(session)
            for how in (signal.SIGTERM, signal.SIGKILL):
                with self.subTest(chroot=chroot, how=how):
                    self.machine.stop_daemon(how)
                    self.machine.start_daemon()
                    self.assertEqual(self.network_of(session, user=None), network)
                    self.assert_reaches(self.connect(session, "tcp"), "a run")
                    self.assert_cut_off(self.reach(session, "tcp"))

    def test_a_session_that_lost_it_gets_another(self):
        for lost in ([""], ["+network"], ["", "+network"]):
            session = self.begin("none")
            with self.subTest(lost=lost):
                self.machine.stop_daemon(signal.SIGKILL)
                self.machine.lose_mounts(*[session.removeprefix("session:") + suffix for suffix in lost], parts=("ns",))
                self.machine.start_daemon()
                self.assertTrue(wait_until(lambda: [one["state"] for one in self.machine.sessions()] == ["active"]))
                self.assert_cut_off(self.reach(session, "tcp"))
            self.machine.ok("end", session)
        session = self.begin("none")
        self.machine.lose_mounts(session.removeprefix("session:") + "+network", parts=("ns",))
        result = self.reach(session, "tcp")
        self.assert_refused(result, 125, "network of session", "has gone", "unionroot end")

    def test_nothing_of_a_begin_that_is_cut_off_is_left(self):
        points = os.path.join(self.machine.place, "points")
        os.makedirs(points, exist_ok=True)
        kept = os.path.join(self.machine.runtime, "ns")
        self.machine.stop_daemon()
        self.machine.start_daemon(environment={"UNIONROOT_FAULT_FOLDER": points})
        for point in ("network", "network done", "move_mount"):
            for arguments in (["begin", "none"], ["run", "--directory", "/", "none", "--", "true"]):
                with self.subTest(point=point, arguments=arguments):
                    with open(os.path.join(points, point), "w"):
                        pass
                    client = self.machine.popen(*arguments, user=stranger.OWNER)
                    self.stack.callback(testing.finish, client)
                    self.assertFalse(wait_until(lambda: client.poll() is not None, 0.5))
                    self.machine.stop_daemon(signal.SIGKILL)
                    os.unlink(os.path.join(points, point))
                    client.wait(testing.PATIENCE)
                    self.machine.start_daemon(environment={"UNIONROOT_FAULT_FOLDER": points})
                    self.assert_nothing_left()
                    self.assertEqual(os.listdir(kept), [])
        # A failure is undone at once.
        for point in ("network", "network done"):
            with open(os.path.join(points, point), "w") as file:
                file.write("fail")
            self.assert_refused(self.machine.run("begin", "none"), 125, "stage union")
            os.unlink(os.path.join(points, point))
            self.assertEqual(os.listdir(kept), [])
        self.machine.stop_daemon()
        self.machine.start_daemon()

    def test_a_network_of_no_session_is_dropped_at_the_start(self):
        session = self.begin("none")
        self.machine.ok("end", session)
        place = os.path.join(self.machine.runtime, "ns", "nobody+network")
        with open(place, "w"):
            pass
        subprocess.run(["unshare", "--net", "mount", "--bind", "/proc/self/ns/net", place], check=True)
        self.machine.stop_daemon(signal.SIGKILL)
        self.machine.start_daemon()
        self.assertFalse(os.path.exists(place))

    @unittest.skipUnless(shutil.which("ip"), "needs ip")
    def test_scripts_may_put_interfaces_into_a_private_one_alone(self):
        hooks = os.path.join(self.machine.configuration, "hooks")
        os.makedirs(hooks, exist_ok=True)
        inner = f"ur{os.getpid() % 1000000}i"
        self.machine._write(os.path.join(hooks, "50network"), f"""#!/bin/sh
[ "$1" = setup-start ] || exit 0
[ -n "$UNIONROOT_NETWORK" ] || {{ echo none given; exit 0; }}
ip link add name {inner} netns "$UNIONROOT_NETWORK" type veth peer name {inner}p
nsenter --net="$UNIONROOT_NETWORK" ip link set {inner} up
""", 0o755)
        for word, expected in (("none", {"lo"}), ("private", {"lo", inner})):
            with self.subTest(word):
                self.machine.define_tree("hooked-" + word, self.tree, users=stranger.OWNER, network=word,
                                         hook_directories=hooks)
                session = self.begin("hooked-" + word)
                found = self.machine.inside(session, "ls", "/sys/class/net", user=stranger.OWNER)
                self.assertEqual(set(found.split()), expected, self.machine.ok("info", session))
                self.machine.ok("end", session)
        # With the network goes what was in it, and so the other end.
        self.assertTrue(wait_until(lambda: not os.path.exists(f"/sys/class/net/{inner}p")))


if __name__ == "__main__":
    testing.main()
