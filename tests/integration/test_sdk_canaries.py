"""What the broker sees: a thousand canaries in all that calls and events carry, and none of them in its hands."""

# pyright: reportUnknownMemberType=false
# nats-py leaves parameters of these methods untyped

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import nats
import pytest
from nats.aio.msg import Msg

from crossply import CallError, Mesh
from crossply.errors import Code, EndpointFailed
from crossply.handler import BYTES, HttpHead, Kind, Request, Response
from crossply.names import new_id
from tests.support.broker import Broker
from tests.support.meshes import Meshes
from tests.support.policies import Policies
from tests.support.provider import Provider
from tests.support.vouched import VouchedMeshes
from tests.support.waiting import eventually

ROUNDS = 100
KINDS = ("body", "result", "baggage", "metadata", "path", "header", "error", "event", "key", "idempotency")
"""A canary of each in every round: a thousand in all."""
CANARIES = frozenset(f"canary-{kind}-{number:03d}-x" for kind in KINDS for number in range(ROUNDS))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker that writes down every message."""
    (tmp_path / "broker").mkdir()
    with Broker(tmp_path / "broker", extra="trace: true\nmax_traced_msg_len: 0") as running:
        yield running


def canary(kind: str, number: int) -> str:
    found = f"canary-{kind}-{number:03d}-x"
    assert found in CANARIES
    return found


def singing(orders: Mesh, heard: list[str]) -> Mesh:
    """Declare what takes canaries, and gives its own."""

    async def take(request: Request) -> Response:
        number = int(request.body[7:].split(b"-")[1])
        heard.extend(
            (
                request.body.decode(),
                *(request.baggage or {}).values(),
                *(request.metadata or {}).values(),
                request.http.path if request.http else "",
                request.key or "",
                request.idempotency_key or "",
                *(value for _, value in (request.http.headers if request.http else ())),
            )
        )
        return Response(canary("result", number).encode(), BYTES)

    async def fail(request: Request) -> Response:
        raise EndpointFailed(request.body.decode().replace("body", "error"), code=Code.ABORTED)

    orders.serve_handler("take", take)
    orders.serve_handler("fail", fail)

    @orders.on("shop.*")
    async def on(text: str) -> None:
        heard.append(text)

    return orders


async def sing(web: Mesh, number: int) -> list[str]:
    """Send one round of canaries; return those that came back."""
    body = canary("body", number).encode()
    request = Request("orders.take", body, BYTES, Kind.REQUEST, new_id())
    request.baggage, request.metadata = {"b": canary("baggage", number)}, {"m": canary("metadata", number)}
    request.http = HttpHead(canary("path", number), [("x-canary", canary("header", number))])
    request.key, request.idempotency_key = canary("key", number), canary("idempotency", number)
    back = await web.outbound("orders.take")(request)
    with pytest.raises(CallError) as failed:
        await web.outbound("orders.fail")(Request("orders.fail", body, BYTES, Kind.REQUEST, new_id()))
    await web.publish("shop.sold", canary("event", number))
    return [back.body.decode(), failed.value.message.removeprefix("orders.fail: ")]


class Spy:
    """Hears all of the account that the mesh lives in, and reads what the broker keeps."""

    def __init__(self, broker: Broker, directory: Path) -> None:
        self._broker = broker
        self._directory = directory
        self._heard: list[bytes] = []

    async def __aenter__(self) -> Self:
        self._client = await nats.connect(self._broker.url)

        async def hear(message: Msg) -> None:
            self._heard.append(message.data + repr(message.headers).encode())

        await self._client.subscribe(">", cb=hear)
        await self._client.flush()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._client.close()

    def seen(self) -> dict[str, set[str]]:
        """Return the canaries in each place."""
        stored = b"".join(path.read_bytes() for path in self._directory.rglob("*.blk"))
        places = {"subscriber": b"\n".join(self._heard), "store": stored, "trace": self._broker.log.encode()}
        return {name: {each for each in CANARIES if each.encode() in held} for name, held in places.items()}


@pytest.mark.parametrize("encryption", ["strict", "off"])
async def test_the_broker_reads_no_canary_under_strict_and_all_of_them_under_off(
    meshes: Meshes, provider: Provider, policies: Policies, broker: Broker, tmp_path: Path, encryption: str
) -> None:
    vouched, heard = VouchedMeshes(meshes), list[str]()
    await provider.ensure(consumers=(("orders", "shop.*"),))
    orders, web = singing(vouched.new("orders"), heard), vouched.new("web")
    await vouched.start(orders, web)
    revision = await policies.apply({"kind": "Security", "name": "mesh", "spec": {"encryption": encryption}})
    await eventually(lambda: web.status()["revision"] == orders.status()["revision"] == revision)
    async with Spy(broker, tmp_path / "broker") as spy:
        for number in range(ROUNDS):
            heard += await sing(web, number)
        await eventually(lambda: CANARIES.issubset(heard))
        await asyncio.sleep(0.2)  # the log of the broker is written behind it
        seen = spy.seen()
    if encryption == "strict":
        assert seen == {"subscriber": set(), "store": set(), "trace": set()}
    else:
        events = {each for each in CANARIES if "-event-" in each}
        assert seen == {"subscriber": set(CANARIES), "store": events, "trace": set(CANARIES)}
