"""Cases of command lines: actions, selections and mistakes, who may, environment, folders, statuses, streams, signals, terminals."""

from cases import Case, File
from trees import PLACE

COMMON = f"""[sid]
type=directory
directory={PLACE}/tree
description=unstable
users=alice,dave
groups=builders
root-users=alice
source-root-users=alice
source-users=dave
union-type=overlay
profile=minimal
aliases=unstable,default

[work]
type=directory
directory={PLACE}/tree2
users=alice,carol
root-groups=builders
union-type=overlay
profile=minimal

[bare]
type=plain
directory={PLACE}/tree
users=alice
root-users=alice

[closed]
type=directory
directory={PLACE}/tree
union-type=overlay
profile=minimal

[direct]
type=directory
directory={PLACE}/tree2
users=alice
root-users=alice
profile=minimal

[kept]
type=directory
directory={PLACE}/tree
users=alice
root-users=alice
union-type=overlay
profile=minimal
preserve-environment=true
user-modifiable-keys=custom.key,setup.fstab
root-modifiable-keys=custom.root
custom.key=first

[prefixed]
type=directory
directory={PLACE}/tree
users=alice
union-type=overlay
profile=minimal
command-prefix=eatmydata

[usual]
type=directory
directory={PLACE}/tree
users=alice
root-users=alice
union-type=overlay
profile=default
"""
CLEAN = "root$ schroot -q -e --all-sessions; schroot -l --all-sessions"


def script(name, *steps, files=None, needs=()):
    return Case("script/" + name, {"chroot.d/case.conf": COMMON, **(files or {})}, steps, needs)


ACTIONS = {"list": "-l", "info": "-i", "config": "--config", "location": "--location", "begin": "-b", "run": "-r", "end": "-e",
           "recover": "--recover-session", "automatic": ""}
SELECTIONS = {
    "none": "", "chroot": "-c chroot:sid", "bare-name": "-c sid", "source": "-c source:sid", "session": "-c session:job", "session-bare": "-c job",
    "alias": "-c unstable", "alias-source": "-c source:unstable", "alias-source-name": "-c unstable-source", "plain": "-c bare", "plain-session": "-c session:bare",
    "all": "-a", "all-chroots": "--all-chroots", "all-sessions": "--all-sessions", "all-sources": "--all-source-chroots", "all-and-exclude": "-a --exclude-aliases",
    "unknown": "-c nosuch", "two-unknown": "-c nosuch -c neither", "unknown-session": "-c session:nosuch", "unknown-source": "-c source:bare",
    "namespace": "-c foo:sid", "namespace-empty": "-c :sid", "empty": "-c ''", "blank": "-c 'a b'", "two": "-c sid -c work", "two-kinds": "-c sid -c session:job",
    "twice": "-c sid -c sid", "one-unknown": "-c sid -c nosuch", "slash": "-c ../etc", "closed": "-c closed", "all-and-named": "-a -c sid",
}

WITH_A_SESSION = ("none", "session", "session-bare", "all", "all-sessions", "all-and-exclude", "all-and-named", "two-kinds", "all-chroots")


def actions():
    """Each action with each way to name what it is for."""
    for action, option in ACTIONS.items():
        for selection, words in SELECTIONS.items():
            command = {"run": "-d / -- echo ran", "automatic": "-d / -- echo ran"}.get(action, "")
            if action in ("run", "automatic") and selection == "none":
                command = "-d / -- sh -c 'echo ran in $SCHROOT_CHROOT_NAME'"
            begin = ["alice$ schroot -b -c sid -n job"] if selection in WITH_A_SESSION else []
            yield script(f"action-{action}-{selection}", *begin, f"alice$ schroot {option} {words} {command}".replace("  ", " ").strip(), CLEAN)


def mistakes():
    short = ["-l", "-i", "--config", "--location", "-b", "-r", "-e", "--recover-session"]
    for one, other in zip(short, short[1:] + short[:1]):
        yield script(f"mistake-two-actions{one.strip('-')}-{other.strip('-')}", f"alice$ schroot {one} {other} -c sid", CLEAN)
    yield script("mistake-same-action-twice", "alice$ schroot -l -l", "alice$ schroot -l --list")
    options = {"session-name": "-n job", "directory": "-d /tmp", "shell": "-s /bin/sh", "user": "-u alice", "preserve": "-p", "option": "-o custom.key=v", "force": "-f",
               "quiet": "-q", "verbose": "-v", "both": "-q -v", "exclude-aliases": "--exclude-aliases", "command": "-- true", "debug": "--debug=none"}
    for name, option in options.items():
        yield script("option-everywhere-" + name, *(f"alice$ schroot {action} {selection} {option}".replace("  ", " ") for action, selection in (
            ("-l", ""), ("-i", "-c kept"), ("--config", "-c kept"), ("--location", "-c kept"), ("-b", "-c kept"), ("-r", "-c session:none"), ("-e", "-c session:none"),
            ("--recover-session", "-c session:none"), ("", "-c bare </dev/null"))), CLEAN)
    forms = ["--chroot", "--user", "--directory", "--shell", "--option", "--session-name", "-c", "-u", "-d", "-s", "-o", "-n", "--debug"]
    for option in forms:
        yield script("mistake-no-argument" + option, f"alice$ schroot -b {option}", f"alice$ schroot {option}= -b" if option.startswith("--") else f"alice$ schroot -b {option} ''", CLEAN)
    for word in ("--nosuch", "-Z", "--li=x", "--list=x", "--quiet=1", "--s", "--re", "--all-s", "--", "-", "--chroot=", "-lZ", "--c sid", "--verb", "--e", "--deb=nosuch"):
        yield script("mistake-word-" + word.replace("=", "-is-").replace(" ", "-"), f"alice$ schroot {word} </dev/null", f"alice$ schroot -c bare -d / {word} </dev/null")
    for name in ("a b", "a/b", "", ".a", "-a", "é", "a:b", "session:a", "a" * 300, "a,b", "A_b-c.d", "7"):
        yield script("session-name-" + (name[:12].replace("/", "-slash-").replace(" ", "-blank-") or "empty"), f"alice$ schroot -b -c sid -n '{name}'",
                     f"alice$ schroot -r -d / -c 'session:{name}' -- true", f"alice$ schroot -e -c 'session:{name}'", CLEAN)
    yield script("session-name-taken", "alice$ schroot -b -c sid -n job", "alice$ schroot -b -c sid -n job", "dave$ schroot -b -c sid -n job",
                 "alice$ schroot -b -c sid -n sid", "alice$ schroot -l --all-sessions", "alice$ schroot -r -c sid -d / -- true", "alice$ schroot -e -c sid", CLEAN)
    yield script("session-name-not-at-begin", "alice$ schroot -c sid -n job -- true", "alice$ schroot -l -n job", "alice$ schroot -e -n job -c job")
    yield script("name-of-option-in-positionals", "alice$ schroot -c sid -d / sh -c 'echo one'", "alice$ schroot -c sid -d / id -un", "alice$ schroot -c sid id -u",
                 "alice$ schroot sid", "alice$ schroot -l sid", "alice$ schroot -e job", "alice$ schroot --info sid")


def forms():
    prefixes = {"--list": ["--lis", "--l"], "--info": ["--inf", "--i"], "--config": ["--con", "--co"], "--location": ["--loc", "--lo"], "--begin-session": ["--begin", "--b"],
                "--run-session": ["--run", "--r"], "--end-session": ["--end"], "--recover-session": ["--recover", "--rec"], "--automatic-session": ["--automatic", "--aut"],
                "--version": ["--vers"], "--help": ["--he"]}
    for option, shortened in prefixes.items():
        tail = {"--help": " | head -n 3", "--version": " | head -n 1"}.get(option, "")
        selection = "-c session:job" if option in ("--run-session", "--end-session", "--recover-session") else "-c sid"
        command = " -d / -- echo ran" if option in ("--run-session", "--automatic-session") else ""
        for word in [option, *shortened]:
            begin = ["alice$ schroot -b -c sid -n job"] if "session" in selection else []
            yield script("form-" + word, *begin, f"alice$ schroot {word} {selection}{command}{tail}", *([CLEAN] if begin or "begin" in option else []))
    for name, words in {
            "joined": "-csid -ualice -d/", "equals": "--chroot=sid --user=alice --directory=/", "apart": "--chroot sid --user alice --directory /", "prefix-equals": "--ch=sid --us=alice --dir=/",
            "cluster": "-qpcsid -d /", "cluster-with-value": "-qvcsid -d/", "late": "-d / -q -c sid", "twice-user": "-u bob -u alice -c sid -d /", "twice-directory": "-d /tmp -d / -c sid"}.items():
        yield script("form-" + name, f"alice$ schroot {words} -- sh -c 'id -u; pwd'", f"alice$ schroot {words.replace('sid', 'bare')} id", "alice$ schroot -l --all-sessions")
    yield script("form-help", "alice$ schroot -h", "alice$ schroot --help", "alice$ schroot -h -l", "alice$ schroot -h --nosuch", "alice$ schroot -hV")
    yield script("form-version", "alice$ schroot -V | head -n 1", "alice$ schroot --version | head -n 1", "alice$ schroot -V -c nosuch | head -n 1")
    yield script("form-dchroot", "alice$ schroot -c sid -d / -- --version", "alice$ schroot -c sid -d / -- -x")
    yield script("form-many-words", "alice$ schroot -c sid -d / -- printf '<%s>' a '' 'b c' '*' '$HOME' '\"q\"' \"it's\" -- -c", "alice$ schroot -c sid -d / -- echo $(seq 2000) | wc -c")


def people():
    for caller in ("root", "alice", "bob", "carol", "dave", "homeless", "games", "nobody"):
        for chroot in ("sid", "work", "closed", "bare"):
            yield script(f"people-{caller}-{chroot}", *(f"{caller}$ schroot -c {chroot} -d / {option} -- id" for option in ("", "-u root", *(("-u alice", "-u nosuchuser") if chroot == "bare" else ()))),
                         f"{caller}$ schroot -i -c {chroot} | head -n 6", f"{caller}$ schroot --config -c {chroot} | tail -n +2 | head -n 5",
                         f"{caller}$ schroot --location -c {chroot}", f"{caller}$ schroot -b -n j1 -c {chroot}", "root$ schroot -l --all-sessions", CLEAN)
    for caller in ("root", "bob", "carol", "dave"):
        yield script(f"session-of-another-{caller}", "alice$ schroot -b -c sid -n job", "alice$ schroot -r -d / -c job -- sh -c 'echo mine > /tmp/f'",
                     f"{caller}$ schroot -r -d / -c job -- cat /tmp/f", f"{caller}$ schroot -r -u root -d / -c job -- id -u", f"{caller}$ schroot -r -u alice -d / -c job -- id -u",
                     f"{caller}$ schroot -l --all-sessions", f"{caller}$ schroot -i -c session:job", f"{caller}$ schroot --location -c session:job",
                     f"{caller}$ schroot --recover-session -c job", f"{caller}$ schroot -e -c job", f"{caller}$ schroot -e --all-sessions", "alice$ schroot -r -d / -c job -- cat /tmp/f",
                     f"{caller}$ schroot -b -c sid -n job", CLEAN)
    for user in ("root", "alice", "dave", "bob"):
        yield script(f"source-session-{user}", f"{user}$ schroot -b -c source:sid -n upd", f"{user}$ schroot -r -d / -c upd -- id", f"{user}$ schroot -r -u root -d / -c upd -- sh -c 'echo new > /opt/new; id -u'",
                     f"{user}$ schroot -i -c session:upd", f"{user}$ schroot -e -c upd", "alice$ schroot -c sid -d / -- cat /opt/new", "tree tree", CLEAN)


def environment():
    seen = "-- sh -c 'env | sort | grep -v \"^SHLVL\\|^_=\\|^PWD\\|^OLDPWD\"'"
    cases = {"plain": ("alice", "", "-c sid -d /"), "variables": ("alice", "FOO=bar LD_PRELOAD= IFS=x HOME=/x SHELL=/x USER=x LOGNAME=x PATH=/x TERM=x LANG=C", "-c sid -d /"),
             "kept": ("alice", "FOO=bar IFS=x ENV=x BASH_ENV= LD_LIBRARY_PATH=/x HOME=/x TERM=vt100 LANG=C TERMINFO=/x CDPATH=/", "-p -c sid -d /"), "definition-keeps": ("alice", "FOO=bar TERM=vt100", "-c kept -d /"),
             "root": ("alice", "FOO=bar", "-c sid -d / -u root"), "root-kept": ("alice", "FOO=bar", "-p -c sid -d / -u root"), "of-root": ("root", "FOO=bar PATH=/x:/usr/bin", "-c sid -d /"),
             "of-root-kept": ("root", "FOO=bar PATH=/x:/usr/bin", "-p -c sid -d /"), "root-for-alice": ("root", "FOO=bar", "-c sid -d / -u alice"), "schroot-set": ("alice", "SCHROOT_USER=x SCHROOT_FOO=y SCHROOT_SESSION_ID=z", "-p -c sid -d /"),
             "odd": ("alice", "'A B=c' 'É=é' X= 'Y=a\nb' =z", "-p -c sid -d /"), "shell": ("alice", "", "-s /bin/ash -c sid -d /"), "alias": ("alice", "", "-c unstable -d /"), "namespace": ("alice", "", "-c chroot:sid -d /"),
             "source": ("alice", "", "-c source:sid -d / -u root"), "default": ("alice", "", "-d /"), "plain-chroot": ("alice", "", "-c bare -d /"), "no-terminal-type": ("alice", "-u TERM", "-c sid -d /"),
             "no-path": ("alice", "-u PATH", "-c sid -d /"), "nothing": ("alice", "-i", "-c sid -d /"), "nothing-kept": ("alice", "-i", "-p -c sid -d /"), "no-home": ("homeless", "", "-c sid -d /"),
             "prefixed": ("alice", "", "-c prefixed -d /"), "locale": ("alice", "LC_ALL=de_DE.UTF-8 LANGUAGE=de", "-c sid -d /")}
    for name, (user, variables, words) in cases.items():
        yield script("environment-" + name, f"{user}$ env {variables} /usr/bin/schroot {words} {seen}")
        if name in ("plain", "kept", "root", "of-root-kept", "nothing", "prefixed"):
            yield script(f"environment-{name}-login-shell", f"{user}$ echo 'env | sort | grep -v \"^SHLVL\\|^_=\\|^PWD\\|^OLDPWD\"; echo $0 $-' | env {variables} /usr/bin/schroot {words}")
    yield script("environment-of-a-session", "alice$ schroot -b -c sid -n job", f"alice$ schroot -r -c job -d / {seen}", f"alice$ schroot -r -c session:job -u root -d / {seen}", f"root$ schroot -r -c job -d / {seen}", CLEAN)
    yield script("environment-uuid", "alice$ schroot -c sid -d / -- sh -c 'echo $SCHROOT_SESSION_ID'")
    for kind in ("", "-p "):
        yield script("probe-limits" + kind.strip(), f"probe alice$ ulimit -n 77 -c 0 -t 1000; umask 077; nice -n 7 schroot {kind}-c sid -d /")
    yield script("probe-groups", "group alice$ schroot -c sid -d /", "alice$ schroot -b -c sid -n job", "group alice$ schroot -r -c job -d /", CLEAN)
    yield script("probe-umasks", *(f"alice$ umask {mask}; schroot -c sid -d / -- sh -c umask" for mask in ("022", "0", "077", "027")))
    for name, who in {"alice": "-u alice", "root": "-u root"}.items():
        yield script(f"probe-usual-{name}", f"probe alice$ schroot -c usual -d / {who}", f"probe root$ schroot -c usual -d / {who}")
    yield script("probe-session", "alice$ schroot -b -c usual -n job", "probe alice$ schroot -r -c job -d /", "probe root$ schroot -r -c job -d /", "probe alice$ schroot -r -u root -c job -d /", CLEAN)
    yield script("probe-source", "probe alice$ schroot -c source:sid -d / -u root", "probe dave$ schroot -c source:sid -d /", "tree tree")
    yield script("probe-priorities", "probe root$ nice -n -5 schroot -c sid -d /", "probe root$ ionice -c 3 schroot -c sid -d / -u alice", "probe root$ echo 500 > /proc/self/oom_score_adj; schroot -c sid -d /")
    yield script("probe-personality", "probe alice$ setarch -R schroot -c sid -d /", "probe alice$ setarch i686 schroot -c sid -d /")
    yield script("probe-signals-ignored", "probe alice$ trap '' HUP INT USR1; schroot -c sid -d /")
    yield script("descriptors-closed", "alice$ schroot -c sid -d / -- sh -c 'ls /proc/self/fd | wc -l' <&-", "alice$ schroot -c sid -d / -- sh -c 'echo err >&2' >&-", "alice$ schroot -c sid -d / -- sh -c 'echo out' 2>&-",
                 "alice$ schroot -c sid -d / -- sh -c 'echo more >&9' 9>/dev/null", "alice$ schroot -l >&-")


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
    yield script("stream-background", "alice$ schroot -c sid -d / -- sh -c 'sleep 300 >/dev/null 2>&1 & echo started'", "alice$ schroot -b -c sid -n job", "alice$ schroot -r -c job -d / -- sh -c 'sleep 300 >/dev/null 2>&1 & echo started'",
                 "alice$ schroot -e -c job", CLEAN)
    yield script("stream-two-at-once", "alice$ schroot -b -c sid -n job", "alice$ (schroot -r -d / -c job -- sh -c 'sleep 2; echo first' & schroot -r -d / -c job -- sh -c 'echo second'; wait)", CLEAN)
    yield script("stream-shell-script", "alice$ printf 'echo a\\nexit 5\\n' | schroot -c sid -d /", "alice$ printf 'false\\n' | schroot -c sid -d /", "alice$ schroot -c sid -d / </dev/null", "alice$ printf 'kill -9 $$\\n' | schroot -c sid -d /")
    yield script("stream-verbose", "alice$ schroot -v -c sid -d / -- true", "alice$ schroot -v -b -c sid -n job", "alice$ schroot -v -r -c job -d / -- true", "alice$ echo true | schroot -v -r -c job -d /", "alice$ schroot -v -e -c job", "alice$ schroot -v -c prefixed -d / -- true",
                 "alice$ schroot -v -l", "alice$ schroot -v -i -c nosuch", "alice$ schroot -v -c sid -d / -u root -- true")


STARTED = "until [ -s /tmp/mark ]; do sleep .05; done"
RUNS = "p=$(cat /tmp/mark); t=0; runs() { [ -n \"$(tr -d '\\0' 2>/dev/null </proc/$p/cmdline)\" ]; }; "
ENDED = ["alice$ " + RUNS + "while runs && [ $t -lt 30 ]; do sleep .1; t=$((t+1)); done; runs && echo it runs still || echo it has ended",
         "root$ " + RUNS + "! runs || kill -KILL $p"]


def killed(how, schroot, command="exec sleep 4321", after="$!"):
    """A command of whose process id /tmp/mark tells is started in the background, and then `how`."""
    inner = f"echo $$ > /tmp/mark; {command}"
    return f"alice$ set -m; rm -f /tmp/mark; {schroot} -d / -- sh -c '{inner}' >/tmp/out 2>&1 & {STARTED}; {how}; wait {after} 2>/dev/null; echo $?; cat /tmp/out"


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
echo "complained by the hook" >&2
exit ${STATUS:-0}
"""


def hooks():
    for kind in ("sid", "direct", "bare", "kept"):
        yield script("hook-" + kind, f"alice$ schroot -c {kind} -d / -- true", "root$ cat /tmp/hook; rm -f /tmp/hook", f"alice$ schroot -b -c {kind} -n one", "alice$ schroot --recover-session -c one", "alice$ schroot -e -c one", "root$ cat /tmp/hook; rm -f /tmp/hook", CLEAN,
                     files={"setup.d/90own": File(HOOK, mode=0o755)})
    for stage in ("setup-start", "setup-stop", "setup-recover"):
        failing = HOOK.replace("exit ${STATUS:-0}", f"[ $1 != {stage} ] || exit 3")
        yield script("hook-fails-" + stage, "alice$ schroot -c sid -d / -- echo ran", "alice$ schroot -b -c sid -n one", "alice$ schroot --recover-session -c one", "alice$ schroot -r -d / -c one -- echo ran", "alice$ schroot -e -c one", "alice$ schroot -l --all-sessions", "root$ grep ^stage /tmp/hook; rm -f /tmp/hook", CLEAN,
                     files={"setup.d/90own": File(failing, mode=0o755)})
    yield script("hook-order", "alice$ schroot -c sid -d / -- true", "root$ cat /tmp/order; rm -f /tmp/order", files={f"setup.d/{name}": File(f"#!/bin/sh\necho {name} $1 >> /tmp/order\n", mode=0o755) for name in ("95z", "60own", "99a-b")})
    for name, file in {"not-executable": File(HOOK, mode=0o644), "bad-name": File(HOOK, mode=0o755), "no-interpreter": File("#!/no/such\n", mode=0o755), "group-writable": File(HOOK, mode=0o775)}.items():
        yield script("hook-file-" + name, "alice$ schroot -c sid -d / -- echo ran", "root$ grep ^stage /tmp/hook; rm -f /tmp/hook", files={"setup.d/90own" + (".dpkg-old" if name == "bad-name" else ""): file})
    yield script("hook-link", "alice$ schroot -c sid -d / -- echo ran", "root$ grep ^stage /tmp/hook; rm -f /tmp/hook", files={"setup.d/90own": File(link="../own-hook"), "own-hook": File(HOOK, mode=0o755)})


def all_cases():
    return [*actions(), *mistakes(), *forms(), *people(), *environment(), *folders(), *statuses(), *streams(), *signals(), *terminals(), *sessions(), *hooks()]
