"""debian/ fits the tree: each installed file is in one package, versions and build dependencies agree, man pages are right.

The packages themselves are made by scripts/build-packages, and tried by scripts/nightly packages.
"""

import glob
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import skips

BUILD = os.environ.get("UNIONROOT_BUILD_DIR", "")
ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
DEBIAN = os.path.join(ROOT, "debian")
# A build for another prefix than /usr puts these into /etc (etc/CMakeLists.txt, boot/CMakeLists.txt).
MOVED = (("etc/dbus-1/system.d/", "usr/share/dbus-1/system.d/"), ("etc/initramfs-tools", "usr/share/initramfs-tools"),
         ("etc/systemd/system-generators", "usr/lib/systemd/system-generators"))


def read(*names):
    with open(os.path.join(ROOT, *names), encoding="utf-8") as file:
        return file.read()


def paragraphs(text):
    """The paragraphs of a control file: {field: value}, a value that goes on in further lines in one string."""
    for block in re.split(r"\n\s*\n", text.strip()):
        fields = {}
        for line in block.splitlines():
            if line.startswith("#"):
                continue
            if line[0].isspace():
                fields[name] += "\n" + line.strip()
            else:
                name, _, value = line.partition(":")
                fields[name] = value.strip()
        yield fields


def packages():
    return [fields["Package"] for fields in paragraphs(read("debian/control")) if "Package" in fields]


def patterns(name):
    """Those of a list in debian/, without comments; debhelper takes a second word for the place, which we do not use."""
    lines = [line.strip() for line in read("debian", name).splitlines()]
    found = [line for line in lines if line and not line.startswith("#")]
    assert not any(" " in line for line in found), found
    return found


def fitting(tree, pattern):
    """The files and links that dh_install takes for it; of a folder, all that is in it."""
    found = set()
    for path in glob.glob(os.path.join(tree, pattern)):
        if os.path.isdir(path) and not os.path.islink(path):
            found.update(files(path))
        else:
            found.add(path)
    return {os.path.relpath(path, tree) for path in found}


def files(tree):
    for folder, _, names in os.walk(tree):
        for name in names:
            yield os.path.join(folder, name)


class FilesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if shutil.which("cmake") is None:
            raise unittest.SkipTest("needs cmake")
        cls.place = tempfile.mkdtemp(prefix="unionroot-packaging.", dir="/var/tmp")
        cls.addClassCleanup(shutil.rmtree, cls.place)
        for part in ([], ["--component", "schroot"], ["--component", "python"]):
            done = subprocess.run(["cmake", "--install", BUILD, "--prefix", "/usr", *part], text=True, stdin=subprocess.DEVNULL, check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "DESTDIR": cls.place})
            assert done.returncode == 0, done.stdout
        for elsewhere, place in MOVED:
            if os.path.isdir(os.path.join(cls.place, elsewhere)):
                shutil.move(os.path.join(cls.place, elsewhere), os.path.join(cls.place, place))

    def lists(self):
        return [name + ".install" for name in packages()] + ["not-installed"]

    def test_each_installed_file_is_in_one_list(self):
        homes = {os.path.relpath(path, self.place): [] for path in files(self.place)}
        self.assertGreater(len(homes), 20)
        for name in self.lists():
            for pattern in patterns(name):
                found = fitting(self.place, pattern)
                self.assertTrue(found, f"debian/{name}: {pattern}: nothing is installed there")
                for path in found:
                    homes[path].append(name)
        self.assertEqual({path: lists for path, lists in homes.items() if len(lists) != 1}, {})

    def test_each_list_is_of_a_package(self):
        there = sorted(name for name in os.listdir(DEBIAN) if name.endswith(".install"))
        self.assertEqual(there, sorted(set(self.lists()) - {"not-installed"}))

    def test_each_script_of_a_maintainer_is_of_a_package(self):
        for name in os.listdir(DEBIAN):
            package, _, kind = name.rpartition(".")
            if kind in ("preinst", "postinst", "prerm", "postrm", "lintian-overrides"):
                self.assertIn(package, packages(), name)


class AgreementTest(unittest.TestCase):
    def test_version(self):
        """CMakeLists.txt has it; the change logs and the man pages say the same."""
        version = re.search(r"^project\(unionroot VERSION ([0-9.]+)", read("CMakeLists.txt"), re.MULTILINE)[1]
        source, packaged = re.match(r"(\S+) \(([0-9.]+)-[^)]+\)", read("debian/changelog")).groups()
        self.assertEqual((source, packaged), ("unionroot", version))
        self.assertEqual(re.search(r"^## ([0-9.]+)", read("CHANGELOG.md"), re.MULTILINE)[1], version)
        self.assertEqual(re.search(r'^version = "([0-9.]+)"', read("python/pyproject.toml"), re.MULTILINE)[1], version)
        for page in glob.glob(os.path.join(ROOT, "docs/*.[1-8]")):
            for found in re.findall(r"unionroot ([0-9]+\.[0-9.]+)", read(page)):
                self.assertEqual(found, version, page)

    def test_build_dependencies(self):
        """What ./check installs for the build is what the package is built with."""
        text = next(paragraphs(read("debian/control")))["Build-Depends"]
        needed = {re.match(r"[^\s(<\[]+", each.strip())[0] for each in text.split(",") if each.strip()}
        listed = set(re.search(r"^build=\(([^)]*)\)", read("scripts/install-packages"), re.MULTILINE)[1].split())
        # Each Debian that builds packages has the compiler; each build of a package has debhelper, whose part for Python
        # compiles nothing of ours.
        self.assertEqual(needed - {"debhelper-compat", "dh-sequence-python3", "python3:any"}, listed - {"g++"})

    def test_copyright(self):
        """No file has a licence of its own that debian/copyright does not name."""
        self.assertIn("License: Apache-2.0", read("debian/copyright"))
        self.assertIn("Apache License\n                           Version 2.0", read("LICENSE"))
        found = []
        for folder, folders, names in os.walk(ROOT):
            folders[:] = [name for name in folders if name not in (".git", "build") and not name.startswith("build-")]
            for name in names:
                path = os.path.join(folder, name)
                if os.path.islink(path):
                    continue
                with open(path, "rb") as file:
                    # In two halves, so that this file is not found.
                    if b"SPDX-" + b"License-Identifier" in file.read():
                        found.append(os.path.relpath(path, ROOT))
        self.assertEqual(found, [])

    def test_sizes_have_one_unit(self):
        """KiB, MiB, GiB: in what users read, which is documents, man pages, and texts of the programs."""
        other = re.compile(r"(?:\d|>> [12]0, \"|concat\([^\n]*\") ?[kKMGT]B\b")
        found = []
        for pattern in ("*.md", "docs/*", "docs/guide/*", "lib/**/*.cpp", "cli/**/*.cpp", "daemon/**/*.cpp", "locks/*.cpp", "boot/*.cpp", "etc/**/*.conf"):
            for path in glob.glob(os.path.join(ROOT, pattern), recursive=True):
                if os.path.isfile(path):
                    with open(path, encoding="utf-8", errors="replace") as file:
                        found += [f"{os.path.relpath(path, ROOT)}:{number}: {line.strip()}" for number, line in enumerate(file, 1) if other.search(line)]
        self.assertEqual(found, [])

    @unittest.skipIf(shutil.which("mandoc") is None, "needs mandoc")
    def test_man_pages(self):
        pages = sorted(glob.glob(os.path.join(ROOT, "docs/*.[1-8]")))
        self.assertGreaterEqual(len(pages), 3)
        # Without its remarks on style: lines longer than 80 bytes are one.
        done = subprocess.run(["mandoc", "-Tlint", "-Wwarning", *pages], text=True, stdin=subprocess.DEVNULL, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual((done.returncode, done.stdout), (0, ""))


if __name__ == "__main__":
    skips.main()
