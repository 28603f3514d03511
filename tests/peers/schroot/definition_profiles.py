"""Cases of definitions: the files of profiles."""

from cases import File
from definition_texts import case, overlay, refused, text
from trees import PLACE


def profiles():
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
        yield (refused if name in ("two-fields", "dots") else case)("fstab-" + name, overlay(profile="own"), "alice$ schroot -c x -d / -- sh -c 'ls /mnt /srv/new/point 2>&1; ls -ld /mnt'",
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
        yield (refused if name == "unknown" else case)("nssdatabases-" + name, overlay(profile="own"), "alice$ schroot -c x -d / -- sh -c 'grep -c ^alice: /etc/passwd; grep -c ^staff: /etc/group; id; ls /etc'",
                   files={"own/fstab": "/proc /proc none rw,bind 0 0\n", "own/copyfiles": "", "own/nssdatabases": databases})
    for name in ("fstab", "copyfiles", "nssdatabases"):
        content = {"fstab": "/proc /proc none rw,bind 0 0\n", "copyfiles": "/etc/hosts\n", "nssdatabases": "passwd\n"}
        missing = {f"own/{other}": value for other, value in content.items() if other != name}
        yield case("profile-without-" + name, overlay(profile="own"), files=missing)
        for mode in (0o600, 0o664, 0o666, 0o000):
            yield (refused if mode == 0o666 else case)(f"profile-{name}-mode-{mode:04o}", overlay(profile="own"),
                       files={**missing, "own/" + name: File(content[name], mode=mode)})
        yield case(f"profile-{name}-link", overlay(profile="own"), files={**missing, "own/" + name: File(link="../real"), "real": content[name]})
    for name, config in {"fstab": "SETUP_FSTAB=lone/fstab\n", "old-names": 'FSTAB="/etc/schroot/lone/fstab"\nCOPYFILES="/etc/schroot/default/copyfiles"\n',
                         "comment": "# SETUP_FSTAB=none\n", "empty": ""}.items():
        yield case("profile-config-" + name, overlay(profile="own"), files={
            "own/config": config, "own/fstab": "/proc /proc none rw,bind 0 0\n", "own/copyfiles": "", "own/nssdatabases": ""})
        yield case("script-config-" + name, overlay(profile=None, **{"script-config": "own/config"}), files={"own/config": config})
