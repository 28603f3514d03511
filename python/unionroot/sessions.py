"""Sessions, and what can be asked of chroots."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
from typing import Any, Iterator, Mapping, Optional, Sequence

from contextlib import contextmanager

from . import bus, errors
from .running import DEVNULL, GRACE, PIPE, Result, Running, Stream, Text, options_of


def _run(name: str, command: Sequence[Text], *, user: Optional[Text], directory: Optional[Text],
         environment: Optional[Mapping[str, Text]], wait: Optional[float], input: Optional[bytes], capture: bool,
         timeout: Optional[float], grace: float, check: bool) -> Result:
    stream: Stream = PIPE if capture else None
    options = options_of(user, directory, environment, wait)
    with Running(name, command, options, DEVNULL if input is None else PIPE, stream, stream) as running:
        result = running.communicate(input, timeout, grace)
    return result.check() if check else result


class Session:
    """A session that is there. Several objects, also of several processes, may be of the same."""

    def __init__(self, id: str) -> None:
        self.id = id

    def __repr__(self) -> str:
        return f"Session({self.id!r})"

    def run(self, command: Sequence[Text], *, user: Optional[Text] = None, directory: Optional[Text] = None,
            environment: Optional[Mapping[str, Text]] = None, input: Optional[bytes] = None, capture: bool = True,
            timeout: Optional[float] = None, grace: float = GRACE, check: bool = False) -> Result:
        """Runs a command and waits for its end.

        user: inside; else the caller. directory: inside; else what the definition says (working-directory), or the
        caller's own, which has to be there. environment: more variables. input: what it reads; else nothing.
        capture: False leaves it our own stdout and stderr. timeout: Running.communicate. check: Result.check.
        """
        return _run("session:" + self.id, command, user=user, directory=directory, environment=environment, wait=None,
                    input=input, capture=capture, timeout=timeout, grace=grace, check=check)

    def start(self, command: Sequence[Text], *, user: Optional[Text] = None, directory: Optional[Text] = None,
              environment: Optional[Mapping[str, Text]] = None, stdin: Stream = DEVNULL, stdout: Stream = None,
              stderr: Stream = None) -> Running:
        """Starts one. It is ended when what is returned is closed, or collected."""
        return Running("session:" + self.id, command, options_of(user, directory, environment, None), stdin, stdout, stderr)

    def copy_to(self, source: "str | os.PathLike[str]", target: str, *, user: Optional[Text] = None) -> None:
        """Copies a file or a folder of the caller's into the session. It belongs to the session's user there.

        target: absolute. If it is a folder that is there, the copy goes into it, under its own name. Needs tar(1) inside.
        """
        source = os.fspath(source)
        folder, name = self._target(source, target, user)
        command = ["tar", "--extract", "--file=-", "--no-same-owner", "--directory", folder]
        with Running("session:" + self.id, command, options_of(user, "/", None, None), PIPE, DEVNULL, PIPE) as running:
            assert running.stdin is not None
            try:
                with tarfile.open(fileobj=running.stdin, mode="w|", format=tarfile.PAX_FORMAT) as archive:
                    archive.add(source, arcname=name)
            except BrokenPipeError:
                pass  # its status says why
            running.communicate().check()

    def copy_from(self, source: str, target: "str | os.PathLike[str]", *, user: Optional[Text] = None) -> None:
        """Copies a file or a folder out of the session, as far as the session's user may read it.

        source: absolute. target: as in copy_to, of the caller's. Whatever lies in the session, nothing is written elsewhere
        than there. Needs tar(1) on both sides.
        """
        target = os.fspath(target)
        parent, name = os.path.split(source.rstrip("/"))
        if not name:
            raise errors.InvalidArgument(f"copying {source}: it names no file", "name one below /")
        inside = os.path.isdir(target)
        place = target if inside else os.path.dirname(target) or "."
        final = os.path.join(place, name) if inside else target
        scratch = tempfile.mkdtemp(prefix=".unionroot-", dir=place)
        try:
            self._extract(parent or "/", name, scratch, user)
            if os.path.isdir(final) and not os.path.islink(final):
                raise errors.InvalidArgument(f"copying {source}: {final} is there already", "remove it, or name another place")
            if not os.path.lexists(os.path.join(scratch, name)):
                raise errors.Error(f"copying {source}: the session's tar(1) gave something else")
            os.rename(os.path.join(scratch, name), final)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _extract(self, parent: str, name: str, scratch: str, user: Optional[Text]) -> None:
        read, write = os.pipe()
        try:
            # tar makes links that lead out of the folder last, so nothing is written through them.
            extract = subprocess.Popen(["tar", "--extract", "--file=-", "--no-same-owner", "--no-same-permissions", "--directory",
                                        scratch], stdin=read, stderr=subprocess.PIPE)
        finally:
            os.close(read)
        try:
            command = ["tar", "--create", "--file=-", "--directory", parent, "--", name]
            with Running("session:" + self.id, command, options_of(user, "/", None, None), DEVNULL, write, PIPE) as running:
                os.close(write)
                write = -1
                result = running.communicate()
        finally:
            if write >= 0:
                os.close(write)
            _, said = extract.communicate()
        result.check()
        if extract.returncode != 0:
            raise errors.Error(f"unpacking what was copied from {name}: {said.decode(errors='replace').strip()}")

    def _target(self, source: str, target: str, user: Optional[Text]) -> tuple[str, str]:
        """Folder and name of a copy in the session."""
        if not target.startswith("/"):
            raise errors.InvalidArgument(f"copying to {target}: it is not absolute", "give the whole path in the session")
        if self.run(["test", "-d", target], user=user, directory="/").ok:
            return target, os.path.basename(os.path.abspath(source))
        folder, name = os.path.split(target.rstrip("/"))
        return folder or "/", name

    def info(self) -> dict[str, Any]:
        """What the daemon knows of it: org.unionroot1.xml, Info."""
        return info("session:" + self.id)

    def recover(self) -> bool:
        """Sets it up again if it has failed. False: it is active."""
        return bool(bus.call("Recover", "sa{sv}", (self.id, {}))[0])

    def end(self, *, force: bool = False) -> list[str]:
        """Kills all its processes and takes it away. With force: what could not be undone."""
        return list(bus.call("End", "sa{sv}", (self.id, {"force": ("b", force)}))[0])


def begin(chroot: str, *, name: Optional[str] = None, wait: Optional[float] = None,
          user_data: Optional[Mapping[str, str]] = None) -> Session:
    """A session that stays until it is ended. wait: seconds for a change of the tree to end; negative: without end."""
    options: dict[str, Any] = {}
    if name is not None:
        options["name"] = ("s", name)
    if wait is not None:
        options["wait"] = ("x", -1 if wait < 0 else int(wait * 1000))
    if user_data:
        options["user-data"] = ("a{ss}", dict(user_data))
    return Session(bus.call("Begin", "sa{sv}", (chroot, options))[0])


@contextmanager
def session(chroot: str, *, name: Optional[str] = None, wait: Optional[float] = None,
            user_data: Optional[Mapping[str, str]] = None) -> Iterator[Session]:
    """A session for a `with` block. It is ended at the end of the block, whatever happens in it."""
    begun = begin(chroot, name=name, wait=wait, user_data=user_data)
    try:
        yield begun
    finally:
        try:
            begun.end()
        except errors.NoSuchSession:  # the block ended it
            pass


def run(chroot: str, command: Sequence[Text], *, user: Optional[Text] = None, directory: Optional[Text] = None,
        environment: Optional[Mapping[str, Text]] = None, wait: Optional[float] = None, input: Optional[bytes] = None,
        capture: bool = True, timeout: Optional[float] = None, grace: float = GRACE, check: bool = False) -> Result:
    """Runs a command in an automatic session, which has gone when this returns. As Session.run."""
    return _run(chroot, command, user=user, directory=directory, environment=environment, wait=wait, input=input,
                capture=capture, timeout=timeout, grace=grace, check=check)


def sessions() -> list[dict[str, Any]]:
    """Of each session, whosever it is, what `unionroot list --sessions` shows."""
    return [bus.values_of(each) for each in bus.call("ListSessions")[0]]


def chroots() -> list[dict[str, Any]]:
    return [bus.values_of(each) for each in bus.call("ListChroots")[0]]


def info(name: str) -> dict[str, Any]:
    """Of a chroot, or of session:ID."""
    return bus.values_of(bus.call("Info", "s", (name,))[0])
