"""An HTTP application in a real mesh, from gateway to sidecar and back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from crossply.errors import CallError
from crossply.handler import HttpHead, Request
from tests.support.broker import Broker
from tests.support.meshes import Meshes
from tests.support.waiting import eventually, eventually_awaited
from tests.unit.bridge.plain_application import BLOB, PlainApplication, application
from tests.unit.bridge.running_bridge import RunningBridge, gateway_on, running_bridge, sidecar_on

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
async def app() -> AsyncIterator[PlainApplication]:
    async with application() as plain:
        yield plain


@pytest.fixture
async def sidecar(broker: Broker, app: PlainApplication) -> AsyncIterator[RunningBridge]:
    environ = sidecar_on(broker.url, app.url, CROSSPLY_BRIDGE_LISTEN="127.0.0.1:0")
    async with running_bridge(environ) as running:
        yield running


@pytest.fixture
async def gateway(broker: Broker) -> AsyncIterator[RunningBridge]:
    async with running_bridge(gateway_on(broker.url)) as running:
        yield running


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_any_method_and_path_reaches_the_application(
    sidecar: RunningBridge, gateway: RunningBridge, method: str
) -> None:
    path = "/items/caf%C3%A9/a;b?next=%2F..&x=1"
    body = b"x" * 300 if method not in {"GET", "OPTIONS"} else b""
    headers = {"x-thing": "a", "accept": "text/*", "crossply-key": "k", "x-forwarded-for": "forged"}
    answer = await gateway.http.request(method, f"/svc/stock{path}", content=body, headers=headers)
    assert answer.status_code == 200
    said = answer.json()
    assert (said["method"], said["path"], said["body"]) == (method, path, len(body))
    told = dict(said["headers"])
    assert (told["x-thing"], told["accept"]) == ("a", "text/*")
    assert told["x-forwarded-for"] == "127.0.0.1"
    assert told["host"].startswith("127.0.0.1:")
    assert "crossply-key" not in told
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]


async def test_an_answer_to_head_speaks_of_the_length_and_keeps_the_connections(
    sidecar: RunningBridge, gateway: RunningBridge
) -> None:
    for _ in range(2):
        answer = await gateway.http.head("/svc/stock/blob")
        assert (answer.status_code, answer.headers["content-length"], answer.content) == (
            200,
            str(len(BLOB)),
            b"",
        )
        assert (await gateway.http.get("/svc/stock/blob")).content == BLOB


@pytest.mark.parametrize("status", [204, 302, 404, 418, 500, 503])
async def test_the_applications_status_is_the_answers(
    sidecar: RunningBridge, gateway: RunningBridge, status: int
) -> None:
    answer = await gateway.http.get(f"/svc/stock/status/{status}", follow_redirects=False)
    assert answer.status_code == status
    assert "problem" not in answer.headers["content-type"]


async def test_a_large_body_travels_both_ways(sidecar: RunningBridge, gateway: RunningBridge) -> None:
    answer = await gateway.http.put("/svc/stock/x", content=BLOB)
    assert answer.json()["body"] == len(BLOB)
    streamed = await gateway.http.put("/svc/stock/x", content=_pieces())
    assert streamed.json()["body"] == len(BLOB)


async def _pieces() -> AsyncIterator[bytes]:
    for at in range(0, len(BLOB), 50_000):
        yield BLOB[at : at + 50_000]


async def test_the_application_sees_the_trace_of_the_client(sidecar: RunningBridge, gateway: RunningBridge) -> None:
    answer = await gateway.http.get("/svc/stock/x", headers={"traceparent": TRACE})
    told = dict(answer.json()["headers"])
    assert told["traceparent"][3:35] == TRACE[3:35]
    assert told["traceparent"] != TRACE


async def test_a_service_with_the_sdk_calls_the_application_by_its_operation(
    sidecar: RunningBridge, meshes: Meshes
) -> None:
    caller = await meshes.client()
    request = Request("stock.http-get", http=HttpHead("/items/a", []))
    response = await caller.outbound(request.operation)(request)
    assert (response.status, json.loads(response.body)["path"]) == (200, "/items/a")
    with pytest.raises(CallError, match="segment"):
        await caller.outbound(request.operation)(Request("stock.http-get", http=HttpHead("/../x", [])))


async def test_an_application_without_the_sdk_calls_through_its_sidecar(sidecar: RunningBridge, meshes: Meshes) -> None:
    shop = meshes.new("shop")
    callers = list[str]()

    @shop.endpoint
    async def hello(name: str) -> str:
        from crossply import current

        callers.append(current().peer.service)
        return f"hello {name}"

    await meshes.start(shop)
    answer = await sidecar.http.post("/shop/hello", json={"name": "stock"})
    assert (answer.status_code, answer.json()) == (200, "hello stock")
    assert callers == ["stock"]


async def test_an_application_that_is_not_up_is_not_in_the_mesh(broker: Broker, gateway: RunningBridge) -> None:
    async with application() as app:
        app.health = 503
        async with running_bridge(sidecar_on(broker.url, app.url), wait=False) as sidecar:
            answer = await gateway.http.get("/svc/stock/items/a")
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
            assert sidecar.bridge.not_ready() == "application is not healthy"
            app.health = 200
            await sidecar.ready()
            await eventually_awaited(lambda: _ok(gateway))


async def _ok(gateway: RunningBridge) -> bool:
    return (await gateway.http.get("/svc/stock/items/a")).status_code == 200


async def test_an_ill_application_leaves_and_a_well_one_is_back(
    sidecar: RunningBridge, gateway: RunningBridge, app: PlainApplication
) -> None:
    assert await _ok(gateway)
    app.health = 503
    await eventually(lambda: sidecar.bridge.not_ready() is not None)
    asked = len(app.asked)
    answer = await gateway.http.get("/svc/stock/items/a", headers={"crossply-timeout": "300ms"})
    assert answer.status_code in {503, 504}
    assert len(app.asked) == asked
    app.health = 200
    await sidecar.ready()
    await eventually_awaited(lambda: _ok(gateway))


async def test_an_application_that_went_is_a_503_and_one_that_breaks_off_a_502(
    sidecar: RunningBridge, gateway: RunningBridge, app: PlainApplication
) -> None:
    assert await _ok(gateway)
    broken = await gateway.http.post("/svc/stock/break")
    assert (broken.status_code, broken.json()["code"]) == (502, "disconnected")
    await app.stop()
    gone = await gateway.http.post("/svc/stock/items", headers={"crossply-timeout": "300ms"})
    assert gone.status_code in {503, 504}
    await app.start()
    await sidecar.ready()
    await eventually_awaited(lambda: _ok(gateway))


async def test_an_application_that_hangs_is_a_504(
    sidecar: RunningBridge, gateway: RunningBridge, app: PlainApplication
) -> None:
    answer = await gateway.http.post("/svc/stock/slow", headers={"crossply-timeout": "200ms"})
    assert (answer.status_code, answer.json()["code"]) == (504, "deadline_exceeded")
    app.slow.set()
    assert await _ok(gateway)


async def test_a_sidecar_that_stops_finishes_what_its_application_works_on(
    broker: Broker, app: PlainApplication, gateway: RunningBridge
) -> None:
    async with running_bridge(sidecar_on(broker.url, app.url)) as sidecar:
        asking = asyncio.ensure_future(gateway.http.post("/svc/stock/slow"))
        await eventually(lambda: app.asked == ["POST /slow"])
        stopping = asyncio.ensure_future(sidecar.bridge.aclose())
        await asyncio.sleep(0.05)
        app.slow.set()
        assert (await asking).status_code == 200
        await stopping
