"""What is installed as configuration: once it is there, it is the administrator's."""

import os
import shutil
import stat
import subprocess
import tempfile
import unittest

import skips

BUILD = os.environ.get("UNIONROOT_BUILD_DIR", "")


@unittest.skipUnless(shutil.which("cmake"), "needs cmake")
class InstallTest(unittest.TestCase):
    def setUp(self):
        self.place = tempfile.mkdtemp(prefix="unionroot-install.", dir="/var/tmp")
        self.addCleanup(shutil.rmtree, self.place)

    def install(self):
        done = subprocess.run(["cmake", "-P", os.path.join(BUILD, "etc", "cmake_install.cmake")], capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, timeout=60, check=False, umask=0o22,
                              env={**os.environ, "DESTDIR": self.place})
        self.assertEqual(done.returncode, 0, done)
        return done.stdout

    def etc(self, *names):
        return os.path.join(self.place, "etc/unionroot", *names)

    def test_an_installation_over_another_one_leaves_the_configuration_alone(self):
        self.install()
        for name in ("unionroot.conf", "profiles/default/fstab", "profiles/buildd/copyfiles"):
            mode = os.stat(self.etc(name)).st_mode
            self.assertEqual(stat.S_IMODE(mode), 0o644, name)  # the daemon reads no file that others may write
        self.assertTrue(os.path.isdir(self.etc("chroot.d")))
        with open(self.etc("unionroot.conf"), "w", encoding="utf-8") as file:
            file.write("[mine]\n")
        os.remove(self.etc("profiles/default/nssdatabases"))  # no users are merged: a choice, too
        shutil.rmtree(self.etc("profiles/sbuild"))
        output = self.install()
        self.assertIn("Left as it is: " + self.etc("unionroot.conf"), output)
        with open(self.etc("unionroot.conf"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "[mine]\n")
        self.assertFalse(os.path.exists(self.etc("profiles/default/nssdatabases")))
        self.assertTrue(os.path.exists(self.etc("profiles/sbuild/fstab")))  # one that is not there comes


if __name__ == "__main__":
    skips.main()
