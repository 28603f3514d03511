"""A minute of everything at once: clients begin, run, end and change trees, and are killed; the daemon is killed and started again.

The choices come from a fixed seed, which is printed; UNIONROOT_STORM_SEED and UNIONROOT_STORM_SECONDS change it. Afterwards:
nothing is left, no client hangs, and at no moment did a change of the tree run beside a session.
"""

import os
import random
import signal
import subprocess
import threading
import time
import unittest

import unionroot_testing as testing
from unionroot_testing import wait_until
from recovery_testing import CrashMachine

SEED = int(os.environ.get("UNIONROOT_STORM_SEED", "20081130"))
SECONDS = float(os.environ.get("UNIONROOT_STORM_SECONDS", "60"))
CLIENTS = 6


class Storm:
    def __init__(self, machine, tree):
        self.machine = machine
        self.tree = tree
        self.ends = time.monotonic() + SECONDS
        self.counts = {}
        self.guard = threading.Lock()
        self.problems = []
        self.sessions = set()
        self.end_asked = set()

    def count(self, what):
        with self.guard:
            self.counts[what] = self.counts.get(what, 0) + 1

    def problem(self, text):
        with self.guard:
            self.problems.append(text)

    def client(self, *arguments, kill_after=None):
        """A client that may be killed; (status, out, err). It must end."""
        process = self.machine.popen(*arguments)
        with self.guard:
            self.machine.children[process.pid] = "client"
        try:
            out, err = process.communicate(timeout=kill_after if kill_after is not None else testing.PATIENCE)
        except subprocess.TimeoutExpired:
            if kill_after is None:
                self.problem("hangs: " + " ".join(arguments))
            process.kill()
            out, err = process.communicate()
            self.count("killed client")
        return process.returncode, out.decode(), err.decode()

    # What clients do

    def automatic(self, dice):
        # Beside a change of the tree this would see its mark.
        status, out, _ = self.client("run", "--directory", "/", "tree", "--", "sh", "-c",
                                     "cat /changing 2>/dev/null; echo x >/mine; cat /mine",
                                     kill_after=dice.choice([None, None, 0.02, 0.1]))
        if status == 0 and out != "x\n":
            self.problem(f"a session beside a change of its tree, or without its file: {out!r}")
        return "automatic", status

    def begin(self, dice):
        status, out, _ = self.client("begin", "tree", kill_after=dice.choice([None, None, None, 0.02]))
        if status == 0:
            with self.guard:
                self.sessions.add(out.strip())
        return "begin", status

    def one_of_them(self, dice):
        with self.guard:
            return dice.choice(sorted(self.sessions)) if self.sessions else None

    def run(self, dice):
        session = self.one_of_them(dice)
        if session is None:
            return None
        status, _, _ = self.client("run", "--directory", "/", session, "--", "sh", "-c", "echo x >>/mine; sleep 0.05",
                                   kill_after=dice.choice([None, 0.03]))
        return "run", status

    def end(self, dice):
        session = self.one_of_them(dice)
        if session is None:
            return None
        with self.guard:
            self.end_asked.add(session)
        status, _, err = self.client("end", session, kill_after=dice.choice([None, None, None, 0.02]))
        if status == 0 or "no session" in err:
            with self.guard:
                self.sessions.discard(session)
        return "end", status

    def change(self, dice):
        # The mark is there only while the lock is held.
        mark = os.path.join(self.tree, "changing")
        status, _, _ = self.client("lock", "tree", f"--wait={dice.choice([1, 2])}", "--", "sh", "-c",
                                   f"echo changing >{mark}; sleep 0.05; rm {mark}")
        return "change", status

    def source_session(self, dice):
        status, _, _ = self.client("run", "--directory", "/", "source:tree", "--", "sh", "-c", "true")
        return "source session", status

    def work(self, seed):
        dice = random.Random(seed)
        actions = [self.automatic] * 5 + [self.begin] * 3 + [self.run] * 4 + [self.end] * 4 + [self.change] + \
                  [self.source_session]
        while time.monotonic() < self.ends and not self.problems:
            done = dice.choice(actions)(dice)
            if done is None:
                continue
            what, status = done
            self.count(what if status == 0 else what + " refused or failed")
            # Nobody shall keep the tree so busy that a change never gets its turn within its time.
            time.sleep(dice.random() * 0.05)

    def daemons(self, seed):
        dice = random.Random(seed)
        machine = self.machine
        while time.monotonic() < self.ends and not self.problems:
            time.sleep(dice.uniform(0.2, 2.5))
            how = dice.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM])
            machine.end_daemon(how)
            self.count("daemon " + how.name)
            time.sleep(dice.choice([0, 0, 0.1]))
            machine.start_daemon()


class StormTest(unittest.TestCase):
    def test_storm(self):
        print(f"seed {SEED}, {SECONDS:g} s, {CLIENTS} clients", flush=True)
        machine = CrashMachine()
        try:
            tree = os.path.join(machine.place, "tree")
            subprocess.run(["cp", "-a", testing.small_tree(), tree], check=True)
            machine.define_tree("tree", tree, source_root_users="root")
            machine.start()
            # What a source session copies into its tree, as the host's hosts; a later one finds it there.
            machine.ok("run", "--directory", "/", "source:tree", "--", "true")
            before = testing.tree_lines(tree)
            storm = Storm(machine, tree)
            threads = [threading.Thread(target=storm.work, args=(SEED + number,)) for number in range(CLIENTS)]
            for thread in threads:
                thread.start()
            try:
                storm.daemons(SEED - 1)
            finally:
                for thread in threads:
                    thread.join()
            print(", ".join(f"{what}: {count}" for what, count in sorted(storm.counts.items())), flush=True)
            self.assertEqual(storm.problems, [], machine.log())
            self.check(machine, storm)
            changed = [line for line in set(testing.tree_lines(tree)) ^ set(before) if line.split(" ")[0] not in ("", "changing")]
            self.assertEqual(changed, [])
        finally:
            log = machine.log()
            problems = machine.close()
        self.assertEqual(problems, [], log)

    def check(self, machine, storm):
        def quiet():
            return all(not s["automatic"] and s["state"] in ("active", "failed") for s in machine.sessions())

        self.assertTrue(wait_until(quiet), str(machine.sessions()) + machine.log())
        sessions = machine.by_id()
        failed = {name: machine.info(name)["error"] for name, s in sessions.items() if s["state"] != "active"}
        self.assertEqual(failed, {})
        # Every session that somebody was told of is there, unless its end was asked for; each works.
        self.assertEqual(storm.sessions - set(sessions) - storm.end_asked, set())
        for name in sessions:
            self.assertEqual(machine.inside(name, "echo", "works"), "works")
        held = lambda: sorted(lock.partition(".session.")[2] for lock in machine.lock_files())
        self.assertTrue(wait_until(lambda: held() == sorted(sessions)), f"{held()} {sorted(sessions)}")
        if sessions:
            machine.ok("end", *sessions)
        self.assertEqual(machine.problems(), [], machine.log())


if __name__ == "__main__":
    testing.main()
