"""Sessions on tarballs: unpacked once and shared, changed by source sessions, through crashes."""

import hashlib
import io
import os
import shutil
import signal
import subprocess
import tarfile

import archives
import unionroot_testing as testing


def digest_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else hashlib.sha256(file.read()).hexdigest()


class TarballTest(archives.ArchiveCase):
    @classmethod
    def prepare(cls):
        cls.tarball = os.path.join(cls.machine.place, "small.tar.gz")
        cls.original = os.path.join(cls.machine.place, "original.tar.gz")
        archives.tar(testing.small_tree(), cls.original)
        with open(os.path.join(testing.small_tree(), "etc/hosts")) as file:
            cls.hosts = file.read().rstrip("\n")
        shutil.copy2(cls.original, cls.tarball)
        cls.define_tarball("ball", cls.tarball, users="nobody", source_users="nobody")

    @classmethod
    def define_tarball(cls, name, path, **keys):
        keys = {"type": "file", "file": path, "profile": "minimal", **keys}
        cls.machine.define(name, text=f"[{name}]\n" + "".join(f"{key.replace('_', '-')}={value}\n" for key, value in keys.items()))

    def setUp(self):
        if digest_of(self.tarball) != digest_of(self.original):
            shutil.copy2(self.original, self.tarball + ".new")
            os.rename(self.tarball + ".new", self.tarball)

    def tearDown(self):
        for session in self.machine.sessions():
            self.machine.run("end", "--force", session["id"])
        self.assert_nothing_left()
        self.assertEqual([name for name in os.listdir(self.machine.place) if name.startswith(".unionroot")], [])

    def test_life_of_a_session(self):
        before = digest_of(self.tarball)
        session = self.machine.begin("ball", "life")
        self.assertEqual(self.machine.inside(session, "sh", "-c", "echo new > /srv/new; cat /etc/hosts; rm /etc/hosts"), self.hosts)
        cached = os.path.join(self.machine.state, "cache", self.cache()[0], "tree")
        self.assertEqual(testing.tree_checksum(cached), testing.tree_checksum(testing.small_tree()))
        self.assertEqual(os.stat(os.path.join(self.machine.state, "cache")).st_mode & 0o777, 0o700)
        self.assertEqual(self.users(), ["life"])
        other = self.machine.begin("ball", "other")
        self.assertEqual(self.machine.inside(other, "ls", "/srv"), "")
        self.machine.ok("end", session)
        self.assertEqual(self.machine.inside(other, "cat", "/etc/hosts"), self.hosts)
        self.machine.ok("end", other)
        self.assert_cache_settles(1)
        self.assertEqual(testing.tree_checksum(cached), testing.tree_checksum(testing.small_tree()))
        self.assertEqual(digest_of(self.tarball), before)
        self.assertEqual(self.machine.inside("ball", "cat", "/etc/hosts"), self.hosts)

    def test_immutable_files_of_a_changed_source_are_told_and_go(self):
        for name, attribute, path in (("file", "+i", "srv/kept"), ("folder", "+i", "srv/closed"), ("log", "+a", "srv/closed-log")):
            with self.subTest(name):
                session = self.machine.begin("source:ball", name)
                self.machine.inside(session, "sh", "-c", "echo new >/srv/kept; mkdir /srv/closed; echo in >/srv/closed/in; echo line >/srv/closed-log")
                place = os.path.join(self.machine.ok("location", session), path)
                done = subprocess.run(["chattr", attribute, place], stderr=subprocess.PIPE, text=True)
                if done.returncode != 0:
                    self.skipTest(f"this file system has no attributes: {done.stderr}")
                self.machine.ok("end", session)
                self.assertIn(f"'{path}' is immutable or append-only (chattr), which archives do not record", self.machine.log())
                self.assert_nothing_left()  # its tree is not in the trash
                self.assertEqual(self.machine.inside("ball", "cat", "/srv/kept", "/srv/closed/in", "/srv/closed-log"), "new\nin\nline")
                shutil.copy2(self.original, self.tarball + ".new")
                os.rename(self.tarball + ".new", self.tarball)
                self.machine.inside("ball", "true")
                self.assert_cache_settles(1)

    def test_two_at_once_on_a_cold_tarball_unpack_it_once(self):
        os.utime(self.tarball)  # cold
        clients = [self.machine.popen("begin", "--name", f"two-{number}", "ball") for number in range(4)]
        for client in clients:
            _, err = client.communicate(timeout=testing.PATIENCE)
            self.assertEqual(client.returncode, 0, err)
        log = self.machine.log()
        entries = [key for key in self.cache() if os.listdir(os.path.join(self.machine.state, "cache", key, "users"))]
        self.assertEqual(len(entries), 1, log)
        self.assertEqual(self.users(), [f"two-{number}" for number in range(4)])
        made = os.stat(os.path.join(self.machine.state, "cache", entries[0], "tree"))
        self.assertEqual(made.st_nlink, os.stat(testing.small_tree()).st_nlink)
        self.machine.ok("end", *[f"two-{number}" for number in range(4)])
        self.assert_cache_settles(1)  # and the old one is gone

    def test_a_tarball_that_changes_is_unpacked_anew_and_the_old_tree_stays_while_it_is_used(self):
        old = self.machine.begin("ball", "old")
        with tarfile.open(self.tarball + ".new", "w:gz") as archive, tarfile.open(self.original) as source:
            for member in source:
                archive.addfile(member, source.extractfile(member) if member.isreg() else None)
            info = tarfile.TarInfo("./etc/new-version")
            archive.addfile(info)
        os.rename(self.tarball + ".new", self.tarball)
        new = self.machine.begin("ball", "new")
        self.assertIn("new-version", self.machine.inside(new, "ls", "/etc"))
        self.assertNotIn("new-version", self.machine.inside(old, "ls", "/etc"))
        # It gets the tree that it began on again, too.
        self.kill_daemon()
        archived = os.path.join(self.machine.runtime, "ns")
        self.assertTrue(os.path.isdir(archived))
        self.machine.start_daemon()
        self.assertNotIn("new-version", self.machine.inside(old, "ls", "/etc"))
        self.assertEqual(self.users(), ["new", "old"])
        self.machine.ok("end", old)
        self.assertTrue(testing.wait_until(lambda: len(self.cache()) == 1), self.cache())
        self.machine.ok("end", new)
        self.assert_cache_settles(1)

    def test_recovery_needs_the_cached_tree_alone(self):
        session = self.machine.begin("ball", "kept")
        self.machine.inside(session, "sh", "-c", "echo mine > /srv/mine")
        self.kill_daemon()
        # As after a reboot: the namespace is gone. And so is the tarball.
        self.machine.lose_mounts(session)
        os.rename(self.tarball, self.tarball + ".away")
        try:
            self.machine.start_daemon()
            testing.wait_until(lambda: self.machine.sessions()[0]["state"] in ("active", "failed"))
            self.assertEqual(self.machine.sessions()[0]["state"], "active", self.machine.log())
            self.assertEqual(self.machine.inside(session, "cat", "/srv/mine"), "mine")
            result = self.machine.run("begin", "ball")
            self.assert_refused(result, 125, "small.tar.gz does not exist")
        finally:
            os.rename(self.tarball + ".away", self.tarball)
        self.machine.ok("end", session)

    def run_into_crash(self, *arguments):
        """The client, again and again until the daemon is there, and then is there no more."""

        def crashed():
            self.machine.run(*arguments)
            return self.machine.daemon.poll() is not None

        if not testing.wait_until(crashed, 30):
            for session in self.machine.sessions():
                self.machine.run("end", "--force", session["id"])
            self.skipTest("this build has no fault points")

    def test_crash_while_unpacking(self):
        for point in (3, 8, 20, 40):
            with self.subTest(point):
                os.utime(self.tarball)
                self.machine.stop_daemon()
                self.machine.start_daemon({"UNIONROOT_CRASH_AT": str(point)}, wait=False)
                self.run_into_crash("begin", "--name", f"crash-{point}", "ball")
                self.machine.daemon = None
                self.machine.start_daemon()
                self.assertEqual([name for name in self.cache() if name.startswith(".unionroot-")], [])
                self.assertEqual(self.machine.sessions(), [])
                self.assert_nothing_left()
                self.machine.begin("ball", f"after-{point}")
                self.assertEqual(self.machine.inside(f"after-{point}", "cat", "/etc/hosts"), self.hosts)
                self.machine.ok("end", f"after-{point}")

    # Changing it

    def test_a_source_session_packs_what_it_changed(self):
        os.chmod(self.tarball, 0o640)
        inode = os.stat(self.tarball).st_ino
        session = self.machine.begin("source:ball", "change")
        self.machine.inside(session, "sh", "-c", "echo added > /srv/added; chown 12:34 /srv/added; chmod 4711 /srv/added; ln /srv/added /srv/link; rm /etc/hosts")
        refused = self.machine.run("begin", "ball")
        self.assert_refused(refused, 125, "change")
        self.assertEqual(os.stat(self.tarball).st_ino, inode)
        self.machine.ok("end", session)
        info = os.stat(self.tarball)
        self.assertEqual((info.st_uid, info.st_gid, info.st_mode & 0o7777), (0, 0, 0o640))
        with tarfile.open(self.tarball, "r:gz") as archive:
            member = archive.getmember("./srv/added")
            self.assertEqual((member.mode, member.uid, member.gid), (0o4711, 12, 34))
            self.assertTrue(archive.getmember("./srv/link").islnk())
            self.assertNotIn("./etc/hosts", archive.getnames())
        self.assertEqual(self.machine.inside("ball", "cat", "/srv/link"), "added")
        self.assert_nothing_left()

    def test_a_source_session_that_fails_to_begin_changes_nothing(self):
        before = digest_of(self.tarball)
        self.define_tarball("nowhere", self.tarball, location="/no/such")
        result = self.machine.run("begin", "source:nowhere")
        self.assert_refused(result, 125, "its location /no/such is not in it")
        self.assert_nothing_left()
        self.assertEqual(digest_of(self.tarball), before)

    def test_what_cannot_be_packed_stays_with_the_failed_session(self):
        session = self.machine.begin("source:ball", "stuck")
        self.machine.inside(session, "sh", "-c", "echo precious > /srv/precious")
        # Somebody replaces the file although the session holds its lock.
        shutil.copy2(self.original, self.tarball + ".new")
        os.rename(self.tarball + ".new", self.tarball)
        before = digest_of(self.tarball)
        result = self.machine.run("end", session)
        self.assert_refused(result, 125, "somebody else has changed it", "the archive is as it was", "/stuck/tree")
        self.assertEqual(digest_of(self.tarball), before)
        (listed,) = self.machine.sessions()
        self.assertEqual(listed["state"], "failed")
        kept = os.path.join(self.machine.state, "sessions", session, "tree")
        with open(os.path.join(kept, "srv/precious")) as file:
            self.assertEqual(file.read(), "precious\n")
        # The way out that the message names.
        os.rename(self.tarball, self.tarball + ".theirs")
        self.machine.ok("end", session)
        with tarfile.open(self.tarball) as archive:
            self.assertIn("./srv/precious", archive.getnames())
        os.unlink(self.tarball + ".theirs")

    def test_an_automatic_one_that_cannot_be_packed_stays_too(self):
        client = self.machine.popen("run", "--directory", "/", "source:ball", "--", "sh", "-c", "echo precious > /srv/precious; echo written; read wait",
                                    stdin=subprocess.PIPE)
        self.assertEqual(client.stdout.readline(), b"written\n")
        (session,) = [one["id"] for one in self.machine.sessions()]
        shutil.copy2(self.original, self.tarball + ".new")
        os.rename(self.tarball + ".new", self.tarball)
        before = digest_of(self.tarball)
        _, err = client.communicate(b"\n", timeout=testing.PATIENCE)
        # The command did well, but what it did is not where it should be.
        self.assertEqual(client.returncode, 125, err)
        for fragment in ("somebody else has changed it", "the archive is as it was", "unionroot end " + session):
            self.assertIn(fragment, err.decode())
        self.assertEqual(digest_of(self.tarball), before)
        self.assertEqual([one["state"] for one in self.machine.sessions()], ["failed"])
        self.assert_refused(self.machine.run("begin", "ball"), 125, session)
        # Over a restart of the daemon too.
        self.kill_daemon()
        self.machine.start_daemon()
        self.assertEqual([one["state"] for one in self.machine.sessions()], ["failed"])
        os.rename(self.tarball, self.tarball + ".theirs")
        self.machine.ok("end", session)
        with tarfile.open(self.tarball) as archive:
            self.assertIn("./srv/precious", archive.getnames())
        os.unlink(self.tarball + ".theirs")
        result = self.machine.run("run", "--directory", "/", "source:ball", "--", "sh", "-c", "exit 7")
        self.assertEqual((result.status, result.err), (7, ""))

    def test_a_source_session_lives_through_a_crash_of_the_daemon(self):
        session = self.machine.begin("source:ball", "lived")
        self.machine.inside(session, "sh", "-c", "echo one > /srv/one")
        self.kill_daemon()
        self.machine.start_daemon()
        testing.wait_until(lambda: self.machine.sessions()[0]["state"] in ("active", "failed"))
        self.machine.inside(session, "sh", "-c", "echo two > /srv/two")
        self.machine.ok("end", session)
        with tarfile.open(self.tarball) as archive:
            self.assertTrue({"./srv/one", "./srv/two"} <= set(archive.getnames()))

    def test_crash_while_packing(self):
        for point in (5, 15, 40, 70):
            with self.subTest(point):
                self.machine.begin("source:ball", f"pack-{point}")
                self.machine.inside(f"pack-{point}", "sh", "-c", f"echo {point} > /srv/point")
                self.machine.stop_daemon()
                self.machine.start_daemon({"UNIONROOT_CRASH_AT": str(point)}, wait=False)
                self.run_into_crash("end", f"pack-{point}")
                self.machine.daemon = None
                with tarfile.open(self.tarball) as archive:
                    self.assertIn("./etc/hostname", archive.getnames())  # whole, the old one or the new one
                self.machine.start_daemon()
                # What end had begun goes on by itself.
                settled = lambda: all(one["state"] in ("active", "failed") for one in self.machine.sessions())
                self.assertTrue(testing.wait_until(settled), self.machine.log())
                if self.machine.sessions():
                    self.machine.ok("end", f"pack-{point}")
                with tarfile.open(self.tarball) as archive:
                    self.assertEqual(archive.extractfile("./srv/point").read(), f"{point}\n".encode())
                self.assert_nothing_left()

    # Throwing it away

    def change(self, name):
        """A source session in which something was written."""
        session = self.machine.begin("source:ball", name)
        self.machine.inside(session, "sh", "-c", "echo mine > /srv/mine")
        return session

    def assert_not_packed(self):
        self.assertEqual(digest_of(self.tarball), digest_of(self.original))

    def packed(self):
        with tarfile.open(self.tarball) as archive:
            return "./srv/mine" in archive.getnames()

    def test_what_was_changed_can_be_thrown_away(self):
        session = self.change("thrown")
        self.machine.ok("end", "--discard", session)
        self.assert_not_packed()
        self.assertEqual(self.machine.sessions(), [])
        self.assertEqual(self.machine.run("prune").out.count("orphan"), 0)
        self.assertNotIn("Source trouble", self.machine.ok("info", "ball"))
        # Of one without a copy everything goes in any case.
        self.machine.ok("end", "--discard", self.machine.begin("ball", "usual"))

    def test_discard_of_what_cannot_be_packed_and_the_message_names_the_ways_out(self):
        session = self.change("stuck")
        shutil.copy2(self.original, self.tarball + ".new")
        os.rename(self.tarball + ".new", self.tarball)
        failed = self.machine.run("end", session)
        self.assert_refused(failed, 125, f"unionroot recover {session}", f"unionroot end {session}", f"unionroot end --discard {session}")
        self.assertNotIn("--force", failed.err)
        self.machine.ok("end", "--discard", session)
        self.assert_not_packed()
        self.assertEqual(self.machine.inside("ball", "cat", "/etc/hosts"), self.hosts)
        self.assert_cache_settles(1)

    def test_what_changed_the_source_itself_cannot_be_thrown_away(self):
        tree = os.path.join(self.machine.place, "tree")
        shutil.copytree(testing.small_tree(), tree, symlinks=True)
        self.machine.define("folder", text=f"[folder]\ntype=directory\ndirectory={tree}\nunion-type=overlay\nprofile=minimal\n")
        session = self.machine.begin("source:folder", "direct")
        self.machine.inside(session, "sh", "-c", "echo mine > /srv/mine")
        self.assert_refused(self.machine.run("end", "--discard", session), 125, "its changes cannot be thrown away", f"unionroot end {session}")
        self.assertEqual([one["state"] for one in self.machine.sessions()], ["active"])
        # Refused with force, too. It is a session as ever then: its end is not one that was forced.
        self.assert_refused(self.machine.run("end", "--force", "--discard", session), 125, "its changes cannot be thrown away")
        self.assertEqual(self.machine.inside(session, "cat", "/srv/mine"), "mine")
        self.machine.ok("end", session)
        self.assertTrue(os.path.exists(os.path.join(tree, "srv/mine")))
        shutil.rmtree(tree)

    def test_a_discard_that_fails_holds_until_the_session_is_recovered(self):
        for recovered in (False, True):
            with self.subTest(recovered=recovered):
                session = self.change("held")
                # A mount point cannot be moved to the trash.
                folder = os.path.join(self.machine.state, "sessions", session)
                subprocess.run(["mount", "--bind", folder, folder], check=True)
                try:
                    self.assert_refused(self.machine.run("end", "--discard", session), 125, "held")
                finally:
                    subprocess.run(["umount", folder], check=True)
                self.assertEqual([one["state"] for one in self.machine.sessions()], ["failed"])
                if recovered:
                    self.machine.ok("recover", session)
                    self.assertEqual(self.machine.inside(session, "cat", "/srv/mine"), "mine")
                self.machine.ok("end", session)
                self.assertEqual(self.packed(), recovered)

    def test_crash_while_throwing_away(self):
        seen = set()
        for point in range(1, 60, 2):
            with self.subTest(point):
                session = self.change(f"away-{point}")
                self.machine.stop_daemon()
                self.machine.start_daemon({"UNIONROOT_CRASH_AT": str(point)}, wait=False)
                self.run_into_crash("end", "--discard", session)
                self.machine.daemon = None
                noted = os.path.exists(os.path.join(self.machine.state, "sessions", session, "discarded"))
                self.machine.start_daemon()
                settled = lambda: all(one["state"] in ("active", "failed") for one in self.machine.sessions())
                self.assertTrue(testing.wait_until(settled), self.machine.log())
                self.assert_not_packed()
                left = [one["state"] for one in self.machine.sessions()]
                seen.add((noted, *left))
                # Where the end was not begun the session is as it was, and the next one packs again.
                if left == ["active"]:
                    self.assertEqual(self.machine.inside(session, "cat", "/srv/mine"), "mine")
                    self.machine.ok("end", session)
                    self.assertTrue(self.packed())
                    self.setUp()
                self.assertIn(left, ([], ["active"]))
                self.assert_nothing_left()
                if left == [] and not noted:
                    break  # the daemon died when all was done
        self.assertTrue({(False, "active"), (True,)} <= seen, seen)

    # Bad input

    def test_bad_tarballs(self):
        place = self.machine.place
        def hostile(name, *members):
            path = os.path.join(place, name)
            with tarfile.open(path, "w") as archive:
                for member, data in members:
                    info = tarfile.TarInfo(member)
                    info.size = len(data)
                    archive.addfile(info, io.BytesIO(data))
            return path

        with open(os.path.join(place, "text.tar"), "w") as file:
            file.write("no archive\n" * 100)
        cases = [
            ("up", hostile("up.tar", ("../../escaped", b"x")), {}, ["member '../../escaped'", "'..'"]),
            ("bomb", hostile("bomb.tar", ("fine", b"x"), ("huge", bytes(3 << 20))), {"unpack_limit": "1M"}, ["member 'huge'", "limit of 1048576 bytes", "unpack-limit"]),
            ("text", os.path.join(place, "text.tar"), {}, ["text.tar"]),
            ("gone", os.path.join(place, "gone.tar"), {}, ["gone.tar does not exist"]),
            ("folder", place, {}, ["is not a regular file"]),
            ("location", self.tarball, {"location": "/bin"}, ["location /bin leads through a symbolic link"]),
        ]
        os.chown(hostile("theirs.tar", ("x", b"")), 65534, 65534)
        cases.append(("theirs", os.path.join(place, "theirs.tar"), {}, ["does not belong to root"]))
        os.chmod(hostile("open.tar", ("x", b"")), 0o666)
        cases.append(("open", os.path.join(place, "open.tar"), {}, ["can be written to by others"]))
        os.mkfifo(os.path.join(place, "pipe"))
        cases.append(("pipe", os.path.join(place, "pipe"), {}, ["is not a regular file"]))
        for name, path, keys, fragments in cases:
            with self.subTest(name):
                self.define_tarball("bad-" + name, path, **keys)
                self.assert_refused(self.machine.run("begin", "bad-" + name), 125, *fragments)
                self.assert_nothing_left()
                self.assertFalse(os.path.exists(os.path.join(self.machine.state, "escaped")))
                self.assertEqual([key for key in self.cache() if key.startswith(".unionroot-")], [])
                # A check does not unpack.
                checked = self.machine.run("check", os.path.join(self.machine.configuration, "chroot.d", f"bad-{name}.conf"))
                self.assertEqual(checked.status, 0 if name in ("up", "bomb", "location") else 1, repr(checked))
                if checked.status == 1:
                    self.assertRegex(checked.out, rf"(?m)^\S*/bad-{name}\.conf:3: file: ")
                    self.assertRegex(checked.out, r"(?m)^0 definitions, 1 problem$")

    def test_check_knows_a_tarball(self):
        """By any of those who make them, and of any kind."""
        made = {"old": ["--format=v7"], "gnu": ["--format=gnu"], "ustar": ["--format=ustar"], "pax": ["--format=pax"], "gz": ["-z"], "bz2": ["-j"],
                "xz": ["-J"], "zst": ["--zstd"]}
        for name, options in made.items():
            with self.subTest(name):
                path = os.path.join(self.machine.place, "known." + name)
                subprocess.run(["tar", "-C", testing.small_tree(), *options, "-cf", path, "etc"], check=True)
                os.chmod(path, 0o644)
                self.define_tarball("known", path)
                self.machine.ok("check", os.path.join(self.machine.configuration, "chroot.d", "known.conf"))
        for name, content, fault in (("empty", b"", "is empty"), ("short", b"x" * 100, "is not a tarball"), ("zeros", bytes(10240), "has no members"),
                                     ("text", b"no archive\n" * 100, "is not a tarball")):
            with self.subTest(name):
                path = os.path.join(self.machine.place, "known." + name)
                with open(path, "wb") as file:
                    file.write(content)
                self.define_tarball("known", path)
                checked = self.machine.run("check", os.path.join(self.machine.configuration, "chroot.d", "known.conf"))
                self.assertEqual(checked.status, 1, repr(checked))
                self.assertIn(f"known.{name}' {fault}", checked.out)
                self.assertEqual(self.machine.run("begin", "known").status, 125)
        os.unlink(os.path.join(self.machine.configuration, "chroot.d", "known.conf"))

    def test_location(self):
        path = os.path.join(self.machine.place, "inner.tar")
        subprocess.run(["tar", "-C", testing.small_tree(), "--transform", "s,^\\.,./some/root,S", "-cf", path, "."], check=True)
        self.define_tarball("inner", path, location="/some/root")
        self.assertEqual(self.machine.inside("inner", "cat", "/etc/hosts"), self.hosts)
        os.unlink(path)  # its tree goes with the next session that ends
        self.assert_nothing_left()

    def test_cancelled_and_nothing_stays(self):
        path = os.path.join(self.machine.place, "slow.tar.xz")
        folder = os.path.join(self.machine.place, "slow")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "random"), "wb") as file:
            file.write(os.urandom(150_000_000))
        subprocess.run(["tar", "-C", folder, "--use-compress-program=xz -0 -T2", "-cf", path, "."], check=True)
        shutil.rmtree(folder)
        self.define_tarball("slow", path)
        client = self.machine.popen("begin", "slow")
        self.assertTrue(testing.wait_until(lambda: any(key.startswith(".unionroot-") for key in self.cache())))
        client.send_signal(signal.SIGINT)
        client.communicate(timeout=testing.PATIENCE)
        self.assertNotEqual(client.returncode, 0)
        gone = testing.wait_until(lambda: not any(key.startswith(".unionroot-") for key in self.cache()) and not self.machine.sessions())
        os.unlink(path)
        self.assertTrue(gone, self.machine.log())
        self.assert_nothing_left()


if __name__ == "__main__":
    testing.main()
