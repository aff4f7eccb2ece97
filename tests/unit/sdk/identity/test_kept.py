"""The kept identity: for its owner's eyes only, encrypted under a key, one process at a time."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from crossply.identity.issued import Issued
from crossply.identity.kept import Kept
from crossply.identity.keys import Keys

KEY = b"k" * 32
ISSUED = Issued(
    identity="spiffe://mesh.local/t/default/svc/orders",
    instance="k7q2mzp4x3ab",
    certificate="certificate",
    trust="root",
    credential=b"credential",
    not_after=7.0,
)


def kept(folder: Path, key: bytes | None = None) -> Kept:
    return Kept(folder, "orders", key)


@pytest.mark.parametrize("key", [None, KEY])
def test_what_is_kept_is_there_after_a_restart(tmp_path: Path, key: bytes | None) -> None:
    keys = Keys.make()
    kept(tmp_path, key).save(keys, ISSUED)
    found = kept(tmp_path, key).load()
    assert found is not None
    assert (found[0].seeds, found[1]) == (keys.seeds, ISSUED)
    assert stat.S_IMODE((tmp_path / "orders.identity").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["orders.identity"]


def test_with_a_key_the_file_shows_nothing(tmp_path: Path) -> None:
    keys = Keys.make()
    kept(tmp_path, KEY).save(keys, ISSUED)
    raw = (tmp_path / "orders.identity").read_bytes()
    assert all(part not in raw for part in (*keys.seeds, b"orders", b"credential"))


@pytest.mark.parametrize("reads_with", [None, b"x" * 32])
def test_a_file_that_does_not_open_is_said_and_not_used(tmp_path: Path, reads_with: bytes | None) -> None:
    kept(tmp_path, KEY).save(Keys.make(), ISSUED)
    with capture_logs() as logs:
        assert kept(tmp_path, reads_with).load() is None
    assert [entry["event"] for entry in logs] == ["identity_not_read"]


def test_a_file_in_clear_is_not_used_where_a_key_is_given(tmp_path: Path) -> None:
    kept(tmp_path).save(Keys.make(), ISSUED)
    assert kept(tmp_path, KEY).load() is None


@pytest.mark.parametrize("raw", [b"", b"x", b"\xc7S\x01", b"\x80"])
def test_a_broken_file_is_no_identity(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "orders.identity").write_bytes(raw)
    assert kept(tmp_path).load() is None
    assert kept(tmp_path, KEY).load() is None


def test_nothing_kept_is_nothing_to_say(tmp_path: Path) -> None:
    with capture_logs() as logs:
        assert kept(tmp_path).load() is None
    assert logs == []


def test_of_two_processes_one_has_the_file(tmp_path: Path) -> None:
    one, other = kept(tmp_path / "state"), kept(tmp_path / "state")
    assert one.take()
    assert not other.take()
    one.release()
    assert other.take()
    other.release()


def test_a_folder_that_takes_nothing_is_said_and_survived(tmp_path: Path) -> None:
    with capture_logs() as logs:
        Kept(tmp_path / "absent", "orders", None).save(Keys.make(), ISSUED)
    assert [entry["event"] for entry in logs] == ["identity_not_kept"]
