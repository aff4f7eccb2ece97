"""Runs one command line in this process."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from crossply_cli.main import run


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of a command."""

    code: int
    out: str
    err: str


def crossply(capsys: pytest.CaptureFixture[str], *arguments: str) -> Ended:
    """Run the command and return what came of it."""
    code = run(list(arguments))
    said = capsys.readouterr()
    return Ended(int(code), said.out, said.err)
