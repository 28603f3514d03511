"""Cases of command lines: the life of sessions, and set-up scripts."""

from cases import File
from script_texts import CLEAN, script


def sessions():
    yield script("session-life", "S=alice$ schroot -b -c sid", "alice$ echo $S", "alice$ schroot -r -c $S -d / -- sh -c 'echo kept > /tmp/f'", "alice$ schroot -r -c session:$S -d / -- cat /tmp/f", "alice$ schroot -l --all-sessions", "alice$ schroot -i -c session:$S",
                 "alice$ schroot --config -c session:$S", "alice$ schroot --location -c session:$S", "alice$ test -d $(schroot --location -c session:$S) && echo a folder", "alice$ cat $(schroot --location -c session:$S)/tmp/f", "alice$ schroot -e -c $S",
                 "alice$ schroot -e -c $S", "alice$ schroot -r -c $S -- true")
    for kind in ("sid", "usual", "direct", "bare", "kept", "source:sid", "unstable"):
        yield script("session-of-" + kind.replace(":", "-"), f"S=alice$ schroot -b -c {kind}", "alice$ schroot -i -c session:$S", "alice$ schroot --config -c session:$S", "alice$ schroot --location -c session:$S", "alice$ schroot -l --all-sessions",
                     "alice$ schroot -r -d / -c $S -- sh -c 'cat /etc/debian_chroot; echo; hostname'", "alice$ schroot -r -u root -d / -c $S -- id -u", "alice$ schroot --recover-session -c $S", "alice$ schroot -e -c $S", "alice$ schroot -l --all-sessions", "tree tree", CLEAN)
    yield script("session-places", "alice$ schroot -b -c usual -n job", "root$ ls -ld /var/lib/schroot/session/job | cut -c 1-10", "root$ cat /var/lib/schroot/session/job", "root$ test -d /run/schroot/mount/job/etc && echo mounted", "root$ test -d /var/lib/schroot/mount/job && echo there",
                 "alice$ cat /run/schroot/mount/job/etc/debian_chroot", "alice$ schroot -e -c job", "root$ ls -A /var/lib/schroot/session /run/schroot/mount", CLEAN)
    yield script("session-file-from-the-host", "alice$ schroot -b -c sid -n job", "root$ echo from outside > $(schroot --location -c session:job)/opt/f", "alice$ schroot -r -c job -d / -- cat /opt/f", "alice$ schroot -r -u root -c job -d / -- sh -c 'echo from inside > /opt/g'",
                 "root$ cat $(schroot --location -c session:job)/opt/g", CLEAN)
    yield script("session-end-all", "alice$ schroot -b -c sid -n one", "alice$ schroot -b -c work -n two", "dave$ schroot -b -c sid -n three", "alice$ schroot -e -a", "alice$ schroot -l --all-sessions", "root$ schroot -e --all-sessions", "root$ schroot -l --all-sessions", CLEAN)
    yield script("session-end-several", "alice$ schroot -b -c sid -n one", "alice$ schroot -b -c sid -n two", "alice$ schroot -e -c one -c two -c three", "alice$ schroot -l --all-sessions", CLEAN)
    yield script("session-end-force", "alice$ schroot -b -c sid -n one", "alice$ schroot -e -f -c one", "alice$ schroot --end-session --force -c one", CLEAN)
    yield script("session-end-busy", "alice$ schroot -b -c sid -n one", "alice$ schroot -r -d / -c one -- sleep 4323 & sleep 1; schroot -e -c one; wait; echo $?", CLEAN)
    yield script("session-end-in-a-folder", "alice$ schroot -b -c usual -n one", "alice$ cd $(schroot --location -c session:one)/opt && schroot -e -c one; pwd", CLEAN)
    yield script("session-recover", "alice$ schroot -b -c sid -n one", "alice$ schroot --recover-session -c one", "alice$ schroot --recover-session --all-sessions", "root$ schroot --recover-session -a", "alice$ schroot -r -d / -c one -- echo still", CLEAN)
    yield script("session-named-as-chroot", "alice$ schroot -b -c sid -n work", "alice$ schroot -r -d / -c work -- sh -c 'echo $SCHROOT_CHROOT_NAME $SCHROOT_SESSION_ID'", "alice$ schroot -c work -d / -- sh -c 'echo $SCHROOT_CHROOT_NAME'", "alice$ schroot -i -c work | head -n 2", "alice$ schroot -e -c work", CLEAN)
    yield script("session-definition-gone", "alice$ schroot -b -c sid -n one", "root$ rm /etc/schroot/chroot.d/case.conf", "alice$ schroot -r -d / -c one -- echo still", "alice$ schroot -l -a", "alice$ schroot -i -c session:one | head -n 3", "alice$ schroot -e -c one", CLEAN)
    yield script("session-definition-changed", "alice$ schroot -b -c sid -n one", "root$ sed -i 's/^users=.*/users=bob/; s/^description=.*/description=changed/' /etc/schroot/chroot.d/case.conf", "alice$ schroot -i -c sid | head -n 5", "alice$ schroot -i -c session:one | head -n 6",
                 "alice$ schroot -r -d / -c one -- echo still", "alice$ schroot -b -c sid", "alice$ schroot -e -c one", CLEAN)
    yield script("session-begin-with-a-command", "alice$ schroot -b -c sid -n one -- echo ran", "alice$ schroot -b -u root -c sid -n two", "alice$ schroot -r -d / -c two -- id -u", CLEAN)
    for name, words in {"user": "-o custom.key=second", "root-key": "-o custom.root=second", "fstab": "-o setup.fstab=lone/fstab", "unknown": "-o custom.none=1", "no-dot": "-o nodot=1", "empty": "-o custom.key=", "no-value": "-o custom.key", "two": "-o custom.key=1 -o custom.key=2",
                        "reserved": "-o chroot.name=x", "equals": "-o custom.key=a=b"}.items():
        yield script("option-user-" + name, f"alice$ schroot -b -c kept -n one {words}", "alice$ schroot --config -c session:one | grep custom", f"alice$ schroot -c bare -d / {words} -- true", f"root$ schroot -b -c kept -n two {words}",
                     "root$ schroot --config -c session:two | grep custom", f"root$ schroot -c bare -d / {words} -- true", CLEAN)
    yield script("direct-writes", "alice$ schroot -c direct -d / -u root -- sh -c 'echo w > /opt/w'", "alice$ schroot -c direct -d / -- cat /opt/w", "tree tree2")
    yield script("overlay-writes", "alice$ schroot -c sid -d / -u root -- sh -c 'echo w > /opt/w'", "alice$ schroot -c sid -d / -- cat /opt/w", "tree tree")
    yield script("source-beside-a-session", "alice$ schroot -b -c sid -n one", "alice$ timeout 30 schroot -c source:sid -d / -u root -- sh -c 'echo s > /opt/s'", "alice$ schroot -c sid -d / -- cat /opt/s", CLEAN)
    yield script("list-many", *(f"alice$ schroot -b -c {chroot} -n {name}" for chroot, name in (("sid", "z"), ("work", "a"), ("sid", "M"), ("usual", "0"))), "alice$ schroot -l -a", "alice$ schroot -l --all-sessions", "dave$ schroot -l --all-sessions", "alice$ schroot -i --all-sessions | grep -i '^ *name'", CLEAN)

HOOK = """#!/bin/sh
{ echo "stage $1 $2 uid $(id -u) folder $(pwd) umask $(umask)"; env | grep '^\\(AUTH\\|CHROOT\\|SESSION\\|MOUNT\\|LIBEXEC\\|SYSCONF\\|DATA\\|SETUP\\|VERBOSE\\|PLATFORM\\|CUSTOM\\)' | sort; } >> /tmp/hook
echo "said by the hook"
sleep .3
echo "complained by the hook" >&2
exit ${STATUS:-0}
"""


def hooks():
    for kind, show in {"sid": "cat", "direct": "grep '^stage\\|^CHROOT_'", "bare": "cat", "kept": "grep '^stage\\|^CUSTOM'"}.items():
        yield script("hook-" + kind, f"alice$ schroot -c {kind} -d / -- true", f"root$ {show} /tmp/hook; rm -f /tmp/hook", f"alice$ schroot -b -c {kind} -n one", "alice$ schroot --recover-session -c one", "alice$ schroot -e -c one", f"root$ {show} /tmp/hook; rm -f /tmp/hook", CLEAN,
                     files={"setup.d/90own": File(HOOK, mode=0o755)})
    for stage in ("setup-start", "setup-stop", "setup-recover"):
        failing = HOOK.replace("exit ${STATUS:-0}", f"[ $1 != {stage} ] || exit 3")
        yield script("hook-fails-" + stage, "alice$ schroot -c sid -d / -- echo ran", "alice$ schroot -b -c sid -n one", "alice$ schroot --recover-session -c one", "alice$ schroot -r -d / -c one -- echo ran", "alice$ schroot -e -c one", "alice$ schroot -l --all-sessions", "root$ grep ^stage /tmp/hook; rm -f /tmp/hook", CLEAN,
                     files={"setup.d/90own": File(failing, mode=0o755)})
    yield script("hook-order", "alice$ schroot -c sid -d / -- true", "root$ cat /tmp/order; rm -f /tmp/order", files={f"setup.d/{name}": File(f"#!/bin/sh\necho {name} $1 >> /tmp/order\n", mode=0o755) for name in ("95z", "60own", "99a-b")})
    for name, file in {"not-executable": File(HOOK, mode=0o644), "bad-name": File(HOOK, mode=0o755), "no-interpreter": File("#!/no/such\n", mode=0o755), "group-writable": File(HOOK, mode=0o775)}.items():
        yield script("hook-file-" + name, "alice$ schroot -c sid -d / -- echo ran", "root$ grep ^stage /tmp/hook; rm -f /tmp/hook", files={"setup.d/90own" + (".dpkg-old" if name == "bad-name" else ""): file})
    yield script("hook-link", "alice$ schroot -c sid -d / -- echo ran", "root$ grep ^stage /tmp/hook; rm -f /tmp/hook", files={"setup.d/90own": File(link="../own-hook"), "own-hook": File(HOOK, mode=0o755)})
