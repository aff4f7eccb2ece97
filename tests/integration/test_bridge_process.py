"""The bridge as users run it: `python -m crossply_bridge`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.broker import Broker, free_port
from tests.support.program import Program
from tests.support.waiting import eventually
from tests.unit.bridge.plain_application import PlainApplication, application
from tests.unit.bridge.running_bridge import gateway_on, sidecar_on


@contextmanager
def bridge(directory: Path, environ: dict[str, str]) -> Generator[Program]:
    with Program(directory, "-m", "crossply_bridge", environ=environ) as program:
        yield program


@asynccontextmanager
async def pair(broker: Broker, tmp_path: Path) -> AsyncGenerator[tuple[PlainApplication, Program, Program, str]]:
    """An application, its sidecar, a gateway, and the gateway's address."""
    address = f"127.0.0.1:{free_port()}"
    async with application() as app:
        edge = gateway_on(broker.url, CROSSPLY_BRIDGE_LISTEN=address)
        with (
            bridge(tmp_path / "stock", sidecar_on(broker.url, app.url)) as sidecar,
            bridge(tmp_path / "gateway", edge) as gateway,
        ):
            await sidecar.ready("stock")
            await gateway.ready("gateway")
            yield app, sidecar, gateway, f"http://{address}"


async def test_a_pair_of_bridges_carries_http_and_ends_cleanly(broker: Broker, tmp_path: Path) -> None:
    async with pair(broker, tmp_path) as (_, sidecar, gateway, url), httpx.AsyncClient(base_url=url) as http:
        assert (await http.get("/svc/stock/items/a")).json()["path"] == "/items/a"
        gateway.terminate()
        sidecar.terminate()
        assert (await gateway.ended(), await sidecar.ended()) == (0, 0)


async def test_a_gateway_that_is_told_to_stop_finishes_what_runs(broker: Broker, tmp_path: Path) -> None:
    async with pair(broker, tmp_path) as (app, _, gateway, url), httpx.AsyncClient(base_url=url) as http:
        asking = asyncio.ensure_future(http.post("/svc/stock/slow"))
        await eventually(lambda: app.asked == ["POST /slow"])
        gateway.terminate()
        await eventually(lambda: "stopping" in gateway.log)
        with pytest.raises(httpx.ConnectError):
            await httpx.AsyncClient().get(f"{url}/healthz")
        app.slow.set()
        answer = await asking
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")
        assert await gateway.ended() == 0


async def test_a_client_that_leaves_frees_its_exchange(broker: Broker, tmp_path: Path) -> None:
    async with pair(broker, tmp_path) as (app, _, gateway, url):
        host, _, port = url.removeprefix("http://").partition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /svc/stock/slow HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        await eventually(lambda: app.asked == ["POST /slow"])
        writer.close()
        gateway.terminate()
        assert await gateway.ended(4.0) == 0
