"""A real user without privilege, who talks to the daemon under test: by the client, or by a program of his own.

OWNER and STRANGER are accounts that each Debian machine has. They have no right beyond their own uid.
"""

import os
import pwd
import subprocess
import sys

OWNER = "games"
STRANGER = "www-data"

# The start of each program that a stranger runs. python3-dbus sends any message, also with descriptors.
PRELUDE = """
import dbus, os, socket, sys, time
bus = dbus.bus.BusConnection(os.environ["UNIONROOT_BUS"])
manager = dbus.Interface(bus.get_object("org.unionroot1", "/org/unionroot1", introspect=False), "org.unionroot1.Manager")
def options(**values):
    return dbus.Dictionary(values, signature="sv")
def say(*words):
    print(*words, flush=True)
"""


def start(machine, user, source, *arguments, **options):
    """Starts a Python program as `user`, with no group but the user's own. The caller ends it and collects it."""
    entry = pwd.getpwnam(user)
    options.setdefault("stdin", subprocess.DEVNULL)
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.PIPE)
    environment = {"PATH": os.environ["PATH"], "HOME": "/", "UNIONROOT_BUS": machine.address}
    return subprocess.Popen([sys.executable, "-B", "-c", PRELUDE + source, *arguments], user=entry.pw_uid,
                            group=entry.pw_gid, extra_groups=os.getgrouplist(user, entry.pw_gid), cwd="/",
                            env=environment, text=True, **options)


def run(machine, user, source, *arguments, timeout=120, **options):
    """start(), and waits for its end. Returns (status, out, err)."""
    process = start(machine, user, source, *arguments, **options)
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"a program of {user} took over {timeout} s: {out!r} {err!r}\n{machine.log()}") from None
    return process.returncode, out, err
