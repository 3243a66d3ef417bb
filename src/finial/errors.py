"""One closed set of error kinds. Every error that Finial raises on purpose is one of these.

A message reads "what failed: why", in lower case, the offending value quoted, never a key, token or
password. `hint` is for a person: the next step to take. `wire/status.py` maps kinds to gRPC codes, the
command line maps them to exit codes. A new class is made only where somebody catches it.
"""

from __future__ import annotations

from enum import Enum


class FinialError(Exception):
    """Base of the kinds below; not raised itself."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.message = _whole(message)
        super().__init__(self.message)
        self.hint = _whole(hint) if hint else hint
        if hint:
            self.add_note(f"hint: {self.hint}")  # Python shows it below an error that nobody caught

    def __str__(self) -> str:
        return self.message

    def within(self, what: str) -> FinialError:
        """The same kind of error, one step further out: "what: why"."""
        outer = type(self)(f"{what}: {self.message}", hint=self.hint)
        outer.__cause__ = self
        return outer


def _whole(text: str) -> str:
    """What JSON or a command line brought may hold half a surrogate pair, which nothing can send or print."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


class InvalidArgument(FinialError):
    """What was given is malformed, whatever the state of the system."""


class NotFound(FinialError):
    """The named thing does not exist."""


class AlreadyExists(FinialError):
    """The thing to be created is there already."""


class Denial(Enum):
    """Why an agent is denied; travels as `spire.api.types.PermissionDeniedDetails` (same numbers)."""

    UNKNOWN = 0
    AGENT_EXPIRED = 1
    AGENT_NOT_ATTESTED = 2
    AGENT_NOT_ACTIVE = 3
    AGENT_BANNED = 4
    AGENT_MUST_REATTEST = 5


class PermissionDenied(FinialError):
    """The caller is known and may not do this."""

    def __init__(self, message: str, *, hint: str | None = None, reason: Denial | None = None) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason

    def within(self, what: str) -> FinialError:
        outer = PermissionDenied(f"{what}: {self.message}", hint=self.hint, reason=self.reason)
        outer.__cause__ = self
        return outer


class Unauthenticated(FinialError):
    """The caller did not prove who it is."""


class FailedPrecondition(FinialError):
    """The state of the system does not allow this now; retrying without a change is pointless."""


class ResourceExhausted(FinialError):
    """A budget, quota or rate is used up."""


class Unavailable(FinialError):
    """A dependency is away for the moment: retry."""


class DeadlineExceeded(FinialError):
    """The time given for the operation passed before it was done."""


class Unsupported(FinialError):
    """Known, but not done here: a method, option or format."""


class Internal(FinialError):
    """Ours to mend: a broken invariant, a corrupt file, an unexpected answer."""
