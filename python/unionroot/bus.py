"""Calls of the daemon's manager. Each thread has a connection of its own."""

from __future__ import annotations

import os
import threading
import time
from typing import Any, Optional, Sequence

from jeepney import DBusAddress, HeaderFields, MessageType, new_method_call
from jeepney.io.blocking import DBusConnection, open_dbus_connection

from . import errors

MANAGER = DBusAddress("/org/unionroot1", bus_name="org.unionroot1", interface="org.unionroot1.Manager")
# For how many seconds a call is made again that the bus has no room for.
ROOM_LIMIT = 30.0
_NO_ROOM = "org.freedesktop.DBus.Error.LimitsExceeded"
_local = threading.local()


def _connect() -> DBusConnection:
    try:
        return open_dbus_connection("SYSTEM", enable_fds=True)
    except (OSError, ConnectionError, RuntimeError) as error:
        raise errors.NotRunning(f"connecting to the system bus: {error}", "is dbus running? systemctl start dbus") from error


class _Own:
    """A thread's connection, which is closed when the thread ends."""

    def __init__(self) -> None:
        self.connection = _connect()
        self.pid = os.getpid()

    def __del__(self) -> None:
        if hasattr(self, "connection"):
            self.connection.close()


def _connection() -> DBusConnection:
    own = getattr(_local, "own", None)
    if own is None or own.pid != os.getpid():  # a child after fork() must not use its parent's
        own = _local.own = _Own()
    return own.connection


def close() -> None:
    """Closes this thread's connection. The next call opens another."""
    _local.own = None


def _ask(method: str, signature: Optional[str], body: Sequence[Any]) -> Any:
    message = new_method_call(MANAGER, method, signature, tuple(body))
    try:
        return _connection().send_and_get_reply(message)
    except (OSError, ConnectionError, EOFError) as error:
        close()
        raise errors.NotRunning(f"{method}: the bus has gone: {error}", "try again") from error


def call(method: str, signature: Optional[str] = None, body: Sequence[Any] = ()) -> tuple[Any, ...]:
    """The values of the answer. Waits for as long as it takes. Raises errors.Error."""
    end = time.monotonic() + ROOM_LIMIT
    while True:
        reply = _ask(method, signature, body)
        if reply.header.message_type != MessageType.error:
            return tuple(reply.body)
        name = reply.header.fields[HeaderFields.error_name]
        if name != _NO_ROOM or time.monotonic() > end:
            raise errors.of(name, str(reply.body[0]) if reply.body else "")
        time.sleep(0.1)  # it was not delivered, since others flood the bus


def text_of(value: "str | bytes | os.PathLike[Any]") -> tuple[str, Any]:
    """A variant: a string, or bytes where it is no UTF-8."""
    raw = os.fsencode(value)
    try:
        return ("s", raw.decode())
    except UnicodeDecodeError:
        return ("ay", raw)


def texts_of(values: "Sequence[str | bytes | os.PathLike[Any]]") -> tuple[str, Any]:
    """A variant of several."""
    raw = [os.fsencode(value) for value in values]
    try:
        return ("as", [each.decode() for each in raw])
    except UnicodeDecodeError:
        return ("aay", raw)


def values_of(variants: dict[str, tuple[str, Any]]) -> dict[str, Any]:
    """An a{sv} as plain values."""
    return {key: [values_of(each) for each in value] if signature == "aa{sv}" else value
            for key, (signature, value) in variants.items()}
