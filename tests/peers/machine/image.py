"""The machine's disk: Debian 12 by mmdebstrap, made once, and unionroot installed into a copy as its rules say."""

import hashlib
import os
import shutil
import subprocess
import time
import unittest

import unionroot_testing as testing

HERE = os.path.dirname(os.path.realpath(__file__))
INSIDE = "/opt/machine-test"
KERNEL_TESTS = ("kernel_mount", "kernel_launch", "kernel_tree", "kernel_locks")
TEST_HELPERS = ("lib/launch/helper/unionroot-helper", "tests/kernel/locks/lock_helper")
PROGRAMS = ("daemon/unionrootd", "cli/unionroot")
# Tests that a container cannot run, for want of device-mapper; with what they import.
SOURCES_TESTS = ("../sources_image/lvm_in_machine.py", "../sources_image/disks.py", "../../support/unionroot_testing.py",
                 "../../support/database_copy.py", "../../support/inventory.py", "../../support/skips.py",
                 "../../support/raw_bus.py")
TESTER = 1000

# Python and LVM: for the tests of sources/, which need device-mapper. iproute2: networks with names.
BARE_PACKAGES = "systemd-sysv linux-image-cloud-amd64 dbus udev initramfs-tools procps kmod e2fsprogs".split()
PACKAGES = [*BARE_PACKAGES, "dbus-broker", "lvm2", "thin-provisioning-tools", "python3", "iproute2"]
# Not needed on a machine that nobody reads on.
PATHS_LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")
# What a machine without a network, a clock and people can do without; each costs seconds of the boot.
MASKED = """apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer
 e2scrub_reap.service systemd-timesyncd.service systemd-networkd.service systemd-resolved.service getty@tty1.service
 serial-getty@ttyS0.service serial-getty@ttyS1.service systemd-update-utmp.service
 systemd-binfmt.service""".split()
UNITS = ("machine-test.service", "machine-lock-first.service", "machine-lock-prober.service")


def command(*arguments, seconds=600, **options):
    """Runs a program; its output. An error says all that it said."""
    done = subprocess.run(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", timeout=seconds, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stdout[-3000:]}")
    return done.stdout


def installed_programs(build):
    """Every program that is installed or copied: what they are linked to decides on the packages."""
    return [os.path.join(build, path) for path in programs_for_tests()]


def programs_for_tests():
    return [*PROGRAMS, *(test_program(name) for name in KERNEL_TESTS), *TEST_HELPERS]


def test_program(name):
    return f"tests/kernel/{name.removeprefix('kernel_')}/test_{name}"


def library_packages(programs):
    """The Debian packages of the shared libraries that the programs are linked to."""
    libraries = set()
    for program in programs:
        listing = subprocess.run(["ldd", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        libraries.update(word for word in listing.stdout.split() if word.startswith("/"))
    packages = set()
    for library in libraries:
        # dpkg knows a file under the name that it was packed with, in /lib or in /usr/lib.
        names = {library, os.path.realpath(library)}
        names |= {name[4:] for name in names if name.startswith("/usr/")} | {"/usr" + name for name in names}
        found = subprocess.run(["dpkg-query", "-S", *sorted(names)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               text=True).stdout
        owners = {line.partition(":")[0] for line in found.splitlines() if not line.startswith("diversion")}
        if not owners:
            raise unittest.SkipTest(f"{library} is of no package, so the machine cannot have it")
        packages |= owners
    return packages


def base_root(packages):
    """A Debian 12 root with kernel, systemd and these packages, made once for each list."""
    packages = sorted(set(packages))
    options = ["--variant=apt", "--include=" + ",".join(packages), "--aptopt=Acquire::Languages \"none\""]
    options += ["--dpkgopt=path-exclude=" + path for path in PATHS_LEFT_OUT]

    def make(path):
        # In a mount namespace: what mmdebstrap mounts goes with it, however it ends.
        try:
            done = subprocess.run(["unshare", "--mount", "mmdebstrap", "--quiet", *options, "bookworm", path],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  text=True, errors="replace", timeout=1200)
        except subprocess.TimeoutExpired:
            raise unittest.SkipTest("mmdebstrap took over twenty minutes; the mirror is slow") from None
        if done.returncode != 0:
            raise unittest.SkipTest("mmdebstrap could not make a root (no mirror?): " + done.stdout[-800:])

    recipe = hashlib.sha256(" ".join(options).encode()).hexdigest()[:12]
    return testing._cached("machine-" + recipe, make)


def boot_files(root):
    """(kernel, initial file system) of the root."""
    names = sorted(os.listdir(os.path.join(root, "boot")))
    found = [[os.path.join(root, "boot", name) for name in names if name.startswith(start)]
             for start in ("vmlinuz-", "initrd.img-")]
    if not all(found):
        raise AssertionError(f"no kernel or no initrd in {root}/boot: {names}")
    return found[0][-1], found[1][-1]


def write(root, path, text, mode=0o644):
    """A new file in the root; never through a symlink of the root's own."""
    full = os.path.join(root, path.lstrip("/"))
    os.makedirs(os.path.dirname(full), exist_ok=True)
    if os.path.lexists(full):
        os.unlink(full)
    with open(full, "w") as file:
        file.write(text)
    os.chmod(full, mode)


def append(root, path, text):
    with open(os.path.join(root, path.lstrip("/")), "a") as file:
        file.write(text)


def install_unionroot(build, root):
    """What `cmake --install` puts there, and nothing else."""
    command("cmake", "--install", build, "--strip", env={**os.environ, "DESTDIR": root})


def add_driver(root, plan, units):
    """What runs in the machine, by the plan of this name; where it is."""
    inside = os.path.join(root, INSIDE.lstrip("/"))
    shutil.copytree(os.path.join(HERE, "guest"), inside)
    write(root, INSIDE + "/plan", plan + "\n")
    for unit in units:
        os.rename(os.path.join(inside, unit), os.path.join(root, "etc/systemd/system", unit))
    command("systemctl", "--root=" + root, "enable", *units)
    return inside


def add_tests(build, root, plan):
    """The programs and units that test the machine from inside."""
    inside = add_driver(root, plan, UNITS)
    for path in programs_for_tests():
        target = os.path.join(inside, "build", path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        command("strip", "-o", target, os.path.join(build, path))
    # The tests look for their helpers where they were built.
    write(root, INSIDE + "/build-directory", build + "\n")
    os.mkdir(os.path.join(inside, "sources"))
    for path in SOURCES_TESTS:
        if os.path.exists(os.path.join(HERE, path)):
            shutil.copy(os.path.join(HERE, path), os.path.join(inside, "sources"))


def set_up(root):
    """A user, trees, and what is not started at boot."""
    append(root, "/etc/passwd", f"tester:x:{TESTER}:{TESTER}:Tester:/home/tester:/bin/bash\n")
    append(root, "/etc/group", f"tester:x:{TESTER}:\n")
    append(root, "/etc/shadow", "tester:*:19000:0:99999:7:::\n")
    os.mkdir(os.path.join(root, "home/tester"))
    os.chown(os.path.join(root, "home/tester"), TESTER, TESTER)
    write(root, "/etc/hostname", "machine\n")
    # Without one systemd takes this for a first boot, and enables whatever there is.
    write(root, "/etc/machine-id", "5f1c8a3e2b7d49608c1de2f3a4b5c6d7\n", 0o444)
    append(root, "/etc/fstab", "/dev/vda / ext4 defaults 0 1\n")
    os.makedirs(os.path.join(root, "var/log/journal"), exist_ok=True)  # kept over reboots
    for name in ("small", "brief"):
        shutil.copytree(testing.small_tree(), os.path.join(root, "srv", name), symlinks=True)
    command("systemctl", "--root=" + root, "mask", *MASKED)


def make_disk(build, place, plan="machine"):
    """Makes <place>/disk.img; (disk, kernel, initial file system)."""
    programs = installed_programs(build)

    def fill(root):
        install_unionroot(build, root)
        add_tests(build, root, plan)
        os.rename(os.path.join(root, INSIDE.lstrip("/"), "chroots.conf"),
                  os.path.join(root, "etc/unionroot/chroot.d/machine.conf"))
        if plan == "machine":
            set_up_data_disks(root, make_data_disks(place))
        # The first boot has dbus-daemon, those after it dbus-broker.
        command("systemctl", "--root=" + root, "disable", "dbus-broker.service")
        command("systemctl", "--root=" + root, "enable", "dbus.service", "unionrootd.service")

    return make_disk_of(base_root([*PACKAGES, *library_packages(programs)]), place, fill)


ZERO_UUID = "00000000-0000-0000-0000-000000000000"


def data_disks(place):
    """Those that make_disk made, in the order of the machine's disks."""
    return sorted(os.path.join(place, name) for name in os.listdir(place) if name.startswith("data-"))


def make_data_disks(place):
    """Four file systems with the same tree.

    The first two have no UUID of their own, so that the time of mkfs alone tells them apart. The others have one each.
    """
    for number, uuid in enumerate((ZERO_UUID, ZERO_UUID, "random", "random")):
        if number == 1:
            time.sleep(1.1)  # mkfs notes seconds
        command("mke2fs", "-q", "-t", "ext4", "-U", uuid, "-d", testing.small_tree(),
                os.path.join(place, f"data-{number}.img"), "32M")
    return data_disks(place)


def uuid_of(disk):
    return command("blkid", "-p", "-o", "value", "-s", "UUID", disk).strip()


def set_up_data_disks(root, disks):
    """The first two are mounted by the names of their devices, which say in what order they were found."""
    for number, disk in enumerate(disks):
        os.mkdir(os.path.join(root, "srv", f"disk-{number}"))
        source = "/dev/vd" + "bcde"[number] if number < 2 else "UUID=" + uuid_of(disk)
        append(root, "/etc/fstab", f"{source} /srv/disk-{number} ext4 defaults 0 2\n")
        append(root, "/etc/unionroot/chroot.d/machine.conf",
               f"\n[disk-{number}]\ntype=directory\ndirectory=/srv/disk-{number}\nunion-type=overlay\nprofile=minimal\n")


def make_hardening_disk(build, place):
    return make_disk(build, place, "hardening")


def make_disk_of(base, place, fill):
    """As make_disk: a copy of `base` with a user and trees, and what `fill` puts there."""
    root = os.path.join(place, "root")
    command("cp", "-a", "--reflink=auto", base, root)
    fill(root)
    set_up(root)
    disk = os.path.join(place, "disk.img")
    # As large as two builds with debugging sanitizers would need; sparse.
    command("mke2fs", "-q", "-t", "ext4", "-d", root, disk, "2G")
    shutil.rmtree(root)
    return (disk, *boot_files(base))
