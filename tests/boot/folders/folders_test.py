#!/usr/bin/python3
"""Overlays over single folders of a read-only root: the units that the generator writes, and what these start, in a mount namespace
of this machine. UNIONROOT_BOOT_ALL=1 has a Debian's systemd start them, in namespaces too (scripts/nightly boot)."""

import contextlib
import os
import pty
import select
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.join(HERE, "../cut"), os.path.join(HERE, "../../peers/machine")]

import image  # noqa: E402
import place  # noqa: E402
import skips  # noqa: E402
import unionroot_testing as testing  # noqa: E402

BUILD = os.environ["UNIONROOT_BUILD_DIR"]
ALL = os.environ.get("UNIONROOT_BOOT_ALL") == "1"
SECONDS = 300  # of a boot; it takes five
PROGRAM = os.path.join(os.environ["UNIONROOT_BUILD_DIR"], "boot/unionroot-boot")
VAR = "/run/buildroot/mounts/var"
UNITS = ["local-fs.target.wants", "prepare-var-overlay.service", "run-buildroot-mounts-var.mount", "var.mount"]

# A /run of its own, and a folder in the place of /var that has a file.
SCRIPT = r"""
set -eu
program=$1 folder=/run/test
mount --make-rprivate /
mount -t tmpfs run /run
mkdir /run/test && mount --bind "$2" /run/test
mkdir "$folder/var"; echo old >"$folder/var/file"
mount --bind "$folder/var" /var
mount -o remount,bind,ro /var
mounted() { awk '$5 ~ "^(/var|/run/.*)$" { print $5 }' /proc/self/mountinfo; }
mounted >"$folder/before"
"""
LAY = r"""
mkdir -p "$(dirname "$where")" && mkdir "$where"
"""
OVERLAY = r"""
mount -t overlay overlay_var /var -o "$options"
"""
LOOK = r"""
echo "@@ options $(awk '$2 == "/var" && $3 == "overlay" { print $4 }' /proc/mounts)"
echo "@@ old $(cat /var/file)"
echo new >/var/file && echo "@@ write yes"
echo "@@ beneath $(cat "$folder/var/file")"
[ -e "$where/upper/file" ] && echo "@@ upper $where"
echo "@@ lower $(awk -v at="$where/lower" '$5 == at { print $6 }' /proc/self/mountinfo)"
echo "@@ private $(awk -v at="$where/lower" '$5 == at && /shared:/ { print "no" }' /proc/self/mountinfo)"
for file in /run/issue.d/* /run/motd.d/*; do [ ! -e "$file" ] || echo "@@ told $(tr '\n' ' ' <"$file")"; done
"""
LEAVE = r"""
umount -l /var
"$program" release /var
umount -l "$where"
mounted | diff "$folder/before" - && echo "@@ left nothing"
"""


class FoldersTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="unionroot-boot-test.", dir=testing.SCRATCH)
        self.addCleanup(shutil.rmtree, self.folder)
        self.generators = os.path.join(self.folder, "generators")
        os.mkdir(self.generators)
        self.generator = os.path.join(self.generators, "unionroot-overlay-generator")
        os.symlink(PROGRAM, self.generator)

    def run_script(self, *parts):
        unit = self.unit("var.mount")
        options = next((line[8:] for line in unit.splitlines() if line.startswith("Options=")), "")
        script = SCRIPT + f"where={VAR} options='{options}'\n" + "".join(parts)
        done = subprocess.run(["unshare", "--mount", "/bin/sh", "-c", script, "sh", PROGRAM, self.folder], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        return done.returncode, place.Boot(done.stdout, False)

    def generate(self, configuration, var="folder", root="/"):
        """{file: text} of what the generator writes for a boot.conf, in a root of its own."""
        tree = os.path.join(self.folder, "tree")
        units = os.path.join(tree, "units")
        for name in ("etc/unionroot", "proc", "run", "units", "srv/my-app"):
            os.makedirs(os.path.join(tree, name), exist_ok=True)
        shutil.rmtree(units)
        os.mkdir(units)
        with open(os.path.join(tree, "etc/unionroot/boot.conf"), "w") as file:
            file.write(configuration)
        path = os.path.join(tree, "var")
        if os.path.lexists(path):
            os.unlink(path) if os.path.islink(path) else os.rmdir(path)
        if var == "folder":
            os.mkdir(path)
        elif var == "link":
            os.symlink("/tmp", path)
        shutil.copy(PROGRAM, os.path.join(tree, "unionroot-overlay-generator"))
        # It asks for the kernel's command line, and whether this boot's root is an overlay.
        said = subprocess.run(["unshare", "--mount", "/bin/sh", "-ec",
                               'mount -t proc proc "$1/proc"; exec chroot "$1" /unionroot-overlay-generator /units /units /units', "sh",
                               tree], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        self.assertEqual(0, said.returncode, said.stdout)
        self.said = said.stdout
        found = {}
        for name in sorted(os.listdir(units)):
            full = os.path.join(units, name)
            if os.path.isdir(full):
                found[name] = os.listdir(full)
                continue
            with open(full) as file:
                found[name] = file.read()
        return found

    def unit(self, name):
        return self.generate("overlay = /var\n").get(name, "")

    # --- units

    def test_units(self):
        self.assertEqual([], sorted(self.generate("")))
        self.assertEqual("", self.said)
        found = self.generate("overlay = /var\n")
        self.assertEqual(UNITS, sorted(found))
        self.assertEqual(["var.mount"], found["local-fs.target.wants"])
        self.assertIn("srv-my\\x2dapp.mount", self.generate("overlay = /srv/my-app\n"))

    def test_nothing_where_it_cannot_be(self):
        for var, text in (("link", "overlay=/var: it is a symbolic link"), (None, "overlay=/var: there is no such folder")):
            self.assertEqual([], sorted(self.generate("overlay = /var\n", var)))
            self.assertIn(text, self.said)
        self.assertEqual(UNITS, sorted(self.generate("overlay = /etc, /var\n")))
        self.assertIn("overlay=/etc: init reads it before units mount anything", self.said)
        self.assertEqual([], sorted(self.generate("ofs-size = nonsense\n")))
        self.assertEqual("", self.said)  # the boot tells of that

    def test_systemd_takes_them(self):
        """Each word is one of systemd's, and their order has no circle."""
        if shutil.which("systemd-analyze") is None:
            self.skipTest("needs systemd-analyze (apt-get install systemd)")
        found = self.generate("overlay = /var\n")
        units = os.path.join(self.folder, "verified")
        os.mkdir(units)
        for name in UNITS[1:]:
            with open(os.path.join(units, name), "w") as file:
                file.write(found[name].replace("/usr/local/libexec/unionroot/unionroot-boot", PROGRAM))
        # A service that needs /var, as the journal's does: with it there would be a circle, if the layers were to wait for /var.
        with open(os.path.join(units, "needs-var.service"), "w") as file:
            file.write("[Unit]\nRequiresMountsFor=/var/log\nAfter=local-fs.target\n[Service]\nExecStart=/bin/true\n")
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=yes", os.path.join(units, "needs-var.service"),
                               *(os.path.join(units, name) for name in UNITS[1:])], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=60, env={**os.environ, "SYSTEMD_UNIT_PATH": units + ":"})
        self.assertEqual([], [line for line in done.stdout.splitlines() if units in line or "ycle" in line], done.stdout)

    # --- layers

    def good(self, boot):
        self.assertEqual(("old", "yes", "old", VAR), tuple(boot.one(name) for name in ("old", "write", "beneath", "upper")), boot.console)
        for option in ("redirect_dir=on", "index=on", "xino=on", f"lowerdir={VAR}/lower", f"upperdir={VAR}/upper"):
            self.assertIn(option, boot.one("options").split(","))
        self.assertIn("ro", boot.one("lower").split(","))
        self.assertEqual("", boot.one("private"))

    def test_memory(self):
        status, boot = self.run_script(LAY, 'mount -t tmpfs var_overlay_tmpfs "$where"\n"$program" prepare /var\n', OVERLAY, LOOK, LEAVE)
        self.assertEqual(0, status, boot.console)
        self.good(boot)
        self.assertEqual([], boot.all("told"))
        self.assertEqual("nothing", boot.one("left"))

    def test_without_it(self):
        """What the others look for does not hold by itself."""
        _, boot = self.run_script(LAY, 'mount -t tmpfs x "$where"\nset +e\n', LOOK)
        self.assertEqual([["old"], ["old"]], [boot.all("old"), boot.all("beneath")], boot.console)
        self.assertEqual(([], [], [""], [""]), tuple(boot.all(name) for name in ("write", "upper", "options", "lower")))

    def test_left_overs_of_a_power_cut(self):
        status, boot = self.run_script(LAY, 'mount -t tmpfs x "$where"\nmkdir -p "$where/work/work/a/b/c/d"\n"$program" prepare /var\n',
                                       OVERLAY, LOOK)
        self.assertEqual(0, status, boot.console)
        self.good(boot)

    def test_no_backing(self):
        status, boot = self.run_script('"$program" prepare /var\n', OVERLAY, LOOK, "umount -l /var; \"$program\" release /var\n"
                                       "mounted | diff \"$folder/before\" - && echo '@@ left nothing'\n")
        self.assertEqual(0, status, boot.console)
        self.good(boot)
        self.assertEqual(2, len(boot.all("told")))
        self.assertIn("Changes in /var are kept in memory", boot.one("told"))
        self.assertIn(f"nothing is mounted at {VAR}", boot.one("told"))
        self.assertEqual("nothing", boot.one("left"))

    def test_a_backing_of_another_root(self):
        """index=on refuses it."""
        disk = os.path.join(self.folder, "disk")
        place.command("truncate", "-s", "16M", disk)
        place.command("mke2fs", "-q", "-t", "ext4", disk)
        first, boot = self.run_script(LAY, 'mount -o loop "$folder/disk" "$where"\n"$program" prepare /var\n', OVERLAY, LOOK, LEAVE)
        self.assertEqual(0, first, boot.console)
        os.rename(os.path.join(self.folder, "var"), os.path.join(self.folder, "former"))
        status, boot = self.run_script(LAY, 'mount -o loop "$folder/disk" "$where"\n"$program" prepare /var\n', OVERLAY, LOOK,
                                       LEAVE.replace('umount -l "$where"', 'umount "$where"'))
        self.assertEqual(0, status, boot.console)
        self.good(boot)
        self.assertIn("Stale file handle", boot.one("told"))
        self.assertEqual("nothing", boot.one("left"))

    def test_wrong_calls(self):
        for words, text in ((["prepare", "/etc"], "init reads it"), (["prepare", "var"], "expected the absolute path"),
                            (["prepare"], "usage:"), (["release"], "usage:"), (["release", "relative"], "expected the absolute path")):
            done = subprocess.run([PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
            self.assertEqual(125, done.returncode)
            self.assertIn(text, done.stdout)


class WithSystemd(unittest.TestCase):
    """A Debian on a read-only root."""

    @classmethod
    def setUpClass(cls):
        if shutil.which("mmdebstrap") is None:
            raise unittest.SkipTest("needs mmdebstrap (apt-get install mmdebstrap)")
        with open("/proc/mounts") as mounts:
            cls.cgroups = next((line.split()[1] for line in mounts if line.split()[2] == "cgroup2"), None)
        if cls.cgroups is None:
            raise unittest.SkipTest("needs cgroup v2, which is not mounted")
        cls.base = image.base_root([*image.PACKAGES, *image.library_packages(image.installed_programs(BUILD))])

    def boot(self, configuration, drop_in=""):
        folder = tempfile.mkdtemp(prefix="unionroot-boot-test.", dir=testing.SCRATCH)
        self.addCleanup(shutil.rmtree, folder)
        group = os.path.join(self.cgroups, os.path.basename(folder))
        os.mkdir(group)
        ours, console = pty.openpty()
        words = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--uts", "--ipc", "--net",
                 "--cgroup", os.path.join(HERE, "with_systemd"), self.base, BUILD, folder, configuration, drop_in]
        process = subprocess.Popen(["/bin/sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', group, *words], stdin=console,
                                   stdout=console, stderr=console, start_new_session=True)
        os.close(console)
        said, end = b"", time.monotonic() + SECONDS
        with contextlib.suppress(OSError):  # EIO: nobody has the console any more
            while time.monotonic() < end:
                if select.select([ours], [], [], 1)[0]:
                    said += os.read(ours, 65536)
        process.kill()
        process.wait()
        os.close(ours)
        testing.wait_until(lambda: self.remove_group(group))
        with contextlib.suppress(OSError), open(os.path.join(folder, "out/report")) as file:
            report = place.Boot(file.read(), False)
            report.said = said.decode(errors="replace")
            return report
        raise AssertionError(said.decode(errors="replace")[-5000:])

    @staticmethod
    def remove_group(group):
        for path, _, _ in os.walk(group, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(path)
        return not os.path.exists(group)

    CLAIMS = [("/var is the overlay", lambda boot: "/var overlay_var overlay" in boot.all("overlay")),
              ("the other folder is one", lambda boot: "/srv/my-app overlay_srv-my-app overlay" in boot.all("overlay")),
              ("/var can be written to, and what is beneath stays", lambda boot: boot.one("written") == "yes"),
              ("nothing has failed", lambda boot: boot.one("running") == "running" and not boot.all("failed")),
              ("the mounts go in their order", lambda boot: 0 < boot.said.find("Unmounted var.mount") <
               boot.said.find("Stopped prepare-var-overlay") < boot.said.find("Unmounted run-buildroot-mounts-var.mount"))]
    ALWAYS = [("what the folders held is there", lambda boot: boot.one("held") == "yes"),
              ("nothing waits for itself", lambda boot: boot.one("cycles") == "0"),
              ("the root is read-only", lambda boot: boot.ended and boot.one("root") is None)]

    def check(self, boot, claims):
        self.assertEqual([], [name for name, holds in claims if not holds(boot)], boot.console + boot.said[-3000:])

    def test_memory(self):
        self.check(self.boot("overlay = /var, /srv/my-app\\n"), [*self.CLAIMS, *self.ALWAYS, (
            "in memory", lambda boot: boot.one("backing") == "var_overlay_tmpfs tmpfs" and "***" not in boot.console)])

    def test_without_it(self):
        """None of it holds by itself: not even that nothing fails, on a root without a /var that can be written to."""
        boot = self.boot("")
        self.check(boot, self.ALWAYS)
        self.assertEqual([], [name for name, holds in self.CLAIMS if holds(boot)])

    def test_drop_in(self):
        boot = self.boot("overlay = /var, /srv/my-app\\n", "[Mount]\\nWhat=of_a_drop_in\\nOptions=mode=700,size=64m\\n")
        self.check(boot, [*self.CLAIMS, *self.ALWAYS, ("it is the drop-in's", lambda boot: boot.one("backing") == "of_a_drop_in tmpfs")])

    def test_backing_that_fails(self):
        boot = self.boot("overlay = /var, /srv/my-app\\n", "[Mount]\\nWhat=/nowhere/at/all\\nType=ext4\\n")
        self.check(boot, [*self.CLAIMS[:3], *self.ALWAYS,
                          ("people are told", lambda boot: "Changes in /var are kept in memory" in boot.console),
                          ("it is in memory", lambda boot: boot.one("backing") == "var_overlay_tmpfs tmpfs")])


def load_tests(loader, tests, pattern):
    suite = unittest.TestSuite()
    for case in (FoldersTest, *([WithSystemd] if ALL else [])):
        suite.addTests(loader.loadTestsFromTestCase(case))
    return suite


if __name__ == "__main__":
    if os.geteuid() != 0:
        skips.skip_all("needs root: it mounts")
    if not os.path.exists(PROGRAM):
        skips.skip_all("unionroot-boot is not built")
    skips.main()
