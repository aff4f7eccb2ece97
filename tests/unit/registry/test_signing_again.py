"""Another signing key: the registry puts its own signature where data planes look, and reads what came before."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from crossply.control.history import History, Position
from crossply.control.record import CHECKPOINT_EVERY
from crossply.identity.signers import Signer, Signers
from crossply_policy.parse import parse
from crossply_registry.revisions.log import RevisionLog
from tests.unit.registry.fakes import FakeStore, Pauses, service

OLD, NEW = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()


async def announce(_message: bytes) -> None:
    return


def log(store: FakeStore, key: Ed25519PrivateKey, *known: Ed25519PrivateKey) -> RevisionLog:
    signers = Signers(Signer(each.public_key(), 0.0, float("inf")) for each in (key, *known))
    return RevisionLog(store, key, announce, known=signers, pause=Pauses())


async def filled(store: FakeStore, revisions: int) -> RevisionLog:
    """Return a history of that many revisions that the old key signed."""
    made = log(store, OLD)
    await made.refresh()
    for number in range(revisions):
        document = parse(service("orders", timeout={"total": 1 + number}))
        await made.apply(lambda _contents, it=document: {"Service/orders": it}, author="test", reason="")  # type: ignore[misc]  # mypy does not see the default's type
    return made


async def test_a_data_plane_that_knows_the_new_key_alone_reads_the_history_once_it_is_signed_again() -> None:
    store = FakeStore()
    before = await filled(store, CHECKPOINT_EVERY + 2)
    after = log(store, NEW, OLD)
    await after.refresh()
    await after.sign_again()
    assert after.contents == before.contents
    assert after.head.hash == before.head.hash
    assert after.head.signature != before.head.signature
    found = await History(store, NEW.public_key()).newest(Position(), leader=True)
    assert (found.revision, found.hash) == (CHECKPOINT_EVERY + 2, before.head.hash)
    writes = len(store.writes)
    await after.sign_again()
    assert len(store.writes) == writes


async def test_of_two_replicas_that_sign_again_at_once_both_end_with_the_same() -> None:
    store = FakeStore()
    await filled(store, 3)
    one, other = log(store, NEW, OLD), log(store, NEW, OLD)
    await one.refresh()
    await other.refresh()
    store.once("update", "head", other.sign_again)
    await one.sign_again()
    assert one.head == other.head
