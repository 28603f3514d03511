"""differential.py HOW [PATTERN]: schroot and unionroot's program of that name beside each other, on the cases whose names match.

    check    ours against what was recorded from schroot 1.6.13
    live     ours against schroot itself, now
    record   writes recorded/ anew
    twice    schroot against itself: what differs is no fault of ours, and must not be compared
    mutants  front ends that each do one thing differently: all must be flagged

UNIONROOT_BUILD_DIR and PYTHONPATH as for the tests. The exit status is 0 only if all is as it should be.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import cases
import compare
import mutants
import recordings
import skips
import tables

HERE = os.path.dirname(os.path.abspath(__file__))


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


def judge(theirs, ours, exceptions=None):
    exceptions = compare.read_exceptions() if exceptions is None else exceptions
    return compare.Verdict(theirs, ours, exceptions, compare.reasons() if exceptions else [])


def check(pattern="", shares=2):
    """Ours against the recordings; of cases that were not recorded, nothing."""
    return judge(recordings.read(), run_side("unionroot", pattern, shares, only_recorded=True))


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
        recordings.write(run_side("schroot", pattern, shares))
        return 0
    if how == "mutants":
        telling = "^script/(" + "|".join(sorted({cases_ for cases_, _ in mutants.BODIES.values()})) + ")$"
        found = flagged("schroot", run_side("schroot", telling, shares), {})
        print(f"schroot: {sum(found.values())} of {len(found)} broken front ends flagged")
        return 0 if all(found.values()) else 1
    if how == "check":
        verdict = check(pattern, shares)
    elif how == "live":
        verdict = judge(run_side("schroot", pattern, shares), run_side("unionroot", pattern, shares))
    elif how == "twice":
        verdict = judge(run_side("schroot", pattern, shares), run_side("schroot", pattern, shares), {})
    else:
        raise SystemExit(__doc__)
    print("\n".join(verdict.report(10 ** 6)))
    return 0 if verdict.good else 1


if __name__ == "__main__":
    sys.exit(main())
