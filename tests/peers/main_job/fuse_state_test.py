"""A state directory, and an overlay directory, on a file system that cannot hold upper layers and knows no rename without
replacing: FUSE (bindfs), as network file systems are."""

import json
import os
import subprocess

import unionroot_testing as testing
from unionroot_testing import EndToEndTest

OWNER = "games"


class FuseMachine(testing.Machine):
    """Its state directory, or another folder, is shown by bindfs(1)."""

    def show(self, folder):
        self.shown = folder
        self.real = folder + "-beneath"
        for path in (folder, self.real):
            os.makedirs(path, mode=0o755, exist_ok=True)
        self.server = subprocess.Popen(["bindfs", "-f", self.real, folder], stdin=subprocess.DEVNULL)
        self.children[self.server.pid] = "bindfs"
        if not testing.wait_until(lambda: os.path.ismount(folder), 60):
            raise AssertionError(f"bindfs does not show {folder}")

    def close(self):
        problems = self.leftovers() if self.daemon else []
        self.stop_daemon()
        subprocess.run(["umount", "--lazy", self.shown], check=True)
        testing.finish(self.server)
        return problems + super().close()

    def leftovers(self, settle=testing.PATIENCE, besides=()):
        return super().leftovers(settle, (*besides, "mount: " + self.shown) if os.path.ismount(self.shown) else besides)


class OnFuse(EndToEndTest):
    has_own_mounts = True

    @classmethod
    def new_machine(cls):
        return FuseMachine(cls.settings)

    def tearDown(self):
        self.assert_nothing_left()

    def notes(self, session):
        return "\n".join(json.loads(self.machine.ok("info", "--json", session))["notes"])

    def left(self, *places):
        """Files below these of the file system beneath."""
        return [os.path.join(folder, name) for place in places
                for folder, _, names in os.walk(os.path.join(self.machine.real, place)) for name in names]


class StateOnFuse(OnFuse):
    @classmethod
    def prepare(cls):
        cls.machine.show(cls.machine.state)
        tree = testing.small_tree()
        cls.machine.define_tree("automatic", tree, users=OWNER, profile="minimal")
        cls.machine.define_tree("folder", tree, users=OWNER, profile="minimal", union_backing="directory")
        cls.machine.define_tree("image", tree, users=OWNER, profile="minimal", union_backing="image", union_size="64M")

    def test_automatic_is_in_memory_and_says_so(self):
        self.assertEqual(self.machine.inside("automatic", "sh", "-c", "echo x >/tmp/x; cat /tmp/x", user=OWNER), "x")
        session = self.machine.begin("automatic", "in-memory", user=OWNER)
        notes = self.notes(session)
        for word in (os.path.join(self.machine.state, "sessions"), "fuse", "memory"):
            self.assertIn(word, notes)
        self.machine.inside(session, "sh", "-c", "echo kept >/tmp/x", user=OWNER)
        self.machine.stop_daemon()
        self.machine.start_daemon()
        self.assertEqual(self.machine.inside(session, "cat", "/tmp/x", user=OWNER), "kept")
        self.machine.ok("end", session)

    def test_folder_is_refused(self):
        self.assert_refused(self.machine.run("begin", "--name", "refused", "folder", user=OWNER), 125,
                            os.path.join(self.machine.state, "sessions"), "fuse", "union-backing=tmpfs")
        self.assertEqual(self.machine.sessions(), [])

    def test_image(self):
        session = self.machine.begin("image", "in-image", user=OWNER)
        self.machine.inside(session, "sh", "-c", "echo x >/tmp/x", user=OWNER)
        self.machine.ok("end", session)
        self.assertTrue(testing.wait_until(lambda: not self.left("sessions", "trash", "orphans")), self.left("sessions", "trash", "orphans"))
        # The tree is not locked by what has gone.
        self.machine.ok("lock", "image", "--", "true")


class OverlayDirectoryOnFuse(OnFuse):
    @classmethod
    def prepare(cls):
        cls.layers = os.path.join(cls.machine.place, "layers")
        cls.machine.show(cls.layers)
        tree = testing.small_tree()
        for name, more in (("automatic", {}), ("folder", {"union_backing": "directory"})):
            cls.machine.define_tree(name, tree, users=OWNER, profile="minimal", union_overlay_directory=cls.layers, **more)

    def test_automatic_is_in_memory_and_says_so(self):
        session = self.machine.begin("automatic", user=OWNER)
        self.assertIn(self.layers, self.notes(session))
        self.machine.inside(session, "sh", "-c", "echo kept >/tmp/x", user=OWNER)
        self.machine.ok("end", session)
        self.assertTrue(testing.wait_until(lambda: not self.left("")), self.left(""))

    def test_folder_is_refused(self):
        self.assert_refused(self.machine.run("begin", "folder", user=OWNER), 125, self.layers, "fuse")
        self.assertEqual(self.left(""), [])


class OverlayDirectoryInImage(OnFuse):
    """An image on a file system that cannot hold an upper layer holds one itself, and goes with its session."""

    @classmethod
    def prepare(cls):
        cls.layers = os.path.join(cls.machine.place, "layers")
        cls.machine.show(cls.layers)
        cls.machine.define_tree("image", testing.small_tree(), users=OWNER, profile="minimal", union_overlay_directory=cls.layers,
                                union_backing="image", union_size="64M")

    def test_image(self):
        session = self.machine.begin("image", user=OWNER)
        self.machine.inside(session, "sh", "-c", "echo x >/tmp/x", user=OWNER)
        self.machine.ok("end", session)
        self.assertEqual(self.machine.inside("image", "echo", "again", user=OWNER), "again")
        self.assertTrue(testing.wait_until(lambda: not self.left("")), self.left(""))
        self.machine.ok("lock", "image", "--", "true")


class OverlayDirectoryElsewhere(EndToEndTest):
    """Other file systems that cannot: ramfs has no attributes, and no overlay lies on another one."""

    has_own_mounts = True

    @classmethod
    def prepare(cls):
        place = cls.machine.place
        cls.points = []
        for name in ("ramfs", "overlay"):
            point = os.path.join(place, name)
            os.mkdir(point)
            if name == "ramfs":
                subprocess.run(["mount", "-t", "ramfs", "-o", "mode=755", "none", point], check=True)
            else:
                base = os.path.join(place, "memory")
                os.mkdir(base)
                subprocess.run(["mount", "-t", "tmpfs", "none", base], check=True)
                cls.points.append(base)
                for part in ("lower", "upper", "work"):
                    os.mkdir(os.path.join(base, part))
                options = f"lowerdir={base}/lower,upperdir={base}/upper,workdir={base}/work"
                subprocess.run(["mount", "-t", "overlay", "none", "-o", options, point], check=True)
            cls.points.append(point)
            for backing in ("auto", "directory"):
                cls.machine.define_tree(f"{name}-{backing}", testing.small_tree(), users=OWNER, profile="minimal", union_backing=backing,
                                        union_overlay_directory=point)

    @classmethod
    def tearDownClass(cls):
        cls.machine.run("end", "--all", "--force")
        cls.machine.stop_daemon()
        for point in reversed(cls.points):
            subprocess.run(["umount", point], check=True)
        super().tearDownClass()

    def refuses(self, kind):
        point = os.path.join(self.machine.place, kind)
        session = self.machine.begin(kind + "-auto", user=OWNER)
        notes = "\n".join(json.loads(self.machine.ok("info", "--json", session))["notes"])
        self.assertIn(point, notes)
        self.assertIn("memory", notes)
        self.machine.inside(session, "sh", "-c", "echo x >/tmp/x", user=OWNER)
        self.machine.ok("end", session)
        self.assert_refused(self.machine.run("begin", kind + "-directory", user=OWNER), 125, point, "union-backing=tmpfs")
        self.assertEqual([name for _, _, names in os.walk(point) for name in names], [])
        self.assertEqual(self.machine.leftovers(besides=["mount: " + place for place in self.points]), [])

    def test_on_an_overlay(self):
        self.refuses("overlay")

    def test_on_a_file_system_without_attributes(self):
        self.refuses("ramfs")


if __name__ == "__main__":
    testing.main()
