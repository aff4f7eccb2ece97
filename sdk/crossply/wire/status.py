"""The one table of codes: default ``executed``, HTTP status, the error class; the bridge reads it too."""

from __future__ import annotations

from dataclasses import dataclass

from crossply import errors
from crossply.errors import CallError, Code, Executed


@dataclass(frozen=True, slots=True)
class Status:
    """How one code looks outside Python."""

    http: int
    executed: Executed
    error: type[CallError]
    means: str


STATUSES: dict[Code, Status] = {
    Code.OK: Status(200, Executed.YES, CallError, "it worked"),
    Code.UNAVAILABLE: Status(503, Executed.NO, errors.Unavailable, "draining, not connected, or nobody listens"),
    Code.OVERLOADED: Status(503, Executed.NO, errors.Overloaded, "a limit or admission refused early"),
    Code.CIRCUIT_OPEN: Status(503, Executed.NO, errors.CircuitOpen, "this caller's breaker is open"),
    Code.RATE_LIMITED: Status(429, Executed.NO, errors.RateLimited, "a rate limit, named in the error"),
    Code.UNAUTHENTICATED: Status(401, Executed.NO, errors.Unauthenticated, "the caller is not known"),
    Code.PERMISSION_DENIED: Status(403, Executed.NO, errors.PermissionDenied, "the rule that denied is named"),
    Code.NOT_FOUND: Status(404, Executed.NO, errors.NotFound, "no such service, endpoint or channel"),
    Code.INVALID_ARGUMENT: Status(400, Executed.NO, errors.InvalidArgument, "did not decode or validate"),
    Code.PAYLOAD_TOO_LARGE: Status(413, Executed.NO, errors.PayloadTooLarge, "above a limit, before sending"),
    Code.DEADLINE_EXCEEDED: Status(504, Executed.MAYBE, errors.DeadlineExceeded, "time ran out"),
    Code.DISCONNECTED: Status(502, Executed.MAYBE, errors.Disconnected, "the link or the instance went away"),
    Code.INTEGRITY_FAILED: Status(502, Executed.MAYBE, errors.IntegrityFailed, "the reply cannot be trusted"),
    Code.ABORTED: Status(409, Executed.YES, errors.EndpointFailed, "raised by the endpoint on purpose"),
    Code.FAILED_PRECONDITION: Status(412, Executed.YES, errors.EndpointFailed, "raised by the endpoint on purpose"),
    Code.ALREADY_EXISTS: Status(409, Executed.YES, errors.EndpointFailed, "raised by the endpoint on purpose"),
    Code.OUT_OF_RANGE: Status(400, Executed.YES, errors.EndpointFailed, "raised by the endpoint on purpose"),
    Code.UNIMPLEMENTED: Status(501, Executed.YES, errors.EndpointFailed, "raised by the endpoint on purpose"),
    Code.INTERNAL: Status(500, Executed.YES, errors.EndpointFailed, "the endpoint raised: a trace id, no text"),
}


def http_status(error: CallError) -> int:
    """Return the HTTP status for ``error``."""
    return STATUSES[error.code].http


def retryable(error: CallError) -> bool:
    """Say whether the same request may be sent again as it is: it did not run, and the cause may pass."""
    return error.executed is Executed.NO and error.code in {
        Code.UNAVAILABLE,
        Code.OVERLOADED,
        Code.CIRCUIT_OPEN,
        Code.RATE_LIMITED,
    }
