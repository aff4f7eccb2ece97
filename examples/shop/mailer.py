"""mailer: writes to the customer once an order is made; each event reaches one instance, at least once."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

from crossply import Mesh


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


def mailer() -> Mesh:
    mesh = Mesh("mailer", version="1.0.0", description="writes to customers")

    @mesh.on("orders.created")
    async def created(receipt: Receipt) -> None:
        tell(handled=receipt.order)

    return mesh


if __name__ == "__main__":
    mailer().run()
