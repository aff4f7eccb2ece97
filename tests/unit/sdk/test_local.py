"""A process without CROSSPLY_* finds the mesh that runs in its folder or above, and what it joins that mesh with."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from crossply.config import MeshConfig
from crossply.errors import ConfigError

SAID: dict[str, Any] = {
    "nats": ["tls://127.0.0.1:4223"],
    "authority": "https://127.0.0.1:8702",
    "registry": "http://127.0.0.1:8700",
    "ca": "identities/grant/ca.pem",
    "grant": "identities/grant/token",
    "operator": "identities/operator/token",
    "trust_domain": "dev-abc.local",
}


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    """The file of a mesh that runs in this folder."""
    path = tmp_path / ".crossply" / "mesh.json"
    path.parent.mkdir()
    path.write_text(json.dumps(SAID))
    return path


def read(start: Path, **environ: str) -> MeshConfig:
    return MeshConfig.from_mapping(environ, start=start)


def test_it_is_found_from_below_with_what_a_service_joins_with(mesh: Path) -> None:
    below = mesh.parents[1] / "services" / "hello"
    below.mkdir(parents=True)
    found = read(below)
    assert found.local == mesh
    assert found.nats == ("tls://127.0.0.1:4223",)
    assert (found.authority, found.trust_domain) == ("https://127.0.0.1:8702", "dev-abc.local")
    assert found.authority_ca == mesh.parent / "identities/grant/ca.pem"
    assert found.token_file == mesh.parent / "identities/grant/token"


def test_from_elsewhere_it_is_named(mesh: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    assert read(elsewhere).local is None
    assert read(elsewhere, CROSSPLY_MESH=str(mesh)).authority == "https://127.0.0.1:8702"
    with pytest.raises(ConfigError, match="is CROSSPLY_MESH right"):
        read(elsewhere, CROSSPLY_MESH=str(elsewhere / "mesh.json"))


def test_a_broker_that_is_named_is_another_mesh(mesh: Path) -> None:
    found = read(mesh.parents[1], CROSSPLY_NATS_URL="nats://127.0.0.1:4222")
    assert (found.local, found.authority, found.token_file) == (None, "", None)


def test_another_authority_is_not_shown_the_grant(mesh: Path) -> None:
    found = read(mesh.parents[1], CROSSPLY_AUTHORITY="https://elsewhere:8701")
    assert (found.authority, found.authority_ca, found.token_file) == ("https://elsewhere:8701", None, None)


def test_a_token_that_is_given_stands_instead_of_the_grant(mesh: Path) -> None:
    found = read(mesh.parents[1], CROSSPLY_TOKEN="mine")
    assert (found.token, found.token_file) == ("mine", None)
    assert found.authority == "https://127.0.0.1:8702"


def test_a_mesh_of_another_user_above_is_not_joined_unless_it_is_named(
    mesh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: stranger)
    with pytest.raises(ConfigError, match="belongs to another user; set CROSSPLY_MESH"):
        read(mesh.parents[1])
    assert read(mesh.parents[1], CROSSPLY_MESH=str(mesh)).local == mesh


def test_a_file_that_a_crash_left_half_says_what_to_do(mesh: Path) -> None:
    mesh.write_text("{")
    with pytest.raises(ConfigError, match="run `crossply up` again"):
        read(mesh.parents[1])
