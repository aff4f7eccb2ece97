"""Which ports a run takes: those of one that crashed, then the usual ones, then the next that are free."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from crossply_cli.up.directory import DataDirectory, MeshFile
from crossply_cli.up.ports import Choice, Ports


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


@pytest.fixture
def data(tmp_path: Path) -> Iterator[DataDirectory]:
    held = DataDirectory.hold(tmp_path / ".crossply")
    yield held
    held.release()


def test_an_earlier_port_comes_first_if_it_is_free() -> None:
    free = Ports().any()
    assert Ports().choose(4222, free) == Choice(free)


def test_an_earlier_port_that_is_taken_is_no_reason_to_stop(taken: int) -> None:
    free = Ports().any()
    assert Ports().choose(free, taken).port != taken


def test_no_port_is_chosen_twice() -> None:
    ports = Ports()
    free = ports.any()
    assert ports.choose(free + 1, free).port != free


def test_a_crash_leaves_its_ports_behind_and_an_orderly_end_does_not(data: DataDirectory) -> None:
    mesh = MeshFile(
        nats=("tls://127.0.0.1:4223",),
        authority="https://127.0.0.1:8701",
        registry="http://127.0.0.1:8702",
        gateway="http://127.0.0.1:8600",
        tenant="default",
        trust_domain="dev.local",
        ca="identities/grant/ca.pem",
        grant="identities/grant/token",
        operator="identities/operator/token",
        pid=1,
    )
    assert data.left_ports() == {}
    data.publish(mesh)
    assert data.left_ports() == {"broker": 4223, "authority": 8701, "registry": 8702, "gateway": 8600}
    data.withdraw()
    assert data.left_ports() == {}


@pytest.mark.parametrize(
    "found",
    [
        "{",
        "[]",
        json.dumps({"nats": "nats://127.0.0.1:4222", "registry": 7, "gateway": "http://127.0.0.1:99999"}),
        json.dumps({"nats": [], "registry": "http://127.0.0.1:0", "gateway": "http://127.0.0.1"}),
    ],
)
def test_a_file_that_holds_no_addresses_names_no_ports(data: DataDirectory, found: str) -> None:
    (data.path / "mesh.json").write_text(found)
    assert data.left_ports() == {}
