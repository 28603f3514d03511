"""Control groups of a test's own, in each hierarchy that this machine has. Nothing is left of them."""

import contextlib
import os

from unionroot_testing import mountinfo, wait_until


def hierarchies():
    """{"": mount point of version 2, "memory": of version 1, ...}: those that are there."""
    found = {}
    for line in mountinfo():
        fields, _, rest = line.partition(" - ")
        kind, _, options = rest.split()[:3]
        if kind == "cgroup2":
            found[""] = fields.split()[4]
        elif kind == "cgroup":
            found[options.split(",", 1)[1].removeprefix("xattr,")] = fields.split()[4]
    return found


def membership(text):
    """{hierarchy: path}, of the text of /proc/PID/cgroup."""
    return {line.split(":", 2)[1]: line.split(":", 2)[2] for line in text.splitlines()}


def groups_of(pid="self"):
    with open(f"/proc/{pid}/cgroup") as file:
        return membership(file.read())


def write(folder, name, value):
    with open(os.path.join(folder, name), "w") as file:
        file.write(str(value))


def read(folder, name):
    with open(os.path.join(folder, name)) as file:
        return file.read().strip()


def move(folder, pid):
    write(folder, "cgroup.procs", pid)


@contextlib.contextmanager
def made(hierarchy, name, below=""):
    """A group of this name beneath `below` (a path in the hierarchy)."""
    folder = os.path.join(hierarchies()[hierarchy] + below, name)
    os.mkdir(folder)
    if hierarchy == "cpuset":
        for file in ("cpuset.cpus", "cpuset.mems"):
            write(folder, file, read(os.path.dirname(folder), file))
    try:
        yield folder
    finally:
        remove(folder)


def remove(folder):
    """Processes that are ending are waited for. The test has ended them."""

    def gone():
        try:
            for path, folders, _ in os.walk(folder, topdown=False):
                for name in folders:
                    os.rmdir(os.path.join(path, name))
            os.rmdir(folder)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True

    if not wait_until(gone):
        raise AssertionError(f"the control group {folder} cannot be removed: {os.listdir(folder)}")


@contextlib.contextmanager
def inside(*folders):
    """This process, and so what it starts, is in these groups meanwhile."""
    back = {}
    mounted = hierarchies()
    own = groups_of()
    for name, point in mounted.items():
        if any(folder.startswith(point + "/") for folder in folders):
            back[name] = point + own[name]
    for folder in folders:
        move(folder, os.getpid())
    try:
        yield
    finally:
        for folder in back.values():
            move(folder, os.getpid())
