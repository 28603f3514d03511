"""personality: what the kernel shows of a command's, for each word that a definition may have."""

import unionroot_testing as testing

# linux/personality.h
WORDS = {"linux": 0, "linux32": 0x8, "linux_32bit": 0x0800000, "bsd": 0x6, "hpux": 0x10, "irix32": 0x4000009,
         "irixn32": 0x400000a, "irix64": 0x400000b, "iscr4": 0x4000005, "osf4": 0xf, "osr5": 0x6000003, "riscos": 0xc,
         "scorvr3": 0x7000003, "solaris": 0x400000d, "sunos": 0x4000006, "svr4": 0x4100001, "uw7": 0x410000e,
         "wysev386": 0x5000004, "xenix": 0x5000007}


class PersonalityTest(testing.EndToEndTest):
    @classmethod
    def prepare(cls):
        tree = testing.small_tree()
        for word in WORDS:
            cls.machine.define_tree("p-" + word.replace("_", "-"), tree, personality=word)
        cls.machine.define_tree("undefined", tree)

    def shown(self, chroot):
        return int(self.machine.ok("run", "--directory", "/", chroot, "--", "cat", "/proc/self/personality"), 16)

    def test_each(self):
        for word, value in WORDS.items():
            with self.subTest(word=word):
                self.assertEqual(hex(self.shown("p-" + word.replace("_", "-"))), hex(value))

    def test_undefined_is_the_daemons_own(self):
        with open(f"/proc/{self.machine.daemon.pid}/personality") as file:
            self.assertEqual(self.shown("undefined"), int(file.read(), 16))


if __name__ == "__main__":
    testing.main()
