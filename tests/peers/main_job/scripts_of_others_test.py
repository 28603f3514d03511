"""What a script sees of errors: their names, as JSON; and the example in README, across a restart of the daemon."""

import json
import os
import re
import subprocess

import unionroot_testing as testing
from unionroot_testing import EndToEndTest

OWNER = "games"
README = os.path.join(os.path.dirname(__file__), "..", "..", "..", "README.md")


class ScriptsOfOthers(EndToEndTest):
    @classmethod
    def prepare(cls):
        cls.machine.define_tree("small", testing.small_tree(), users=OWNER, profile="minimal")
        cls.machine.define_tree("closed", testing.small_tree(), users="root", profile="minimal")

    def tearDown(self):
        self.assert_nothing_left()

    def error(self, status, *arguments, **options):
        """The one error of a call that fails."""
        result = self.machine.run(*arguments, user=OWNER, **options)
        self.assertEqual((result.status, result.out), (status, ""), repr(result))
        self.assertEqual(len(result.err.splitlines()), 1, repr(result))
        whole = json.loads(result.err)
        self.assertEqual(list(whole), ["error"])
        self.assertEqual(sorted(whole["error"]), ["hint", "message", "name"])
        return whole["error"]

    def test_names_of_errors(self):
        refused = self.error(125, "begin", "--json", "closed")
        self.assertEqual(refused["name"], "AccessDenied")
        self.assertTrue(refused["message"].startswith("begin: "), refused)
        self.assertIn("users", refused["hint"])
        self.assertEqual(self.error(125, "--json-errors", "begin", "no-such")["name"], "NoSuchChroot")
        self.assertEqual(self.error(125, "info", "--json", "no-such")["name"], "NoSuchChroot")
        self.assertEqual(self.error(125, "end", "--json-errors", "no-such")["name"], "NoSuchSession")
        self.assertEqual(self.error(125, "list", "--json", "--no-such")["name"], "InvalidArgument")
        self.assertEqual(self.error(125, "--json-errors", "no-such-verb")["name"], "InvalidArgument")

    def test_commands(self):
        run = ("run", "--json-errors", "--directory", "/", "small", "--")
        self.assertEqual(self.error(127, *run, "no-such-program")["name"], "CommandNotFound")
        self.assertEqual(self.error(126, *run, "/etc/passwd")["name"], "CommandNotExecutable")
        # What comes after the name is the command's own.
        self.assertEqual(self.machine.inside("small", "echo", "--json-errors", "--json", user=OWNER), "--json-errors --json")

    def test_errors_of_other_verbs(self):
        self.assertEqual(self.error(125, "recover", "--json-errors", "no-such")["name"], "NoSuchSession")
        self.assertEqual(self.error(125, "location", "--json-errors", "no-such")["name"], "NoSuchSession")
        self.assertEqual(self.error(125, "diff", "--json", "no-such")["name"], "NoSuchSession")
        self.assertEqual(self.error(125, "lock", "--json-errors", "no-such", "--", "true")["name"], "AccessDenied")
        session = self.machine.begin("small", "alike-1", user=OWNER)
        other = self.machine.begin("small", "alike-2", user=OWNER)
        error = self.error(125, "location", "--json-errors", "alike")
        self.assertEqual(error["name"], "InvalidArgument")
        self.assertIn("alike-1, alike-2", error["message"])
        error = self.error(125, "end", "--json-errors", "alike")  # whole ids alone
        self.assertEqual(error["name"], "NoSuchSession")
        self.assertIn("alike-1, alike-2", error["hint"])
        self.assertEqual(self.error(125, "--json-errors", "begin", "--name", session, "small")["name"], "SessionExists")
        self.machine.ok("end", session, other, user=OWNER)

    def test_a_command_that_takes_too_long(self):
        self.assertEqual(self.error(124, "run", "--json-errors", "--timeout", "0.3", "--directory", "/", "small", "--", "sleep", "900")["name"],
                         "TimedOut")

    def test_several(self):
        result = self.machine.run("end", "--json-errors", "one", "two", user=OWNER)
        self.assertEqual([json.loads(line)["error"]["name"] for line in result.err.splitlines()], ["NoSuchSession"] * 2)

    def test_daemon_that_is_not_there(self):
        self.machine.stop_daemon()
        self.assertEqual(self.error(125, "list", "--json")["name"], "Failed")
        self.machine.start_daemon()

    def test_example_of_the_readme(self):
        with open(README) as file:
            example = re.search(r"```python\n(.*?)```", file.read(), re.S).group(1).replace("bookworm", "small")
        script = (example + "\nprint('ended', flush=True)\ninput()\n"
                  "again = unionroot.run('small', ['sh', '-c', 'echo again; exit 3'], directory='/')\nprint((again.out, again.status))\n")
        client = subprocess.Popen(["/usr/bin/python3", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                  env={**os.environ, "PYTHONPATH": os.path.join(os.path.dirname(README), "python"),
                                       "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.machine.bus_socket}"})
        self.machine.children[client.pid] = "example"
        self.assertEqual([client.stdout.readline(), client.stdout.readline()], ["('hello\\n', 7)\n", "ended\n"])
        self.machine.stop_daemon()
        self.machine.start_daemon()
        out, _ = client.communicate("\n", testing.PATIENCE)
        self.assertEqual((client.returncode, out), (0, "('again\\n', 3)\n"))


if __name__ == "__main__":
    testing.main()
