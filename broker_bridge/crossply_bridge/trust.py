"""Whose trace context is believed, and whose scrapes are answered."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

_LOOPBACK: Final = ("127.0.0.0/8", "::1/128")
_EVERYBODY: Final = ("0.0.0.0/0", "::/0")
_TRACEPARENT: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class TrustedPeers:
    """Networks whose clients are believed when they say which trace a request belongs to, or may see the metrics."""

    networks: tuple[IPv4Network | IPv6Network, ...]

    def trusts(self, peer: str) -> bool:
        """Say whether a client's address lies in one of the networks."""
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self.networks)


def parse_trust(text: str) -> TrustedPeers:
    """Read `loopback`, `none`, `all`, or networks with commas between; raise ``ValueError``."""
    named = {"loopback": _LOOPBACK, "none": (), "all": _EVERYBODY}
    listed = named.get(text.strip().lower())
    if listed is None:
        listed = tuple(part.strip() for part in text.split(","))
    try:
        return TrustedPeers(tuple(ip_network(each) for each in listed))
    except ValueError as error:
        raise ValueError(f"{error}; write loopback, none, all, or networks such as 10.0.0.0/8") from error


def traceparent(text: str | None) -> str | None:
    """Return the text if it is a W3C trace context of version 00."""
    return text if text is not None and _TRACEPARENT.fullmatch(text) else None
