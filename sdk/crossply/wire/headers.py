"""NATS header blocks, the few that the broker itself needs: a status line, then ``Name: value`` lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_VERSION = b"NATS/1.0"
_END = b"\r\n"


def pack(fields: Mapping[str, str]) -> bytes:
    """Return a header block; a line break in a value becomes a space."""
    lines = b"".join(b"%b: %b\r\n" % (name.encode(), _one_line(value)) for name, value in fields.items())
    return b"%b\r\n%b\r\n" % (_VERSION, lines)


def status(block: bytes) -> str:
    """Return the status code that the broker wrote, empty when there is none."""
    return block[len(_VERSION) : block.find(_END)].strip()[:3].decode() if block.startswith(_VERSION) else ""


def unpack(block: bytes) -> dict[str, str]:
    """Return the fields; of one that stands more often the last value."""
    fields: dict[str, str] = {}
    for line in block.split(_END)[1:]:
        name, colon, value = line.partition(b":")
        if colon:
            fields[name.decode("utf-8", "replace").strip()] = value.decode("utf-8", "replace").strip()
    return fields


def _one_line(value: str) -> bytes:
    return value.replace("\r", " ").replace("\n", " ").encode()
