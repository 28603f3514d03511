"""Our program called schroot against schroot itself, alternately in one run: the same definitions, trees and profiles for both."""

import os
import subprocess
import sys
import tempfile

import bench
import client_testing
import side_world
import trees
import unionroot_testing as testing
from both_world import REAL, Both

COUNT = int(os.environ.get("BENCH_COUNT", "30"))
# So many times as fast as schroot.
AIMS = {"front_end_run_true": 3, "front_end_automatic_true": 40}


def show(case, times):
    bench.show(case, times["ours"], times["peer"], aim_ms=f"{times['peer'] / 1000 / AIMS[case]:.3f}", aim_of_ratio=AIMS[case])


def measure():
    """As root, like those who build: alice's rights are looked up in the same way by both."""
    for program, name in (("schroot", "ours"), (REAL, "peer")):
        subprocess.run([program, "-b", "-c", "usual", "-n", "bench-" + name], check=True, stdout=subprocess.DEVNULL)
    inside = {name: [program, "-q", "-r", "-d", "/", "-c", "bench-" + name, "--", "true"] for program, name in (("/usr/bin/schroot", "ours"), (REAL, "peer"))}
    show("front_end_run_true", bench.spawn_times(COUNT * 3, *inside.items()))
    for program, name in (("schroot", "ours"), (REAL, "peer")):
        subprocess.run([program, "-e", "-c", "bench-" + name], check=True)
    whole = {name: [program, "-q", "-d", "/", "-c", "usual", "--", "true"] for program, name in (("/usr/bin/schroot", "ours"), (REAL, "peer"))}
    show("front_end_automatic_true", bench.spawn_times(COUNT, *whole.items()))


def main():
    """A process for the world, whose folder goes when its namespace has gone."""
    place = os.environ.get(client_testing.PLACE_VARIABLE)
    if place is None:
        with tempfile.TemporaryDirectory(prefix=side_world.World.prefix, dir=testing.SCRATCH) as place:
            return subprocess.run([sys.executable, "-B", *sys.argv], env={**os.environ, client_testing.PLACE_VARIABLE: place}).returncode
    testing.become_subreaper()
    world = Both(place=place, settings={"log-level": "warning"})
    world.enter()
    world.start()
    trees.Trees(world.place + "/store").put(())
    try:
        measure()
    finally:
        world.tidy()
        problems = world.close()
    for problem in problems:
        print("bench: left behind:", problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
