"""A machine of its own for one program called schroot: a mount namespace in which /etc, /usr, /run, /srv, /home, /tmp, /var/lib,
/proc, /sys and /dev are the same whatever machine it is. Nothing of it is seen outside."""

import ctypes
import os
import shutil
import subprocess
import tempfile

import debian_packages
import mutants
import unionroot_testing as testing

ACCOUNTS = {
    "passwd": """root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
games:x:5:60:games:/usr/games:/usr/sbin/nologin
news:x:9:9:news:/var/spool/news:/usr/sbin/nologin
_apt:x:42:65534::/nonexistent:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
messagebus:x:100:107::/nonexistent:/usr/sbin/nologin
alice:x:2001:2001:Alice,,,:/home/alice:/bin/bash
bob:x:2002:2002:Bob,,,:/home/bob:/bin/sh
carol:x:2003:2003:Carol,,,:/home/carol:/bin/bash
dave:x:2004:2004:Dave,,,:/home/dave:/bin/sh
shellfish:x:2005:2005:A shell that no tree has:/home/shellfish:/usr/bin/fish
homeless:x:2006:2006:No home:/home/nowhere:/bin/sh
sbuild:x:2007:2007:builds:/var/lib/sbuild:/bin/bash
""",
    "group": """root:x:0:
daemon:x:1:
tty:x:5:
disk:x:6:
news:x:9:
shadow:x:42:
utmp:x:43:
staff:x:50:alice,dave
games:x:60:
messagebus:x:107:
users:x:100:
nogroup:x:65534:
alice:x:2001:
bob:x:2002:
carol:x:2003:
dave:x:2004:
shellfish:x:2005:
homeless:x:2006:
sbuild:x:2007:dave
builders:x:2100:dave,bob
""",
}
NAMES = {
    "hosts": "127.0.0.1 localhost\n192.0.2.7 host-of-the-machine\n",
    "resolv.conf": "# of the machine\n",
    "networks": "loopback 127.0.0.0\n",
    "hostname": "machine\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\ngshadow: files\nhosts: files\nnetworks: files\n"
                     "services: files\nprotocols: files\n",
}
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games", "SHELL": "/bin/bash", "LC_ALL": "C.UTF-8",
               "TERM": "dumb"}
MS_PRIVATE_RECURSIVE = (1 << 18) | (1 << 14)


def mount(*words):
    subprocess.run(["mount", *words], check=True, stdin=subprocess.DEVNULL)


def write(path, text, mode=0o644):
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)


class World:
    """One for a process: it moves this process into the namespace."""

    prefix = "unionroot-side."

    def __init__(self, mutant=None, place=None):
        self.mutant = mutant
        self.packages = debian_packages.schroot()
        debian_packages.busybox()
        self.place = place or tempfile.mkdtemp(prefix=self.prefix, dir=testing.SCRATCH)
        os.chmod(self.place, 0o755)
        self.program = os.path.join(self.place, "usr/bin/schroot")
        self.unbroken = "/usr/lib/schroot-peer/schroot" if mutant else "/usr/bin/schroot"

    def enter(self):
        cgroup = next((line.split()[4] for line in testing.mountinfo() if " - cgroup2 " in line), None)
        testing.own_mounts()
        for name in ("usr/bin", "usr/lib/schroot-peer", "srv", "state", "schroot", "cgroup", "ram", "store"):
            os.makedirs(os.path.join(self.place, name))
        mount("-t", "tmpfs", "-o", "mode=755", "ram", self.place + "/ram")
        if cgroup:
            mount("--rbind", cgroup, self.place + "/cgroup")
        self.lay_program()
        if self.mutant:
            os.rename(self.program, self.place + self.unbroken)
            write(self.program, mutants.script(self.mutant, self.unbroken), 0o755)
        self.overlay("/etc")
        self.overlay("/var/lib")
        mount("-t", "overlay", "-o", f"ro,lowerdir={self.place}/usr:{self.below_usr()}/usr", "usr", "/usr")
        for folder, mode in (("/run", "755"), ("/tmp", "1777"), ("/home", "755"), ("/mnt", "755")):
            mount("-t", "tmpfs", "-o", f"mode={mode},size=256m", "side", folder)
        mount("--bind", self.place + "/srv", "/srv")
        mount("-t", "proc", "-o", "nosuid,nodev,noexec", "proc", "/proc")
        self.mount_again("sysfs", "/sys", "nosuid,nodev,noexec")
        if cgroup:
            mount("--move", self.place + "/cgroup", "/sys/fs/cgroup")
        self.mount_again("devtmpfs", "/dev", "nosuid")
        for folder in ("/dev/pts", "/dev/shm"):
            os.makedirs(folder, exist_ok=True)
        mount("-t", "devpts", "-o", "nosuid,noexec,gid=5,mode=620,ptmxmode=666", "devpts", "/dev/pts")
        mount("-t", "tmpfs", "-o", "nosuid,nodev,mode=1777", "shm", "/dev/shm")
        if not os.path.exists("/dev/ptmx"):
            os.symlink("pts/ptmx", "/dev/ptmx")
        self.fill()

    def mount_again(self, kind, point, options):
        """The kernel does not mount what is there already; it moves it there."""
        elsewhere = os.path.join(self.place, kind)
        os.mkdir(elsewhere)
        mount("-t", kind, "-o", options, kind, elsewhere)
        mount("--move", elsewhere, point)

    def below_usr(self):
        return ""

    def overlay(self, folder):
        name = folder.strip("/").replace("/", "-")
        upper, work = (f"{self.place}/ram/{name}.{part}" for part in ("upper", "work"))
        os.makedirs(upper)
        os.makedirs(work)
        mount("-t", "overlay", "-o", f"lowerdir={folder},upperdir={upper},workdir={work}", name, folder)

    def fill(self):
        accounts = {name: text for name, text in ACCOUNTS.items()}
        users = [line.split(":")[0] for line in ACCOUNTS["passwd"].splitlines()]
        groups = [line.split(":")[0] for line in ACCOUNTS["group"].splitlines()]
        accounts["shadow"] = "".join(f"{user}:*:19000:0:99999:7:::\n" for user in users)
        accounts["gshadow"] = "".join(f"{group}:*::\n" for group in groups)
        for name, text in {**accounts, **NAMES}.items():
            if os.path.lexists("/etc/" + name):
                os.unlink("/etc/" + name)
            write("/etc/" + name, text, 0o640 if "shadow" in name else 0o644)
        for name in ("shadow", "gshadow"):
            os.chown("/etc/" + name, 0, 42)
        for line in ACCOUNTS["passwd"].splitlines():
            _, _, uid, gid, _, home, _ = line.split(":")
            if home.startswith("/home/") and home != "/home/nowhere":
                os.makedirs(home)
                os.chown(home, int(uid), int(gid))
        for folder in ("/run/lock", "/run/dbus", "/run/schroot/mount", "/var/lib/sbuild/build", "/var/lib/dbus", "/var/lib/schroot"):
            os.makedirs(folder, exist_ok=True)
        os.chmod("/run/lock", 0o1777)
        mount("--bind", self.place + "/schroot", "/var/lib/schroot")
        if os.path.isdir("/etc/schroot"):
            shutil.rmtree("/etc/schroot")
        os.makedirs("/etc/schroot")

    # What each side does in its own way

    def lay_program(self):
        """Puts the program to self.program, and what belongs to it."""

    def start(self):
        pass

    def tidy(self):
        """After a case: sentences about what it left although its sessions were ended."""
        return []

    def close(self):
        """Sentences about what is left. The namespace, and all mounts in it, end with this process."""
        return []


class Real(World):
    """Debian's schroot."""

    def lay_program(self):
        subprocess.run(["cp", "-aT", self.packages + "/usr", self.place + "/usr"], check=True)

    def fill(self):
        super().fill()
        for name in ("pam.d/schroot", "default/schroot"):
            shutil.copy(os.path.join(self.packages, "etc", name), "/etc/" + name)
        self.empty_state()

    @staticmethod
    def empty_state():
        for folder in ("session", "unpack", "mount", "union/overlay", "union/underlay"):
            os.makedirs("/var/lib/schroot/" + folder, exist_ok=True)

    def tidy(self):
        sessions = "/var/lib/schroot/session"
        if os.listdir(sessions):
            subprocess.run([self.unbroken, "-q", "-e", "--all-sessions"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, timeout=120)
        # What it does not get rid of by itself is its own trouble; the next case begins with nothing of it.
        for place in ("/run/schroot/mount", "/var/lib/schroot"):
            for point in sorted((p for p in testing.mount_points() if p.startswith(place + "/")), key=len, reverse=True):
                testing._libc.umount2(os.fsencode(point), 2 | 8)  # MNT_DETACH, UMOUNT_NOFOLLOW
            for name in os.listdir(place):
                subprocess.run(["rm", "-rf", "--one-file-system", os.path.join(place, name)], check=True)
        self.empty_state()
        return []
    def close(self):
        return []
