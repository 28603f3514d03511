#!/usr/bin/python3
"""Random histories on real overlays, in which the upper layer is frozen now and then and a new one laid on top, or thrown away:
as sessions with snapshots have it. The tree is not another because it was frozen, a rollback gives the tree of the
snapshot, and the change list of all upper layers together says what became of the tree beneath them.

UNIONROOT_HISTORIES (here 300), _SEED and _PLACE as in histories_test.py. Which renames are listed is the list's own to say: what it
leaves out must be listed as deleted and added.
"""

import collections
import os
import shutil
import stat
import subprocess
import tempfile

import skips
from checker import Expected, joined, name_of
from histories_test import BUILD, LEAST, Layers
from overlays import own_mounts, parent_of, tree_of, unmount
from trials import PlaceTest, first_seed

PROGRAM = f'{BUILD}/tests/histories/list_changes_of_layers'


class AsListed(Expected):
    """With the renames of the list."""

    def __init__(self, before, now, listed):
        self.listed = listed
        super().__init__(before, now)

    def _rename_folders(self):
        for kind, path, former, *_ in self.listed:
            if kind == 'R':
                self._rename(former, path)
        for path in sorted(path for path, facts in self.now.items() if path and facts.kind == stat.S_IFDIR):
            above = self.base.get(parent_of(path))
            natural = joined(above, name_of(path)) if above is not None else None
            if path in self.former:
                self.base[path] = self.former[path]
            elif natural in self.before and natural not in self.present:
                self.base[path] = natural

    def _rename_files(self):
        pass


def without_inodes(tree):
    return {path: facts._replace(inode=0) for path, facts in tree.items()}


class Snapshots(Layers):
    def make(self, steps):
        """Problems found on the way, and what occurred."""
        self.former = []  # top first: (folder, the tree at its snapshot)
        self.frozen = 0
        super().make(0)
        for step in range(steps):
            kind = self.random.choice(['history', 'history', 'freeze', 'freeze', 'rollback'])
            if kind == 'history':
                self.mount('top')
                self.history(f'{self.place}/merged', self.random.randrange(1, 20), f'step-{step}')
                unmount(f'{self.place}/merged')
            elif kind == 'freeze':
                self.freeze()
            elif self.former:
                self.roll_back()
            else:
                continue
            self.counts[kind] += 1

    def lower_option(self, least=1):
        lowers = self.lowers + [f'{self.place}/empty'] * (least - len(self.lowers))
        former = [] if least > 1 else [f'{folder}/upper' for folder, _ in self.former]
        return 'lowerdir=' + ':'.join(former + lowers)

    def shown(self):
        self.mount('top')
        tree = tree_of(f'{self.place}/merged')
        unmount(f'{self.place}/merged')
        return without_inodes(tree)

    def lay(self):
        """As make_upper_and_work does."""
        below = f'{self.former[0][0]}/upper'
        top = self.new('top')
        status = os.lstat(below)
        os.chown(f'{top}/upper', status.st_uid, status.st_gid)
        os.chmod(f'{top}/upper', stat.S_IMODE(status.st_mode))
        for name in os.listxattr(below):
            if not name.startswith('trusted.overlay.'):
                os.setxattr(f'{top}/upper', name, os.getxattr(below, name))
        os.utime(f'{top}/upper', ns=(status.st_atime_ns, status.st_mtime_ns))

    def freeze(self):
        before = self.shown()
        folder = f'{self.place}/frozen{self.frozen}'
        self.frozen += 1
        os.rename(f'{self.place}/top', folder)
        shutil.rmtree(f'{folder}/work')
        self.former.insert(0, (folder, before))
        self.lay()
        after = self.shown()
        if after != before:
            different = [path for path in before.keys() | after.keys() if before.get(path) != after.get(path)]
            raise AssertionError(f'another tree because it was frozen: {[(p, before.get(p), after.get(p)) for p in different][:5]}')

    def roll_back(self):
        shutil.rmtree(f'{self.place}/top')
        for _ in range(self.random.randrange(len(self.former))):
            shutil.rmtree(self.former.pop(0)[0])
        self.lay()
        if self.shown() != self.former[0][1]:
            raise AssertionError('the tree is not that of the snapshot')

    def listed(self, program, paths=()):
        former = [f'+{folder}/upper' for folder, _ in self.former]
        words = [program, self.options, f'{self.place}/top/upper', *former, *self.lowers]
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode != 0:
            raise AssertionError(f'{program}: status {done.returncode}: {done.stderr.decode()}')
        texts = done.stdout.split(b'\0')[:-1]
        rows = [texts[i:i + 7] for i in range(0, len(texts), 7)]
        return [(row[0].decode(), row[1], row[2], int(row[3]), row[4] == b'1', int(row[5]), row[6] == b'1')
                for row in rows]


def complaints(listed, before, now):
    expected = AsListed(before, now, listed).changes
    told = [change[:5] for change in listed]
    found = [f'not listed: {change}' for change in sorted(expected - set(told))]
    found += [f'listed, and not so: {change}' for change in sorted(set(told) - expected)]
    if len(told) != len(set(told)):
        found.append('something is listed twice')
    order = [(path, 'DRATMP'.index(kind)) for kind, path, *_ in told]
    if order != sorted(order):
        found.append('the list is not sorted')
    return found


class SnapshotHistoriesTest(PlaceTest):
    def test_frozen_layers(self):
        wanted = int(os.environ.get('UNIONROOT_HISTORIES', '300'))
        first = first_seed()
        counts, kinds = collections.Counter(), collections.Counter()
        print(f'{wanted} histories, UNIONROOT_HISTORIES_SEED={first}', flush=True)
        for seed in range(first, first + wanted):
            place = tempfile.mkdtemp(dir=self.place)
            try:
                layers = Snapshots(place, seed, counts)
                layers.make(8)
                listed = layers.listed(PROGRAM)
                kinds.update(change[0] for change in listed)
                kinds[f'{min(len(layers.former), 4)} former'] += 1
                found = complaints(listed, *layers.trees())
            except AssertionError as problem:
                found = [str(problem)]
            finally:
                shutil.rmtree(place)
            if found:
                self.fail(f'UNIONROOT_HISTORIES=1 UNIONROOT_HISTORIES_SEED={seed} finds:\n  ' + '\n  '.join(found[:20]))
        shown = ['history', 'freeze', 'rollback', *'AMPDTR', '1 former', '2 former', '3 former', '4 former']
        counts.update(kinds)
        print(', '.join(f'{name} {counts[name]}' for name in shown))
        if wanted >= 300:
            self.assertEqual([name for name in shown if counts[name] < LEAST and 'former' not in name], [])


if __name__ == '__main__':
    if os.geteuid() == 0:
        own_mounts()
    skips.main()
