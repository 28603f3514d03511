"""Everything that the daemon keeps: its tables, and the files and folders of its state and runtime directories.

This is the one place that says what may be there when all sessions have ended. Whatever is not listed is reported as left
behind, so a new table, folder or file needs its line here. harness_test.py proves that each line does what it says.
"""

import fnmatch
import os
import stat

# Tables of state.db.
EMPTY = "no row when all sessions have ended"
MAY_KEEP_ROWS = "may keep rows"

TABLES = {
    "sessions": EMPTY,
    "stages": EMPTY,
    "runs": EMPTY,
    "durable_commits": MAY_KEEP_ROWS,
    "source_troubles": MAY_KEEP_ROWS,
    "complete": MAY_KEEP_ROWS,
    "daemon": MAY_KEEP_ROWS,
}

# Tables that are there only after a failure, until the daemon makes free pages again (lib/store/room.cpp).
PASSING_TABLES = {"room"}

# Entries of a folder, by their name or a pattern of it; the first that matches counts. FILE: a regular file. TREE: a folder,
# whatever is in it. A dictionary: a folder, in which only these entries may be.
FILE = "a regular file"
TREE = "a folder with any content"

STATE = {
    "daemon.lock": FILE,
    "id": FILE,
    "state.db": FILE,
    "state.db-wal": FILE,
    "history.db": FILE,
    "history.db-wal": FILE,
    "state.db-shm": FILE,
    "overlay-directories": FILE,
    "locks": {"*.manage": FILE},
    # What can be undone.
    "applies": {"*": FILE},
    "sessions": {},
    "layers": {},
    "trash": {},
    "orphans": {},
    # What detached commands have written, kept as long as the history.
    "output": {"*": {"*": FILE}},
    # The files of automatic sessions, kept for the next session.
    "files": {"*": {"upper": TREE, "work": TREE}},
    # Unpacked trees, kept for the next session. users/ names the sessions that stand on one.
    "cache": {
        "file-*.lock": FILE,
        "layer-*.lock": FILE,
        "file-*": {"tree": TREE, "origin": FILE, "users": {}},
        "layer-*": {"tree": TREE, "origin": FILE, "users": {}},
    },
}

# Each of these is a mount of the daemon's own while it runs, but for what scripts read.
RUNTIME = {
    "setup": {"common-*": FILE},
    "mount": {},
    "ns": {},
    "sources": {},
}

# In each folder that the state's file "overlay-directories" names, beside what others have there.
OVERLAY_DIRECTORY = {
    ".unionroot-trash": {},
    ".unionroot-orphans": {},
    ".unionroot-layers": {},
}
# A session's folder there has this attribute, with the token of its session: VERSION.DAEMON.CREATED.SESSION.
OWNER_MARK = "trusted.unionroot.owner"


def daemon_id(state):
    """Of the daemon that has this state directory; None if none was started on it."""
    try:
        with open(os.path.join(state, "id")) as file:
            return dict(line.rstrip("\n").split("=", 1) for line in file)["id"]
    except FileNotFoundError:
        return None


def unlisted(folder, expected, below=""):
    """The paths under `folder` that `expected` does not allow, relative to it. A folder that is not there has none."""
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
    found = []
    for name in names:
        path = os.path.join(folder, name)
        pattern = next((one for one in expected if fnmatch.fnmatchcase(name, one)), None)
        try:
            mode = os.lstat(path).st_mode
        except FileNotFoundError:
            continue
        kind = FILE if stat.S_ISREG(mode) else TREE if stat.S_ISDIR(mode) else None
        if pattern is None or (kind != FILE if expected[pattern] == FILE else kind != TREE):
            found.append(os.path.join(below, name))
        elif isinstance(expected[pattern], dict):
            found += unlisted(path, expected[pattern], os.path.join(below, name))
    return found


def rows_left(connection):
    """Sentences on the tables of an open database."""
    found = []
    tables = connection.execute("select name from sqlite_master where type = 'table' and name not like 'sqlite!_%' escape '!'")
    for (table,) in tables.fetchall():
        if table in PASSING_TABLES:
            continue
        if table not in TABLES:
            found.append(f"database: the table {table} is not listed in {os.path.basename(__file__)}")
        elif TABLES[table] == EMPTY:
            (count,) = connection.execute(f'select count(*) from "{table}"').fetchone()
            if count:
                found.append(f"database: {count} rows in {table}")
    return found


def left_in_overlay_directories(state):
    """Paths of this daemon's in the folders that hold upper layers outside of its state directory."""
    try:
        with open(os.path.join(state, "overlay-directories")) as file:
            folders = [line for line in file.read().split("\n") if line.startswith("/")]
    except (FileNotFoundError, IsADirectoryError):
        return []
    found = []
    for folder in folders:
        for name, expected in OVERLAY_DIRECTORY.items():
            found += [os.path.join(folder, path) for path in unlisted(os.path.join(folder, name), expected, name)]
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            try:
                token = os.getxattr(os.path.join(folder, name), OWNER_MARK, follow_symlinks=False).decode()
            except OSError:
                continue
            if token.split(".")[1] == daemon_id(state):
                found.append(os.path.join(folder, name))
    return found


def spare_files_layers(state, users):
    """Sentences. The daemon keeps one layer of files for each definition and user; what was replaced goes to the trash."""
    folder = os.path.join(state, "files")
    layers = {}
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        definition = name.rpartition("-")[0]
        layers[definition] = layers.get(definition, 0) + 1
    return [f"state: {count} layers of files for {definition}, which had {users} users"
            for definition, count in sorted(layers.items()) if count > users]
