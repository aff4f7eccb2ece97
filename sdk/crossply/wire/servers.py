"""The brokers a process may connect to: those it was told of, and those that they told it of."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crossply.clock import Chance


class Servers:
    """Addresses without credentials, and the credentials for all of them, those learned by gossip included."""

    def __init__(self, urls: Iterable[str]) -> None:
        self.credentials: dict[str, str] = {}
        self.addresses: list[str] = []
        for url in urls:
            parts = urlsplit(url if "://" in url else f"nats://{url}")
            if parts.username and parts.password:
                self.credentials = {"user": parts.username, "password": parts.password}
            elif parts.username:
                self.credentials = {"token": parts.username}
            self.addresses.append(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")
        self._told = len(self.addresses)

    def learn(self, places: Iterable[str]) -> None:
        """Take what a broker says of its cluster, in place of what was learned before: host:port each."""
        # Whoever was told of one over TLS must not be led to another without.
        schemes = [urlsplit(each).scheme for each in self.addresses[: self._told]]
        scheme = "tls" if "tls" in schemes else schemes[0]
        learned = [f"{scheme}://{place}" for place in places]
        self.addresses[self._told :] = [each for each in learned if each not in self.addresses[: self._told]]

    def in_turn(self, chance: Chance, avoid: str) -> list[str]:
        """Return all addresses in random order, that of the server ``avoid`` (host:port) last."""
        return sorted(self.addresses, key=lambda each: (urlsplit(each).netloc == avoid, chance.random()))
