"""The program in docs/bridge.md runs as it stands there."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from crossply import Mesh, Request, Response
from crossply.testing import MemoryBroker, run

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "bridge.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", TEXT, flags=re.DOTALL | re.MULTILINE)


def test_a_service_calls_an_application_behind_a_sidecar() -> None:
    [program] = BLOCKS
    names: dict[str, Any] = {}
    exec(program, names)
    item: Callable[[Mesh, str], Awaitable[bytes]] = names["item"]
    asked: list[Request] = []

    async def application(request: Request) -> Response:
        asked.append(request)
        return Response(b"1 a", "text/plain", status=200, headers=[])

    async def calling() -> bytes:
        broker = MemoryBroker()
        stock, caller = Mesh("stock", connect=broker.connect), Mesh("web", connect=broker.connect)
        stock.serve_handler("http-get", application)
        async with stock, caller:
            return await item(caller, "a")

    assert run(calling()) == b"1 a"
    [request] = asked
    assert request.http is not None
    assert request.http.path == "/items/a"
