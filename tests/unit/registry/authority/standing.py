"""An authority over fakes: a folder as init writes it, a store in memory, a clock that jumps."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import httpx

from crossply_registry.authority.api.app import build
from crossply_registry.authority.authority import Authority
from crossply_registry.authority.bootstrap.init import Bootstrap, Wanted
from crossply_registry.authority.config import AuthorityConfig
from crossply_registry.authority.folder import Folder
from crossply_registry.authority.journal import Entry
from crossply_registry.authority.kek import Kek
from crossply_registry.authority.kubernetes import Reviewer
from tests.unit.registry.fakes import FakeLink

KEK = Kek(b"k" * 32)
ENVIRONMENT = {"CROSSPLY_AUTHORITY_KEK": (b"k" * 32).hex()}
NOW = 1_790_000_000.0


class Time:
    """Unix seconds that jump."""

    def __init__(self) -> None:
        self.seconds = NOW

    def __call__(self) -> float:
        return self.seconds


def prepared(out: Path, *services: str, time: Time | None = None) -> Path:
    """Return a folder that init wrote, the key-encryption key not in it."""
    Bootstrap(Wanted(out=out, services=services), ENVIRONMENT, now=time or Time()).run()
    return out


@dataclass
class Standing:
    """Replicas of an authority, and what they share."""

    out: Path
    link: FakeLink = field(default_factory=FakeLink)
    time: Time = field(default_factory=Time)

    async def replica(self, reviewer: Reviewer | None = None, **settings: Any) -> Authority:
        """Return one more that runs."""
        config = AuthorityConfig(folder=Folder(self.out / "authority"), kek=settings.pop("kek", KEK), **settings)
        made = Authority(config, connect=self.link.connect, now=self.time, reviewer=reviewer)
        await made.start()
        return made

    def token(self, service: str) -> str:
        """Return the token that init wrote for a service."""
        return (self.out / "services" / service / "token").read_text().strip()

    @property
    def operator(self) -> dict[str, str]:
        """Return what an operator sends along."""
        return {"Authorization": f"Bearer {(self.out / 'operator' / 'token').read_text().strip()}"}


def client(authority: Authority) -> httpx.AsyncClient:
    """Return a client of the authority's API on this event loop; errors inside are answered, not raised."""
    transport = httpx.ASGITransport(cast("Any", build(authority)), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="https://authority")


async def journal(authority: Authority) -> list[Entry]:
    """Return the issuance log, its chain verified."""
    return [each async for each in authority.parts.journal.entries()]
