"""A session that lives long, while the machine goes from one network to another: its resolv.conf is the host's."""

import os
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "recovery"))

import unionroot_testing as testing  # noqa: E402
from recovery_testing import CrashMachine  # noqa: E402


class Resolver(unittest.TestCase):
    def test_it_follows_the_host(self):
        testing.require_end_to_end()
        if not os.path.exists("/etc/resolv.conf"):
            self.skipTest("this machine has no /etc/resolv.conf")
        # In a mount namespace of the test's own, /etc/resolv.conf is another file.
        testing.own_mounts()
        machine = CrashMachine(environment={"UNIONROOT_BOOT_ID": "first-boot"})
        try:
            self.check(machine)
        finally:
            machine.run("end", "--all", "--force")
            problems = machine.close()
        self.assertEqual(problems, [])

    def check(self, machine):
        host = os.path.join(machine.place, "resolv.conf")

        def network(number):
            with open(host, "w") as file:  # the same file, since it is what is mounted
                file.write(f"nameserver 192.0.2.{number}\n")

        network(1)
        subprocess.run(["mount", "--bind", host, "/etc/resolv.conf"], check=True)
        machine.define_tree("small", testing.small_tree())
        machine.define_tree("unfollowed", testing.small_tree(), resolv_conf="none")
        machine.start()
        inside = lambda session: machine.inside(session, "cat", "/etc/resolv.conf")
        for session, chroot in (("moving", "small"), ("own", "small"), ("left", "unfollowed")):
            machine.begin(chroot, name=session)
        left = machine.run("run", "-d", "/", "left", "--", "cat", "/etc/resolv.conf")
        machine.inside("own", "sh", "-c", "echo '# mine' >>/etc/resolv.conf")
        self.assertEqual(inside("moving"), "nameserver 192.0.2.1")
        network(22)
        self.assertEqual(inside("moving"), "nameserver 192.0.2.22")
        self.assertEqual(inside("own"), "nameserver 192.0.2.1\n# mine")
        network(3)
        machine.restart(signal.SIGKILL)
        self.assertEqual(inside("moving"), "nameserver 192.0.2.3")
        machine.end_daemon(signal.SIGKILL)
        machine.simulate_reboot("second-boot")
        network(44)
        machine.start_daemon()
        for session in ("moving", "own", "left"):
            self.assertEqual(machine.settled(session), "active", machine.log())
        self.assertEqual(inside("moving"), "nameserver 192.0.2.44")
        self.assertEqual(inside("own"), "nameserver 192.0.2.1\n# mine")
        again = machine.run("run", "-d", "/", "left", "--", "cat", "/etc/resolv.conf")
        self.assertEqual((again.status, again.out), (left.status, left.out))
        machine.ok("end", "moving", "own", "left")


if __name__ == "__main__":
    testing.main()
