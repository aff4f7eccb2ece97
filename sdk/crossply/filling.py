"""Defaults of decoded dataclasses, written where an encoder finds them.

msgspec 0.22 leaves a field that has its default out of a plain dataclass's ``__dict__``: reading it gives the
class's value, but encoding it again leaves it out (dataclasses with slots and msgspec's own structs are whole).
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterable
from typing import Any, cast

import msgspec


def needs_filling(kind: Any) -> bool:
    """Whether values of a type may hold plain dataclasses that have defaults."""
    return _needs(kind, set())


def _needs(kind: Any, seen: set[int]) -> bool:
    if id(kind) in seen:
        return False
    seen.add(id(kind))
    if isinstance(kind, type) and getattr(kind, "__annotations__", None):
        named: Any = kind
        if (
            dataclasses.is_dataclass(named)
            and "__slots__" not in vars(named)
            and any(map(_has_default, _fields(named)))
        ):
            return True
        try:
            inner: Iterable[Any] = typing.get_type_hints(named).values()
        except (NameError, TypeError):
            return True
    else:
        inner = typing.get_args(kind)
    return any(_needs(each, seen) for each in inner if not isinstance(each, str))


def filled(value: Any) -> Any:
    """Write the defaults into every plain dataclass in a value; return it."""
    _fill(value)
    return value


def _fill(value: Any) -> None:
    if isinstance(value, (list, tuple, set, frozenset)):
        for each in cast("Iterable[Any]", value):
            _fill(each)
    elif isinstance(value, dict):
        for each in cast("Any", value).values():
            _fill(each)
    elif dataclasses.is_dataclass(value):
        own = getattr(value, "__dict__", None)
        for field in _fields(value):
            inner = getattr(value, field.name)
            if own is not None and field.name not in own:
                object.__setattr__(value, field.name, inner)  # a frozen one as well
            else:
                _fill(inner)
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            _fill(getattr(value, name))


def _fields(kind: Any) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(kind)


def _has_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is not dataclasses.MISSING
