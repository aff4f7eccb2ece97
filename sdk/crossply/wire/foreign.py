"""Messages from outside the mesh's own protocol: plain JSON in and out, as NATS micro callers send it."""

from __future__ import annotations

import msgspec

from crossply.errors import CallError
from crossply.handler import BYTES, FOREIGN, JSON, Request, Response
from crossply.wire.status import STATUSES

FOREIGN_TIMEOUT = 5.0
ERROR, ERROR_CODE = "Nats-Service-Error", "Nats-Service-Error-Code"


def request(operation: str, payload: bytes, headers: dict[str, str], *, id: bytes, now: float) -> Request:  # noqa: A002 - the field's name
    """Return the request a foreign message makes; its caller is ``foreign`` and its deadline 5 s from now."""
    said = {name.lower(): value for name, value in headers.items()}
    return Request(
        operation=operation,
        body=payload,
        content_type=said.get("content-type", JSON),
        id=id,
        peer=FOREIGN,
        traceparent=said.get("traceparent"),
        tracestate=said.get("tracestate"),
        received=now,
        deadline=now + FOREIGN_TIMEOUT,
    )


def reply(response: Response) -> tuple[bytes, dict[str, str]]:
    """Return payload and headers of the answer to a foreign message."""
    failure = response.failure
    if failure is None:
        return response.body, {} if response.content_type in {JSON, BYTES} else {"Content-Type": response.content_type}
    text = failure.message or str(failure.code)
    return _problem(failure), {ERROR: _one_line(text), ERROR_CODE: str(STATUSES[failure.code].http)}


def _problem(failure: CallError) -> bytes:
    return msgspec.json.encode({**failure.facts(), "detail": failure.message})


def _one_line(text: str) -> str:
    return " ".join(text.split())[:512]
