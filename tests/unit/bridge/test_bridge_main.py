"""What the process says and exits with when it cannot begin."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
import structlog

from crossply_bridge.__main__ import main


@pytest.fixture(autouse=True)
def logs_of_its_own() -> Iterator[None]:
    """A program sets up the logs of its process; other tests get back what they had."""
    yield
    structlog.reset_defaults()


def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def test_bad_configuration_is_told_whole_and_exits_64(capsys: pytest.CaptureFixture[str]) -> None:
    environ = {"CROSSPLY_BRIDGE_MODE": "sidecar", "CROSSPLY_NATS_URL": "x", "CROSSPLY_BRIDGE_LISTEN": "y"}
    assert main(environ) == 64
    lines = capsys.readouterr().err.splitlines()
    assert {line.split(":")[1].strip() for line in lines} == {
        "CROSSPLY_NATS_URL",
        "CROSSPLY_BRIDGE_LISTEN",
        "CROSSPLY_SERVICE",
        "CROSSPLY_APP_URL",
    }


def test_a_broker_that_stays_away_is_told_and_exits_69(capsys: pytest.CaptureFixture[str]) -> None:
    broker = f"nats://127.0.0.1:{closed_port()}"
    environ = {
        "CROSSPLY_NATS_URL": broker,
        "CROSSPLY_CONNECT_TIMEOUT": "0.1",
        "CROSSPLY_BRIDGE_LISTEN": "127.0.0.1:0",
    }
    assert main(environ) == 69
    assert broker in capsys.readouterr().err.splitlines()[-1]


def test_a_taken_address_is_told_and_exits_69(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        environ = {"CROSSPLY_NATS_URL": "nats://127.0.0.1:1", "CROSSPLY_BRIDGE_LISTEN": listen}
        assert main(environ) == 69
    last = capsys.readouterr().err.splitlines()[-1]
    assert f"cannot listen on {listen}" in last
    assert "CROSSPLY_BRIDGE_LISTEN" in last
