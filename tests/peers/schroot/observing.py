"""What is seen of a command in a session from outside, through /proc: lines, made alike on both sides."""

import os
import re

# In each session they are what the harness mounted or the profile asks for; more would differ from machine to machine.
FLAGS = ("ro", "nosuid", "nodev", "noexec", "noatime")


def mounts(pid, place):
    """The mounts that the command sees: point, type and flags; what part of it is bound; of a tmpfs its options."""
    lines = []
    with open(f"/proc/{pid}/mountinfo") as file:
        for line in file:
            left, _, right = line.rstrip("\n").partition(" - ")
            left, right = left.split(), right.split()
            root, point, flags, spread = left[3], left[4], left[5].split(","), left[6:]
            kind, options = right[0], right[2].split(",")
            root = root.replace(place, "PLACE")
            if kind not in ("proc", "sysfs", "devtmpfs", "devpts", "tmpfs", "overlay", "cgroup2", "mqueue"):
                kind = "disk"
            words = [point, kind, *[flag for flag in FLAGS if flag in flags]]
            if root != "/" and kind != "overlay":
                words.append("part=" + re.sub(r"^.*/(tree|unpack|union)/.*", r"\1", root) if point == "/" else "part=" + root)
            words += [word.split(":")[0] for word in spread]
            if kind == "tmpfs" and "size=262144k" not in options:
                words += sorted(option for option in options if option not in ("rw", "inode64"))
            lines.append("mount " + " ".join(words))
    return sorted(lines)


def environment(pid):
    with open(f"/proc/{pid}/environ", "rb") as file:
        entries = [entry.decode("utf-8", "surrogateescape") for entry in file.read().split(b"\0") if entry]
    # A shell's own.
    return ["env " + entry for entry in sorted(entries) if not entry.startswith(("SHLVL=", "_=", "OLDPWD="))]


def state(pid, own):
    """Who the command is and what it may; `own`: the pid of a process that is as the caller was."""
    fields = {who: _status(who) for who in (pid, own)}
    lines = []
    for name in ("Uid", "Gid", "Groups", "Umask", "SigBlk", "SigIgn", "NoNewPrivs", "Seccomp"):
        lines.append(f"{name} {fields[pid].get(name, '')}")
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        value = fields[pid][name]
        lines.append(f"{name} " + ("as the caller" if value == fields[own][name] else "of root" if value == _status(1)[name]
                                   else value))
    for name in ("personality", "oom_score_adj", "limits"):
        ours, callers = (_text(f"/proc/{who}/{name}").split("\n") for who in (pid, own))
        others = [line for line in ours if line not in callers]
        lines.append(f"{name} " + ("; ".join(others) if others else "as the caller"))
    lines.append("descriptors " + " ".join(sorted(os.listdir(f"/proc/{pid}/fd"), key=int)))
    nice = [int(_text(f"/proc/{who}/stat").rpartition(")")[2].split()[16]) for who in (pid, own)]
    lines.append(f"nice {nice[0] - nice[1]:+d}")
    return [re.sub(r"\s+", " ", line).rstrip() for line in lines]


def _status(pid):
    return dict(line.split(":\t", 1) for line in _text(f"/proc/{pid}/status").split("\n") if ":\t" in line)


def _text(path):
    with open(path) as file:
        return file.read().rstrip("\n")


def relation(pid, client):
    """The command's process group and session beside the client's."""
    def of(who):
        fields = _text(f"/proc/{who}/stat").rpartition(")")[2].split()
        return {"process group": fields[2], "session": fields[3], "terminal": fields[4]}
    a, b = of(pid), of(client)
    return [f"{name} {'as the client' if a[name] == b[name] else 'another'}" for name in a]
