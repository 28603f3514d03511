"""What the tests with random histories share: their seeds, their place, and the tests that work on a random part of each."""

import collections
import hashlib
import os
import shutil
import tempfile
import time
import unittest

from overlays import mount, unmount


def first_seed():
    if given := os.environ.get('UNIONROOT_HISTORIES_SEED'):
        return int(given)
    if sweep := os.environ.get('UNIONROOT_SWEEP_SEED'):
        return int(hashlib.sha256(f'{sweep} histories'.encode()).hexdigest()[:12], 16)
    return time.time_ns() // 1000


class Refused(Exception):
    pass


class PlaceTest(unittest.TestCase):
    """Has self.place, a folder for the layers."""

    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest('needs root')
        self.place = tempfile.mkdtemp(prefix='unionroot-histories-', dir=os.environ.get('UNIONROOT_HISTORIES_PLACE'))
        self.addCleanup(os.rmdir, self.place)
        if not os.environ.get('UNIONROOT_HISTORIES_PLACE'):
            mount('tmpfs', self.place)
            self.addCleanup(unmount, self.place)


class PartTest(PlaceTest):
    """A subclass has layers(place, seed) and part(layers, seed, counts). The part has choose(), problems(), is_all(), and
    described(). Only a part may be Refused."""

    def one(self, seed, counts):
        place = tempfile.mkdtemp(dir=self.place)
        try:
            layers = self.layers(place, seed)
            layers.make(1000)
            part = self.part(layers, seed, counts)
            part.choose()
            try:
                found = part.problems()
                counts['done'] += 1
            except (OSError, AssertionError) as problem:
                found = [str(problem)]
            except Refused as refusal:
                counts['refused'] += 1
                return [f'all of it is refused: {refusal}'] if part.is_all() else []
            if found:
                found.insert(0, f'{layers.options}, {part.described()}, listed {[change[:3] for change in part.listed]}')
            return found
        finally:
            shutil.rmtree(place)

    def try_all(self):
        """(how many, how often what was seen)"""
        wanted, first = int(os.environ.get('UNIONROOT_HISTORIES', '300')), first_seed()
        print(f'{wanted} histories, UNIONROOT_HISTORIES_SEED={first}', flush=True)
        counts = collections.Counter()
        for seed in range(first, first + wanted):
            found = self.one(seed, counts)
            if found:
                self.fail(f'UNIONROOT_HISTORIES=1 UNIONROOT_HISTORIES_SEED={seed} finds:\n  ' + '\n  '.join(found[:20]))
        print(', '.join(f'{what} {count}' for what, count in sorted(counts.items())))
        return wanted, counts
