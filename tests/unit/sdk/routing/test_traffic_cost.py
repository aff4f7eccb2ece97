"""What `Traffic` costs those who do not use it: nothing, counted in Python function calls."""

from __future__ import annotations

import sys
from types import FrameType

from crossply import Mesh
from crossply.testing import MemoryBroker
from crossply_policy.compile import compile_snapshot
from crossply_policy.documents import Document
from crossply_policy.parse import parse
from tests.unit.sdk.stage import mesh, settle


def traffic(service: str, *routes: object) -> Document:
    return parse({"kind": "Traffic", "name": service, "spec": {"routes": list(routes)}})


async def functions(web: Mesh, *documents: Document) -> int:
    """Return how many of our functions a call runs, at caller and callee together, once all is warm."""
    web.running.routes.adopt(compile_snapshot(documents, generation=1, revision=1))
    for _ in range(3):
        await web.call("orders.quote")
    await settle()
    # Now and then a call finds no ids left and makes many at once.
    return min([await _counted(web) for _ in range(3)])


async def _counted(web: Mesh) -> int:
    calls = 0

    def counting(frame: FrameType, event: str, _arg: object) -> None:
        nonlocal calls
        calls += event == "call" and "/crossply/" in frame.f_code.co_filename

    sys.setprofile(counting)
    try:
        await web.call("orders.quote")
    finally:
        sys.setprofile(None)
    return calls


async def test_documents_of_other_services_and_routes_for_others_cost_a_call_nothing(broker: MemoryBroker) -> None:
    orders = mesh(broker, "orders")

    @orders.endpoint
    async def quote() -> str:
        return "3"

    async with orders, mesh(broker, "web") as web:
        alone = await functions(web)
        assert alone > 20
        others = [traffic(f"s{number}", {"split": {"v1": 1}, "mirror": {"to": "x"}}) for number in range(1000)]
        assert await functions(web, *others) == alone
        elsewhere = traffic(
            "orders",
            *({"match": {"callers": [f"s{number}"]}, "split": {"v1": 1}} for number in range(50)),
            {"match": {"endpoints": ["create"]}, "fault": {"abort": {"percentage": 100, "code": "internal"}}},
        )
        assert await functions(web, *others, elsewhere) == alone
        conditional = traffic("orders", {"match": {"metadata": {"tester": "yes"}}, "timeout": {"total": 1}})
        assert await functions(web, conditional) == alone + 1, "the choice among stacks is one function"
