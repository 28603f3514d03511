"""Device nodes in the trees of strangers let nobody in whom the machine's own node of that number keeps out."""

import hashlib
import io
import json
import os
import pwd
import shutil
import stat
import subprocess
import tarfile

import unionroot_testing as testing
from stranger import OWNER
from unionroot_testing import EndToEndTest, wait_until

# Whom the machine's own node keeps out by its mode alone: to open it needs no capability.
NODE = "/dev/loop-control"
# Says whether it can be opened.
LOOK = 'for file; do if (: <"$file") 2>&-; then echo "opened $file"; else echo "refused $file"; fi; done'


def host_node():
    info = os.stat(NODE)
    return os.major(info.st_rdev), os.minor(info.st_rdev)


class Archive:
    """A small tree as a tarball, with some members more."""

    def __init__(self, path):
        self.file = tarfile.open(path, "w", format=tarfile.PAX_FORMAT)

    def tree(self):
        self.file.add(testing.small_tree(), ".")
        return self

    def device(self, name, mode=0o666, number=None, uid=0, gid=0, kind=tarfile.CHRTYPE, **headers):
        info = tarfile.TarInfo(name)
        info.type, info.mode, info.uid, info.gid = kind, mode, uid, gid
        info.devmajor, info.devminor = number or host_node()
        info.pax_headers = headers
        self.file.addfile(info)
        return self

    def link(self, name, target):
        info = tarfile.TarInfo(name)
        info.type, info.linkname = tarfile.LNKTYPE, target
        self.file.addfile(info)
        return self

    def close(self):
        self.file.close()


class DevicesTest(EndToEndTest):
    @classmethod
    def prepare(cls):
        cls.number = 0
        if not os.path.exists(NODE) or os.stat(NODE).st_mode & 0o006:
            raise testing.unittest.SkipTest(f"needs {NODE}, which is closed to others")

    def tearDown(self):
        self.machine.run("end", "--all", "--force")
        self.assert_nothing_left()

    def path(self, ending):
        DevicesTest.number += 1
        return os.path.join(self.machine.place, f"source-{DevicesTest.number}{ending}")

    def define(self, **keys):
        """The name of a chroot for the owner, who is not to be root in it."""
        DevicesTest.number += 1
        name = f"chroot-{DevicesTest.number}"
        keys = {"users": OWNER, "profile": "buildd", **keys}
        path = self.machine.define(name, text=f"[{name}]\n" + "".join(f"{key.replace('_', '-')}={value}\n" for key, value in keys.items()))
        self.addCleanup(os.unlink, path)
        self.assertTrue(wait_until(lambda: self.machine.run("info", name).status == 0))
        return name

    def tarball(self, fill, **keys):
        path = self.path(".tar")
        archive = Archive(path).tree()
        fill(archive)
        archive.close()
        self.addCleanup(os.unlink, path)
        return self.define(type="file", file=path, **keys)

    def tree(self):
        path = self.path("")
        shutil.copytree(testing.small_tree(), path, symlinks=True)
        self.addCleanup(shutil.rmtree, path)
        os.makedirs(path + "/opt/dev")
        os.makedirs(path + "/srv/inner")
        for node in ("opt/dev/open", "srv/inner/open"):
            os.mknod(os.path.join(path, node), stat.S_IFCHR, os.stat(NODE).st_rdev)
            os.chmod(os.path.join(path, node), 0o666)
        return path

    def look(self, chroot, *files, user=OWNER):
        said = self.machine.inside(chroot, "sh", "-c", LOOK, "sh", *files, user=user).splitlines()
        self.assertEqual(len(said), len(files))
        return [line.split()[0] for line in said]

    # Archives

    def test_members_that_are_refused(self):
        for what, fill in {
            "in a folder dev elsewhere": lambda archive: archive.device("opt/dev/open"),
            "in no folder dev": lambda archive: archive.device("srv/open"),
            "a disk": lambda archive: archive.device("var/dev/disk", number=(8, 0), kind=tarfile.BLKTYPE),
            "a hard link that leaves dev": lambda archive: archive.device("dev/open").link("opt/open", "dev/open"),
            "and one into a folder dev": lambda archive: archive.device("dev/open").link("opt/dev/open", "dev/open"),
        }.items():
            with self.subTest(what):
                chroot = self.tarball(fill)
                result = self.machine.run("run", "--directory", "/", chroot, "--", "sh", "-c", LOOK, "sh", "/opt/dev/open", "/opt/open",
                                          "/srv/open", user=OWNER)
                self.assert_refused(result, 125, "device", "and not in the tree's /dev", "--exclude")

    def test_what_is_in_dev_is_no_more_open_than_the_machines_own(self):
        uid, gid = pwd.getpwnam(OWNER).pw_uid, pwd.getpwnam(OWNER).pw_gid
        chroot = self.tarball(lambda archive: archive.device("dev/others").device("dev/group", 0o660, gid=gid)
                              .device("dev/owner", 0o600, uid=uid)
                              .device("dev/list", 0o660, **{"SCHILY.acl.access": f"user::rw-,user:{uid}:rw-,group::---,mask::rw-,other::---"})
                              .device("usr/lib/udev/devices/fuse", number=(10, 229))
                              .device("dev/usual", number=(1, 3)).link("opt/usual", "dev/usual"),
                              profile="minimal")
        files = ["/dev/others", "/dev/group", "/dev/owner", "/dev/list", "/dev/usual", "/opt/usual"]
        self.assertEqual(self.look(chroot, *files), ["refused"] * 4 + ["opened"] * 2)
        # Nor can their owner open them: there is none.
        modes = self.machine.inside(chroot, "sh", "-c", 'chmod 666 "$@" 2>/dev/null; stat -c "%u %a" "$@"', "sh", *files[:4], user=OWNER)
        self.assertEqual([line.split()[0] for line in modes.splitlines()], ["0"] * 4)
        self.assertEqual(self.look(chroot, *files[:4]), ["refused"] * 4)

    def test_layers_of_an_image(self):
        """In the top layer, and by a link to a folder of the layer below."""
        for what, below, above in (
            ("plain", lambda archive: None, lambda archive: archive.device("opt/dev/open")),
            ("a hard link", lambda archive: None, lambda archive: archive.device("dev/open").link("opt/open", "dev/open")),
        ):
            with self.subTest(what):
                chroot = self.define(type="oci", directory=self.image(below, above))
                result = self.machine.run("run", "--directory", "/", chroot, "--", "true", user=OWNER)
                self.assert_refused(result, 125, "device", "and not in the tree's /dev")
        # A whiteout is no device, and hides.
        layout = self.image(lambda archive: archive.device("dev/open"), lambda archive: self.whiteout(archive, "usr/bin/.wh.tee"))
        chroot = self.define(type="oci", directory=layout)
        self.assertEqual(self.machine.inside(chroot, "sh", "-c", "ls /usr/bin/sort /usr/bin/tee 2>/dev/null || echo hidden", user=OWNER),
                         "/usr/bin/sort\nhidden")

    @staticmethod
    def whiteout(archive, name):
        archive.file.addfile(tarfile.TarInfo(name))

    def image(self, *layers):
        layout = self.path("")
        os.makedirs(layout + "/blobs/sha256")
        self.addCleanup(shutil.rmtree, layout)

        def blob(data):
            digest = hashlib.sha256(data).hexdigest()
            with open(f"{layout}/blobs/sha256/{digest}", "wb") as file:
                file.write(data)
            return {"digest": "sha256:" + digest, "size": len(data)}

        descriptors, differences = [], []
        for number, fill in enumerate(layers):
            path = self.path(".layer")
            archive = Archive(path)
            if number == 0:
                archive.tree()
            fill(archive)
            archive.close()
            with open(path, "rb") as file:
                data = file.read()
            os.unlink(path)
            differences.append("sha256:" + hashlib.sha256(data).hexdigest())
            descriptors.append({"mediaType": "application/vnd.oci.image.layer.v1.tar", **blob(data)})
        config = blob(json.dumps({"architecture": "amd64", "os": "linux", "config": {},
                                  "rootfs": {"type": "layers", "diff_ids": differences}}).encode())
        manifest = blob(json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                                    "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config},
                                    "layers": descriptors}).encode())
        for name, content in (("oci-layout", {"imageLayoutVersion": "1.0.0"}),
                              ("index.json", {"schemaVersion": 2, "manifests": [
                                  {"mediaType": "application/vnd.oci.image.manifest.v1+json", **manifest}]})):
            with io.open(os.path.join(layout, name), "w") as file:
                json.dump(content, file)
        return layout

    # Trees

    def check_tree(self, **keys):
        """Closed to who cannot be root there. What is the session's own /dev works, and set-id programs do."""
        files = ["/opt/dev/open", "/srv/inner/open", "/dev/null"]
        chroot = self.define(**keys)
        self.assertEqual(self.look(chroot, *files), ["refused", "refused", "opened"])
        name = self.machine.begin(chroot, user=OWNER)
        self.assertEqual(self.look("session:" + name, *files), ["refused", "refused", "opened"])
        self.machine.ok("end", name, user=OWNER)

    def test_a_folder(self):
        tree = self.tree()
        shutil.copy2(tree + "/usr/bin/id", tree + "/usr/bin/id-of-root")
        os.chmod(tree + "/usr/bin/id-of-root", 0o4755)
        for union in ("overlay", "none"):
            with self.subTest(union):
                self.check_tree(type="directory", directory=tree, union_type=union)
                chroot = self.define(type="directory", directory=tree, union_type=union)
                self.assertEqual(self.machine.inside(chroot, "id-of-root", "-u", user=OWNER), "0")

    def test_a_file_system_in_a_file(self):
        if not os.path.exists("/dev/loop-control") or shutil.which("mkfs.ext4") is None:
            self.skipTest("needs loop devices (/dev/loop-control) and mkfs.ext4")
        image = self.path(".img")
        subprocess.run(["mkfs.ext4", "-q", "-d", self.tree(), image, "200M"], check=True)
        self.addCleanup(os.unlink, image)
        self.check_tree(type="image", file=image)
        self.check_tree(type="loopback", file=image, union_type="none")

    def test_recovered_sessions(self):
        chroot = self.define(type="directory", directory=self.tree(), union_type="overlay")
        name = self.machine.begin(chroot, user=OWNER)
        self.machine.stop_daemon()
        for point in sorted((point for point in testing.mount_points()
                             if point.startswith(self.machine.runtime) and name in point), key=len, reverse=True):
            subprocess.run(["umount", "--lazy", point], check=True)
        self.machine.start_daemon()
        self.assertTrue(wait_until(lambda: self.machine.sessions()[0]["state"] == "active"), self.machine.log())
        self.assertEqual(self.look("session:" + name, "/opt/dev/open", "/dev/null"), ["refused", "opened"])

    def test_who_may_be_root_can_have_devices(self):
        """As programs that make trees need them."""
        tree = self.tree()
        make = "mknod /tmp/null c 1 3 && echo x >/tmp/null && echo fine"
        shutil.copy2(shutil.which("mknod"), tree + "/usr/bin/mknod")
        by_user = self.define(type="directory", directory=tree, union_type="overlay", root_users=OWNER)
        self.assertEqual(self.machine.inside(by_user, "sh", "-c", make), "fine")
        self.assertEqual(self.machine.ok("run", "--user", "root", "--directory", "/", by_user, "--", "sh", "-c", make, user=OWNER), "fine")

    def test_a_profile_without_dev(self):
        """The tree's own is all that there is."""
        tree = self.tree()
        os.mknod(tree + "/dev/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        os.chmod(tree + "/dev/null", 0o666)
        chroot = self.define(type="directory", directory=tree, union_type="overlay", profile="minimal")
        self.assertEqual(self.look(chroot, "/dev/null"), ["opened"])


if __name__ == "__main__":
    testing.main()
