"""The key feed of a running mesh: made and started where the process has joined, none for a stranger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.identity.asking import KEYS, asking

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.declared import Declared
    from crossply.handler import Handler
    from crossply.identity.member import Member
    from crossply.identity.stranger import Stranger
    from crossply.keyring.feed import KeyFeed
    from crossply.stacks import Surroundings
    from crossply.tasks import Tasks
    from crossply.wire.link import Link


def following(
    who: Member | Stranger,
    link: Link,
    declared: Declared,
    outbound: Callable[[str], Handler],
    around: Surroundings,
    tasks: Tasks,
) -> KeyFeed | None:
    """Return it, started; the keys of what is subscribed to are asked for with the first question."""
    if who.keyring is None:
        return None
    from crossply.keyring.feed import KeyFeed

    ask = asking(outbound, around.now, KEYS)
    feed = KeyFeed(link, who.keyring, ask, who.keep, tasks=tasks, now=around.now, chance=around.chance)
    feed.start(declared.subscriptions)
    return feed
