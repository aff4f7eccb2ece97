"""The files of the tree that the architecture tests read."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    ROOT / "policies" / "crossply_policy",
    ROOT / "sdk" / "crossply",
    ROOT / "registry" / "crossply_registry",
    ROOT / "registry" / "crossply_cli",
    ROOT / "broker_bridge" / "crossply_bridge",
)
OTHERS = tuple(ROOT / name for name in ("tests", "examples", "benchmarks", "scripts"))


def python_files(*folders: Path) -> Iterator[Path]:
    """Yield every Python file below `folders`, sorted, caches left out."""
    for folder in folders:
        yield from sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def shown(path: Path) -> str:
    """Return `path` as a reader of the tree would write it."""
    return path.relative_to(ROOT).as_posix()


def syntax(path: Path) -> ast.Module:
    """Return the parsed module at `path`."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def kept_files() -> list[Path]:
    """Return what git holds or would hold; without a checkout, everything that is not hidden or a cache."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return [path for path in sorted(ROOT.rglob("*")) if path.is_file() and not _ignored(path)]
    names = sorted(name for name in answer.stdout.split("\0") if name)
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def _ignored(path: Path) -> bool:
    inside = path.relative_to(ROOT).parts
    return any(part == "__pycache__" or (part.startswith(".") and part != ".ci") for part in inside[:-1])
