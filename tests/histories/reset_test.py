#!/usr/bin/python3
"""Random histories on real overlays, of which a random part is taken back: the tree must be what it was before there, and
what it is now everywhere else. The program is killed on the way each time, and its plan carried out again.

UNIONROOT_HISTORIES (here 300), _SEED and _PLACE as in histories_test.py. A reset may be refused; what must not be is all of it.
"""

import collections
import fnmatch
import os
import random
import stat
import subprocess

import skips
from histories_test import BUILD, LEAST, Layers
from overlays import own_mounts, parent_of, tree_of, unmount
from trials import PartTest, Refused

PROGRAM = f'{BUILD}/tests/histories/reset_layers'


def covers(folder, path):
    return folder == b'' or path == folder or path.startswith(folder + b'/')


class Reset:
    """One reset of an overlay's upper layer."""

    def __init__(self, layers, seed, counts):
        self.layers, self.random, self.counts = layers, random.Random(f'{seed}-reset'), counts
        self.upper = os.fsencode(f'{layers.place}/top/upper')
        self.listed = layers.listed(f'{BUILD}/tests/histories/list_changes_of_layers')
        self.before, self.now = layers.trees()
        self.paths, self.keep = [], []

    def is_all(self):
        return not self.paths and not self.keep

    def described(self):
        return f'{len(self.layers.lowers)} lower layers, paths {self.paths}, keep {self.keep}'

    def choose(self):
        changed = [change for change in self.listed if change[1]]
        kind = self.random.choice(['all', 'keep', 'some', 'some', 'some', 'any'])
        if kind == 'all' or not changed:
            return
        if kind == 'keep':
            for change in self.random.sample(changed, min(len(changed), 2)):
                name = change[1].rpartition(b'/')[2]
                if not any(special in change[1] for special in b'*?[\\'):
                    self.keep.append(b'/' + change[1] if self.random.random() < 0.5 else name)
            return
        if kind == 'any':
            self.paths = self.random.sample(sorted(path for path in {**self.before, **self.now} if path), 1)
            return
        for change in self.random.sample(changed, min(len(changed), self.random.randrange(1, 4))):
            self.paths.append(change[1])
            if change[2] and self.random.random() < 0.9:
                self.paths.append(change[2])

    def is_kept(self, path):
        while path:
            for pattern in self.keep:
                if pattern.startswith(b'/') and path == pattern[1:]:
                    return True
                if not pattern.startswith(b'/') and fnmatch.fnmatchcase(path.rpartition(b'/')[2], pattern):
                    return True
            path = parent_of(path)
        return False

    def comes_back(self, path):
        kept = [above for above in [path[:end] for end in range(1, len(path) + 1) if path[end:end + 1] in (b'', b'/')]
                if self.is_kept(above)]
        return bool(kept) and self.in_upper(kept[0]) is None

    def is_chosen(self, path):
        return (not self.paths or any(covers(folder, path) for folder in self.paths)) and not self.is_kept(path)

    def expected(self):
        """The facts that must be shown, by path; without the time of folders above what was reset."""
        # What was in a folder that is gone has no mark of its own: it comes back with the folder.
        chosen = {path: facts for path, facts in self.before.items()
                  if self.is_chosen(path) or (path not in self.now and self.comes_back(path))}
        stays = {path: facts for path, facts in self.now.items() if not self.is_chosen(path)}
        for path in list(stays):
            above = parent_of(path)
            while above is not None and above not in chosen and above not in stays:
                stays[above] = self.now[above]  # a new folder, of which something is kept
                above = parent_of(above)
        return {**chosen, **stays}, stays

    def in_upper(self, path):
        try:
            return os.lstat(os.path.join(self.upper, path))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def links(self, path, stays):
        """Of a file that stays: names of it that are in the upper layer go with what is reset."""
        status = self.in_upper(path)
        if status is None:
            return self.now[path].links
        gone = 0
        for other, facts in self.now.items():
            if other not in stays and facts.kind != stat.S_IFDIR:
                found = self.in_upper(other)
                gone += found is not None and found.st_ino == status.st_ino
        return self.now[path].links - gone

    def carry_out(self):
        options = self.layers.options
        words = [b'path=' + path for path in self.paths] + [b'keep=' + pattern for pattern in self.keep]
        done = subprocess.run([PROGRAM, 'plan', options, self.upper, *self.layers.lowers, '--', *words],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode == 3 or 'metacopy' in options and b'metacopy=on' in done.stderr:
            raise Refused(done.stderr.decode(errors='replace'))
        if done.returncode != 0:
            raise AssertionError(f'status {done.returncode}: {done.stderr.decode()}')
        plan = f'{self.layers.place}/plan'
        with open(plan, 'wb') as file:
            file.write(done.stdout)
        for text in done.stdout.split(b'\0'):
            if text in (b'r', b's', b't'):
                self.counts['steps ' + text.decode()] += 1
        number = self.random.randrange(1, 12)
        for fault in ({'UNIONROOT_CRASH_AT': str(number)}, {}):
            done = subprocess.run([PROGRAM, 'do', options, self.upper, plan], env={**os.environ, **fault},
                                  stderr=subprocess.PIPE, check=False)
            self.counts['killed'] += done.returncode == -9
            if done.returncode not in (0, -9 if fault else 0):
                raise AssertionError(f'status {done.returncode}: {done.stderr.decode()}')

    def shown(self):
        merged = f'{self.layers.place}/merged'
        self.layers.mount('top')
        try:
            return tree_of(merged)
        finally:
            unmount(merged)

    def problems(self):
        wanted, stays = self.expected()
        links = {path: self.links(path, stays) for path, facts in stays.items() if facts.kind != stat.S_IFDIR}
        self.carry_out()
        found = []
        shown = self.shown()
        for path in sorted(wanted.keys() | shown.keys()):
            one, two = wanted.get(path), shown.get(path)
            if one is None or two is None:
                found.append(f'{path}: {"is there" if one is None else "is missing"}')
                continue
            for what in ('kind', 'mode', 'owner', 'content', 'attributes'):
                if getattr(one, what) != getattr(two, what):
                    found.append(f'{path}: {what} is {getattr(two, what)}, not {getattr(one, what)}')
            if one.kind != stat.S_IFDIR and links.get(path, one.links) != two.links:
                found.append(f'{path}: {two.links} names, not {links.get(path, one.links)}')
            times = {one.time}
            if path in stays and path in self.before and one.kind == stat.S_IFDIR:
                times.add(self.before[path].time)
            if two.time not in times:
                found.append(f'{path}: time is {two.time}, not {times}')
        return found + self.problems_of_list()

    def was_made_anew(self, path):
        """It, or something in it that stays: the time was another for that, too."""
        return any(self.now[each].inode != self.before[each].inode for each in self.now.keys() & self.before.keys()
                   if each == path or (parent_of(each) == path and not self.is_chosen(each)))

    def problems_of_list(self):
        """What was not named is listed as before; no folder is listed for the time that what was reset gave it."""
        found = []
        after = self.layers.listed(f'{BUILD}/tests/histories/list_changes_of_layers')
        was = {change[1]: change for change in self.listed if change[0] in 'MP'}
        for kind, path, _, differences, by_entries, *_ in after:
            if kind != 'P' or by_entries or differences != 8 or self.keep:
                continue
            if (path not in was or was[path][4]) and not self.was_made_anew(path):
                found.append(f'{path} is listed for its time')
        if not self.paths and not self.keep and after:
            found.append(f'something is listed after a reset of all: {after}')
        return found


class ResetTest(PartTest):
    def layers(self, place, seed):
        return Layers(place, seed, collections.Counter())

    part = Reset

    def test_a_part_is_taken_back(self):
        wanted, counts = self.try_all()
        if wanted >= 300:
            self.assertEqual([what for what in ('done', 'killed', 'steps r', 'steps s', 'steps t') if counts[what] < LEAST], [])
            self.assertLess(counts['refused'], wanted // 2)


if __name__ == '__main__':
    if os.geteuid() == 0:
        own_mounts()
    skips.main()
