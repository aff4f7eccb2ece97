"""What `-d` brings: JSON on the command line, in a file (@file) or on stdin (-)."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from crossply_cli.exit_codes import ExitCode
from crossply_cli.failure import Failure


def read_value(given: str) -> Any:
    """Return the value; raise Failure when it cannot be read, is not JSON, or names a key twice."""
    text = _text(given)
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise Failure(
            "the body is not JSON",
            why=str(error),
            hint='quote it for the shell, as in -d \'{"sku": "a"}\', or give -d @file',
            code=ExitCode.USAGE,
        ) from error


def _text(given: str) -> str:
    try:
        if given == "-":
            return sys.stdin.buffer.read().decode()
        return Path(given[1:]).read_bytes().decode() if given.startswith("@") else given
    except OSError as error:
        raise Failure(f"{given[1:]} cannot be read", why=str(error.strerror), code=ExitCode.USAGE) from error
    except UnicodeDecodeError as error:
        raise Failure("the body is not UTF-8", why=f"at byte {error.start}", code=ExitCode.USAGE) from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} is there twice")
    return made


def _constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON value")
