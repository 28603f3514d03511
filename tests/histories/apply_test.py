#!/usr/bin/python3
"""Random histories on real overlays, of which a random part is applied to the tree beneath, and then taken back. The tree must
have what the overlay showed there and what it had everywhere else; afterwards it must be exactly what it was. The program is
killed on the way, or a step fails: then it must be the one or the other.

UNIONROOT_HISTORIES (here 300), _SEED and _PLACE as in histories_test.py.
"""

import collections
import fnmatch
import os
import random
import stat
import subprocess
import time

import skips
from histories_test import BUILD, LEAST, Layers
from history import History
from overlays import own_mounts, parent_of, tree_of, unmount
from trials import PartTest, Refused

PROGRAM = f'{BUILD}/tests/histories/apply_layers'
RESETTER = f'{BUILD}/tests/histories/reset_layers'
LISTER = f'{BUILD}/tests/histories/list_changes_of_layers'


def covers(folder, path):
    return folder == b'' or path == folder or path.startswith(folder + b'/')


def run(*words, **environment):
    return subprocess.run([PROGRAM, *words], env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=False)


class OneLower(Layers):
    def make(self, limit):
        self.tree = f'{self.place}/bottom'
        os.mkdir(self.tree)
        History(self.tree, f'{self.seed}-bottom', collections.Counter()).run(60)
        self.lowers = [self.tree]
        self.new('top')
        self.mount('top')
        self.history(f'{self.place}/merged', min(limit, self.random.randrange(1, 40)), 'top')
        unmount(f'{self.place}/merged')


class Apply:
    def __init__(self, layers, seed, counts):
        self.layers, self.random, self.counts = layers, random.Random(f'{seed}-apply'), counts
        self.listed = layers.listed(LISTER)
        self.before, self.now = layers.trees()
        self.disk = tree_of(layers.tree)
        self.store = f'{layers.place}/store'
        self.paths, self.exclude, self.exact = [], [], False
        self.renames = {change[2]: change[1] for change in self.listed if change[0] == 'R'}
        self.changed = {change[1] for change in self.listed if change[0] in 'AMPT'}
        self.by_entries = {change[1] for change in self.listed if change[0] == 'P' and change[4]}

    def is_all(self):
        return not self.paths and not self.exclude

    def described(self):
        return f'paths {self.paths}, exclude {self.exclude}, exact {self.exact}'

    def choose(self):
        changed = [change for change in self.listed if change[1]]
        kind = self.random.choice(['all', 'all', 'exclude', 'some', 'some', 'exact', 'any'])
        if kind == 'all' or not changed:
            return
        if kind == 'exclude':
            for change in self.random.sample(changed, min(len(changed), 2)):
                name = change[1].rpartition(b'/')[2]
                if not any(special in name for special in b'*?[\\'):
                    self.exclude.append(name)
            return
        if kind == 'any':
            self.paths = self.random.sample(sorted(path for path in {**self.before, **self.now} if path), 1)
            return
        self.exact = kind == 'exact'
        for change in self.random.sample(changed, min(len(changed), self.random.randrange(1, 5))):
            self.paths.append(change[1])
            if change[2]:
                self.paths.append(change[2])

    def is_chosen(self, path):
        if self.exact:
            return path in self.paths
        above = path
        while above:
            if any(fnmatch.fnmatchcase(above.rpartition(b'/')[2], pattern) for pattern in self.exclude):
                return False
            above = parent_of(above)
        return not self.paths or any(covers(folder, path) for folder in self.paths)

    def former_of(self, path):
        """Where in the tree that was which is at this path now, by the list."""
        above = path
        while above is not None:
            for former, present in self.renames.items():
                if present == above:
                    return former + path[len(above):]
            above = parent_of(above)
        return path

    def place_of(self, former):
        """Where that is afterwards which was in the tree there."""
        above = former
        while above:
            if above in self.renames and self.is_chosen(above):
                return self.renames[above] + former[len(above):]
            above = parent_of(above)
        return former

    def expected(self):
        """By path: facts, which file it must be the same as, and other times that it may have."""
        deleted = {change[1] for change in self.listed if change[0] == 'D'}
        wanted = {}
        # What of the tree is taken out: deleted, or replaced.
        for path, facts in self.before.items():
            place = self.place_of(path)
            replaced = place in self.changed and facts.kind != stat.S_IFDIR
            was_type = place in self.now and self.now[place].kind != facts.kind and self.former_of(place) == path
            gone = path in deleted and self.is_chosen(path) and not self.something_stays(path, deleted)
            if gone or (self.is_chosen(place) and (replaced or was_type) and self.former_of(place) == path):
                continue
            wanted[place] = (facts, ('tree', facts.inode), {facts.time})
        for path, facts in self.now.items():
            new = path not in wanted
            if path not in self.changed or not (self.is_chosen(path) or (new and self.comes_along(path))):
                continue
            others = {facts.time}
            if not new and facts.kind == stat.S_IFDIR:
                # As a folder that stays. A time that came of entries goes with them.
                others |= wanted[path][2] if path in self.by_entries else set()
                wanted[path] = (facts, wanted[path][1], others)
            else:
                wanted[path] = (facts, ('layer', facts.inode), others)
        for path, (facts, same, times) in list(wanted.items()):
            if facts.kind == stat.S_IFDIR and path in self.now and same[0] == 'tree':
                times.add(self.now[path].time)
        return wanted

    def something_stays(self, folder, deleted):
        if self.before[folder].kind != stat.S_IFDIR:
            return False
        for path in self.before:
            if path != folder and covers(folder, path):
                if path in deleted and not self.is_chosen(path):
                    return True
                if path in self.renames and not self.is_chosen(path):
                    return True
        return False

    def comes_along(self, folder):
        """A new folder, of which something is applied."""
        return self.now[folder].kind == stat.S_IFDIR and any(
            path != folder and covers(folder, path) and self.is_chosen(path) and path in self.changed for path in self.now)

    def prepare(self):
        os.mkdir(self.store)
        words = [b'path=' + path for path in self.paths] + [b'exclude=' + name for name in self.exclude]
        words += [b'exact'] if self.exact else []
        words.append(b'begun=%d' % (time.time() + 3600))
        done = run('prepare', self.layers.options, f'{self.layers.place}/top/upper', self.layers.tree, self.store, '--', *words)
        if done.returncode == 3 or 'metacopy' in self.layers.options and b'metacopy=on' in done.stderr:
            raise Refused(done.stderr.decode(errors='replace'))
        if done.returncode != 0:
            raise AssertionError(f'status {done.returncode}: {done.stderr.decode()} {done.stdout}')

    def go(self, what):
        """Broken off at random, then to the end. True: it has come to its end; False: all is as it was before."""
        number = str(self.random.randrange(1, 20))
        fault = self.random.choice([{'UNIONROOT_CRASH_AT': number}] * 4 + [{'UNIONROOT_FAIL_AT': number}] * 3 + [{}])
        done = run(what, self.layers.tree, self.store, **fault)
        self.counts[f'{what} killed'] += done.returncode == -9
        self.counts[f'{what} failing'] += done.returncode == 1
        if done.returncode not in (0, -9, 1):
            raise AssertionError(f'{what}: status {done.returncode}: {done.stderr.decode()} {done.stdout.decode()}')
        for _ in range(2):  # a failure while it finishes has it finish again
            after = run('do', self.layers.tree, self.store)
            if after.returncode == 0:
                break
        if after.returncode != 0:
            raise AssertionError(f'finishing: status {after.returncode}: {after.stderr.decode()}')
        phase = [name for name in os.listdir(self.store) if name.startswith('is-')]
        return phase

    def compare(self, wanted, found_tree):
        found = []
        places = collections.defaultdict(set)
        inodes = collections.defaultdict(set)
        for path in sorted(wanted.keys() | found_tree.keys()):
            one, two = wanted.get(path), found_tree.get(path)
            if one is None or two is None:
                found.append(f'{path}: {"is there" if one is None else "is missing"}')
                continue
            facts, same, times = one
            for what in ('kind', 'mode', 'owner', 'content', 'attributes'):
                if getattr(facts, what) != getattr(two, what):
                    found.append(f'{path}: {what} is {getattr(two, what)}, not {getattr(facts, what)}')
            if two.time not in times:
                found.append(f'{path}: time is {two.time}, not {times}')
            if facts.kind != stat.S_IFDIR:
                places[same].add(path)
                inodes[two.inode].add(path)
            elif same[0] == 'tree' and same[1] != two.inode:
                found.append(f'{path}: is another folder')
        groups = {frozenset(group) for group in places.values()}
        others = {frozenset(group) for group in inodes.values()}
        for group in groups ^ others:
            found.append(f'{sorted(group)} are one file in {"the overlay" if group in groups else "the tree"} alone')
        return found

    def compare_exactly(self):
        after = tree_of(self.layers.tree)
        found = []
        for path in sorted(self.disk.keys() | after.keys()):
            if self.disk.get(path) != after.get(path):
                found.append(f'{path}: is {after.get(path)}, was {self.disk.get(path)}')
        return found

    def problems(self):
        wanted = self.expected()
        self.prepare()
        if found := self.compare_exactly():
            return ['prepared:'] + found
        phase = self.go('do')
        if phase == ['is-undone']:
            self.counts['gone back'] += 1
            return self.compare_exactly()
        if phase != ['is-applied']:
            return [f'applied: {phase}']
        self.counts['applied'] += 1
        if found := self.compare(wanted, tree_of(self.layers.tree)):
            return ['applied:'] + found
        if not self.paths and not self.exclude:
            if found := self.listed_after():
                return found
        if self.random.random() < 0.3:
            return self.shown_afterwards()
        phase = self.go('undo')
        if phase == ['is-applied']:
            self.counts['undo gone back'] += 1
            if found := self.compare(wanted, tree_of(self.layers.tree)):
                return ['after an undo that failed:'] + found
            phase = self.undo()
        if phase != ['is-undone']:
            return [f'undone: {phase}']
        self.counts['undone'] += 1
        return ['undone:'] + found if (found := self.compare_exactly()) else []

    def undo(self):
        done = run('undo', self.layers.tree, self.store)
        if done.returncode != 0:
            raise AssertionError(f'undo: status {done.returncode}: {done.stderr.decode()} {done.stdout.decode()}')
        return [name for name in os.listdir(self.store) if name.startswith('is-')]

    def reset_plan(self, paths):
        """None: it is refused."""
        done = subprocess.run([RESETTER, 'plan', self.layers.options, f'{self.layers.place}/top/upper', self.layers.tree, '--',
                               *[b'path=' + path for path in paths]], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode not in (0, 3):
            raise AssertionError(f'resetting {paths}: {done.stderr.decode()}')
        return done.stdout if done.returncode == 0 else None

    def shown_afterwards(self):
        """What was applied leaves the upper layer. The overlay shows what it showed."""
        upper, options, found = f'{self.layers.place}/top/upper', self.layers.options, []
        with open(f'{self.store}/leaving', 'rb') as file:
            leaving = file.read().split(b'\0')[:-1]
        possible = [path for path in leaving if self.reset_plan([path])]
        if leaving == [b''] and not possible:
            return ['a reset of all is refused']
        if possible:
            self.counts['leaves the layer'] += 1
            plan = f'{self.layers.place}/plan'
            with open(plan, 'wb') as file:
                file.write(self.reset_plan(possible))
            subprocess.run([RESETTER, 'do', options, upper, plan], check=True)
        self.layers.mount('top')
        try:
            shown = tree_of(f'{self.layers.place}/merged')
        finally:
            unmount(f'{self.layers.place}/merged')
        for path in sorted(self.now.keys() | shown.keys()):
            one, two = self.now.get(path), shown.get(path)
            if one is None or two is None:
                found.append(f'shown afterwards: {path}: {"is there" if one is None else "is missing"}')
                continue
            for what in ('kind', 'mode', 'owner', 'content', 'attributes') + (() if one.kind == stat.S_IFDIR else ('time',)):
                if getattr(one, what) != getattr(two, what):
                    found.append(f'shown afterwards: {path}: {what} is {getattr(two, what)}, not {getattr(one, what)}')
        return found

    def listed_after(self):
        """Nothing is left to be listed, but for what cannot be read through the former paths of renames."""
        if self.renames or 'metacopy' in self.layers.options:
            return []
        left = [change[:4] for change in self.layers.listed(LISTER) if change[0] != 'P']
        return [f'listed afterwards: {left}'] if left else []


class ApplyTest(PartTest):
    def layers(self, place, seed):
        return OneLower(place, seed, collections.Counter())

    part = Apply

    def test_a_part_is_applied_and_taken_back(self):
        wanted, counts = self.try_all()
        if wanted >= 300:
            self.assertEqual([what for what in ('applied', 'undone', 'do killed', 'undo killed', 'do failing') if counts[what] < LEAST // 2], [])
            self.assertLess(counts['refused'], wanted // 2)


if __name__ == '__main__':
    if os.geteuid() == 0:
        own_mounts()
    skips.main()
