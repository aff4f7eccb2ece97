"""The identities of a mesh on this machine: made once, a trust domain of their own, and a token for each part."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossply_cli.exit_codes import ExitCode
from crossply_cli.failure import Failure
from crossply_cli.up.identities import Identities


@pytest.fixture
def made(tmp_path: Path) -> Identities:
    identities = Identities(tmp_path / "identities")
    identities.prepare(["gateway"])
    return identities


def test_a_second_start_keeps_what_is_there_and_adds_what_it_needs(tmp_path: Path, made: Identities) -> None:
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    again = Identities(tmp_path / "identities")
    again.prepare(["gateway"])
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    again.prepare(["gateway", "orders"])
    assert Path(again.service("orders")["CROSSPLY_TOKEN_FILE"]).is_file()
    assert again.trust_domain == made.trust_domain


def test_no_two_meshes_have_one_trust_domain(tmp_path: Path, made: Identities) -> None:
    other = Identities(tmp_path / "other")
    other.prepare([])
    assert made.trust_domain.startswith("dev-")
    assert other.trust_domain != made.trust_domain


def test_the_users_own_key_encryption_key_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSPLY_AUTHORITY_KEK", "ab" * 32)
    Identities(tmp_path / "identities").prepare([])
    assert "ab" * 32 not in (tmp_path / "identities" / "authority" / "kek").read_text()


def test_everything_that_the_mesh_file_and_the_parts_are_told_is_there(tmp_path: Path, made: Identities) -> None:
    for name in made.found().values():
        assert (tmp_path / name).is_file()
    told = made.registry | made.service("gateway")
    assert all(Path(path).is_file() for path in told.values())
    assert all(Path(path).is_absolute() for path in told.values())


def test_what_cannot_be_used_says_how_to_begin_anew(tmp_path: Path, made: Identities) -> None:
    (tmp_path / "identities" / "authority" / "kek").write_text("not a key")
    with pytest.raises(Failure) as failed:
        made.prepare([])
    assert failed.value.code is ExitCode.CONFIG
    assert f"remove {tmp_path}" in failed.value.hint
