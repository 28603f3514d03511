"""Whether the comparison with schroot would tell, and whether there is enough to compare. No program is run."""

import unittest

import compare
import mutants
import recordings
import tables
import unionroot_testing as testing


class Comparing(unittest.TestCase):
    THEIRS = {"a": [("alice$ x", ["? 0", "> one", "! two"]), ("alice$ y", ["? 1"])]}
    ROWS = ["`--force` ends a session", "another row"]

    def verdict(self, ours, exceptions=None):
        return compare.Verdict(self.THEIRS, ours, exceptions or {}, self.ROWS)

    def test_the_same_is_good(self):
        self.assertTrue(self.verdict(self.THEIRS).good)

    def test_each_line_counts(self):
        for lines in (["? 1", "> one", "! two"], ["? 0", "> one"], ["? 0", "> one", "! two", "! three"], ["? 0", "> one\\s", "! two"],
                      ["? 0", "! one", "> two"], ["? 0", "> one", ">\\no end of line", "! two"]):
            verdict = self.verdict({"a": [("alice$ x", lines), ("alice$ y", ["? 1"])]})
            self.assertFalse(verdict.good, lines)

    def test_a_step_or_a_case_that_was_not_recorded(self):
        self.assertFalse(self.verdict({"a": self.THEIRS["a"][:1]}).good)
        self.assertFalse(self.verdict({"b": self.THEIRS["a"]}).good)

    def test_an_exception_is_exact(self):
        ours = {"a": [("alice$ x", ["? 0", "> other", "! two"]), ("alice$ y", ["? 1"])]}
        wanted = ["- > one", "+ > other"]
        self.assertTrue(self.verdict(ours, {("a", 1): ("another", wanted)}).good)
        for exception in ({("a", 2): ("another", wanted)}, {("a", 1): ("another", wanted[:1])}, {("a", 1): ("no such row", wanted)},
                          {("a", 1): ("another", wanted), ("a", 2): ("another", ["- ? 1"])}):
            self.assertFalse(self.verdict(ours, exception).good, exception)

    def test_there_is_enough_to_compare(self):
        kinds = {kind: sum(case.name.startswith(kind + "/") for case in tables.all_cases()) for kind in ("definition", "script")}
        self.assertGreaterEqual(min(kinds.values()), 150, kinds)
        self.assertGreaterEqual(len(mutants.BODIES), 10)
        recorded = recordings.read()
        for kind in kinds:
            self.assertGreaterEqual(sum(name.startswith(kind + "/") for name in recorded), 150)
        print(f"{len(recorded)} of {sum(kinds.values())} cases are recorded; the others are compared beside schroot itself (scripts/nightly schroot-live)")


if __name__ == "__main__":
    testing.main()
