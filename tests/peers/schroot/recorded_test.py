"""Our program called schroot against what was recorded of schroot 1.6.13, and whether the comparison would tell."""

import os
import unittest

import differential
import our_world
import recordings
import tables
import unionroot_testing as testing


class Ours(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        testing.require_end_to_end()
        if not os.access(our_world.client_path(), os.X_OK):
            raise unittest.SkipTest("the program schroot is not built")

    def test_as_recorded(self):
        """On a sample that is always the same; scripts/nightly schroot-live has them all."""
        verdict = differential.check(tables.sample())
        report = verdict.report()
        print("\n".join(report))
        self.assertTrue(verdict.good, report[-1])

    def test_broken_front_ends_are_flagged(self):
        found = differential.flagged("unionroot", recordings.read())
        self.assertEqual([name for name, told in found.items() if not told], [])


if __name__ == "__main__":
    testing.main()
