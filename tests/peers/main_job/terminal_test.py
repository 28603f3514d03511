"""On a terminal, through tmux: a login shell, job control, /dev/tty, resizing, Ctrl-C, sudo."""

import os
import shlex
import shutil
import signal
import tempfile
import unittest

import unionroot_testing as testing
from terminal import TerminalTestCase


def ours(seconds):
    """A time to sleep by which this process's own are known from those of another that runs the same test."""
    return f"{seconds}.{os.getpid()}"


class TerminalTest(TerminalTestCase):
    @classmethod
    def prepare(cls):
        cls.machine.define_tree("small", testing.small_tree(), working_directory="caller")

    def back(self):
        """Waits for the outer shell: what is typed before the command has gone belongs to the command."""
        if not testing.wait_until(lambda: self.screen().endswith("\nouter#"), step=0.1):
            self.fail(f"the outer shell never came back:\n{self.screen()}\n{self.machine.log()}")

    def wait_in_foreground(self, *command):
        """Waits until the terminal is that command's: what is typed earlier goes to the shell."""
        wanted = "\0".join(command).encode() + b"\0"

        def there():
            for pid in testing.descendants(os.getpid()):  # not those of a test that runs beside this one
                try:
                    with open(f"/proc/{pid}/cmdline", "rb") as text:
                        if text.read() != wanted:
                            continue
                    with open(f"/proc/{pid}/stat", "rb") as text:
                        fields = text.read().rpartition(b")")[2].split()
                except OSError:
                    continue  # it has ended
                state, group, terminals_group = fields[0], fields[2], fields[5]  # proc(5): 3, 5 and 8
                if state != b"T" and group == terminals_group:
                    return True
            return False

        if not testing.wait_until(there, step=0.05):
            self.fail(f"{command} was never in the foreground:\n{self.screen()}")

    def unionroot(self, *arguments):
        self.type(shlex.join(self.machine.arguments(*arguments)))

    def shell(self, chroot="small"):
        """A shell in a session, with a prompt that can be waited for."""
        self.unionroot("run", "--directory", "/", chroot, "--", "bash", "--norc", "-i")
        # Typed into the session's own shell once it reads; the two halves keep the echo from matching.
        self.type("PS1='in''ner$ '; echo re''ady")
        self.wait_for("ready")

    def test_a_login_shell(self):
        self.unionroot("run", "small")
        self.type("echo shell=$0; shopt -q login_shell && echo log''in; tty; pwd")
        self.wait_for("shell=-bash")
        self.wait_for("login")
        self.wait_for("/dev/pts/")
        self.type("exit 3")
        self.back()
        self.type("echo status=$?")
        self.wait_for("status=3")

    def test_a_warning_leaves_the_screen_in_order(self):
        elsewhere = tempfile.mkdtemp(dir="/var/tmp")
        self.addCleanup(os.rmdir, elsewhere)
        self.type("cd " + elsewhere)
        self.unionroot("run", "small")
        self.wait_for("falling back to the directory '/root'")
        self.type("echo re''ady; exit")
        self.wait_for("ready")
        self.back()
        self.type("cd /")
        # The shell's prompt begins where a line does.
        self.assertRegex(self.screen(), r"directory '/root'\n\S")

    def test_job_control(self):
        self.shell()
        self.type("sleep " + ours(4711))
        self.wait_in_foreground("sleep", ours(4711))
        self.key("C-z")
        self.wait_for("Stopped")
        self.type("bg; jobs")
        self.wait_for("Running")
        self.type("fg")
        self.wait_in_foreground("sleep", ours(4711))
        self.key("C-c")
        self.type("echo after=$?")
        self.wait_for("after=130")
        self.assertNotIn("no job control", self.screen())
        self.assertNotIn("cannot set terminal process group", self.screen())
        self.type("exit")

    def about(self, file, *command):
        """That file in /proc of the process with that command line, or None."""
        wanted = "\0".join(command).encode() + b"\0"
        for pid in testing.descendants(os.getpid()):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as text:
                    if text.read() != wanted:
                        continue
                with open(f"/proc/{pid}/{file}", "rb") as text:
                    return text.read().decode(errors="replace")
            except OSError:
                continue  # it has ended
        return None

    def state_of(self, *command):
        """The state of the process with that command line (R, S, T ...), or None."""
        stat = self.about("stat", *command)
        return stat.rpartition(")")[2].split()[0] if stat else None

    def wait_for_client(self, *words):
        """Waits until the client takes care of the keyboard's signals: before, Ctrl-Z stops it alone."""
        def ready():
            status = self.about("status", *self.machine.arguments(*words)) or ""
            blocked = [line.split()[1] for line in status.splitlines() if line.startswith("SigBlk:")]
            return bool(blocked) and int(blocked[0], 16) >> (signal.SIGTSTP - 1) & 1

        if not testing.wait_until(ready, step=0.05):
            self.fail(f"the client never blocked SIGTSTP:\n{self.screen()}")

    def wait_for_state(self, states, *command):
        if not testing.wait_until(lambda: (self.state_of(*command) or "gone") in states, step=0.05):
            self.fail(f"{command} is {self.state_of(*command)}, not {states}:\n{self.screen()}")

    def test_ctrl_z_stops_the_command_and_the_client(self):
        words = ["run", "--directory", "/", "small", "--", "sleep", ours(4714)]
        self.unionroot(*words)
        self.wait_in_foreground("sleep", ours(4714))
        self.wait_for_client(*words)
        self.key("C-z")
        self.wait_for("Stopped")
        self.back()
        self.wait_for_state("T", "sleep", ours(4714))
        # The terminal is the shell's meanwhile, in its own mode.
        self.type("stty -a | grep -q ' icanon' && echo coo''ked")
        self.wait_for("cooked")
        self.type("bg")
        self.wait_for_state("RS", "sleep", ours(4714))
        self.type("echo still-he''re")
        self.wait_for("still-here")
        self.type("fg")
        # Ctrl-C before that would be the shell's, which would forget what it has not read by then.
        self.wait_in_foreground(*self.machine.arguments(*words))
        self.wait_in_foreground("sleep", ours(4714))
        for _ in range(100):
            self.key("C-c")
            if testing.wait_until(lambda: self.state_of("sleep", ours(4714)) is None, 0.5):
                break
        self.assertTrue(testing.wait_until(lambda: self.screen().endswith("outer#")), self.screen())  # behind a ^C
        self.type("echo status=$?")
        self.wait_for("status=130")

    def test_ctrl_z_with_a_pipe(self):
        words = ["run", "--directory", "/", "small", "--", "sleep", ours(4715)]
        self.type(shlex.join(self.machine.arguments(*words)) + " | cat")
        self.assertTrue(testing.wait_until(lambda: self.state_of("sleep", ours(4715)) == "S"))
        self.wait_for_client(*words)
        self.key("C-z")
        self.back()
        self.wait_for_state("T", "sleep", ours(4715))
        self.type("bg")
        self.wait_for_state("RS", "sleep", ours(4715))
        self.type("kill %1; wait; echo wa''ited")
        self.wait_for("waited")
        self.assertTrue(testing.wait_until(lambda: self.state_of("sleep", ours(4715)) is None))

    def test_in_the_background_of_its_shell(self):
        line = shlex.join(self.machine.arguments("run", "--directory", "/", "small", "--", "sh", "-c",
                                                 "tty; read line; echo got-$line"))
        self.type(line + " &")
        self.wait_for("/dev/pts/")
        self.type("echo mi''ne")
        self.wait_for("mine")
        self.type("fg")
        # What is typed before the client has the terminal again waits in it.
        self.type("word")
        self.wait_for("got-word")
        self.back()
        self.type(shlex.join(self.machine.arguments("run", "--directory", "/", "small", "--", "sleep", ours(4716))) + " &")
        self.assertTrue(testing.wait_until(lambda: self.state_of("sleep", ours(4716)) == "S"))
        self.type("kill $!; wait $!; echo status=$?")
        self.wait_for("status=143")
        self.assertTrue(testing.wait_until(lambda: self.state_of("sleep", ours(4716)) is None))

    def test_ctrl_c_reaches_the_command_and_not_the_client(self):
        self.unionroot("run", "--directory", "/", "small", "--", "sh", "-c", "trap 'echo caught; exit 5' INT; echo up; "
                       "while :; do sleep 0.1; done")
        self.wait_for("\nup")
        self.key("C-c")
        self.wait_for("caught")
        self.back()
        self.type("echo status=$?")
        self.wait_for("status=5")

    def test_the_controlling_terminal(self):
        self.shell()
        self.type("echo to-the-tty > /dev/tty && test -t 0 && test -t 1 && test -t 2 && echo three-tt''ys")
        self.wait_for("to-the-tty")
        self.wait_for("three-ttys")
        self.type("exit")

    def test_resizing(self):
        self.shell()
        self.type("stty size")
        self.wait_for("30 100")
        self.type("trap 'echo resized: $(stty size)' WINCH; echo tr''apped")
        self.wait_for("trapped")
        resized = self.tmux("resize-window", "-t", "t", "-x", "120", "-y", "40")
        self.assertEqual(resized.returncode, 0, resized.stdout)
        self.type("")
        self.wait_for("resized: 40 120")
        self.type("exit")

    def test_the_terminal_is_as_it_was_afterwards(self):
        self.type("stty -a > /dev/shm/$$.before; echo marked")
        self.wait_for("\nmarked")
        self.back()
        self.shell()
        self.type("stty -echo; exit")
        self.back()
        self.type("stty -a | cmp - /dev/shm/$$.before && echo sa''me; rm /dev/shm/$$.before")
        self.wait_for("same")

    def test_the_client_dies_with_its_terminal(self):
        self.shell()
        self.type("sleep 4324")
        self.assertTrue(testing.wait_until(lambda: any("sleep 4324" in c for c in
                                                       testing.descendants(os.getpid()).values())))
        self.tmux("kill-server")
        self.assertTrue(testing.wait_until(lambda: not any("sleep 4324" in c for c in
                                                           testing.descendants(os.getpid()).values())))

    def test_a_pipe_is_no_terminal(self):
        self.type(shlex.join(self.machine.arguments("run", "--directory", "/", "small", "--", "tty")) + " </dev/null | cat")
        self.wait_for("not a tty")

    def test_input_that_is_no_terminal_ends_on_one_that_is(self):
        for text, answer in (("", "0"), ("a\nb\n", "4"), ("a\nb", "3"), ("x" * 70 + "\n", "71")):
            out = self.machine.ok("run", "--tty", "--directory", "/", "small", "--", "sh", "-c", "stty -echo; wc -c",
                                  input=text)
            self.assertTrue(out.strip().endswith(answer), (text, out))  # behind an echo, perhaps

    def test_sudo(self):
        if shutil.which("sudo") is None:
            self.skipTest("needs sudo")
        machine = self.machine
        session = machine.begin("host")
        try:
            machine.inside(session, "sh", "-c", "echo 'nobody ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/for-the-test; "
                           "chmod 440 /etc/sudoers.d/for-the-test")
            self.unionroot("run", "--user", "nobody", "--directory", "/", session, "--", "sh", "-c",
                           "id -u; sudo id -u; sudo tty")
            self.wait_for("65534\n0\n/dev/pts/")
        finally:
            machine.ok("end", session)
        self.assertFalse(os.path.exists("/etc/sudoers.d/for-the-test"))


if __name__ == "__main__":
    testing.main()
