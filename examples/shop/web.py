"""web: the shop's visitors. Twenty times a second it asks for a quote or creates an order, in turn."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections import Counter, deque
from itertools import cycle
from typing import Any

from crossply import CallError, Mesh

SKUS = ("a", "b", "c")


def tell(**fact: object) -> None:
    """Say a fact in a line of JSON, for whoever started this program and counts."""
    if "SHOP_FACTS" in os.environ:
        print(json.dumps(fact), flush=True)


class Visitors:
    """Calls at a steady rate, whether or not earlier calls have come back."""

    def __init__(self, mesh: Mesh, rate: float) -> None:
        self._mesh = mesh
        self._pause = 1.0 / rate
        self._codes: Counter[str] = Counter()
        self._orders: deque[str] = deque(maxlen=200)

    async def come(self, stop: asyncio.Event) -> None:
        """Call until told to stop; return when every call has come back."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        plan = zip(cycle(("orders.quote", "orders.create")), cycle(SKUS), strict=False)
        async with asyncio.TaskGroup() as calls:
            for operation, sku in plan:
                if stop.is_set():
                    return
                calls.create_task(self._call(operation, sku))
                due = max(due + self._pause, loop.time() - 1.0)  # after a pause, no flood of visits missed
                await asyncio.sleep(max(0.0, due - loop.time()))

    def stats(self) -> dict[str, Any]:
        """What came back: all calls by code, and the last 200 orders."""
        failed = sum(code != "ok" for code in self._orders)
        return {
            "calls": self._codes.total(),
            "by_code": dict(self._codes),
            "last_orders": {"created": len(self._orders) - failed, "failed": failed},
        }

    async def _call(self, operation: str, sku: str) -> None:
        try:
            await self._mesh.call(operation, {"sku": sku, "quantity": 1})
            code = "ok"
        except CallError as error:
            code = str(error.code)
        self._codes[code] += 1
        if operation == "orders.create":
            self._orders.append(code)
        tell(call=operation, code=code)


async def main() -> None:
    mesh = Mesh("web", version="1.0.0", description="visits the shop")
    visitors = Visitors(mesh, float(os.environ.get("SHOP_RATE", "20")))

    @mesh.endpoint(idempotent=True)
    async def stats() -> dict[str, Any]:
        return visitors.stats()

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with mesh:
        await visitors.come(stop)


if __name__ == "__main__":
    asyncio.run(main())
