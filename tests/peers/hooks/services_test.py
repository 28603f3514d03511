"""setup.services: programs of the tree's own that are started with a session and stopped with it."""

import os
import shutil
import signal
import time

import unionroot_testing as testing
import hooks_testing  # it says where recovery_testing is
from recovery_testing import RecoveryTest

# What the tree has for init-system-helpers: writes down how it was called, and starts something that goes on.
STARTER = """#!/bin/sh
echo "$0 $*" >>/srv/log/calls
echo "$2 of $1 says $3"
service=$2
case "$3" in
  start)
    [ "$service" != broken ] || { echo "cannot" >&2; exit 7; }
    [ "$service" != slow ] || sleep 1000
    sh -c "echo \\$\\$ >/srv/log/$service.pid; exec sleep 100000" </dev/null >/dev/null 2>&1 &
    while [ ! -s /srv/log/$service.pid ]; do sleep 0.01; done ;;
  stop)
    [ "$service" != clings ] || sleep 1000
    [ "$service" = deaf ] || kill $(cat /srv/log/$service.pid) ;;
esac
"""


class ServicesTest(RecoveryTest):
    @classmethod
    def prepare(cls):
        cls.log = os.path.join(cls.machine.place, "log")
        os.mkdir(cls.log)
        cls.with_starter = os.path.join(cls.machine.place, "tree")
        shutil.copytree(cls.tree, cls.with_starter, symlinks=True)
        os.unlink(cls.with_starter + "/sbin")
        os.symlink("usr/sbin", cls.with_starter + "/sbin")
        os.mkdir(cls.with_starter + "/usr/sbin")
        cls.machine._write(cls.with_starter + "/usr/sbin/invoke-rc.d", STARTER, 0o755)
        cls.fstab = os.path.join(cls.machine.configuration, "fstab")
        cls.machine._write(cls.fstab, f"proc /proc proc defaults\n/dev /dev none rw,bind\n{cls.log} /srv/log none bind\n")

    def chroot(self, services, **keys):
        name = "c-" + "".join(c if c.isalnum() else "-" for c in services + "".join(map(str, keys.values())))[-40:]
        usual = {"type": "directory", "directory": self.with_starter, "union_type": "overlay", "users": "nobody",
                 "setup.fstab": self.fstab, "setup.services": services}
        self.machine.define(name, **{**usual, **keys})
        testing.wait_until(lambda: self.machine.run("info", name).status == 0)
        return name

    def setUp(self):
        for name in os.listdir(self.log):
            os.unlink(os.path.join(self.log, name))

    def calls(self):
        path = os.path.join(self.log, "calls")
        if not os.path.exists(path):
            return []
        with open(path) as file:
            lines = file.read().splitlines()
        os.unlink(path)
        return lines

    def pid(self, service):
        with open(f"{self.log}/{service}.pid") as file:
            return int(file.read())

    def runs(self, pid):
        try:
            with open(f"/proc/{pid}/stat") as file:
                return " Z " not in file.read()
        except (FileNotFoundError, ProcessLookupError):
            return False

    def started(self, *services):
        return [f"/usr/sbin/invoke-rc.d --force {service} start" for service in services]

    def stopped(self, *services):
        return [f"/usr/sbin/invoke-rc.d --force {service} stop" for service in services]

    def test_started_in_order_and_stopped_in_reverse(self):
        name = self.chroot("one, two,,deaf")
        session = self.machine.begin(name, user="nobody")
        self.assertEqual(self.calls(), self.started("one", "two", "deaf"))
        pids = [self.pid(service) for service in ("one", "two", "deaf")]
        for pid in pids:
            self.assertTrue(self.runs(pid))
            self.assertEqual(os.readlink(f"/proc/{pid}/ns/mnt"),
                             self.machine.inside("session:" + session, "readlink", "/proc/self/ns/mnt"))
            self.assertEqual(os.stat(f"/proc/{pid}").st_uid, 0)
        notes = self.machine.info(session)["notes"]
        self.assertIn("I: 70services: one of --force says start", notes)
        # They are there for every command, and when one has ended.
        self.assertEqual(self.machine.inside("session:" + session, "sh", "-c", f"test -d /proc/{pids[0]} && echo there"), "there")
        self.assertTrue(all(map(self.runs, pids)))
        self.machine.ok("end", session, user="nobody")
        self.assertEqual(self.calls(), self.stopped("deaf", "two", "one"))
        self.assertFalse(any(map(self.runs, pids)))

    def test_an_automatic_session(self):
        name = self.chroot("one")
        self.assertEqual(self.machine.inside(name, "cat", "/srv/log/one.pid", user="nobody"), str(self.pid("one")))
        self.assertTrue(testing.wait_until(lambda: not self.machine.sessions()))
        self.assertEqual(self.calls(), self.started("one") + self.stopped("one"))
        self.assertFalse(self.runs(self.pid("one")))

    def test_they_outlive_the_daemon(self):
        session = self.machine.begin(self.chroot("one"))
        pid = self.pid("one")
        for how in (signal.SIGTERM, signal.SIGKILL):
            self.machine.stop_daemon(how)
            self.machine.start_daemon()
            self.assertEqual(self.machine.state_of(session), "active")
            self.assertTrue(self.runs(pid))
        self.assertEqual(self.calls(), self.started("one"))
        self.machine.ok("end", session)
        self.assertEqual(self.calls(), self.stopped("one"))
        self.assertFalse(self.runs(pid))

    def test_after_a_restart_of_the_machine(self):
        session = self.machine.begin(self.chroot("one"))
        self.machine.stop_daemon()
        os.kill(self.pid("one"), signal.SIGKILL)
        testing.wait_until(lambda: not self.runs(self.pid("one")))
        self.machine.lose_mounts(session)
        self.calls()
        self.machine.start_daemon()
        self.assertTrue(testing.wait_until(lambda: self.machine.state_of(session) == "active"))
        self.assertEqual(self.calls(), self.started("one"))
        self.machine.ok("end", session)

    def test_one_that_fails(self):
        result = self.machine.run("begin", self.chroot("one,broken,two"))
        self.assert_refused(result, 125, "start of the service broken", "cannot", "setup.services")
        self.assertEqual(self.calls(), self.started("one", "broken") + self.stopped("two", "broken", "one"))
        self.assertEqual(self.machine.sessions(), [])
        self.assertFalse(self.runs(self.pid("one")))

    def test_limits(self):
        started = time.monotonic()
        result = self.machine.run("begin", self.chroot("slow", hook_time_limit=1))
        self.assert_refused(result, 125, "start of the service slow", "longer than 1 s")
        session = self.machine.begin(self.chroot("one,clings", hook_time_limit=1))
        pid = self.pid("clings")
        self.machine.ok("end", session)
        self.assertFalse(self.runs(pid))
        self.assertLess(time.monotonic() - started, testing.PATIENCE)

    def test_they_have_the_network_of_the_session(self):
        for word in ("none", "private", "host"):
            with self.subTest(word):
                session = self.machine.begin(self.chroot("one", network=word))
                network = os.readlink(f"/proc/{self.pid('one')}/ns/net")
                self.assertEqual(self.machine.inside(session, "readlink", "/proc/self/ns/net"), network)
                self.assertEqual(network == os.readlink("/proc/self/ns/net"), word == "host")
                self.machine.ok("end", session)
                os.unlink(f"{self.log}/one.pid")
        self.calls()

    def test_what_cannot_be(self):
        for services, keys, fragments in (("../../bin/sh", {}, ("'../../bin/sh' is not the name of a service",)),
                                          ("-x", {}, ("'-x' is not the name of a service",)),
                                          ("one", {"directory": self.tree}, ("neither /usr/sbin/invoke-rc.d nor",))):
            with self.subTest(services, **keys):
                self.assert_refused(self.machine.run("begin", self.chroot(services, **keys)), 125, *fragments)
                self.assertEqual(self.calls(), [])
        refused = self.machine.run("begin", "--option", "setup.services=one", self.chroot("", users="games"))
        self.assertEqual(refused.status, 125, repr(refused))


if __name__ == "__main__":
    testing.main()
