"""What the journal is told: each begin, run, end, refusal, failure and edit is one line, with fields. The test is the journal."""

import os
import pwd
import re
import select
import shutil
import socket
import struct
import subprocess

import unionroot_testing as testing
from unionroot_testing import EndToEndTest, wait_until

OWNER = "games"
STRANGER = "nobody"
SOCKET = "/run/systemd/journal/socket"


def uid(user):
    return str(pwd.getpwnam(user).pw_uid)


def parse(datagram):
    """The fields of a message of the journal's native protocol."""
    fields = {}
    while datagram:
        line, _, datagram = datagram.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:  # binary: a length of eight bytes, then the value and a newline
            length = struct.unpack("<Q", datagram[:8])[0]
            value, datagram = datagram[8:8 + length], datagram[8 + length + 1:]
        fields[name.decode()] = value.decode()
    return fields


class JournalTest(EndToEndTest):
    has_own_mounts = True

    @classmethod
    def prepare(cls):
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
        os.makedirs(os.path.dirname(SOCKET))
        cls.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        cls.socket.bind(SOCKET)
        cls.received = []
        with open(cls.machine.log_file, "ab") as log:
            facts = os.fstat(log.fileno())
        cls.machine.environment["JOURNAL_STREAM"] = f"{facts.st_dev}:{facts.st_ino}"
        cls.machine.define_tree("small", testing.small_tree(), users=OWNER, root_users=OWNER, profile="minimal",
                                source_root_users="root")
        cls.machine.define_tree("closed", testing.small_tree(), users="root", profile="minimal")

    @classmethod
    def tearDownClass(cls):
        cls.socket.close()
        super().tearDownClass()

    def tearDown(self):
        self.assert_nothing_left()

    def read(self):
        while select.select([self.socket], [], [], 0)[0]:
            self.received.append(parse(self.socket.recv(1 << 20)))
        return self.received

    def events(self, kind, **fields):
        """Those of a kind with these fields (UNIONROOT_...), once there is one."""
        def matching():
            wanted = {"UNIONROOT_" + name.upper(): value for name, value in fields.items()}
            return [each for each in self.read()
                    if each.get("UNIONROOT_EVENT") == kind and all(each.get(n) == v for n, v in wanted.items())]
        wait_until(matching, 60)
        return matching()

    def one(self, kind, **fields):
        found = self.events(kind, **fields)
        self.assertEqual(len(found), 1, f"{kind} {fields}: {found}\nall: {self.received}")
        self.assertEqual(found[0]["SYSLOG_IDENTIFIER"], "unionrootd")
        return found[0]


class Journal(JournalTest):
    def test_session_with_runs(self):
        session = self.machine.begin("small", "kept", user=OWNER)
        begun = self.one("session-begun", session=session)
        self.assertEqual((begun["UNIONROOT_CHROOT"], begun["UNIONROOT_USER"], begun["UNIONROOT_UID"]), ("small", OWNER, uid(OWNER)))
        self.assertEqual(begun["PRIORITY"], "6")
        self.assertEqual(begun["MESSAGE"], f"{OWNER} (uid {uid(OWNER)}) begins session kept on small")
        self.machine.inside(session, "echo", "as\nmyself", user=OWNER)
        run = self.one("run-started", session=session)
        self.assertEqual(run["UNIONROOT_COMMAND"], r"echo as\x0amyself")
        self.assertNotIn("UNIONROOT_RUN_UID", run)
        self.assertEqual(run["PRIORITY"], "6")
        self.assertTrue(run["UNIONROOT_RUN"])
        self.machine.ok("run", "--user", "root", "--directory", "/", session, "--", "echo", "x" * 5000, user=OWNER)
        as_root = self.one("run-started", session=session, run_uid="0")
        self.assertEqual((as_root["UNIONROOT_UID"], as_root["UNIONROOT_RUN_USER"], as_root["PRIORITY"]), (uid(OWNER), "root", "5"))
        self.assertLess(len(as_root["UNIONROOT_COMMAND"]), 300)
        self.assertIn(f"{OWNER} (uid {uid(OWNER)}) runs a command in session kept as root (uid 0): echo xxx", as_root["MESSAGE"])
        self.machine.ok("end", session)
        ended = self.one("session-ended", session=session)
        self.assertEqual((ended["UNIONROOT_UID"], ended["UNIONROOT_USER"]), ("0", "root"))
        self.assertEqual((ended["UNIONROOT_OWNER_UID"], ended["UNIONROOT_OWNER_USER"]), (uid(OWNER), OWNER))
        self.assertEqual(ended["MESSAGE"], f"root (uid 0) ends session kept of {OWNER} (uid {uid(OWNER)}) on small")

    def test_session_for_one_command(self):
        self.machine.inside("small", "echo", "for one", user=OWNER)
        begun = self.one("session-begun", command="echo for one")
        self.assertIn("on small for a command: echo for one", begun["MESSAGE"])
        ended = self.one("session-ended", session=begun["UNIONROOT_SESSION"])
        self.assertEqual(ended["UNIONROOT_UID"], uid(OWNER))
        self.assertEqual([each["UNIONROOT_EVENT"] for each in self.read()
                          if each.get("UNIONROOT_SESSION") == begun["UNIONROOT_SESSION"]], ["session-begun", "session-ended"])

    def test_source(self):
        tree = os.path.join(self.machine.place, "source-tree")
        subprocess.run(["cp", "-aT", testing.small_tree(), tree], check=True)
        self.addCleanup(shutil.rmtree, tree)
        self.machine.define_tree("changed", tree, users=OWNER, source_users="root", profile="minimal")
        self.one("chroot-defined", chroot="changed")
        self.machine.inside("source:changed", "true")
        begun = self.one("session-begun", chroot="changed")
        self.assertEqual(begun["PRIORITY"], "5")
        self.assertIn("on the source of changed", begun["MESSAGE"])

    def test_refusals(self):
        self.assertEqual(self.machine.run("begin", "closed", user=STRANGER).status, 125)
        refused = self.one("request-failed", request="begin", uid=uid(STRANGER), chroot="closed")
        self.assertEqual((refused["UNIONROOT_USER"], refused["UNIONROOT_ERROR"], refused["PRIORITY"]),
                         (STRANGER, "AccessDenied", "4"))
        self.assertIn(f"begin 'closed' of {STRANGER} (uid {uid(STRANGER)}) is refused: ", refused["MESSAGE"])
        session = self.machine.begin("small", "others", user=OWNER)
        self.machine.run("run", "--directory", "/", "session:others", "--", "cat", "/etc/shadow", user=STRANGER)
        refused = self.one("request-failed", request="run", session=session)
        self.assertEqual((refused["UNIONROOT_COMMAND"], refused["UNIONROOT_CHROOT"]), ("cat /etc/shadow", "small"))
        self.machine.run("end", session, user=STRANGER)
        self.assertEqual(self.one("request-failed", request="end", session=session)["UNIONROOT_UID"], uid(STRANGER))
        self.machine.ok("end", session, user=OWNER)
        self.assertEqual(self.machine.run("begin", "no-such", user=STRANGER).status, 125)
        self.assertEqual(self.one("request-failed", chroot="no-such")["PRIORITY"], "6")

    def test_session_that_fails(self):
        tree = os.path.join(self.machine.place, "lost")
        subprocess.run(["cp", "-aT", testing.small_tree(), tree], check=True)
        self.machine.define_tree("lost", tree, users=OWNER, profile="minimal")
        session = self.machine.begin("lost", "lost1", user=OWNER)
        self.machine.stop_daemon()
        self.machine.lose_mounts(session)
        shutil.rmtree(tree)
        self.machine.start_daemon()
        failed = self.one("session-failed", session=session)
        self.assertEqual((failed["PRIORITY"], failed["UNIONROOT_UID"], failed["UNIONROOT_CHROOT"]), ("3", uid(OWNER), "lost"))
        self.assertIn(tree, failed["MESSAGE"])
        self.machine.ok("end", session)

    def test_recovery_and_a_forced_end(self):
        session = self.machine.begin("small", "again", user=OWNER)
        self.machine.stop_daemon()
        self.machine.lose_mounts(session)
        self.machine.start_daemon()
        recovered = self.one("session-recovered", session=session)
        self.assertEqual((recovered["UNIONROOT_CHROOT"], recovered["PRIORITY"]), ("small", "6"))
        self.machine.ok("end", "--force", session, user=OWNER)
        self.assertEqual(self.one("session-ended", session=session)["UNIONROOT_UID"], uid(OWNER))

    def test_requests_that_fail(self):
        session = self.machine.begin("small", "failing", user=OWNER)
        self.machine.run("run", "--user", "no-such-user", "--directory", "/", session, "--", "true", user=OWNER)
        failed = self.one("request-failed", request="run", session=session)
        self.assertEqual((failed["UNIONROOT_UID"], failed["UNIONROOT_COMMAND"]), (uid(OWNER), "true"))
        self.machine.run("recover", session, user=STRANGER)
        self.assertEqual(self.one("request-failed", request="recover", session=session)["UNIONROOT_ERROR"], "AccessDenied")
        self.machine.run("recover", "--accept-source", session, user=OWNER)
        self.assertEqual(self.one("request-failed", request="recover", uid=uid(OWNER))["UNIONROOT_ERROR"], "AccessDenied")
        self.machine.ok("end", session)

    def test_definitions(self):
        self.machine.define_tree("edited", testing.small_tree(), users=OWNER, profile="minimal")
        self.one("chroot-defined", chroot="edited")
        self.machine.define_tree("edited", testing.small_tree(), users=STRANGER, profile="minimal")
        self.assertIn("edited", self.one("chroot-changed", chroot="edited")["MESSAGE"])
        self.machine.define("edited", type="directory", directory="relative", users=OWNER)
        self.assertEqual(self.events("chroot-problem", chroot="edited")[0]["PRIORITY"], "3")
        self.one("chroot-removed", chroot="edited")
        self.assertEqual([each for each in self.read() if each.get("UNIONROOT_CHROOT") == "small"
                          and each["UNIONROOT_EVENT"].startswith("chroot-")], [])


class Flood(JournalTest):
    def test_flood(self):
        for _ in range(35):
            self.machine.run("begin", "closed", user=STRANGER)
        self.machine.run("begin", "closed", user=OWNER)
        self.one("request-failed", uid=uid(OWNER))
        told = len(self.events("request-failed", uid=uid(STRANGER)))
        self.machine.stop_daemon()
        untold = self.one("requests-untold", uid=uid(STRANGER))
        # Two windows, if the requests took longer than one.
        self.assertIn(told, (10, 20, 30))
        self.assertEqual(int(untold["UNIONROOT_COUNT"]), 35 - told)
        self.assertEqual(untold["PRIORITY"], "4")
        self.machine.start_daemon()


class WithoutJournal(EndToEndTest):
    def test_lines(self):
        self.machine.define_tree("small", testing.small_tree(), users=OWNER, profile="minimal")
        self.machine.inside("small", "true", user=OWNER)
        self.assertTrue(wait_until(lambda: re.search(r"info: session small-\S+ of games \(uid \d+\) on small has ended",
                                                     self.machine.log())), self.machine.log())
        self.assertRegex(self.machine.log(), r"info: games \(uid \d+\) begins session small-\S+ on small for a command: true\n")
        self.machine.run("begin", "no-such", user=STRANGER)
        self.assertTrue(wait_until(lambda: "info: begin 'no-such' of nobody" in self.machine.log()), self.machine.log())
        self.assert_nothing_left()


if __name__ == "__main__":
    testing.main()
