"""The key feed of a running mesh: made and started where the process has joined, none for a stranger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.identity.asking import KEYS, asking
from crossply.identity.stranger import Stranger

if TYPE_CHECKING:
    from crossply.control.feed import PolicyFeed
    from crossply.declared import Declared
    from crossply.identity.member import Member
    from crossply.keyring.feed import KeyFeed
    from crossply.routing.routes import Routes
    from crossply.stacks import Surroundings
    from crossply.tasks import Tasks
    from crossply.wire.link import Link


def following(
    who: Member | Stranger,
    link: Link,
    declared: Declared,
    routes: Routes,
    policy: PolicyFeed,
    around: Surroundings,
    tasks: Tasks,
) -> KeyFeed | None:
    """Return it, started; the keys of what is subscribed to are asked for with the first question."""
    if isinstance(who, Stranger):
        return None
    from crossply.identity.issued import issuer_of
    from crossply.keyring.feed import KeyFeed
    from crossply.keyring.registry_keys import SignerFeed

    keyring, issuer, registry = who.keyring, issuer_of(who.issued), who.registry_identity
    ask = asking(routes.outbound, around.now, KEYS)
    feed = KeyFeed(link, keyring, ask, who.keep, tasks=tasks, now=around.now, chance=around.chance)
    signers = SignerFeed(link.store, keyring, who.signers, issuer, registry, policy.catch_up)
    feed.start(declared.subscriptions, signers)
    return feed
