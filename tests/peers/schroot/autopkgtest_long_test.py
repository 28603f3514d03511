"""autopkgtest on sessions: tests that would break their testbed, that hang, that need packages, and what counts as a failure."""

import autopkgtest_testing
import client_testing


class Testbeds(autopkgtest_testing.Autopkgtest):
    def test_all_pass(self):
        folder = self.tree("Tests: one two\nDepends:\n", one="#!/bin/sh\nexit 0\n", two="#!/bin/sh\nexit 0\n")
        results, _ = self.autopkgtest(folder, 0)
        self.assertEqual(results, {"one": "PASS", "two": "PASS"})
        self.assert_ours()
        self.assert_nothing_left()

    def test_what_breaks_a_testbed_is_not_run(self):
        """autopkgtest-virt-schroot says of no schroot that it reverts everything, so autopkgtest skips such a test there."""
        folder = self.tree(
            "Tests: breaks\nRestrictions: needs-root, breaks-testbed\nDepends:\n\nTests: after\nRestrictions: needs-root\nDepends:\n",
            breaks="#!/bin/sh\nrm -f /usr/bin/perl\necho x > /usr/broken\n", after="#!/bin/sh\nset -e\n[ ! -e /usr/broken ]\ncommand -v perl\n")
        results, shown = self.autopkgtest(folder, 2)
        self.assertEqual(results, {"breaks": "SKIP", "after": "PASS"})
        self.assertIn("revert-full-system", shown)
        self.assert_ours()
        self.assert_nothing_left()

    def test_standard_error_is_a_failure(self):
        folder = self.tree("Tests: says allowed\nDepends:\n".replace(" allowed", "") + "\nTests: allowed\nRestrictions: allow-stderr\nDepends:\n",
                           says="#!/bin/sh\necho complaint >&2\n", allowed="#!/bin/sh\necho complaint >&2\n")
        results, _ = self.autopkgtest(folder, 4)
        self.assertEqual(results, {"says": "FAIL", "allowed": "PASS"})
        self.assert_nothing_left()

    def test_packages_are_installed(self):
        """Depends: of Debian's mirror."""
        folder = self.tree("Tests: uses\nDepends: hello\n", uses="#!/bin/sh\nset -e\n[ \"$(hello)\" = 'Hello, world!' ]\n")
        results, _ = self.autopkgtest(folder, 0, "--setup-commands=apt-get update")
        self.assertEqual(results, {"uses": "PASS"})
        self.assert_ours()
        self.assert_nothing_left()

    def test_a_test_that_hangs(self):
        folder = self.tree("Tests: hangs\nDepends:\n", hangs="#!/bin/sh\nexec sleep 86398.5\n")
        shown = self.client("autopkgtest", "--no-built-binaries", "--timeout-test=20", folder, "--", "schroot", client_testing.CHROOT, status=None)
        self.assertIn("timed out", shown)
        self.assert_ours()
        self.assert_nothing_left()


if __name__ == "__main__":
    client_testing.main()
