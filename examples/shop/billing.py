"""billing: charges cards, and fails on every 12th attempt, so that a policy has something to mend."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from crossply import Mesh


@dataclass
class Charge:
    """What was charged."""

    order: str
    cents: int


class CardProcessorSilent(Exception):
    """The card processor did not answer."""


def billing() -> Mesh:
    mesh = Mesh("billing", version="1.0.0", description="charges cards")
    attempts = count(1)

    @mesh.endpoint(idempotent=True)  # the processor charges an order once, so callers may try again
    async def charge(order: str, cents: int) -> Charge:
        if next(attempts) % 12 == 0:
            raise CardProcessorSilent(order)
        return Charge(order, cents)

    return mesh


if __name__ == "__main__":
    billing().run()
