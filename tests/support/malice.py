"""What whoever runs a broker may do to messages on their way; each by a share of chance, from a seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from tests.support.malicious_broker import Delivery, Malice, Session
from tests.support.nats_frames import Delivered

SHARE = 0.3
_KEPT = 64


def honest(to: Session, message: Delivered) -> Iterable[Delivery]:
    """Deliver what was to be delivered."""
    return [(to, message)]


class Sometimes:
    """Does it to a share of what members say to each other, and lets the rest pass."""

    def __init__(self, malice: Malice, chance: random.Random, share: float = SHARE) -> None:
        self._malice = malice
        self._chance = chance
        self._share = share
        self.done = 0

    def __call__(self, to: Session, message: Delivered) -> Iterable[Delivery]:
        if not message.subject.startswith(("mesh.", "_INBOX.")) or self._chance.random() >= self._share:
            return honest(to, message)
        self.done += 1
        return self._malice(to, message)


class OneOf:
    """Does one of several things to each message."""

    def __init__(self, several: Sequence[Malice], chance: random.Random) -> None:
        self._several = several
        self._chance = chance

    def __call__(self, to: Session, message: Delivered) -> Iterable[Delivery]:
        return self._chance.choice(self._several)(to, message)


def dropped(_to: Session, _message: Delivered) -> Iterable[Delivery]:
    """Deliver nothing."""
    return ()


def twice(to: Session, message: Delivered) -> Iterable[Delivery]:
    """Deliver it two times."""
    return [(to, message), (to, message)]


class Pairs:
    """Keeps a message back until another comes, and delivers both as ``join`` says."""

    def __init__(self, join: Callable[[Delivery, Delivery], Iterable[Delivery]]) -> None:
        self._join = join
        self._kept: Delivery | None = None

    def __call__(self, to: Session, message: Delivered) -> Iterable[Delivery]:
        kept, self._kept = self._kept, None
        if kept is None:
            self._kept = to, message
            return ()
        return self._join(kept, (to, message))


def the_later_first(one: Delivery, other: Delivery) -> Iterable[Delivery]:
    """Turn the order of two messages around."""
    return [other, one]


def subjects_swapped(one: Delivery, other: Delivery) -> Iterable[Delivery]:
    """Deliver each with the subject of the other, to whatever listens to that there."""
    return [_moved(one, other), _moved(other, one)]


def replies_swapped(one: Delivery, other: Delivery) -> Iterable[Delivery]:
    """Have each answered where the other is to be answered."""
    (to, first), (there, second) = one, other
    return [(to, replace(first, reply=second.reply)), (there, replace(second, reply=first.reply))]


def contents_swapped(one: Delivery, other: Delivery) -> Iterable[Delivery]:
    """Deliver each in the place of the other: to its client, its subscription, its reply subject."""
    (to, first), (there, second) = one, other
    return [(to, replace(second, sid=first.sid)), (there, replace(first, sid=second.sid))]


def _moved(from_: Delivery, onto: Delivery) -> Delivery:
    message, (there, at) = from_[1], onto
    return there, replace(message, subject=at.subject, sid=at.sid)


class ElsewhereToo:
    """Delivers a message to another subscription of another client as well, on the subject that listens there."""

    def __init__(self, sessions: Sequence[Session], chance: random.Random) -> None:
        self._sessions = sessions
        self._chance = chance

    def __call__(self, to: Session, message: Delivered) -> Iterable[Delivery]:
        there = self._chance.choice([each for each in self._sessions if each.open])
        sid, pattern = self._chance.choice([*there.subjects.items()])
        subject = message.subject if self._chance.random() < 0.5 else pattern.replace("*", "quote").replace(">", "1")
        return [(there, replace(message, sid=sid, subject=subject)), (to, message)]


class Again:
    """Delivers what was delivered before, to the same client, and once more with another reply subject."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._before: list[Delivery] = []

    def __call__(self, to: Session, message: Delivered) -> Iterable[Delivery]:
        self._before.append((to, message))
        if len(self._before) > _KEPT:
            del self._before[self._chance.randrange(_KEPT)]
        there, old = self._chance.choice(self._before)
        return [(to, message), (there, old), (there, replace(old, reply=message.reply or old.reply))]


class ToAnotherCall:
    """Hands a reply to another call of the same client that waits, beside its own."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def __call__(self, to: Session, message: Delivered) -> Iterable[Delivery]:
        if not message.subject.startswith("_INBOX."):
            return honest(to, message)
        begin, _, token = message.subject.rpartition(".")
        try:
            number = int(token, 16)
        except ValueError:
            return honest(to, message)
        others = [f"{begin}.{number + step:x}" for step in (1, -1, 2, 3)]
        return [*((to, replace(message, subject=other)) for other in others), (to, message)]
