"""The gateway's routes: its own health, calls, and HTTP passed whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec

from crossply.clock import Clock, monotonic
from crossply.errors import CallError, Code
from crossply.handler import Handler
from crossply.telemetry import prometheus
from crossply_bridge import problems
from crossply_bridge.calling import call
from crossply_bridge.http_message import METHODS, HttpFault, HttpRequest, HttpResponse
from crossply_bridge.passing import pass_on
from crossply_bridge.request_target import Target, parse_target
from crossply_bridge.trust import TrustedPeers, traceparent
from crossply_policy import names

Outbound: TypeAlias = Callable[[str], Handler]
"""The composed stack out of this process for an operation."""

Readiness: TypeAlias = Callable[[], str | None]
"""Why the bridge cannot serve now; ``None`` when it can."""


@dataclass(frozen=True, slots=True)
class Scraped:
    """The metrics as text, and whose scrapes are answered."""

    text: Callable[[], bytes]
    by: TrustedPeers


RESERVED: Final = frozenset({"svc", "events", "healthz", "readyz", "metrics"})
"""First segments that are the gateway's own: services of these names are not reached through it."""

_NOWHERE: Final = "nothing is at this path; calls are POST /<service>/<endpoint>, HTTP is /svc/<service>/<path>"


class Gateway:
    """Answers HTTP requests by calls into the mesh."""

    def __init__(
        self,
        outbound: Outbound,
        ready: Readiness,
        trust: TrustedPeers,
        clock: Clock = monotonic,
        scraped: Scraped | None = None,
    ) -> None:
        self._scraped = scraped
        self._outbound = outbound
        self._ready = ready
        self._trust = trust
        self._clock = clock

    async def exchange(self, request: HttpRequest) -> HttpResponse:
        """Answer one request; every failure is a problem document."""
        try:
            return await self._route(request)
        except HttpFault as fault:
            return problems.of_fault(fault, self._trace_id(request))
        except CallError as error:
            return problems.of_error(error, self._trace_id(request))

    def _route(self, request: HttpRequest) -> Awaitable[HttpResponse]:
        if request.target == "*":
            return self._star(request)
        target = parse_target(request.target)
        _, first, *rest = target.path.split("/", 2)
        if target.path in {"/healthz", "/readyz"}:
            return self._health(request, ready=target.path == "/readyz")
        if target.path == "/metrics" and self._scraped is not None and self._scraped.by.trusts(request.peer):
            return self._metrics(request, self._scraped.text)
        if first == "svc" and rest and rest[0]:
            return self._pass(request, target, rest[0])
        if first in RESERVED or not rest or not rest[0] or "/" in rest[0]:
            raise HttpFault(404, _NOWHERE)
        return self._call(request, target, first, rest[0])

    async def _star(self, request: HttpRequest) -> HttpResponse:
        if request.method != "OPTIONS":
            raise HttpFault(400, "target * is for OPTIONS only")
        return HttpResponse(204, [("allow", ", ".join(METHODS))])

    async def _health(self, request: HttpRequest, *, ready: bool) -> HttpResponse:
        if request.method not in {"GET", "HEAD"}:
            raise _not_allowed("GET, HEAD")
        reason = self._ready() if ready else None
        if reason is not None:
            return problems.problem(503, Code.UNAVAILABLE, reason, retryable=True, headers=[("retry-after", "1")])
        body = msgspec.json.encode({"status": "ready" if ready else "ok"})
        return HttpResponse(200, [("content-type", "application/json"), ("cache-control", "no-store")], body)

    async def _metrics(self, request: HttpRequest, text: Callable[[], bytes]) -> HttpResponse:
        if request.method not in {"GET", "HEAD"}:
            raise _not_allowed("GET, HEAD")
        return HttpResponse(200, [("content-type", prometheus.CONTENT_TYPE)], text())

    async def _pass(self, request: HttpRequest, target: Target, rest: str) -> HttpResponse:
        service, _, path = rest.partition("/")
        _check_names(lambda: names.service(service))
        operation = f"{service}.http-{request.method.lower()}"
        passed = Target(f"/{path}", target.query)
        return await pass_on(request, operation, passed, self._outbound(operation), self._trust, self._clock)

    async def _call(self, request: HttpRequest, target: Target, service: str, endpoint: str) -> HttpResponse:
        if request.method == "OPTIONS":
            return HttpResponse(204, [("allow", "POST, OPTIONS")])
        if request.method != "POST":
            raise _not_allowed("POST, OPTIONS")
        _check_names(lambda: names.service(service), lambda: names.endpoint(endpoint))
        if target.query is not None:
            raise HttpFault(400, "a call takes its arguments in the body, not in the query")
        operation = f"{service}.{endpoint}"
        return await call(request, operation, self._outbound(operation), self._trust, self._clock)

    def _trace_id(self, request: HttpRequest) -> str | None:
        """Return the trace that a trusted client says the request belongs to."""
        said = [value for name, value in request.headers if name == "traceparent"]
        trace = traceparent(said[0]) if len(said) == 1 else None
        return trace[3:35] if trace and self._trust.trusts(request.peer) else None


def _not_allowed(allow: str) -> HttpFault:
    return HttpFault(405, f"method is not allowed here; use {allow.removesuffix(', OPTIONS')}", [("allow", allow)])


def _check_names(*checks: Callable[[], object]) -> None:
    try:
        for check in checks:
            check()
    except names.NameFault as fault:
        raise HttpFault(400, str(fault)) from fault
