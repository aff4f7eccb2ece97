"""Who may sign revisions, from the folder that init wrote to every data plane that runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.testing import capture_logs

from crossply.clock import chance
from crossply.identity.signers import Signers
from crossply.keyring.keyring import Keyring
from crossply.keyring.registry_keys import SEEN, SignerFeed
from crossply.seal.holder import holder
from crossply_registry.authority.authority import Authority
from crossply_registry.authority.bootstrap.init import Bootstrap, Wanted
from crossply_registry.authority.certificates import CertificateFault
from tests.unit.registry.authority.joiner import Joiner
from tests.unit.registry.authority.standing import ENVIRONMENT, Standing

PLACE = "registry"


def seed(out: Path) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex((out / "registry/signing.key").read_text().split()[0]))


def rotate(standing: Standing) -> Ed25519PrivateKey:
    """Have init make another key; return the one that there was."""
    before = seed(standing.out)
    standing.time.seconds += 1.0
    wanted = replace(Wanted(out=standing.out), new_signing_key=True)
    Bootstrap(wanted, ENVIRONMENT, now=standing.time).run()
    return before


def believes(signers: Signers, key: Ed25519PrivateKey) -> bool:
    try:
        signers.verify(key.sign(b"it"), b"it")
    except InvalidSignature:
        return False
    return True


class DataPlane:
    """One that joined with no more than the issuer's word, and follows the list."""

    def __init__(self, standing: Standing, authority: Authority, raw: bytes, joiner: Joiner) -> None:
        issuer = authority.parts.issuer
        own, trusted = holder(raw, joiner.kem, joiner.sign), {issuer.kid: issuer.public_key}
        self.keyring = Keyring(own, trusted, "mesh.local", "default", chance(3))
        self.signers = Signers(wall=standing.time)
        self.looks = 0
        identity = "spiffe://mesh.local/t/default/svc/registry"
        store = standing.link.store
        self.feed = SignerFeed(store, self.keyring, self.signers, issuer.certificate, identity, self.look)

    async def look(self) -> None:
        self.looks += 1


@pytest.fixture
async def plane(standing: Standing, authority: Authority) -> DataPlane:
    joiner = Joiner()
    issued = await authority.parts.joining.join(joiner.raw(standing.token("orders")))
    return DataPlane(standing, authority, issued.credential, joiner)


async def test_another_key_is_believed_beside_the_one_before_for_a_day_without_a_restart(
    standing: Standing, authority: Authority, plane: DataPlane
) -> None:
    assert await plane.feed.read()
    former = seed(standing.out)
    assert believes(plane.signers, former)
    number = plane.signers.number
    rotate(standing)
    await authority.parts.signing.refresh()
    assert plane.feed.behind(authority.parts.signing.signers.number)
    assert not believes(plane.signers, seed(standing.out))
    assert plane.feed.missed
    assert await plane.feed.read()
    assert not await plane.feed.read()
    assert plane.signers.number > number
    assert plane.looks == 2
    for signers in (plane.signers, authority.parts.signing.signers):
        assert believes(signers, seed(standing.out))
        assert believes(signers, former)
    standing.time.seconds += 86_400
    assert believes(plane.signers, seed(standing.out))
    assert not believes(plane.signers, former)


async def test_of_replicas_with_other_folders_the_newest_certificate_counts(
    standing: Standing, authority: Authority
) -> None:
    folder = standing.out / "authority/registry.pem"
    old = folder.read_bytes()
    rotate(standing)
    other = await standing.replica()
    new = folder.read_bytes()
    folder.write_bytes(old)
    written = standing.link.store.entries[PLACE]
    await authority.parts.signing.refresh()
    assert standing.link.store.entries[PLACE] == written
    assert authority.parts.signing.certificates == other.parts.signing.certificates
    folder.write_bytes(new)
    await authority.parts.signing.refresh()
    assert standing.link.store.entries[PLACE] == written
    await other.aclose()


async def test_what_the_issuer_did_not_sign_is_refused_by_data_planes_and_replaced_by_the_authority(
    standing: Standing, authority: Authority, plane: DataPlane
) -> None:
    good = standing.link.store.entries[PLACE].value
    for forged in (b"junk", good[:-1] + bytes((good[-1] ^ 1,))):
        standing.link.store.put(PLACE, forged)
        with capture_logs() as logs:
            assert not await plane.feed.read()
        assert [entry["event"] for entry in logs] == ["registry_keys_refused"]
        standing.time.seconds += 1.0
        with capture_logs():
            await authority.parts.signing.refresh()
        assert await plane.feed.read()


async def test_an_older_list_is_refused_after_a_restart_too(
    standing: Standing, authority: Authority, plane: DataPlane
) -> None:
    old = standing.link.store.entries[PLACE].value
    rotate(standing)
    await authority.parts.signing.refresh()
    await plane.feed.read()
    assert plane.keyring.seen[SEEN] == plane.signers.number
    standing.link.store.put(PLACE, old)
    plane.signers.number = 0
    with capture_logs() as logs:
        assert not await plane.feed.read()
    assert "went back from" in logs[0]["why"]


async def test_a_folder_whose_certificate_the_issuer_did_not_make_starts_nothing(standing: Standing) -> None:
    tls = (standing.out / "registry/tls.pem").read_bytes()
    (standing.out / "authority/registry.pem").write_bytes(tls)
    with pytest.raises(CertificateFault, match="run `crossply authority init` again"):
        await standing.replica()
