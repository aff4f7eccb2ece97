"""Where the application is: an address from configuration only, and never one that hands out credentials."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, TypeAlias
from urllib.parse import urlsplit

_REFUSED: Final = tuple(
    ip_network(each)
    for each in (
        "0.0.0.0/8",
        "100.100.100.200/32",  # metadata, Alibaba Cloud
        "169.254.0.0/16",  # link-local: metadata of AWS, Azure, Google and others
        "192.0.0.192/32",  # metadata, Oracle Cloud
        "224.0.0.0/4",
        "255.255.255.255/32",
        "::/128",
        "fd00:ec2::/32",  # metadata, AWS
        "fe80::/10",
        "ff00::/8",
    )
)
_TRANSLATED: Final = ip_network("64:ff9b::/96")
_DEFAULT_PORT: Final = 80
_PORTS: Final = range(1, 65_536)

Resolve: TypeAlias = Callable[["AppAddress"], Awaitable[list[str]]]
"""Turns an address into IP addresses that may be connected to; raises ``OSError``."""


@dataclass(frozen=True, slots=True)
class AppAddress:
    """A host name or IP address, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_app_url(text: str) -> AppAddress:
    """Read `http://host:port`; raise ``ValueError`` with what is wrong with it."""
    url = urlsplit(text)
    if url.scheme != "http":
        raise ValueError("is not http://host:port; the bridge speaks plain HTTP to what runs beside it")
    if url.username is not None or url.password is not None:
        raise ValueError("has credentials; the bridge passes those of its clients")
    if url.path not in {"", "/"} or url.query or url.fragment:
        raise ValueError("has a path; name host and port only, paths come from the requests")
    if not url.hostname:
        raise ValueError("names no host")
    port = _DEFAULT_PORT if url.port is None else url.port
    if port not in _PORTS:
        raise ValueError("has no port from 1 to 65535")
    if reason := refusal(url.hostname):
        raise ValueError(reason)
    return AppAddress(url.hostname, port)


def refusal(host: str) -> str | None:
    """Say why an IP address may not be connected to; a name is judged by what it resolves to."""
    try:
        address = _unwrapped(ip_address(host.partition("%")[0]))
    except ValueError:
        return None
    if any(address in network for network in _REFUSED):
        return f"is {host}, a link-local, metadata or unusable address, which the bridge never connects to"
    return None


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address inside an IPv6 one."""
    if isinstance(address, IPv4Address):
        return address
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


async def resolve(address: AppAddress) -> list[str]:
    """Return the IP addresses of the host; raise ``OSError`` when there is none, or none that is allowed."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    hosts = list(dict.fromkeys(str(each[4][0]) for each in found))
    allowed = [host for host in hosts if refusal(host) is None]
    if not allowed:
        raise OSError(f"{address.host} {refusal(hosts[0]) if hosts else 'has no address'}")
    return allowed
