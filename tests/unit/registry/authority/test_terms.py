"""How long what is issued lasts and keys seal: documents shorten what the configuration says, and never lengthen it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.testing import capture_logs

from crossply.control import keys
from crossply.wire import credential
from crossply_policy.security import Securities, SecuritySpec
from crossply_registry.authority.authority import Authority
from crossply_registry.authority.certificates import expires
from crossply_registry.authority.config import AuthorityConfig
from crossply_registry.authority.folder import Folder
from crossply_registry.authority.issuer import Issued
from crossply_registry.authority.terms import Terms
from crossply_registry.registry import Starting
from tests.support.policies import Policies
from tests.support.waiting import eventually
from tests.unit.registry.authority.joiner import Joiner
from tests.unit.registry.authority.standing import KEK, NOW, Standing

HOUR = 3600.0
DAY = 86_400.0


def said(**documents: SecuritySpec) -> Securities:
    return Securities.of(documents)


def test_where_nobody_speaks_it_is_what_the_configuration_says() -> None:
    terms = Terms(HOUR, DAY)
    assert (terms.lifetime("orders"), terms.epoch("orders"), terms.channels, terms.shortest) == (HOUR, DAY, DAY, DAY)


def test_a_document_shortens_it_for_one_service_or_for_all() -> None:
    terms = Terms(DAY, DAY)
    terms.adopt(said(mesh=SecuritySpec(key_epoch=6 * HOUR), orders=SecuritySpec(credential_lifetime=HOUR)))
    assert (terms.lifetime("orders"), terms.epoch("orders")) == (HOUR, 6 * HOUR)
    assert (terms.lifetime("web"), terms.epoch("web"), terms.channels) == (DAY, 6 * HOUR, 6 * HOUR)


def test_keys_of_channels_go_by_what_is_said_of_the_mesh_alone() -> None:
    terms = Terms(DAY, DAY)
    terms.adopt(said(orders=SecuritySpec(key_epoch=HOUR)))
    assert (terms.channels, terms.shortest) == (DAY, HOUR)


def test_what_the_configuration_does_not_permit_is_not_in_force_and_is_told() -> None:
    terms = Terms(HOUR, DAY)
    with capture_logs() as logs:
        terms.adopt(said(orders=SecuritySpec(key_epoch=7 * DAY, credential_lifetime=2 * HOUR)))
    assert (terms.lifetime("orders"), terms.epoch("orders")) == (HOUR, DAY)
    assert [(one["document"], one["field"]) for one in logs] == [
        ("Security/orders", "key_epoch"),
        ("Security/orders", "credential_lifetime"),
    ]
    assert "CROSSPLY_CREDENTIAL_LIFETIME of this authority permits 3600 s" in logs[1]["why"]


def test_whoever_waits_hears_of_a_change_once() -> None:
    terms, heard = Terms(DAY, DAY), list[str]()
    terms.on_change(lambda: heard.append("changed"))
    for _ in range(2):
        terms.adopt(said(orders=SecuritySpec(key_epoch=HOUR)))
    assert heard == ["changed"]


def lasts(issued: Issued) -> float:
    """Return for how many seconds from now what was issued lasts, certificate and credential alike."""
    assert credential.unpack(issued.credential).not_after == issued.not_after == expires(issued.certificate)
    return issued.not_after - NOW


def policies(standing: Standing, out: Path) -> Policies:
    seed = bytes.fromhex((out / "registry" / "signing.key").read_text())
    return Policies(standing.link.as_link(), Ed25519PrivateKey.from_private_bytes(seed))


async def test_what_is_issued_lasts_as_long_as_the_document_in_force_says(standing: Standing) -> None:
    written = policies(standing, standing.out)
    await written.begin()
    await written.apply({"kind": "Security", "name": "orders", "spec": {"credential_lifetime": "1h"}})
    authority = await standing.replica()
    raw = Joiner().raw(standing.token("orders"))
    assert lasts(await authority.parts.joining.join(raw)) == pytest.approx(HOUR, abs=1)
    web = Joiner(identity=json.loads(raw)["identity"].replace("orders", "web")).raw(standing.token("web"))
    assert lasts(await authority.parts.joining.join(web)) == pytest.approx(DAY, abs=1)
    await authority.aclose()


async def test_a_document_that_comes_later_holds_for_what_is_issued_from_then_on(standing: Standing) -> None:
    written = policies(standing, standing.out)
    await written.begin()
    authority = await standing.replica(lifetime=2 * HOUR)
    token = standing.token("orders")
    assert lasts(await authority.parts.joining.join(Joiner().raw(token))) == pytest.approx(2 * HOUR, abs=1)
    await written.apply({"kind": "Security", "name": "mesh", "spec": {"credential_lifetime": "60s", "key_epoch": "1h"}})
    for handler in standing.link.head_handlers:
        handler(standing.link.heads[-1])
    await eventually(lambda: authority.parts.keys.services.life("orders").length == HOUR * 1000)
    assert lasts(await authority.parts.joining.join(Joiner().raw(token))) == pytest.approx(60, abs=1)
    await authority.aclose()


async def test_nothing_is_issued_before_what_policy_there_is_was_read(standing: Standing) -> None:
    written = policies(standing, standing.out)
    await written.begin()
    config = AuthorityConfig(folder=Folder(standing.out / "authority"), kek=KEK)
    authority, asked = Authority(config, connect=standing.link.connect, now=standing.time), list[str]()

    async def too_early() -> None:
        with pytest.raises(Starting):
            _ = authority.parts
        asked.append("head")

    standing.link.store.once("get", keys.HEAD, too_early)
    await authority.start()
    assert asked == ["head"]
    await authority.aclose()
