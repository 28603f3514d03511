"""The recorded output of schroot 1.6.13: files of recorded/, by groups of cases."""

import glob
import os

import cases
import tables

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "recorded")


def group_of(name):
    kind, _, rest = name.partition("/")
    return f"{kind}-{rest.split('-')[0]}.txt"


def read():
    found = {}
    for path in sorted(glob.glob(os.path.join(FOLDER, "*.txt"))):
        with open(path, errors="surrogateescape") as file:
            found.update(cases.read(file))
    return found


def write(results):
    """What was recorded of other cases stays; what is no case any more goes."""
    merged = {**read(), **results}
    groups = {}
    for case in tables.all_cases():
        if case.name in merged:
            groups.setdefault(group_of(case.name), {})[case.name] = merged[case.name]
    os.makedirs(FOLDER, exist_ok=True)
    for path in glob.glob(os.path.join(FOLDER, "*.txt")):
        if os.path.basename(path) not in groups:
            os.unlink(path)
    for name, group in groups.items():
        with open(os.path.join(FOLDER, name), "w", errors="surrogateescape") as file:
            cases.write(group, file)
