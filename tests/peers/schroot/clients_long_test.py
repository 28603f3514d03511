"""piuparts, reprotest, and the programs of sbuild that make and change chroots, unmodified."""

import glob
import os
import shutil
import subprocess

import client_testing
import sbuild_testing
import side_world


class Piuparts(client_testing.ClientTest):
    program = "piuparts"

    def test_piuparts(self):
        """As root, on a package that is installed and purged."""
        folder = os.path.join(self.home, "deb")
        os.makedirs(folder + "/DEBIAN")
        os.makedirs(folder + "/usr/share/looked-at")
        side_world.write(folder + "/usr/share/looked-at/file", "content\n")
        side_world.write(folder + "/DEBIAN/control", "Package: looked-at\nVersion: 1.0\nArchitecture: all\nMaintainer: A Tester <tester@example.org>\nDescription: for tests\n")
        subprocess.run(["dpkg-deb", "--root-owner-group", "--build", folder, self.home + "/looked-at.deb"], check=True, stdout=subprocess.DEVNULL)
        shown = self.client("piuparts", "--schroot=chroot:" + client_testing.CHROOT, "--no-upgrade-test", "--distribution=bookworm", "--warn-on-leftovers-after-purge",
                            self.home + "/looked-at.deb", user="root")
        self.assertIn("PASS: All tests.", shown)
        self.assert_ours()
        self.assert_nothing_left()


class Reprotest(client_testing.ClientTest):
    program = "reprotest"

    def test_reprotest(self):
        folder = os.path.join(self.home, "thing")
        os.mkdir(folder)
        side_world.write(folder + "/make.sh", "echo always the same > out\n")
        subprocess.run(["chown", "-R", "dave:dave", folder], check=True)
        shown = self.client("reprotest", "--variations=-all,+environment,+umask", "-c", "sh make.sh", folder, "out", "--", "schroot", client_testing.CHROOT)
        self.assertIn("Reproduction successful", shown)
        self.assert_ours()
        self.assert_nothing_left()


class SbuildTools(client_testing.ClientTest):
    program = "sbuild"

    def test_update_and_hold(self):
        """On a chroot without a union, as they change its source."""
        tree = "/srv/changed"
        with open(f"/etc/schroot/chroot.d/{client_testing.CHROOT}") as file:
            directory = next(line.split("=")[1].strip() for line in file if line.startswith("directory="))
        subprocess.run(["cp", "-a", directory, tree], check=True)
        side_world.write(f"/etc/schroot/chroot.d/{client_testing.CHROOT}", client_testing.definition(tree, source_root_groups="root,sbuild", source_groups="root,sbuild"))
        try:
            self.client("sbuild-update", "-udcar", "bookworm", user="root")
            self.client("sbuild-hold", client_testing.CHROOT, "hello-traditional", "bash", user="root")
            held = subprocess.run(["chroot", tree, "dpkg", "--get-selections", "bash"], stdout=subprocess.PIPE, text=True, check=True).stdout
            self.assertEqual(held.split(), ["bash", "hold"])
            self.client("sbuild-unhold", client_testing.CHROOT, "bash", user="root")
            self.client("sbuild-shell", client_testing.CHROOT, user="root", stdin=subprocess.DEVNULL)
            self.assert_ours(3)
            self.assert_nothing_left()
        finally:
            side_world.write(f"/etc/schroot/chroot.d/{client_testing.CHROOT}", client_testing.definition(directory))
            shutil.rmtree(tree)

    def test_create_and_destroy(self):
        if shutil.which("debootstrap") is None:
            self.skipTest("needs debootstrap")
        tree = "/srv/created"
        shown = self.client("sbuild-createchroot", "--chroot-suffix=-made", "--include=ca-certificates", "bookworm", tree, sbuild_testing.mirror(), user="root")
        self.assertIn("bookworm-amd64-made", shown)
        listed = self.client("schroot", "-l")
        self.assertIn("chroot:bookworm-amd64-made", listed)
        self.assertEqual(self.client("schroot", "-c", "bookworm-amd64-made", "-d", "/", "--", "cat", "/etc/debian_chroot").strip(), "bookworm-amd64-made")
        self.client("sbuild-destroychroot", "bookworm-amd64-made", user="root", status=None)
        self.assert_ours(0)
        for path in glob.glob("/etc/schroot/chroot.d/bookworm-amd64-made*"):
            os.unlink(path)
        self.assert_nothing_left()


if __name__ == "__main__":
    client_testing.main()
