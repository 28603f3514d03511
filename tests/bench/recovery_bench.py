"""What locks and recovery cost: a part of tests/bench/run, which builds what it needs.

One line a case, medians: bench CASE ours_ms=...; against_... is the ratio to the case without it. The reboot is simulated, which
needs a build with fault points: UNIONROOT_FAULTY_BUILD names one. BENCH_SESSIONS: how many preserved sessions (default 500).
"""

import os
import signal
import statistics
import subprocess
import sys
import time

import unionroot_testing as testing
from unionroot_testing import wait_until
from recovery_testing import CrashMachine

SESSIONS = int(os.environ.get("BENCH_SESSIONS", "500"))
COUNT = int(os.environ.get("BENCH_COUNT", "30"))

NO_SYNC = """
int fsync(int fd) { (void)fd; return 0; }
int fdatasync(int fd) { (void)fd; return 0; }
int syncfs(int fd) { (void)fd; return 0; }
"""


def show(case, milliseconds, **more):
    print(f"bench {case} ours_ms={milliseconds:.2f}", *(f"{key}={value}" for key, value in more.items()), flush=True)


def timed(action, count):
    times = []
    for number in range(count):
        begin = time.monotonic()
        action(number)
        times.append((time.monotonic() - begin) * 1000)
    return statistics.median(times)


def begin_and_end(machine, case, alone=None):
    """The median of begin; alone: that of the case to compare with."""
    names = []
    median = timed(lambda n: names.append(machine.begin("small")), COUNT)
    show(case, median, **({"against_alone": f"{median / alone:.2f}"} if alone else {}))
    for name in names:
        machine.ok("end", name)
    return median


def contention(machine):
    alone = begin_and_end(machine, "begin_alone")
    change = machine.popen("lock", "other", "--wait", "--", "sleep", "1000")
    machine.children[change.pid] = "client"
    begin_and_end(machine, "begin_while_another_tree_is_changed", alone)
    clients = [subprocess.Popen(["sh", "-c", 'while :; do "$@" >/dev/null 2>&1; done', "sh",
                                 *machine.arguments("run", "--directory", "/", "small", "--", "true")],
                                start_new_session=True) for _ in range(2)]
    for client in clients:
        machine.children[client.pid] = "client"
    begin_and_end(machine, "begin_while_two_clients_begin_and_end_on_the_same_tree", alone)
    for client in clients:
        os.killpg(client.pid, signal.SIGKILL)
        client.wait()
    change.kill()
    change.wait()
    change.stdout.close(), change.stderr.close()


def durability(machine):
    library = os.path.join(machine.place, "nosync.so")
    source = os.path.join(machine.place, "nosync.c")
    with open(source, "w") as file:
        file.write(NO_SYNC)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    with_sync = begin_and_end(machine, "begin_that_survives_a_power_cut")
    machine.restart(environment={"LD_PRELOAD": library})
    without = begin_and_end(machine, "begin_without_any_sync")
    print(f"bench price_of_durability ours_ms={with_sync - without:.2f}", flush=True)
    machine.restart()


def time_start(machine, case):
    """From the daemon's start until its first answer, and until all sessions are active."""
    begin = time.monotonic()
    machine.start_daemon(wait=False)
    listed = machine.list_now()
    show(f"{case}_until_listed", (time.monotonic() - begin) * 1000, sessions=len(listed))
    # A listing of them all costs as much as recovering some: they are not asked for all the time.
    wait_until(lambda: all(s["state"] != "recovering" for s in machine.sessions()), 120, 0.1)
    show(f"{case}_until_active", (time.monotonic() - begin) * 1000,
         active=sum(s["state"] == "active" for s in machine.sessions()))


def recovery(machine):
    sessions = [machine.begin("small") for _ in range(SESSIONS)]
    machine.end_daemon()
    time_start(machine, "restart_of_the_daemon")
    machine.end_daemon()
    faulty = os.environ.get("UNIONROOT_FAULTY_BUILD")
    usual = testing.BUILD
    if faulty:
        testing.BUILD = faulty
        machine.simulate_reboot("another-boot")
        time_start(machine, "restart_of_the_machine")
        machine.end_daemon()
        testing.BUILD = usual
        machine.environment.pop("UNIONROOT_BOOT_ID")
    else:
        print("bench: no build with fault points (UNIONROOT_FAULTY_BUILD); the restart of the machine is left out", file=sys.stderr)
    machine.start_daemon()
    machine.settled(sessions[-1])
    begin = time.monotonic()
    for first in range(0, len(sessions), 100):
        machine.ok("end", *sessions[first:first + 100])
    show("end_each_of_many", (time.monotonic() - begin) * 1000 / SESSIONS)


def main():
    machine = CrashMachine({"sessions-per-user": "0", "log-level": "warning"})
    try:
        machine.define_tree("small", testing.small_tree())
        other = os.path.join(machine.place, "other")
        os.mkdir(other)
        machine.define_tree("other", other)
        machine.start()
        contention(machine)
        durability(machine)
        recovery(machine)
    finally:
        problems = machine.close()
        if problems:
            raise SystemExit("bench: left behind: " + "; ".join(problems))


if __name__ == "__main__":
    main()
