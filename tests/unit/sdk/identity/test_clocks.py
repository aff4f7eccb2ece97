"""A process whose clock is another than the authority's: it joins, renews in time, and is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from crossply.clock import chance
from crossply.config import MeshConfig
from crossply.identity import authority as client
from crossply.identity.issued import Issued
from crossply.identity.member import Member
from tests.unit.registry.authority.standing import Time
from tests.unit.sdk.identity.test_member import FakeAuthority

LIFE = 1_000.0


class Skewed:
    """A process whose clock is some seconds ahead of the authority's."""

    def __init__(self, folder: Path, ahead: float, monkeypatch: pytest.MonkeyPatch) -> None:
        self.authority = FakeAuthority(folder, Time())
        self.authority.lifetime = LIFE
        self.pauses: list[float] = []

        async def join(_self: object, body: dict[str, Any], timeout: float) -> Issued:
            return await self.authority.join(body, timeout)

        monkeypatch.setattr(client.Authority, "join", join)
        config = MeshConfig(authority="https://127.0.0.1:1", authority_ca=self.authority.ca, token="token")
        self.member = Member(config, "orders", chance(7), wall=lambda: self.authority.time() + ahead, pause=self.pause)

    async def pause(self, length: float) -> None:
        self.pauses.append(length)
        self.authority.time.seconds += length
        if len(self.pauses) == 5:
            raise InterruptedError


@pytest.mark.parametrize("ahead", [-3600.0, -3.0, 0.0, 3.0, 3600.0])
async def test_it_renews_at_half_of_its_life_whatever_its_own_clock_says(
    tmp_path: Path, ahead: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    skewed = Skewed(tmp_path, ahead, monkeypatch)
    await skewed.member.begin()
    with pytest.raises(InterruptedError):
        await skewed.member.renew_for_ever(skewed.authority.renew)
    assert all(0.4 * LIFE <= each <= 0.6 * LIFE for each in skewed.pauses)
    assert len(skewed.authority.renewals) == 4


@pytest.mark.parametrize(("ahead", "said"), [(3.0, None), (-3.0, None), (3600.0, "ahead of"), (-3600.0, "behind")])
async def test_it_is_told_when_its_clock_is_so_far_off_that_messages_are_stale(
    tmp_path: Path, ahead: float, said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with capture_logs() as logs:
        await Skewed(tmp_path, ahead, monkeypatch).member.begin()
    told = [each for each in logs if each["event"] == "clock_off"]
    if said is None:
        assert not told
    else:
        assert said in told[0]["why"]
        assert told[0]["seconds"] == ahead


async def test_an_identity_that_has_ended_by_the_authoritys_clock_is_renewed_at_once_and_not_without_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skewed = Skewed(tmp_path, 0.0, monkeypatch)
    await skewed.member.begin()
    skewed.authority.time.seconds += 2 * LIFE
    skewed.authority.lifetime = -10.0
    with pytest.raises(InterruptedError):
        await skewed.member.renew_for_ever(skewed.authority.renew)
    assert min(skewed.pauses) >= 0.5
