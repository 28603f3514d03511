"""Boots in namespaces of this machine's own kernel: the program is the first process of a pid namespace, and its root is a disk of
its own, on a loop device. What only a kernel does that starts cannot be tried so: its modules, devices that come late.
"""

import os
import re
import subprocess

import place
import unionroot_testing as testing

SECONDS = 300  # of a boot; it takes a fraction of one

# The root is mounted as a kernel would do it: a disk, or an initial file system in memory. Its /dev has these two disks and no
# other, so that whatever the program does, it does to them. The console is the standard output.
SCRIPT = r"""
set -e
root=$1 lower=$2 upper=$3 initrd=$4 command_line=$5 mode=$6 late=$7
mount --make-rprivate /
if [ -n "$initrd" ]; then
  mount -t tmpfs -o mode=755 root "$root"
  (cd "$root" && cpio --extract --make-directories --quiet <"$initrd" && mkdir -p dev proc)
  program=/init
else
  mount -o "$mode" "$lower" "$root"
  program=$(tr ' ' '\n' <"$command_line" | sed -n 's/^init=//p')
fi
mount -t tmpfs -o mode=755 dev "$root/dev"
mknod "$root/dev/null" c 1 3
add() {
  for name in "${1#/dev/}" "$2"; do mknod "$root/dev/$name" b $(stat -c '0x%t 0x%T' "$1"); done
}
add "$lower" ubda
if [ -n "$late" ]; then
  # Once the program runs, and has had the time to look: by then only what is in the new root can be started.
  numbers=$(stat -c '%Hr %Lr' "$upper")
  (cd "$root/dev" && while [ ! -e /proc/1/exe ] || [ -e /usr/bin/unshare ]; do sleep 0.1 || :; done 2>/dev/null
    /bin/busybox sleep 2; /bin/busybox mknod ubdb b $numbers) &
elif [ -n "$upper" ]; then
  add "$upper" ubdb
fi
ln -s /proc/self/fd/2 "$root/dev/console"
mount -t proc proc "$root/proc"
mount --bind "$command_line" "$root/proc/cmdline"
cd "$root"
pivot_root . .
/bin/busybox umount -l .
cd /
exec "$program"
"""


class Machine(place.Place):
    @staticmethod
    def require():
        if not os.path.exists("/dev/loop-control"):
            raise place.unittest.SkipTest("needs loop devices (/dev/loop-control)")
        place.require()

    def boot(self, lower, *words, upper=None, initrd=None, late=False):
        """Starts a machine, and waits until its init has ended. late: the upper disk comes while the program waits."""
        before = testing.file_checksum(lower)
        folder = self.file(f"boot{next(self.numbers)}")
        os.mkdir(folder)
        with open(folder + ".command", "w") as file:
            file.write(" ".join(words) + "\n")
        loops = []
        try:
            for disk in (lower, upper):
                if disk:
                    loops.append(place.command("losetup", "--find", "--show", disk).strip())
            # The lower's name comes first, as in a machine: messages list devices in the order of their names.
            if sorted(loops) != loops:
                for loop, disk in zip(loops, (upper, lower)):
                    place.command("losetup", "--detach", loop)
                    place.command("losetup", loop, disk)
                loops.reverse()
            # Without the right to switch the machine off, which is also that of the namespace's own end.
            done = subprocess.run(
                ["setpriv", "--bounding-set=-sys_boot", "--inh-caps=-sys_boot", "unshare", "--mount", "--pid", "--fork",
                 "--kill-child", "/bin/sh", "-c", SCRIPT, "sh", folder, loops[0], loops[1] if upper else "", initrd or "",
                 file.name, "rw" if "rw" in words else "ro", "late" if late else ""],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS, check=False)
        finally:
            for loop in loops:
                # The program locks the lower layer's device where its root stays read-only. The device outlives the disk on it.
                place.command("blockdev", "--setrw", loop)
                place.command("losetup", "--detach", loop)
        text = done.stdout.decode(errors="replace")
        for loop, name in zip(loops, ("/dev/ubda", "/dev/ubdb")):
            text = re.sub(loop + r"\b", name, text)
        # The last of its mounts goes with the namespace, in the kernel's own time.
        place.wait_for_no_loop(loops)
        return place.Boot(text, testing.file_checksum(lower) != before)
