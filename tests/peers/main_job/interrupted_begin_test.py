"""A session stays only if its id has reached somebody: clients of Begin that are killed, or leave."""

import os
import signal
import subprocess
import time

import unionroot_testing as testing
from unionroot_testing import EndToEndTest

try:
    import dbus
except ImportError:
    dbus = None

MANAGER = "org.unionroot1.Manager"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
TRIES = 80


class InterruptedBegin(EndToEndTest):
    @classmethod
    def prepare(cls):
        cls.machine.define_tree("small", testing.small_tree())

    def tearDown(self):
        self.machine.run("end", "--all")
        self.assert_nothing_left()

    # Clients of the bus

    def connect(self):
        if dbus is None:
            self.skipTest("needs python3-dbus")
        connection = dbus.bus.BusConnection(self.machine.address)
        return connection, dbus.Interface(connection.get_object("org.unionroot1", "/org/unionroot1", introspect=False), MANAGER)

    @staticmethod
    def begin(manager, name, **options):
        manager.Begin("small", dbus.Dictionary({"name": name, **options}, signature="sv"), signature="sa{sv}")

    def sessions(self):
        return {one["id"] for one in self.machine.sessions()}

    def goes(self, name):
        self.assertTrue(testing.wait_until(lambda: name not in self.sessions()), f"{name} stays")

    def stays(self, name):
        """Another session that goes shows that the daemon has noticed by then."""
        connection, manager = self.connect()
        self.begin(manager, "after-" + name, confirm=True)
        connection.close()
        self.goes("after-" + name)
        self.assertIn(name, self.sessions())

    def test_a_client_that_does_not_confirm(self):
        connection, manager = self.connect()
        self.begin(manager, "unconfirmed", confirm=True)
        self.assertIn("unconfirmed", self.sessions())
        connection.close()
        self.goes("unconfirmed")

    def test_a_client_that_confirms(self):
        connection, manager = self.connect()
        self.begin(manager, "first", confirm=True)
        self.begin(manager, "second", confirm=True)
        manager.Confirm("first")
        connection.close()
        self.goes("second")
        self.stays("first")

    def test_a_client_that_does_not_know_of_it(self):
        connection, manager = self.connect()
        self.begin(manager, "plain")
        connection.close()
        self.stays("plain")

    def test_another_client_cannot_confirm(self):
        connection, manager = self.connect()
        other_connection, other = self.connect()
        self.begin(manager, "one", confirm=True)
        other.Confirm("one")
        other.Confirm("no-such-session")
        connection.close()
        self.goes("one")
        other_connection.close()

    def test_a_client_that_goes_while_its_begin_waits(self):
        holder = self.machine.popen("lock", "small", "--", "sh", "-c", "echo held; read x", stdin=subprocess.PIPE)
        self.assertEqual(holder.stdout.readline(), b"held\n")
        for name, how in (("killed", signal.SIGKILL), ("told", signal.SIGTERM), ("hung-up", signal.SIGHUP)):
            client = self.machine.popen("begin", "--name", name, "--wait", "small")
            self.assertTrue(testing.wait_until(lambda name=name: name in self.sessions()))
            client.send_signal(how)
            self.assertEqual(client.communicate(timeout=testing.PATIENCE)[0], b"")
            self.goes(name)
        holder.communicate(b"\n", timeout=testing.PATIENCE)
        self.machine.begin("small", "after")
        self.assertEqual(self.sessions(), {"after"})

    # The programs

    def kill_at_all_times(self, start):
        """Signals before, in and after the moment in which the id is printed, whatever time that takes on this machine."""
        times, printed, kept, killed = [], set(), set(), 0
        for _ in range(5):
            begin = time.monotonic()
            kept.add(start().communicate()[0].decode().strip())
            times.append(time.monotonic() - begin)
        printed |= kept
        usual, ended = sorted(times)[2], 0
        for attempt in range(10 * TRIES):
            if attempt >= TRIES and killed > TRIES // 10 and ended > TRIES // 20:
                break
            if attempt % TRIES == TRIES - 1:  # one of both was not met often
                usual *= 2.0 if ended <= TRIES // 20 else 0.5 if killed <= TRIES // 10 else 1.0
            process = start()
            time.sleep(usual * (0.3 + attempt % TRIES // len(SIGNALS) * len(SIGNALS) / TRIES))
            process.send_signal(SIGNALS[attempt % len(SIGNALS)])
            out = process.communicate()[0].decode()
            if out.endswith("\n"):
                printed.add(out[:-1])
            if process.returncode == 0:
                kept.add(out[:-1])
            ended += process.returncode == 0
            killed += process.returncode < 0
        self.assertGreater(killed, TRIES // 10)
        self.assertGreater(ended, TRIES // 20)
        testing.wait_until(lambda: self.sessions() <= printed)
        self.assertEqual(self.sessions() - printed, set(), "nobody was told of these")
        self.assertLessEqual(kept, self.sessions())

    def test_schroot_begin(self):
        program = os.path.join(testing.BUILD, "cli", "schroot", "schroot")
        if not os.path.exists(program):
            self.skipTest("the program schroot is not built")
        environment = {"LC_ALL": "C", "UNIONROOT_CONFIG": self.machine.settings_file}
        self.kill_at_all_times(lambda: subprocess.Popen([program, "-b", "-c", "small"], env=environment, cwd="/",
                                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL))

    def test_unionroot_begin(self):
        self.kill_at_all_times(lambda: self.machine.popen("begin", "small", stderr=subprocess.DEVNULL))


if __name__ == "__main__":
    testing.main()
