"""The command lines of a user are for that user and root: in Info, in lock files, and in what a refused request is told."""

import json
import os
import subprocess

import unionroot_testing as testing
from stranger import OWNER, STRANGER
from unionroot_testing import EndToEndTest, wait_until

SECRET = "password-7e21"


class Commands(EndToEndTest):
    @classmethod
    def prepare(cls):
        cls.own = os.path.join(cls.machine.place, "own")  # source sessions write into it
        subprocess.run(["cp", "-a", testing.small_tree(), cls.own], check=True)
        both = f"{OWNER},{STRANGER}"
        cls.machine.define_tree("own", cls.own, users=both, source_root_users="root", source_clone="yes")

    def tearDown(self):
        self.assert_nothing_left()

    def start(self, *arguments, user=None):
        """A command that stays until finish(); it has its secret among its arguments."""
        process = self.machine.popen(*arguments, "sh", "-c", "echo in; read x", SECRET, user=user, stdin=subprocess.PIPE)
        self.machine.children[process.pid] = "client"
        self.assertEqual(process.stdout.readline(), b"in\n")
        return process

    def finish(self, process):
        process.communicate(b"\n", timeout=testing.PATIENCE)

    def info(self, name, user):
        return self.machine.ok("info", "--json", name, user=user)

    def lock_files(self):
        folder = os.path.join(self.machine.state, "locks")
        texts = []
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            if os.path.isfile(path) and os.stat(path).st_mode & 0o044:
                with open(path, errors="replace") as file:
                    texts.append(name + "\n" + file.read())
        return "\n".join(texts)

    def test_info_shows_commands_to_owner_and_root(self):
        session = self.machine.begin("own", user=OWNER)
        process = self.start("run", "--directory", "/", session, "--", user=OWNER)
        self.assertIn(SECRET, self.info(session, OWNER))
        self.assertIn(SECRET, self.info(session, None))
        seen = self.info(session, STRANGER)
        self.assertNotIn(SECRET, seen)
        (run,) = json.loads(seen)["runs"]
        self.assertEqual((run["command"], run["user"]), ("", OWNER))
        self.assertGreater(run["pid"], 0)
        self.assertGreater(run["since"], 0)
        self.assertNotIn(SECRET, self.machine.ok("info", session, user=STRANGER))
        self.assertNotIn(SECRET, self.machine.ok("list", "--sessions", "--json", user=STRANGER))
        self.finish(process)
        self.machine.ok("end", session, user=OWNER)

    def test_lock_files_have_no_commands(self):
        automatic = self.start("run", "--directory", "/", "own", "--", user=OWNER)
        texts = self.lock_files()
        self.assertIn(OWNER, texts)
        self.assertNotIn(SECRET, texts)
        self.finish(automatic)
        self.assertTrue(wait_until(lambda: not self.machine.sessions()))
        change = self.start("lock", "own", "--")
        texts = self.lock_files()
        self.assertIn("unionroot lock", texts)
        self.assertNotIn(SECRET, texts)
        self.finish(change)

    def test_a_refused_request_is_told_no_command_of_others(self):
        change = self.start("lock", "own", "--")
        refused = self.machine.run("begin", "own", user=STRANGER)
        self.assert_refused(refused, 125, f"in use by root's `unionroot lock` (pid {change.pid}, since ")
        self.assertNotIn(SECRET, refused.err)
        self.assertIn(SECRET, self.machine.run("begin", "own").err)  # root may know
        self.finish(change)
        session = self.start("run", "--directory", "/", "own", "--", user=OWNER)
        refused = self.machine.run("begin", "source:own")
        self.assert_refused(refused, 125, "in use by session ", f"({OWNER}, since ")
        self.finish(session)
        self.assertTrue(wait_until(lambda: not self.machine.sessions()))

    def test_what_went_wrong_with_a_source_is_told_to_root(self):
        result = self.machine.run("run", "--directory", "/", "source:own", "--", "sh", "-c", "exit 7", SECRET)
        self.assertEqual(result.status, 7)
        self.assertTrue(wait_until(lambda: "source-trouble" in json.loads(self.info("own", None))))
        self.assertIn(SECRET, self.info("own", None))
        seen = json.loads(self.info("own", STRANGER))["source-trouble"]
        self.assertIn("of root did not come to a good end", seen)
        self.assertNotIn(SECRET, seen)
        self.machine.ok("run", "--directory", "/", "source:own", "--", "true")
        self.assertTrue(wait_until(lambda: not self.machine.sessions()))


if __name__ == "__main__":
    testing.main()
