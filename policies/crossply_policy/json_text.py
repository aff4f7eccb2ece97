"""JSON as documents may be written: strict UTF-8, no key twice, bounded."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, Final

from crossply_policy.defaults import LIMITS
from crossply_policy.faults import Fault, Faults, PolicyInvalid, step
from crossply_policy.plain_data import places

_DIGITS: Final = 32


def decode(raw: bytes) -> object:
    """Return the plain data of a JSON text of at most 256 KiB; raise PolicyInvalid.

    NaN and Infinity are kept as such, so that whoever reads the field can say where they stand.
    """
    if len(raw) > LIMITS.document:
        raise PolicyInvalid([Fault("", f"is {len(raw)} bytes long, at most {LIMITS.document} are allowed")])
    repeated = _Repeated()
    value = _decoded(raw, repeated)
    faults = Faults()
    repeated.report(value, faults)
    if faults:
        raise faults.invalid()
    return value


class _Repeated:
    """The keys that stand more than once in an object, which the dict made of it no longer shows."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        # The object is kept beside its keys: were it freed, another could get its id.
        self._found: dict[int, tuple[object, list[str]]] = {}

    def make(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            times = Counter(key for key, _ in pairs)
            self._found[id(made)] = (made, [key for key, count in times.items() if count > 1])
        return made

    def report(self, value: object, faults: Faults) -> None:
        # Of an object that a repeated key hides, only that key is noted.
        if not self._found:
            return
        for place in places(value, deepest=LIMITS.document_depth):
            for key in self._found.get(id(place.value), (None, []))[1]:
                faults.add(step(place.path, key), "is there twice")
        if not faults:
            faults.add("", "has a key twice in an object that is nested too deep")


def _decoded(raw: bytes, repeated: _Repeated) -> object:
    try:
        return json.loads(raw.decode("utf-8"), object_pairs_hook=repeated.make, parse_int=_whole)
    except UnicodeDecodeError as error:
        detail = f"is not UTF-8 at byte {error.start}"
    except json.JSONDecodeError as error:
        detail = f"is not JSON: {error.msg.lower()}, at line {error.lineno}, column {error.colno}"
    except RecursionError:
        detail = f"is nested deeper than {LIMITS.document_depth} levels"
    raise PolicyInvalid([Fault("", detail)])


def _whole(digits: str) -> float:
    # Far beyond every bound, and Python refuses to read more than 4,300 digits.
    return int(digits) if len(digits) <= _DIGITS else float(digits)
