"""Sessions on OCI image layouts made here: layers stacked, whiteouts honoured, digests believed in nothing."""

import gzip
import hashlib
import io
import json
import os
import platform
import shutil
import subprocess
import tarfile

import archives
import unionroot_testing as testing

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


class Layout:
    def __init__(self, path):
        self.path = path
        os.makedirs(os.path.join(path, "blobs/sha256"))
        self.write("oci-layout", {"imageLayoutVersion": "1.0.0"})

    def write(self, name, content):
        with open(os.path.join(self.path, name), "w") as file:
            file.write(content if isinstance(content, str) else json.dumps(content))

    def blob(self, content, media_type, **more):
        if not isinstance(content, bytes):
            content = json.dumps(content).encode()
        digest = hashlib.sha256(content).hexdigest()
        with open(self.blob_path(digest), "wb") as file:
            file.write(content)
        return {"mediaType": media_type, "digest": "sha256:" + digest, "size": len(content), **more}

    def blob_path(self, digest):
        return os.path.join(self.path, "blobs/sha256", digest.removeprefix("sha256:"))

    def manifest(self, layers, **more):
        config = self.blob({"architecture": MACHINE, "os": "linux"}, "application/vnd.oci.image.config.v1+json")
        return self.blob({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}, MANIFEST, **more)

    def index(self, *manifests):
        self.write("index.json", {"schemaVersion": 2, "manifests": list(manifests)})


def layer(*members):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if content is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return data.getvalue()


def named(name):
    return {"annotations": {"org.opencontainers.image.ref.name": name}}


class OciTest(archives.ArchiveCase):
    @classmethod
    def prepare(cls):
        cls.layout = layout = Layout(os.path.join(cls.machine.place, "image"))
        base = subprocess.run(["tar", "-C", testing.small_tree(), "--numeric-owner", "-cf", "-", "."], stdout=subprocess.PIPE, check=True).stdout
        cls.base = layout.blob(gzip.compress(base, 1), LAYER + "+gzip")
        second = layer(("etc/.wh.hosts", b""), ("etc/second", b"2"), ("opt/old/", None), ("opt/old/file", b"x"), ("srv/keep", b"k"))
        zstd = subprocess.run(["zstd", "-q", "-c"], input=second, stdout=subprocess.PIPE, check=True).stdout if shutil.which("zstd") else None
        cls.second = layout.blob(zstd, LAYER + "+zstd") if zstd else layout.blob(second, LAYER)
        cls.third = layout.blob(layer(("opt/old/.wh..wh..opq", b""), ("opt/old/new", b"n"), ("etc/second", b"3")), LAYER)
        cls.full = layout.manifest([cls.base, cls.second, cls.third])
        other = layout.manifest([cls.base, cls.second])
        foreign = layout.manifest([cls.second], platform={"os": "linux", "architecture": "made-up"})
        several = layout.blob({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
            foreign, {**other, "platform": {"os": "linux", "architecture": MACHINE}}]}, INDEX)
        layout.index({**cls.full, **named("full")}, {**other, **named("short")}, {**several, **named("several")},
                     {**layout.blob({"manifests": [foreign]}, INDEX), **named("foreign")})
        added = layout.blob(layer(("usr/lib/old", b"old"), ("tmp/first", b"1")), LAYER)
        linked = layout.blob(layer(("lib/.wh.old", b""), ("lib/new", b"new"), ("tmp/second", b"2")), LAYER)
        through = layout.manifest([cls.base, added, linked])
        with open(os.path.join(layout.path, "index.json")) as file:
            layout.index(*json.load(file)["manifests"], {**through, **named("through")})
        # overlayfs does not look for that mark in the root of a layer.
        fresh = gzip.compress(layer((".wh..wh..opq", b"")) [:512] + base, 1)
        anew = layout.manifest([cls.base, added, layout.blob(fresh, LAYER + "+gzip"), linked])
        with open(os.path.join(layout.path, "index.json")) as file:
            layout.index(*json.load(file)["manifests"], {**anew, **named("anew")})
        for reference in ("anew", "through", "full", "short", "several", "foreign", "missing"):
            cls.define_image(reference, reference=reference)
        cls.define_image("unnamed")

    @classmethod
    def define_image(cls, name, **keys):
        keys.setdefault("directory", cls.layout.path)
        cls.machine.define(name, type="oci", users="nobody,root", profile="minimal", **keys)

    def tearDown(self):
        for session in self.machine.sessions():
            self.machine.run("end", "--force", session["id"])
        self.assert_nothing_left()

    def test_layers_and_whiteouts(self):
        session = self.machine.begin("full", "stacked")
        look = "cat /etc/second; ls /etc/hosts /opt/old; cat /srv/keep; cat /etc/nsswitch.conf"
        result = self.machine.run("run", "-d", "/", session, "--", "sh", "-c", look)
        self.assertEqual(result.out, "3/opt/old:\nnew\nkpasswd: files\ngroup: files\nhosts: files dns\n", repr(result))
        self.assertIn("/etc/hosts", result.err)
        short = self.machine.begin("short", "shorter")
        self.assertEqual(self.machine.inside(short, "sh", "-c", "cat /etc/second; ls /opt/old"), "2file")
        self.assertEqual(self.machine.inside("several", "cat", "/etc/second"), "2")
        used = [key for key in self.cache() if os.listdir(os.path.join(self.machine.state, "cache", key, "users"))]
        self.assertEqual(len(used), 3)  # layers are shared
        self.machine.inside(session, "sh", "-c", "echo back > /etc/hosts; rm -r /opt/old; mkdir /opt/old")
        self.assertEqual(self.machine.inside(session, "sh", "-c", "cat /etc/hosts; ls /opt/old"), "back")
        self.assertEqual(self.machine.inside(short, "ls", "/opt/old"), "file")
        # Recovered on the same layers, in the same order, also when the layout is gone.
        self.kill_daemon()
        self.machine.lose_mounts()
        os.rename(os.path.join(self.layout.path, "index.json"), os.path.join(self.layout.path, "index.away"))
        try:
            self.machine.start_daemon()
            testing.wait_until(lambda: all(one["state"] in ("active", "failed") for one in self.machine.sessions()))
            self.assertEqual(self.machine.inside(session, "sh", "-c", "cat /etc/hosts /etc/second; ls /opt/old"), "back\n3")
        finally:
            os.rename(os.path.join(self.layout.path, "index.away"), os.path.join(self.layout.path, "index.json"))
        self.machine.ok("end", session, short)
        self.assertEqual(self.users(), [])

    def test_a_layer_that_goes_through_a_symlink_of_another(self):
        """As layers do that know nothing of a merged /usr."""
        look = "readlink /lib; cat /usr/lib/new; test ! -e /lib/old && test ! -e /usr/lib/old && cat /tmp/first /tmp/second; stat -c %a /tmp"
        self.assertEqual(self.machine.inside("through", "sh", "-c", look), "usr/lib\nnew121777")

    def test_a_layer_that_hides_all_below(self):
        session = self.machine.begin("anew", "fresh")
        look = "ls /tmp /usr/lib/new; test ! -e /usr/lib/old && cat /etc/nsswitch.conf | head -n1"
        wanted = "/usr/lib/new\n\n/tmp:\nsecond\npasswd: files"
        self.assertEqual(self.machine.inside(session, "sh", "-c", look), wanted)
        # The same once it was set up again.
        self.kill_daemon()
        self.machine.lose_mounts()
        self.machine.start_daemon()
        testing.wait_until(lambda: all(one["state"] in ("active", "failed") for one in self.machine.sessions()))
        self.assertEqual(self.machine.inside(session, "sh", "-c", look), wanted)
        self.machine.ok("end", session)
        self.assertEqual(self.users(), [])

    def test_which_image(self):
        for name, *fragments in (("unnamed", "several images", "full", "short", "reference=NAME"),
                                 ("missing", "no image named 'missing'", "full"), ("foreign", "no image for linux on " + MACHINE)):
            with self.subTest(name):
                self.assert_refused(self.machine.run("begin", name), 125, *fragments)
                checked = self.machine.run("check", os.path.join(self.machine.configuration, "chroot.d", name + ".conf"))
                self.assertEqual(checked.status, 1, repr(checked))
                for fragment in fragments:
                    self.assertIn(fragment, checked.out)
        self.machine.ok("check", os.path.join(self.machine.configuration, "chroot.d", "full.conf"))
        self.assert_refused(self.machine.run("begin", "source:full"), 125)

    def test_damaged_layouts(self):
        digest = hashlib.sha256(b"x").hexdigest()
        good = lambda one: one.index(one.manifest([one.blob(layer(("f", b"1")), LAYER)]))

        def spoil(one, content):
            descriptor = one.blob(layer(("f", b"1")), LAYER)
            one.index(one.manifest([descriptor]))
            with open(one.blob_path(descriptor["digest"]), "wb") as file:
                file.write(content(descriptor["size"]))

        def forged(one):
            manifest = one.manifest([one.blob(layer(("f", b"1")), LAYER)])
            one.index(manifest)
            with open(one.blob_path(manifest["digest"]), "r+b") as file:
                file.write(b"[")

        cases = {
            "no-layout": (lambda one: os.unlink(os.path.join(one.path, "oci-layout")), ["oci-layout does not exist"]),
            "old": (lambda one: one.write("oci-layout", {"imageLayoutVersion": "7"}), ["oci-layout", "version 7"]),
            "no-index": (lambda one: None, ["index.json does not exist"]),
            "broken": (lambda one: one.write("index.json", '{"manifests": ['), ["index.json: is not JSON"]),
            "list": (lambda one: one.write("index.json", "[]"), ["index.json: is not a JSON object"]),
            "nothing": (lambda one: one.index(), ["index.json: has no image"]),
            "wrong-kind": (lambda one: one.write("index.json", {"manifests": "x"}), ["no list 'manifests'"]),
            "no-digest": (lambda one: one.index({"mediaType": MANIFEST, "size": 3}), ["index.json", "no text 'digest'"]),
            "climbing": (lambda one: one.index({"mediaType": MANIFEST, "size": 3, "digest": "sha256:../../../../etc/passwd"}), ["expected sha256:"]),
            "sha512": (lambda one: one.index({"mediaType": MANIFEST, "size": 3, "digest": "sha512:" + digest}), ["expected sha256:"]),
            "no-blob": (lambda one: one.index({"mediaType": MANIFEST, "size": 3, "digest": "sha256:" + digest}), [digest + " does not exist"]),
            "a-picture": (lambda one: one.index(one.blob({}, "image/png")), ["image/png"]),
            "no-layers": (lambda one: one.index(one.manifest([])), ["has no layers"]),
            "encrypted": (lambda one: one.index(one.manifest([one.blob(b"x", LAYER + "+encrypted")])), ["encrypted"]),
            "forged-manifest": (forged, ["does not have the digest that is its name"]),
            "short-layer": (lambda one: spoil(one, lambda size: b"x"), ["has 1 bytes", "its descriptor says"]),
            "forged-layer": (lambda one: spoil(one, lambda size: layer(("f", b"2"))), ["digest sha256:", "not its name"]),
            "climbing-layer": (lambda one: one.index(one.manifest([one.blob(layer(("../up", b"")), LAYER)])), ["member '../up'"]),
            "theirs": (lambda one: (good(one), os.chmod(os.path.join(one.path, "index.json"), 0o666)), ["index.json can be written to by others"]),
        }
        before = self.cache()
        for name, (make, fragments) in cases.items():
            with self.subTest(name):
                one = Layout(os.path.join(self.machine.place, "bad-" + name))
                make(one)
                self.define_image("bad-" + name, directory=one.path)
                self.assert_refused(self.machine.run("begin", "bad-" + name), 125, "bad-" + name, *fragments)
                self.assert_nothing_left()
                # A check looks at all but what the layers hold.
                checked = self.machine.run("check", os.path.join(self.machine.configuration, "chroot.d", f"bad-{name}.conf"))
                self.assertEqual(checked.status, 0 if name in ("forged-layer", "climbing-layer") else 1, repr(checked))
                if checked.status == 1:
                    self.assertRegex(checked.out, rf"(?m)^\S*/bad-{name}\.conf:\d+: directory: ")
                    self.assertRegex(checked.out, r"(?m)^0 definitions, \d problems?$")
        self.assertEqual(self.cache(), before)


if __name__ == "__main__":
    testing.main()
