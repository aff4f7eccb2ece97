"""The grant of a mesh for development: any service joins with it, none of the mesh's own, and on this machine only."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from crossply.errors import ConfigError
from crossply_registry.authority.bootstrap.init import Bootstrap, Wanted
from crossply_registry.authority.config import AuthorityConfig
from crossply_registry.authority.refusal import Refused
from tests.unit.registry.authority.joiner import Joiner
from tests.unit.registry.authority.standing import ENVIRONMENT, Standing, journal

NEW = "spiffe://mesh.local/t/default/svc/newcomer"


def granted(out: Path) -> str:
    """Return the text of the grant of a new mesh for development."""
    Bootstrap(Wanted(out=out, grant=True), ENVIRONMENT).run()
    return (out / "grant" / "token").read_text().strip()


async def test_any_service_joins_with_it_and_the_journal_says_by_what(tmp_path: Path) -> None:
    grant = granted(tmp_path)
    authority = await Standing(tmp_path).replica()
    for identity in (NEW, "spiffe://mesh.local/t/default/svc/another"):
        await authority.parts.joining.join(Joiner(identity).raw(grant))
    assert [(each.what, each.by) for each in await journal(authority)] == [("issued", "token grant")] * 2


@pytest.mark.parametrize("name", ["authority", "broker", "registry"])
async def test_no_process_of_the_mesh_itself_is_had_with_it(tmp_path: Path, name: str) -> None:
    grant = granted(tmp_path)
    authority = await Standing(tmp_path).replica()
    with pytest.raises(Refused, match="process of the mesh itself"):
        await authority.parts.joining.join(Joiner(f"spiffe://mesh.local/t/default/svc/{name}").raw(grant))


async def test_another_meshs_grant_is_refused_and_so_is_any_where_there_is_none(
    tmp_path: Path, standing: Standing
) -> None:
    grant = granted(tmp_path / "one")
    granted(tmp_path / "other")
    other = Standing(tmp_path / "other")
    for place in (other, standing):
        authority = await place.replica()
        with pytest.raises(Refused) as refused:
            await authority.parts.joining.join(Joiner(NEW).raw(grant))
        assert refused.value.status in {400, 401}


def test_init_makes_one_where_it_is_wanted_once_and_for_its_owner(tmp_path: Path) -> None:
    grant = granted(tmp_path)
    assert Bootstrap(Wanted(out=tmp_path, grant=True), ENVIRONMENT).run() == []
    assert Bootstrap(Wanted(out=tmp_path), ENVIRONMENT).run() == []
    for path in (tmp_path / "grant" / "token", tmp_path / "authority" / "grant.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert grant[-64:].encode() not in (tmp_path / "authority" / "grant.json").read_bytes()
    assert "grant" not in {path.stem for path in _made(tmp_path / "plain")}


def _made(out: Path) -> list[Path]:
    Bootstrap(Wanted(out=out), ENVIRONMENT).run()
    return list(out.rglob("*"))


@pytest.mark.parametrize(("host", "well"), [("127.0.0.1", True), ("[::1]", True), ("0.0.0.0", False), ("[::]", False)])
def test_an_authority_that_has_one_listens_to_this_machine_only(tmp_path: Path, host: str, well: bool) -> None:
    granted(tmp_path)
    told = {
        **ENVIRONMENT,
        "CROSSPLY_AUTHORITY_DIR": str(tmp_path / "authority"),
        "CROSSPLY_AUTHORITY_LISTEN": f"{host}:8701",
    }
    if well:
        assert AuthorityConfig.from_mapping(told).port == 8701
        return
    with pytest.raises(ConfigError) as refused:
        AuthorityConfig.from_mapping(told)
    assert "grant.json lets whoever has the grant join" in str(refused.value)


def test_a_file_that_is_no_grant_is_said(tmp_path: Path, standing: Standing) -> None:
    path = standing.out / "authority" / "grant.json"
    path.write_text("{")
    config = AuthorityConfig.from_mapping(
        {**ENVIRONMENT, "CROSSPLY_AUTHORITY_DIR": str(standing.out / "authority")},
    )
    with pytest.raises(ValueError, match=r"grant\.json"):
        config.folder.read_grant()
