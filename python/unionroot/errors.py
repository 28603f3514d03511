"""What can go wrong, one class for each error name of the daemon."""

from __future__ import annotations

PREFIX = "org.unionroot1.Error."


class Error(Exception):
    """What was being done and what was wrong; `hint` says what to do, and may be empty."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class InvalidArgument(Error):
    pass


class NoSuchChroot(Error):
    pass


class NoSuchSession(Error):
    pass


class NoSuchUser(Error):
    pass


class NoSuchRun(Error):
    pass


class SessionExists(Error):
    pass


class DefinitionInvalid(Error):
    pass


class AccessDenied(Error):
    pass


class SourceLocked(Error):
    """The tree is being changed. `wait` waits for the end of that."""


class SessionBusy(Error):
    pass


class SessionNotActive(Error):
    pass


class StageFailed(Error):
    pass


class NotSupported(Error):
    pass


class NoSpace(Error):
    pass


class CommandNotFound(Error):
    pass


class CommandNotExecutable(Error):
    pass


class TimedOut(Error):
    pass


class Cancelled(Error):
    pass


class LimitExceeded(Error):
    pass


class AuthenticationRequired(AccessDenied):
    pass


class AuthenticationFailed(AccessDenied):
    pass


class NotRunning(Error):
    """No daemon answers on the bus, or there is no bus."""


class CommandFailed(Error):
    """A command ended with another status than 0, and `check` was asked for. `result` is what it left."""

    def __init__(self, result: "object", message: str) -> None:
        super().__init__(message)
        self.result = result


_BY_NAME = {each.__name__: each for each in (
    InvalidArgument, NoSuchChroot, NoSuchSession, NoSuchUser, NoSuchRun, SessionExists, DefinitionInvalid, AccessDenied, SourceLocked,
    SessionBusy, SessionNotActive, StageFailed, NotSupported, NoSpace, CommandNotFound, CommandNotExecutable, TimedOut,
    Cancelled, LimitExceeded, AuthenticationRequired, AuthenticationFailed)}


def of(name: str, text: str) -> Error:
    """The error of a reply."""
    message, _, hint = text.partition("\n")
    if name.startswith(PREFIX):
        return _BY_NAME.get(name[len(PREFIX):], Error)(message, hint)
    if name in ("org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner"):
        return NotRunning("unionrootd is not running, and the bus cannot start it", "systemctl start unionrootd")
    if name in ("org.freedesktop.DBus.Error.NoReply", "org.freedesktop.DBus.Error.Disconnected"):
        return NotRunning("unionrootd ended before it answered", "try again: what was begun is finished or undone at its start")
    return Error(f"{name}: {text}")
