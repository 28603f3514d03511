"""Nobody's load keeps another from working: begins, ends, runs, listings and forced ends do not wait for each other.

The scripts of the chroot `held` stay in a stage for as long as the test wants it. So what the tests assert is an order: something
is done while something else still stands in its script.
"""

import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "recovery"))

import unionroot_testing as testing  # noqa: E402
from unionroot_testing import wait_until  # noqa: E402
from recovery_testing import RecoveryTest  # noqa: E402

USERS = ("games", "mail", "nobody")
# For what must be done while the scripts stand; it takes a moment on an idle machine.
LIMIT = 60.0

SCRIPT = """#!/bin/sh
echo "begun $1 $SESSION_ID" >>{place}/scripts
while test -e {place}/hold.$1; do sleep 0.05; done
echo "done $1 $SESSION_ID" >>{place}/scripts
"""
STAGES = ("setup-start", "setup-stop", "setup-recover")


class Load(RecoveryTest):
    @classmethod
    def prepare(cls):
        machine = cls.machine
        folder = os.path.join(machine.place, "hooks")
        os.mkdir(folder, 0o755)
        machine._write(os.path.join(folder, "10held"), SCRIPT.format(place=machine.place), 0o755)
        everybody = ",".join(USERS)
        # A source session writes into it, so it is not the tree that all tests share.
        own = os.path.join(machine.place, "own")
        shutil.copytree(cls.tree, own, symlinks=True)
        machine.define_tree("held", own, hook_directories=folder, hook_time_limit=3600, users=everybody)
        machine.define_tree("small", own, users=everybody)
        cls.other = os.path.join(machine.place, "other")
        os.mkdir(cls.other)
        machine.define_tree("other", cls.other, users=everybody)
        machine.define_tree("held-other", cls.other, hook_directories=folder, hook_time_limit=3600, users=everybody)

    def setUp(self):
        with open(self.path("scripts"), "w"):
            pass

    def tearDown(self):
        self.let_go(*STAGES)
        super().tearDown()

    def path(self, name):
        return os.path.join(self.machine.place, name)

    def hold(self, stage):
        with open(self.path("hold." + stage), "w"):
            pass

    def let_go(self, *stages):
        for stage in stages:
            if os.path.exists(self.path("hold." + stage)):
                os.unlink(self.path("hold." + stage))

    def scripts(self, which, stage):
        """The sessions whose script has begun that stage, or is done with it."""
        return [session for found, at, session in self.log() if (found, at) == (which, stage)]

    def log(self):
        with open(self.path("scripts")) as file:
            return [line.split() for line in file]

    def most_at_once(self, stage):
        """How many scripts stood in that stage at the same time."""
        count = most = 0
        for which, at, _ in self.log():
            if at == stage:
                count += 1 if which == "begun" else -1
                most = max(most, count)
        return most

    def await_scripts(self, stage, count):
        self.assertTrue(wait_until(lambda: len(self.scripts("begun", stage)) == count), self.scripts("begun", stage))

    def done(self, process, what):
        """Waits for a client while the scripts stand; its output."""
        if not wait_until(lambda: process.poll() is not None, LIMIT):
            self.fail(f"{what} waits for the scripts that stand")
        out, err = process.communicate()
        return process.returncode, out.decode(), err.decode()

    def succeeds(self, *arguments, user=None):
        status, out, err = self.done(self.client(*arguments, user=user, stdin=testing.subprocess.DEVNULL), " ".join(arguments))
        self.assertEqual((status, err), (0, ""), arguments)
        return out

    def begin_held(self, *names, user="nobody", chroot="held", more=()):
        return {name: self.client("begin", *more, "--name", name, chroot, user=user) for name in names}

    def let_all_begin(self, clients):
        self.let_go("setup-start")
        for name, client in clients.items():
            out, err = client.communicate(timeout=testing.PATIENCE)
            self.assertEqual((client.returncode, out.decode().strip()), (0, name), err)

    # --- a forced end does not wait for what it breaks off

    def test_a_forced_end_breaks_off_a_begin_though_its_user_has_no_begin_left(self):
        self.hold("setup-start")
        names = [f"full-{i}" for i in range(4)]
        clients = self.begin_held(*names)
        self.await_scripts("setup-start", 4)
        self.assertEqual(self.succeeds("end", "--force", "full-1", user="nobody"), "")
        self.assertEqual(self.scripts("done", "setup-start"), [])  # it was killed in there
        self.assertIsNone(self.machine.state_of("full-1"))
        status, out, err = self.done(clients.pop("full-1"), "the begin that was broken off")
        self.assertEqual((status, out), (125, ""))
        self.assertIn("session full-1 was ended while it was being begun", err)
        self.assertEqual({self.machine.state_of(name) for name in clients}, {"beginning"})
        self.let_all_begin(clients)
        self.machine.ok("end", *clients)

    def test_a_forced_end_breaks_off_a_recovery(self):
        names = [f"again-{i}" for i in range(4)]
        for name in names:
            self.machine.begin("held", name=name, user="nobody")
        self.machine.end_daemon()
        self.machine.database("update sessions set state = 'failed', error = 'a test' where id like 'again-%'")
        self.machine.start_daemon()
        self.hold("setup-recover")
        clients = {name: self.client("recover", name, user="nobody") for name in names}
        self.await_scripts("setup-recover", 4)
        self.assertEqual(self.succeeds("end", "--force", "again-0", user="nobody"), "")
        self.assertEqual(self.scripts("done", "setup-recover"), [])
        self.assertIsNone(self.machine.state_of("again-0"))
        status, _, err = self.done(clients.pop("again-0"), "the recovery that was broken off")
        self.assertEqual(status, 125, err)
        self.let_go("setup-recover")
        for client in clients.values():
            self.assertEqual(client.wait(testing.PATIENCE), 0)
        self.machine.ok("end", *clients)

    def test_an_end_without_force_on_a_busy_session_is_refused_and_holds_up_nobody(self):
        self.hold("setup-start")
        clients = self.begin_held("busy")
        self.await_scripts("setup-start", 1)
        quick = [self.machine.begin("small", user="nobody") for _ in range(2)]
        refused = [self.client("end", "busy", user="nobody") for _ in range(12)]
        for session in quick:
            self.succeeds("end", session, user="nobody")
        for client in refused:
            status, _, err = self.done(client, "end")
            self.assertEqual(status, 125)
            self.assertIn("another operation on session busy is under way: it is beginning", err)
            self.assertIn("unionroot end --force busy", err)
        self.let_all_begin(clients)
        self.machine.ok("end", "busy")

    # --- several users at full load

    def fill(self):
        self.hold("setup-start")
        clients = {}
        for user in USERS:
            clients.update(self.begin_held(*[f"{user}-{i}" for i in range(5)], user=user))
        self.await_scripts("setup-start", 12)
        return clients

    def test_root_is_served_while_users_have_all_places(self):
        clients = self.fill()
        self.assertEqual(self.succeeds("run", "--directory", "/", "small", "--", "echo", "served"), "served\n")
        self.assertEqual(self.succeeds("begin", "--name", "of-root", "small"), "of-root\n")
        self.assertEqual(self.succeeds("end", "of-root"), "")
        self.succeeds("end", "--force", next(name for name in clients if self.stands(name)))
        self.reload()
        self.succeeds("list", "--sessions", user="games")
        self.succeeds("info", "small", user="mail")
        self.assertEqual(self.scripts("done", "setup-start"), [])
        self.let_go("setup-start")
        ended = [name for name, client in clients.items() if client.wait(testing.PATIENCE) != 0]
        self.assertEqual(len(ended), 1, ended)
        self.machine.ok("end", *[name for name in clients if name not in ended])

    def stands(self, session):
        return session in self.scripts("begun", "setup-start")

    def reload(self):
        testing.subprocess.run(["dbus-send", "--bus=" + self.machine.address, "--print-reply", "--dest=org.unionroot1",
                                f"--reply-timeout={int(LIMIT * 1000)}", "/org/unionroot1", "org.unionroot1.Manager.Reload"],
                               check=True, stdout=testing.subprocess.DEVNULL)

    def test_clients_that_vanish_give_their_places_back(self):
        clients = self.fill()
        for client in clients.values():
            client.kill()
        self.assertTrue(wait_until(lambda: not self.machine.sessions(), LIMIT), self.machine.sessions())
        self.assertEqual(self.scripts("done", "setup-start"), [])
        self.succeeds("run", "--directory", "/", "small", "--", "true", user="games")

    # --- ends that take long

    def hold_ends(self, *names, user="nobody"):
        for name in names:
            self.machine.begin("held", name=name, user=user)
        self.hold("setup-stop")
        clients = [self.client("end", name, user=user) for name in names]
        self.await_scripts("setup-stop", len(names))
        return clients

    def let_all_end(self, clients):
        self.let_go("setup-stop")
        for client in clients:
            self.assertEqual(client.wait(testing.PATIENCE), 0, client.stderr.read())

    def test_quick_ends_do_not_wait_for_scripts(self):
        ends = self.hold_ends("slow-0", "slow-1")
        self.assertEqual(self.succeeds("run", "--directory", "/", "small", "--", "echo", "quick", user="nobody"), "quick\n")
        self.assertEqual(self.succeeds("begin", "--name", "quick", "small", user="nobody"), "quick\n")
        self.assertEqual(self.succeeds("run", "--directory", "/", "quick", "--", "echo", "in", user="nobody"), "in\n")
        self.assertEqual(self.succeeds("end", "quick", user="nobody"), "")
        self.assertEqual(self.scripts("done", "setup-stop"), [])
        self.let_all_end(ends)

    def test_automatic_sessions_with_scripts_hold_up_no_others(self):
        self.hold("setup-stop")
        commands = [self.client("run", "--directory", "/", "held", "--", "true", user="nobody") for _ in range(4)]
        self.assertTrue(wait_until(lambda: len(self.scripts("begun", "setup-stop")) >= 2))
        self.assertEqual(self.succeeds("run", "--directory", "/", "small", "--", "echo", "quick", user="nobody"), "quick\n")
        self.assertEqual(self.succeeds("run", "--directory", "/", "small", "--", "echo", "other", user="games"), "other\n")
        self.assertEqual(self.scripts("done", "setup-stop"), [])
        self.let_all_end(commands)

    def test_slow_ends_of_one_user_hold_up_no_other_users_ends(self):
        names = [f"many-{i}" for i in range(6)]
        for name in names:
            self.machine.begin("held", name=name, user="nobody")
        self.machine.begin("held", name="another", user="games")
        self.hold("setup-stop")
        ends = [self.client("end", name, user="nobody") for name in names]
        self.assertTrue(wait_until(lambda: len(self.scripts("begun", "setup-stop")) == 2))  # the others wait for their turn
        other = self.client("end", "another", user="games")
        self.assertTrue(wait_until(lambda: "another" in self.scripts("begun", "setup-stop"), LIMIT), "it waits for another user's")
        self.let_all_end([*ends, other])

    def test_objects_and_signals_of_others_come_while_ends_take_long(self):
        self.hold("setup-stop")
        ends = [self.client("run", "--directory", "/", "held", "--", "true") for _ in range(5)]
        self.await_scripts("setup-stop", 5)
        with open(self.path("signals"), "w") as output:
            monitor = testing.subprocess.Popen(
                ["dbus-monitor", "--address", self.machine.address, "type='signal',sender='org.unionroot1'"],
                stdin=testing.subprocess.DEVNULL, stdout=output, stderr=testing.subprocess.DEVNULL)
        self.machine.children[monitor.pid] = "dbus-monitor"
        self.addCleanup(self.end_monitor, monitor)

        def heard():
            with open(self.path("signals")) as file:
                return file.read()

        def hears(*words):
            return all(word in heard() for word in words)

        self.assertTrue(wait_until(lambda: hears("NameAcquired"), LIMIT), heard())  # it listens
        # An automatic session that lasts a while is shown by the refresh alone, and so is the edit of a definition.
        lasting = self.client("run", "--directory", "/", "small", "--", "sh", "-c", "echo in; cat", user="games")
        self.line(lasting, "in")
        self.machine.define_tree("later", self.tree)
        self.addCleanup(lambda: os.path.exists(self.definition("later")) and os.unlink(self.definition("later")))
        # The sessions that end may be shown only now as well: wait for the one that lasts, by its name.
        self.assertTrue(wait_until(lambda: hears("session/small_2d", "ChrootNew", "later"), LIMIT), heard())
        lasting.stdin.close()
        self.assertEqual(lasting.wait(testing.PATIENCE), 0)
        self.assertTrue(wait_until(lambda: hears("SessionRemoved"), LIMIT), heard())
        os.unlink(self.definition("later"))
        self.assertTrue(wait_until(lambda: hears("ChrootRemoved"), LIMIT), heard())
        self.assertEqual(self.scripts("done", "setup-stop"), [])
        self.let_all_end(ends)

    # --- requests that wait for a tree

    def lock(self, chroot):
        holder = self.client("lock", chroot, "--", "sh", "-c", "echo runs; cat")
        self.line(holder, "runs")
        return holder

    def unlock(self, holder):
        holder.stdin.close()
        self.assertEqual(holder.wait(testing.PATIENCE), 0)

    def await_waiting(self, *names):
        def waits(name):
            return self.machine.state_of(name) and "is free" in str(self.machine.info(name).get("progress"))

        self.assertTrue(wait_until(lambda: all(waits(name) for name in names)), self.machine.sessions())

    def threads(self):
        return len(os.listdir(f"/proc/{self.machine.daemon.pid}/task"))

    def test_those_that_wait_for_a_tree_begin_no_more_at_once_than_others(self):
        holder = self.lock("small")
        self.hold("setup-start")
        names = [f"waits-{i}" for i in range(14)]
        before = self.threads()
        clients = self.begin_held(*names, more=["--wait"])
        self.await_waiting(*names)
        self.assertLess(self.threads() - before, len(names))  # a request that waits has no thread
        self.unlock(holder)
        self.assertTrue(wait_until(lambda: len(self.scripts("begun", "setup-start")) >= 4))
        # One who asks now is served meanwhile.
        self.assertEqual(self.succeeds("run", "--directory", "/", "small", "--", "echo", "served"), "served\n")
        self.let_all_begin(clients)
        self.assertEqual(self.most_at_once("setup-start"), 4)
        self.machine.ok("end", *names)

    def test_a_change_that_waits_comes_first(self):
        standing = self.machine.begin("small")
        change = self.client("lock", "small", "--wait", "--", "sh", "-c", "echo changes; cat")
        self.assertTrue(wait_until(lambda: any(".source." in name for name in self.machine.lock_files())))
        sources = self.begin_held("source-first", user=None, chroot="source:small", more=["--wait"])
        self.await_waiting("source-first")
        later = self.begin_held("later-0", "later-1", chroot="small", more=["--wait"])
        self.await_waiting(*later)
        self.machine.ok("end", standing)
        self.line(change, "changes")
        self.assertEqual({self.machine.state_of(name) for name in (*sources, *later)}, {"beginning"})
        self.unlock(change)
        self.let_all_begin(sources)  # before those that came after it
        self.assertEqual({self.machine.state_of(name) for name in later}, {"beginning"})
        self.machine.ok("end", "source-first")
        self.let_all_begin(later)
        self.machine.ok("end", *later)

    def test_what_waits_is_given_up_though_its_user_has_no_begin_left(self):
        holder = self.lock("other")
        names = [f"waits-{i}" for i in range(4)]
        waiting = self.begin_held(*names, chroot="other", more=["--wait"])
        limited = self.begin_held("limited", chroot="other", more=["--wait=1"])
        self.await_waiting(*names)
        self.hold("setup-start")
        standing = self.begin_held(*[f"stands-{i}" for i in range(4)])
        self.await_scripts("setup-start", 4)
        # By force, by its time, by a client that vanishes.
        self.succeeds("end", "--force", "waits-0", user="nobody")
        _, _, err = self.done(waiting.pop("waits-0"), "what was given up")
        self.assertIn("session waits-0 was ended while it was being begun", err)
        status, _, err = self.done(limited.pop("limited"), "what has waited long enough")
        self.assertEqual(status, 125)
        self.assertIn("unionroot lock", err)  # who holds it
        waiting.pop("waits-1").kill()
        self.assertTrue(wait_until(lambda: self.machine.state_of("waits-1") is None, LIMIT))
        self.assertIsNone(self.machine.state_of("limited"))
        self.assertEqual(self.scripts("done", "setup-start"), [])
        self.assertEqual({self.machine.state_of(name) for name in waiting}, {"beginning"})
        for client in waiting.values():
            client.kill()
        self.let_all_begin(standing)
        self.unlock(holder)
        self.machine.ok("end", *standing)

    def test_what_waits_for_room_after_its_tree_is_broken_off_at_once(self):
        holder = self.lock("other")
        names = [f"waits-{i}" for i in range(3)]
        waiting = self.begin_held(*names, chroot="other", more=["--wait"])
        self.await_waiting(*names)
        self.hold("setup-start")
        standing = self.begin_held(*[f"stands-{i}" for i in range(4)])
        self.await_scripts("setup-start", 4)
        # The tree is free, but their user has no begin left.
        self.unlock(holder)
        self.assertEqual(self.succeeds("begin", "--name", "of-root", "other"), "of-root\n")
        self.assertEqual({self.machine.state_of(name) for name in names}, {"beginning"})
        self.succeeds("end", "--force", "waits-0", user="nobody")
        status, _, err = self.done(waiting.pop("waits-0"), "what was broken off")
        self.assertEqual(status, 125)
        self.assertIn("session waits-0 was ended while it was being begun", err)
        waiting.pop("waits-1").kill()
        self.assertTrue(wait_until(lambda: self.machine.state_of("waits-1") is None, LIMIT))
        self.assertEqual(self.scripts("done", "setup-start"), [])
        self.assertEqual(self.machine.state_of("waits-2"), "beginning")
        self.let_all_begin({**standing, **waiting})
        self.machine.ok("end", "of-root", *standing, *waiting)

    def test_what_has_waited_long_enough_takes_no_place_of_the_ends(self):
        faults = self.path("faults")
        os.makedirs(faults, exist_ok=True)
        self.machine.restart(environment={"UNIONROOT_FAULT_FOLDER": faults})
        holder = self.client("lock", "held-other", "--", "sh", "-c", "echo runs; exec cat")
        self.line(holder, "runs")
        waiting = self.begin_held("late", chroot="held-other", more=["--wait=2"])
        self.await_waiting("late")
        self.hold("setup-start")
        standing = self.begin_held(*[f"stands-{i}" for i in range(4)])
        self.await_scripts("setup-start", 4)
        # Its time is over. Just then the tree becomes free, and it could begin where the ends are.
        step = os.path.join(faults, "manage_locked")
        with open(step, "w"):
            pass
        try:
            wait_until(lambda: waiting["late"].poll() is not None, 6)  # or it stands at the lock
            self.kill_holder(holder)
            self.assertTrue(wait_until(lambda: "stale" in self.machine.ok("locks")), self.machine.ok("locks"))
        finally:
            os.unlink(step)
        wait_until(lambda: waiting["late"].poll() is not None or len(self.scripts("begun", "setup-start")) > 4, LIMIT)
        self.assertCountEqual(self.scripts("begun", "setup-start"), list(standing))  # which came first is chance
        status, _, err = self.done(waiting["late"], "what has waited long enough")
        self.assertEqual(status, 125)
        self.assertIn("after waiting for", err)
        self.let_all_begin(standing)
        self.machine.restart()
        self.machine.ok("end", *standing)

    def kill_holder(self, holder):
        """The client and its command, which has the lock too."""
        holder.kill()
        holder.wait()
        holder.stdin.close()
        holder.stdin = None

    def test_a_lock_whose_owner_is_killed_is_noticed(self):
        holder = self.lock("small")
        waiting = self.begin_held("patient", chroot="small", more=["--wait"])
        self.await_waiting("patient")
        # Its file stays: nothing in the folder changes. The command has the lock as well.
        holder.kill()
        holder.wait()
        holder.stdin.close()
        self.let_all_begin(waiting)
        self.machine.ok("end", "patient")

    # --- a daemon that is stopped

    def test_a_daemon_that_is_stopped_ends_and_the_next_one_finishes(self):
        ending = [f"ends-{i}" for i in range(2)]
        for name in (*ending, "ends-by-force"):
            self.machine.begin("held", name=name, user="nobody")
        lasting = self.client("run", "--directory", "/", "held", "--", "sh", "-c", "echo in; cat", user="games")
        self.line(lasting, "in")
        holder = self.lock("other")
        waiting = self.begin_held("waits-0", "waits-1", user="games", chroot="other", more=["--wait"])
        self.await_waiting(*waiting)
        for stage in ("setup-start", "setup-stop"):
            self.hold(stage)
        begins = self.begin_held(*[f"begins-{i}" for i in range(6)], user="mail")
        self.await_scripts("setup-start", 4 + 4)
        ends = [self.client("end", name, user="nobody") for name in ending]
        ends.append(self.client("end", "--force", "ends-by-force"))
        lasting.stdin.close()
        lasting.stdin = None
        self.assertTrue(wait_until(lambda: len(self.scripts("begun", "setup-stop")) == 4))
        self.machine.end_daemon()
        for client in (*waiting.values(), *begins.values(), *ends, lasting):
            client.communicate(timeout=testing.PATIENCE)
        self.assertEqual([name for name in self.scripts("done", "setup-stop") if name in (*ending, "ends-by-force")], [])
        self.let_go(*STAGES)
        self.unlock(holder)
        self.machine.start_daemon()
        self.assertTrue(wait_until(lambda: not self.machine.sessions()), self.machine.sessions())
        for name in (*ending, "ends-by-force"):
            self.assertIn(name, self.scripts("done", "setup-stop"))

    # --- helpers

    def definition(self, name):
        return os.path.join(self.machine.configuration, "chroot.d", name + ".conf")

    def end_monitor(self, monitor):
        monitor.terminate()
        monitor.wait()


if __name__ == "__main__":
    testing.main()
