"""What a user sees while the mesh runs: aligned lines on stderr, each said once its fact holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable


class Lines:
    """Writes lines; stdout stays free for what a program reads."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def title(self, text: str) -> None:
        """Say what this is."""
        self._write(text)

    def fact(self, name: str, where: str, note: str = "") -> None:
        """Say that a part of the mesh runs, where, and what else is worth knowing."""
        self._write(f"  {name:<11}{where:<30}{note}".rstrip())

    def say(self, text: str, more: Iterable[str] = ()) -> None:
        """Say what happened, with lines that belong to it."""
        self._write(f"  {text}")
        for line in more:
            self._write(f"    {line}")

    def _write(self, text: str) -> None:
        # A terminal that went away must not keep the mesh from stopping in order.
        try:
            self._out.write(f"{text}\n")
            self._out.flush()
        except OSError:
            return
