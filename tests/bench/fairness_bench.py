"""What one user's flood of calls costs another: a part of tests/bench/run, which builds what it needs.

1000 sessions stand. `nobody` calls the daemon without a pause over one connection, with many calls at a time. `games` begins
sessions and runs commands, alternately with the flood and without it, in one run.

Two lines a kind of flood, medians: bench CASE alone_ms=... loaded_ms=... ratio=... aim=...
The flood of `bus` never reaches the daemon. Its ratio is what the bus and the flood's own processor cost; it has no aim.
"""

import os
import pwd
import statistics
import subprocess
import sys
import time

import dbus

import benchmark
import unionroot_testing as testing
from unionroot_testing import Machine

COUNT = int(os.environ.get("BENCH_COUNT", "30"))
STANDING = int(os.environ.get("BENCH_STANDING", "1000"))
MOST_RATIO = 2.0
# Kind, and how many calls at a time.
FLOODS = (("objects", 64), ("sessions", 64), ("chroots", 64), ("info", 64), ("introspect", 64), ("refused", 64),
          ("properties", 64), ("property", 64), ("unknown", 64), ("connections", 1), ("bus", 64))
TURNS = 5
OWNER, FLOODER = "games", "nobody"


def timed(action):
    begin = time.monotonic()
    action()
    return (time.monotonic() - begin) * 1000


class Flood:
    def __init__(self, machine, kind, depth, session):
        entry = pwd.getpwnam(FLOODER)
        program = os.path.join(testing.BUILD, "bench", "flood")
        self.machine, self.kind = machine, kind
        self.process = subprocess.Popen(
            [program, machine.address, kind, str(depth), session], user=entry.pw_uid, group=entry.pw_gid, extra_groups=[], cwd="/",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        machine.children[self.process.pid] = "flood"

    def end(self):
        out, _ = self.process.communicate(timeout=testing.PATIENCE)
        if self.process.returncode != 0:
            raise SystemExit(f"bench: the flood of {self.kind} has failed\n{self.machine.log()}")
        answers, refused = (int(word) for word in out.split())
        if answers == 0:
            raise SystemExit(f"bench: the flood of {self.kind} was answered nothing")
        return answers, refused


class Bench:
    def __init__(self, machine):
        self.machine = machine
        self.standing = []

    def prepare(self):
        tree = testing.small_tree()
        self.machine.define_tree("bench", tree, users=f"{OWNER},{FLOODER}", host_view="no")
        self.machine.start()
        self.bus = dbus.bus.BusConnection(self.machine.address)
        manager = self.bus.get_object("org.unionroot1", "/org/unionroot1", introspect=False)
        for number in range(STANDING):
            name = f"standing-{number}"
            manager.Begin("bench", dbus.Dictionary({"name": name}, signature="sv"), dbus_interface="org.unionroot1.Manager",
                          signature="sa{sv}")
            self.standing.append(name)

    def begin(self):
        name = self.machine.begin("bench", user=OWNER)
        return lambda: self.machine.ok("end", name, user=OWNER)

    def run(self):
        self.machine.inside("bench", "true", user=OWNER)
        return lambda: None

    def measure(self, verb, count):
        times = []
        for _ in range(count):
            undo = []
            times.append(timed(lambda: undo.append(getattr(self, verb)())))
            undo[0]()
        return times

    def flood(self, kind, depth):
        """Alternately: what is done without the flood is done in the same minute."""
        verbs = ("begin", "run")
        alone, loaded = {verb: [] for verb in verbs}, {verb: [] for verb in verbs}
        answers = refused = 0
        share = max(2, COUNT // TURNS)
        for _ in range(TURNS):
            for verb in verbs:
                alone[verb] += self.measure(verb, share)
            flood = Flood(self.machine, kind, depth, self.standing[0])
            time.sleep(0.2)
            for verb in verbs:
                loaded[verb] += self.measure(verb, share)
            done = flood.end()
            answers, refused = answers + done[0], refused + done[1]
        for verb in verbs:
            one, other = statistics.median(alone[verb]), statistics.median(loaded[verb])
            aim = "" if kind == "bus" else f"aim={MOST_RATIO:.2f} "
            print(f"bench {verb}_beside_a_flood_of_{kind} alone_ms={one:.2f} loaded_ms={other:.2f} ratio={other / one:.2f} "
                  f"{aim}worst_ms={max(loaded[verb]):.2f} answers={answers} refused={refused}", flush=True)

    def all(self, kinds):
        for kind, depth in FLOODS:
            if not kinds or kind in kinds:
                self.flood(kind, depth)

    def end(self):
        for start in range(0, len(self.standing), 100):
            self.machine.run("end", *self.standing[start:start + 100], timeout=600)


def main():
    machine = Machine({"log-level": "warning"})
    bench = Bench(machine)

    def work():
        bench.prepare()
        bench.all(sys.argv[1:])

    return benchmark.run(machine, work, bench.end)



if __name__ == "__main__":
    sys.exit(main())
