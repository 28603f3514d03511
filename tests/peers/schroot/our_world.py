"""The side with unionrootd and our program called schroot; the real one is absent."""

import os
import re
import shutil
import subprocess

import inventory
import side_world
import unionroot_testing as testing


def client_path():
    return os.path.join(testing.BUILD, "cli", "schroot", "schroot")


BUS = "/run/dbus/system_bus_socket"


class SystemMachine(testing.Machine):
    """unionrootd as it is installed: its configuration, state, runtime directory and bus are where they usually are."""

    def __init__(self, place, settings=None):
        testing.require_end_to_end()
        testing.become_subreaper()
        self.place = place
        self.configuration, self.state, self.runtime = "/etc/unionroot", "/var/lib/unionroot", "/run/unionroot"
        self.log_file = os.path.join(place, "unionrootd.log")
        self.settings_file = os.path.join(self.configuration, "unionroot.conf")
        self.bus_socket, self.address = BUS, "unix:path=" + BUS
        self.settings = {"helper": "/usr/lib/unionroot/unionroot-helper", "log-level": "debug", "read-schroot": "yes", "schroot-places": "yes", **(settings or {})}
        self.environment, self.bus, self.daemon, self.cgroup_root, self.children = {}, None, None, None, {}
        self.users = {line.split(":")[0] for line in side_world.ACCOUNTS["passwd"].splitlines()}  # any of them may begin sessions

    def lay(self):
        """In the namespace: the state on disk, as an overlay cannot stand on an overlay."""
        for folder in (os.path.join(self.configuration, "chroot.d"), self.state, self.runtime, os.path.join(self.place, "state")):
            os.makedirs(folder, exist_ok=True)
        side_world.mount("--bind", os.path.join(self.place, "state"), self.state)
        self._write_settings()

    def start_bus(self):
        """With a record of every call to the daemon."""
        super().start_bus()
        self.calls_file = os.path.join(self.place, "calls.log")
        with open(self.calls_file, "ab") as log:
            self.monitor = subprocess.Popen(["dbus-monitor", "--address", self.address, "type='method_call',destination='org.unionroot1'"],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.children[self.monitor.pid] = "dbus-monitor"

    def calls(self, offset=0):
        """The names of the methods that were called since the record had that size."""
        with open(self.calls_file, errors="replace") as file:
            file.seek(offset)
            return re.findall(r"^method call .* member=(\w+)$", file.read(), re.MULTILINE)

    def stop_bus(self):
        if self.bus is not None:
            self.monitor.terminate()
            self.monitor.wait()
        super().stop_bus()

    def _look(self):
        """As of a Machine, whose folders are elsewhere here; the world's own mount is none of the daemon's."""
        found = [line for line in super()._look() if line != f"mount: {self.place}/ram"]
        own = [os.path.join(self.runtime, name) for name in inventory.RUNTIME] + [self.state] if self.daemon else [self.state]
        found += ["mount: " + point for point in testing.mount_points()
                  if point.startswith((self.runtime + "/", self.state + "/", "/run/schroot/", "/var/lib/schroot/")) and point not in own]
        return found

    def close(self):
        """As of a Machine; the folder and the mounts go with the namespace."""
        problems = ["before the daemon stopped: " + sentence for sentence in self.leftovers(10)] if self.daemon else []
        self.stop_daemon()
        self.stop_bus()
        problems += ["after the daemon stopped: " + sentence for sentence in self.leftovers(10)]
        self._remove_cgroup_root()
        return problems


class Ours(side_world.World):
    def lay_program(self):
        libraries = os.path.join(self.place, "usr/lib/unionroot")
        os.makedirs(libraries)
        for source, target in ((client_path(), self.program), (testing.client_path(), self.place + "/usr/bin/unionroot"),
                               (testing.helper_path(), libraries + "/unionroot-helper")):
            shutil.copy(source, target)
            os.chmod(target, 0o755)

    def start(self):
        self.machine = SystemMachine(self.place)
        self.machine.lay()
        self.machine.start()

    def tidy(self):
        left = self.machine.sessions()
        if left:
            subprocess.run(self.machine.arguments("end", "--all", "--force"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, timeout=120)
        testing.reap_orphans(set(self.machine.children))
        return []

    def close(self):
        machine = getattr(self, "machine", None)
        return machine.close() if machine else []
