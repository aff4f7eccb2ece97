"""Which keys there are at a time: one in force, the next one ahead of it, those before it for an overlap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from crossply.keyring.contents import Key
from crossply.seal.epochs import OVERLAP
from crossply.wire.plans import CredentialsPlan

_AHEAD: Final = 4
"""An epoch that had to be made late begins a quarter of its length later, so that everybody learns of it before."""
_HEARD: Final = 2_000
"""What is replaced at once begins once those who may still have it have heard of it; milliseconds."""
MOST: Final = 2_048
_MS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Life:
    """How long a key seals, and how long after its successor began it opens; milliseconds."""

    length: int
    overlap: int = OVERLAP


def of_services(epoch: float) -> Life:
    """Return the life of a service's keys; ``epoch`` in seconds."""
    return Life(round(epoch * _MS))


def of_channels(epoch: float) -> Life:
    """Return the life of a channel's keys: they open for as long as an event may be kept, and seven days."""
    return Life(round(epoch * _MS), round(CredentialsPlan().age * _MS))


def turned(epochs: tuple[Key, ...], now: int, life: Life, make: Callable[[], bytes]) -> tuple[Key, ...] | None:
    """Return the epochs that follow, None while the newest of these has not begun; ``now`` in unix milliseconds."""
    if not epochs:
        return Key(now, make()), Key(now + life.length, make())
    newest = epochs[-1]
    if newest.begins > now:
        return None
    coming = Key(max(newest.begins + life.length, now + life.length // _AHEAD), make())
    return *_open(epochs, now, life), coming


def replaced(epochs: tuple[Key, ...], now: int, life: Life, make: Callable[[], bytes]) -> tuple[Key, ...]:
    """Return the epochs after somebody lost the right to them: none that he knows seals any more."""
    begun = tuple(each for each in epochs if each.begins <= now)
    begins = now + min(_HEARD, life.length)
    return *_open(begun, now, life), Key(begins, make()), Key(begins + life.length, make())


def due(epochs: tuple[Key, ...]) -> int:
    """Return when the next epoch is to be made."""
    return epochs[-1].begins


def _open(epochs: tuple[Key, ...], now: int, life: Life) -> tuple[Key, ...]:
    """Return those that still open something: their successor began no longer ago than the overlap."""
    if not epochs:
        return ()
    ends = [after.begins + life.overlap for after in epochs[1:]]
    kept = [each for each, end in zip(epochs, ends, strict=False) if end > now]
    return *kept[-MOST:], epochs[-1]
