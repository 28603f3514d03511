"""A FUSE file system of one file, which never answers when a chosen process closes it (FLUSH).

Raw, over /dev/fuse (linux/fuse.h). Mounted by root for a user, as fusermount3 would have it: its user_id is the user's.
"""

import ctypes
import os
import struct
import threading

LOOKUP, GETATTR, OPEN, READ, WRITE, STATFS, RELEASE, FLUSH, INIT, FORGET, INTERRUPT, BATCH_FORGET = (
    1, 3, 14, 15, 16, 17, 18, 25, 26, 2, 36, 42)
ROOT, FILE = 1, 2
IN_HEADER = "=IIQQIIIHH"
ENOSYS, ENOENT = 38, 2
_libc = ctypes.CDLL(None, use_errno=True)


class SilentFuse:
    def __init__(self, folder, uid, gid, silent_to):
        """silent_to(pid): whether a close of that thread or process is never answered."""
        self.folder = folder
        self.silent_to = silent_to
        self.unanswered = []  # of each FLUSH that waits: the process
        self.device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        os.makedirs(folder, exist_ok=True)
        options = f"fd={self.device},rootmode=40755,user_id={uid},group_id={gid},allow_other"
        if _libc.mount(b"silent", os.fsencode(folder), b"fuse", 2 | 4, options.encode()) != 0:  # nosuid, nodev
            error = ctypes.get_errno()
            os.close(self.device)
            raise OSError(error, os.strerror(error), folder)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    @property
    def file(self):
        return os.path.join(self.folder, "file")

    def close(self):
        """Ends the connection: what waits fails."""
        _libc.umount2(os.fsencode(self.folder), 1 | 2)  # MNT_FORCE aborts it, MNT_DETACH
        self.thread.join(60)
        os.close(self.device)

    def _serve(self):
        while True:
            try:
                request = os.read(self.device, 1 << 20)
            except OSError:  # ENODEV: unmounted, or aborted
                return
            _, operation, unique, node, _, _, pid, _, _ = struct.unpack_from(IN_HEADER, request)
            if operation in (FORGET, BATCH_FORGET, INTERRUPT):
                continue
            if operation == FLUSH and self.silent_to(pid):
                self.unanswered.append(pid)
                continue
            error, data = self._answer(operation, node, request[struct.calcsize(IN_HEADER):])
            try:
                os.write(self.device, struct.pack("=IiQ", 16 + len(data), -error, unique) + data)
            except OSError:  # ENOENT: the request was given up
                pass

    def _answer(self, operation, node, body):
        if operation == INIT:
            major, _, readahead, _ = struct.unpack_from("=IIII", body)
            return 0, struct.pack("=IIIIHHIIHHI", major, 31, readahead, 0, 16, 12, 4096, 1, 1, 0, 0) + bytes(24)
        if operation == LOOKUP:
            if body.rstrip(b"\0") != b"file":
                return ENOENT, b""
            return 0, struct.pack("=QQQQII", FILE, 0, 60, 60, 0, 0) + self._attributes(FILE)
        if operation == GETATTR:
            return 0, struct.pack("=QII", 60, 0, 0) + self._attributes(node)
        if operation == OPEN:
            return 0, struct.pack("=QII", 0, 0, 0)
        if operation == READ:
            return 0, b""
        if operation == WRITE:
            return 0, struct.pack("=II", struct.unpack_from("=QQI", body)[2], 0)
        if operation == STATFS:
            return 0, bytes(80)
        if operation in (FLUSH, RELEASE):
            return 0, b""
        return ENOSYS, b""

    @staticmethod
    def _attributes(node):
        mode = 0o40755 if node == ROOT else 0o100666
        return struct.pack("=QQQQQQIIIIIIIIII", node, 0, 0, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)
