"""What the tests of sbuild share: a source package of Debian's mirror, builds, and what is in a .deb."""

import glob
import hashlib
import os
import subprocess
import tarfile
import io
import unittest

import unionroot_testing as testing


def mirror():
    """Where this machine gets Debian 12 from."""
    words = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Identifier: Packages", "Codename: bookworm", "Component: main"]
    found = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    if not found:
        raise unittest.SkipTest("apt has no source of Debian 12 (bookworm main)")
    return found[0]


def source(package):
    """The folder of the package's .dsc and its files, fetched once."""

    def fetch(path):
        lists = os.path.join(path, "apt")
        os.makedirs(os.path.join(lists, "lists/partial"))
        with open(os.path.join(lists, "sources.list"), "w") as file:
            file.write(f"deb-src {mirror()} bookworm main\n")
        options = ["-q", "-o", f"Dir::Etc::SourceList={lists}/sources.list", "-o", "Dir::Etc::SourceParts=/nonexistent", "-o", f"Dir::State::Lists={lists}/lists",
                   "-o", "APT::Sandbox::User=root", "-o", "Dir::Cache::SrcPkgCache=", "-o", "Dir::Cache::PkgCache="]
        for words in (["update"], ["source", "--download-only", package]):
            done = subprocess.run(["apt-get", *options, *words], cwd=path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if done.returncode != 0:
                raise unittest.SkipTest(f"no mirror is reachable: apt-get {words[0]}: {done.stdout[-300:]}")
        subprocess.run(["rm", "-r", lists], check=True)

    return testing._cached("source-" + package, fetch)


def contents(deb):
    """{name: (mode, owner, size, link, digest)} of the files of a .deb, and its control file."""
    found = {}
    for part in ("data", "control"):
        packed = subprocess.run(["dpkg-deb", "--fsys-tarfile" if part == "data" else "--ctrl-tarfile", deb], check=True, stdout=subprocess.PIPE).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isfile() else None
                found[part, member.name] = (oct(member.mode), member.uname, member.gname, member.size, member.linkname, member.mtime,
                                            hashlib.sha256(file.read()).hexdigest() if file else "")
    return found


def built(folder, pattern="*.deb"):
    return sorted(glob.glob(os.path.join(folder, pattern)))
