"""What a client says of a call in header fields: how long, for which key, and in which trace."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from crossply.clock import Clock
from crossply.telemetry import baggage
from crossply_bridge.http_message import HttpFault, HttpRequest
from crossply_bridge.trust import TrustedPeers, traceparent

_SINGLE: Final = frozenset({"crossply-timeout", "crossply-key", "idempotency-key", "traceparent"})
_LONGEST: Final = 3600.0
_TIMEOUT: Final = re.compile(r"([0-9]{1,7}(?:\.[0-9]{1,6})?)(ms|s)?")
_KEY: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallHeaders:
    """``deadline`` is on the monotonic clock, infinite when the client leaves it to the policy."""

    deadline: float
    key: str | None
    idempotency_key: str | None
    traceparent: str | None
    tracestate: str | None
    baggage: dict[str, str] | None


def read_call_headers(request: HttpRequest, trust: TrustedPeers, clock: Clock) -> CallHeaders:
    """Read them; raise ``HttpFault`` (400) for one that is malformed or stands twice."""
    said: dict[str, str] = {}
    for name, value in request.headers:
        if name in _SINGLE:
            if name in said:
                raise HttpFault(400, f"header {name} stands more than once; send it once")
            said[name] = value
    trace = traceparent(said.get("traceparent"))
    carried = [value for name, value in request.headers if name == "baggage"]
    if (trace is not None or carried) and not trust.trusts(request.peer):
        trace, carried = None, []
    state = [value for name, value in request.headers if name == "tracestate"] if trace else []
    return CallHeaders(
        deadline=_deadline(said.get("crossply-timeout"), clock),
        key=_key(said, "crossply-key"),
        idempotency_key=_key(said, "idempotency-key"),
        traceparent=trace,
        tracestate=",".join(state) or None,
        baggage=(baggage.read(",".join(carried)) or None) if carried else None,
    )


def _deadline(text: str | None, clock: Clock) -> float:
    if text is None:
        return float("inf")
    match = _TIMEOUT.fullmatch(text)
    timeout = float(match[1]) / (1000.0 if match[2] == "ms" else 1.0) if match else 0.0
    if not 0.0 < timeout <= _LONGEST:
        raise HttpFault(400, "Crossply-Timeout is no length of time up to an hour; write 2.5, 2.5s or 250ms")
    return clock() + timeout


def _key(said: Mapping[str, str], name: str) -> str | None:
    text = said.get(name)
    if text is not None and not _KEY.fullmatch(text):
        raise HttpFault(400, f"{name} is not 1 to 255 printable ASCII characters")
    return text
