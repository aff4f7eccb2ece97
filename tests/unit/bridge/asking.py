"""Requests to a gateway over a scripted mesh, and its problem documents."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from crossply.handler import Request, Response
from crossply_bridge.gateway import Gateway, Scraped
from crossply_bridge.http_message import Fields, HttpRequest, HttpResponse
from crossply_bridge.trust import parse_trust
from tests.unit.bridge.fakes import ManualClock, ScriptedMesh

JSON: Fields = [("content-type", "application/json")]
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
Answer = Callable[[Request], Response]


def gateway(mesh: ScriptedMesh, why_not: str | None = None, trust: str = "loopback") -> Gateway:
    scraped = Scraped(lambda: b"mesh_calls_total 1.0\n", parse_trust("loopback"))
    return Gateway(mesh.outbound, lambda: why_not, parse_trust(trust), ManualClock(1000.0), scraped)


async def ask(
    mesh: ScriptedMesh,
    method: str,
    target: str,
    headers: Fields | None = None,
    body: bytes = b"",
    peer: str = "127.0.0.1",
) -> HttpResponse:
    request = HttpRequest(method, target, [("host", "edge"), *(headers or [])], body, peer=peer)
    return await gateway(mesh).exchange(request)


def raising(error: Exception) -> Answer:
    def answer(request: Request) -> Response:
        raise error

    return answer


def problem(response: HttpResponse) -> dict[str, Any]:
    assert dict(response.headers)["content-type"] == "application/problem+json"
    said: dict[str, Any] = json.loads(response.body)
    return said
