"""orders: quotes and takes orders; asks stock over HTTP, billing by a call, and tells by an event."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote as escaped

from crossply import EndpointFailed, Mesh
from crossply.errors import Code
from crossply.handler import JSON, HttpHead, Request
from crossply.names import new_id


@dataclass
class Quote:
    """What an order would cost."""

    sku: str
    quantity: int
    cents: int


@dataclass
class Receipt:
    """What the customer bought."""

    order: str
    sku: str
    quantity: int
    cents: int


def tell(**fact: object) -> None:
    """Say a fact in a line of JSON, for whoever started this program and counts."""
    if "SHOP_FACTS" in os.environ:
        print(json.dumps(fact), flush=True)


class Stock:
    """The HTTP application behind a bridge, reached like any service."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh

    async def price(self, sku: str) -> int:
        """Return the price of one, in cents."""
        head = HttpHead(f"/items/{escaped(sku, safe='')}", [])
        request = Request("stock.http-get", id=new_id(), http=head, idempotent=True)
        response = await self._mesh.outbound(request.operation)(request)
        if response.status != 200:
            raise EndpointFailed(f"there is no item {sku!r}", code=Code.FAILED_PRECONDITION)
        return int(json.loads(response.body)["cents"])

    async def reserve(self, order: str, sku: str, quantity: int) -> None:
        """Put some aside for an order."""
        asked: dict[str, Any] = {"order": order, "sku": sku, "quantity": quantity}
        head = HttpHead("/reservations", [("content-type", JSON)])
        request = Request("stock.http-post", json.dumps(asked).encode(), JSON, id=new_id(), http=head)
        response = await self._mesh.outbound(request.operation)(request)
        if response.status != 201:
            raise EndpointFailed(f"item {sku!r} could not be reserved", code=Code.ABORTED)


def orders() -> Mesh:
    mesh = Mesh("orders", version="1.4.0", description="quotes and takes orders")
    stock = Stock(mesh)

    @mesh.endpoint(idempotent=True)
    async def quote(sku: str, quantity: int = 1) -> Quote:
        return Quote(sku, quantity, quantity * await stock.price(sku))

    @mesh.endpoint()
    async def create(sku: str, quantity: int = 1) -> Receipt:
        order = f"o-{secrets.token_hex(6)}"
        receipt = Receipt(order, sku, quantity, quantity * await stock.price(sku))
        try:
            await mesh.call("billing.charge", {"order": order, "cents": receipt.cents})
        except EndpointFailed as error:
            tell(charge=error.code)
            raise EndpointFailed("the charge was not taken", code=Code.ABORTED) from error
        tell(charge="ok")
        await stock.reserve(order, sku, quantity)
        tell(publishing=order)
        await mesh.publish("orders.created", receipt)  # returns when the broker has it on disk
        tell(published=order)
        return receipt

    return mesh


if __name__ == "__main__":
    orders().run()
