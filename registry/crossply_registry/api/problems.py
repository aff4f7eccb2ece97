"""Every error as problem details (RFC 9457), the framework's own included."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from msgspec import UNSET, Meta, Struct, UnsetType

from crossply.control.record import RecordFault
from crossply.errors import Code
from crossply.telemetry.logs import get_logger
from crossply.wire.link import StoreUnavailable
from crossply_policy.faults import PolicyInvalid
from crossply_registry.api.pointers import pointer
from crossply_registry.registry import Starting
from crossply_registry.revisions.log import Contended, NotLoaded

MEDIA_TYPE: Final = "application/problem+json"
_RETRY_AFTER: Final = "1"
_trace_parent = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}").fullmatch
_log = get_logger("registry.api")

_CODES: Final[Mapping[int, Code]] = {
    400: Code.INVALID_ARGUMENT,
    401: Code.UNAUTHENTICATED,
    403: Code.PERMISSION_DENIED,
    404: Code.NOT_FOUND,
    405: Code.UNIMPLEMENTED,
    408: Code.DEADLINE_EXCEEDED,
    409: Code.ABORTED,
    412: Code.FAILED_PRECONDITION,
    413: Code.PAYLOAD_TOO_LARGE,
    415: Code.INVALID_ARGUMENT,
    422: Code.INVALID_ARGUMENT,
    428: Code.FAILED_PRECONDITION,
    429: Code.RATE_LIMITED,
    503: Code.UNAVAILABLE,
}


class FaultBody(Struct, frozen=True, kw_only=True):
    """One fault in what was sent."""

    pointer: Annotated[str, Meta(description="JSON pointer into the document; empty for the whole")]
    path: Annotated[str, Meta(description="the same place as the command line prints it")]
    detail: str


class Problem(Struct, frozen=True, kw_only=True):
    """What went wrong (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: Annotated[str, Meta(description="one of the protocol's codes")]
    retryable: Annotated[bool, Meta(description="whether the same request may work later, as it is")]
    trace_id: str | UnsetType = UNSET
    etag: Annotated[str, Meta(description="the document's current ETag, unquoted")] | UnsetType = UNSET
    errors: list[FaultBody] | UnsetType = UNSET


class _Parameter(Struct, frozen=True):
    """A fault in a parameter, as the framework tells it."""

    message: str = ""
    key: str = ""


class ApiFault(Exception):
    """A request is refused; ``etag`` is the document's current one, where that is the reason."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        faults: Sequence[FaultBody] = (),
        etag: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.faults = list(faults)
        self.etag = etag
        self.headers = dict(headers or {})
        if etag is not None:
            self.headers["ETag"] = f'"{etag}"'


def invalid(error: PolicyInvalid) -> ApiFault:
    """Return the refusal of a document, with all its faults."""
    count = len(error.faults)
    return ApiFault(
        422,
        f"document has {count} fault{'s' * (count != 1)}; nothing was changed",
        faults=[FaultBody(pointer=pointer(one.path), path=one.path, detail=one.detail) for one in error.faults],
    )


def to_response(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Return the problem details of any exception."""
    fault = _fault(error)
    trace = _trace_id(request)
    if fault.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        trace = trace or secrets.token_hex(16)
        _log.error("request_failed", method=request.method, path=request.url.path, trace_id=trace, exc_info=error)
    problem = Problem(
        title=HTTPStatus(fault.status).phrase,
        status=fault.status,
        detail=fault.detail,
        code=str(_CODES.get(fault.status, Code.INTERNAL)),
        retryable=fault.status == HTTPStatus.SERVICE_UNAVAILABLE,
        trace_id=trace or UNSET,
        etag=fault.etag or UNSET,
        errors=fault.faults or UNSET,
    )
    return Response(problem, status_code=fault.status, media_type=MEDIA_TYPE, headers=fault.headers)


def bare_problem(status: int, detail: str) -> bytes:
    """Return the problem document of an answer to what is not even a request."""
    title, code = HTTPStatus(status).phrase, str(_CODES[status])
    return msgspec.json.encode(Problem(title=title, status=status, detail=detail, code=code, retryable=False))


def refusals(*statuses: int) -> dict[int, ResponseSpec]:
    """Return the OpenAPI of the problems that a handler answers with."""
    return {
        status: ResponseSpec(
            Problem, generate_examples=False, description=HTTPStatus(status).phrase, media_type=MEDIA_TYPE
        )
        for status in statuses
    }


def _fault(error: Exception) -> ApiFault:
    match error:
        case ApiFault():
            return error
        case PolicyInvalid():
            return invalid(error)
        case Starting() | NotLoaded() | StoreUnavailable() | Contended():
            return _unavailable(str(error) or "history has not been read yet")
        case RecordFault():
            return _unavailable(f"history in the store is refused: {error}")
        case HTTPException() if error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
            return ApiFault(error.status_code, _words(error), faults=_parameters(error), headers=error.headers)
        case _:
            return ApiFault(500, "something failed inside the registry; its log has the trace id")


def _unavailable(detail: str) -> ApiFault:
    return ApiFault(503, detail, headers={"Retry-After": _RETRY_AFTER})


def _words(error: HTTPException) -> str:
    if isinstance(error, ValidationException):
        return "request has parameters that do not fit"
    phrases: dict[int, str] = {
        404: "nothing is here; /openapi.json lists what there is",
        405: f"method is not one of {(error.headers or {}).get('allow', 'those allowed')}",
        413: "body is longer than this address takes",
    }
    return phrases.get(error.status_code, error.detail)


def _parameters(error: HTTPException) -> list[FaultBody]:
    if not isinstance(error, ValidationException):
        return []
    try:
        found = msgspec.convert(error.extra, list[_Parameter])
    except msgspec.ValidationError:
        return []
    return [FaultBody(pointer=pointer(one.key), path=one.key, detail=one.message) for one in found]


def _trace_id(request: Request[Any, Any, Any]) -> str | None:
    match = _trace_parent(request.headers.get("traceparent", ""))
    return match[1] if match else None
