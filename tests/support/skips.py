"""How a test program in Python ends, and how it says what it skipped.

A program that skipped everything ends with 77, as ctest wants it. Each skipped test is a line, NAME<tab>REASON, in the file
that UNIONROOT_SKIPS names (skip.cpp does the same for tests in C++). scripts/report-skips reads these files.
"""

import os
import sys
import unittest

STATUS = 77


def write(skips):
    """skips: pairs of a name and a reason."""
    path = os.environ.get("UNIONROOT_SKIPS")
    if not path:
        return
    if not skips:
        if os.path.exists(path):
            os.unlink(path)
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        for name, reason in skips:
            file.write(f"{name}\t{' '.join(str(reason).split())}\n")


def skip_all(reason):
    """Ends this program, none of whose tests can run."""
    print("skipped:", reason)
    write([("all", reason)])
    sys.exit(STATUS)


def name_of(test):
    """Class.test; of a class that was skipped as a whole, its name."""
    name = test.id()
    if name.startswith("setUp") and "(" in name:
        name = name[name.index("(") + 1:].rstrip(")")
    return name.replace("__main__.", "", 1)


def main(**options):
    """unittest.main, and the end of the program."""
    program = unittest.main(**{"module": "__main__", "exit": False, "verbosity": 2, **options})
    result = program.result
    write([(name_of(test), reason) for test, reason in result.skipped])
    if not result.wasSuccessful():
        sys.exit(1)
    # A class that skips in setUpClass is listed as skipped, but counts as no test.
    skipped = sum(isinstance(test, unittest.TestCase) for test, _ in result.skipped)
    if result.testsRun == skipped:
        sys.exit(STATUS if result.skipped else 1)
    sys.exit(0)
