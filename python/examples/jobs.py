"""jobs.py CHROOT COUNT FOLDER: COUNT jobs, four at a time, each in a session of its own that is thrown away.

Each job has a time limit, a log FOLDER/N.log and an artefact FOLDER/N.out. Ctrl-C ends the jobs that run, and starts no
more. The exit status is 0 if all jobs came to a good end.
"""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import unionroot

cancelled = threading.Event()
under_way = set()


def command_of(number):
    """The job itself: some fail, and some take too long."""
    end = {3: "exit 3", 5: "sleep 600"}.get(number % 50, "true")
    return ["sh", "-c", f"echo log of {number}; echo artefact {number} >/var/tmp/out; {end}"]


def job(chroot, number, folder):
    if cancelled.is_set():
        return "cancelled"
    with unionroot.session(chroot) as session, open(os.path.join(folder, f"{number}.log"), "wb") as log:
        with session.start(command_of(number), directory="/var/tmp", stdout=log, stderr=log) as running:
            under_way.add(running)
            if cancelled.is_set():
                running.terminate()
            result = running.communicate(timeout=5 if number % 50 == 5 else 60)
            under_way.discard(running)
        if cancelled.is_set():
            return "cancelled"
        session.copy_from("/var/tmp/out", os.path.join(folder, f"{number}.out"))
    return "took too long" if result.timed_out else "good" if result.ok else f"failed with {result.status}"


def main(chroot, count, folder):
    with ThreadPoolExecutor(4) as pool:
        jobs = []
        try:
            for number in range(int(count)):
                jobs.append(pool.submit(job, chroot, number, folder))
            outcomes = [each.result() for each in jobs]
        except KeyboardInterrupt:
            cancelled.set()
            for running in list(under_way):
                running.terminate()
            outcomes = [each.result() for each in jobs]
    outcomes += ["cancelled"] * (int(count) - len(outcomes))
    for number, outcome in enumerate(outcomes):
        print(number, outcome)
    return all(outcome == "good" for outcome in outcomes)


if __name__ == "__main__":
    sys.exit(0 if main(*sys.argv[1:]) else 1)
