"""Values to bytes and back: msgpack and JSON, typed by msgspec, untyped within limits on size, depth and items."""

from __future__ import annotations

import typing
from collections.abc import Callable, Collection, Mapping
from typing import Any, cast

import msgpack  # type: ignore[import-untyped]  # has no types
import msgspec

from crossply.errors import InvalidArgument
from crossply.filling import filled, needs_filling
from crossply.handler import BYTES, JSON, MSGPACK
from crossply_policy.defaults import LIMITS

_unpackb = cast("Callable[..., object]", msgpack.unpackb)  # pyright: ignore[reportUnknownMemberType]  # has no types
_NOTHING = {MSGPACK: b"\xc0", JSON: b"null"}
"""``None`` travels as an empty body."""
_BARE = {Any, object, dict, list, tuple, set, frozenset, Mapping}


def encode(value: object, content_type: str = MSGPACK) -> tuple[bytes, str]:
    """Return the bytes of a value and their content type; ``bytes`` pass as they are, ``None`` is an empty body."""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value), BYTES
    if value is None:
        return b"", content_type
    try:
        if content_type == JSON:
            return msgspec.json.encode(value), JSON
        return msgspec.msgpack.encode(value), MSGPACK
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidArgument(
            f"a value of type {type(value).__name__} does not encode: {error};"
            " use plain values, dataclasses or msgspec structs"
        ) from error


class Decoder:
    """Decodes bodies into one type; ``what`` is named in the errors."""

    def __init__(self, kind: Any, what: str) -> None:
        self._kind = kind
        self._what = what
        self._bounded = untyped(kind)
        self._fills = needs_filling(kind)
        self._msgpack = msgspec.msgpack.Decoder(kind)
        self._json = msgspec.json.Decoder(kind)

    def decode(self, body: bytes, content_type: str) -> Any:
        """Return the value in ``body``; raise ``InvalidArgument`` with the path and the reason."""
        if self._kind is bytes:
            return body
        media = content_type if content_type == MSGPACK else content_type.partition(";")[0].strip().lower()
        try:
            if media not in {MSGPACK, JSON}:
                return self._raw(body, media)
            if not body:
                body = _NOTHING[media]
            if self._bounded:
                value: Any = msgspec.convert(_bounded(body, media, self._what), self._kind)
            else:
                value = (self._json if media == JSON else self._msgpack).decode(body)
            return filled(value) if self._fills else value
        except msgspec.ValidationError as error:
            reason, pointer = _place(str(error))
            raise InvalidArgument(f"{self._what}: {reason} at {pointer or '/'}", details=[(pointer, reason)]) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidArgument(f"{self._what}: body is not {media}: {error}", details=[("", str(error))]) from error

    def _raw(self, body: bytes, media: str) -> Any:
        if self._kind is Any:
            return body
        raise InvalidArgument(
            f"{self._what}: content type {media} is not known here; send {MSGPACK} or {JSON}",
            details=[("", f"content type {media}")],
        )


def untyped(kind: Any) -> bool:
    """Whether decoding into ``kind`` may build containers that no type bounds."""
    return _untyped(kind, set())


def _untyped(kind: Any, seen: set[int]) -> bool:
    if id(kind) in seen:
        return False
    seen.add(id(kind))
    if any(kind is each for each in _BARE):
        return True
    if isinstance(kind, type) and getattr(kind, "__annotations__", None):
        try:
            hints = typing.get_type_hints(kind)
        except (NameError, TypeError):
            return True
        return any(_untyped(each, seen) for each in hints.values())
    parts = typing.get_args(kind)
    return any(_untyped(each, seen) for each in parts if each is not Ellipsis and not isinstance(each, str))


def _bounded(body: bytes, media: str, what: str) -> object:
    if len(body) > LIMITS.decode:
        raise InvalidArgument(
            f"{what}: an untyped body of {len(body)} bytes is above the limit of {LIMITS.decode};"
            " give the parameters types, or send raw bytes",
            details=[("", "body is too long to decode untyped")],
        )
    if media == JSON:
        value: object = msgspec.json.decode(body)
    else:
        try:
            value = _unpackb(
                body, max_array_len=LIMITS.items, max_map_len=LIMITS.items, strict_map_key=False, timestamp=3
            )
        except (ValueError, msgpack.exceptions.ExtraData, msgpack.exceptions.StackError) as error:
            raise msgspec.DecodeError(str(error) or type(error).__name__) from error
    _measure(value, what)
    return value


def _measure(value: object, what: str) -> None:
    """Refuse what is deeper or wider than the limits, without recursion."""
    level: list[Any] = [value]
    for _depth in range(LIMITS.depth + 1):
        inner: list[Any] = []
        for each in level:
            if isinstance(each, (dict, list)):
                container = cast("Collection[Any]", each)
                if len(container) > LIMITS.items:
                    raise InvalidArgument(f"{what}: a container has more than {LIMITS.items} items")
                inner.extend(cast("Mapping[Any, Any]", each).values() if isinstance(each, dict) else container)
        if not inner:
            return
        level = inner
    raise InvalidArgument(f"{what}: body is nested deeper than {LIMITS.depth} levels")


def _place(message: str) -> tuple[str, str]:
    """Split msgspec's words into the reason and a JSON pointer."""
    reason, at, path = message.partition(" - at `$")
    if not at:
        return reason, ""
    pointer = path.rstrip("`").replace("[...]", "/*").replace("[", "/").replace("]", "").replace(".", "/")
    return reason, pointer
