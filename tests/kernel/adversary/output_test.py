"""What others wrote is shown with nothing that a terminal obeys, or that makes it look like other text: on every way out."""

import json
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir, "peers", "recovery"))

import stranger  # noqa: E402
import unionroot_testing as testing  # noqa: E402
from recovery_testing import RecoveryTest  # noqa: E402

# C0, DEL, C1, marks of direction, separators, overrides, isolates, tags.
ODD = ("\x1b", "\x07", "\x7f", "\x85", "\x9b", "\u061c", "\u200e", "\u200f", "\u2028", "\u2029", "\u202a", "\u202e", "\u2066",
       "\u2069", "\ufff9", "\U000e0041")
TEXT = "x" + "x".join(ODD) + "x"
SOFT = TEXT[TEXT.index("\x85"):]  # what a definition may have
UNPRINTABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufff9-\ufffb\U000e0000-\U000e007f]")


class OutputTest(RecoveryTest):
    @classmethod
    def prepare(cls):
        machine = cls.machine
        everybody = ",".join((stranger.OWNER, stranger.STRANGER))
        cls.own = os.path.join(machine.place, "own")
        shutil.copytree(cls.tree, cls.own, symlinks=True)
        machine.define_tree("small", cls.own, users=everybody, source_users=everybody, source_root_users=everybody,
                            description="described x" + SOFT)

    def assert_printable(self, what, *texts):
        for text in texts:
            found = UNPRINTABLE.search(text)
            self.assertIsNone(found, f"{what}: {found and hex(ord(found.group()))} in {text!r}")

    def run_odd(self, *arguments, **options):
        """The client's answer, all of which must be printable."""
        result = self.machine.run(*arguments, **options)
        self.assert_printable(" ".join(arguments[:1]), result.out, result.err)
        return result

    def assert_json(self, *arguments):
        """The listing is printable, and a parser has the odd text whole."""
        result = self.run_odd(*arguments, "--json")
        self.assertEqual(result.status, 0, result)
        self.assertIn(SOFT, "\n".join(self.strings(json.loads(result.out))))

    def strings(self, value):
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            for each in value.values():
                yield from self.strings(each)
        elif isinstance(value, list):
            for each in value:
                yield from self.strings(each)

    def test_listings(self):
        self.assertIn("described x", self.run_odd("list", "--chroots").out)
        self.assertIn("described x", self.run_odd("info", "small").out)
        self.assert_json("list", "--chroots")
        self.assert_json("info", "small")

    def test_a_command_and_who_asked_for_it(self):
        self.machine.begin("small", name="odd", user=stranger.OWNER)
        command = self.client("run", "--directory", "/", "odd", "--", "sh", "-c", "echo in; cat; : " + TEXT, user=stranger.OWNER)
        self.line(command, "in")
        self.assertIn("echo in", self.run_odd("info", "odd").out)
        self.run_odd("info", "odd", "--json")
        self.run_odd("list", "--json")
        # Lock files have no command of a client: everybody may read them.
        lasting = self.client("run", "--directory", "/", "small", "--", "sh", "-c", "echo in; cat; : " + TEXT, user=stranger.OWNER)
        self.line(lasting, "in")
        self.assertNotIn("echo in", self.run_odd("locks").out)
        self.run_odd("locks", "--json")
        refused = self.run_odd("lock", "small", "--", "true", TEXT)
        self.assertEqual(refused.status, 125)
        self.assertNotIn("echo in", refused.err)
        refused = self.run_odd("begin", "source:small", user=stranger.STRANGER)
        self.assertEqual(refused.status, 125)
        self.assertNotIn("echo in", refused.err)
        for process in (command, lasting):
            process.stdin.close()
            process.stdin = None
            self.assertEqual(process.wait(testing.PATIENCE), 0)
        self.machine.ok("end", "odd")

    def test_a_change_that_is_named(self):
        holder = self.client("lock", "small", "--", "sh", "-c", "echo runs; cat; : " + TEXT)
        self.line(holder, "runs")
        # Root is told the command, which holds the odd text.
        self.assertIn("unionroot lock", self.run_odd("begin", "small").err)
        self.run_odd("locks")
        holder.stdin.close()
        holder.stdin = None
        self.assertEqual(holder.wait(testing.PATIENCE), 0)

    def test_errors_name_what_was_given(self):
        for arguments in (["run", TEXT], ["run", "--directory", "/" + TEXT, "small"], ["run", "small", "--", "/" + TEXT],
                          ["run", "--user", TEXT, "small"], ["begin", TEXT], ["begin", "--name", TEXT, "small"],
                          ["begin", "--option", TEXT + "=1", "small"], ["end", TEXT], ["info", TEXT], ["location", TEXT],
                          ["recover", TEXT], ["lock", TEXT, "--", "true"], [TEXT], ["--" + TEXT], ["check", "/" + TEXT]):
            with self.subTest(arguments=arguments):
                result = self.run_odd(*arguments, user=None if arguments[0] == "lock" else stranger.STRANGER)
                self.assertNotEqual(result.status, 0, result)
                self.assertTrue(result.err + result.out)

    def test_what_is_wrong_in_a_definition(self):
        path = self.machine.define("wrong", f"[wrong]\ntype={TEXT}\n{TEXT}=1\n[{TEXT}]\n")
        self.addCleanup(os.unlink, path)
        self.assertEqual(self.run_odd("check").status, 1)
        self.assertEqual(self.run_odd("check", "--json").status, 1)
        self.assertTrue(testing.wait_until(lambda: "is broken" in self.run_odd("begin", "wrong").err
                                           or "wrong" in self.run_odd("info", "wrong").err))

    def test_the_log_and_messages_on_the_bus(self):
        """A stranger's own program sends it all; a line end in it begins no line of its own in the log."""
        forged = "x\n2026-01-01 00:00:00.000 error: forged\n<3>forged " + TEXT
        source = """
forged = sys.argv[1]
for call in (lambda: manager.Begin(forged, options()), lambda: manager.Info(forged), lambda: manager.Location(forged),
             lambda: manager.Begin("small", options(name=forged)), lambda: manager.End(forged, options()),
             lambda: manager.Begin("small", options(**{"wait": forged})), lambda: manager.Begin("small", options(**{"x" + forged: 1}))):
    try:
        call()
        say("not refused")
    except dbus.DBusException as error:
        say("refused")
"""
        status, out, err = stranger.run(self.machine, stranger.STRANGER, source, forged)
        self.assertEqual((status, set(out.split("\n"))), (0, {"refused", ""}), err)
        with open(self.machine.log_file, newline="\n", encoding="utf-8", errors="strict") as file:
            log = file.read()
        self.assertIn("forged", log)
        for line in log.split("\n"):
            self.assert_printable("the log", line)
            self.assertFalse(line.startswith(("<3>", "2026-01-01 00:00:00.000")), line)


if __name__ == "__main__":
    testing.main()
