#!/usr/bin/env python3
"""What locks and recovery cost: medians, in milliseconds, on this machine at this moment.

    UNIONROOT_BUILD_DIR=build/release PYTHONPATH=tests/support:tests/peers/recovery python3 tests/bench/recovery_bench.py [SESSIONS]

A simulated reboot needs a build with fault points (preset dev); it is left out, with a word, where they are not there.
"""

import os
import shutil
import signal
import statistics
import subprocess
import sys
import time

import unionroot_testing as testing
from unionroot_testing import wait_until
from recovery_testing import CrashMachine

SESSIONS = int(sys.argv[1]) if len(sys.argv) > 1 else 500

NO_SYNC = """
int fsync(int fd) { (void)fd; return 0; }
int fdatasync(int fd) { (void)fd; return 0; }
int syncfs(int fd) { (void)fd; return 0; }
"""


def show(what, milliseconds, note=""):
    print(f"{what:58} {milliseconds:9.2f} ms  {note}", flush=True)


def timed(action, count):
    times = []
    for number in range(count):
        begin = time.monotonic()
        action(number)
        times.append((time.monotonic() - begin) * 1000)
    return statistics.median(times)


def begin_and_end(machine, count, what, note=""):
    names = []
    show("begin, preserved, " + what, timed(lambda n: names.append(machine.begin("small")), count), note)
    for name in names:
        machine.ok("end", name)


def contention(machine):
    begin_and_end(machine, 30, "nobody else", "client process included")
    ends = []
    others = [machine.popen("lock", "other", "--wait", "--", "sleep", "1000")]
    machine.children[others[0].pid] = "client"
    begin_and_end(machine, 30, "another tree is being changed")
    clients = [subprocess.Popen(["sh", "-c", 'while :; do "$@" >/dev/null 2>&1; done', "sh",
                                 *machine.arguments("run", "--directory", "/", "small", "--", "true")],
                                start_new_session=True) for _ in range(2)]
    for client in clients:
        machine.children[client.pid] = "client"
    begin_and_end(machine, 30, "two clients begin and end on the same tree")
    for client in clients:
        os.killpg(client.pid, signal.SIGKILL)
        client.wait()
    others[0].kill()
    others[0].wait()
    others[0].stdout.close(), others[0].stderr.close()
    return ends


def durability(machine):
    library = os.path.join(machine.place, "nosync.so")
    source = os.path.join(machine.place, "nosync.c")
    with open(source, "w") as file:
        file.write(NO_SYNC)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    begin_and_end(machine, 30, "as it is", "survives a power cut")
    machine.restart(environment={"LD_PRELOAD": library})
    begin_and_end(machine, 30, "without any sync", "does not")
    machine.restart()


def recovery(machine):
    sessions = [machine.begin("small") for _ in range(SESSIONS)]
    machine.end_daemon()
    begin = time.monotonic()
    machine.start_daemon(wait=False)
    listed = machine.list_now()
    show(f"restart with {len(listed)} preserved sessions, until `list`", (time.monotonic() - begin) * 1000,
         f"{sum(s['state'] == 'active' for s in listed.values())} active")
    machine.end_daemon()
    machine.simulate_reboot("another-boot")
    begin = time.monotonic()
    machine.start_daemon(wait=False)
    listed = machine.list_now()
    answered = (time.monotonic() - begin) * 1000
    if all(s["state"] == "active" for s in listed.values()) and SESSIONS > 50 and answered < 5:
        print("no fault points in this build: the reboot is left out")
    else:
        wait_until(lambda: all(s["state"] not in ("recovering",) for s in machine.sessions()), 120, 0.1)  # a listing of them all costs as much as recovering some
        show(f"reboot with {SESSIONS} preserved sessions, until `list`", answered)
        show("until all are active", (time.monotonic() - begin) * 1000,
             f"{sum(s['state'] == 'active' for s in machine.sessions())} active")
    begin = time.monotonic()
    for first in range(0, len(sessions), 100):
        machine.ok("end", *sessions[first:first + 100])
    show(f"ending them, each", (time.monotonic() - begin) * 1000 / SESSIONS)


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
        for problem in machine.close():
            print(problem, file=sys.stderr)


if __name__ == "__main__":
    main()
