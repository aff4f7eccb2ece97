"""Calls over a real broker: typed, untyped, JSON and raw bodies, and what an endpoint may know of its call."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar
from dataclasses import dataclass

import msgspec
import pytest

from crossply import CallError, Current, Request, current
from crossply.handler import BYTES, JSON, Facts, HttpHead, Response
from tests.support.meshes import Meshes


class Order(msgspec.Struct):
    sku: str
    quantity: int = 1


@dataclass
class Receipt:
    number: int
    lines: list[Order]


async def test_a_typed_call_goes_out_and_its_reply_comes_back_typed(meshes: Meshes) -> None:
    orders = meshes.new("orders")

    @orders.endpoint
    async def create(order: Order) -> Receipt:
        return Receipt(7, [order])

    await meshes.start(orders)
    caller = await meshes.client()

    receipt = await caller.call("orders.create", Order("a", 2), returns=Receipt)

    assert receipt == Receipt(7, [Order("a", 2)])


async def test_an_untyped_call_takes_and_returns_plain_values(meshes: Meshes) -> None:
    orders = meshes.new("orders")

    @orders.endpoint
    async def quote(sku: str, quantity: int = 3) -> dict[str, object]:
        return {"sku": sku, "price": quantity * 1.5, "none": None, "tags": ["x"]}

    await meshes.start(orders)
    caller = await meshes.client()

    assert await caller.call("orders.quote", {"sku": "a"}) == {
        "sku": "a",
        "price": 4.5,
        "none": None,
        "tags": ["x"],
    }


async def test_a_call_in_json_is_answered_in_json(meshes: Meshes) -> None:
    orders = meshes.new("orders")

    @orders.endpoint
    async def quote(sku: str) -> Receipt:
        return Receipt(1, [Order(sku)])

    await meshes.start(orders)
    caller = await meshes.client()

    response = await caller.outbound("orders.quote")(Request("orders.quote", b'{"sku": "a"}', JSON, id=bytes(16)))

    assert response.content_type == JSON
    assert msgspec.json.decode(response.body) == {"number": 1, "lines": [{"sku": "a", "quantity": 1}]}


async def test_bytes_go_through_untouched(meshes: Meshes) -> None:
    store = meshes.new("store")

    @store.endpoint
    async def put(body: bytes) -> bytes:
        return body[::-1]

    await meshes.start(store)
    caller = await meshes.client()

    assert await caller.call("store.put", b"\x00\xff\xe7\x01", returns=bytes) == b"\x01\xe7\xff\x00"
    assert await caller.call("store.put", b"", returns=bytes) == b""


async def test_a_body_at_the_limit_goes_there_and_back(meshes: Meshes) -> None:
    store = meshes.new("store")

    @store.endpoint
    async def put(body: bytes) -> bytes:
        return body

    await meshes.start(store)
    caller = await meshes.client()
    body = bytes(960 * 1024)

    assert await caller.call("store.put", body, returns=bytes) == body


async def test_an_endpoint_that_returns_nothing_answers_none(meshes: Meshes) -> None:
    orders = meshes.new("orders")

    @orders.endpoint
    async def forget() -> None:
        return None

    await meshes.start(orders)
    caller = await meshes.client()

    assert await caller.call("orders.forget") is None


async def test_a_plain_function_runs_in_a_thread_and_does_not_hold_up_the_others(meshes: Meshes) -> None:
    orders = meshes.new("orders")
    released = threading.Event()

    @orders.endpoint
    def slow() -> str:
        released.wait(10)
        return f"{current().peer.service} {threading.current_thread() is threading.main_thread()}"

    @orders.endpoint
    async def quick() -> str:
        return "quick"

    await meshes.start(orders)
    caller = await meshes.client()
    waiting = asyncio.ensure_future(caller.call("orders.slow"))
    try:
        assert await caller.call("orders.quick") == "quick"
    finally:
        released.set()

    assert await waiting == "caller False"


async def test_an_endpoint_knows_its_caller_its_deadline_and_the_callers_metadata(meshes: Meshes) -> None:
    orders = meshes.new("orders")
    seen: list[Current] = []

    @orders.endpoint
    async def quote() -> float:
        seen.append(current())
        return current().remaining()

    await meshes.start(orders)
    caller = await meshes.client("web")

    remaining = await caller.call(
        "orders.quote", timeout=2.0, key="k", metadata={"shop": "north"}, idempotency_key="once"
    )

    (known,) = seen
    assert (known.peer.service, known.peer.instance) == ("web", caller.instance)
    assert known.peer.identity == "spiffe://mesh.local/t/default/svc/web"
    assert known.operation == "orders.quote"
    assert (known.key, known.idempotency_key, dict(known.metadata)) == ("k", "once", {"shop": "north"})
    assert known.attempt == 1
    assert 0 < remaining <= 2.0
    assert known.trace_id is not None
    assert len(known.trace_id) == 32


async def test_a_trace_goes_through_all_hops(meshes: Meshes) -> None:
    billing, orders = meshes.new("billing"), meshes.new("orders")
    traces: list[tuple[str | None, str | None]] = []

    @billing.endpoint
    async def charge() -> None:
        traces.append((current().trace_id, current().span_id))

    @orders.endpoint
    async def create() -> None:
        traces.append((current().trace_id, current().span_id))
        await orders.call("billing.charge")

    await meshes.start(billing, orders)
    caller = await meshes.client()

    await caller.call("orders.create")

    (outer, inner) = traces
    assert outer[0] == inner[0]
    assert outer[1] != inner[1]


async def test_the_http_parts_of_a_request_and_of_its_reply_go_along(meshes: Meshes) -> None:
    stock = meshes.new("stock")

    async def exchange(request: Request) -> Response:
        assert request.http is not None
        body = b"%s %s" % (request.http.path.encode(), request.body)
        return Response(body, "text/plain", status=207, headers=[("X-A", "1"), ("X-A", "2")])

    stock.serve_handler("http-put", exchange, facts=Facts(idempotent=True))
    await meshes.start(stock)
    caller = await meshes.client()

    response = await caller.outbound("stock.http-put")(
        Request(
            "stock.http-put",
            b"body",
            BYTES,
            id=bytes(16),
            http=HttpHead("/items/a%20b?x=1", [("accept", "*/*")]),
        )
    )

    assert (response.status, response.headers) == (207, [("X-A", "1"), ("X-A", "2")])
    assert (response.body, response.content_type) == (b"/items/a%20b?x=1 body", "text/plain")


async def test_replies_tell_what_an_endpoint_is_and_its_callers_remember_it(meshes: Meshes) -> None:
    orders = meshes.new("orders")

    @orders.endpoint(idempotent=True)
    async def quote() -> None: ...

    await meshes.start(orders)
    caller = await meshes.client()

    response = await caller.outbound("orders.quote")(Request("orders.quote", id=bytes(16)))

    assert response.facts == Facts(idempotent=True)
    assert response.peer is not None
    assert (response.peer.service, response.peer.instance) == ("orders", orders.instance)


async def test_a_hundred_calls_at_once_each_get_their_own_reply(meshes: Meshes) -> None:
    orders = meshes.new("orders")

    @orders.endpoint
    async def double(number: int) -> int:
        await asyncio.sleep(0.001 * (number % 7))
        return 2 * number

    await meshes.start(orders)
    caller = await meshes.client()

    replies = await asyncio.gather(*(caller.call("orders.double", {"number": n}) for n in range(100)))

    assert replies == [2 * n for n in range(100)]


async def test_a_service_calls_itself(meshes: Meshes) -> None:
    orders = meshes.new("orders")

    @orders.endpoint
    async def depth(left: int) -> int:
        return 1 + await orders.call("orders.depth", {"left": left - 1}, returns=int) if left else 0

    await meshes.start(orders)

    assert await orders.call("orders.depth", {"left": 5}) == 5


async def test_what_one_call_binds_to_its_context_is_not_there_for_the_next(meshes: Meshes) -> None:
    bound: ContextVar[str] = ContextVar("bound", default="nothing")
    orders = meshes.new("orders")

    @orders.endpoint
    async def quote(customer: str) -> tuple[str, str]:
        before = bound.get()
        bound.set(customer)
        return before, current().operation

    await meshes.start(orders)
    caller = await meshes.client()
    for customer in ("anna", "ben"):
        assert await caller.call("orders.quote", {"customer": customer}) == ["nothing", "orders.quote"]


async def test_an_endpoint_that_never_waits_and_raises_is_internal_and_the_next_call_works(meshes: Meshes) -> None:
    orders = meshes.new("orders")

    @orders.endpoint
    async def quote(sku: str) -> str:
        if sku == "none":
            raise KeyError(sku)
        if sku == "cancel":
            raise asyncio.CancelledError
        return sku

    await meshes.start(orders)
    caller = await meshes.client()
    for sku in ("none", "cancel"):
        with pytest.raises(CallError) as raised:
            await caller.call("orders.quote", {"sku": sku})
        assert raised.value.code == "internal"
    assert await caller.call("orders.quote", {"sku": "a"}) == "a"
