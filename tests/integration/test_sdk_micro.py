"""What is not of the mesh: NATS micro's questions are answered as ADR-32 says, plain JSON requests are served."""

from __future__ import annotations

import re
from typing import Any

import pytest

from crossply import Code, EndpointFailed, Mesh, current
from tests.support.meshes import Meshes
from tests.support.plain_client import PlainClient

SEMVER = re.compile(r"\d+\.\d+\.\d+").fullmatch
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z").fullmatch


async def shop(meshes: Meshes) -> Mesh:
    orders = meshes.new("orders", version="1.4.0")

    @orders.endpoint(idempotent=True)
    async def quote(sku: str, quantity: int = 1) -> dict[str, object]:
        return {"sku": sku, "total": 3 * quantity, "peer": current().peer.service}

    @orders.endpoint
    async def refuse() -> None:
        raise EndpointFailed("no credit\r\nleft", code=Code.FAILED_PRECONDITION)

    await meshes.start(orders)
    return orders


def common(said: dict[str, Any], orders: Mesh, kind: str) -> None:
    assert said["type"] == f"io.nats.micro.v1.{kind}_response"
    assert said["name"] == "orders"
    assert said["id"] == orders.instance
    assert SEMVER(said["version"])
    assert all(isinstance(value, str) for value in said["metadata"].values())


@pytest.mark.parametrize("place", ["", ".orders", ".orders.<id>"], ids=["all", "by name", "by id"])
async def test_ping_info_and_stats_answer_as_adr_32_says(meshes: Meshes, plain: PlainClient, place: str) -> None:
    orders = await shop(meshes)
    await plain.request("mesh.rpc.orders.any.quote", b'{"sku": "a"}')
    await plain.request("mesh.rpc.orders.any.refuse", b"")
    subject = place.replace("<id>", orders.instance)

    ping = (await plain.request(f"$SRV.PING{subject}")).json
    common(ping, orders, "ping")

    info = (await plain.request(f"$SRV.INFO{subject}")).json
    common(info, orders, "info")
    assert isinstance(info["description"], str)
    assert {each["name"]: (each["subject"], each["queue_group"]) for each in info["endpoints"]} == {
        "quote": ("mesh.rpc.orders.any.quote", "orders"),
        "refuse": ("mesh.rpc.orders.any.refuse", "orders"),
    }
    assert all(isinstance(each["metadata"], dict) for each in info["endpoints"])

    stats = (await plain.request(f"$SRV.STATS{subject}")).json
    common(stats, orders, "stats")
    assert RFC3339(stats["started"])
    numbers = {each["name"]: each for each in stats["endpoints"]}
    assert numbers["quote"]["num_requests"] == 1
    assert numbers["quote"]["num_errors"] == 0
    assert numbers["quote"]["last_error"] == ""
    assert numbers["refuse"]["num_errors"] == 1
    assert numbers["refuse"]["last_error"] == "failed_precondition"
    for each in numbers.values():
        assert each["processing_time"] >= each["average_processing_time"] > 0
        assert each["subject"].startswith("mesh.rpc.orders.any.")
        assert each["queue_group"] == "orders"


async def test_every_instance_answers_whoever_asks_all(meshes: Meshes, plain: PlainClient) -> None:
    first, second = await shop(meshes), await shop(meshes)
    caller = await meshes.client()
    answers = await plain.request_many("$SRV.PING")
    assert sorted(each.json["id"] for each in answers) == sorted([first.instance, second.instance])
    assert caller.link.connected  # a mesh without endpoints is no service for others


async def test_a_plain_json_request_is_served_in_json_as_the_foreign_peer(meshes: Meshes, plain: PlainClient) -> None:
    await shop(meshes)
    answer = await plain.request("mesh.rpc.orders.any.quote", b'{"sku": "a", "quantity": 2}')
    assert answer.json == {"sku": "a", "total": 6, "peer": "foreign"}
    assert answer.error is None


@pytest.mark.parametrize(
    ("endpoint", "payload", "code"),
    [
        ("refuse", b"", "412"),
        ("quote", b"{", "400"),
        ("quote", b'{"sku": 1}', "400"),
        ("quote", b"\xff\xfe", "400"),
        ("quote", b'{"sku": "a", "sku": NaN}', "400"),
    ],
    ids=["on purpose", "cut off", "wrong type", "not UTF-8", "not JSON"],
)
async def test_errors_of_plain_requests_stand_in_the_headers_of_nats_micro(
    meshes: Meshes, plain: PlainClient, endpoint: str, payload: bytes, code: str
) -> None:
    await shop(meshes)
    answer = await plain.request(f"mesh.rpc.orders.any.{endpoint}", payload)
    assert answer.error is not None
    assert answer.error[0] == code
    assert "\n" not in answer.error[1]
    assert answer.json["executed"] == ("yes" if endpoint == "refuse" else "no")
