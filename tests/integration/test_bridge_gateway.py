"""Calls from HTTP into a real mesh, and what the gateway says when the mesh is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from crossply import EndpointFailed
from crossply.errors import Code
from crossply.handler import Request, Response
from tests.support.broker import Broker
from tests.support.meshes import Meshes
from tests.support.waiting import eventually, eventually_awaited
from tests.unit.bridge.running_bridge import RunningBridge, gateway_on, running_bridge

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Shop:
    """A service to call, and what became of its calls."""

    def __init__(self, meshes: Meshes) -> None:
        self.mesh = meshes.new("shop")
        self.begun = asyncio.Event()
        self.ended: list[str] = []
        self.traces: list[str | None] = []
        self._declare()

    def _declare(self) -> None:
        @self.mesh.endpoint(idempotent=True)
        async def price(sku: str, quantity: int = 1) -> dict[str, object]:
            from crossply import current

            self.traces.append(current().trace_id)
            return {"sku": sku, "cents": 100 * quantity, "key": current().key}

        @self.mesh.endpoint
        async def everything() -> list[str]:
            return ["a", "b"]

        @self.mesh.endpoint
        async def fail(secret: str) -> None:
            raise RuntimeError(secret)

        @self.mesh.endpoint
        async def refuse() -> None:
            raise EndpointFailed("sold out", code=Code.FAILED_PRECONDITION)

        @self.mesh.endpoint
        async def hang() -> None:
            self.begun.set()
            try:
                await asyncio.sleep(30)
            finally:
                self.ended.append("hang")


@pytest.fixture
async def shop(meshes: Meshes) -> Shop:
    shop = Shop(meshes)
    await meshes.start(shop.mesh)
    return shop


@pytest.fixture
async def gateway(broker: Broker) -> AsyncIterator[RunningBridge]:
    async with running_bridge(gateway_on(broker.url)) as running:
        yield running


async def test_json_goes_in_and_comes_out(shop: Shop, gateway: RunningBridge) -> None:
    headers = {"crossply-key": "k"}
    answer = await gateway.http.post("/shop/price", json={"sku": "a", "quantity": 2}, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"sku": "a", "cents": 200, "key": "k"}


async def test_an_empty_body_calls_without_arguments(shop: Shop, gateway: RunningBridge) -> None:
    assert (await gateway.http.post("/shop/everything")).json() == ["a", "b"]


async def test_wrong_types_are_a_400_with_pointers(shop: Shop, gateway: RunningBridge) -> None:
    answer = await gateway.http.post("/shop/price", json={"sku": "a", "quantity": "many"})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert (said["code"], said["retryable"]) == ("invalid_argument", False)
    assert [fault["pointer"] for fault in said["errors"]] == ["/quantity"]
    assert len(said["trace_id"]) == 32


async def test_a_body_that_is_not_json_is_a_400(shop: Shop, gateway: RunningBridge) -> None:
    headers = {"content-type": "application/json"}
    answer = await gateway.http.post("/shop/price", content=b"{sku:", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_argument")


async def test_what_an_endpoint_raises_by_accident_stays_with_it(shop: Shop, gateway: RunningBridge) -> None:
    answer = await gateway.http.post("/shop/fail", json={"secret": "hunter2"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "hunter2" not in answer.text
    assert answer.json()["trace_id"]


async def test_what_an_endpoint_raises_on_purpose_is_told(shop: Shop, gateway: RunningBridge) -> None:
    answer = await gateway.http.post("/shop/refuse")
    assert (answer.status_code, answer.json()["code"], answer.json()["detail"]) == (
        412,
        "failed_precondition",
        "shop.refuse: sold out",
    )


@pytest.mark.parametrize("path", ["/nobody/create", "/shop/nothing"])
async def test_what_is_not_there_is_a_404(shop: Shop, gateway: RunningBridge, path: str) -> None:
    answer = await gateway.http.post(path, json={})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_body_above_the_limit_is_a_413_and_the_gateway_lives_on(shop: Shop, gateway: RunningBridge) -> None:
    headers = {"content-type": "application/json"}
    answer = await gateway.http.post("/shop/price", content=b" " * 1_000_000, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
    assert (await gateway.http.post("/shop/everything")).status_code == 200


async def test_a_call_that_takes_too_long_is_a_504(shop: Shop, gateway: RunningBridge) -> None:
    answer = await gateway.http.post("/shop/hang", headers={"crossply-timeout": "150ms"})
    assert (answer.status_code, answer.json()["code"]) == (504, "deadline_exceeded")


async def test_a_trusted_trace_reaches_the_callee(shop: Shop, gateway: RunningBridge) -> None:
    await gateway.http.post("/shop/price", json={"sku": "a"}, headers={"traceparent": TRACE})
    assert shop.traces == [TRACE[3:35]]


async def test_many_calls_at_once_come_back_to_who_asked(shop: Shop, gateway: RunningBridge) -> None:
    async def ask(number: int) -> bool:
        answer = await gateway.http.post("/shop/price", json={"sku": str(number)})
        return bool(answer.json()["sku"] == str(number))

    assert all(await asyncio.gather(*(ask(number) for number in range(200))))


async def test_a_broker_that_goes_is_a_503_until_it_is_back(shop: Shop, gateway: RunningBridge, broker: Broker) -> None:
    assert (await gateway.http.get("/readyz")).status_code == 200
    broker.kill()
    await eventually(lambda: gateway.bridge.not_ready() is not None)
    unready = await gateway.http.get("/readyz")
    assert (unready.status_code, unready.json()["code"]) == (503, "unavailable")
    answer = await gateway.http.post("/shop/price", json={"sku": "a"}, headers={"crossply-timeout": "300ms"})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert (await gateway.http.get("/healthz")).status_code == 200
    broker.start()

    async def answered() -> bool:
        answer = await gateway.http.post("/shop/price", json={"sku": "a"})
        return answer.status_code == 200

    await eventually_awaited(answered, 20.0)
    assert (await gateway.http.get("/readyz")).status_code == 200


async def test_a_gateway_answers_for_its_health_before_the_broker_is_there(broker: Broker) -> None:
    broker.kill()
    async with running_bridge(gateway_on(broker.url), wait=False) as gateway:
        assert (await gateway.http.get("/healthz")).status_code == 200
        assert (await gateway.http.get("/readyz")).status_code == 503
        assert (await gateway.http.post("/shop/price")).status_code == 503
        broker.start()
        await gateway.ready()
        assert (await gateway.http.get("/readyz")).status_code == 200


async def test_prometheus_reads_what_the_gateway_counted(shop: Shop, gateway: RunningBridge) -> None:
    for _ in range(3):
        await gateway.http.post("/shop/price", json={"sku": "a"})
    await gateway.http.post("/shop/refuse")
    answer = await gateway.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    counted = {
        (sample.labels["rpc_method"], sample.labels["mesh_outcome"]): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.name == "mesh_calls_total"
    }
    assert counted == {("shop/price", "ok"): 3, ("shop/refuse", "failed_precondition"): 1}


async def test_baggage_of_a_trusted_client_goes_along_the_chain_of_calls(
    shop: Shop, gateway: RunningBridge, meshes: Meshes
) -> None:
    carried: list[dict[str, str]] = []
    front = meshes.new("front")

    @front.endpoint
    async def ask() -> object:
        return await front.call("shop.noted")

    async def noted(request: Request) -> Response:
        carried.append(dict(request.baggage or {}))
        return Response()

    back = meshes.new("shop")
    back.serve_handler("noted", noted)
    await meshes.start(front, back)
    await eventually_awaited(lambda: succeeded(gateway), 10.0)
    assert carried[-1] == {"user": "7"}


async def succeeded(gateway: RunningBridge) -> bool:
    answer = await gateway.http.post("/front/ask", headers={"baggage": "user=7"})
    return answer.status_code == 200
