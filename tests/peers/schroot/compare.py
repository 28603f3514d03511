"""Compares the results of two sides. Exceptions are exact: a case, a step, the very lines that differ, and the reason."""

import difflib
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
EXCEPTIONS = os.path.join(HERE, "exceptions.txt")
DOCUMENT = os.path.normpath(os.path.join(HERE, "../../../docs/schroot-differences.md"))


def difference(theirs, ours):
    """What is left out (-) and what is added (+), in order."""
    return [line for line in difflib.ndiff(theirs, ours) if line.startswith(("- ", "+ "))]


def differences(theirs, ours):
    """{(case, number of the step from 1, step): [line]} of all cases that `ours` has."""
    found = {}
    for name, steps in ours.items():
        expected = theirs.get(name)
        if expected is None or [step for step, _ in expected] != [step for step, _ in steps]:
            found[(name, 0, "")] = ["- " + step for step, _ in expected or []] + ["+ " + step for step, _ in steps]
            continue
        for number, ((step, before), (_, after)) in enumerate(zip(expected, steps), 1):
            lines = difference(before, after)
            if lines:
                found[(name, number, step)] = lines
    return found


def read_exceptions(path=EXCEPTIONS):
    """{(case, number): (reason, [line])} of lines `[CASE NUMBER] REASON` with the lines that differ below them."""
    found, lines = {}, None
    with open(path) as file:
        for line in file:
            line = line.rstrip("\n")
            match = re.fullmatch(r"\[(.+) (\d+)\] (.+)", line)
            if match:
                key = (match[1], int(match[2]))
                if key in found:
                    raise SystemExit(f"{path}: {key} is there twice")
                lines = []
                found[key] = (match[3], lines)
            elif line.startswith(("- ", "+ ")):
                lines.append(line)
            elif line and not line.startswith("#"):
                raise SystemExit(f"{path}: no exception: {line}")
    return found


def reasons(path=DOCUMENT):
    """What differs on purpose: the first cells of the tables' rows."""
    with open(path) as file:
        rows = [line[1:].split("|")[0].strip() for line in file if line.startswith("|")]
    return [row for row in rows if row and not set(row) <= set("- ") and row not in ("ours", "here")]


def is_reason(reason, rows):
    """The beginning of one row alone."""
    return bool(reason) and sum(row.startswith(reason) for row in rows) == 1


class Verdict:
    def __init__(self, theirs, ours, exceptions, known_reasons):
        found = differences(theirs, ours)
        self.cases, self.steps = len(ours), sum(len(steps) for steps in ours.values())
        self.excepted, self.unexpected = {}, {}
        for (case, number, step), lines in found.items():
            reason, wanted = exceptions.get((case, number), (None, None))
            which = self.excepted if wanted == lines and is_reason(reason, known_reasons) else self.unexpected
            which[(case, number, step)] = (reason, lines)
        keys = {(case, number) for case, number, _ in found}
        self.stale = [key for key in exceptions if key[0] in ours and key not in keys]

    @property
    def good(self):
        return not self.unexpected and not self.stale

    def report(self, limit=40):
        lines = []
        for number, ((case, step, command), (reason, difference_)) in enumerate(self.unexpected.items()):
            if number == limit:
                lines.append(f"... and {len(self.unexpected) - limit} more")
                break
            why = f" (the exception '{reason}' is about other lines)" if reason else ""
            lines += [f"DIFFERS {case}, step {step}: {command}{why}", *("    " + line for line in difference_)]
        for case, step in self.stale:
            lines.append(f"STALE: {case}, step {step} is an exception, but nothing differs there")
        for (case, step, _), (reason, _) in self.excepted.items():
            lines.append(f"exception: {case}, step {step}: {reason}")
        lines.append(f"schroot: {self.cases} cases with {self.steps} steps compared, {len(self.excepted)} exceptions, "
                     f"{len(self.unexpected)} unexpected differences, {len(self.stale)} stale exceptions")
        return lines
