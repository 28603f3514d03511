"""The trees that the cases use, the same on both sides: /srv/corpus. Nearly all of a tree is one static busybox."""

import os
import shutil
import subprocess

import debian_packages

PLACE = "/srv/corpus"
FOLDERS = """bin sbin usr/bin usr/sbin etc dev/pts dev/shm proc sys tmp home root run/lock var/lib var/tmp media opt mnt srv build
 lib""".split()
PROGRAMS = """sh ash ls cat id env echo printf true false pwd uname sort sed grep awk head tail tr test mkdir touch rm printenv
 sleep kill ps wc cut dirname basename stty tty readlink dd seq stat ln chmod umask date nice""".split()
FILES = {
    "etc/passwd": ("root:x:0:0:root:/root:/bin/bash\ninner:x:900:900:made inside:/home:/bin/sh\n", 0o644),
    "etc/group": ("root:x:0:\ninner:x:900:\n", 0o644),
    "etc/shadow": ("root:*:19000:0:99999:7:::\n", 0o640),
    "etc/gshadow": ("root:*::\n", 0o640),
    "etc/hosts": ("127.0.0.1 localhost\n", 0o644),
    "etc/resolv.conf": ("# tree\n", 0o644),
    "etc/nsswitch.conf": ("passwd: files\ngroup: files\nhosts: files\n", 0o644),
    "bin/bash": ('#!/bin/sh\nexec /bin/sh "$@"\n', 0o755),
    "usr/bin/eatmydata": ('#!/bin/sh\necho "prefix: $*" >&2\nexec "$@"\n', 0o755),
    "usr/bin/statuses": ('#!/bin/sh\nexit "$1"\n', 0o755),
    "usr/bin/no-interpreter": ("#!/no/such/interpreter\n", 0o755),
    "usr/bin/not-executable": ("#!/bin/sh\n", 0o644),
    "usr/bin/no-format": ("neither a script nor a program\n", 0o755),
}


def _write(path, text, mode):
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)


def make_tree(path):
    for folder in FOLDERS:
        os.makedirs(os.path.join(path, folder))
    for folder in ("tmp", "var/tmp"):
        os.chmod(os.path.join(path, folder), 0o1777)
    os.chmod(os.path.join(path, "root"), 0o700)
    os.symlink("/run", os.path.join(path, "var/run"))
    shutil.copy(debian_packages.busybox(), os.path.join(path, "bin/busybox"))
    for name in PROGRAMS:
        os.symlink("busybox", os.path.join(path, "bin", name))
    for name, (text, mode) in FILES.items():
        _write(os.path.join(path, name), text, mode)


class Trees:
    """Made once a run in `store`; put() lays a fresh copy under /srv/corpus for each case, as cases write to their trees."""

    TARBALLS = {"tar": [], "tar.gz": ["-z"], "tgz": ["-z"], "tar.bz2": ["-j"], "tar.xz": ["-J"], "tar.zst": ["--zstd"]}

    def __init__(self, store):
        self.store = store
        self.tree = os.path.join(store, "tree")
        make_tree(self.tree)

    def put(self, needs):
        if os.path.isdir(PLACE):
            shutil.rmtree(PLACE)
        for folder in ("share", "with blank", "layers", "prof", "tree/srv"):
            os.makedirs(os.path.join(PLACE, folder), exist_ok=True)
        os.symlink(PLACE + "/layers", PLACE + "/layers-link")
        os.symlink("tree", PLACE + "/tree-link")
        _write(PLACE + "/share/MARK", "shared\n", 0o644)
        _write(PLACE + "/with blank/MARK", "blank\n", 0o644)
        for name, text in (("fstab", "/proc /proc none rw,bind 0 0\n"), ("copyfiles", "/etc/resolv.conf\n"),
                           ("nssdatabases", "passwd\ngroup\n")):
            _write(f"{PLACE}/prof/{name}", text, 0o644)
        for name in ("tree", "tree2"):
            subprocess.run(["cp", "-aT", self.tree, f"{PLACE}/{name}"], check=True)
        for need in needs:
            if need in self.TARBALLS:
                shutil.copy(self._made(need, lambda path: subprocess.run(
                    ["tar", *self.TARBALLS[need], "-cf", path, "-C", self.tree, "."], check=True)), f"{PLACE}/tree.{need}")
            elif need == "image":
                subprocess.run(["cp", "--sparse=always", self._made("image", self._image), PLACE + "/tree.image"], check=True)

    def _made(self, kind, make):
        path = os.path.join(self.store, "tree." + kind)
        if not os.path.exists(path):
            make(path)
        return path

    def _image(self, path):
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", self.tree, path, "16M"], check=True, stdout=subprocess.DEVNULL)

    def changes(self, name="tree"):
        """What differs between a tree of /srv/corpus and how it was put there: lines. Of the account files only that they do."""
        before, after = (self._lines(path) for path in (self.tree, f"{PLACE}/{name}"))
        lines = []
        for path in sorted(set(before) | set(after)):
            if before.get(path) != after.get(path):
                how = "added" if path not in before else "removed" if path not in after else "changed"
                lines.append(f"{how} {path} {after.get(path, ('', ''))[0]}".rstrip())
        return lines

    @staticmethod
    def _lines(root):
        found = {}
        for folder, folders, files in os.walk(root):
            for name in folders + files:
                path = os.path.join(folder, name)
                info = os.lstat(path)
                content = ""
                if os.path.islink(path):
                    content = os.readlink(path)
                elif os.path.isfile(path):
                    with open(path, "rb") as file:
                        content = file.read()
                found[os.path.relpath(path, root)] = (f"{info.st_mode:o} {info.st_uid}:{info.st_gid}", content)
        return found
