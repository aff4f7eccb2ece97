"""Which ports the processes listen on: the usual ones, or the next that are free."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Final

from crossply_cli.exit_codes import ExitCode
from crossply_cli.failure import Failure

LOOPBACK: Final = "127.0.0.1"
_TRIES: Final = 100


@dataclass(frozen=True, slots=True)
class Choice:
    """A port, and those before it that were taken."""

    port: int
    taken: tuple[int, ...] = ()


class Ports:
    """Chooses ports on loopback, none of them twice."""

    def __init__(self) -> None:
        self._chosen: set[int] = set()

    def choose(self, preferred: int, earlier: int | None = None) -> Choice:
        """Return `earlier` if it is free, else the first free port from `preferred` on.

        Raises Failure when a hundred are taken.
        """
        if earlier is not None and earlier not in self._chosen and is_free(earlier):
            self._chosen.add(earlier)
            return Choice(earlier)
        taken: list[int] = []
        for port in range(preferred, min(preferred + _TRIES, 65_536)):
            if port not in self._chosen and is_free(port):
                self._chosen.add(port)
                return Choice(port, tuple(taken))
            taken.append(port)
        raise Failure(
            f"no port is free from {preferred} to {preferred + _TRIES - 1}",
            why="other programs listen there",
            hint=f"end one of them; `ss -ltnp sport = :{preferred}` says which",
            code=ExitCode.FAILED,
        )

    def any(self) -> int:
        """Return a free port of the system's choice."""
        while True:
            with socket.socket() as probe:
                probe.bind((LOOPBACK, 0))
                port: int = probe.getsockname()[1]
            if port not in self._chosen:
                self._chosen.add(port)
                return port


def is_free(port: int) -> bool:
    """Say whether a program could listen on the port now."""
    with socket.socket() as probe:
        # A connection that lingers in TIME_WAIT does not hinder a listener; another listener still does.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True
