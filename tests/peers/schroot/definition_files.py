"""Cases of definitions: the grammar of their files, and which files are read."""

import re

from cases import Case, File
from definition_texts import asks, case, looks, overlay, refused


def grammar():
    x = overlay()
    yield refused("crlf", x.replace("\n", "\r\n"))
    yield refused("crlf-comments", ("# c\n\n" + x).replace("\n", "\r\n"))
    yield case("comments", "# one\n#two\n\n" + x + "# after\n#users=bob\n")
    yield refused("comment-indented", x + "  # indented\n")
    yield case("comment-behind-a-value", x + "description=words # of a comment\n")
    yield case("tab-around-equals", x.replace("users=alice\n", "users\t=\talice\n", 1))
    yield case("blank-before-equals", x.replace("profile=", "profile ="))
    yield case("blank-behind-equals", x.replace("profile=", "profile= "))
    yield case("blank-at-the-end", x.replace("minimal", "minimal  "))
    yield case("blank-lines", "\n\n" + x.replace("\n", "\n\n") + "\n\n")
    yield refused("blank-line-with-blanks", x + "   \n")
    yield refused("indented", "".join("\t" + line + "\n" for line in x.splitlines()))
    yield case("indented-keys", x.replace("\nusers", "\n users"))
    yield case("no-last-newline", x.rstrip("\n"))
    yield case("empty", "", "alice$ schroot -c x -- true", names=())
    yield case("only-comments", "# nothing\n", names=())
    yield refused("no-section", "type=directory\n", names=())
    yield refused("key-before-section", "type=directory\n" + x)
    yield refused("bad-line", x + "this is no key\n")
    yield refused("no-key", x + "=value\n")
    yield refused("equals-alone", x + "=\n")
    yield case("duplicate-key", x + "users=bob\n")
    yield refused("duplicate-key-alike", x + "users=alice\n")
    yield refused("duplicate-section", x + x)
    yield case("two-sections", x + overlay("y"), names=("x", "y"))
    yield case("one-good-one-bad", x + "[y]\ntype=nonsense\n", names=("x", "y"))
    yield case("text-behind-section", x.replace("[x]", "[x] text"))
    yield case("comment-behind-section", x.replace("[x]", "[x] # text"))
    yield refused("section-empty", x.replace("[x]", "[]"))
    yield refused("section-open", x.replace("[x]", "[x"))
    yield refused("section-blanks-around", x.replace("[x]", "[ x ]"))
    for name, section in {"dots": "a.b-c_d", "digit": "7z", "capital": "SID", "slash": "a/b", "colon": "chroot:a", "umlaut": "bä", "dash": "-a",
                          "dot": ".a", "underscore": "_a", "blank": "a b", "plus": "c++", "tilde": "a~", "comma": "a,b", "default": "default",
                          "long": "n" * 120, "very-long": "n" * 230, "all": "all"}.items():
        valid = re.fullmatch("[a-zA-Z0-9][a-zA-Z0-9_.-]*", section)
        yield (case if valid else refused)("section-" + name, overlay(section), names=(f"'{section}'",))
    yield refused("nul", x.replace("users=alice", "users=al\0ice"))
    yield refused("byte-order-mark", "\ufeff" + x)
    yield case("latin-1", x + "description=B\udce4ume\n")
    yield case("value-with-equals", x + "custom.key=a=b\n")
    yield case("value-quoted", x + 'description="quoted"\n')
    yield case("value-escaped", x + "description=back\\slash\\n\n")
    yield case("key-upper-case", x + "Users=bob\n")
    yield refused("no-value", x.replace("users=alice\n", "users\n", 1))


def files():
    x = overlay()
    for mode in (0o644, 0o640, 0o600, 0o664, 0o660, 0o666, 0o646, 0o400, 0o000, 0o755, 0o777):
        yield (refused if mode in (0o646, 0o666, 0o777) else case)(f"mode-{mode:04o}", File(x, mode=mode), files={"chroot.d/good.conf": overlay("good")}, names=("x", "good"))
    yield refused("owner-other", File(x, owner=2001), files={"chroot.d/good.conf": overlay("good")}, names=("x", "good"))
    links = {"absolute": "/etc/schroot/elsewhere/x.conf", "relative": "../elsewhere/x.conf", "dangling": "../elsewhere/none",
             "folder": "../elsewhere", "itself": "case.conf"}
    for name, target in links.items():
        yield case("link-" + name, File(link=target), files={"elsewhere/x.conf": x, "chroot.d/good.conf": overlay("good")}, names=("x", "good"))
    yield refused("link-to-a-user's", File(link="../elsewhere/x.conf"), files={"elsewhere/x.conf": File(x, owner=2001)})
    yield case("folder", File(folder=True), files={"chroot.d/good.conf": overlay("good")}, names=("good",))
    for name in ("x", "x.conf", "x.conf.bak", "x~", ".x", "x.dpkg-old", "x.dpkg-dist", "x.dpkg-new", "x.dpkg-tmp", "x.dpkg-bak", "x.ucf-dist", "x y",
                 "7-x", "-x", "_x", "x+y", "x.rpmsave", "ä", "X_y-z.1"):
        yield Case("definition/file-name-" + name, {"chroot.d/" + name: x}, ["alice$ schroot -l", "alice$ schroot --config -c x | head -n 2"])
    yield Case("definition/schroot-conf", {"schroot.conf": x}, [*asks("x"), *looks("x", root=False)])
    yield Case("definition/schroot-conf-and-chroot-d", {"schroot.conf": x, "chroot.d/y": overlay("y")}, asks("x", "y"))
    yield Case("definition/schroot-conf-same-name", {"schroot.conf": x, "chroot.d/x": overlay(description="second")}, ["alice$ schroot -l"])
    yield Case("definition/two-files-same-name", {"chroot.d/a": x, "chroot.d/b": overlay(description="second")}, ["alice$ schroot -l"])
    yield Case("definition/schroot-conf-bad", {"schroot.conf": "nonsense\n", "chroot.d/x": x}, ["alice$ schroot -l"])
    yield Case("definition/schroot-conf-link", {"schroot.conf": File(link="elsewhere/x.conf"), "elsewhere/x.conf": x}, asks("x"))
    yield Case("definition/no-definition", {}, [*asks(), "alice$ schroot -i -c x", "alice$ schroot", "alice$ schroot -- true"])
    yield Case("definition/many", {f"chroot.d/{n:02}": overlay(f"c{n:02}", aliases=f"a{n:02}") for n in (5, 3, 11, 40, 1)}, asks("c05", "a11"))
