#!/usr/bin/python3
"""lib/layers where a random history does not go: very deep trees, options that do not fit, paths that are asked for, layers that
are changed while they are read."""

import fcntl
import os
import re
import resource
import shutil
import stat
import subprocess
import tempfile
import threading
import unittest

import skips
from overlays import mount, own_mounts, unmount

BUILD = os.environ['UNIONROOT_BUILD_DIR']
PROGRAM = f'{BUILD}/tests/histories/list_changes_of_layers'


class LayersTest(unittest.TestCase):
    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest('needs root')
        self.place = tempfile.mkdtemp(prefix='unionroot-layers-')
        self.addCleanup(os.rmdir, self.place)
        mount('tmpfs', self.place)
        self.addCleanup(unmount, self.place)
        for name in ('lower', 'upper', 'work', 'merged'):
            os.mkdir(f'{self.place}/{name}')

    def overlay(self, options=''):
        # The kernel's clock may have gone on since the upper layer's root was made.
        times = os.stat(f'{self.place}/lower')
        os.utime(f'{self.place}/upper', ns=(times.st_atime_ns, times.st_mtime_ns))
        mount('overlay', f'{self.place}/merged', f'lowerdir={self.place}/lower,upperdir={self.place}/upper,'
              f'workdir={self.place}/work{options}')

    def run_program(self, *paths, options='redirect_dir=on', **more):
        words = [PROGRAM, options, f'{self.place}/upper', f'{self.place}/lower']
        if paths:
            words += ['--', *paths]
        return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **more)

    def listed(self, *paths, options='redirect_dir=on', **more):
        done = self.run_program(*paths, options=options, **more)
        self.assertEqual((done.returncode, done.stderr), (0, b''))
        texts = done.stdout.split(b'\0')[:-1]
        return [(texts[i].decode(), texts[i + 1], texts[i + 2]) for i in range(0, len(texts), 7)
                if texts[i + 4] == b'0']  # without folders whose time alone differs since entries did

    @staticmethod
    def make_deep(root, depth, name=b'd' * 200):
        """With names of 200 bytes no path of it could be given to the kernel, by far."""
        here = os.open(root, os.O_RDONLY)
        for _ in range(depth):
            os.mkdir(name, dir_fd=here)
            below = os.open(name, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        os.close(os.open(b'file', os.O_WRONLY | os.O_CREAT, dir_fd=here))
        os.close(here)

    @staticmethod
    def open_deep(root, depth):
        here = os.open(root, os.O_RDONLY)
        for _ in range(depth):
            below = os.open(b'd' * 200, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        return here

    def test_4000_deep(self):
        depth = 4000
        self.make_deep(f'{self.place}/lower', depth)
        self.overlay(',redirect_dir=on')
        innermost = self.open_deep(f'{self.place}/merged', depth)
        os.unlink(b'file', dir_fd=innermost)
        os.close(os.open(b'new', os.O_WRONLY | os.O_CREAT, dir_fd=innermost))
        os.close(innermost)
        unmount(f'{self.place}/merged')
        deep = b'/'.join([b'd' * 200] * depth)
        self.assertEqual(self.listed(), [('D', deep + b'/file', b''), ('A', deep + b'/new', b'')])
        os.mkdir(f'{self.place}/upper/added')
        self.make_deep(f'{self.place}/upper/added', depth, b'd')
        rows = self.listed()
        self.assertEqual([kind for kind, _, _ in rows], ['A'] * (depth + 2) + ['D', 'A'])
        self.assertEqual(rows[-3][1], b'added/' + b'd/' * depth + b'file')

    def test_deeper_than_the_stack(self):
        """Two alike, so that nothing is listed: paths as long as that would be gigabytes."""
        depth = 20000
        for layer in ('lower', 'upper'):
            self.make_deep(f'{self.place}/{layer}', depth, b'd')
            here = os.open(f'{self.place}/{layer}', os.O_RDONLY)
            while True:
                os.utime(here, (0, 0))
                try:
                    below = os.open(b'd', os.O_RDONLY, dir_fd=here)
                except FileNotFoundError:
                    break
                os.close(here)
                here = below
            os.utime(b'file', (0, 0), dir_fd=here)
            os.close(here)
        self.assertEqual(self.listed(preexec_fn=self.small_stack), [])
        # Of a renamed folder the former paths are a chain as well.
        os.rename(f'{self.place}/upper/d', f'{self.place}/upper/e')
        os.mknod(f'{self.place}/upper/d', 0o600 | stat.S_IFCHR, 0)
        os.setxattr(f'{self.place}/upper/e', 'trusted.overlay.redirect', b'd')
        for layer in ('lower', 'upper'):
            os.utime(f'{self.place}/{layer}', (0, 0))
        self.assertEqual(self.listed(preexec_fn=self.small_stack), [('R', b'e', b'd')])

    @staticmethod
    def small_stack():
        resource.setrlimit(resource.RLIMIT_STACK, (512 << 10, 512 << 10))

    def beginning(self, asked=1000000):
        """The texts of the record; None if there is none."""
        done = subprocess.run([PROGRAM, '--beginning', f'{self.place}/upper', str(asked)], stdout=subprocess.PIPE,
                              check=True, preexec_fn=self.small_stack)
        return None if done.stdout == b'none\0' else done.stdout.split(b'\0')[:-2]

    def test_the_record_of_the_beginning_has_an_end(self):
        upper = f'{self.place}/upper'
        self.assertEqual(self.beginning(), [])
        self.make_deep(upper, 3000, b'd')
        self.assertEqual(len(self.beginning()), 2 * 3001)
        self.assertIsNone(self.beginning(asked=3000), 'it was told to stop')
        self.make_deep(f'{upper}/d', 1, b'x' * 200)
        os.mkdir(f'{upper}/many')
        for number in range(100000 - 3003 - 1):
            os.mknod(f'{upper}/many/{number}')
        self.assertEqual(len(self.beginning()), 2 * 100000)
        os.mknod(f'{upper}/one-more')
        self.assertIsNone(self.beginning())
        shutil.rmtree(f'{upper}/many')
        os.mkdir(f'{upper}/deep')
        self.make_deep(f'{upper}/deep', 500, b'n' * 200)  # 25 MB of paths
        self.assertIsNone(self.beginning())

    def by_reader(self, lowers, record, limit, most):
        """What unionroot-layers writes, started as the daemon does it, with this limit."""
        list_end, write_end = os.pipe()
        watched, life = os.pipe()
        opened = [os.open(path, os.O_RDONLY) for path in (record, f'{self.place}/upper', *lowers)]

        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]

        def take_descriptors():
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            given = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 1000) for end in (write_end, watched, *opened)]
            for end, place in zip(given, (1, *range(3, 3 + len(given)))):
                os.dup2(end, place)
            resource.setrlimit(limit, most)

        program = subprocess.Popen([f'{BUILD}/lib/launch/helper/unionroot-layers', '', str(len(lowers))], close_fds=False,
                                   stdin=subprocess.DEVNULL, preexec_fn=take_descriptors)
        os.close(write_end)
        with open(list_end, 'rb') as file:
            texts = file.read().split(b'\0')
        self.assertEqual(program.wait(), 0)
        for end in (watched, life, *opened):
            os.close(end)
        return [(texts[i], texts[i + 1]) for i in range(0, len(texts) - 1, 7)]

    def test_a_list_that_takes_too_much_memory_says_so(self):
        with open(f'{BUILD}/lib/launch/helper/unionroot-layers', 'rb') as file:
            if re.search(b'__[at]san_init', file.read()):
                self.skipTest('a sanitizer takes terabytes of addresses')
        with open(f'{self.place}/record', 'wb') as file:
            file.truncate(200 << 20)
        ((kind, why),) = self.by_reader([f'{self.place}/lower'], f'{self.place}/record', resource.RLIMIT_AS,
                                        (100 << 20, 100 << 20))
        self.assertEqual(kind, b'!')
        self.assertIn(b'the limit of memory was reached', why)

    def test_many_lower_layers(self):
        lowers = [f'{self.place}/lower{number}' for number in range(500)]
        for lower in lowers:
            os.mkdir(lower)
        os.mkdir(f'{self.place}/upper/new')
        os.utime(lowers[0], (0, 0))
        os.utime(f'{self.place}/upper', (0, 0))
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        self.assertEqual(self.by_reader(lowers, '/dev/null', resource.RLIMIT_NOFILE, (800, hard)),
                         [(b'A', b'new'), (b'.', b'')])

    def test_paths_that_are_asked_for(self):
        for path in ('etc', 'etc/apt', 'srv'):
            os.mkdir(f'{self.place}/lower/{path}')
        for path in ('etc/apt/list', 'etc/hosts', 'srv/data', 'etc-old'):
            with open(f'{self.place}/lower/{path}', 'w', encoding='ascii') as file:
                file.write('text')
        self.overlay(',redirect_dir=on')
        merged = f'{self.place}/merged'
        os.unlink(f'{merged}/etc/hosts')
        os.unlink(f'{merged}/etc-old')
        os.rename(f'{merged}/srv/data', f'{merged}/etc/apt/data')
        with open(f'{merged}/etc/apt/list', 'w', encoding='ascii') as file:
            file.write('TEXT')
        unmount(merged)
        rename, change = ('R', b'etc/apt/data', b'srv/data'), ('M', b'etc/apt/list', b'')
        self.assertEqual(self.listed('etc'), [rename, change, ('D', b'etc/hosts', b'')])
        self.assertEqual(self.listed('etc/apt/list'), [change])
        self.assertEqual(self.listed('srv'), [rename])
        self.assertEqual(self.listed('etc/nothing'), [])

    def test_a_folder_that_went_out_and_came_back_is_not_renamed(self):
        """Found by a history: it has the path that it had as a redirect of its own."""
        os.makedirs(f'{self.place}/lower/a/inner')
        self.overlay(',redirect_dir=on')
        merged = f'{self.place}/merged'
        os.rename(f'{merged}/a/inner', f'{merged}/out')
        os.rename(f'{merged}/a', f'{merged}/b')
        os.rename(f'{merged}/out', f'{merged}/b/inner')
        unmount(merged)
        self.assertEqual(os.getxattr(f'{self.place}/upper/b/inner', 'trusted.overlay.redirect'), b'/a/inner')
        # Its time alone says that something was in it and is again.
        self.assertEqual(self.listed(), [('R', b'b', b'a'), ('P', b'b', b'')])

    def test_options_that_do_not_fit(self):
        os.mkdir(f'{self.place}/lower/a')
        with open(f'{self.place}/lower/a/file', 'w', encoding='ascii') as file:
            file.write('text')
        self.overlay(',redirect_dir=on,metacopy=on')
        os.rename(f'{self.place}/merged/a', f'{self.place}/merged/b')
        unmount(f'{self.place}/merged')
        done = self.run_program(options='redirect_dir=nofollow')
        self.assertEqual(done.returncode, 1)
        self.assertIn(b'redirect_dir=on', done.stderr)
        self.overlay(',redirect_dir=on,metacopy=on')
        os.chmod(f'{self.place}/merged/b/file', 0o600)
        unmount(f'{self.place}/merged')
        done = self.run_program()
        self.assertEqual(done.returncode, 1)
        self.assertIn(b'metacopy=on', done.stderr)
        self.assertEqual(self.listed(options='redirect_dir=on,metacopy=on'), [('R', b'b', b'a'), ('P', b'b/file', b'')])

    def test_links_with_an_index_are_refused(self):
        with open(f'{self.place}/lower/one', 'w', encoding='ascii') as file:
            file.write('text')
        os.link(f'{self.place}/lower/one', f'{self.place}/lower/two')
        self.overlay(',index=on')
        with open(f'{self.place}/merged/one', 'a', encoding='ascii') as file:
            file.write('more')
        unmount(f'{self.place}/merged')
        done = self.run_program(options='index=on')
        self.assertEqual(done.returncode, 1)
        self.assertIn(b'index=on', done.stderr)

    def test_an_upper_layer_of_users_attributes(self):
        """userxattr, as an overlay in a user namespace has it."""
        os.mkdir(f'{self.place}/lower/folder')
        for name in ('a', 'b'):
            with open(f'{self.place}/lower/folder/{name}', 'w', encoding='ascii') as file:
                file.write(name)
        self.overlay(',userxattr')
        merged = f'{self.place}/merged'
        os.unlink(f'{merged}/folder/a')
        os.unlink(f'{merged}/folder/b')
        os.rmdir(f'{merged}/folder')
        os.mkdir(f'{merged}/folder')
        with open(f'{merged}/folder/b', 'w', encoding='ascii') as file:
            file.write('x')
        unmount(merged)
        self.assertEqual([row for row in self.listed(options='userxattr') if row[0] != 'P'],
                         [('D', b'folder/a', b''), ('M', b'folder/b', b'')])

    def test_nothing_leads_out_of_a_layer_that_is_changed_meanwhile(self):
        os.mkdir(f'{self.place}/outside')
        with open(f'{self.place}/outside/secret', 'w', encoding='ascii') as file:
            file.write('secret')
        upper = f'{self.place}/upper'
        for number in range(20):
            os.makedirs(f'{upper}/{number}/folder/deeper')
        stop = threading.Event()

        def swap():
            while not stop.is_set():
                for number in range(20):
                    os.rename(f'{upper}/{number}/folder', f'{upper}/{number}/away')
                    os.symlink('../../outside', f'{upper}/{number}/folder')
                    os.unlink(f'{upper}/{number}/folder')
                    os.rename(f'{upper}/{number}/away', f'{upper}/{number}/folder')

        swapping = threading.Thread(target=swap)
        swapping.start()
        try:
            rounds = [self.run_program() for _ in range(60)]
        finally:
            stop.set()
            swapping.join()
        for done in rounds:
            self.assertEqual((done.returncode, done.stderr), (0, b''))
            self.assertNotIn(b'secret', done.stdout)
        self.assertTrue(any(b'away' in done.stdout for done in rounds), 'nothing was changed while it was read')


if __name__ == '__main__':
    if os.geteuid() == 0:
        own_mounts()
    skips.main()
