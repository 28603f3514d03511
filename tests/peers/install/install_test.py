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

    # Under another prefix nothing is written elsewhere.

    PLACES = ("etc/unionroot/unionroot.conf", "etc/unionroot/profiles/default/fstab", "share/dbus-1/system.d/org.unionroot1.conf",
              "share/polkit-1/actions/org.unionroot1.policy", "share/dbus-1/system-services/org.unionroot1.service",
              "lib/systemd/system/unionrootd.service", "lib/tmpfiles.d/unionroot.conf")
    OF_BOOT = ("share/initramfs-tools/hooks/unionroot-boot", "share/initramfs-tools/scripts/local-bottom/unionroot-boot",
               "lib/dracut/modules.d/90unionroot-boot/module-setup.sh", "lib/systemd/system-generators/unionroot-overlay-generator")

    def under(self, prefix):
        """What an installation of everything under that prefix writes: paths beneath the place."""
        root = os.path.join(self.place, "root")
        done = subprocess.run(["cmake", "--install", BUILD, "--prefix", prefix], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              timeout=300, check=False, umask=0o22, env={**os.environ, "DESTDIR": root})
        self.assertEqual(done.returncode, 0, done)
        return [os.path.relpath(os.path.join(folder, name), root) for folder, _, names in os.walk(root) for name in names]

    def has_boot(self):
        return os.path.exists(os.path.join(BUILD, "boot", "unionroot-boot"))

    def test_another_prefix_is_kept_to(self):
        for prefix in ("opt/unionroot", "home/lena/local", "usr/local/stow/unionroot"):
            with self.subTest(prefix):
                written = self.under("/" + prefix)
                self.assertEqual([path for path in written if not path.startswith(prefix + "/")], [])
                for name in self.PLACES + (self.OF_BOOT if self.has_boot() else ()):
                    self.assertIn(f"{prefix}/{name}", written)
                self.assertTrue(os.path.isdir(os.path.join(self.place, "root", prefix, "etc/unionroot/chroot.d")))
                shutil.rmtree(os.path.join(self.place, "root"))

    def test_what_is_the_machines_own_goes_where_the_machine_looks(self):
        for prefix in ("/usr", "/usr/local"):
            with self.subTest(prefix):
                written = self.under(prefix)
                for path in ("etc/unionroot/unionroot.conf", "usr/share/polkit-1/actions/org.unionroot1.policy"):
                    self.assertIn(path, written)
                self.assertFalse([path for path in written if path.startswith(prefix[1:] + "/etc/")])
                shutil.rmtree(os.path.join(self.place, "root"))


if __name__ == "__main__":
    skips.main()
