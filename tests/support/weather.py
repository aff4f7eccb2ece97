"""What messages meet at a member: clocks, documents, keys, revocations and limits, which change."""

from __future__ import annotations

import random
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

from crossply.seal.epochs import OVERLAP, Epoch, Epochs
from crossply.seal.group import Group
from crossply.seal.pace import Pace
from crossply.seal.revoked import Revoked, Void
from crossply.seal.schedule import group_kid
from crossply.wire.envelope import EnvelopeFault
from crossply_policy.security import Securities, SecuritySpec
from tests.support.arriving import CALLEE, Arriving

_PACE: Final = 10**9
_HOUR, _DAY = 3_600_000, 86_400_000


class Weather:
    """Changes what both sides of a stage are in; ``group`` are the keys that publishers seal with."""

    def __init__(self, stage: Arriving, chance: random.Random) -> None:
        self._stage = stage
        self._chance = chance
        self._lists = 0
        self._begun = stage.clock.now
        self.stale = 0
        group = stage.vouching.channel
        assert group is not None
        self.group = group
        first = group.epochs.sealing(0)
        self._turned = Epochs([first, Epoch(1, group_kid(bytes(32)), bytes(32))])
        ring: Any = stage.orders.keys.ring
        self._epochs = ring._epochs
        self._renewed = stage.vouching.holder("orders", CALLEE)

    def fair(self) -> None:
        """Have the weather be as it was at the beginning."""
        stage = self._stage
        stage.clock.now += 20_000
        self._lists += 1
        for side in (stage.web, stage.orders):
            opener = vars(side.sealing.opener)
            opener["pace"], opener["_since"], opener["sessions"].limit = Pace(rate=_PACE), 0, 16_384
            side.keys.credentials.adopt(Revoked(self._lists))
        vars(stage.orders.keys.credentials)["_limit"] = 4096
        stage.orders.sealing.adopt(Securities())
        stage.orders.keys.ring.adopt(self._epochs)
        stage.orders.keys.ring.renew(stage.orders.keys.own, stage.clock())

    def change(self) -> None:
        """Change what messages meet: clocks, documents, keys, revocations, limits."""
        stage, chance = self._stage, self._chance
        orders = stage.orders
        opener, credentials = vars(orders.sealing.opener), vars(orders.keys.credentials)
        match chance.randrange(10):
            case 7:
                self._renew()
            case 0 | 1:
                stage.clock.now += chance.choice((10, 1000, 7000, -6000, -6000, -6000, 620_000))
            case 2:
                stage.vouching.channel = chance.choice((self.group, self.group, self.group, None))
            case 3:
                epochs = chance.choice((self.group.epochs, self._turned))
                stage.vouching.channel = Group(epochs, signed=chance.random() < 0.6)
            case 4:
                said = chance.choice(({}, {"orders": SecuritySpec(replay="strict")}))
                orders.sealing.adopt(Securities.of(said))
            case 5:
                opener["pace"] = Pace(rate=chance.choice((1, _PACE, _PACE, _PACE)))
            case 6:
                vars(stage.web.sealing.opener)["sessions"].limit = chance.choice((2, 16_384))
                opener["sessions"].limit = chance.choice((8, 16_384, 16_384, 16_384))
                opener["_since"] = chance.choice((0, 0, stage.clock.now - 2000))
                credentials["_limit"] = chance.choice((2, 4096, 4096, 4096))
            case _:
                self._revoke()

    @contextmanager
    def out_of_force(self, *, ended: bool) -> Generator[None]:
        """Have all credentials have ended, or not begun, for a while, in sessions of whom none was forgotten before."""
        sessions: Any = self._stage.orders.sealing.opener.sessions
        for each in sessions._by_ids.values():
            each.since = 0
        clock = self._stage.clock
        back, clock.now = clock.now, self._begun + (2 * _DAY if ended else -_HOUR)
        yield
        clock.now = back

    def _renew(self) -> None:
        """Have the callee renew its key, lately or long ago, or turn back to the one that its callers know."""
        ring, own, chance = self._stage.orders.keys.ring, self._stage.orders.keys.own, self._chance
        ring.adopt(chance.choice((None, self._epochs, self._epochs)))
        ago = chance.choice((0, OVERLAP + 1000))
        ring.renew(chance.choice((self._renewed, own, own)), self._stage.clock() - ago)

    def _revoke(self) -> None:
        """Publish another list of what is revoked; mostly one that revokes nobody."""
        who = self._chance.choice((self._stage.web, self._stage.stock)).member
        since = self._stage.clock() // 1000 - 10
        self._lists += 1
        made = self._chance.choice(
            (
                *[Revoked(self._lists)] * 5,
                Revoked(self._lists, {who.serial: since}),
                Revoked(self._lists, {who.serial: since + 3600}),
                Revoked(self._lists, {}, {who.peer.identity: Void(since + 20, since + 3600)}),
                Revoked(self._lists, {}, {who.peer.identity: Void(since + 20, since)}),
                Revoked(self._lists - 3),
            )
        )
        for side in (self._stage.web, self._stage.orders):
            try:
                side.keys.credentials.adopt(made)
            except EnvelopeFault:
                self.stale += 1
