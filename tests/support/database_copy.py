"""A look into the database of a daemon that runs: on some file systems nobody else can open it, so a copy is opened."""

import contextlib
import os
import shutil
import sqlite3
import tempfile
import time


def _versions(paths):
    found = []
    for path in paths:
        try:
            status = os.stat(path)
        except FileNotFoundError:
            found.append(None)
        else:
            found.append((status.st_ino, status.st_size, status.st_mtime_ns))
    return found


@contextlib.contextmanager
def opened(database):
    """A connection to a copy that was made while nobody wrote."""
    paths = [database, database + "-wal"]
    with tempfile.TemporaryDirectory(prefix="unionroot-test-database.") as folder:
        copy = os.path.join(folder, "copy.db")
        while True:
            before = _versions(paths)
            for path, suffix in zip(paths, ("", "-wal")):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(copy + suffix)
                with contextlib.suppress(FileNotFoundError):
                    shutil.copyfile(path, copy + suffix)
            # Times of files are as coarse as the kernel's clock tick: a write may not show until the next.
            newest = max((version[2] for version in before if version), default=0)
            if _versions(paths) == before and time.time_ns() - newest > 20_000_000:
                break
            time.sleep(0.01)
        connection = sqlite3.connect(copy)
        try:
            yield connection
        finally:
            connection.close()
