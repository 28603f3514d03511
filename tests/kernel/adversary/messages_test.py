"""Large messages: nobody waits long for what a stranger sends, and the daemon does not keep its memory."""

import os

import raw_bus
import stranger
import unionroot_testing as testing
from unionroot_testing import EndToEndTest, wait_until

OWNER = stranger.OWNER
MIB = 1 << 20
# Nobody waits longer while an attack lasts, on a machine that is busy with other tests.
LIMIT = 60.0
# Of memory, beside what an idle daemon has: sanitizers and the allocator keep some.
ROOM = 48 * MIB



class MessageTest(EndToEndTest):
    @classmethod
    def prepare(cls):
        cls.tree = os.path.join(cls.machine.place, "tree")
        testing.shutil.copytree(testing.small_tree(), cls.tree, symlinks=True)
        cls.machine.define_tree("small", cls.tree, users="nobody," + OWNER)

    def tearDown(self):
        self.assert_nothing_left()

    def assert_memory_given_back(self, before):
        self.assertTrue(wait_until(lambda: self.machine.daemon_memory() < before + ROOM, LIMIT), f"{before} bytes before, {self.machine.daemon_memory()} now")

    def send(self, source, user=stranger.STRANGER):
        status, out, err = stranger.run(self.machine, user, raw_bus.SOURCE + source, timeout=testing.PATIENCE)
        self.assertEqual(status, 0, err)
        return out.split()

    def start(self, source, user=stranger.STRANGER):
        program = stranger.start(self.machine, user, raw_bus.SOURCE + source)
        self.addCleanup(program.communicate)
        self.addCleanup(program.kill)
        return program

    def assert_served(self):
        result = self.machine.run("run", "--directory", "/", "small", "--", "echo", "served", user="nobody", timeout=LIMIT)
        self.assertEqual((result.status, result.out), (0, "served\n"), repr(result))

    def test_unknown_options(self):
        """Two million of them, one that nests deeply, one huge value: reading stops at the first."""
        before = self.machine.daemon_memory()
        program = self.start("""
print("ready", flush=True)
nested = option(b"no", b"v", b"\\1v\\0" * 40 + b"\\1b\\0" + bytes(3 + 4), 1)
for options in (option(b"k", b"b", struct.pack("<I", 1)) * 1300000, option(b"k", b"b", struct.pack("<I", 1)) * 130000, nested,
                option(b"huge", b"ay", array_of(bytes(8 << 20))), option(b"name", b"ay", array_of(bytes(8 << 20)))):
    raw = RawBus()
    raw.send(*MANAGER, "Begin", "sa{sv}", begin(options))
    say(error_of(raw.answer()))
""")
        self.assertEqual(program.stdout.readline(), "ready\n")
        self.assert_served()
        out, err = program.communicate(timeout=testing.PATIENCE)
        self.assertEqual(out.split(), ["InvalidArgument"] * 5, err)
        self.assert_memory_given_back(before)

    def test_messages_that_sd_bus_answers(self):
        before = self.machine.daemon_memory()
        answers = self.send("""
huge = padded(text(b"a"), 4) + text(bytes(b"x" * (8 << 20)))
for path, interface, member, signature, body in (
        ("/org/unionroot1", "org.freedesktop.DBus.Properties", "Set", "ssv",
         padded(padded(text(b"org.unionroot1.Manager"), 4) + text(b"Version"), 1) + b"\\1s\\0" ),
        ("/org/unionroot1", "org.unionroot1.Manager", "Nothing", "ss", huge),
        ("/org/unionroot1", "org.unionroot1.Manager", "ListSessions", "ss", huge),
        ("/org/unionroot1", "org.freedesktop.DBus.Introspectable", "Introspect", "ss", huge),
        ("/org/unionroot1", "org.freedesktop.DBus.Properties", "GetAll", "ss", huge)):
    if member == "Set":
        body = padded(body, 4) + text(b"x" * (8 << 20))
    raw = RawBus()
    raw.send("org.unionroot1", path, interface, member, signature, body)
    say(error_of(raw.answer()))
""")
        self.assertEqual(len(answers), 5)
        self.assertNotIn("none", answers)
        self.assert_served()
        self.assert_memory_given_back(before)

    def test_names_have_a_length(self):
        before = self.machine.daemon_memory()
        answers = self.send("""
for member in ("Info", "Location"):
    raw = RawBus()
    raw.send(*MANAGER, member, "s", text(b"x" * (3 << 20)))
    say(error_of(raw.answer()))
""")
        self.assertEqual(answers, ["InvalidArgument"] * 2)
        self.assert_memory_given_back(before)

    def test_what_requests_keep_until_they_are_answered(self):
        """Each as large as a command may be; they wait for a tree that is not free."""
        holder = self.machine.popen("lock", "small", "--", "sh", "-c", "echo runs; cat", stdin=testing.subprocess.PIPE)
        self.machine.children[holder.pid] = "lock"
        self.assertEqual(holder.stdout.readline(), b"runs\n")
        before = self.machine.daemon_memory()
        program = self.start("""
raws = []
wait = option(b"wait", b"x", struct.pack("<q", 3600000), 8)
for i in range(16):
    raw = RawBus()
    piece = padded(text(b"N=" + b"x" * 1017), 4)
    body = run(b"small", wait + option(b"environment", b"as", array_of(piece * 3500)))
    null = os.open("/dev/null", os.O_RDWR)
    raw.send(*MANAGER, "Run", "sasa{sv}hhh", body, [null] * 3)
    raw.send(*MANAGER, "ListSessions")
    say(error_of(raw.answer()))  # of the one or of the other
    raws.append(raw)
time.sleep(3600)
""", user=OWNER)
        answers = [program.stdout.readline().strip() for _ in range(16)]
        self.assertIn("LimitExceeded", answers)
        self.assertIn("none", answers)  # the first ones wait
        # Four of them may wait; each counts a few times.
        self.assertLess(self.machine.daemon_memory(), before + 160 * MIB)
        program.kill()
        holder.stdin.close()
        self.assertEqual(holder.wait(testing.PATIENCE), 0)
        holder.stdout.close(), holder.stderr.close()
        self.assert_served()
        self.assert_memory_given_back(before)


if __name__ == "__main__":
    testing.main()
