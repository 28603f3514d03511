"""Programs that call schroot, unmodified, on a machine of their own whose schroot is ours and where the real one is absent.

A test program calls main(): it starts itself again in a world of its own (side_world.py), which ends with that process.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest

import our_world
import side_world
import skips
import unionroot_testing as testing

CHROOT = "bookworm-amd64-sbuild"
PLACE_VARIABLE = "UNIONROOT_SIDE_PLACE"
# What a real client may take on a busy machine.
PATIENCE = 1500


def definition(tree, **keys):
    every = {"description": "Debian bookworm/amd64 autobuilder", "groups": "root,sbuild", "root-groups": "root,sbuild", "profile": "sbuild",
             "type": "directory", "directory": tree, "union-type": "overlay", **{key.replace("_", "-"): value for key, value in keys.items()}}
    return f"[{CHROOT}]\n" + "".join(f"{key}={value}\n" for key, value in every.items())


def network_files():
    """What a world needs of the machine to reach the mirror."""
    found = {}
    for path in ("/etc/resolv.conf", "/etc/hosts"):
        with open(path) as file:
            found[path] = file.read()
    found["/etc/nsswitch.conf"] = side_world.NAMES["nsswitch.conf"].replace("hosts: files", "hosts: files dns")
    return found


def give_to_sbuild():
    """What its package gives to the user sbuild, whose number is another in this world."""
    for folder, mode in (("/var/lib/sbuild/build", 0o2770), ("/var/lib/sbuild", 0o770)):
        shutil.chown(folder, "sbuild", "sbuild")
        os.chmod(folder, mode)


def popen(user, folder, *words, home=None, **options):
    entry = pwd.getpwnam(user)
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": home or folder, "USER": user, "LOGNAME": user, "LC_ALL": "C.UTF-8",
                   "SHELL": "/bin/sh", "DEBIAN_FRONTEND": "noninteractive"}
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **options}
    return subprocess.Popen(words, env=environment, cwd=folder, user=entry.pw_uid, group=entry.pw_gid, start_new_session=True,
                            extra_groups=os.getgrouplist(user, entry.pw_gid), text=True, errors="replace", **options)


class ClientTest(unittest.TestCase):
    """The user is dave, a member of group sbuild."""

    program = None  # that the tests run; skipped where it is not installed
    user = "dave"

    @classmethod
    def setUpClass(cls):
        if shutil.which(cls.program) is None:
            raise unittest.SkipTest(f"needs {cls.program} (scripts/install-packages peers)")
        tree = testing.debian_tree()
        cls.prepare()
        network = network_files()
        cls.world = our_world.Ours(place=os.environ[PLACE_VARIABLE])
        cls.world.enter()
        for path, text in network.items():
            side_world.write(path, text)
        subprocess.run(["cp", "-aT", cls.world.packages + "/etc/schroot", "/etc/schroot"], check=True)
        shutil.rmtree("/etc/schroot/setup.d")
        side_world.write("/etc/schroot/schroot.conf", "")
        side_world.write(f"/etc/schroot/chroot.d/{CHROOT}", definition(tree))
        give_to_sbuild()
        cls.world.start()
        cls.machine = cls.world.machine

    @classmethod
    def prepare(cls):
        """Before the world: what is to be fetched or made once for all."""

    @classmethod
    def tearDownClass(cls):
        log = cls.machine.log()
        problems = cls.world.close()
        if problems:
            raise AssertionError("left behind:\n  " + "\n  ".join(problems) + "\ndaemon's log:\n" + log)

    def setUp(self):
        self.home = tempfile.mkdtemp(prefix="client.", dir="/home/" + self.user)
        shutil.chown(self.home, self.user, self.user)
        self.calls_before = os.path.getsize(self.machine.calls_file)

    def start(self, *words, user=None, folder=None, **options):
        user = user or self.user
        return popen(user, folder or self.home, *words, home=self.home if user == self.user else None, **options)

    def client(self, *words, status=0, **options):
        """Runs it to its end; its output."""
        process = self.start(*words, **options)
        output = process.communicate(timeout=PATIENCE)[0]
        if status is not None and process.returncode != status:
            self.fail(f"{' '.join(words)} ended with {process.returncode}, not {status}:\n{output[-6000:]}\ndaemon's log:\n{self.machine.log()}")
        return output

    def assert_ours(self, sessions=1):
        """The daemon began these sessions, and the real schroot is nowhere."""
        calls = self.machine.calls(self.calls_before)
        self.assertGreaterEqual(calls.count("Begin"), sessions, calls)
        self.assertIn("Run", calls)
        found = shutil.which("schroot", path="/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
        digests = []
        for path in (found, our_world.client_path()):
            with open(path, "rb") as file:
                digests.append(hashlib.sha256(file.read()).hexdigest())
        self.assertEqual(*digests)
        self.assertFalse(os.path.exists("/usr/share/schroot"))
        self.assertFalse(os.path.exists("/usr/lib/x86_64-linux-gnu/schroot"))

    def assert_nothing_left(self):
        left = self.machine.leftovers(60)
        self.assertEqual([line for line in left if not line.startswith("process: ")], [], self.machine.log())
        self.assertEqual(os.listdir("/var/lib/schroot/session") if os.path.isdir("/var/lib/schroot/session") else [], [])
        self.assertEqual([line for line in left if line.startswith("process: ")], [])

    def source_package(self, name, rules, tests=None):
        """A native source package without build dependencies; its .dsc. rules: lines of a shell script for the target build."""
        folder = os.path.join(self.home, name)
        files = {
            "debian/control": f"Source: {name}\nSection: misc\nPriority: optional\nMaintainer: A Tester <tester@example.org>\nStandards-Version: 4.6.2\nRules-Requires-Root: no\n\n"
                              f"Package: {name}\nArchitecture: any\nDescription: a package for tests\n It is made and thrown away.\n",
            "debian/changelog": f"{name} (1.0) bookworm; urgency=low\n\n  * Made.\n\n -- A Tester <tester@example.org>  Sun, 01 Jan 2023 00:00:00 +0000\n",
            "debian/source/format": "3.0 (native)\n",
            "debian/rules": textwrap.dedent("""\
                #!/usr/bin/make -f
                build build-arch build-indep:
                \tsh ./build.sh
                binary binary-arch: build
                \tmkdir -p debian/tmp/DEBIAN debian/tmp/usr/share/made
                \tcp built debian/tmp/usr/share/made/built
                \tdpkg-gencontrol -Pdebian/tmp
                \tdpkg-deb --root-owner-group --build debian/tmp ..
                binary-indep:
                clean:
                \trm -rf debian/tmp debian/files built
                .PHONY: build build-arch build-indep binary binary-arch binary-indep clean
                """),
            "build.sh": rules,
        }
        for path, text in {**files, **(tests or {})}.items():
            path = os.path.join(folder, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write(text)
        os.chmod(os.path.join(folder, "debian/rules"), 0o755)
        subprocess.run(["chown", "-R", f"{self.user}:{self.user}", folder], check=True)
        self.client("dpkg-source", "-b", folder)
        return os.path.join(self.home, f"{name}_1.0.dsc")


def in_own_world(arguments):
    """The exit status of this program, started again with `arguments` in a process for the world; the folder goes when the namespace has gone."""
    place = tempfile.mkdtemp(prefix=side_world.World.prefix, dir=testing.SCRATCH)
    started = time.monotonic()
    try:
        status = subprocess.run([sys.executable, "-B", sys.argv[0], *arguments], env={**os.environ, PLACE_VARIABLE: place}).returncode
    finally:
        shutil.rmtree(place)
    print(f"{' '.join([os.path.basename(sys.argv[0]), *arguments])}: {time.monotonic() - started:.0f} s", file=sys.stderr)
    return status


def main():
    """Of each class of tests in a world of its own; where tests are named, of those alone in one."""
    if PLACE_VARIABLE in os.environ:
        skips.main()
        return
    classes = [name for name, value in vars(sys.modules["__main__"]).items()
               if isinstance(value, type) and issubclass(value, unittest.TestCase) and value.__module__ == "__main__"]
    statuses = [in_own_world(arguments) for arguments in ([sys.argv[1:]] if sys.argv[1:] else [[name] for name in classes])]
    # A class that was skipped shows nothing.
    sys.exit(next((status for status in statuses if status not in (0, skips.STATUS)), max(statuses)))
