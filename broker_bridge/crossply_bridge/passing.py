"""An HTTP request passed whole to the HTTP application behind another bridge."""

from __future__ import annotations

from typing import Final

from crossply.clock import Clock
from crossply.errors import IntegrityFailed
from crossply.handler import BYTES, Handler, HttpHead, Request, Response
from crossply.names import new_id
from crossply_bridge.call_headers import read_call_headers
from crossply_bridge.headers import HeaderFault, checked, end_to_end, from_outside, lowered, without_reserved
from crossply_bridge.http_message import IDEMPOTENT, Fields, HttpRequest, HttpResponse
from crossply_bridge.request_target import Target
from crossply_bridge.trust import TrustedPeers

_STATUS: Final = range(200, 600)


async def pass_on(
    request: HttpRequest, operation: str, target: Target, handler: Handler, trust: TrustedPeers, clock: Clock
) -> HttpResponse:
    """Send a request for ``target`` to the bridge of a service and return what its application answers.

    Raises ``HttpFault`` for a header that cannot be read and ``CallError`` when there is no answer.
    """
    said = read_call_headers(request, trust, clock)
    headers = from_outside(request.headers, peer=request.peer, host=request.one("host"))
    response = await handler(
        Request(
            operation,
            id=new_id(),
            body=request.body,
            content_type=BYTES,
            http=HttpHead(target.raw, headers),
            key=said.key,
            idempotency_key=said.idempotency_key,
            traceparent=said.traceparent,
            tracestate=said.tracestate,
            baggage=said.baggage,
            idempotent=request.method in IDEMPOTENT or None,
            deadline=said.deadline,
        )
    )
    return _answer(response, request.method)


def _answer(response: Response, method: str) -> HttpResponse:
    status = response.status
    if status is None or status not in _STATUS:
        raise IntegrityFailed(f"service answered with HTTP status {status}; no bridge does so")
    try:
        fields = checked(lowered(response.headers or []))
    except HeaderFault as fault:
        raise IntegrityFailed(f"service's answer cannot be passed on: {fault}") from fault
    kept = without_reserved(end_to_end(fields))
    return HttpResponse(status, kept + _length(fields, method), response.body)


def _length(fields: Fields, method: str) -> Fields:
    """Return the length that an answer to HEAD speaks of; elsewhere the body says it."""
    return [field for field in fields if field[0] == "content-length"] if method == "HEAD" else []
