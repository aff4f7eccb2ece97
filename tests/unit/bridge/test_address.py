"""The application's address comes from configuration, and never leads to what hands out credentials."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from crossply_bridge.address import AppAddress, parse_app_url, refusal, resolve


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://127.0.0.1:8080", AppAddress("127.0.0.1", 8080)),
        ("http://stock:8080/", AppAddress("stock", 8080)),
        ("HTTP://Stock", AppAddress("stock", 80)),
        ("http://[::1]:8080", AppAddress("::1", 8080)),
        ("http://10.1.2.3:1", AppAddress("10.1.2.3", 1)),
    ],
)
def test_a_host_and_port_are_an_address(text: str, address: AppAddress) -> None:
    assert parse_app_url(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "stock:8080",
        "https://stock:8080",
        "unix:///run/app.sock",
        "file:///etc/passwd",
        "http://",
        "http://:8080",
        "http://stock:0",
        "http://stock:65536",
        "http://stock:x",
        "http://stock:8080/base",
        "http://stock:8080?x",
        "http://stock:8080#x",
        "http://user:secret@stock:8080",
        "http://[::1",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S") as caught:
        parse_app_url(text)
    assert "secret" not in str(caught.value)


FORBIDDEN = [
    "169.254.169.254",
    "169.254.0.1",
    "100.100.100.200",
    "192.0.0.192",
    "0.0.0.0",
    "0.1.2.3",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "fe80::1",
    "ff02::1",
    "fd00:ec2::254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::",
]


@pytest.mark.parametrize("host", FORBIDDEN)
def test_link_local_and_metadata_addresses_are_refused(host: str) -> None:
    assert refusal(host)
    with pytest.raises(ValueError, match="never connects"):
        parse_app_url(f"http://[{host}]:80" if ":" in host else f"http://{host}:80")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "172.17.0.2", "fd00::1", "stock"])
def test_loopback_and_private_addresses_are_fine(host: str) -> None:
    assert refusal(host) is None


async def test_a_name_is_judged_by_what_it_resolves_to(monkeypatch: pytest.MonkeyPatch) -> None:
    def lookup(*_args: Any, **_more: Any) -> list[Any]:
        found = ["169.254.169.254", "10.0.0.1", "10.0.0.1", "fe80::1"]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 80)) for host in found]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    assert await resolve(AppAddress("stock", 80)) == ["10.0.0.1"]


async def test_a_name_that_leads_to_metadata_only_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def lookup(*_args: Any, **_more: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with pytest.raises(OSError, match="never connects"):
        await resolve(AppAddress("metadata.internal", 80))


@pytest.mark.parametrize("spelling", ["2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518"])
async def test_odd_spellings_of_a_forbidden_address_do_not_help(spelling: str) -> None:
    with pytest.raises((OSError, ValueError)):
        await resolve(parse_app_url(f"http://{spelling}:80"))
