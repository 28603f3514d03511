"""autopkgtest on a session: a test that passes, one that fails and one that needs root."""

import autopkgtest_testing
import client_testing


class Results(autopkgtest_testing.Autopkgtest):
    def test_pass_fail_and_root(self):
        folder = self.tree(
            "Tests: passes fails\nDepends:\n\nTests: is-root\nRestrictions: needs-root\nDepends:\n",
            passes="#!/bin/sh\nset -e\n[ \"$(id -u)\" != 0 ]\n[ -n \"$AUTOPKGTEST_TMP\" ]\necho seen > $AUTOPKGTEST_ARTIFACTS/artifact\n",
            fails="#!/bin/sh\necho it fails\nexit 3\n",
            is_root="#!/bin/sh\nset -e\n[ \"$(id -u)\" = 0 ]\ntouch /usr/written-by-root\n")
        results, _ = self.autopkgtest(folder, 4)
        self.assertEqual(results, {"passes": "PASS", "fails": "FAIL", "is-root": "PASS"})
        with open(self.home + "/output/artifacts/artifact") as file:
            self.assertEqual(file.read(), "seen\n")
        self.assert_ours()
        self.assert_nothing_left()


if __name__ == "__main__":
    client_testing.main()
