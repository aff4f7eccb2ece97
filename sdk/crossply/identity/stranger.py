"""A process without an authority: nobody vouches for its name, and its configuration says what else it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.clock import chance_of_loop
from crossply.names import new_instance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crossply.config import MeshConfig
    from crossply.identity.member import Member
    from crossply.identity.place import Place
    from crossply_policy.access.rules import Access


class Unknown:
    """Stands where a ``Standing`` does: it has nothing to renew, hears of nobody revoked, and may everything."""

    async def start(self) -> None:
        """Follow nobody."""

    async def catch_up(self) -> None:
        """Miss nothing."""

    def adopt(self, access: Access) -> None:
        """Move for nothing."""


class Stranger:
    """Stands where a ``Member`` does when CROSSPLY_AUTHORITY names none."""

    def __init__(self, config: MeshConfig) -> None:
        self.instance = config.instance or new_instance()
        self.tls = config.tls
        self.registry_key = config.registry_key
        self.renewals = None
        self.vouched_for = False
        self.claims: Mapping[str, str] = {}
        self.keyring = None

    async def begin(self) -> None:
        """Join nobody."""

    def standing(self, place: Place) -> Unknown:  # noqa: ARG002 - as a member's
        """Return that of a process of whom no authority knows."""
        return Unknown()

    def keep(self) -> None:
        """Keep nothing here either."""

    def close(self) -> None:
        """Keep nothing."""


def who(config: MeshConfig, service: str) -> Member | Stranger:
    """Return who this process is; raise ``ConfigError``."""
    if not config.authority:
        return Stranger(config)
    from crossply.identity.member import Member

    return Member(config, service, chance_of_loop())
