"""What the tests of unpacked sources share."""

import os
import signal
import subprocess

import unionroot_testing as testing


def tar(tree, archive, *options):
    subprocess.run(["tar", "-C", tree, "--format=posix", "--xattrs", "--acls", "--numeric-owner", "-caf", archive, *options, "."], check=True)
    os.chmod(archive, 0o644)


class ArchiveCase(testing.EndToEndTest):
    def cache(self):
        """The names of all trees in the cache, unfinished ones too."""
        folder = os.path.join(self.machine.state, "cache")
        names = os.listdir(folder) if os.path.isdir(folder) else []
        return sorted(name for name in names if not name.endswith(".lock"))

    def users(self):
        return sorted(name for key in self.cache() for name in os.listdir(os.path.join(self.machine.state, "cache", key, "users")))

    def assert_cache_settles(self, count):
        testing.wait_until(lambda: len(self.cache()) == count)
        self.assertEqual(len(self.cache()), count, self.cache())
        self.assertEqual(self.users(), [])

    def kill_daemon(self):
        self.machine.stop_daemon(signal.SIGKILL)
