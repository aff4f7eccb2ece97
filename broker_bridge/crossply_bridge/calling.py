"""A call from outside: `POST /<service>/<endpoint>` with its arguments as the body."""

from __future__ import annotations

from typing import Final

from crossply.clock import Clock
from crossply.handler import BYTES, JSON, MSGPACK, Handler, Request
from crossply.names import new_id
from crossply_bridge.call_headers import read_call_headers
from crossply_bridge.http_message import HttpFault, HttpRequest, HttpResponse
from crossply_bridge.trust import TrustedPeers

_TAKEN: Final = frozenset({JSON, MSGPACK, BYTES})


async def call(
    request: HttpRequest, operation: str, handler: Handler, trust: TrustedPeers, clock: Clock
) -> HttpResponse:
    """Send the body as the arguments and answer with the result; raises ``HttpFault`` and ``CallError``."""
    _refuse_other_sites(request)
    said = read_call_headers(request, trust, clock)
    response = await handler(
        Request(
            operation,
            id=new_id(),
            body=request.body or b"{}",
            content_type=_content_type(request),
            key=said.key,
            idempotency_key=said.idempotency_key,
            traceparent=said.traceparent,
            tracestate=said.tracestate,
            baggage=said.baggage,
            deadline=said.deadline,
        )
    )
    return HttpResponse(200, [("content-type", response.content_type)], response.body)


def _content_type(request: HttpRequest) -> str:
    """Return the type the callee is told.

    A body needs one that browsers do not send across sites unasked, so a missing type is not guessed.
    """
    if not request.body:
        return JSON
    said = (request.one("content-type") or "none").partition(";")
    essence = said[0].strip().lower()
    charset = said[2].strip().lower().removeprefix("charset=").strip('"')
    if essence not in _TAKEN or charset not in {"", "utf-8"}:
        raise HttpFault(
            415,
            f"content type {''.join(said)[:80]} is not taken; send content-type: {JSON} in UTF-8",
            [("accept", ", ".join(sorted(_TAKEN)))],
        )
    return essence


def _refuse_other_sites(request: HttpRequest) -> None:
    """Refuse what a browser sends on behalf of another site's page: it could not read the answer anyway."""
    if request.one("sec-fetch-site") in {"cross-site", "same-site"}:
        raise HttpFault(403, "a page of another site may not call; serve page and calls from one origin")
