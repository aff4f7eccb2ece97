"""Every error that Crossply raises, as one tree.

    MeshError                     everything raised by Crossply
    ├─ ConfigError                a mistake in a program's configuration; all faults at once; the process exits 64
    └─ CallError                  one call or publish failed: .code .executed .origin
       ├─ Refused          no     the endpoint did not run
       │  ├─ Unavailable          nobody took it: draining, not connected, no responders
       │  │  ├─ NotConnected      this side has no connection to the broker
       │  │  ├─ NoResponders      the broker says that nobody listens where this attempt was sent
       │  │  │  └─ NobodyToSealTo nobody is known yet who could open it
       │  │  └─ Absent            nobody has listened for as long as a restart may take
       │  ├─ Overloaded           the callee's limit or admission
       │  ├─ CircuitOpen          this caller's breaker
       │  ├─ RateLimited          a policy, by its name
       │  ├─ Unauthenticated      who is calling could not be shown
       │  ├─ PermissionDenied     the rule that denied, by its name
       │  │  └─ Unwelcome         an event whose publisher may not publish it
       │  ├─ NotFound             no such service, endpoint or channel
       │  ├─ InvalidArgument      the body did not decode or validate: path and reason
       │  └─ PayloadTooLarge      above a limit, found before sending
       ├─ DeadlineExceeded maybe  time ran out (executed is no when it never left)
       ├─ Disconnected     maybe  the connection or the instance went away while the attempt was in flight
       │  └─ LinkLost             it was this side's own connection
       ├─ IntegrityFailed  maybe  the reply could not be trusted
       └─ EndpointFailed   yes    the endpoint raised: on purpose with a code, else ``internal``

``executed`` is a fact about one hop: it answers "did the callee's endpoint run?" and is never forwarded to a
caller's own caller, whose call has facts of its own.
"""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Code(StrEnum):
    """What went wrong, in gRPC's names; the whole, closed set."""

    OK = "ok"
    UNAVAILABLE = "unavailable"
    OVERLOADED = "overloaded"
    CIRCUIT_OPEN = "circuit_open"
    RATE_LIMITED = "rate_limited"
    UNAUTHENTICATED = "unauthenticated"
    PERMISSION_DENIED = "permission_denied"
    NOT_FOUND = "not_found"
    INVALID_ARGUMENT = "invalid_argument"
    PAYLOAD_TOO_LARGE = "payload_too_large"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    DISCONNECTED = "disconnected"
    INTEGRITY_FAILED = "integrity_failed"
    ABORTED = "aborted"
    FAILED_PRECONDITION = "failed_precondition"
    ALREADY_EXISTS = "already_exists"
    OUT_OF_RANGE = "out_of_range"
    UNIMPLEMENTED = "unimplemented"
    INTERNAL = "internal"


class Executed(StrEnum):
    """Whether the callee's endpoint ran, as far as this hop can tell."""

    NO = "no"
    MAYBE = "maybe"
    YES = "yes"


class Origin(Enum):
    """Where an error arose."""

    LOCAL = "local"
    WIRE = "wire"
    REMOTE = "remote"


class MeshError(Exception):
    """Everything that Crossply raises."""


class ConfigError(MeshError):
    """A program's configuration is wrong; ``faults`` holds one line for each mistake."""

    exit_code: ClassVar[int] = 64

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


class CallError(MeshError):
    """One call or publish failed.

    ``details`` holds one ``(pointer, detail)`` for each fault found in the body; ``retry_after`` is in seconds.
    """

    code: Code = Code.INTERNAL
    executed: Executed = Executed.MAYBE

    def __init__(  # noqa: PLR0913 - the facts of one failure, all keyword-only
        self,
        message: str,
        *,
        code: Code | None = None,
        executed: Executed | None = None,
        origin: Origin = Origin.LOCAL,
        retry_after: float | None = None,
        rule: str | None = None,
        trace_id: str | None = None,
        details: Sequence[tuple[str, str]] = (),
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        if executed is not None:
            self.executed = executed
        self.origin = origin
        self.retry_after = retry_after
        self.rule = rule
        self.trace_id = trace_id
        self.details = tuple(details)
        self.status = status

    def facts(self) -> Mapping[str, object]:
        """Return what a log line or a problem document says of this error."""
        said: dict[str, object] = {
            "code": str(self.code),
            "executed": str(self.executed),
            "origin": self.origin.value,
        }
        if self.retry_after is not None:
            said["retry_after"] = self.retry_after
        if self.rule is not None:
            said["rule"] = self.rule
        if self.trace_id is not None:
            said["trace_id"] = self.trace_id
        return said


class Refused(CallError):
    """The endpoint did not run."""

    executed = Executed.NO


class Unavailable(Refused):
    """Nobody took the request: the callee drains, is not connected, or does not listen."""

    code = Code.UNAVAILABLE


class NoResponders(Unavailable):
    """The broker says that nobody listens where this attempt was sent."""


class NobodyToSealTo(NoResponders):
    """Nobody is known yet who could open this attempt, so that it was not sent."""


class NotConnected(Unavailable):
    """This side has no connection to the broker: it says nothing of the callee."""


class Absent(Unavailable):
    """Nobody has listened for as long as a restart may take: the call has been waiting for it already."""


class Overloaded(Refused):
    """The callee is at its limit and refused early."""

    code = Code.OVERLOADED


class CircuitOpen(Refused):
    """This caller's breaker for the subset is open."""

    code = Code.CIRCUIT_OPEN


class RateLimited(Refused):
    """A rate limit refused; ``rule`` names it."""

    code = Code.RATE_LIMITED


class Unauthenticated(Refused):
    """The callee could not tell who is calling."""

    code = Code.UNAUTHENTICATED


class PermissionDenied(Refused):
    """An access rule, or its absence, denied the call; ``rule`` names it."""

    code = Code.PERMISSION_DENIED


class Unwelcome(PermissionDenied):
    """An event was delivered whose publisher may not publish it; it is put an end to after ``deliveries``."""

    deliveries: ClassVar[int] = 8


class NotFound(Refused):
    """There is no such service, endpoint or channel."""

    code = Code.NOT_FOUND


class InvalidArgument(Refused):
    """The body did not decode or did not validate; ``details`` says where and why."""

    code = Code.INVALID_ARGUMENT


class PayloadTooLarge(Refused):
    """The body is above a limit; nothing was sent."""

    code = Code.PAYLOAD_TOO_LARGE


class DeadlineExceeded(CallError):
    """Time ran out before the reply came."""

    code = Code.DEADLINE_EXCEEDED


class Disconnected(CallError):
    """The connection, or the instance, went away while the attempt was in flight."""

    code = Code.DISCONNECTED


class LinkLost(Disconnected):
    """This side's own connection went away while the attempt was in flight: it says nothing of the callee."""


class IntegrityFailed(CallError):
    """The reply could not be trusted."""

    code = Code.INTEGRITY_FAILED


class EndpointFailed(CallError):
    """The endpoint raised.

    Endpoints raise it on purpose, ``EndpointFailed("no credit", code=Code.ABORTED)``; any other exception of
    theirs reaches the caller as ``internal`` with a trace id and no text.
    """

    executed = Executed.YES

    def __init__(self, message: str, **facts: Any) -> None:
        if facts.get("code") is Code.OK:
            raise ValueError("ok is no failure; return a value instead")
        super().__init__(message, **facts)
