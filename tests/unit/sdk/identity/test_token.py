"""What proves who a process is: an enrolment token, or the service account of its pod."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossply.config import MeshConfig
from crossply.identity.token import proof
from crossply.telemetry.logs import get_logger
from crossply_registry.authority.grant import new_grant
from crossply_registry.authority.tokens import new_token
from tests.unit.registry.authority.standing import NOW

LOG = get_logger("test")
POD = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQ6c2hvcDpvcmRlcnMifQ.c2lnbmF0dXJl"


def test_an_enrolment_token_is_shown_as_that() -> None:
    _, text = new_token("orders", NOW)
    assert proof(MeshConfig(token=text), LOG) == {"token": text}


def test_a_grant_is_shown_as_an_enrolment_token() -> None:
    _, text = new_grant()
    assert proof(MeshConfig(token=text), LOG) == {"token": text}


def test_a_pods_service_account_is_shown_as_that_and_read_again_as_it_is_rotated(tmp_path: Path) -> None:
    path = tmp_path / "token"
    config = MeshConfig(token_file=path)
    for text in (POD, POD[:-1]):
        path.write_text(f"{text}\n")
        assert proof(config, LOG) == {"kubernetes": text}


@pytest.mark.parametrize("text", ["", " "])
def test_where_there_is_none_nothing_is_shown(tmp_path: Path, text: str) -> None:
    assert proof(MeshConfig(), LOG) == {}
    path = tmp_path / "token"
    path.write_text(text)
    assert proof(MeshConfig(token_file=path), LOG) == {}
