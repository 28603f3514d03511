"""Sessions of unionroot from Python, over D-Bus.

    import unionroot

    with unionroot.session("bookworm") as session:
        session.copy_to("hello-2.10", "/build")
        built = session.run(["make"], directory="/build/hello-2.10", timeout=600)
        print(built.status, built.out)

Calls may be made from several threads: each has a connection of its own. What fails raises unionroot.Error, or the
class of it that is named as the daemon names it. Nothing here needs root.
"""

from .errors import (AccessDenied, AuthenticationFailed, AuthenticationRequired, Cancelled, CommandFailed, CommandNotExecutable,
                     CommandNotFound, DefinitionInvalid, Error, InvalidArgument, LimitExceeded, NoSpace, NoSuchChroot,
                     NoSuchRun, NoSuchSession, NoSuchUser, NotRunning, NotSupported, SessionBusy, SessionExists,
                     SessionNotActive, SourceLocked, StageFailed, TimedOut)
from .running import DEVNULL, PIPE, STDOUT, Result, Running
from .sessions import Session, begin, chroots, info, run, session, sessions

__all__ = ["AccessDenied", "AuthenticationFailed", "AuthenticationRequired", "Cancelled", "CommandFailed", "CommandNotExecutable",
           "CommandNotFound", "DEVNULL", "DefinitionInvalid", "Error", "InvalidArgument", "LimitExceeded", "NoSpace",
           "NoSuchChroot", "NoSuchRun", "NoSuchSession", "NoSuchUser", "NotRunning", "NotSupported", "PIPE", "Result", "Running", "STDOUT",
           "Session", "SessionBusy", "SessionExists", "SessionNotActive", "SourceLocked", "StageFailed", "TimedOut", "begin",
           "chroots", "info", "run", "session", "sessions"]
