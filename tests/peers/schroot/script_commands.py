"""Cases of command lines: the folder, the status and the streams of a command, its signals and its terminal."""

from cases import WITHOUT_SCRIPTS
from script_texts import CLEAN, script
from trees import PLACE


def folders():
    places = {"root": "/", "tmp": "/tmp", "home": "/home/alice", "only-outside": f"{PLACE}/nothere", "in-tree": "/opt"}
    for name, place in places.items():
        start = f"mkdir -p {place} 2>/dev/null; cd {place} &&"
        first = [f"root$ mkdir -p {PLACE}/nothere"]
        yield script("folder-command-" + name, *first, f"alice$ cd {place}; schroot -c sid -- pwd", f"alice$ cd {place}; schroot -c usual -- pwd", f"root$ cd {place}; schroot -c sid -- pwd",
                     f"alice$ cd {place}; schroot -c sid -u root -- pwd")
        yield script("folder-login-shell-" + name, *first, f"alice$ cd {place}; echo pwd | schroot -c sid", f"alice$ cd {place}; echo pwd | schroot -c usual", f"root$ cd {place}; echo pwd | schroot -c bare",
                     f"alice$ cd {place}; echo pwd | schroot -c bare -u root", f"alice$ cd {place}; echo pwd | HOME=/opt schroot -c bare", f"alice$ cd {place}; echo pwd | HOME=/opt schroot -p -c bare")
        del start
    for name, option in {"there": "-d /opt", "missing": "-d /no/such", "relative": "-d opt", "relative-missing": "-d no/such", "empty": "-d ''", "a-file": "-d /etc/hosts", "closed": "-d /root", "dots": "-d /opt/../tmp",
                         "blank": "-d '/a b'", "long": "-d /" + "x" * 300}.items():
        yield script("folder-option-" + name, f"alice$ schroot -c sid {option} -- pwd", f"alice$ echo pwd | schroot -c bare {option}", f"alice$ schroot -c bare {option} -u root -- pwd", f"alice$ schroot -q -c bare {option} -- pwd",
                     f"alice$ schroot -v -c bare {option} -- pwd")
    yield script("folder-removed", "alice$ mkdir /tmp/gone; cd /tmp/gone; rmdir /tmp/gone; schroot -c sid -- pwd", "alice$ mkdir /tmp/gone; cd /tmp/gone; rmdir /tmp/gone; echo pwd | schroot -c sid")
    yield script("folder-no-home", "homeless$ schroot -c closed -- true", "root$ cd /; echo pwd | schroot -c sid -u homeless", "root$ cd /srv/corpus; echo pwd | schroot -c sid -u homeless")
    yield script("shell-missing", "root$ echo pwd | schroot -c sid -d / -u shellfish", "root$ echo pwd | schroot -c sid -d / -s /bin/none", "root$ echo 'echo $0' | SHELL=/bin/ash schroot -p -c sid -d /",
                 "root$ echo 'echo $0' | SHELL=/bin/ash schroot -c sid -d /", "root$ echo 'echo $0' | schroot -s /bin/ash -p -c sid -d /", "root$ schroot -s /bin/ash -c sid -d / -- sh -c 'echo $SHELL'")


def statuses():
    for status in (0, 1, 2, 7, 100, 124, 125, 126, 127, 128, 129, 130, 137, 143, 200, 254, 255):
        kind = "sid" if status in (0, 1, 7, 125, 127, 137, 255) else "bare"
        yield script(f"status-{status}", f"alice$ schroot -c {kind} -d / -- statuses {status}", f"alice$ schroot -q -c bare -d / -- statuses {status}")
    for signal in (1, 2, 3, 6, 8, 9, 10, 11, 13, 14, 15, 24):
        yield script(f"status-signal-{signal}", f"alice$ ulimit -c 0; schroot -c {'sid' if signal in (9, 15) else 'bare'} -d / -- sh -c 'kill -{signal} $$; sleep 1'", f"alice$ ulimit -c 0; schroot -q -c bare -d / -- sh -c 'kill -{signal} $$; sleep 1'")
    for name, command in {"not-found": "no-such-command", "path-not-found": "/no/such/command a", "not-executable": "not-executable", "not-executable-path": "/usr/bin/not-executable", "folder": "/etc", "no-interpreter": "no-interpreter",
                          "no-format": "no-format", "empty": "''", "relative": "bin/true", "dot": "./bin/true", "slash": "/"}.items():
        yield script("status-exec-" + name, f"alice$ schroot -c sid -d / -- {command}", f"alice$ schroot -c bare -d / -- {command}", f"alice$ schroot -v -c bare -d / -- {command}", f"alice$ schroot -q -c bare -d / -- {command}")
    yield script("status-of-two", "alice$ schroot -c sid -c work -d / -- sh -c 'echo $SCHROOT_CHROOT_NAME; [ $SCHROOT_CHROOT_NAME = sid ]'", "alice$ schroot -c work -c sid -d / -- sh -c 'echo $SCHROOT_CHROOT_NAME; [ $SCHROOT_CHROOT_NAME = sid ]'",
                 "alice$ schroot -a -d / -- sh -c 'echo $SCHROOT_CHROOT_NAME'", "alice$ schroot -c sid -c closed -d / -- true")


def streams():
    yield script("stream-in", "alice$ printf 'a\\nb' | schroot -c sid -d / -- cat", "alice$ seq 100000 | schroot -c sid -d / -- cat | tail -n 1", "alice$ seq 3 | schroot -c sid -d / -- true", "alice$ schroot -c sid -d / -- cat </dev/null",
                 "alice$ (echo one; schroot -c sid -d / -- head -n 1; echo three; cat) < /etc/networks")
    yield script("stream-bytes", "alice$ head -c 300000 /dev/zero | schroot -c sid -d / -- cat | wc -c", "alice$ printf '\\0\\377\\200\\n' | schroot -c sid -d / -- cat | od -c", "alice$ schroot -c sid -d / -- sh -c 'echo out; echo err >&2' 2>/dev/null",
                 "alice$ schroot -c sid -d / -- sh -c 'echo out; echo err >&2' >/dev/null")
    yield script("stream-broken", "alice$ schroot -c sid -d / -- seq 100000 | head -n 1", "alice$ schroot -c sid -d / -- sh -c 'while echo y; do :; done' | head -n 2", "alice$ schroot -l | true")
    yield script("stream-full", "alice$ schroot -l > /dev/full", "alice$ schroot --config > /dev/full", "alice$ schroot -i > /dev/full", "alice$ schroot -c sid -d / -- echo text > /dev/full")
    yield script("stream-background", "alice$ schroot -c usual -d / -- sh -c 'sleep 300 >/dev/null 2>&1 & echo started'", "alice$ schroot -b -c usual -n job", "alice$ schroot -r -c job -d / -- sh -c 'sleep 300 >/dev/null 2>&1 & echo started'",
                 "alice$ schroot -e -c job", CLEAN)
    yield script("stream-two-at-once", "alice$ schroot -b -c sid -n job", "alice$ (schroot -r -d / -c job -- sh -c 'sleep 2; echo first' & schroot -r -d / -c job -- sh -c 'echo second'; wait)", CLEAN)
    yield script("stream-shell-script", "alice$ printf 'echo a\\nexit 5\\n' | schroot -c sid -d /", "alice$ printf 'false\\n' | schroot -c sid -d /", "alice$ schroot -c sid -d / </dev/null", "alice$ printf 'kill -9 $$\\n' | schroot -c sid -d /")
    yield script("stream-verbose", "alice$ schroot -v -c sid -d / -- true", "alice$ schroot -v -b -c sid -n job" + WITHOUT_SCRIPTS, "alice$ schroot -v -r -c job -d / -- true", "alice$ echo true | schroot -v -r -c job -d /", "alice$ schroot -v -e -c job" + WITHOUT_SCRIPTS,
                 "alice$ schroot -v -c prefixed -d / -- true" + WITHOUT_SCRIPTS + " | sort",
                 "alice$ schroot -v -l", "alice$ schroot -v -i -c nosuch", "alice$ schroot -v -c sid -d / -u root -- true" + WITHOUT_SCRIPTS)

# The command runs, and schroot would notice a SIGTERM: before that the signal would end it like any program.
STARTED = "until [ -s /tmp/mark ] && grep -q '^Sig\\(Blk\\|Cgt\\):.*[4-7c-f]...$' /proc/$!/status; do sleep .05; done"

RUNS = "p=$(cat /tmp/mark); t=0; runs() { [ -n \"$(tr -d '\\0' 2>/dev/null </proc/$p/cmdline)\" ]; }; "

ENDED = ["alice$ " + RUNS + "while runs && [ $t -lt 30 ]; do sleep .1; t=$((t+1)); done; runs && echo it runs still || echo it has ended",
         "root$ " + RUNS + "! runs || kill -KILL $p"]


def killed(how, schroot, command="exec sleep 4321", after="$!"):
    """A command of whose process id /tmp/mark tells is started in the background, and then `how`. Whether schroot says that it ends
    at once depends on which of its processes is faster."""
    inner = f"echo $$ > /tmp/mark; {command}"
    return f"alice$ set -m; rm -f /tmp/mark; {schroot} -d / -- sh -c '{inner}' >/tmp/out 2>&1 & {STARTED}; {how}; wait {after} 2>/dev/null; echo $?; sed '/terminating immediately/d' /tmp/out"


def signals():
    for signal in ("TERM", "HUP", "INT", "QUIT", "KILL"):
        yield script(f"signal-client-{signal}", killed(f"kill -{signal} $!", "schroot -c usual"), *ENDED, CLEAN)
        yield script(f"signal-group-{signal}", killed(f"kill -{signal} -$!", "schroot -c usual"), *ENDED, CLEAN)
        yield script(f"signal-session-{signal}", "alice$ schroot -b -c usual -n job", killed(f"kill -{signal} -$!", "schroot -r -c job"), *ENDED,
                     "alice$ schroot -r -c job -d / -- echo still", "alice$ schroot -e -c job", CLEAN)
    yield script("signal-handled", killed("kill -TERM -$!", "schroot -c usual", "trap \"echo handled; exit 9\" TERM; while :; do sleep .1; done"), *ENDED, CLEAN)
    yield script("signal-ignored", killed("kill -TERM -$!", "schroot -c usual", "trap \"\" TERM; sleep 1; echo done; exit 4"), *ENDED, CLEAN)
    yield script("signal-stop", killed("kill -STOP -$!; sleep .5; kill -CONT -$!", "schroot -c usual", "sleep 1; echo done"), CLEAN)
    yield script("signal-timeout", "alice$ timeout 10 schroot -c sid -d / -- sleep 30 >/dev/null 2>&1; echo $?", CLEAN)


def terminals():
    """Keys are typed as `TEXT~KEYS`: when the terminal shows the text."""
    yield script("terminal-test", "terminal alice$ schroot -c usual -d / -- sh -c 'test -t 0 && test -t 1 && test -t 2 && echo a terminal; stty size'", "terminal alice$ schroot -c usual -d / -- sh -c 'test -t 0 || echo no terminal' </dev/null",
                 "terminal alice$ schroot -c usual -d / -- sh -c 'test -t 1 || echo no terminal >&2' >/dev/null", "terminal alice$ schroot -c usual -d / -- sh -c 'test -t 1 && echo a terminal' 2>/dev/null")
    ready = "schroot -c usual -d / -- sh -c 'echo ready;"
    yield script("terminal-typed", f"terminal alice$ ready~hello\\n; hello~\\x04 | {ready} cat'", "terminal alice$ / $~exit 4\\n | schroot -c usual -d / -- sh", f"terminal alice$ ready~\\x03 | {ready} exec sleep 30'", f"terminal alice$ ready~\\x1c | ulimit -c 0; {ready} exec sleep 30'",
                 f"terminal alice$ ready~\\x03 | schroot -c usual -d / -- sh -c 'trap \"echo caught; exit 3\" INT; echo ready; while :; do sleep .1; done'", "terminal alice$ $~exit 5\\n | schroot -c usual -d /")
    yield script("terminal-size", f"terminal alice$ ready~size 20 50 | schroot -c usual -d / -- sh -c 'trap \"stty size; exit\" WINCH; echo ready; while :; do sleep .1; done'")
    yield script("terminal-raw", "terminal alice$ ready~abc | schroot -c usual -d / -- sh -c 'stty raw -echo; echo ready; dd bs=3 count=1 2>/dev/null; echo; stty sane'", "terminal alice$ schroot -c usual -d / -- stty -echo", "terminal alice$ schroot -c usual -d / -- printf 'a\\nb\\tc'")
    yield script("terminal-session", "alice$ schroot -b -c usual -n job", "terminal alice$ / $~exit\\n | schroot -r -c job -d / -- sh", "terminal alice$ schroot -r -c job -d / -- tty | sed 's/[0-9][0-9]*/N/'", CLEAN)
    yield script("terminal-messages", "terminal alice$ schroot -c nosuch", "terminal alice$ schroot -l", "terminal alice$ schroot -c sid -d / -- sh -c 'kill -9 $$'", "terminal alice$ schroot -i -c bare", "terminal alice$ schroot -c sid -d /no/such -- true")
