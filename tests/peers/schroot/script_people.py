"""Cases of command lines: who may, and in which environment a command is."""

from script_texts import CLEAN, script


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
