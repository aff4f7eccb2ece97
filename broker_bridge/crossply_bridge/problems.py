"""Errors as RFC 9457 problem details, with statuses from the one table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

import msgspec

from crossply.errors import CallError, Code
from crossply.wire.status import STATUSES, http_status, retryable
from crossply_bridge.http_message import Fields, HttpFault, HttpResponse

PROBLEM: Final = "application/problem+json"

_CODES: Final[Mapping[int, Code]] = {
    403: Code.PERMISSION_DENIED,
    404: Code.NOT_FOUND,
    413: Code.PAYLOAD_TOO_LARGE,
    500: Code.INTERNAL,
    501: Code.UNIMPLEMENTED,
    502: Code.INTEGRITY_FAILED,
    503: Code.OVERLOADED,
    505: Code.UNIMPLEMENTED,
}
_WAIT: Final = frozenset({Code.OVERLOADED, Code.RATE_LIMITED})
"""Codes whose answer always says when to come again."""


def of_error(error: CallError, trace_id: str | None = None) -> HttpResponse:
    """Return the answer to a call that failed; ``trace_id`` is used where the error names none."""
    more: dict[str, object] = {}
    if error.rule is not None:
        more["rule"] = error.rule
    if error.details:
        more["errors"] = [{"pointer": pointer, "detail": detail} for pointer, detail in error.details]
    headers: Fields = []
    if error.retry_after is not None or error.code in _WAIT:
        headers.append(("retry-after", str(max(1, math.ceil(error.retry_after or 0)))))
    return problem(
        http_status(error),
        error.code,
        error.message or STATUSES[error.code].means,
        retryable=retryable(error),
        trace_id=error.trace_id or trace_id,
        headers=headers,
        more=more,
    )


def of_fault(fault: HttpFault, trace_id: str | None = None) -> HttpResponse:
    """Return the answer to a request that is refused as HTTP, before it is a call."""
    code = _CODES.get(fault.status, Code.INVALID_ARGUMENT)
    return problem(
        fault.status,
        code,
        fault.detail,
        retryable=code in _WAIT,
        trace_id=trace_id,
        headers=[*fault.headers, ("retry-after", "1")] if code in _WAIT else fault.headers,
    )


def problem(
    status: int,
    code: Code,
    detail: str,
    *,
    retryable: bool = False,
    trace_id: str | None = None,
    headers: Sequence[tuple[str, str]] = (),
    more: Mapping[str, object] | None = None,
) -> HttpResponse:
    """Return a problem document as an answer."""
    said: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": str(code),
        "retryable": retryable,
    }
    if trace_id:
        said["trace_id"] = trace_id
    said.update(more or {})
    return HttpResponse(status, [("content-type", PROBLEM), *headers], msgspec.json.encode(said))
