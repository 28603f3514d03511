"""Cases of definitions: one thing of the format or of a key each, seen through what programs ask and through a command."""

from cases import Case, File
from trees import PLACE

TREE = PLACE + "/tree"
USERS = "alice,root"


def text(section="x", **keys):
    """A definition. `union_type="overlay"` is union-type=overlay; keys whose value is None are left out."""
    every = {"type": "directory", "directory": TREE, "users": "alice", "root-users": "alice", "profile": "minimal",
             **{key.replace("_", "-"): value for key, value in keys.items()}}
    return f"[{section}]\n" + "".join(f"{key}={value}\n" for key, value in every.items() if value is not None)


def overlay(section="x", **keys):
    return text(section, **{"union_type": "overlay", **keys})


def asks(*names):
    return ["alice$ schroot --config", "alice$ schroot -i", "alice$ schroot -l", "alice$ schroot --list --all",
            *(f"alice$ schroot --location -c {name}" for name in names)]


def looks(*names, root=True):
    found = []
    for name in names:
        found.append(f"probe alice$ schroot -c {name} -d /")
        if root:
            found.append(f"probe root$ schroot -c {name} -d / -u root")
    return found


def case(name, definition, *more, names=("x",), files=None, needs=(), root=False, tree=False):
    """A case with one file in chroot.d: what is asked of it, a command in each of `names`, more steps."""
    laid = {"chroot.d/case.conf": definition, **(files or {})}
    steps = [*asks(*names), *looks(*names, root=root), *more] + (["tree tree"] if tree else [])
    return Case("definition/" + name, laid, steps, needs)


def types():
    yield case("type-plain", text(type="plain", profile=None), "alice$ schroot -b -c x", "alice$ schroot -r -c x -d / -- id -un",
               "alice$ schroot -e -c x", root=True, tree=True)
    yield case("type-plain-profile", text(type="plain", profile="default"), tree=True)
    yield case("type-absent", text(type=None, profile=None), tree=True)
    yield case("type-directory", text(), root=True, tree=True)
    yield case("type-directory-overlay", overlay(), root=True, tree=True)
    yield case("type-directory-location", text(directory=None, location=TREE))
    yield case("type-directory-and-location", text(location=TREE))
    for kind in trees_tarballs():
        yield case("type-file-" + kind.replace(".", "-"), text(type="file", directory=None, file=f"{PLACE}/tree.{kind}"),
                   needs=[kind], root=kind == "tar")
    yield case("type-file-location", text(type="file", directory=None, file=PLACE + "/tree.tar", location="/usr"), needs=["tar"])
    yield case("type-file-missing", text(type="file", directory=None, file=PLACE + "/none.tar"))
    yield case("type-file-relative", text(type="file", directory=None, file="tree.tar"))
    yield case("type-file-none", text(type="file", directory=None))
    yield case("type-file-no-archive", text(type="file", directory=None, file=PLACE + "/share/MARK"))
    yield case("type-file-union", text(type="file", directory=None, file=PLACE + "/tree.tar", union_type="overlay"), needs=["tar"])
    for union in (None, "overlay", "none"):
        yield case(f"type-loopback-{union}", text(type="loopback", directory=None, file=PLACE + "/tree.image", union_type=union,
                                                  mount_options="-o noatime"), needs=["image"])
    yield case("type-loopback-location", text(type="loopback", directory=None, file=PLACE + "/tree.image", location="/srv"),
               needs=["image"])
    yield case("type-loopback-missing", text(type="loopback", directory=None, file=PLACE + "/none.image"))
    yield case("type-block-device-missing", text(type="block-device", directory=None, device="/dev/nosuchdisk9"))
    yield case("type-block-device-union", text(type="block-device", directory=None, device="/dev/nosuchdisk9", union_type="overlay"))
    yield case("type-block-device-none", text(type="block-device", directory=None))
    yield case("type-lvm-missing", text(type="lvm-snapshot", directory=None, device="/dev/novg/root", **{
        "lvm-snapshot-options": "--size 1G"}))
    yield case("type-lvm-no-options", text(type="lvm-snapshot", directory=None, device="/dev/novg/root"))
    yield case("type-btrfs-missing", text(type="btrfs-snapshot", directory=None, **{
        "btrfs-source-subvolume": PLACE + "/no-subvolume", "btrfs-snapshot-directory": PLACE + "/layers"}))
    yield case("type-btrfs-no-directory", text(type="btrfs-snapshot", directory=None, **{
        "btrfs-source-subvolume": PLACE + "/no-subvolume"}))
    yield case("type-custom", text(type="custom", directory=None))
    yield case("type-custom-keys", text(type="custom", directory=None, **{
        "custom-session-cloneable": "false", "custom-session-purgeable": "true", "custom-source-cloneable": "true"}))
    yield case("type-unknown", text(type="setup"))
    yield case("type-upper-case", text(type="Directory"))
    yield case("type-empty", text(type=""))
    yield case("directory-none", text(directory=None))
    yield case("directory-relative", text(directory="srv/corpus/tree"))
    yield case("directory-empty", text(directory=""))
    yield case("directory-missing", text(directory=PLACE + "/none"))
    yield case("directory-a-file", text(directory=PLACE + "/share/MARK"))
    yield case("directory-a-link", text(directory=PLACE + "/tree-link"))
    yield case("directory-with-dots", text(directory=f"{PLACE}/../corpus/./tree"))
    yield case("directory-with-slashes", text(directory="//srv//corpus/tree/"))


def trees_tarballs():
    import trees
    return trees.Trees.TARBALLS


def keys():
    for name, value in {"empty": "", "words": "A tree  of two blanks", "equals": "a=b=c", "umlaut": "Bäume", "long": "d" * 3000,
                        "percent": "100 % of $HOME `id`"}.items():
        yield case("description-" + name, overlay(description=value))
    yield Case("definition/description-locale", {"chroot.d/a.conf": text() + "description=plain\ndescription[de]=deutsch\n"},
               asks("x"))
    for name, value in {"one": "y", "several": "z,y,w", "empty": "", "commas": ",y,,z,", "blanks": "y, z", "own": "x",
                        "twice": "y,y", "bad": "a b,c/d", "colon": "chroot:y"}.items():
        yield case("aliases-" + name, overlay(aliases=value), "alice$ schroot -c y -d / -- sh -c 'echo $SCHROOT_ALIAS_NAME'",
                   "alice$ schroot -i -c z", "alice$ schroot -l --exclude-aliases -a")
    yield case("aliases-of-two", overlay(aliases="y") + overlay("z", aliases="y"), "alice$ schroot -c y -d / -- true", names=("x", "z"))
    yield case("aliases-another-name", overlay(aliases="z") + overlay("z"), names=("x", "z"))
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
    for value in ("true", "false", "maybe", ""):
        yield case("source-clone-" + (value or "empty"), overlay(**{"source-clone": value, "source-root-users": "alice"}),
                   "alice$ schroot -c source:x -d / -u root -- true")
    for name, value in {"default": None, "one": "^FOO$", "empty": "", "all": ".*", "bad": "(", "many": "^(FOO|BAR_.*)$"}.items():
        yield case("environment-filter-" + name, overlay(**{"environment-filter": value}),
                   "probe alice$ FOO=1 BAR_2=2 LD_X=3 BAZ=4 schroot -p -c x -d /")
    for name, value in {"one": "eatmydata", "list": "env,A=1,eatmydata", "empty": "", "missing": "no-such-program"}.items():
        yield case("command-prefix-" + name, overlay(**{"command-prefix": value}), "alice$ schroot -c x -d / -- echo a 'b  c'",
                   "alice$ schroot -c x -d / -- sh -c 'echo $SCHROOT_COMMAND'", "alice$ echo 'echo in a shell' | schroot -c x -d /")
    for value in ("quiet", "normal", "verbose", "loud", ""):
        yield case("message-verbosity-" + (value or "empty"), overlay(**{"message-verbosity": value}), "alice$ schroot -q -c x -d / -- true",
                   "alice$ schroot -v -c x -d / -- true")
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
        yield case("union-type-" + (value or "empty"), text(union_type=value), tree=value in ("none", ""))
    for name, keys_ in {
            "options": {"union-mount-options": "index=off"}, "options-bad": {"union-mount-options": "nosuchoption"},
            "overlay-directory": {"union-overlay-directory": PLACE + "/layers", "union-underlay-directory": PLACE + "/share"},
            "overlay-link": {"union-overlay-directory": PLACE + "/layers-link"},
            "overlay-missing": {"union-overlay-directory": PLACE + "/none"},
            "overlay-relative": {"union-overlay-directory": "layers"},
            "underlay-missing": {"union-underlay-directory": PLACE + "/none"}}.items():
        yield case("union-" + name, overlay(**keys_))
    yield case("union-keys-without-union", text(**{"union-overlay-directory": PLACE + "/layers"}))
    for name in ("mount-options", "device", "file", "lvm-snapshot-options", "custom-session-cloneable", "btrfs-source-subvolume"):
        yield case("key-of-another-type-" + name, overlay(**{name: "true"}))
    for value in ("linux", "linux32", "linux128", "undefined", "bsd", ""):
        yield case("personality-" + (value or "empty"), overlay(personality=value), "alice$ schroot -c x -d / -- uname -m")
    for name, value in {"one": "setup.fstab", "two": "setup.fstab,custom.key", "no-dot": "directory", "empty": "", "reserved": "chroot.name",
                        "capital": "Setup.fstab"}.items():
        yield case("modifiable-" + name, overlay(**{"user-modifiable-keys": value, "root-modifiable-keys": value}),
                   "alice$ schroot -o setup.fstab=lone/fstab -c x -d / -- true", "root$ schroot -o custom.key=1 -c x -d / -- true",
                   "alice$ schroot -o setup.fstab=none/fstab -c x -d / -- true")
    for name in ("custom.key", "a.b.c-d", "auth.user", "chroot.name", "session.id", "setup.data.dir", "setup.verbose", "A.b", "a.B", "a..b", ".a"):
        yield case("user-data-" + name, overlay(**{name: "value"}))
    for name in ("mount-location", "name", "original-name", "selected-name", "mount-device", "file-repack", "nosuchkey"):
        yield case("key-of-sessions-" + name, overlay(**{name: "y"}))
    for name, value in {"config": "minimal/config", "fstab": "lone/fstab", "copyfiles": "default/copyfiles", "nssdatabases": "default/nssdatabases",
                        "services": "dbus"}.items():
        yield case("setup-" + name, overlay(**{"setup." + name: value}), tree=False)
        yield case(f"setup-{name}-empty", overlay(**{"setup." + name: ""}))
        yield case(f"setup-{name}-missing", overlay(**{"setup." + name: "none/none"}))
    for name, value in {"missing": "none", "empty": "", "through-above": "../schroot/minimal", "absolute": "/etc/schroot/minimal",
                        "elsewhere": PLACE + "/prof", "elsewhere-relative": "../../srv/corpus/prof"}.items():
        yield case("profile-" + name, overlay(profile=value))
    for name in ("minimal", "default", "desktop", "sbuild", "buildd"):
        yield case("profile-packaged-" + name, overlay(profile=name), root=True,
                   files={} if name != "buildd" else {})
        yield case(f"profile-packaged-{name}-no-union", text(profile=name), tree=True)
    yield case("profile-absent", overlay(profile=None))
    yield case("script-config-word", overlay(profile=None, **{"script-config": "word"}))
    yield case("script-config-and-profile", overlay(**{"script-config": "word"}))


def grammar():
    x = overlay()
    yield case("crlf", x.replace("\n", "\r\n"))
    yield case("crlf-comments", ("# c\n\n" + x).replace("\n", "\r\n"))
    yield case("comments", "# one\n#two\n\n" + x + "# after\n#users=bob\n")
    yield case("comment-indented", x + "  # indented\n")
    yield case("comment-behind-a-value", x + "description=words # of a comment\n")
    yield case("tab-around-equals", x.replace("users=alice\n", "users\t=\talice\n", 1))
    yield case("blank-before-equals", x.replace("profile=", "profile ="))
    yield case("blank-behind-equals", x.replace("profile=", "profile= "))
    yield case("blank-at-the-end", x.replace("minimal", "minimal  "))
    yield case("blank-lines", "\n\n" + x.replace("\n", "\n\n") + "\n\n")
    yield case("blank-line-with-blanks", x + "   \n")
    yield case("indented", "".join("\t" + line + "\n" for line in x.splitlines()))
    yield case("indented-keys", x.replace("\nusers", "\n users"))
    yield case("no-last-newline", x.rstrip("\n"))
    yield case("empty", "", "alice$ schroot -c x -- true", names=())
    yield case("only-comments", "# nothing\n", names=())
    yield case("no-section", "type=directory\n", names=())
    yield case("key-before-section", "type=directory\n" + x)
    yield case("bad-line", x + "this is no key\n")
    yield case("no-key", x + "=value\n")
    yield case("equals-alone", x + "=\n")
    yield case("duplicate-key", x + "users=bob\n")
    yield case("duplicate-key-alike", x + "users=alice\n")
    yield case("duplicate-section", x + x)
    yield case("two-sections", x + overlay("y"), names=("x", "y"))
    yield case("one-good-one-bad", x + "[y]\ntype=nonsense\n", names=("x", "y"))
    yield case("text-behind-section", x.replace("[x]", "[x] text"))
    yield case("comment-behind-section", x.replace("[x]", "[x] # text"))
    yield case("section-empty", x.replace("[x]", "[]"))
    yield case("section-open", x.replace("[x]", "[x"))
    yield case("section-blanks-around", x.replace("[x]", "[ x ]"))
    for name, section in {"dots": "a.b-c_d", "digit": "7z", "capital": "SID", "slash": "a/b", "colon": "chroot:a", "umlaut": "bä", "dash": "-a",
                          "dot": ".a", "underscore": "_a", "blank": "a b", "plus": "c++", "tilde": "a~", "comma": "a,b", "default": "default",
                          "long": "n" * 120, "very-long": "n" * 230, "all": "all"}.items():
        yield case("section-" + name, overlay(section), names=(f"'{section}'",))
    yield case("nul", x.replace("users=alice", "users=al\0ice"))
    yield case("byte-order-mark", "\ufeff" + x)
    yield case("latin-1", x + "description=B\udce4ume\n")
    yield case("value-with-equals", x + "custom.key=a=b\n")
    yield case("value-quoted", x + 'description="quoted"\n')
    yield case("value-escaped", x + "description=back\\slash\\n\n")
    yield case("key-upper-case", x + "Users=bob\n")
    yield case("no-value", x.replace("users=alice\n", "users\n", 1))


def files():
    x = overlay()
    for mode in (0o644, 0o640, 0o600, 0o664, 0o660, 0o666, 0o646, 0o400, 0o000, 0o755, 0o777):
        yield case(f"mode-{mode:04o}", File(x, mode=mode), files={"chroot.d/good.conf": overlay("good")}, names=("x", "good"))
    yield case("owner-other", File(x, owner=2001), files={"chroot.d/good.conf": overlay("good")}, names=("x", "good"))
    links = {"absolute": "/etc/schroot/elsewhere/x.conf", "relative": "../elsewhere/x.conf", "dangling": "../elsewhere/none",
             "folder": "../elsewhere", "itself": "case.conf"}
    for name, target in links.items():
        yield case("link-" + name, File(link=target), files={"elsewhere/x.conf": x, "chroot.d/good.conf": overlay("good")}, names=("x", "good"))
    yield case("link-to-a-user's", File(link="../elsewhere/x.conf"), files={"elsewhere/x.conf": File(x, owner=2001)})
    yield case("folder", File(folder=True), files={"chroot.d/good.conf": overlay("good")}, names=("good",))
    for name in ("x", "x.conf", "x.conf.bak", "x~", ".x", "x.dpkg-old", "x.dpkg-dist", "x.dpkg-new", "x.dpkg-tmp", "x.dpkg-bak", "x.ucf-dist", "x y",
                 "7-x", "-x", "_x", "x+y", "x.rpmsave", "ä", "X_y-z.1"):
        yield Case("definition/file-name-" + name, {"chroot.d/" + name: x}, ["alice$ schroot -l", "alice$ schroot --config -c x | head -n 2"])
    yield Case("definition/schroot-conf", {"schroot.conf": x}, [*asks("x"), *looks("x", root=False)])
    yield Case("definition/schroot-conf-and-chroot-d", {"schroot.conf": x, "chroot.d/y": overlay("y")}, asks("x", "y"))
    yield Case("definition/schroot-conf-same-name", {"schroot.conf": x, "chroot.d/x": overlay(description="second")}, asks("x"))
    yield Case("definition/two-files-same-name", {"chroot.d/a": x, "chroot.d/b": overlay(description="second")}, asks("x"))
    yield Case("definition/schroot-conf-bad", {"schroot.conf": "nonsense\n", "chroot.d/x": x}, asks("x"))
    yield Case("definition/schroot-conf-link", {"schroot.conf": File(link="elsewhere/x.conf"), "elsewhere/x.conf": x}, asks("x"))
    yield Case("definition/no-definition", {}, [*asks(), "alice$ schroot -i -c x", "alice$ schroot", "alice$ schroot -- true"])
    yield Case("definition/many", {f"chroot.d/{n:02}": overlay(f"c{n:02}", aliases=f"a{n:02}") for n in (5, 3, 11, 40, 1)}, asks("c05", "a11"))


def profiles():
    tree = PLACE + "/tree"
    fstabs = {
        "bind": f"{PLACE}/share /mnt none rw,bind 0 0\n", "read-only": f"{PLACE}/share /mnt none ro,bind 0 0\n",
        "rbind": "/sys /sys none rw,rbind 0 0\n", "type-proc": "proc /proc proc defaults 0 0\n", "type-bind-none": "/proc /proc none bind 0 0\n",
        "type-bind-proc": "/proc /proc proc rw,bind 0 0\n", "tmpfs": "tmpfs /mnt tmpfs defaults 0 0\n",
        "tmpfs-size": "tmpfs /mnt tmpfs size=1m,mode=0700 0 0\n", "tmpfs-flags": "tmpfs /mnt tmpfs nosuid,nodev,noexec 0 0\n",
        "tmpfs-ro": "tmpfs /mnt tmpfs ro 0 0\n",
        "devpts": "devpts /dev/pts devpts rw,newinstance,ptmxmode=666,mode=620 0 0\n", "new-point": f"{PLACE}/share /srv/new/point none rw,bind 0 0\n",
        "over-file": "/etc/hosts /etc/hosts none rw,bind 0 0\n", "file-new": "/etc/hosts /etc/hosts.machine none rw,bind 0 0\n",
        "escaped": f"{PLACE}/with\\040blank /mnt none rw,bind 0 0\n", "missing-source": f"{PLACE}/none /mnt none rw,bind 0 0\n",
        "relative-point": f"{PLACE}/share mnt none rw,bind 0 0\n", "relative-source": "share /mnt none rw,bind 0 0\n",
        "slave": f"{PLACE}/share /mnt none rw,bind,slave 0 0\n", "noauto": f"{PLACE}/share /mnt none rw,bind,noauto 0 0\n",
        "uid": f"{PLACE}/share /mnt none rw,bind,uid=2001 0 0\n", "noexec": f"{PLACE}/share /mnt none rw,bind,noexec 0 0\n",
        "nosuid-nodev": f"{PLACE}/share /mnt none rw,bind,nosuid,nodev 0 0\n", "comments": f"# c\n\n  # d\n{PLACE}/share /mnt none rw,bind 0 0\n",
        "tabs": f"{PLACE}/share\t/mnt\tnone\trw,bind\t0\t0\n", "four-fields": f"{PLACE}/share /mnt none rw,bind\n", "three-fields": f"{PLACE}/share /mnt none\n",
        "two-fields": f"{PLACE}/share /mnt\n", "order": f"{PLACE}/share /mnt none rw,bind 0 0\ntmpfs /opt tmpfs defaults 0 0\n/proc /proc none rw,bind 0 0\n",
        "twice": f"{PLACE}/share /mnt none rw,bind 0 0\n{PLACE}/layers /mnt none rw,bind 0 0\n", "point-a-link": f"{PLACE}/share /var/run none rw,bind 0 0\n",
        "bad-type": "none /mnt nosuchfs defaults 0 0\n", "empty": "", "crlf": f"{PLACE}/share /mnt none rw,bind 0 0\r\n",
        "no-last-newline": f"{PLACE}/share /mnt none rw,bind 0 0", "dots": f"{PLACE}/share /../mnt none rw,bind 0 0\n",
        "within": f"{PLACE}/share /mnt none rw,bind 0 0\n/etc/hosts /mnt/MARK none rw,bind 0 0\n", "quotes": f'"{PLACE}/share" /mnt none rw,bind 0 0\n',
    }
    for name, fstab in fstabs.items():
        yield case("fstab-" + name, overlay(profile="own"), "alice$ schroot -c x -d / -- sh -c 'ls /mnt /srv/new/point 2>&1; ls -ld /mnt'",
                   files={"own/fstab": "/proc /proc none rw,bind 0 0\n" + fstab, "own/copyfiles": "", "own/nssdatabases": ""})
    for name in ("bind", "new-point", "tmpfs", "file-new"):
        yield case(f"fstab-{name}-no-union", text(profile="own"), tree=True,
                   files={"own/fstab": "/proc /proc none rw,bind 0 0\n" + fstabs[name], "own/copyfiles": "", "own/nssdatabases": ""})
    copies = {"one": "/etc/hosts\n", "two-columns": "/etc/hosts /etc/hosts.machine\n", "missing": "/etc/none\n", "relative": "etc/hosts\n", "comment": "# /etc/hosts\n",
              "blank-lines": "\n\n/etc/hosts\n\n", "folder": "/etc/schroot\n", "new-folder": "/etc/schroot/lone/fstab\n", "tabs": "\t/etc/hosts\t\n", "empty": "",
              "link": "/etc/alike\n", "no-last-newline": "/etc/hosts", "crlf": "/etc/hosts\r\n", "several": "/etc/hosts\n/etc/networks\n"}
    for name, copyfiles in copies.items():
        yield case("copyfiles-" + name, overlay(profile="own"), "alice$ schroot -c x -d / -- sh -c 'cat /etc/hosts; ls -l /etc | grep -o \"[^ ]*$\" | sort'",
                   files={"own/fstab": "/proc /proc none rw,bind 0 0\n", "own/copyfiles": copyfiles, "own/nssdatabases": ""})
    bases = {"passwd": "passwd\n", "all": "passwd\nshadow\ngroup\ngshadow\n", "unknown": "nosuchdatabase\n", "comment": "# passwd\n", "empty": "", "blank-lines": "\npasswd\n\n",
             "hosts": "hosts\nservices\n", "networks": "networks\n"}
    for name, databases in bases.items():
        yield case("nssdatabases-" + name, overlay(profile="own"), "alice$ schroot -c x -d / -- sh -c 'grep -c ^alice: /etc/passwd; grep -c ^staff: /etc/group; id; ls /etc'",
                   files={"own/fstab": "/proc /proc none rw,bind 0 0\n", "own/copyfiles": "", "own/nssdatabases": databases})
    for name in ("fstab", "copyfiles", "nssdatabases"):
        content = {"fstab": "/proc /proc none rw,bind 0 0\n", "copyfiles": "/etc/hosts\n", "nssdatabases": "passwd\n"}
        missing = {f"own/{other}": value for other, value in content.items() if other != name}
        yield case("profile-without-" + name, overlay(profile="own"), files=missing)
        for mode in (0o600, 0o664, 0o666, 0o000):
            yield case(f"profile-{name}-mode-{mode:04o}", overlay(profile="own"),
                       files={**missing, "own/" + name: File(content[name], mode=mode)})
        yield case(f"profile-{name}-link", overlay(profile="own"), files={**missing, "own/" + name: File(link="../real"), "real": content[name]})
    for name, config in {"fstab": "SETUP_FSTAB=lone/fstab\n", "old-names": 'FSTAB="/etc/schroot/lone/fstab"\nCOPYFILES="/etc/schroot/default/copyfiles"\n',
                         "comment": "# SETUP_FSTAB=none\n", "empty": ""}.items():
        yield case("profile-config-" + name, overlay(profile="own"), files={
            "own/config": config, "own/fstab": "/proc /proc none rw,bind 0 0\n", "own/copyfiles": "", "own/nssdatabases": ""})
        yield case("script-config-" + name, overlay(profile=None, **{"script-config": "own/config"}), files={"own/config": config})
    del tree


def all_cases():
    return [*types(), *keys(), *grammar(), *files(), *profiles()]
