"""Letting through what nothing is raised for."""

from __future__ import annotations

import pytest

from crossply.errors import PermissionDenied
from crossply.handler import Request
from crossply.layers.permit import permit
from crossply.testing import Script
from tests.unit.sdk.stage import call


async def test_what_may_be_goes_on_as_it_came() -> None:
    script = Script()
    await call(permit(lambda _request: None), script)
    assert len(script.seen) == 1


async def test_what_may_not_be_does_not_go_on() -> None:
    def check(_request: Request) -> None:
        raise PermissionDenied("orders.create: no", rule="default")

    script = Script()
    with pytest.raises(PermissionDenied):
        await call(permit(check), script)
    assert not script.seen
