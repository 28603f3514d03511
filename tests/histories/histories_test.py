#!/usr/bin/python3
"""Random histories on real overlays of one to four lower layers. What lib/layers lists must be exactly what the two trees
differ in, as checker.py finds out from them. It prints its seed, and how often each operation and each kind of record and
mark occurred; fewer than 50 of one is a failure.

UNIONROOT_HISTORIES: how many (1000). UNIONROOT_HISTORIES_SEED: the first one's; without it UNIONROOT_SWEEP_SEED, any text, tells
it, as it does which points the crash sweeps try; without both the clock. UNIONROOT_HISTORIES_PLACE: a folder on the
file system to use; else a tmpfs. UNIONROOT_LAYERS_FAULT: with a fault planted.
"""

import collections
import os
import shutil
import stat
import subprocess
import tempfile

import skips
from checker import complaints
from history import History
from overlays import mount, own_mounts, tree_of, unmount
from trials import PlaceTest, first_seed

BUILD = os.environ['UNIONROOT_BUILD_DIR']
LEAST = 50


class Layers:
    """One overlay: its layers, made by histories of their own."""

    def __init__(self, place, seed, counts):
        self.place, self.seed, self.counts = place, seed, counts
        self.random = __import__('random').Random(seed)
        self.lowers = []  # top first
        self.options = self.random.choice(['redirect_dir=on', 'redirect_dir=on', 'redirect_dir=on,metacopy=on',
                                           'redirect_dir=off'])
        os.makedirs(f'{place}/merged')
        os.makedirs(f'{place}/empty')

    def new(self, name):
        for part in ('', '/upper', '/work'):
            os.mkdir(f'{self.place}/{name}{part}')
        return f'{self.place}/{name}'

    def lower_option(self, least=1):
        lowers = self.lowers + [f'{self.place}/empty'] * (least - len(self.lowers))
        return 'lowerdir=' + ':'.join(lowers)

    def mount(self, name):
        folder = f'{self.place}/{name}'
        mount('overlay', f'{self.place}/merged', f'{self.lower_option()},upperdir={folder}/upper,workdir={folder}/work,'
              f'xino=off,index=off,{self.options}')

    def history(self, root, step, number):
        History(root, f'{self.seed}-{number}', self.counts).run(step)

    def make(self, limit):
        bottom = f'{self.place}/bottom'
        os.mkdir(bottom)
        History(bottom, f'{self.seed}-bottom', collections.Counter()).run(60)
        self.lowers = [bottom]
        for number in range(self.random.randrange(4)):
            self.new(f'lower{number}')
            self.mount(f'lower{number}')
            self.history(f'{self.place}/merged', self.random.randrange(5, 25), number)
            unmount(f'{self.place}/merged')
            if self.random.random() < 0.5:
                self.whiteouts_as_attributes(f'{self.place}/lower{number}/upper')
            self.lowers.insert(0, f'{self.place}/lower{number}/upper')
        self.new('top')
        self.mount('top')
        self.history(f'{self.place}/merged', min(limit, self.random.randrange(1, 40)), 'top')
        unmount(f'{self.place}/merged')

    @staticmethod
    def whiteouts_as_attributes(layer):
        """The second form of whiteouts, which lower layers may have."""
        for folder, _, names in os.walk(layer):
            try:
                if os.getxattr(folder, 'trusted.overlay.opaque') == b'y':
                    continue
            except OSError:
                pass
            times = os.lstat(folder)
            for name in names:
                path = os.path.join(folder, name)
                status = os.lstat(path)
                if not stat.S_ISCHR(status.st_mode) or status.st_rdev != 0:
                    continue
                os.unlink(path)
                with open(path, 'wb'):
                    pass
                os.setxattr(path, 'trusted.overlay.whiteout', b'y')
                os.setxattr(folder, 'trusted.overlay.whiteouts', b'y')  # Linux 6.7
                os.setxattr(folder, 'trusted.overlay.opaque', b'x')
                os.setxattr(layer, 'trusted.overlay.opaque', b'x')
            os.utime(folder, ns=(times.st_atime_ns, times.st_mtime_ns))

    def trees(self):
        merged = f'{self.place}/merged'
        mount('overlay', merged, f'{self.lower_option(2)},xino=off,index=off,{self.options}')
        before = tree_of(merged)
        unmount(merged)
        self.mount('top')
        now = tree_of(merged)
        unmount(merged)
        return before, now

    def listed(self, program, paths=()):
        words = [program, self.options, f'{self.place}/top/upper', *self.lowers]
        if paths:
            words += ['--', *paths]
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode != 0:
            raise AssertionError(f'{program}: status {done.returncode}: {done.stderr.decode()}')
        texts = done.stdout.split(b'\0')[:-1]
        rows = [texts[i:i + 7] for i in range(0, len(texts), 7)]
        return [(row[0].decode(), row[1], row[2], int(row[3]), row[4] == b'1', int(row[5]), row[6] == b'1')
                for row in rows]

    def count_marks(self, marks):
        layers = [f'{self.place}/top/upper', *self.lowers[:-1]]
        groups = set()
        for layer in layers:
            for folder, folders, names in os.walk(os.fsencode(layer)):
                for path in [folder] + [folder + b'/' + name for name in names]:
                    status = os.lstat(path)
                    if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
                        marks['whiteout (device)'] += 1
                        continue
                    if not stat.S_ISDIR(status.st_mode) and status.st_nlink > 1:
                        groups.add(status.st_ino)
                    for name in os.listxattr(path, follow_symlinks=False):
                        if not name.startswith('trusted.overlay.'):
                            continue
                        value = os.getxattr(path, name, follow_symlinks=False)
                        what = name[len('trusted.overlay.'):]
                        if what == 'whiteout':
                            marks['whiteout (attribute)'] += 1
                        elif what == 'opaque' and value == b'y':
                            marks['opaque'] += 1
                        elif what == 'redirect':
                            marks['redirect (absolute)' if value[:1] == b'/' else 'redirect (relative)'] += 1
                        elif what in ('metacopy', 'origin'):
                            marks[what] += 1
        marks['link group'] += len(groups)
        marks[f'{len(self.lowers)} lower layers'] += 1


class Histories:
    def __init__(self, place, program):
        self.place, self.program = place, program
        self.operations, self.records, self.marks = (collections.Counter() for _ in range(3))

    def one(self, seed, limit=1000):
        """None, or what is wrong."""
        place = tempfile.mkdtemp(dir=self.place)
        try:
            layers = Layers(place, seed, self.operations)
            layers.make(limit)
            listed = layers.listed(self.program)
            found = complaints(listed, *layers.trees())
            self.records.update(change[0] for change in listed)
            layers.count_marks(self.marks)
            return found
        finally:
            shutil.rmtree(place)

    def shrink(self, seed):
        """The fewest steps of the last history that fail."""
        for limit in range(0, 40):
            found = self.one(seed, limit)
            if found:
                return limit, found
        return None, []


class HistoriesTest(PlaceTest):
    def test_what_is_listed_is_what_differs(self):
        wanted = int(os.environ.get('UNIONROOT_HISTORIES', '1000'))
        first = first_seed()
        planted = os.environ.get('UNIONROOT_LAYERS_FAULT')
        program = f'{BUILD}/tests/histories/list_changes_of_' + ('layers_planted' if planted else 'layers')
        histories = Histories(self.place, program)
        print(f'{wanted} histories, UNIONROOT_HISTORIES_SEED={first}', flush=True)
        for seed in range(first, first + wanted):
            found = histories.one(seed)
            if not found:
                continue
            text = '\n  '.join(found[:20])
            limit, shorter = histories.shrink(seed)
            self.fail(f'UNIONROOT_HISTORIES=1 UNIONROOT_HISTORIES_SEED={seed} finds:\n  {text}\nwith the first '
                      f'{limit} steps:\n  ' + '\n  '.join(shorter[:20]))
        rare = []
        for what, counts, names in (
                ('operations', histories.operations, History('/', 0, None).operations),
                ('records', histories.records, 'AMPDTR'),
                ('marks', histories.marks, ['whiteout (device)', 'whiteout (attribute)', 'opaque', 'redirect (absolute)',
                                            'redirect (relative)', 'metacopy', 'origin', 'link group',
                                            '1 lower layers', '2 lower layers', '3 lower layers', '4 lower layers'])):
            print(f'{what}: ' + ', '.join(f'{name} {counts[name]}' for name in names))
            rare += [name for name in names if counts[name] < LEAST]
        if wanted >= 1000:
            self.assertEqual(rare, [], f'fewer than {LEAST} of these')


if __name__ == '__main__':
    if os.geteuid() == 0:
        own_mounts()
    skips.main()
