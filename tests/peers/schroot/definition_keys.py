"""Cases of definitions: one key each."""

from cases import WITHOUT_SCRIPTS, Case
from definition_texts import asks, case, overlay, refused, text
from trees import PLACE


def keys():
    for name, value in {"empty": "", "words": "A tree  of two blanks", "equals": "a=b=c", "umlaut": "Bäume", "long": "d" * 3000,
                        "percent": "100 % of $HOME `id`"}.items():
        yield case("description-" + name, overlay(description=value))
    yield Case("definition/description-locale", {"chroot.d/a.conf": text() + "description=plain\ndescription[de]=deutsch\n"},
               asks("x"))
    for name, value in {"one": "y", "several": "z,y,w", "empty": "", "commas": ",y,,z,", "blanks": "y, z", "own": "x",
                        "twice": "y,y", "bad": "a b,c/d", "colon": "chroot:y"}.items():
        ask = refused if name in ("blanks", "bad", "colon") else case
        yield ask("aliases-" + name, overlay(aliases=value), "alice$ schroot -c y -d / -- sh -c 'echo $SCHROOT_ALIAS_NAME'",
                   "alice$ schroot -i -c z", "alice$ schroot -l --exclude-aliases -a")
    yield case("aliases-of-two", overlay(aliases="y") + overlay("z", aliases="y"), "alice$ schroot -c y -d / -- true", names=("x", "z"))
    yield refused("aliases-another-name", overlay(aliases="z") + overlay("z"), names=("x", "z"))
    people = {
        "user": {"users": "alice", "root-users": None}, "user-blank": {"users": "bob, alice", "root-users": None},
        "nobody": {"users": None, "root-users": None}, "empty": {"users": "", "root-users": ""},
        "root-user": {"users": None, "root-users": "alice"}, "group": {"users": None, "root-users": None, "groups": "staff"},
        "root-group": {"users": None, "root-users": None, "root-groups": "staff"},
        "unknown": {"users": "nosuchuser,alice", "root-users": None, "groups": "nosuchgroup"},
        "number": {"users": "2001", "root-users": None}, "primary-group": {"users": None, "root-users": None, "groups": "alice"},
        "other-group": {"users": None, "root-users": None, "groups": "builders"},
    }
    for name, lists in people.items():
        yield case("people-" + name, overlay(**lists), "alice$ schroot -c x -d / -u root -- id -u", "bob$ schroot -c x -d / -- id -un",
                   "alice$ schroot -c x -d / -u bob -- id -un", "dave$ schroot -c x -d / -- id -un",
                   "alice$ schroot -c source:x -d / -- id -un", "root$ schroot -c x -d / -u alice -- id -un")
    for name, lists in {"user": {"source-users": "alice"}, "root-user": {"source-root-users": "alice"},
                        "group": {"source-groups": "staff"}, "root-group": {"source-root-groups": "staff"}}.items():
        yield case("source-" + name, overlay(**lists), "alice$ schroot -c source:x -d / -- id -un", "dave$ schroot -c source:x -d / -- id -un",
                   "alice$ schroot -c source:x -d / -u root -- id -un", "root$ schroot -i -c source:x", "root$ schroot --config -c source:x")
    yield case("source-keys-without-union", text(**{"source-clone": "true", "source-users": "alice"}))
    for value in ("true", "false", "maybe", ""):
        yield case("source-clone-" + (value or "empty"), overlay(**{"source-clone": value, "source-root-users": "alice"}),
                   "alice$ schroot -c source:x -d / -u root -- true")
    for name, value in {"default": None, "one": "^FOO$", "empty": "", "all": ".*", "bad": "(", "many": "^(FOO|BAR_.*)$"}.items():
        yield (refused if name == "bad" else case)("environment-filter-" + name, overlay(**{"environment-filter": value}),
                   "probe alice$ FOO=1 BAR_2=2 LD_X=3 BAZ=4 schroot -p -c x -d /")
    for name, value in {"one": "eatmydata", "list": "env,A=1,eatmydata", "empty": "", "missing": "no-such-program"}.items():
        yield case("command-prefix-" + name, overlay(**{"command-prefix": value}), "alice$ schroot -c x -d / -- echo a 'b  c'",
                   "alice$ schroot -c x -d / -- sh -c 'echo $SCHROOT_COMMAND'", "alice$ echo 'echo in a shell' | schroot -c x -d /")
    for value in ("quiet", "normal", "verbose", "loud", ""):
        if value == "verbose":
            yield Case("definition/message-verbosity-verbose", {"chroot.d/case.conf": overlay(**{"message-verbosity": value})}, [
                *asks("x"), *("alice$ schroot " + words + WITHOUT_SCRIPTS for words in ("-c x -d / -- true", "-q -c x -d / -- true", "-v -c x -d / -- true"))])
            continue
        yield (case if value in ("quiet", "normal") else refused)("message-verbosity-" + (value or "empty"), overlay(**{"message-verbosity": value}), "alice$ schroot -q -c x -d / -- true",
                   "alice$ schroot -v -c x -d / -- true" + WITHOUT_SCRIPTS)
    for value in ("true", "yes", "1", "false", "no", "0", "TRUE", "on", ""):
        yield case("preserve-environment-" + (value or "empty"), overlay(**{"preserve-environment": value}),
                   "probe alice$ FOO=bar schroot -c x -d /")
    for name, value in {"sh": "/bin/sh", "missing": "/bin/nosuchshell", "relative": "sh", "empty": ""}.items():
        yield case("shell-" + name, overlay(shell=value), "alice$ echo 'echo $0 $SHELL' | schroot -c x -d /",
                   "alice$ echo 'echo $0 $SHELL' | schroot -s /bin/ash -c x -d /")
    for name in ("active", "run-setup-scripts", "run-session-scripts", "run-exec-scripts", "priority"):
        for value in ("true", "3"):
            yield case(f"obsolete-{name}-{value}", overlay(**{name: value}))
    for value in ("none", "overlay", "overlayfs", "aufs", "unionfs", "union", ""):
        yield (refused if value in ("union", "") else case)("union-type-" + (value or "empty"), text(union_type=value), tree=value == "none")
    for name, keys_ in {
            "options": {"union-mount-options": "index=off"}, "options-bad": {"union-mount-options": "nosuchoption"},
            "overlay-directory": {"union-overlay-directory": PLACE + "/layers", "union-underlay-directory": PLACE + "/share"},
            "overlay-link": {"union-overlay-directory": PLACE + "/layers-link"},
            "overlay-missing": {"union-overlay-directory": PLACE + "/none"},
            "overlay-relative": {"union-overlay-directory": "layers"},
            "underlay-missing": {"union-underlay-directory": PLACE + "/none"}}.items():
        yield (refused if name == "overlay-relative" else case)("union-" + name, overlay(**keys_))
    yield case("union-type-of-plain", text(type="plain", profile=None, union_type="overlay"))
    yield case("union-keys-without-union", text(**{"union-overlay-directory": PLACE + "/layers"}))
    for name in ("mount-options", "device", "file", "lvm-snapshot-options", "custom-session-cloneable", "btrfs-source-subvolume"):
        yield case("key-of-another-type-" + name, overlay(**{name: "true"}))
    for value in ("linux", "linux32", "linux128", "undefined", "bsd", ""):
        yield (refused if value == "linux128" else case)("personality-" + (value or "empty"), overlay(personality=value), "alice$ schroot -c x -d / -- uname -m")
    for name, value in {"one": "setup.fstab", "two": "setup.fstab,custom.key", "no-dot": "directory", "empty": "", "reserved": "chroot.name",
                        "capital": "Setup.fstab"}.items():
        yield case("modifiable-" + name, overlay(**{"user-modifiable-keys": value, "root-modifiable-keys": value}),
                   "alice$ schroot -o setup.fstab=lone/fstab -c x -d / -- true", "root$ schroot -o custom.key=1 -c x -d / -- true",
                   "alice$ schroot -o setup.fstab=none/fstab -c x -d / -- true")
    for name in ("custom.key", "a.b.c-d", "auth.user", "chroot.name", "session.id", "setup.data.dir", "setup.verbose", "A.b", "a.B", "a..b", ".a"):
        yield case("user-data-" + name, overlay(**{name: "value"}))
    yield refused("key-of-ours", overlay(nss="merge"))
    for name in ("mount-location", "name", "original-name", "selected-name", "mount-device", "file-repack", "nosuchkey"):
        yield (refused if name in ("mount-location", "name") else case)("key-of-sessions-" + name, overlay(**{name: "y"}))
    for name, value in {"config": "minimal/config", "fstab": "lone/fstab", "copyfiles": "default/copyfiles", "nssdatabases": "default/nssdatabases",
                        "services": "dbus"}.items():
        yield case("setup-" + name, overlay(**{"setup." + name: value}), tree=False)
        yield case(f"setup-{name}-empty", overlay(**{"setup." + name: ""}))
        yield (refused if name in ("fstab", "copyfiles", "nssdatabases") else case)(f"setup-{name}-missing", overlay(**{"setup." + name: "none/none"}))
    for name, value in {"missing": "none", "empty": "", "through-above": "../schroot/minimal", "absolute": "/etc/schroot/minimal",
                        "elsewhere": PLACE + "/prof", "elsewhere-relative": "../../srv/corpus/prof"}.items():
        yield case("profile-" + name, overlay(profile=value))
    for name in ("minimal", "default", "desktop", "sbuild", "buildd"):
        yield case("profile-packaged-" + name, overlay(profile=name), root=True,
                   files={} if name != "buildd" else {})
        yield case(f"profile-packaged-{name}-no-union", text(profile=name), tree=True)
    yield case("profile-absent", overlay(profile=None))
    yield refused("script-config-word", overlay(profile=None, **{"script-config": "word"}))
    yield refused("script-config-and-profile", overlay(**{"script-config": "word"}))
