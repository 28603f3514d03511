"""A random history: what users do in a tree. Each operation is counted when it has worked."""

import errno
import os
import random
import stat
import struct

from overlays import exchange

NAMES = [b'a', b'b', b'a-b', b'a.c', b'\xff\xfe', b'new\nline', b'd', b'e', b'f', b'\xc3\xa4']
USER_ATTRIBUTE, CAPABILITY, ACL = 'user.note', 'security.capability', 'system.posix_acl_access'


def acl(user):
    """rw for one user more: struct posix_acl_xattr_header and entries, little-endian."""
    entries = [(1, 6, 0xffffffff), (2, 6, user), (4, 4, 0xffffffff), (0x10, 6, 0xffffffff), (0x20, 4, 0xffffffff)]
    return struct.pack('<I', 2) + b''.join(struct.pack('<HHI', *entry) for entry in entries)


class History:
    def __init__(self, root, seed, counts):
        self.root = os.fsencode(root)
        self.random = random.Random(seed)
        self.counts = counts
        self.operations = sorted(name[3:] for name in dir(self) if name.startswith('do_'))

    def run(self, steps):
        for _ in range(steps):
            name = self.random.choice(self.operations)
            try:
                if getattr(self, 'do_' + name)() is not False:
                    self.counts[name] += 1
            except OSError as problem:
                # EXDEV: a folder of a lower layer without redirect_dir.
                if problem.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.EXDEV, errno.EINVAL, errno.EISDIR,
                                         errno.ENOTDIR, errno.ENAMETOOLONG, errno.EMLINK, errno.ENOENT):
                    raise

    # What there is.

    def paths(self, wanted=lambda mode: True):
        found = []
        folders = [self.root]
        while folders:
            folder = folders.pop()
            for name in sorted(os.listdir(folder)):
                path = folder + b'/' + name
                mode = os.lstat(path).st_mode
                if wanted(mode):
                    found.append(path)
                if stat.S_ISDIR(mode):
                    folders.append(path)
        return found

    def pick(self, wanted=lambda mode: True):
        found = self.paths(wanted)
        if not found:
            raise FileNotFoundError(errno.ENOENT, 'nothing of that kind')
        return self.random.choice(found)

    def folder(self):
        return self.random.choice([self.root] + self.paths(stat.S_ISDIR))

    def place(self):
        return self.folder() + b'/' + self.random.choice(NAMES)

    def bytes(self):
        return self.random.randbytes(self.random.choice([0, 1, 5, 100, 5000]))

    # What is done.

    def do_create(self):
        with open(self.place(), 'xb') as file:
            file.write(self.bytes())

    def do_write(self):
        with open(self.pick(stat.S_ISREG), 'wb') as file:
            file.write(self.bytes())

    def do_append(self):
        with open(self.pick(stat.S_ISREG), 'ab') as file:
            file.write(b'more')

    def do_truncate(self):
        os.truncate(self.pick(stat.S_ISREG), self.random.choice([0, 3, 7000]))

    def do_change_one_byte(self):
        """The size and the time stay."""
        path = self.pick(stat.S_ISREG)
        status = os.stat(path)
        if status.st_size == 0:
            return False
        with open(path, 'r+b') as file:
            file.seek(status.st_size - 1)
            last = file.read(1)
            file.seek(status.st_size - 1)
            file.write(bytes([last[0] ^ 1]))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    def do_copy_up(self):
        """Opened for writing, and not written."""
        os.close(os.open(self.pick(stat.S_ISREG), os.O_WRONLY))

    def do_write_sparse(self):
        with open(self.pick(stat.S_ISREG), 'wb') as file:
            file.seek(self.random.choice([0, 100_000]))
            file.write(self.random.choice([b'', b'end']))
            file.truncate(self.random.choice([200_000, 1_500_000]))

    def do_rename_file(self):
        os.rename(self.pick(lambda mode: not stat.S_ISDIR(mode)), self.place())

    def do_rename_folder(self):
        os.rename(self.pick(stat.S_ISDIR), self.place())

    def do_rename_within(self):
        path = self.pick(stat.S_ISDIR)
        os.rename(path, os.path.dirname(path) + b'/' + self.random.choice(NAMES))

    def do_exchange(self):
        one, two = self.pick(), self.pick()
        if one == two:
            return False
        exchange(one, two)

    def do_link(self):
        os.link(self.pick(lambda mode: not stat.S_ISDIR(mode)), self.place(), follow_symlinks=False)

    def do_symlink(self):
        os.symlink(self.random.choice(NAMES), self.place())

    def do_change_symlink(self):
        path = self.pick(stat.S_ISLNK)
        os.unlink(path)
        os.symlink(self.random.choice(NAMES), path)

    def do_chmod(self):
        os.chmod(self.pick(lambda mode: not stat.S_ISLNK(mode)), self.random.choice([0o600, 0o755, 0o1777, 0o4755, 0]))

    def do_chown(self):
        os.lchown(self.pick(), self.random.choice([0, 1000]), self.random.choice([0, 1000]))

    def do_touch(self):
        second = self.random.choice([0, 1_000_000_000])
        os.utime(self.pick(), ns=(0, second * 1_000_000_000 + self.random.choice([0, 1, 999])), follow_symlinks=False)

    def do_setxattr(self):
        path = self.pick(lambda mode: stat.S_ISREG(mode) or stat.S_ISDIR(mode))
        os.setxattr(path, USER_ATTRIBUTE, self.bytes()[:300])

    def do_removexattr(self):
        path = self.pick(lambda mode: stat.S_ISREG(mode) or stat.S_ISDIR(mode))
        names = os.listxattr(path)
        if not names:
            return False
        os.removexattr(path, self.random.choice(names))

    def do_capability(self):
        """VFS_CAP_REVISION_2 with one capability."""
        os.setxattr(self.pick(stat.S_ISREG), CAPABILITY,
                    struct.pack('<5I', 0x02000001, 1 << self.random.choice([0, 12]), 0, 0, 0))

    def do_acl(self):
        os.setxattr(self.pick(lambda mode: stat.S_ISREG(mode) or stat.S_ISDIR(mode)), ACL,
                    acl(self.random.choice([1000, 1001])))

    def do_mkdir(self):
        os.mkdir(self.place())

    def do_unlink(self):
        os.unlink(self.pick(lambda mode: not stat.S_ISDIR(mode)))

    def remove(self, path):
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            os.unlink(path)
            return
        for name in os.listdir(path):
            self.remove(path + b'/' + name)
        os.rmdir(path)

    def do_remove_folder(self):
        self.remove(self.pick(stat.S_ISDIR))

    def do_make_folder_anew(self):
        path = self.pick(stat.S_ISDIR)
        self.remove(path)
        os.mkdir(path)
        with open(path + b'/' + self.random.choice(NAMES), 'wb') as file:
            file.write(b'new')

    def do_replace(self):
        """By another type."""
        path = self.pick()
        was_folder = stat.S_ISDIR(os.lstat(path).st_mode)
        self.remove(path)
        if was_folder:
            with open(path, 'wb') as file:
                file.write(b'was a folder')
        else:
            os.mkdir(path)
            with open(path + b'/' + self.random.choice(NAMES), 'wb') as file:
                file.write(b'in it')

    def do_replace_by_rename(self):
        """As editors do it."""
        path = self.pick(stat.S_ISREG)
        with open(path + b'.new', 'wb') as file:
            file.write(self.bytes())
        os.rename(path + b'.new', path)

    def do_device(self):
        os.mknod(self.place(), stat.S_IFCHR | 0o600, os.makedev(1, self.random.choice([3, 5])))

    def do_fifo(self):
        os.mkfifo(self.place())

    def do_socket(self):
        path = self.place()
        if os.path.lexists(path):
            return False
        os.mknod(path, stat.S_IFSOCK | 0o600)
