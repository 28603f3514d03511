"""End-to-end harness: a private D-Bus daemon and a unionrootd of their own, and the proof that nothing is left.

Python's standard library only. Run by ctest, which sets UNIONROOT_BUILD_DIR; by hand:
    UNIONROOT_BUILD_DIR=build/dev PYTHONPATH=tests/support python3 tests/peers/main_job/main_job_test.py
"""

import ctypes
import errno
import fcntl
import hashlib
import json
import os
import pwd
import re
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
import unittest

import database_copy
import inventory
import skips

BUILD = os.environ.get("UNIONROOT_BUILD_DIR", "")
CACHE = os.environ.get("UNIONROOT_TEST_CACHE", "/var/cache/unionroot-test")
# On disk: a tmpfs or an overlay would not show what the default state directory does.
SCRATCH = os.environ.get("UNIONROOT_TEST_SCRATCH", "/var/tmp")
# Kept on failure too: the daemon's log is shown then.
KEEP = os.environ.get("UNIONROOT_TEST_KEEP", "") == "1"

PR_SET_CHILD_SUBREAPER = 36
CLONE_NEWNS = 0x00020000
_libc = ctypes.CDLL(None, use_errno=True)


def client_path():
    return os.path.join(BUILD, "cli", "unionroot")


def daemon_path():
    return os.path.join(BUILD, "daemon", "unionrootd")


def helper_path():
    return os.path.join(BUILD, "lib", "launch", "helper", "unionroot-helper")


def have_usual_signals():
    """What nohup(1) or a script that put the tests into the background ignores, the programs under test would ignore too."""
    for number in set(signal.Signals) - {signal.SIGPIPE}:  # which Popen sets back
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


have_usual_signals()


def require_end_to_end():
    """Skips, with its reason, where the daemon cannot be run at all."""
    if not BUILD:
        raise unittest.SkipTest("UNIONROOT_BUILD_DIR is not set")
    if os.geteuid() != 0:
        raise unittest.SkipTest("needs root")
    for path in (client_path(), daemon_path(), helper_path()):
        if not os.access(path, os.X_OK):
            raise unittest.SkipTest(path + " is not built")
    if shutil.which("dbus-daemon") is None:
        raise unittest.SkipTest("needs dbus-daemon")


def main():
    skips.main()


# --- processes -------------------------------------------------------------------------------------------------


def become_subreaper():
    """Whatever the daemon or a client leaves behind becomes our child, and so cannot hide."""
    if _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def parents():
    """{pid: (parent, state, command line)} of every process."""
    result = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                command = file.read().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue
        result[int(entry)] = (int(fields[1]), fields[0].decode(), command)
    return result


def descendants(root):
    """{pid: command line} of every process beneath `root`, zombies excepted."""
    table = parents()
    found = {}
    for pid in table:
        ancestor = pid
        seen = set()
        while ancestor in table and ancestor not in seen:
            seen.add(ancestor)
            ancestor = table[ancestor][0]
            if ancestor == root:
                if table[pid][1] != "Z":
                    found[pid] = table[pid][2]
                break
    return found


def reap_orphans(managed):
    """Collects dead children that were handed to us, and no child that a Popen waits for."""
    me = os.getpid()
    for pid, (parent, state, _) in parents().items():
        if parent == me and state == "Z" and pid not in managed:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass


# For what happens in a moment on an idle machine, and must not fail on one that is busy with ten other things.
PATIENCE = 120.0


def wait_until(condition, seconds=PATIENCE, step=0.02):
    """True as soon as condition() is; False if that took too long. It asks less often the longer it waits: some conditions read
    all of /proc, and other tests want the processor too."""
    end = time.monotonic() + seconds
    while True:
        if condition():
            return True
        if time.monotonic() > end:
            return False
        time.sleep(step)
        step = max(step, min(step * 1.2, 0.25))


# --- trees -----------------------------------------------------------------------------------------------------


def file_checksum(path):
    sha = hashlib.sha256()
    with open(path, "rb") as file:
        for part in iter(lambda: file.read(1 << 20), b""):
            sha.update(part)
    return sha.hexdigest()


def tree_checksum(directory):
    """One digest over names, content, modes, owners, modification times, xattrs, links and device numbers."""
    return hashlib.sha256("\n".join(tree_lines(directory)).encode("utf-8", "surrogateescape")).hexdigest()


def attributes_of(path):
    """The names of a file's extended attributes; none where the file system has no such thing."""
    try:
        return sorted(os.listxattr(path, follow_symlinks=False))
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        return []


def tree_lines(directory):
    """A line for each file of the tree, in a fixed order: what tree_checksum digests."""
    first_of_inode = {}
    lines = []
    root = os.fsencode(directory)
    pending = [b""]
    while pending:
        relative = pending.pop()
        path = os.path.join(root, relative) if relative else root
        info = os.lstat(path)
        parts = [oct(info.st_mode), str(info.st_uid), str(info.st_gid), str(info.st_mtime_ns)]
        for name in attributes_of(path):
            value = os.getxattr(path, name, follow_symlinks=False)
            parts.append(name + "=" + value.hex())
        if stat.S_ISREG(info.st_mode):
            key = (info.st_dev, info.st_ino)
            if info.st_nlink > 1 and key in first_of_inode:
                parts.append("hardlink=" + os.fsdecode(first_of_inode[key]))
            else:
                first_of_inode[key] = relative
                parts.append(str(info.st_size))
                with open(path, "rb") as file:
                    digest = hashlib.sha256()
                    while chunk := file.read(1 << 20):
                        digest.update(chunk)
                parts.append(digest.hexdigest())
        elif stat.S_ISLNK(info.st_mode):
            parts.append("-> " + os.fsdecode(os.readlink(path)))
        elif stat.S_ISCHR(info.st_mode) or stat.S_ISBLK(info.st_mode):
            parts.append(f"{os.major(info.st_rdev)}:{os.minor(info.st_rdev)}")
        elif stat.S_ISDIR(info.st_mode):
            names = sorted(os.listdir(path), reverse=True)
            pending.extend(os.path.join(relative, name) for name in names)
        lines.append(os.fsdecode(relative).encode("unicode_escape", "surrogatepass").decode() + " " + " ".join(parts))
    return lines


def _cached(name, make):
    """CACHE/name, made by make(path) once; two tests at the same time make it once."""
    os.makedirs(CACHE, mode=0o755, exist_ok=True)
    target = os.path.join(CACHE, name)
    with open(os.path.join(CACHE, name + ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(target):
            temporary = tempfile.mkdtemp(prefix=name + ".", dir=CACHE)
            try:
                make(temporary)
                os.chmod(temporary, 0o755)
                os.rename(temporary, target)
            except BaseException:
                shutil.rmtree(temporary, ignore_errors=True)
                raise
    return target


_verified = {}


def _unchanged(name, make):
    """As _cached(), and as it was made: if somebody has written to it, another is made in its place. Looked at once a process."""
    number = 0
    while name not in _verified:
        numbered = f"{name}-{number}" if number else name
        record = os.path.join(CACHE, numbered + ".sum")

        def make_and_note(path):
            make(path)
            os.chmod(path, 0o755)
            with open(record, "w") as file:
                file.write(tree_checksum(path))

        tree = _cached(numbered, make_and_note)
        with open(record) as file:
            if file.read() == tree_checksum(tree):
                _verified[name] = tree
        number += 1
    return _verified[name]


def debian_tree():
    """A Debian 12 tree (mmdebstrap --variant=buildd), made once; never to be written to."""

    def make(path):
        if shutil.which("mmdebstrap") is None:
            raise unittest.SkipTest("needs mmdebstrap")
        done = subprocess.run(
            ["mmdebstrap", "--quiet", "--variant=buildd", "bookworm", path],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise unittest.SkipTest("mmdebstrap could not make a tree (no mirror?): " + done.stdout[-500:])

    return _cached("bookworm-buildd", make)


SMALL_TREE_PROGRAMS = """sh bash true false cat ls id sleep touch rm mkdir rmdir env echo pwd stty tty sync chmod
 chown ln mv cp dd df head tail wc sort printf test kill ps mount umount stat readlink seq tee sha256sum grep sed
 find setpriv""".split()


def small_tree():
    """A tiny tree of this machine's own programs and their libraries, made once; never to be written to."""

    def make(path):
        for folder in ("usr/bin", "usr/lib", "usr/lib64", "etc", "proc", "sys", "dev", "run", "var/lib", "root", "home",
                       "srv", "opt", "mnt"):
            os.makedirs(os.path.join(path, folder))
        for folder in ("tmp", "var/tmp"):
            os.makedirs(os.path.join(path, folder))
            os.chmod(os.path.join(path, folder), 0o1777)
        for link in ("bin", "lib", "lib64"):
            os.symlink("usr/" + link, os.path.join(path, link))
        os.symlink("usr/bin", os.path.join(path, "sbin"))
        libraries = set()
        for program in SMALL_TREE_PROGRAMS:
            found = shutil.which(program)
            if found is None:
                continue
            shutil.copy2(os.path.realpath(found), os.path.join(path, "usr/bin", program))
            listing = subprocess.run(["ldd", found], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            for word in listing.stdout.split():
                if word.startswith("/"):
                    libraries.add(word)
        for library in sorted(libraries):
            target = os.path.join(path, library.lstrip("/"))
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy2(os.path.realpath(library), target)
        files = {
            "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/bin/sh\n",
            "etc/group": "root:x:0:\nnogroup:x:65534:\n",
            "etc/shadow": "root:*:19000:0:99999:7:::\nnobody:*:19000:0:99999:7:::\n",
            "etc/gshadow": "root:*::\nnogroup:*::\n",
            "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
            "etc/hostname": "small\n",
            "etc/hosts": "127.0.0.1 localhost\n",
        }
        for name, text in files.items():
            with open(os.path.join(path, name), "w") as file:
                file.write(text)
        os.chmod(os.path.join(path, "etc/shadow"), 0o600)

    # The name changes when the recipe does.
    recipe = hashlib.sha256(" ".join(SMALL_TREE_PROGRAMS).encode()).hexdigest()[:8]
    return _unchanged("small-tree-" + recipe, make)


# --- the machine's state ---------------------------------------------------------------------------------------


def mountinfo(pid="self"):
    with open(f"/proc/{pid}/mountinfo") as file:
        return file.read().splitlines()


def mount_points(pid="self"):
    return [line.split()[4].encode().decode("unicode_escape") for line in mountinfo(pid)]


def mounts_from(source):
    """Lines of mountinfo with that source: of what a test mounted in a session, also while other tests mount theirs."""
    return [line for line in mountinfo() if line.split(" - ")[1].split()[1] == source]


def loop_devices(fragment):
    """Loop devices whose backing file has `fragment` in its path."""
    found = []
    for name in os.listdir("/sys/block"):
        if name.startswith("loop"):
            try:
                with open(f"/sys/block/{name}/loop/backing_file") as file:
                    backing = file.read().strip()
            except OSError:
                continue
            if fragment in backing:
                found.append(f"/dev/{name} ({backing})")
    return found


def leave_the_other_tests():
    """Unmounts in a mount namespace that this test has for itself what other tests had mounted when it was copied: held here,
    their loop devices and file systems would not go when they unmount them."""
    for point in sorted((p for p in mount_points() if p.startswith(os.path.join(SCRATCH, "unionroot"))), key=len, reverse=True):
        _libc.umount2(os.fsencode(point), 2 | 8)  # MNT_DETACH, UMOUNT_NOFOLLOW


def own_mounts():
    """A mount namespace of the test's own, which goes with it. Before the first daemon is started."""
    if _libc.unshare(CLONE_NEWNS) != 0:
        raise unittest.SkipTest("needs a mount namespace of its own: " + os.strerror(ctypes.get_errno()))
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    leave_the_other_tests()


def finish(process):
    """Ends a client, if it lives, and lets go of it."""
    process.kill()
    process.wait(PATIENCE)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()


# --- the daemon ------------------------------------------------------------------------------------------------

BUS_CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow send_destination="*"/><allow receive_sender="*"/>
    <allow send_type="method_call"/>
  </policy>
  <policy user="root"><allow own="*"/></policy>{policy}
  <limit name="max_connections_per_user">4096</limit>
  <limit name="max_completed_connections">8192</limit>
  <limit name="max_pending_service_starts">1024</limit>
  <limit name="max_replies_per_connection">50000</limit>
  <limit name="max_message_unix_fds">128</limit>
</busconfig>
"""


# What a build of the daemon for tests is told: by a sanitizer's user, or to be slow at its fault points.
HANDED_ON = ("ASAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS", "UNIONROOT_FAULT_DELAY")


def handed_on():
    return {name: os.environ[name] for name in HANDED_ON if name in os.environ}


def find_cgroups(wanted):
    """The folders of the control groups of version 2 whose names are wanted."""
    found = []
    for line in mountinfo():
        if " - cgroup2 " in line:
            for path, folders, _ in os.walk(line.split()[4]):
                found += [os.path.join(path, name) for name in folders if wanted(name)]
    return found


def find_cgroup(name):
    """The folder of the control group of that name, wherever it is; None if there is none."""
    return next(iter(find_cgroups(lambda other: other == name)), None)


def processes_in(folder):
    """Of a control group and those in it, for messages: who, in what state, and where in the kernel."""
    text = ""
    for path, _, _ in os.walk(folder):
        try:
            with open(os.path.join(path, "cgroup.procs")) as file:
                pids = file.read().split()
        except OSError:
            continue
        for pid in pids:
            try:
                with open(f"/proc/{pid}/stat") as stat, open(f"/proc/{pid}/wchan") as wchan:
                    text += f"; in {os.path.basename(path)}: {stat.read()[:60]} {wchan.read()}"
            except OSError:
                text += f"; in {os.path.basename(path)}: {pid}, gone"
    return text


class Result:
    """What a command did: status, out and err (text)."""

    def __init__(self, arguments, status, out, err):
        self.arguments, self.status, self.out, self.err = arguments, status, out, err

    def __repr__(self):
        return f"{' '.join(map(repr, self.arguments))} ended with {self.status}\nstdout: {self.out}\nstderr: {self.err}"


class Machine:
    """A temporary folder with configuration, state, runtime and bus; the processes in it; what they must not leave."""

    bus_policy = ""  # more of the bus's configuration

    def __init__(self, settings=None, environment=None):
        require_end_to_end()
        become_subreaper()
        self.place = tempfile.mkdtemp(prefix="unionroot-test.", dir=SCRATCH)
        os.chmod(self.place, 0o755)
        self.configuration = os.path.join(self.place, "etc")
        self.state = os.path.join(self.place, "state")
        self.runtime = os.path.join(self.place, "run")
        self.log_file = os.path.join(self.place, "unionrootd.log")
        for folder in (self.configuration, os.path.join(self.configuration, "chroot.d"), self.state, self.runtime):
            os.mkdir(folder, 0o755)
        self.bus_socket = os.path.join(self.place, "bus")
        self.address = "unix:path=" + self.bus_socket
        self.settings_file = os.path.join(self.configuration, "unionroot.conf")
        self.settings = {
            "config-directory": self.configuration,
            "state-directory": self.state,
            "runtime-directory": self.runtime,
            "bus": self.address,
            "helper": helper_path(),
            "log-level": "debug",
            "read-schroot": "no",  # the machine may have definitions of its own
        }
        self.settings.update(settings or {})
        self.environment = environment or {}
        self.bus = None
        self.daemon = None
        self.cgroup_root = None
        self.children = {}
        self.users = {"root"}  # who ran the client
        self._write_settings()

    def _write_settings(self):
        text = "[unionroot]\n" + "".join(f"{key}={value}\n" for key, value in self.settings.items())
        self._write(self.settings_file, text)

    @staticmethod
    def _write(path, text, mode=0o644):
        """Replaces the file as an editor would: a new file, renamed over the old one."""
        temporary = path + ".dpkg-new"
        with open(temporary, "w") as file:
            file.write(text)
        os.chmod(temporary, mode)
        os.rename(temporary, path)

    def define(self, name, text=None, file=None, **keys):
        """A definition in a file of its own: from `text`, or from keys (`union_type="overlay"` is union-type)."""
        if text is None:
            text = f"[{name}]\n" + "".join(f"{key.replace('_', '-')}={value}\n" for key, value in keys.items())
        path = file or os.path.join(self.configuration, "chroot.d", name + ".conf")
        self._write(path, text)
        return path

    def define_tree(self, name, tree, **keys):
        """The usual definition: a directory with an overlay, for root and for nobody."""
        all_keys = {"type": "directory", "directory": tree, "union_type": "overlay", "profile": "buildd",
                    "users": "nobody", "root_users": "", "description": "a tree for tests"}
        all_keys.update(keys)
        return self.define(name, **all_keys)

    # Processes

    def start_bus(self):
        path = os.path.join(self.place, "bus.conf")
        self._write(path, BUS_CONFIGURATION.format(socket=self.bus_socket, policy=self.bus_policy))
        with open(os.path.join(self.place, "bus.log"), "ab") as log:
            self.bus = subprocess.Popen(["dbus-daemon", "--config-file=" + path, "--nofork", "--nopidfile"],
                                        stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.children[self.bus.pid] = "dbus-daemon"

        def listens():
            if self.bus.poll() is not None:
                raise AssertionError("dbus-daemon ended with " + str(self.bus.returncode))
            try:
                with socket.socket(socket.AF_UNIX) as probe:
                    probe.connect(self.bus_socket)
            except OSError:
                return False
            return True

        if not wait_until(listens):
            raise AssertionError(f"dbus-daemon does not listen after {PATIENCE:.0f} seconds")

    def start_daemon(self, environment=None, wait=True, **options):
        """options: of subprocess.Popen."""
        surroundings = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
        surroundings.update(handed_on())
        surroundings.update(self.environment)
        surroundings.update(environment or {})
        with open(self.log_file, "ab") as log:
            options = {"cwd": "/", "start_new_session": True, **options}
            self.daemon = subprocess.Popen([daemon_path(), "--config", self.settings_file], stdin=subprocess.DEVNULL,
                                           stdout=log, stderr=log, env=surroundings, **options)
        self.children[self.daemon.pid] = "unionrootd"
        if wait:
            self.wait_ready()

    def wait_ready(self, seconds=PATIENCE):
        def ready():
            if self.daemon.poll() is not None:
                raise AssertionError(f"unionrootd ended with {self.daemon.returncode}:\n{self.log()}")
            return self.run("list").status == 0

        if not wait_until(ready, seconds, 0.05):
            raise AssertionError(f"unionrootd is not ready after {seconds} s:\n{self.log()}")

    def start(self):
        self.start_bus()
        self.start_daemon()
        return self

    def stop_daemon(self, how=signal.SIGTERM, seconds=PATIENCE):
        if self.daemon is None:
            return None
        if self.daemon.poll() is None:
            self.daemon.send_signal(how)
            try:
                self.daemon.wait(seconds)
            except subprocess.TimeoutExpired:
                self.daemon.kill()
                self.daemon.wait()
                raise AssertionError(f"unionrootd did not stop within {seconds} s:\n{self.log()}") from None
        status = self.daemon.returncode
        self.daemon = None
        return status

    def stop_bus(self):
        if self.bus is not None:
            self.bus.terminate()
            self.bus.wait(PATIENCE)
            self.bus = None

    def daemon_memory(self):
        """What the daemon has resident, in bytes."""
        with open(f"/proc/{self.daemon.pid}/status") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS:"))

    def log(self):
        try:
            with open(self.log_file, errors="replace") as file:
                return file.read()[-8000:]
        except OSError:
            return "(no log)"

    # The client

    def arguments(self, *arguments):
        return [client_path(), "--config", self.settings_file, *arguments]

    def popen(self, *arguments, user=None, environment=None, limits=(), **options):
        """The client, started; as `user` (a name) with that user's groups, else as root. limits: of prlimit(1)."""
        surroundings = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
                        "HOME": "/root", "USER": "root", "LOGNAME": "root"}
        if user is not None:
            self.users.add(user)
            entry = pwd.getpwnam(user)
            options.update(user=entry.pw_uid, group=entry.pw_gid, extra_groups=os.getgrouplist(user, entry.pw_gid))
            surroundings.update(HOME=entry.pw_dir, USER=user, LOGNAME=user)
        if "UNIONROOT_FAULT_DELAY" in os.environ:
            surroundings["UNIONROOT_FAULT_DELAY"] = os.environ["UNIONROOT_FAULT_DELAY"]
        surroundings.update(environment or {})
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        options.setdefault("cwd", "/")
        command = (["prlimit", *limits] if limits else []) + self.arguments(*arguments)
        return subprocess.Popen(command, env=surroundings, **options)

    def run(self, *arguments, input=None, timeout=2 * PATIENCE, **options):
        if input is not None:
            options["stdin"] = subprocess.PIPE
        process = self.popen(*arguments, **options)
        try:
            out, err = process.communicate(input.encode() if isinstance(input, str) else input, timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"{arguments} took over {timeout} s: {err!r}\n{self.log()}") from None
        return Result(list(arguments), process.returncode, (out or b"").decode(errors="replace"),
                      (err or b"").decode(errors="replace"))

    def ok(self, *arguments, **options):
        """run(), which must succeed; its standard output without the last newline."""
        result = self.run(*arguments, **options)
        if result.status != 0:
            raise AssertionError(f"{result!r}\ndaemon's log:\n{self.log()}")
        return result.out.rstrip("\n")

    def begin(self, chroot, name=None, **options):
        arguments = ["begin"] + (["--name", name] if name else []) + [chroot]
        return self.ok(*arguments, **options)

    def inside(self, session, *command, directory="/", **options):
        """A command in a session (or chroot), which must succeed; its output."""
        return self.ok("run", "--directory", directory, session, "--", *command, **options)

    def sessions(self):
        return json.loads(self.ok("list", "--sessions", "--json"))["sessions"]

    def cgroups(self):
        """{session: its control group's folder}, of this daemon alone."""
        own = inventory.daemon_id(self.state)
        if own and (self.cgroup_root is None or not self.cgroup_root.endswith(own)):
            self.cgroup_root = find_cgroup("unionroot-" + own)
        if self.cgroup_root is None:
            return {}
        try:
            names = os.listdir(self.cgroup_root)
        except FileNotFoundError:
            return {}
        found = {name: os.path.join(self.cgroup_root, name) for name in names}
        # As the daemon has it: a name with a dot gets an underscore in front.
        return {name.lstrip("_"): path for name, path in found.items() if os.path.isdir(path)}

    def outside_cgroups(self):
        """Folders of the groups of runs that are in their callers' groups."""
        own = inventory.daemon_id(self.state)
        return find_cgroups(lambda name: own and name.startswith(f"unionroot-{own}-"))

    # What stands on the host

    def place_of(self, part, session):
        """Where its host view ("mount") or its namespace ("ns") is mounted."""
        return os.path.join(self.runtime, part, session, *(["tree"] if part == "mount" else []))

    def lose_mounts(self, *sessions, parts=("mount", "ns")):
        """Takes these away, while no daemon runs, as a restart of the machine would. Without sessions: those of all."""
        for part in parts:
            for session in sessions or os.listdir(os.path.join(self.runtime, part)):
                place = self.place_of(part, session)
                if _libc.umount2(os.fsencode(place), 2 | 8) != 0 and sessions:  # MNT_DETACH, UMOUNT_NOFOLLOW
                    raise AssertionError(f"unmounting {place}: {os.strerror(ctypes.get_errno())}")

    def write_among_views(self):
        """The folder of the host views is mounted read-only, until a daemon starts."""
        subprocess.run(["mount", "-o", "remount,bind,rw", os.path.join(self.runtime, "mount")], check=True)

    # What is left

    def leftovers(self, settle=PATIENCE, besides=()):
        """Everything that should not be there once all sessions have ended: a list of sentences, empty if all is well.

        Looked at until it is clean or the time is over: the trash is emptied in the background. What has one of `besides` in
        it is the test's own.
        """
        found = []

        def clean():
            found[:] = [line for line in self._look() if not any(own in line for own in besides)]
            return not found

        wait_until(clean, settle, 0.05)
        return found

    def _look(self):
        reap_orphans(set(self.children))
        found = []
        # The daemon's own mounts, while it runs; and those of tests whose state or runtime directory is a mount.
        own = [os.path.join(self.runtime, name) for name in inventory.RUNTIME] + [self.state, self.runtime]
        if self.daemon is None:
            own = []
        for point in mount_points():
            if point.startswith(self.place + "/") and point not in own:
                found.append("mount: " + point)
        for pid, command in descendants(os.getpid()).items():
            if pid not in self.children or self.children[pid] == "":
                found.append(f"process: {pid} {command}")
        for device in loop_devices(self.place):
            found.append("loop device: " + device)
        for folder in self.cgroups().values():
            found.append("control group: " + folder + processes_in(folder))
        for folder in self.outside_cgroups():
            found.append("control group beneath a caller's: " + folder + processes_in(folder))
        found += ["state: " + path for path in inventory.unlisted(self.state, inventory.STATE)]
        found += ["runtime: " + path for path in inventory.unlisted(self.runtime, inventory.RUNTIME)]
        found += ["overlay directory: " + path for path in inventory.left_in_overlay_directories(self.state)]
        found += inventory.spare_files_layers(self.state, len(self.users))
        found.extend(self._records())
        return found

    def _records(self):
        database = os.path.join(self.state, "state.db")
        if not os.path.exists(database):
            return []
        try:
            with database_copy.opened(database) as connection:
                return inventory.rows_left(connection)
        except (OSError, sqlite3.Error) as error:
            return [f"database: it cannot be read: {error}"]

    def close(self):
        """Ends what runs and deletes the folder; says what was left (a list of sentences)."""
        left = self.leftovers() if self.daemon is not None else []
        problems = ["before the daemon stopped: " + sentence for sentence in left]
        try:
            self.stop_daemon()
        except AssertionError as error:
            problems.append(str(error))
        self.stop_bus()
        # A test's own mount stays for a while where the root's mounts are private and somebody has a copy of this mount
        # namespace just now: another test, whose hooks run.
        problems += ["after the daemon stopped: " + sentence for sentence in self.leftovers()]
        self._remove_cgroup_root()
        for pid, command in descendants(os.getpid()).items():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            problems.append(f"ended a process that was left: {pid} {command}")
        reap_orphans(set())
        for point in sorted((p for p in mount_points() if p.startswith(self.place + "/")), key=len, reverse=True):
            _libc.umount2(os.fsencode(point), 2 | 8)  # MNT_DETACH, UMOUNT_NOFOLLOW
        if KEEP:
            print("kept:", self.place, file=sys.stderr)
        elif any(point.startswith(self.place + "/") for point in mount_points()):
            problems.append(f"mounts remain under {self.place}, which is left as it is")
        else:
            shutil.rmtree(self.place, ignore_errors=False)
        return problems


    def _remove_cgroup_root(self):
        """A daemon that was killed leaves the empty folder of its control groups."""
        if self.cgroup_root is not None:
            try:
                os.rmdir(self.cgroup_root)
            except FileNotFoundError:
                pass


def fill_disk(folder):
    """Leaves no room at all on its file system: from large to small pieces. The path of the file that has it all."""
    path = os.path.join(folder, "filler")
    with open(path, "ab", buffering=0) as file:
        for size in (1 << 20, 1 << 16, 1 << 12, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                pass
    return path


class EndToEndTest(unittest.TestCase):
    """One daemon for the class; after each test nothing may be left of its sessions."""

    settings = {}
    has_own_mounts = False  # True: the class, its daemon and clients are in a mount namespace of their own

    @classmethod
    def new_machine(cls):
        return Machine(cls.settings)

    @classmethod
    def setUpClass(cls):
        if cls.has_own_mounts:
            require_end_to_end()
            own_mounts()
        cls.machine = cls.new_machine()
        try:
            cls.prepare()
            cls.machine.start()
        except BaseException:
            cls.machine.close()
            raise

    @classmethod
    def prepare(cls):
        """Definitions to write before the daemon starts."""

    @classmethod
    def tearDownClass(cls):
        log = cls.machine.log()
        problems = cls.machine.close()
        if problems:
            raise AssertionError("left behind:\n  " + "\n  ".join(problems) + "\ndaemon's log:\n" + log)

    def assert_nothing_left(self):
        left = self.machine.leftovers()
        if left:
            # Not to blame the next test for it.
            self.machine.run("end", "--all", "--force")
            self.fail("left behind:\n  " + "\n  ".join(left) + "\ndaemon's log:\n" + self.machine.log())

    def assert_tree_unchanged(self, before, directory):
        after = tree_lines(directory)
        if before != after:
            difference = sorted(set(before) ^ set(after))
            self.fail(f"{directory} changed:\n  " + "\n  ".join(difference[:20]))

    def assert_refused(self, result, status, *fragments, lines=3):
        """One clear error: the status, nothing on stdout, few lines on stderr with each of the fragments."""
        self.assertEqual(result.status, status, repr(result))
        self.assertEqual(result.out, "", repr(result))
        text = result.err.strip()
        self.assertTrue(text, "an error without a word: " + repr(result))
        self.assertLessEqual(len(text.splitlines()), lines, repr(result))
        for fragment in fragments:
            self.assertIn(fragment.lower(), text.lower(), repr(result))
        for character in text:
            self.assertTrue(character == "\n" or ord(character) >= 32, "a control character: " + repr(result))
