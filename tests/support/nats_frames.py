"""What goes over a connection to a broker, in both directions: messages with their parts, and all other lines."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

_END = b"\r\n"


@dataclass(frozen=True, slots=True)
class Said:
    """A message that a client publishes; ``headers`` is its header block, or nothing."""

    subject: str
    reply: str
    headers: bytes
    data: bytes

    def packed(self) -> bytes:
        """Return it as a client writes it."""
        return _packed("PUB", (self.subject,), self.reply, self.headers, self.data)


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message that a broker delivers to the subscription ``sid`` of a client."""

    subject: str
    sid: str
    reply: str
    headers: bytes
    data: bytes

    def packed(self) -> bytes:
        """Return it as a broker writes it."""
        return _packed("MSG", (self.subject, self.sid), self.reply, self.headers, self.data)


Frame = Said | Delivered | bytes
"""A message, or a line of the protocol that is none."""


async def read(reader: asyncio.StreamReader) -> Frame | None:
    """Return the next frame; ``None`` at the end of the connection."""
    line = await reader.readline()
    if not line.endswith(_END):
        return None
    verb, *words = line.decode().split()
    if verb.upper() not in {"PUB", "HPUB", "MSG", "HMSG"}:
        return line
    size = int(words.pop())
    block = int(words.pop()) if verb.upper().startswith("H") else 0
    raw = (await reader.readexactly(size + len(_END)))[:size]
    headers, data = raw[:block], raw[block:]
    if verb.upper().endswith("PUB"):
        return Said(words[0], words[1] if len(words) > 1 else "", headers, data)
    return Delivered(words[0], words[1], words[2] if len(words) > 2 else "", headers, data)


def _packed(verb: str, names: tuple[str, ...], reply: str, headers: bytes, data: bytes) -> bytes:
    words = [f"H{verb}" if headers else verb, *names]
    if reply:
        words.append(reply)
    if headers:
        words.append(str(len(headers)))
    words.append(str(len(headers) + len(data)))
    return b"".join((" ".join(words).encode(), _END, headers, data, _END))
