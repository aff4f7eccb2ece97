"""An HTTP application as a service of the mesh: calls come in, HTTP requests go out beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from crossply.errors import InvalidArgument
from crossply.handler import BYTES, Facts, Handler, Request, Response
from crossply.telemetry import baggage
from crossply_bridge.app_reply import AppReply
from crossply_bridge.headers import HeaderFault, checked, end_to_end, lowered, without_overrides, without_reserved
from crossply_bridge.http_message import IDEMPOTENT, METHODS, Fields, HttpFault
from crossply_bridge.request_target import parse_target
from crossply_bridge.upstream import AppRequest


class Application(Protocol):
    """Answers HTTP requests by a deadline; ``Upstream`` is one."""

    async def send(self, request: AppRequest, deadline: float) -> AppReply:
        """Return the answer or raise ``CallError``."""
        ...


def endpoints(application: Application) -> Mapping[str, tuple[Handler, Facts]]:
    """Return what the service offers: an endpoint for each method, `http-get` and so on."""
    return {
        f"http-{method.lower()}": (_endpoint(method, facts, application), facts)
        for method, facts in ((method, Facts(idempotent=method in IDEMPOTENT)) for method in METHODS)
    }


def _endpoint(method: str, facts: Facts, application: Application) -> Handler:
    async def exchanging(request: Request) -> Response:
        reply = await application.send(_request(method, request), request.deadline)
        return _response(method, reply, facts)

    return exchanging


def _request(method: str, request: Request) -> AppRequest:
    """Return the HTTP request that a call carries; checked again, as the caller need not be a bridge."""
    if request.http is None:
        raise InvalidArgument(
            f"{request.operation} carries HTTP: call it through a bridge, at /svc/{request.service}/<path>"
        )
    try:
        target = parse_target(request.http.path)
        fields = checked(lowered(request.http.headers))
    except (HttpFault, HeaderFault) as fault:
        raise InvalidArgument(f"HTTP request is refused: {fault}") from fault
    headers = without_overrides(without_reserved(end_to_end(fields)))
    if request.traceparent is not None:
        headers = [field for field in headers if field[0] not in {"traceparent", "tracestate"}]
        headers.append(("traceparent", request.traceparent))
        if request.tracestate is not None:
            headers.append(("tracestate", request.tracestate))
    if request.baggage and (carried := baggage.written(request.baggage)):
        headers = [field for field in headers if field[0] != "baggage"]
        headers.append(("baggage", carried))
    return AppRequest(method, target.raw, headers, request.body)


def _response(method: str, reply: AppReply, facts: Facts) -> Response:
    headers: Fields = without_reserved(end_to_end(reply.headers))
    if method == "HEAD":
        headers += [field for field in reply.headers if field[0] == "content-length"]
    return Response(reply.body, BYTES, facts=facts, status=reply.status, headers=headers)
