"""Archives as trees: what the library unpacks and packs, against what tar does; and archives that mean harm."""

import io
import os
import shutil
import socket
import stat
import subprocess
import tarfile
import tempfile
import unittest

import unionroot_testing as testing

TOOL = os.environ.get("ARCHIVE_TOOL", "")
FORMATS = [("tar", ""), ("tar.gz", "-z"), ("tar.bz2", "-j"), ("tar.xz", "-J"), ("tar.zst", "--zstd"),
           ("tar.lz4", "--use-compress-program=lz4")]


def tool(*words):
    return subprocess.run([TOOL, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)


class ArchiveTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("needs root")
        if not os.access(TOOL, os.X_OK):
            raise unittest.SkipTest("ARCHIVE_TOOL is not built")

    def setUp(self):
        self.place = tempfile.mkdtemp(prefix="unionroot-archive.", dir=testing.SCRATCH)
        self.addCleanup(shutil.rmtree, self.place)

    def path(self, *parts):
        return os.path.join(self.place, *parts)

    def folder(self, name):
        os.mkdir(self.path(name))
        return self.path(name)

    def make_tree(self):
        """One of everything that a system's tree can have."""
        tree = self.folder("tree")
        at = lambda *parts: os.path.join(tree, *parts)
        for name in ("bin-real", "deep/er/est", "var/empty", "setgid", "dev"):
            os.makedirs(at(name))
        os.symlink("bin-real", at("bin"))
        os.symlink("/etc/passwd", at("absolute-link"))
        os.symlink("nowhere", at("dangling"))
        with open(at("bin-real/su"), "wb") as file:
            file.write(b"#!\n")
        os.chown(at("bin-real/su"), 0, 42)
        os.chmod(at("bin-real/su"), 0o4755)
        os.link(at("bin-real/su"), at("bin-real/sudo"))
        os.link(at("dangling"), at("dangling-too"))
        with open(at("large"), "wb") as file:
            file.write(os.urandom(3_000_000))
        with open(at("sparse"), "wb") as file:
            file.write(b"start")
            file.seek(50_000_000)
            file.write(b"middle")
            file.truncate(100_000_000)
        with open(at("all-hole"), "wb") as file:
            file.truncate(10_000_000)
        open(at("empty"), "w").close()
        os.chmod(at("empty"), 0)
        for number, name in enumerate(["n" * 255, "ümlaut-é", "e\u0301-decomposed", " blank ", "new\nline", "-dash", "back\\slash", "*"]):
            with open(at("deep", name), "w") as file:
                file.write(name)
            os.chown(at("deep", name), 1000 + number, 3_000_000_000)
            os.utime(at("deep", name), ns=(0, 1_000_000_000 * number + 123_456_789))
        with open(os.path.join(os.fsencode(at("deep")), b"latin-\xe9"), "w") as file:
            file.write("x")
        os.utime(at("deep/n" + "n" * 254), ns=(0, -86_400_000_000_000))
        os.mknod(at("dev/null"), 0o20666, os.makedev(1, 3))
        os.mknod(at("dev/disk"), 0o60660, os.makedev(259, 70000))
        os.mkfifo(at("pipe"), 0o640)
        os.chmod(at("setgid"), 0o2775)
        os.chown(at("setgid"), 7, 8)
        os.mkdir(at("setgid/inner"), 0o755)
        os.chmod(at("setgid/inner"), 0o755)
        os.makedirs(at("a" * 200, "b" * 200))
        os.setxattr(at("large"), "user.colour", b"gr\0een")
        os.setxattr(at("deep"), "trusted.folder", b"yes")
        os.setxattr(at("absolute-link"), "trusted.link", b"too", follow_symlinks=False)
        os.setxattr(at("bin-real/su"), "security.capability", bytes.fromhex("0100000200040000000000000000000000000000"))
        if shutil.which("setfacl"):
            subprocess.run(["setfacl", "-m", "u:1234:rw,g:4321:r", at("large")], check=True)
            subprocess.run(["setfacl", "-d", "-m", "u:77:rwx", at("setgid")], check=True)
        else:
            acl = lambda *entries: b"\2\0\0\0" + b"".join(
                tag.to_bytes(2, "little") + bits.to_bytes(2, "little") + number.to_bytes(4, "little") for tag, bits, number in entries)
            none = 0xffffffff
            os.setxattr(at("large"), "system.posix_acl_access", acl((1, 6, none), (2, 6, 1234), (4, 4, none), (8, 4, 4321), (16, 6, none), (32, 4, none)))
            os.setxattr(at("setgid"), "system.posix_acl_default", acl((1, 7, none), (2, 7, 77), (4, 5, none), (16, 7, none), (32, 5, none)))
        os.chmod(at("var/empty"), 0)
        os.utime(tree, ns=(0, 987_654_321_000_000_001))
        return tree

    def assert_same(self, one, other):
        ours, theirs = testing.tree_lines(one), testing.tree_lines(other)
        if ours != theirs:
            self.fail("the trees differ:\n  " + "\n  ".join(sorted(set(ours) ^ set(theirs))[:20]))

    def unpacked(self, archive, name, *options):
        target = self.folder(name)
        result = tool("unpack", *options, archive, target)
        self.assertEqual(result.returncode, 0, result.stderr)
        return target, result.stdout

    # Against tar

    def test_every_compression_unpacks_as_tar_does(self):
        tree = self.make_tree()
        by_tar = self.folder("by-tar")
        for ending, option in FORMATS:
            with self.subTest(ending):
                if ending == "tar.lz4" and shutil.which("lz4") is None:
                    # Our own: there is no other program here that makes one.
                    self.assertEqual(tool("pack", tree, self.path("a.tar.lz4")).returncode, 0)
                else:
                    subprocess.run(["tar", "-C", tree, "--format=posix", "--xattrs", "--xattrs-include=*", "--acls", "--numeric-owner", "--sparse",
                                    *option.split(), "-cf", self.path("a." + ending), "."], check=True)
                target, said = self.unpacked(self.path("a." + ending), "ours-" + ending)
                if ending == "tar":
                    subprocess.run(["tar", "-C", by_tar, "--xattrs", "--xattrs-include=*", "--acls", "--numeric-owner", "-xpf", self.path("a.tar")], check=True)
                if ending == "tar.lz4" and shutil.which("lz4") is None:
                    self.assert_same(target, tree)
                else:
                    self.assert_same(target, by_tar)
                size = os.path.getsize(self.path("a." + ending))
                self.assertIn(f"read {size} of {size}", said)
                self.assertIn(f"seen {size}", said)
                self.assertLess(os.stat(os.path.join(target, "sparse")).st_blocks * 512, 1_000_000)
                self.assertEqual(os.stat(os.path.join(target, "sparse")).st_size, 100_000_000)
                self.assertEqual(os.stat(os.path.join(target, "all-hole")).st_blocks, 0)

    def test_gnu_format_and_names_that_are_not_utf8(self):
        tree = self.make_tree()
        subprocess.run(["tar", "-C", tree, "--format=gnu", "--sparse", "--numeric-owner", "-cf", self.path("a.tar"), "."], check=True)
        by_tar = self.folder("by-tar")
        subprocess.run(["tar", "-C", by_tar, "--numeric-owner", "-xpf", self.path("a.tar")], check=True)
        target, _ = self.unpacked(self.path("a.tar"), "ours")
        self.assert_same(target, by_tar)
        self.assertIn(b"latin-\xe9", os.listdir(os.fsencode(os.path.join(target, "deep"))))

    def test_what_is_packed_unpacks_to_the_same(self):
        tree = self.make_tree()
        for ending, _ in FORMATS:
            with self.subTest(ending):
                result = tool("pack", tree, self.path("b." + ending))
                self.assertEqual(result.returncode, 0, result.stderr)
                target, _ = self.unpacked(self.path("b." + ending), "back-" + ending)
                self.assert_same(target, tree)
                self.assertLess(os.stat(os.path.join(target, "sparse")).st_blocks * 512, 1_000_000)
        by_tar = self.folder("by-tar")
        done = subprocess.run(["tar", "-C", by_tar, "--xattrs", "--xattrs-include=*", "--acls", "--numeric-owner", "-xpf", self.path("b.tar")],
                              stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_same(by_tar, tree)

    def test_packing_tells_how_much_there_is(self):
        tree = self.make_tree()
        os.mkdir(os.path.join(tree, "mounted"))
        subprocess.run(["mount", "-t", "tmpfs", "none", os.path.join(tree, "mounted")], check=True)
        try:
            with open(os.path.join(tree, "mounted", "large"), "wb") as file:
                file.write(bytes(1_000_000))
            # Each file once, however many names it has, and nothing of other mounts.
            sizes = {}
            for folder, _, names in os.walk(os.fsencode(tree)):
                for name in names:
                    info = os.lstat(os.path.join(folder, name))
                    if stat.S_ISREG(info.st_mode) and info.st_dev == os.stat(tree).st_dev:
                        sizes[info.st_ino] = info.st_size
            result = tool("pack", tree, self.path("told.tar.gz"))
        finally:
            subprocess.run(["umount", os.path.join(tree, "mounted")], check=True)
        self.assertEqual(result.returncode, 0, result.stderr)
        total = sum(sizes.values())
        self.assertIn(f"\npacked {total} of {total}\n", result.stdout)

    def test_a_socket_is_left_out_with_a_note_and_a_mount_is_not_entered(self):
        tree = self.folder("tree")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(os.path.join(tree, "socket"))
        os.mkdir(os.path.join(tree, "mounted"))
        subprocess.run(["mount", "-t", "tmpfs", "none", os.path.join(tree, "mounted")], check=True)
        try:
            with open(os.path.join(tree, "mounted", "secret"), "w") as file:
                file.write("of another mount")
            result = tool("pack", tree, self.path("c.tar"))
        finally:
            subprocess.run(["umount", os.path.join(tree, "mounted")], check=True)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("note the socket 'socket' is left out", result.stdout)
        self.assertIn("note what is mounted on 'mounted' is left out", result.stdout)
        with tarfile.open(self.path("c.tar")) as archive:
            self.assertEqual([name.rstrip("/") for name in archive.getnames()], [".", "./mounted"])

    # Archives that mean harm

    def hostile(self, *members):
        """(name, type, and what goes with it)... as an archive. Python's tarfile writes whatever it is told."""
        path = self.path("hostile.tar")
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
            for name, kind, *more in members:
                info = tarfile.TarInfo(name)
                info.type = kind
                info.mode = 0o755
                if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                    info.linkname = more[0]
                    archive.addfile(info)
                elif kind == tarfile.REGTYPE:
                    data = more[0] if more else b"written"
                    info.size = len(data)
                    archive.addfile(info, io.BytesIO(data))
                else:
                    archive.addfile(info)
        return path

    def assert_refused(self, members, *fragments, options=()):
        archive = self.hostile(*members)
        outside = testing.tree_lines(self.path("outside")) if os.path.isdir(self.path("outside")) else None
        target = tempfile.mkdtemp(dir=self.place)
        result = tool("unpack", *options, archive, target)
        self.assertEqual(result.returncode, 1, result.stdout)
        for fragment in fragments:
            self.assertIn(fragment, result.stderr)
        if outside is not None:
            self.assertEqual(outside, testing.tree_lines(self.path("outside")))
        shutil.rmtree(target)
        return result.stderr

    def test_members_that_lead_outside(self):
        self.folder("outside")
        outside = self.path("outside")
        with open(os.path.join(outside, "file"), "w") as file:
            file.write("untouched")
        regular, directory, symlink, hard_link = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
        up = "../" * 12
        for members, *fragments in (
            ([(outside + "/new", regular)], "member '" + outside + "/new'", "absolute"),
            ([("../outside/new", regular)], "member '../outside/new'", "'..'"),
            ([("a/../../outside/new", regular)], "'..'"),
            ([("..", directory)], "'..'"),
            ([("link", symlink, outside), ("link/new", regular)], "member 'link/new'", "symbolic link"),
            ([("link", symlink, outside), ("link/new", directory)], "member 'link/new'", "symbolic link"),
            ([("link", symlink, outside), ("link", directory)], "member 'link'", "twice"),
            ([("link", symlink, outside), ("link/new", symlink, "x")], "member 'link/new'", "symbolic link"),
            ([("link", symlink, outside), ("link/new/deeper/still", regular)], "member 'link/new/deeper/still'", "symbolic link"),
            ([("link", symlink, up + outside[1:]), ("link/new", regular)], "symbolic link"),
            ([("d", directory), ("inner", symlink, "d"), ("inner/new", regular)], "member 'inner/new'", "symbolic link"),
            ([("link", symlink, outside + "/file"), ("link", regular)], "member 'link'", "twice"),
            ([("h", hard_link, outside + "/file")], "member 'h'", "hard link", "outside the tree"),
            ([("h", hard_link, up + outside[1:] + "/file"), ("h", regular)], "member 'h'", "outside the tree"),
            ([("link", symlink, outside), ("h", hard_link, "link/file")], "member 'h'", "symbolic link"),
            ([("h", hard_link, "not-there")], "member 'h'", "does not come before it"),
            ([("h", hard_link, "deep/not-there")], "member 'h'", "does not come before it"),
            ([("d", directory), ("h", hard_link, "d")], "member 'h'", "which is a folder"),
            ([("h", hard_link, ".")], "member 'h'", "the tree itself"),
            ([("a", regular), ("a", regular)], "member 'a'", "twice"),
            ([("a", regular), ("./a", symlink, "b")], "member './a'", "twice"),
            ([("a", regular), ("a/b", regular)], "member 'a/b'", "not a folder"),
            ([("a", regular), ("h", hard_link, "a"), ("h", regular)], "member 'h'", "twice"),
            ([(".", symlink, outside)], "member '.'", "the tree itself"),
            ([("./", symlink, outside)], "the tree itself"),
            ([("bad\x1bname/../x", regular)], "bad\\x1bname", "'..'"),
        ):
            with self.subTest(str(members)):
                self.assert_refused(members, *fragments)

    def raw(self, *headers):
        """An archive of what tarfile would not write: (fields of a header, and what follows it)."""
        path = self.path("raw.tar")
        with open(path, "wb") as file:
            for fields, data in headers:
                block = bytearray(tarfile.TarInfo(fields.get("name", "x")).tobuf(tarfile.USTAR_FORMAT))
                for at, value in fields.get("at", {}).items():
                    block[at:at + len(value)] = value
                size = fields.get("size", b"%011o\0" % len(data))
                block[124:124 + len(size)] = size
                block[156:157] = fields.get("type", b"0")
                block[148:156] = b" " * 8
                block[148:156] = b"%06o\0 " % sum(block)
                file.write(block + data + bytes(-len(data) % 512))
            file.write(bytes(1024))
        return path

    @staticmethod
    def extended(**records):
        text = b""
        for key, value in records.items():
            record = b" " + key.replace("_", ".").encode() + b"=" + value + b"\n"
            length = len(record) + 1
            while length != len(record) + len(str(length)):
                length = len(record) + len(str(length))
            text += str(length).encode() + record
        return {"type": b"x"}, text

    def test_headers_that_mean_harm(self):
        """Refused, naming what is refused; or made beneath the folder, under a harmless name."""
        file, extended, outside = ({}, b"written"), self.extended, b"/etc/passwd"
        gnu = {257: b"ustar  \0"}
        sparse = lambda name, real: extended(GNU_sparse_major=b"1", GNU_sparse_minor=b"0", GNU_sparse_name=name, GNU_sparse_realsize=real)
        cases = {
            "a long absolute name": ([extended(path=b"/tmp/unionroot-escaped"), file], "member '/tmp/unionroot-escaped'", "absolute"),
            "a long name that climbs": ([extended(path=b"a/../../x"), file], "member 'a/../../x'", "'..'"),
            "GNU's long name": ([({"type": b"L", "at": gnu}, b"../../up\0"), ({"at": gnu}, b"x")], "member '../../up'", "'..'"),
            "a name in two parts": ([({"at": {345: b"/etc"}}, b"x")], "member '/etc/x'", "absolute"),
            "a sparse file's name": ([sparse(b"../up", b"9"), ({}, b"1\n0\n1\n".ljust(512, b"\0") + b"x")], "member '../up'", "'..'"),
            "a sparse file of all sizes": ([sparse(b"huge", b"9223372036854775807"), ({}, b"1\n0\n1\n".ljust(512, b"\0") + b"x")], "'huge'", "File too large"),
            "a long target of a hard link": ([extended(linkpath=outside), ({"type": b"1", "at": {157: b"f"}}, b"")], "member 'x'", "hard link to '/etc/passwd'"),
            "an absolute hard link to a member": ([({"name": "f"}, b"1"), ({"type": b"1", "at": {157: b"/f"}}, b"")], "hard link to '/f'", "outside"),
            "no name at all": ([({"at": {0: bytes(100)}}, b"x")], "member ''", "no name"),
            "slashes alone": ([({"name": "///", "type": b"5"}, b"")], "absolute"),
            "a link with a slash behind it, and a way through": ([({"name": "l/", "type": b"2", "at": {157: b"/etc"}}, b""), ({"name": "l/x"}, b"x")], "member 'l/x'", "symbolic link"),
            "links in a ring": ([({"name": "a", "type": b"2", "at": {157: b"b"}}, b""), ({"name": "b", "type": b"2", "at": {157: b"a"}}, b""), ({"name": "a/x"}, b"x")], "member 'a/x'", "symbolic link"),
            "a size beyond all": ([extended(size=b"9" * 30), file], "raw.tar", "size"),
            "a negative size": ([extended(size=b"-1"), file], "raw.tar", "size"),
            "a binary size": ([({"size": b"\x80" + bytes(3) + b"\x7f" + b"\xff" * 7, "at": gnu}, b"x")], "raw.tar", "size"),
            "an owner beyond all": ([extended(uid=b"99999999999"), file], "member 'x'", "owner"),
            "a header of two megabytes": ([extended(comment=b"c" * (2 << 20)), file], "too large"),
            "a name of a megabyte": ([({"type": b"L", "at": gnu}, b"a/" * 450_000), ({"at": gnu}, b"x")], "too long"),
            "no attribute that fits": ([extended(SCHILY_xattr_user_big=b"v" * 900_000), file], "user.big", "'x'"),
        }
        for name, (headers, *fragments) in cases.items():
            with self.subTest(name):
                target = tempfile.mkdtemp(dir=self.place)
                result = tool("unpack", self.raw(*headers), target)
                self.assertEqual(result.returncode, 1, result.stdout)
                for fragment in fragments:
                    self.assertIn(fragment.lower(), result.stderr.lower())
        for name, headers, wanted in (
            ("a name cut short by a NUL", [extended(path=b"fine\0/../../up"), file], ["fine"]),
            ("GNU's, the same", [({"type": b"L", "at": gnu}, b"fine\0/../../up"), ({"at": gnu}, b"x")], ["fine"]),
        ):
            with self.subTest(name):
                target = tempfile.mkdtemp(dir=self.place)
                result = tool("unpack", self.raw(*headers), target)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual(os.listdir(target), wanted)
        self.assertFalse(os.path.lexists("/tmp/unionroot-escaped"))

    def test_devices_are_made_in_dev_alone(self):
        def node(name, kind, major, minor):
            return {"name": name, "type": kind, "at": {329: b"%07o\0" % major, 337: b"%07o\0" % minor}}, b""
        for header, *fragments in (
            (node("srv/disk", b"4", 8, 0), "member 'srv/disk'", "block device, 8:0"),
            (node("disk", b"4", 259, 3), "member 'disk'", "block device, 259:3"),
            (node("tmp/mem", b"3", 1, 1), "member 'tmp/mem'", "character device, 1:1"),
            (node("dev", b"4", 8, 0), "member 'dev'", "not in the tree's /dev"),
            (node("device/x", b"3", 10, 200), "member 'device/x'"),
            (node("jail/dev/mem", b"3", 1, 1), "member 'jail/dev/mem'", "not in the tree's /dev"),
        ):
            for options in ((), ("--layer",)):
                with self.subTest(fragments[0], options=options):
                    target = tempfile.mkdtemp(dir=self.place)
                    result = tool("unpack", *options, self.raw(header), target)
                    self.assertEqual(result.returncode, 1, result.stdout)
                    for fragment in (*fragments, "--exclude"):
                        self.assertIn(fragment, result.stderr)
        target = tempfile.mkdtemp(dir=self.place)
        result = tool("unpack", self.raw(node("dev/sda", b"4", 8, 0), node("srv/null", b"3", 1, 3), node("jail/dev/null", b"3", 1, 3),
                                         node("srv/tty", b"3", 5, 0), node("srv/zero", b"3", 1, 5),
                                         # As systemd makes them: of a tree that was once booted.
                                         node("run/systemd/inaccessible/blk", b"4", 0, 0),
                                         node("run/systemd/inaccessible/chr", b"3", 0, 0)), target)
        self.assertEqual(result.returncode, 0, result.stderr)
        found = {name: os.stat(os.path.join(target, name)).st_rdev for name in ("dev/sda", "srv/null", "jail/dev/null")}
        self.assertEqual(found, {"dev/sda": os.makedev(8, 0), "srv/null": os.makedev(1, 3), "jail/dev/null": os.makedev(1, 3)})
        # What would not be unpacked is not packed either.
        self.assertEqual(tool("pack", target, self.path("fine.tar")).returncode, 0)
        os.mknod(os.path.join(target, "srv/disk"), 0o60600, os.makedev(8, 0))
        result = tool("pack", target, self.path("not.tar"))
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertIn("'srv/disk' is a device, 8:0", result.stderr)

    @staticmethod
    def permitted(major, minor, is_block):
        """Of members that are root's: others can do what they can with this machine's own node."""
        if (major, minor) == (1, 3):
            return 0o777
        for folder, _, names in os.walk("/dev"):
            for name in names:
                info = os.lstat(os.path.join(folder, name))
                if info.st_rdev == os.makedev(major, minor) and (stat.S_ISBLK if is_block else stat.S_ISCHR)(info.st_mode):
                    return 0o770 | stat.S_IMODE(info.st_mode) & 7
        return 0o770

    def test_devices_that_wait_for_an_old_udev(self):
        def archive(*nodes):
            path = self.path("old.tar")
            with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as file:
                for name, kind, major, minor, mode, owner, headers in nodes:
                    info = tarfile.TarInfo(name)
                    info.type, info.devmajor, info.devminor, info.mode, info.uid = kind, major, minor, mode, owner
                    info.pax_headers = headers
                    file.addfile(info)
            return path

        block, character, place = tarfile.BLKTYPE, tarfile.CHRTYPE, "lib/udev/devices/"
        fine = [(place + "null", character, 1, 3, 0o666, 0, {}), (place + "console", character, 5, 1, 0o600, 0, {}),
                (place + "ppp", character, 108, 0, 0o660, 0, {}), (place + "net/tun", character, 10, 200, 0o666, 0, {}),
                (place + "fuse", character, 10, 229, 0o666, 0, {}), (place + "kmsg", character, 1, 11, 0o600, 0, {}),
                (place + "loop0", block, 7, 0, 0o660, 0, {}), ("usr/" + place + "loop0", block, 7, 0, 0o600, 0, {})]
        target = tempfile.mkdtemp(dir=self.place)
        result = tool("unpack", archive(*fine), target)
        self.assertEqual(result.returncode, 0, result.stderr)
        for name, kind, major, minor, mode, _, _ in fine:
            info = os.stat(os.path.join(target, name))
            self.assertEqual(info.st_rdev, os.makedev(major, minor), name)
            self.assertEqual(stat.S_IMODE(info.st_mode), mode & self.permitted(major, minor, kind == block), name)
        self.assertEqual(tool("pack", target, self.path("fine.tar")).returncode, 0)
        for node in ((place + "sda", block, 8, 0, 0o600, 0, {}), (place + "mem", character, 1, 1, 0o600, 0, {}),
                     (place + "loop0", block, 7, 0, 0o666, 0, {}), (place + "loop0", block, 7, 0, 0o600, 1000, {}),
                     (place + "loop0", character, 7, 0, 0o600, 0, {}), (place + "loop1", block, 7, 1, 0o600, 0, {}),
                     (place + "loop0", block, 7, 0, 0o660, 0, {"SCHILY.acl.access": "user::rw-,user:1000:rw-,group::---,mask::rw-,other::---"}),
                     (place + "kmsg", character, 1, 11, 0o622, 0, {}), ("srv/" + place + "ppp", character, 108, 0, 0o600, 0, {}),
                     ("lib/udev/ppp", character, 108, 0, 0o600, 0, {})):
            with self.subTest(node):
                result = tool("unpack", archive(node), tempfile.mkdtemp(dir=self.place))
                self.assertEqual(result.returncode, 1, result.stdout)
                self.assertIn("not in the tree's /dev", result.stderr)
        os.chmod(os.path.join(target, place, "loop0"), 0o666)
        self.assertEqual(tool("pack", target, self.path("not.tar")).returncode, 1)

    def test_a_hard_link_to_a_symlink_links_the_link(self):
        os.mkdir(self.path("outside"))
        archive = self.hostile(("link", tarfile.SYMTYPE, "/etc/passwd"), ("h", tarfile.LNKTYPE, "link"))
        target, _ = self.unpacked(archive, "ours")
        self.assertEqual(os.readlink(os.path.join(target, "h")), "/etc/passwd")

    def test_a_folder_twice_is_the_later_one(self):
        archive = self.hostile(("d", tarfile.DIRTYPE), ("d/f", tarfile.REGTYPE), ("./d/", tarfile.DIRTYPE), ("x/y/z", tarfile.REGTYPE))
        target, _ = self.unpacked(archive, "ours")
        self.assertEqual(os.stat(os.path.join(target, "x")).st_mode, 0o40755)
        self.assertEqual(os.listdir(os.path.join(target, "d")), ["f"])

    def test_bombs(self):
        big = [("small", tarfile.REGTYPE), ("big", tarfile.REGTYPE, bytes(3_000_000))]
        self.assert_refused(big, "LimitExceeded", "member 'big'", "1000000 bytes", options=("--bytes", 1_000_000))
        self.assertEqual(tool("unpack", "--bytes", 3_000_007, self.hostile(*big), self.folder("fits")).returncode, 0)
        many = [(f"f{number}", tarfile.REGTYPE, b"") for number in range(20)]
        self.assert_refused(many, "LimitExceeded", "member 'f10'", "10 members", options=("--members", 10))
        with open(self.path("zeros"), "wb") as file:
            file.truncate(200_000_000)
        subprocess.run(["tar", "-C", self.place, "-czf", self.path("bomb.tar.gz"), "zeros"], check=True)
        target = self.folder("bomb")
        result = tool("unpack", "--bytes", 1 << 20, self.path("bomb.tar.gz"), target)
        self.assertIn("member 'zeros'", result.stderr)
        self.assertLessEqual(os.path.getsize(os.path.join(target, "zeros")), 1 << 20)

    def test_broken_archives(self):
        tree = self.make_tree()
        for ending, option in FORMATS[:5]:
            subprocess.run(["tar", "-C", tree, *option.split(), "-cf", self.path("whole." + ending), "large"], check=True)
            with open(self.path("whole." + ending), "rb") as file:
                content = file.read()
            for what, broken in (("cut", content[:len(content) // 2]), ("nothing", b""), ("text", b"not an archive\n" * 100)):
                with self.subTest(ending + " " + what):
                    with open(self.path("broken." + ending), "wb") as file:
                        file.write(broken)
                    result = tool("unpack", self.path("broken." + ending), tempfile.mkdtemp(dir=self.place))
                    self.assertEqual(result.returncode, 1, result.stdout)
                    self.assertIn("broken." + ending, result.stderr)

    def test_cancelled(self):
        archive = self.hostile(*[(f"f{number}", tarfile.REGTYPE, b"") for number in range(100)])
        result = tool("unpack", "--cancel-after", 30, archive, self.folder("ours"))
        self.assertEqual(result.returncode, 1)
        self.assertIn("Cancelled", result.stderr)
        self.assertLess(len(os.listdir(self.path("ours"))), 40)

    def test_attributes_of_overlayfs_itself_are_left_out(self):
        tree = self.folder("tree")
        os.mkdir(os.path.join(tree, "d"))
        os.setxattr(os.path.join(tree, "d"), "trusted.overlay.redirect", b"/elsewhere")
        os.setxattr(os.path.join(tree, "d"), "trusted.other", b"stays")
        self.assertEqual(tool("pack", tree, self.path("d.tar")).returncode, 0)
        target, said = self.unpacked(self.path("d.tar"), "ours")
        self.assertEqual(os.listxattr(os.path.join(target, "d")), ["trusted.other"])
        self.assertIn("trusted.overlay.redirect", said)

    # Layers

    def test_whiteouts(self):
        regular, directory = tarfile.REGTYPE, tarfile.DIRTYPE
        members = [("etc", directory), ("etc/.wh.gone", regular, b""), ("etc/.wh..wh..opq", regular, b""),
                   ("new", directory), (".wh.new", regular, b""), (".wh.back", regular, b""), ("back", directory),
                   (".wh.file", regular, b""), ("file", regular), (".wh..wh.plnk", directory), ("deep/.wh.x", regular, b"")]
        target, _ = self.unpacked(self.hostile(*members), "ours", "--layer")
        opaque = lambda name: os.listxattr(os.path.join(target, name)) == ["trusted.overlay.opaque"]
        for name in ("etc/gone", "deep/x"):
            info = os.stat(os.path.join(target, name))
            self.assertEqual((info.st_mode & 0o170000, info.st_rdev), (0o20000, 0), name)
        self.assertTrue(opaque("etc") and opaque("new") and opaque("back"))
        self.assertFalse(opaque("deep"))
        with open(os.path.join(target, "file")) as file:
            self.assertEqual(file.read(), "written")
        plain, _ = self.unpacked(self.hostile(*members[:2]), "plain")
        self.assertEqual(os.listdir(os.path.join(plain, "etc")), [".wh.gone"])
        for name in (".wh...", ".wh..", ".wh.", "deep/.wh..."):
            self.assert_refused([(name, regular, b"")], "whiteout without a name", options=("--layer",))

    def test_a_whiteout_of_a_folder_that_the_layer_has_anew_without_listing_it(self):
        regular = tarfile.REGTYPE
        members = [(".wh.a", regular, b""), ("a/b/new", regular), ("c/.wh.d", regular, b""), ("c/d/e/new", regular), (".wh.f", regular, b"")]
        target, _ = self.unpacked(self.hostile(*members), "ours", "--layer")
        opaque = lambda name: os.listxattr(os.path.join(target, name)) == ["trusted.overlay.opaque"]
        self.assertTrue(os.path.isfile(os.path.join(target, "a/b/new")) and os.path.isfile(os.path.join(target, "c/d/e/new")))
        self.assertEqual([opaque(name) for name in ("a", "a/b", "c", "c/d", "c/d/e")], [True, False, False, True, False])
        self.assertTrue(stat.S_ISCHR(os.stat(os.path.join(target, "f")).st_mode))

    def lower_layers(self):
        """Two unpacked layers: the upper one takes some of the lower one away."""
        lower, upper = self.folder("lower"), self.folder("upper")
        at = lambda *parts: os.path.join(lower, *parts)
        for name in ("usr/lib/deep", "usr/sbin", "tmp", "opt/real", "var/gone", "shut/real"):
            os.makedirs(at(name))
        for name, target in (("lib", "usr/lib"), ("sbin", "/usr/sbin"), ("up", "../../../../tmp"), ("loop", "loop2"), ("loop2", "loop"),
                             ("twice", "lib/deep"), ("opt/link", "real"), ("var/link", "gone"), ("shut/link", "real"), ("gone", "tmp")):
            os.symlink(target, at(name))
        os.chmod(at("tmp"), 0o1777)
        os.chown(at("usr/lib"), 12, 34)
        os.chmod(at("usr/lib"), 0o2750)
        os.setxattr(at("usr/lib"), "user.kept", b"1")
        os.utime(at("usr/lib"), (1_000_000_000, 1_000_000_000))
        os.chmod(lower, 0o711)
        os.mknod(os.path.join(upper, "gone"), 0o600 | 0o020000, os.makedev(0, 0))
        os.mkdir(os.path.join(upper, "shut"))
        os.setxattr(os.path.join(upper, "shut"), "trusted.overlay.opaque", b"y")
        os.chmod(upper, 0o700)
        return ("--layer", "--below", upper, "--below", lower)

    def test_a_layer_on_others_means_what_their_symlinks_lead_to(self):
        regular = tarfile.REGTYPE
        below = self.lower_layers()
        members = [("lib/new", regular, b"new"), ("lib/.wh.old", regular, b""), ("sbin/x", regular), ("up/y", regular),
                   ("twice/z", regular), ("opt/link/in", regular), ("gone/own", regular), ("shut/link/own", regular)]
        target, _ = self.unpacked(self.hostile(*members), "ours", *below)
        at = lambda *parts: os.path.join(target, *parts)
        for name in ("usr/lib/new", "usr/sbin/x", "tmp/y", "usr/lib/deep/z", "opt/real/in", "gone/own", "shut/link/own"):
            self.assertTrue(os.path.isfile(at(name)), name)
        for name in ("lib", "sbin", "up", "twice", "opt/link"):
            self.assertFalse(os.path.lexists(at(name)), name)
        info = os.stat(at("usr/lib/old"))
        self.assertEqual((info.st_mode & 0o170000, info.st_rdev), (0o020000, 0))
        # Folders that are only passed through are as they were.
        info = os.stat(at("usr/lib"))
        self.assertEqual((info.st_uid, info.st_gid, info.st_mode & 0o7777, int(info.st_mtime)), (12, 34, 0o2750, 1_000_000_000))
        self.assertEqual(os.getxattr(at("usr/lib"), "user.kept"), b"1")
        self.assertEqual(os.stat(at("tmp")).st_mode & 0o7777, 0o1777)
        self.assertEqual(os.stat(at("shut")).st_mode & 0o7777, 0o755)
        self.assertEqual(os.listxattr(at("shut")), [])
        self.assertEqual(os.stat(target).st_mode & 0o7777, 0o700)

    def test_a_layer_on_others_that_has_its_own(self):
        regular, directory, symlink = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE
        below = self.lower_layers()
        # A folder in a symlink's place is one from then on; an opaque one hides the symlinks in it.
        target, _ = self.unpacked(self.hostile(("lib/before", regular), ("lib", directory), ("lib/after", regular),
                                               ("opt/.wh..wh..opq", regular, b""), ("opt/link/in", regular)), "ours", *below)
        for name in ("usr/lib/before", "lib/after", "opt/link/in"):
            self.assertTrue(os.path.isfile(os.path.join(target, name)), name)
        self.assertFalse(os.path.lexists(os.path.join(target, "opt/real")))
        self.assert_refused([("loop/x", regular)], "too many symbolic links", options=below)
        # Its own symlinks are led through by nobody, on whatever it lies.
        self.assert_refused([("mine", symlink, "/etc"), ("mine/x", regular)], "leads through a symbolic link", options=below)


if __name__ == "__main__":
    testing.main()
