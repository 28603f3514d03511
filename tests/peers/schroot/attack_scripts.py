"""Cases in which a tree's accounts are to make a user root who is on no root list: schroot refuses each, and so must we."""

from cases import Case
from trees import PLACE

TREE = PLACE + "/tree"
DEFINITION = f"""[sid]
type=directory
directory={TREE}
users=alice
union-type=overlay
profile=default
"""
# su of the tree is the real thing: set-uid root. It asks the tree's own files.
SU = f"root$ cp {TREE}/bin/busybox {TREE}/bin/su && chmod 4755 {TREE}/bin/su && ls -l {TREE}/bin/su | cut -c1-10"
BECOME = "alice$ echo %s | schroot -q -c sid -d / -- su -c 'id -u; echo reached'"
# Where nothing guards the accounts, the attack succeeds.
UNGUARDED = f"root$ echo %s | chroot --userspec=2001:2001 {TREE} /bin/su -c 'id -u; echo reached'"
# The password is `known`.
KNOWN = "$1$salt$rIAqHG7Pzjy0.MmOAEovv1"


def replaced(file, text):
    return f"root$ printf %b '{text}' >{TREE}/etc/{file}"


def attack(name, *steps):
    return Case("script/attack-" + name, {"schroot.conf": DEFINITION}, [SU, *steps])


def all_cases():
    return [
        attack("empty-password", replaced("shadow", "root::19000:0:99999:7:::\\n"), UNGUARDED % "''", BECOME % "''"),
        attack("empty-password-in-passwd", replaced("passwd", "root::0:0:root:/root:/bin/sh\\n"), UNGUARDED % "''", BECOME % "''"),
        attack("known-password", replaced("shadow", f"root:{KNOWN}:19000:0:99999:7:::\\n"), UNGUARDED % "known", BECOME % "known"),
        attack("second-root", replaced("passwd", "root:x:0:0::/root:/bin/sh\\ntoor::0:0::/root:/bin/sh\\n"),
               "alice$ schroot -q -c sid -d / -- su toor -c 'id -u; echo reached' </dev/null"),
        attack("callers-number", replaced("passwd", "root:x:0:0::/root:/bin/sh\\nother:x:2001:2001::/:/bin/sh\\n"),
               "alice$ schroot -q -c sid -d / -- id -un", "alice$ schroot -q -c sid -d / -u other -- id -un"),
        attack("callers-name", replaced("passwd", "root:x:0:0::/root:/bin/sh\\nalice:x:0:0::/root:/bin/sh\\n"),
               "alice$ schroot -q -c sid -d / -- id -u", "alice$ schroot -q -c sid -d / -- su alice -c 'id -u; echo reached' </dev/null"),
        attack("callers-group", replaced("group", "root:x:0:alice\\nshadow:x:42:alice\\nalice:x:2001:\\n"),
               "alice$ schroot -q -c sid -d / -- id -G"),
    ]
