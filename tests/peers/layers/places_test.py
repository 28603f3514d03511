"""unionroot diff wherever a session's layers are: each kind of upper layer and of source, also after the daemon was
restarted; and nothing is held beyond the session's end."""

import contextlib
import json
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "sources_image"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "sources_archive"))

import disks  # noqa: E402
import oci_test as oci  # noqa: E402
import unionroot_testing as testing  # noqa: E402
from diff_test import readers  # noqa: E402
from unionroot_testing import wait_until  # noqa: E402

CHANGE = "echo more >>/etc/issue; rm /etc/motd; mv /opt /srv/opt; mkdir /srv/new; echo text >/srv/new/file"
CHANGES = ["M /etc/issue", "D /etc/motd", "A /srv/new", "A /srv/new/file", "R /opt -> /srv/opt"]


def expected(*more):
    return sorted([*CHANGES, *more], key=lambda line: line.rpartition(" /")[2])


class PlacesTest(testing.EndToEndTest):
    @classmethod
    def prepare(cls):
        disks.require_loop()
        machine = cls.machine
        cls.devices = []
        cls.tree = cls.path("tree")
        subprocess.run(["cp", "-a", testing.small_tree(), cls.tree], check=True)
        for path in ("/etc/issue", "/etc/motd"):
            with open(cls.tree + path, "w") as file:
                file.write("text\n")
        for path in ("/opt", "/srv", "/build"):  # the last is a mount point of the profile's
            os.makedirs(cls.tree + path, exist_ok=True)
        directory = {"type": "directory", "directory": cls.tree, "union_type": "overlay"}
        cls.define("directory", **directory)
        cls.define("tmpfs", union_backing="tmpfs", **directory)
        cls.define("image", union_backing="image", union_size="32M", **directory)
        disks.make_file(cls.path("upper.disk"), 48 << 20)
        cls.define("device", union_backing="device", union_device=cls.device_on("upper.disk"), **directory)
        subprocess.run(["tar", "-C", cls.tree, "-cf", cls.path("tree.tar"), "."], check=True)
        cls.define("file", type="file", file=cls.path("tree.tar"))
        os.makedirs(cls.path("top") + "/opt")
        cls.define("stack", type="layers", lower_directories=",".join([cls.path("top"), cls.tree]))
        layout = oci.Layout(cls.path("layout"))
        with open(cls.path("tree.tar"), "rb") as packed:
            base = layout.blob(packed.read(), oci.LAYER)
        layout.index(layout.manifest([base, layout.blob(oci.layer(("usr/top", b"top")), oci.LAYER)]))
        cls.define("oci", type="oci", directory=layout.path)
        disks.make_image("ext4", cls.path("tree.img"), cls.tree)
        cls.define("loopback", type="loopback", file=cls.path("tree.img"), union_type="overlay")
        disks.make_image("ext4", cls.path("tree.disk"), cls.tree)
        cls.define("block-device", type="block-device", device=cls.device_on("tree.disk"), union_type="overlay")
        scripts = cls.path("scripts")
        os.mkdir(scripts)
        machine._write(scripts + "/10tree",
                       f'#!/bin/sh\ntest "$1" = setup-stop || mount --bind {cls.tree} "$CHROOT_PATH"\n', 0o755)
        for name, backing in (("custom", {}), ("custom-tmpfs", {"union_backing": "tmpfs"})):
            cls.define(name, type="custom", hook_directories=scripts, union_type="overlay", **backing)

    @classmethod
    def path(cls, name):
        return os.path.join(cls.machine.place, name)

    @classmethod
    def device_on(cls, name):
        disks_file = cls.path(name)
        device = disks.LoopDevice(disks_file)
        cls.devices.append(device)
        return device.device

    @classmethod
    def define(cls, name, **keys):
        keys = {"profile": "buildd", "union_mount_options": "redirect_dir=on", **keys}
        lines = [f"{key.replace('_', '-')}={value}" for key, value in keys.items()]
        cls.machine.define(name, "\n".join([f"[{name}]", *lines]) + "\n")

    @classmethod
    def tearDownClass(cls):
        cls.machine.run("end", "--all", "--force")
        left = cls.machine.leftovers(besides=[device.device + " " for device in cls.devices])
        for device in cls.devices:
            device.close()
        super().tearDownClass()
        assert left == [], left

    def begin(self, chroot):
        session = self.machine.begin(chroot)
        self.addCleanup(self.machine.run, "end", "--force", session)
        return session

    def diff(self, session, status=1):
        result = self.machine.run("diff", session)
        self.assertEqual(result.status, status, f"{result}\n{self.machine.log()[-2000:]}")
        return result.out.splitlines()

    def change(self, session, script=CHANGE):
        self.machine.ok("run", "--directory", "/", "--user", "root", session, "--", "sh", "-c", script)

    def restart(self, how):
        self.machine.stop_daemon(how)
        self.machine.start_daemon()

    def check(self, chroot):
        session = self.begin(chroot)
        self.assertEqual(self.diff(session, status=0), [], "what unionroot wrote is no change")
        self.change(session)
        self.assertEqual(self.diff(session), expected())
        for how, name in ((signal.SIGKILL, "killed"), (signal.SIGTERM, "stopped")):
            self.restart(how)
            self.assertEqual(self.diff(session), expected(), name)
        self.change(session, ": >/srv/again")  # what is seen is what the session writes to, and no copy of it
        self.assertEqual(self.diff(session), expected("A /srv/again"))
        self.machine.ok("end", session)
        own = [device.device + " " for device in self.devices]
        self.assertEqual(self.machine.leftovers(besides=own), [], self.machine.log()[-2000:])

    def check_end(self, chroot, restarted):
        """The session ends under a list that is being read, and what its layers lay on is free."""
        session = self.begin(chroot)
        self.change(session, "mkdir /srv/many; cd /srv/many; i=0; "
                             "while [ $i -lt 6000 ]; do : >file-with-a-long-name-$i; i=$((i+1)); done")
        if restarted:
            self.restart(signal.SIGKILL)
        reader = self.machine.popen("diff", session)  # whose output nobody takes
        try:
            self.assertTrue(wait_until(lambda: len(readers(self.machine.daemon.pid)) == 1))
            self.machine.ok("end", session)
            self.assertEqual(readers(self.machine.daemon.pid), [])
            reader.communicate(timeout=testing.PATIENCE)
            self.assertEqual(reader.returncode, 125)
        finally:
            testing.finish(reader)
        own = [device.device + " " for device in self.devices]
        self.assertEqual(self.machine.leftovers(besides=own), [], self.machine.log()[-2000:])
        self.machine.ok("end", self.begin(chroot))  # a device is had again at once

    def test_commands_own_session(self):
        """An automatic one has its files in a layer that it shares with others, and its namespace is not kept."""
        for chroot in ("directory", "tmpfs", "custom", "image"):
            in_folders = chroot == "directory"
            with self.subTest(chroot):
                process = self.machine.popen("run", "--directory", "/", chroot, "--", "sh", "-c",
                                             CHANGE + "; echo ready; read line", stdin=subprocess.PIPE)
                try:
                    self.assertEqual(process.stdout.readline(), b"ready\n")
                    (session,) = [session["id"] for session in self.machine.sessions()]
                    for how in (None, signal.SIGKILL):
                        if how:
                            self.restart(how)
                        if in_folders:
                            self.assertEqual(self.diff("session:" + session), expected())
                            continue
                        # Where no daemon is there, nothing may outlive the command.
                        self.assertEqual([name for name in os.listdir(self.machine.runtime + "/ns") if name.endswith("+layers")], [])
                        result = self.machine.run("diff", "session:" + session)
                        self.assertEqual((result.status, result.out), (125, ""))
                        self.assertIn("unionroot run --diff", result.err)
                    process.communicate(b"go\n", timeout=testing.PATIENCE)
                    self.assertTrue(wait_until(lambda: self.machine.sessions() == []))
                finally:
                    testing.finish(process)

    def test_users_inside_do_not_see_the_layers(self):
        """No mount of the session's namespace leads to them, though one of the daemon's does."""
        session = self.begin("tmpfs")
        points = self.machine.inside(session, "cat", "/proc/self/mountinfo").splitlines()
        self.assertFalse([line for line in points if "unionroot-upper" in line], points)

    def test_the_daemon_uses_nothing_of_it(self):
        """Or lsof and fuser would name it: its end would be taken for what frees the session."""
        session = self.begin("image")
        self.change(session)
        self.diff(session)
        upper = json.loads(self.machine.ok("info", "--json", session))["upper"]
        (device,) = [line.split(" ")[0] for line in testing.loop_devices(upper)]
        number = os.stat(device).st_rdev
        process = f"/proc/{self.machine.daemon.pid}"
        used = []
        for name in os.listdir(process + "/fd"):
            with contextlib.suppress(FileNotFoundError):  # it is being closed
                used.append(os.stat(f"{process}/fd/{name}"))
        self.assertFalse([facts for facts in used if facts.st_dev == number], "a descriptor of the daemon's")
        self.assertFalse([line for line in testing.mountinfo(self.machine.daemon.pid) if device in line])


def life(chroot):
    return lambda self: self.check(chroot)


def end(chroot, restarted):
    return lambda self: self.check_end(chroot, restarted)


for each in ("directory", "tmpfs", "image", "device", "file", "stack", "oci", "loopback", "block-device", "custom",
             "custom-tmpfs"):
    setattr(PlacesTest, "test_" + each.replace("-", "_"), life(each))
for each in ("tmpfs", "image", "device", "loopback", "custom"):
    setattr(PlacesTest, f"test_end_of_{each}", end(each, False))
    setattr(PlacesTest, f"test_end_of_{each}_after_a_restart", end(each, True))


if __name__ == "__main__":
    testing.main()
