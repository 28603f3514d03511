"""Which changes must be listed, told from two trees as they are mounted. It knows nothing of layers.

The layers are on one file system, so an overlay shows a file or folder of a lower layer with the same inode number for as
long as it is that one, under whatever name (Documentation/filesystems/overlayfs.rst, "Inode properties").
"""

import stat

from overlays import parent_of

CONTENT, MODE, OWNER, TIME, ATTRIBUTES, LINKS = 1, 2, 4, 8, 16, 32


def joined(folder, name):
    return folder + b'/' + name if folder else name


def name_of(path):
    return path.rpartition(b'/')[2]


class Expected:
    """before, now: the trees. renames: whether folders can be renamed (redirect_dir=on)."""

    def __init__(self, before, now):
        self.before, self.now = before, now
        self.former = {}  # present path -> former one, of what was renamed itself
        self.present = {}
        self.base = {b'': b''}  # present path of a folder -> the one it had
        self._rename_folders()
        self._rename_files()
        self.changes = set()
        self._find()

    def _rename(self, former, present):
        self.former[present] = former
        self.present[former] = present

    def _rename_folders(self):
        known = {facts.inode: path for path, facts in self.before.items() if facts.kind == stat.S_IFDIR}
        folders = sorted(path for path, facts in self.now.items() if path and facts.kind == stat.S_IFDIR)
        # What has left its place is known before anything is said of what came there.
        gone = {known[self.now[path].inode]: path for path in folders if self.now[path].inode in known}
        for path in folders:
            above = self.base.get(parent_of(path))
            natural = joined(above, name_of(path)) if above is not None else None
            identity = known.get(self.now[path].inode)
            if identity is not None and identity != b'':
                self.base[path] = identity
                if identity != natural:
                    self._rename(identity, path)
            elif natural in self.before and natural not in gone:
                self.base[path] = natural

    def _former_of(self, path):
        """Where what is at `path` now was; None: nowhere."""
        if path in self.former:
            return self.former[path]
        if path == b'':
            return b''
        above = self.base.get(parent_of(path))
        if above is None or self.before[above].kind != stat.S_IFDIR:
            return None
        natural = joined(above, name_of(path))
        return natural if natural in self.before and natural not in self.present else None

    def _rename_files(self):
        kept = {self._former_of(path) for path in self.now}
        gone = {}
        for path, facts in self.before.items():
            if path not in kept and facts.kind != stat.S_IFDIR and facts.links == 1:
                gone[facts.kind, facts.inode] = path
        new = [(path, facts) for path, facts in self.now.items()
               if facts.kind != stat.S_IFDIR and facts.links == 1 and self._former_of(path) is None]
        for path, facts in new:
            former = gone.pop((facts.kind, facts.inode), None)
            if former is not None:
                self._rename(former, path)

    def _find(self):
        kept = set()
        for path, now in self.now.items():
            former = self._former_of(path)
            if former is None:
                self.changes.add(('A', path, b'', 0, False))
                continue
            kept.add(former)
            if path in self.former:
                self.changes.add(('R', path, former, 0, False))
            self._compare(path, now, self.before[former])
        for path in self.before.keys() - kept:
            self.changes.add(('D', path, b'', 0, False))
        self._mark_folders()

    def _compare(self, path, now, before):
        if now.kind != before.kind:
            self.changes.add(('T', path, b'', 0, False))
            return
        found = 0
        for bit, one, two in ((CONTENT, now.content, before.content), (MODE, now.mode, before.mode),
                              (OWNER, now.owner, before.owner), (TIME, now.time, before.time),
                              (ATTRIBUTES, now.attributes, before.attributes), (LINKS, now.links, before.links)):
            found |= bit if one != two else 0
        if found:
            self.changes.add(('M' if found & CONTENT else 'P', path, b'', found, False))

    def _mark_folders(self):
        """Folders whose time alone differs, and in which an entry is listed as more than P."""
        new, old = set(), set()
        for kind, path, former, *_ in self.changes:
            if kind in 'ATRM':
                new.add(parent_of(path))
            if kind == 'D':
                old.add(parent_of(path))
            if kind == 'R':
                old.add(parent_of(former))
        for change in list(self.changes):
            kind, path, _, found, _ = change
            if kind != 'P' or found != TIME or self.now[path].kind != stat.S_IFDIR:
                continue
            if path in new or self._former_of(path) in old:
                self.changes.remove(change)
                self.changes.add((kind, path, b'', found, True))


def complaints(listed, before, now):
    """What is wrong with a list of (kind, path, former, differences, by_entries, group, both); empty: nothing."""
    found = []
    expected = Expected(before, now).changes
    told = [change[:5] for change in listed]
    for change in sorted(expected - set(told)):
        found.append(f'not listed: {change}')
    for change in sorted(set(told) - expected):
        found.append(f'listed, and not so: {change}')
    if len(told) != len(set(told)):
        found.append('something is listed twice')
    order = [(path, 'DRATMP'.index(kind)) for kind, path, *_ in told]
    if order != sorted(order):
        found.append('the list is not sorted')
    groups = {}
    for kind, path, _, _, _, group, _ in listed:
        if group:
            groups.setdefault(group, set()).add(now[path].inode)
        elif kind in 'AM' and now[path].links > 1 and now[path].kind != stat.S_IFDIR and kind == 'M':
            found.append(f'{path} has several names, and is in no group')
    inodes = [inode for members in groups.values() for inode in members]
    if any(len(members) != 1 for members in groups.values()) or len(inodes) != len(set(inodes)):
        found.append('groups of links are not as they are')
    return found
