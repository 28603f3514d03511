"""sbuild, unmodified, builds Debian's hello in a session, as a member of group sbuild."""

import glob
import os
import shutil

import client_testing
import sbuild_testing


class Hello(client_testing.ClientTest):
    program = "sbuild"

    @classmethod
    def prepare(cls):
        cls.source = sbuild_testing.source("hello")

    def test_hello(self):
        for path in glob.glob(self.source + "/hello_*"):
            shutil.copy(path, self.home)
        dsc = os.path.basename(glob.glob(self.home + "/hello_*.dsc")[0])
        output = self.client("sbuild", "--dist=bookworm", "--chroot=" + client_testing.CHROOT, "--no-run-lintian", "--nolog", dsc)
        self.assertIn("Status: successful", output)
        debs = [path for path in sbuild_testing.built(self.home) if "dbgsym" not in path]
        self.assertEqual(len(debs), 1, output[-3000:])
        self.assertIn(("data", "./usr/bin/hello"), sbuild_testing.contents(debs[0]))
        self.assert_ours()
        self.assert_nothing_left()


if __name__ == "__main__":
    client_testing.main()
