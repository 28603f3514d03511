"""differential.py HOW [PATTERN]: schroot and unionroot's program of that name beside each other, on the cases whose names match.

    check    ours against what was recorded from schroot 1.6.13
    live     ours against schroot itself, now
    record   writes recorded/ anew
    twice    schroot against what was recorded of it: what differs is no fault of ours, and must not be compared
    mutants  front ends that each do one thing differently: all must be flagged

UNIONROOT_BUILD_DIR and PYTHONPATH as for the tests. The exit status is 0 only if all is as it should be.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import cases
import compare
import mutants
import recordings
import skips
import tables

HERE = os.path.dirname(os.path.abspath(__file__))
BATCH = 60  # so many cases are run, and recorded, at a time


def run_side(which, pattern, shares=1, mutant=None, only_recorded=False):
    """The results of one side. Skips where it cannot be run at all."""
    with tempfile.TemporaryDirectory() as folder:
        running = []
        for share in range(shares):
            path = os.path.join(folder, str(share))
            words = [sys.executable, "-B", os.path.join(HERE, "side.py"), which, path, pattern, str(share), str(shares),
                     "recorded" if only_recorded else "all"]
            running.append((path, subprocess.Popen(words + ([mutant] if mutant else []), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)))
        results = {}
        problems = []
        for path, process in running:
            errors = process.communicate()[1]
            if os.path.exists(path + ".place"):
                with open(path + ".place") as file:
                    shutil.rmtree(file.read())
            if process.returncode == skips.STATUS:
                raise unittest.SkipTest(errors.strip())
            if process.returncode != 0:
                problems.append(f"{which} ended with {process.returncode}: {errors}")
            if os.path.exists(path):
                with open(path, errors="surrogateescape") as file:
                    results.update(cases.read(file))
        if problems:
            raise AssertionError("\n".join(problems))
    order = [case.name for case in tables.all_cases()]
    return {name: results[name] for name in order if name in results}


def exactly(names):
    return "^(" + "|".join(map(re.escape, names)) + ")$"


def batches(which, pattern, shares, only_recorded=False):
    """The results of one side, some cases at a time; says how far it is and how long cases take."""
    recorded = recordings.read() if only_recorded else None
    names = [case.name for case in tables.all_cases() if re.search(pattern, case.name) and (recorded is None or case.name in recorded)]
    begin = time.monotonic()
    for first in range(0, len(names), BATCH):
        part = names[first:first + BATCH]
        yield run_side(which, exactly(part), shares)
        print(f"{which}: {first + len(part)} of {len(names)} cases after {time.monotonic() - begin:.0f} s, last {part[-1]}",
              file=sys.stderr, flush=True)


def all_results(*words, **options):
    return {name: steps for results in batches(*words, **options) for name, steps in results.items()}


def judge(theirs, ours, exceptions=None):
    exceptions = compare.read_exceptions() if exceptions is None else exceptions
    return compare.Verdict(theirs, ours, exceptions, compare.reasons() if exceptions else [])


def check(names, shares=2):
    """Ours against the recordings, on these cases."""
    return judge(recordings.read(), run_side("unionroot", exactly(names), shares, only_recorded=True))


def flagged(which, theirs, exceptions=None):
    """{mutant: whether it was flagged}, each on the cases that can tell it."""
    found = {}
    for name, (telling, _) in mutants.BODIES.items():
        results = run_side(which, f"^script/({telling})$", mutant=name)
        verdict = judge({case: theirs[case] for case in results}, results, exceptions)
        found[name] = bool(verdict.unexpected)
        first = next(iter(verdict.unexpected), None)
        print(f"front end that {name}: " + (f"flagged at {first[0]}, step {first[1]}" if first else "NOT FLAGGED"), flush=True)
    return found


def main():
    how, pattern = sys.argv[1], (sys.argv[2:] or [""])[0]
    shares = int(os.environ.get("SHARES", "2"))
    if how == "record":
        for results in batches("schroot", pattern, shares):
            recordings.write(results)
        return 0
    if how == "mutants":
        telling = "^script/(" + "|".join(sorted({cases_ for cases_, _ in mutants.BODIES.values()})) + ")$"
        found = flagged("schroot", run_side("schroot", telling, shares), {})
        print(f"schroot: {sum(found.values())} of {len(found)} broken front ends flagged")
        return 0 if all(found.values()) else 1
    if how == "check":
        verdict = judge(recordings.read(), all_results("unionroot", pattern, shares, only_recorded=True))
    elif how == "live":
        verdict = judge(all_results("schroot", pattern, shares), all_results("unionroot", pattern, shares))
    elif how == "twice":
        verdict = judge(recordings.read(), all_results("schroot", pattern, shares, only_recorded=True), {})
    else:
        raise SystemExit(__doc__)
    print("\n".join(verdict.report(10 ** 6)))
    return 0 if verdict.good else 1


if __name__ == "__main__":
    sys.exit(main())
