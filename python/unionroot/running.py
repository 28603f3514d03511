"""A command that runs in a session: its control socket (docs/control-socket.md), its streams and its end."""

from __future__ import annotations

import os
import selectors
import signal as signals
import socket
import struct
import subprocess
import time
from dataclasses import dataclass, field
from typing import IO, Any, Mapping, Optional, Sequence, Union

from . import bus, errors

PIPE, DEVNULL, STDOUT = subprocess.PIPE, subprocess.DEVNULL, subprocess.STDOUT
Stream = Union[int, IO[Any], None]
Text = Union[str, bytes, "os.PathLike[Any]"]

# Seconds between SIGTERM and the end of the run with all that it started.
GRACE = 10.0
# The status of a command that took longer than its time-out, as timeout(1) has it.
TIMED_OUT = 124

_KILL_ALL, _TIMED_OUT = 5, 6
_SIGNAL, _STARTED, _EXITED, _KILLED, _FAILED, _WARNING, _NOT_ENDED = 1, 16, 17, 18, 19, 20, 23
_HEAD = struct.Struct("=II")


@dataclass(frozen=True)
class Result:
    """How a command ended, and what it wrote where that was asked for."""

    command: Sequence[Text]
    status: int  # its own; 128 + N if signal N ended it; 124 if it took too long
    stdout: bytes = b""
    stderr: bytes = b""
    signal: Optional[int] = None
    timed_out: bool = False
    session: str = ""
    warnings: Sequence[str] = field(default_factory=tuple)

    @property
    def ok(self) -> bool:
        return self.status == 0

    @property
    def out(self) -> str:
        """stdout as text; what is no UTF-8 becomes U+FFFD."""
        return self.stdout.decode(errors="replace")

    @property
    def err(self) -> str:
        return self.stderr.decode(errors="replace")

    def check(self) -> "Result":
        """Itself. Raises CommandFailed if the status is not 0."""
        if self.ok:
            return self
        shown = " ".join(os.fsdecode(each) for each in self.command)
        how = "took too long" if self.timed_out else f"was ended by signal {self.signal}" if self.signal else f"ended with {self.status}"
        last = self.err.strip().splitlines()[-1:]
        raise errors.CommandFailed(self, f"'{shown}' {how}" + (f": {last[0]}" if last else ""))


class Running:
    """A command under way, much as subprocess.Popen. It lives while this object is not closed.

    stdin, stdout, stderr: our ends of the pipes that were asked for, else None. Not for several threads at once.
    """

    def __init__(self, name: str, command: Sequence[Text], options: dict[str, Any], stdin: Stream, stdout: Stream,
                 stderr: Stream) -> None:
        self.command = list(command)
        self.stdin: Optional[IO[bytes]] = None
        self.stdout: Optional[IO[bytes]] = None
        self.stderr: Optional[IO[bytes]] = None
        self.pid: Optional[int] = None  # on the host, once it is started
        self.warnings: list[str] = []
        self._status: Optional[int] = None
        self._signal: Optional[int] = None
        self._error: Optional[errors.Error] = None
        self._ended = False
        theirs: list[int] = []
        try:
            given = self._streams(stdin, stdout, stderr, theirs)
            options = {**options, "arguments": bus.texts_of(self.command)}
            control, self.session, self.id = bus.call("Run", "sasa{sv}hhh", (name, [], options, *given))
        except BaseException:
            self._close_streams()
            raise
        finally:
            for each in theirs:
                os.close(each)
        self._control = socket.socket(fileno=control.to_raw_fd())
        self._control.settimeout(None)

    def _streams(self, stdin: Stream, stdout: Stream, stderr: Stream, theirs: list[int]) -> list[int]:
        def pipe(reads: bool) -> int:
            read, write = os.pipe()
            theirs.append(read if reads else write)
            return write if reads else read

        def null() -> int:
            theirs.append(os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC))
            return theirs[-1]

        def number(stream: Stream, own: int) -> int:
            if stream is None:
                return own
            if stream == DEVNULL:
                return null()
            return stream if isinstance(stream, int) else stream.fileno()

        given = []
        if stdin == PIPE:
            self.stdin = os.fdopen(pipe(True), "wb", buffering=0)
            given.append(theirs[-1])
        else:
            given.append(number(stdin, 0))
        for name, stream, own in (("stdout", stdout, 1), ("stderr", stderr, 2)):
            if stream == PIPE:
                setattr(self, name, os.fdopen(pipe(False), "rb", buffering=0))
                given.append(theirs[-1])
            elif name == "stderr" and stream == STDOUT:
                given.append(given[1])
            else:
                given.append(number(stream, own))
        return given

    def _close_streams(self) -> None:
        for each in (self.stdin, self.stdout, self.stderr):
            if each is not None:
                each.close()

    def close(self) -> None:
        """Ends the command and all that it started, if it has not ended. Does not wait."""
        self._control.close()
        self._close_streams()

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def send_signal(self, number: int) -> None:
        """To the command's process group. Nothing happens if it has ended."""
        self._send(_SIGNAL, number)

    def _send(self, kind: int, value: int = 0) -> None:
        if self._ended:
            return
        try:
            self._control.send(_HEAD.pack(kind, value) + b"\0")
        except OSError:  # it has just ended
            pass

    def terminate(self) -> None:
        self.send_signal(signals.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signals.SIGKILL)

    def _take_packet(self) -> None:
        """One message of the supervisor, which is there."""
        try:
            packet = self._control.recv(4096)
        except ConnectionResetError:  # it had ended when we sent something: what it said before comes next
            return
        if not packet:
            self._ended = True
        if len(packet) < _HEAD.size:
            return
        kind, value = _HEAD.unpack_from(packet)
        text = packet[_HEAD.size:].split(b"\0", 1)[0].decode(errors="replace")
        if kind == _STARTED:
            self.pid = value
        elif kind == _EXITED:
            self._status = value
        elif kind == _KILLED:
            self._status, self._signal = 128 + value, value
        elif kind == _WARNING:
            self.warnings.append(text)
        elif kind == _FAILED:
            message, _, hint = text.partition("\n")
            of = {127: errors.CommandNotFound, 126: errors.CommandNotExecutable}.get(value, errors.Error)
            self._error = of(message, hint)
        elif kind == _NOT_ENDED:
            self.warnings.append("the session could not be ended: " + text)

    def _result(self, out: bytes, err: bytes, timed_out: bool) -> Result:
        if self._error:
            raise self._error
        if self._status is None:
            raise errors.Error("the supervisor of the command was lost", "see the daemon's log: journalctl -u unionrootd")
        return Result(self.command, TIMED_OUT if timed_out else self._status, out, err, self._signal, timed_out, self.session,
                      tuple(self.warnings))

    def wait(self, timeout: Optional[float] = None) -> Result:
        """Waits for its end; for an automatic session until that has gone, too. Streams that are pipes are read by
        communicate(). timeout: seconds; then subprocess.TimeoutExpired is raised, and the command goes on."""
        end = None if timeout is None else time.monotonic() + timeout
        with selectors.DefaultSelector() as ready:
            ready.register(self._control, selectors.EVENT_READ)
            while not self._ended:
                left = None if end is None else max(0.0, end - time.monotonic())
                if ready.select(left):
                    self._take_packet()
                elif end is not None and time.monotonic() >= end:
                    raise subprocess.TimeoutExpired(self.command, timeout or 0.0)
        return self._result(b"", b"", False)

    def communicate(self, input: Optional[bytes] = None, timeout: Optional[float] = None, grace: float = GRACE) -> Result:
        """Writes input, reads what the command writes, and waits for its end.

        timeout: seconds; the command gets SIGTERM then, and after `grace` seconds more everything that it started is
        killed. The result says so, with the status 124. What background processes of a kept session write later is not
        waited for.
        """
        found: dict[Any, list[bytes]] = {self.stdout: [], self.stderr: []}
        end = None if timeout is None else time.monotonic() + timeout
        timed_out = False
        rest = memoryview(input or b"")
        with selectors.DefaultSelector() as ready:
            ready.register(self._control, selectors.EVENT_READ)
            for stream in (self.stdout, self.stderr):
                if stream is not None:
                    os.set_blocking(stream.fileno(), False)
                    ready.register(stream, selectors.EVENT_READ)
            if self.stdin is not None and rest:
                os.set_blocking(self.stdin.fileno(), False)
                ready.register(self.stdin, selectors.EVENT_WRITE)
            elif self.stdin is not None:
                self.stdin.close()
            while not self._ended:
                left = None if end is None else max(0.0, end - time.monotonic())
                for key, _ in ready.select(left):
                    if key.fileobj is self._control:
                        self._take_packet()
                    elif key.fileobj is self.stdin:
                        rest = self._write(ready, rest)
                    else:
                        self._read(ready, key.fileobj, found)
                if end is not None and time.monotonic() >= end and self._status is None:
                    if timed_out:
                        self._send(_KILL_ALL)  # with all that it started
                        self._control.shutdown(socket.SHUT_WR)  # an older supervisor does the same when we have gone
                        end = None
                    else:
                        self._send(_TIMED_OUT)
                        self.terminate()
                        self.send_signal(signals.SIGCONT)  # one that is stopped does not see the other
                        timed_out, end = True, time.monotonic() + grace
            for stream in (self.stdout, self.stderr):
                if stream is not None and not stream.closed:
                    self._read(ready, stream, found)
        self._close_streams()
        return self._result(b"".join(found[self.stdout]) if self.stdout else b"",
                            b"".join(found[self.stderr]) if self.stderr else b"", timed_out)

    def _write(self, ready: selectors.BaseSelector, rest: memoryview) -> memoryview:
        assert self.stdin is not None
        try:
            rest = rest[os.write(self.stdin.fileno(), rest[:65536]):]
        except BlockingIOError:
            return rest
        except BrokenPipeError:  # it reads no more
            rest = rest[:0]
        if not rest:
            ready.unregister(self.stdin)
            self.stdin.close()
        return rest

    @staticmethod
    def _read(ready: selectors.BaseSelector, stream: Any, found: dict[Any, list[bytes]]) -> None:
        """All that is there now."""
        while True:
            try:
                piece = os.read(stream.fileno(), 65536)
            except BlockingIOError:
                return
            if not piece:
                ready.unregister(stream)
                stream.close()
                return
            found[stream].append(piece)


def options_of(user: Optional[Text], directory: Optional[Text], environment: Optional[Mapping[str, Text]],
               wait: Optional[float]) -> dict[str, Any]:
    """Of the method Run. directory None: the definition's, else the caller's own."""
    options: dict[str, Any] = {}
    if user is not None:
        options["user"] = bus.text_of(user)
    if directory is None:
        options["caller-directory"] = bus.text_of(os.getcwdb())
    else:
        options["directory"] = bus.text_of(directory)
    if environment:
        options["set-environment"] = bus.texts_of([name.encode() + b"=" + os.fsencode(value) for name, value in environment.items()])
    if wait is not None:
        options["wait"] = ("x", -1 if wait < 0 else int(wait * 1000))
    return options
