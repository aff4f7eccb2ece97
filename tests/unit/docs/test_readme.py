"""The service in the README is one: it imports without a broker, and its handlers do what they say."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from crossply import Mesh
from crossply.testing import MemoryBroker, run

TEXT = (Path(__file__).resolve().parents[3] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", TEXT, flags=re.DOTALL | re.MULTILINE)


def test_the_service_takes_calls_publishes_and_handles_its_event(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    [program] = BLOCKS
    broker = MemoryBroker()
    defaults = Mesh.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "connect", broker.connect)
    monkeypatch.chdir(tmp_path)
    orders: Any = ModuleType("orders")
    monkeypatch.setitem(sys.modules, "orders", orders)
    exec(compile(program, "README.md", "exec", dont_inherit=True), orders.__dict__)
    stock = Mesh("stock")

    @stock.endpoint
    async def level(sku: str) -> int:
        return 7

    async def shopping() -> None:
        async with stock, orders.mesh, Mesh("web", kind="client") as web:
            assert await web.call("orders.quote", {"sku": "a", "quantity": 2}) == {"total": 6, "left": 7}
            assert await web.call("orders.create", {"sku": "a", "quantity": 2}) == {"sku": "a", "quantity": 2}

    run(shopping())
    assert "Order(sku='a', quantity=2)" in capsys.readouterr().out
