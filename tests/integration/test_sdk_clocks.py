"""Clocks that are far apart: what does not hold yet by one of them is refused with a word about clocks."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from crossply import Mesh
from crossply.config import MeshConfig
from crossply.errors import Unavailable
from crossply_registry.authority.bootstrap.init import Bootstrap, Wanted
from tests.support.authority_process import AuthorityProcess
from tests.support.broker import Broker


@pytest.mark.parametrize(("ahead", "why"), [(3600.0, "not in force yet"), (-2 * 365 * 86_400.0, "over")])
async def test_an_authority_whose_certificate_does_not_hold_by_this_clock_is_refused_as_such(
    broker: Broker, tmp_path: Path, ahead: float, why: str
) -> None:
    out = tmp_path / "mesh"
    Bootstrap(Wanted(out=out, services=("orders",)), {}, now=lambda: time.time() + ahead).run()
    folder = out / "services" / "orders"
    async with AuthorityProcess(out, tmp_path / "authority", broker.url) as authority:
        config = MeshConfig(
            nats=(broker.url,), authority=authority.url, authority_ca=folder / "ca.pem",
            token_file=folder / "token", connect_timeout=10.0,
        )  # fmt: skip
        with pytest.raises(Unavailable, match=f"its certificate is {why} by this machine's clock"):
            async with Mesh("orders", config=config):
                raise AssertionError("it joined")
