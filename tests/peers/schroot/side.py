"""side.py WHICH RESULTS PATTERN SHARE SHARES all|recorded [MUTANT]: runs the cases whose names match with one program called schroot,
and writes what was seen. Of several shares it takes one; of the cases perhaps only those that were recorded.

WHICH: schroot or unionroot; MUTANT: the name of a front end of mutants.py that is put before it. Run by differential.py: this
process moves into a mount namespace of its own and ends with it.
"""

import os
import pty
import pwd
import re
import select
import shutil
import signal
import subprocess
import sys
import time
import unittest

import cases
import observing
import recordings
import side_world
import skips
import tables
import trees
import unionroot_testing as testing

LIMIT = 60.0


class Side:
    def __init__(self, world):
        self.world = world
        self.variables = {}
        self.case_environment = {}

    # Steps

    def popen(self, user, command, **options):
        entry = pwd.getpwnam(user)
        environment = {**side_world.ENVIRONMENT, "HOME": entry.pw_dir, "USER": user, "LOGNAME": user, "SHELL": entry.pw_shell,
                       **self.variables}
        if user == "root":
            environment["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.Popen(["/bin/bash", "-c", command], env=environment, cwd="/", umask=0o022, start_new_session=True,
                                user=entry.pw_uid, group=entry.pw_gid, extra_groups=os.getgrouplist(user, entry.pw_gid), **options)

    def end(self, process, seconds=LIMIT, input=None):
        """(status, out, err) as text. What takes too long is ended, and says so."""
        try:
            out, err = process.communicate(input, seconds)
            status = str(process.returncode)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            try:
                out, err = process.communicate(timeout=5)
            except subprocess.TimeoutExpired:  # somebody in a session holds its streams
                out, err = b"", b""
            status = "none: it did not end"
        return status, *((text or b"").decode("utf-8", "surrogateescape") for text in (out, err))

    def result(self, status, out, err):
        return [f"? {status}", *cases.lines_of(">", out), *cases.lines_of("!", err)]

    def command(self, variable, user, command):
        status, out, err = self.end(self.popen(user, command))
        if variable:
            self.variables[variable] = out.strip()
        return self.result(status, out, err)

    def probe(self, user, command, relation):
        """COMMAND, which is to start the shell given to it; the machine is looked at while that waits."""
        inner = "-- /bin/sh -c 'echo ready $$ $(pwd -P); read line; exit 3'"
        process = self.popen(user, ("" if ";" in command else "exec ") + f"{command} {inner}", stdin=subprocess.PIPE)
        seen, first = [], b""
        if select.select([process.stdout], [], [], LIMIT)[0]:
            first = process.stdout.readline()
        text = first.decode("utf-8", "surrogateescape")
        if text.startswith("ready "):
            pid, folder = text.split(" ", 2)[1:]
            like = self.popen(user, "exec sleep 60")
            try:
                # As the caller is: once it is no longer the harness.
                testing.wait_until(lambda: os.readlink(f"/proc/{like.pid}/exe").endswith("sleep"), 10)
                seen = ["folder " + folder.strip(), *observing.state(int(pid), like.pid), *observing.environment(int(pid)),
                        *observing.mounts(int(pid), self.world.place)]
                if relation:
                    seen += observing.relation(int(pid), process.pid)
            except (OSError, ValueError) as error:
                seen = [f"could not be looked at: {error}"]
            finally:
                like.kill()
                like.wait()
                like.stdout.close()
                like.stderr.close()
            text = ""
        status, out, err = self.end(process, input=b"\n")
        return self.result(status, text + out, err) + [f"= {cases.shown(cases.alike(line))}" for line in seen]

    def terminal(self, user, keys, command):
        """On a terminal of 33 lines and 77 columns. keys: `TEXT~KEYS`, typed once the text is shown."""
        leader, follower = pty.openpty()
        import fcntl, struct, termios  # noqa: E401
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
        attributes = termios.tcgetattr(follower)
        os.fchown(follower, pwd.getpwnam(user).pw_uid, 5)
        process = self.popen(user, command, stdin=follower, stdout=follower, stderr=follower,
                             preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        seen, typed = b"", list(keys)
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            if select.select([leader], [], [], 0.05)[0]:
                seen += os.read(leader, 65536)
            elif process.poll() is not None:
                break
            elif typed and typed[0].partition("~")[0].encode() in seen:
                key = typed.pop(0).partition("~")[2]
                if key.startswith("size "):
                    rows, columns = map(int, key.split()[1:])
                    fcntl.ioctl(leader, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
                else:
                    os.write(leader, key.encode().decode("unicode_escape").encode())
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        status = process.wait()
        # A shell of busybox asks for the cursor's place if nothing was typed yet.
        seen = seen.replace(b"\x1b[6n", b"")
        same = termios.tcgetattr(follower) == attributes
        os.close(leader)
        os.close(follower)
        return [f"? {status}", *cases.lines_of(">", seen.decode("utf-8", "surrogateescape")),
                f"= the terminal's settings are {'as' if same else 'not as'} before"]

    def step(self, step):
        if step.startswith("tree "):
            return [f"= {cases.shown(line)}" for line in self.trees.changes(step[5:])]
        match = re.match(r"(probe |group |terminal )?(?:(\w+)=)?(\w+)\$ (.*)", step, re.DOTALL)
        kind, variable, user, command = match.groups()
        if kind in ("probe ", "group "):
            return self.probe(user, command, kind == "group ")
        if kind:
            keys, bar, after = command.partition(" | ")
            if not (bar and "~" in keys):
                keys, after = "", command
            return self.terminal(user, keys.split("; ") if keys else [], after)
        return self.command(variable, user, command)

    # Cases

    def lay(self, files):
        """/etc/schroot anew: the packaged profiles and set-up scripts, and the case's files."""
        place = "/etc/schroot"
        for name in os.listdir(place):
            path = os.path.join(place, name)
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
        subprocess.run(["cp", "-aT", self.world.packages + "/etc/schroot", place], check=True)
        for path in ("lone", "chroot.d"):
            os.makedirs(os.path.join(place, path), exist_ok=True)
        side_world.write(place + "/lone/fstab", "/proc /proc none rw,bind 0 0\n")
        side_world.write(place + "/schroot.conf", "")
        for path, file in files.items():
            path = os.path.join(place, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if os.path.lexists(path):
                os.unlink(path)
            if file.folder:
                os.mkdir(path)
            elif file.link is not None:
                os.symlink(file.link, path)
            else:
                with open(path, "wb") as written:
                    written.write(file.text.encode("utf-8", "surrogateescape"))
            if file.link is None:
                os.chmod(path, file.mode)
            os.lchown(path, file.owner, file.owner)

    def run(self, case):
        self.variables = {}
        for name in os.listdir("/tmp"):  # this side's own
            subprocess.run(["rm", "-rf", "--one-file-system", os.path.join("/tmp", name)], check=True)
        self.trees.put(case.needs)
        self.lay(case.files)
        results = [(cases.shown(step), self.step(step)) for step in case.steps]
        left = self.world.tidy()
        if left:
            results.append(("left", [f"= {line}" for line in left]))
        return results


def world_of(which, mutant):
    if which == "schroot":
        return side_world.Real(mutant)
    import our_world
    return our_world.Ours(mutant)


def main():
    which, results, pattern, share, shares, cases_ = sys.argv[1:7]
    recorded = recordings.read() if cases_ == "recorded" else None
    chosen = [case for case in tables.all_cases() if re.search(pattern, case.name) and (recorded is None or case.name in recorded)]
    chosen = chosen[int(share)::int(shares)]
    world = world_of(which, (sys.argv[7:] or [None])[0])
    file = open(results, "w", errors="surrogateescape")
    with open(results + ".place", "w") as note:  # to be removed once this namespace has gone
        note.write(world.place)
    testing.become_subreaper()
    try:
        world.enter()
        world.start()
        side = Side(world)
        side.trees = trees.Trees(world.place + "/store")
        for case in chosen:
            cases.write({case.name: side.run(case)}, file)
            file.flush()
    finally:
        problems = world.close()
    for problem in problems:
        print(problem, file=sys.stderr)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    try:
        main()
    except unittest.SkipTest as reason:
        print(reason, file=sys.stderr)
        sys.exit(skips.STATUS)
