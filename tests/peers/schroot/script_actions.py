"""Cases of command lines: actions, selections, mistakes, and the forms of options."""

from cases import WITHOUT_SCRIPTS
from script_texts import CLEAN, script

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
        yield script("option-everywhere-" + name, *(f"alice$ schroot {action} {selection} {option}".replace("  ", " ") + (WITHOUT_SCRIPTS if (action, name) == ("-b", "verbose") else "") for action, selection in (
            ("-l", ""), ("-i", "-c kept"), ("--config", "-c kept"), ("--location", "-c kept"), ("-b", "-c kept"), ("-r", "-c session:none"), ("-e", "-c session:none"),
            ("--recover-session", "-c session:none"), ("", "-c bare </dev/null"))), CLEAN)
    forms = ["--chroot", "--user", "--directory", "--shell", "--option", "--session-name", "-c", "-u", "-d", "-s", "-o", "-n", "--debug"]
    for option in forms:
        yield script("mistake-no-argument" + option, f"alice$ schroot -b {option}", f"alice$ schroot {option}= -b" if option.startswith("--") else f"alice$ schroot -b {option} ''", CLEAN)
    for word in ("--nosuch", "-Z", "--li=x", "--list=x", "--quiet=1", "--s", "--re", "--all-s", "--", "-", "--chroot=", "-lZ", "--c sid", "--verb", "--e", "--deb=nosuch"):
        yield script("mistake-word-" + word.replace("=", "-is-").replace(" ", "-"), f"alice$ schroot {word} </dev/null" + (WITHOUT_SCRIPTS if word == "--verb" else ""), f"alice$ schroot -c bare -d / {word} </dev/null")
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
