"""What goes in comes out: values of endpoints and replies over the mesh in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import msgspec
import pytest

from crossply import IntegrityFailed, InvalidArgument
from crossply.codec import Decoder, encode
from crossply.testing import MemoryBroker
from tests.unit.sdk.stage import mesh


@dataclass
class Line:
    sku: str
    quantity: int = 1


@dataclass(frozen=True)
class Order:
    lines: list[Line]
    note: str = "none"
    tags: dict[str, Line] = field(default_factory=dict[str, Line])


class Holder(msgspec.Struct):
    order: Order
    count: int = 3


@pytest.mark.parametrize("content_type", ["application/json", "application/msgpack"])
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Line, {"sku": "a", "quantity": 1}),
        (Order, {"lines": [{"sku": "a", "quantity": 1}], "note": "none", "tags": {}}),
        (Order, {"lines": [], "note": "x", "tags": {"t": {"sku": "b", "quantity": 1}}}),
        (Holder, {"order": {"lines": [], "note": "none", "tags": {}}, "count": 3}),
        (list[Line], [{"sku": "a", "quantity": 1}]),
    ],
)
def test_defaults_are_there_when_a_decoded_value_is_encoded_again(kind: Any, value: Any, content_type: str) -> None:
    def thin(part: Any) -> Any:
        """Leave out what is a default."""
        if isinstance(part, dict):
            return {name: thin(each) for name, each in cast("Any", part).items() if each not in (1, 3, "none", {})}
        return [thin(each) for each in cast("Any", part)] if isinstance(part, list) else part

    raw, said = encode(thin(value), content_type)
    decoded = Decoder(kind, "test").decode(raw, said)
    again, _ = encode(decoded, content_type)
    assert Decoder(Any, "test").decode(again, content_type) == value


async def test_none_comes_back_as_what_the_caller_asked_for(broker: MemoryBroker) -> None:
    orders = mesh(broker, "orders")

    @orders.endpoint
    async def find(number: int) -> Line | None:
        return Line("a") if number else None

    @orders.endpoint
    async def empty() -> bytes:
        return b""

    async with orders, mesh(broker, "web") as web:
        assert await web.call("orders.find", {"number": 0}) is None
        assert await web.call("orders.find", {"number": 0}, returns=Line | None) is None
        assert await web.call("orders.find", {"number": 1}, returns=Line | None) == Line("a", 1)
        assert await web.call("orders.empty") == b""
        assert await web.call("orders.empty", returns=bytes) == b""
        with pytest.raises(IntegrityFailed):
            await web.call("orders.find", {"number": 0}, returns=Line)


async def test_a_sole_structure_is_the_body_whether_it_is_optional_or_not(broker: MemoryBroker) -> None:
    orders = mesh(broker, "orders")

    @orders.endpoint
    async def take(line: Line | None = None) -> str:
        return line.sku if line else "nothing"

    async with orders, mesh(broker, "web") as web:
        assert await web.call("orders.take", Line("a")) == "a"
        assert await web.call("orders.take") == "nothing"


@pytest.mark.parametrize(
    "options", [{"metadata": {"n": 1}}, {"metadata": {1: "n"}}, {"key": 5}, {"idempotency_key": 5}], ids=str
)
async def test_words_that_are_not_text_are_refused_before_sending(
    broker: MemoryBroker, options: dict[str, Any]
) -> None:
    orders = mesh(broker, "orders")

    @orders.endpoint
    async def create() -> None: ...

    async with orders, mesh(broker, "web") as web:
        with pytest.raises(InvalidArgument, match="not text"):
            await web.call("orders.create", **options)
        assert await web.call("orders.create") is None
