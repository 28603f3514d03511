"""lvm-snapshot with a real volume group on a loop device.

Needs device-mapper and LVM's commands: skipped where they are missing. It can be run by itself in a machine that has them, as
the one that the reboot test boots:

    UNIONROOT_BUILD_DIR=... PYTHONPATH=tests/support python3 tests/peers/sources_image/lvm_in_machine.py
"""

import json
import os
import shutil
import signal
import subprocess
import unittest

import disks
import skips
import unionroot_testing as testing

GROUP = "unionroot-test"


def require():
    for program in ("lvcreate", "lvremove", "lvs", "vgcreate", "pvcreate", "mkfs.ext4"):
        if shutil.which(program) is None:
            raise unittest.SkipTest(f"needs {program} (apt-get install lvm2 e2fsprogs)")
    if not os.path.exists("/dev/mapper/control") and shutil.which("modprobe"):
        subprocess.run(["modprobe", "-q", "dm-snapshot"], check=False)
    with open("/proc/misc") as file:
        if "device-mapper" not in file.read():
            raise unittest.SkipTest("this kernel has no device-mapper")
    disks.require_loop()


def volumes():
    return sorted(disks.command("lvs", "--noheadings", "--options", "lv_name", GROUP).split())


def run():
    """Raises AssertionError if anything is not as it should be."""
    require()
    machine = testing.Machine()
    device = None
    try:
        image = os.path.join(machine.place, "volumes.img")
        disks.make_file(image, 512 << 20)
        device = disks.LoopDevice(image)
        disks.command("pvcreate", "--quiet", device.device)
        disks.command("vgcreate", "--quiet", GROUP, device.device)
        disks.command("lvcreate", "--quiet", "--yes", "--size", "128M", "--name", "base", GROUP)
        disks.command("lvcreate", "--quiet", "--yes", "--size", "16M", "--name", "theirs", GROUP)
        base = f"/dev/{GROUP}/base"
        disks.command("mkfs.ext4", "-q", "-F", "-d", testing.small_tree(), base)
        machine.define("lvm", type="lvm-snapshot", device=base, lvm_snapshot_options="--size 32M", mount_options="-o noatime")
        machine.define("bad", type="lvm-snapshot", device=base, lvm_snapshot_options="--size nonsense")
        machine.start()
        check(machine)
    finally:
        machine.run("end", "--all", "--force")
        machine.stop_daemon()
        if device is not None:
            subprocess.run(["vgremove", "--quiet", "--force", "--yes", GROUP], check=False)
            subprocess.run(["pvremove", "--quiet", "--force", "--yes", device.device], check=False)
            device.close()
        problems = machine.close()
    if problems:
        raise AssertionError("left behind: " + "; ".join(problems))


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def check(machine):
    one, two = machine.begin("lvm", name="one"), machine.begin("lvm", name="two")
    machine.inside(one, "sh", "-c", "echo one >/marker; sync")
    expect(machine.run("run", "--directory", "/", two, "--", "test", "-e", "/marker").status != 0, "sessions see each other")
    expect(volumes() == ["base", "one", "theirs", "two"], f"volumes: {volumes()}")
    machine.stop_daemon(signal.SIGKILL)
    machine.start_daemon()
    expect(machine.inside(one, "cat", "/marker") == "one", "the session did not outlive the daemon")
    machine.stop_daemon(signal.SIGKILL)
    for point in sorted((p for p in testing.mount_points() if p.startswith(machine.runtime + "/")), key=len, reverse=True):
        testing._libc.umount2(os.fsencode(point), 2 | 8)
    machine.start_daemon()
    expect(testing.wait_until(lambda: json.loads(machine.ok("info", "--json", one))["state"] == "active"), "not recovered")
    expect(machine.inside(one, "cat", "/marker") == "one", "the snapshot was lost")
    tags = disks.command("lvs", "--noheadings", "--options", "lv_tags", GROUP + "/one").strip()
    expect(tags.startswith("unionroot.owner.1.") and tags.endswith(".one"), f"tags: {tags}")
    machine.ok("end", one)
    machine.ok("end", two)
    expect(volumes() == ["base", "theirs"], f"left: {volumes()}")
    # Without a tag, with the tag that a former version gave to all its volumes, and with that of another daemon.
    for tag in (None, "unionroot.session", "unionroot.owner.1.0123456789abcdef.5.theirs"):
        if tag is not None:
            disks.command("lvchange", "--quiet", "--addtag", tag, GROUP + "/theirs")
        taken = machine.run("begin", "--name", "theirs", "lvm")
        expect(taken.status == 125 and "already" in taken.err, repr(taken))
        expect(volumes() == ["base", "theirs"], f"a volume that was not ours is gone: tag {tag}")
    expect("0123456789abcdef" in taken.err, repr(taken))
    bad = machine.run("begin", "bad")
    expect(bad.status == 125 and "lvcreate" in bad.err, repr(bad))
    machine.inside("source:lvm", "sh", "-c", "echo source >/from-source")
    expect(machine.inside("lvm", "cat", "/from-source") == "source", "the source session's change is not seen")
    expect(volumes() == ["base", "theirs"], f"left: {volumes()}")


if __name__ == "__main__":
    try:
        run()
    except unittest.SkipTest as reason:
        skips.skip_all(reason)
    print("lvm-snapshot: all is well")
