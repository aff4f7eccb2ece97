"""Where the example programs are: in a clone, or inside the installed package."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from crossply_cli.failure import Failure

_PACKAGE: Final = Path(__file__).resolve().parents[1]
_FOLDERS: Final = (_PACKAGE / "examples", _PACKAGE.parents[1] / "examples")


def shop() -> Path:
    """Return the folder of the shop's programs and policies; raise Failure."""
    found = _found("shop/web.py")
    if found is None:
        raise Failure(
            "the demo cannot start",
            why="the example shop is not installed",
            hint="run it from a clone: make demo",
        )
    return found.parent


def has_shop() -> bool:
    """Say whether the shop is there."""
    return _found("shop/web.py") is not None


def hello() -> Path | None:
    """Return the smallest service, None when it is not there."""
    return _found("hello.py")


def _found(name: str) -> Path | None:
    return next((folder / name for folder in _FOLDERS if (folder / name).is_file()), None)


def shown(path: Path) -> str:
    """Return a path as a user in this folder would type it."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
