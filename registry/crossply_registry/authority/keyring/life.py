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
        return _shortened(epochs, now, life)
    coming = Key(max(newest.begins + life.length, now + life.length // _AHEAD), make())
    return *_open(epochs, now, life), coming


def replaced(epochs: tuple[Key, ...], now: int, life: Life, make: Callable[[], bytes]) -> tuple[Key, ...]:
    """Return the epochs after somebody lost the right to them: none that he knows seals any more."""
    begun = tuple(each for each in epochs if each.begins <= now)
    begins = now + min(_HEARD, life.length)
    return *_open(begun, now, life), Key(begins, make()), Key(begins + life.length, make())


def due(epochs: tuple[Key, ...], now: int, life: Life) -> bool:
    """Return whether the next epoch is to be made, or the one to come is to begin earlier."""
    return epochs[-1].begins <= now or _late(epochs, now, life)


def _shortened(epochs: tuple[Key, ...], now: int, life: Life) -> tuple[Key, ...] | None:
    """Return the epochs with the one to come beginning earlier, as a key seals for less time now; None if it need not.

    Nobody has sealed with it yet, and it begins late enough for everybody to hear of that before.
    """
    if not _late(epochs, now, life):
        return None
    before, coming = epochs[-2:]
    begins = max(before.begins + life.length, now + life.length // _AHEAD)
    return *_open(epochs[:-1], now, life), Key(begins, coming.key)


def _late(epochs: tuple[Key, ...], now: int, life: Life) -> bool:
    """Return whether the epoch to come was made to begin after a longer one."""
    return len(epochs) > 1 and epochs[-1].begins > max(epochs[-2].begins, now) + life.length


def _open(epochs: tuple[Key, ...], now: int, life: Life) -> tuple[Key, ...]:
    """Return those that still open something: their successor began no longer ago than the overlap."""
    if not epochs:
        return ()
    ends = [after.begins + life.overlap for after in epochs[1:]]
    kept = [each for each, end in zip(epochs, ends, strict=False) if end > now]
    return *kept[-MOST:], epochs[-1]
