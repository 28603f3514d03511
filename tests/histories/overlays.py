"""Overlays for the tests of lib/layers: system calls that Python has not, and what a tree holds."""

import ctypes
import errno
import hashlib
import os
import stat
from typing import NamedTuple, Optional

CLONE_NEWNS = 0x20000
MS_REC, MS_PRIVATE, MNT_DETACH = 0x4000, 1 << 18, 2
RENAME_NOREPLACE, RENAME_EXCHANGE = 1, 2
AT_FDCWD = -100
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result, doing):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f'{doing}: {os.strerror(number)}')


def own_mounts():
    """A mount namespace of this process's own."""
    _check(_libc.unshare(CLONE_NEWNS), 'unshare')
    _check(_libc.mount(b'none', b'/', None, MS_REC | MS_PRIVATE, None), 'making mounts private')


def mount(kind, target, options=''):
    _check(_libc.mount(kind.encode(), os.fsencode(target), kind.encode(), 0, options.encode()), f'mounting {options}')


def unmount(target):
    _check(_libc.umount2(os.fsencode(target), MNT_DETACH), f'unmounting {target}')


def exchange(one, two):
    _check(_libc.renameat2(AT_FDCWD, one, AT_FDCWD, two, RENAME_EXCHANGE), 'exchanging')


class Facts(NamedTuple):
    kind: int  # S_IFMT
    mode: int
    owner: tuple
    time: int
    links: int
    content: object
    attributes: dict
    inode: int


def attributes_of(path):
    found = {}
    for name in os.listxattr(path, follow_symlinks=False):
        try:
            found[name] = os.getxattr(path, name, follow_symlinks=False)
        except OSError as problem:
            if problem.errno != errno.ENODATA:
                raise
    return found


def content_of(path, status):
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFREG:
        with open(path, 'rb') as file:
            return status.st_size, hashlib.sha256(file.read()).digest()
    if kind == stat.S_IFLNK:
        return os.readlink(path)
    if kind in (stat.S_IFCHR, stat.S_IFBLK):
        return status.st_rdev
    return None


def facts_of(path):
    status = os.lstat(path)
    folder = stat.S_ISDIR(status.st_mode)
    return Facts(stat.S_IFMT(status.st_mode), stat.S_IMODE(status.st_mode), (status.st_uid, status.st_gid),
                 status.st_mtime_ns, 0 if folder else status.st_nlink, content_of(path, status), attributes_of(path),
                 status.st_ino)


def tree_of(root):
    """What is shown beneath root, by path; b'' is root itself."""
    root = os.fsencode(root)
    found = {b'': facts_of(root)}
    folders = [b'']
    while folders:
        folder = folders.pop()
        for name in os.listdir(os.path.join(root, folder)):
            path = os.path.join(folder, name) if folder else name
            facts = facts_of(os.path.join(root, path))
            found[path] = facts
            if facts.kind == stat.S_IFDIR:
                folders.append(path)
    return found


def parent_of(path) -> Optional[bytes]:
    return None if path == b'' else path.rpartition(b'/')[0]
