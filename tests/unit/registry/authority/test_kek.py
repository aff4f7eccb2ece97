"""The key-encryption key: where it comes from, and that it opens only what was sealed for the same place."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossply_registry.authority import kek
from crossply_registry.authority.kek import Kek, KekFault

HEX = "ab" * 32


def test_what_was_sealed_opens_for_its_place_and_for_no_other() -> None:
    key = Kek(bytes(32))
    sealed = key.seal(b"secret", "issuer")

    assert b"secret" not in sealed
    assert sealed != key.seal(b"secret", "issuer")
    assert key.open(sealed, "issuer") == b"secret"
    for other, context in ((key, "epoch"), (Kek(b"1" * 32), "issuer")):
        with pytest.raises(KekFault, match="another key-encryption key"):
            other.open(sealed, context)
    with pytest.raises(KekFault, match="is not sealed"):
        key.open(b"secret", "issuer")
    for place in range(3, len(sealed)):
        with pytest.raises(KekFault):
            key.open(sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :], "issuer")


def test_the_environment_comes_before_its_file_before_the_file_beside(tmp_path: Path) -> None:
    for name in ("named", "beside"):
        (tmp_path / name).write_text(kek.new() + "\n")
    beside = tmp_path / "beside"
    by_variable = {"CROSSPLY_AUTHORITY_KEK": HEX, "CROSSPLY_AUTHORITY_KEK_FILE": str(tmp_path / "named")}
    by_file = {"CROSSPLY_AUTHORITY_KEK_FILE": str(tmp_path / "named")}

    macs = [kek.read(environ, beside).mac(b"x", "y") for environ in (by_variable, by_file, {})]
    assert len(set(macs)) == 3
    assert macs[0] == Kek(bytes.fromhex(HEX)).mac(b"x", "y")
    assert macs[2] == Kek(bytes.fromhex(beside.read_text())).mac(b"x", "y")


def test_a_key_that_is_none_is_refused_without_showing_it(tmp_path: Path) -> None:
    for environ in ({"CROSSPLY_AUTHORITY_KEK": "hunter2"}, {"CROSSPLY_AUTHORITY_KEK_FILE": str(tmp_path)}, {}):
        with pytest.raises(KekFault) as refused:
            kek.read(environ)
        assert "CROSSPLY_AUTHORITY_KEK" in str(refused.value)
        assert "hunter2" not in str(refused.value)
