"""What differs between two specs, value by value."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from crossply_policy.faults import step
from crossply_policy.plain_data import is_list, is_object


class Difference(NamedTuple):
    """One place with what stands there before and after, as JSON; None where nothing does."""

    path: str
    before: str | None
    after: str | None


def differences(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> list[Difference]:
    """Return where two specs differ, in the order of the paths of the first, then of the second."""
    old, new = dict(_values(before or {})), dict(_values(after))
    return [Difference(path, old.get(path), new.get(path)) for path in {**old, **new} if old.get(path) != new.get(path)]


def _values(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    if is_object(value) and value:
        for key, held in value.items():
            yield from _values(held, step(path, key))
    elif is_list(value) and value:
        for place, held in enumerate(value):
            yield from _values(held, f"{path}[{place}]")
    elif path or not is_object(value):
        yield path, json.dumps(value, ensure_ascii=False)
