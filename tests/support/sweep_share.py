"""Which fault points a sweep tries.

Every point takes a daemon's life, so ./check tries a share of them: one in UNIONROOT_SWEEP_STEP. Which one changes with the
commit, or is fixed by UNIONROOT_SWEEP_SEED. scripts/nightly tries them all: UNIONROOT_SWEEP_SLICE=1/1, or in K parts the
slices 1/K to K/K.
"""

import hashlib
import os
import secrets
import subprocess
import sys

STEP = int(os.environ.get("UNIONROOT_SWEEP_STEP", "1"))
ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))


def _seed():
    given = os.environ.get("UNIONROOT_SWEEP_SEED")
    if given:
        return given
    # The checkout may be another user's; git asks for a word about that.
    head = subprocess.run(["git", "-c", "safe.directory=*", "-C", ROOT, "rev-parse", "HEAD"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return head.stdout.strip() or secrets.token_hex(20)


def _slice():
    """(K, N) of UNIONROOT_SWEEP_SLICE, or None."""
    text = os.environ.get("UNIONROOT_SWEEP_SLICE")
    if not text:
        return None
    number, _, count = text.partition("/")
    if not (number.isdigit() and count.isdigit() and 1 <= int(number) <= int(count)):
        raise SystemExit(f"UNIONROOT_SWEEP_SLICE={text}: expected K/N, as 1/4")
    return int(number), int(count)


SEED = _seed()
SLICE = _slice()


def share(points, name, times=1):
    """Of the points of the sweep `name`: one in STEP * times."""
    if SLICE:
        number, count = SLICE
        return points[number - 1::count]
    step = STEP * times
    return points[_offset(name, step)::step]


def _offset(name, step):
    return int(hashlib.sha256(f"{SEED} {name}".encode()).hexdigest(), 16) % step


def describe(name, times=1):
    if SLICE:
        return "slice {}/{}".format(*SLICE)
    step = STEP * times
    return "all" if step == 1 else f"share {_offset(name, step) + 1} of {step}"


def command():
    """The command that tries the same points again."""
    if SLICE:
        chosen = "UNIONROOT_SWEEP_SLICE={}/{}".format(*SLICE)
    else:
        chosen = f"UNIONROOT_SWEEP_SEED={SEED} UNIONROOT_SWEEP_STEP={STEP}"
    script = os.path.relpath(os.path.abspath(sys.argv[0]), ROOT)
    build = os.environ.get("UNIONROOT_BUILD_DIR", "")
    return f"{chosen} UNIONROOT_BUILD_DIR={build} PYTHONPATH=tests/support python3 -B {script}"
