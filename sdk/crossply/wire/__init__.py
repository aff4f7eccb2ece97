"""The wire: calls, events, presence and the store over NATS; nothing outside knows subjects or nats-py."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crossply.wire.link import Link, LinkConfig


async def connect(config: LinkConfig) -> Link:
    """Connect to the first broker that answers; raise ``Unavailable`` when none does within the timeout."""
    from crossply.wire.nats import NatsLink

    return await NatsLink.connect(config)
