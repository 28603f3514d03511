"""The disk of a machine without unionroot, and beside it the Debian packages that scripts/build-packages made."""

import glob
import os
import re
import shutil

from image import BARE_PACKAGES, HERE, INSIDE, add_driver, append, base_root, command, make_disk_of, write

# What scripts/build-packages leaves in a folder that it made.
MARK = ".build-packages"
REPOSITORY = INSIDE + "-packages"
UNITS = ("machine-test.service",)
# autopkgtest: runs debian/tests; python3-dbus: one of these needs it.
PACKAGES = [*BARE_PACKAGES, "autopkgtest", "python3-dbus"]
# Configuration that differs in the older package, so that an upgrade has something to say about it.
CHANGED = ("etc/unionroot/unionroot.conf", "etc/unionroot/profiles/buildd/fstab", "etc/unionroot/profiles/minimal/fstab")


def package_file(packages):
    found = glob.glob(os.path.join(packages, "unionroot_*.deb"))
    assert len(found) == 1, found
    return found[0]


def field(package, name):
    return command("dpkg-deb", "--field", package, name).strip()


def needed_packages(package):
    """What it depends on: the first of alternatives."""
    text = field(package, "Depends")
    return [re.match(r"[^\s(:|]+", each.strip())[0] for each in text.split(",")]


def make_older(package, place):
    """The same package as an earlier version of it: another number, other comments in the configuration. Nothing is compiled."""
    tree = os.path.join(place, "older")
    command("dpkg-deb", "--raw-extract", package, tree)
    version = field(package, "Version") + "~older"
    control = os.path.join(tree, "DEBIAN/control")
    with open(control) as file:
        text = file.read()
    with open(control, "w") as file:
        file.write(re.sub(r"(?m)^Version: .*$", "Version: " + version, text))
    for path in CHANGED:
        append(tree, path, "# as it was in the older version\n")
    older = os.path.join(place, f"unionroot_{version}.deb")
    command("dpkg-deb", "--root-owner-group", "--build", tree, older)
    shutil.rmtree(tree)
    return older


def make_disk(packages, place):
    """Makes <place>/disk.img; (disk, kernel, initial file system)."""
    package = package_file(packages)

    def fill(root):
        # From here on every file of a package is installed, and must be gone after it.
        os.unlink(os.path.join(root, "etc/dpkg/dpkg.cfg.d/99mmdebstrap"))
        inside = add_driver(root, "packages", UNITS)
        repository = os.path.join(root, REPOSITORY.lstrip("/"))
        os.mkdir(repository)
        for name in ("Packages", "Release"):
            shutil.copy(os.path.join(packages, name), repository)
        for path in glob.glob(os.path.join(packages, "*.deb")):
            if "dbgsym" not in path:
                shutil.copy(path, repository)
        shutil.move(make_older(package, place), os.path.join(inside, "older.deb"))
        # What autopkgtest reads of a source; with debian/files it counts as built.
        shutil.copytree(os.path.join(HERE, "../../../debian"), os.path.join(inside, "source/debian"))
        write(root, INSIDE + "/source/debian/files", "")
        write(root, INSIDE + "/version", field(package, "Version") + "\n")

    return make_disk_of(base_root([*PACKAGES, *needed_packages(package)]), place, fill)
