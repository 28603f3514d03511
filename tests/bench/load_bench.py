"""What one user at full load costs the others: a part of tests/bench/run, which builds what it needs.

`nobody` keeps the daemon as busy as it may: begins whose scripts take long, ends that take long, listings without a pause,
clients that vanish. Meanwhile `games` begins sessions and runs commands, and `end --force` breaks off a begin. The load's own
clients run at the lowest priority: what the machine's processor does is not what is measured.

One line a case, medians: bench CASE alone_ms=... loaded_ms=... ratio=... aim=...
"""

import os
import signal
import statistics
import subprocess
import sys
import time

import benchmark
import unionroot_testing as testing
from unionroot_testing import wait_until
from recovery_testing import CrashMachine

COUNT = int(os.environ.get("BENCH_COUNT", "30"))
MOST_RATIO = 2.0
MOST_CONTROL = 50.0

SLOW = """#!/bin/sh
echo "$1 $SESSION_ID" >>{place}/hooks.log
sleep 2
"""
HELD = """#!/bin/sh
echo "$1 $SESSION_ID" >>{place}/held.log
test "$1" = setup-stop || sleep 1000
"""


def timed(action):
    begin = time.monotonic()
    action()
    return (time.monotonic() - begin) * 1000


class Bench:
    def __init__(self, machine):
        self.machine = machine
        self.load = []
        self.held = 0

    def prepare(self):
        tree = testing.small_tree()
        for name, script in (("slow", SLOW), ("held", HELD)):
            folder = os.path.join(self.machine.place, name)
            os.mkdir(folder, 0o755)
            self.machine._write(os.path.join(folder, "10script"), script.format(place=self.machine.place), 0o755)
            self.machine.define_tree(name, tree, hook_directories=folder, users="nobody,games")
        self.machine.define_tree("bench", tree, users="nobody,games")

    def median(self, verb):
        if verb == "begin":
            names = []
            times = [timed(lambda: names.append(self.machine.begin("bench", user="games"))) for _ in range(COUNT)]
            self.machine.ok("end", *names, user="games")
        else:
            times = [timed(lambda: self.machine.inside("bench", "true", user="games")) for _ in range(COUNT)]
        return statistics.median(times)

    def control(self):
        """How long `end --force` of a begin takes that stands in its script."""
        times = []
        log = os.path.join(self.machine.place, "held.log")
        for _ in range(max(5, COUNT // 3)):
            self.held += 1
            name = f"held-{self.held}"  # the scripts' log has those of before
            client = self.machine.popen("begin", "--name", name, "held", user="games")
            self.machine.children[client.pid] = "client"

            def stands():
                if not os.path.exists(log):
                    return False
                with open(log) as file:
                    return f"setup-start {name}\n" in file.read()
            if not wait_until(stands):
                raise SystemExit("bench: the begin does not come to its script")
            times.append(timed(lambda: self.machine.ok("end", "--force", name, user="games")))
            client.communicate()
        return statistics.median(times)

    def loop(self, *arguments, kill_after=None):
        """The client again and again, as nobody."""
        command = self.machine.arguments(*arguments)
        if kill_after is not None:
            command = ["timeout", "--signal=KILL", str(kill_after), *command]
        process = subprocess.Popen(["nice", "-n", "19", "sh", "-c", 'while :; do "$@" >/dev/null 2>&1; done', "sh", *command],
                                   start_new_session=True, user="nobody", group="nogroup", extra_groups=[],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.machine.children[process.pid] = "load"
        self.load.append(process)

    def start_load(self):
        for _ in range(6):
            self.loop("run", "--directory", "/", "slow", "--", "true")  # a slow begin, a slow end
        for _ in range(2):
            self.loop("list", "--sessions")
        for _ in range(2):
            self.loop("run", "--directory", "/", "bench", "--", "sleep", "1000", kill_after=0.3)
        self.loop("begin", "slow", kill_after=0.5)
        log = os.path.join(self.machine.place, "hooks.log")
        if not wait_until(lambda: os.path.exists(log)):
            raise SystemExit("bench: the load does not begin")

    def stop_load(self):
        for process in self.load:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.load = []
        wait_until(lambda: not self.machine.sessions())

    def all(self):
        alone = {verb: self.median(verb) for verb in ("begin", "run")}
        alone_control = self.control()
        self.start_load()
        loaded = {verb: self.median(verb) for verb in ("begin", "run")}
        control = self.control()
        self.stop_load()
        for verb in ("begin", "run"):
            print(f"bench {verb}_beside_a_user_at_full_load alone_ms={alone[verb]:.2f} loaded_ms={loaded[verb]:.2f} "
                  f"ratio={loaded[verb] / alone[verb]:.2f} aim={MOST_RATIO:.2f}", flush=True)
        print(f"bench forced_end_beside_a_user_at_full_load alone_ms={alone_control:.2f} loaded_ms={control:.2f} "
              f"aim_ms={MOST_CONTROL:.0f}", flush=True)


def main():
    machine = CrashMachine({"log-level": "warning"})
    bench = Bench(machine)

    def work():
        bench.prepare()
        machine.start()
        bench.all()

    return benchmark.run(machine, work, bench.stop_load)



if __name__ == "__main__":
    sys.exit(main())
